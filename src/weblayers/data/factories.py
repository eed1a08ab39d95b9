"""Data sets of what a program has: arrays, generators, functions, other data sets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .. import tree
from ..io.registry import settled
from ..runtime.conversion import to_tensor
from ..runtime.tensor import Tensor
from .dataset import Dataset, Indexed
from .stream import IteratorResult


def array(items: Any) -> Dataset:
    """The elements of a list; or the rows of an array or tensor, or of several in a dictionary or tuple.

    Args:
        items: a list, whose elements may be anything. A NumPy array gives its rows as NumPy arrays, a tensor gives
            tensors. Of a dictionary or tuple of arrays or tensors, each element has one row of each.

    Raises:
        ValueError: arrays of different lengths.
        TypeError: no list, array or tensor.

    >>> import numpy as np, weblayers as wl
    >>> list(wl.data.array([{"x": 1}, {"x": 2}]))
    [{'x': 1}, {'x': 2}]
    >>> pairs = wl.data.array({"xs": np.eye(3), "ys": np.arange(3)})
    >>> [(batch["xs"].shape, batch["ys"].array_sync()) for batch in pairs.batch(2)]
    [((2, 3), [0, 1]), ((1, 3), [2])]
    """
    if hasattr(items, "to_py"):  # a JavaScript array
        items = items.to_py()
    leaves = [items] if isinstance(items, np.ndarray | Tensor) else _parts(items)
    if leaves:
        return _rows(items, leaves)
    if isinstance(items, Sequence) and not isinstance(items, str | bytes):
        kept = list(items)
        return Dataset(lambda: _given(kept), len(kept))
    raise TypeError(
        f"wl.data.array() takes a list, an array or tensor, or a dictionary or tuple of those, got"
        f" {type(items).__name__}: for a generator there is wl.data.generator()"
    )


def _parts(items: Any) -> list[Any]:
    """The arrays of a dictionary or tuple of arrays; nothing, where it is not one."""
    if not isinstance(items, Mapping | tuple):
        return []
    leaves = tree.leaves(items)
    return leaves if all(isinstance(leaf, np.ndarray | Tensor) for leaf in leaves) else []


def _rows(items: Any, leaves: list[Any]) -> Indexed:
    if any(not leaf.shape for leaf in leaves):
        raise ValueError("a scalar has no rows to make a data set of")
    lengths = [leaf.shape[0] for leaf in leaves]
    if len(set(lengths)) > 1:
        raise ValueError(f"the arrays of a data set must have equally many rows, got {lengths}")
    # tensors would be read from the device row by row
    columns = [(leaf.numpy(), leaf.dtype) if isinstance(leaf, Tensor) else (leaf, None) for leaf in leaves]

    def row(column: tuple[np.ndarray, str | None], number: Any) -> Any:
        values, dtype = column
        return values[number] if dtype is None else to_tensor(values[number], dtype)

    return Indexed(lambda number: tree.packed(items, [row(c, number) for c in columns]), lengths[0])


async def _given(items: list[Any]) -> AsyncIterator[Any]:
    for item in items:
        yield item


def generator(generator: Callable[[], Any]) -> Dataset:
    """The elements that a generator yields, which each pass over the data set begins anew.

    Args:
        generator: a generator function, asynchronous or not; or any function that gives, perhaps later, something to
            iterate over, or an object with TensorFlow.js' ``next()``.

    >>> import weblayers as wl
    >>> def squares():
    ...     for i in range(4):
    ...         yield i * i
    >>> list(wl.data.generator(squares))
    [0, 1, 4, 9]
    """
    if not callable(generator):
        raise TypeError(
            f"wl.data.generator() takes a function that makes a generator, got {type(generator).__name__}: a data set"
            " begins anew at each pass"
        )
    return Dataset(lambda: _generated(generator))


async def _generated(make: Callable[[], Any]) -> AsyncIterator[Any]:
    made = await settled(make())
    if hasattr(made, "__aiter__"):
        async for element in made:
            yield element
    elif hasattr(made, "__iter__"):
        for element in made:
            yield element
    elif hasattr(made, "next"):
        async for element in _called(made.next):
            yield element
    else:
        raise TypeError(
            f"the function of wl.data.generator() gave {type(made).__name__}, which is nothing to iterate over"
        )


def func(f: Callable[[], Any]) -> Dataset:
    """What a function gives, call after call, until it says that it is done.

    Passes go on where others have ended: the function knows nothing of passes. :func:`generator` begins anew.

    Args:
        f: gives, perhaps later, ``{"value": ..., "done": False}`` or, in the end, ``{"done": True}``.

    >>> import weblayers as wl
    >>> numbers = iter([1, 2])
    >>> def next_number():
    ...     value = next(numbers, None)
    ...     return {"value": value, "done": value is None}
    >>> list(wl.data.func(next_number))
    [1, 2]
    """
    if not callable(f):
        raise TypeError(f"wl.data.func() takes a function, got {type(f).__name__}")
    return Dataset(lambda: _called(f))


async def _called(f: Callable[[], Any]) -> AsyncIterator[Any]:
    while not (result := _result(await settled(f()))).done:
        yield result.value


def _result(given: Any) -> IteratorResult:
    if isinstance(given, Mapping):
        if given.keys() <= {"value", "done"} and given:
            return IteratorResult(given.get("value"), bool(given.get("done")))
    elif hasattr(given, "done"):
        return IteratorResult(getattr(given, "value", None), bool(given.done))
    raise TypeError(f"a function of a data set gives {{'value': ..., 'done': ...}}, got {given!r}")


def zip(datasets: Any) -> Dataset:
    """Data sets side by side: each element has one of each. The shortest ends it.

    Args:
        datasets: a dictionary, list or tuple of data sets, or of such structures of them.

    >>> import weblayers as wl
    >>> xs, ys = wl.data.array([1, 2, 3]), wl.data.array([10, 20])
    >>> list(wl.data.zip({"xs": xs, "ys": ys}))
    [{'xs': 1, 'ys': 10}, {'xs': 2, 'ys': 20}]
    """
    if not isinstance(datasets, Mapping | list | tuple):
        raise TypeError(f"The argument to zip() must be a dictionary, list or tuple, got {type(datasets).__name__}.")
    parts = tree.leaves(datasets)
    for part in parts:
        if not isinstance(part, Dataset):
            raise TypeError(f"Leaves of the structure passed to zip() must be Datasets, got {type(part).__name__}.")
    if not parts:
        raise ValueError("zip() got no data sets")
    if all(isinstance(part, Indexed) and part.is_in_order for part in parts):
        count = min(part.size for part in parts)
        return Indexed(lambda number: tree.mapped(lambda d: d.pick(number), datasets), count)
    sizes = [part.size for part in parts]
    return Dataset(lambda: _side_by_side(datasets, parts), None if None in sizes else min(sizes))


async def _side_by_side(structure: Any, parts: list[Dataset]) -> AsyncIterator[Any]:
    passes = [aiter(part) for part in parts]
    while True:
        try:
            values = [await anext(one) for one in passes]
        except StopAsyncIteration:
            return
        yield tree.packed(structure, values)
