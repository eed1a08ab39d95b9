"""Prints a shader as a WebAssembly function: loops over the rows and columns of a draw, with the shader inside.

The function has three parameters: where the draw's numbers lie in memory (its first column, the addresses of its
textures, its uniforms), and the rows to draw. All else is literal: extents, strides, counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..shader import Assign, Leave, Loop, Shader, Statement, Value, Variable
from . import assembler as wasm
from .addresses import COLUMN, FIRST, ROW, Atom, Indices, Shape, Sum, span
from .analysis import NONE, Analysis, Jam, X, Y, is_lane, meeting
from .assembler import F32, I32, V128, Function, simd

SIGNATURE = (I32 * 3, b"")
ARGUMENTS, FROM, TO = range(3)

# So much memory lies before and behind all textures: reading there does no harm.
MARGIN = 2**20

# Longer expressions get a local of their own.
MAX_EXPRESSION = 300

_FLOAT = {
    "add": b"\x92",
    "sub": b"\x93",
    "mul": b"\x94",
    "div": b"\x95",
    "min": b"\x96",
    "max": b"\x97",
    "neg": b"\x8c",
    "abs": b"\x8b",
    "ceil": b"\x8d",
    "floor": b"\x8e",
    "trunc": b"\x8f",
    "round": b"\x90",
    "sqrt": b"\x91",
}
_VECTOR = {
    "add": simd(228),
    "sub": simd(229),
    "mul": simd(230),
    "div": simd(231),
    "min": simd(232),
    "max": simd(233),
    "neg": simd(225),
    "abs": simd(224),
    "ceil": simd(103),
    "floor": simd(104),
    "trunc": simd(105),
    "round": simd(106),
    "sqrt": simd(227),
}
# Comparisons give masks: all bits of a vector's lane, 0 or 1 of a number.
_COMPARISONS = {"eq": (b"\x5b", simd(65)), "lt": (b"\x5d", simd(67)), "le": (b"\x5f", simd(69))}
_UNEQUAL = (b"\x5c", simd(66))
_CONJOIN, _DISJOIN, _WITHOUT = (wasm.I32_AND, simd(78)), (b"\x72", simd(80)), simd(79)
_NOT = (b"\x45", simd(77))
_PREDICATES = frozenset(("eq", "lt", "le", "and", "or", "not", "isnan"))
_TYPES = {"f": F32, "v": V128, "b": I32, "i": I32}
_BYTES_TO_INTEGERS = simd(137) + simd(169)  # i16x8.extend_low_i8x16_u, i32x4.extend_low_i16x8_u
_INTEGERS_TO_FLOATS = simd(251)

Key = tuple[Value, int]


@dataclass
class Pending:
    """An expression that is not written yet: it is used once, nearby."""

    code: bytes
    reads: frozenset[Variable]


@dataclass(frozen=True)
class Bound:
    """What a shader is bound to: the shapes of its samplers, those of its targets, and the draw's size."""

    samplers: tuple[Shape, ...]
    targets: tuple[tuple[int, int, Shape], ...]  # the number of a texture among the targets, layer, shape
    uniforms: int
    width: int
    height: int

    @property
    def textures(self) -> int:
        """How many different textures are written."""
        return 1 + max(number for number, _, _ in self.targets)


class Library:
    """The functions of `mathematics` that a module needs, by name."""

    def __init__(self) -> None:
        self.names: dict[str, int] = {}

    def index(self, name: str) -> int:
        return self.names.setdefault(name, len(self.names))


def printed(shader: Shader, bound: Bound, library: Library, relaxed: bool) -> Function:
    """The function of a draw. ``relaxed``: products and sums may be rounded together."""
    return _Printer(shader, bound, library, relaxed).function()


class _Printer:
    def __init__(self, shader: Shader, bound: Bound, library: Library, relaxed: bool) -> None:
        self._shader, self._bound, self._library = shader, bound, library
        self._made = Function(SIGNATURE)
        self._analysis = Analysis(shader)
        self._depends, self._uses = self._analysis.depends, self._analysis.uses
        self._jam: Jam = self._analysis.jam(bound.width, bound.height) if bound.width * bound.height > 1 else NONE
        self._indices = Indices(self._depends, self._jam.axis)
        self._fma = wasm.RELAXED_MADD if relaxed else b""
        # code for each draw, each row, each fragment, and each open loop
        self._blocks = [bytearray(), bytearray(), bytearray()]
        # what locals of a block hold: sums of addresses, pairs of lanes
        self._shared: list[dict[object, int]] = [{}, {}, {}]
        # the block of each open loop, by its level; level 0 is whatever its values depend on
        self._levels: list[int] = [2]
        self._locals: dict[object, int] = {}
        self._pending: dict[Key, Pending] = {}
        self._constants: dict[bytes, int] = {}

    # -- the draw -----------------------------------------------------------------------------------------------------

    def function(self) -> Function:
        made, bound, jam = self._made, self._bound, self._jam
        row, column = made.local(I32), made.local(I32)
        y = self._inside(row, wasm.local_get(TO), jam.times) if jam.axis == Y else row
        x = column
        if jam.axis == X and bound.width % jam.times:
            x = self._inside(column, wasm.i32_const(bound.width), jam.times, block=2)
        self._locals |= {ROW: y, COLUMN: x}
        self._statements(self._shader.body, 0)
        self._store()
        head, rows, fragment = self._blocks
        code = made.code
        code += head
        code += wasm.local_get(FROM) + wasm.local_set(row) + wasm.LOOP
        code += rows
        code += wasm.i32_const(0) + wasm.local_set(column) + wasm.LOOP
        code += fragment
        code += _advance(column, jam.times if jam.axis == X else 1)
        code += wasm.i32_const(bound.width) + wasm.I32_LT_S + wasm.branch_if(0) + wasm.END
        code += _advance(row, jam.times if jam.axis == Y else 1)
        code += wasm.local_get(TO) + wasm.I32_LT_S + wasm.branch_if(0) + wasm.END
        return made

    def _inside(self, counter: int, end: bytes, count: int, block: int = 1) -> int:
        """The counter, or less where so many from it on would go beyond the end: some are then drawn again."""
        local, last = self._made.local(I32), end + wasm.i32_const(count) + wasm.I32_SUB
        self._blocks[block] += wasm.local_get(counter) + last + wasm.local_get(counter) + last
        self._blocks[block] += wasm.I32_LT_S + wasm.SELECT + wasm.local_set(local)
        return local

    def _store(self) -> None:
        first = 1 + len(self._bound.samplers)
        for j in range(self._jam.times):
            for value, (number, layer, shape) in zip(self._shader.outputs, self._bound.targets, strict=True):
                rows = Sum(layer, {ROW: shape.layers})
                total = rows.times(shape.row).plus(Sum(0, {FIRST: 1, COLUMN: 1}), shape.texel)
                along = (shape.layers * shape.row if self._jam.axis == Y else shape.texel) * j
                place, offset = self._sum(Sum(total.constant + along, total.terms), self._base(first + number), 2)
                self._blocks[2] += place + self._operand(value, j) + wasm.v128_store(offset)

    # -- statements ---------------------------------------------------------------------------------------------------

    def _stage(self, thing: Value | Variable | Loop, level: int) -> int:
        """The block where a statement of a level belongs."""
        if level:
            return self._levels[level]
        return 2 if self._depends[thing] & X else 1 if self._depends[thing] & Y else 0

    def _instances(self, thing: Value | Variable | Loop) -> range:
        return range(self._jam.times if self._depends[thing] & self._jam.axis else 1)

    def _statements(self, block: Sequence[Statement], level: int) -> None:
        for s in block:
            if isinstance(s, Value):
                if s.type != "i" and self._uses.get(s) and s.op not in ("const", "index"):
                    self._value(s, level)
            elif isinstance(s, Variable):
                stage = self._stage(s, level)
                for j in self._instances(s):
                    local = self._locals[s, j] = self._made.local(_TYPES[s.type])
                    self._blocks[stage] += self._constant(s.init, s.type) + wasm.local_set(local)
            elif isinstance(s, Assign):
                self._assign(s, level)
            elif isinstance(s, Leave):
                self._blocks[self._levels[level]] += self._condition(s.condition, 0) + wasm.branch_if(1)
            else:
                self._loop(s, level)

    def _value(self, value: Value, level: int) -> None:
        stage = self._stage(value, level)
        if value.op == "fetch" and not self._analysis.whole.get(value):
            return  # its lanes are loaded by themselves
        for j in self._instances(value):
            reads: frozenset[Variable] = frozenset()
            for a in value.args:
                pending = self._pending.get((a, j)) if isinstance(a, Value) else None
                if pending is not None:
                    reads |= pending.reads
            if value.op == "read":
                reads = frozenset((value.args[0],))
            code = self._code(value, j, stage)
            if stage > 1 and self._analysis.is_single(value, self._jam) and len(code) < MAX_EXPRESSION:
                self._pending[value, j] = Pending(code, reads)
            else:
                self._keep(value, j, code, stage)

    def _keep(self, value: Value, j: int, code: bytes, stage: int) -> None:
        mask = value.op in _PREDICATES and value.type == "f"
        local = self._locals[value, j] = self._made.local(I32 if mask else _TYPES[value.type])
        self._blocks[stage] += code + wasm.local_set(local)

    def _assign(self, s: Assign, level: int) -> None:
        stage = self._stage(s.variable, level)
        codes = [self._operand(s.value, j) for j in self._instances(s.variable)]
        self._flush(s.variable)
        block = self._blocks[stage]
        # all before any: one fragment's variable may be read for another's
        for j, code in enumerate(codes):
            block += code + wasm.local_set(self._locals[s.variable, j])

    def _flush(self, variable: Variable | None) -> None:
        """Write what reads a variable that is about to change (any, before a loop)."""
        for (value, j), pending in list(self._pending.items()):
            if pending.reads and (variable is None or variable in pending.reads):
                del self._pending[value, j]
                self._keep(value, j, pending.code, self._stage(value, value.level))

    def _loop(self, loop: Loop, level: int) -> None:
        self._flush(None)
        stage = self._stage(loop, level)
        index = self._made.local(I32)
        self._locals[loop.index, 0] = index
        self._blocks.append(bytearray())
        self._shared.append({})
        self._levels.append(len(self._blocks) - 1)
        self._statements(loop.body, level + 1)
        self._flush(None)
        self._levels.pop()
        self._shared.pop()
        body = self._blocks.pop()
        block = self._blocks[stage]
        block += wasm.i32_const(0) + wasm.local_set(index)
        leaves = any(isinstance(s, Leave) for s in loop.body)
        block += wasm.BLOCK * leaves + wasm.LOOP + body
        block += _advance(index, 1) + wasm.i32_const(loop.count) + wasm.I32_LT_S + wasm.branch_if(0) + wasm.END
        block += wasm.END * leaves

    # -- values -------------------------------------------------------------------------------------------------------

    def _operand(self, value: Value, j: int) -> bytes:
        """Leaves a number or a vector on the stack."""
        code = self._raw(value, j)
        if value.op in _PREDICATES:
            if value.type == "v":
                return code + self._constant(1.0, "v") + _CONJOIN[1]
            return code + wasm.F32_CONVERT_I32_S
        return code

    def _mask(self, value: Value, j: int) -> bytes:
        """Leaves on the stack whether a value is not zero."""
        if value.op in _PREDICATES:
            return self._raw(value, j)
        return self._raw(value, j) + self._constant(0.0, value.type) + _UNEQUAL[value.type == "v"]

    def _raw(self, value: Value, j: int) -> bytes:
        """A value's code; predicates are masks."""
        if value.op == "const":
            return self._constant(value.args[0], value.type)
        if not self._depends[value] & self._jam.axis:
            j = 0
        key = value, j
        if key in self._locals:
            return wasm.local_get(self._locals[key])
        if key in self._pending:
            return self._pending.pop(key).code
        # what is not kept, since it costs next to nothing
        return self._code(value, j, self._stage(value, value.level))

    def _constant(self, value: float, type_: str) -> bytes:
        if type_ == "f":
            return wasm.f32_const(value)
        data = wasm.f32_bytes(value) * 4
        if data not in self._constants:
            self._constants[data] = self._made.local(V128)
            self._blocks[0] += wasm.v128_const(data) + wasm.local_set(self._constants[data])
        return wasm.local_get(self._constants[data])

    def _code(self, value: Value, j: int, stage: int) -> bytes:
        op, args, wide = value.op, value.args, value.type == "v"
        plain = (_VECTOR if wide else _FLOAT).get(op)
        if plain is not None:
            return b"".join([self._operand(a, j) for a in args]) + plain
        if op == "fma":
            return self._multiply_add(value, j)
        special = getattr(self, f"_{op}", None)
        if special is not None:
            return special(value, j, stage)
        if op in _COMPARISONS:
            return self._operand(args[0], j) + self._operand(args[1], j) + _COMPARISONS[op][wide]
        return self._called(value, j)

    def _multiply_add(self, value: Value, j: int) -> bytes:
        a, b, c = (self._operand(x, j) for x in value.args)
        if value.type == "v":
            return a + b + c + self._fma if self._fma else a + b + _VECTOR["mul"] + c + _VECTOR["add"]
        return a + b + _FLOAT["mul"] + c + _FLOAT["add"]

    def _called(self, value: Value, j: int) -> bytes:
        index = self._library.index(value.op)
        if value.type == "v":
            return b"".join([self._operand(a, j) for a in value.args]) + wasm.call(index)
        splats = b"".join([self._operand(a, j) + wasm.SPLAT_F32 for a in value.args])
        return splats + wasm.call(index) + wasm.EXTRACT[0]

    def _read(self, value: Value, j: int, stage: int) -> bytes:
        return wasm.local_get(self._locals[value.args[0], j])

    def _uniform(self, value: Value, j: int, stage: int) -> bytes:
        at = 1 + len(self._bound.samplers) + self._bound.textures + value.args[0]
        return wasm.local_get(ARGUMENTS) + wasm.f32_load(4 * at)

    def _relu(self, value: Value, j: int, stage: int) -> bytes:
        x = self._operand(value.args[0], j)
        if value.type == "f":
            return x + wasm.f32_const(0.0) + _FLOAT["max"]
        # what is not at most zero: NaN stays
        local = self._made.local(V128)
        zero = self._constant(0.0, "v")
        return x + wasm.local_tee(local) + wasm.local_get(local) + zero + _COMPARISONS["le"][1] + _WITHOUT

    def _isnan(self, value: Value, j: int, stage: int) -> bytes:
        wide = value.type == "v"
        local = self._made.local(_TYPES[value.type])
        return self._operand(value.args[0], j) + wasm.local_tee(local) + wasm.local_get(local) + _UNEQUAL[wide]

    def _not(self, value: Value, j: int, stage: int) -> bytes:
        return self._mask(value.args[0], j) + _NOT[value.type == "v"]

    def _and(self, value: Value, j: int, stage: int) -> bytes:
        return self._mask(value.args[0], j) + self._mask(value.args[1], j) + _CONJOIN[value.type == "v"]

    def _or(self, value: Value, j: int, stage: int) -> bytes:
        return self._mask(value.args[0], j) + self._mask(value.args[1], j) + _DISJOIN[value.type == "v"]

    def _where(self, value: Value, j: int, stage: int) -> bytes:
        condition, a, b = value.args
        code = self._operand(a, j) + self._operand(b, j) + self._mask(condition, j)
        return code + (wasm.BITSELECT if value.type == "v" else wasm.SELECT)

    def _select(self, value: Value, j: int, stage: int) -> bytes:
        condition, a, b = value.args
        return self._operand(a, j) + self._operand(b, j) + self._condition(condition, j) + wasm.SELECT

    def _dot(self, value: Value, j: int, stage: int) -> bytes:
        local = self._made.local(V128)
        product = self._operand(value.args[0], j) + self._operand(value.args[1], j) + _VECTOR["mul"]
        code = product + wasm.local_set(local)
        for lane in range(4):
            code += wasm.local_get(local) + wasm.EXTRACT[lane] + (_FLOAT["add"] if lane else b"")
        return code

    # -- lanes --------------------------------------------------------------------------------------------------------

    def _splat(self, value: Value, j: int, stage: int) -> bytes:
        (x,) = value.args
        if is_lane(x):
            vector, lane = x.args
            if self._is_loadable(vector):
                place, offset = self._texel(vector, j, stage, Sum(4 * lane, {}))
                return place + wasm.v128_load_splat(offset)
            local = self._vector(vector, j)
            return local + local + wasm.shuffle([lane] * 4)
        return self._operand(x, j) + wasm.SPLAT_F32

    def _component(self, value: Value, j: int, stage: int) -> bytes:
        vector, lane = value.args
        if self._is_loadable(vector):
            within = self._indices.sum(lane, j).times(4)
            place, offset = self._texel(vector, j, stage, within)
            return place + wasm.f32_load(offset)
        if isinstance(lane, int):
            return self._operand(vector, j) + wasm.EXTRACT[lane]
        local, number = self._vector(vector, j), self._made.local(I32)
        code = self._integer(lane, j, stage) + wasm.local_set(number) + local + wasm.EXTRACT[0]
        for i in (1, 2, 3):
            chosen = wasm.local_get(number) + wasm.i32_const(i) + wasm.I32_LT_S
            code += local + wasm.EXTRACT[i] + chosen + wasm.SELECT
        return code

    def _is_loadable(self, vector: Value) -> bool:
        """Whether a vector's lanes lie in memory as floats."""
        return vector.op == "fetch" and self._bound.samplers[vector.args[0]].texel == 16

    def _vector(self, value: Value, j: int) -> bytes:
        """A vector that is read more than once: what is pending gets a local."""
        if value.op == "const":
            return self._constant(value.args[0], "v")
        if not self._depends[value] & self._jam.axis:
            j = 0
        if (value, j) not in self._locals:
            self._keep(value, j, self._raw(value, j), self._stage(value, value.level))
        return self._operand(value, j)

    def _vec4(self, value: Value, j: int, stage: int) -> bytes:
        parts = value.args
        if self._analysis.is_met(value):
            return self._transposed(value, j, stage)
        if all(p.op == "random" and p.args[1:] == parts[0].args[1:] for p in parts):
            integers = self._integer(parts[0].args[0], j, stage) + wasm.SPLAT_I32
            for lane in (1, 2, 3):
                integers += self._integer(parts[lane].args[0], j, stage) + simd(28) + bytes([lane])
            return integers + self._words(parts[0], j) + wasm.call(self._library.index("random"))
        code = self._operand(parts[0], j) + wasm.SPLAT_F32
        for lane in (1, 2, 3):
            code += self._operand(parts[lane], j) + wasm.REPLACE[lane]
        return code

    def _transposed(self, value: Value, j: int, stage: int) -> bytes:
        """One lane of four vectors: pairs of lanes are put together once, for two results."""
        vectors = meeting(value)
        assert vectors is not None
        lane = value.args[0].args[1]
        pairs = []
        for a, b in (vectors[:2], vectors[2:]):
            key = "pair", a, b, lane // 2, j if self._depends[value] & self._jam.axis else 0
            if key not in self._shared[stage]:
                code = self._vector(a, j) + self._vector(b, j)
                code += wasm.shuffle([0, 4, 1, 5] if lane < 2 else [2, 6, 3, 7])
                local = self._shared[stage][key] = self._made.local(V128)
                self._blocks[stage] += code + wasm.local_set(local)
            pairs.append(wasm.local_get(self._shared[stage][key]))
        return pairs[0] + pairs[1] + wasm.shuffle([2, 3, 6, 7] if lane % 2 else [0, 1, 4, 5])

    def _random(self, value: Value, j: int, stage: int) -> bytes:
        integer = self._integer(value.args[0], j, stage) + wasm.SPLAT_I32
        return integer + self._words(value, j) + wasm.call(self._library.index("random")) + wasm.EXTRACT[0]

    def _words(self, value: Value, j: int) -> bytes:
        """A random number's key and counter, which are integers."""
        return b"".join(self._operand(w, j) + wasm.I32_TRUNC_SAT_F32_U + wasm.SPLAT_I32 for w in value.args[1:])

    # -- memory -------------------------------------------------------------------------------------------------------

    def _fetch(self, value: Value, j: int, stage: int) -> bytes:
        place, offset = self._texel(value, j, stage, Sum(0, {}))
        if self._bound.samplers[value.args[0]].texel == 16:
            return place + wasm.v128_load(offset)
        code = place + wasm.v128_load_bytes(offset) + _BYTES_TO_INTEGERS + _INTEGERS_TO_FLOATS
        return code + self._constant(255.0, "v") + _VECTOR["div"]

    def _texel(self, fetch: Value, j: int, stage: int, within: Sum) -> tuple[bytes, int]:
        """Where a texel, or a lane of it, is loaded from: an address and an offset."""
        slot, x, y, layer = fetch.args
        shape = self._bound.samplers[slot]
        total = self._indices.address(x, y, layer, shape, j)
        if within.constant or within.terms:
            total = self._indices.simple(total.plus(within), j)
        low, high = span(total, self._bound.width, self._bound.height)
        if low >= -MARGIN and high <= shape.size + MARGIN:
            return self._sum(total, self._base(1 + slot), stage)
        return self._clamped(total, slot, shape, stage), 0

    def _clamped(self, total: Sum, slot: int, shape: Shape, stage: int) -> bytes:
        """An address that may lie anywhere, brought into the texture: nobody looks at what is there."""
        key = "clamped", slot, total.constant, tuple(total.terms.items())
        if key not in self._shared[stage]:
            place = self._number(total, stage)
            local = self._shared[stage][key] = self._made.local(I32)
            code = place + wasm.local_tee(local) + wasm.i32_const(0) + wasm.local_get(local)
            code += wasm.i32_const(shape.size) + wasm.I32_LT_U + wasm.SELECT
            code += wasm.local_get(self._base(1 + slot)) + wasm.I32_ADD
            self._blocks[stage] += code + wasm.local_set(local)
        return wasm.local_get(self._shared[stage][key])

    def _base(self, word: int) -> int:
        """The local that holds a texture's address."""
        key = "base", word
        if key not in self._locals:
            self._locals[key] = self._made.local(I32)
            code = wasm.local_get(ARGUMENTS) + wasm.i32_load(4 * word)
            self._blocks[0] += code + wasm.local_set(self._locals[key])
        return self._locals[key]

    # -- integers -----------------------------------------------------------------------------------------------------

    def _sum(self, total: Sum, base: int | None, stage: int) -> tuple[bytes, int]:
        """A sum as a local and an offset, not negative: what varies less is summed outside of what varies more."""
        offset = total.constant if total.constant >= 0 else total.constant % 65536
        place = base
        known: object = ("sum", base, total.constant - offset)
        if total.constant != offset:
            place = self._partial(known, place, wasm.i32_const(total.constant - offset), 0)
        staged: dict[int, list[tuple[Atom, int]]] = {}
        for atom, n in total.terms.items():
            if n:
                staged.setdefault(self._atom_stage(atom), []).append((atom, n))
        for at in sorted(staged):
            terms = sorted(staged[at], key=_order)
            code = b""
            for atom, n in terms:
                code += _scaled(self._atom(atom, at), n) + (wasm.I32_ADD if code else b"")
            known = (known, tuple(terms))
            place = self._partial(known, place, code, at)
        return (wasm.i32_const(0) if place is None else wasm.local_get(place)), offset

    def _partial(self, key: object, place: int | None, code: bytes, stage: int) -> int:
        local = self._shared[stage].get(key)
        if local is None:
            local = self._shared[stage][key] = self._made.local(I32)
            head = b"" if place is None else wasm.local_get(place)
            self._blocks[stage] += head + code + (b"" if place is None else wasm.I32_ADD) + wasm.local_set(local)
        return local

    def _atom_stage(self, atom: Atom) -> int:
        value = atom[0]
        if isinstance(value, str):
            return {"first": 0, "row": 1, "column": 2}[value]
        return self._stage(value, value.level)

    def _atom(self, atom: Atom, stage: int) -> bytes:
        """The code of what a sum is made of."""
        value, j = atom
        if atom in self._locals:
            return wasm.local_get(self._locals[atom])
        if atom == FIRST:
            return wasm.local_get(self._base(0))
        assert isinstance(value, Value)
        local = self._made.local(I32)
        self._blocks[stage] += self._irreducible(value, j, stage) + wasm.local_set(local)
        self._locals[atom] = local
        return wasm.local_get(local)

    def _irreducible(self, value: Value, j: int, stage: int) -> bytes:
        if value.op == "to_int":
            return self._operand(value.args[0], j) + wasm.I32_TRUNC_SAT_F32_S
        x = self._integer(value.args[0], j, stage)
        if value.op == "iclamp":
            _, low, high = value.args
            return _at_least(_at_most(x, high, self._made), low, self._made)
        n = value.args[1]
        if n & (n - 1) == 0:
            # of numbers below zero too, these are the floor and what is left of it
            shift = value.op == "idiv"
            code = wasm.i32_const(n.bit_length() - 1) + wasm.I32_SHR_S
            return x + (code if shift else wasm.i32_const(n - 1) + wasm.I32_AND)
        unsigned = value.args[0].lo >= 0
        if value.op == "idiv":
            return x + wasm.i32_const(n) + (wasm.I32_DIV_U if unsigned else wasm.I32_DIV_S)
        return x + wasm.i32_const(n) + (wasm.I32_REM_U if unsigned else wasm.I32_REM_S)

    def _integer(self, value: Value | int, j: int, stage: int) -> bytes:
        return self._number(self._indices.sum(value, j), stage)

    def _number(self, total: Sum, stage: int) -> bytes:
        terms = [(atom, n) for atom, n in total.terms.items() if n]
        if not terms:
            return wasm.i32_const(total.constant)
        if len(terms) == 1 and terms[0][1] == 1 and not total.constant:
            return self._atom(terms[0][0], self._atom_stage(terms[0][0]))
        place, offset = self._sum(total, None, stage)
        return place + (wasm.i32_const(offset) + wasm.I32_ADD if offset else b"")

    def _condition(self, value: Value, j: int) -> bytes:
        """Leaves an index predicate on the stack."""
        return self._raw(value, j)

    def _band(self, value: Value, j: int, stage: int) -> bytes:
        a, b = value.args
        if a.op == "ige" and b.op == "ilt" and a.args[1] == 0 and a.args[0] is b.args[0] and self._uses[a] == 1:
            # one comparison of unsigned numbers sees both ends
            self._pending.pop((a, j), None)
            self._pending.pop((b, j), None)
            return self._integer(a.args[0], j, stage) + wasm.i32_const(b.args[1]) + wasm.I32_LT_U
        return self._condition(a, j) + self._condition(b, j) + wasm.I32_AND

    def _ilt(self, value: Value, j: int, stage: int) -> bytes:
        return self._compared(value, j, stage, wasm.I32_LT_S)

    def _ige(self, value: Value, j: int, stage: int) -> bytes:
        return self._compared(value, j, stage, wasm.I32_GE_S)

    def _ieq(self, value: Value, j: int, stage: int) -> bytes:
        return self._compared(value, j, stage, wasm.I32_EQ)

    def _compared(self, value: Value, j: int, stage: int, code: bytes) -> bytes:
        return self._integer(value.args[0], j, stage) + self._integer(value.args[1], j, stage) + code

    def _to_float(self, value: Value, j: int, stage: int) -> bytes:
        return self._integer(value.args[0], j, stage) + wasm.F32_CONVERT_I32_S


def _order(term: tuple[Atom, int]) -> tuple:
    (value, j), n = term
    return (value, 0, j, n) if isinstance(value, str) else ("", value.id, j, n)


def _advance(local: int, by: int) -> bytes:
    """Add to a counter, and leave it on the stack."""
    return wasm.local_get(local) + wasm.i32_const(by) + wasm.I32_ADD + wasm.local_tee(local)


def _scaled(code: bytes, n: int) -> bytes:
    if n == 1:
        return code
    if n > 0 and n & (n - 1) == 0:
        return code + wasm.i32_const(n.bit_length() - 1) + wasm.I32_SHL
    return code + wasm.i32_const(n) + wasm.I32_MUL


def _at_most(code: bytes, bound: int, made: Function) -> bytes:
    return _bounded(code, bound, made, wasm.I32_LT_S)


def _at_least(code: bytes, bound: int, made: Function) -> bytes:
    return _bounded(code, bound, made, wasm.I32_GT_S)


def _bounded(code: bytes, bound: int, made: Function, keeps: bytes) -> bytes:
    local = made.local(I32)
    limit = wasm.i32_const(bound)
    return code + wasm.local_tee(local) + limit + wasm.local_get(local) + limit + keeps + wasm.SELECT
