"""Runs a program for the page, from its source: with ``await`` at top level, again and again."""

from __future__ import annotations

import asyncio
import linecache
import sys
from collections.abc import Coroutine
from typing import Any

import numpy as np

from ..callbacks.base import register_callback_constructor
from ..io import browser
from ..models import watching
from ..runtime import device
from ..runtime.tensor import Tensor
from .failures import failure
from .hosts import host
from .reins import Reporter
from .sweeping import perform


class Program:
    """A program and its names."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}
        self._task: asyncio.Task[Any] | None = None
        self._others: list[asyncio.Future[Any]] = []
        register_callback_constructor(0, Reporter)
        browser.set_courier(_download)

    async def run(self, source: str, filename: str, given: Any = None) -> bool:
        """Run a program to its end; whether it got there. What goes wrong is told to the page.

        ``given`` are values for its controls, by their labels, as JavaScript has them.
        """
        self.stop()
        host().forget()
        watching.forget()
        host().program = filename
        host().given = {} if given is None else given.to_py()
        self.names = {"__name__": "__main__", "__file__": filename, "__doc__": None, "input": _no_input}
        # so that tracebacks show its lines
        linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
        self._task = asyncio.ensure_future(self._run(source, filename))
        try:
            await self._task
        except asyncio.CancelledError:
            return False
        except SystemExit as ended:
            if not ended.code:
                return True
            host().post({**failure(ended, filename), "text": f"the program has ended itself: exit({ended.code!r})"})
            return False
        except BaseException as error:
            host().post(failure(error, filename))
            return False
        finally:
            # lines that have not ended, too
            sys.stdout.flush()
            sys.stderr.flush()
        host().post({"type": "backend", "backend": device.get_backend(), "why": device.why()})
        return True

    async def _run(self, source: str, filename: str) -> None:
        from pyodide.code import eval_code_async

        # in a page it cannot wait, and would come back at once: the program has ended when what it began has
        asyncio.run = self._begin  # type: ignore[assignment]
        await eval_code_async(source, self.names, filename=filename)
        while self._others:
            await self._others.pop(0)

    def _begin(self, main: Coroutine[Any, Any, Any], **_: Any) -> asyncio.Future[Any]:
        task = asyncio.ensure_future(main)
        self._others.append(task)
        return task

    def stop(self) -> None:
        """End the program, wherever it waits."""
        for task in (self._task, *self._others):
            if task is not None:
                task.cancel()
        self._others.clear()

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
        """
        function = self.names.get(name)
        if not callable(function):
            raise NameError(f"the program has no function {name!r}")
        result = function(*arguments)
        if hasattr(result, "__await__"):
            result = await result
        return result.array_sync() if isinstance(result, Tensor) else result


def _download(name: str, data: bytes, kind: str) -> None:
    host().post({"type": "download", "name": name, "data": np.frombuffer(data, np.uint8), "kind": kind})


def _no_input(prompt: object = "") -> str:
    raise RuntimeError(
        f"a page cannot wait for input({prompt!r}): ask by wl.page.text(label), wl.page.number or wl.page.choice"
    )
