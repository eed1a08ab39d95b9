"""Which values are stored, and which kernel computes them.

Roots (products and convolutions) have kernels of their own; everything else can be computed wherever it is needed.
Stored are the graph's outputs, what roots read, and what would cost more to compute again than to read back.
Elementwise results of a root are computed by its kernel; other stored values of equal layout share a draw.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from ..graph.node import Node, make_node, topological
from ..graph.registry import PRIMITIVES
from .layout import Layout, layout_of

ROOTS = frozenset(("dot", "conv", "conv_kernel_grad"))
MAX_TARGETS = 8
# A draw reads at most 16 textures, WebGL2's least; a few are left for what its inputs bring along.
MAX_READS = 14

# In scalar operations: about what a draw and a store cost, measured on software WebGL.
RECOMPUTE_LIMIT = 200_000
# A reduction of values that are themselves reductions: from so much serial work per fragment on, the inner is stored.
SERIAL_LIMIT = 2_000

_COSTS = {
    "exp": 4,
    "log": 4,
    "tanh": 6,
    "sigmoid": 6,
    "erf": 12,
    "pow": 8,
    "random_bits": 12,
    "div": 2,
    "sqrt": 2,
    "chain_sum": 40,
}


@dataclass(eq=False)
class Kernel:
    """One or a few draws that compute ``outputs``, all of one layout; ``root`` is the product among or under them."""

    outputs: list[Node]
    root: Node | None = None
    reads: list[Node] = field(default_factory=list)

    @property
    def layout(self) -> Layout:
        return layout_of(self.outputs[0].shape)

    @property
    def expressed(self) -> list[Node]:
        """The values that its shader computes."""
        return self.outputs


def _is_loop(kernel: Kernel) -> bool:
    return kernel.root is not None and kernel.root.op == "loop"


def is_leaf(node: Node) -> bool:
    return node.op in ("input", "array")


def computed(node: Node) -> Node:
    """An output has to be written by a draw: inputs and host scalars are copied."""
    if is_leaf(node) or node.is_host:
        return make_node(PRIMITIVES["reshape"], (node,), {"shape": node.shape})
    return node


def fuse(outputs: Sequence[Node], alone: Node | None = None, share: bool = False) -> list[Kernel]:
    """The kernels that compute the outputs, in an order in which they can run.

    The output ``alone`` gets a kernel to itself: the log of a training step is written to another place each step.
    With ``share`` products take in values that have nothing to do with them: worth it for draws that are repeated.
    """
    order = [n for n in topological(outputs) if not n.is_host]
    stored = _stored(order, outputs)
    assignment = _Assignment(order, stored, alone)
    if share:
        assignment.share_products()
    return assignment.kernels()


# -- what is stored ---------------------------------------------------------------------------------------------------


def _stored(order: Sequence[Node], outputs: Sequence[Node]) -> set[Node]:
    users: dict[Node, list[Node]] = {n: [] for n in order}
    for n in order:
        for i in set(n.inputs):
            if i in users:
                users[i].append(n)
    stored = {n for n in outputs if not n.is_host and not is_leaf(n)}
    stored |= {n for n in outputs if n.is_host}
    for n in order:
        if n.op in ROOTS:
            stored |= {_operand(i) for i in n.inputs if not is_leaf(_operand(i))}
        elif n.op == "loop":
            stored |= {i for i in n.inputs if not (is_leaf(i) or i.is_host)}
        elif n.op == "slots":
            stored.add(n)
    cost = _Costs()
    reads: dict[Node, frozenset[Node]] = {}
    for n in order:
        if n.op == "loop":
            # its kernels read what they need, each for itself
            cost.add(n, True)
            continue
        if n.op not in ROOTS and not is_leaf(n) and n not in stored and _worth_storing(n, users[n], cost):
            stored.add(n)
        _limit_reads(n, stored, reads)
        cost.add(n, n in stored or n.op in ROOTS or is_leaf(n))
    return stored | _roots_read_elsewhere(order, stored)


def _limit_reads(node: Node, stored: set[Node], reads: dict[Node, frozenset[Node]]) -> None:
    """Store inputs of a node, those with the most reads first, until it reads few enough textures itself."""

    def of(x: Node) -> frozenset[Node]:
        return frozenset((x,)) if is_leaf(x) or x.op in ROOTS or x in stored else reads.get(x, frozenset())

    inputs = [i for i in node.inputs if not i.is_host]
    while len(frozenset().union(*map(of, inputs))) > MAX_READS:
        widest = max(inputs, key=lambda i: len(of(i)))
        if len(of(widest)) <= 1:
            raise ValueError(
                f"{node.op} of {len(inputs)} tensors: a draw reads at most {MAX_READS}; join fewer at a time"
            )
        stored.add(widest)
    reads[node] = frozenset().union(*map(of, inputs))


def _operand(node: Node) -> Node:
    """What has to be stored for a root to read ``node``: reshapes that keep texels whole are read through."""
    inner = node
    while inner.op == "reshape":
        inner = inner.inputs[0]
    if inner is node or not (is_leaf(inner) or inner.op in (*ROOTS, "slots")):
        return node
    mine, theirs = layout_of(node.shape), layout_of(inner.shape)
    whole = mine == theirs or not (mine.cols % 4 or theirs.cols % 4)
    return inner if whole else node


class _Costs:
    """Scalar operations to compute one element of a node from what is stored, counting shared parts once."""

    def __init__(self) -> None:
        self._bit: dict[Node, int] = {}
        self._weights: list[float] = []
        self._mask: dict[Node, int] = {}

    def add(self, node: Node, stored: bool) -> None:
        if stored:
            weight, mask = 1.0, 0
        elif node.op.startswith(("reduce_", "arg", "pool_")):
            weight, mask = _extent(node) * max(1.0, self.of(node.inputs[0])), 0
        else:
            weight, mask = float(_COSTS.get(node.op, 1)), 0
            for i in node.inputs:
                mask |= self._mask.get(i, 0)
        self._bit[node] = len(self._weights)
        self._weights.append(weight)
        self._mask[node] = mask | (1 << self._bit[node])

    def of(self, node: Node) -> float:
        mask, total = self._mask.get(node, 0), 0.0
        while mask:
            low = mask & -mask
            total += self._weights[low.bit_length() - 1]
            mask ^= low
        return total

    def before(self, node: Node) -> float:
        """The cost of a node that is not added yet, from its inputs."""
        return sum(self.of(i) for i in node.inputs) + _COSTS.get(node.op, 1)


def _extent(node: Node) -> int:
    if node.op.startswith("pool_"):
        return math.prod(node.param("window"))
    return max(1, node.inputs[0].aval.size // max(1, node.aval.size))


def _worth_storing(node: Node, users: Sequence[Node], cost: _Costs) -> bool:
    if node.op in ("broadcast", "reshape", "transpose", "iota", "slice"):
        return False
    if node.op == "store":
        return True
    if node.op.startswith(("reduce_", "arg", "pool_")):
        each = _extent(node) * max(1.0, cost.of(node.inputs[0]))
    else:
        each = cost.before(node)
    # users of one shape tend to share a kernel, where the value is computed once
    evaluations = {u.shape: (u.aval.size / 4 if u.op == "broadcast" else node.aval.size) for u in users}
    extra = (sum(evaluations.values()) - node.aval.size) * each
    if extra > RECOMPUTE_LIMIT:
        return True
    return any(u.op.startswith("reduce_") and each > 100 and _extent(u) * each > SERIAL_LIMIT for u in users)


def _roots_read_elsewhere(order: Sequence[Node], stored: set[Node]) -> set[Node]:
    """Roots that something else than an elementwise chain reads: those cannot stay inside their kernel."""
    through: dict[Node, frozenset[Node]] = {}
    read: set[Node] = set()
    for n in order:
        reached: frozenset[Node] = frozenset().union(*(through.get(i, frozenset()) for i in n.inputs))
        if n.op in ROOTS:
            read |= reached
            through[n] = frozenset((n,))
        elif not n.prim.elementwise:
            read |= reached
        elif n not in stored:
            through[n] = reached
    return read


# -- who computes it --------------------------------------------------------------------------------------------------


class _Assignment:
    def __init__(self, order: Sequence[Node], stored: set[Node], alone: Node | None) -> None:
        self._stored, self._alone = stored, alone
        self._kernels: list[Kernel] = []
        self._home: dict[Node, Kernel] = {}
        self._wants_store: set[Node] = {n for n in stored if n.op in ROOTS}
        # depends[k]: the kernels that k reads from
        self._depends: dict[Kernel, set[Kernel]] = {}
        for node in order:
            if node.op in ROOTS or node.op == "loop":
                self._open(node, node)
            elif node.op == "slots":
                loop = self._home[node.inputs[0]]
                loop.outputs.append(node)
                self._join(node, loop)
            elif node in stored and not is_leaf(node):
                self._place(node)

    def _open(self, node: Node, root: Node | None) -> None:
        kernel = Kernel([] if node.op == "loop" else [node], root)
        self._kernels.append(kernel)
        self._depends[kernel] = set()
        self._join(node, kernel)

    def _join(self, node: Node, kernel: Kernel) -> None:
        self._home[node] = kernel
        reads = _frontier(node.inputs if node is kernel.root else (node,), self._is_frontier, node)
        self._depends[kernel] |= {self._home[r] for r in reads if r in self._home and self._home[r] is not kernel}
        self._wants_store |= {r for r in reads if r in self._home and r.op in ROOTS and self._home[r] is not kernel}

    def _is_frontier(self, node: Node) -> bool:
        return is_leaf(node) or node.op in ROOTS or node in self._stored

    def _place(self, node: Node) -> None:
        reads = _frontier((node,), self._is_frontier, node)
        homes = {self._home[r] for r in reads if r in self._home}
        same_position = _elementwise_reads(node, self._is_frontier)
        # the last product first: the others are then known when it runs
        candidates = [] if node is self._alone else self._candidates(node)
        for kernel in candidates:
            if kernel.root is not None:
                others = {self._home[r] for r in reads if r in self._home and self._home[r] is not kernel}
                uses = kernel.root in same_position or any(o in same_position for o in kernel.outputs)
                inside = all(r in same_position for r in reads if self._home.get(r) is kernel)
                fits = (len(kernel.outputs) + 1) * kernel.layout.layers <= MAX_TARGETS
                if uses and inside and fits and not self._reaches(others, kernel):
                    self._extend(kernel, node)
                    return
            elif self._can_join(node, kernel, reads, homes, same_position):
                self._extend(kernel, node)
                return
        self._open(node, None)

    def _candidates(self, node: Node) -> list[Kernel]:
        same = [k for k in reversed(self._kernels) if not _is_loop(k) and k.layout == layout_of(node.shape)]
        return [k for k in same if self._alone not in k.outputs]

    def _can_join(
        self, node: Node, kernel: Kernel, reads: list[Node], homes: set[Kernel], same_position: set[Node]
    ) -> bool:
        """Whether a value may be one more target of a kernel without a product."""
        if len(kernel.outputs) >= MAX_TARGETS or self._reaches(homes - {kernel}, kernel):
            return False
        if len({*self._reads_of(kernel), *reads}) > MAX_READS:
            return False
        return all(r in same_position for r in reads if self._home.get(r) is kernel)

    def _reads_of(self, kernel: Kernel) -> list[Node]:
        return [r for n in kernel.outputs for r in _frontier((n,), self._is_frontier, n)]

    def _extend(self, kernel: Kernel, node: Node) -> None:
        kernel.outputs.append(node)
        self._join(node, kernel)

    def _reaches(self, starts: Iterable[Kernel], goal: Kernel) -> bool:
        stack, seen = list(starts), set()
        while stack:
            k = stack.pop()
            if k is goal:
                return True
            if k not in seen:
                seen.add(k)
                stack.extend(self._depends[k])
        return False

    def share_products(self) -> None:
        """Let kernels of products compute what others of their layout do, where neither waits for the other."""
        for kernel in [k for k in self._kernels if k.root is None]:
            for host in self._candidates(kernel.outputs[0]):
                targets = (len(host.outputs) + len(kernel.outputs)) * kernel.layout.layers
                reads = {*self._reads_of(host), *self._reads_of(kernel)}
                free = not (self._reaches([kernel], host) or self._reaches([host], kernel))
                if host.root is not None and targets <= MAX_TARGETS and len(reads) <= MAX_READS and free:
                    self._merge(kernel, host)
                    break

    def _merge(self, kernel: Kernel, host: Kernel) -> None:
        host.outputs += kernel.outputs
        self._kernels.remove(kernel)
        self._depends[host] |= self._depends.pop(kernel)
        for node in kernel.outputs:
            self._home[node] = host
        for before in self._depends.values():
            if kernel in before:
                before.remove(kernel)
                before.add(host)

    def kernels(self) -> list[Kernel]:
        for kernel in self._kernels:
            root = kernel.root
            if root in kernel.outputs and root not in self._wants_store and len(kernel.outputs) > 1:
                kernel.outputs.remove(root)
        for kernel in self._kernels:
            inner = set(kernel.outputs) | ({kernel.root} if kernel.root else set())
            starts = [*kernel.outputs, *([kernel.root] if kernel.root else [])]
            reads: dict[Node, None] = {}
            for start in starts:
                reads |= dict.fromkeys(_frontier(start.inputs, self._is_frontier))
            kernel.reads = [r for r in reads if r not in inner]
        return self._sorted()

    def _sorted(self) -> list[Kernel]:
        done: dict[Kernel, None] = {}

        def visit(kernel: Kernel) -> None:
            if kernel not in done:
                for k in sorted(self._depends[kernel], key=self._kernels.index):
                    visit(k)
                done[kernel] = None

        for kernel in self._kernels:
            visit(kernel)
        return list(done)


def _frontier(starts: Iterable[Node], is_frontier: Callable[[Node], bool], skip: Node | None = None) -> list[Node]:
    """The stored values that computing the starts reads."""
    found: dict[Node, None] = {}
    stack, seen = list(starts), set()
    while stack:
        n = stack.pop()
        if n in seen or n.is_host:
            continue
        seen.add(n)
        if n is not skip and is_frontier(n):
            found[n] = None
        else:
            stack.extend(n.inputs)
    return list(found)


def _elementwise_reads(node: Node, is_frontier: Callable[[Node], bool]) -> set[Node]:
    """The stored values that are read at the node's own position and nowhere else."""
    here: set[Node] = set()
    elsewhere: set[Node] = set()
    stack: list[tuple[Node, bool]] = [(node, True)]
    seen: set[tuple[Node, bool]] = set()
    while stack:
        n, same = stack.pop()
        if (n, same) in seen or n.is_host:
            continue
        seen.add((n, same))
        if n is not node and is_frontier(n):
            (here if same else elsewhere).add(n)
        else:
            stack.extend((i, same and n.prim.elementwise) for i in n.inputs)
    return here - elsewhere
