"""Weights as bytes: values one after the other, little-endian, and a list of specs that says which is which."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..runtime.conversion import to_tensor
from ..runtime.tensor import Tensor
from .checks import checked_shape, entry, expect

# How a dtype of a spec lies in the bytes.
_STORED = {"float32": "<f4", "int32": "<i4", "bool": "|b1", "uint8": "|u1", "uint16": "<u2", "float16": "<f2"}
_DTYPES = ("float32", "int32", "bool")
_QUANTIZED = ("uint8", "uint16", "float16")

Named = Iterable[tuple[str, np.ndarray]]


def encode(weights: Named, group: str | None = None, quantization: str | None = None) -> tuple[bytes, list[dict]]:
    """The bytes and specs of named arrays.

    Args:
        weights: names and arrays of float32, int32 or bool.
        group: what the specs say that the weights are of, ``"optimizer"`` or nothing.
        quantization: ``"float16"``, ``"uint8"`` or ``"uint16"`` for smaller files with fewer digits of what is float32.

    Raises:
        ValueError: an unknown quantization or dtype.
    """
    if quantization is not None and quantization not in _QUANTIZED:
        raise ValueError(f"quantization {quantization!r} is unknown; choose one of {', '.join(_QUANTIZED)}")
    data, specs = [], []
    for name, values in weights:
        dtype = str(values.dtype)
        if dtype not in _DTYPES:
            raise ValueError(f"Unsupported dtype in weight '{name}': {dtype}")
        spec: dict[str, Any] = {"name": name, "shape": list(values.shape), "dtype": dtype}
        if quantization is not None and dtype == "float32" and group is None:
            values, spec["quantization"] = _quantized(name, values, quantization)
        if group is not None:
            spec["group"] = group
        data.append(values.astype(_STORED[str(values.dtype)], copy=False).tobytes())
        specs.append(spec)
    return b"".join(data), specs


def _quantized(name: str, values: np.ndarray, to: str) -> tuple[np.ndarray, dict[str, Any]]:
    if to == "float16":
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if np.isinf(half).sum() > np.isinf(values).sum():
            raise ValueError(f"weight {name!r} has values beyond float16's range of 65504")
        return half, {"dtype": to, "original_dtype": "float32"}
    if not np.isfinite(values).all():
        raise ValueError(f"weight {name!r} has values that are not finite; they cannot be quantized to {to}")
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    steps = np.iinfo(to).max
    # a constant takes no steps, but a scale of zero divides badly
    scale = (high - low) / steps or 1.0
    stored = np.round((values.astype(np.float64) - low) / scale).clip(0, steps).astype(to)
    return stored, {"dtype": to, "min": low, "scale": scale, "original_dtype": "float32"}


class _Place(NamedTuple):
    """Where in the bytes a weight lies, and how."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    stored: str
    quantization: Mapping[str, Any] | None
    offset: int
    end: int


def layout(specs: Sequence[Mapping[str, Any]], source: str = "weights") -> list[_Place]:
    """Where each weight lies in the bytes; nothing is made yet.

    Raises:
        ModelFileError: a spec is none, or two have one name.
    """
    places: list[_Place] = []
    seen = set()
    offset = 0
    for spec in specs:
        name = entry(spec, "name", str, source)
        expect(name not in seen, source, f"Duplicate weight name: {name}")
        seen.add(name)
        shape = checked_shape(spec.get("shape"), name, source)
        dtype = entry(spec, "dtype", str, source)
        expect(dtype in _DTYPES, source, f"Unsupported dtype in weight '{name}': {dtype}")
        quantization = entry(spec, "quantization", dict, source, None)
        stored = dtype if quantization is None else _checked(quantization, name, dtype, source)
        end = offset + math.prod(shape) * np.dtype(_STORED[stored]).itemsize
        places.append(_Place(name, shape, dtype, stored, quantization, offset, end))
        offset = end
    return places


def byte_length(specs: Sequence[Mapping[str, Any]], source: str = "weights") -> int:
    """How many bytes the weights of these specs take."""
    places = layout(specs, source)
    return places[-1].end if places else 0


def decode(data: bytes, specs: Sequence[Mapping[str, Any]], source: str = "weights") -> dict[str, np.ndarray]:
    """Arrays by name. Lengths are checked before anything is made.

    Raises:
        ModelFileError: specs that are none, or that want more or fewer bytes than there are.
    """
    places = layout(specs, source)
    for p in places:
        what = f"weight {p.name!r} of shape {list(p.shape)} ({p.dtype}) lies at bytes {p.offset} to {p.end}"
        expect(p.end <= len(data), source, f"{what}, but there are only {len(data)}")
    total = places[-1].end if places else 0
    expect(total == len(data), source, f"the weights take {total} bytes, but there are {len(data)}")
    return {p.name: _decoded(data, p).reshape(p.shape) for p in places}


def _checked(quantization: Mapping[str, Any], name: str, dtype: str, source: str) -> str:
    stored = entry(quantization, "dtype", str, source)
    expect(stored in _QUANTIZED, source, f"Weight {name} has unknown quantization dtype {stored}.")
    if stored == "float16":
        only = f"Weight {name} is quantized with float16 which only supports weights of type float32 not {dtype}."
        expect(dtype == "float32", source, only)
    else:
        for key in ("min", "scale"):
            value = quantization.get(key)
            there = isinstance(value, int | float) and math.isfinite(value)
            expect(
                there, source, f"Weight {name} with quantization {stored} doesn't have corresponding metadata {key}."
            )
        expect(dtype != "bool", source, f"Unsupported quantization type {stored} for weight {name!r} of type bool.")
    return stored


def _decoded(data: bytes, place: _Place) -> np.ndarray:
    stored = np.frombuffer(data, _STORED[place.stored], math.prod(place.shape), place.offset)
    if place.quantization is None or place.stored == "float16":
        return stored.astype(place.dtype)
    # in single precision, as TensorFlow.js does it
    # a file that asks for numbers beyond that range gets infinities
    with np.errstate(over="ignore", invalid="ignore"):
        low, scale = (np.float32(place.quantization[key]) for key in ("min", "scale"))
        values = stored.astype(np.float32) * scale + low
        return (np.round(values) if place.dtype == "int32" else values).astype(place.dtype)


async def encode_weights(tensors: Any, group: str | None = None) -> dict[str, Any]:
    """Tensors by name, or ``{"name", "tensor"}`` in a list, as ``{"data", "specs"}``.

    >>> import asyncio, weblayers as wl
    >>> asyncio.run(encode_weights({"a": wl.tensor1d([1, 2])}))["specs"]
    [{'name': 'a', 'shape': [2], 'dtype': 'float32'}]
    """
    pairs = tensors.items() if isinstance(tensors, Mapping) else [(t["name"], t["tensor"]) for t in tensors]
    data, specs = encode([(name, await host_values(tensor)) for name, tensor in pairs], group)
    return {"data": data, "specs": specs}


def decode_weights(data: Any, specs: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
    """Tensors by name from bytes (or a list of chunks of them) and specs; quantized values become float32 again.

    >>> decode_weights(bytes([3, 5]), [{"name": "a", "shape": [2], "dtype": "float32",
    ...     "quantization": {"dtype": "uint8", "min": 1, "scale": 0.5}}])["a"].array_sync()
    [2.5, 3.5]
    """
    return {name: to_tensor(values, str(values.dtype)) for name, values in decode(joined(data), specs).items()}


def joined(data: Any) -> bytes:
    """Chunks of bytes, Python's or JavaScript's, as one."""
    if data is None:
        return b""
    if isinstance(data, list | tuple):
        return b"".join(map(joined, data))
    return bytes(data.to_py() if hasattr(data, "to_py") else data)


async def host_values(tensor: Tensor) -> np.ndarray:
    """A tensor's values as an array of its shape and dtype, without blocking."""
    return (await tensor.data()).reshape(tensor.shape)
