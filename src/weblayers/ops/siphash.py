"""SipHash-2-4 of bytes, which TensorFlow sorts strings into buckets by where a key is given.

Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012).
"""

from __future__ import annotations

from collections.abc import Sequence

_MASK = (1 << 64) - 1
# "somepseudorandomlygeneratedbytes"
_START = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)


def siphash64(data: bytes, key: Sequence[int]) -> int:
    """The hash under a key of two numbers, below 2^64.

    The paper's example:

    >>> hex(siphash64(bytes(range(15)), (0x0706050403020100, 0x0F0E0D0C0B0A0908)))
    '0xa129ca6149be45e5'
    """
    low, high = (k & _MASK for k in key)
    state = [start ^ part for start, part in zip(_START, (low, high, low, high), strict=True)]
    # the last word has the length in its last byte
    whole = data + bytes(7 - len(data) % 8) + bytes([len(data) & 0xFF])
    for at in range(0, len(whole), 8):
        word = int.from_bytes(whole[at : at + 8], "little")
        state[3] ^= word
        _turn(state, 2)
        state[0] ^= word
    state[2] ^= 0xFF
    _turn(state, 4)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def _left(value: int, bits: int) -> int:
    return (value << bits | value >> (64 - bits)) & _MASK


def _turn(state: list[int], rounds: int) -> None:
    a, b, c, d = state
    for _ in range(rounds):
        a, c = (a + b) & _MASK, (c + d) & _MASK
        b, d = _left(b, 13) ^ a, _left(d, 16) ^ c
        a, c = (_left(a, 32) + d) & _MASK, (c + b) & _MASK
        b, d = _left(b, 17) ^ c, _left(d, 21) ^ a
        c = _left(c, 32)
    state[:] = a, b, c, d
