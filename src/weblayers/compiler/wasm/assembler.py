"""The binary format of WebAssembly: numbers, instructions, functions and modules, as far as plans need them.

https://webassembly.github.io/spec/core/binary/index.html
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

I32, F32, F64, V128 = b"\x7f", b"\x7d", b"\x7c", b"\x7b"


def _encoded(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


# most numbers are small: indices of locals, lanes, offsets
_SMALL = [_encoded(i) for i in range(4096)]


def unsigned(value: int) -> bytes:
    """LEB128."""
    return _SMALL[value] if value < 4096 else _encoded(value)


def signed(value: int) -> bytes:
    """Signed LEB128."""
    out = bytearray()
    while not -64 <= value < 64:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value & 127)
    return bytes(out)


def simd(code: int) -> bytes:
    """An instruction on vectors."""
    return b"\xfd" + _encoded(code)


# -- instructions -------------------------------------------------------------------------------------------------

BLOCK, LOOP, END = b"\x02\x40", b"\x03\x40", b"\x0b"
SELECT = b"\x1b"

I32_ADD, I32_SUB, I32_MUL, I32_DIV_S, I32_DIV_U = b"\x6a", b"\x6b", b"\x6c", b"\x6d", b"\x6e"
I32_REM_S, I32_REM_U, I32_AND, I32_SHL, I32_SHR_S, I32_SHR_U = b"\x6f", b"\x70", b"\x71", b"\x74", b"\x75", b"\x76"
I32_EQ, I32_LT_S, I32_LT_U, I32_GT_S, I32_GE_S = b"\x46", b"\x48", b"\x49", b"\x4a", b"\x4e"
I32_TRUNC_SAT_F32_S, I32_TRUNC_SAT_F32_U = b"\xfc\x00", b"\xfc\x01"
F32_CONVERT_I32_S = b"\xb2"
SPLAT_I32, SPLAT_F32 = simd(17), simd(19)
EXTRACT = [simd(31) + bytes([i]) for i in range(4)]
REPLACE = [simd(32) + bytes([i]) for i in range(4)]
BITSELECT = simd(82)
RELAXED_MADD = simd(0x105)


def local_get(index: int) -> bytes:
    return b"\x20" + unsigned(index)


def local_set(index: int) -> bytes:
    return b"\x21" + unsigned(index)


def local_tee(index: int) -> bytes:
    return b"\x22" + unsigned(index)


def branch_if(depth: int) -> bytes:
    return b"\x0d" + unsigned(depth)


def call(index: int) -> bytes:
    return b"\x10" + unsigned(index)


def i32_const(value: int) -> bytes:
    return b"\x41" + signed(value)


def f32_const(value: float) -> bytes:
    return b"\x43" + f32_bytes(value)


def v128_const(lanes: bytes) -> bytes:
    return simd(12) + lanes


def f32_bytes(value: float) -> bytes:
    """The bytes of the nearest float32; what lies beyond all of them is the largest."""
    try:
        return struct.pack("<f", value)
    except OverflowError:
        return b"\xff\xff\x7f\x7f" if value > 0 else b"\xff\xff\x7f\xff"


def i32_load(offset: int) -> bytes:
    return b"\x28\x02" + unsigned(offset)


def f32_load(offset: int) -> bytes:
    return b"\x2a\x02" + unsigned(offset)


def v128_load(offset: int) -> bytes:
    return b"\xfd\x00\x04" + unsigned(offset)


def v128_load_splat(offset: int) -> bytes:
    """The same float32 in all lanes."""
    return b"\xfd\x09\x02" + unsigned(offset)


def v128_load_bytes(offset: int) -> bytes:
    """Four bytes, in the first lane."""
    return b"\xfd\x5c\x02" + unsigned(offset)


def v128_store(offset: int) -> bytes:
    return b"\xfd\x0b\x04" + unsigned(offset)


def shuffle(lanes: Sequence[int]) -> bytes:
    """Four lanes of two vectors' eight."""
    return simd(13) + bytes(4 * lane + i for lane in lanes for i in range(4))


# -- functions and modules ------------------------------------------------------------------------------------------

Signature = tuple[bytes, bytes]  # types of parameters, types of results


@dataclass
class Function:
    """A function in the making: its parameters are its first locals."""

    signature: Signature
    locals: bytearray = field(default_factory=bytearray)
    code: bytearray = field(default_factory=bytearray)

    def local(self, type_: bytes) -> int:
        """A new local variable."""
        self.locals += type_
        return len(self.signature[0]) + len(self.locals) - 1

    def body(self) -> bytes:
        runs: list[list[int]] = []
        for type_ in self.locals:
            if runs and runs[-1][1] == type_:
                runs[-1][0] += 1
            else:
                runs.append([1, type_])
        declared = _vector(unsigned(n) + bytes([type_]) for n, type_ in runs)
        return _sized(declared + bytes(self.code) + END)


def module(functions: Sequence[Function], exports: Iterable[tuple[str, int]]) -> bytes:
    """A module over the memory ``m.m``, with functions exported by name."""
    signatures = list(dict.fromkeys(f.signature for f in functions))
    types = _vector(b"\x60" + _vector(_singles(p)) + _vector(_singles(r)) for p, r in signatures)
    # at least one page, and no most: any memory fits
    memory = _vector([_name("m") + _name("m") + b"\x02\x00\x01"])
    indices = _vector(unsigned(signatures.index(f.signature)) for f in functions)
    exported = _vector(_name(name) + b"\x00" + unsigned(i) for name, i in exports)
    code = _vector(f.body() for f in functions)
    sections = [(1, types), (2, memory), (3, indices), (7, exported), (10, code)]
    return b"\x00asm\x01\x00\x00\x00" + b"".join(bytes([number]) + _sized(data) for number, data in sections)


def _singles(data: bytes) -> list[bytes]:
    return [bytes([b]) for b in data]


def _vector(items: Iterable[bytes]) -> bytes:
    items = list(items)
    return unsigned(len(items)) + b"".join(items)


def _sized(data: bytes) -> bytes:
    return unsigned(len(data)) + data


def _name(text: str) -> bytes:
    return _sized(text.encode())
