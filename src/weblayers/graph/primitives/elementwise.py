"""Functions of one position: the result at an index depends only on the operands at that index."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from .. import build as b
from ..node import DTYPES, OPERATORS, Aval, Node
from ..registry import define, flat

Vjp = Callable[..., Sequence[Node | None]]


def _same(*avals: Aval) -> Aval:
    if any(a.shape != avals[0].shape for a in avals):
        raise ValueError(f"operands of different shapes: {', '.join(map(str, avals))}")
    return avals[0]


def _predicate(*avals: Aval) -> Aval:
    return Aval(_same(*avals).shape, "bool")


def _float(*avals: Aval) -> Aval:
    return Aval(_same(*avals).shape, "float32")


def _as_float(fn: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """Integers and booleans are computed on as float32; host scalars keep their double precision."""

    def run(x: np.ndarray) -> np.ndarray:
        return fn(x if x.dtype.kind == "f" else x.astype(np.float32))

    return run


def _unary(name: str, numpy: Callable[..., np.ndarray], vjp: Vjp, shape: Callable = _float, cost: float = 1) -> None:
    run = _as_float(numpy) if shape is _float else numpy
    define(name, shape, run, vjp, elementwise=True, host=True, cost=cost)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    # exp of a non-positive number never overflows
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


_erf = np.vectorize(math.erf, otypes=[np.float64])

_unary("neg", np.negative, lambda g, out, x: [b.neg(g)], _same)
_unary("abs", np.abs, lambda g, out, x: [g * b.unary("sign", x)], _same)
_unary("sign", np.sign, flat, _same)
_unary("floor", np.floor, flat, _same)
_unary("ceil", np.ceil, flat, _same)
_unary("round", np.rint, flat, _same)
_unary("exp", np.exp, lambda g, out, x: [g * out], cost=4)
_unary("expm1", np.expm1, lambda g, out, x: [g * (out + 1.0)])
_unary("log", np.log, lambda g, out, x: [g / x], cost=4)
_unary("log1p", np.log1p, lambda g, out, x: [g / (x + 1.0)])
_unary("sqrt", np.sqrt, lambda g, out, x: [g * 0.5 / out], cost=2)
_unary("rsqrt", lambda x: 1 / np.sqrt(x), lambda g, out, x: [g * -0.5 * out / x])
_unary("sin", np.sin, lambda g, out, x: [g * b.unary("cos", x)])
_unary("cos", np.cos, lambda g, out, x: [b.neg(g * b.unary("sin", x))])
_unary("tan", np.tan, lambda g, out, x: [g * (out * out + 1.0)])
_unary("asin", np.arcsin, lambda g, out, x: [g * b.unary("rsqrt", 1.0 - x * x)])
_unary("acos", np.arccos, lambda g, out, x: [b.neg(g * b.unary("rsqrt", 1.0 - x * x))])
_unary("atan", np.arctan, lambda g, out, x: [g / (x * x + 1.0)])
_unary("sinh", np.sinh, lambda g, out, x: [g * b.unary("cosh", x)])
_unary("cosh", np.cosh, lambda g, out, x: [g * b.unary("sinh", x)])
_unary("tanh", np.tanh, lambda g, out, x: [g * (1.0 - out * out)], cost=6)
_unary("sigmoid", _sigmoid, lambda g, out, x: [g * out * (1.0 - out)], cost=6)
# relu is a primitive because its gradient needs only its output: the value before it is then never stored
_unary("relu", lambda x: np.maximum(x, 0), lambda g, out, x: [b.where(out > 0.0, g, 0.0)])
_unary("erf", _erf, lambda g, out, x: [g * (2 / math.sqrt(math.pi)) * b.unary("exp", b.neg(x * x))], cost=12)
_unary("isnan", np.isnan, flat, _predicate)
_unary("not", np.logical_not, flat, _predicate)


def _cast_shape(x: Aval, dtype: str) -> Aval:
    return Aval(x.shape, dtype)


def _cast_value(x: np.ndarray, dtype: str) -> np.ndarray:
    return np.trunc(x) if dtype == "int32" else x.astype(DTYPES[dtype])


def _cast_vjp(g: Node, out: Node, x: Node, dtype: str) -> list[Node | None]:
    return [g if x.dtype == "float32" and dtype == "float32" else None]


define("cast", _cast_shape, _cast_value, _cast_vjp, elementwise=True, host=True)
define("stop_gradient", _same, lambda x: x, flat, elementwise=True, host=True)
# The value itself, in a texture of its own: how a pass tells the fusion what to keep.
define("store", _same, lambda x: x, lambda g, out, x: [b.bind("store", g)], elementwise=True)


# Ties share the gradient evenly, as Keras does on JAX.
def _extremum_vjp(g: Node, out: Node, x: Node, y: Node) -> list[Node | None]:
    half = b.where(b.compare("eq", x, y), 0.5, 1.0)
    return [g * b.where(b.compare("eq", v, out), half, 0.0) for v in (x, y)]


def _pow_vjp(g: Node, out: Node, x: Node, y: Node) -> list[Node | None]:
    # x ** 0 has the slope 0 also where x ** -1 is infinite
    exponent = y.inputs[0] if y.op == "broadcast" else y
    dx = g * y * b.power(x, b.where(b.compare("eq", exponent, 0.0), 0.0, exponent - 1.0))
    log_x = b.unary("log", b.where(x > 0.0, x, 1.0))
    return [dx, g * out * log_x]


def _binary(name: str, numpy: Callable[..., np.ndarray], vjp: Vjp, shape: Callable = _same, cost: float = 1) -> None:
    define(name, shape, numpy, vjp, elementwise=True, host=True, cost=cost)


def _power(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    # of integers, a negative power is a fraction, which is cut off
    return np.power(x.astype(np.float64), y) if x.dtype.kind == "i" else np.power(x, y)


_binary("add", np.add, lambda g, out, x, y: [g, g])
_binary("sub", np.subtract, lambda g, out, x, y: [g, b.neg(g)])
_binary("mul", np.multiply, lambda g, out, x, y: [g * y, g * x])
_binary("div", np.divide, lambda g, out, x, y: [g / y, b.neg(g * out / y)], cost=2)
_binary("pow", _power, _pow_vjp, cost=8)
_binary("max", np.maximum, _extremum_vjp)
_binary("min", np.minimum, _extremum_vjp)
_binary("mod", np.mod, lambda g, out, x, y: [g, b.neg(g * b.unary("floor", x / y))])
_binary("atan2", np.arctan2, lambda g, out, y, x: [g * x / (x * x + y * y), b.neg(g * y / (x * x + y * y))])
for _name, _numpy in (("eq", np.equal), ("lt", np.less), ("le", np.less_equal)):
    _binary(_name, _numpy, flat, _predicate)
_binary("and", np.logical_and, flat, _predicate)
_binary("or", np.logical_or, flat, _predicate)


def _where_shape(condition: Aval, x: Aval, y: Aval) -> Aval:
    _same(condition, x, y)
    return Aval(x.shape, b.promote(x.dtype, y.dtype))


define(
    "where",
    _where_shape,
    np.where,
    lambda g, out, c, x, y: [None, b.where(c, g, 0.0), b.where(c, 0.0, g)],
    elementwise=True,
    host=True,
)


OPERATORS.update(add=b.add, sub=b.sub, mul=b.mul, div=b.div, lt=partial(b.binary, "lt"))
