"""Layers that number words and integers by a vocabulary, and find them again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..runtime.conversion import to_tensor
from ..runtime.tensor import Tensor
from .index_lookup import IndexLookup


class StringLookup(IndexLookup):
    """Strings as the numbers that they have in a vocabulary.

    Args:
        oov_token: ``"[UNK]"``; special tokens are in the vocabulary that :meth:`get_vocabulary` gives.
        encoding: how bytes and vocabulary files are read.
        The others are those of :class:`IndexLookup`.

    Input: strings of any shape, in lists, NumPy arrays or tensors. Output: int32 of the same shape, or float32 vectors
    as in :class:`CategoryEncoding`; with ``invert``, strings for integers.

    >>> import weblayers as wl
    >>> layer = wl.layers.string_lookup()
    >>> layer.adapt([["a", "c", "d"], ["d", "z", "b"]])
    >>> layer.get_vocabulary()
    ['[UNK]', 'd', 'z', 'c', 'b', 'a']
    >>> layer([["a", "new"]]).array_sync()
    [[5, 0]]
    >>> wl.layers.string_lookup(vocabulary=["a", "b"], invert=True)([0, 2]).array_sync()
    ['[UNK]', 'b']
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str | None = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        **lookup: Any,
    ) -> None:
        self.encoding = encoding
        super().__init__(
            max_tokens,
            num_oov_indices,
            mask_token,
            oov_token,
            vocabulary,
            idf_weights,
            invert,
            output_mode,
            sparse,
            pad_to_max_tokens,
            **{"input_dtype": "int32" if invert else "string", **lookup},
        )

    def token(self, value: Any) -> str:
        if not isinstance(value, str):
            raise TypeError(f"layer {self.name!r} takes strings, got {value!r}")
        return value

    def made(self, tokens: list[Any], shape: tuple[int, ...]) -> Tensor:
        out = np.empty(len(tokens), object)
        out[:] = tokens
        return to_tensor(out.reshape(shape), "string")


class IntegerLookup(IndexLookup):
    """Integers, such as the keys of a table, as the numbers that they have in a vocabulary.

    Args:
        oov_token: -1.
        oov_method: which of several numbers an unknown integer has: by the remainder (``"floormod"``), or by the hash
            of its digits (``"farmhash"``), which a salt needs.
        vocabulary_dtype: ``"int64"``.
        The others are those of :class:`IndexLookup`.

    Input: integers of any shape and size. Output: as of :class:`StringLookup`.

    >>> import weblayers as wl
    >>> layer = wl.layers.integer_lookup(vocabulary=[12, 36, 1138, 10_000_000_000])
    >>> layer([[12, 10_000_000_000], [7, 36]]).array_sync()
    [[1, 4], [0, 2]]
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int | None = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: int | Sequence[int] | None = None,
        **lookup: Any,
    ) -> None:
        if vocabulary_dtype != "int64":
            raise ValueError(f"IntegerLookup: vocabulary_dtype must be 'int64', got {vocabulary_dtype!r}")
        if salt is not None and oov_method != "farmhash":
            raise ValueError("IntegerLookup: a salt is for oov_method='farmhash'")
        self.vocabulary_dtype = vocabulary_dtype
        super().__init__(
            max_tokens,
            num_oov_indices,
            mask_token,
            oov_token,
            vocabulary,
            idf_weights,
            invert,
            output_mode,
            sparse,
            pad_to_max_tokens,
            oov_method,
            salt,
            **{"input_dtype": "int32", **lookup},
        )

    def token(self, value: Any) -> int:
        if isinstance(value, str) or int(value) != value:
            try:
                return int(value, 10)
            except (TypeError, ValueError):
                raise TypeError(f"layer {self.name!r} takes integers, got {value!r}") from None
        return int(value)

    def bucket(self, token: int) -> int:
        return token % self.num_oov_indices if self.oov_method == "floormod" else super().bucket(token)

    def made(self, tokens: list[Any], shape: tuple[int, ...]) -> Tensor:
        return to_tensor(np.array(tokens, np.int64).reshape(shape))


__all__ = ["IntegerLookup", "StringLookup"]
