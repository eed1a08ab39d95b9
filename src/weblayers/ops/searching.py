"""Finding values, and where they are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..graph import build as b
from ..runtime.conversion import to_tensor
from ..runtime.memory import Record
from ..runtime.tensor import Tensor
from . import movement
from .dispatch import method, op, public
from .host import fetched, integers, taken, values_of

# -- in sorted sequences ----------------------------------------------------------------------------------------------


@op("sorted_sequence", "values")
def search_sorted(sorted_sequence: Any, values: Any, side: str = "left") -> Any:
    """Where values would go into sequences so that these stay sorted.

    Args:
        sorted_sequence: ``[..., n]``, ascending along the last axis.
        values: ``[..., m]``, with as many rows.
        side: ``"left"`` is before values that are equal, ``"right"`` after them.

    Returns:
        int32 ``[rows, m]``, from 0 to n.

    >>> import weblayers as wl
    >>> wl.search_sorted([[1, 3, 5]], [[3, 4]]).array_sync()
    [[1, 2]]
    """
    if side not in ("left", "right"):
        raise ValueError(f"side must be 'left' or 'right', got {side!r}")
    if not sorted_sequence.shape or not values.shape:
        raise ValueError("search_sorted wants a sequence and values of rank 1 at least")
    size, count = sorted_sequence.shape[-1], values.shape[-1]
    rows = math.prod(sorted_sequence.shape[:-1])
    if math.prod(values.shape[:-1]) != rows:
        raise ValueError(
            f"search_sorted wants as many rows of values as sequences, got shapes {list(sorted_sequence.shape)} and"
            f" {list(values.shape)}"
        )
    places, each = b.reshape(sorted_sequence, (rows, 1, size)), b.reshape(values, (rows, count, 1))
    before = b.compare("lt" if side == "left" else "le", places, each)
    return b.reduce("sum", b.cast(before, "int32"), 2)


@public
def lower_bound(sorted_sequence: Any, values: Any) -> Any:
    """:func:`search_sorted` on the left: how many of each sequence are less.

    >>> import weblayers as wl
    >>> wl.lower_bound([[1, 3, 3]], [[3]]).array_sync()
    [[1]]
    """
    return search_sorted(sorted_sequence, values, "left")


@public
def upper_bound(sorted_sequence: Any, values: Any) -> Any:
    """:func:`search_sorted` on the right: how many of each sequence are not greater.

    >>> import weblayers as wl
    >>> wl.upper_bound([[1, 3, 3]], [[3]]).array_sync()
    [[3]]
    """
    return search_sorted(sorted_sequence, values, "right")


# -- on the host ------------------------------------------------------------------------------------------------------


def _keys(rows: np.ndarray) -> list[Any]:
    """What equal rows have in common. NaN equals NaN, and 0 equals -0."""
    flat = rows.reshape(len(rows), math.prod(rows.shape[1:]))
    return [tuple(r) for r in flat] if rows.dtype == object else [r.tobytes() for r in flat + 0]


@method
def unique(x: Any, axis: int = 0) -> Record:
    """The different parts of x along an axis, in their order: ``{"values", "indices"}``.

    Runs on the host: how many there are depends on the values.

    Returns:
        ``values`` are x with the first of equal parts; ``indices``, int32, have the number in them of each part of x.

    >>> import weblayers as wl
    >>> found = wl.unique([7, 5, 7])
    >>> found["values"].array_sync(), found["indices"].array_sync()
    ([7.0, 5.0], [0, 1, 0])
    """
    tensor = to_tensor(x)
    if not tensor.shape:
        raise ValueError("unique wants a tensor of rank 1 at least, got a scalar")
    (axis,) = b.normalize_axes(axis, tensor.rank)
    values = tensor.numpy()
    numbers: dict[Any, int] = {}
    indices = [numbers.setdefault(key, len(numbers)) for key in _keys(np.moveaxis(values, axis, 0))]
    first = np.unique(np.array(indices, np.intp), return_index=True)[1]
    return Record(values=to_tensor(np.take(values, first, axis), tensor.dtype), indices=integers(indices))


@public
async def where_async(condition: Any) -> Tensor:
    """The coordinates of what is true.

    Runs on the host: how many there are depends on the values.

    Args:
        condition: a tensor of any shape and dtype; numbers other than 0 are true.

    Returns:
        int32 ``[found, rank]``, row after row of the condition.

    >>> import asyncio
    >>> import weblayers as wl
    >>> asyncio.run(wl.where_async(wl.tensor1d([True, False, True]))).array_sync()
    [[0], [2]]
    """
    return integers(np.argwhere(await fetched(condition)))


@public
async def boolean_mask_async(tensor: Any, mask: Any, axis: int = 0) -> Any:
    """The parts of a tensor for which a mask is true.

    Runs on the host: how many there are depends on the mask.

    Args:
        tensor: any tensor.
        mask: bool, of the shape of some axes of the tensor.
        axis: the first of these axes; in the result one takes the place of all.

    Raises:
        ValueError: the shapes do not match.

    >>> import asyncio
    >>> import weblayers as wl
    >>> asyncio.run(wl.boolean_mask_async([[1, 2], [3, 4]], [False, True])).array_sync()
    [[3.0, 4.0]]
    """
    whole, chosen = to_tensor(tensor), await fetched(mask)
    (axis,) = b.normalize_axes(axis, whole.rank)
    end = axis + chosen.ndim
    if not chosen.ndim or whole.shape[axis:end] != chosen.shape:
        raise ValueError(
            f"boolean_mask_async: a mask of shape {list(chosen.shape)} does not match the axes from {axis} of a tensor"
            f" of shape {list(whole.shape)}"
        )
    flat = movement.reshape(whole, [*whole.shape[:axis], chosen.size, *whole.shape[end:]])
    return taken(flat, np.flatnonzero(chosen), axis)


@public
async def setdiff1d_async(x: Any, y: Any) -> list[Tensor]:
    """The values of x that are not in y, and their positions in x as int32.

    Runs on the host: how many there are depends on the values.

    Args:
        x: a vector.
        y: a vector of the same dtype.

    >>> import asyncio
    >>> import weblayers as wl
    >>> [t.array_sync() for t in asyncio.run(wl.setdiff1d_async([1, 2, 3], [2]))]
    [[1.0, 3.0], [0, 2]]
    """
    first, second = to_tensor(x), to_tensor(y)
    if first.rank != 1 or second.rank != 1:
        raise ValueError(f"setdiff1d_async wants vectors, got shapes {list(first.shape)} and {list(second.shape)}")
    if first.dtype != second.dtype:
        raise TypeError(f"setdiff1d_async wants vectors of one dtype, got {first.dtype} and {second.dtype}")
    values, known = await fetched(first), set(_keys(await fetched(second)))
    places = np.array([i for i, key in enumerate(_keys(values)) if key not in known], np.intp)
    return [to_tensor(values[places], first.dtype), integers(places)]


@public
async def in_top_k_async(predictions: Any, targets: Any, k: int = 1) -> Tensor:
    """Whether the class that is right is among the k that are predicted most.

    Runs on the host.

    Args:
        predictions: ``[..., classes]``.
        targets: the numbers of the right classes, ``[...]``.
        k: from 1 to the number of classes.

    Returns:
        bool ``[...]``. Of equal predictions the first comes first.

    >>> import asyncio
    >>> import weblayers as wl
    >>> asyncio.run(wl.in_top_k_async([[0.1, 0.7, 0.2], [0.6, 0.3, 0.1]], [2, 2], 2)).array_sync()
    [True, False]
    """
    scores, right = await fetched(predictions), await fetched(targets)
    if scores.ndim < 2 or scores.shape[:-1] != right.shape:
        raise ValueError(
            f"in_top_k_async wants predictions of shape [..., classes] and targets of shape [...], got"
            f" {list(scores.shape)} and {list(right.shape)}"
        )
    classes = scores.shape[-1]
    if not 0 < k <= classes:
        raise ValueError(f"k must be from 1 to the number of classes, {classes}, got {k}")
    best = np.argsort(-scores, axis=-1, kind="stable")[..., :k]
    return to_tensor((best == right[..., None]).any(-1))


# -- shapes -----------------------------------------------------------------------------------------------------------


@public
def broadcast_args(s0: Any, s1: Any) -> Tensor:
    """The shape that two shapes are broadcast to, as an int32 vector.

    Runs on the host.

    Raises:
        ValueError: the shapes cannot be broadcast.

    >>> import weblayers as wl
    >>> wl.broadcast_args([2, 1], [3]).array_sync()
    [2, 3]
    """
    shapes = [values_of(s).astype(np.intp) for s in (s0, s1)]
    if any(s.ndim != 1 for s in shapes):
        raise ValueError(f"broadcast_args wants two vectors, got shapes {[list(s.shape) for s in shapes]}")
    rank = max(map(len, shapes))
    first, second = (np.concatenate([np.ones(rank - len(s), np.intp), s]) for s in shapes)
    if not np.all((first == second) | (first == 1) | (second == 1)):
        raise ValueError(f"the shapes {shapes[0].tolist()} and {shapes[1].tolist()} cannot be broadcast")
    return integers(np.where(first == 1, second, first))


@method
def ensure_shape(x: Any, shape: Any) -> Any:
    """x itself, if it has the shape; None in it stands for any size.

    Raises:
        ValueError: x has another shape.

    >>> import weblayers as wl
    >>> wl.ensure_shape(wl.ones([2, 3]), [None, 3]).shape
    (2, 3)
    """
    tensor = x if hasattr(x, "shape") else to_tensor(x)
    wanted = tuple(shape)
    if len(wanted) != len(tensor.shape) or any(
        d not in (None, size) for d, size in zip(wanted, tensor.shape, strict=True)
    ):
        raise ValueError(f"ensure_shape: a tensor of shape {list(tensor.shape)} is not of shape {list(wanted)}")
    return tensor
