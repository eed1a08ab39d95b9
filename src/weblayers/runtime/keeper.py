"""Copies of what a device that may be lost has alone: they are made beside all else, and cost little of the time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol
from weakref import WeakSet, ref

from . import clock, device
from .base import Runtime

if TYPE_CHECKING:
    from .values import Origin, Values

# What is new waits so long, for more of it to come.
SOON_SECONDS = 0.5
# After that copies are made this seldom, or more so: with this many times as long as they held others up in between,
# they cost less than two percent of the time.
INTERVAL_SECONDS = 1.0
REST = 75
# So many bytes are copied in a go; a tensor of more is made again if need be.
BYTES = 64 * 2**20
# Of what has made values that are not copied yet: the most of it, how many bytes it may have to itself, and how often
# that is looked at.
ORIGINS, ORIGIN_BYTES, LOOK = 4096, 64 * 2**20, 64


class Job(Protocol):
    """Steps under way on a device that may be lost."""

    @property
    def steps(self) -> int:
        """How many are made."""

    async def snapshot(self) -> None:
        """Copy what is needed to go on from here."""


class Keeper:
    """Values that no copy was made of yet, what made them, and steps under way."""

    def __init__(self) -> None:
        self._values: WeakSet[Values] = WeakSet()
        self._origins: deque[ref[Origin]] = deque()
        self._jobs: WeakSet[Job] = WeakSet()
        # of jobs that have ended
        self._steps = 0
        self._task: asyncio.Task[None] | None = None

    def keep(self, values: Values) -> None:
        """Have a copy of values soon."""
        self._values.add(values)
        self._begin()

    def watch(self, job: Job) -> None:
        """Have copies of what a job needs to go on, now and then until :meth:`leave`."""
        self._jobs.add(job)
        self._begin()

    def leave(self, job: Job) -> None:
        if job in self._jobs:
            self._jobs.remove(job)
            self._steps += job.steps

    @property
    def steps(self) -> int:
        """How many were made so far on devices that may be lost."""
        return self._steps + sum(job.steps for job in self._jobs)

    def remember(self, origin: Origin) -> None:
        """Let an origin be, as far as there is room; the oldest goes first."""
        self._origins.append(ref(origin))
        if len(self._origins) % LOOK == 0:
            self._make_room()

    def _make_room(self) -> None:
        living = [origin for origin in (reference() for reference in self._origins) if origin is not None]
        kept: deque[ref[Origin]] = deque()
        counted: set[int] = set()
        room = ORIGIN_BYTES
        for origin in reversed(living):
            hosts = {id(s.host): s.host.nbytes for s in origin.inputs if s.host is not None and s.values is None}
            nbytes = sum(size for array, size in hosts.items() if array not in counted)
            if len(kept) == ORIGINS or nbytes > room:
                origin.forget()
            else:
                kept.appendleft(ref(origin))
                counted |= hosts.keys()
                room -= nbytes
        self._origins = kept

    # -- copying ------------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        if self._task is None or self._task.done():
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                # a script: there is no time beside it
                return
            self._task = loop.create_task(self._work())

    async def _work(self) -> None:
        pause, ended, steps = SOON_SECONDS, clock.now(), self.steps
        while self._values or self._jobs:
            await clock.sleep(pause)
            begun, before = clock.now(), self.steps
            step_seconds = (begun - ended) / (before - steps) if before > steps else 0.0
            work = [copy(self._next()), *(job.snapshot() for job in list(self._jobs))]
            # what failed is told to who wants the values
            await asyncio.gather(*work, return_exceptions=True)
            ended, steps = clock.now(), self.steps
            # steps that were made meanwhile were not held up
            held_up = ended - begun - (steps - before) * step_seconds
            pause = max(INTERVAL_SECONDS, REST * held_up)

    def _next(self) -> list[Values]:
        """What is to be copied now; it is not looked at again."""
        chosen, room = [], BYTES
        for values in list(self._values):
            nbytes = 4 * values.aval.size
            if nbytes <= room or nbytes > BYTES:
                self._values.discard(values)
            if nbytes <= room:
                room -= nbytes
                chosen.append(values)
        return chosen


async def copy(wanted: Iterable[Values]) -> None:
    """Bring values to the host, those of a device in one go.

    Raises:
        DeviceLostError: it is gone.
    """
    groups: dict[Runtime, list[Values]] = {}
    for values in wanted:
        if values.host is None and values.runtime is not None and device.is_in_use(values.runtime):
            groups.setdefault(values.runtime, []).append(values)
    await asyncio.gather(*(_copy(runtime, group) for runtime, group in groups.items()))


async def _copy(runtime: Runtime, group: Sequence[Values]) -> None:
    arrays = await runtime.read_all([values.storage for values in group])
    for values, array in zip(group, arrays, strict=True):
        # integers that have become too large are told of when they are read
        with suppress(OverflowError):
            values.copied(array)


_keeper = Keeper()
keep, remember, watch, leave = _keeper.keep, _keeper.remember, _keeper.watch, _keeper.leave
