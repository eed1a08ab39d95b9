"""Devices that execute plans, each tried once before it is used: one upload, one draw, one read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..graph import build
from ..graph.program import Graph
from .plan_device import PlanDevice
from .plans import PlanRuntime
from .soft_device import SoftDevice
from .webgl import WebGLDevice, create

_GIVEN = np.array([0.5, -1.25, 3.0, 100.0, -7.0], np.float32)


def softgpu() -> PlanRuntime:
    """The device that draws with NumPy."""
    return PlanRuntime(SoftDevice())


def webgl(glue: Any, restored: Callable[[WebGLDevice], None]) -> PlanRuntime:
    """The page's device; ``restored`` is told of the one that takes over after the browser took the GPU away."""
    return tried(create(glue, restored))


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
