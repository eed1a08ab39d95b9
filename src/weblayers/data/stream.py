"""Streams of elements: what data sets and their iterators have in common, and the iterators."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from .. import random_seed
from ..io.registry import settled
from ..naming import Named
from . import operators
from .batching import stacked, zipped

# How many elements: a number, infinity, or None where nobody knows.
Size = int | float | None

S = TypeVar("S")


class Stream(Named, ABC, Generic[S]):
    """Elements, one after the other, and what can be done to them on their way."""

    size: Size = None

    @abstractmethod
    def _then(self, size: Size, operator: Callable[..., AsyncIterator[Any]], *args: Any) -> S:
        """The stream that an operator makes of this one."""

    @abstractmethod
    def __aiter__(self) -> LazyIterator: ...

    @abstractmethod
    def __iter__(self) -> LazyIterator: ...

    def map(self, transform: Callable[[Any], Any]) -> S:
        """Each element transformed.

        The function gets elements as they are: numbers and strings as Python's, rows of NumPy arrays as NumPy arrays,
        tensors as tensors. Batches are tensors; their values are on the host, so that ``x.numpy()`` and NumPy's
        functions cost no transfer, while tensor operations such as ``x.div(255)`` run on the device. Tensors made on
        the way are freed with their last reference.

        Raises:
            TypeError: at the first element, if the function is asynchronous.

        >>> import numpy as np, weblayers as wl
        >>> list(wl.data.array([1, 2, 3]).map(lambda x: x * x))
        [1, 4, 9]
        >>> [x.array_sync() for x in wl.data.array(wl.tensor([1, 2])).map(lambda x: x.mul(2))]
        [2.0, 4.0]
        """
        return self._then(self.size, operators.mapped, transform)

    def map_async(self, transform: Callable[[Any], Any]) -> S:
        """Each element transformed by a function that may be asynchronous; see :meth:`map`.

        >>> import asyncio, weblayers as wl
        >>> async def double(x):
        ...     return 2 * x
        >>> asyncio.run(wl.data.array([1, 2]).map_async(double).to_array())
        [2, 4]
        """
        return self._then(self.size, operators.mapped_async, transform)

    def filter(self, predicate: Callable[[Any], Any]) -> S:
        """The elements for which a function is true.

        >>> import weblayers as wl
        >>> list(wl.data.array([1, 2, 3, 4]).filter(lambda x: x % 2 == 0))
        [2, 4]
        """
        return self._then(math.inf if self.size == math.inf else None, operators.filtered, predicate)

    def take(self, count: int | None = -1) -> S:
        """The first ``count`` elements; all of them, if it is negative.

        >>> import weblayers as wl
        >>> list(wl.data.array([1, 2, 3]).take(2))
        [1, 2]
        """
        count = whole_number("take", "count", -1 if count is None else count)
        size = self.size if self.size is None or count < 0 else min(self.size, count)
        return self._then(size, operators.taken, count)

    def skip(self, count: int | None = -1) -> S:
        """What comes after the first ``count`` elements; nothing, if it is negative.

        >>> import weblayers as wl
        >>> list(wl.data.array([1, 2, 3]).skip(2))
        [3]
        """
        count = whole_number("skip", "count", -1 if count is None else count)
        if count < 0:
            return self._then(0, operators.taken, 0)
        return self._then(None if self.size is None else max(0, self.size - count), operators.skipped, count)

    def batch(self, batch_size: int, small_last_batch: bool = True) -> S:
        """Elements in groups, each value a tensor whose first axis counts them.

        Numbers become float32, booleans bool, NumPy arrays what :func:`weblayers.tensor` makes of them; strings become
        a NumPy array; None among numbers becomes NaN. Dictionaries and tuples keep their structure.

        Args:
            batch_size: how many elements there are in a batch.
            small_last_batch: whether the rest is a batch too, if it has fewer elements.

        Raises:
            ValueError: for elements of different shapes.

        >>> import weblayers as wl
        >>> [b.array_sync() for b in wl.data.array([1, 2, 3]).batch(2)]
        [[1.0, 2.0], [3.0]]
        """
        return self._batch(batch_size, small_last_batch, stacked)

    def _batch(self, batch_size: int, small_last_batch: bool, combine: Callable[[list[Any]], Any]) -> S:
        batch_size = whole_number("batch", "batch_size", batch_size, 1)
        size = batches(self.size, batch_size, small_last_batch)
        return self._then(size, operators.batched, batch_size, small_last_batch, combine)

    def concatenate(self, other: Any) -> S:
        """These elements, then those of another data set.

        >>> import weblayers as wl
        >>> list(wl.data.array([1, 2]).concatenate(wl.data.array([3])))
        [1, 2, 3]
        """
        if not isinstance(other, Stream):
            raise TypeError(f"concatenate() takes another data set, got {type(other).__name__}: try wl.data.array(...)")
        sizes = (self.size, other.size)
        size = math.inf if math.inf in sizes else None if None in sizes else sum(s for s in sizes if s is not None)
        return self._then(size, operators.followed, other)

    def shuffle(
        self, buffer_size: int | None = None, seed: int | None = None, reshuffle_each_iteration: bool = True
    ) -> S:
        """Elements in random order.

        Args:
            buffer_size: an element is drawn from so many that have been read ahead: with the whole data set in the
                buffer, all orders are equally likely.
            seed: the same seed gives the same order (but not TensorFlow.js'). Left out, :func:`set_random_seed` counts.
            reshuffle_each_iteration: whether each iteration has an order of its own.

        Raises:
            ValueError: without ``buffer_size``.

        >>> import weblayers as wl
        >>> sorted(wl.data.array([1, 2, 3]).shuffle(3, seed=1))
        [1, 2, 3]
        """
        if buffer_size is None:
            known = "" if self.size is None else f"; this one has {self.size}"
            raise ValueError(
                "`Dataset.shuffle()` requires buffer_size to be specified. If your data fits in main memory, use the"
                f" number of its elements{known}."
            )
        buffer_size = whole_number("shuffle", "buffer_size", buffer_size, 1)
        return self._then(self.size, operators.shuffled, buffer_size, orders(seed, reshuffle_each_iteration))

    def prefetch(self, buffer_size: int | None = None) -> S:
        """The same elements, made ahead while others are used; ``model.fit_dataset`` does that by itself.

        Args:
            buffer_size: how many may wait.

        >>> import asyncio, weblayers as wl
        >>> asyncio.run(wl.data.array([1, 2]).prefetch(2).to_array())
        [1, 2]
        """
        if buffer_size is None:
            raise ValueError("`Dataset.prefetch()` requires buffer_size to be specified.")
        return self._then(self.size, operators.prefetched, whole_number("prefetch", "buffer_size", buffer_size, 1))

    async def for_each_async(self, function: Callable[[Any], Any]) -> None:
        """Call a function, which may be asynchronous, with each element.

        >>> import asyncio, weblayers as wl
        >>> asyncio.run(wl.data.array([1, 2]).for_each_async(print))
        1
        2
        """
        async for element in self:
            await settled(function(element))

    def for_each(self, function: Callable[[Any], Any]) -> None:
        """Call a function with each element, where the source does not have to wait for them.

        >>> import weblayers as wl
        >>> wl.data.array([1, 2]).for_each(print)
        1
        2
        """
        for element in self:
            function(element)

    async def to_array(self) -> list[Any]:
        """All elements as a list; without waiting, that is ``list(dataset)``.

        Raises:
            ValueError: the data set is endless.
        """
        if self.size == math.inf:
            raise ValueError("Can not convert infinite data stream to array: use take() before.")
        return [element async for element in self]


def batches(size: Size, batch_size: int, small_last_batch: bool) -> Size:
    """How many batches so many elements make."""
    if size is None or size == math.inf:
        return size
    return (math.ceil if small_last_batch else math.floor)(size / batch_size)


def whole_number(owner: str, name: str, value: Any, least: int | None = None) -> int:
    """A checked whole number."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer) or value != int(value):
        raise TypeError(f"{name} of {owner}() must be a whole number, got {value!r}")
    if least is not None and value < least:
        raise ValueError(f"{name} of {owner}() must be at least {least}, got {value!r}")
    return int(value)


def orders(seed: int | None, reshuffle: bool) -> Callable[[], np.random.Generator]:
    """A generator of random numbers for each iteration."""
    own = None if seed is None else np.random.default_rng(seed)
    kept: int | None = None

    def generator() -> np.random.Generator:
        nonlocal kept
        drawn = int((own or random_seed.generator()).integers(2**62)) if kept is None or reshuffle else kept
        kept = drawn
        return np.random.default_rng(drawn)

    return generator


class IteratorResult(NamedTuple):
    """What ``next()`` gives: a value, or the news that there are no more."""

    value: Any
    done: bool


class LazyIterator(Stream["LazyIterator"]):
    """One pass over the elements of a data set.

    ``async for`` goes through it, and ``for`` where no element has to be waited for; ``await it.next()`` gives one
    result with ``value`` and ``done``. All that makes a data set of another one makes an iterator of an iterator.

    >>> import asyncio, weblayers as wl
    >>> async def main():
    ...     iterator = await wl.data.array([5]).iterator()
    ...     print(await iterator.next())
    ...     print(await iterator.next())
    >>> asyncio.run(main())
    IteratorResult(value=5, done=False)
    IteratorResult(value=None, done=True)
    """

    def __init__(self, source: AsyncIterator[Any]) -> None:
        self._source = source

    def _then(self, size: Size, operator: Callable[..., AsyncIterator[Any]], *args: Any) -> LazyIterator:
        return LazyIterator(operator(self._source, *args))

    def __aiter__(self) -> LazyIterator:
        return self

    async def __anext__(self) -> Any:
        return await anext(self._source)

    def __iter__(self) -> LazyIterator:
        return self

    def __next__(self) -> Any:
        # A source that has its elements gives one without handing control to an event loop.
        step = self.__anext__()
        token = operators.synchronous.set(True)
        try:
            step.send(None)
        except StopIteration as done:
            return done.value
        except StopAsyncIteration:
            raise StopIteration from None
        finally:
            operators.synchronous.reset(token)
            step.close()
        raise TypeError("this data set has to wait for its elements: use `async for` instead of `for`")

    async def next(self) -> IteratorResult:
        """The next element, with ``done`` true and no value after the last."""
        try:
            return IteratorResult(await anext(self._source), False)
        except StopAsyncIteration:
            return IteratorResult(None, True)

    def row_major_batch(self, batch_size: int, small_last_batch: bool = True) -> LazyIterator:
        """Elements in lists.

        >>> import weblayers as wl
        >>> list(iter(wl.data.array([1, 2, 3])).row_major_batch(2))
        [[1, 2], [3]]
        """
        return self._batch(batch_size, small_last_batch, list)

    def column_major_batch(
        self, batch_size: int, small_last_batch: bool = True, zip_fn: Callable[[list[Any]], Any] = zipped
    ) -> LazyIterator:
        """Elements in groups, as one element each, whose values are lists, or what ``zip_fn`` makes of the elements.

        >>> import weblayers as wl
        >>> list(iter(wl.data.array([{"x": 1}, {"x": 2}])).column_major_batch(2))
        [{'x': [1, 2]}]
        """
        return self._batch(batch_size, small_last_batch, zip_fn)

    async def resolve_fully(self) -> None:
        """Go through all elements for the sake of what is done on their way."""
        async for _ in self:
            pass

    async def resolve_while(self, predicate: Callable[[Any], Any]) -> None:
        """Go on as long as a function of the elements is true."""
        async for element in self:
            if not predicate(element):
                return
