"""What replaces a variable's state after a step, recognized as one expression per variable.

An optimizer computes the same for every weight: a new weight and new moments from the old ones and a gradient. Updates
of equal expression can be computed for all weights at once, if what they read lies side by side (see ``atlas``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..graph import build as b
from ..graph.node import Node, topological
from .kernel import MAX_TARGETS
from .layout import Layout, layout_of
from .views import is_leaf, is_view, number, origin, rows_of


class Leaf(NamedTuple):
    """What an update reads at its own position: rows of a stored value, from ``row`` on."""

    value: Node
    row: int


@dataclass(frozen=True)
class Update:
    """The new state of one variable: ``outputs`` replace ``states``.

    They are expressions over ``leaves`` (nodes that stand for stored values) and ``spread`` ones (the same everywhere).
    All lies in textures as ``layout`` says, that of the gradient; its states' own may be another.
    """

    states: tuple[Node, ...]
    outputs: tuple[Node, ...]
    leaves: dict[Node, Leaf]
    spread: tuple[Node, ...]
    layout: Layout
    # equal for updates of equal expression
    signature: tuple[Any, ...]

    @property
    def slots(self) -> list[Leaf]:
        """The stored values that are read; in updates of equal expression they correspond."""
        return list(dict.fromkeys(self.leaves.values()))

    @property
    def gradients(self) -> list[Leaf]:
        """Those that the step computes."""
        return [leaf for leaf in self.slots if leaf.value not in self.states]


def updates(outputs: Sequence[Node], swaps: Mapping[Node, Node]) -> list[Update]:
    """The updates that are computed element by element.

    ``swaps`` maps each state input to the output that replaces it.
    """
    return _Reader(outputs, swaps).updates()


class _Reader:
    def __init__(self, outputs: Sequence[Node], swaps: Mapping[Node, Node]) -> None:
        self._swaps, self._new = swaps, set(swaps.values())
        self._users: dict[Node, list[Node]] = {}
        order = topological(outputs)
        for n in order:
            for i in set(n.inputs):
                self._users.setdefault(i, []).append(n)
        self._public = {o for o in outputs if o not in self._new}
        self._private: set[Node] = set()
        for n in reversed(order):
            moves = n.prim.elementwise or n.op in ("reshape", "slice", "broadcast")
            if moves and n.op != "store" and self._is_read_by_updates_alone(n):
                self._private.add(n)

    def _is_read_by_updates_alone(self, n: Node) -> bool:
        """Whether nobody but updates reads a value, at one place or moved."""
        users = self._users.get(n, ())
        return n not in self._public and (n in self._new or bool(users)) and all(u in self._private for u in users)

    def _is_inner(self, n: Node) -> bool:
        """Whether an update may compute a value itself."""
        return n in self._private and not n.is_host and (n.prim.elementwise or is_view(n))

    def updates(self) -> list[Update]:
        found = [self._update(states) for states in self._variables()]
        return [u for u in found if u is not None]

    def _variables(self) -> Iterable[list[Node]]:
        """The state inputs, those together whose replacements have parts in common."""
        groups: list[list[Node]] = [[s] for s in self._swaps]
        group_of: dict[Node, int] = {}
        for i, new in enumerate(self._swaps.values()):
            mine = i
            for n in self._inside([new]):
                other = group_of.get(n, mine)
                if other != mine:
                    groups[other] += groups[mine]
                    groups[mine] = []
                    group_of = {k: other if v == mine else v for k, v in group_of.items()}
                    mine = other
                group_of[n] = mine
        order = {s: i for i, s in enumerate(self._swaps)}
        return [sorted(group, key=order.__getitem__) for group in groups if group]

    def _inside(self, outputs: Iterable[Node]) -> list[Node]:
        """What the outputs' updates may compute themselves."""
        found: dict[Node, None] = {}
        stack = [o for o in outputs if self._is_inner(o)]
        while stack:
            n = stack.pop()
            if n not in found:
                found[n] = None
                stack.extend(i for i in n.inputs if self._is_inner(i))
        return list(found)

    def _read(self, outputs: Sequence[Node], states: Sequence[Node]) -> list[Node]:
        """What the outputs are computed from: their own states, numbers, and what the step computes.

        What is computed from other tensors at its own position belongs to the step.
        """
        inside = {n for n in self._inside(outputs) if not any(_is_foreign(i, states) for i in n.inputs)}
        found: dict[Node, None] = {}
        stack, seen = list(outputs), set()
        while stack:
            n = stack.pop()
            if n not in seen:
                seen.add(n)
                if n in inside:
                    stack.extend(n.inputs)
                else:
                    found[n] = None
        return list(found)

    def _update(self, states: Sequence[Node]) -> Update | None:
        outputs = [self._swaps[s] for s in states]
        if not all(self._is_inner(o) for o in outputs) or len({s.aval.size for s in states}) > 1:
            return None
        read = self._read(outputs, states)
        if len(outputs) > MAX_TARGETS or not set(outputs).isdisjoint(read):
            return None
        spread = [n for n in read if _is_spread(n)]
        leaves = self._leaves([n for n in read if n not in spread], states)
        if leaves is None:
            return None
        found, layout, moved = leaves
        # a draw that brings a value into place is worth it for updates that take several themselves
        if layout.folded or (moved and len(outputs) * layout.layers <= MAX_TARGETS):
            return None
        return _made(states, outputs, found, spread, layout)

    def _leaves(self, read: Sequence[Node], states: Sequence[Node]) -> tuple[dict[Node, Leaf], Layout, int] | None:
        """Where an update reads its values, the layout that they share, and how many have to be moved for it."""
        found = {n: Leaf(*rows_of(n)) for n in read}
        relaid = {n: origin(n).inputs[0] for n, leaf in found.items() if leaf.value.op == "reshape"}
        computed = [n for n in read if found[n].value not in states]
        layouts = {layout_of(relaid.get(n, n).shape) for n in computed}
        layout = layouts.pop() if len(layouts) == 1 else layout_of(states[0].shape)
        moved = 0
        for n in computed:
            leaf = Leaf(*rows_of(relaid[n])) if n in relaid and layout_of(relaid[n].shape) == layout else found[n]
            value = leaf.value
            if is_leaf(value) or value in self._new:
                return None
            if layout_of(value.shape).cols != layout.cols:
                leaf, moved = Leaf(b.bind("store", n), 0), moved + 1
            elif value.op == "slots" or not self._is_read_by_updates_alone(value):
                # whoever else reads it may write beside it, and a draw cannot sample the texture that it writes
                leaf, moved = Leaf(b.bind("store", value), leaf.row), moved + 1
            found[n] = leaf
        whole = computed and {leaf.value for leaf in found.values()}.issuperset(states)
        return (found, layout, moved) if whole else None


def _is_foreign(n: Node, states: Sequence[Node]) -> bool:
    value = origin(n)
    return is_leaf(value) and value not in states and not _is_spread(n)


def _is_spread(n: Node) -> bool:
    """Whether a node has the same value everywhere, from a host scalar or a stored one."""
    if number(n) is not None:
        return True
    return n.op == "broadcast" and n.aval.size > 1 and n.inputs[0].aval.size == 1


def _made(
    states: Sequence[Node], outputs: Sequence[Node], leaves: dict[Node, Leaf], spread: Sequence[Node], layout: Layout
) -> Update:
    order = topological(outputs, leaves=leaves.keys() | set(spread))
    ordered = {n: leaves[n] for n in order if n in leaves}
    numbers = {leaf: i for i, leaf in enumerate(dict.fromkeys(ordered.values()))}
    known: dict[Node, int] = {}
    terms: list[Any] = []
    for n in order:
        if n in ordered:
            leaf = ordered[n]
            role = states.index(leaf.value) if leaf.value in states else -1
            term: tuple[Any, ...] = ("leaf", numbers[leaf], role)
        elif n in spread:
            term = ("spread", number(n) or n.inputs[0])
        elif is_view(n):
            known[n] = known[n.inputs[0]]
            continue
        else:
            term = (n.op, n.key, *(known[i] for i in n.inputs))
        known[n] = len(terms)
        terms.append(term)
    signature = (tuple(terms), tuple(known[o] for o in outputs))
    return Update(tuple(states), tuple(outputs), ordered, tuple(spread), layout, signature)
