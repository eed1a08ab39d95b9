"""Where texels lie in memory: sums of indices times constants.

Textures are matrices in memory, one row of texels after the other: row ``y * layers + layer``. So a texel's address is
a sum of products, and quotients and remainders by the number of layers cancel out.
"""

from __future__ import annotations

from typing import NamedTuple

from ..statements import Value

# What varies in an address: the draw's first column, the column counted from it, the row, or an index that is no sum;
# the number tells neighbouring fragments apart.
Atom = tuple[Value | str, int]
FIRST: Atom = ("first", 0)
COLUMN: Atom = ("column", 0)
ROW: Atom = ("row", 0)


class Sum(NamedTuple):
    """``constant`` and, by atom, what it is multiplied by."""

    constant: int
    terms: dict[Atom, int]

    def plus(self, other: Sum, factor: int = 1) -> Sum:
        terms = dict(self.terms)
        for atom, n in other.terms.items():
            terms[atom] = terms.get(atom, 0) + n * factor
        return Sum(self.constant + other.constant * factor, terms)

    def times(self, factor: int) -> Sum:
        return Sum(self.constant * factor, {atom: n * factor for atom, n in self.terms.items()})


# Rows that are a multiple of so many texels long have a cache line more, of four.
APART, LINE = 64, 4


class Shape(NamedTuple):
    """A texture: its size in texels, and the bytes of a texel."""

    width: int
    height: int
    layers: int
    texel: int

    @property
    def pitch(self) -> int:
        """Texels from row to row: a column's texels shall not all fall into the same few sets of a cache."""
        apart = self.width % APART == 0 and self.height * self.layers > 1 and self.texel == 16
        return self.width + LINE * apart

    @property
    def row(self) -> int:
        return self.pitch * self.texel

    @property
    def size(self) -> int:
        return self.row * self.height * self.layers


class Indices:
    """The sums of index values in a draw of a size, for each of the fragments that are computed at once."""

    def __init__(self, depends: dict, axis: int, width: int, height: int) -> None:
        self._depends, self._axis, self._width, self._height = depends, axis, width, height
        self._known: dict[tuple[Value, int], Sum] = {}
        self._spans: dict[Atom, tuple[int, int]] = {}

    def sum(self, value: Value | int, j: int) -> Sum:
        if isinstance(value, int):
            return Sum(value, {})
        if not self._depends.get(value, 0) & self._axis:
            j = 0
        known = self._known.get((value, j))
        if known is None:
            known = self._known[value, j] = self._made(value, j)
        return known

    def _made(self, value: Value, j: int) -> Sum:
        op, args = value.op, value.args
        if op == "iadd":
            a, b = args
            if isinstance(b, int):
                first = self.sum(a, j)
                return Sum(first.constant + b, first.terms)
            return self.sum(a, j).plus(self.sum(b, j))
        if op == "imul":
            return self.sum(args[0], j).times(args[1])
        if op == "fragment_x":
            return Sum(j, {FIRST: 1, COLUMN: 1})
        if op == "fragment_y":
            return Sum(j, {ROW: 1})
        return Sum(0, {(value, j): 1})

    def address(self, x: Value | int, y: Value | int, layer: Value | int, shape: Shape, j: int) -> Sum:
        """The bytes from a texture's beginning to a texel."""
        rows = self.sum(y, j).times(shape.layers).plus(self.sum(layer, j))
        return self.simple(rows.times(shape.row).plus(self.sum(x, j), shape.texel), j)

    def simple(self, total: Sum, j: int) -> Sum:
        """Quotients and remainders of the same value by the same number, put together again."""
        for atom, n in total.terms.items():
            value = atom[0]
            if isinstance(value, Value) and value.op == "imod":
                for other, m in total.terms.items():
                    quotient = other[0]
                    if (
                        isinstance(quotient, Value)
                        and quotient.op == "idiv"
                        and quotient.args == value.args
                        and other[1] == atom[1]
                        and m == n * value.args[1]
                    ):
                        rest = {a: k for a, k in total.terms.items() if a not in (atom, other)}
                        return self.simple(Sum(total.constant, rest).plus(self.sum(value.args[0], j), n), j)
        return total

    def span(self, total: Sum) -> tuple[int, int]:
        """Between what bounds a sum lies, as far as is known.

        A plan's own numbers (where a draw begins, where values begin in textures that they share) lie inside.
        """
        low = high = total.constant
        for atom, n in total.terms.items():
            least, most = self._bounds(atom)
            low += min(least * n, most * n)
            high += max(least * n, most * n)
        return low, high

    def _bounds(self, atom: Atom) -> tuple[int, int]:
        known = self._spans.get(atom)
        if known is None:
            known = self._spans[atom] = self._found(*atom)
        return known

    def _found(self, value: Value | str, j: int) -> tuple[int, int]:
        if isinstance(value, str):
            return 0, {"first": 0, "column": self._width - 1, "row": self._height - 1}[value]
        if value.op == "to_int" and value.args[0].op == "uniform":
            return 0, 0
        if value.op not in ("idiv", "imod"):
            return value.lo, value.hi
        low, high = self.span(self.sum(value.args[0], j))
        n = value.args[1]
        if value.op == "idiv":
            return low // n, high // n
        # what is left of a number below zero may be below zero, too
        return (0 if low >= 0 else 1 - n), n - 1
