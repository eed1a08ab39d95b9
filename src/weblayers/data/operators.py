"""What happens to the elements of a stream on their way: each is an asynchronous generator over another."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextvars import ContextVar
from typing import Any

import numpy as np

from ..io.registry import settled
from ..runtime.tensor import Tensor

# Whether a plain `for` takes the elements: nobody can wait then.
synchronous = ContextVar("synchronous", default=False)

_END = object()
_DRAWS = 1024


async def mapped(source: AsyncIterator[Any], transform: Callable[[Any], Any]) -> AsyncIterator[Any]:
    async for element in source:
        result = _applied(transform, element)
        if inspect.isawaitable(result):
            if inspect.iscoroutine(result):
                result.close()
            raise TypeError("the function of map() is asynchronous: use map_async()")
        yield result


async def mapped_async(source: AsyncIterator[Any], transform: Callable[[Any], Any]) -> AsyncIterator[Any]:
    async for element in source:
        yield await settled(_applied(transform, element))


async def filtered(source: AsyncIterator[Any], predicate: Callable[[Any], Any]) -> AsyncIterator[Any]:
    async for element in source:
        if _applied(predicate, element):
            yield element


def _applied(function: Callable[[Any], Any], element: Any) -> Any:
    try:
        return function(element)
    except AttributeError as error:
        if isinstance(error.obj, np.ndarray | np.generic) and error.name and hasattr(Tensor, error.name):
            error.add_note(
                "the data set's elements are NumPy arrays, as its source has them; wl.tensor(x) makes tensors"
            )
        raise


async def taken(source: AsyncIterator[Any], count: int) -> AsyncIterator[Any]:
    """The first elements; all of them, if ``count`` is negative."""
    if count == 0:
        return
    async for element in source:
        yield element
        count -= 1
        # not after asking for one more, which may be slow to come
        if count == 0:
            return


async def skipped(source: AsyncIterator[Any], count: int) -> AsyncIterator[Any]:
    async for element in source:
        if count:
            count -= 1
        else:
            yield element


async def followed(source: AsyncIterator[Any], other: AsyncIterable[Any]) -> AsyncIterator[Any]:
    async for element in source:
        yield element
    async for element in other:
        yield element


async def repeated(start: Callable[[], AsyncIterator[Any]], count: int | None) -> AsyncIterator[Any]:
    while count is None or count > 0:
        empty = True
        async for element in start():
            empty = False
            yield element
        if empty:
            # else an endless repetition of nothing would never come back
            return
        count = None if count is None else count - 1


async def batched(
    source: AsyncIterator[Any], batch_size: int, small_last_batch: bool, combine: Callable[[list[Any]], Any]
) -> AsyncIterator[Any]:
    rows: list[Any] = []
    async for element in source:
        rows.append(element)
        if len(rows) == batch_size:
            yield combine(rows)
            rows = []
    if rows and small_last_batch:
        yield combine(rows)


async def shuffled(
    source: AsyncIterator[Any], buffer_size: int, generator: Callable[[], np.random.Generator]
) -> AsyncIterator[Any]:
    rng = generator()
    buffer: list[Any] = []
    slots: list[int] = []
    async for element in source:
        if len(buffer) < buffer_size:
            buffer.append(element)
            continue
        # one by one they cost more than all else here
        slots = slots or rng.integers(buffer_size, size=_DRAWS).tolist()
        slot = slots.pop()
        yield buffer[slot]
        buffer[slot] = element
    for slot in rng.permutation(len(buffer)):
        yield buffer[slot]


async def prefetched(source: AsyncIterator[Any], buffer_size: int) -> AsyncIterator[Any]:
    if synchronous.get():
        # there is nothing to overlap with
        async for element in source:
            yield element
        return
    queue: asyncio.Queue[tuple[Any, Exception | None]] = asyncio.Queue(buffer_size)

    async def fill() -> None:
        try:
            async for element in source:
                await queue.put((element, None))
            await queue.put((_END, None))
        except Exception as error:
            await queue.put((_END, error))

    worker = asyncio.ensure_future(fill())
    try:
        while True:
            element, error = await queue.get()
            if error is not None:
                raise error
            if element is _END:
                return
            yield element
    finally:
        worker.cancel()
