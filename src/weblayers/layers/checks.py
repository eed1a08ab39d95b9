"""What layers are given, checked: each mistake is an error that names the layer, what it expects and what it got."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from .symbolic import BatchShape
from .uses import Used


def checked_shape(name: str, shape: Sequence[int | None]) -> BatchShape:
    """A shape without the batch axis, as integers and None."""
    if not all(d is None or (isinstance(d, int | np.integer) and d > 0) for d in shape):
        raise ValueError(
            f"layer {name!r}: input_shape must be positive integers, without the batch axis; got {list(shape)}"
        )
    return tuple(None if d is None else int(d) for d in shape)


def positive(owner: str, what: str, value: Any) -> int:
    """A positive integer, or an error that says whose."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{owner}: expected {what} to be a positive integer, but got {value!r}.")
    return int(value)


def check_rank(layer: Used, shape: Sequence[Any], *ranks: int) -> None:
    """An input's rank, or an error that says whose."""
    if len(shape) not in ranks:
        raise ValueError(
            f"Input 0 is incompatible with layer {layer.name}: expected ndim={' or '.join(map(str, ranks))}, found"
            f" ndim={len(shape)} (shape {list(shape)})."
        )


@contextmanager
def told_by(layer: Used) -> Iterator[None]:
    """What an op inside has against the sizes it gets, said with the layer's name.

    Raises:
        ValueError: what the op has raised, with the name before it.
    """
    try:
        yield
    except ValueError as error:
        raise ValueError(f"layer {layer.name!r}: {error}") from error


def sized(layer: Used, shape: BatchShape, axis: int) -> int:
    """The size of an axis that has to be known, to make weights for it."""
    if not -len(shape) <= axis < len(shape):
        raise ValueError(f"Input 0 is incompatible with layer {layer.name}: it has no axis {axis}, got {list(shape)}.")
    size = shape[axis]
    if size is None:
        raise ValueError(
            f"Input 0 is incompatible with layer {layer.name}: it needs a sized axis {axis}, got {list(shape)}."
        )
    return size


def check_axis(layer: Used, shape: Sequence[int], axis: int, size: int) -> None:
    """The size of an input's axis, or an error that says whose."""
    if shape[axis] != size:
        raise ValueError(
            f"Input 0 is incompatible with layer {layer.name}: expected axis {axis} of input shape to have value"
            f" {size} but got shape {list(shape)}."
        )
