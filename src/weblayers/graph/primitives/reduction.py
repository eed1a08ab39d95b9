"""Many elements to one, and to shares of what they come to."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from .. import build as b
from ..node import MAX_EXACT_INTEGER, Aval, Node
from ..registry import define, flat


def _reduced(x: Aval, axes: Sequence[int]) -> Aval:
    return Aval(tuple(d for i, d in enumerate(x.shape) if i not in axes), x.dtype)


def spread(g: Node, x: Node, axes: Sequence[int]) -> Node:
    """A reduced value put back over the axes it was reduced from."""
    return b.broadcast(b.reshape(g, tuple(1 if i in axes else d for i, d in enumerate(x.shape))), x.shape)


def _sum_vjp(g: Node, out: Node, x: Node, axes: Sequence[int]) -> list[Node | None]:
    return [spread(g, x, axes)]


# Ties share the gradient evenly, as Keras does on JAX.
def _extremum_vjp(g: Node, out: Node, x: Node, axes: Sequence[int]) -> list[Node | None]:
    hit = b.cast(b.compare("eq", x, spread(out, x, axes)), "float32")
    return [hit * spread(g / b.reduce("sum", hit, axes), x, axes)]


# Right where no more than one factor is zero needs the product of the others: exclusive products along the axes.
def _prod_vjp(g: Node, out: Node, x: Node, axes: Sequence[int]) -> list[Node | None]:
    zero = b.compare("eq", x, 0.0)
    zeros = b.reduce("sum", zero, axes)
    rest = b.reduce("prod", b.where(zero, 1.0, x), axes)
    one_zero = b.where(b.compare("eq", zeros, 1), rest, 0.0)
    others = b.where(zero, spread(one_zero, x, axes), spread(out, x, axes) / b.where(zero, 1.0, x))
    return [spread(g, x, axes) * others]


def _sum(x: np.ndarray, axes: Sequence[int]) -> np.ndarray:
    return np.sum(x, axis=tuple(axes), dtype=x.dtype)


def _prod(x: np.ndarray, axes: Sequence[int]) -> np.ndarray:
    return np.prod(x, axis=tuple(axes), dtype=x.dtype)


# The value of an empty maximum or minimum, and what tails of a texel are filled with.
IDENTITY = {"sum": 0.0, "prod": 1.0, "max": -math.inf, "min": math.inf}
# The primitive of two values that each repeats.
COMBINE = {"sum": "add", "prod": "mul", "max": "max", "min": "min"}


def of_nothing(kind: str, dtype: str) -> float:
    """What a reduction of no elements gives."""
    return float(np.clip(IDENTITY[kind], -MAX_EXACT_INTEGER, MAX_EXACT_INTEGER)) if dtype == "int32" else IDENTITY[kind]


def _extremum(fn: Callable, kind: str) -> Callable[..., np.ndarray]:
    def run(x: np.ndarray, axes: Sequence[int]) -> np.ndarray:
        if x.size:
            return fn(x, axis=tuple(axes))
        shape = [d for i, d in enumerate(x.shape) if i not in axes]
        return np.full(shape, of_nothing(kind, x.dtype.name), x.dtype)

    return run


define("reduce_sum", _reduced, _sum, _sum_vjp)
define("reduce_prod", _reduced, _prod, _prod_vjp)
define("reduce_max", _reduced, _extremum(np.max, "max"), _extremum_vjp)
define("reduce_min", _reduced, _extremum(np.min, "min"), _extremum_vjp)


def _arg(x: Aval, axis: int) -> Aval:
    if not x.shape[axis]:
        raise ValueError(f"nothing along axis {axis} of shape {list(x.shape)} is the largest or smallest: it is empty")
    return Aval(_reduced(x, (axis,)).shape, "int32")


def without_nan(x: np.ndarray, value: float) -> np.ndarray:
    # NaN is no extreme, as TensorFlow.js and shaders see it
    return np.where(np.isnan(x), value, x) if x.dtype.kind == "f" else x


define("argmax", _arg, lambda x, axis: np.asarray(np.argmax(without_nan(x, -np.inf), axis), np.int32), flat)
define("argmin", _arg, lambda x, axis: np.asarray(np.argmin(without_nan(x, np.inf), axis), np.int32), flat)


def _softmax(x: np.ndarray, axes: Sequence[int]) -> np.ndarray:
    if not x.size:
        return x
    e = np.exp(x - np.max(x, axis=tuple(axes), keepdims=True))
    return e / np.sum(e, axis=tuple(axes), keepdims=True, dtype=x.dtype)


# By its result, which is stored anyway: what is computed on the way to it is then needed nowhere else.
def _softmax_vjp(g: Node, out: Node, x: Node, axes: Sequence[int]) -> list[Node | None]:
    return [out * (g - spread(b.reduce("sum", g * out, axes), x, axes))]


define("softmax", lambda x, axes: x, _softmax, _softmax_vjp)
