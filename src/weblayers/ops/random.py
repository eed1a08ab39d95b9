"""Random numbers inside graphs: a pure function of a seed, a counter and the position, equal on every backend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..graph import build as b
from ..graph.node import Node


def uniform(shape: Sequence[int], key: Any, counter: Any) -> Node:
    """Numbers in [0, 1) with 24 random bits each."""
    return b.cast(b.random_bits(tuple(shape), key, counter), "float32") * 2.0**-24
