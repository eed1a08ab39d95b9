"""What programs watch inside a model while it trains: who wants to see what, how often, and what a step captures."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import naming
from ..graph import build as b
from ..graph.gradient import pullback
from ..graph.node import Node
from ..layers import Layer
from ..layers.base import positive
from ..runtime.lease import running
from ..runtime.tensor import Variable
from ..runtime.tracing import Trace

if TYPE_CHECKING:
    from .feeds import Run
    from .steps import Step

WHAT = ("output", "gradient", "weights", "weight_gradients")


class Wanted(NamedTuple):
    """What to capture of a layer: some of :data:`WHAT`, of so many samples of the batch."""

    layer: Layer
    what: tuple[str, ...]
    samples: int


@dataclass
class Capture:
    """What a step has computed of a layer.

    Attributes:
        layer: the layer.
        step: how many steps the watch had seen before this one.
        values: arrays by what was asked for: ``"output"`` and ``"gradient"`` of the batch's first samples;
            ``"weights"`` and ``"weight_gradients"`` are dictionaries by the weights' names, before the step.
    """

    layer: Layer
    step: int
    values: dict[str, Any]


class Watch:
    """Sees a layer while fits run, until it is told to stop.

    Args:
        layer: the layer or its name; a name is that of a layer of every model that is trained.
        tell: are given each capture; training waits for those that are async.
    """

    def __init__(
        self,
        layer: Layer | str,
        what: Sequence[str] | str,
        every: int,
        samples: int,
        tell: Sequence[Callable[[Capture], Any]],
    ) -> None:
        if not isinstance(layer, Layer | str):
            raise TypeError(f"watch needs a layer or the name of one, got {type(layer).__name__}")
        given = [what] if isinstance(what, str) else list(what)
        known = {each: each for each in WHAT}
        self._layer, self._tell = layer, tell
        self._what = tuple(dict.fromkeys(naming.lookup("what to watch", each, known) for each in given))
        if not self._what:
            raise ValueError(f"watch needs to know what: some of {', '.join(WHAT)}")
        self.every = positive("watch", "every", every)
        self._samples = positive("watch", "samples", samples)
        # that it has seen
        self.steps = 0
        _watches.append(self)
        # steps under way were begun without it
        for lease in running():
            lease.interrupt()

    def stop(self) -> None:
        """Watch no more: from now on training costs what it did before."""
        if self in _watches:
            _watches.remove(self)

    def layer_of(self, model: Any) -> Layer | None:
        """The layer that it sees in a model in training; None if that has not the layer.

        Raises:
            ValueError: there is no layer of the name.
        """
        inside = [layer for layer in model.flatten_layers() if layer is not model]
        if isinstance(self._layer, Layer):
            return self._layer if any(each is self._layer for each in inside) else None
        layers = {layer.name: layer for layer in inside}
        if self._layer not in layers:
            raise ValueError(
                f"model {model.name!r} has no layer {self._layer!r} to watch; its layers are {', '.join(layers)}."
                " Where several models are trained, watch the layer itself instead of a name"
            )
        return layers[self._layer]

    def wanted(self, layer: Layer) -> Wanted:
        """What a step is to capture of the layer."""
        return Wanted(layer, self._what, self._samples)

    async def told(self, layer: Layer, values: Mapping[str, Any]) -> None:
        """Hand out what a step has captured."""
        capture = Capture(layer, self.steps, dict(values))
        for tell in self._tell:
            made = tell(capture)
            if inspect.isawaitable(made):
                await made


_watches: list[Watch] = []


def forget() -> None:
    """Another program begins: nobody watches any more."""
    _watches.clear()


class Watching:
    """The watches of one fit."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._seeing: list[tuple[Watch, Layer]] = []

    def next(self, run: Run) -> Run:
        """The part of a run to make now: a step with captures where one is due, else what comes before that."""
        pairs = [(watch, watch.layer_of(self._model)) for watch in _watches]
        self._seeing = [(watch, layer) for watch, layer in pairs if layer is not None]
        due = [watch.wanted(layer) for watch, layer in self._seeing if watch.steps % watch.every == 0]
        if due:
            return run.watched(tuple(dict.fromkeys(due)))
        until = [watch.every - watch.steps % watch.every for watch, _ in self._seeing]
        return replace(run, steps=min([run.steps, *until])) if until else run

    async def tell(self, step: Step, steps: int, captured: Sequence[np.ndarray]) -> None:
        """So many steps were made; hand out what the last has captured."""
        found = values_of(step.places, captured)
        for watch, layer in self._seeing if steps else ():
            due = watch.steps % watch.every == 0 and watch in _watches
            if due and watch.wanted(layer) in found:
                await watch.told(layer, found[watch.wanted(layer)])
            watch.steps += steps


class Place(NamedTuple):
    """What one of a step's further outputs is."""

    wanted: Wanted
    what: str
    weight: str | None = None


def captured(model: Any, trace: Trace, wanted: Sequence[Wanted]) -> dict[Place, Node]:
    """What a traced step has to give besides its row.

    Raises:
        ValueError: the step does not compute it, with the reason.
    """
    found: dict[Place, Node] = {}
    for want in wanted:
        layer, asked = want.layer, len(found)
        for what in want.what:
            if what in ("output", "gradient"):
                output = _output_of(trace, layer)
                node = output if what == "output" else _slope(trace, output, f"the output of layer {layer.name!r}")
                found[Place(want, what)] = _first(node, want.samples)
                continue
            for weight in layer.weights:
                node = _read(trace, weight, layer.name)
                if what == "weight_gradients":
                    if not weight.trainable:
                        continue
                    node = _slope(trace, node, f"the weight {weight.name!r}")
                found[Place(want, what, weight.name)] = node
        if len(found) == asked:
            raise ValueError(f"layer {layer.name!r} has no weights to watch")
    return found


def values_of(places: Sequence[Place], arrays: Sequence[np.ndarray]) -> dict[Wanted, dict[str, Any]]:
    """The captured arrays by who wants them, and by what they are; nothing where the step was not made."""
    found: dict[Wanted, dict[str, Any]] = {}
    for place, array in zip(places, arrays, strict=False):
        mine = found.setdefault(place.wanted, {})
        if place.weight is None:
            mine[place.what] = array
        else:
            mine.setdefault(place.what, {})[place.weight] = array
    return found


def _output_of(trace: Trace, layer: Layer) -> Node:
    """What a layer has given at its last call."""
    if not trace.seen[layer]:
        raise ValueError(
            f"layer {layer.name!r} has no output in a step of training: it is not called, or inside a loop"
        )
    return trace.seen[layer][0]


def _slope(trace: Trace, node: Node, of: str) -> Node:
    """The gradient of the loss with respect to a node."""
    for loss in reversed(trace.differentiated):
        (slope,) = pullback([loss], [b.full(loss.shape, 1.0)], [node])
        if slope is not None:
            return slope
    raise ValueError(f"there is no gradient to watch: the loss does not depend on {of}")


def _read(trace: Trace, weight: Variable, layer: str) -> Node:
    if weight not in trace.captured:
        raise ValueError(f"the weights of layer {layer!r} are not used in a step of training")
    return trace.captured[weight]


def _first(node: Node, samples: int) -> Node:
    """The first samples of a batch."""
    if not node.shape or node.shape[0] <= samples:
        return node
    return b.slice_(node, (0,) * len(node.shape), (samples, *node.shape[1:]))
