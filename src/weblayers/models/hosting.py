"""What of a functional model the host computes before the device has its turn: strings and what is made of them."""

from __future__ import annotations

from collections.abc import Sequence

from ..layers.symbolic import LayerCall, SymbolicTensor
from .ordering import ordered_calls


def hosted_calls(inputs: Sequence[SymbolicTensor], calls: Sequence[LayerCall]) -> list[LayerCall]:
    """The uses of layers that work on the host, and of those that they read from.

    Raises:
        ValueError: a layer that works on the host reads what is made with weights.
    """
    ends = [w for call in calls if getattr(call.layer, "runs_on_host", False) for w in call.sources]
    if not ends:
        return []
    before = {id(call) for call in ordered_calls(inputs, ends)}
    hosted = [c for c in calls if id(c) in before or getattr(c.layer, "runs_on_host", False)]
    learned = next((c.layer for c in hosted if c.layer.weights), None)
    if learned is not None and getattr(learned, "runs_on_host", False):
        raise ValueError(
            f"model {learned.name!r} takes what only the host can read, and has weights: use its layers in the model"
            " around it, or one model for what is without weights"
        )
    if learned is not None:
        host = next(c.layer for c in hosted if getattr(c.layer, "runs_on_host", False))
        raise ValueError(
            f"layer {host.name!r} works on the host and reads what {learned.name!r} makes with its weights: use it"
            " on what the model predicts, and not inside"
        )
    return hosted


def handed_over(
    inputs: Sequence[SymbolicTensor],
    outputs: Sequence[SymbolicTensor],
    calls: Sequence[LayerCall],
    hosted: Sequence[LayerCall],
) -> list[SymbolicTensor]:
    """What the device gets from the host: inputs, and what the host has made, as far as they are read there."""
    there = {id(call) for call in hosted}
    starts = {id(w.call) for w in inputs}
    read = [w for call in calls if id(call) not in there | starts for w in call.sources]
    found = {w.id: w for w in [*read, *outputs] if id(w.call) in there or w.id in {i.id for i in inputs}}
    return list(found.values())
