"""Losses as objects: with options, sample weights, masks and a reduction to one number."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from .. import naming
from ..ops import arithmetic as a
from ..ops import movement, reduction
from ..ops.dispatch import as_tensor
from ..runtime.tensor import Tensor
from . import functions as f
from .alignment import ctc
from .matching import matched
from .weighted import mean_squared_error

Function = Callable[..., Tensor]

_REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none")


class Loss(naming.Named, metaclass=naming.Configurable):
    """Base class. A subclass defines :meth:`call`, which gives a value per sample.

    Args:
        reduction: ``"sum_over_batch_size"`` (the mean), ``"sum"``, ``"mean_with_sample_weight"`` or ``"none"``.
        name: in logs.
    """

    # whether targets are class numbers instead of vectors like the predictions
    sparse = False
    # whether targets have the predictions' shape, or are class numbers: so that they can be checked
    known_targets = False
    # what a class made from a function computes
    function: Any

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = None, dtype: Any = None
    ) -> None:
        self.reduction = naming.snake(reduction or "none")
        if self.reduction not in _REDUCTIONS:
            raise ValueError(f"unknown reduction {reduction!r}; expected one of {', '.join(_REDUCTIONS)}")
        self.name = name or naming.class_snake(type(self).__name__)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The values per sample."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it computes: define call(y_true, y_pred)")

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None) -> Tensor:
        """The loss of a batch, reduced; ``sample_weight`` counts samples, ``mask`` says which positions count.

        All may be tensors, NumPy arrays, lists or numbers.

        >>> import weblayers as wl
        >>> wl.losses.MeanSquaredError()(wl.tensor2d([[0], [0]]), wl.tensor2d([[1], [3]])).array_sync()
        5.0
        """
        y_true, y_pred = as_tensor(y_true), as_tensor(y_pred)
        y_true = matched(y_true, y_pred)
        values = self.call(y_true, y_pred)
        counted = self._counted(y_true, values)
        if counted is not None:
            mask = counted if mask is None else a.logical_and(mask, counted)
        return reduced(values, sample_weight, mask, self.reduction)

    def _counted(self, y_true: Tensor, values: Tensor) -> Tensor | None:
        """Which values count, whatever the mask says; None if all do."""
        return None

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal loss."""
        return {"reduction": self.reduction, "name": self.name}


def reduced(values: Tensor, weight: Tensor | None, mask: Tensor | None, reduction_: str) -> Tensor:
    """Values per sample as one number, as Keras 3 does it: a mask scales the rest up, so that the mean is theirs."""
    if mask is not None:
        counts = _like(a.cast(mask, "float32"), values)
        if reduction_ in ("sum_over_batch_size", "mean"):
            total = a.maximum(reduction.sum(counts), 1e-7)
            counts = a.mul(counts, a.div(float(max(1, counts.size)), total))
        weight = counts if weight is None else a.mul(_like(weight, counts), counts)
    if weight is not None:
        weight = _like(a.cast(weight, "float32"), values)
        values = a.mul(values, weight)
    if reduction_ == "none":
        return values
    total = reduction.sum(values)
    if reduction_ == "sum":
        return total
    if reduction_ == "mean_with_sample_weight" and weight is not None:
        weights = reduction.sum(movement.broadcast_to(weight, values.shape))
        return a.div(total, a.maximum(weights, 1e-7))
    return a.div(total, float(max(1, values.size)))


def _like(weight: Tensor, values: Tensor) -> Tensor:
    """Weights with the values' rank: further axes of size 1, or without them."""
    if weight.rank > values.rank and all(d == 1 for d in weight.shape[values.rank :]):
        return movement.reshape(weight, weight.shape[: values.rank])
    if weight.rank < values.rank:
        return movement.reshape(weight, (*weight.shape, *(1,) * (values.rank - weight.rank)))
    return weight


class LossFunction(Loss):
    """A function of targets and predictions as a Loss."""

    def __init__(
        self, function: Function, reduction: str | None = "sum_over_batch_size", name: str | None = None, **options: Any
    ) -> None:
        super().__init__(reduction, name or getattr(function, "__name__", "loss"))
        self.function, self.options = function, options

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return self.function(y_true, y_pred, **self.options)


# What all losses take.
_SELF, *_COMMON = inspect.signature(Loss.__init__).parameters.values()


def _class(name: str, function: Function, sparse: bool = False, known: bool = True) -> type[Loss]:
    """The class of a function: its options are the function's."""
    options = {n: p for n, p in naming.parameters(function).items() if n not in ("y_true", "y_pred")}
    # by position, options come first, as in Keras
    signature = inspect.Signature([_SELF, *options.values(), *_COMMON])

    def init(self: Loss, *args: Any, **kwargs: Any) -> None:
        unknown = [k for k in kwargs if k not in signature.parameters]
        if unknown:
            hint = naming.suggestion(unknown[0], [*options, "reduction", "name"])
            raise TypeError(f"{type(self).__name__} has no argument {unknown[0]!r}. {hint}")
        _, *given = signature.bind(self, *args, **kwargs).arguments.items()
        self.options = {n: value for n, value in given if n in options}
        Loss.__init__(self, **{n: value for n, value in given if n not in options})

    init.__signature__ = signature  # type: ignore[attr-defined]

    def call(self: Any, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return function(y_true, y_pred, **self.options)

    def get_config(self: Any) -> dict[str, Any]:
        defaults = {n: p.default for n, p in options.items()}
        return {**Loss.get_config(self), **defaults, **self.options}

    # pages run without docstrings
    first = (function.__doc__ or "").partition("\n")[0]
    body = {
        "__init__": init,
        "call": call,
        "get_config": get_config,
        "__doc__": f"{first} As an object; see :func:`{function.__name__}`.",
        "__module__": __name__,
        "sparse": sparse,
        "known_targets": known,
        "takes_arguments_of": function,
        "function": staticmethod(function),
    }
    made: Any = naming.Configurable(name, (Loss,), body)
    return made


MeanSquaredError = _class("MeanSquaredError", f.mean_squared_error)
MeanAbsoluteError = _class("MeanAbsoluteError", f.mean_absolute_error)
MeanAbsolutePercentageError = _class("MeanAbsolutePercentageError", f.mean_absolute_percentage_error)
MeanSquaredLogarithmicError = _class("MeanSquaredLogarithmicError", f.mean_squared_logarithmic_error)
Hinge = _class("Hinge", f.binary_hinge)
SquaredHinge = _class("SquaredHinge", f.binary_squared_hinge)
CategoricalHinge = _class("CategoricalHinge", f.categorical_hinge)
LogCosh = _class("LogCosh", f.log_cosh)
Huber = _class("Huber", f.huber)
KLDivergence = _class("KLDivergence", f.kullback_leibler_divergence)
Poisson = _class("Poisson", f.poisson)
CosineSimilarity = _class("CosineSimilarity", f.cosine_similarity)
CategoricalCrossentropy = _class("CategoricalCrossentropy", f.categorical_crossentropy)
_SparseCrossentropy = _class("SparseCategoricalCrossentropy", f.sparse_categorical_crossentropy, sparse=True)


class SparseCategoricalCrossentropy(_SparseCrossentropy):  # type: ignore[misc, valid-type]  # made from its function
    """The crossentropy of class numbers; samples of ``ignore_class`` do not count in the mean."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # the class to ignore is often no class of the model, such as -1 or 255
        self.known_targets = self.options.get("ignore_class") is None

    def _counted(self, y_true: Tensor, values: Tensor) -> Tensor | None:
        ignored = self.options.get("ignore_class")
        if ignored is None:
            return None
        return a.not_equal(movement.reshape(a.cast(y_true, "int32"), values.shape), ignored)


BinaryCrossentropy = _class("BinaryCrossentropy", f.binary_crossentropy)
BinaryFocalCrossentropy = _class("BinaryFocalCrossentropy", f.binary_focal_crossentropy)
CategoricalFocalCrossentropy = _class("CategoricalFocalCrossentropy", f.categorical_focal_crossentropy)
CategoricalGeneralizedCrossEntropy = _class(
    "CategoricalGeneralizedCrossEntropy", f.categorical_generalized_cross_entropy, sparse=True
)
Dice = _class("Dice", f.dice)
Tversky = _class("Tversky", f.tversky)
CTC = _class("CTC", ctc, known=False)
_Circle = _class("Circle", f.circle, sparse=True, known=False)


class Circle(_Circle):  # type: ignore[misc, valid-type]  # made from its function
    """The circle loss of embeddings; samples that have no pairs in the batch do not count in the mean."""

    def _counted(self, y_true: Tensor, values: Tensor) -> Tensor:
        return a.greater(values, 0.0)


# TensorFlow.js' own, whose targets are -1 and 1
_TFJSHinge = _class("Hinge", f.hinge)
_TFJSSquaredHinge = _class("SquaredHinge", f.squared_hinge)

CLASSES: dict[str, type[Loss]] = {
    c.__name__: c
    for c in (
        MeanSquaredError,
        MeanAbsoluteError,
        MeanAbsolutePercentageError,
        MeanSquaredLogarithmicError,
        Hinge,
        SquaredHinge,
        CategoricalHinge,
        LogCosh,
        Huber,
        KLDivergence,
        Poisson,
        CosineSimilarity,
        CategoricalCrossentropy,
        SparseCategoricalCrossentropy,
        BinaryCrossentropy,
        BinaryFocalCrossentropy,
        CategoricalFocalCrossentropy,
        CategoricalGeneralizedCrossEntropy,
        Dice,
        Tversky,
        CTC,
        Circle,
    )
}

_ALIASES = {
    "mse": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError,
    "msle": MeanSquaredLogarithmicError,
    "hinge": _TFJSHinge,
    "squared_hinge": _TFJSSquaredHinge,
    "logcosh": LogCosh,
    "log_cosh": LogCosh,
    "kld": KLDivergence,
    "kl_divergence": KLDivergence,
    "kullback_leibler_divergence": KLDivergence,
    "cosine_proximity": CosineSimilarity,
    "cosine": CosineSimilarity,
    "bce": BinaryCrossentropy,
    "cce": CategoricalCrossentropy,
}
TABLE: dict[str, type[Loss]] = {
    **{naming.class_snake(name): cls for name, cls in CLASSES.items()},
    **CLASSES,
    **_ALIASES,
}
_BY_FUNCTION: dict[Any, Any] = {
    **{cls.function: cls for cls in {*CLASSES.values(), *_ALIASES.values()}},
    mean_squared_error: MeanSquaredError,
}


def get(identifier: Any) -> Loss:
    """A loss by name in either spelling, by ``{"class_name", "config"}``, a function, or itself.

    Raises:
        ValueError: for an unknown name; the message names the nearest.

    >>> get("mse").name
    'mean_squared_error'
    """
    if isinstance(identifier, Loss):
        return identifier
    if isinstance(identifier, Mapping):
        name, config = str(identifier.get("class_name", identifier.get("className"))), identifier.get("config", {})
        # Keras writes a function with its name as the configuration
        return get(config) if name == "function" else naming.lookup("loss", name, TABLE)(**config)
    if isinstance(identifier, type) and issubclass(identifier, Loss):
        return identifier()
    if callable(identifier):
        known = _BY_FUNCTION.get(identifier)
        return known() if known is not None else LossFunction(identifier)
    if not isinstance(identifier, str):
        raise TypeError(f"a loss is a name, a function, a Loss or a configuration, not {identifier!r}")
    return get(naming.lookup("loss", identifier, TABLE))


def is_sparse(loss: Any) -> bool:
    """Whether the loss takes class numbers instead of one-hot vectors."""
    return loss is not None and get(loss).sparse


def knows_targets(loss: Any) -> bool:
    """Whether the loss' targets have a shape that follows from the predictions'."""
    return get(loss).known_targets


def serialize(loss: Any) -> Any:
    """``{"class_name", "config"}``; a function by its name."""
    loss = get(loss)
    if isinstance(loss, LossFunction):
        return loss.name
    return {"class_name": type(loss).__name__, "config": loss.get_config()}
