"""A device is tried once before it is used: one upload, one draw, one read."""

from __future__ import annotations

import numpy as np

from ..graph import build
from ..graph.program import Graph
from .plans import PlanRuntime

_GIVEN = np.array([0.5, -1.25, 3.0, 100.0, -7.0], np.float32)


def check(runtime: PlanRuntime) -> None:
    """Raise RuntimeError unless a device computes what it should."""
    x = build.input_node(_GIVEN.shape, "float32")
    executable = runtime.compile(Graph([x], [], [x * 2.0 + 1.0]))
    (made,) = executable.run([runtime.upload(_GIVEN)], [])
    found, wanted = runtime.read_sync(made), _GIVEN * 2 + 1
    del made
    runtime.flush()
    if not np.array_equal(found, wanted):
        raise RuntimeError(f"{runtime.name} computes {found.tolist()} where {wanted.tolist()} is right")
