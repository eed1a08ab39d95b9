"""Which kernel computes which stored value.

Roots (products and convolutions) have kernels of their own. Elementwise results of a root are computed by its kernel;
other stored values of equal layout share a draw.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from types import MappingProxyType

from ..graph.node import Node, topological
from ..graph.scan import taken_apart
from .kernel import MAX_TARGETS, ROOTS, Kernel, frontier, scheduled
from .layout import Layout, layout_of
from .pools import Pooled, pooled_at_once
from .store import MAX_READS, computed_nodes, stored_values
from .views import is_leaf, origin

# A value is offered to so many of the latest kernels of its layout: what was computed long before would only live
# longer, and looking at all of them would take quadratic time.
LOOK_BACK = 32
# Rows of a block, side by side in the layers of a texture.
BLOCK_ROWS = 4


def fuse(
    outputs: Sequence[Node],
    alone: Node | None = None,
    share: bool = False,
    packed: Mapping[Node, object] | None = None,
    pooling: bool = False,
) -> list[Kernel]:
    """The kernels that compute the outputs, in an order in which they can run.

    The output ``alone`` gets a kernel to itself: the log of a training step is written to another place each step.
    With ``share`` products take in values that have nothing to do with them: worth it for draws that are repeated.
    Outputs that are ``packed`` will lie in an atlas. A kernel of theirs computes one, or those of equal marks: rows of
    one block. With ``pooling`` convolutions compute the pools of what they come to.
    """
    order = computed_nodes(outputs)
    pooled = pooled_at_once(order, outputs) if pooling else Pooled()
    if share:
        # gates are computed by the kernel that wants them, if it is one: draws that are repeated are worth most
        inline = {n for parts in taken_apart(topological(outputs)).values() for n in parts}
        inline = inline if inline.isdisjoint(outputs) else set()
        drafts = _Drafts(order, stored_values(order, outputs, inline), alone, packed or {}, inline, sharing=True)
        if not drafts.compute_once(inline):
            drafts = _Drafts(order, stored_values(order, outputs), alone, packed or {}, sharing=True)
        drafts.share_products()
    else:
        pools = pooled.products
        stored = stored_values(order, outputs, pooled.between, pools.keys())
        drafts = _Drafts(order, stored, alone, packed or {}, pools=pools)
    return drafts.kernels(set(outputs))


@dataclass(eq=False)
class _Draft:
    """A kernel that may still grow. ``before`` has the bits of all drafts that must have run."""

    bit: int
    root: Node | None
    layout: Layout
    outputs: list[Node] = field(default_factory=list)
    reads: set[Node] = field(default_factory=set)
    before: int = 0
    # whether another one waits for it
    awaited: bool = False

    @property
    def is_loop(self) -> bool:
        return self.root is not None and self.root.op == "loop"

    def waits_for(self, other: _Draft) -> bool:
        return bool(self.before & other.bit)


class _Drafts:
    def __init__(
        self,
        order: Sequence[Node],
        stored: Set[Node],
        alone: Node | None,
        packed: Mapping[Node, object],
        inline: Set[Node] = frozenset(),
        pools: Mapping[Node, Node] = MappingProxyType({}),
        sharing: bool = False,
    ) -> None:
        self._stored, self._alone, self._packed, self._inline = stored, alone, packed, inline
        self._passed_on = _passed_on(order, stored) if sharing else {}
        pooled = {conv: pool for pool, conv in pools.items()}
        self._drafts: list[_Draft] = []
        self._by_layout: dict[Layout, list[_Draft]] = {}
        self._home: dict[Node, _Draft] = {}
        for node in order:
            if self._is_root(node) or node.op == "loop":
                self._join(node, self._open(pooled.get(node, node), node))
            elif node.op == "slots":
                self._join(node, self._home[origin(node.inputs[0])])
            elif node in pools:
                self._join(node, self._home[pools[node]])
            elif node in stored and not is_leaf(node):
                self._place(node)

    def _is_root(self, node: Node) -> bool:
        return node.op in ROOTS and node not in self._inline

    def _is_stored(self, node: Node) -> bool:
        return self._is_root(node) or node in self._stored

    def compute_once(self, values: Set[Node]) -> bool:
        """Whether each part of the values, which are taken apart, is computed by one kernel only."""
        computed = Counter(n for d in self._drafts for n in topological(d.outputs, leaves=d.reads) if n not in d.reads)
        return all(count <= 1 for n, count in computed.items() if n.op == "slice" and origin(n.inputs[0]) in values)

    # -- placing ------------------------------------------------------------------------------------------------------

    def _open(self, node: Node, root: Node | None) -> _Draft:
        draft = _Draft(1 << len(self._drafts), root, layout_of(node.shape))
        self._drafts.append(draft)
        if not draft.is_loop:
            self._by_layout.setdefault(draft.layout, []).append(draft)
        return draft

    def _join(self, node: Node, draft: _Draft) -> None:
        if node.op != "loop":
            draft.outputs.append(node)
        self._home[node] = draft
        reads = frontier([node], self._is_stored)
        draft.reads.update(r for r in reads if self._home.get(r) is not draft)
        self._wait(draft, self._homes(reads))

    def _homes(self, reads: Iterable[Node]) -> set[_Draft]:
        return {self._home[r] for r in reads if r in self._home}

    def _wait(self, draft: _Draft, others: Iterable[_Draft]) -> None:
        """Have a draft run after others, and all that wait for it too."""
        more = 0
        for other in others:
            if other is not draft:
                other.awaited = True
                more |= other.bit | other.before
        if more & ~draft.before:
            for d in self._drafts if draft.awaited else [draft]:
                if d is draft or d.waits_for(draft):
                    d.before |= more

    def _place(self, node: Node) -> None:
        reads = frontier([node], self._is_stored)
        here = _read_in_place(node, self._is_stored)
        for draft in self._candidates(node):
            mine = [r for r in reads if self._home.get(r) is draft]
            others = self._homes(reads) - {draft}
            if (
                all(r in here for r in mine)
                and self._has_room(draft, node, reads)
                and (draft.root is None or draft.root in mine or any(o in mine for o in draft.outputs))
                and not any(o.waits_for(draft) for o in others)
            ):
                self._join(node, draft)
                return
        self._join(node, self._open(node, None))

    def _candidates(self, node: Node) -> list[_Draft]:
        """The kernels that may compute a value too, the last first: the others are then known when it runs."""
        if node is self._alone:
            return []
        same = self._by_layout.get(layout_of(node.shape), [])[: -LOOK_BACK - 1 : -1]
        if node in self._packed:
            return [d for d in same if self._packed.get(d.outputs[0]) == self._packed[node]]
        return [d for d in same if self._alone not in d.outputs and d.outputs[0] not in self._packed]

    def _has_room(self, draft: _Draft, node: Node, reads: Iterable[Node]) -> bool:
        targets = self._targets(draft) + 1
        if node in self._packed and targets > BLOCK_ROWS:
            return False
        if targets > MAX_TARGETS:
            return False
        if targets * draft.layout.layers > MAX_TARGETS and (draft.root or draft.reads.isdisjoint(reads)):
            # several draws: by rows, which is for those that read the same and compute no product
            return False
        return len(draft.reads.union(reads).difference(draft.outputs)) <= MAX_READS

    def _targets(self, draft: _Draft) -> int:
        """How many outputs are written: a product that only its own kernel reads is none of them."""
        is_own = draft.root is not None and self._passed_on.get(draft.root) in draft.outputs
        return len(draft.outputs) - is_own

    def share_products(self) -> None:
        """Let kernels of products compute what others of their layout do, where neither waits for the other."""
        for draft in [d for d in self._drafts if d.root is None]:
            for host in self._candidates(draft.outputs[0]):
                targets = (self._targets(host) + len(draft.outputs)) * draft.layout.layers
                fits = targets <= MAX_TARGETS and len(host.reads | draft.reads) <= MAX_READS
                if host.root is not None and fits and not draft.waits_for(host) and not host.waits_for(draft):
                    self._merge(draft, host)
                    break

    def _merge(self, draft: _Draft, host: _Draft) -> None:
        self._drafts.remove(draft)
        self._by_layout[draft.layout].remove(draft)
        host.outputs += draft.outputs
        host.reads |= draft.reads
        for node in draft.outputs:
            self._home[node] = host
        for d in self._drafts:
            if d.waits_for(draft) or d.waits_for(host) or d is host:
                d.before = (d.before | draft.before | host.before | (0 if d is host else host.bit)) & ~draft.bit

    # -- the result ---------------------------------------------------------------------------------------------------

    def kernels(self, wanted: Set[Node]) -> list[Kernel]:
        """What has become of the drafts; ``wanted`` are the graph's outputs."""
        read = set().union(*(d.reads for d in self._drafts)) | wanted
        for d in self._drafts:
            if d.root in d.outputs and d.root not in read and len(d.outputs) > 1:
                d.outputs.remove(d.root)
        return scheduled([Kernel.of(d.outputs, d.root, self._is_stored) for d in self._drafts])


def _passed_on(order: Sequence[Node], stored: Set[Node]) -> dict[Node, Node]:
    """The products that are read on the way to one stored value, and nowhere else, with that value."""
    users: dict[Node, list[Node]] = {}
    for n in order:
        for i in set(n.inputs):
            users.setdefault(i, []).append(n)
    found = {}
    for n in order:
        at = n
        while n.op in ROOTS and len(after := users.get(at, [])) == 1 and after[0].prim.elementwise:
            at = after[0]
            if at in stored:
                found[n] = at
                break
    return found


# Where a value is asked for, for one element of a result: there, somewhere else, or all along these axes.
_Place = bool | tuple[int, ...]


def _read_in_place(node: Node, is_stored: Callable[[Node], bool]) -> set[Node]:
    """The stored values that are read at the node's own position and nowhere else."""
    here: set[Node] = set()
    elsewhere: set[Node] = set()
    stack = [(origin(i), _place_below(node, i, True)) for i in node.inputs]
    seen: set[tuple[Node, _Place]] = set()
    while stack:
        n, place = stack.pop()
        if (n, place) in seen or n.is_host:
            continue
        seen.add((n, place))
        if is_stored(n):
            (here if place is True else elsewhere).add(n)
        else:
            stack.extend((origin(i), _place_below(n, i, place)) for i in n.inputs)
    return here - elsewhere


def _place_below(node: Node, read: Node, place: _Place) -> _Place:
    """Where what a node reads is asked for. What a row is compared with is at its own place for sums of the row."""
    if node.prim.elementwise:
        return place
    if place is True and node.op.startswith("reduce_"):
        return node.param("axes")
    if node.op == "broadcast" and isinstance(place, tuple):
        return read.shape == tuple(1 if i in place else d for i, d in enumerate(node.shape))
    return False
