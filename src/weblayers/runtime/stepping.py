"""Steps made on the host, one after the other, with the event loop in between."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np

from . import clock
from .base import LogSink
from .page import Turns

# The event loop gets its turn this often, so that a page (or another task) goes on while the host computes.
YIELD_SECONDS = 0.005


class Stepper:
    """Calls :meth:`made` for a row of logs, so many times.

    Scalar k has the value ``scalars[k] + i * increments[k]`` at step i. Rows go to ``on_logs`` as
    :class:`~.base.TrainSpec` says.
    """

    def __init__(
        self,
        steps: int,
        scalars: Sequence[float],
        increments: Sequence[float],
        on_logs: LogSink | None = None,
        every: str = "end",
    ) -> None:
        self._total = steps
        self._scalars, self._increments = list(scalars), increments
        self._on_logs, self._every = on_logs, every
        # of the steps that are made
        self.rows: list[np.ndarray] = []
        self._told = 0
        self._cancelled = False
        self._going = asyncio.Event()
        self._going.set()
        self._task: asyncio.Task[None] | None = None

    def made(self, scalars: list[float]) -> np.ndarray:
        """Make a step: its row of logs."""
        raise NotImplementedError

    @property
    def steps(self) -> int:
        return len(self.rows)

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    def cancel(self) -> None:
        self._cancelled = True
        self._going.set()

    def pause(self) -> None:
        self._going.clear()

    def resume(self) -> None:
        self._going.set()

    def set_scalar(self, index: int, value: float) -> None:
        self._scalars[index] = value

    async def finished(self) -> None:
        """Done once all steps are made; who is cancelled while waiting may ask again."""
        if self._task is None or self._task.cancelled():
            self._task = asyncio.ensure_future(self._run())
        await asyncio.shield(self._task)

    async def _run(self) -> None:
        turns, turn = Turns(), clock.now()
        while len(self.rows) < self._total:
            await self._going.wait()
            if self._cancelled:
                break
            i = len(self.rows)
            self.rows.append(self.made([v + i * d for v, d in zip(self._scalars, self._increments, strict=True)]))
            # who follows every step sees the state of each
            if self._every == "step" or clock.now() - turn > YIELD_SECONDS:
                self._tell()
                await turns.give()
                turn = clock.now()
        self._tell()

    def _tell(self) -> None:
        if self._on_logs and self._every != "end" and self._told < len(self.rows):
            told, self._told = self._told, len(self.rows)
            self._on_logs(told, np.stack(self.rows[told:]))
