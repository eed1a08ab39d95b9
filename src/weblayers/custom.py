"""Classes and functions of users, by the names that models' files know them by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from .bound import bound

_registered: dict[str, Any] = {}
_lent: ContextVar[Mapping[str, Any]] = ContextVar("custom objects", default=MappingProxyType({}))


def name_of(value: Any) -> str:
    """What files call a class or function: its ``class_name``, in either spelling, if it has one, or its name."""
    given = (getattr(value, spelling, None) for spelling in ("class_name", "className"))
    return next((name for name in given if isinstance(name, str)), value.__name__)


def register(value: Any) -> None:
    """Make a class or function known for good."""
    _registered[name_of(value)] = value


def registered(name: str) -> Any:
    """What was registered under a name, or None."""
    return _registered.get(name)


@contextmanager
def lending(objects: Mapping[str, Any] | None) -> Iterator[None]:
    """Inside, classes and functions are known by these names, before any others.

    Raises:
        TypeError: not a dictionary of classes and functions.
    """
    for name, value in dict(objects or {}).items():
        if not callable(value):
            raise TypeError(f"custom_objects has classes and functions by name, got {value!r} for {name!r}")
    with bound(_lent, {**_lent.get(), **(objects or {})}):
        yield


def lent(name: str) -> Any:
    """What is lent under a name, or None."""
    return _lent.get().get(name)
