"""What users give as values, as NumPy arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph import build
from ..graph.node import DTYPES, MAX_EXACT_INTEGER


def host_array(values: Any) -> np.ndarray:
    """The array of a number, nested lists, an array, or a JavaScript array or typed array; of objects for text."""
    if hasattr(values, "to_py"):
        values = values.to_py()
    try:
        return _plain(np.asarray(values))
    except UnicodeDecodeError:
        # bytes beside strings
        return np.array(values, object)
    except ValueError:
        raise ValueError("the nested lists do not form a tensor: every sublist must have the same length") from None


def _plain(array: np.ndarray) -> np.ndarray:
    """An array of Python objects, as tables of mixed columns give it, as one of numbers if that is what they are."""
    if array.dtype != object or not array.size:
        return array
    try:
        numbers = np.asarray(array.tolist())
    except ValueError:
        return array
    return numbers if numbers.dtype.kind in "biuf" else array


def is_text(array: np.ndarray) -> bool:
    """Whether an array is one of strings, or of objects that may be strings."""
    return array.dtype.kind in "OSU"


def dtype_of(values: Any, array: np.ndarray) -> str:
    """The dtype of values that are this array: plain Python numbers are float32, as in TensorFlow.js."""
    is_typed = isinstance(values, np.ndarray | np.generic | memoryview)
    return build.infer_dtype(array) if is_typed or array.dtype.kind not in "if" else "float32"


def stored(array: np.ndarray, dtype: str, shape: Sequence[int] | None = None) -> np.ndarray:
    """An array as tensors of a dtype have it, perhaps of another shape, for themselves alone.

    Raises:
        TypeError: the values are no numbers.
        ValueError: the dtype is unknown, an integer is too large, or the shape wants other many values.
    """
    if dtype not in DTYPES:
        raise ValueError(f"unknown dtype {dtype!r}; expected one of {', '.join(DTYPES)}, string")
    if is_text(array):
        raise TypeError(f"{dtype} tensors are made of numbers or booleans, got {array.dtype} values")
    if dtype == "int32" and array.size and np.abs(array.astype(np.float64)).max() > MAX_EXACT_INTEGER:
        raise ValueError(f"int32 tensors hold integers up to 2^24 = {MAX_EXACT_INTEGER}; got {np.abs(array).max()}")
    made = np.trunc(array) if dtype == "int32" and array.dtype.kind == "f" else array
    made = np.asarray(made, DTYPES[dtype], order="C")
    if shape is not None:
        shape = tuple(int(d) for d in shape)
        if int(np.prod(shape, dtype=np.int64)) != array.size:
            raise ValueError(f"shape {list(shape)} wants {int(np.prod(shape))} values, but {array.size} were given")
        made = made.reshape(shape)
    # what the caller writes to the array later is no concern of the tensor
    return made.copy() if np.may_share_memory(made, array) else made
