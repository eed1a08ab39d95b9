"""What layers over images share: data formats, paddings, and sizes per spatial axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ops import movement
from ..runtime.tensor import Tensor
from .base import positive

DATA_FORMATS = {"channels_last": "channels_last", "channels_first": "channels_first"}
PADDINGS = ("valid", "same", "causal")


def sizes(owner: str, what: str, value: int | Sequence[int], rank: int) -> tuple[int, ...]:
    """One positive integer for all spatial axes, or one for each."""
    values = [value] * rank if isinstance(value, int) else list(value)
    if len(values) == 1:
        values = values * rank
    if len(values) != rank:
        raise ValueError(f"{owner}: expected {what} to be a number or {rank} numbers, but got {value!r}.")
    return tuple(positive(owner, what, v) for v in values)


def pairs(owner: str, what: str, value: Any, rank: int) -> tuple[tuple[int, int], ...]:
    """Numbers before and after each spatial axis: from one number, one for each axis, or pairs."""
    values = [value] * rank if isinstance(value, int) else list(value)
    if rank == 1 and len(values) == 2 and all(isinstance(v, int) for v in values):
        values = [values]
    if len(values) != rank:
        raise ValueError(f"{owner}: expected {what} to be a number, {rank} numbers or {rank} pairs, but got {value!r}.")
    made = [(v, v) if isinstance(v, int) else tuple(v) for v in values]
    if any(len(p) != 2 or min(p) < 0 for p in made):
        raise ValueError(f"{owner}: {what} must be numbers of zero or more, before and after; got {value!r}.")
    return tuple((int(p[0]), int(p[1])) for p in made)


def padding_mode(owner: str, value: str, causal: bool = False) -> str:
    valid = PADDINGS if causal else PADDINGS[:2]
    if value not in valid:
        raise ValueError(
            f"{owner}: {value!r} is not a valid padding. Valid values are {' and '.join(map(repr, valid))}."
        )
    return value


def channels_last(x: Tensor, data_format: str) -> Tensor:
    """x with its channels at the end."""
    if data_format == "channels_last":
        return x
    return movement.transpose(x, (0, *range(2, x.rank), 1))


def channels_back(x: Tensor, data_format: str) -> Tensor:
    """The inverse of :func:`channels_last`."""
    if data_format == "channels_last":
        return x
    return movement.transpose(x, (0, x.rank - 1, *range(1, x.rank - 1)))
