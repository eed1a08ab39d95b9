"""Optimizers as Keras writes them: their settings in its words, and what they keep in its order."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ... import naming
from ...ops import arithmetic
from ...optimizers import (
    Adafactor,
    Adam,
    Adamax,
    AdamW,
    LossScaleOptimizer,
    Momentum,
    MultiOptimizer,
    Muon,
    Nadam,
    Optimizer,
    RMSprop,
    schedules,
)
from ...runtime.conversion import to_tensor
from ...runtime.tensor import Tensor, Variable
from ..checks import expect

MODULE = "keras.optimizers"
Named = list[tuple[str, Tensor]]


def snake(name: str) -> str:
    """A class name as Keras spells it in files: ``conv_lstm2d``, where TensorFlow.js has ``conv_lst_m2d``."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def described(module: str, class_name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """An object's class and settings."""
    return {"module": module, "class_name": class_name, "config": dict(config), "registered_name": None}


def described_own(name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """The same for a class of a user's, which Keras knows as ``Name`` or, where it is registered, ``package>Name``."""
    return {"module": None, "class_name": name.rpartition(">")[2], "config": dict(config), "registered_name": name}


def settings(optimizer: Optimizer) -> dict[str, Any]:
    """What Keras is told of an optimizer. Two of TensorFlow.js' it knows in other words:

    its momentum has the learning rate in it, which is the same as long as that stays; a decay is a schedule.
    """
    if isinstance(optimizer, LossScaleOptimizer):
        config = {**optimizer.get_config(), "inner_optimizer": settings(optimizer.inner_optimizer)}
        return described(MODULE, "LossScaleOptimizer", config)
    if isinstance(optimizer, MultiOptimizer):
        config = optimizer.get_config()
        chosen: Any = optimizer.optimizer_map
        by_name = {name: settings(chosen[name]) for name in config["optimizer_map"]["config"]["optimizer_map"]}
        inner = {"default_optimizer": settings(chosen.default_optimizer), "optimizer_map": by_name}
        config["optimizer_map"] = described(MODULE, "OptimizerMap", inner)
        return described(MODULE, "MultiOptimizer", config)
    _warn_of(optimizer)
    # Keras takes no integer for what is a share or a rate
    defaults = {k: p.default for k, p in naming.parameters(type(optimizer)).items()}
    given = {
        k: float(v) if isinstance(v, int) and isinstance(defaults.get(k), float) else v
        for k, v in optimizer.get_config().items()
    }
    config = {re.sub(r"(beta|epsilon)(\d)", r"\1_\2", k): v for k, v in given.items()}
    kind = type(optimizer).__name__
    is_hat = config.pop(_HAT, True)
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
    # beside what Keras looks at
    return described(MODULE, kind, config) | ({} if is_hat else {_HAT: False})


# Where files of ours say that Adam adds its epsilon as TensorFlow.js does.
_HAT = "epsilon_hat"


def read(optimizer: Any) -> Any:
    """An optimizer that a file describes, and those within it: Adam adds its epsilon where Keras does, or ours did."""
    if not isinstance(optimizer, Mapping):
        return optimizer
    found = {k: read(v) for k, v in optimizer.items()}
    if found.get("class_name") in ("Adam", "AdamW") and isinstance(found.get("config"), Mapping):
        found["config"] = {**found["config"], _HAT: bool(found.get(_HAT, True))}
    return found


# An epsilon up to this makes no difference wherever it is added.
_SMALL = 1e-6


def _warn_of(optimizer: Optimizer) -> None:
    """Say where Keras trains otherwise with an optimizer."""
    kind = type(optimizer).__name__
    if type(optimizer) in (Adam, AdamW) and not optimizer.epsilon_hat and optimizer.epsilon > _SMALL:
        warnings.warn(
            f"{kind} adds its epsilon of {optimizer.epsilon} after the correction of the moments, as TensorFlow.js"
            " does, and Keras before it: trained there, the weights differ a little. epsilon_hat=True is Keras' way",
            stacklevel=2,
        )
    if isinstance(optimizer, Momentum) and optimizer.has_schedule:
        warnings.warn(
            f"{kind} multiplies what it remembers by the learning rate of now, as TensorFlow.js does, and Keras by that"
            " of then: trained there, the weights differ while the learning rate changes. SGD with momentum is Keras'",
            stacklevel=2,
        )


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


class _Entry(NamedTuple):
    """One array of a file: what it is now, and what to do with what it is in a file."""

    name: str
    shape: tuple[int, ...]
    read: Callable[[], Tensor]
    write: Callable[[np.ndarray], None]


def _follows_schedule(optimizer: Optimizer) -> bool:
    """Whether Keras keeps no learning rate."""
    return optimizer.has_schedule or bool(isinstance(optimizer, Adamax) and optimizer.decay)


def _entries(optimizer: Optimizer, weights: Sequence[Variable], with_slots: bool) -> list[_Entry]:
    """All that Keras keeps of an optimizer, in its order."""
    steps = _number("iteration", lambda: optimizer.steps, lambda n: optimizer.restore([], int(n), []), np.int32)
    unused = _number("learning_rate", lambda: 0.0, lambda _: None)
    match optimizer:
        case LossScaleOptimizer():
            counter, scale = optimizer.step_counter, optimizer.dynamic_scale
            own = [
                # those of the steps are the inner optimizer's
                _number("iteration", lambda: 0, lambda _: optimizer.skipped.assign(np.zeros((), np.float32)), np.int32),
                unused,
                _number("step_counter", counter.numpy, lambda n: counter.assign(np.array(n, np.float32)), np.int32),
                _number("dynamic_scale", scale.numpy, lambda n: scale.assign(np.array(n, np.float32))),
            ]
            inner = _entries(optimizer.inner_optimizer, weights, with_slots)
            made = _number("iteration", lambda: optimizer.steps, inner[0].write, np.int32)
            return [*own, made, *inner[1:]]
        case MultiOptimizer():
            own = [steps._replace(write=lambda _: None), unused]
            return own + [e for one, mine in _shared_out(optimizer, weights) for e in _entries(one, mine, with_slots)]
    heads = [steps]
    if not _follows_schedule(optimizer):
        heads.append(_number("learning_rate", lambda: optimizer.learning_rate, optimizer.set_learning_rate))
    places = _places(optimizer, weights) if with_slots else ()
    return [*heads, *(_slot(optimizer, place, weights) for place in places)]


def _shared_out(optimizer: MultiOptimizer, weights: Sequence[Variable]) -> list[tuple[Optimizer, list[Variable]]]:
    """Its optimizers with the weights of each."""
    mine: dict[Optimizer, list[Variable]] = {}
    for weight in weights:
        mine.setdefault(optimizer.optimizer_of(weight), []).append(weight)
    return [(one, mine.get(one, [])) for one in optimizer.optimizers]


def parts(model: Any) -> Iterator[tuple[str, slice]]:
    """Where in its state those that an optimizer is made of have theirs: Keras writes it for them again."""
    optimizer, weights = model.compiled().optimizer, model.trainable_weights
    if isinstance(optimizer, LossScaleOptimizer):
        yield "inner_optimizer", slice(4, None)
    if isinstance(optimizer, MultiOptimizer):
        begun, at, counts = _has_begun(optimizer), 2, Counter[str]()
        for one, mine in _shared_out(optimizer, weights):
            kind, size = snake(type(one).__name__), len(_entries(one, mine, begun))
            yield f"optimizers/{kind}" + (f"_{counts[kind]}" if counts[kind] else ""), slice(at, at + size)
            counts[kind] += 1
            at += size


def _has_begun(optimizer: Optimizer) -> bool:
    """Whether it has made a step."""
    return any(one.variables() for one in getattr(optimizer, "optimizers", [optimizer]))


def _number(name: str, read: Callable[[], Any], write: Callable[[Any], None], dtype: Any = np.float32) -> _Entry:
    return _Entry(name, (), lambda: to_tensor(np.array(read(), dtype)), lambda value: write(float(value)))


def _slot(optimizer: Optimizer, place: _Place, weights: Sequence[Variable]) -> _Entry:
    def read() -> Tensor:
        kept = optimizer.slots_of(place.weight).get(place.slot)
        # None where Keras has an array that it never uses
        value = to_tensor(np.zeros(place.shape, np.float32)) if kept is None else kept.read()
        if isinstance(optimizer, Momentum) and place.slot == "momentum":
            value = arithmetic.mul(value, -optimizer.learning_rate)
        return value

    def write(value: np.ndarray) -> None:
        for weight in weights if place.slot == "u_product" else [place.weight]:
            kept = optimizer.slots_of(weight)
            if place.slot in kept:
                kept[place.slot].assign(value)

    return _Entry(place.name, place.shape, read, write)


def state(model: Any) -> Named:
    """What the optimizer of a compiled model keeps at this moment; before the first step, no slots."""
    optimizer = model.compiled().optimizer
    entries = _entries(optimizer, model.trainable_weights, _has_begun(optimizer))
    return [(entry.name, entry.read()) for entry in entries]


def restore(model: Any, arrays: Sequence[np.ndarray], source: str) -> None:
    """Have a compiled model's optimizer go on from what Keras has kept.

    A state of other weights is left out with a warning, as Keras does: the model is whole without it.
    """
    optimizer = model.compiled().optimizer
    if not arrays:
        return
    expect(all(a.shape == () for a in arrays[:1]), source, "the optimizer's first value is not its step count")
    shapes = [a.shape for a in arrays]
    for with_slots in (True, False):
        entries = _entries(optimizer, model.trainable_weights, with_slots)
        if shapes == [entry.shape for entry in entries]:
            for entry, value in zip(entries, arrays, strict=True):
                entry.write(value)
            return
    warnings.warn(f"{source}: the optimizer's state is of other weights; it begins anew", stacklevel=2)
