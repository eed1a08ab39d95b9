"""Discrete Fourier transforms of last axes, of any length, in O(n log n).

A length is split into factors, and transforms of those are products with small matrices, which GPUs are best at.
Cooley and Tukey (1965). Lengths with large prime factors become convolutions of a length that has none: Bluestein
(1970).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph import build as b
from ..graph.node import Node
from ..runtime.conversion import to_tensor
from ..runtime.tensor import Tensor
from .complex import ComplexTensor, as_complex
from .dispatch import method, op, public

# Transforms up to this length are one product, as are those of prime lengths up to the next.
SMALL = 48
LARGEST_FACTOR = 96


@method
def fft(input: Any) -> ComplexTensor:
    """The discrete Fourier transform of the last axis, of any length.

    >>> import weblayers as wl
    >>> wl.fft(wl.complex([1.0, 2.0], [0.0, 0.0])).array_sync()
    [(3+0j), (-1+0j)]
    """
    return _transformed(as_complex(input), False)


@method
def ifft(input: Any) -> ComplexTensor:
    """The inverse of :func:`fft`.

    >>> import weblayers as wl
    >>> wl.ifft(wl.complex([3.0, -1.0], [0.0, 0.0])).array_sync()
    [(1+0j), (2+0j)]
    """
    return _transformed(as_complex(input), True)


@method
def rfft(input: Any, fft_length: int | None = None) -> ComplexTensor:
    """The first half of the transform of real values, ``fft_length // 2 + 1`` numbers: the others are their conjugates.

    Args:
        input: real values; the last axis is cut off, or filled up with zeros, to ``fft_length``.
        fft_length: the size of the last axis by default.

    >>> import weblayers as wl
    >>> wl.rfft([1.0, 2.0, 3.0]).shape
    (2,)
    """
    if isinstance(input, ComplexTensor):
        raise TypeError("rfft wants real values, but these are complex64; use wl.fft")
    return ComplexTensor(*_rfft(input, fft_length))


@method
def irfft(input: Any) -> Any:
    """The real values whose :func:`rfft` is given: ``2 * (n - 1)`` of them for n > 1 numbers.

    >>> import weblayers as wl
    >>> wl.irfft(wl.rfft([1.0, 2.0, 3.0, 4.0])).array_sync()
    [1.0, 2.0, 3.0, 4.0]
    """
    half = as_complex(input)
    return _irfft(half.parts[0], half.parts[1])


def _transformed(x: ComplexTensor, inverse: bool) -> ComplexTensor:
    return ComplexTensor(*_fft(x.parts[0], x.parts[1], inverse))


@op("real", "imag")
def _fft(real: Any, imag: Any, inverse: bool) -> Any:
    return _over_rows(real, imag, inverse)


@op("x")
def _rfft(x: Any, length: int | None) -> Any:
    return half_transform(x, length)


def half_transform(x: Node, length: int | None) -> list[Node]:
    """The real and imaginary parts that :func:`rfft` gives."""
    _check_axis(x)
    x = b.cast(x, "float32")
    size = x.shape[-1]
    length = size if length is None else length
    if length < 1:
        raise ValueError(f"rfft: fft_length must be positive, got {length}")
    zeros = [0] * (len(x.shape) - 1)
    x = b.slice_(x, [*zeros, 0], [*x.shape[:-1], min(size, length)])
    x = b.pad(x, [*zeros, 0], [*zeros, max(0, length - size)])
    return [_first(part, length // 2 + 1) for part in _over_rows(x, None, False)]


@op("real", "imag")
def _irfft(real: Any, imag: Any) -> Any:
    _check_axis(real)
    size = real.shape[-1]
    if size > 2:
        last = len(real.shape) - 1
        start = [0] * last
        inner = [b.slice_(p, [*start, 1], [*p.shape[:-1], size - 1]) for p in (real, imag)]
        mirrored = [b.reverse(p, [last]) for p in inner]
        real = b.concat([real, mirrored[0]], last)
        imag = b.concat([imag, b.neg(mirrored[1])], last)
    return _over_rows(real, imag, True)[0]


def _first(x: Node, count: int) -> Node:
    return b.slice_(x, [0] * len(x.shape), (*x.shape[:-1], count))


def _check_axis(x: Node) -> None:
    if not x.shape or x.shape[-1] == 0:
        raise ValueError(f"a Fourier transform wants at least one value in the last axis, got shape {list(x.shape)}")


def _over_rows(real: Node, imag: Node | None, inverse: bool) -> list[Node]:
    """The transform of last axes; no imaginary part means zeros, which are not computed with."""
    _check_axis(real)
    *lead, n = real.shape
    rows = math.prod(lead)
    flat = [b.reshape(p, (rows, n)) for p in (real, imag) if p is not None]
    sign = 1 if inverse else -1
    out = _transform(flat, n, sign)
    if inverse:
        out = [p * (1 / n) for p in out]
    return [b.reshape(p, (*lead, n)) for p in out]


def _transform(parts: list[Node], n: int, sign: int) -> list[Node]:
    """Of rows ``[rows, n]``, given as real and imaginary parts or as real parts only."""
    if n <= SMALL:
        return _by_matrix(parts, n, sign)
    factor = _factor(n)
    if factor == n:
        return _by_matrix(parts, n, sign) if n <= LARGEST_FACTOR else _bluestein(parts, n, sign)
    return _split(parts, factor, n // factor, sign)


def _factor(n: int) -> int:
    """The largest factor up to the square root, but no larger than a small transform; n itself if it has none."""
    limit = min(SMALL, math.isqrt(n))
    return next((f for f in range(limit, 1, -1) if n % f == 0), n)


def _roots(n: int, sign: int, powers: np.ndarray) -> np.ndarray:
    """The n-th roots of 1, in double precision."""
    roots = np.exp(sign * 2j * np.pi * (powers % n) / n)
    # at quarter turns one part is exactly 0
    return np.where(np.abs(roots.real) < 1e-15, 0, roots.real) + 1j * np.where(
        np.abs(roots.imag) < 1e-15, 0, roots.imag
    )


def _by_matrix(parts: list[Node], n: int, sign: int) -> list[Node]:
    """One product: ``[real | imag]`` with ``[[C, S], [-S, C]]``."""
    if n == 1:
        return [parts[0], parts[1] if len(parts) > 1 else b.full(parts[0].shape, 0.0)]
    roots = _roots(n, sign, np.outer(np.arange(n), np.arange(n)))
    matrix = np.concatenate([roots.real, roots.imag], 1)
    if len(parts) > 1:
        matrix = np.concatenate([matrix, np.concatenate([-roots.imag, roots.real], 1)], 0)
    both = b.dot(b.concat(parts, 1), b.constant(matrix.astype(np.float32)))
    rows = both.shape[0]
    return [b.slice_(both, (0, 0), (rows, n)), b.slice_(both, (0, n), (rows, 2 * n))]


def _split(parts: list[Node], first: int, second: int, sign: int) -> list[Node]:
    """Transforms of both factors' lengths, with turns of the numbers in between."""
    rows, n = parts[0].shape[0], first * second
    # number j is at (j // second, j % second); result k at (k % first, k // first)
    columns = [_turned(p, (rows, first, second)) for p in parts]
    inner = _transform([b.reshape(p, (rows * second, first)) for p in columns], first, sign)
    turns = _roots(n, sign, np.outer(np.arange(second), np.arange(first)))
    inner = [b.reshape(p, (rows, second, first)) for p in inner]
    outer = _transform([_swapped(p) for p in _times(inner, turns)], second, sign)
    return [b.reshape(_turned(p, (rows, first, second)), (rows, n)) for p in outer]


def _turned(x: Node, shape: Sequence[int]) -> Node:
    return b.transpose(b.reshape(x, shape), (0, 2, 1))


def _swapped(x: Node) -> Node:
    """``[rows, second, first]`` as rows of the second length."""
    rows, second, first = x.shape
    return b.reshape(b.transpose(x, (0, 2, 1)), (rows * first, second))


def _times(parts: Sequence[Node], factors: np.ndarray) -> list[Node]:
    """Products with complex constants."""
    real, imag = (b.constant(f.astype(np.float32)) for f in (factors.real, factors.imag))
    if len(parts) == 1:
        return [parts[0] * real, parts[0] * imag]
    return [parts[0] * real - parts[1] * imag, parts[0] * imag + parts[1] * real]


def _bluestein(parts: list[Node], n: int, sign: int) -> list[Node]:
    """``jk = (j^2 + k^2 - (k - j)^2) / 2`` makes the transform a convolution with a chirp."""
    rows = parts[0].shape[0]
    size = 1 << (2 * n - 1).bit_length()
    squares = np.arange(n, dtype=np.int64) ** 2
    chirp = _roots(2 * n, sign, squares)
    filter = np.zeros(size, np.complex128)
    filter[:n] = chirp.conj()
    filter[size - n + 1 :] = chirp.conj()[1:][::-1]
    wide = [b.pad(p, (0, 0), (0, size - n)) for p in _times(parts, chirp)]
    product = _times(_transform(wide, size, -1), np.fft.fft(filter) / size)
    found = [b.slice_(p, (0, 0), (rows, n)) for p in _transform(product, size, 1)]
    return _times(found, chirp)


# -- for signals ------------------------------------------------------------------------------------------------------


@public
def enclosing_power_of_two(value: float) -> int:
    """The smallest power of two, 1 or more, that is not less than a number.

    Raises:
        ValueError: the number is not positive.

    >>> import weblayers as wl
    >>> wl.enclosing_power_of_two(5)
    8
    """
    if not value > 0:
        raise ValueError(f"enclosing_power_of_two wants a positive number, got {value}")
    return 1 << (math.ceil(value) - 1).bit_length()


@public
def cosine_window(window_length: int, a: float, b: float) -> Tensor:
    """``a - b * cos(2 pi i / n)``: one period over the window, as long as it is even; else one less.

    >>> import weblayers as wl
    >>> wl.cosine_window(4, 0.5, 0.5).array_sync()
    [0.0, 0.5, 1.0, 0.5]
    """
    period = window_length if window_length % 2 == 0 else window_length - 1
    angles = 2 * np.pi * np.arange(window_length) / max(1, period)
    return to_tensor((a - b * np.cos(angles)).astype(np.float32))
