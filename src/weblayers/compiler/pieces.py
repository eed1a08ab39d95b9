"""Work in pieces: who compiles on a page's main thread lets the page live between them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")
Pieces = Generator[None, None, T]

# A piece may take longer; the next one then waits for the page's turn.
TURN_SECONDS = 0.008


def at_once(work: Pieces[T]) -> T:
    """The result of the work."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


async def in_turns(work: Pieces[T]) -> T:
    """The result of the work, done a few milliseconds at a time."""
    begun = time.monotonic()
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value
        if time.monotonic() - begun > TURN_SECONDS:
            await asyncio.sleep(0)
            begun = time.monotonic()
