"""What the values of a shader depend on, how often each is used, and how many fragments to compute at once.

A draw runs over rows (y) and, in a row, over fragments (x). What depends on neither is computed once per draw, what
depends on y alone once per row. Neighbouring fragments share what does not depend on the axis along which they lie:
with the block of 4 x 4 elements that a fragment of a product computes, two of them side by side make one of 4 x 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..shader import Shader
from ..statements import FREE, Assign, Leave, Loop, Statement, Value, Variable, rounds

X, Y = 1, 2

# Vectors that loops sum up in: more than so many do not stay in registers, of which x86 has sixteen.
MAX_SUMS = 8
# Fragments are joined where they share at least this part of the work.
MIN_SHARED = 0.2


class Jam(NamedTuple):
    """So many neighbouring fragments along an axis are computed at once."""

    axis: int
    times: int


NONE = Jam(0, 1)


class Analysis:
    def __init__(self, shader: Shader) -> None:
        self.uses: dict[Value, int] = {}
        # what is used otherwise than by single lanes, which are loaded by themselves
        self.whole: set[object] = set()
        # by the four vectors whose lanes meet, which of those
        self.met: dict[tuple[Value, ...], set[int]] = {}
        self.depends: dict[Value | Variable | Loop, int] = {}
        self._shader = shader
        self._count(shader.body, 0)
        for v in shader.outputs:
            self._used(v, 0)
        # a variable is read before it is known what will be assigned to it
        while self._spread(shader.body, 0):
            pass

    # -- uses -------------------------------------------------------------------------------------------------------

    def _used(self, value: Value, level: int) -> None:
        # in an inner loop a use counts twice: computed there, it would be computed every time
        times = 1 if value.level == level else 2
        self.uses[value] = self.uses.get(value, 0) + times
        self.whole.add(value)

    def _count(self, block: Sequence[Statement], level: int) -> None:
        uses, whole = self.uses, self.whole
        for s in block:
            if isinstance(s, Value):
                op, args = s.op, s.args
                if op == "splat" and is_lane(args[0]):
                    continue  # a lane that is repeated is taken from its vector
                if op == "vec4":
                    lanes = meeting(s)
                    if lanes is not None:
                        self.met.setdefault(lanes, set()).add(args[0].args[1])
                for a in args:
                    if a.__class__ is Value:
                        uses[a] = uses.get(a, 0) + (1 if a.level == level else 2)
                if op != "component":
                    whole.update(args)
            elif isinstance(s, Loop):
                self._count(s.body, level + 1)
            elif isinstance(s, Assign):
                self._used(s.value, level)
            elif isinstance(s, Leave):
                self._used(s.condition, level)

    def is_single(self, value: Value, jam: Jam) -> bool:
        """Whether a value is used once, and by one of the fragments that are computed together."""
        return self.uses[value] == 1 and (jam.times == 1 or bool(self.depends[value] & jam.axis))

    def is_met(self, value: Value) -> bool:
        """Whether a vector is of one lane of four others, of which more lanes meet: a transposition."""
        lanes = meeting(value)
        return lanes is not None and len(self.met[lanes]) > 1

    # -- dependence ---------------------------------------------------------------------------------------------------

    def _spread(self, block: Sequence[Statement], control: int) -> bool:
        """One pass over a block; whether a variable depends on more than was known when the pass began.

        ``control`` is what the loops around the block depend on.
        """
        depends, changed = self.depends, False
        known_of = depends.get
        for statement in block:
            if isinstance(statement, Value):
                found = _OWN.get(statement.op, 0)
                for a in statement.args:
                    # numbers among them depend on nothing
                    found |= known_of(a, 0)
                depends[statement] = found
            elif isinstance(statement, Variable):
                depends.setdefault(statement, 0)
            elif isinstance(statement, Assign):
                known = depends[statement.variable]
                found = known | depends[statement.value] | control
                depends[statement.variable] = found
                changed = changed or found != known
            elif isinstance(statement, Loop):
                depends[statement.index] = 0
                known = depends.setdefault(statement, 0)
                changed = self._spread(statement.body, control | known) or changed
                depends[statement] |= self._of(statement.body)
                changed = changed or depends[statement] != known
        return changed

    def _of(self, block: Sequence[Statement]) -> int:
        """What a loop's course depends on, and what it changes."""
        found = 0
        for s in block:
            if isinstance(s, Leave):
                found |= self.depends.get(s.condition, 0)
            elif isinstance(s, Assign):
                found |= self.depends[s.variable]
            elif isinstance(s, Loop):
                found |= self.depends.get(s, 0)
        return found

    # -- neighbours ---------------------------------------------------------------------------------------------------

    def jam(self, width: int, height: int) -> Jam:
        """How many fragments to compute at once, and along which axis."""
        total, free = self._weights(self._shader.body, 1.0, False)
        sums, left = self._sums(self._shader.body)
        if not sums or not total:
            return NONE
        best, shared = NONE, MIN_SHARED * total
        for axis, extent in ((X, width), (Y, height)):
            count = next((n for n in (4, 2) if n <= extent and n * sums <= MAX_SUMS), 1)
            # those that leave a loop at different times are not joined
            if count > 1 and free[axis] > shared and not left & axis:
                best, shared = Jam(axis, count), free[axis]
        return best

    def _weights(self, block: Sequence[Statement], times: float, inside: bool) -> tuple[float, dict[int, float]]:
        """What loops execute in all, and how much of that does not depend on each axis."""
        total, free = 0.0, {X: 0.0, Y: 0.0}
        for s in block:
            if isinstance(s, Loop):
                t, f = self._weights(s.body, times * rounds(s), True)
                total += t
                for axis in free:
                    free[axis] += f[axis]
            elif inside and isinstance(s, Value) and s.type in "fv" and s.op not in _FREE and self.uses.get(s):
                total += times
                for axis in free:
                    free[axis] += 0 if self.depends[s] & axis else times
        return total, free

    def _sums(self, block: Sequence[Statement]) -> tuple[int, int]:
        """How many vectors loops sum up in, and what it depends on whether one is left early."""
        count, left = 0, 0
        for s in block:
            if isinstance(s, Variable):
                count += 1
            elif isinstance(s, Leave):
                left |= self.depends.get(s.condition, 0)
            elif isinstance(s, Loop):
                inner, left_inner = self._sums(s.body)
                count, left = count + inner, left | left_inner
        return count, left


_OWN = {"fragment_x": X, "fragment_y": Y}
# A lane that is repeated is loaded as such; all else that costs nothing does so here too.
_FREE = FREE - {"splat"}


def is_lane(value: Value) -> bool:
    """Whether a value is a known lane of a vector."""
    return value.op == "component" and isinstance(value.args[1], int)


def meeting(value: Value) -> tuple[Value, ...] | None:
    """The four vectors of which a vector has one and the same lane each."""
    if value.op != "vec4":
        return None
    first = value.args[0]
    if not is_lane(first) or not all(p.op == "component" and p.args[1] == first.args[1] for p in value.args):
        return None
    lanes = tuple(p.args[0] for p in value.args)
    return lanes if len(set(lanes)) == 4 else None
