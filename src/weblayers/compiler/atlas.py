"""Packs what is updated alike into shared textures, so that one draw updates a whole model.

Updates of one expression become a single kernel over an atlas: a texture in which each weight has a rectangle, with
equal rectangles in the atlases of its gradients and moments. A gradient that is computed as one matrix for a kernel and
its bias (see ``simplify.bias_as_row``) keeps them together: the bias lies in the row under its kernel.

What is packed is decided before kernels are made, as a kernel can write to one place only; where it lies afterwards,
as single rows that one kernel computes are neighbours in a block.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ..graph import build as b
from ..graph.node import Node, make_node, topological
from ..graph.scan import substituted
from .fuse import BLOCK_ROWS
from .kernel import Kernel
from .layout import MAX_EXTENT, Placement, layout_of
from .simplify import algebra, rewrite
from .updates import Update, updates
from .views import is_leaf, is_view, number


class Home(NamedTuple):
    """Where a value lies: in the texture that is named by ``owner``."""

    owner: Node
    placement: Placement


class Packing:
    """What of a training step's state is packed.

    Args:
        outputs: of the graph.
        swaps: of each state input, the output that replaces it.
    """

    def __init__(self, outputs: Sequence[Node], swaps: Mapping[Node, Node]) -> None:
        self._atlases = _atlases(updates(outputs, swaps))
        members = [u for atlas in self._atlases for u in atlas.updates]
        packed = {o for u in members for o in u.outputs}
        # states whose texels are laid out as their gradients', not as their shapes say: each is a reshape of another
        self.stands = {
            state: b.input_node((u.layout.rows, u.layout.cols), state.dtype)
            for u in members
            for state in u.states
            if layout_of(state.shape) != u.layout
        }
        before = [o for o in outputs if o not in packed]
        before += [leaf.value for u in members for leaf in u.gradients]
        before += [n.inputs[0] for u in members for n in u.spread if number(n) is None]
        # what is still to be computed, by what it was before states were laid out anew
        self.computed = dict(zip(before, self.restated(before), strict=True))

    def restated(self, values: Sequence[Node]) -> Sequence[Node]:
        """Values over states that are laid out anew."""
        if not self.stands:
            return values
        new = {state: b.reshape(stand, state.shape) for state, stand in self.stands.items()}
        return rewrite(substituted(values, new), algebra)

    def marks(self) -> dict[Node, Any]:
        """Of each value that will lie in an atlas, the mark that it shares with those beside which it may be drawn."""
        found: dict[Node, Any] = {}
        for atlas in self._atlases:
            for unit in atlas.units:
                for value in unit.values:
                    found[self.computed[value]] = atlas if unit.is_row else value
        return found

    def placed(self, kernels: Sequence[Kernel]) -> tuple[list[Kernel], dict[Node, Home]]:
        """All kernels, those of the updates included, and the homes of what is packed."""
        made, homes = list(kernels), dict[Node, Home]()
        for atlas in self._atlases:
            places, shape = atlas.places({n: k for k in kernels for n in k.outputs}, self.computed)
            merged, owners = self._merged(atlas.updates[0], shape)
            made.append(merged)
            for u, x, row in places:
                for owner, leaf in zip(owners, u.slots, strict=True):
                    value = self.stands.get(leaf.value) or self.computed.get(leaf.value) or leaf.value
                    first = row if leaf.value in u.states else row - leaf.row
                    homes[value] = Home(owner, Placement(layout_of(value.shape), BLOCK_ROWS, x, first))
                for owner, output in zip(merged.outputs, u.outputs, strict=True):
                    homes[output] = Home(owner, Placement(u.layout, BLOCK_ROWS, x, row))
        return made, homes

    def _merged(self, first: Update, shape: tuple[int, int]) -> tuple[Kernel, list[Node]]:
        """The kernel of an atlas, and the inputs that stand for what it reads."""
        owners = [b.input_node(shape, leaf.value.dtype) for leaf in first.slots]
        owner_of = dict(zip(first.slots, owners, strict=True))
        new: dict[Node, Node] = {}
        stored = set()
        for n in topological(first.outputs, leaves=first.leaves.keys() | set(first.spread)):
            if n in first.leaves:
                new[n] = owner_of[first.leaves[n]]
            elif n in first.spread:
                source = number(n) or self.computed[n.inputs[0]]
                stored.add(source)
                new[n] = b.broadcast(b.reshape(source, ()), shape)
            elif is_view(n):
                new[n] = new[n.inputs[0]]
            else:
                new[n] = make_node(n.prim, tuple(new[i] for i in n.inputs), n.params)
        outputs = [new[o] for o in first.outputs]
        return Kernel.of(outputs, None, lambda n: is_leaf(n) or n in stored), owners


# -- what is packed together ----------------------------------------------------------------------------------------


class _Unit:
    """Updates that share their gradients: they are placed as one rectangle."""

    def __init__(self, values: tuple[Node, ...]) -> None:
        self.values = values
        self.updates: list[Update] = []
        self.rows = max(layout_of(v.shape).rows for v in values)
        self.texels = layout_of(values[0].shape).blocks_wide

    @property
    def is_row(self) -> bool:
        """Whether it is a single row that may lie beside others in a block."""
        return self.rows == 1 and len(self.values) == 1


class _Atlas:
    def __init__(self, units: list[_Unit]) -> None:
        self.units = units

    @property
    def updates(self) -> list[Update]:
        return [u for unit in self.units for u in unit.updates]

    def places(
        self, kernel_of: Mapping[Node, Kernel], computed: Mapping[Node, Node]
    ) -> tuple[list[tuple[Update, int, int]], tuple[int, int]]:
        """Of each update the first texel column and the first row, and the shape of the whole."""
        items: dict[object, list[_Unit]] = {}
        for unit in self.units:
            key = kernel_of[computed[unit.values[0]]] if unit.is_row else unit
            items.setdefault(key, []).append(unit)
        corners, width, height = _shelve(list(items.values()))
        found = []
        for item, (x, y) in zip(items.values(), corners, strict=True):
            for i, unit in enumerate(item):
                found += [(u, x, y * BLOCK_ROWS + i + u.gradients[0].row) for u in unit.updates]
        return found, (height * BLOCK_ROWS, width * 4)


def _atlases(found: Iterable[Update]) -> list[_Atlas]:
    """Updates of equal expression together, in atlases that fit a texture."""
    groups: dict[tuple[Any, ...], list[Update]] = {}
    for u in found:
        groups.setdefault(u.signature, []).append(u)
    owner: dict[Node, tuple[Any, ...]] = {}
    atlases: list[_Atlas] = []
    for signature, members in groups.items():
        units: dict[tuple[Node, ...], _Unit] = {}
        for u in members:
            values = tuple(leaf.value for leaf in u.gradients)
            if all(owner.get(v, signature) == signature for v in values) and _is_placeable(u):
                unit = units.setdefault(values, _Unit(values))
                if unit.updates or all(v not in owner for v in values):
                    _add(unit, u)
                    owner |= dict.fromkeys(values, signature)
        atlases += map(_Atlas, _fitting([unit for unit in units.values() if unit.updates]))
    return [atlas for atlas in atlases if len(atlas.updates) > 1]


def _is_placeable(u: Update) -> bool:
    """Whether its gradients lie alike, in textures that are not folded."""
    alike = len({leaf.row for leaf in u.gradients}) == 1
    return alike and not any(layout_of(leaf.value.shape).folded for leaf in u.gradients)


def _add(unit: _Unit, u: Update) -> None:
    """Put an update into a unit, unless another variable has its rows: that one then stays alone."""
    row = u.gradients[0].row
    taken = [(v.gradients[0].row, v.layout.rows) for v in unit.updates]
    if all(row + u.layout.rows <= first or first + rows <= row for first, rows in taken):
        unit.updates.append(u)


def _fitting(units: list[_Unit]) -> list[list[_Unit]]:
    """The units in lists, each of which fits one texture."""
    lists: list[list[_Unit]] = []
    while units:
        count = len(units)
        while count > 1 and max(_shelve([[u] for u in units[:count]])[1:]) > MAX_EXTENT:
            count //= 2
        lists.append(units[:count])
        units = units[count:]
    return lists


def _shelve(items: Sequence[Sequence[_Unit]]) -> tuple[list[tuple[int, int]], int, int]:
    """Place items on shelves, highest first: their corners, and the atlas' width and height, all in blocks.

    The units of an item are rows of one block, or it is one unit. The shelves' length is chosen so that little is lost.
    """
    sizes = [(item[0].texels, max(-(-u.rows // BLOCK_ROWS) for u in item)) for item in items]
    widest, area = max(w for w, _ in sizes), sum(w * h for w, h in sizes)
    limits = {max(widest, min(MAX_EXTENT, math.isqrt(area) * quarters // 4)) for quarters in range(3, 13)}
    placed = [_on_shelves(sizes, limit) for limit in sorted(limits)]
    return min(placed, key=lambda p: (max(p[1], p[2]) > MAX_EXTENT, p[1] * p[2]))


def _on_shelves(sizes: Sequence[tuple[int, int]], limit: int) -> tuple[list[tuple[int, int]], int, int]:
    """Shelves of columns: an item lies under the one before if there is room."""
    corners = [(0, 0)] * len(sizes)
    top = shelf = width = 0
    left = wide = used = 0
    for i in sorted(range(len(sizes)), key=lambda i: (-sizes[i][1], -sizes[i][0])):
        w, h = sizes[i]
        if w > wide or used + h > shelf:
            left, wide, used = left + wide, w, 0
            if left and left + w > limit:
                left, top, shelf = 0, top + shelf, 0
        corners[i] = left, top + used
        used += h
        shelf, width = max(shelf, used), max(width, left + wide)
    return corners, width, top + shelf
