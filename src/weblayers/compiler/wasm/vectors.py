"""Expressions on vectors, written with Python's operators, that become a WebAssembly function."""

from __future__ import annotations

import struct
from collections.abc import Callable

from . import assembler as wasm
from .assembler import V128, Function, simd

# Instructions by lanes: floats "f", doubles "d", and the bits of either as integers "i" and "l".
_CODES = {
    "f": {
        "eq": 65,
        "ne": 66,
        "lt": 67,
        "gt": 68,
        "le": 69,
        "ge": 70,
        "ceil": 103,
        "floor": 104,
        "trunc": 105,
        "nearest": 106,
    }
    | {
        "abs": 224,
        "neg": 225,
        "sqrt": 227,
        "add": 228,
        "sub": 229,
        "mul": 230,
        "div": 231,
        "min": 232,
        "max": 233,
        "pmin": 234,
        "pmax": 235,
    },
    "d": {"eq": 71, "ne": 72, "lt": 73, "gt": 74, "le": 75, "ge": 76, "floor": 117, "trunc": 122, "nearest": 148}
    | {
        "abs": 236,
        "neg": 237,
        "sqrt": 239,
        "add": 240,
        "sub": 241,
        "mul": 242,
        "div": 243,
        "min": 244,
        "max": 245,
        "pmin": 246,
        "pmax": 247,
    },
    "i": {"lt": 57, "add": 174, "sub": 177, "mul": 181},
    "l": {"add": 206, "sub": 209},
}
# Products that are added to: rounded together, or apart.
_RELAXED_MADD = {"f": simd(0x105), "d": simd(0x107)}
_BITS = {"invert": 77, "conjoin": 78, "without": 79, "disjoin": 80, "differ": 81}
_SHIFTS = {"i": {"left": 171, "right": 172, "right_unsigned": 173}, "l": {"left": 203, "right_unsigned": 205}}
_CONVERSIONS = {
    "if": simd(250),
    "fd": simd(95),  # of the two low lanes
    "df": simd(94),
}


class Vector:
    """A node of an expression. ``lanes`` says what operators take its bits for."""

    __slots__ = ("args", "code", "lanes")

    def __init__(self, lanes: str, code: bytes, *args: Vector) -> None:
        self.lanes, self.code, self.args = lanes, code, args

    def _op(self, name: str, *others: Vector | float) -> Vector:
        operands = [constant(self.lanes, o) if isinstance(o, int | float) else o for o in others]
        return Vector(self.lanes, simd(_CODES[self.lanes][name]), self, *operands)

    def __add__(self, other: Vector | float) -> Vector:
        return self._op("add", other)

    def __sub__(self, other: Vector | float) -> Vector:
        return self._op("sub", other)

    def __mul__(self, other: Vector | float) -> Vector:
        return self._op("mul", other)

    def __truediv__(self, other: Vector | float) -> Vector:
        return self._op("div", other)

    def __radd__(self, other: float) -> Vector:
        return constant(self.lanes, other) + self

    def __rsub__(self, other: float) -> Vector:
        return constant(self.lanes, other) - self

    def __rtruediv__(self, other: float) -> Vector:
        return constant(self.lanes, other) / self

    __rmul__ = __mul__

    def __neg__(self) -> Vector:
        return self._op("neg")

    def __abs__(self) -> Vector:
        return self._op("abs")

    def __lt__(self, other: Vector | float) -> Vector:
        return self._op("lt", other)

    def __le__(self, other: Vector | float) -> Vector:
        return self._op("le", other)

    def __gt__(self, other: Vector | float) -> Vector:
        return self._op("gt", other)

    def __ge__(self, other: Vector | float) -> Vector:
        return self._op("ge", other)

    def equals(self, other: Vector | float) -> Vector:
        return self._op("eq", other)

    def times_plus(self, factor: Vector | float, summand: Vector | float) -> Vector:
        """``self * factor + summand``."""
        factor, summand = (constant(self.lanes, o) if isinstance(o, int | float) else o for o in (factor, summand))
        return MultiplyAdd(self.lanes, b"", self, factor, summand)

    def sqrt(self) -> Vector:
        return self._op("sqrt")

    def floor(self) -> Vector:
        return self._op("floor")

    def trunc(self) -> Vector:
        return self._op("trunc")

    def nearest(self) -> Vector:
        return self._op("nearest")

    def at_most(self, other: Vector | float) -> Vector:
        """The smaller; what is no number stays."""
        return self._op("pmin", other)

    def at_least(self, other: Vector | float) -> Vector:
        """The larger; what is no number stays."""
        return self._op("pmax", other)

    def larger(self, other: Vector) -> Vector:
        """The larger; no number if either is none."""
        return self._op("max", other)

    def smaller(self, other: Vector) -> Vector:
        """The smaller; no number if either is none."""
        return self._op("min", other)

    def _bits(self, name: str, *others: Vector) -> Vector:
        return Vector(self.lanes, simd(_BITS[name]), self, *others)

    def __and__(self, other: Vector) -> Vector:
        return self._bits("conjoin", other)

    def __or__(self, other: Vector) -> Vector:
        return self._bits("disjoin", other)

    def __xor__(self, other: Vector) -> Vector:
        return self._bits("differ", other)

    def without(self, other: Vector) -> Vector:
        """The bits that the other has not."""
        return self._bits("without", other)

    def __lshift__(self, count: int) -> Vector:
        return self._shift("left", count)

    def __rshift__(self, count: int) -> Vector:
        return self._shift("right", count)

    def unsigned_shift(self, count: int) -> Vector:
        return self._shift("right_unsigned", count)

    def _shift(self, name: str, count: int) -> Vector:
        return Vector(self.lanes, wasm.i32_const(count) + simd(_SHIFTS[self.lanes][name]), self)

    def seen_as(self, lanes: str) -> Vector:
        """The same bits."""
        return Vector(lanes, b"", self)

    def to(self, lanes: str) -> Vector:
        """The same numbers."""
        return Vector(lanes, _CONVERSIONS[self.lanes + lanes], self)


class MultiplyAdd(Vector):
    """A product and a sum, rounded together or apart."""

    __slots__ = ()


def constant(lanes: str, value: float) -> Vector:
    """The same number in all lanes."""
    if lanes == "f":
        data = wasm.f32_bytes(value) * 4
    elif lanes == "d":
        data = struct.pack("<d", value) * 2
    elif lanes == "i":
        data = struct.pack("<I", int(value) & 0xFFFFFFFF) * 4
    else:
        data = struct.pack("<Q", int(value) & 0xFFFFFFFFFFFFFFFF) * 2
    return Vector(lanes, wasm.v128_const(data))


def where(condition: Vector, a: Vector | float, b: Vector | float) -> Vector:
    """``a`` in the lanes where a comparison holds, else ``b``."""
    lanes = condition.lanes
    first, second = (constant(lanes, v) if isinstance(v, int | float) else v for v in (a, b))
    return Vector(first.lanes, wasm.BITSELECT, first, second, condition)


def polynomial(x: Vector, coefficients: list[float]) -> Vector:
    """Horner's scheme; the highest power's coefficient comes first."""
    total = constant(x.lanes, coefficients[0])
    for c in coefficients[1:]:
        total = total.times_plus(x, c)
    return total


def in_doubles(fn: Callable[..., Vector], *args: Vector) -> Vector:
    """A function of doubles, of floats: of the two low lanes, of the two high ones, and rounded at the end."""
    high = [Vector("f", wasm.shuffle([2, 3, 2, 3]), a, a) for a in args]
    first, second = (fn(*[a.to("d") for a in half]).to("f") for half in (list(args), high))
    return Vector("f", wasm.shuffle([0, 1, 4, 5]), first, second)


def function(build: Callable[..., Vector], relaxed: bool) -> Function:
    """The WebAssembly function of an expression of its parameters.

    ``relaxed``: products and sums may be rounded together.
    """
    count = build.__code__.co_argcount
    made = Function((V128 * count, V128))
    write(made, build, list(range(count)), relaxed)
    return made


def write(made: Function, build: Callable[..., Vector], locals_: list[int], relaxed: bool) -> None:
    """Have a function compute an expression of what is in its locals; the value is left on the stack."""
    parameters = [Vector("f", b"") for _ in locals_]
    result = build(*parameters)
    uses: dict[int, int] = {}
    order: list[Vector] = []
    _visit(result, uses, order)
    places = {id(p): i for p, i in zip(parameters, locals_, strict=True)}
    _write(made, result, uses, places, relaxed)


def _visit(node: Vector, uses: dict[int, int], order: list[Vector]) -> None:
    uses[id(node)] = uses.get(id(node), 0) + 1
    if uses[id(node)] == 1:
        for a in node.args:
            _visit(a, uses, order)
        order.append(node)  # kept alive: they are known by their ids


def _write(made: Function, node: Vector, uses: dict[int, int], places: dict[int, int], relaxed: bool) -> None:
    """Leave a node's value on the stack; what is used more than once stays in a local."""
    if id(node) in places:
        made.code += wasm.local_get(places[id(node)])
        return
    apart = isinstance(node, MultiplyAdd) and not relaxed
    for i, a in enumerate(node.args):
        _write(made, a, uses, places, relaxed)
        if apart and i == 1:
            made.code += simd(_CODES[node.lanes]["mul"])
    if isinstance(node, MultiplyAdd):
        made.code += _RELAXED_MADD[node.lanes] if relaxed else simd(_CODES[node.lanes]["add"])
    made.code += node.code
    if uses[id(node)] > 1:
        places[id(node)] = made.local(V128)
        made.code += wasm.local_tee(places[id(node)])
