"""Scopes of tensors: what is made inside one is freed at its end, unless it is kept or handed on.

A scope is its task's: what other tasks make while it waits is no business of its.
"""

from __future__ import annotations

import asyncio
import inspect
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from .. import tree
from ..bound import bound

# Open scopes, innermost last; None while a function is traced: what it makes belongs to its plan.
_open: ContextVar[tuple[Scope | None, ...]] = ContextVar("open scopes", default=())


def made(tensor: Any) -> None:
    """A tensor exists from now on."""
    scope = _innermost(_open.get())
    if scope is not None:
        scope.add(weakref.ref(tensor))


def _innermost(scopes: tuple[Scope | None, ...]) -> Scope | None:
    # a task begins with a copy of the context that it was made in, scopes and all
    return scopes[-1] if scopes and scopes[-1] is not None and scopes[-1].task is _task() else None


def _task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


@contextmanager
def paused() -> Iterator[None]:
    """What is made meanwhile belongs to no scope."""
    with bound(_open, (*_open.get(), None)):
        yield


class Scope:
    """A scope of tensors, for ``with``."""

    def __enter__(self) -> Scope:
        self.task = _task()
        self._inside: list[weakref.ref[Any]] = []
        scopes = _open.get()
        is_traced = bool(scopes) and scopes[-1] is None
        _open.set((*scopes, None if is_traced else self))
        return self

    def __exit__(self, *_: object) -> None:
        self._close(())

    def add(self, tensor: weakref.ref[Any]) -> None:
        """A tensor was made inside, or handed on by a scope inside."""
        self._inside.append(tensor)

    def _close(self, results: Any) -> None:
        _open.set(_open.get()[:-1])
        handed_on = {id(leaf) for leaf in results}
        outer = _innermost(_open.get())
        for reference in self._inside:
            tensor = reference()
            if tensor is None or tensor.is_disposed or tensor.kept:
                continue
            if id(tensor) not in handed_on:
                tensor.dispose()
            elif outer is not None:
                outer.add(reference)
        self._inside = []
        self.task = None

    def run(self, fn: Callable[[], Any]) -> Any:
        """The result of a function, whose tensors survive."""
        self.__enter__()
        result = None
        try:
            result = fn()
            if inspect.isawaitable(result):
                if inspect.iscoroutine(result):
                    result.close()
                result = None
                raise TypeError("tidy cannot wait: give it a function that is not async, or use `with wl.tidy():`")
            return result
        finally:
            self._close(tree.leaves(result))


def tidy(name_or_fn: str | Callable[[], Any] | None = None, fn: Callable[[], Any] | None = None) -> Any:
    """Run a function and free the tensors that it made, but for those it gives and those that are kept.

    Without a function it is a context: ``with wl.tidy():`` frees at its end all tensors made inside that are not kept,
    whatever it awaits: what other tasks make meanwhile is left alone. Variables stay. Python frees what nobody refers
    to anyhow; this frees at once what somebody still does.

    Args:
        name_or_fn: a function without arguments; or a name, for readers of the program only.
        fn: the function, after a name.

    Raises:
        TypeError: the function is async.

    >>> import weblayers as wl
    >>> before = wl.memory()["num_tensors"]
    >>> total = wl.tidy(lambda: wl.sum(wl.ones([2]) * 3))
    >>> total.array_sync(), wl.memory()["num_tensors"] - before
    (6.0, 1)
    >>> with wl.tidy():
    ...     a = wl.ones([2])
    ...     b = wl.keep(a + 1)
    >>> a.is_disposed, b.is_disposed
    (True, False)
    """
    function = fn if isinstance(name_or_fn, str) else name_or_fn
    if function is None:
        return Scope()
    if not callable(function):
        raise TypeError(f"tidy wants a function, or nothing to be used with `with`, got {type(function).__name__}")
    return Scope().run(function)


def keep(result: Any) -> Any:
    """A tensor, which no scope frees from now on.

    >>> import weblayers as wl
    >>> with wl.tidy():
    ...     kept = wl.keep(wl.ones([2]))
    >>> kept.is_disposed
    False
    """
    result.kept = True
    return result


def dispose(container: Any) -> None:
    """Free the tensors in a tensor, list or dictionary now; using them afterwards raises.

    >>> import weblayers as wl
    >>> t = wl.ones([2]); wl.dispose([t]); t.is_disposed
    True
    """
    for leaf in tree.leaves(container):
        if hasattr(leaf, "dispose"):
            leaf.dispose()
