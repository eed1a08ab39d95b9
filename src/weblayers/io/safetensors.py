"""Weights in safetensors files, through the library of that name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .checks import ModelFileError


def _library() -> Any:
    try:
        import safetensors.numpy
    except ImportError:
        raise ImportError(
            "safetensors files need the package safetensors: pip install safetensors (or weblayers[safetensors])"
        ) from None
    return safetensors


def write(weights: Mapping[str, np.ndarray]) -> bytes:
    """The bytes of a file."""
    return _library().numpy.save({name: np.asarray(v, order="C") for name, v in weights.items()})


def read(data: bytes, source: str) -> dict[str, np.ndarray]:
    """Arrays by name; half precision becomes float32."""
    library = _library()
    try:
        found = library.numpy.load(data)
    except (library.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ModelFileError(f"{source}: not a safetensors file: {error}") from error
    return {n: v.astype(np.float32) if v.dtype.kind == "f" else v for n, v in found.items()}
