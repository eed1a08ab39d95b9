"""From kernels to draws: shaders, textures, bindings. The result is a plan that any executor can run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace

from ..graph import build
from ..graph.node import Node, topological
from ..graph.scan import substituted
from . import verify
from .alike import expression
from .atlas import Home, Packing
from .blocks import layouts_of_products
from .emit import Emitter, Offset, Source
from .emit.emitter import Coord, Run
from .fuse import BLOCK_ROWS, fuse
from .halves import stored_in_halves
from .kernel import MAX_TARGETS, Kernel, scheduled
from .layout import MAX_EXTENT, Layout, Placement, layout_of, pack, whole
from .loops import StepKernel, opened, unrolled
from .pieces import Pieces, at_once
from .plan import Draw, Placed, Plan, Slot, TextureSpec, filling, input_format, spec_of
from .shader import Shader
from .simplify import simplify
from .statements import Int
from .views import computed, is_leaf


def lower(
    inputs: Sequence[Node],
    scalars: Sequence[Node],
    outputs: Sequence[Node],
    swaps: Mapping[int, int] | None = None,
    places: Mapping[int, Placed] | None = None,
    log: bool = False,
    block: int = 4,
    halves: bool = False,
) -> Plan:
    """Compile a graph.

    ``swaps`` maps the number of each state input to that of the output which replaces it; such state may be packed
    into atlases. ``places`` says where inputs lie that somebody else has placed.
    With ``log`` the first output is a training log, which the executor writes row by row: its draw has no other target.
    ``block`` is how many rows of a product a fragment computes where there are fragments enough; with ``halves``
    activations are stored in half precision.
    """
    return at_once(lowering(inputs, scalars, outputs, swaps, places, log, block, halves))


def lowering(
    inputs: Sequence[Node],
    scalars: Sequence[Node],
    outputs: Sequence[Node],
    swaps: Mapping[int, int] | None = None,
    places: Mapping[int, Placed] | None = None,
    log: bool = False,
    block: int = 4,
    halves: bool = False,
) -> Pieces[Plan]:
    """The work of :func:`lower`, in pieces."""
    return (yield from explained(inputs, scalars, outputs, swaps, places, log, block, halves)).plan


def explained(
    inputs: Sequence[Node],
    scalars: Sequence[Node],
    outputs: Sequence[Node],
    swaps: Mapping[int, int] | None = None,
    places: Mapping[int, Placed] | None = None,
    log: bool = False,
    block: int = 4,
    halves: bool = False,
    marks: Sequence[Node] = (),
) -> Pieces[Lowering]:
    """The work of :func:`lower`, which can tell what its draws are for: the kernel of each, and what has become of the
    inputs and of the values that are ``marks``.
    """
    inputs, outputs, homes = _as_placed(inputs, outputs, places or {})
    simple = simplify(outputs, block)
    yield
    looped = opened(simple)
    marks = [looped.get(n, n) for n in simplify(marks, block)]
    ends = [computed(looped.get(n, n)) for n in simple]
    ends = _distinct(ends, [*([0] if log else []), *(swaps or {}).values()])
    yield
    packing = Packing(ends, {inputs[i]: ends[o] for i, o in (swaps or {}).items()})
    yield
    wanted = list(packing.computed.values())
    alone = packing.computed[ends[0]] if log else None
    kernels = fuse(wanted, alone, packed=packing.marks(), pooling=block > BLOCK_ROWS)
    yield
    kernels, packed = packing.placed(kernels)
    inputs = [packing.stands.get(n, n) for n in inputs]
    ends = [packing.computed.get(n, n) for n in ends]
    homes |= packed
    # of a training step its log, which the forward pass leads to
    results = (ends[:1] if log else ends) if halves else ()
    in_halves = stored_in_halves(kernels, results, {*ends, *homes})
    work = Lowering(inputs, scalars, ends, kernels, homes, _textures(inputs, places or {}), block, in_halves)
    work.inputs, work.marks = inputs, packing.restated(marks)
    yield from work.draws()
    verify.plan(work.plan, swaps or {})
    return work


def _as_placed(
    inputs: Sequence[Node], outputs: Sequence[Node], places: Mapping[int, Placed]
) -> tuple[list[Node], list[Node], dict[Node, Home]]:
    """The graph over inputs that have the shapes in which somebody else has laid them out, and where they lie."""
    placed, new = list(inputs), dict[Node, Node]()
    for i, (place, _) in places.items():
        node, layout = inputs[i], place.layout
        if layout_of(node.shape) != layout:
            placed[i] = build.input_node((layout.rows, layout.cols), node.dtype)
            new[node] = build.reshape(placed[i], node.shape)
    homes = {placed[i]: Home(placed[i], place) for i, (place, _) in places.items()}
    return placed, substituted(outputs, new) if new else list(outputs), homes


def _textures(inputs: Sequence[Node], places: Mapping[int, Placed]) -> dict[Node, TextureSpec]:
    """The textures of inputs that somebody else has placed."""
    return {inputs[i]: texture for i, (_, texture) in places.items()}


def _distinct(ends: list[Node], states: Sequence[int]) -> list[Node]:
    """The outputs, those at ``states`` each with a texture of its own: a step exchanges it for that of an input."""
    for o in states:
        while any(ends[o] is n for i, n in enumerate(ends) if i != o):
            ends[o] = build.bind("store", ends[o])
    return ends


def lower_copies(
    inputs: Sequence[Node], sources: Sequence[Placed], targets: Sequence[Placement], spec: TextureSpec
) -> Plan:
    """A plan that copies tensors, from wherever they lie, to places in one texture.

    They are written in the order of their rows: a matrix writes whole blocks, and the vector that begins in its last
    one comes after it.
    """
    atlas = build.input_node(filling(spec), "float32")
    shaped = [build.reshape(n, (t.layout.rows, t.layout.cols)) for n, t in zip(inputs, targets, strict=True)]
    places = dict(enumerate(sources))
    placed, values, homes = _as_placed(inputs, shaped, places)
    copies = [build.bind("store", v) for v in values]
    order = sorted(range(len(inputs)), key=lambda i: targets[i].row)
    kernels = [Kernel.of([copies[i]], None, is_leaf) for i in order]
    homes |= {copy: Home(atlas, place) for copy, place in zip(copies, targets, strict=True)}
    work = Lowering(placed, (), copies, kernels, homes, _textures(placed, places))
    at_once(work.draws())
    return work.plan


class Lowering:
    """Makes the draws of kernels.

    Attributes:
        plan: what it makes.
        kernels: the kernel of each draw.
        inputs: the graph's inputs, as the kernels know them.
        marks: the values that were to be followed, as the kernels know them.
    """

    inputs: Sequence[Node] = ()
    marks: Sequence[Node] = ()

    def __init__(
        self,
        inputs: Sequence[Node],
        scalars: Sequence[Node],
        outputs: Sequence[Node],
        kernels: list[Kernel],
        homes: Mapping[Node, Home],
        textures: Mapping[Node, TextureSpec],
        block: int = 4,
        halves: Set[Node] = frozenset(),
    ) -> None:
        self.plan = Plan(scalar_inputs=len(scalars))
        self.kernels: list[Kernel] = []
        self._homes, self._textures = homes, textures
        self._kernels = unrolled(scheduled(kernels, {n: home.owner for n, home in homes.items()}))
        self._products = layouts_of_products(self._kernels, {*outputs, *homes}, block)
        self._halves = halves
        self._numbers: dict[int, int] = {}
        self._registers = self._host_program(scalars)
        # every buffer is named by the node that it was made for
        self._external_inputs = self._slots(inputs, self.plan.inputs)
        self._external_outputs = self._slots(outputs, self.plan.outputs)
        self._temporaries = self._allocate()
        self._number_buffers()
        self._shaders: dict[tuple, tuple[Shader, list[int]]] = {}
        self._moves: list[Node] = []

    def draws(self) -> Pieces[None]:
        """Make the draws, a kernel at a time."""
        for kernel in self._kernels:
            self._draw(kernel)
            yield

    # -- buffers ----------------------------------------------------------------------------------------------------

    def _home(self, node: Node) -> Home:
        return self._homes.get(node) or Home(node, whole(self._layout(node)))

    def _layout(self, node: Node) -> Layout:
        return self._products.get(node) or layout_of(node.shape)

    def _slots(self, nodes: Sequence[Node], slots: list[Slot]) -> dict[Node, int]:
        numbers: dict[Node, int] = {}
        for node in nodes:
            owner, place = self._home(node)
            slots.append(Slot(numbers.setdefault(owner, len(numbers)), place))
        return numbers

    def _allocate(self) -> dict[Node, int]:
        """Temporary buffers, reused once nothing reads them any more; constants keep theirs.

        Nor writes: a loop writes a stack in turns, and the last of it need not be read.
        """
        homes = {n: self._home(n)[0] for k in self._kernels for n in (*k.reads, *k.outputs)}
        steps = [({homes[n]: None for n in k.reads}, {homes[n]: None for n in k.outputs}) for k in self._kernels]
        last = {owner: i for i, (reads, writes) in enumerate(steps) for owner in reads | writes}
        external = self._external_inputs.keys() | self._external_outputs.keys()
        numbers: dict[Node, int] = {}
        free: dict[TextureSpec, list[int]] = {}
        for i, kernel in enumerate(self._kernels):
            for n in kernel.reads:
                if n.op == "array" and n not in numbers:
                    numbers[n] = self._texture(spec_of(layout_of(n.shape)))
                    self.plan.constants[numbers[n]] = pack(n.param("value").array, layout_of(n.shape))
            for n in kernel.outputs:
                owner = homes[n]
                if owner not in external and owner not in numbers:
                    spec = self._spec(owner)
                    numbers[owner] = free[spec].pop() if free.get(spec) else self._texture(spec)
            for owner in steps[i][0] | steps[i][1]:
                if owner in numbers and owner.op != "array" and last[owner] == i:
                    free.setdefault(self._spec(owner), []).append(numbers[owner])
        verify.reuse(steps, numbers)
        return numbers

    def _spec(self, owner: Node) -> TextureSpec:
        return spec_of(self._layout(owner), "rgba16f" if owner in self._halves else "rgba32f")

    def _texture(self, spec: TextureSpec) -> int:
        self.plan.textures.append(spec)
        return len(self.plan.textures) - 1

    def _number_buffers(self) -> None:
        plan = self.plan
        self._buffer = dict(self._temporaries)
        at = len(plan.textures)
        for owner, i in self._external_inputs.items():
            spec = self._textures.get(owner) or spec_of(layout_of(owner.shape), input_format(owner))
            plan.input_specs.append(spec)
            self._buffer[owner] = at + i
        at += len(self._external_inputs)
        for owner, i in self._external_outputs.items():
            plan.output_specs.append(spec_of(layout_of(owner.shape)))
            self._buffer[owner] = at + i

    # -- host scalars -------------------------------------------------------------------------------------------------

    def _host_program(self, scalars: Sequence[Node]) -> dict[Node, int]:
        registers = {n: i for i, n in enumerate(scalars)}
        ends = dict.fromkeys(n for k in self._kernels for n in k.expressed)
        used = [n for n in topological(ends) if n.is_host]
        for node in topological(used):
            if node in registers:
                continue
            registers[node] = len(scalars) + len(self.plan.scalar_ops)
            if node.op == "constant":
                self.plan.scalar_ops.append(["const", node.param("value")])
            else:
                name = f"cast_{node.dtype}" if node.op == "cast" else node.op
                self.plan.scalar_ops.append([name, *[registers[i] for i in node.inputs]])
        return registers

    def _number(self, value: int) -> int:
        """The register of a number that is known now."""
        if value not in self._numbers:
            self._numbers[value] = self.plan.scalar_inputs + len(self.plan.scalar_ops)
            self.plan.scalar_ops.append(["const", value])
        return self._numbers[value]

    # -- draws --------------------------------------------------------------------------------------------------------

    def _draw(self, kernel: Kernel) -> None:
        """One draw, or several that share the layers out between them when there are more targets than draw buffers."""
        layers = (self._products.get(kernel.outputs[0]) or kernel.layout).layers
        per_draw = min(layers, MAX_TARGETS // len(kernel.outputs))
        for first in range(0, layers, per_draw):
            part = range(first, min(first + per_draw, layers))
            if isinstance(kernel, StepKernel):
                self._draw_step(kernel, part)
            else:
                self._draw_layers(kernel, part)

    def _draw_layers(self, kernel: Kernel, layers: Sequence[int]) -> None:
        moved = _Moved(self._moves)
        sources, samplers = self._sources(kernel, moved)
        homes = [self._home(n) for n in kernel.outputs]
        places = [home.placement for home in homes]
        first = places[0]
        corner = moved.offset(first) if homes[0].owner is not kernel.outputs[0] else None
        written = [replace(p, x=0, row=0) if corner else p for p in places]
        key, hosts = expression(kernel, sources, written, layers)
        key = (*key, corner)
        if key not in self._shaders:

            def at(e: Emitter) -> tuple[Int, Int]:
                return (e.integer(corner.x), e.integer(corner.y)) if corner else (first.x, first.y)

            self._shaders[key] = _emitted(kernel, first.layout, sources, at, layers, [*hosts, *moved.nodes])
        shader, uniforms = self._shaders[key]
        registers = [self._registers[n] for n in hosts] + [self._number(v) for v in moved.values]
        self._issue(kernel, shader, places, layers, samplers, [registers[i] for i in uniforms])

    def _draw_step(self, kernel: StepKernel, layers: range) -> None:
        """A draw of a loop's body: its shader is the same in all steps, what it is told and bound to is not."""
        repeated, body = kernel.repeated, kernel.repeated.kernel
        sources, samplers, numbers = {}, [], dict(kernel.numbers)
        for i, (node, read) in enumerate(zip(body.reads, kernel.reads, strict=True)):
            owner, place = self._home(read)
            samplers.append(self._buffer[owner])
            window = repeated.windows.get(node)
            if window is not None and window.unit == "block":
                numbers[window.start] //= place.layers
                window = replace(window, layout=replace(window.layout, block=place.layers))
            sources[node] = Source(i, place, _scale(read), window)
        hosts = [*(n for n in topological(body.outputs) if n.is_host), *numbers]
        key = (repeated, layers, *(s.placement for s in sources.values()))
        if key not in self._shaders:
            self._shaders[key] = _emitted(body, body.layout, sources, repeated.corner, layers, hosts)
        shader, uniforms = self._shaders[key]
        registers = [
            self._number(numbers[n]) if n in numbers else self._registers[n] for n in (hosts[i] for i in uniforms)
        ]
        self._issue(kernel, shader, kernel.places, layers, samplers, registers)

    def _issue(
        self,
        kernel: Kernel,
        shader: Shader,
        places: Sequence[Placement],
        layers: Sequence[int],
        samplers: list[int],
        registers: list[int],
    ) -> None:
        targets = [
            (self._buffer[self._home(node)[0]], place.layer + layer)
            for node, place in zip(kernel.outputs, places, strict=True)
            for layer in layers
        ]
        viewport = (places[0].x, places[0].y, places[0].layout.width, places[0].layout.height)
        self.plan.draws.append(Draw(shader, targets, viewport, samplers, registers))
        self.kernels.append(kernel)

    def _sources(self, kernel: Kernel, moved: _Moved) -> tuple[dict[Node, Source], list[int]]:
        samplers: list[int] = []
        sources = {}
        for node in kernel.reads:
            owner, place = self._home(node)
            buffer = self._buffer[owner]
            if buffer not in samplers:
                samplers.append(buffer)
            offset = None
            if owner is not node or place != whole(place.layout):
                offset = moved.offset(place)
            here = replace(place, x=0, row=0) if offset else place
            sources[node] = Source(samplers.index(buffer), here, _scale(node), offset=offset)
        return sources, samplers


class _Moved:
    """Where a kernel's values lie in textures that they share, as uniforms: kernels that differ in that share a shader.

    ``nodes`` stand for the ``values``; all kernels number theirs alike.
    """

    def __init__(self, known: list[Node]) -> None:
        self._known = known
        self.values: list[int] = []

    @property
    def nodes(self) -> list[Node]:
        return self._known[: len(self.values)]

    def offset(self, place: Placement) -> Offset | None:
        """The offset of a place; None if it begins inside a block and has more rows than one."""
        if place.layout.rows > 1 and place.layer:
            return None
        layer = self._next(place.layer) if place.layout.rows == 1 else None
        return Offset(self._next(place.x), self._next(place.y), layer)

    def _next(self, value: int) -> Node:
        self.values.append(value)
        if len(self._known) < len(self.values):
            self._known.append(build.scalar_node())
        return self._known[len(self.values) - 1]


def _scale(node: Node) -> float:
    """Bytes are read as shares of 255; what a draw has written is no bytes."""
    return 255.0 if input_format(node) == "rgba8" else 1.0


def _emitted(
    kernel: Kernel,
    layout: Layout,
    sources: Mapping[Node, Source],
    corner: Callable[[Emitter], tuple[Int, Int]],
    layers: Sequence[int],
    hosts: Sequence[Node],
) -> tuple[Shader, list[int]]:
    """The kernel's shader, and which of its host scalars are its uniforms."""
    shader = Shader()
    emitter = Emitter(shader, sources, {n: i for i, n in enumerate(hosts)})
    coords = _fragment_coords(shader, layout, corner(emitter), layers)
    for node in kernel.outputs:
        for value in emitter.values(node, coords):
            shader.output(shader.splat(value))
    shader.drop_unused()
    return shader, emitter.uniforms


def _fragment_coords(s: Shader, layout: Layout, corner: tuple[Int, Int], layers: Sequence[int]) -> list[Coord]:
    """The coordinates that this fragment computes: one texel in each of the layers, counted from the corner."""
    left, top = (at if isinstance(at, int) else MAX_EXTENT for at in corner)
    x = s.sub(s.fragment("x", left + layout.width), corner[0])
    y = s.sub(s.fragment("y", top + layout.height), corner[1]) if layout.height > 1 else 0
    for v, extent in ((x, layout.width), (y, layout.height)):
        if not isinstance(v, int):
            v.lo, v.hi = 0, extent - 1
    if layout.row_folds > 1:
        y = s.add(y, s.mul(s.div(x, layout.blocks_wide), MAX_EXTENT))
        x = s.mod(x, layout.blocks_wide)
    elif layout.col_folds > 1:
        x = s.add(x, s.mul(s.mod(y, layout.col_folds), MAX_EXTENT))
        y = s.div(y, layout.col_folds)
    # a tensor of one element is asked for as one, not as a texel
    vec = layout.rows * layout.cols > 1
    if layout.run:
        number, first = s.div(y, layout.run_blocks), s.mul(s.mod(y, layout.run_blocks), layout.layers)
        runs = [Run(number, s.add(first, i), layout.run) for i in layers]
        return [Coord(s.add(s.mul(run.number, run.length), run.at), x, vec, run) for run in runs]
    return [Coord(s.add(s.mul(y, layout.layers), i) if layout.rows > 1 else 0, x, vec) for i in layers]
