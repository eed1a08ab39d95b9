"""Layers that sort strings and integers into bins by a hash: numbers without a vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from ..ops.fingerprint import fingerprint64, joined_fingerprints
from ..ops.siphash import siphash64
from ..runtime.strings import encoded
from ..runtime.tensor import Tensor
from .base import positive
from .hosted import Encoding
from .symbolic import Spec, SymbolicTensor

# What TensorFlow begins to cross features with.
_CROSS_KEY = 0xDECAFCAFFE


def hash_key(owner: str, salt: int | Sequence[int] | None) -> list[int] | None:
    """A salt as two numbers."""
    if salt is None:
        return None
    key = [salt, salt] if isinstance(salt, int) else list(salt)
    if len(key) != 2 or not all(isinstance(v, int) for v in key):
        raise ValueError(f"{owner}: a salt is one integer or two, got {salt!r}")
    return key


def bucket_of(text: str, buckets: int, salt: Sequence[int] | None) -> int:
    """The bucket of a string: by FarmHash's fingerprint, or by SipHash if there is a salt, as in TensorFlow."""
    data = encoded(text)
    return (fingerprint64(data) if salt is None else siphash64(data, salt)) % buckets


class Hashing(Encoding):
    """Strings or integers as one of a fixed number of bins, by their hash: TensorFlow's, so that bins are Keras'.

    Args:
        num_bins: how many there are, that of the mask counted.
        mask_value: what has bin 0 for itself; the others then begin at 1.
        salt: two numbers, or one for both: a keyed hash (SipHash), where FarmHash's fingerprint is taken without one.
        output_mode: ``"int"``, ``"one_hot"``, ``"multi_hot"`` or ``"count"``, as in :class:`CategoryEncoding`.

    Input: strings or integers of any shape; integers are hashed by their digits. Output: int32 of the same shape, or
    float32 vectors.

    >>> import weblayers as wl
    >>> wl.layers.hashing(num_bins=3)([["A"], ["B"], ["C"]]).array_sync()
    [[1], [0], [1]]
    >>> wl.layers.hashing(num_bins=3, salt=133, output_mode="count")([["A", "B", "C"]]).array_sync()
    [[2.0, 0.0, 1.0]]
    """

    def __init__(
        self,
        num_bins: int,
        mask_value: Any = None,
        salt: int | Sequence[int] | None = None,
        output_mode: str = "int",
        sparse: bool = False,
        **base: Any,
    ) -> None:
        super().__init__(output_mode, sparse, **{"dtype": _dtype(output_mode), **base})
        self.num_bins = positive(self.name, "num_bins", num_bins)
        self.mask_value, self.salt = mask_value, hash_key(self.name, salt)

    @property
    def depth(self) -> int:
        return self.num_bins

    def call(self, inputs: Any) -> Tensor:
        values = self.values(inputs)
        if values.dtype.kind == "f":
            values = values.astype(np.int64)
        bins = [self._bin(v) for v in values.ravel().tolist()]
        return self.encoded(np.array(bins, np.int64).reshape(values.shape))

    def _bin(self, value: Any) -> int:
        if self.mask_value is None or self.num_bins == 1:
            return bucket_of(str(value), self.num_bins, self.salt)
        return 0 if value == self.mask_value else 1 + bucket_of(str(value), self.num_bins - 1, self.salt)

    def output_specs(self, inputs: SymbolicTensor, kwargs: dict[str, Any]) -> Spec:
        return self.encoded_spec(inputs.shape)


class HashedCrossing(Encoding):
    """Values of several features together as one of a fixed number of bins, by TensorFlow's hash.

    Args:
        num_bins: how many there are.
        output_mode: ``"int"`` or ``"one_hot"``.

    Input: a list or tuple of two or more features, strings or integers, all scalars, ``[batch]`` or ``[batch, 1]``.
    Output: int32 of the same shape, or float32 vectors.

    >>> import weblayers as wl
    >>> wl.layers.hashed_crossing(num_bins=5)((["A", "B", "A"], [101, 101, 102])).array_sync()
    [1, 4, 3]
    """

    modes = {"int": "int", "one_hot": "one_hot"}

    def __init__(self, num_bins: int, output_mode: str = "int", sparse: bool = False, **base: Any) -> None:
        super().__init__(output_mode, sparse, **{"dtype": _dtype(output_mode), **base})
        self.num_bins = positive(self.name, "num_bins", num_bins)

    @property
    def depth(self) -> int:
        return self.num_bins

    def call(self, inputs: Any) -> Tensor:
        self._check_count(inputs)
        features = [self.values(v) for v in inputs]
        self._check([v.shape for v in features])
        if any(v.dtype.kind not in "iuO" for v in features):
            raise TypeError(f"layer {self.name!r} crosses strings and integers, got {[str(v.dtype) for v in features]}")
        rows = zip(*(v.ravel().tolist() for v in features), strict=True)
        bins = [reduce(joined_fingerprints, map(_number, row), _CROSS_KEY) % self.num_bins for row in rows]
        return self.encoded(np.array(bins, np.int64).reshape(features[0].shape))

    def _check_count(self, inputs: Any) -> None:
        if not isinstance(inputs, list | tuple) or len(inputs) < 2:
            raise ValueError(f"layer {self.name!r} takes a list or tuple of two or more features")

    def _check(self, shapes: Sequence[tuple[int | None, ...]]) -> None:
        first = shapes[0]
        if len(first) > 2 or (len(first) == 2 and first[1] != 1) or any(shape != first for shape in shapes):
            raise ValueError(
                f"layer {self.name!r} takes features that are all scalars, all [batch] or all [batch, 1], got shapes"
                f" {[list(shape) for shape in shapes]}"
            )

    def output_specs(self, inputs: Sequence[SymbolicTensor], kwargs: dict[str, Any]) -> Spec:
        self._check_count(inputs)
        self._check([wire.shape for wire in inputs])
        return self.encoded_spec(inputs[0].shape)


def _number(value: Any) -> int:
    """What is crossed of a feature: an integer itself."""
    return fingerprint64(encoded(value)) if isinstance(value, str) else value & (1 << 64) - 1


def _dtype(output_mode: str) -> str:
    return "int64" if output_mode == "int" else "float32"


__all__ = ["HashedCrossing", "Hashing"]
