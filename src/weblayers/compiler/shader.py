"""Builds fragment shaders of :mod:`.statements`.

Kernels are written once, against this builder. `glsl` prints what they build, `softgpu` executes it with NumPy.
The builder shares equal expressions, moves loop-invariant ones out of loops, and folds integer arithmetic: indices
carry their range and a known divisor, so that most divisions of an index disappear.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from typing import Any

from .statements import FAR, Assign, Int, Leave, Loop, Statement, Value, Variable, blocks, operands


class Shader:
    """Builds one fragment shader."""

    def __init__(self) -> None:
        self.blocks: list[list[Statement]] = [[]]
        self.memo: list[dict] = [{}]
        self.outputs: list[Value] = []
        # what divisions came to: where a value is known, what was computed of it alone is too
        self._quotients: dict[tuple[Value, int], Int] = {}
        self._remainders: dict[tuple[Value, int], Int] = {}
        self._next = 0

    @property
    def body(self) -> list[Statement]:
        return self.blocks[0]

    # -- expressions --------------------------------------------------------------------------------------------

    def op(self, op: str, type_: str, *args: Any) -> Value:
        """The value of ``op(*args)``, emitted in the outermost block where its arguments exist."""
        level = 0
        for a in args:
            # by far the most called loop of compiling
            if a.__class__ is Value and a.level > level:
                level = a.level
        key = (op, type_, args)
        value = self.memo[level].get(key)
        if value is None:
            value = self._emit(op, type_, args, level)
            self.memo[level][key] = value
        return value

    def _emit(self, op: str, type_: str, args: tuple, level: int) -> Value:
        value = Value(op, type_, args, level, self._id())
        self.blocks[level].append(value)
        return value

    def _id(self) -> int:
        self._next += 1
        return self._next

    def output(self, value: Value) -> None:
        self.outputs.append(value)

    def drop_unused(self) -> None:
        """Take out what nothing depends on: indices on the way to others that turned out to be simpler."""
        used: set[Value] = set()
        ends = (s for block in blocks(self.body) for s in block if not isinstance(s, Value))
        waiting = [*self.outputs, *(v for s in ends for v in operands(s))]
        while waiting:
            value = waiting.pop()
            if value not in used:
                used.add(value)
                waiting += [a for a in value.args if isinstance(a, Value)]
        for block in blocks(self.body):
            block[:] = [s for s in block if not isinstance(s, Value) or s in used]

    # -- control ------------------------------------------------------------------------------------------------

    @contextmanager
    def loop(self, count: int) -> Iterator[Value]:
        """A loop in the current innermost block."""
        level = len(self.blocks)
        index = Value("index", "i", (), level, self._id())
        index.lo, index.hi = 0, count - 1
        body: list[Statement] = []
        self.blocks.append(body)
        self.memo.append({})
        yield index
        self.blocks.pop()
        self.memo.pop()
        self.blocks[-1].append(Loop(index, count, body))

    @contextmanager
    def at_level(self, level: int) -> Iterator[None]:
        """Emit into the open block of ``level``: before the loops around it, which are not emitted until they end."""
        inner, memo = self.blocks[level + 1 :], self.memo[level + 1 :]
        del self.blocks[level + 1 :], self.memo[level + 1 :]
        yield
        self.blocks += inner
        self.memo += memo

    def leave(self, condition: Value) -> None:
        """End the innermost loop where an index predicate holds."""
        self.blocks[-1].append(Leave(condition))

    def variable(self, type_: str, init: float) -> Variable:
        variable = Variable(type_, init, self._id())
        self.blocks[-1].append(variable)
        return variable

    def assign(self, variable: Variable, value: Value) -> None:
        self.blocks[-1].append(Assign(variable, value))

    def read(self, variable: Variable) -> Value:
        """The variable's value at this point of the program (never shared with another point)."""
        return self._emit("read", variable.type, (variable,), len(self.blocks) - 1)

    # -- integers -----------------------------------------------------------------------------------------------

    def _int(self, op: str, args: tuple, lo: int, hi: int, divisor: int = 1) -> Int:
        if lo == hi:
            return lo
        value = self.op(op, "i", *args)
        value.lo, value.hi, value.divisor = max(lo, -FAR), min(hi, FAR), divisor
        return value

    def fragment(self, axis: str, extent: int) -> Int:
        return self._int("fragment_" + axis, (), 0, extent - 1)

    def add(self, a: Int, b: Int) -> Int:
        """Sums keep their constant outermost, so that ``(x + 1) + 2`` and ``x + 3`` are one value."""
        if isinstance(a, int):
            a, b = b, a
        if isinstance(a, int):
            return a + b  # type: ignore[operator]
        if a.op == "iadd" and isinstance(a.args[1], int):
            return (
                self.add(self.add(a.args[0], b), a.args[1])
                if not isinstance(b, int)
                else self.add(a.args[0], a.args[1] + b)
            )
        if isinstance(b, int):
            return a if b == 0 else self._int("iadd", (a, b), a.lo + b, a.hi + b, math.gcd(a.divisor, b))
        if b.op == "iadd" and isinstance(b.args[1], int):
            return self.add(self.add(a, b.args[0]), b.args[1])
        if b.id < a.id:
            a, b = b, a
        return self._int("iadd", (a, b), a.lo + b.lo, a.hi + b.hi, math.gcd(a.divisor, b.divisor))

    def mul(self, a: Int, n: int) -> Int:
        if isinstance(a, int):
            return a * n
        if n == 0:
            return 0
        if n == 1:
            return a
        if a.op == "imul":
            return self.mul(a.args[0], a.args[1] * n)
        if a.op == "iadd" and isinstance(a.args[1], int):
            return self.add(self.mul(a.args[0], n), a.args[1] * n)
        ends = sorted((a.lo * n, a.hi * n))
        return self._int("imul", (a, n), ends[0], ends[1], a.divisor * abs(n))

    def sub(self, a: Int, b: Int) -> Int:
        return self.add(a, self.mul(b, -1))

    def div(self, a: Int, n: int) -> Int:
        """Floored division of a value that is not negative (or a known multiple) by a literal."""
        if isinstance(a, int):
            return a // n
        if n == 1:
            return a
        if (found := self._quotients.get((a, n))) is None:
            found = self._quotients[a, n] = self._div(a, n)
        return found

    def _div(self, a: Value, n: int) -> Int:
        if a.op == "imul" and a.args[1] % n == 0:
            return self.mul(a.args[0], a.args[1] // n)
        if parts := self._multiples_and_rest(a, n):
            return reduce(self.add, [self.div(m, n) for m in parts[0]], self.div(parts[1], n))
        if carry := _carried_and_rest(a, n):
            return self.add(self.div(self.add(a.args[0], carry[0]), n), a.args[1] // n)
        if a.lo >= 0 and a.hi < n:
            return 0
        if a.op == "idiv":
            return self.div(a.args[0], a.args[1] * n)
        return self._int("idiv", (a, n), a.lo // n, a.hi // n, a.divisor // n if a.divisor % n == 0 else 1)

    def mod(self, a: Int, n: int) -> Int:
        if isinstance(a, int):
            return a % n
        if a.divisor % n == 0:
            return 0
        if (found := self._remainders.get((a, n))) is None:
            found = self._remainders[a, n] = self._mod(a, n)
        return found

    def _mod(self, a: Value, n: int) -> Int:
        if parts := self._multiples_and_rest(a, n):
            return self.mod(parts[1], n)
        if carry := _carried_and_rest(a, n):
            return self.add(self.mod(self.add(a.args[0], carry[0]), n), carry[1])
        if a.lo >= 0 and a.hi < n:
            return a
        return self._int("imod", (a, n), 0, n - 1, math.gcd(a.divisor, n))

    def _multiples_and_rest(self, a: Value, n: int) -> tuple[list[Int], Int] | None:
        """A sum as terms that are known to be multiples of ``n`` and the rest, which is not negative or a number."""
        multiples, others = [], []
        number = least = 0
        for term, factor in _terms(a):
            # a number stays with the rest, so that it is known what that carries
            if isinstance(term, int):
                number += term * factor
            elif term.divisor * factor % n == 0:
                multiples.append((term, factor))
            else:
                others.append((term, factor))
                least += min(term.lo * factor, term.hi * factor)
        # nothing is emitted before it is known that it serves
        is_split = multiples and (len(multiples) > 1 or others or number)
        if not is_split or (others and least + number < 0):
            return None
        rest: Int = number
        for other in others:
            rest = self.add(rest, self.mul(*other))
        return [self.mul(*each) for each in multiples], rest

    def steps(self, a: Int, start: int, n: int) -> tuple[Int, Int]:
        """How many steps of ``n`` from ``start`` to ``a``, which is not negative, and what is left of the last."""
        shifted = self.add(a, -start % n)
        return self.add(self.div(shifted, n), -start // n), self.mod(shifted, n)

    def clamp(self, a: Int, lo: int, hi: int) -> Int:
        if isinstance(a, int):
            return min(max(a, lo), hi)
        if lo <= a.lo and a.hi <= hi:
            return a
        return self._int("iclamp", (a, lo, hi), lo, hi)

    def least(self, a: Int, b: Int) -> Int:
        if isinstance(a, int):
            a, b = b, a
        if isinstance(a, int):
            return min(a, b)  # type: ignore[type-var]
        if a is b or (isinstance(b, int) and a.hi <= b):
            return a
        lo, hi = (b, b) if isinstance(b, int) else (b.lo, b.hi)
        return self._int("imin", (a, b), min(a.lo, lo), min(a.hi, hi))

    def to_int(self, value: Value) -> Int:
        return self.op("to_int", "i", value)

    def to_float(self, a: Int) -> Value:
        return self.const(float(a)) if isinstance(a, int) else self.op("to_float", "f", a)

    # -- predicates on integers: True, False or a bool value -------------------------------------------------------

    def less(self, a: Int, n: int) -> Value | bool:
        if isinstance(a, int):
            return a < n
        return True if a.hi < n else False if a.lo >= n else self.op("ilt", "b", a, n)

    def at_least(self, a: Int, n: int) -> Value | bool:
        if isinstance(a, int):
            return a >= n
        return True if a.lo >= n else False if a.hi < n else self.op("ige", "b", a, n)

    def equal(self, a: Int, n: Int) -> Value | bool:
        if isinstance(a, int) and isinstance(n, int):
            return a == n
        if isinstance(a, int):
            a, n = n, a
        assert isinstance(a, Value)
        if isinstance(n, int) and not a.lo <= n <= a.hi:
            return False
        return self.op("ieq", "b", a, n)

    def both(self, a: Value | bool, b: Value | bool) -> Value | bool:
        if a is False or b is False:
            return False
        if a is True:
            return b
        return a if b is True else self.op("band", "b", a, b)

    def within(self, a: Int, n: int) -> Value | bool:
        return self.both(self.at_least(a, 0), self.less(a, n))

    # -- floats ---------------------------------------------------------------------------------------------------

    def const(self, value: float, type_: str = "f") -> Value:
        return self.op("const", type_, float(value))

    def select(self, condition: Value | bool, a: Value, b: Value) -> Value:
        """``a`` where an index predicate holds, else ``b``; never arithmetic, so a NaN in the other is harmless."""
        if isinstance(condition, bool):
            return a if condition else b
        return self.op("select", a.type, condition, a, b)

    def splat(self, value: Value) -> Value:
        if value.op == "const":
            return self.const(value.args[0], "v")
        return value if value.type == "v" else self.op("splat", "v", value)

    def component(self, value: Value, i: Int) -> Value:
        if value.op == "splat":
            return value.args[0]
        if value.op == "const":
            return self.const(value.args[0])
        if value.op == "vec4" and isinstance(i, int):
            return value.args[i]
        return self.op("component", "f", value, i)

    def vec4(self, parts: Sequence[Value]) -> Value:
        first = parts[0]
        if all(p is first for p in parts):
            return self.splat(first)
        if all(p.op == "component" and p.args == (first.args[0], i) for i, p in enumerate(parts)):
            return first.args[0]
        return self.op("vec4", "v", *parts)

    def f(self, op: str, *args: Value) -> Value:
        """An elementwise float operation on floats or vectors of one type."""
        values = args[1:] if op == "where" else args
        if any(v.type != values[0].type for v in values):
            raise TypeError(f"{op} of operands of types {', '.join(v.type for v in values)}")
        if op == "add" and any(_is_zero(v) for v in args):
            return args[1] if _is_zero(args[0]) else args[0]
        return self.op(op, values[0].type, *args)


def _is_zero(value: Value) -> bool:
    return value.op == "const" and value.args[0] == 0.0


def _terms(a: Int, factor: int = 1) -> Iterator[tuple[Int, int]]:
    """The terms of a sum of multiples of sums, each with what it is multiplied by."""
    if isinstance(a, Value) and a.op == "iadd":
        for term in a.args:
            yield from _terms(term, factor)
    elif isinstance(a, Value) and a.op == "imul":
        yield from _terms(a.args[0], factor * a.args[1])
    else:
        yield a, factor


def _carried_and_rest(a: Value, n: int) -> tuple[int, int] | None:
    """What a sum's constant adds to the division of its other term by ``n``, and what never carries.

    Multiples of n are quotients by themselves. What is below the step that the other term and n have in common stays:
    in blocks of four pixels it is known which of them are even, whatever the size of a row.
    """
    if a.op != "iadd" or not isinstance(a.args[1], int) or a.args[0].lo < 0:
        return None
    x, y = a.args
    rest = y % n % math.gcd(x.divisor, n)
    carried = y % n - rest
    return None if carried == y else (carried, rest)
