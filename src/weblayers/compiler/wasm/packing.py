"""Numbers that are computed alike, four at a time: they become the lanes of one vector.

A texel is put together of single numbers where its lanes are read or computed one by one. Either they are alike, or
each is like the same lane of three more texels, as of gates that lie side by side in four rows.

Superword level parallelism: S. Larsen and S. Amarasinghe, "Exploiting Superword Level Parallelism with Multimedia
Instruction Sets" (2000).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..shader import Shader
from ..statements import Assign, Leave, Loop, Statement, Value, Variable
from .instructions import COMPARISONS, PREDICATES, VECTOR
from .mathematics import FUNCTIONS

# What a vector computes as each of its lanes would.
_LANEWISE = frozenset((*VECTOR, *COMPARISONS, *PREDICATES, *FUNCTIONS, "fma", "relu", "rsqrt", "where")) - {"random"}

Group = tuple[Value, ...]


def packed(shader: Shader) -> Shader:
    """The shader with vectors in the place of numbers where that is less work; itself if it is nowhere."""
    seeds = list(_seeds(shader.body))
    return _Packing(shader, seeds).copy if seeds else shader


def _seeds(block: Sequence[Statement]) -> Iterator[_Seed]:
    """Vectors of computed numbers for which that is less work: each whose lanes are alike, and others by four."""
    others: list[Value] = []
    for s in block:
        if isinstance(s, Loop):
            yield from _seeds(s.body)
        elif isinstance(s, Value) and s.op == "vec4" and any(p.op in _LANEWISE for p in s.args):
            alone = _Seed([s])
            if alone.is_worth_it():
                yield alone
                continue
            others.append(s)
            if len(others) == 4:
                together = _Seed(others)
                if together.is_worth_it():
                    yield together
                others = []


def _are_alike(group: Group) -> bool:
    """Whether a vector can compute what four numbers are."""
    first = group[0]
    return first.op in _LANEWISE and all(v.op == first.op and v.level == first.level for v in group)


def _operands(group: Group) -> Iterator[Group]:
    return zip(*(v.args for v in group), strict=True)


class _Seed:
    """Vectors, and the groups of numbers, their parts, each of which is to become a vector."""

    def __init__(self, vectors: list[Value]) -> None:
        self.vectors = vectors
        lanes = [v.args for v in vectors]
        self.groups: list[Group] = lanes if len(lanes) == 1 else list(zip(*lanes, strict=True))
        # numbers that are still computed one by one, to be put together
        self.leaves: list[Value] = []
        # instructions, by and large
        self._saved, self._spent = 0, 4 if len(vectors) > 1 else 0
        waiting, seen = list(self.groups), set[Group]()
        while waiting:
            group = waiting.pop()
            if group in seen:
                continue
            seen.add(group)
            if _are_alike(group) and len(set(group)) > 1:
                self._saved += 3
                waiting += _operands(group)
            else:
                self.leaves += group
                self._spent += _cost(group)

    def is_worth_it(self) -> bool:
        """Whether more is saved than spent, by what is known where the first of the vectors stands."""
        first = self.vectors[0].id
        return self._saved > 2 * self._spent and all(v.id < first for group in self.groups for v in group)


def _cost(group: Group) -> int:
    """What it takes to put numbers together."""
    first = group[0]
    if all(v is first or v.op == "const" for v in group):
        return 0
    # one lane of four vectors: as a rule others are wanted, too, and then all are transposed
    transposes = all(v.op == "component" and v.args[1] == first.args[1] for v in group)
    return 1 if transposes and isinstance(first.args[1], int) else 3


class _Packing:
    """Copies a shader, with vectors for the numbers that seeds are made of."""

    def __init__(self, shader: Shader, seeds: list[_Seed]) -> None:
        self._seed_of = {v: seed for seed in seeds for v in seed.vectors}
        self._wanted = self._reached(shader)
        self._new: dict[Value, Value] = {}
        self._variables: dict[Variable, Variable] = {}
        self._vectors: dict[Group, Value] = {}
        self.copy = Shader()
        self._copy(shader.body)
        self.copy.outputs = [self._new[v] for v in shader.outputs]

    def _reached(self, shader: Shader) -> set[Value]:
        """What is computed still: not what only parts of seeds are made of."""
        waiting, found = [*shader.outputs, *_ends(shader.body)], set[Value]()
        while waiting:
            value = waiting.pop()
            if value in found:
                continue
            found.add(value)
            seed = self._seed_of.get(value)
            waiting += seed.leaves if seed else [a for a in value.args if isinstance(a, Value)]
        return found

    def _copy(self, block: Sequence[Statement]) -> None:
        copy = self.copy
        for s in block:
            if isinstance(s, Value):
                if s in self._wanted and s not in self._new:
                    self._compute(s)
            elif isinstance(s, Loop):
                with copy.loop(s.count) as index:
                    self._new[s.index] = index
                    self._copy(s.body)
            elif isinstance(s, Variable):
                self._variables[s] = copy.variable(s.type, s.init)
            elif isinstance(s, Assign):
                copy.assign(self._variables[s.variable], self._new[s.value])
            else:
                copy.leave(self._new[s.condition])

    def _compute(self, value: Value) -> None:
        if value in self._seed_of:
            self._together(self._seed_of[value])
        elif value.op == "read":
            self._new[value] = self.copy.read(self._variables[value.args[0]])
        else:
            args = [self._new[a] if isinstance(a, Value) else a for a in value.args]
            new = self._new[value] = self.copy.op(value.op, value.type, *args)
            new.lo, new.hi, new.divisor = value.lo, value.hi, value.divisor

    def _together(self, seed: _Seed) -> None:
        vectors = [self._vector(group) for group in seed.groups]
        if len(vectors) == 1:
            self._new[seed.vectors[0]] = vectors[0]
            return
        for i, value in enumerate(seed.vectors):
            self._new[value] = self.copy.vec4([self.copy.component(v, i) for v in vectors])

    def _vector(self, group: Group) -> Value:
        if group not in self._vectors:
            if _are_alike(group) and len(set(group)) > 1:
                made = self.copy.op(group[0].op, "v", *map(self._vector, _operands(group)))
            else:
                made = self.copy.vec4([self._new[v] for v in group])
            self._vectors[group] = made
        return self._vectors[group]


def _ends(block: Sequence[Statement]) -> Iterator[Value]:
    """What a block's assignments and conditions need."""
    for s in block:
        if isinstance(s, Loop):
            yield from _ends(s.body)
        elif isinstance(s, Assign):
            yield s.value
        elif isinstance(s, Leave):
            yield s.condition
