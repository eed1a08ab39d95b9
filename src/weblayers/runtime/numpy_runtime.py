"""The reference runtime: graphs evaluated by NumPy, step by step. Also the fallback where there is no WebGL2."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph.evaluate import Program
from ..graph.program import Graph
from .base import TrainJob, TrainResult, TrainSpec

# The event loop gets its turn this often, so that a page (or another task) goes on while NumPy trains.
YIELD_SECONDS = 0.01


class NumpyRuntime:
    name = "numpy"

    def compile(self, graph: Graph) -> NumpyExecutable:
        return NumpyExecutable(graph)

    def upload(self, array: np.ndarray) -> np.ndarray:
        return array

    async def read(self, storage: np.ndarray) -> np.ndarray:
        return storage

    def read_sync(self, storage: np.ndarray) -> np.ndarray:
        return storage

    def memory(self) -> dict[str, Any]:
        return {}


class NumpyExecutable:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._program = Program(graph.outputs)

    @property
    def swaps(self) -> dict[int, int]:
        return self._graph.swaps

    def run(self, inputs: Sequence[np.ndarray], scalars: Sequence[float]) -> list[np.ndarray]:
        bound: dict[Any, Any] = dict(zip(self._graph.inputs, inputs, strict=True))
        bound.update(zip(self._graph.scalars, scalars, strict=True))
        return self._program.run(bound)

    def train(self, spec: TrainSpec) -> TrainJob:
        return _NumpyJob(self, spec)


class _NumpyJob:
    def __init__(self, executable: NumpyExecutable, spec: TrainSpec) -> None:
        self._executable, self._spec = executable, spec
        self._scalars = list(spec.scalars)
        self._inputs, self.steps = list(spec.inputs), 0
        self._cancelled = False
        self._going = asyncio.Event()
        self._going.set()
        self._task: asyncio.Task[TrainResult] | None = None

    def cancel(self) -> None:
        self._cancelled = True
        self._going.set()

    def pause(self) -> None:
        self._going.clear()

    def resume(self) -> None:
        self._going.set()

    def state(self) -> dict[int, np.ndarray]:
        return {i: self._inputs[i] for i in self._executable.swaps}

    def set_scalar(self, index: int, value: float) -> None:
        self._scalars[index] = value

    async def result(self) -> TrainResult:
        """The outcome; who is cancelled while waiting may ask again."""
        if self._task is None:
            self._task = asyncio.ensure_future(self._run())
        return await asyncio.shield(self._task)

    async def _run(self) -> TrainResult:
        spec, swaps, inputs = self._spec, self._executable.swaps, self._inputs
        rows: list[np.ndarray] = []
        told, turn = 0, time.monotonic()
        for step in range(spec.steps):
            await self._going.wait()
            if self._cancelled:
                break
            scalars = [v + step * d for v, d in zip(self._scalars, spec.increments, strict=True)]
            outputs = self._executable.run(inputs, scalars)
            for i, o in swaps.items():
                inputs[i] = outputs[o]
            self.steps += 1
            rows.append(outputs[0])
            # who follows every step sees the state of each
            late = spec.every == "step" or time.monotonic() - turn > YIELD_SECONDS
            if spec.on_logs and (spec.every == "step" or (spec.every == "frame" and late)):
                spec.on_logs(told, np.stack(rows[told:]))
                told = len(rows)
            if late:
                await asyncio.sleep(0)
                turn = time.monotonic()
        if spec.on_logs and spec.every == "frame" and told < len(rows):
            spec.on_logs(told, np.stack(rows[told:]))
        logs = np.stack(rows) if rows else np.zeros((0, *self._executable._graph.outputs[0].shape), np.float32)
        return TrainResult(logs, self.state(), self._cancelled)
