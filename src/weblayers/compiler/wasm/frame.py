"""A draw's function in the making: blocks of code that run once, per row, per fragment or per round, and locals."""

from __future__ import annotations

from ..statements import Loop, Value, Variable
from . import assembler as wasm
from .analysis import Analysis, Jam, X, Y
from .assembler import F32, I32, V128, Function

SIGNATURE = (I32 * 3, b"")
ARGUMENTS, FROM, TO = range(3)
TYPES = {"f": F32, "v": V128, "b": I32, "i": I32}

# The blocks that are always there.
DRAW, ROWS, FRAGMENT = range(3)


class Frame:
    def __init__(self, analysis: Analysis, jam: Jam) -> None:
        self.function = Function(SIGNATURE)
        self.depends, self.jam = analysis.depends, jam
        self.blocks = [bytearray(), bytearray(), bytearray()]
        # what locals of a block hold: sums of addresses, pairs of lanes
        self.shared: list[dict[object, int]] = [{}, {}, {}]
        # what locals of the function hold: values, variables and atoms, each for one of the fragments
        self.locals: dict[object, int] = {}
        # the block of each open loop, by its level; level 0 is whatever its values depend on
        self.levels: list[int] = [FRAGMENT]
        self._constants: dict[bytes, int] = {}

    def stage(self, thing: Value | Variable | Loop, level: int) -> int:
        """The block where a statement of a level belongs."""
        if level:
            return self.levels[level]
        depends = self.depends[thing]
        return FRAGMENT if depends & X else ROWS if depends & Y else DRAW

    def instances(self, thing: Value | Variable | Loop) -> range:
        """The fragments that have a thing for themselves."""
        return range(self.jam.times if self.depends[thing] & self.jam.axis else 1)

    def local(self, type_: bytes) -> int:
        return self.function.local(type_)

    def put(self, stage: int, code: bytes, type_: bytes) -> int:
        """Have a block compute something, and keep it in a new local."""
        local = self.function.local(type_)
        self.blocks[stage] += code + wasm.local_set(local)
        return local

    def open(self) -> None:
        """Begin a block within the others."""
        self.blocks.append(bytearray())
        self.shared.append({})
        self.levels.append(len(self.blocks) - 1)

    def close(self) -> bytes:
        """The end of the innermost block: its code."""
        self.levels.pop()
        self.shared.pop()
        return bytes(self.blocks.pop())

    def constant(self, value: float, type_: str) -> bytes:
        """A number; vectors of one are made once per draw."""
        if type_ == "f":
            return wasm.f32_const(value)
        data = wasm.f32_bytes(value) * 4
        if data not in self._constants:
            self._constants[data] = self.put(DRAW, wasm.v128_const(data), V128)
        return wasm.local_get(self._constants[data])

    def argument(self, word: int) -> int:
        """The local that holds one of the draw's integers: the first column, or a texture's address."""
        key = "argument", word
        if key not in self.locals:
            self.locals[key] = self.put(DRAW, wasm.local_get(ARGUMENTS) + wasm.i32_load(4 * word), I32)
        return self.locals[key]
