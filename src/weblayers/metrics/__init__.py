"""Metrics: functions that give a value per sample, and objects that add up over batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import losses, naming
from ..ops import arithmetic as a
from ..ops import movement
from ..runtime.tensor import Tensor
from . import functions
from .base import Mean, MeanMetric, Metric, RootMeanSquaredError, Sum, weights_like
from .confusion import (
    AUC,
    F1Score,
    FalseNegatives,
    FalsePositives,
    FBetaScore,
    Precision,
    PrecisionAtRecall,
    Recall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
    TrueNegatives,
    TruePositives,
)
from .overlap import (
    BinaryIoU,
    ConcordanceCorrelation,
    IoU,
    MeanIoU,
    OneHotIoU,
    OneHotMeanIoU,
    PearsonCorrelation,
    R2Score,
)

_STATEFUL = (
    AUC,
    BinaryIoU,
    ConcordanceCorrelation,
    F1Score,
    FBetaScore,
    FalseNegatives,
    FalsePositives,
    IoU,
    Mean,
    MeanIoU,
    OneHotIoU,
    OneHotMeanIoU,
    PearsonCorrelation,
    Precision,
    PrecisionAtRecall,
    R2Score,
    Recall,
    RecallAtPrecision,
    RootMeanSquaredError,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
    Sum,
    TrueNegatives,
    TruePositives,
)


def _mean_class(name: str, function: Any, default: str | None = None) -> type[Metric]:
    """The class of the mean of a function."""

    def init(self: MeanMetric, name: Any = None, dtype: Any = None, **options: Any) -> None:
        if isinstance(name, int) and "k" in naming.parameters(function):
            # the one option that comes before the name, as in Keras: k, name, dtype
            options, name, dtype = {"k": name, **options}, dtype, None
        MeanMetric.__init__(
            self, function, name or default or naming.class_snake(type(self).__name__), dtype, **options
        )

    def get_config(self: MeanMetric) -> dict[str, Any]:
        return {"name": self.name, **self.options}

    doc = f"The mean of :func:`{function.__name__}`."
    body = {"__init__": init, "get_config": get_config, "__doc__": doc, "takes_arguments_of": function}
    made: Any = naming.Configurable(name, (MeanMetric,), {**body, "__module__": __name__})
    return made


_MEANS = {
    "Accuracy": functions.equality,
    "BinaryAccuracy": functions.binary_accuracy,
    "CategoricalAccuracy": functions.categorical_accuracy,
    "SparseCategoricalAccuracy": functions.sparse_categorical_accuracy,
    "TopKCategoricalAccuracy": functions.top_k_categorical_accuracy,
    "SparseTopKCategoricalAccuracy": functions.sparse_top_k_categorical_accuracy,
    "CosineSimilarity": functions.cosine_similarity,
    "MeanSquaredError": losses.mean_squared_error,
    "MeanAbsoluteError": losses.mean_absolute_error,
    "MeanAbsolutePercentageError": losses.functions.mean_absolute_percentage_error,
    "MeanSquaredLogarithmicError": losses.functions.mean_squared_logarithmic_error,
    "LogCoshError": losses.functions.log_cosh,
    "KLDivergence": losses.functions.kullback_leibler_divergence,
    "Poisson": losses.functions.poisson,
    "Hinge": losses.functions.binary_hinge,
    "SquaredHinge": losses.functions.binary_squared_hinge,
    "CategoricalHinge": losses.functions.categorical_hinge,
    "CategoricalCrossentropy": losses.categorical_crossentropy,
    "SparseCategoricalCrossentropy": losses.sparse_categorical_crossentropy,
    "BinaryCrossentropy": losses.binary_crossentropy,
}
CLASSES: dict[str, type[Metric]] = {
    **{c.__name__: c for c in _STATEFUL},
    **{name: _mean_class(name, fn, "logcosh" if name == "LogCoshError" else None) for name, fn in _MEANS.items()},
}


class SparseCategoricalCrossentropy(CLASSES["SparseCategoricalCrossentropy"]):  # type: ignore[misc, valid-type]
    """The mean crossentropy of class numbers; samples of ``ignore_class`` do not count."""

    def statistics(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        ignored = self.options.get("ignore_class")
        if ignored is not None:
            labels = movement.reshape(a.cast(y_true, "int32"), y_pred.shape[:-1])
            counts = a.cast(a.not_equal(labels, ignored), "float32")
            sample_weight = counts if sample_weight is None else a.mul(weights_like(sample_weight, counts), counts)
        return super().statistics(y_true, y_pred, sample_weight)


CLASSES["SparseCategoricalCrossentropy"] = SparseCategoricalCrossentropy
globals().update(CLASSES)
globals().update({n: v for n, v in vars(functions).items() if callable(v) and v.__module__ == functions.__name__})
globals().update({n: v for n, v in vars(losses.functions).items() if callable(v) and n not in globals()})

# as Keras calls it
MeanMetricWrapper = MeanMetric

mse = MSE = losses.mean_squared_error
mae = MAE = losses.mean_absolute_error
mape = MAPE = losses.functions.mean_absolute_percentage_error

# What names mean: a class without options, or a function.
_TABLE: dict[str, Any] = {
    **{naming.class_snake(name): cls for name, cls in CLASSES.items()},
    **{n: v for n, v in vars(losses.functions).items() if callable(v) and v.__module__ == losses.functions.__name__},
    **{fn.__name__: fn for fn in (functions.binary_accuracy, functions.categorical_accuracy)},
    # TensorFlow.js has only the other sign, which it calls cosine proximity
    "cosine_similarity": CLASSES["CosineSimilarity"],
    "sparse_categorical_accuracy": functions.sparse_categorical_accuracy,
    "mse": losses.mean_squared_error,
    "mae": losses.mean_absolute_error,
    "mape": losses.functions.mean_absolute_percentage_error,
    "msle": losses.functions.mean_squared_logarithmic_error,
    "cosine": functions.cosine_proximity,
    "cosine_proximity": functions.cosine_proximity,
    "kld": losses.functions.kullback_leibler_divergence,
    "logcosh": losses.functions.log_cosh,
    "bce": losses.binary_crossentropy,
    "cce": losses.categorical_crossentropy,
    "rmse": RootMeanSquaredError,
    "iou": IoU,
    "mean_iou": MeanIoU,
    "binary_iou": BinaryIoU,
    "one_hot_iou": OneHotIoU,
    "one_hot_mean_iou": OneHotMeanIoU,
    # the single letter is not seen as a word
    "top_kcategorical_accuracy": CLASSES["TopKCategoricalAccuracy"],
    "sparse_top_kcategorical_accuracy": CLASSES["SparseTopKCategoricalAccuracy"],
    **CLASSES,
}


def get(identifier: Any, loss: Any = None, classes: int = 0) -> Metric:
    """A metric by name in either spelling, by ``{"class_name", "config"}``, a function, or itself.

    ``"accuracy"`` and ``"crossentropy"`` suit themselves to the loss and the number of outputs.

    Raises:
        ValueError: for an unknown name; the message names the nearest.

    >>> get("accuracy", "binary_crossentropy", 1).name
    'acc'
    """
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, Mapping):
        name, config = str(identifier.get("class_name", identifier.get("className"))), identifier.get("config", {})
        # Keras writes a function with its name as the configuration
        return (
            get(config, loss, classes)
            if name == "function"
            else naming.lookup("metric", name, CLASSES).from_config(config)
        )
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()
    if callable(identifier):
        return MeanMetric(identifier, getattr(identifier, "__name__", "metric"))
    if not isinstance(identifier, str):
        raise TypeError(f"a metric is a name, a function, a Metric or a configuration, not {identifier!r}")
    if identifier in ("accuracy", "acc"):
        return MeanMetric(_suited(loss, classes, "accuracy"), "acc")
    if identifier in ("crossentropy", "ce"):
        return MeanMetric(_suited(loss, classes, "crossentropy"), "ce")
    found = naming.lookup("metric", identifier, _TABLE)
    return found(name=identifier) if isinstance(found, type) else MeanMetric(found, identifier)


def _suited(loss: Any, classes: int, kind: str) -> Any:
    binary = isinstance(losses.get(loss), losses.objects.BinaryCrossentropy) if loss is not None else False
    if classes == 1 or binary:
        return functions.binary_accuracy if kind == "accuracy" else losses.binary_crossentropy
    if losses.is_sparse(loss):
        if kind == "accuracy":
            return functions.sparse_categorical_accuracy
        return losses.sparse_categorical_crossentropy
    return functions.categorical_accuracy if kind == "accuracy" else losses.categorical_crossentropy


def serialize(metric: Any) -> Any:
    """``{"class_name", "config"}``; a function or a name by its name."""
    if isinstance(metric, str):
        return metric
    if isinstance(metric, Metric) and type(metric) is not MeanMetric:
        return {"class_name": type(metric).__name__, "config": metric.get_config()}
    return getattr(metric, "name", getattr(metric, "__name__", "metric"))


__all__ = ["CLASSES", "MeanMetric", "MeanMetricWrapper", "Metric", "get", "serialize", *CLASSES]

__getattr__ = naming.module_getattr(__name__, globals())
