"""What the draws of a training step are for, and what each costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..graph.node import Node, topological
from ..graph.program import Graph
from .kernel import Kernel
from .loops import StepKernel
from .lower import Lowering, explained
from .pieces import at_once
from .plan import Draw, Plan, Slot
from .statements import Loop, Statement, Value, rounds
from .views import is_leaf, operand, origin

# Floats of a texel, and their bytes.
LANES, TEXEL_BYTES = 4, 16
PRODUCTS = {"dot": "product", "conv": "convolution", "conv_kernel_grad": "convolution"}
# Operations that say nothing of what is computed.
PLAIN = frozenset(("reshape", "broadcast", "constant", "store", "slice", "cast", "stop_gradient", "scalar", "array"))
# So many operations are named.
MOST_NAMES = 4


@dataclass
class Row:
    """Draws of a plan that belong together: one, those of one kernel, or those of all steps of a loop.

    Attributes:
        part: of the step: ``"batch"``, ``"forward"``, ``"loss"``, ``"backward"``, ``"weight gradients"``, ``"update"``
            or ``"logs"``; several of these where small models are computed in one go.
        layers: the names of the layers that they are for.
        computes: what, in words.
        draws: how many there are.
        fetches: texels that they read, in a step.
        multiply_adds: of floats, those of products and convolutions.
        bytes_written: into textures.
        share: of the step's time, as far as it can be told beforehand.
    """

    part: str
    layers: list[str]
    computes: str
    draws: int = 0
    fetches: int = 0
    multiply_adds: int = 0
    bytes_written: int = 0
    share: float = 0.0


def rows(
    graph: Graph, block: int, halves: bool, owners: Mapping[int, str], marks: Sequence[tuple[str, Sequence[Node]]]
) -> list[Row]:
    """The draws of a training step's graph.

    Args:
        block: how many rows of a product a fragment computes at most.
        halves: whether the device can keep activations in half precision.
        owners: the layers of the inputs that are weights, by the inputs' numbers.
        marks: which layer has given which values, in the order in which they were called.
    """
    named = [(layer, node) for layer, nodes in marks for node in nodes]
    values = [node for _, node in named]
    halves &= graph.halves
    given = graph.inputs, graph.scalars, graph.outputs, graph.swaps
    work = at_once(explained(*given, log=True, block=block, halves=halves, marks=values))
    purposes = _Purposes(work, graph, owners, [layer for layer, _ in named])
    total = sum(draw.work for draw in work.plan.draws)
    found: dict[object, Row] = {}
    for i, (draw, kernel) in enumerate(zip(work.plan.draws, work.kernels, strict=True)):
        if _group(kernel) not in found:
            part, layers = purposes.of(i)
            found[_group(kernel)] = Row(part, layers, _words(kernel))
        row, counts = found[_group(kernel)], counted(draw, work.plan)
        row.draws += 1
        row.fetches += counts.fetches
        row.multiply_adds += counts.multiply_adds
        row.bytes_written += counts.bytes_written
        row.share += draw.work / total
    return list(found.values())


class Counts(NamedTuple):
    """What a draw reads, computes and writes: texels, multiply-adds of floats, and bytes."""

    fetches: int
    multiply_adds: int
    bytes_written: int


def counted(draw: Draw, plan: Plan) -> Counts:
    """What all fragments of a plan's draw do."""
    fragments = draw.viewport[2] * draw.viewport[3]
    fetches, products = _counts(draw.shader.body)
    texels = sum(_texel_bytes(plan, buffer) for buffer, _ in draw.targets)
    return Counts(fetches * fragments, products * fragments, texels * fragments)


def _texel_bytes(plan: Plan, buffer: int) -> int:
    """The bytes of a texel that a draw writes."""
    halved = buffer < len(plan.textures) and plan.textures[buffer].format == "rgba16f"
    return TEXEL_BYTES // 2 if halved else TEXEL_BYTES


class _Purposes:
    """What the draws of a lowered step are for."""

    def __init__(self, work: Lowering, graph: Graph, owners: Mapping[int, str], layers: Sequence[str]) -> None:
        self._plan, self._kernels, self._owners = work.plan, work.kernels, owners
        self._weights = {work.inputs[i]: layer for i, layer in owners.items()}
        self._data = {node for i, node in enumerate(work.inputs) if i not in owners and i not in graph.swaps}
        self._writers: dict[Node, list[int]] = {}
        for i, kernel in enumerate(self._kernels):
            for node in kernel.outputs:
                self._writers.setdefault(node, []).append(i)
        self._computed = {n for k in self._kernels for n in _inside(k) if n.op != "reshape" or n in self._writers}
        outputs = len(self._plan.textures) + len(self._plan.input_specs)
        self._log = outputs + self._plan.outputs[0].texture
        # the states in each of the buffers that hold some
        self._states: dict[int, list[int]] = {}
        for state, output in graph.swaps.items():
            self._states.setdefault(outputs + self._plan.outputs[output].texture, []).append(state)
        self._forward = self._forward_draws(layers, work.marks)
        self._readers: dict[int, list[int]] = {}
        for i, kernel in enumerate(self._kernels):
            for writer in self._writers_of(kernel):
                self._readers.setdefault(writer, []).append(i)
        self._found: dict[int, tuple[str, list[str]]] = {}
        # who reads what a draw writes comes later, and is known first
        for i in range(len(self._kernels) - 1, -1, -1):
            self._found[i] = self._purpose(i)

    def of(self, i: int) -> tuple[str, list[str]]:
        """The part of a step that a draw belongs to, and its layers."""
        return self._found[i]

    def _purpose(self, i: int) -> tuple[str, list[str]]:
        draw, kernel = self._plan.draws[i], self._kernels[i]
        buffers = {buffer for buffer, _ in draw.targets}
        states = [state for buffer in buffers for state in self._states.get(buffer, ())]
        updated = [] if states else self._updated_by(draw)
        ahead = self._forward.get(i)
        parts = {"forward": ahead, "logs": self._log in buffers, "weight gradients": updated, "update": states}
        told = [part for part, is_so in parts.items() if is_so]
        if told:
            return ", ".join(told), list(dict.fromkeys([*(ahead or []), *self._named([*states, *updated])]))
        if ahead is not None:
            return "batch", []
        readers = [reader for reader in self._readers.get(i, ()) if reader > i]
        later = [self._found[reader] for reader in readers]
        if later and all(part == "weight gradients" for part, _ in later) and not any(map(self._is_product, readers)):
            # parts of a sum
            return later[0]
        read = [self._weights[n] for n in kernel.reads if n in self._weights]
        behind = [layers[-1] for w in self._writers_of(kernel) if (layers := self._forward.get(w))]
        after = [layers[0] for part, layers in later if part == "backward" and layers]
        known = read or behind[-1:] or after[:1]
        return ("backward", list(dict.fromkeys(known))) if known else ("loss", [])

    def _is_product(self, i: int) -> bool:
        return self._kernels[i].root is not None

    def _named(self, states: Sequence[int]) -> list[str]:
        return list(dict.fromkeys(self._owners[s] for s in sorted(states) if s in self._owners))

    def _writers_of(self, kernel: Kernel) -> list[int]:
        """The draws that write what a kernel reads."""
        return [writer for read in kernel.reads for writer in self._writers.get(read, ())]

    def _forward_draws(self, layers: Sequence[str], marks: Sequence[Node]) -> dict[int, list[str]]:
        """The draws that compute layers' outputs, or what those need, with the layers."""
        layer_of: dict[Node, str] = {}
        for layer, mark in zip(layers, marks, strict=True):
            # a layer inside another one was called first
            written = _written(mark)
            # what only products read, reshaped, is nobody's work
            layer_of.setdefault(written if written in self._computed else operand(written), layer)
        found: dict[int, list[str]] = {}
        maker: dict[Node, object] = {}
        for i, kernel in enumerate(self._kernels):
            # who computes an output once more, on the way to something else, is not who makes it
            outputs = [n for n in [*_inside(kernel), *kernel.outputs] if n in layer_of]
            mine = [layer_of[n] for n in outputs if maker.setdefault(n, _group(kernel)) is _group(kernel)]
            if mine:
                found[i] = list(dict.fromkeys(mine))
        makers = set(found)
        for i in range(len(self._kernels) - 1, -1, -1):
            for writer in set(self._writers_of(self._kernels[i])) - makers if i in found else ():
                only_data = self._data.issuperset(self._kernels[writer].reads)
                # of several who need it, the first is whom it is for
                found[writer] = [] if only_data else found[i][:1]
        return found

    def _updated_by(self, gradient: Draw) -> list[int]:
        """The states that an update changes by what a draw has written."""
        found = []
        for draw in self._plan.draws:
            states = {state for buffer, _ in draw.targets for state in self._states.get(buffer, ())}
            for buffer in {b for b, _ in gradient.targets} & set(draw.samplers) if states else ():
                layers = [layer for b, layer in gradient.targets if b == buffer]
                found += [s for s in states if _overlaps(self._plan.inputs[s], gradient, layers, len(states) > 1)]
        return found


def _overlaps(slot: Slot, gradient: Draw, layers: Sequence[int], is_packed: bool) -> bool:
    """Whether a state lies where a gradient was written; alone in its texture, it does."""
    if not is_packed:
        return True
    x, y, width, height = gradient.viewport
    place = slot.placement
    rows = {row * place.layers + layer for row in range(y, y + height) for layer in layers}
    beside = place.x < x + width and x < place.x + place.layout.width
    return beside and not rows.isdisjoint(range(place.row, place.row + place.layout.rows))


def _written(mark: Node) -> Node:
    """The value that a draw writes, or computes on the way, for a layer's output."""
    node = origin(mark)
    while node.op in ("slice", "reshape", "transpose") and origin(node.inputs[0]).op == "slots":
        node = origin(node.inputs[0])
    return node


def _group(kernel: Kernel) -> object:
    """What the draws have in common that are one row."""
    return kernel.repeated if isinstance(kernel, StepKernel) else kernel


def _inside(kernel: Kernel) -> list[Node]:
    """What a kernel computes, on the way and in the end."""
    body = kernel.repeated.kernel if isinstance(kernel, StepKernel) else kernel
    reads = set(body.reads)
    starts = [*body.outputs, *([body.root] if body.root is not None else [])]
    return [n for n in topological(starts, reads) if n not in reads and not is_leaf(n) and not n.is_host]


def _words(kernel: Kernel) -> str:
    """What a kernel computes."""
    inside = _inside(kernel)
    root = kernel.root
    said = []
    if root is not None and root.op in PRODUCTS:
        operands = " and ".join("x".join(map(str, node.shape)) for node in root.inputs)
        said.append(f"{PRODUCTS[root.op]} of {operands}")
    names = list(dict.fromkeys(n.op for n in inside if n.op not in PLAIN and n is not root))
    more = len(names) - MOST_NAMES
    said += names if more <= 0 else [*names[-MOST_NAMES:], f"{more} more"]
    return ", ".join(said) or "copy"


def _counts(block: Sequence[Statement]) -> tuple[int, int]:
    """The fetches and the multiply-adds of floats of a fragment."""
    fetches = products = 0
    for s in block:
        if isinstance(s, Loop):
            inner = _counts(s.body)
            fetches += rounds(s) * inner[0]
            products += rounds(s) * inner[1]
        elif isinstance(s, Value):
            fetches += s.op == "fetch"
            products += (LANES if s.type == "v" else 1) * (s.op == "fma")
    return fetches, products
