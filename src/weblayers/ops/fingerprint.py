"""FarmHash's 64-bit fingerprint of bytes, which TensorFlow sorts strings into buckets by."""

from __future__ import annotations

_MASK = (1 << 64) - 1
# Primes between 2^63 and 2^64.
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
_SEED = 81


def fingerprint64(data: bytes) -> int:
    """The fingerprint, below 2^64.

    >>> hex(fingerprint64(b""))
    '0x9ae16a3b2f90404f'
    """
    if len(data) <= 16:
        return _up_to_16(data)
    if len(data) <= 32:
        return _up_to_32(data)
    return _up_to_64(data) if len(data) <= 64 else _longer(data)


def joined_fingerprints(first: int, second: int) -> int:
    """One fingerprint of two, as TensorFlow crosses features."""
    factor = 0xC6A4A7935BD1E995
    value = (first ^ factor ^ _mixed(second * factor) * factor) * factor & _MASK
    return _mixed(_mixed(value) * factor)


def _word(data: bytes, at: int, size: int = 8) -> int:
    """An integer at a place, from the end if that is negative."""
    at += len(data) if at < 0 else 0
    return int.from_bytes(data[at : at + size], "little")


def _turn(value: int, bits: int) -> int:
    """64 bits turned to the right."""
    value &= _MASK
    return (value >> bits | value << (64 - bits)) & _MASK


def _mixed(value: int) -> int:
    value &= _MASK
    return value ^ value >> 47


def _joined(u: int, v: int, factor: int) -> int:
    first = _mixed((u ^ v) * factor)
    return _mixed((v ^ first) * factor) * factor & _MASK


def _up_to_16(data: bytes) -> int:
    size = len(data)
    factor = _K2 + size * 2
    if size >= 8:
        a, b = (_word(data, 0) + _K2) & _MASK, _word(data, -8)
        return _joined((_turn(b, 37) * factor + a) & _MASK, (_turn(a, 25) + b) * factor & _MASK, factor)
    if size >= 4:
        return _joined(size + (_word(data, 0, 4) << 3), _word(data, -4, 4), factor)
    if size:
        first, second = data[0] + (data[size >> 1] << 8), size + (data[-1] << 2)
        return _mixed(first * _K2 ^ second * _K0) * _K2 & _MASK
    return _K2


def _sums(data: bytes, factor: int, first: int) -> tuple[int, int]:
    """What is made of the first and last 16 bytes."""
    a, b = _word(data, 0) * first & _MASK, _word(data, 8)
    c, d = _word(data, -8) * factor & _MASK, _word(data, -16) * _K2
    return (_turn(a + b, 43) + _turn(c, 30) + d) & _MASK, (a + _turn(b + _K2, 18) + c) & _MASK


def _up_to_32(data: bytes) -> int:
    factor = _K2 + len(data) * 2
    return _joined(*_sums(data, factor, _K1), factor)


def _up_to_64(data: bytes) -> int:
    factor = _K2 + len(data) * 2
    y, other = _sums(data, factor, _K2)
    z = _joined(y, other, factor)
    a = _word(data, 0) * _K2
    e, f = _word(data, 16) * factor, _word(data, 24)
    g, h = (y + _word(data, -32)) * factor, (z + _word(data, -24)) * factor
    return _joined((_turn(e + f, 43) + _turn(g, 30) + h) & _MASK, (e + _turn(f + a, 18) + g) & _MASK, factor)


def _weak(data: bytes, at: int, a: int, b: int) -> tuple[int, int]:
    """A hash of 32 bytes and two seeds."""
    w, x, y, z = (_word(data, at + 8 * i) for i in range(4))
    a += w
    b = _turn(b + a + z, 21)
    c = a
    a += x + y
    return (a + z) & _MASK, (b + _turn(a, 44) + c) & _MASK


def _longer(data: bytes) -> int:
    """Blocks of 64 bytes, and the last 64 once more with other factors."""
    y = (_SEED * _K1 + 113) & _MASK
    z = _mixed(y * _K2 + 113) * _K2 & _MASK
    x = (_SEED * _K2 + _word(data, 0)) & _MASK
    v, w = (0, 0), (0, 0)
    end = (len(data) - 1) // 64 * 64
    for at in range(0, end, 64):
        x, y, z, v, w = _block(data, at, x, y, z, v, w, _K1, 1)
    factor = (_K1 + ((z & 0xFF) << 1)) & _MASK
    w = ((w[0] + ((len(data) - 1) & 63)) & _MASK, w[1])
    v = ((v[0] + w[0]) & _MASK, v[1])
    w = ((w[0] + v[0]) & _MASK, w[1])
    x, y, z, v, w = _block(data, len(data) - 64, x, y, z, v, w, factor, 9)
    first = _joined(v[0], w[0], factor) + _mixed(y) * _K0 + z
    return _joined(first & _MASK, (_joined(v[1], w[1], factor) + x) & _MASK, factor)


def _block(
    data: bytes, at: int, x: int, y: int, z: int, v: tuple[int, int], w: tuple[int, int], factor: int, weight: int
) -> tuple[int, int, int, tuple[int, int], tuple[int, int]]:
    """The state after 64 more bytes."""
    x = _turn(x + y + v[0] + _word(data, at + 8), 37) * factor & _MASK
    y = _turn(y + v[1] + _word(data, at + 48), 42) * factor & _MASK
    x ^= w[1] * weight & _MASK
    y = (y + v[0] * weight + _word(data, at + 40)) & _MASK
    z = _turn(z + w[0], 33) * factor & _MASK
    v = _weak(data, at, v[1] * factor & _MASK, x + w[0])
    w = _weak(data, at + 32, z + w[1], y + _word(data, at + 16))
    return z, y, x, v, w
