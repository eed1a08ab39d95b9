"""Scopes of tensors: what is made inside one is freed at its end, unless it is kept or handed on."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .. import tree

# Open scopes, innermost last; None while a function is traced: what it makes belongs to its plan.
_open: list[list[weakref.ref[Any]] | None] = []


def made(tensor: Any) -> None:
    """A tensor exists from now on."""
    if _open and _open[-1] is not None:
        _open[-1].append(weakref.ref(tensor))


@contextmanager
def paused() -> Iterator[None]:
    """What is made meanwhile belongs to no scope."""
    _open.append(None)
    try:
        yield
    finally:
        _open.pop()


class Scope:
    """A scope of tensors, for ``with``."""

    def __enter__(self) -> Scope:
        traced = bool(_open) and _open[-1] is None
        _open.append(None if traced else [])
        return self

    def __exit__(self, *_: object) -> None:
        self._close(())

    def _close(self, results: Any) -> None:
        inside = _open.pop()
        handed_on = {id(leaf) for leaf in results}
        outer = _open[-1] if _open else None
        for reference in inside or ():
            tensor = reference()
            if tensor is None or tensor.is_disposed or tensor.kept:
                continue
            if id(tensor) not in handed_on:
                tensor.dispose()
            elif outer is not None:
                outer.append(reference)

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

    Without a function it is a context: ``with wl.tidy():`` frees at its end all tensors made inside that are not kept.
    Variables stay. Python frees what nobody refers to anyhow; this frees at once what somebody still does.

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
