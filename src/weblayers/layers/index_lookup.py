"""What layers with a vocabulary have in common: it is given or learned, and numbers tokens."""

from __future__ import annotations

import collections
import math
import os
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..runtime.conversion import to_tensor
from ..runtime.tensor import Tensor
from . import context
from .buckets import bucket_of, hash_key
from .hosted import WEIGHTED, Encoding, adapting
from .preprocessing import is_stream
from .symbolic import Spec, SymbolicTensor

# What is nowhere: a masked token where there is no number for it.
_NOWHERE = -1


class IndexLookup(Encoding):
    """Numbers for tokens: first that of the mask, then those of tokens that are not in the vocabulary, then its own.

    Args:
        max_tokens: how large the vocabulary may become, all numbers counted; as many as there are if left out.
        num_oov_indices: how many numbers unknown tokens share by their hash; 0 refuses them.
        mask_token: has the number 0 in mode ``"int"``, and counts nowhere in the others.
        oov_token: what an unknown number is turned into.
        vocabulary: tokens in order, or the path of a text file with one in each line. A layer that is given one does
            not adapt.
        idf_weights: how much each token of the vocabulary counts in mode ``"tf_idf"``.
        invert: whether to turn numbers into tokens.
        output_mode: ``"int"``, ``"one_hot"``, ``"multi_hot"``, ``"count"`` or ``"tf_idf"``.
        sparse: must be False: tensors are dense here.
        pad_to_max_tokens: whether vectors have ``max_tokens`` entries, however many tokens there are.
        salt: two numbers, or one for both, for a keyed hash of unknown tokens.
    """

    modes = {**Encoding.modes, **WEIGHTED}

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: Any = None,
        oov_token: Any = None,
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: int | Sequence[int] | None = None,
        vocabulary_size: int | None = None,
        has_input_vocabulary: bool | None = None,
        **base: Any,
    ) -> None:
        super().__init__(output_mode, sparse, **base)
        if max_tokens is not None and max_tokens <= 1:
            raise ValueError(f"{self.name}: max_tokens must be greater than 1, got {max_tokens}")
        if pad_to_max_tokens and max_tokens is None:
            raise ValueError(f"{self.name}: pad_to_max_tokens needs max_tokens")
        if num_oov_indices < 0:
            raise ValueError(f"{self.name}: num_oov_indices must be 0 or more, got {num_oov_indices}")
        if oov_method not in ("floormod", "farmhash"):
            raise ValueError(f"{self.name}: oov_method must be 'floormod' or 'farmhash', got {oov_method!r}")
        if invert and self.output_mode != "int":
            raise ValueError(f"{self.name}: output_mode must be 'int' where invert is True, got {output_mode!r}")
        self.max_tokens, self.num_oov_indices = max_tokens, num_oov_indices
        self.mask_token, self.oov_token = mask_token, oov_token
        self.invert, self.pad_to_max_tokens, self.oov_method = bool(invert), bool(pad_to_max_tokens), oov_method
        self.salt = hash_key(self.name, salt)
        self._tokens: list[Any] = []
        self._places: dict[Any, int] = {}
        self._idf: np.ndarray | None = None
        # what a model was built with
        self._fixed_size = vocabulary_size if self.output_mode != "int" else None
        self._is_given = vocabulary is not None if has_input_vocabulary is None else has_input_vocabulary
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)
        elif idf_weights is not None:
            raise ValueError(f"{self.name}: idf_weights belong to a vocabulary, and none was given")

    # -- the vocabulary -----------------------------------------------------------------------------------------------

    @property
    def _masks(self) -> int:
        """How many numbers are masks: one, or none."""
        return int(self.mask_token is not None and self.output_mode == "int")

    @property
    def _start(self) -> int:
        """Where the vocabulary begins, after special tokens."""
        return self._masks + self.num_oov_indices

    @property
    def _special(self) -> list[Any]:
        return [self.mask_token] * self._masks + [self.oov_token] * self.num_oov_indices

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The tokens by their numbers; without special ones, from the first of the vocabulary on."""
        return [*(self._special if include_special_tokens else []), *self._tokens]

    def vocabulary_size(self) -> int:
        """How many numbers there are, special ones counted."""
        return self._start + len(self._tokens)

    @property
    def idf_weights(self) -> np.ndarray | None:
        """How much each number counts in mode ``"tf_idf"``, once there is a vocabulary."""
        return None if self._idf is None else np.pad(self._idf, (0, self.depth - len(self._idf)))

    @property
    def depth(self) -> int:
        if self.pad_to_max_tokens:
            assert self.max_tokens is not None
            return self.max_tokens
        if not self._tokens and self._fixed_size is None:
            raise RuntimeError(
                f"layer {self.name!r} has no vocabulary yet, which says how long its vectors are: give it one, call"
                " adapt(data), or set pad_to_max_tokens"
            )
        return self.vocabulary_size() if self._tokens else self._fixed_size or 0

    @property
    def learns(self) -> bool:
        """Whether the vocabulary is for :meth:`adapt` to find."""
        return not self._is_given

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Replace the vocabulary.

        Args:
            vocabulary: tokens in order, with all special ones before them or none; or the path of a text file.
            idf_weights: one for each, in mode ``"tf_idf"`` only. Unknown tokens count as the average if no special
                tokens are among them.

        Raises:
            ValueError: empty, too large, with a token twice or a special one in it, or without its weights.
        """
        if (idf_weights is None) == (self.output_mode == "tf_idf"):
            raise ValueError(
                f"layer {self.name!r}: idf_weights are given in output_mode 'tf_idf', and only there; this one is"
                f" {self.output_mode!r}"
            )
        given = self._from_file(vocabulary) if isinstance(vocabulary, str | os.PathLike) else self._listed(vocabulary)
        has_special = 0 < self._start <= len(given) and given[: self._start] == self._special
        tokens = given[self._start :] if has_special else given
        self._check(tokens)
        weights = None
        if idf_weights is not None:
            weights = np.asarray(to_tensor(idf_weights).numpy(), np.float32)
            if weights.shape != (len(given),):
                raise ValueError(
                    f"layer {self.name!r}: idf_weights has shape {list(weights.shape)}, expected one for each of"
                    f" {len(given)} tokens"
                )
            weights = weights if has_special else self._with_average(weights)
        self._take(tokens, weights)

    def _with_average(self, weights: np.ndarray) -> np.ndarray:
        """The vocabulary's weights, and before them the average for special tokens."""
        average = weights.mean(dtype=np.float64) if len(weights) else 0
        return np.concatenate([np.full(self._start, average, np.float32), weights])

    def _check(self, tokens: list[Any]) -> None:
        if not tokens:
            raise ValueError(f"layer {self.name!r}: the vocabulary is empty")
        repeated = [token for token, count in collections.Counter(tokens).items() if count > 1]
        if repeated:
            raise ValueError(f"layer {self.name!r}: the vocabulary has tokens more than once: {repeated[:10]}")
        for what, token in (("mask", self.mask_token), ("OOV", self.oov_token if self.invert else None)):
            if token is not None and token in tokens:
                raise ValueError(
                    f"layer {self.name!r}: the {what} token {token!r} is inside the vocabulary, at"
                    f" {tokens.index(token)}: leave out all special tokens, or begin with {self._special}"
                )
        size = self._start + len(tokens)
        if self.max_tokens is not None and size > self.max_tokens:
            raise ValueError(f"layer {self.name!r}: the vocabulary has {size} tokens, more than {self.max_tokens}")

    def _take(self, tokens: list[Any], weights: np.ndarray | None) -> None:
        size = self._start + len(tokens)
        if self._fixed_size not in (None, size) and not self.pad_to_max_tokens:
            raise RuntimeError(
                f"layer {self.name!r}: the vocabulary's size cannot change from {self._fixed_size} to {size} once a"
                " model knows it: set pad_to_max_tokens, or build the model anew"
            )
        self._tokens, self._idf = tokens, weights
        self._places = {token: i for i, token in enumerate(tokens, self._start)}

    def _listed(self, vocabulary: Any) -> list[Any]:
        return [self.token(v) for v in self.values(vocabulary).ravel().tolist()]

    def _from_file(self, path: Any) -> list[Any]:
        if context.is_reading():
            raise ValueError(
                f"layer {self.name!r} names a vocabulary file, {str(path)!r}: a model's file must have the vocabulary"
                " itself, as no other file is read for it"
            )
        if not Path(path).exists():
            raise ValueError(f"layer {self.name!r}: there is no vocabulary file {str(path)!r}")
        if self.output_mode == "tf_idf":
            raise ValueError(f"layer {self.name!r}: a vocabulary file has no weights for output_mode 'tf_idf'")
        return self.read_lines(Path(path).read_text(self.encoding))

    def read_lines(self, text: str) -> list[Any]:
        """The tokens of a text with one in each line."""
        return [self.token(line) for line in text.rstrip("\n").split("\n")]

    def token(self, value: Any) -> Any:
        """A value as a token of the vocabulary."""
        raise NotImplementedError

    # -- learning -----------------------------------------------------------------------------------------------------

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Take the vocabulary from data, the most frequent tokens first; of equally frequent ones, the larger.

        Args:
            data: samples, or a data set of batches of samples. A sample is a document where weights are learned.
            steps: how many batches of a data set are looked at.
        """
        batches = adapting(data, steps, self.values)
        self.learn(b[:, None] if b.ndim == 1 and not is_stream(data) else np.atleast_2d(b) for b in batches)

    def learn(self, batches: Iterable[np.ndarray]) -> None:
        """Take the vocabulary from batches of documents."""
        if self._is_given:
            raise ValueError(f"layer {self.name!r} was made with its vocabulary: there is nothing to adapt")
        counts: collections.Counter[Any] = collections.Counter()
        containing: collections.Counter[Any] = collections.Counter()
        documents = 0
        for batch in batches:
            documents += len(batch)
            for row in batch.reshape(len(batch), math.prod(batch.shape[1:])).tolist():
                counts.update(tokens := [self.token(v) for v in row])
                containing.update(set(tokens))
        for special in (self.mask_token, self.oov_token):
            counts.pop(special, None)
        if not counts:
            return
        learned = sorted(counts, key=lambda token: (counts[token], token), reverse=True)
        if self.max_tokens is not None:
            learned = learned[: max(0, self.max_tokens - self._start)]
        weights = None
        if self.output_mode == "tf_idf":
            seen = np.array([containing[token] for token in learned], np.float64)
            weights = self._with_average(np.log1p(documents / (1 + seen)).astype(np.float32))
        self._take(learned, weights)

    # -- looking up ---------------------------------------------------------------------------------------------------

    def call(self, inputs: Any) -> Tensor:
        return self.looked_up(self.values(inputs))

    def looked_up(self, values: np.ndarray) -> Tensor:
        """The numbers of an array of tokens in the output mode, or the tokens of numbers."""
        if self.invert:
            return self.made([self._token_of(int(i)) for i in values.ravel().tolist()], values.shape)
        if self.output_mode != "int":
            _ = self.depth
        tokens = [self.token(v) for v in values.ravel().tolist()]
        index = np.array([self._place(token) for token in tokens], np.int64).reshape(values.shape)
        return self.encoded(index, self.idf_weights)

    def _token_of(self, index: int) -> Any:
        if index == 0 and self.mask_token is not None:
            return self.mask_token
        place = index - self._start
        return self._tokens[place] if 0 <= place < len(self._tokens) else self.oov_token

    def _place(self, token: Hashable) -> int:
        if token == self.mask_token:
            return 0 if self.output_mode == "int" else _NOWHERE
        found = self._places.get(token)
        if found is not None:
            return found
        if not self.num_oov_indices:
            raise ValueError(
                f"layer {self.name!r} has no number for {token!r}, which is not in its vocabulary: consider"
                " num_oov_indices=1"
            )
        return self._masks + (self.bucket(token) if self.num_oov_indices > 1 else 0)

    def bucket(self, token: Any) -> int:
        """Which of the numbers for unknown tokens this one has."""
        return bucket_of(str(token), self.num_oov_indices, self.salt)

    def made(self, tokens: list[Any], shape: tuple[int, ...]) -> Tensor:
        """Tokens as a tensor."""
        raise NotImplementedError

    def output_specs(self, inputs: SymbolicTensor, kwargs: dict[str, Any]) -> Spec:
        if self.invert:
            return Spec(
                inputs.shape, "string" if self.oov_token is None or isinstance(self.oov_token, str) else "int32"
            )
        if self.output_mode != "int":
            self._fixed_size = None if self.pad_to_max_tokens else self.depth
        return self.encoded_spec(inputs.shape)

    # -- as plain values ----------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if self._tokens:
            config["has_input_vocabulary"] = self._is_given
            # special tokens have weights of their own
            whole = self._idf is not None
            config["vocabulary"] = self.get_vocabulary(include_special_tokens=whole)
            config["idf_weights"] = self._idf.tolist() if self._idf is not None else None
        return config
