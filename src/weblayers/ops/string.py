"""Strings cut, joined, sorted into buckets and rewritten. They live on the host."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import naming
from ..graph.node import MAX_EXACT_INTEGER
from ..runtime.conversion import to_tensor
from ..runtime.memory import Record
from ..runtime.strings import StringTensor, decoded, encoded
from ..runtime.tensor import Tensor
from .dispatch import public
from .fingerprint import fingerprint64
from .host import integers, values_of


def _strings(name: str, value: Any, rank: int | None = None) -> np.ndarray:
    empty = isinstance(value, list) and not value
    tensor = to_tensor(value, "string" if empty else None)
    if not isinstance(tensor, StringTensor):
        raise TypeError(f"{name} wants strings, got {tensor.dtype} values of shape {list(tensor.shape)}")
    if rank is not None and tensor.rank != rank:
        raise ValueError(f"{name} wants strings of rank {rank}, got shape {list(tensor.shape)}")
    return tensor.numpy()


def _texts(values: Sequence[str]) -> Tensor:
    return to_tensor(list(values), "string")


@public
def string_split(input: Any, delimiter: Any, skip_empty: bool = True) -> Record:
    """Strings split into parts: a sparse matrix with a row for each string.

    Runs on the host.

    Args:
        input: a vector of strings.
        delimiter: a string; each of its bytes parts, and an empty one parts everywhere.
        skip_empty: leave out empty parts.

    Returns:
        ``indices`` ``[parts, 2]``, ``values`` ``[parts]`` and ``shape``, ``[strings, most parts]``.

    >>> import weblayers as wl
    >>> parts = wl.string.string_split(["hello world", "a  b"], " ")
    >>> parts["values"].array_sync(), parts["indices"].array_sync()
    (['hello', 'world', 'a', 'b'], [[0, 0], [0, 1], [1, 0], [1, 1]])
    """
    texts = _strings("string_split", input, 1)
    delimiters = encoded(str(_strings("string_split", delimiter, 0)[()]))
    rows = [_parts(encoded(text), delimiters, skip_empty) for text in texts]
    places = [(i, j) for i, parts in enumerate(rows) for j in range(len(parts))]
    return Record(
        indices=integers(np.array(places, np.int64).reshape(-1, 2)),
        values=_texts([decoded(part) for parts in rows for part in parts]),
        shape=integers([len(rows), max(map(len, rows), default=0)]),
    )


def _parts(text: bytes, delimiters: bytes, skip_empty: bool) -> list[bytes]:
    if not text:
        return []
    if not delimiters:
        return [text[i : i + 1] for i in range(len(text))]
    parts = text.translate(bytes.maketrans(delimiters, delimiters[:1] * len(delimiters))).split(delimiters[:1])
    return [part for part in parts if part or not skip_empty]


@public
def string_n_grams(
    data: Any,
    data_splits: Any,
    separator: str,
    n_gram_widths: Sequence[int],
    left_pad: str,
    right_pad: str,
    pad_width: int,
    preserve_short_sequences: bool,
) -> Record:
    """Neighbouring strings of rows, joined: ``{"n_grams", "n_grams_splits"}``, rows again.

    Runs on the host.

    Args:
        data: the strings of all rows.
        data_splits: int32, where rows begin and end: ``[0, ..., strings]``.
        separator: what comes between joined strings.
        n_gram_widths: how many are joined; for each width, all that there are in a row.
        left_pad: what fills up before a row.
        right_pad: what fills up after it.
        pad_width: how many of these, but fewer than the width; -1 is one fewer.
        preserve_short_sequences: rows that are too short are joined whole.

    Raises:
        ValueError: the splits do not ascend from 0 to the number of strings.

    >>> import weblayers as wl
    >>> splits = wl.tensor1d([0, 3], "int32")
    >>> wl.string.string_n_grams(["a", "b", "c"], splits, "|", [2], "", "", 0, False)["n_grams"].array_sync()
    ['a|b', 'b|c']
    """
    texts = _strings("string_n_grams", data, 1)
    splits = values_of(data_splits).astype(np.int64)
    ends = [0, len(texts)]
    if splits.size and ([splits[0], splits[-1]] != ends or np.any(np.diff(splits) < 0)):
        raise ValueError(f"string_n_grams: splits must ascend from 0 to {len(texts)}, got {splits.tolist()}")
    rows: list[list[str]] = []
    for start, stop in itertools.pairwise(splits):
        tokens = list(texts[start:stop])
        row: list[str] = []
        for width in n_gram_widths if len(texts) else ():
            pads = min(width - 1 if pad_width < 0 else pad_width, width - 1)
            padded = [left_pad] * pads + tokens + [right_pad] * pads
            row += [separator.join(padded[i : i + width]) for i in range(len(padded) - width + 1)]
        if preserve_short_sequences and tokens and not row:
            row = [separator.join([left_pad] * pad_width + tokens + [right_pad] * pad_width)]
        rows.append(row)
    lengths = np.cumsum([0, *map(len, rows)])[: splits.size]
    return Record(n_grams=_texts([gram for row in rows for gram in row]), n_grams_splits=integers(lengths))


@public
def string_to_hash_bucket_fast(input: Any, num_buckets: int) -> Tensor:
    """A number for each string, from 0 to ``num_buckets - 1``: FarmHash's fingerprint, as in TensorFlow.

    Runs on the host.

    Args:
        input: strings of any shape.
        num_buckets: how many buckets, at most 2^24.

    Returns:
        int32, of the shape of the input.

    >>> import weblayers as wl
    >>> wl.string.string_to_hash_bucket_fast(["a", "b", "a"], 10).array_sync()
    [9, 2, 9]
    """
    texts = _strings("string_to_hash_bucket_fast", input)
    if num_buckets < 1:
        raise ValueError(f"num_buckets must be positive, got {num_buckets}")
    if texts.size and num_buckets > MAX_EXACT_INTEGER:
        raise ValueError(f"num_buckets must be at most 2^24 = {MAX_EXACT_INTEGER}, got {num_buckets}")
    numbers = [fingerprint64(encoded(text)) % num_buckets for text in texts.flat]
    return integers(np.array(numbers, np.int64).reshape(texts.shape))


@public
def static_regex_replace(input: Any, pattern: str, rewrite: str, replace_global: bool = True) -> Tensor:
    """Strings in which what a regular expression matches is replaced.

    Runs on the host.

    Args:
        input: strings of any shape.
        pattern: a regular expression in JavaScript's spelling.
        rewrite: what to put in its place; ``$1`` is what the first group matched, ``$<name>`` a named one, ``$&`` all,
            and ``$$`` a dollar.
        replace_global: replace every match, not just the first.

    Raises:
        ValueError: the pattern is no regular expression.

    >>> import weblayers as wl
    >>> wl.string.static_regex_replace(["a-b", "c"], "(.)-(.)", "$2+$1").array_sync()
    ['b+a', 'c']
    """
    texts = _strings("static_regex_replace", input)
    try:
        expression = re.compile(_in_python(pattern))
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
    count = 0 if replace_global else 1
    done = [expression.sub(lambda match: _rewritten(rewrite, match), text, count=count) for text in texts.flat]
    out = np.empty(len(done), object)
    out[:] = done
    return to_tensor(out.reshape(texts.shape), "string")


# What JavaScript writes otherwise: names of groups, ends, digits and letters of ASCII only, empty and full classes;
# escapes and classes are read as a whole, so that nothing inside of them is taken for one of these.
_SPELLINGS = {"$": r"\Z", r"\d": "[0-9]", r"\w": "[A-Za-z0-9_]", r"\D": "[^0-9]", r"\W": "[^A-Za-z0-9_]"}
_SYNTAX = re.compile(r"\\k<(\w+)>|\(\?<(?![=!])|\[\^\]|\[\]|\[(?:\\.|[^\]\\])*\]|\\.|\$")


def _in_python(pattern: str) -> str:
    def spelled(match: re.Match[str]) -> str:
        found = match[0]
        if match[1]:
            return f"(?P={match[1]})"
        if found.startswith("["):
            inside = {r"\d": "0-9", r"\w": "A-Za-z0-9_"}
            whole = {"[^]": r"[\s\S]", "[]": "(?!)"}.get(found)
            return whole or re.sub(r"\\.", lambda m: inside.get(m[0], m[0]), found)
        return "(?P<" if found == "(?<" else _SPELLINGS.get(found, found)

    return _SYNTAX.sub(spelled, pattern)


def _rewritten(rewrite: str, match: re.Match[str]) -> str:
    """What JavaScript puts in the place of a match."""
    groups = match.re.groups

    def filled(reference: re.Match[str]) -> str:
        kind = reference[1]
        if kind.isdigit():
            # two digits if there are so many groups, else one and what follows
            digits = kind if 0 < int(kind) <= groups else kind[:1]
            return (match[int(digits)] or "") + kind[len(digits) :] if 0 < int(digits) <= groups else reference[0]
        if kind.startswith("<"):
            named = match.groupdict()
            return (named.get(kind[1:-1]) or "") if named else reference[0]
        places = {"$": "$", "&": match[0], "`": match.string[: match.start()], "'": match.string[match.end() :]}
        return places[kind]

    return re.sub(r"\$(\d\d?|<[^>]*>|[$&`'])", filled, rewrite)


__all__ = ["static_regex_replace", "string_n_grams", "string_split", "string_to_hash_bucket_fast"]

__getattr__ = naming.module_getattr(__name__, globals())
