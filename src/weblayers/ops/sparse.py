"""Sparse tensors, as matrices of coordinates ``[values, rank]`` beside their values.

Coordinates are read on the host, as shapes depend on them; what they are coordinates of stays where it is.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import naming
from ..graph.node import DTYPES
from ..runtime.conversion import to_tensor
from ..runtime.memory import Record
from . import arithmetic, indexing, mathematics
from .dispatch import public
from .host import integers, values_of


def _whole(name: str, what: str, values: Any, rank: int) -> np.ndarray:
    """Whole numbers of a rank."""
    array = values_of(values)
    if array.ndim != rank:
        raise ValueError(f"{name} wants {what} of rank {rank}, got shape {list(array.shape)}")
    return array.astype(np.intp)


@public
def sparse_fill_empty_rows(indices: Any, values: Any, dense_shape: Any, default_value: Any) -> Record:
    """A sparse matrix with a value in the first column of each row that has none.

    Runs on the host: how many rows have none depends on the values.

    Args:
        indices: int32 ``[n, rank]``.
        values: ``[n]``.
        dense_shape: the shape of the whole, ``[rank]``.
        default_value: a scalar.

    Returns:
        ``output_indices`` and ``output_values``, sorted by row; ``empty_row_indicator``, bool for each row; and
        ``reverse_index_map``, where each value went.

    Raises:
        ValueError: a row is out of range, or a rank is wrong.

    >>> import weblayers as wl
    >>> filled = wl.sparse.sparse_fill_empty_rows([[1, 2]], [7], [2, 3], -1)
    >>> filled["output_indices"].array_sync(), filled["output_values"].array_sync()
    ([[0, 0], [1, 2]], [-1.0, 7.0])
    """
    name = "sparse_fill_empty_rows"
    places, given = _whole(name, "indices", indices, 2), to_tensor(values)
    shape = _whole(name, "dense_shape", dense_shape, 1)
    if given.shape != places.shape[:1] or len(shape) != places.shape[1]:
        raise ValueError(
            f"{name} wants a value for each row of indices {list(places.shape)} and a size for each column, got shapes"
            f" {list(given.shape)} and {list(shape.shape)}"
        )
    rows = places[:, 0]
    if rows.size and not 0 <= rows.min() <= rows.max() < shape[0]:
        wrong = rows.min() if rows.min() < 0 else rows.max()
        raise ValueError(f"{name}: row {wrong} is out of range for {shape[0]} rows")
    empty = np.bincount(rows, minlength=shape[0]) == 0
    fillers = np.zeros((int(empty.sum()), places.shape[1]), np.intp)
    fillers[:, 0] = np.flatnonzero(empty)
    everything = np.concatenate([places, fillers])
    order = np.argsort(everything[:, 0], kind="stable")
    fill = np.full(len(fillers), to_tensor(default_value, given.dtype).numpy(), given.numpy().dtype)
    return Record(
        output_indices=integers(everything[order]),
        output_values=to_tensor(np.concatenate([given.numpy(), fill])[order], given.dtype),
        empty_row_indicator=to_tensor(empty),
        reverse_index_map=integers(np.argsort(order)[: len(places)]),
    )


@public
def sparse_reshape(input_indices: Any, input_shape: Any, new_shape: Any) -> Record:
    """The coordinates of a sparse tensor in another shape.

    Runs on the host.

    Args:
        input_indices: int32 ``[n, rank]``.
        input_shape: the shape that they are coordinates in.
        new_shape: the shape of the result, with as many elements; one size may be -1.

    Returns:
        ``output_indices`` ``[n, new rank]`` and ``output_shape``.

    Raises:
        ValueError: the shapes have other numbers of elements.

    >>> import weblayers as wl
    >>> moved = wl.sparse.sparse_reshape([[0, 1], [1, 0]], [2, 3], [3, -1])
    >>> moved["output_indices"].array_sync(), moved["output_shape"].array_sync()
    ([[0, 1], [1, 1]], [3, 2])
    """
    name = "sparse_reshape"
    places = _whole(name, "input_indices", input_indices, 2)
    source, target = (
        _whole(name, what, shape, 1).tolist()
        for what, shape in (("input_shape", input_shape), ("new_shape", new_shape))
    )
    if len(source) != places.shape[1]:
        raise ValueError(f"{name}: indices of {places.shape[1]} coordinates in a tensor of shape {source}")
    size, known = math.prod(source), math.prod(d for d in target if d != -1)
    if target.count(-1) == 1 and known > 0:
        target[target.index(-1)] = size // known
    if min(target, default=0) < 0 or math.prod(target) != size:
        raise ValueError(f"{name}: {size} elements of shape {source} cannot have the shape {target}")
    number = np.zeros(len(places), np.intp)
    for column, length in zip(places.T, source, strict=True):
        number = number * length + column
    columns = []
    for length in reversed(target):
        columns.append(number % max(1, length))
        number = number // max(1, length)
    moved = np.stack(columns[::-1], 1) if columns else np.zeros((len(places), 0), np.intp)
    return Record(output_indices=integers(moved), output_shape=integers(target))


@public
def sparse_segment_sum(data: Any, indices: Any, segment_ids: Any) -> Any:
    """Sums of rows: those that the indices name, added up where they have the same segment id.

    Runs on the host what concerns the ids: how many sums there are depends on them. The data may be on the device.

    Args:
        data: a tensor of rank 1 at least.
        indices: int32 ``[n]``: rows of the data.
        segment_ids: int32 ``[n]``, ascending.

    Returns:
        ``[last id + 1, ...]``; segments without rows are 0.

    Raises:
        ValueError: ids do not ascend, or are negative; the sizes differ.
        IndexError: an index is out of range.

    >>> import weblayers as wl
    >>> wl.sparse.sparse_segment_sum([[1, 2], [3, 4], [5, 6]], [0, 2, 1], [0, 0, 1]).array_sync()
    [[6.0, 8.0], [3.0, 4.0]]
    """
    return _summed("sparse_segment_sum", data, indices, segment_ids)[0]


@public
def sparse_segment_mean(data: Any, indices: Any, segment_ids: Any) -> Any:
    """Means of rows: as :func:`sparse_segment_sum`, divided by how many rows there are; of int32 rounded towards 0.

    Runs on the host what concerns the ids: how many means there are depends on them. The data may be on the device.

    >>> import weblayers as wl
    >>> wl.sparse.sparse_segment_mean([[1, 2], [3, 4], [5, 6]], [0, 2, 1], [0, 0, 1]).array_sync()
    [[3.0, 4.0], [3.0, 4.0]]
    """
    total, ids = _summed("sparse_segment_mean", data, indices, segment_ids)
    if not ids.size:
        return total
    counts = np.maximum(1, np.bincount(ids)).astype(DTYPES[total.dtype])
    number = to_tensor(counts.reshape(-1, *[1] * (len(total.shape) - 1)))
    if total.dtype == "float32":
        return arithmetic.div(total, number)
    whole = mathematics.floor_div(arithmetic.abs(total), number)
    return arithmetic.mul(arithmetic.sign(total), whole)


def _summed(name: str, data: Any, indices: Any, segment_ids: Any) -> tuple[Any, np.ndarray]:
    """The sums, and the ids."""
    rows = data if hasattr(data, "shape") else to_tensor(data)
    ids, chosen = _whole(name, "segment_ids", segment_ids, 1), _whole(name, "indices", indices, 1)
    if not rows.shape:
        raise ValueError(f"{name} wants data of rank 1 at least, got a scalar")
    if ids.shape != chosen.shape:
        raise ValueError(f"{name} wants an id for each index, got shapes {list(ids.shape)} and {list(chosen.shape)}")
    if not ids.size:
        return to_tensor(np.zeros((0, *rows.shape[1:]), DTYPES[rows.dtype])), ids
    if ids.min() < 0 or np.any(np.diff(ids) < 0):
        raise ValueError(f"{name}: segment ids must ascend from 0 on, got {ids.tolist()}")
    taken = indexing.gather(rows, integers(chosen))
    return indexing.unsorted_segment_sum(taken, integers(ids), int(ids[-1]) + 1), ids


__all__ = ["sparse_fill_empty_rows", "sparse_reshape", "sparse_segment_mean", "sparse_segment_sum"]

__getattr__ = naming.module_getattr(__name__, globals())
