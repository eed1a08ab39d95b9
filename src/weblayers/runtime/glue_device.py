"""Devices of the page: the only module that talks to the JavaScript glue."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from weakref import ref

import numpy as np

from ..compiler.pieces import Pieces
from ..compiler.plan import Plan, TextureSpec
from ..compiler.wire import serializing, serializing_wasm
from .lost import DeviceLostError
from .plan_device import Region, RepeatOrder, TrainOrder


def webgl(module: Any, lost: Callable[[GlueDevice], None], restored: Callable[[GlueDevice], None]) -> GlueDevice:
    """The GPU.

    Args:
        lost: told of a device at once when the browser has taken its GPU away.
        restored: told of the device that takes over once the browser has given the GPU back.
    """
    from pyodide.ffi import create_once_callable, create_proxy

    def device(glue: Any) -> GlueDevice:
        caps = glue.caps()
        as_bits, halves = not caps.floatTargets, bool(caps.halfTargets)
        form = "webgl" + " of bits" * as_bits + " with halves" * halves
        made = GlueDevice("webgl", glue, lambda plan: serializing(plan, as_bits), form, halves, lost)
        glue.onLost = create_once_callable(made.lose)
        return made

    on_restored = create_proxy(lambda glue: restored(device(glue)))
    return device(module.createDevice(_js_object(onRestored=on_restored)))


def wasm(module: Any) -> GlueDevice:
    """The CPU, by WebAssembly."""
    glue = module.createWasmDevice()
    relaxed = bool(glue.caps().relaxed)
    form = "wasm" + ", relaxed" * relaxed
    return GlueDevice("wasm", glue, lambda plan: serializing_wasm(plan, relaxed), form)


class GlueDevice:
    """A device of the glue, in Python's types.

    Args:
        encoding: prints plans for it.
        form: what its encoded plans are called.
        halves: whether it keeps half precision.
        lost: told when it is lost; None for one that cannot be.
    """

    def __init__(
        self,
        name: str,
        glue: Any,
        encoding: Callable[[Plan], Pieces[bytes]],
        form: str | None,
        halves: bool = False,
        lost: Callable[[GlueDevice], None] | None = None,
    ) -> None:
        self.name, self._glue, self._encoding, self.form, self.halves = name, glue, encoding, form, halves
        self.is_losable = lost is not None
        # a processor computes neighbouring fragments together, see compiler/wasm/analysis.py
        self.block = 8 if name == "webgl" else 4
        self._lost = lost
        self._errors = _Errors(self)

    @property
    def is_lost(self) -> bool:
        """Whether nothing can be computed any more, perhaps before the page was told."""
        return self.is_losable and bool(self._glue.isLost())

    def lose(self) -> None:
        """Be gone, and tell so."""
        if self._lost is not None:
            self._lost(self)

    def alloc(self, spec: TextureSpec) -> int:
        with self._errors:
            return self._glue.alloc(spec.width, spec.height, spec.layers, spec.format)

    def free(self, ids: Sequence[int]) -> None:
        with self._errors:
            self._glue.free(_js_list(ids))

    def upload(self, id_: int, texels: np.ndarray) -> None:
        _, height, width, _ = texels.shape
        with self._errors:
            self._glue.upload(id_, 0, 0, width, height, _js_array(texels))

    async def read(self, id_: int, region: Region) -> np.ndarray:
        with self._errors:
            return _texels(await self._glue.read(id_, *region), region)

    def read_sync(self, id_: int, region: Region) -> np.ndarray:
        with self._errors:
            return _texels(self._glue.readSync(id_, *region), region)

    def encoding(self, plan: Plan) -> Pieces[bytes]:
        return self._encoding(plan)

    def load(self, encoded: bytes) -> int:
        with self._errors:
            return self._glue.loadPlan(_js_array(np.frombuffer(encoded, np.uint8)))

    async def ready(self, plan: int) -> None:
        with self._errors:
            await self._glue.planReady(plan)

    def free_plan(self, plan: int) -> None:
        self._glue.freePlan(plan)

    def run(self, plan: int, inputs: Sequence[int], scalars: Sequence[float], freed: Iterable[int]) -> Sequence[int]:
        with self._errors:
            made = self._glue.run(plan, _js_list(inputs), _js_list(scalars), _js_list(freed))
        return [int(i) for i in made]

    def repeat(self, order: RepeatOrder) -> Sequence[int]:
        with self._errors:
            made = self._glue.repeat(
                _js_object(
                    plan=order.plan,
                    steps=order.steps,
                    inputs=order.inputs,
                    swaps=[list(s) for s in order.swaps],
                    kept=order.kept,
                    scalars=order.scalars,
                    increments=order.increments,
                    freed=order.freed,
                )
            )
        return [int(i) for i in made]

    def timed(self, plan: int, inputs: Sequence[int], times: int) -> float:
        with self._errors:
            return self._glue.timed(plan, _js_list(inputs), times)

    def train(self, order: TrainOrder) -> _Job:
        with self._errors:
            return _Job(self._glue, self._errors, order)

    def memory(self) -> dict[str, Any]:
        return dict(self._glue.memory().to_py())

    def counters(self) -> dict[str, Any]:
        return dict(self._glue.counters().to_py())

    def caps(self) -> dict[str, Any]:
        """What the device can do, and who computes."""
        return dict(self._glue.caps().to_py())

    def set_checked(self, on: bool) -> None:
        self._glue.debug(on)


class _Errors:
    """What JavaScript throws becomes an error of Python's: of a device that is lost, or of whatever else there is."""

    def __init__(self, device: GlueDevice) -> None:
        from pyodide.ffi import JsException

        # Pyodide 0.27 has been seen to lose the exception that JavaScript threw: Python then finds a failed call
        # without one, which is a SystemError
        self._device, self._kinds = ref(device), (JsException, SystemError)

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, self._kinds):
            return
        message = str(error).removeprefix("Error: ")
        device = self._device()
        if device is not None and device.is_lost:
            device.lose()
            raise DeviceLostError(message) from error
        raise RuntimeError(message) from error


class _Job:
    """The glue's TrainJob, in Python's types."""

    def __init__(self, glue: Any, errors: _Errors, order: TrainOrder) -> None:
        self._errors = errors
        sink = _told(order)
        try:
            self._job = glue.train(
                _js_object(
                    plan=order.plan,
                    steps=order.steps,
                    inputs=order.inputs,
                    outputs=order.outputs,
                    swaps=[list(s) for s in order.swaps],
                    logs=order.logs,
                    scalars=order.scalars,
                    increments=order.increments,
                    onLogs=sink,
                    logEvery=order.every,
                )
            )
        except BaseException:
            if sink is not None:
                sink.destroy()
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

    async def so_far(self) -> np.ndarray:
        with self._errors:
            return _from_js(await self._job.soFar()).copy()

    async def result(self) -> tuple[np.ndarray, bool]:
        with self._errors:
            done = await self._job.promise
        return _from_js(done.logs).copy(), bool(done.cancelled)


def _told(order: TrainOrder) -> Any:
    """Who is told of the logs, as a proxy that the glue destroys at the job's end."""
    sink = order.on_logs
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
