"""Tensors of whatever users give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..graph.node import Aval
from .arrays import dtype_of, host_array, is_text, stored
from .strings import string_tensor
from .tensor import Tensor


def to_tensor(values: Any, dtype: str | None = None, shape: Sequence[int] | None = None) -> Tensor:
    """A tensor from a number or string, nested lists, a NumPy array, a JavaScript typed array, or a tensor (itself)."""
    if isinstance(values, Tensor):
        return values
    array = host_array(values)
    if is_text(array) or dtype == "string":
        return string_tensor(array if hasattr(values, "to_py") else values, dtype, shape)
    dtype = dtype or dtype_of(values, array)
    array = stored(array, dtype, shape)
    return Tensor(Aval(array.shape, dtype), host=array)
