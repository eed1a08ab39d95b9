"""What must be true of every plan, checked before anybody runs it.

A pass that breaks one of these rules makes a plan that computes nonsense on some devices and not on others. The checks
are on in tests and in debug mode.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..graph.node import Node
from .kernel import MAX_SAMPLERS, MAX_TARGETS
from .plan import Draw, Plan

_enabled = False


def enable(on: bool = True) -> None:
    """Check every plan from now on, or stop doing so."""
    global _enabled
    _enabled = on


def plan(made: Plan, swaps: Mapping[int, int]) -> None:
    """
    Raises:
        RuntimeError: a draw exceeds what WebGL2 promises, reads what nobody has written, or samples what it writes;
            or two inputs would be exchanged for one output.
    """
    if not _enabled:
        return
    written = _known_before(made)
    for i, draw in enumerate(made.draws):
        _draw(f"draw {i} of {len(made.draws)}", draw, written, made)
        written.update(buffer for buffer, _ in draw.targets)
    outputs = {made.outputs[o].texture for o in swaps.values()}
    inputs = {made.inputs[i].texture for i in swaps}
    if len(outputs) != len(inputs):
        raise RuntimeError(f"the state in {len(inputs)} textures is replaced by {len(outputs)}")


def reuse(steps: Iterable[tuple[Iterable[Node], Iterable[Node]]], buffers: Mapping[Node, int]) -> None:
    """Check that buffers are given to others only when nobody needs them: ``steps`` are the nodes that each draw reads
    and writes, ``buffers`` where they lie.

    Raises:
        RuntimeError: a draw finds the values of another node in a buffer.
    """
    if not _enabled:
        return
    holders: dict[int, Node] = {}
    for i, (reads, writes) in enumerate(steps):
        for node in reads:
            if node in buffers and holders.setdefault(buffers[node], node) is not node:
                raise RuntimeError(f"draw {i} reads {node!r} where {holders[buffers[node]]!r} has been written")
        holders |= {buffers[node]: node for node in writes if node in buffers}


def _known_before(made: Plan) -> set[int]:
    """The buffers that are there before the first draw: constants and inputs."""
    first = len(made.textures)
    return {*made.constants, *range(first, first + len(made.input_specs))}


def _draw(what: str, draw: Draw, written: set[int], made: Plan) -> None:
    targets = {buffer for buffer, _ in draw.targets}
    if len(draw.samplers) > MAX_SAMPLERS:
        raise RuntimeError(f"{what} reads {len(draw.samplers)} textures, WebGL2 promises {MAX_SAMPLERS}")
    if len(draw.targets) > MAX_TARGETS or len(set(draw.targets)) < len(draw.targets):
        raise RuntimeError(f"{what} writes {draw.targets}: at most {MAX_TARGETS} different ones can be written")
    specs = [*made.textures, *made.input_specs, *made.output_specs]
    x, y, width, height = draw.viewport
    sizes = {(specs[buffer].width, specs[buffer].height) for buffer in targets}
    if len(sizes) > 1:
        raise RuntimeError(f"{what} writes textures of unequal sizes {sorted(sizes)}")
    if any(x + width > w or y + height > h for w, h in sizes):
        raise RuntimeError(f"{what} writes {draw.viewport} in textures of {sorted(sizes)}")
    if any(layer >= specs[buffer].layers for buffer, layer in draw.targets):
        raise RuntimeError(f"{what} writes layers {draw.targets} that do not exist")
    if targets & set(draw.samplers):
        raise RuntimeError(f"{what} samples textures {sorted(targets & set(draw.samplers))}, which it writes")
    if not written.issuperset(draw.samplers):
        raise RuntimeError(f"{what} reads textures {sorted(set(draw.samplers) - written)} before anything is written")
