"""Keras 2's files, which Keras 3 still writes: one HDF5 file with the model's JSON as an attribute, or weights only."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ...layers import Layer
from ...runtime.tensor import Variable
from ..assignment import alike, fits, mismatch
from ..checks import expect, parsed_json
from ..topology import model_from_topology
from ..training import compile_as, restore_optimizer
from . import archive, library, optimization
from .configuration import compilation_of, configuration
from .layout import sub

# Where the optimizer's state is. Where Keras 2 had it, Keras 3 cannot train models from such files any more, its own
# neither: it builds the optimizer without weights. So it finds none in ours, and its optimizer begins anew.
_STATE = "optimizer_state"


def read_model(data: bytes, source: str) -> Any:
    """The model of a ``.h5`` file.

    Raises:
        ModelFileError: it is no such file.
        ImportError: there is nothing that opens it.
    """
    with library.opened(data, source) as file:
        expect("model_config" in file.attrs, source, "the file has weights only: make the model and use load_weights")
        described = parsed_json(library.text(file.attrs["model_config"]), source)
        weights = file["model_weights"]
        model = model_from_topology(described, source, library.elements(weights), fresh=False)
        _assign(model, weights, source, True)
        training = file.attrs.get("training_config")
        compilation = None if training is None else compilation_of(parsed_json(library.text(training), source))
        if compilation is not None and compile_as(model, compilation, source):
            _restore(model, sub(file, _STATE) or sub(file, "optimizer_weights"), source)
    return model


def read_weights(model: Any, data: bytes, source: str, strict: bool = True, skip_mismatch: bool = False) -> None:
    """Give a model the weights of a ``.h5`` file of Keras 2 or 3, of a whole model or of weights."""
    with library.opened(data, source) as file:
        if "layer_names" not in file.attrs and "model_weights" not in file:
            archive.read_weights(model, data, source, strict, skip_mismatch)
            return
        _assign(model, file.get("model_weights", file), source, strict, skip_mismatch)


def _assign(model: Any, group: Any, source: str, strict: bool, skip_mismatch: bool = False) -> None:
    layers = {layer.name: layer for layer in model.layers}
    names = [library.text(n) for n in group.attrs.get("layer_names", ())]
    chosen: list[tuple[Variable, np.ndarray]] = []
    for name, mine in zip(names, alike(names, layers), strict=True):
        expect(name in group and library.is_group(group[name]), source, f"the layer {name!r} is missing")
        stored = [group[name][library.text(n)] for n in group[name].attrs.get("weight_names", ())]
        if mine not in layers:
            if stored and strict:
                mismatch(source, f"the model has no layer {name!r}", skip_mismatch)
            continue
        weights = _in_keras_order(layers.pop(mine))
        if len(stored) != len(weights):
            if strict:
                missing = f"layer {name!r} has {len(weights)} weights, but the file has {len(stored)} for it"
                mismatch(source, missing, skip_mismatch)
            continue
        values = [library.values_of(dataset, source) for dataset in stored]
        if fits(weights, [value.shape for value in values], source, skip_mismatch):
            chosen += zip(weights, values, strict=True)
    left = [name for name, layer in layers.items() if layer.weights]
    if left and strict:
        mismatch(source, f"the file has no weights for the layers {', '.join(left)}", skip_mismatch)
    for weight, value in chosen:
        weight.assign(value.astype(weight.dtype))


def _restore(model: Any, group: Any, source: str) -> None:
    """Have the optimizer go on from what the file has of it."""
    names = [library.text(n) for n in group.attrs.get("weight_names", ())] if group is not None else []
    arrays = [library.values_of(group[name], source) for name in names if name in group]
    if names and re.fullmatch(r"(.*/)?iter(:0)?", names[0]):
        # Keras before 2.11: slot after slot, as here
        restore_optimizer(model, arrays, source)
    else:
        optimization.restore(model, arrays, source)


def _in_keras_order(layer: Layer) -> list[Variable]:
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _written(model: Any, values: Mapping[int, np.ndarray], group: Any) -> None:
    group.attrs["layer_names"] = np.array([layer.name.encode() for layer in model.layers])
    group.attrs["backend"], group.attrs["keras_version"] = b"jax", archive.VERSION.encode()
    for layer in model.layers:
        place = group.create_group(layer.name)
        named = [(name, values[id(weight)]) for name, weight in _named(layer)]
        place.attrs["weight_names"] = np.array([name.encode() for name, _ in named] or np.zeros(0, "S1"))
        for name, array in named:
            place[name] = array


def _named(layer: Layer) -> Iterator[tuple[str, Variable]]:
    taken: set[str] = set()
    for weight in _in_keras_order(layer):
        name, count = weight.name, 0
        while name in taken:
            count += 1
            name = f"{weight.name}_{count}"
        taken.add(name)
        yield name, weight


def write_weights(model: Any, values: Mapping[int, np.ndarray]) -> bytes:
    """A ``.h5`` file of weights with these values, by the weights' ids."""
    buffer = io.BytesIO()
    with library.created(buffer) as file:
        _written(model, values, file)
    return buffer.getvalue()


def write_model(model: Any, values: Mapping[int, np.ndarray], training: archive.Training | None = None) -> bytes:
    """A ``.h5`` file of a model; with the loss, the metrics and the optimizer and its state if they are given."""
    buffer = io.BytesIO()
    with library.created(buffer) as file:
        file.attrs["model_config"] = json.dumps(configuration(model))
        file.attrs["keras_version"], file.attrs["backend"] = archive.VERSION, "jax"
        if training is not None:
            settings, state = training
            shared = {k: v for k, v in settings.items() if k != "optimizer"}
            file.attrs["training_config"] = json.dumps({**shared, "optimizer_config": settings["optimizer"]})
            group = file.create_group(_STATE)
            # names may be equal: numbers are not
            named = [(f"{i}/{name}", value) for i, (name, value) in enumerate(state)]
            group.attrs["weight_names"] = np.array([name.encode() for name, _ in named])
            for name, value in named:
                group[name] = value
        _written(model, values, file.create_group("model_weights"))
    return buffer.getvalue()
