"""The primitive table itself; its rows are in the modules of :mod:`weblayers.graph.primitives`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .node import Aval, Node, Primitive

PRIMITIVES: dict[str, Primitive] = {}


def define(
    name: str,
    shape: Callable[..., Aval],
    numpy: Callable[..., np.ndarray],
    vjp: Callable[..., Sequence[Node | None]] | None = None,
    **flags: Any,
) -> None:
    if name in PRIMITIVES:
        raise ValueError(f"primitive {name} is defined twice")
    PRIMITIVES[name] = Primitive(name, shape, numpy, vjp, **flags)


def flat(g: Node, out: Node, *inputs: Node, **params: Any) -> list[Node | None]:
    """The gradient of what changes in jumps only, and of positions: there is none."""
    return [None for _ in inputs]
