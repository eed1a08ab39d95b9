"""Text as numbers: cleaned, cut into words, numbered."""

from __future__ import annotations

import math
import re
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .. import custom, naming
from ..runtime.tensor import Tensor
from .base import positive
from .hosted import ENCODINGS, WEIGHTED, HostLayer, adapting
from .lookup import StringLookup
from .symbolic import Spec, SymbolicTensor

_PUNCTUATION = str.maketrans("", "", string.punctuation)
# TensorFlow's lower case and white space are those of ASCII
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_WORD = re.compile(r"[^ \t\n\r\v\f]+")

_STANDARDS: dict[str, Callable[[str], str]] = {
    "lower_and_strip_punctuation": lambda text: text.translate(_LOWER).translate(_PUNCTUATION),
    "lower": lambda text: text.translate(_LOWER),
    "strip_punctuation": lambda text: text.translate(_PUNCTUATION),
}
_SPLITS: dict[str, Callable[[str], list[str]]] = {"whitespace": _WORD.findall, "character": list}


class TextVectorization(HostLayer):
    """Texts as the numbers of their words, or as vectors that count them.

    Each text is standardized, split into tokens, joined to n-grams, and looked up in a vocabulary.

    Args:
        max_tokens: how large the vocabulary may become, special tokens counted.
        standardize: ``"lower_and_strip_punctuation"``, ``"lower"``, ``"strip_punctuation"``, None, or a function of a
            NumPy array of strings that gives one of the same shape. Only ASCII changes.
        split: ``"whitespace"``, ``"character"``, None, or a function of a vector of strings that gives a list of tokens
            for each.
        ngrams: up to so many neighbouring tokens as one; a tuple says which numbers.
        output_mode: ``"int"``, ``"multi_hot"``, ``"count"`` or ``"tf_idf"``.
        output_sequence_length: of the rows in mode ``"int"``, which are cut or filled up with 0; that of the longest
            text if left out.
        pad_to_max_tokens: whether vectors have ``max_tokens`` entries, however many tokens there are.
        vocabulary, idf_weights: as in :class:`StringLookup`; or call :meth:`adapt`.
        sparse, ragged: must be False: tensors are dense here.
        encoding: how bytes and vocabulary files are read.

    Input: strings ``[batch]`` or ``[batch, 1]``, in lists, NumPy arrays or tensors. Output: int32 ``[batch, length]``,
    where 0 is nothing and 1 an unknown token, or float32 ``[batch, tokens]``, where 0 is an unknown token.

    >>> import weblayers as wl
    >>> layer = wl.layers.text_vectorization(output_sequence_length=4)
    >>> layer.adapt(["foo bar", "bar baz", "Baz, bada boom!"])
    >>> layer.get_vocabulary()
    ['', '[UNK]', 'baz', 'bar', 'foo', 'boom', 'bada']
    >>> layer(["foo qux bar", "qux baz"]).array_sync()
    [[4, 1, 3, 0], [1, 2, 0, 0]]
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: Any = "lower_and_strip_punctuation",
        split: Any = "whitespace",
        ngrams: int | Sequence[int] | None = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        vocabulary_size: int | None = None,
        has_input_vocabulary: bool | None = None,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        if ragged:
            raise ValueError(f"{self.name}: ragged must be False: layers give dense tensors here")
        self.output_mode = naming.lookup("output_mode", output_mode, {"int": "int", **ENCODINGS, **WEIGHTED})
        self.standardize, self._standard = _function("standardize", standardize, _STANDARDS)
        self.split, self._cut = _function("split", split, _SPLITS)
        self.ngrams, self._widths = ngrams, _widths(self.name, ngrams)
        if output_sequence_length is not None:
            if self.output_mode != "int":
                raise ValueError(f"{self.name}: output_sequence_length is for output_mode 'int', not {output_mode!r}")
            output_sequence_length = positive(self.name, "output_sequence_length", output_sequence_length)
        self.output_sequence_length, self.encoding, self.ragged = output_sequence_length, encoding, False
        self._lookup = StringLookup(
            max_tokens=max_tokens,
            mask_token="",
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            output_mode=self.output_mode,
            pad_to_max_tokens=pad_to_max_tokens,
            sparse=sparse,
            encoding=encoding,
            vocabulary_size=vocabulary_size,
            has_input_vocabulary=has_input_vocabulary,
            name=f"{self.name}_lookup",
        )

    @property
    def lookup(self) -> StringLookup:
        """The layer that has the vocabulary."""
        return self._lookup

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """The tokens by their numbers."""
        return self._lookup.get_vocabulary(include_special_tokens)

    def vocabulary_size(self) -> int:
        """How many numbers there are, special ones counted."""
        return self._lookup.vocabulary_size()

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Replace the vocabulary; see :meth:`StringLookup.set_vocabulary`."""
        self._lookup.set_vocabulary(vocabulary, idf_weights)

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Take the vocabulary from texts, the most frequent tokens first; of equally frequent ones, the larger.

        Args:
            data: texts, or a data set of them or of batches of them.
            batch_size: understood and without effect.
            steps: how many batches of a data set are looked at.
        """
        self._lookup.learn(_padded(self._tokens(np.atleast_1d(b))) for b in adapting(data, steps, self.values))

    def call(self, inputs: Any) -> Tensor:
        values = self.values(inputs)
        rows = self._tokens(np.atleast_1d(values))
        length = self.output_sequence_length
        tokens = _padded(rows, length)
        return self._lookup.looked_up(tokens if values.ndim else tokens[0])

    def _tokens(self, values: np.ndarray) -> list[list[str]]:
        """The tokens of each text."""
        if values.dtype.kind != "O":
            raise TypeError(f"layer {self.name!r} takes strings, got values of dtype {values.dtype}")
        if self._cut is not None and values.ndim > 1 and values.shape[-1] != 1:
            raise ValueError(
                f"layer {self.name!r} splits texts of shape [batch] or [batch, 1], got shape {list(values.shape)}"
            )
        if callable(self.standardize):
            values = np.asarray(self.standardize(values.astype(str)), object)
        elif self._standard is not None:
            values = np.array([self._standard(text) for text in values.ravel()], object).reshape(values.shape)
        if self._cut is None:
            rows = [list(row) for row in values.reshape(len(values), math.prod(values.shape[1:]))]
        elif callable(self.split):
            rows = [[str(token) for token in row] for row in self.split(values.ravel().astype(str))]
        else:
            rows = [self._cut(text) for text in values.ravel()]
        return rows if self._widths is None else [list(_ngrams(row, self._widths)) for row in rows]

    def output_specs(self, inputs: SymbolicTensor, kwargs: dict[str, Any]) -> Spec:
        if self.output_mode == "int":
            return Spec((inputs.shape[0], self.output_sequence_length), "int32")
        wire = SymbolicTensor((inputs.shape[0], None), "string")
        return self._lookup.output_specs(wire, {})

    def get_config(self) -> dict[str, Any]:
        of_lookup = self._lookup.get_config()
        names = ("max_tokens", "pad_to_max_tokens", "vocabulary", "idf_weights", "sparse", "has_input_vocabulary")
        written = {name: of_lookup[name] for name in names if name in of_lookup}
        functions = {name: _written(getattr(self, name)) for name in ("standardize", "split")}
        return {**super().get_config(), **written, **functions}


def _function(what: str, given: Any, known: Mapping[str, Any]) -> tuple[Any, Any]:
    """A step by its name, or as a function of one's own; and what it does."""
    if isinstance(given, Mapping):
        # as Keras writes a function that is registered
        given = given.get("config", given)
    if given is None or callable(given):
        return given, given
    found = naming.lookup(what, str(given).rpartition(">")[2], known)
    return (naming.snake(given) if naming.snake(given) in known else found), found


def _written(step: Any) -> Any:
    return custom.name_of(step) if callable(step) else step


def _widths(owner: str, ngrams: int | Sequence[int] | None) -> Sequence[int] | None:
    if ngrams is None:
        return None
    if isinstance(ngrams, int) and ngrams > 0:
        return range(1, ngrams + 1)
    if isinstance(ngrams, int) or not ngrams or not all(isinstance(width, int) and width > 0 for width in ngrams):
        raise ValueError(f"{owner}: ngrams must be None, a positive integer or a tuple of them, got {ngrams!r}")
    return list(ngrams)


def _ngrams(tokens: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    # of all up to a number, no more than there are
    for width in widths[: len(tokens)] if isinstance(widths, range) else widths:
        yield from (" ".join(tokens[i : i + width]) for i in range(len(tokens) - width + 1))


def _padded(rows: Sequence[Sequence[str]], length: int | None = None) -> np.ndarray:
    """Rows as an array, cut and filled up with what is no token."""
    length = max(map(len, rows), default=0) if length is None else length
    out = np.full((len(rows), length), "", object)
    for i, row in enumerate(rows):
        out[i, : len(row)] = row[:length]
    return out


__all__ = ["TextVectorization"]
