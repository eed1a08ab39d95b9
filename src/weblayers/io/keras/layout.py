"""Where Keras 3 keeps weights: ``layers/<class>_<n>/<attribute>/.../vars/<i>``, with the layer's name beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ...layers.attention import GroupQueryAttention
from ...layers.base import Layer
from ...layers.wrappers import SpectralNormalization
from ...runtime.tensor import Variable
from ..assignment import fits, mismatch
from . import library
from .optimization import snake

# What a vocabulary has beside the weights.
_OF_VOCABULARIES = ("idf_weights",)
_OPTIMIZER = "/optimizer/"


def _numbered(values: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """The keys of what is in a list: the class of a layer, or ``container``, numbered from the second of a kind."""
    counts: dict[str, int] = {}
    for value in values:
        if isinstance(value, Layer):
            name = value.class_name.rpartition(">")[2]
            key = "grouped_query_attention" if isinstance(value, GroupQueryAttention) else snake(name)
        elif isinstance(value, list | tuple | dict):
            key = "container"
        else:
            continue
        count = counts[key] = counts.get(key, -1) + 1
        yield (f"{key}_{count}" if count else key), value


def _spread(value: Any, path: str, around: tuple[int, ...] = ()) -> Iterator[tuple[str, Layer]]:
    """The layers in a value, which may be a list, tuple or dictionary of them, or of such; a dictionary has no keys."""
    if isinstance(value, Layer):
        yield path, value
    elif isinstance(value, list | tuple | dict) and id(value) not in around:
        parts = list(value.values()) if isinstance(value, dict) else value
        for key, part in _numbered(parts):
            yield from _spread(part, f"{path}/{key}", (*around, id(value)))


def _is_graph(layer: Any) -> bool:
    return bool(getattr(layer, "calls", ()))


def children(layer: Any) -> Iterator[tuple[str, Layer]]:
    """The layers right inside a layer with their paths there, in Keras' order; one may be in several places.

    A model that is a graph has the layers of the graph, all others have attributes, where private ones come last.
    """
    attributes = {"layers": layer.layers} if hasattr(layer, "layers") else {}
    if not _is_graph(layer):
        attributes |= vars(layer)
    for name in sorted(attributes, key=lambda name: (name.startswith("_"), name)):
        # of these, Keras has the parts as private attributes only
        key = f"_{name}" if isinstance(layer, GroupQueryAttention) else name
        yield from _spread(attributes[name], key)


def _own(layer: Any) -> list[Variable]:
    """A layer's weights that are of none inside it, in Keras' order."""
    inner = {id(w) for part in layer.sublayers for w in part.weights}
    if isinstance(layer, SpectralNormalization):
        # what it normalizes is an attribute of its own in Keras
        inner -= {id(layer.kernel)}
    own = [w for w in layer.weights if id(w) not in inner and w.in_files]
    return sorted(own, key=lambda w: not w.made_trainable)


def groups_of(model: Layer, values: Mapping[int, np.ndarray]) -> Iterator[tuple[str, str, list[np.ndarray]]]:
    """The groups of a file: path, name and values, which are given by the weights' ids."""
    return _groups(model, values, "", (), set())


def _groups(
    layer: Any, values: Mapping[int, np.ndarray], path: str, around: tuple[int, ...], written: set[int]
) -> Iterator[tuple[str, str, list[np.ndarray]]]:
    yield path, layer.name, [values[id(w)] for w in _own(layer)]
    if getattr(layer, "rate", 0) or hasattr(layer, "seed_generator"):
        # Keras' layers that draw random numbers keep where they are
        yield f"{path}/seed_generator", "seed_generator", [np.zeros(2, np.uint32)]
    written.add(id(layer))
    around = (*around, id(layer))
    for name, child in children(layer):
        # of a layer that is in several graphs Keras makes several layers: it has a group in each
        done = {*around} if _is_graph(layer) else written
        if id(child) not in done:
            yield from _groups(child, values, f"{path}/{name}".removeprefix("/"), around, done)


def assigned(model: Any, file: Any, source: str, strict: bool = True, skip_mismatch: bool = False) -> None:
    """Give a model the weights of a file, all or none; those of layers that are skipped aside.

    Raises:
        ModelFileError: weights are missing, or of another shape, or are of no layer of the model.
    """
    reading = _Reading(source, strict, skip_mismatch)
    reading.collect(model, file, ())
    if strict:
        reading.check(file)
    for weight, values in reading.chosen:
        weight.assign_from_file(values)


class _Reading:
    """What of a file goes to which weight."""

    def __init__(self, source: str, strict: bool, skip_mismatch: bool) -> None:
        self.source, self.strict, self.skip_mismatch = source, strict, skip_mismatch
        self.chosen: list[tuple[Variable, np.ndarray]] = []
        self._found: set[int] = set()
        # layers without a group where they were looked for, which may have one where they are a second time
        self._missing: dict[int, Layer] = {}
        self._taken: set[str] = set()

    def collect(self, layer: Any, group: Any, around: tuple[int, ...]) -> None:
        """Note the values of a layer and of all inside it."""
        if id(layer) in around:
            return
        self._own_of(layer, group)
        named = _named(layer, sub(group, "layers")) if _is_graph(layer) else {}
        for path, child in children(layer):
            self.collect(child, named.get(child.name, sub(group, *path.split("/"))), (*around, id(layer)))

    def _own_of(self, layer: Any, group: Any) -> None:
        weights, stored = _own(layer), sub(group, "vars")
        there = stored if stored is not None else ()
        keys = sorted((k for k in there if library.is_dataset(stored[k]) and k not in _OF_VOCABULARIES), key=_number)
        if weights and not keys:
            self._missing[id(layer)] = layer
            return
        self._taken |= {stored[k].name for k in keys}
        if id(layer) in self._found:
            return
        self._found.add(id(layer))
        if len(keys) != len(weights):
            if self.strict:
                mismatch(self.source, _counts(layer, len(weights), len(keys)), self.skip_mismatch)
            return
        datasets = [stored[k] for k in keys]
        if fits(weights, [dataset.shape for dataset in datasets], self.source, self.skip_mismatch):
            values = [library.values_of(dataset, self.source) for dataset in datasets]
            self.chosen += zip(weights, values, strict=True)

    def check(self, file: Any) -> None:
        """Refuse a file that lacks weights, or has more than the model.

        Raises:
            ModelFileError: it does.
        """
        for layer in self._missing.values():
            if id(layer) not in self._found:
                mismatch(self.source, _counts(layer, len(_own(layer)), 0), self.skip_mismatch)
        left = [d.name for d in library.datasets(file) if d.name not in self._taken and _is_weight(d)]
        places = ", ".join(name.removeprefix("/") for name in left[:5]) + (", ..." if len(left) > 5 else "")
        if left:
            many = f"the model has no layer for {len(left)} of the file's weights: {places}"
            mismatch(self.source, many, self.skip_mismatch)


def _counts(layer: Layer, mine: int, there: int) -> str:
    return f"layer {layer.name!r} has {mine} weights, but the file {there} for it"


def _is_weight(dataset: Any) -> bool:
    """Whether it can have been trained: counters and the seeds of generators are whole numbers."""
    of_others = dataset.name.startswith(_OPTIMIZER) or dataset.name.rpartition("/")[2] in _OF_VOCABULARIES
    return dataset.dtype.kind == "f" and not of_others


def _number(key: str) -> int:
    return int(key) if key.isdecimal() else -1


def sub(group: Any, *names: str) -> Any:
    """The group in a group at the end of these names; None without it."""
    for name in filter(None, names):
        if group is None or name not in group or not library.is_group(group[name]):
            return None
        group = group[name]
    return group


def _named(graph: Any, container: Any) -> dict[str, Any]:
    """The groups of a graph's layers by their names, if the file has them all.

    Names that were made for layers count them, and say nothing if only some are equal.
    """
    named = {}
    for key in container if container is not None else ():
        stored = sub(container, key, "vars")
        if stored is not None and "name" in stored.attrs:
            named[library.text(stored.attrs["name"])] = container[key]
    return named if all(layer.name in named for layer in graph.layers if layer.weights) else {}
