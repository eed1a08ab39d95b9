"""Python's indices and slices."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph import build as b
from ..graph.node import Node
from ..runtime import tracing
from ..runtime.tensor import Tensor
from .dispatch import op
from .indexing import gather


def get_item(x: Any, key: Any) -> Any:
    """Indexing as in NumPy: integers, slices, ``...``, None, and one array or tensor of integers.

    >>> import weblayers as wl
    >>> x = wl.tensor2d([[1, 2, 3], [4, 5, 6]])
    >>> x[0, ::-1].array_sync(), x[:, [0, -1]].array_sync()
    ([3.0, 2.0, 1.0], [[1.0, 3.0], [4.0, 6.0]])
    """
    items = key if isinstance(key, tuple) else (key,)
    at = [i for i, item in enumerate(items) if isinstance(item, list | np.ndarray | Tensor)]
    if not at:
        return _plain(x, items)
    if len(at) > 1:
        raise TypeError("tensors are indexed by one array at a time; for points use wl.gather_nd")
    (i,) = at
    rest = _get_item(x, key=_frozen((*items[:i], builtins.slice(None), *items[i + 1 :])))
    named = sum(1 for item in items if item is not None and item is not Ellipsis)
    sizes = {int: 0, type(Ellipsis): len(x.shape) - named}
    axis = sum(sizes.get(type(item), 1) for item in items[:i])
    return gather(rest, _positions(items[i], rest.shape[axis]), axis)


def is_eager(x: Any) -> bool:
    """Whether an op of x runs at once, on the device."""
    return isinstance(x, Tensor) and x.dtype != "string" and not x.is_symbolic and tracing.current() is None


def _plain(x: Any, items: Sequence[Any]) -> Any:
    """Of values: where the first slice begins is a number that the plan is given, so that other rows need no other."""
    first = items[0] if items else None
    if not (is_eager(x) and x.shape and isinstance(first, builtins.slice | int | np.integer)) or not x.shape[0]:
        return _get_item(x, key=_frozen(items))
    size = x.shape[0]
    if isinstance(first, builtins.slice):
        rows = range(*first.indices(size))
        rest: Any = builtins.slice(None)
    else:
        known = -size <= first < size
        rows, rest = range(int(first) % size, int(first) % size + 1) if known else range(0), 0
    if rows.step != 1 or not 0 < len(rows) < size:
        return _get_item(x, key=_frozen(items))
    return _rows(x, rows.start, len(rows), _frozen((rest, *items[1:])))


@op("x", "start")
def _rows(x: Any, start: Any, size: int, key: tuple) -> Any:
    return _get_item(b.dynamic_slice(x, start, size), key)


def _positions(index: Any, size: int | None) -> Any:
    """Integers in place of those that count from the end, where the host knows them."""
    if isinstance(index, Tensor):
        kind = index.dtype
    else:
        index = np.asarray(index)
        kind = "bool" if index.dtype.kind == "b" else "int32" if index.dtype.kind in "iu" or not index.size else "?"
    if kind != "int32":
        raise TypeError(
            "tensors are indexed by arrays of integers; for masks there is `await wl.boolean_mask_async(x, mask)`, and"
            " wl.where keeps the shape"
        )
    if isinstance(index, Tensor) or size is None:
        return index
    return np.where(index < 0, index + size, index).astype(np.int32)


def _frozen(items: Sequence[Any]) -> tuple:
    """The index as tuples of plain values: slices cannot be keys before Python 3.12, and models are written as JSON."""
    out: list[Any] = []
    for item in items:
        if isinstance(item, builtins.slice):
            out.append(("slice", item.start, item.stop, item.step))
        elif item is Ellipsis:
            out.append("...")
        elif item is None or isinstance(item, int | np.integer):
            out.append(None if item is None else int(item))
        else:
            raise TypeError(
                "tensors are indexed by integers, slices, ..., None and an array of integers, not"
                f" {type(item).__name__}"
            )
    return tuple(out)


@op("x")
def _get_item(x: Any, key: tuple) -> Any:
    rank = len(x.shape)
    used = sum(1 for k in key if k is not None and k != "...")
    if used > rank:
        raise IndexError(f"{used} indices for a tensor of rank {rank}")
    if "..." not in key:
        key = (*key, "...")
    taken: list[range] = []
    shape: list[int] = []
    for k in key:
        axis = len(taken)
        if k == "...":
            whole = x.shape[axis : axis + rank - used]
            taken += map(range, whole)
            shape += whole
        elif k is None:
            shape.append(1)
        elif isinstance(k, tuple):
            taken.append(range(*builtins.slice(*k[1:]).indices(x.shape[axis])))
            shape.append(len(taken[-1]))
        else:
            if not -x.shape[axis] <= k < x.shape[axis]:
                raise IndexError(f"index {k} is out of range for axis {axis} of size {x.shape[axis]}")
            taken.append(range(k % x.shape[axis], k % x.shape[axis] + 1))
    return b.reshape(_taken(x, taken), shape)


def _taken(x: Node, taken: Sequence[range]) -> Node:
    """What lies at the positions of a range for each axis; of those that run backwards, from the other end."""
    backwards = [i for i, r in enumerate(taken) if r.step < 0]
    forwards = [
        range(n - 1 - r.start, n - 1 - r.start + len(r) * -r.step, -r.step) if r.step < 0 else r
        for r, n in zip(taken, x.shape, strict=True)
    ]
    starts = [r.start if len(r) else 0 for r in forwards]
    stops = [r[-1] + 1 if len(r) else 0 for r in forwards]
    turned = b.reverse(x, backwards) if backwards else x
    return b.slice_(turned, starts, stops, [r.step for r in forwards])
