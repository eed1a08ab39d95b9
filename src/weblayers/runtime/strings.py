"""Tensors of strings. They live on the host: no device computes with text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from ..graph.node import Aval
from .tensor import Tensor


def encoded(text: str) -> bytes:
    """The bytes of a string, also of one that is a part of a longer string's bytes."""
    return text.encode(errors="surrogateescape")


def decoded(data: bytes) -> str:
    """The string of bytes; what is not UTF-8 survives and is encoded as it was."""
    return data.decode(errors="surrogateescape")


def is_text(value: Any) -> bool:
    """Whether a value is a string, or an array or nested lists of them, by its first element."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "SU" or (value.dtype == object and value.size > 0 and is_text(value.flat[0]))
    if isinstance(value, list | tuple):
        return bool(value) and is_text(value[0])
    return isinstance(value, str | bytes)


class StringTensor(Tensor):
    """A tensor of dtype ``"string"``. It can be reshaped, cut, joined and compared; see also ``wl.string``.

    >>> import weblayers as wl
    >>> words = wl.tensor([["a", "b"], ["c", "d"]])
    >>> words.dtype, words.transpose().array_sync()
    ('string', [['a', 'c'], ['b', 'd']])
    """

    def __init__(self, values: np.ndarray) -> None:
        super().__init__(Aval(values.shape, "string"), host=values)

    @property
    def nbytes(self) -> int:
        """The bytes of all strings, in UTF-8."""
        return sum(len(encoded(text)) for text in self.numpy().flat)

    def shared(self) -> StringTensor:
        """Another tensor of the same values."""
        return StringTensor(self.numpy())

    @property
    def values(self) -> NoReturn:
        """Raises TypeError: nothing computes with strings."""
        raise TypeError(
            f"a tensor of strings, of shape {list(self.shape)}, lives on the host, and is nothing to compute with;"
            " expected numbers: make them with wl.layers.string_lookup, text_vectorization or hashing"
        )

    async def bytes(self) -> list[bytes]:
        """The strings as UTF-8."""
        return [encoded(text) for text in self.numpy().flat]


def string_tensor(values: Any, dtype: str | None = None, shape: Sequence[int] | None = None) -> StringTensor:
    """A tensor of strings, from one or from nested lists of them.

    Raises:
        TypeError: not all values are strings, or another dtype is wanted.
        ValueError: shape and values disagree.
    """
    array = np.array(values, object)
    texts = [decoded(v) if isinstance(v, bytes) else v for v in array.flat]
    wrong = [v for v in texts if not isinstance(v, str)]
    if wrong and dtype == "string":
        raise TypeError(f"a tensor of strings wants strings only, got {wrong[0]!r}")
    if wrong or dtype not in (None, "string"):
        raise TypeError(
            f"cannot make a tensor of {_kind(values)}; expected numbers, booleans or arrays of them, or strings"
            " only, with the dtype 'string' or none"
        )
    wanted = array.shape if shape is None else tuple(int(d) for d in shape)
    if math.prod(wanted) != len(texts):
        raise ValueError(f"shape {list(wanted)} wants {math.prod(wanted)} values, but {len(texts)} were given")
    out = np.empty(len(texts), object)
    out[:] = texts
    return StringTensor(out.reshape(wanted))


def _kind(values: Any) -> str:
    dtype = f" of dtype {values.dtype}" if isinstance(values, np.ndarray) else ""
    return type(values).__name__ + dtype
