"""Devices that are lost: what is raised then, and work that is done again on the device that takes over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

# Work is begun so often before it is given up: each time on another device.
TRIES = 5


class DeviceLostError(RuntimeError):
    """The browser took the GPU away in the middle of something, again and again."""


class ValuesLostError(DeviceLostError):
    """The values were on a GPU that the browser took away, and neither was there a copy, nor what they were made of."""


def persistently(work: Callable[[], T]) -> T:
    """The result of work, which is done again where a device is lost meanwhile."""
    for _ in range(TRIES - 1):
        try:
            return work()
        except ValuesLostError:
            raise
        except DeviceLostError:
            pass
    return work()


async def persisting(work: Callable[[], Awaitable[T]]) -> T:
    """The same, of work that waits."""
    for _ in range(TRIES - 1):
        try:
            return await work()
        except ValuesLostError:
            raise
        except DeviceLostError:
            pass
    return await work()
