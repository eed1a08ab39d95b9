"""TensorFlow.js' ``tf.util``: small helpers that its programs use."""

from __future__ import annotations

import time
from collections.abc import Callable, MutableSequence, Sequence
from typing import Any

import numpy as np

from . import naming, random_seed


def assert_(expr: Any, msg: Callable[[], str] | str = "") -> None:
    """Raise a ValueError unless something is true; ``msg`` is its text, or makes it.

    >>> assert_(1 < 2, lambda: "never made")
    """
    if not expr:
        raise ValueError(msg() if callable(msg) else msg)


def shuffle(array: MutableSequence[Any]) -> None:
    """Bring a list, or an array's first axis, into another order, in place; by the seed of ``set_random_seed``.

    >>> numbers = list(range(9)); shuffle(numbers); sorted(numbers) == list(range(9))
    True
    """
    _reorder(create_shuffled_indices(len(array)), array)


def shuffle_combo(array: MutableSequence[Any], array2: MutableSequence[Any]) -> None:
    """Bring two lists of one length into the same other order, in place.

    Raises:
        ValueError: they have different lengths.
    """
    if len(array) != len(array2):
        raise ValueError(
            "Array sizes must match to be shuffled together."
            f" First array length was {len(array)}, second array length was {len(array2)}"
        )
    order = create_shuffled_indices(len(array))
    _reorder(order, array)
    _reorder(order, array2)


def _reorder(order: Sequence[int] | np.ndarray, values: MutableSequence[Any]) -> None:
    if isinstance(values, np.ndarray):
        values[:] = values[order]
    else:
        values[:] = [values[i] for i in order]


def create_shuffled_indices(n: int) -> np.ndarray:
    """The numbers 0 to n - 1 in another order, as int32.

    >>> sorted(create_shuffled_indices(3).tolist())
    [0, 1, 2]
    """
    return random_seed.generator().permutation(n).astype(np.int32)


def size_from_shape(shape: Sequence[int]) -> int:
    """How many values a shape holds.

    >>> size_from_shape([2, 3]), size_from_shape([])
    (6, 1)
    """
    return int(np.prod(shape, dtype=np.int64))


def flatten(arr: Any, result: list[Any] | None = None) -> list[Any]:
    """The values of nested lists in one list, behind those of ``result``.

    >>> flatten([[1, 2], [3, [4]]])
    [1, 2, 3, 4]
    """
    out = [] if result is None else result
    for value in arr if isinstance(arr, list | tuple | np.ndarray) else [arr]:
        if isinstance(value, list | tuple | np.ndarray):
            flatten(value, out)
        else:
            out.append(value)
    return out


def arrays_equal(n1: Sequence[Any], n2: Sequence[Any]) -> bool:
    """Whether two lists have the same values."""
    return len(n1) == len(n2) and all(a == b for a, b in zip(n1, n2, strict=True))


def clamp(min: float, x: float, max: float) -> float:
    """A number, or the nearest within limits.

    >>> clamp(0, 7, 5)
    5
    """
    return min if x < min else max if x > max else x


def now() -> float:
    """Milliseconds of a clock that only goes forwards."""
    return time.perf_counter() * 1000


def encode_string(s: str, encoding: str = "utf-8") -> bytes:
    """The bytes of a text."""
    return s.encode(encoding)


def decode_string(bytes: bytes, encoding: str = "utf-8") -> str:
    """The text of bytes."""
    return bytes.decode(encoding)


__all__ = [
    "arrays_equal",
    "assert_",
    "clamp",
    "create_shuffled_indices",
    "decode_string",
    "encode_string",
    "flatten",
    "now",
    "shuffle",
    "shuffle_combo",
    "size_from_shape",
]

__getattr__ = naming.module_getattr(__name__, globals())
