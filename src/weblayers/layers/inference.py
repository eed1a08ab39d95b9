"""Output shapes of a layer, found by tracing it with trial sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import tree
from ..metrics.base import counting
from ..runtime import tracing
from ..runtime.tensor import Tensor
from ..runtime.tracing import Trace
from .symbolic import Spec, SymbolicTensor, mapped_specs, spec_leaves

# Trial sizes for free axes other than the batch: what differs between the two of a pair is free in the output. They lie
# far apart, so that large strides tell them from each other, and can be halved again and again, as U-Nets do. The
# larger ones are for windows that do not fit into the smaller.
_TRIALS = ((8, 40), (64, 320), (512, 2560))


def inferred_specs(
    owner: str,
    fn: Callable[[Any, dict[str, Any]], Any],
    inputs: Any,
    kwargs: dict[str, Any],
    batch_first: bool = True,
) -> Any:
    """The shapes and dtypes of ``fn(inputs, kwargs)``, in the structure that it gives.

    With ``batch_first`` the outputs' first axis is taken to be that of the inputs, which saves a trial.
    """
    wires = [v for v in tree.leaves([inputs, kwargs]) if isinstance(v, SymbolicTensor)]
    batch = wires[0].shape[0] if wires and wires[0].shape else None
    free = any(d is None for w in wires for d in w.shape[int(batch_first) :])
    if not free and batch_first:
        return mapped_specs(lambda s: Spec((batch, *s.shape[1:]), s.dtype), _traced(fn, inputs, kwargs, 1, 1))
    error: Exception | None = None
    for first, second in _TRIALS:
        sizes = ((first, 1), (second, 1)) if batch_first else ((first, first), (second, second))
        try:
            one, two = (_traced(fn, inputs, kwargs, *size) for size in sizes)
        except ValueError as problem:
            error = problem
            continue
        both = iter(spec_leaves(two))

        def merged(a: Spec, both: Any = both) -> Spec:
            known = [x if x == y else None for x, y in zip(a.shape, next(both).shape, strict=True)]
            return Spec((batch, *known[1:]) if batch_first else tuple(known), a.dtype)

        return mapped_specs(merged, one)
    assert error is not None
    shapes = ", ".join(str(list(w.shape)) for w in wires)
    raise ValueError(f"layer {owner!r} cannot take {shapes}: {error} (with {_TRIALS[-1][0]} for None)") from error


def _traced(
    fn: Callable[[Any, dict[str, Any]], Any], inputs: Any, kwargs: dict[str, Any], size: int, batch: int
) -> Any:
    def trial(value: Any) -> Any:
        if not isinstance(value, SymbolicTensor):
            return value
        shape = [(batch if i == 0 else size) if d is None else d for i, d in enumerate(value.shape)]
        return tracing.placeholder(shape, value.dtype)

    with tracing.tracing(Trace()), counting():
        out = fn(tree.mapped(trial, inputs), tree.mapped(trial, kwargs))
    return tree.mapped(lambda t: Spec(t.shape, t.dtype) if isinstance(t, Tensor) else t, out)
