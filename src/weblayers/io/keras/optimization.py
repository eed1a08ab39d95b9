"""Optimizers as Keras writes them: their settings in its words, and what they keep in its order."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...ops import arithmetic
from ...optimizers import Adafactor, Adam, Adamax, Momentum, Muon, Nadam, Optimizer, RMSprop, schedules
from ...runtime.conversion import to_tensor
from ...runtime.tensor import Tensor, Variable
from ..checks import expect

MODULE = "keras.optimizers"
Named = list[tuple[str, Tensor]]


def described(module: str, class_name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """An object's class and settings."""
    return {"module": module, "class_name": class_name, "config": dict(config), "registered_name": None}


def settings(optimizer: Optimizer) -> dict[str, Any]:
    """What Keras is told of an optimizer. Two of TensorFlow.js' it knows in other words:

    its momentum has the learning rate in it, which is the same as long as that stays; a decay is a schedule.
    """
    config = {re.sub(r"(beta|epsilon)(\d)", r"\1_\2", k): v for k, v in optimizer.get_config().items()}
    kind = type(optimizer).__name__
    if isinstance(optimizer, Momentum):
        kind, config["nesterov"] = "SGD", config.pop("use_nesterov")
    if isinstance(optimizer, RMSprop):
        config["rho"] = config.pop("decay")
    if isinstance(optimizer, Adamax):
        decay = config.pop("decay")
        if decay:
            divided = schedules.InverseTimeDecay(config["learning_rate"], 1, decay)
            config["learning_rate"] = {"class_name": "InverseTimeDecay", "config": divided.get_config()}
    rate = config["learning_rate"]
    if isinstance(rate, Mapping):
        config["learning_rate"] = described(f"{MODULE}.schedules", rate["class_name"], rate["config"])
    return described(MODULE, kind, config)


class _Place(NamedTuple):
    """One of the arrays that Keras keeps: a slot of a weight, or what it has where there is no such slot here."""

    weight: Variable
    slot: str
    shape: tuple[int, ...]

    @property
    def name(self) -> str:
        return f"{self.weight.name}/{self.slot}"


def _places(optimizer: Optimizer, weights: Sequence[Variable]) -> Iterator[_Place]:
    """All that Keras keeps beside the step count and the learning rate, in its order."""
    shared = ["average"] * optimizer.use_ema + ["gradient_accumulator"] * bool(optimizer.gradient_accumulation_steps)
    yield from (_Place(w, name, w.shape) for name in shared for w in weights)
    for group in _groups(optimizer):
        for w in weights:
            here = optimizer.slots_for(w)
            if isinstance(optimizer, Adafactor):
                # numbers in place of the means of what is no matrix, and a whole array that matrices do not use
                shapes = {n: optimizer.initial_slot(n, w).shape for n in here} | {"v": w.shape}
                yield from (_Place(w, name, shapes.get(name, ())) for name in group)
            else:
                yield from (_Place(w, name, w.shape) for name in group if name in here)
    if isinstance(optimizer, Nadam) and weights:
        yield _Place(weights[0], "u_product", ())


def _groups(optimizer: Optimizer) -> list[Sequence[str]]:
    """The slots that lie side by side, weight after weight."""
    match optimizer:
        case RMSprop():
            return [(name,) for name in optimizer.slots]
        case Adam():
            return [optimizer.slots[:2], optimizer.slots[2:]]
        case Adafactor():
            return [("r", "c", "v")]
        case Muon() | Nadam():
            return [("m", "v")]
    return [optimizer.slots]


def _follows_schedule(optimizer: Optimizer) -> bool:
    """Whether Keras keeps no learning rate."""
    return optimizer.has_schedule or bool(isinstance(optimizer, Adamax) and optimizer.decay)


def state(model: Any) -> Named:
    """What the optimizer of a compiled model keeps at this moment; before the first step, no slots."""
    optimizer = model.compiled().optimizer
    found: Named = [("iteration", to_tensor(np.array(optimizer.steps, np.int32)))]
    if not _follows_schedule(optimizer):
        found.append(("learning_rate", to_tensor(np.array(optimizer.learning_rate, np.float32))))
    if not optimizer.variables():
        return found
    for place in _places(optimizer, model.trainable_weights):
        kept = optimizer.slots_of(place.weight).get(place.slot)
        # None where Keras has an array that it never uses
        value = to_tensor(np.zeros(place.shape, np.float32)) if kept is None else kept.read()
        if isinstance(optimizer, Momentum) and place.slot == "momentum":
            value = arithmetic.mul(value, -optimizer.learning_rate)
        found.append((place.name, value))
    return found


def restore(model: Any, arrays: Sequence[np.ndarray], source: str) -> None:
    """Have a compiled model's optimizer go on from what Keras has kept.

    A state of other weights is left out with a warning, as Keras does: the model is whole without it.
    """
    optimizer = model.compiled().optimizer
    if not arrays:
        return
    expect(all(a.shape == () for a in arrays[:1]), source, "the optimizer's first value is not its step count")
    heads = 1 if _follows_schedule(optimizer) else 2
    places = list(_places(optimizer, model.trainable_weights))
    slots = arrays[heads:]
    if slots and [a.shape for a in slots] != [p.shape for p in places]:
        warnings.warn(f"{source}: the optimizer's state is of other weights; it begins anew", stacklevel=2)
        return
    if heads == 2 and len(arrays) >= heads:
        optimizer.learning_rate = float(arrays[1])
    for place, value in zip(places, slots, strict=False):
        sharing = model.trainable_weights if place.slot == "u_product" else [place.weight]
        for weight in sharing:
            kept = optimizer.slots_of(weight)
            if place.slot in kept:
                kept[place.slot].assign(value)
    optimizer.restore(model.trainable_weights, int(arrays[0]), [])
