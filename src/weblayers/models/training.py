"""The training loop: epochs of steps that run without Python, with Python between them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from .. import random_seed
from ..runtime.base import TrainResult, TrainSpec
from ..runtime.tensor import Tensor
from ..runtime.tracing import Compiled
from .callbacks import CallbackList, History, ProgressLine
from .compilation import Compilation
from .data_sets import Samples, order_capacity, sample_order
from .steps import Steps, scalars_of

# Small epochs run several at a time, about so long together: short enough for a line of progress.
CHUNK_SECONDS = 0.2


@dataclass
class FitPlan:
    """The arguments of a fit, checked."""

    samples: Samples
    batch_size: int
    epochs: int
    initial_epoch: int
    shuffle: bool
    verbose: int
    validation: Samples | None


class Fit:
    """One call of ``fit``."""

    def __init__(self, model: Any, steps: Steps, plan: FitPlan, callbacks: Any) -> None:
        self._model, self._steps, self._plan = model, steps, plan
        self._compilation: Compilation = model.compiled()
        self._names = self._compilation.names
        self.history = History()
        samples = plan.samples.count
        self._total = -(-samples // plan.batch_size)
        params = {
            "epochs": plan.epochs,
            "initial_epoch": plan.initial_epoch,
            "samples": samples,
            "steps": self._total,
            "batch_size": plan.batch_size,
            "verbose": plan.verbose,
            "do_validation": plan.validation is not None,
            "metrics": self._names + ([f"val_{n}" for n in self._names] if plan.validation else []),
        }
        shown = [ProgressLine()] if plan.verbose else []
        self._callbacks = CallbackList(callbacks, model, params, [self.history, *shown])
        self.history.params = params

    async def run(self) -> History:
        plan, callbacks = self._plan, self._callbacks
        samples = plan.samples.rows()
        self._model.stop_training = False
        await callbacks.call("on_train_begin", {})
        epoch, count = plan.initial_epoch, 1
        while epoch < plan.epochs and not self._model.stop_training:
            count = min(count, plan.epochs - epoch)
            if count == 1:
                await callbacks.call("on_epoch_begin", epoch, {})
            begun = time.monotonic()
            rows = await self._epochs(epoch, count, samples)
            await self._report(epoch, count, rows)
            epoch += count
            count = self._next_count(count, time.monotonic() - begun, samples.count)
        self._compilation.optimizer.finalize()
        await callbacks.call("on_train_end", {})
        return self.history

    def _next_count(self, count: int, seconds: float, samples: int) -> int:
        """How many epochs to run in one go, where nothing has to happen between them: small ones would mostly wait."""
        uneven = samples > self._plan.batch_size and samples % self._plan.batch_size
        if uneven or self._plan.validation is not None or self._callbacks.between_epochs:
            return 1
        wanted = count * 2 if seconds < CHUNK_SECONDS / 2 else max(1, round(count * CHUNK_SECONDS / seconds))
        return min(wanted, order_capacity(samples) // samples)

    async def _report(self, epoch: int, count: int, rows: Sequence[np.ndarray]) -> None:
        """Tell the callbacks of finished epochs."""
        for i in range(count):
            if count > 1:
                await self._callbacks.call("on_epoch_begin", epoch + i, {})
            logs = self.summary(rows[i * self.total : (i + 1) * self.total])
            if self._plan.validation is not None and not self._model.stop_training:
                tested = await evaluate_rows(
                    self._steps, self._compilation, self._plan.validation, self._plan.batch_size
                )
                logs = {**{f"val_{n}": v for n, v in tested.items()}, **logs}
            await self._callbacks.call("on_epoch_end", epoch + i, logs)

    async def _epochs(self, epoch: int, count: int, data: Samples) -> list[np.ndarray]:
        samples = data.count
        permute = random_seed.generator().permutation if self._plan.shuffle else np.arange
        order = sample_order(np.concatenate([permute(samples) for _ in range(count)]), samples)
        rows: list[np.ndarray] = []
        for compiled, start, steps, batch in segments(self._steps.train, data, self._plan.batch_size):
            self._steps.start.value, self._steps.start.increment = start, batch
            segment = _Segment(self, compiled, len(rows))
            rows += list(await segment.run([*data.tensors(), order], steps * count))
            if self._model.stop_training:
                break
        self._check_finite(rows, epoch)
        return rows

    def _check_finite(self, rows: Sequence[np.ndarray], first_epoch: int) -> None:
        for step, row in enumerate(rows):
            if not np.isfinite(row[0]):
                epoch = first_epoch + step // self.total
                kept = f"after epoch {first_epoch}" if first_epoch else "before training"
                raise FloatingPointError(
                    f"the loss became {row[0]} in epoch {epoch + 1} at step {step % self.total + 1} of {self.total}."
                    f" The model keeps the weights that it had {kept}. Try a smaller learning rate, and look for NaN or"
                    " very large values in the data."
                )

    def summary(self, rows: Sequence[np.ndarray]) -> dict[str, float]:
        """The means over the samples of the epoch so far."""
        return self._compilation.summary(rows, [self.size_of(i) for i in range(len(rows))])

    def size_of(self, step: int) -> int:
        samples, batch = self._plan.samples.count, self._plan.batch_size
        return min(batch, samples - step * batch)

    def batch_logs(self, step: int, row: np.ndarray) -> dict[str, float]:
        return {
            "batch": step,
            "size": self.size_of(step),
            **self._compilation.summary([row], [self.size_of(step)]),
        }

    @property
    def callbacks(self) -> CallbackList:
        return self._callbacks

    @property
    def total(self) -> int:
        return self._total

    @property
    def stopped(self) -> bool:
        return bool(self._model.stop_training)


class _Segment:
    """Steps of one batch size. Batch callbacks run beside them, in order, from a queue that the device fills."""

    def __init__(self, fit: Fit, compiled: Compiled, first: int) -> None:
        self._fit, self._compiled, self._first = fit, compiled, first
        self._queue: asyncio.Queue[np.ndarray | None] = asyncio.Queue()
        self._rows: list[np.ndarray] = []

    async def run(self, tensors: Sequence[Tensor], steps: int) -> np.ndarray:
        compiled, callbacks = self._compiled, self._fit.callbacks
        executable = compiled.executable()
        await prepare(executable)
        values, increments = scalars_of(compiled)
        every = "step" if callbacks.per_batch else "frame" if callbacks.progress else "end"
        inputs = [t.storage() for t in (*tensors, *compiled.captured)]
        spec = TrainSpec(steps, inputs, values, increments, None if every == "end" else self._arrived, every)
        job = executable.train(spec)
        for i, key in enumerate(compiled.host_scalars):
            key.follow(partial(job.set_scalar, i))
        consumer = asyncio.ensure_future(self._consume(job)) if every == "step" else None
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

    def _settle(self, result: TrainResult) -> None:
        """Take over the state, unless the steps have made it useless."""
        finished = len(result.logs)
        for key in self._compiled.host_scalars:
            key.advance(finished)
        if finished and np.isfinite(result.logs[:, 0]).all():
            offset = len(self._compiled.graph.inputs) - len(self._compiled.captured)
            for number, storage in result.state.items():
                self._compiled.captured[number - offset].assign_storage(storage)

    def _arrived(self, first: int, rows: np.ndarray) -> None:
        if self._fit.callbacks.per_batch:
            for row in rows:
                self._queue.put_nowait(row)
        self._rows += list(rows)
        if self._fit.callbacks.progress:
            done = self._first + first + len(rows)
            self._fit.callbacks.tell_progress(done, self._fit.total, self._fit.summary(self._rows))

    async def _consume(self, job: Any) -> None:
        step = self._first
        while (row := await self._queue.get()) is not None:
            logs = self._fit.batch_logs(step, row)
            if not self._fit.stopped:
                await self._fit.callbacks.call("on_batch_begin", step, {})
                await self._fit.callbacks.call("on_batch_end", step, logs)
                if self._fit.stopped:
                    job.cancel()
            step += 1


async def prepare(executable: Any) -> None:
    """Let the executable compile what it needs, where that takes time."""
    ready = getattr(executable, "prepare", None)
    if ready is not None:
        await ready()


def segments(trace: Any, rows: Samples, batch: int) -> list[tuple[Compiled, int, int, int]]:
    """The runs of equal batches that cover the samples: compiled step, first sample, steps, batch size."""
    whole, rest = divmod(rows.count, batch)
    parts = [(trace(rows, batch), 0, whole, batch)] if whole else []
    return parts + ([(trace(rows, rest), whole * batch, 1, rest)] if rest else [])


async def evaluate_rows(steps: Steps, compilation: Compilation, samples: Samples, batch: int) -> dict[str, float]:
    """Loss and metrics over all samples, without blocking."""
    samples.check()
    data = samples.rows()
    order = sample_order(np.arange(data.count), data.count)
    rows: list[np.ndarray] = []
    sizes: list[int] = []
    for compiled, start, count, size in segments(steps.test, data, batch):
        steps.start.value, steps.start.increment = start, size
        executable = compiled.executable()
        await prepare(executable)
        inputs = [t.storage() for t in (*data.tensors(), order, *compiled.captured)]
        result = await executable.train(TrainSpec(count, inputs, *scalars_of(compiled))).result()
        rows += list(result.logs)
        sizes += [size] * count
    return compilation.summary(rows, sizes)
