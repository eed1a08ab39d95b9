"""Plans: draws over numbered buffers, which any executor can run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ..graph.node import Node
from .layout import Layout, Placement
from .shader import Shader, work


@dataclass(frozen=True)
class TextureSpec:
    width: int
    height: int
    layers: int
    format: str = "rgba32f"


class Placed(NamedTuple):
    """Where a tensor lies that somebody else has placed: in what texture, and where in it."""

    placement: Placement
    texture: TextureSpec


# What issuing a draw costs beside its fragments.
DRAW_WORK = 40_000


@dataclass
class Draw:
    shader: Shader
    targets: list[tuple[int, int]]  # (buffer, layer)
    viewport: tuple[int, int, int, int]
    samplers: list[int]  # buffers
    uniforms: list[int]  # host registers

    @property
    def work(self) -> int:
        """What the draw costs, in statements executed by all its fragments: for sharing time out."""
        return DRAW_WORK + self.viewport[2] * self.viewport[3] * work(self.shader.body)


@dataclass(frozen=True)
class Slot:
    """Where a graph input or output is found: the number of an external texture, and the place in it."""

    texture: int
    placement: Placement


class Cost(NamedTuple):
    """What a plan costs, whoever computes it: draws, and the statements that their fragments execute."""

    draws: int
    work: int


@dataclass
class Plan:
    """Draws over numbered buffers. Buffers are temporaries first, then inputs, then outputs."""

    textures: list[TextureSpec] = field(default_factory=list)
    constants: dict[int, np.ndarray] = field(default_factory=dict)
    input_specs: list[TextureSpec] = field(default_factory=list)
    output_specs: list[TextureSpec] = field(default_factory=list)
    draws: list[Draw] = field(default_factory=list)
    scalar_inputs: int = 0
    scalar_ops: list[list] = field(default_factory=list)
    inputs: list[Slot] = field(default_factory=list)
    outputs: list[Slot] = field(default_factory=list)

    @property
    def cost(self) -> Cost:
        draws = len(self.draws)
        return Cost(draws, sum(d.work for d in self.draws) - draws * DRAW_WORK)


def spec_of(layout: Layout, format_: str = "rgba32f") -> TextureSpec:
    return TextureSpec(layout.width, layout.height, layout.layers, format_)


def input_format(node: Node) -> str:
    return "rgba8" if node.op == "input" and node.dtype == "uint8" else "rgba32f"
