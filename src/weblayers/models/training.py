"""The training loop: epochs of steps that run without Python, with Python between them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..callbacks import CallbackList, History, ProgressLine
from ..runtime import debug
from ..runtime.base import TrainSpec
from .compilation import Compilation
from .feeds import ArrayFeed, DatasetFeed, Run
from .segment import Segment, scalars_of
from .steps import Steps

Feed = ArrayFeed | DatasetFeed

# Small epochs run several at a time, about so long together: short enough for a line of progress.
CHUNK_SECONDS = 0.2


@dataclass
class FitPlan:
    """The arguments of a fit, checked."""

    feed: Feed
    batch_size: int | None
    epochs: int
    initial_epoch: int
    verbose: int
    callbacks: Any
    # makes a feed anew for each validation
    validation: Callable[[], Feed] | None = None
    validation_freq: int = 1
    yield_every: str | float = "auto"


class Fit:
    """One call of ``fit``."""

    def __init__(self, model: Any, steps: Steps, plan: FitPlan) -> None:
        self._model, self._steps, self._plan = model, steps, plan
        self._compilation: Compilation = model.compiled()
        self._names = self._compilation.names
        self.history = History()
        self.paused = False
        self._segment: Segment | None = None
        # of the running epoch
        self._rows: list[np.ndarray] = []
        self._sizes: list[int] = []
        params = {
            "epochs": plan.epochs,
            "initial_epoch": plan.initial_epoch,
            "samples": plan.feed.samples,
            "steps": plan.feed.steps,
            "batch_size": plan.batch_size,
            "verbose": plan.verbose,
            "do_validation": plan.validation is not None,
            "metrics": self._names + ([f"val_{n}" for n in self._names] if plan.validation else []),
        }
        shown = [ProgressLine()] if plan.verbose else []
        self.callbacks = CallbackList(plan.callbacks, model, params, [self.history, *shown], plan.yield_every)
        self.history.params = params

    # -- from outside -------------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Begin no further step until :meth:`resume`."""
        self.paused = True
        if self._segment is not None:
            self._segment.pause()

    def resume(self) -> None:
        self.paused = False
        if self._segment is not None:
            self._segment.resume()

    @property
    def stopped(self) -> bool:
        return bool(self._model.stop_training)

    # -- epochs -------------------------------------------------------------------------------------------------------

    async def run(self) -> History:
        plan, callbacks = self._plan, self.callbacks
        self._model.stop_training = False
        await callbacks.call("on_train_begin", {})
        # a callback may have restored an earlier training
        epoch, count = self.history.params["initial_epoch"], 1
        while epoch < plan.epochs and not self.stopped:
            count = min(count, plan.epochs - epoch)
            if count == 1:
                await callbacks.begin_epoch(epoch)
            begun = time.monotonic()
            await self._train(epoch, count)
            await self._report(epoch, count)
            epoch += count
            count = self._next_count(count, time.monotonic() - begun)
            if getattr(plan.feed, "exhausted", False):
                break
        self._compilation.optimizer.finalize()
        await callbacks.call("on_train_end", {})
        return self.history

    def _next_count(self, count: int, seconds: float) -> int:
        """How many epochs to run in one go, where nothing has to happen between them: small ones would mostly wait."""
        if self._plan.validation is not None or self.callbacks.between_epochs:
            return 1
        wanted = count * 2 if seconds < CHUNK_SECONDS / 2 else max(1, round(count * CHUNK_SECONDS / seconds))
        return min(wanted, self._plan.feed.most_epochs)

    async def _train(self, epoch: int, count: int) -> None:
        """The steps of an epoch, or of several."""
        self._rows, self._sizes = [], []
        async with aclosing(self._plan.feed.epochs(count)) as runs:
            async for run in runs:
                await self._go_through(run, epoch)
                if self.stopped:
                    break
        self._segment = None

    async def _go_through(self, run: Run, epoch: int) -> None:
        while True:
            self._segment = Segment(self, run, len(self._rows))
            rows = await self._segment.run(self._steps.train_start)
            if self.callbacks.stops_at_nan and not np.isfinite(rows[:, 0]).all():
                self._model.stop_training = True
            else:
                await self._check_finite(rows, epoch)
            self._rows += list(rows)
            self._sizes += run.sizes[: len(rows)]
            run = run.after(len(rows))
            if self.stopped or not self._segment.interrupted or not run.steps:
                return

    async def _report(self, epoch: int, count: int) -> None:
        """Tell the callbacks of finished epochs."""
        each = self._plan.feed.steps or len(self._rows) if count > 1 else len(self._rows)
        for i in range(count):
            if count > 1:
                await self.callbacks.begin_epoch(epoch + i)
            part = slice(i * each, (i + 1) * each)
            logs = self._compilation.summary(self._rows[part], self._sizes[part])
            plan = self._plan
            due = plan.validation is not None and (epoch + i + 1) % plan.validation_freq == 0
            if due and not self.stopped:
                assert plan.validation is not None
                tested = await evaluated(self._steps, self._compilation, plan.validation())
                logs = {**{f"val_{n}": v for n, v in tested.items()}, **logs}
            await self.callbacks.call("on_epoch_end", epoch + i, logs)

    async def _check_finite(self, rows: Sequence[np.ndarray] | np.ndarray, first_epoch: int) -> None:
        before, steps = len(self._rows), self._plan.feed.steps
        for i, row in enumerate(rows):
            if np.isfinite(row[0]):
                continue
            step = before + i
            epoch = first_epoch + (step // steps if steps else 0)
            at = f"step {step % steps + 1} of {steps}" if steps else f"step {step + 1}"
            kept = f"after epoch {first_epoch}" if first_epoch else "before training"
            kept = f"before step {before + 1}" if before else kept
            assert self._segment is not None
            why = "look for NaN or very large values in the data. wl.enable_debug_mode() says where it comes from"
            if debug.is_enabled():
                why = await self._segment.culprit(i)
            raise FloatingPointError(
                f"the loss became {row[0]} in epoch {epoch + 1} at {at}. The model keeps the weights that it had"
                f" {kept}. Try a smaller learning rate; {why}."
            )

    # -- steps --------------------------------------------------------------------------------------------------------

    def progress(self, rows: Sequence[np.ndarray], sizes: Sequence[int]) -> dict[str, float]:
        """The means over the samples of the epoch so far, with these rows of the running segment."""
        return self._compilation.summary([*self._rows, *rows], [*self._sizes, *sizes])

    def batch_logs(self, step: int, size: int, row: np.ndarray) -> dict[str, float]:
        """The logs of one batch."""
        return {"batch": step, "size": size, **self._compilation.summary([row], [size])}


async def evaluated(steps: Steps, compilation: Compilation, feed: Feed) -> dict[str, float]:
    """Loss and metrics over all samples, without blocking."""
    rows: list[np.ndarray] = []
    sizes: list[int] = []
    async with aclosing(feed.epochs()) as runs:
        async for run in runs:
            executable = run.compiled.executable()
            await executable.prepare()
            run.begin(steps.test_start)
            inputs = [t.storage() for t in (*run.tensors, *run.compiled.captured)]
            result = await executable.train(TrainSpec(run.steps, inputs, *scalars_of(run.compiled))).result()
            rows += list(result.logs)
            sizes += run.sizes
    return compilation.summary(rows, sizes)
