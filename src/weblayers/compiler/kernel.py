"""Kernels: what one or a few draws compute, and the order in which they can run."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence

from ..graph.node import Node
from .layout import Layout, layout_of
from .views import origin

ROOTS = frozenset(("dot", "conv", "conv_kernel_grad"))
# Draw buffers: eight is what all devices have, and what the runtime asks for.
MAX_TARGETS = 8
# WebGL2's least number of textures that a draw can read.
MAX_SAMPLERS = 16

IsStored = Callable[[Node], bool]


def frontier(starts: Iterable[Node], is_stored: IsStored) -> list[Node]:
    """The stored values that are read to compute the starts, whether those are stored themselves or not."""
    computed = dict.fromkeys(starts)
    found: dict[Node, None] = {}
    seen = set(computed)
    stack = [origin(i) for n in computed for i in n.inputs]
    while stack:
        n = stack.pop()
        if n in seen or n.is_host:
            continue
        seen.add(n)
        if is_stored(n):
            found[n] = None
        else:
            stack.extend(origin(i) for i in n.inputs)
    return list(found)


class Kernel:
    """One or a few draws that compute ``outputs``, all of one layout; ``root`` is the product among or under them.

    ``reads`` are the stored values that its expression reaches.
    """

    def __init__(self, outputs: list[Node], root: Node | None, reads: list[Node]) -> None:
        self.outputs, self.root, self.reads = outputs, root, reads

    @classmethod
    def of(cls, outputs: Sequence[Node], root: Node | None, is_stored: IsStored) -> Kernel:
        """The kernel of these outputs. What it computes itself it does not read."""
        return cls(list(outputs), root, frontier([*outputs, *([root] if root else [])], is_stored))

    @property
    def layout(self) -> Layout:
        return layout_of(self.outputs[0].shape)

    @property
    def expressed(self) -> list[Node]:
        """The values that its shader computes."""
        return self.outputs

    def __repr__(self) -> str:
        return f"<Kernel of {', '.join(map(repr, self.outputs))}>"


def scheduled(kernels: Sequence[Kernel], owners: Mapping[Node, Node] | None = None) -> list[Kernel]:
    """Kernels in an order in which everything is written before it is read, near the order in which they are given.

    ``owners`` says in which texture a value lies that shares one: who reads the texture waits for all who write to it,
    who reads a value for its writer alone.

    Raises:
        RuntimeError: kernels wait for each other; it names them.
    """
    writers: dict[Node, list[int]] = {}
    for i, k in enumerate(kernels):
        for n in k.outputs:
            for place in {n, (owners or {}).get(n, n)}:
                writers.setdefault(place, []).append(i)
    before = [{w for n in k.reads for w in writers.get(n, ()) if w != i} for i, k in enumerate(kernels)]
    after: list[list[int]] = [[] for _ in kernels]
    for i, waits in enumerate(before):
        for w in waits:
            after[w].append(i)
    waiting = [len(w) for w in before]
    ready = [i for i, n in enumerate(waiting) if not n]
    order: list[Kernel] = []
    while ready:
        i = heapq.heappop(ready)
        order.append(kernels[i])
        for j in after[i]:
            waiting[j] -= 1
            if not waiting[j]:
                heapq.heappush(ready, j)
    if len(order) < len(kernels):
        stuck = {i for i, n in enumerate(waiting) if n}
        circle = _circle(stuck, before)
        raise RuntimeError("kernels wait for each other: " + " after ".join(repr(kernels[i]) for i in circle))
    return order


def _circle(stuck: set[int], before: Sequence[set[int]]) -> list[int]:
    path = [min(stuck)]
    while True:
        following = min(before[path[-1]] & stuck)
        if following in path:
            return [*path[path.index(following) :], following]
        path.append(following)
