"""Data sets: streams that can be begun again and again."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np

from .. import tree
from . import operators
from .batching import as_batch
from .stream import LazyIterator, Size, Stream, batches, orders, whole_number


class Dataset(Stream["Dataset"]):
    """Elements that are made when somebody asks for them: numbers, strings, arrays, tensors, dictionaries of them.

    Iterate with ``async for``, or with ``for`` where nothing has to be waited for. ``model.fit_dataset`` takes one
    whose elements are batches ``{"xs": ..., "ys": ...}`` or ``(xs, ys)``. ``size`` is the number of elements,
    ``math.inf``, or None where it is not known.

    Args:
        start: begins a pass over the elements.
        size: how many elements there are, if it is known.

    >>> import weblayers as wl
    >>> numbers = wl.data.array([1, 2, 3, 4, 5])
    >>> numbers.size, numbers.batch(2).size, numbers.repeat().size
    (5, 3, inf)
    >>> [float(b.sum()) for b in numbers.map(lambda x: x * 10).batch(2)]
    [30.0, 70.0, 50.0]
    """

    def __init__(self, start: Callable[[], AsyncIterator[Any]], size: Size = None) -> None:
        self._begin, self.size = start, size

    def _start(self) -> AsyncIterator[Any]:
        # a method, not an attribute: subclasses that hand over their own methods would be cycles
        return self._begin()

    def _then(self, size: Size, operator: Callable[..., AsyncIterator[Any]], *args: Any) -> Dataset:
        return Dataset(lambda: operator(self._start(), *args), size)

    def __aiter__(self) -> LazyIterator:
        return LazyIterator(self._start())

    def __iter__(self) -> LazyIterator:
        return LazyIterator(self._start())

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: size={self.size}>"

    async def iterator(self) -> LazyIterator:
        """A new pass over the elements."""
        return self.__aiter__()

    def repeat(self, count: int | None = None) -> Dataset:
        """The data set ``count`` times; for ever, if that is left out or negative.

        >>> import weblayers as wl
        >>> list(wl.data.array([1, 2]).repeat(2))
        [1, 2, 1, 2]
        """
        times = None if count is None else whole_number("repeat", "count", count)
        times = None if times is not None and times < 0 else times
        size: Size = 0
        if times != 0:
            size = None if self.size is None else math.inf if times is None else self.size * times
        return Dataset(lambda: operators.repeated(self._start, times), size)


class Indexed(Dataset):
    """A data set whose elements can be found by their numbers, many at a time: batches cost next to nothing.

    Args:
        pick: gives an element by its number, or a batch as arrays by an array of numbers.
        count: how many elements there are.
        order: the numbers of the elements in the order of a new pass.
    """

    def __init__(self, pick: Callable[[Any], Any], count: int, order: Callable[[], np.ndarray] | None = None) -> None:
        self.pick, self.size, self._order = pick, count, order

    @property
    def is_in_order(self) -> bool:
        """Whether a pass takes the elements as they are numbered."""
        return self._order is None

    @property
    def _count(self) -> int:
        assert self.size is not None
        return int(self.size)

    def _numbers(self) -> np.ndarray:
        return np.arange(self._count) if self._order is None else self._order()

    async def _start(self) -> AsyncIterator[Any]:
        for number in self._numbers().tolist():
            yield self.pick(number)

    async def _batches(self, batch_size: int, count: int) -> AsyncIterator[Any]:
        numbers = self._numbers()
        for i in range(count):
            yield tree.mapped(as_batch, self.pick(numbers[i * batch_size : (i + 1) * batch_size]))

    def batch(self, batch_size: int, small_last_batch: bool = True) -> Dataset:
        batch_size = whole_number("batch", "batch_size", batch_size, 1)
        count = int(batches(self._count, batch_size, small_last_batch) or 0)
        return Dataset(lambda: self._batches(batch_size, count), count)

    def take(self, count: int | None = -1) -> Dataset:
        end = whole_number("take", "count", -1 if count is None else count)
        return self._part(0, self._count if end < 0 else min(end, self._count))

    def skip(self, count: int | None = -1) -> Dataset:
        start = whole_number("skip", "count", -1 if count is None else count)
        return self._part(self._count if start < 0 else min(start, self._count), self._count)

    def _part(self, start: int, end: int) -> Dataset:
        return Indexed(self.pick, end - start, lambda: self._numbers()[start:end])

    def shuffle(
        self, buffer_size: int | None = None, seed: int | None = None, reshuffle_each_iteration: bool = True
    ) -> Dataset:
        if buffer_size is None or whole_number("shuffle", "buffer_size", buffer_size, 1) < self._count:
            return super().shuffle(buffer_size, seed, reshuffle_each_iteration)
        generator = orders(seed, reshuffle_each_iteration)
        return Indexed(self.pick, self._count, lambda: generator().permutation(self._numbers()))
