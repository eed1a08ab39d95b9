"""Which instructions compute a shader's operations, on one number and on four."""

from __future__ import annotations

from .assembler import I32_AND, simd

FLOAT = {
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
VECTOR = {
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
COMPARISONS = {"eq": (b"\x5b", simd(65)), "lt": (b"\x5d", simd(67)), "le": (b"\x5f", simd(69))}
UNEQUAL = (b"\x5c", simd(66))
CONJOIN, DISJOIN, WITHOUT = (I32_AND, simd(78)), (b"\x72", simd(80)), simd(79)
NOT = (b"\x45", simd(77))
PREDICATES = frozenset(("eq", "lt", "le", "and", "or", "not", "isnan"))
# of the four low lanes: i16x8.extend_low_i8x16_u, i32x4.extend_low_i16x8_u, f32x4.convert_i32x4_u
BYTES_TO_FLOATS = simd(137) + simd(169) + simd(251)
