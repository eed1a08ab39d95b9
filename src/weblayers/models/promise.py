"""An awaitable that has already started, with a JavaScript promise's methods."""

from __future__ import annotations

import asyncio
import inspect
import warnings
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from ..runtime.lease import Lease


class Promise:
    """The result of asynchronous work: ``await`` it, or chain ``then``, ``catch`` and ``finally_``.

    Where no event loop runs (a plain script), the work is done at once, and :meth:`result` has it. A promise that
    nobody has awaited or chained warns when it is collected, as a coroutine does.
    """

    # whether somebody waits for the work, or need not: before there is any
    _awaited = True

    def __init__(self, work: Coroutine[Any, Any, Any]) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._future: asyncio.Future[Any] = _finished(work)
        else:
            self._future = loop.create_task(work)
            self._awaited = False

    @classmethod
    def made_at_once(cls, work: Coroutine[Any, Any, Any]) -> Promise:
        """A promise whose work, which waits for nothing, is done now."""
        promise = cls.__new__(cls)
        loop = asyncio.new_event_loop()
        promise._future = loop.create_future()
        loop.close()
        try:
            work.send(None)
        except StopIteration as done:
            promise._future.set_result(done.value)
        return promise

    def __del__(self) -> None:
        if not self._awaited:
            warnings.warn(f"{self!r} was never awaited: write `await` before the call", RuntimeWarning, stacklevel=2)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {'done' if self._future.done() else 'running'}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(f"a promise has no {name!r}, its result may have: await it, as in `(await it).{name}`")

    def __iter__(self) -> Any:
        raise TypeError("a promise has no values, its result may have: await it")

    def __getitem__(self, key: Any) -> Any:
        raise TypeError(f"a promise has no {key!r}, its result may have: await it")

    def __float__(self) -> float:
        raise TypeError("a promise is no number, its result may be: await it")

    def __await__(self) -> Generator[Any, None, Any]:
        self._awaited = True
        if self._future.done():
            return self._future.result()
        return (yield from self._future.__await__())

    def result(self) -> Any:
        """The result of finished work; its exception is raised."""
        self._awaited = True
        return self._future.result()

    def done(self) -> bool:
        return self._future.done()

    def cancel(self) -> bool:
        """Stop the work; awaiting it then raises ``asyncio.CancelledError``."""
        self._awaited = True
        return self._future.cancel()

    def then(
        self,
        on_fulfilled: Callable[[Any], Any] | None = None,
        on_rejected: Callable[[Any], Any] | None = None,
    ) -> Promise:
        """A promise of what the function makes of the result (or, the second, of the exception)."""

        async def chain() -> Any:
            try:
                value = await self
            except Exception as error:
                if on_rejected is None:
                    raise
                return await _settled(on_rejected(error))
            return value if on_fulfilled is None else await _settled(on_fulfilled(value))

        return self._chained(chain())

    def catch(self, on_rejected: Callable[[Any], Any]) -> Promise:
        """A promise of what the function makes of the exception, if there is one."""
        return self.then(None, on_rejected)

    def finally_(self, on_finally: Callable[[], Any]) -> Promise:
        """The same result, after the function has run."""

        async def chain() -> Any:
            try:
                return await self
            finally:
                await _settled(on_finally())

        return self._chained(chain())

    def _chained(self, work: Coroutine[Any, Any, Any]) -> Promise:
        """A promise that has its use in the work itself, and need not be awaited."""
        promise = Promise(work)
        self._awaited = promise._awaited = True
        return promise


class FitPromise(Promise):
    """What ``fit`` gives: a promise of the history, and the reins of the training.

    ``end`` is called once the work is over, also if it was cancelled before it began.
    """

    def __init__(self, work: Callable[[], Coroutine[Any, Any, Any]], lease: Lease, end: Callable[[], None]) -> None:
        self._lease = lease
        super().__init__(_ending(work, end))
        if not self._future.done():
            self._future.add_done_callback(lambda _: end())

    def pause(self) -> None:
        """Begin no further step until :meth:`resume`."""
        self._lease.pause()

    def resume(self) -> None:
        """Go on after :meth:`pause`."""
        self._lease.resume()

    @property
    def paused(self) -> bool:
        return self._lease.paused

    def cancel(self) -> bool:
        """Stop after the running step; the model keeps what it has learned. Awaiting then raises
        ``asyncio.CancelledError``; ``model.stop_training = True`` ends training in order instead."""
        self._lease.resume()
        return super().cancel()


async def _ending(work: Callable[[], Coroutine[Any, Any, Any]], end: Callable[[], None]) -> Any:
    try:
        return await work()
    finally:
        # at once, not only in the loop's next turn
        end()


async def _settled(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


def _finished(work: Coroutine[Any, Any, Any]) -> asyncio.Future[Any]:
    loop = asyncio.new_event_loop()
    try:
        future: asyncio.Future[Any] = loop.create_future()
        try:
            future.set_result(loop.run_until_complete(work))
        except Exception as error:
            future.set_exception(error)
            future.exception()
            raise
        return future
    finally:
        loop.close()
