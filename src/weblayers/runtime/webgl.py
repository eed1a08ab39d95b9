"""The WebGL2 device: the only module that talks to the JavaScript glue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..compiler.pieces import Pieces
from ..compiler.plan import Plan, TextureSpec
from ..compiler.wire import serializing
from .base import LogSink
from .plan_device import Region, TrainOrder


class WebGLDevice:
    """The glue's Device, in Python's types."""

    name = "webgl"

    def __init__(self, glue: Any) -> None:
        self._glue = glue

    def alloc(self, spec: TextureSpec) -> int:
        return self._glue.alloc(spec.width, spec.height, spec.layers, spec.format)

    def free(self, ids: Sequence[int]) -> None:
        self._glue.free(_js_list(ids))

    def upload(self, id_: int, texels: np.ndarray) -> None:
        _, height, width, _ = texels.shape
        self._glue.upload(id_, 0, 0, width, height, _js_array(texels))

    async def read(self, id_: int, region: Region) -> np.ndarray:
        return _texels(await self._glue.read(id_, *region), region)

    def read_sync(self, id_: int, region: Region) -> np.ndarray:
        return _texels(self._glue.readSync(id_, *region), region)

    def encoding(self, plan: Plan) -> Pieces[bytes]:
        return serializing(plan)

    def load(self, plan: Plan, encoded: bytes) -> int:
        return self._glue.loadPlan(_js_array(np.frombuffer(encoded, np.uint8)))

    async def ready(self, plan: int) -> None:
        await self._glue.planReady(plan)

    def free_plan(self, plan: int) -> None:
        self._glue.freePlan(plan)

    def run(self, plan: int, inputs: Sequence[int], scalars: Sequence[float], freed: Iterable[int]) -> Sequence[int]:
        made = self._glue.run(plan, _js_list(inputs), _js_list(scalars), _js_list(freed))
        return [int(i) for i in made]

    def train(self, order: TrainOrder) -> _Job:
        return _Job(self._glue, order)

    def memory(self) -> dict[str, Any]:
        return dict(self._glue.memory().to_py())

    def counters(self) -> dict[str, Any]:
        return dict(self._glue.counters().to_py())

    def set_checked(self, on: bool) -> None:
        self._glue.debug(on)


class _Job:
    """The glue's TrainJob, in Python's types."""

    def __init__(self, glue: Any, order: TrainOrder) -> None:
        self._sink = _log_proxy(order.on_logs)
        try:
            self._job = glue.train(
                _js_object(
                    segments=[{"plan": order.plan, "steps": order.steps}],
                    inputs=order.inputs,
                    outputs=order.outputs,
                    swaps=[list(s) for s in order.swaps],
                    logs=order.logs,
                    scalars=order.scalars,
                    increments=order.increments,
                    onLogs=self._sink,
                    logEvery=order.every,
                )
            )
        except BaseException:
            self._release()
            raise

    @property
    def steps(self) -> int:
        return int(self._job.issued)

    def cancel(self) -> None:
        self._job.cancel()

    def pause(self) -> None:
        self._job.pause()

    def resume(self) -> None:
        self._job.resume()

    def set_scalar(self, index: int, value: float) -> None:
        self._job.setScalar(index, value)

    async def result(self) -> tuple[np.ndarray, bool]:
        try:
            done = await self._job.promise
        except Exception:
            self._release()
            raise
        # not for who is cancelled: the steps go on, and tell of themselves
        self._release()
        return _from_js(done.logs).copy(), bool(done.cancelled)

    def _release(self) -> None:
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.destroy()


def _log_proxy(sink: LogSink | None) -> Any:
    if sink is None:
        return None
    from pyodide.ffi import create_proxy

    return create_proxy(lambda first, rows: sink(int(first), _from_js(rows)))


def _texels(data: Any, region: Region) -> np.ndarray:
    return _from_js(data).reshape(-1, region.height, region.width, 4)


def _js_array(array: np.ndarray) -> Any:
    from pyodide.ffi import to_js

    return to_js(np.ascontiguousarray(array).reshape(-1))


def _js_list(values: Iterable[float]) -> Any:
    from pyodide.ffi import to_js

    return to_js(list(values))


def _js_object(**fields: Any) -> Any:
    import js
    from pyodide.ffi import to_js

    return to_js(fields, dict_converter=js.Object.fromEntries)


def _from_js(data: Any) -> np.ndarray:
    return np.asarray(data.to_py(), np.float32)
