"""What a call of a layer knows of the calls around it: training mode, the scope of weight names, added losses."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

# Numbers of one sample of a layer's output in a model from a file, half a gigabyte of them.
MAX_OUTPUT = 1 << 27


@dataclass
class _Context:
    training: list[bool] = field(default_factory=list)
    scopes: list[str] = field(default_factory=list)
    losses: list[list[Any]] = field(default_factory=list)
    # how many numbers weights may still have, and whether initializers make them
    room: int | None = None
    fresh: bool = True
    # how often layers may still be called: models that use models many times, in many storeys, never end
    calls: int | None = None


_context = _Context()


def training_mode(given: bool | None) -> bool:
    """What a call was told, or else what the call around it was told."""
    if given is not None:
        return bool(given)
    return _context.training[-1] if _context.training else False


@contextmanager
def calling(training: bool, scope: str | None) -> Iterator[None]:
    """Inside a layer's ``call`` or ``build``; ``scope`` is a part of the names of weights made there."""
    if _context.calls is not None:
        if not _context.calls:
            raise ValueError("the model calls its layers too often: models in it use other models again and again")
        _context.calls -= 1
    _context.training.append(training)
    if scope is not None:
        _context.scopes.append(scope)
    try:
        yield
    finally:
        _context.training.pop()
        if scope is not None:
            _context.scopes.pop()


def weight_scope() -> str:
    return "/".join(_context.scopes)


@contextmanager
def within_limits(room: int, calls: int, fresh: bool) -> Iterator[None]:
    """Weights made inside have at most so many numbers together, and layers are called at most so often.

    Weights begin with zeros unless they are fresh.
    """
    before = _context.room, _context.calls, _context.fresh
    _context.room, _context.calls, _context.fresh = room, calls, fresh
    try:
        yield
    finally:
        _context.room, _context.calls, _context.fresh = before


def take_room(name: str, shape: Sequence[int]) -> bool:
    """Count a new weight in; says whether it is to be fresh.

    Raises:
        ValueError: it is larger than what is left.
    """
    if _context.room is not None:
        left = _context.room - math.prod(shape)
        if left < 0:
            room = f"its file leaves room for {_context.room} more numbers"
            raise ValueError(f"weight {name!r} of shape {list(shape)} makes the model too large: {room}")
        _context.room = left
    return _context.fresh


def check_output(name: str, shape: Sequence[int | None]) -> None:
    """Refuse a layer's output that no device could hold, where there are limits.

    Raises:
        ValueError: one sample of it is too large.
    """
    if _context.room is not None and math.prod(d or 1 for d in shape) > MAX_OUTPUT:
        raise ValueError(f"the output of {name!r} of shape {list(shape)} is too large")


@contextmanager
def collecting_losses() -> Iterator[list[Any]]:
    """Gather what layers add to the loss inside."""
    found: list[Any] = []
    _context.losses.append(found)
    try:
        yield found
    finally:
        _context.losses.pop()


def add_losses(losses: Sequence[Any]) -> None:
    if _context.losses:
        _context.losses[-1].extend(losses)
