"""The reference runtime: graphs evaluated by NumPy, step by step. Also the fallback where there is no WebGL2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph.evaluate import Program
from ..graph.program import Graph
from .base import TrainJob, TrainResult, TrainSpec
from .stepping import Stepper


class NumpyRuntime:
    name = "numpy"
    is_losable = False

    def compile(self, graph: Graph) -> NumpyExecutable:
        return NumpyExecutable(graph)

    def upload(self, array: np.ndarray) -> np.ndarray:
        # as programs compute with them
        return array.astype(np.int64) if array.dtype == np.int32 else array

    async def read(self, storage: np.ndarray) -> np.ndarray:
        return storage

    async def read_all(self, storages: Sequence[np.ndarray]) -> list[np.ndarray]:
        return list(storages)

    def read_sync(self, storage: np.ndarray) -> np.ndarray:
        return storage

    def set_checked(self, on: bool) -> None:
        """There are no draws."""

    def memory(self) -> dict[str, Any]:
        return {}


class NumpyExecutable:
    is_ready = True

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._program = Program(graph.outputs)

    def run(self, inputs: Sequence[np.ndarray], scalars: Sequence[float]) -> list[np.ndarray]:
        bound: dict[Any, Any] = dict(zip(self.graph.inputs, inputs, strict=True))
        bound.update(zip(self.graph.scalars, scalars, strict=True))
        return self._program.run(bound)

    def repeat(
        self, inputs: Sequence[np.ndarray], scalars: Sequence[float], increments: Sequence[float], steps: int
    ) -> list[list[Any]]:
        inputs, made = list(inputs), list[list[Any]]()
        for i in range(steps):
            made.append(self.run(inputs, [first + i * by for first, by in zip(scalars, increments, strict=True)]))
            for number, output in self.graph.swaps.items():
                inputs[number] = made[-1][output]
                if i:
                    made[-2][output] = None
        return made

    async def prepare(self) -> None:
        """NumPy needs nothing."""

    def train(self, spec: TrainSpec) -> TrainJob:
        return _NumpyJob(self, spec)


class _NumpyJob(Stepper):
    def __init__(self, executable: NumpyExecutable, spec: TrainSpec) -> None:
        self._executable, self._inputs = executable, list(spec.inputs)
        self._captured: list[np.ndarray] = []
        super().__init__(spec.steps, spec.scalars, spec.increments, spec.on_logs, spec.every)

    def made(self, scalars: list[float]) -> np.ndarray:
        outputs = self._executable.run(self._inputs, scalars)
        for i, o in self._executable.graph.swaps.items():
            self._inputs[i] = outputs[o]
        self._captured = [outputs[o] for o in self._executable.graph.captures]
        return outputs[0]

    def state(self) -> dict[int, np.ndarray]:
        return {i: self._inputs[i] for i in self._executable.graph.swaps}

    async def so_far(self) -> np.ndarray:
        return self._stacked()

    async def result(self) -> TrainResult:
        """The outcome; who is cancelled while waiting may ask again."""
        await self.finished()
        return TrainResult(self._stacked(), self.state(), self.cancelled, self._captured)

    def _stacked(self) -> np.ndarray:
        columns = self._executable.graph.outputs[0].shape
        return np.stack(self.rows) if self.rows else np.zeros((0, *columns), np.float32)
