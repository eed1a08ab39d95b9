"""A context variable with another value, for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

V = TypeVar("V")


@contextmanager
def bound(variable: ContextVar[V], value: V) -> Iterator[None]:
    """Inside, the variable has this value.

    The value from before is set again, not restored by its token: a generator may be ended from another context.
    """
    before = variable.get()
    variable.set(value)
    try:
        yield
    finally:
        variable.set(before)
