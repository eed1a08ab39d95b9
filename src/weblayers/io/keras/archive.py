"""Keras 3: a zip file with ``config.json``, ``metadata.json`` and the weights in HDF5 groups that follow the layers."""

from __future__ import annotations

import datetime
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..checks import ModelFileError, check_growth, entry, expect, parsed_json, reading
from ..topology import model_from_topology
from ..training import compile_as
from . import library, optimization, vocabularies
from .configuration import compilation_of, configuration
from .layout import assigned, groups_of, sub

VERSION = "3.15.1"

# An optimizer's arrays by name, in Keras' order, and with them how a model was compiled.
State = Sequence[tuple[str, np.ndarray]]
Training = tuple[dict[str, Any], State]


def _members(data: bytes, source: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise ModelFileError(f"{source}: not a .keras file, which is a zip archive: {error}") from None


def _member(archive: zipfile.ZipFile, name: str, source: str) -> bytes:
    expect(name in archive.namelist(), source, f"the archive has no {name}")
    member = archive.getinfo(name)
    check_growth(member.file_size, member.compress_size, name, source)
    try:
        return archive.read(name)
    except Exception as error:  # each method of compression has errors of its own
        raise ModelFileError(f"{source}: {name} is damaged: {error}") from None


def _text(archive: zipfile.ZipFile, name: str, source: str) -> str:
    try:
        return _member(archive, name, source).decode()
    except UnicodeDecodeError:
        raise ModelFileError(f"{source}: {name} is no text in UTF-8") from None


def weights_file(data: bytes, source: str) -> bytes:
    """The HDF5 file of weights in a ``.keras`` file."""
    with _members(data, source) as archive:
        return _member(archive, "model.weights.h5", source)


def read_model(data: bytes, source: str) -> Any:
    """The model of a ``.keras`` file.

    Raises:
        ModelFileError: it is no such file.
        ImportError: there is nothing that opens it.
    """
    with _members(data, source) as archive:
        described = parsed_json(_member(archive, "config.json", source), source)
        weights = _member(archive, "model.weights.h5", source)
        assets = {n: _text(archive, n, source) for n in archive.namelist() if n.endswith("/vocabulary.txt")}
    with library.opened(weights, source) as file:
        model = model_from_topology(described, source, library.elements(file), fresh=False)
        with reading(source):
            vocabularies.restore(model, assets.get, file, source)
        assigned(model, file, source)
        compilation = entry(described, "compile_config", dict, source, {})
        if compilation and compile_as(model, compilation_of(compilation), source):
            optimization.restore(model, stored_state(file), source)
    return model


def read_weights(model: Any, data: bytes, source: str, strict: bool = True, skip_mismatch: bool = False) -> None:
    """Give a model the weights of a ``.weights.h5`` file of Keras 3."""
    with library.opened(data, source) as file:
        assigned(model, file, source, strict, skip_mismatch)


def stored_state(file: Any) -> list[np.ndarray]:
    """What a file has of the optimizer, in order."""
    group = sub(file, "optimizer", "vars")
    keys = sorted(group, key=int) if group is not None else []
    return [library.values_of(group[key], "the optimizer's state") for key in keys]


def write_weights(model: Any, values: Mapping[int, np.ndarray], state: State = ()) -> bytes:
    """A ``.weights.h5`` file of Keras 3 with these values, by the weights' ids, and perhaps the optimizer's state."""
    buffer = io.BytesIO()
    with library.created(buffer) as file:
        for path, name, arrays in groups_of(model, values):
            group = file.create_group(f"{path}/vars" if path else "vars")
            group.attrs["name"] = name
            for i, value in enumerate(arrays):
                group[str(i)] = value
        for path, layer in vocabularies.lookups(model):
            if layer.idf_weights is not None:
                file[f"{path}/vars/{vocabularies.IDF}"] = layer.idf_weights
        for part, place in [("", slice(None)), *optimization.parts(model)] if state else ():
            for i, (_, value) in enumerate(state[place]):
                file["/".join(filter(None, ("optimizer", part, "vars", str(i))))] = value
    return buffer.getvalue()


def write_model(model: Any, values: Mapping[int, np.ndarray], training: Training | None = None) -> bytes:
    """A ``.keras`` file; with the loss, the metrics and the optimizer and its state if they are given."""
    described = configuration(model)
    described["compile_config"], state = training or ({}, [])
    stamp = datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": VERSION, "date_saved": stamp}))
        archive.writestr("config.json", json.dumps(described))
        archive.writestr("model.weights.h5", write_weights(model, values, state))
    return buffer.getvalue()
