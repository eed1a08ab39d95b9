"""Training borrows weights and host scalars: who has them, and what happens to who reads or writes them meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple
from weakref import WeakSet

import numpy as np

from . import device, keeper
from .base import LogSink, Runtime, TrainResult
from .lasting import LastingJob, Scalars
from .lost import DeviceLostError
from .tensor import Tensor, Variable
from .tracing import Compiled, HostScalar
from .values import Values


async def outcome(job: LastingJob, settle: Callable[[TrainResult], None] = lambda _: None) -> TrainResult:
    """The result of a job, after ``settle`` has seen it.

    Nobody leaves a job before its end, as it still draws: who is cancelled meanwhile, once or several times, stops the
    job and waits for its last step, and is cancelled then.
    """
    cancelled: asyncio.CancelledError | None = None
    while True:
        try:
            result = await job.result()
            break
        except asyncio.CancelledError as error:
            cancelled = error
            job.cancel()
    settle(result)
    if cancelled is not None:
        raise cancelled
    return result


class Trained(NamedTuple):
    """Steps that were made: their rows of logs, what they began with: inputs, host scalars and their increments, and
    what the last of them has captured.
    """

    logs: np.ndarray
    inputs: list[Values]
    scalars: tuple[list[float], list[float]]
    captured: list[np.ndarray]


_running: WeakSet[Lease] = WeakSet()


def running() -> list[Lease]:
    """Those of the trainings under way."""
    return list(_running)


class Lease:
    """What one training has to itself, from its first step to its last: the variables and host scalars that it changes.

    Others may look at them: they get the values of now, as far as steps are on their way to the device. They may assign
    to them: that ends the job under way, and the remaining steps have to begin with the new value. They may not train
    them.
    """

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.paused = self.stopped = False
        self._lent: list[Variable | HostScalar] = []
        self._loan: _Loan | None = None
        self._runtime: Runtime | None = None

    def take(self, lent: Iterable[Variable | HostScalar]) -> None:
        """Have these from now on, all or none.

        Raises:
            RuntimeError: another model is training one of them.
        """
        wanted = [one for one in lent if one.lease is not self]
        for one in wanted:
            if one.lease is not None:
                raise RuntimeError(
                    f"model {self.owner!r} cannot be trained now: model {one.lease.owner!r} is training"
                    f" {one.described}. Await that fit, or cancel it, before this one begins"
                )
        for one in wanted:
            one.lease = self
        self._lent += wanted
        _running.add(self)

    def give_back(self) -> None:
        for one in self._lent:
            one.lease = None
        self._lent = []
        _running.discard(self)

    async def train(
        self,
        compiled: Compiled,
        tensors: Sequence[Tensor],
        steps: int,
        given: Mapping[int, tuple[float, float]],
        on_logs: LogSink | None = None,
        every: str = "end",
    ) -> Trained:
        """Make steps, fewer than asked for if they are ended.

        ``given`` are the host scalars that ``compiled`` knows by number: each one's value and increment.

        Raises:
            RuntimeError: a weight is another model's for now, or was disposed of.
        """
        self.take([*compiled.assigned, *compiled.host_scalars])
        for variable in compiled.assigned:
            if variable.is_disposed:
                raise RuntimeError(f"{variable.described} was disposed of while model {self.owner!r} was trained")
        scalars = compiled.uniforms(given)
        # the first steps of a training decide for all: nothing moves to and fro
        choose = lambda: device.of(compiled.captured, compiled.graph, True, self._runtime)  # noqa: E731
        tensors = [*tensors, *compiled.captured]
        job = LastingJob(compiled, tensors, steps, Scalars(*scalars), choose, on_logs, every)
        loan = self._loan = _Loan(compiled, job)
        if self.paused:
            job.pause()
        if self.stopped:
            job.cancel()
        try:
            result = await outcome(job, loan.settle)
            return Trained(result.logs, job.inputs, scalars, result.captured)
        finally:
            self._loan, self._runtime = None, job.chosen or self._runtime

    async def secure(self) -> None:
        """Have the host know what was trained, where the device may be lost."""
        trained = [one.values for one in self._lent if isinstance(one, Variable) and not one.is_disposed]
        losable = [values for values in trained if values.runtime is not None and values.runtime.is_losable]
        with suppress(DeviceLostError):
            await keeper.copy(losable)
        for values in losable:
            await values.read()

    # -- reins --------------------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Begin no further step until :meth:`resume`."""
        self.paused = True
        if self._loan is not None:
            self._loan.job.pause()

    def resume(self) -> None:
        self.paused = False
        if self._loan is not None:
            self._loan.job.resume()

    def stop(self) -> None:
        """Begin no further step."""
        self.stopped = True
        self.interrupt()

    def interrupt(self) -> None:
        """Have the steps under way end in order, and the remaining ones begin anew."""
        if self._loan is not None:
            self._loan.job.cancel()

    # -- the others ---------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        if self._loan is not None:
            self._loan.refresh()

    def changed(self, lent: Variable | HostScalar) -> None:
        if self._loan is not None:
            self._loan.changed(lent)


class _Loan:
    """A job, and how far the variables and host scalars that it changes have followed it."""

    def __init__(self, compiled: Compiled, job: LastingJob) -> None:
        self._compiled, self.job = compiled, job
        # the steps whose state they have
        self._known = 0
        # what others have given values of their own
        self._replaced: set[Variable | HostScalar] = set()

    def refresh(self) -> None:
        later = self.job.steps - self._known
        if later > 0:
            self._advance(later)
            self._hold(self.job.state())

    def changed(self, lent: Variable | HostScalar) -> None:
        self._replaced.add(lent)
        if isinstance(lent, HostScalar):
            number = self._compiled.keys.index(lent)
            self.job.set_scalar(number, lent.value - self.job.steps * self._compiled.increments[number])
        else:
            self.job.cancel()

    def settle(self, result: TrainResult) -> None:
        """Take over the state, unless the steps have made it useless: then go back to where they began."""
        later = len(result.logs) - self._known
        if np.isfinite(result.logs[:, 0]).all():
            if later:
                self._advance(later)
                self._hold(result.state)
        elif self._known:
            self._advance(-self._known)
            self._hold({i: self.job.inputs[i] for i in self._compiled.graph.swaps})

    def _hold(self, state: Mapping[int, Values]) -> None:
        compiled = self._compiled
        offset = len(compiled.graph.inputs) - len(compiled.captured)
        for number, values in state.items():
            variable = compiled.captured[number - offset]
            if isinstance(variable, Variable) and variable not in self._replaced:
                variable.hold(values)

    def _advance(self, steps: int) -> None:
        for scalar, increment in zip(self._compiled.keys, self._compiled.increments, strict=True):
            # one that was set meanwhile counts on from there, and not back
            if isinstance(scalar, HostScalar) and (steps > 0 or scalar not in self._replaced):
                scalar.advance(steps * increment)
        self._known += steps
