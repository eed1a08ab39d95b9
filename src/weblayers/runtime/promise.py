"""An awaitable that has already started, with a JavaScript promise's methods."""

from __future__ import annotations

import asyncio
import inspect
import warnings
from collections.abc import Callable, Coroutine, Generator
from functools import wraps
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


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


class Later(Coroutine[Any, Any, T], Generic[T]):
    """A coroutine with a JavaScript promise's ``then`` and ``catch``, which begin it."""

    def __init__(self, work: Coroutine[Any, Any, T]) -> None:
        self._work = work

    def send(self, value: Any) -> Any:
        return self._work.send(value)

    def throw(self, *error: Any) -> Any:
        return self._work.throw(*error)

    def close(self) -> None:
        self._work.close()

    def __await__(self) -> Generator[Any, None, T]:
        return self._work.__await__()

    def then(
        self,
        on_fulfilled: Callable[[T], Any] | None = None,
        on_rejected: Callable[[Any], Any] | None = None,
    ) -> Promise:
        """A promise of what the function makes of the result (or, the second, of the exception)."""
        return Promise(self).then(on_fulfilled, on_rejected)

    def catch(self, on_rejected: Callable[[Any], Any]) -> Promise:
        """A promise of what the function makes of the exception, if there is one."""
        return self.then(None, on_rejected)


def thenable(fn: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Later[T]]:
    """Have a coroutine function's results chain as promises do."""

    @wraps(fn)
    def begun(*args: P.args, **kwargs: P.kwargs) -> Later[T]:
        return Later(fn(*args, **kwargs))

    return begun


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
