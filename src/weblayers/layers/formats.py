"""What layers over images share: data formats, paddings, and sizes per spatial axis."""

from __future__ import annotations

from collections.abc import Sequence

from ..ops import movement
from ..runtime.tensor import Tensor
from .base import positive

DATA_FORMATS = {"channels_last": "channels_last", "channels_first": "channels_first"}
PADDINGS = {"valid": "valid", "same": "same"}


def sizes(owner: str, what: str, value: int | Sequence[int], rank: int) -> tuple[int, ...]:
    """One positive integer for all spatial axes, or one for each."""
    values = [value] * rank if isinstance(value, int) else list(value)
    if len(values) != rank:
        raise ValueError(f"{owner}: expected {what} to be a number or {rank} numbers, but got {value!r}.")
    return tuple(positive(owner, what, v) for v in values)


def padding_mode(owner: str, value: str) -> str:
    if value not in PADDINGS:
        raise ValueError(f"{owner}: {value!r} is not a valid padding. Valid values are 'valid' and 'same'.")
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
