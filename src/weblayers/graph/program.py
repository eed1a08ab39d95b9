"""A traced computation: what every executor takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .node import Node


@dataclass(frozen=True, eq=False)
class Graph:
    """Inputs are bound to tensors and scalars to numbers at each run.

    ``swaps`` maps the number of an input to that of the output which replaces it in the next step: the state of a
    training step. With ``halves`` a device may keep what the graph computes on the way in half precision.
    """

    inputs: Sequence[Node]
    scalars: Sequence[Node]
    outputs: Sequence[Node]
    swaps: dict[int, int] = field(default_factory=dict)
    halves: bool = False

    @property
    def captures(self) -> list[int]:
        """The numbers of a training step's outputs that are neither its logs, the first, nor state."""
        state = set(self.swaps.values())
        return [number for number in range(1, len(self.outputs)) if number not in state]
