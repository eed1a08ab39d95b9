"""Counts of integers, and integers bit by bit."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph import build as b
from ..runtime.conversion import to_tensor
from .dispatch import method, op

# Integers are exact up to 2 to this.
_BITS = 24


@method
def bincount(x: Any, weights: Any, size: int) -> Any:
    """How often each of the numbers from 0 to ``size - 1`` is in x.

    Args:
        x: int32 of any shape, not negative; numbers from ``size`` on do not count.
        weights: how much each value counts, in the shape of x; empty or None if each counts 1.
        size: how many numbers to count.

    Returns:
        ``[size]``, of the dtype of the weights.

    Raises:
        TypeError: x is not int32.
        ValueError: the weights have another shape, or x has negative values; those that are on the device only do not
            count.

    >>> import weblayers as wl
    >>> wl.bincount(wl.tensor1d([1, 1, 2], "int32"), [], 4).array_sync()
    [0.0, 2.0, 1.0, 0.0]
    """
    return _counted("bincount", x, weights, size, rows=False, binary=False)


@method
def dense_bincount(x: Any, weights: Any, size: int, binary_output: bool = False) -> Any:
    """:func:`bincount` of each row of x.

    Args:
        x: int32, a vector or ``[rows, values]``.
        weights: how much each value counts, in the shape of x; empty or None if each counts 1.
        size: how many numbers to count.
        binary_output: whether a number is there, 1 or 0, and not how often.

    Returns:
        ``[size]`` or ``[rows, size]``, of the dtype of the weights.

    >>> import weblayers as wl
    >>> wl.dense_bincount(wl.tensor2d([[1, 1], [0, 2]], dtype="int32"), [], 3).array_sync()
    [[0.0, 2.0, 0.0], [1.0, 0.0, 1.0]]
    """
    return _counted("dense_bincount", x, weights, size, rows=True, binary=binary_output)


def _counted(name: str, x: Any, weights: Any, size: int, rows: bool, binary: bool) -> Any:
    values = to_tensor(x)
    if values.dtype != "int32":
        raise TypeError(f"{name} wants x as int32, got {values.dtype}: use wl.cast(x, 'int32')")
    if rows and values.rank not in (1, 2):
        raise ValueError(f"{name} wants a vector or rows of rank 2, got shape {list(values.shape)}")
    if size < 0:
        raise ValueError(f"{name}: size must not be negative, got {size}")
    if values.is_on_host and values.size and values.numpy().min() < 0:
        raise ValueError(f"{name} counts numbers from 0 on, but x has {values.numpy().min()}")
    given = None if weights is None else to_tensor(weights)
    dtype = "float32" if given is None else given.dtype
    if given is not None and not given.size:
        given = None
    if given is not None and given.size != values.size:
        raise ValueError(
            f"{name} wants as many weights as values, or none, got shapes {list(given.shape)} and {list(values.shape)}"
        )
    return _bincount(values, given, size, dtype, rows and values.rank == 2, binary)


@op("x", "weights")
def _bincount(x: Any, weights: Any, size: int, dtype: str, rows: bool, binary: bool) -> Any:
    count = x.aval.size
    height = x.shape[0] if rows else 1
    row = b.reshape(b.broadcast(b.reshape(b.iota(height), (height, 1)), (height, count // max(1, height))), (count,))
    number = b.reshape(x, (count,))
    inside = b.bind("and", b.compare("le", 0, number), b.compare("lt", number, size))
    plain = weights is None or binary
    each = b.full((count,), 1, dtype) if plain else b.reshape(weights, (count,))
    found = b.scatter_add(b.where(inside, row * size + number, -1), each, height * size)
    if binary:
        found = b.cast(b.cast(found, "bool"), dtype)
    return b.reshape(found, (height, size) if rows else (size,))


@op("x", "y")
def bitwise_and(x: Any, y: Any) -> Any:
    """The bits that are set in both, of int32 tensors; negative numbers have bits without end on their left.

    >>> import weblayers as wl
    >>> wl.bitwise_and(wl.tensor1d([6, -2], "int32"), wl.tensor1d([3, 7], "int32")).array_sync()
    [2, 6]
    """
    if x.dtype != "int32" or y.dtype != "int32":
        raise TypeError(f"bitwise_and wants int32 tensors, got {x.dtype} and {y.dtype}")
    shape = b.broadcast_shapes(x.shape, y.shape)
    powers = b.constant(2.0 ** np.arange(_BITS, dtype=np.float32))
    bits, signs = [], []
    for value in (x, y):
        flat = b.cast(b.reshape(b.broadcast(value, shape), (-1, 1) if value.aval.size else (0, 1)), "float32")
        # a power of two divides exactly
        shifted = b.unary("floor", flat * b.constant(0.5 ** np.arange(_BITS, dtype=np.float32)))
        bits.append(shifted - b.unary("floor", shifted * 0.5) * 2.0)
        signs.append(b.unary("floor", flat * 0.5**_BITS))
    low = b.reduce("sum", bits[0] * bits[1] * powers, 1)
    first, second = (b.reshape(s, low.shape) for s in signs)
    high = b.where(b.compare("eq", first, -1.0), second, b.where(b.compare("eq", second, -1.0), first, first * second))
    return b.reshape(b.cast(low + high * 2.0**_BITS, "int32"), shape)
