"""One run of steps on the device, with the callbacks that watch it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np

from ..callbacks import CallbackList
from ..runtime import debug
from ..runtime.base import TrainJob, TrainResult, TrainSpec
from ..runtime.tensor import Variable
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
    """Steps on the device. Batch callbacks run beside them, in order, from a queue that the device fills.

    Who reads a weight meanwhile gets its value of now, as far as steps are on their way to the device. Who assigns to
    one ends the segment: the remaining steps have to begin with that value.
    """

    def __init__(self, fit: Watcher, run: Run, first: int) -> None:
        self._fit, self._run, self._first = fit, run, first
        self._queue: asyncio.Queue[list[np.ndarray] | None] = asyncio.Queue()
        self._job: TrainJob | None = None
        self.rows: list[np.ndarray] = []
        self._began: tuple[list[Any], list[float]] = [], []
        # the steps whose state the variables and host scalars have
        self._known = 0
        self.interrupted = False

    async def run(self, start: Any) -> np.ndarray:
        """The steps' rows of logs; ``start`` is the host scalar that says where the first batch begins."""
        run, callbacks, compiled = self._run, self._fit.callbacks, self._run.compiled
        run.begin(start)
        executable = compiled.executable()
        await executable.prepare()
        inputs = [t.storage() for t in (*run.tensors, *compiled.captured)]
        every = callbacks.every
        sink: Callable[[int, np.ndarray], None] | None = None if every == "end" else self._arrived
        values, increments = scalars_of(compiled)
        self._began = inputs, increments
        job = executable.train(TrainSpec(run.steps, inputs, values, increments, sink, every))
        self._job = job
        if self._fit.paused:
            job.pause()
        for i, key in enumerate(compiled.host_scalars):
            key.follow(partial(job.set_scalar, i), self.refresh)
        for variable in compiled.assigned:
            variable.lend(self)
        consumer = asyncio.ensure_future(self._consume(job)) if callbacks.watches_steps else None
        try:
            result = await job.result()
        except asyncio.CancelledError:
            # the device stops at the end of a step; the weights of that step are kept
            job.cancel()
            self._settle(await job.result())
            raise
        else:
            self._settle(result)
        finally:
            self._queue.put_nowait(None)
            self._detach()
        if consumer is not None:
            await consumer
        return result.logs

    async def culprit(self, step: int) -> str:
        """What made the loss of a step no number. The run's state must not have been taken over."""
        self._advance(-self._known)
        return await debug.culprit(self._run.compiled, *self._began, step)

    def pause(self) -> None:
        if self._job is not None:
            self._job.pause()

    def resume(self) -> None:
        if self._job is not None:
            self._job.resume()

    def refresh(self) -> None:
        job = self._job
        if job is not None and job.steps > self._known:
            self._advance(job.steps - self._known)
            self._take(job.state())

    def replaced(self, variable: Variable) -> None:
        assert self._job is not None
        variable.lend(None)
        self.interrupted = True
        self._job.cancel()

    def _settle(self, result: TrainResult) -> None:
        """Take over the state, unless the steps have made it useless: then go back to where they began."""
        compiled, finished = self._run.compiled, len(result.logs)
        good = finished > 0 and np.isfinite(result.logs[:, 0]).all()
        if good:
            self._take(result.state)
        elif self._known:
            self._take({i: self._began[0][i] for i in compiled.graph.swaps})
        self._advance(finished - self._known)

    def _take(self, state: Mapping[int, Any]) -> None:
        """Give the variables these values; those that have others by now keep them."""
        compiled = self._run.compiled
        offset = len(compiled.graph.inputs) - len(compiled.captured)
        for number, storage in state.items():
            variable = compiled.captured[number - offset]
            if variable.is_lent:
                variable.assign_storage(storage)

    def _advance(self, steps: int) -> None:
        for key in self._run.compiled.host_scalars:
            key.advance(steps)
        self._known += steps

    def _detach(self) -> None:
        for key in self._run.compiled.host_scalars:
            key.follow()
        for variable in self._run.compiled.assigned:
            variable.lend(None)

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


def scalars_of(compiled: Compiled) -> tuple[list[float], list[float]]:
    """The values of a step's host scalars at its first run, and what they grow by."""
    keys = compiled.host_scalars
    return [k.value for k in keys], [k.increment for k in keys]
