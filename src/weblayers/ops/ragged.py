"""Ragged tensors: rows of several lengths, as one tensor of all values beside the places where rows begin and end.

Those places, the splits, are ``[0, ..., values]``. They are read on the host, as shapes depend on them; the values stay
where they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..runtime.conversion import to_tensor
from ..runtime.memory import Record
from . import movement
from .dispatch import public
from .host import integers, taken, values_of


def _check_splits(name: str, splits: np.ndarray, size: int) -> None:
    if splits.ndim != 1 or not splits.size:
        raise ValueError(f"{name}: splits must be vectors of 1 number at least, got shape {list(splits.shape)}")
    if splits[0] < 0 or np.any(np.diff(splits) < 0) or splits[-1] > size:
        raise ValueError(f"{name}: splits must ascend from 0 to at most {size}, got {splits.tolist()}")


def _ranges(starts: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """All whole numbers from starts up to limits, one range after the other."""
    parts = [np.arange(a, e) for a, e in zip(starts, limits, strict=True)]
    return np.concatenate(parts) if parts else np.zeros(0, np.intp)


@public
def ragged_gather(
    params_nested_splits: Sequence[Any], params_dense_values: Any, indices: Any, output_ragged_rank: int
) -> Record:
    """Rows of a ragged tensor.

    Runs on the host what concerns the splits; the values may be on the device.

    Args:
        params_nested_splits: the splits of the ragged tensor, the outermost first.
        params_dense_values: its values, ``[values, ...]``.
        indices: int32 of any shape: the rows to take.
        output_ragged_rank: how many splits the result has; that follows from the others, and nothing depends on it.

    Returns:
        ``output_nested_splits``, a list, and ``output_dense_values``.

    Raises:
        ValueError: splits do not ascend, or point past what they split.
        IndexError: there is no such row.

    >>> import weblayers as wl
    >>> rows = wl.ragged_gather([wl.tensor1d([0, 2, 3], "int32")], [1, 2, 3], [1, 0], 1)
    >>> rows["output_nested_splits"][0].array_sync(), rows["output_dense_values"].array_sync()
    ([0, 1, 3], [3.0, 1.0, 2.0])
    """
    name = "ragged_gather"
    nested = [values_of(s).astype(np.intp) for s in params_nested_splits]
    values = to_tensor(params_dense_values)
    chosen = values_of(indices).astype(np.intp)
    if not nested or not values.shape:
        raise ValueError(f"{name} wants splits, and values of rank 1 at least, got {len(nested)} and {values.rank}")
    for splits, size in zip(nested, [*(len(s) for s in nested[1:]), values.shape[0]], strict=True):
        _check_splits(name, splits, size)
    rows = len(nested[0]) - 1
    if chosen.size and not 0 <= chosen.min() <= chosen.max() < rows:
        wrong = chosen.min() if chosen.min() < 0 else chosen.max()
        raise IndexError(f"{name}: there is no row {wrong} in a ragged tensor of {rows} rows")
    # the indices' own axes are rows of equal lengths
    found = [
        np.arange(math.prod(chosen.shape[:axis]) + 1) * chosen.shape[axis] for axis in range(1, max(1, chosen.ndim))
    ]
    starts, limits = chosen.reshape(-1), chosen.reshape(-1) + 1
    for depth, splits in enumerate(nested):
        if depth or chosen.ndim:
            lengths = np.diff(splits)[_ranges(starts, limits)]
            found.append(np.concatenate([[0], np.cumsum(lengths)]))
        starts, limits = splits[starts], splits[limits]
    return Record(
        output_nested_splits=[integers(s) for s in found],
        output_dense_values=taken(values, _ranges(starts, limits)),
    )


@public
def ragged_range(starts: Any, limits: Any, deltas: Any) -> Record:
    """Rows of numbers from a start up to, not including, a limit.

    Runs on the host: how long the rows are depends on the values.

    Args:
        starts: the first number of each row, or of all.
        limits: where each row ends, or all.
        deltas: the step of each row, or of all; not 0.

    Returns:
        ``rt_nested_splits`` and ``rt_dense_values``, of the dtype of the starts.

    >>> import weblayers as wl
    >>> rows = wl.ragged_range([0, 5], [3, 7], 1)
    >>> rows["rt_nested_splits"].array_sync(), rows["rt_dense_values"].array_sync()
    ([0, 3, 5], [0.0, 1.0, 2.0, 5.0, 6.0])
    """
    given = [values_of(v) for v in (starts, limits, deltas)]
    if any(v.ndim > 1 for v in given) or len({v.size for v in given if v.ndim}) > 1:
        raise ValueError(
            f"ragged_range wants scalars and vectors of one size, got shapes {[list(v.shape) for v in given]}"
        )
    first, last, step = np.broadcast_arrays(*(np.atleast_1d(v).astype(np.float64) for v in given))
    if np.any(step == 0):
        raise ValueError("ragged_range: deltas must not be 0")
    lengths = np.maximum(0, np.ceil((last - first) / step)).astype(np.intp)
    splits = np.concatenate([[0], np.cumsum(lengths)])
    places = np.arange(splits[-1]) - np.repeat(splits[:-1], lengths)
    values = np.repeat(first, lengths) + places * np.repeat(step, lengths)
    return Record(rt_nested_splits=integers(splits), rt_dense_values=to_tensor(values.astype(given[0].dtype)))


@public
def ragged_tensor_to_tensor(
    shape: Any,
    values: Any,
    default_value: Any,
    row_partition_tensors: Sequence[Any],
    row_partition_types: Sequence[str],
) -> Any:
    """A ragged tensor as one with rows of equal lengths, filled up and cut off.

    Runs on the host what concerns the partitions; the values may be on the device.

    Args:
        shape: the shape of the result; -1 is as large as needed, for a size or for all.
        values: ``[values, ...]``.
        default_value: what short rows are filled up with.
        row_partition_tensors: how values are put into rows, and these into others, the outermost first.
        row_partition_types: the kind of each: ``"ROW_SPLITS"``; or ``"FIRST_DIM_SIZE"``, how many rows there are,
            followed by ``"VALUE_ROWIDS"``, the row of each value.

    Returns:
        A tensor of that shape and the dtype of the values.

    Raises:
        ValueError: a kind is unknown, or shapes and sizes disagree.

    >>> import weblayers as wl
    >>> wl.ragged_tensor_to_tensor([-1, 2], [1, 2, 3], 0, [[0, 1, 3]], ["ROW_SPLITS"]).array_sync()
    [[1.0, 0.0], [2.0, 3.0]]
    """
    name = "ragged_tensor_to_tensor"
    given = to_tensor(values)
    parts = [values_of(p).astype(np.intp) for p in row_partition_tensors]
    kinds = list(row_partition_types)
    unknown = set(kinds) - {"FIRST_DIM_SIZE", "VALUE_ROWIDS", "ROW_SPLITS"}
    if unknown or not kinds or len(kinds) != len(parts) or "FIRST_DIM_SIZE" in kinds[1:] or kinds[0] == "VALUE_ROWIDS":
        raise ValueError(
            f"{name} wants row_partition_types 'FIRST_DIM_SIZE' first or not at all, then 'VALUE_ROWIDS' or"
            f" 'ROW_SPLITS', one for each tensor, got {kinds} for {len(parts)}"
        )
    sized = kinds[0] == "FIRST_DIM_SIZE"
    height = int(parts[0].reshape(-1)[0]) if sized else len(parts[0]) - 1
    levels = [_rows_and_columns(kind, part) for kind, part in zip(kinds[sized:], parts[sized:], strict=True)]
    size = _output_shape(name, values_of(shape).astype(np.intp), given.shape, height, levels)
    at = np.where(np.arange(height) < size[0], np.arange(height), -1)
    for (rows, columns), width in zip(levels, size[1:], strict=False):
        if rows.size and rows.max() >= len(at):
            raise ValueError(f"{name}: there is no row {rows.max()} among {len(at)}")
        at = np.where((at[rows] >= 0) & (columns < width), at[rows] * width + columns, -1)
    if len(at) != given.shape[0]:
        raise ValueError(f"{name}: the partitions are of {len(at)} values, but {given.shape[0]} were given")
    element = given.shape[1:]
    source = np.full(math.prod(size[: len(size) - len(element)]), given.shape[0])
    source[at[at >= 0]] = np.flatnonzero(at >= 0)
    fill = movement.broadcast_to(to_tensor(default_value, given.dtype), [1, *element])
    return movement.reshape(taken(movement.concat([given, fill]), source), size)


def _rows_and_columns(kind: str, partition: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The row of each value, and its place in it."""
    if kind == "ROW_SPLITS":
        _check_splits("ragged_tensor_to_tensor", partition, int(partition[-1]) if partition.size else 0)
        rows = np.repeat(np.arange(len(partition) - 1), np.diff(partition))
        return rows, np.arange(len(rows)) - partition[:-1][rows] + partition[0]
    places = np.arange(len(partition))
    begins = np.concatenate([[True], partition[1:] != partition[:-1]])[: len(places)]
    return partition, places - np.maximum.accumulate(np.where(begins, places, 0))


def _output_shape(
    name: str,
    wanted: np.ndarray,
    values: Sequence[int],
    height: int,
    levels: Sequence[tuple[np.ndarray, np.ndarray]],
) -> list[int]:
    needed = [height, *(int(columns.max()) + 1 if columns.size else 0 for _, columns in levels), *values[1:]]
    if wanted.ndim == 0 and wanted == -1:
        return needed
    if wanted.ndim != 1 or len(wanted) != len(needed) or wanted.min() < -1:
        raise ValueError(f"{name}: shape must be {len(needed)} sizes, -1 where they follow, got {wanted.tolist()}")
    size = [n if w == -1 else int(w) for w, n in zip(wanted, needed, strict=True)]
    if size[len(levels) + 1 :] != needed[len(levels) + 1 :]:
        raise ValueError(f"{name}: values of shape {list(values)} do not fit into the shape {wanted.tolist()}")
    return size
