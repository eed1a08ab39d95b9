"""Parts of matrices, and matrices turned."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...graph import build as b
from ...graph.node import Node
from ...runtime.conversion import to_tensor
from ..dispatch import op, public
from .columns import check_rank, turned


@public
def band_part(a: Any, num_lower: Any, num_upper: Any) -> Any:
    """Matrices with zeros outside a band around the diagonal.

    Args:
        a: ``[..., m, n]``, of any dtype.
        num_lower: how many diagonals below the main one stay, all if negative; an integer, or an int32 scalar.
        num_upper: how many above it.

    Raises:
        ValueError: a has no rank of 2 or more; or a number is not whole, or exceeds that of the rows or columns.

    >>> import weblayers as wl
    >>> wl.linalg.band_part([[1, 2], [3, 4]], 0, -1).array_sync()
    [[1.0, 2.0], [0.0, 4.0]]
    """
    a = a if hasattr(a, "shape") else to_tensor(a)
    check_rank("band_part", a)
    for name, count, size in (("num_lower", num_lower, a.shape[-2]), ("num_upper", num_upper, a.shape[-1])):
        if isinstance(count, int | np.integer):
            if size is not None and count > size:
                raise ValueError(f"band_part: {name} is {count}, but the shape {list(a.shape)} has only {size}")
        elif getattr(count, "dtype", None) != "int32":
            raise ValueError(f"band_part: {name} must be an integer or an int32 scalar, got {count}")
    return _band_part(a, num_lower, num_upper)


@op("a", "num_lower", "num_upper")
def _band_part(a: Any, num_lower: Any, num_upper: Any) -> Any:
    rows, columns = a.shape[-2:]
    below = b.reshape(b.iota(rows), (rows, 1)) - b.iota(columns)
    inside = b.binary("and", _within(below, num_lower), _within(b.neg(below), num_upper))
    return b.where(inside, a, b.constant(0, a.dtype))


def _within(distance: Node, count: Any) -> Node:
    """Whether there are that many diagonals or fewer, or all are meant."""
    return b.binary("or", b.compare("lt", count, 0), b.compare("le", distance, count))


@op("x")
def matrix_transpose(x: Any) -> Any:
    """The matrices ``[..., m, n]`` transposed to ``[..., n, m]``.

    >>> import weblayers as wl
    >>> wl.linalg.matrix_transpose(wl.ones([5, 2, 3])).shape
    (5, 3, 2)
    """
    check_rank("matrix_transpose", x)
    return turned(x)
