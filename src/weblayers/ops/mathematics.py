"""Elementwise functions beyond arithmetic: of angles, hyperbolic, for activations, and tests of values."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from ..graph import build as _b
from . import arithmetic as _a
from .dispatch import op

# Klambauer et al. (2017)
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
_LARGEST = 3.4028234663852886e38


@op("x")
def asin(x: Any) -> Any:
    """The angle in radians whose sine is x; NaN beyond [-1, 1].

    >>> import weblayers as wl
    >>> wl.asin([0, 1]).array_sync()
    [0.0, 1.5707963705062866]
    """
    return _b.unary("asin", x)


@op("x")
def acos(x: Any) -> Any:
    """The angle in radians whose cosine is x; NaN beyond [-1, 1]."""
    return _b.unary("acos", x)


@op("x")
def atan(x: Any) -> Any:
    """The angle in radians whose tangent is x."""
    return _b.unary("atan", x)


@op("a", "b")
def atan2(a: Any, b: Any) -> Any:
    """The angle in radians of the point ``(b, a)``, from -pi to pi.

    >>> import weblayers as wl
    >>> wl.atan2([1.0, 0.0], [0.0, 1.0]).array_sync()
    [1.5707963705062866, 0.0]
    """
    return _b.binary("atan2", a, b)


@op("x")
def sinh(x: Any) -> Any:
    """The hyperbolic sine."""
    return _b.unary("sinh", x)


@op("x")
def cosh(x: Any) -> Any:
    """The hyperbolic cosine."""
    return _b.unary("cosh", x)


@op("x")
def asinh(x: Any) -> Any:
    """The inverse of :func:`sinh`, accurate near 0."""
    # not by abs and sign, which have no slope at 0
    side = _a.where(_a.less(x, 0.0), -1.0, 1.0)
    size, square = _a.mul(x, side), _a.square(x)
    return _a.mul(side, _a.log1p(_a.add(size, _a.div(square, _a.add(_a.sqrt(_a.add(square, 1.0)), 1.0)))))


@op("x")
def acosh(x: Any) -> Any:
    """The inverse of :func:`cosh`; NaN below 1."""
    above = _a.sub(x, 1.0)
    return _a.log1p(_a.add(above, _a.mul(_a.sqrt(above), _a.sqrt(_a.add(x, 1.0)))))


@op("x")
def atanh(x: Any) -> Any:
    """The inverse of :func:`tanh`; NaN beyond [-1, 1]."""
    return _a.mul(_a.log1p(_a.div(_a.mul(x, 2.0), _a.sub(1.0, x))), 0.5)


# -- for activations --------------------------------------------------------------------------------------------------


@op("x")
def elu(x: Any, alpha: float = 1.0) -> Any:
    """``x`` where positive, else ``alpha * (exp(x) - 1)``. Clevert et al. (2015)."""
    # the exponent of what is not negative would overflow, and spoil the gradient
    return _a.where(_a.greater(x, 0.0), x, _a.mul(_a.expm1(_a.where(_a.greater(x, 0.0), 0.0, x)), alpha))


@op("x")
def selu(x: Any) -> Any:
    """:func:`elu`, scaled so that layers keep mean and variance. Klambauer et al. (2017)."""
    return _a.mul(elu(x, SELU_ALPHA), SELU_SCALE)


@op("x")
def relu6(x: Any) -> Any:
    """``min(max(x, 0), 6)``; its gradient at 0 and at 6 is 0."""
    return _a.cast(_a.where(_a.greater_equal(x, 6.0), 6.0, _a.relu(x)), x.dtype)


@op("x")
def leaky_relu(x: Any, alpha: float = 0.2) -> Any:
    """``x`` where positive, else ``alpha * x``."""
    return _a.where(_a.greater_equal(x, 0.0), x, _a.mul(x, alpha))


@op("x", "alpha")
def prelu(x: Any, alpha: Any) -> Any:
    """``x`` where positive, else ``alpha * x``, with a tensor of slopes. He et al. (2015).

    >>> import weblayers as wl
    >>> wl.prelu([-1.0, 2.0], [0.5, 0.5]).array_sync()
    [-0.5, 2.0]
    """
    return _a.where(_a.greater_equal(x, 0.0), x, _a.mul(x, alpha))


@op("x")
def log_sigmoid(x: Any) -> Any:
    """``log(sigmoid(x))``, without overflow."""
    return _a.neg(_a.softplus(_a.neg(x)))


@op("x")
def step(x: Any, alpha: float = 0.0) -> Any:
    """1 where x is positive, else ``alpha``; NaN stays."""
    return _a.cast(_a.where(_a.is_nan(x), x, _a.where(_a.greater(x, 0.0), 1.0, float(alpha))), x.dtype)


# -- tests of values --------------------------------------------------------------------------------------------------


@op("x")
def is_finite(x: Any) -> Any:
    """Where x is neither infinite nor NaN."""
    return _a.less_equal(_a.abs(_a.cast(x, "float32")), _LARGEST)


@op("x")
def is_inf(x: Any) -> Any:
    """Where x is infinite."""
    return _a.greater(_a.abs(_a.cast(x, "float32")), _LARGEST)


# -- of several -------------------------------------------------------------------------------------------------------


@op("a", "b")
def div_no_nan(a: Any, b: Any) -> Any:
    """``a / b``, and 0 where b is 0.

    >>> import weblayers as wl
    >>> wl.div_no_nan([1.0, 1.0], [2.0, 0.0]).array_sync()
    [0.5, 0.0]
    """
    zero = _a.equal(b, 0.0)
    return _a.where(zero, 0.0, _a.div(a, _a.where(zero, 1.0, b)))


@op("a", "b")
def floor_div(a: Any, b: Any) -> Any:
    """The quotient rounded down, as int32.

    >>> import weblayers as wl
    >>> wl.floor_div([7.0, -7.0], [2.0, 2.0]).array_sync()
    [3, -4]
    """
    down, rest = _a.floor(_b.div(a, b)), _b.mod(a, b)
    if rest.dtype == "int32":
        # GPUs divide inexactly: what is left beside the remainder is a divisor or nothing
        down = _b.add(down, _a.floor(_b.add(_b.div(_b.sub(_b.sub(a, _b.mul(down, b)), rest), b), 0.5)))
    return _a.cast(down, "int32")


@op("tensors")
def add_n(tensors: Any) -> Any:
    """The sum of tensors of one shape.

    >>> import weblayers as wl
    >>> wl.add_n([wl.ones([2]), wl.ones([2]), wl.ones([2])]).array_sync()
    [3.0, 3.0]
    """
    parts: Sequence[Any] = tensors if isinstance(tensors, list | tuple) else [tensors]
    if any(p.shape != parts[0].shape for p in parts):
        raise ValueError(f"add_n wants tensors of one shape, got {[list(p.shape) for p in parts]}")
    return functools.reduce(_a.add, parts)


@op("a", "b")
def logical_xor(a: Any, b: Any) -> Any:
    """Where just one of the two holds."""
    return _a.not_equal(_a.cast(a, "bool"), _a.cast(b, "bool"))
