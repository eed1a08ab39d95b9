"""Activation functions by name. Formulas and defaults are TensorFlow.js' where it has the function, else Keras 3's."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from . import naming
from .ops import arithmetic as a
from .ops import mathematics, movement, normalization, rearranging, reduction
from .runtime.tensor import Tensor

Activation = Callable[..., Any]


def linear(x: Tensor) -> Tensor:
    """x itself.

    >>> import weblayers as wl
    >>> linear(wl.scalar(2)).array_sync()
    2.0
    """
    return x


def relu(x: Tensor, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Tensor:
    """``max(x, 0)``, perhaps with a slope below the threshold and an upper limit."""
    if threshold or negative_slope:
        below = a.mul(a.sub(x, threshold), negative_slope) if negative_slope else 0.0
        out = a.where(a.less_equal(x, threshold), below, x)
    else:
        out = a.relu(x)
    return out if max_value is None else a.minimum(out, max_value)


def relu6(x: Tensor) -> Tensor:
    """``min(max(x, 0), 6)``; its gradient at 0 and at 6 is 0."""
    return mathematics.relu6(x)


def leaky_relu(x: Tensor, negative_slope: float = 0.2) -> Tensor:
    """``x`` where positive, else ``negative_slope * x``."""
    return mathematics.leaky_relu(x, negative_slope)


def sigmoid(x: Tensor) -> Tensor:
    """``1 / (1 + exp(-x))``."""
    return a.sigmoid(x)


def hard_sigmoid(x: Tensor) -> Tensor:
    """``0.2 x + 0.5``, limited to [0, 1]; TensorFlow.js' slope. Keras 3 calls :func:`h_sigmoid` so."""
    return a.clip_by_value(a.add(a.mul(x, 0.2), 0.5), 0.0, 1.0)


def h_sigmoid(x: Tensor) -> Tensor:
    """``x / 6 + 0.5``, limited to [0, 1]. Howard et al., "Searching for MobileNetV3" (2019)."""
    return a.div(relu6(a.add(x, 3.0)), 6.0)


def log_sigmoid(x: Tensor) -> Tensor:
    """``log(sigmoid(x))``, without overflow."""
    return mathematics.log_sigmoid(x)


def tanh(x: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return a.tanh(x)


def hard_tanh(x: Tensor) -> Tensor:
    """x limited to [-1, 1]."""
    return a.clip_by_value(x, -1.0, 1.0)


def softmax(x: Tensor, axis: int = -1) -> Tensor:
    """Probabilities along an axis: ``exp(x) / sum(exp(x))``."""
    return normalization.softmax(x, axis)


def log_softmax(x: Tensor, axis: int = -1) -> Tensor:
    """The logarithm of :func:`softmax`."""
    return normalization.log_softmax(x, axis)


def sparsemax(x: Tensor, axis: int = -1) -> Tensor:
    """The nearest probabilities to x; small ones are 0. Martins and Astudillo (2016).

    Without sorting: a value is kept if ``1 + k x > sum`` of the k values that are not smaller.
    """
    # the same for all x moved alike: near 0, the 1 below is not lost in rounding
    x = a.sub(x, a.stop_gradient(reduction.max(x, axis, True)))
    axis %= x.rank
    last = x if axis == x.rank - 1 else movement.transpose(x, _swapped(x.rank, axis))
    mine, others = movement.expand_dims(last, -1), movement.expand_dims(last, -2)
    above = a.cast(a.greater_equal(others, mine), "float32")
    count, total = reduction.sum(above, -1), reduction.sum(a.mul(above, others), -1)
    kept = a.greater(a.add(a.mul(count, last), 1.0), total)
    kept = a.cast(kept, "float32")
    threshold = a.div(a.sub(reduction.sum(a.mul(kept, last), -1, True), 1.0), reduction.sum(kept, -1, True))
    out = a.relu(a.sub(last, threshold))
    return out if axis == x.rank - 1 else movement.transpose(out, _swapped(x.rank, axis))


def _swapped(rank: int, axis: int) -> list[int]:
    order = list(range(rank))
    order[axis], order[-1] = order[-1], order[axis]
    return order


def softplus(x: Tensor) -> Tensor:
    """``log(1 + exp(x))``."""
    return a.softplus(x)


def softsign(x: Tensor) -> Tensor:
    """``x / (1 + |x|)``."""
    return a.div(x, a.add(a.abs(x), 1.0))


def elu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """``x`` where positive, else ``alpha * (exp(x) - 1)``."""
    return mathematics.elu(x, alpha)


def selu(x: Tensor) -> Tensor:
    """:func:`elu`, scaled so that layers keep mean and variance."""
    return mathematics.selu(x)


def celu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """``max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0)``."""
    above = a.greater(x, 0.0)
    return a.where(above, x, a.mul(a.expm1(a.div(a.where(above, 0.0, x), alpha)), alpha))


def gelu(x: Tensor, approximate: bool = False) -> Tensor:
    """``x`` times the normal distribution up to x; ``approximate`` by tanh. Hendrycks and Gimpel (2016)."""
    if approximate:
        inner = a.mul(a.add(x, a.mul(a.mul(a.square(x), x), 0.044715)), math.sqrt(2 / math.pi))
        return a.mul(a.mul(x, 0.5), a.add(a.tanh(inner), 1.0))
    return a.mul(a.mul(x, 0.5), a.add(a.erf(a.mul(x, math.sqrt(0.5))), 1.0))


def gelu_new(x: Tensor) -> Tensor:
    """:func:`gelu` by tanh."""
    return gelu(x, True)


def silu(x: Tensor) -> Tensor:
    """``x * sigmoid(x)``."""
    return a.mul(x, a.sigmoid(x))


def swish(x: Tensor) -> Tensor:
    """``x * sigmoid(x)``, by its other name."""
    return silu(x)


def hard_silu(x: Tensor) -> Tensor:
    """``x`` times x / 6 + 1 / 2, limited to [0, 1]."""
    return a.mul(x, h_sigmoid(x))


def mish(x: Tensor) -> Tensor:
    """``x * tanh(softplus(x))``. Misra (2019)."""
    return a.mul(x, a.tanh(a.softplus(x)))


def exponential(x: Tensor) -> Tensor:
    """``exp(x)``."""
    return a.exp(x)


def glu(x: Tensor, axis: int = -1) -> Tensor:
    """The first half of an axis times the sigmoid of the second. Dauphin et al. (2017)."""
    first, second = rearranging.split(x, 2, axis)
    return a.mul(first, a.sigmoid(second))


def hard_shrink(x: Tensor, threshold: float = 0.5) -> Tensor:
    """0 for sizes up to the threshold, else x."""
    return a.where(a.less_equal(a.abs(x), threshold), 0.0, x)


def soft_shrink(x: Tensor, threshold: float = 0.5) -> Tensor:
    """x, moved towards 0 by the threshold."""
    return a.sub(a.relu(a.sub(x, threshold)), a.relu(a.sub(a.neg(x), threshold)))


def tanh_shrink(x: Tensor) -> Tensor:
    """``x - tanh(x)``."""
    return a.sub(x, a.tanh(x))


def threshold(x: Tensor, threshold: float = 0.0, default_value: float = 0.0) -> Tensor:
    """x where above the threshold, else a value."""
    return a.where(a.less_equal(x, threshold), float(default_value), x)


def squareplus(x: Tensor, b: float = 4.0) -> Tensor:
    """``(x + sqrt(x^2 + b)) / 2``."""
    return a.mul(a.add(x, a.sqrt(a.add(a.square(x), float(b)))), 0.5)


def sparse_plus(x: Tensor) -> Tensor:
    """0 up to -1, x from 1, a parabola between."""
    middle = a.mul(a.square(a.add(x, 1.0)), 0.25)
    return a.where(a.less_equal(x, -1.0), 0.0, a.where(a.less(x, 1.0), middle, x))


def sparse_sigmoid(x: Tensor) -> Tensor:
    """``(x + 1) / 2``, limited to [0, 1]."""
    return a.minimum(a.maximum(a.mul(a.add(x, 1.0), 0.5), 0.0), 1.0)


_TABLE: dict[str, Activation] = {
    name: fn
    for name, fn in list(globals().items())
    if callable(fn) and getattr(fn, "__module__", "") == __name__ and not name.startswith("_")
}
_TABLE |= {"hard_swish": hard_silu}


def get(identifier: Any) -> Activation:
    """An activation by name, in either spelling; None is linear, a function is itself.

    Raises:
        ValueError: for an unknown name; the message names the nearest.

    >>> get("hardSigmoid").__name__
    'hard_sigmoid'
    """
    if identifier is None:
        return linear
    if isinstance(identifier, Mapping):
        # Keras writes a function with its name as the configuration
        identifier = identifier.get("config") or identifier.get("class_name", identifier.get("className"))
    if callable(identifier):
        return identifier
    if not isinstance(identifier, str):
        raise TypeError(f"an activation is a name or a function, not {identifier!r}")
    return naming.lookup("activation", identifier, _TABLE)


def serialize(activation: Activation) -> str:
    """The name of an activation."""
    return getattr(activation, "__name__", "lambda")
