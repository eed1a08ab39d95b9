"""The traces that are open, innermost last: what variables ask, which know nothing else of tracing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol


class OpenTrace(Protocol):
    def assign(self, variable: Any, value: Any) -> None:
        """Have each run of what is traced replace a variable's values."""
        ...


_open: list[OpenTrace] = []


def innermost() -> OpenTrace | None:
    return _open[-1] if _open else None


@contextmanager
def opened(trace: OpenTrace) -> Iterator[None]:
    """While a function is traced."""
    _open.append(trace)
    try:
        yield
    finally:
        _open.pop()
