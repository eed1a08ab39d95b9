"""Runs a program for the page, from its source: with ``await`` at top level, again and again."""

from __future__ import annotations

import ast
import asyncio
import linecache
import sys
from collections.abc import Coroutine
from typing import Any
from weakref import WeakSet

import numpy as np

from ..callbacks.base import register_callback_constructor
from ..io import browser
from ..models import watching
from ..runtime import device
from . import reins
from .awaiting import awaiting
from .crossing import received, sent
from .failures import ends_well, failure
from .hosts import host
from .sweeping import perform


class Program:
    """A program and its names."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}
        self._others: list[asyncio.Future[Any]] = []
        # tasks of the page's, and not of the program's
        self._own: WeakSet[asyncio.Task[Any]] = WeakSet()
        register_callback_constructor(0, reins.Reporter)
        browser.set_courier(_download)

    async def run(self, source: str, filename: str, given: Any = None, home: str = "") -> bool:
        """Run a program to its end; whether it got there. What goes wrong is told to the page.

        Args:
            given: values for its controls, by their labels, as JavaScript has them.
            home: what names the page and its element, of all those of a site.
        """
        await self.end()
        host().forget()
        watching.forget()
        host().program, host().home = filename, home
        host().given = {} if given is None else received(given.to_py())
        self.names = {"__name__": "__main__", "__file__": filename, "__doc__": None, "input": _no_input}
        # so that tracebacks show its lines
        linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
        asyncio.get_running_loop().set_exception_handler(_unseen)
        try:
            error = await asyncio.ensure_future(self._outcome(source, filename))
        except asyncio.CancelledError:
            return False
        finally:
            _flush()
        if error is not None and not ends_well(error):
            host().post(failure(error, filename))
            return False
        host().post({"type": "backend", "backend": device.get_backend(), "why": device.why()})
        return True

    async def _outcome(self, source: str, filename: str) -> BaseException | None:
        """What a program has ended with; an exit that left its task would go on through the page's loop."""
        try:
            await self._run(source, filename)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            return error
        return None

    async def _run(self, source: str, filename: str) -> None:
        from pyodide.code import CodeRunner

        # in functions it cannot wait, and would come back at once: the program has ended when what it began has
        asyncio.run = self._begin  # type: ignore[assignment]
        runner = CodeRunner(source, filename=filename, flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        runner.ast = awaiting(runner.ast)
        await runner.compile().run_async(self.names)
        while self._others:
            await self._others.pop(0)

    def _begin(self, main: Coroutine[Any, Any, Any], **_: Any) -> asyncio.Future[Any]:
        task = asyncio.ensure_future(main)
        self._others.append(task)
        return task

    async def end(self) -> None:
        """End the program, and what its controls have begun, wherever they wait; comes back when they have ended."""
        self._own.add(_current_task())
        # who pauses would not notice
        reins.resume()
        self._others.clear()
        left = asyncio.all_tasks() - set(self._own)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)

    def uncaught(self, address: int, text: str) -> None:
        """Tell of an exception that JavaScript was left with, by a listener, a timer or what follows a promise."""
        error = vars(sys).get("last_value")
        if error is not None and id(error) == address:
            host().fail(error, "task")
        else:
            # another one has come since, and Python knows the last
            print(text, file=sys.stderr)

    def define(self, source: str, filename: str) -> None:
        """Know what the program of another worker defines; see :func:`weblayers.page.sweep`."""
        self.names = {"__name__": "__main__", "__file__": filename}
        exec(compile(source, filename, "exec"), self.names)

    async def task(self, name: str, task: str) -> dict[str, str]:
        """Call one of those functions with arguments that were packed."""
        return await perform(self.names[name], task)

    async def call(self, name: str, arguments: list[Any]) -> Any:
        """Call a function of the program, async or not.

        Raises:
            NameError: the program has none of that name.
            TypeError: the page has nothing like its result.
        """
        host().enter()
        function = self.names.get(name)
        if not callable(function):
            raise NameError(f"the program has no function {name!r}")
        result = function(*received(arguments))
        if hasattr(result, "__await__"):
            result = await result
        return sent(result, f"the result of {name}")


def _current_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None
    return task


def _flush() -> None:
    """Show lines that have not ended, too."""
    sys.stdout.flush()
    sys.stderr.flush()


def _unseen(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A task that nobody awaits has failed, which the program goes on after."""
    error = context.get("exception")
    if error is None:
        loop.default_exception_handler(context)
    elif not ends_well(error):
        host().fail(error, "task")


def _download(name: str, data: bytes, kind: str) -> None:
    host().post({"type": "download", "name": name, "data": np.frombuffer(data, np.uint8), "kind": kind})


def _no_input(prompt: object = "") -> str:
    raise RuntimeError(
        f"a page cannot wait for input({prompt!r}): ask by wl.page.text(label), wl.page.number or wl.page.choice"
    )
