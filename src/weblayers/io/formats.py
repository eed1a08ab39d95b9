"""Files that hold a model in one piece: Keras' and safetensors'."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from . import browser, safetensors
from .artifacts import ModelArtifactsInfo, SaveResult
from .assignment import assign_weights, named_weights
from .checks import ModelFileError, ModelNotFoundError, reading
from .handlers.files import replace_files
from .handlers.http import is_http_scheme, is_relative_url, request
from .weights import host_values

_MODELS = (".keras", ".h5", ".hdf5")
_WEIGHTS = (".h5", ".hdf5", ".keras", ".safetensors")
_DOWNLOADS = "downloads://"


def format_of(address: Any, weights: bool = False) -> str | None:
    """The suffix of a path or URL, if it is of a format that this module knows."""
    if not isinstance(address, str) and not hasattr(address, "__fspath__"):
        return None
    text = str(address).partition("?")[0] if is_http_scheme(str(address)) else str(address)
    if "://" in text and not text.startswith(("http://", "https://", "file://", _DOWNLOADS)):
        return None
    suffix = Path(text).suffix.lower()
    return suffix if suffix in (_WEIGHTS if weights else _MODELS) else None


def _keras() -> tuple[Any, Any]:
    """The two formats of Keras: many programs do without, so that they are imported when they are wanted."""
    from .keras import archive, hdf5

    return archive, hdf5


def _training(model: Any) -> tuple[Any, Any]:
    """How a model is compiled and its optimizer's state, as files of Keras have them."""
    from .keras import optimization
    from .keras.configuration import compile_configuration

    return compile_configuration(model), optimization.state(model)


def has_keras() -> bool:
    """Whether models can be saved for Keras."""
    from .keras import library

    return library.is_obtainable()


async def _prepared(suffix: str) -> None:
    """Where it can be had while a program runs, get what reads and writes this kind of file."""
    if suffix != ".safetensors":
        from .keras import library

        await library.prepare()
    elif importlib.util.find_spec("safetensors") is None and browser.has_packages():
        await browser.load_package("safetensors")


async def _contents(address: Any, options: Mapping[str, Any]) -> tuple[bytes, str]:
    source = str(address)
    if is_http_scheme(source) or is_relative_url(source):
        response = await request(source, options.get("request_init") or {}, options.get("fetch_func"))
        if not response.ok:
            error_class = ModelNotFoundError if response.status == 404 else ModelFileError
            raise error_class(f"Request to {source} failed with status code {response.status}.")
        return response.body, source
    try:
        return Path(source.removeprefix("file://")).read_bytes(), source
    except FileNotFoundError:
        raise ModelNotFoundError(f"{source}: there is no such file") from None
    except OSError as error:
        raise ModelFileError(f"{source}: there is no file that can be read ({error.strerror})") from error


def _write(address: Any, data: bytes) -> SaveResult:
    if is_http_scheme(str(address)):
        raise ValueError(f"Cannot find any save handlers for URL '{address}': files of Keras are saved to paths")
    if str(address).startswith(_DOWNLOADS):
        browser.download(str(address).removeprefix(_DOWNLOADS), data, "application/octet-stream")
    else:
        replace_files({Path(str(address).removeprefix("file://")): data})
    return SaveResult(ModelArtifactsInfo(weight_data_bytes=len(data)))


async def save(model: Any, address: Any, suffix: str, include_optimizer: bool) -> SaveResult:
    """Save a model in one file."""
    await _prepared(suffix)
    archive, hdf5 = _keras()
    write = archive.write_model if suffix == ".keras" else hdf5.write_model
    # of one moment: steps go on while values are on their way from the device
    training = _training(model) if include_optimizer else None
    values = await _values(model, as_trained=suffix != ".keras")
    if training is None:
        return _write(address, write(model, values))
    settings, state = training
    return _write(address, write(model, values, (settings, [(n, await host_values(v)) for n, v in state])))


async def load(address: Any, suffix: str, options: Mapping[str, Any]) -> Any:
    """Load a model from one file."""
    await _prepared(suffix)
    data, source = await _contents(address, options)
    archive, hdf5 = _keras()
    read = archive.read_model if suffix == ".keras" else hdf5.read_model
    with reading(source):
        return read(data, source)


async def save_weights(model: Any, address: Any, suffix: str) -> SaveResult:
    """Save a model's weights in one file."""
    if suffix == ".keras":
        raise ValueError(f"{address}: a .keras file holds a whole model, use save; weights go into .weights.h5")
    await _prepared(suffix)
    keras_3 = str(address).endswith(".weights.h5")
    values = await _values(model, as_trained=suffix != ".safetensors" and not keras_3)
    if suffix == ".safetensors":
        return _write(address, safetensors.write({n: values[id(w)] for n, w in named_weights(model).items()}))
    archive, hdf5 = _keras()
    write = archive.write_weights if keras_3 else hdf5.write_weights
    return _write(address, write(model, values))


async def _values(model: Any, as_trained: bool) -> dict[int, np.ndarray]:
    """The values of a model's weights by their ids, all of one moment: as they are trained, or what comes of them."""
    kept = {id(weight): weight.read() if as_trained else weight.for_files() for weight in model.weights}
    return {key: await host_values(values) for key, values in kept.items()}


async def load_weights(
    model: Any, address: Any, suffix: str, strict: bool, skip_mismatch: bool, options: Mapping[str, Any]
) -> None:
    """Load a model's weights from one file."""
    await _prepared(suffix)
    data, source = await _contents(address, options)
    archive, hdf5 = _keras()
    with reading(source):
        if suffix == ".safetensors":
            assign_weights(model, safetensors.read(data, source), source, strict, skip_mismatch)
        elif suffix == ".keras":
            archive.read_weights(model, archive.weights_file(data, source), source, strict, skip_mismatch)
        else:
            hdf5.read_weights(model, data, source, strict, skip_mismatch)
