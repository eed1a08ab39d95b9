"""What a call of a layer knows of the calls around it: training mode, the scope of weight names, added losses."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from ..bound import bound

# Numbers of one sample of a layer's output in a model from a file, half a gigabyte of them.
MAX_OUTPUT = 1 << 27


@dataclass
class _Limits:
    """How many numbers weights may still have, whether initializers make them, and how often layers may be called."""

    room: int
    # models that use models many times, in many storeys, never end
    calls: int
    fresh: bool


@dataclass(frozen=True)
class _Context:
    # whether a layer is being called, in this mode
    inside: bool = False
    training: bool = False
    frozen: bool = False
    scopes: tuple[str, ...] = ()
    losses: list[Any] | None = None
    limits: _Limits | None = None


_OUTSIDE = _Context()
_context: ContextVar[_Context] = ContextVar("calls of layers", default=_OUTSIDE)


@contextmanager
def _changed(**changes: Any) -> Iterator[None]:
    with bound(_context, replace(_context.get(), **changes)):
        yield


def training_mode(given: bool | None) -> bool:
    """What a call was told, or else what the call around it was told."""
    return _context.get().training if given is None else bool(given)


def is_inside() -> bool:
    """Whether a layer or a model is being called around here, which knows the mode."""
    return _context.get().inside


def is_frozen() -> bool:
    """Whether a layer around here is not trained: then statistics of batches are neither used nor kept."""
    return _context.get().frozen


@contextmanager
def calling(training: bool, scope: str | None, frozen: bool = False) -> Iterator[None]:
    """Inside a layer's ``call`` or ``build``; ``scope`` is a part of the names of weights made there."""
    around = _context.get()
    if around.limits is not None:
        if not around.limits.calls:
            raise ValueError("the model calls its layers too often: models in it use other models again and again")
        around.limits.calls -= 1
    scopes = around.scopes if scope is None else (*around.scopes, scope)
    with _changed(inside=True, training=training, scopes=scopes, frozen=frozen or around.frozen):
        yield


def weight_scope() -> str:
    return "/".join(_context.get().scopes)


@contextmanager
def within_limits(room: int, calls: int, fresh: bool) -> Iterator[None]:
    """Weights made inside have at most so many numbers together, and layers are called at most so often.

    Weights begin with zeros unless they are fresh.
    """
    with _changed(limits=_Limits(room, calls, fresh)):
        yield


def is_reading() -> bool:
    """Whether a model is being made of a file, which may ask for anything."""
    return _context.get().limits is not None


@contextmanager
def beside_the_file(room: int) -> Iterator[None]:
    """Weights made inside are in no file: they are fresh, and where there are limits have at most so many numbers."""
    limits = _context.get().limits
    with _changed(limits=limits and _Limits(room, limits.calls, True)):
        yield


def take_room(name: str, shape: Sequence[int]) -> bool:
    """Count a new weight in; says whether it is to be fresh.

    Raises:
        ValueError: it is larger than what is left.
    """
    limits = _context.get().limits
    if limits is None:
        return True
    left = limits.room - math.prod(shape)
    if left < 0:
        room = f"its file leaves room for {limits.room} more numbers"
        raise ValueError(f"weight {name!r} of shape {list(shape)} makes the model too large: {room}")
    limits.room = left
    return limits.fresh


def check_output(name: str, shape: Sequence[int | None]) -> None:
    """Refuse a layer's output that no device could hold, where there are limits.

    Raises:
        ValueError: one sample of it is too large.
    """
    if _context.get().limits is not None and math.prod(d or 1 for d in shape) > MAX_OUTPUT:
        raise ValueError(f"the output of {name!r} of shape {list(shape)} is too large")


@contextmanager
def collecting_losses() -> Iterator[list[Any]]:
    """Gather what layers add to the loss inside."""
    found: list[Any] = []
    with _changed(losses=found):
        yield found


def added_losses() -> list[Any]:
    """What layers have added to the loss so far."""
    return list(_context.get().losses or ())


def add_losses(losses: Sequence[Any]) -> None:
    collected = _context.get().losses
    if collected is not None:
        collected.extend(losses)
