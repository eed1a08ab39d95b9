"""Where a function is traced, what is done there is recorded. Tensors need to know no more of it than this."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from ..bound import bound

# The trace under way, in this task.
_current: ContextVar[Any] = ContextVar("trace", default=None)


def current() -> Any:
    """The trace under way, a :class:`~.tracing.Trace`; None if there is none."""
    return _current.get()


@contextmanager
def recorded_by(trace: Any) -> Iterator[None]:
    """Have a trace record what is done inside."""
    with bound(_current, trace):
        yield
