"""Elementwise arithmetic, mathematics, comparison and logic. Operands broadcast as in NumPy."""

from __future__ import annotations

from typing import Any

from ..graph import build as _b
from ..graph.node import Node
from .dispatch import op


@op("a", "b")
def add(a: Any, b: Any) -> Any:
    """``a + b``.

    >>> import weblayers as wl
    >>> wl.add([1, 2], 3).array_sync()
    [4.0, 5.0]
    """
    return _b.add(a, b)


@op("a", "b")
def sub(a: Any, b: Any) -> Any:
    """``a - b``; of two bool tensors an int32."""
    return _b.sub(a, b)


@op("a", "b")
def mul(a: Any, b: Any) -> Any:
    """``a * b``."""
    return _b.mul(a, b)


@op("a", "b")
def div(a: Any, b: Any) -> Any:
    """``a / b``; of two int32 tensors the quotient rounded towards zero, as in TensorFlow.js.

    >>> import weblayers as wl
    >>> wl.div(wl.tensor1d([7], "int32"), wl.tensor1d([2], "int32")).array_sync()
    [3]
    """
    tensors = [v for v in (a, b) if isinstance(v, Node) and v.op != "scalar"]
    whole = bool(tensors) and all(v.dtype == "int32" if isinstance(v, Node) else isinstance(v, int) for v in (a, b))
    quotient = _b.div(a, b)
    return _b.cast(quotient, "int32") if whole else quotient


@op("a", "b")
def mod(a: Any, b: Any) -> Any:
    """The remainder of the floored quotient; it has the sign of ``b``."""
    return _b.mod(a, b)


@op("base", "exp")
def pow(base: Any, exp: Any) -> Any:
    """``base ** exp``."""
    return _b.power(base, exp)


@op("a", "b")
def maximum(a: Any, b: Any) -> Any:
    """The larger of each pair."""
    return _b.maximum(a, b)


@op("a", "b")
def minimum(a: Any, b: Any) -> Any:
    """The smaller of each pair."""
    return _b.minimum(a, b)


@op("a", "b")
def squared_difference(a: Any, b: Any) -> Any:
    """``(a - b) ** 2``."""
    d = _b.sub(a, b)
    return d * d


@op("x")
def neg(x: Any) -> Any:
    """``-x``."""
    return _b.neg(x)


@op("x")
def abs(x: Any) -> Any:
    """The absolute value; its gradient at 0 is 0."""
    return _b.unary("abs", x)


@op("x")
def sign(x: Any) -> Any:
    """-1, 0 or 1."""
    return _b.unary("sign", _b.cast(x, "int32") if x.dtype == "bool" else x)


@op("x")
def floor(x: Any) -> Any:
    """The largest integer not above x."""
    return _b.unary("floor", x)


@op("x")
def ceil(x: Any) -> Any:
    """The smallest integer not below x."""
    return _b.unary("ceil", x)


@op("x")
def round(x: Any) -> Any:
    """The nearest integer; halves go to the even one."""
    return _b.unary("round", x)


@op("x")
def exp(x: Any) -> Any:
    """``e ** x``."""
    return _b.unary("exp", x)


@op("x")
def expm1(x: Any) -> Any:
    """``e ** x - 1``, accurate near 0."""
    return _b.unary("expm1", x)


@op("x")
def log(x: Any) -> Any:
    """The natural logarithm."""
    return _b.unary("log", x)


@op("x")
def log1p(x: Any) -> Any:
    """``log(1 + x)``, accurate near 0."""
    return _b.unary("log1p", x)


@op("x")
def sqrt(x: Any) -> Any:
    """The square root."""
    return _b.unary("sqrt", x)


@op("x")
def rsqrt(x: Any) -> Any:
    """``1 / sqrt(x)``."""
    return _b.unary("rsqrt", x)


@op("x")
def square(x: Any) -> Any:
    """``x * x``."""
    return _b.mul(x, x)


@op("x")
def reciprocal(x: Any) -> Any:
    """``1 / x``."""
    return _b.div(1.0, x)


@op("x")
def sin(x: Any) -> Any:
    """The sine, of radians."""
    return _b.unary("sin", x)


@op("x")
def cos(x: Any) -> Any:
    """The cosine, of radians."""
    return _b.unary("cos", x)


@op("x")
def tan(x: Any) -> Any:
    """The tangent, of radians."""
    return _b.unary("tan", x)


@op("x")
def tanh(x: Any) -> Any:
    """The hyperbolic tangent."""
    return _b.unary("tanh", x)


@op("x")
def sigmoid(x: Any) -> Any:
    """``1 / (1 + exp(-x))``."""
    return _b.unary("sigmoid", x)


@op("x")
def relu(x: Any) -> Any:
    """``max(x, 0)`` of the same dtype; its gradient at 0 is 0."""
    return _b.maximum(x, 0) if x.dtype == "int32" else _b.unary("relu", x)


@op("x")
def erf(x: Any) -> Any:
    """The error function."""
    return _b.unary("erf", x)


@op("x")
def softplus(x: Any) -> Any:
    """``log(1 + exp(x))``, without overflow."""
    # not by abs, which has no slope at 0
    above = _b.compare("lt", 0.0, x)
    return _b.where(above, x, 0.0) + _b.unary("log1p", _b.unary("exp", _b.where(above, _b.neg(x), x)))


@op("x")
def clip_by_value(x: Any, clip_value_min: float, clip_value_max: float) -> Any:
    """Values limited to an interval.

    >>> import weblayers as wl
    >>> wl.clip_by_value([-1, 0.5, 2], 0, 1).array_sync()
    [0.0, 0.5, 1.0]
    """
    # what is beyond no limit stays, so also NaN
    below = _b.where(_b.compare("lt", clip_value_max, x), clip_value_max, x)
    return _b.cast(_b.where(_b.compare("lt", x, clip_value_min), clip_value_min, below), x.dtype)


@op("x")
def is_nan(x: Any) -> Any:
    """Where x is not a number."""
    return _b.unary("isnan", x)


@op("x")
def cast(x: Any, dtype: str) -> Any:
    """x as another dtype; floats become integers by truncation.

    >>> import weblayers as wl
    >>> wl.cast([1.9, -1.9], "int32").array_sync()
    [1, -1]
    """
    return _b.cast(_b.as_node(x), dtype)


@op("x")
def stop_gradient(x: Any) -> Any:
    """x, as a constant in every gradient."""
    return _b.stop_gradient(x)


@op("a", "b")
def equal(a: Any, b: Any) -> Any:
    """Where a equals b."""
    return _b.compare("eq", a, b)


@op("a", "b")
def not_equal(a: Any, b: Any) -> Any:
    """Where a differs from b."""
    return _b.unary("not", _b.compare("eq", a, b))


@op("a", "b")
def less(a: Any, b: Any) -> Any:
    """Where a is less than b."""
    return _b.compare("lt", a, b)


@op("a", "b")
def less_equal(a: Any, b: Any) -> Any:
    """Where a is at most b."""
    return _b.compare("le", a, b)


@op("a", "b")
def greater(a: Any, b: Any) -> Any:
    """Where a is greater than b."""
    return _b.compare("lt", b, a)


@op("a", "b")
def greater_equal(a: Any, b: Any) -> Any:
    """Where a is at least b."""
    return _b.compare("le", b, a)


@op("a", "b")
def logical_and(a: Any, b: Any) -> Any:
    """Where both hold."""
    return _b.bind("and", *_pair(_b.cast(a, "bool"), _b.cast(b, "bool")))


@op("a", "b")
def logical_or(a: Any, b: Any) -> Any:
    """Where either holds."""
    return _b.bind("or", *_pair(_b.cast(a, "bool"), _b.cast(b, "bool")))


@op("x")
def logical_not(x: Any) -> Any:
    """Where x does not hold."""
    return _b.unary("not", _b.cast(x, "bool"))


@op("condition", "a", "b")
def where(condition: Any, a: Any, b: Any) -> Any:
    """``a`` where the condition holds, else ``b``.

    >>> import weblayers as wl
    >>> wl.where([True, False], [1, 2], 0).array_sync()
    [1.0, 0.0]
    """
    return _b.where(condition, a, b)


def _pair(x: Node, y: Node) -> tuple[Node, Node]:
    shape = _b.broadcast_shapes(x.shape, y.shape)
    return _b.broadcast(x, shape), _b.broadcast(y, shape)
