"""Where Keras 3 keeps weights: ``layers/<class>_<n>/<attribute>/.../vars/<i>``, with the layer's name beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ...layers.attention import GroupQueryAttention
from ...layers.base import Layer
from ...layers.wrappers import SpectralNormalization
from ...runtime.tensor import Variable
from ..checks import expect
from . import library
from .optimization import snake

# What a vocabulary has beside the weights.
_OF_VOCABULARIES = ("idf_weights",)


def numbered(layers: Sequence[Layer]) -> Iterator[tuple[str, Layer]]:
    """The keys of layers in a list: their classes, numbered from the second of a class."""
    counts: dict[str, int] = {}
    for layer in layers:
        key = "grouped_query_attention" if isinstance(layer, GroupQueryAttention) else snake(layer.class_name)
        count = counts[key] = counts.get(key, -1) + 1
        yield (f"{key}_{count}" if count else key), layer


def children(layer: Any) -> Iterator[tuple[str, list[Layer] | Layer]]:
    """The layers inside a layer by attribute: alone, or in lists."""
    if hasattr(layer, "calls") and layer.calls:
        yield "layers", layer.layers
        return
    for name, value in sorted(vars(layer).items()):
        parts = value if isinstance(value, list) else [value]
        if not name.startswith("_") and parts and all(isinstance(part, Layer) for part in parts):
            # of these, Keras has the parts as private attributes only
            yield f"_{name}" if isinstance(layer, GroupQueryAttention) else name, value


def _own(layer: Any) -> list[Variable]:
    """A layer's weights that are of none inside it, in Keras' order."""
    inner = {id(w) for part in layer.sublayers for w in part.weights}
    if isinstance(layer, SpectralNormalization):
        # what it normalizes is an attribute of its own in Keras
        inner -= {id(layer.kernel)}
    own = [w for w in layer.weights if id(w) not in inner and w.in_files]
    return sorted(own, key=lambda w: not w.made_trainable)


def groups_of(
    layer: Any, values: Mapping[int, np.ndarray], path: str = "", around: tuple[int, ...] = ()
) -> Iterator[tuple[str, str, list[np.ndarray]]]:
    """The groups of a file: path, name and values, which are given by the weights' ids.

    A layer that is in several models has a group in each: Keras makes several layers of it.
    """
    if id(layer) in around:
        return
    around = (*around, id(layer))
    yield path, layer.name, [values[id(w)] for w in _own(layer)]
    if getattr(layer, "rate", 0) or hasattr(layer, "seed_generator"):
        # Keras' layers that draw random numbers keep where they are
        yield f"{path}/seed_generator", "seed_generator", [np.zeros(2, np.uint32)]
    for name, value in children(layer):
        parts = numbered(value) if isinstance(value, list) else [("", value)]
        for key, child in parts:
            yield from groups_of(child, values, "/".join(filter(None, (path, name, key))), around)


def assigned(model: Any, file: Any, source: str, strict: bool = True) -> None:
    """Give a model the weights of a file, all or none.

    Raises:
        ModelFileError: weights are missing, or of another shape.
    """
    chosen: list[tuple[Variable, np.ndarray]] = []
    _collect(model, file, source, strict, chosen, set())
    for weight, values in chosen:
        weight.assign_from_file(values)


def _collect(layer: Any, group: Any, source: str, strict: bool, chosen: list, seen: set[int]) -> None:
    if id(layer) in seen:
        return
    seen.add(id(layer))
    weights, stored = _own(layer), sub(group, "vars")
    there = () if stored is None else (k for k in stored if library.is_dataset(stored[k]) and k not in _OF_VOCABULARIES)
    keys = sorted(there, key=_number)
    if len(keys) != len(weights):
        expect(not strict, source, f"layer {layer.name!r} has {len(weights)} weights, but the file {len(keys)} for it")
    else:
        for weight, dataset in zip(weights, (stored[k] for k in keys), strict=True):
            shapes = f"is {list(dataset.shape or ())} in the file, but {list(weight.shape)} in the model"
            expect(dataset.shape == weight.shape, source, f"the shape of weight {weight.name!r} {shapes}")
            chosen.append((weight, library.values_of(dataset, source)))
    for name, value in children(layer):
        if isinstance(value, list):
            container = sub(group, name)
            by_name = _named(container)
            for key, child in numbered(value):
                _collect(child, by_name.get(child.name, sub(container, key)), source, strict, chosen, seen)
        else:
            _collect(value, sub(group, name), source, strict, chosen, seen)


def _number(key: str) -> int:
    return int(key) if key.isdecimal() else -1


def sub(group: Any, *names: str) -> Any:
    """The group in a group at the end of these names; None without it."""
    for name in filter(None, names):
        if group is None or name not in group or not library.is_group(group[name]):
            return None
        group = group[name]
    return group


def _named(container: Any) -> dict[str, Any]:
    """The groups of a list by the names of their layers, where the file says them."""
    named = {}
    for key in container if container is not None else ():
        stored = sub(container, key, "vars")
        if stored is not None and "name" in stored.attrs:
            named[library.text(stored.attrs["name"])] = container[key]
    return named
