"""A plan's WebAssembly module: a function for each shader and what it is bound to."""

from __future__ import annotations

from dataclasses import dataclass

from ..pieces import Pieces
from ..plan import Draw, Plan, TextureSpec
from ..shader import Shader
from . import assembler
from .addresses import Shape
from .analysis import Analysis
from .emission import Bound, Library, printed
from .mathematics import FUNCTIONS
from .packing import packed
from .vectors import function


@dataclass
class Call:
    """A draw as a call: textures are buffers of the plan, and so many functions come before it in the module."""

    function: int
    first: int  # column
    rows: tuple[int, int]
    samplers: list[int]
    targets: list[int]
    uniforms: list[int]
    work: int


@dataclass
class Module:
    """The module's bytes; it exports its functions by number, over the memory ``m.m``."""

    data: bytes
    calls: list[Call]


def compiling(plan: Plan, relaxed: bool) -> Pieces[Module]:
    """The work of printing a plan, in pieces. ``relaxed``: products and sums may be rounded together."""
    specs = [*plan.textures, *plan.input_specs, *plan.output_specs]
    shapes = [shape_of(spec) for spec in specs]
    library, analysed = Library(), dict[int, tuple[Shader, Analysis]]()
    functions: list[assembler.Function] = []
    numbers: dict[tuple[int, Bound], int] = {}
    calls = []
    for draw in plan.draws:
        targets = list(dict.fromkeys(buffer for buffer, _ in draw.targets))
        bound = _bound(draw, targets, shapes)
        key = id(draw.shader), bound
        if key not in numbers:
            numbers[key] = len(functions)
            if id(draw.shader) not in analysed:
                shader = packed(draw.shader)
                analysed[id(draw.shader)] = shader, Analysis(shader)
            functions.append(printed(*analysed[id(draw.shader)], bound, library, relaxed))
            yield
        x, y, _, height = draw.viewport
        calls.append(Call(numbers[key], x, (y, y + height), draw.samplers, targets, draw.uniforms, draw.work))
    helpers = [function(FUNCTIONS[name], relaxed) for name in library.names]
    # helpers come first, as calls of them are printed before it is known how many functions there are
    data = assembler.module([*helpers, *functions], [(str(i), len(helpers) + i) for i in range(len(functions))])
    return Module(data, calls)


def shape_of(spec: TextureSpec) -> Shape:
    return Shape(spec.width, spec.height, spec.layers, 4 if spec.format == "rgba8" else 16)


def _bound(draw: Draw, targets: list[int], shapes: list[Shape]) -> Bound:
    return Bound(
        tuple(shapes[i] for i in draw.samplers),
        tuple((targets.index(buffer), layer, shapes[buffer]) for buffer, layer in draw.targets),
        len(draw.uniforms),
        draw.viewport[2],
        draw.viewport[3],
    )
