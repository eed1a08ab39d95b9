"""The time, from one place: tests move it."""

from __future__ import annotations

import asyncio
import time


def now() -> float:
    """Seconds since some moment; they never go back."""
    return time.monotonic()


async def sleep(seconds: float) -> None:
    """Wait, while others go on."""
    await asyncio.sleep(seconds)
