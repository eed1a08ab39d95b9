"""One run of steps on the device, with the callbacks that watch it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np

from ..callbacks import CallbackList
from ..runtime.base import TrainJob, TrainResult, TrainSpec
from ..runtime.tracing import Compiled
from .feeds import Run


class Watcher(Protocol):
    """What a segment asks the fit that it belongs to."""

    callbacks: CallbackList
    paused: bool

    @property
    def stopped(self) -> bool: ...
    def batch_logs(self, step: int, size: int, row: np.ndarray) -> dict[str, float]: ...
    def progress(self, rows: Sequence[np.ndarray], sizes: Sequence[int]) -> dict[str, float]: ...


class Segment:
    """Steps on the device. Batch callbacks run beside them, in order, from a queue that the device fills."""

    def __init__(self, fit: Watcher, run: Run, first: int) -> None:
        self._fit, self._run, self._first = fit, run, first
        self._queue: asyncio.Queue[list[np.ndarray] | None] = asyncio.Queue()
        self._job: TrainJob | None = None
        self.rows: list[np.ndarray] = []

    async def run(self, start: Any) -> np.ndarray:
        """The steps' rows of logs; ``start`` is the host scalar that says where the first batch begins."""
        run, callbacks, compiled = self._run, self._fit.callbacks, self._run.compiled
        start.value, start.increment = run.start, run.batch
        executable = compiled.executable()
        await prepare(executable)
        inputs = [t.storage() for t in (*run.tensors, *compiled.captured)]
        every = callbacks.every
        sink: Callable[[int, np.ndarray], None] | None = None if every == "end" else self._arrived
        job = executable.train(TrainSpec(run.steps, inputs, *scalars_of(compiled), sink, every))
        self._job = job
        if self._fit.paused:
            job.pause()
        for i, key in enumerate(compiled.host_scalars):
            key.follow(partial(job.set_scalar, i))
        consumer = asyncio.ensure_future(self._consume(job)) if callbacks.watches_steps else None
        try:
            result = await job.result()
        except asyncio.CancelledError:
            # the device stops at the end of a step; the weights of that step are kept
            job.cancel()
            self._settle(await job.result())
            raise
        finally:
            for key in compiled.host_scalars:
                key.follow(None)
            self._queue.put_nowait(None)
        if consumer is not None:
            await consumer
        self._settle(result)
        return result.logs

    def pause(self) -> None:
        if self._job is not None:
            self._job.pause()

    def resume(self) -> None:
        if self._job is not None:
            self._job.resume()

    def _settle(self, result: TrainResult) -> None:
        """Take over the state, unless the steps have made it useless."""
        compiled, finished = self._run.compiled, len(result.logs)
        for key in compiled.host_scalars:
            key.advance(finished)
        if finished and np.isfinite(result.logs[:, 0]).all():
            offset = len(compiled.graph.inputs) - len(compiled.captured)
            for number, storage in result.state.items():
                compiled.captured[number - offset].assign_storage(storage)

    # -- watching -----------------------------------------------------------------------------------------------------

    def _arrived(self, first: int, rows: np.ndarray) -> None:
        self.rows += list(rows)
        callbacks = self._fit.callbacks
        if callbacks.watches_steps:
            self._queue.put_nowait(list(rows))
        if callbacks.progress:
            done = self._first + len(self.rows)
            callbacks.tell_progress(done, self._fit.progress(self.rows, self._run.sizes[: len(self.rows)]))

    async def _consume(self, job: TrainJob) -> None:
        fit, callbacks, step = self._fit, self._fit.callbacks, self._first
        while (rows := await self._queue.get()) is not None:
            logs: dict[str, float] = {}
            for i, row in enumerate(rows):
                logs = fit.batch_logs(step, self._run.batch, row)
                if not fit.stopped:
                    await callbacks.batch(step, logs, latest=i == len(rows) - 1)
                    if fit.stopped:
                        job.cancel()
                step += 1
            if not fit.stopped:
                await callbacks.turn(step - 1, logs, time.monotonic())


async def prepare(executable: Any) -> None:
    """Let the executable compile what it needs, where that takes time."""
    ready = getattr(executable, "prepare", None)
    if ready is not None:
        await ready()


def scalars_of(compiled: Compiled) -> tuple[list[float], list[float]]:
    """The values of a step's host scalars at its first run, and what they grow by."""
    keys = compiled.host_scalars
    return [k.value for k in keys], [k.increment for k in keys]
