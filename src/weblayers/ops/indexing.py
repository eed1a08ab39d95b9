"""Reading and adding at positions that are themselves values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph import build as b
from ..graph.node import MAX_EXACT_INTEGER, Node
from ..runtime.conversion import to_tensor
from ..runtime.tensor import Tensor
from .dispatch import method, op


def check_indices(name: str, indices: Any, size: int) -> None:
    """Indices whose values the host knows must lie in ``0`` to ``size - 1``.

    Raises:
        IndexError: one does not.
    """
    on_host = indices.is_on_host if isinstance(indices, Tensor) else not _has_tensors(indices)
    if not on_host:
        return
    values = to_tensor(indices).numpy()
    if values.size and not (values.min() >= 0 and values.max() < size):
        wrong = values.min() if values.min() < 0 else values.max()
        raise IndexError(f"{name}: index {int(wrong)} is out of range for an axis of size {size}")


def _has_tensors(values: Any) -> bool:
    if isinstance(values, list | tuple):
        return any(map(_has_tensors, values))
    return not isinstance(values, int | float | np.ndarray | np.generic)


@method
def gather(x: Any, indices: Any, axis: int = 0, batch_dims: int = 0) -> Any:
    """The parts of x along an axis that the indices name: ``[*before, *indices, *after]``.

    Args:
        x: any tensor.
        indices: int32 of any shape. Those that the host knows must be in range; on the device they are clamped.
        axis: which axis the indices are of.
        batch_dims: so many first axes of both are samples, each with indices of its own.

    Raises:
        IndexError: an index is out of range.

    >>> import weblayers as wl
    >>> wl.gather([10, 20, 30], wl.tensor1d([2, 0], "int32")).array_sync()
    [30.0, 10.0]
    """
    shape = x.shape if hasattr(x, "shape") else to_tensor(x).shape
    (at,) = b.normalize_axes(axis, len(shape))
    if shape[at] is not None:
        check_indices("gather", indices, shape[at])
    return _gather(x, indices, axis, batch_dims)


@op("x", "indices")
def _gather(x: Any, indices: Any, axis: int = 0, batch_dims: int = 0) -> Any:
    (axis,) = b.normalize_axes(axis, len(x.shape))
    batch_dims += len(indices.shape) if batch_dims < 0 else 0
    if not batch_dims:
        return b.gather(x, indices, axis)
    if batch_dims > axis or x.shape[:batch_dims] != indices.shape[:batch_dims]:
        raise ValueError(
            f"gather: the first {batch_dims} axes of {list(x.shape)} and {list(indices.shape)} must be alike, and"
            f" come before axis {axis}"
        )
    lead, between, after = x.shape[:batch_dims], x.shape[batch_dims:axis], x.shape[axis + 1 :]
    samples, size = math.prod(lead), x.shape[axis]
    _check_countable("gather", samples * size)
    order = [*range(batch_dims), axis, *range(batch_dims, axis), *range(axis + 1, len(x.shape))]
    rows = b.reshape(b.transpose(x, order), (samples * size, *between, *after))
    inside = b.minimum(b.maximum(b.reshape(indices, (samples, math.prod(indices.shape[batch_dims:]))), 0), size - 1)
    sample = b.reshape(b.iota(samples), (samples, 1))
    each = indices.shape[batch_dims:]
    found = b.reshape(b.gather(rows, sample * size + inside, 0), (*lead, *each, *between, *after))
    # the indices' own axes go to where the axis was
    first, count, kept = batch_dims, len(each), len(between)
    moved = [*range(first), *range(first + count, first + count + kept), *range(first, first + count)]
    return b.transpose(found, [*moved, *range(first + count + kept, len(found.shape))])


def _check_countable(name: str, rows: int) -> None:
    if rows > MAX_EXACT_INTEGER:
        raise ValueError(f"{name} can tell up to 2^24 = {MAX_EXACT_INTEGER} rows apart, but there are {rows}")


@op("indices")
def one_hot(indices: Any, depth: int, on_value: float = 1, off_value: float = 0, dtype: str = "int32") -> Any:
    """Vectors that are ``on_value`` at the index and ``off_value`` elsewhere.

    >>> import weblayers as wl
    >>> wl.one_hot(wl.tensor1d([1], "int32"), 3).array_sync()
    [[0, 1, 0]]
    """
    hot = b.one_hot(indices, depth)
    hot = hot if (on_value, off_value) == (1, 0) else hot * float(on_value - off_value) + float(off_value)
    return b.cast(hot, dtype)


# -- by coordinates ---------------------------------------------------------------------------------------------------


def _row_numbers(name: str, indices: Node, shape: Sequence[int]) -> tuple[Node, Sequence[int]]:
    """Coordinates ``[..., n]`` in the first n axes of a shape as numbers of rows; -1 where they are out of range."""
    count = indices.shape[-1]
    if count > len(shape):
        raise ValueError(f"{name}: indices of {count} coordinates for a tensor of shape {list(shape)}")
    _check_countable(name, math.prod(shape[:count]))
    number: Node = b.full(indices.shape[:-1], 0, "int32")
    inside: Node | None = None
    for axis, size in enumerate(shape[:count]):
        start, stop = [0] * len(indices.shape), list(indices.shape)
        start[-1], stop[-1] = axis, axis + 1
        part = b.reshape(b.slice_(b.cast(indices, "int32"), start, stop), indices.shape[:-1])
        here = b.bind("and", b.compare("le", 0, part), b.compare("lt", part, size))
        inside = here if inside is None else b.bind("and", inside, here)
        number = number * size + part
    return number if inside is None else b.where(inside, number, -1), shape[count:]


def _in_columns(indices: Node) -> Node:
    """A vector of indices is one of single coordinates."""
    return b.reshape(indices, (*indices.shape, 1)) if len(indices.shape) == 1 else indices


@op("x", "indices")
def gather_nd(x: Any, indices: Any) -> Any:
    """The parts of x at coordinates: indices ``[..., n]`` give ``[..., *x.shape[n:]]``. Out of range they are 0.

    >>> import weblayers as wl
    >>> wl.gather_nd([[1, 2], [3, 4]], wl.tensor2d([[1, 0]], dtype="int32")).array_sync()
    [3.0]
    """
    rows, rest = _row_numbers("gather_nd", indices, x.shape)
    flat = b.reshape(x, (math.prod(x.shape[: len(x.shape) - len(rest)]), *rest))
    found = b.gather(flat, rows, 0)
    inside = b.compare("le", 0, rows)
    return b.where(b.reshape(inside, (*rows.shape, *[1] * len(rest))), found, b.constant(0, x.dtype))


@op("indices", "updates")
def scatter_nd(indices: Any, updates: Any, shape: Sequence[int]) -> Any:
    """Zeros of a shape with updates added at coordinates ``[..., n]``; those out of range are dropped.

    >>> import weblayers as wl
    >>> wl.scatter_nd(wl.tensor2d([[1], [1]], dtype="int32"), [5, 6], [3]).array_sync()
    [0.0, 11.0, 0.0]
    """
    rows, rest = _row_numbers("scatter_nd", _in_columns(indices), shape)
    if updates.shape != (*rows.shape, *rest):
        raise ValueError(
            f"scatter_nd: indices of shape {list(indices.shape)} want updates of shape {[*rows.shape, *rest]} for"
            f" a tensor of shape {list(shape)}, got {list(updates.shape)}"
        )
    count = math.prod(shape[: len(shape) - len(rest)])
    flat = b.scatter_add(b.reshape(rows, (rows.aval.size,)), b.reshape(updates, (rows.aval.size, *rest)), count)
    return b.reshape(flat, tuple(shape))


@op("tensor", "indices", "updates")
def tensor_scatter_update(tensor: Any, indices: Any, updates: Any) -> Any:
    """A tensor with other values at coordinates ``[..., n]``; of those with the same coordinates the last stays.

    >>> import weblayers as wl
    >>> wl.tensor_scatter_update([1, 2, 3], wl.tensor2d([[1]], dtype="int32"), [7]).array_sync()
    [1.0, 7.0, 3.0]
    """
    indices = _in_columns(indices)
    rows, rest = _row_numbers("tensor_scatter_update", indices, tensor.shape)
    n, count = rows.aval.size, math.prod(tensor.shape[: indices.shape[-1]])
    if updates.shape != (*rows.shape, *rest):
        raise ValueError(
            f"tensor_scatter_update: indices of shape {list(indices.shape)} want updates of shape"
            f" {[*rows.shape, *rest]}, got {list(updates.shape)}"
        )
    if not n:
        return tensor
    rows = b.reshape(rows, (n,))
    place = b.iota(n)
    later = b.bind(
        "and", b.compare("eq", b.reshape(rows, (n, 1)), rows), b.compare("lt", b.reshape(place, (n, 1)), place)
    )
    last = b.unary("not", b.cast(b.reduce("max", b.cast(later, "int32"), 1), "bool"))
    rows = b.where(last, rows, -1)
    hit = b.scatter_add(rows, b.full((n,), 1, "int32"), count)
    written = b.scatter_add(rows, b.reshape(b.cast(updates, tensor.dtype), (n, *rest)), count)
    kept = b.reshape(tensor, (count, *rest))
    mask = b.reshape(b.cast(hit, "bool"), (count, *[1] * len(rest)))
    return b.reshape(b.where(mask, written, kept), tensor.shape)


@op("sparse_indices", "sparse_values", "default_value")
def sparse_to_dense(
    sparse_indices: Any, sparse_values: Any, output_shape: Sequence[int], default_value: Any = 0
) -> Any:
    """A tensor with values at some coordinates and one value elsewhere.

    Args:
        sparse_indices: int32 ``[n, rank]``; a vector of the places in a vector, or one place in it.
        sparse_values: ``[n]``, or one value for all places.
        output_shape: the shape of the result.
        default_value: what is elsewhere.

    Raises:
        ValueError: the shapes do not match.

    >>> import weblayers as wl
    >>> wl.sparse_to_dense(wl.tensor1d([1, 3], "int32"), [5, 6], [4], -1).array_sync()
    [-1.0, 5.0, -1.0, 6.0]
    """
    shape = tuple(output_shape)
    count = sparse_indices.shape[0] if sparse_indices.shape else 1
    columns = sparse_indices.shape[1] if len(sparse_indices.shape) == 2 else 1
    if len(sparse_indices.shape) > 2 or columns != len(shape):
        raise ValueError(
            f"sparse_to_dense: indices of shape {list(sparse_indices.shape)} are no places in a tensor of shape"
            f" {list(shape)}; expected [n, {len(shape)}]"
        )
    if sparse_values.shape not in ((), (count,)):
        raise ValueError(f"sparse_to_dense wants one value or {count}, got shape {list(sparse_values.shape)}")
    elsewhere = b.broadcast(b.cast(b.as_node(default_value), sparse_values.dtype), shape)
    places = b.reshape(sparse_indices, (count, columns))
    return tensor_scatter_update(elsewhere, places, b.broadcast(sparse_values, (count,)))


@op("x", "segment_ids")
def unsorted_segment_sum(x: Any, segment_ids: Any, num_segments: int) -> Any:
    """The sums of the parts of x along its first axis that have the same id; ids out of range are dropped.

    >>> import weblayers as wl
    >>> wl.unsorted_segment_sum([1, 2, 3], wl.tensor1d([0, 1, 0], "int32"), 2).array_sync()
    [4.0, 2.0]
    """
    if len(segment_ids.shape) != 1 or segment_ids.shape != x.shape[:1]:
        raise ValueError(
            f"unsorted_segment_sum wants an id for each of the {x.shape[0] if x.shape else 0} parts of x, got ids of"
            f" shape {list(segment_ids.shape)}"
        )
    return b.scatter_add(b.cast(segment_ids, "int32"), x, num_segments)


# -- by order ---------------------------------------------------------------------------------------------------------


@op("x")
def argsort(x: Any, axis: int = -1, descending: bool = False) -> Any:
    """The positions of the values along an axis, in their order, as int32; of equal values the first comes first.

    >>> import weblayers as wl
    >>> wl.argsort([3, 1, 2]).array_sync()
    [1, 2, 0]
    """
    return _last_for(x, axis, lambda rows: b.argsort(rows, descending))


@op("x")
def sort(x: Any, axis: int = -1, descending: bool = False) -> Any:
    """The values along an axis in their order.

    >>> import weblayers as wl
    >>> wl.sort([3, 1, 2]).array_sync()
    [1.0, 2.0, 3.0]
    """
    return _last_for(x, axis, lambda rows: _taken(rows, b.argsort(rows, descending)))


def _last_for(x: Node, axis: int, fn: Any) -> Node:
    """A function of last axes, applied along another."""
    (axis,) = b.normalize_axes(axis, len(x.shape))
    order = [i for i in range(len(x.shape)) if i != axis] + [axis]
    back = sorted(range(len(order)), key=order.__getitem__)
    return b.transpose(fn(b.transpose(x, order)), back)


def _taken(x: Node, places: Node) -> Node:
    """The values of last axes at places in them."""
    *lead, size = x.shape
    rows = math.prod(lead)
    _check_countable("sort", rows * size)
    flat = b.reshape(places, (rows, places.shape[-1])) + b.reshape(b.iota(rows), (rows, 1)) * size
    return b.reshape(b.gather(b.reshape(x, (x.aval.size,)), flat, 0), places.shape)


@method
def topk(x: Any, k: int = 1, sorted: bool = True) -> dict[str, Any]:
    """The ``k`` largest values of last axes, the largest first, and their positions: ``{"values", "indices"}``.

    ``sorted=False`` allows for any order; they come sorted all the same.

    >>> import weblayers as wl
    >>> {name: t.array_sync() for name, t in wl.topk([1, 5, 3], 2).items()}
    {'values': [5.0, 3.0], 'indices': [1, 2]}
    """
    values, indices = _topk(x, k)
    return {"values": values, "indices": indices}


@op("x")
def _topk(x: Any, k: int) -> Any:
    if not x.shape or not 0 <= k <= x.shape[-1]:
        raise ValueError(f"topk: k must be from 0 to the size of the last axis of {list(x.shape)}, got {k}")
    indices = b.slice_(b.argsort(x, True), [0] * len(x.shape), (*x.shape[:-1], k))
    return [_taken(x, indices), indices]
