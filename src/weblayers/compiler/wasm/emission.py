"""Prints a shader as a WebAssembly function: loops over the rows and columns of a draw, with the shader inside.

The function has three parameters: where the draw's numbers lie in memory (its first column, the addresses of its
textures, its uniforms), and the rows to draw. All else is literal: extents, strides, counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..shader import Shader
from ..statements import Assign, Leave, Loop, Statement, Value, Variable
from . import assembler as wasm
from .addresses import COLUMN, FIRST, ROW, Shape, Sum
from .analysis import NONE, Analysis, X, Y, is_lane, meeting
from .assembler import I32, V128, Function, simd
from .frame import ARGUMENTS, FRAGMENT, FROM, ROWS, TO, TYPES, Frame
from .instructions import (
    BYTES_TO_FLOATS,
    COMPARISONS,
    CONJOIN,
    DISJOIN,
    FLOAT,
    NOT,
    PREDICATES,
    UNEQUAL,
    VECTOR,
    WITHOUT,
)
from .integers import Integers
from .mathematics import FUNCTIONS
from .vectors import write

# What is written where it is called: longer functions are not, as their variables would not stay in registers.
INLINED = frozenset(("exp",))
# Longer expressions get a local of their own.
MAX_EXPRESSION = 300

Key = tuple[Value, int]
_NOTHING: frozenset[Variable] = frozenset()


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


def printed(shader: Shader, analysis: Analysis, bound: Bound, library: Library, relaxed: bool) -> Function:
    """The function of a draw. ``relaxed``: products and sums may be rounded together."""
    return _Printer(shader, analysis, bound, library, relaxed).function()


class _Printer:
    def __init__(self, shader: Shader, analysis: Analysis, bound: Bound, library: Library, relaxed: bool) -> None:
        self._shader, self._analysis, self._bound, self._library = shader, analysis, bound, library
        self._jam = analysis.jam(bound.width, bound.height) if bound.width * bound.height > 1 else NONE
        self._frame = Frame(analysis, self._jam)
        self._integers = Integers(self._frame, bound.width, bound.height, self._operand)
        self._relaxed = relaxed
        self._pending: dict[Key, Pending] = {}
        self._written: dict[str, bytes] = {}

    # -- the draw -----------------------------------------------------------------------------------------------------

    def function(self) -> Function:
        frame, width, jam = self._frame, self._bound.width, self._jam
        row, column = frame.local(I32), frame.local(I32)
        frame.locals |= {ROW: row, COLUMN: column}
        if jam.axis == Y:
            frame.locals[ROW] = self._inside(row, wasm.local_get(TO), ROWS)
        elif jam.axis == X and width % jam.times:
            frame.locals[COLUMN] = self._inside(column, wasm.i32_const(width), FRAGMENT)
        self._statements(self._shader.body, 0)
        self._store()
        once, rows, fragment = frame.blocks
        code = frame.function.code
        code += once + wasm.local_get(FROM) + wasm.local_set(row)
        code += wasm.LOOP + rows + wasm.i32_const(0) + wasm.local_set(column)
        code += wasm.LOOP + fragment
        code += _until(column, jam.times if jam.axis == X else 1, wasm.i32_const(width))
        code += _until(row, jam.times if jam.axis == Y else 1, wasm.local_get(TO))
        return frame.function

    def _inside(self, counter: int, end: bytes, block: int) -> int:
        """The counter, or less where several from it on would go beyond the end: some are then drawn again."""
        last = end + wasm.i32_const(self._jam.times) + wasm.I32_SUB
        code = wasm.local_get(counter) + last + wasm.local_get(counter) + last + wasm.I32_LT_S + wasm.SELECT
        return self._frame.put(block, code, I32)

    def _store(self) -> None:
        first = 1 + len(self._bound.samplers)
        for j in range(self._jam.times):
            for value, (number, layer, shape) in zip(self._shader.outputs, self._bound.targets, strict=True):
                step = shape.layers * shape.row if self._jam.axis == Y else shape.texel
                along = {ROW: shape.layers * shape.row, FIRST: shape.texel, COLUMN: shape.texel}
                total = Sum(layer * shape.row + j * step, along)
                place, offset = self._integers.sum(total, self._frame.argument(first + number))
                self._frame.blocks[FRAGMENT] += place + self._operand(value, j) + wasm.v128_store(offset)

    # -- statements ---------------------------------------------------------------------------------------------------

    def _statements(self, block: Sequence[Statement], level: int) -> None:
        for s in block:
            if isinstance(s, Value):
                if s.type != "i" and self._analysis.uses.get(s) and s.op not in ("const", "index"):
                    self._value(s, level)
            elif isinstance(s, Variable):
                stage = self._frame.stage(s, level)
                for j in self._frame.instances(s):
                    local = self._frame.locals[s, j] = self._frame.local(TYPES[s.type])
                    self._frame.blocks[stage] += self._frame.constant(s.init, s.type) + wasm.local_set(local)
            elif isinstance(s, Assign):
                self._assign(s, level)
            elif isinstance(s, Leave):
                self._frame.blocks[self._frame.levels[level]] += self._condition(s.condition, 0) + wasm.branch_if(1)
            else:
                self._loop(s, level)

    def _value(self, value: Value, level: int) -> None:
        stage = self._frame.stage(value, level)
        if value.op == "fetch" and value not in self._analysis.whole:
            return  # its lanes are loaded by themselves
        is_nested = stage >= FRAGMENT and self._analysis.is_single(value, self._jam)
        for j in self._frame.instances(value):
            if not is_nested:
                self._keep(value, j, self._code(value, j), stage)
                continue
            reads = self._reads(value, j)
            code = self._code(value, j)
            if len(code) < MAX_EXPRESSION:
                self._pending[value, j] = Pending(code, reads)
            else:
                self._keep(value, j, code, stage)

    def _reads(self, value: Value, j: int) -> frozenset[Variable]:
        """The variables that an expression reads, as far as it is not written yet."""
        if value.op == "read":
            return frozenset((value.args[0],))
        pending = [self._pending[a, j].reads for a in value.args if (a, j) in self._pending]
        return frozenset().union(*pending) if pending else _NOTHING

    def _keep(self, value: Value, j: int, code: bytes, stage: int) -> None:
        mask = value.op in PREDICATES and value.type == "f"
        self._frame.locals[value, j] = self._frame.put(stage, code, I32 if mask else TYPES[value.type])

    def _assign(self, s: Assign, level: int) -> None:
        stage = self._frame.stage(s.variable, level)
        codes = [self._operand(s.value, j) for j in self._frame.instances(s.variable)]
        self._flush(s.variable)
        block = self._frame.blocks[stage]
        # all before any: one fragment's variable may be read for another's
        for j, code in enumerate(codes):
            block += code + wasm.local_set(self._frame.locals[s.variable, j])

    def _flush(self, variable: Variable | None) -> None:
        """Write what reads a variable that is about to change (any, before a loop)."""
        for (value, j), pending in list(self._pending.items()):
            if pending.reads and (variable is None or variable in pending.reads):
                del self._pending[value, j]
                self._keep(value, j, pending.code, self._frame.stage(value, value.level))

    def _loop(self, loop: Loop, level: int) -> None:
        self._flush(None)
        frame = self._frame
        stage, index = frame.stage(loop, level), frame.local(I32)
        frame.locals[loop.index, 0] = index
        frame.open()
        self._statements(loop.body, level + 1)
        self._flush(None)
        body = frame.close()
        leaves = any(isinstance(s, Leave) for s in loop.body)
        code = wasm.i32_const(0) + wasm.local_set(index) + wasm.BLOCK * leaves + wasm.LOOP + body
        frame.blocks[stage] += code + _until(index, 1, wasm.i32_const(loop.count)) + wasm.END * leaves

    # -- values -------------------------------------------------------------------------------------------------------

    def _operand(self, value: Value, j: int) -> bytes:
        """Leaves a number or a vector on the stack."""
        code = self._raw(value, j)
        if value.op in PREDICATES:
            if value.type == "v":
                return code + self._frame.constant(1.0, "v") + CONJOIN[1]
            return code + wasm.F32_CONVERT_I32_S
        return code

    def _mask(self, value: Value, j: int) -> bytes:
        """Leaves on the stack whether a value is not zero."""
        if value.op in PREDICATES:
            return self._raw(value, j)
        return self._raw(value, j) + self._frame.constant(0.0, value.type) + UNEQUAL[value.type == "v"]

    def _raw(self, value: Value, j: int) -> bytes:
        """A value's code; predicates are masks."""
        if value.op == "const":
            return self._frame.constant(value.args[0], value.type)
        if not self._frame.depends[value] & self._jam.axis:
            j = 0
        key = value, j
        if key in self._frame.locals:
            return wasm.local_get(self._frame.locals[key])
        if key in self._pending:
            return self._pending.pop(key).code
        # what is not kept, since it costs next to nothing
        return self._code(value, j)

    def _code(self, value: Value, j: int) -> bytes:
        op, args, wide = value.op, value.args, value.type == "v"
        plain = (VECTOR if wide else FLOAT).get(op)
        if plain is not None:
            return b"".join([self._operand(a, j) for a in args]) + plain
        if op == "fma":
            return self._multiply_add(value, j)
        special = _SPECIAL.get(op)
        if special is not None:
            return special(self, value, j)
        if op in COMPARISONS:
            return self._operand(args[0], j) + self._operand(args[1], j) + COMPARISONS[op][wide]
        return self._called(value, j)

    def _multiply_add(self, value: Value, j: int) -> bytes:
        a, b, c = (self._operand(x, j) for x in value.args)
        if value.type == "v":
            return a + b + c + wasm.RELAXED_MADD if self._relaxed else a + b + VECTOR["mul"] + c + VECTOR["add"]
        return a + b + FLOAT["mul"] + c + FLOAT["add"]

    def _called(self, value: Value, j: int) -> bytes:
        if value.type == "v" and value.op in INLINED:
            return self._inlined(value, j)
        index = self._library.index(value.op)
        if value.type == "v":
            return b"".join([self._operand(a, j) for a in value.args]) + wasm.call(index)
        splats = b"".join([self._operand(a, j) + wasm.SPLAT_F32 for a in value.args])
        return splats + wasm.call(index) + wasm.EXTRACT[0]

    def _inlined(self, value: Value, j: int) -> bytes:
        """A function's instructions in the place of a call, before which registers would have to be saved."""
        if value.op not in self._written:
            # it ends before it begins anew: all its places can have the same variables
            function, local = self._frame.function, self._frame.local(V128)
            kept, function.code = function.code, bytearray()
            write(function, FUNCTIONS[value.op], [local], self._relaxed)
            self._written[value.op] = wasm.local_set(local) + bytes(function.code)
            function.code = kept
        return self._operand(value.args[0], j) + self._written[value.op]

    def op_read(self, value: Value, j: int) -> bytes:
        return wasm.local_get(self._frame.locals[value.args[0], j])

    def op_uniform(self, value: Value, j: int) -> bytes:
        at = 1 + len(self._bound.samplers) + self._bound.textures + value.args[0]
        return wasm.local_get(ARGUMENTS) + wasm.f32_load(4 * at)

    def op_relu(self, value: Value, j: int) -> bytes:
        x = self._operand(value.args[0], j)
        if value.type == "f":
            return x + wasm.f32_const(0.0) + FLOAT["max"]
        # what is not at most zero: NaN stays
        local = self._frame.local(V128)
        zero = self._frame.constant(0.0, "v")
        return x + wasm.local_tee(local) + wasm.local_get(local) + zero + COMPARISONS["le"][1] + WITHOUT

    def op_rsqrt(self, value: Value, j: int) -> bytes:
        # not a call, before which whatever is in registers would have to be saved
        arithmetic = FLOAT if value.type == "f" else VECTOR
        x = self._operand(value.args[0], j) + arithmetic["sqrt"]
        return self._frame.constant(1.0, value.type) + x + arithmetic["div"]

    def op_isnan(self, value: Value, j: int) -> bytes:
        wide = value.type == "v"
        local = self._frame.local(TYPES[value.type])
        return self._operand(value.args[0], j) + wasm.local_tee(local) + wasm.local_get(local) + UNEQUAL[wide]

    def op_not(self, value: Value, j: int) -> bytes:
        return self._mask(value.args[0], j) + NOT[value.type == "v"]

    def op_and(self, value: Value, j: int) -> bytes:
        return self._mask(value.args[0], j) + self._mask(value.args[1], j) + CONJOIN[value.type == "v"]

    def op_or(self, value: Value, j: int) -> bytes:
        return self._mask(value.args[0], j) + self._mask(value.args[1], j) + DISJOIN[value.type == "v"]

    def op_where(self, value: Value, j: int) -> bytes:
        condition, a, b = value.args
        code = self._operand(a, j) + self._operand(b, j) + self._mask(condition, j)
        return code + (wasm.BITSELECT if value.type == "v" else wasm.SELECT)

    def op_select(self, value: Value, j: int) -> bytes:
        condition, a, b = value.args
        return self._operand(a, j) + self._operand(b, j) + self._condition(condition, j) + wasm.SELECT

    # -- lanes --------------------------------------------------------------------------------------------------------

    def op_splat(self, value: Value, j: int) -> bytes:
        (x,) = value.args
        if is_lane(x):
            vector, lane = x.args
            if self._is_loadable(vector):
                place, offset = self._integers.texel(vector, self._bound.samplers[vector.args[0]], j, lane)
                return place + wasm.v128_load_splat(offset)
            local = self._vector(vector, j)
            return local + local + wasm.shuffle([lane] * 4)
        return self._operand(x, j) + wasm.SPLAT_F32

    def op_component(self, value: Value, j: int) -> bytes:
        vector, lane = value.args
        if self._is_loadable(vector):
            place, offset = self._integers.texel(vector, self._bound.samplers[vector.args[0]], j, lane)
            return place + wasm.f32_load(offset)
        if isinstance(lane, int):
            return self._operand(vector, j) + wasm.EXTRACT[lane]
        local, number = self._vector(vector, j), self._frame.local(I32)
        code = self._integers.code(lane, j) + wasm.local_set(number) + local + wasm.EXTRACT[0]
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
            return self._frame.constant(value.args[0], "v")
        if not self._frame.depends[value] & self._jam.axis:
            j = 0
        if (value, j) not in self._frame.locals:
            self._keep(value, j, self._raw(value, j), self._frame.stage(value, value.level))
        return self._operand(value, j)

    def op_vec4(self, value: Value, j: int) -> bytes:
        parts = value.args
        if self._analysis.is_met(value):
            return self._transposed(value, j)
        if all(p.op == "random" and p.args[1:] == parts[0].args[1:] for p in parts):
            integers = self._integers.code(parts[0].args[0], j) + wasm.SPLAT_I32
            for lane in (1, 2, 3):
                integers += self._integers.code(parts[lane].args[0], j) + simd(28) + bytes([lane])
            return integers + self._words(parts[0], j) + wasm.call(self._library.index("random"))
        code = self._operand(parts[0], j) + wasm.SPLAT_F32
        for lane in (1, 2, 3):
            code += self._operand(parts[lane], j) + wasm.REPLACE[lane]
        return code

    def _transposed(self, value: Value, j: int) -> bytes:
        """One lane of four vectors: pairs of lanes are put together once, for two results."""
        vectors = meeting(value)
        assert vectors is not None
        lane, stage = value.args[0].args[1], self._frame.stage(value, value.level)
        pairs = []
        for a, b in (vectors[:2], vectors[2:]):
            key = "pair", a, b, lane // 2, j if self._frame.depends[value] & self._jam.axis else 0
            if key not in self._frame.shared[stage]:
                code = self._vector(a, j) + self._vector(b, j)
                code += wasm.shuffle([0, 4, 1, 5] if lane < 2 else [2, 6, 3, 7])
                self._frame.shared[stage][key] = self._frame.put(stage, code, V128)
            pairs.append(wasm.local_get(self._frame.shared[stage][key]))
        return pairs[0] + pairs[1] + wasm.shuffle([2, 3, 6, 7] if lane % 2 else [0, 1, 4, 5])

    def op_random(self, value: Value, j: int) -> bytes:
        integer = self._integers.code(value.args[0], j) + wasm.SPLAT_I32
        return integer + self._words(value, j) + wasm.call(self._library.index("random")) + wasm.EXTRACT[0]

    def _words(self, value: Value, j: int) -> bytes:
        """A random number's key and counter, which are integers."""
        return b"".join(self._operand(w, j) + wasm.I32_TRUNC_SAT_F32_U + wasm.SPLAT_I32 for w in value.args[1:])

    # -- memory -------------------------------------------------------------------------------------------------------

    def op_fetch(self, value: Value, j: int) -> bytes:
        shape = self._bound.samplers[value.args[0]]
        place, offset = self._integers.texel(value, shape, j)
        if shape.texel == 16:
            return place + wasm.v128_load(offset)
        code = place + wasm.v128_load_bytes(offset) + BYTES_TO_FLOATS
        return code + self._frame.constant(255.0, "v") + VECTOR["div"]

    # -- predicates ---------------------------------------------------------------------------------------------------

    def _condition(self, value: Value, j: int) -> bytes:
        """Leaves an index predicate on the stack."""
        return self._raw(value, j)

    def op_band(self, value: Value, j: int) -> bytes:
        a, b = value.args
        both = a.op == "ige" and b.op == "ilt" and a.args[1] == 0 and a.args[0] is b.args[0]
        if both and self._analysis.uses[a] == 1:
            # one comparison of unsigned numbers sees both ends
            self._pending.pop((a, j), None)
            self._pending.pop((b, j), None)
            return self._integers.code(a.args[0], j) + wasm.i32_const(b.args[1]) + wasm.I32_LT_U
        return self._condition(a, j) + self._condition(b, j) + wasm.I32_AND

    def op_ilt(self, value: Value, j: int) -> bytes:
        return self._compared(value, j, wasm.I32_LT_S)

    def op_ige(self, value: Value, j: int) -> bytes:
        return self._compared(value, j, wasm.I32_GE_S)

    def op_ieq(self, value: Value, j: int) -> bytes:
        return self._compared(value, j, wasm.I32_EQ)

    def _compared(self, value: Value, j: int, code: bytes) -> bytes:
        return self._integers.code(value.args[0], j) + self._integers.code(value.args[1], j) + code

    def op_to_float(self, value: Value, j: int) -> bytes:
        return self._integers.code(value.args[0], j) + wasm.F32_CONVERT_I32_S


# What is more than an instruction or a function has a method.
_SPECIAL = {name.removeprefix("op_"): method for name, method in vars(_Printer).items() if name.startswith("op_")}


def _until(counter: int, step: int, end: bytes) -> bytes:
    """The end of a loop: on to the next round, as long as the counter is below a number."""
    code = wasm.local_get(counter) + wasm.i32_const(step) + wasm.I32_ADD + wasm.local_tee(counter)
    return code + end + wasm.I32_LT_S + wasm.branch_if(0) + wasm.END
