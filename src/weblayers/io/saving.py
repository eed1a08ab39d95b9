"""Saving and loading whole models, and their weights alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import custom, naming
from ..runtime.tensor import Tensor
from . import formats, registry
from .artifacts import Artifacts, SaveResult
from .assignment import assign_weights, named_weights
from .checks import MAX_FRESH, expect, reading
from .registry import settled
from .topology import model_from_topology, topology_of
from .training import OPTIMIZER_GROUP, compile_as, optimizer_weights, restore_optimizer, training_config
from .weights import decode, encode, host_values


async def artifacts_of(
    model: Any, include_optimizer: bool = False, trainable_only: bool = False, quantization: str | None = None
) -> Artifacts:
    """What handlers save of a model."""
    topology = topology_of(model)
    training = training_config(model) if include_optimizer else None
    data, specs = await encoded_state(model, include_optimizer, trainable_only, quantization)
    notes = model.get_user_defined_metadata() or None
    return Artifacts(topology, specs, data, training_config=training, user_defined_metadata=notes)


async def encoded_state(
    model: Any, include_optimizer: bool, trainable_only: bool = False, quantization: str | None = None
) -> tuple[bytes, list[dict[str, Any]]]:
    """Bytes and specs of a model's weights, and of the optimizer's behind them: all of one moment."""
    # steps go on while values are on their way from the device
    weights = {name: w.for_files() for name, w in named_weights(model, trainable_only).items()}
    state = _renamed(optimizer_weights(model), set(weights)) if include_optimizer else {}
    data, specs = encode([(n, await host_values(w)) for n, w in weights.items()], quantization=quantization)
    more, more_specs = encode([(n, await host_values(w)) for n, w in state.items()], OPTIMIZER_GROUP)
    return data + more, specs + more_specs


def _renamed(weights: list[tuple[str, Tensor]], taken: set[str]) -> dict[str, Tensor]:
    """Weights by names that nothing has yet."""
    out: dict[str, Tensor] = {}
    for name, values in weights:
        new, count = name, 0
        while new in taken or new in out:
            count += 1
            new = f"{name}_{count}"
        out[new] = values
    return out


def _check_free(target: Any, overwrite: bool) -> None:
    """Refuse to replace what is at a path, unless it may be.

    Raises:
        FileExistsError: there is something.
    """
    is_path = isinstance(target, str | os.PathLike) and "://" not in str(target).removeprefix("file://")
    if not overwrite and is_path and Path(str(target).removeprefix("file://")).exists():
        raise FileExistsError(f"{target} is there already, and overwrite=False")


async def save_model(
    model: Any,
    target: Any,
    include_optimizer: bool = False,
    trainable_only: bool = False,
    quantization: str | None = None,
    overwrite: bool = True,
) -> SaveResult:
    """See :meth:`weblayers.Model.save`."""
    _check_free(target, overwrite)
    written = formats.format_of(target)
    if written is not None:
        if quantization is not None or trainable_only:
            raise ValueError(
                f"{target}: quantization and trainable_only are for TensorFlow.js' format, not for {written}"
            )
        return await formats.save(model, target, written, include_optimizer)
    handler = registry.save_handler(target)
    artifacts = await artifacts_of(model, include_optimizer, trainable_only, quantization)
    return await settled(handler.save(artifacts))


def model_from_artifacts(artifacts: Artifacts, strict: bool = True) -> Any:
    """The model that artifacts describe, with its weights, compiled if they say how.

    Raises:
        ModelFileError: they are not of a model; nothing was made.
    """
    source = artifacts.source
    expect(artifacts.model_topology is not None, source, "there is no model topology, weights only: use load_weights")
    specs, data = artifacts.weight_specs, artifacts.weight_data
    if specs is None or data is None:
        model = model_from_topology(artifacts.model_topology, source)
    else:
        named, state = decoded_state(artifacts)
        stored = sum(v.size for v in named.values())
        elements = stored if strict else max(stored, MAX_FRESH)
        shapes = {name: values.shape for name, values in named.items()}
        model = model_from_topology(artifacts.model_topology, source, elements, fresh=not strict, shapes=shapes)
        with reading(source):
            assign_weights(model, named, source, strict)
    if artifacts.user_defined_metadata:
        model.set_user_defined_metadata(artifacts.user_defined_metadata)
    if artifacts.training_config and compile_as(model, artifacts.training_config, source) and specs and data:
        with reading(source):
            restore_optimizer(model, list(state.values()), source)
    return model


def decoded_state(artifacts: Artifacts) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """A model's weights and its optimizer's, by name."""
    specs = artifacts.weight_specs or []
    arrays = decode(artifacts.weight_data or b"", specs, artifacts.source)
    states = {s["name"] for s in specs if s.get("group") == OPTIMIZER_GROUP}
    return {n: v for n, v in arrays.items() if n not in states}, {n: v for n, v in arrays.items() if n in states}


async def load_layers_model(path_or_io_handler: Any, options: Mapping[str, Any] | None = None, **more: Any) -> Any:
    """Load a model, with its weights and, if they were saved, its loss, metrics and optimizer.

    Args:
        path_or_io_handler: where ``model.save`` has saved it, or a converter of Keras or TensorFlow models: a path of a
            ``model.json`` or its folder, an ``http(s)://`` or, in a page, relative URL, ``localstorage://name``,
            ``indexeddb://name``, or a handler such as ``wl.io.browser_files([...])`` or an object with ``load()``.
            Files of Keras, ``.keras`` and ``.h5``, are read too, from paths and URLs.
        options: in one object or as keywords, in either spelling:
            strict (True): whether file and model must have the same weights.
            custom_objects: classes and functions of your own that the model uses, by name; what
                :func:`weblayers.register_class` was given is known already.
            on_progress: called with the fraction of the weights that is here.
            request_init, fetch_func, weight_path_prefix, weight_url_converter: see :func:`weblayers.io.http`.

    Raises:
        ModelFileError: a ValueError that names the file and what is wrong with it.

    >>> import asyncio, tempfile, weblayers as wl
    >>> model = wl.sequential([wl.layers.dense(units=1, input_shape=[2])])
    >>> async def main(folder):
    ...     await model.save(folder)
    ...     return await wl.load_layers_model(folder)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     asyncio.run(main(folder)).input_shape
    (None, 2)
    """
    given = _load_options(**naming.arguments(_load_options, "load_layers_model", {**(options or {}), **more}))
    strict = given.pop("strict")
    with custom.lending(given.pop("custom_objects")):
        given = {k: v for k, v in given.items() if v is not None}
        written = formats.format_of(path_or_io_handler)
        if written is not None:
            return await formats.load(path_or_io_handler, written, given)
        handler = registry.load_handler(path_or_io_handler, given)
        artifacts = Artifacts.of(await settled(handler.load()))
        return model_from_artifacts(artifacts, strict is None or strict)


def _load_options(
    strict: bool | None = True,
    custom_objects: Mapping[str, Any] | None = None,
    on_progress: Callable[[float], Any] | None = None,
    request_init: Mapping[str, Any] | None = None,
    fetch_func: Callable[..., Any] | None = None,
    weight_path_prefix: str | None = None,
    weight_url_converter: Callable[[str], Any] | None = None,
) -> dict[str, Any]:
    return locals()


# -- weights alone ----------------------------------------------------------------------------------------------------


async def save_weights(model: Any, target: Any, overwrite: bool = True) -> SaveResult:
    """See :meth:`weblayers.Model.save_weights`."""
    _check_free(target, overwrite)
    written = formats.format_of(target, weights=True)
    if written is not None:
        return await formats.save_weights(model, target, written)
    data, specs = await encoded_state(model, include_optimizer=False)
    handler = registry.save_handler(target)
    return await settled(handler.save(Artifacts(None, specs, data)))


async def load_weights(
    model: Any, source: Any, strict: bool = True, skip_mismatch: bool = False, **options: Any
) -> None:
    """See :meth:`weblayers.Model.load_weights`."""
    is_made = model.weights and all(layer.built for layer in model.flatten_layers() if layer is not model)
    if not model.built and not is_made:
        raise ValueError(
            f"{model.class_name} {model.name!r} has not made all its weights yet: call the model once first, on data of"
            " the shape that it is for; then load_weights"
        )
    if isinstance(source, Mapping):
        arrays = {name: np.asarray(value) for name, value in source.items()}
        assign_weights(model, arrays, "the given weights", strict, skip_mismatch)
        return
    written = formats.format_of(source, weights=True)
    if written is not None:
        await formats.load_weights(model, source, written, strict, skip_mismatch, options)
        return
    artifacts = Artifacts.of(await settled(registry.load_handler(source, options).load()))
    expect(artifacts.weight_specs is not None, artifacts.source, "there are no weights")
    assign_weights(model, decoded_state(artifacts)[0], artifacts.source, strict, skip_mismatch)


def load_weights_options(
    strict: bool = True,
    skip_mismatch: bool = False,
    on_progress: Callable[[float], Any] | None = None,
    request_init: Mapping[str, Any] | None = None,
    fetch_func: Callable[..., Any] | None = None,
    weight_path_prefix: str | None = None,
    weight_url_converter: Callable[[str], Any] | None = None,
) -> dict[str, Any]:
    """What :func:`load_weights` takes."""
    return {name: value for name, value in locals().items() if value is not None}
