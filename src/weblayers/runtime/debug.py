"""Debug mode: slower, and says where a number that is none came from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..graph.evaluate import Program, first_bad
from ..graph.node import Node, topological
from . import device
from .tracing import Compiled
from .values import Values

_enabled = False


def enable_debug_mode(on: bool = True) -> None:
    """Check more, at the cost of speed: every plan that is compiled, WebGL's errors after each draw, and when a loss
    becomes NaN or infinite, which operation was the first to give such a number.

    >>> import weblayers as wl
    >>> wl.enable_debug_mode()
    >>> wl.enable_debug_mode(False)
    """
    global _enabled
    from ..compiler import verify

    _enabled = on
    device.set_checked(on)
    verify.enable(on)


def enable_prod_mode() -> None:
    """Check no more than needed, which is how it begins: the opposite of :func:`enable_debug_mode`.

    >>> import weblayers as wl
    >>> wl.enable_prod_mode()
    """
    enable_debug_mode(False)


def is_enabled() -> bool:
    return _enabled


async def culprit(
    compiled: Compiled,
    inputs: Sequence[Values],
    scalars: tuple[list[float], list[float]],
    step: int,
) -> str:
    """Which operation was the first to give a number that is none, in words.

    Args:
        inputs: what the run began with.
        scalars: the values of the host scalars at its first step, and what they grow by.
        step: the step of the run whose loss is no number.
    """
    graph = compiled.graph
    values = [await v.read() for v in inputs]
    program = Program(graph.outputs)
    for t in range(step + 1):
        numbers = [first + t * increment for first, increment in zip(*scalars, strict=True)]
        bound: dict[Node, Any] = dict(zip(graph.inputs, values, strict=True))
        bound.update(zip(graph.scalars, numbers, strict=True))
        if t == step:
            break
        outputs = program.run(bound)
        for i, o in graph.swaps.items():
            values[i] = outputs[o]
    bad = first_bad(graph.outputs, bound)
    if bad is None:
        return "the CPU does not get it again: it may be an overflow that only the GPU has"
    if bad.op == "input":
        return f"it comes from the data or weights, shape {list(bad.shape)}"
    where = next((layer() for layer, nodes in compiled.marks if bad in set(topological(nodes))), None)
    return f"the first operation to give it is {bad.op} of shape {list(bad.shape)}, in " + (
        f"layer {where.name!r}" if where is not None else "the loss, its gradient or the optimizer"
    )
