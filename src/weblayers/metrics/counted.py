"""What a traced step adds to the variables of a metric that keeps its counts there, as Keras' metrics do."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..graph import build as b
from ..graph.node import Node, topological
from ..runtime import tracing
from ..runtime.tensor import Tensor, Variable


def is_counting(variables: Sequence[Variable]) -> bool:
    """Whether this is inside of :func:`added`."""
    trace = tracing.current()
    return trace is not None and any(variable in trace.assigned for variable in variables)


def added(metric: str, variables: Sequence[Variable], update: Callable[[], object]) -> Tensor:
    """What a function adds to variables, as a vector. To be called while a step is traced, to which they do not belong.

    Raises:
        ValueError: it does something else than to add.
    """
    trace = tracing.current()
    assert trace is not None
    before = {variable: trace.placeholder(variable._aval) for variable in variables}
    trace.assigned.update(before)
    try:
        update()
    finally:
        after = {variable: trace.assigned.pop(variable) for variable in before}
    parts = []
    for variable, node in after.items():
        part = _addend(node, before[variable])
        if part is None:
            raise ValueError(
                f"the metric {metric!r} does something else than to add to its variable {variable.name!r}. Counts of"
                " batches are added up: use assign_add, or define statistics and compute instead of update_state and"
                " result"
            )
        parts.append(b.reshape(b.cast(b.broadcast(part, variable.shape), "float32"), (variable.size,)))
    return tracing.symbolic(b.concat(parts, 0))


def _addend(node: Node, before: Node) -> Node | None:
    """What a value is without the one before; None if it is not the one before with something added."""
    if node is before:
        return b.full(node.shape, 0.0, node.dtype)
    reads = [before in topological([part]) for part in node.inputs]
    if node.op == "add" and sum(reads) == 1:
        kept, more = node.inputs if reads[0] else node.inputs[::-1]
        rest = _addend(kept, before)
        return None if rest is None else rest + more
    if node.op == "sub" and reads == [True, False]:
        rest = _addend(node.inputs[0], before)
        return None if rest is None else rest - node.inputs[1]
    if node.op == "where" and reads == [False, True, True]:
        condition, *both = node.inputs
        yes, no = (_addend(part, before) for part in both)
        return None if yes is None or no is None else b.where(condition, yes, no)
    return None
