"""Output shapes of a layer, found by tracing it with trial sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import tree
from ..runtime import tracing
from ..runtime.tensor import Tensor
from ..runtime.tracing import Trace
from . import serialization
from .symbolic import Spec, SymbolicTensor

# Trial sizes for free axes other than the batch: what differs between the two of a pair is free in the output. The
# larger ones are for windows that do not fit into the smaller.
_TRIALS = ((8, 9), (64, 65), (512, 513))


def inferred_specs(owner: str, fn: Callable[[Any, dict[str, Any]], Any], inputs: Any, kwargs: dict[str, Any]) -> Any:
    """The shapes and dtypes of ``fn(inputs, kwargs)``, in the structure that it gives."""
    wires = [v for v in tree.leaves([inputs, kwargs]) if isinstance(v, SymbolicTensor)]
    batch = wires[0].shape[0] if wires and wires[0].shape else None
    free = any(d is None for w in wires for d in w.shape[1:])
    if not free:
        return serialization.mapped_specs(
            lambda s: Spec((batch, *s.shape[1:]), s.dtype), _traced(fn, inputs, kwargs, 1)
        )
    error: Exception | None = None
    for first, second in _TRIALS:
        try:
            one, two = (_traced(fn, inputs, kwargs, size) for size in (first, second))
        except ValueError as problem:
            error = problem
            continue
        both = iter(serialization.spec_leaves(two))

        def merged(a: Spec, both: Any = both) -> Spec:
            known = [x if x == y else None for x, y in zip(a.shape, next(both).shape, strict=True)]
            return Spec((batch, *known[1:]), a.dtype)

        return serialization.mapped_specs(merged, one)
    assert error is not None
    raise ValueError(f"layer {owner!r}: no trial size of the free axes suits it: {error}") from error


def _traced(fn: Callable[[Any, dict[str, Any]], Any], inputs: Any, kwargs: dict[str, Any], size: int) -> Any:
    def trial(value: Any) -> Any:
        if not isinstance(value, SymbolicTensor):
            return value
        shape = [(1 if i == 0 else size) if d is None else d for i, d in enumerate(value.shape)]
        return tracing.placeholder(shape, value.dtype)

    with tracing.tracing(Trace()):
        out = fn(tree.mapped(trial, inputs), tree.mapped(trial, kwargs))
    return tree.mapped(lambda t: Spec(t.shape, t.dtype) if isinstance(t, Tensor) else t, out)
