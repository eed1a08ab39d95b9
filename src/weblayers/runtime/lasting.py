"""Steps that outlive their device: they go on elsewhere, from the last moment that the host knows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..graph.program import Graph
from . import device, keeper
from .base import Executable, LogSink, Runtime, TrainJob, TrainResult, TrainSpec
from .kept_plans import kept_plans
from .lost import TRIES, DeviceLostError, ValuesLostError
from .tensor import Tensor
from .values import Origin, Values

# So long the first steps have the page to themselves, before another device compiles for those that follow: somebody
# waits for their logs, and a short training may not need it.
HEAD_START_SECONDS = 0.25


class Program(Protocol):
    """A traced function."""

    graph: Graph

    def executable(self, runtime: Runtime) -> Executable: ...


class Scalars:
    """The host scalars of steps: scalar k has the value ``first[k] + i * increments[k]`` at step i, until it is set."""

    def __init__(self, first: Sequence[float], increments: Sequence[float]) -> None:
        self.first, self.increments = list(first), list(increments)
        # which scalar was set to begin with what, and from which step on that holds
        self._set: list[tuple[int, int, float]] = []

    def set(self, step: int, index: int, first: float) -> None:
        self._set.append((step, index, first))

    def at(self, step: int) -> list[float]:
        """The values at a step."""
        first = list(self.first)
        for since, index, value in self._set:
            if since <= step:
                first[index] = value
        return [value + step * increment for value, increment in zip(first, self.increments, strict=True)]

    def until_set(self, step: int, end: int) -> int:
        """The next step after this one from which on one is set, at most the end."""
        return min([end, *(since for since, *_ in self._set if since > step)])


@dataclass(frozen=True)
class Moment:
    """Where one can go on from: a step, the inputs then, and the rows of logs before."""

    step: int
    inputs: list[Values]
    logs: np.ndarray


class LastingJob:
    """Steps of a program, on one device after the other if need be; :attr:`runtime` is who makes them.

    A device that is lost counts for nothing: what was told stays told, steps that were made stay made, and are made
    again from the last snapshot behind everybody's back.

    Args:
        tensors: the inputs of the program's graph.
        choose: who is to make the steps.
    """

    def __init__(
        self,
        program: Program,
        tensors: Sequence[Tensor],
        steps: int,
        scalars: Scalars,
        choose: Callable[[], Runtime],
        on_logs: LogSink | None = None,
        every: str = "end",
    ) -> None:
        self._program, self._choose, self._on_logs, self._every = program, choose, on_logs, every
        self._names = [t.described for t in tensors]
        self._asked = self._total = steps
        self.inputs = [t.values for t in tensors]
        self.scalars = scalars
        self.runtime: Runtime | None = None
        # who is to make them; another one may make those until that one has compiled them
        self.chosen: Runtime | None = None
        # where the device began, and where another one would
        self._begun = self._moment = Moment(
            0, self.inputs, np.zeros((0, program.graph.outputs[0].shape[0]), np.float32)
        )
        self._job: TrainJob | None = None
        self._paused = False
        # steps that were made on devices that are lost, and those that were told of
        self._reached = self._told = 0
        # by the last step
        self._captured: list[np.ndarray] = []
        self._task: asyncio.Future[TrainResult] | None = None

    # -- reins --------------------------------------------------------------------------------------------------------

    @property
    def _current(self) -> TrainJob | None:
        """The job under way, unless it makes again what was made before."""
        job = self._job
        return job if job is not None and self._begun.step + job.steps >= self._reached else None

    @property
    def steps(self) -> int:
        """How many are made, or on their way to the device."""
        job = self._current
        return max(self._reached, self._moment.step) if job is None else self._begun.step + job.steps

    def cancel(self) -> None:
        self._total = self.steps
        if self._current is not None:
            self._current.cancel()

    def pause(self) -> None:
        self._paused = True
        if self._job is not None:
            self._job.pause()

    def resume(self) -> None:
        self._paused = False
        if self._job is not None:
            self._job.resume()

    def set_scalar(self, index: int, value: float) -> None:
        self.scalars.set(self.steps, index, value)
        if self._current is not None:
            self._current.set_scalar(index, value + self._begun.step * self.scalars.increments[index])

    # -- outcome ------------------------------------------------------------------------------------------------------

    def state(self) -> dict[int, Values]:
        """The values of each swapped input after :attr:`steps` steps."""
        stored: dict[int, Any] = {}
        if self._current is not None:
            # if they are gone they are made again, once somebody reads them
            with suppress(DeviceLostError):
                stored = self._current.state()
        return self._values(self.steps, stored)

    def _values(self, step: int, stored: Mapping[int, Any]) -> dict[int, Values]:
        """State after a step, that is to be made from the last moment if its device is lost."""
        moment, graph = self._moment, self._program.graph
        if step == moment.step or not graph.swaps:
            return {i: moment.inputs[i] for i in graph.swaps}
        assert self.runtime is not None
        origin = None
        if self.runtime.is_losable or not stored:
            at, first = self.scalars.at, moment.step
            sources = [values.source for values in moment.inputs]
            numbers = lambda i: at(first + i)  # noqa: E731
            origin = Origin(self._program.executable, sources, numbers, graph.swaps, step - moment.step)
        return {
            i: Values(
                graph.inputs[i].aval,
                storage=stored.get(i),
                runtime=self.runtime,
                made=None if origin is None else (origin, output),
            )
            for i, output in graph.swaps.items()
        }

    async def result(self) -> TrainResult:
        """The outcome, its state in :class:`Values`, what was captured in arrays; who is cancelled while waiting may
        ask again.
        """
        if self._task is None or self._task.cancelled():
            self._task = asyncio.ensure_future(self._run())
        return await asyncio.shield(self._task)

    async def _run(self) -> TrainResult:
        tries = TRIES
        while True:
            at = self._moment.step
            try:
                return await self._made()
            except DeviceLostError as error:
                tries = tries - 1 if self._moment.step == at else TRIES
                keeper.leave(self)
                self._reached, self._job = self.steps, None
                if not tries or isinstance(error, ValuesLostError):
                    raise
                await device.regained()

    async def _made(self) -> TrainResult:
        """The outcome, if no device is lost."""
        while self._moment.step < self._total:
            # who is called again, as the waiting was cancelled, finds a job there
            if self._job is None:
                await self._begin()
            if self._job is not None:
                self._go_on_from(*await self._ended(self._job))
                self._job = None
        keeper.leave(self)
        moment = self._moment
        state = self._values(moment.step, {})
        return TrainResult(moment.logs, state, moment.step < self._asked, self._captured)

    async def _begin(self) -> None:
        """Have a device make steps, as many as have the same scalars."""
        begun = self._moment
        await kept_plans.recall(self._program.graph)
        self.chosen = self._choose()
        runtime = await self._ready(self.chosen)
        executable = self._program.executable(runtime)
        for values in begun.inputs:
            if values.runtime is not runtime:
                # they come from another device, or have to be made again
                await values.read()
        inputs = [values.on(runtime, name) for values, name in zip(begun.inputs, self._names, strict=True)]
        end = self._reached if self._reached > begun.step else self._total
        steps = self.scalars.until_set(begun.step, end) - begun.step
        if steps > 0:
            scalars, sink = self.scalars.at(begun.step), None if self._on_logs is None else self._tell
            self._job = executable.train(TrainSpec(steps, inputs, scalars, self.scalars.increments, sink, self._every))
            self._begun, self.runtime = begun, runtime
            if self._paused:
                self._job.pause()
            if runtime is not self.chosen:
                self._hand_over(self.chosen, self._job)
            if runtime.is_losable:
                keeper.watch(self)

    async def _ready(self, chosen: Runtime) -> Runtime:
        """Who can make steps first: what was chosen, or who stands in for it as long as it compiles."""
        executable = self._program.executable(chosen)
        stand_in = None if executable.is_ready else device.stand_in(self._program.graph, chosen)
        if stand_in is None:
            await executable.prepare()
            return chosen
        await self._program.executable(stand_in).prepare()
        return stand_in

    def _hand_over(self, chosen: Runtime, job: TrainJob) -> None:
        """End a job once what was chosen has compiled the steps, and can go on from there."""

        async def prepared() -> None:
            await asyncio.sleep(HEAD_START_SECONDS)
            await self._program.executable(chosen).prepare()

        def end(done: asyncio.Future[None]) -> None:
            # where it failed, who stands in goes on to the end
            if not done.cancelled() and done.exception() is None and self._job is job:
                job.cancel()

        asyncio.ensure_future(prepared()).add_done_callback(end)

    async def _ended(self, job: TrainJob) -> tuple[int, np.ndarray, dict[int, Values]]:
        """The step after a job's last, its rows of logs, and the state."""
        result = await job.result()
        step = self._begun.step + len(result.logs)
        if result.captured:
            assert self.runtime is not None
            self._captured = await self.runtime.read_all(result.captured)
        return step, result.logs, self._values(step, result.state)

    def _go_on_from(self, step: int, logs: np.ndarray, state: Mapping[int, Values]) -> None:
        """Begin there, should the device be lost; the rows are those since it began."""
        begun = self._begun
        inputs = [state.get(i, values) for i, values in enumerate(begun.inputs)]
        self._moment = Moment(step, inputs, np.concatenate([begun.logs, logs]))

    async def snapshot(self) -> None:
        """Have the host know the state of now."""
        job, runtime, begun = self._job, self.runtime, self._begun
        if job is None or runtime is None or begun.step + job.steps == self._moment.step:
            return
        steps, state, inputs = job.steps, job.state(), self._program.graph.inputs
        logs, arrays = await asyncio.gather(job.so_far(), runtime.read_all(list(state.values())))
        if self._job is job:
            known = {i: Values(inputs[i].aval, array) for i, array in zip(state, arrays, strict=True)}
            self._go_on_from(begun.step + steps, logs[:steps], known)

    def _tell(self, first: int, rows: np.ndarray) -> None:
        """Tell of rows, each once."""
        end = self._begun.step + first + len(rows)
        new = end - self._told
        if new > 0:
            assert self._on_logs is not None
            first, self._told = self._told, end
            self._on_logs(first, rows[-new:])
