"""Training on devices that make a step when the host asks for it."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

import numpy as np

from .plan_device import RepeatOrder, TrainOrder
from .stepping import Stepper


class HostDevice(ABC):
    """What devices that make steps so have in common."""

    @abstractmethod
    def free(self, ids: Iterable[int]) -> None: ...

    @abstractmethod
    def run(
        self, plan: int, inputs: Sequence[int], scalars: Sequence[float], freed: Iterable[int]
    ) -> Sequence[int]: ...

    @abstractmethod
    def step(
        self, plan: int, inputs: Sequence[int], outputs: Sequence[int], logs: int, scalars: Sequence[float]
    ) -> np.ndarray:
        """Run a plan into textures that are there; gives the row of the output ``logs``, which has none."""

    def repeat(self, order: RepeatOrder) -> list[int]:
        made: list[int] = []
        inputs, outputs, freed = list(order.inputs), list[int](), order.freed
        for i in range(order.steps):
            scalars = [first + i * increment for first, increment in zip(order.scalars, order.increments, strict=True)]
            before, outputs = outputs, list(self.run(order.plan, inputs, scalars, freed))
            made += [id_ if o in order.kept else 0 for o, id_ in enumerate(before)]
            freed = [id_ for o, id_ in enumerate(before) if o not in order.kept]
            for number, output in order.swaps:
                inputs[number] = outputs[output]
        self.free(freed)
        return made + outputs

    def train(self, order: TrainOrder) -> HostJob:
        return HostJob(self, order)

    def timed(self, plan: int, inputs: Sequence[int], times: int) -> float:
        begun = time.perf_counter()
        for _ in range(times):
            self.free(self.run(plan, inputs, (), ()))
        return (time.perf_counter() - begun) * 1000


class HostJob(Stepper):
    """Steps of a plan. State goes back in where it came out: inputs and outputs exchange their textures."""

    def __init__(self, device: HostDevice, order: TrainOrder) -> None:
        self._device, self._order = device, order
        self._inputs, self._outputs = list(order.inputs), list(order.outputs)
        super().__init__(order.steps, order.scalars, order.increments, order.on_logs, order.every)

    def made(self, scalars: list[float]) -> np.ndarray:
        order = self._order
        row = self._device.step(order.plan, self._inputs, self._outputs, order.logs, scalars)
        for i, o in order.swaps:
            self._inputs[i], self._outputs[o] = self._outputs[o], self._inputs[i]
        return row

    async def so_far(self) -> np.ndarray:
        return np.concatenate([np.zeros(0, np.float32), *self.rows])

    async def result(self) -> tuple[np.ndarray, bool]:
        await self.finished()
        return await self.so_far(), self.cancelled
