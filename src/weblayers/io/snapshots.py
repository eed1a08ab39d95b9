"""A training in the middle, to go on from later: weights, the optimizer's state, and where random numbers are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from .. import random_seed
from ..layers import Layer
from ..ops.random import Noise
from . import registry
from .artifacts import Artifacts
from .assignment import assign_pairs, named_weights
from .checks import ModelNotFoundError, entry, expect, reading
from .registry import settled
from .saving import decoded_state, encoded_state
from .training import restore_optimizer

_KEY = "training_snapshot"


async def save_snapshot(model: Any, target: Any, notes: Mapping[str, Any]) -> None:
    """Save where a compiled model's training is.

    Args:
        model: its class does not matter: the same code will make it again.
        target: a URL, a path or a handler, as for models.
        notes: plain values to get back.
    """
    whole = {**notes, "generator": random_seed.state(), "noise": [n.steps.value for n in _noises(model)]}
    data, specs = await encoded_state(model, include_optimizer=True)
    artifacts = Artifacts(None, specs, data, user_defined_metadata={_KEY: whole})
    await settled(registry.save_handler(target).save(artifacts))


async def restore_snapshot(
    model: Any,
    source: Any,
    expected: Mapping[str, Any] = MappingProxyType({}),
    optimizer_differs: Callable[[Mapping[str, Any]], Any] = lambda notes: False,
) -> dict[str, Any] | None:
    """Have a compiled model go on from where its training was saved: its notes, or None if nothing was saved.

    Args:
        model: as for :func:`save_snapshot`.
        source: where it was saved.
        expected: notes that it must have.
        optimizer_differs: whether notes are of a training with another optimizer; the model's then stays as it is.

    Raises:
        ModelFileError: what is there is no such snapshot, or not of this model; the model stays as it is.
    """
    try:
        artifacts = Artifacts.of(await settled(registry.load_handler(source).load()))
    except ModelNotFoundError:
        return None
    where = artifacts.source
    notes = entry(artifacts.user_defined_metadata or {}, _KEY, dict, where)
    for name, value in expected.items():
        expect(notes.get(name) == value, where, f"what was kept there has other {name} than this model")
    weights, state = decoded_state(artifacts)
    # by their order: names count how many layers the program has made
    mine = named_weights(model).values()
    counts = f"the snapshot has {len(weights)} weights, but model {model.name!r} has {len(mine)}"
    counts += "" if mine else " before it is called: call it once, so that it makes them"
    expect(len(weights) == len(mine), where, counts)
    with reading(where):
        assign_pairs(list(zip(mine, weights.values(), strict=True)), where)
        if not optimizer_differs(notes):
            restore_optimizer(model, list(state.values()), where)
        random_seed.restore(entry(notes, "generator", str, where))
        for noise, steps in zip(_noises(model), entry(notes, "noise", list, where), strict=True):
            noise.steps.value = float(steps)
    return notes


def _noises(model: Layer) -> list[Noise]:
    return [value for layer in model.flatten_layers() for value in vars(layer).values() if isinstance(value, Noise)]
