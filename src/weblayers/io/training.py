"""How a model is trained, in its file: losses, metrics, the optimizer and its state."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import losses, metrics, naming, optimizers
from ..runtime.conversion import to_tensor
from ..runtime.tensor import Tensor
from .checks import expect

OPTIMIZER_GROUP = "optimizer"
# What Keras 2 says of its optimizers beside their arguments, where it is off.
_OFF = ("decay", "jit_compile", "is_legacy_optimizer")
# Classes that TensorFlow.js spells otherwise.
_TFJS_CLASSES = {"RMSprop": "RMSProp"}
# Losses that it knows by one name only.
_TFJS_LOSSES = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "kld": "kullback_leibler_divergence",
    "kl_divergence": "kullback_leibler_divergence",
    "log_cosh": "logcosh",
}


def training_config(model: Any) -> dict[str, Any]:
    """``trainingConfig`` of a compiled model."""
    compilation = model.compiled()
    optimizer = compilation.optimizer
    name = type(optimizer).__name__
    config: dict[str, Any] = {
        "loss": _written(compilation.arguments["loss"], _loss),
        "metrics": _written(compilation.arguments["metrics"], _metric) or [],
        "optimizer_config": {
            "class_name": _TFJS_CLASSES.get(name, name),
            "config": {naming.camel(k): v for k, v in optimizer.get_config().items()},
        },
    }
    # TensorFlow.js refuses to load models with these
    weighted = _written(compilation.arguments["weighted_metrics"], _metric)
    if weighted:
        config["weighted_metrics"] = weighted
    if any(w != 1 for w in compilation.loss_weights):
        config["loss_weights"] = compilation.loss_weights
    return config


def _written(value: Any, write: Any) -> Any:
    if isinstance(value, Mapping) and "class_name" not in value:
        return {k: _written(v, write) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_written(v, write) for v in value]
    return None if value is None else write(value)


def _loss(value: Any) -> Any:
    """A loss by its name, unless it has options."""
    if isinstance(value, str):
        return _TFJS_LOSSES.get(naming.snake(value), naming.snake(value))
    described = losses.serialize(value)
    # a class of one's own has no other name
    if isinstance(described, Mapping) and described["class_name"] in losses.objects.CLASSES:
        name = naming.class_snake(described["class_name"])
        # two classes may have one name, of Keras and of TensorFlow.js
        plain = type(losses.get(name)) is type(losses.get(value)) and losses.serialize(name) == described
        return _TFJS_LOSSES.get(name, name) if plain else described
    return described


def _metric(value: Any) -> Any:
    return naming.snake(value) if isinstance(value, str) else metrics.serialize(value)


def compile_as(model: Any, config: Mapping[str, Any], source: str) -> bool:
    """Compile a model as a file says; without what only its author has, it stays as it is, with a warning."""
    given = {naming.snake(k): v for k, v in config.items()}
    described = given.get("optimizer_config", given.get("optimizer"))
    try:
        expect(described is not None and given.get("loss") is not None, source, "it names no optimizer or no loss")
        options = {k: given[k] for k in ("loss", "metrics", "loss_weights", "weighted_metrics") if given.get(k)}
        model.compile(_optimizer(described), **options)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        warnings.warn(f"{source}: the model is not compiled, as its file cannot say how ({error})", stacklevel=2)
        return False
    return True


def _optimizer(described: Any) -> optimizers.Optimizer:
    if not isinstance(described, Mapping):
        return optimizers.get(described)
    config = {naming.snake(k): v for k, v in dict(described.get("config") or {}).items()}
    if "lr" in config:
        config["learning_rate"] = config.pop("lr")
    # Keras has decay, which is off, beside rho
    off = [k for k in _OFF if not config.get(k) or k == "jit_compile"]
    return optimizers.get({**described, "config": {k: v for k, v in config.items() if k not in off}})


def optimizer_weights(model: Any) -> list[tuple[str, Tensor]]:
    """The optimizer's state of now: the step count, then slot after slot."""
    optimizer = model.compiled().optimizer
    slots = [(v.name, v.read()) for v in optimizer.variables()]
    return [("iter", to_tensor(np.array(optimizer.steps, np.int32))), *slots]


def restore_optimizer(model: Any, state: Sequence[np.ndarray], source: str) -> None:
    """Have a compiled model's optimizer go on from a state that :func:`optimizer_weights` gave.

    Raises:
        ModelFileError: the state is not of this optimizer and these weights.
    """
    if not state:
        return
    steps, *values = state
    expect(steps.shape == (), source, "the optimizer's first weight is not its step count")
    # what was trainable at compile: layers may have been frozen since
    model.compiled().optimizer.restore(model.steps.trained(), int(steps), values)
