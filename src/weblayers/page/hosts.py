"""Who shows what programs want to show: the element of a page, a notebook, or a terminal."""

from __future__ import annotations

import asyncio
import importlib
import inspect
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import Any

import numpy as np

from ..runtime import clock
from ..runtime.lease import running
from .crossing import received
from .failures import Message, ends_well, failure
from .sketch import Sketch

# What the page registers before it runs a program.
MODULE = "weblayers_page"
# A notebook is sent no more sketches than a reader follows.
SKETCH_SECONDS = 0.5

# The number of the run that something belongs to, also once another has begun; None of what JavaScript calls.
_run: ContextVar[int | None] = ContextVar("run", default=None)

# What a control may end with: who exits there ends nothing else.
FAILURES = (Exception, SystemExit, KeyboardInterrupt)


class Host:
    """Takes messages, and calls who is to hear those of the other side."""

    def __init__(self) -> None:
        # whether the reader has asked for an end, and for nothing since
        self.is_stopping = False
        # the name of the file that runs, whose lines errors are told by
        self.program: str | None = None
        # where it runs, which others of the same site do not have
        self.home = ""
        # what controls were set to before, by their labels
        self.given: dict[str, Any] = {}
        # the trainings that its reader steers, by their names
        self.steered: dict[str, Any] = {}
        self._number = 0
        self._handlers: dict[str, Callable[[Any], Any]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        # the events of what has gone wrong when it was last heard
        self._failed: set[str] = set()

    def post(self, message: Message) -> None:
        """Say something. Messages are dictionaries of what JSON has, and of arrays."""
        raise NotImplementedError(f"{type(self).__name__}.post(message)")

    def on(self, event: str, handler: Callable[[Any], Any]) -> None:
        self._handlers[event] = handler

    def forget(self) -> None:
        """Another run begins, in this task: nobody hears any more, and what is left of those before is not heard."""
        self._number += 1
        self.enter()
        self.is_stopping = False
        self._handlers.clear()
        self._failed.clear()
        self.steered.clear()

    def enter(self) -> None:
        """Have what goes on in this task belong to the run of now."""
        _run.set(self._number)

    @property
    def is_left_over(self) -> bool:
        """Whether what goes on here belongs to a run before."""
        return _run.get() not in (None, self._number)

    def hear(self, event: str, value: Any = None) -> None:
        """The page says something."""
        self.is_stopping = False
        handler = self._handlers.get(event)
        if handler is not None:
            context, given = copy_context(), received(value)
            context.run(self.enter)
            context.run(self.run, lambda: handler(given), event)

    def run(self, work: Callable[[], Any], event: str | None = None) -> None:
        """Do something for the page, async or not; what goes wrong is shown there.

        What went wrong with an event is taken away once it is heard without, or, where that is async, begins again.
        """
        try:
            result = work()
        except FAILURES as error:
            self._go_wrong(error, event)
            return
        if event in self._failed:
            self._failed.discard(event)
            self.post({"type": "mended", "id": event})
        if inspect.isawaitable(result):
            task = asyncio.ensure_future(self._awaited(result, event))
            # the loop holds on to tasks weakly
            self._tasks.add(task)
            if len(self._tasks) == 1:
                self.post({"type": "working", "running": True})
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not self._tasks:
            self.post({"type": "working", "running": False})

    async def _awaited(self, result: Any, event: str | None) -> None:
        try:
            await result
        except FAILURES as error:
            self._go_wrong(error, event)

    def _go_wrong(self, error: BaseException, event: str | None) -> None:
        if ends_well(error):
            return
        if event is not None:
            self._failed.add(event)
        self.fail(error, event)

    def fail(self, error: BaseException, event: str | None = None) -> None:
        raise error


class PageHost(Host):
    """The element of a page that runs this program."""

    def __init__(self, page: Any) -> None:
        super().__init__()
        self._page = page

    def post(self, message: Message) -> None:
        if self.is_left_over:
            return
        import js
        from pyodide.ffi import to_js

        self._page.post(to_js(_plain(message), dict_converter=js.Object.fromEntries, create_pyproxies=False))

    def fail(self, error: BaseException, event: str | None = None) -> None:
        # a training of the program's may go on
        self.post({**failure(error, self.program), "id": event, "training": bool(running())})


class Terminal(Host):
    """Prints what there is to say in words; what is asked for keeps its first value."""

    def post(self, message: Message) -> None:
        if message["type"] == "show":
            print(f"{message['title'] or message['where']}: {message['content']['text']}")


class Notebook(Host):
    """Shows in the cell, each time in the place of what had the same name. While lines grow they are sketched."""

    def __init__(self, display: Any) -> None:
        super().__init__()
        self._display = display
        self._shown: dict[str, Any] = {}
        self._sketches: dict[str, Sketch | None] = {}
        self._sketched = 0.0

    def post(self, message: Message) -> None:
        if message["type"] == "show":
            where, chart = message["where"], message["content"].get("chart")
            self._sketches[where] = None if chart is None else Sketch.of(chart)
            self._update(where, message["content"]["html"])
        elif message["type"] == "add":
            self._add(message["where"], message["points"])

    def _add(self, where: str, points: Message) -> None:
        sketch = self._sketches.get(where)
        if sketch is None:
            return
        sketch.add(points)
        if clock.now() - self._sketched >= SKETCH_SECONDS:
            self._sketched = clock.now()
            self._update(where, sketch.html())

    def _update(self, where: str, content: str) -> None:
        from IPython.display import HTML  # type: ignore[import-not-found]

        if where in self._shown:
            self._shown[where].update(HTML(content))
        else:
            self._shown[where] = self._display(HTML(content), display_id=True)


def _plain(value: Any) -> Any:
    """The same with what JavaScript knows: arrays of one axis become typed arrays there."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, np.ndarray):
        return np.ascontiguousarray(value).reshape(-1)
    return value.item() if isinstance(value, np.generic) else value


def _found() -> Host:
    try:
        return PageHost(importlib.import_module(MODULE))
    except ImportError:
        pass
    try:
        from IPython import get_ipython  # type: ignore[import-not-found]
        from IPython.display import display
    except ImportError:
        return Terminal()
    return Notebook(display) if get_ipython() is not None else Terminal()


_hosts: list[Host] = []


def host() -> Host:
    """Who shows things here."""
    if not _hosts:
        _hosts.append(_found())
    return _hosts[0]
