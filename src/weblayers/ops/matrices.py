"""Matrix products."""

from __future__ import annotations

from typing import Any

from ..graph import build as _b
from .dispatch import op


@op("a", "b")
def mat_mul(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False) -> Any:
    """The matrix product of the last two axes; leading axes broadcast.

    Raises:
        ValueError: if the inner sizes differ; the message has both shapes.

    >>> import weblayers as wl
    >>> wl.mat_mul([[1, 2]], [[3], [4]]).array_sync()
    [[11.0]]
    """
    if min(len(a.shape), len(b.shape)) < 2:
        raise ValueError(f"mat_mul wants tensors of rank 2 or more, got shapes {list(a.shape)} and {list(b.shape)}")
    rows, inner = a.shape[-2:][:: -1 if transpose_a else 1]
    other, columns = b.shape[-2:][:: -1 if transpose_b else 1]
    if inner != other:
        raise ValueError(
            f"mat_mul: inner sizes differ ({inner} and {other}) for shapes {list(a.shape)} and {list(b.shape)} with"
            f" transpose_a={transpose_a}, transpose_b={transpose_b}"
        )
    a, b = _b.cast(a, "float32"), _b.cast(b, "float32")
    if len(b.shape) == 2 and not transpose_a:
        # one matrix for all leading axes: they are rows like any others
        flat = _b.dot(_b.reshape(a, (-1, inner)), b, False, transpose_b)
        return _b.reshape(flat, (*a.shape[:-2], rows, columns))
    batch = _b.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a = _b.broadcast(a, (*batch, *a.shape[-2:]))
    b = _b.broadcast(b, (*batch, *b.shape[-2:]))
    return _b.dot(a, b, transpose_a, transpose_b)
