"""Devices that execute plans, each tried once before it is used: one upload, one draw, one read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..graph import build
from ..graph.program import Graph
from . import glue_device
from .plan_device import PlanDevice
from .plans import PlanRuntime
from .soft_device import SoftDevice

_GIVEN = np.array([0.5, -1.25, 3.0, 100.0, -7.0], np.float32)


def softgpu() -> PlanRuntime:
    """The device that draws with NumPy."""
    return PlanRuntime(SoftDevice())


def wasmtime() -> PlanRuntime:
    """WebAssembly outside of a browser.

    Raises:
        RuntimeError: the package wasmtime is missing.
    """
    try:
        from .wasmtime_device import WasmtimeDevice
    except ImportError as error:
        raise RuntimeError(
            "WebAssembly needs the package wasmtime outside of browsers: pip install 'weblayers[wasm]'"
        ) from error
    return tried(WasmtimeDevice())


def webgl(glue: Any, lost: Callable[[PlanDevice], None], restored: Callable[[PlanDevice], None]) -> PlanRuntime:
    """The page's GPU; who is told when the browser has taken it away, and of the device that takes over afterwards."""
    return tried(glue_device.webgl(glue, lost, restored))


def wasm(glue: Any) -> PlanRuntime:
    """WebAssembly in a page."""
    return tried(glue_device.wasm(glue))


def tried(device: PlanDevice) -> PlanRuntime:
    """The runtime of a device that computes what it should.

    Raises:
        RuntimeError: it does not.
    """
    runtime = PlanRuntime(device)
    _check(runtime)
    return runtime


def _check(runtime: PlanRuntime) -> None:
    x = build.input_node(_GIVEN.shape, "float32")
    executable = runtime.compile(Graph([x], [], [x * 2.0 + 1.0]))
    (made,) = executable.run([runtime.upload(_GIVEN)], [])
    found, wanted = runtime.read_sync(made), _GIVEN * 2 + 1
    del made
    runtime.flush()
    if not np.array_equal(found, wanted):
        raise RuntimeError(f"{runtime.name} computes {found.tolist()} where {wanted.tolist()} is right")
