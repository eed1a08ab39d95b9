"""Plans: draws over numbered buffers, which any executor can run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ..graph.node import Node, Shape
from .layout import Layout, Placement
from .shader import Shader
from .statements import work


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
class Ports:
    """Where a plan's inputs and outputs lie: all that one needs to know of a plan that a device has loaded."""

    input_specs: list[TextureSpec] = field(default_factory=list)
    output_specs: list[TextureSpec] = field(default_factory=list)
    inputs: list[Slot] = field(default_factory=list)
    outputs: list[Slot] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return {
            "input_specs": [vars(spec) for spec in self.input_specs],
            "output_specs": [vars(spec) for spec in self.output_specs],
            "inputs": [_slot_to_json(slot) for slot in self.inputs],
            "outputs": [_slot_to_json(slot) for slot in self.outputs],
        }

    @staticmethod
    def from_json(found: dict[str, Any]) -> Ports:
        return Ports(
            [TextureSpec(**spec) for spec in found["input_specs"]],
            [TextureSpec(**spec) for spec in found["output_specs"]],
            [_slot_from_json(slot) for slot in found["inputs"]],
            [_slot_from_json(slot) for slot in found["outputs"]],
        )


def _slot_to_json(slot: Slot) -> dict[str, Any]:
    place = slot.placement
    return {"texture": slot.texture, "placement": {**vars(place), "layout": vars(place.layout)}}


def _slot_from_json(found: dict[str, Any]) -> Slot:
    place = found["placement"]
    return Slot(found["texture"], Placement(**{**place, "layout": Layout(**place["layout"])}))


@dataclass
class Plan(Ports):
    """Draws over numbered buffers. Buffers are temporaries first, then inputs, then outputs."""

    textures: list[TextureSpec] = field(default_factory=list)
    constants: dict[int, np.ndarray] = field(default_factory=dict)
    draws: list[Draw] = field(default_factory=list)
    scalar_inputs: int = 0
    scalar_ops: list[list] = field(default_factory=list)

    @property
    def ports(self) -> Ports:
        return Ports(self.input_specs, self.output_specs, self.inputs, self.outputs)

    @property
    def cost(self) -> Cost:
        draws = len(self.draws)
        return Cost(draws, sum(d.work for d in self.draws) - draws * DRAW_WORK)


def spec_of(layout: Layout, format_: str = "rgba32f") -> TextureSpec:
    return TextureSpec(layout.width, layout.height, layout.layers, format_)


def filling(spec: TextureSpec) -> Shape:
    """The shape of a tensor that fills a texture of state: one of one layer holds a row, folded where it is long."""
    columns = spec.width * 4
    return (spec.height * columns,) if spec.layers == 1 else (spec.height * spec.layers, columns)


def input_format(node: Node) -> str:
    return "rgba8" if node.op == "input" and node.dtype == "uint8" else "rgba32f"
