"""Reading at positions that are themselves values."""

from __future__ import annotations

import numpy as np

from .. import build as b
from ..node import Aval, Node
from ..registry import define


def _gather_shape(x: Aval, index: Aval, axis: int) -> Aval:
    return Aval((*x.shape[:axis], *index.shape, *x.shape[axis + 1 :]), x.dtype)


def _gather_value(x: np.ndarray, index: np.ndarray, axis: int) -> np.ndarray:
    return np.take(x, np.clip(index.astype(np.intp), 0, x.shape[axis] - 1), axis)


def _gather_vjp(g: Node, out: Node, x: Node, index: Node, axis: int) -> list[Node | None]:
    """Rows of the gradient summed by index."""
    n = index.aval.size
    before, after = x.shape[:axis], x.shape[axis + 1 :]
    rank = len(before)
    middle = b.reshape(g, (*before, n, *after))
    rows = b.transpose(middle, (rank, *(i for i in range(len(middle.shape)) if i != rank)))
    inside = b.minimum(b.maximum(b.reshape(index, (n,)), 0), x.shape[axis] - 1)
    summed = b.scatter_add(inside, rows, x.shape[axis])
    return [b.transpose(summed, (*range(1, rank + 1), 0, *range(rank + 1, len(x.shape)))), None]


define("gather", _gather_shape, _gather_value, _gather_vjp)


def _scatter_shape(index: Aval, updates: Aval, size: int) -> Aval:
    if len(index.shape) != 1 or index.shape != updates.shape[:1]:
        raise ValueError(f"cannot scatter {list(updates.shape)} by indices of shape {list(index.shape)}")
    return Aval((size, *updates.shape[1:]), updates.dtype)


def _scatter_value(index: np.ndarray, updates: np.ndarray, size: int) -> np.ndarray:
    out = np.zeros((size, *updates.shape[1:]), updates.dtype)
    rows = index.astype(np.intp)
    inside = (rows >= 0) & (rows < size)
    np.add.at(out, rows[inside], updates[inside])
    return out


def _scatter_vjp(g: Node, out: Node, index: Node, updates: Node, size: int) -> list[Node | None]:
    inside = b.bind("and", b.compare("le", 0, index), b.compare("lt", index, size))
    ones = (1,) * (len(updates.shape) - 1)
    rows = b.gather(g, index, 0)
    return [None, b.where(b.reshape(inside, (*index.shape, *ones)), rows, 0.0)]


define("scatter_add", _scatter_shape, _scatter_value, _scatter_vjp)


def _argsort_value(x: np.ndarray, descending: bool) -> np.ndarray:
    if not descending:
        return np.argsort(x, -1, kind="stable").astype(np.int32)
    # stable from the other end: of equal values the first stays first
    backwards = np.argsort(x[..., ::-1], -1, kind="stable")[..., ::-1]
    return (x.shape[-1] - 1 - backwards).astype(np.int32)


define("argsort", lambda x, descending: Aval(x.shape, "int32"), _argsort_value)


def _dynamic_slice_shape(x: Aval, start: Aval, size: int) -> Aval:
    if size > x.shape[0]:
        raise ValueError(f"cannot take {size} rows of shape {list(x.shape)}")
    return Aval((size, *x.shape[1:]), x.dtype)


def _dynamic_slice_value(x: np.ndarray, start: np.ndarray, size: int) -> np.ndarray:
    at = int(np.clip(start, 0, x.shape[0] - size))
    return x[at : at + size]


def _dynamic_slice_vjp(g: Node, out: Node, x: Node, start: Node, size: int) -> list[Node | None]:
    at = b.maximum(b.minimum(b.cast(start, "int32"), x.shape[0] - size), 0)
    index = b.iota(x.shape[0]) - at
    index = b.reshape(index, (x.shape[0],) + (1,) * (len(x.shape) - 1))
    inside = b.bind("and", b.compare("le", 0, index), b.compare("lt", index, size))
    rows = b.gather(g, b.reshape(index, (x.shape[0],)))
    return [b.where(b.broadcast(inside, x.shape), rows, 0.0), None]


define("dynamic_slice", _dynamic_slice_shape, _dynamic_slice_value, _dynamic_slice_vjp)
