"""Values between programs and their page: one conversion for messages, calls and what they give back."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..runtime.border import given
from ..runtime.tensor import Tensor

MAY_BE_SENT = "None, numbers, texts, bytes, arrays, tensors, and lists and dictionaries of these"


def sent(value: Any, what: str) -> Any:
    """A program's value as the page has it; ``what`` names it in errors.

    Tensors and arrays become lists of lists, of typed arrays at last, so that they keep their shapes.

    Raises:
        TypeError: JavaScript has nothing like it.

    >>> sent({"x": np.ones([2, 2]), 1: (np.int64(3), None)}, "a message")
    {'x': [array([1., 1.]), array([1., 1.])], '1': [3, None]}
    """
    if isinstance(value, Tensor):
        return sent(value.numpy(), what)
    if isinstance(value, dict):
        return {str(key): sent(each, what) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [sent(each, what) for each in value]
    if isinstance(value, np.ndarray):
        return _rows(value, what)
    if isinstance(value, np.generic):
        return sent(value.item(), what)
    if isinstance(value, bytes | bytearray):
        return np.frombuffer(value, np.uint8)
    # what is JavaScript's own stays what it is
    if value is None or isinstance(value, bool | int | float | str) or hasattr(value, "js_id"):
        return value
    raise TypeError(f"{what}: {type(value).__name__} cannot be sent to the page, which takes {MAY_BE_SENT}")


def _rows(array: np.ndarray, what: str) -> Any:
    if array.dtype.kind not in "biuf" or array.ndim == 0:
        return sent(array.tolist(), what)
    if array.ndim > 1:
        return [_rows(row, what) for row in array]
    if array.dtype.kind == "b":
        return array.tolist()
    # JavaScript has two kinds of floats
    is_known = array.dtype.kind != "f" or array.dtype in (np.float32, np.float64)
    return np.ascontiguousarray(array if is_known else array.astype(np.float64))


def received(value: Any) -> Any:
    """What the page gives, as Python has it: ``null`` is None, large integers are ints, typed arrays are NumPy's.

    >>> received([memoryview(np.array([1, 2], np.float32))])
    [array([1., 2.], dtype=float32)]
    """
    if isinstance(value, dict):
        return {key: received(each) for key, each in value.items()}
    if isinstance(value, list):
        return [received(each) for each in value]
    if isinstance(value, memoryview):
        return np.array(value)
    # a class of its own for JavaScript's BigInt, which comes back as one
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else given(value)
