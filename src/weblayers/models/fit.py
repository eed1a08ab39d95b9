"""The training loop: epochs of steps that run without Python, with Python between them and beside them."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..callbacks import CallbackList, History, ProgressLine
from ..callbacks.base import registered_callbacks
from ..runtime import clock, debug, device
from ..runtime.lasting import LastingJob, Scalars
from ..runtime.lease import Lease, Trained, outcome
from .compilation import Compilation
from .feeds import ArrayFeed, DatasetFeed, Run
from .logs import Layout, Sums
from .watching import Watching

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
    # whether it is a step among others, after which nobody waits for the weights, nor do averages replace them
    is_step: bool = False


class Fit:
    """One call of ``fit``: from when it is made until :meth:`end` the model's weights are its own to train.

    A feed gives runs of steps; the lease makes them on the device and has the state; callbacks are told of them.

    Raises:
        RuntimeError: another model is training one of the weights, or with the same optimizer.
    """

    def __init__(self, model: Any, plan: FitPlan) -> None:
        self._model, self._plan = model, plan
        self._compilation: Compilation = model.compiled()
        names = model.metrics_names
        self.history = History()
        shown = [ProgressLine()] if plan.verbose else []
        registered = [] if plan.is_step else registered_callbacks(plan.verbose)
        self._callbacks = CallbackList(plan.callbacks, [self.history, *shown, *registered], plan.yield_every)
        self.history.params = {
            "epochs": plan.epochs,
            "initial_epoch": plan.initial_epoch,
            "samples": plan.feed.samples,
            "steps": plan.feed.steps,
            "batch_size": plan.batch_size,
            "verbose": plan.verbose,
            "do_validation": plan.validation is not None,
            "metrics": names + ([f"val_{n}" for n in names] if plan.validation else []),
        }
        # of the running epoch, or of several: rows of logs, and how to read them
        self._rows: list[np.ndarray] = []
        self._layout: Layout | None = None
        # of the last epoch
        self._last: dict[str, Any] = {}
        self._watching = Watching(model)
        self.lease = Lease(model.name)
        self.lease.take([*model.steps.trained(), *self._compilation.optimizer.host_scalars])

    def end(self) -> None:
        """Give the weights back, once it has ended or will never begin."""
        self.lease.give_back()

    @property
    def stopped(self) -> bool:
        return self.lease.stopped

    # -- epochs -------------------------------------------------------------------------------------------------------

    async def run(self) -> History:
        try:
            return await self._run()
        finally:
            await self._plan.feed.close()

    async def _run(self) -> History:
        plan, callbacks = self._plan, self._callbacks
        callbacks.attach(self._model, self.history.params)
        await callbacks.call("on_train_begin", {})
        # a callback may have restored an earlier training
        first = epoch = self.history.params["initial_epoch"]
        count = 1
        while epoch < plan.epochs and not self.stopped and await self._has_data(plan.feed, "data set", epoch > first):
            count = min(count, plan.epochs - epoch)
            if count == 1:
                await callbacks.begin_epoch(epoch)
            begun = clock.now()
            await self._train(epoch, count)
            await self._report(epoch, count)
            epoch += count
            count = self._next_count(count, clock.now() - begun)
        if not plan.is_step:
            self._compilation.optimizer.finalize()
            await self.lease.secure()
        await callbacks.call("on_train_end", self._last)
        return self.history

    async def _has_data(self, feed: Feed, name: str, had_some: bool) -> bool:
        """Whether an epoch, or a validation, has batches; a source that is used up ends it with a warning."""
        if await feed.begin():
            return True
        if not had_some:
            raise ValueError(f"the {name} has no batches")
        if not feed.exhausted:
            warnings.warn(
                f"the {name} ran out of data after one pass: a generator object is used up then. Give something"
                " to iterate over again, such as wl.data.generator(function), or say how many batches are an epoch",
                stacklevel=2,
            )
        return False

    def _next_count(self, count: int, seconds: float) -> int:
        """How many epochs to run in one go, where nothing has to happen between them: small ones would mostly wait."""
        if self._plan.validation is not None or self._callbacks.between_epochs:
            return 1
        wanted = count * 2 if seconds < CHUNK_SECONDS / 2 else max(1, round(count * CHUNK_SECONDS / seconds))
        return min(wanted, self._plan.feed.most_epochs)

    async def _train(self, epoch: int, count: int) -> None:
        """The steps of an epoch, or of several."""
        self._rows, sums = [], Sums()
        async with aclosing(self._plan.feed.epochs(count)) as runs:
            async for run in runs:
                # again where a weight was assigned, or a step is watched: the remaining steps begin there
                while run.steps and not self.stopped:
                    part = self._watching.next(run)
                    trained = await self._steps(part, sums)
                    # also of a step whose loss is no number, which may be what somebody looks for
                    await self._watching.tell(part.compiled, len(trained.logs), trained.captured)
                    await self._check_finite(part, trained, epoch)
                    rows, self._layout = trained.logs, part.compiled.layout
                    sums.add(rows, self._layout)
                    self._rows += list(rows)
                    run = run.after(len(rows))
                if self.stopped:
                    break

    async def _steps(self, run: Run, before: Sums) -> Trained:
        """Make a run's steps, with callbacks beside them, in order, from a queue that the device fills."""
        every = self._callbacks.every
        if every == "end":
            return await self.lease.train(run.compiled, run.tensors, run.steps, run.begins)
        queue: asyncio.Queue[np.ndarray | None] = asyncio.Queue()

        async def make() -> Trained:
            try:
                told = lambda _, rows: queue.put_nowait(rows)  # noqa: E731
                return await self.lease.train(run.compiled, run.tensors, run.steps, run.begins, told, every)
            finally:
                queue.put_nowait(None)

        try:
            async with asyncio.TaskGroup() as group:
                making = group.create_task(make())
                following = group.create_task(self._follow(queue, run, before))
                following.add_done_callback(lambda ended: _failed(ended) and making.cancel())
        except BaseExceptionGroup as errors:
            error = errors.exceptions[0]
        else:
            return making.result()
        raise error

    async def _follow(self, queue: asyncio.Queue[np.ndarray | None], run: Run, before: Sums) -> None:
        callbacks, step, sums, layout = self._callbacks, len(self._rows), before.copy(), run.compiled.layout
        while (rows := await queue.get()) is not None:
            if callbacks.progress:
                sums.add(rows, layout)
                callbacks.tell_progress(step + len(rows), sums.logs())
            logs: dict[str, Any] = {}
            for i, row in enumerate(rows):
                if callbacks.watches_steps and not self.stopped:
                    logs = {"batch": step, "size": run.batch, **layout.logs(row)}
                    await callbacks.batch(step, logs, latest=i == len(rows) - 1)
                step += 1
            if not self.stopped:
                await callbacks.turn(step - 1, logs)

    async def _report(self, epoch: int, count: int) -> None:
        """Tell the callbacks of finished epochs."""
        plan, each = self._plan, len(self._rows)
        if count > 1:
            each = plan.feed.steps or each
        for i in range(count):
            part = slice(i * each, (i + 1) * each)
            layout = self._layout
            if not self._rows[part] or layout is None:
                # stopped before it began
                return
            if count > 1:
                await self._callbacks.begin_epoch(epoch + i)
            sums = Sums()
            sums.add(np.array(self._rows[part]), layout)
            sums.hold()
            logs = sums.logs()
            due = plan.validation is not None and (epoch + i + 1) % plan.validation_freq == 0
            if due:
                logs = {**await self._validated(), **logs}
            await self._callbacks.call("on_epoch_end", epoch + i, logs)
            self._last = logs

    async def _validated(self) -> dict[str, Any]:
        """The logs of the validation; none where its data set is used up."""
        assert self._plan.validation is not None
        feed, before = self._plan.validation(), any(name.startswith("val_") for name in self.history.history)
        if not await self._has_data(feed, "data set for validation", before):
            return {}
        tested = await evaluated(feed, self._callbacks)
        return {f"val_{name}": value for name, value in tested.items()}

    async def _check_finite(self, run: Run, trained: Trained, first_epoch: int) -> None:
        rows = trained.logs
        bad = np.flatnonzero(~np.isfinite(rows[:, 0]))
        if not len(bad):
            return
        if self._callbacks.stops_at_nan:
            self._model.stop_training = True
            return
        before, steps, i = len(self._rows), self._plan.feed.steps, int(bad[0])
        step = before + i
        epoch = first_epoch + (step // steps if steps else 0)
        at = f"step {step % steps + 1} of {steps}" if steps else f"step {step + 1}"
        kept = f"after epoch {first_epoch}" if first_epoch else "before training"
        kept = f"before step {before + 1}" if before else kept
        why = "look for NaN or very large values in the data. wl.enable_debug_mode() says where it comes from"
        if debug.is_enabled():
            why = await debug.culprit(run.compiled, trained.inputs, trained.scalars, i)
        raise FloatingPointError(
            f"the loss became {rows[i][0]} in epoch {epoch + 1} at {at}. The model keeps the weights that it had"
            f" {kept}. Try a smaller learning rate; {why}."
        )


def _failed(task: asyncio.Task[Any]) -> bool:
    """Whether a task did not get to its end: also one that a callback has cancelled."""
    return task.cancelled() or task.exception() is not None


async def evaluated(feed: Feed, callbacks: CallbackList | None = None) -> dict[str, Any]:
    """Loss and metrics over all samples, without blocking; callbacks are told of it."""
    sums, batch = Sums(), 0
    try:
        if callbacks is not None:
            await callbacks.call("on_test_begin", {})
        if not await feed.begin():
            raise ValueError("the data set has no batches")
        async with aclosing(feed.epochs()) as runs:
            async for run in runs:
                compiled = run.compiled
                choose = partial(device.of, compiled.captured, compiled.graph, trains=True)
                tensors = [*run.tensors, *compiled.captured]
                job = LastingJob(compiled, tensors, run.steps, Scalars(*compiled.uniforms(run.begins)), choose)
                rows = (await outcome(job)).logs
                if callbacks is None or not callbacks.watches_tests:
                    sums.add(rows, compiled.layout)
                    continue
                for row in rows:
                    sums.add(row[None], compiled.layout)
                    await callbacks.call("on_test_batch_begin", batch, {})
                    await callbacks.call("on_test_batch_end", batch, sums.logs())
                    batch += 1
    finally:
        await feed.close()
    sums.hold()
    logs = sums.logs()
    if callbacks is not None:
        await callbacks.call("on_test_end", logs)
    return logs
