"""Loops over the steps of sequences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..graph import scan as loops
from ..graph.node import Node
from ..runtime import tracing
from ..runtime.tensor import Tensor
from . import movement, slicing

# ``step(states, slices)`` gives the states after the step and what is kept of it.
Step = Callable[[list[Tensor], list[Tensor]], tuple[Sequence[Tensor], Sequence[Tensor]]]


class Scanned(NamedTuple):
    """What comes out of a scan."""

    states: list[Tensor]
    outputs: list[Tensor]
    last: list[Tensor]


def scan(step: Step, states: Sequence[Tensor], sequences: Sequence[Tensor], backwards: bool = False) -> Scanned:
    """Run a function over the steps of sequences, carrying states from step to step.

    Under a trace ``step`` runs once, whatever the number of steps, and becomes the body of a loop; it must not assign
    variables then. On values it runs once per step, and so does a loop inside a loop.

    Args:
        step: takes the states and one slice of each sequence; gives the new states, of the same shapes and dtypes, and
            a list of outputs.
        states: what the first step begins with.
        sequences: tensors ``[steps, ...]``, at least one; the slices are along the first axis.
        backwards: whether to begin with the last slice.

    Returns:
        The states after all steps; the outputs stacked to ``[steps, ...]``, in the order of the slices; and the outputs
        of the step that ran last.

    >>> import weblayers as wl
    >>> def add(states, slices):
    ...     total = states[0] + slices[0]
    ...     return [total], [total]
    >>> (total,), (sums,), _ = wl.scan(add, [wl.scalar(0.0)], [wl.tensor([1.0, 2.0, 3.0])])
    >>> sums.array_sync()
    [1.0, 3.0, 6.0]
    """
    trace = tracing.current()
    if trace is None or trace.in_loop:
        return _stepwise(step, list(states), sequences, range(sequences[0].shape[0])[:: -1 if backwards else 1])
    assigned = dict(trace.assigned)

    def body(carries: list[Node], slices: list[Node]) -> tuple[list[Node], list[Node]]:
        new, outputs = step([tracing.symbolic(c) for c in carries], [tracing.symbolic(s) for s in slices])
        return [trace.node_of(n) for n in new], [trace.node_of(o) for o in outputs]

    with trace.looping():
        first, stacks = [trace.node_of(s) for s in states], [trace.node_of(s) for s in sequences]
        loop, kept = loops.over(stacks, first, body, backwards)
    if trace.assigned != assigned:
        names = [v.name for v, node in trace.assigned.items() if assigned.get(v) is not node]
        raise ValueError(f"a step of a loop cannot assign variables; it assigns {', '.join(names)}")
    return Scanned(
        [tracing.symbolic(loops.last(loop, i)) for i in range(len(states))],
        [tracing.symbolic(loops.each(loop, k)) for k in kept],
        [tracing.symbolic(loops.final(loop, k)) for k in kept],
    )


def _stepwise(step: Step, states: list[Tensor], sequences: Sequence[Tensor], order: range) -> Scanned:
    found: dict[int, Sequence[Tensor]] = {}
    for t in order:
        new, found[t] = step(states, [slicing.get_item(s, t) for s in sequences])
        states = list(new)
    columns = zip(*(found[t] for t in sorted(found)), strict=True)
    return Scanned(states, [movement.stack(column, 0) for column in columns], list(found[order[-1]]))
