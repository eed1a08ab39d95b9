"""Texts as numbers: vocabularies, sequences cut from a text, lines of one length."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import naming
from .dataset import Indexed
from .stream import whole_number

# Words, contractions among them, and every other sign by itself.
_WORD = re.compile(r"\w+(?:['\u2019]\w+)*|[^\w\s]")

_LEVELS: dict[str, tuple[Callable[[str], list[str]], str]] = {
    "character": (list, ""),
    "word": (lambda text: _WORD.findall(text.lower()), " "),
}


class Vocabulary(naming.Named):
    """Numbers for the characters or words of texts. 0 fills up, 1 stands for all that is unknown, as in Keras.

    Args:
        tokens: characters or words in the order of their numbers, from 2 on; ``tokens`` of another vocabulary will do.
        level: ``"character"`` or ``"word"``. Words are in lower case, and each other sign is a word.

    >>> vocabulary = Vocabulary.of(["Hello, hello world"], "word")
    >>> vocabulary.tokens
    ['', '[UNK]', 'hello', ',', 'world']
    >>> vocabulary.encode("Hello dear world").tolist()
    [2, 1, 4]
    >>> vocabulary.decode([2, 4])
    'hello world'
    """

    PADDING, UNKNOWN = "", "[UNK]"

    def __init__(self, tokens: Iterable[str], level: str = "character") -> None:
        self.level = level
        self._split, self._joint = naming.lookup("level of a vocabulary", level, _LEVELS)
        special = [self.PADDING, self.UNKNOWN]
        self.tokens = [*special, *(t for t in tokens if t not in special)]
        self._numbers = {token: i for i, token in enumerate(self.tokens)}
        if len(self._numbers) < len(self.tokens):
            double = next(t for t, n in Counter(self.tokens).items() if n > 1)
            raise ValueError(f"a vocabulary has each token once, but {double!r} more often")

    @classmethod
    def of(cls, texts: Iterable[str], level: str = "character", max_tokens: int | None = None) -> Vocabulary:
        """The vocabulary of texts, the most frequent first; ``max_tokens`` limits its length, special ones included."""
        split, _ = naming.lookup("level of a vocabulary", level, _LEVELS)
        counts = Counter(token for text in texts for token in split(text))
        ordered = sorted(counts, key=lambda token: (-counts[token], token))
        return cls(ordered if max_tokens is None else ordered[: max(0, max_tokens - 2)], level)

    def __len__(self) -> int:
        return len(self.tokens)

    def encode(self, text: str) -> np.ndarray:
        """The numbers of a text's characters or words, as int32."""
        return np.array([self._numbers.get(token, 1) for token in self._split(text)], np.int32)

    def decode(self, numbers: Iterable[Any]) -> str:
        """The text of numbers, without what fills up."""
        return self._joint.join(self.tokens[int(n)] for n in numbers if int(n))


class TextDataset(Indexed):
    """Sequences of numbers from texts; :func:`text_dataset` makes it. Its ``vocabulary`` translates both ways."""

    def __init__(self, pick: Callable[[Any], Any], count: int, vocabulary: Vocabulary) -> None:
        super().__init__(pick, count)
        self.vocabulary = vocabulary


def text_dataset(
    text: str | Path | Sequence[str],
    sequence_length: int,
    level: str = "character",
    sequence_stride: int = 1,
    targets: Any = "next",
    vocabulary: Vocabulary | None = None,
    max_tokens: int | None = None,
) -> TextDataset:
    """Sequences of numbers that stand for characters or words.

    A text is cut into sequences, each with what follows it as its target, to learn how texts go on. Of several texts,
    each is one sequence, cut off or filled up with zeros, to learn what kind of text it is.

    Args:
        text: a text, the path of a file with one (as a ``Path``), or a list of texts such as lines.
        sequence_length: how many numbers there are in a sequence.
        level: whether ``"character"`` or ``"word"`` has a number.
        sequence_stride: how far apart the sequences of a text begin.
        targets: of a text ``"next"`` (one number), ``"sequence"`` (the sequence one further on) or None; of several
            texts an array with one target for each, or None.
        vocabulary: which numbers they have, for example those of the texts that a model was trained on. Left out, it
            is made of the text.
        max_tokens: the most that a vocabulary made here may have; the rest is unknown.

    Returns:
        A data set of pairs ``(sequence, target)``, or of sequences, with attribute ``vocabulary``.

    Raises:
        ValueError: the text is too short for a sequence, or there are not as many targets as texts.

    >>> import weblayers as wl
    >>> dataset = wl.data.text_dataset("abcabc", sequence_length=3)
    >>> [(dataset.vocabulary.decode(x), dataset.vocabulary.decode([y])) for x, y in dataset]
    [('abc', 'a'), ('bca', 'b'), ('cab', 'c')]
    >>> lines = wl.data.text_dataset(["good", "so bad"], 3, "word", targets=[1, 0])
    >>> [(x.tolist(), int(y)) for x, y in lines]
    [([3, 0, 0], 1), ([4, 2, 0], 0)]
    """
    length = whole_number("text_dataset", "sequence_length", sequence_length, 1)
    stride = whole_number("text_dataset", "sequence_stride", sequence_stride, 1)
    if isinstance(text, Path):
        text = text.read_text("utf-8-sig")
    texts = [text] if isinstance(text, str) else list(text)
    if vocabulary is None:
        vocabulary = Vocabulary.of(texts, level, max_tokens)
    if isinstance(text, str):
        return _cut(vocabulary.encode(text), length, stride, targets, vocabulary)
    return _filled(texts, length, None if isinstance(targets, str) and targets == "next" else targets, vocabulary)


def _cut(numbers: np.ndarray, length: int, stride: int, targets: Any, vocabulary: Vocabulary) -> TextDataset:
    if targets is not None and (not isinstance(targets, str) or targets not in ("next", "sequence")):
        raise ValueError(f"targets of one text are 'next', 'sequence' or None, got {targets!r}")
    begins = np.arange(0, len(numbers) - length + (targets is None), stride)
    if not len(begins):
        raise ValueError(
            f"the text has {len(numbers)} {vocabulary.level}s, too few for a sequence of {length}"
            + ("" if targets is None else " and what follows it")
        )
    offsets = np.arange(length)

    def pick(number: Any) -> Any:
        at = np.asarray(begins[number])
        sequences = numbers[at[..., None] + offsets]
        if targets is None:
            return sequences
        return sequences, numbers[at + length] if targets == "next" else numbers[at[..., None] + offsets + 1]

    return TextDataset(pick, len(begins), vocabulary)


def _filled(texts: list[str], length: int, targets: Any, vocabulary: Vocabulary) -> TextDataset:
    rows = np.zeros((len(texts), length), np.int32)
    for row, one in zip(rows, texts, strict=True):
        numbers = vocabulary.encode(one)[:length]
        row[: len(numbers)] = numbers
    if targets is None:
        return TextDataset(lambda number: rows[number], len(texts), vocabulary)
    if isinstance(targets, str):
        raise ValueError(f"targets of several texts are an array or None, got {targets!r}")
    wanted = np.asarray(targets)
    if len(wanted) != len(texts):
        raise ValueError(f"there are {len(texts)} texts, but {len(wanted)} targets")
    return TextDataset(lambda number: (rows[number], wanted[number]), len(texts), vocabulary)
