"""Sums of many values, in the shape that kernels compute best."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..graph import build as b
from ..graph.node import Node, Shape, make_node, topological
from ..graph.primitives.reduction import COMBINE, spread
from ..graph.rounding import RowsRounded, rounded_up
from .factors import is_same_along, sums_rows
from .layout import layout_of

# A reduction of more rounds than this runs in two stages, unless its result alone keeps the GPU busy. Whole texels are
# read in a round along the last axis.
LONG_REDUCTION = 256
# Kernel gradients sum over all pixels; they are split over the batch until there are about so many fragments.
BUSY_FRAGMENTS = 1024
# A product over fewer rows costs less than to copy what it comes to.
SHORT_PRODUCT = 64


# -- bias gradients ---------------------------------------------------------------------------------------------------


def bias_as_row(outputs: Sequence[Node]) -> Callable[[Node], Node]:
    """Where a layer's kernel gradient ``x^T dy`` meets its bias gradient ``sum(dy)``, compute both as one product.

    The sum is the product with one more row of ones: no draw of its own, and the bias lies under the kernel.
    """
    order = topological(outputs)
    sums = {_columns_of(n.inputs[0], n.aval.size) for n in order if sums_rows(n)}
    products: dict[tuple[Node, int], Node] = {}
    for n in order:
        if is_kernel_gradient(n) and _rows_of_gradient(n) in sums:
            products.setdefault(_rows_of_gradient(n), n)

    def rule(node: Node) -> Node:
        if is_kernel_gradient(node) and products.get(_rows_of_gradient(node)) is node:
            whole = _with_ones(node)
            return b.slice_(whole, (0, 0), node.shape)
        if sums_rows(node) and (product := products.get(_columns_of(node.inputs[0], node.aval.size))):
            whole = _with_ones(product)
            rows, cols = whole.shape
            return b.reshape(b.slice_(whole, (rows - 1, 0), (rows, cols)), node.shape)
        return node

    return rule


def _columns_of(x: Node, columns: int) -> tuple[Node, int]:
    """A value as a matrix of so many columns, whatever its shape."""
    while x.op == "reshape":
        x = x.inputs[0]
    return x, columns


def _rows_of_gradient(product: Node) -> tuple[Node, int]:
    return _columns_of(product.inputs[1], product.shape[1])


def is_kernel_gradient(node: Node) -> bool:
    if node.op == "dot":
        plain = node.param("ta") and not node.param("tb") and not node.param("ones")
        return plain and len(node.shape) == 2 and min(node.shape) > 1
    return node.op == "conv_kernel_grad" and not node.param("ones") and min(node.shape) > 1


def _with_ones(node: Node) -> Node:
    return make_node(node.prim, node.inputs, {**node.params, "ones": 1})


# -- long sums --------------------------------------------------------------------------------------------------------


def split_sums(node: Node, block: int) -> Node:
    """A long sum in parts, which run beside each other; products of parts have whole blocks of so many rows."""
    if node.op == "conv_kernel_grad" and not node.param("splits"):
        return _split_kernel_gradient(node, block)
    if node.op == "dot" and node.param("ta") and not node.param("tb") and len(node.shape) == 2 and block > 4:
        return _split_product(node, block)
    if node.op.startswith("reduce_"):
        return _split_reduction(node)
    return node


def _split_kernel_gradient(node: Node, block: int) -> Node:
    images = node.inputs[0].shape[0]
    rounded = _rounded(node, block)
    parts = _busy_parts(images, node.shape, block)
    if parts == 1 and rounded.taps == rounded.channels == 1:
        return node
    split = make_node(node.prim, node.inputs, {**node.params, "splits": parts, "rounded": rounded})
    # the whole gradient is stored, as it can be packed with others; a sum of parts inside an update could not
    return b.bind("store", _unrounded(b.reduce("sum", split, 0), node, rounded))


def _split_product(node: Node, block: int) -> Node:
    """A kernel gradient of a dense layer, in higher blocks, and in parts where it has few of them and many summands.

    It goes where the optimizer wants it, which is laid out in blocks of four: a copy, which costs less than it saves.
    """
    x, dy = node.inputs
    depth, rows = x.shape
    parts = _busy_parts(depth, node.shape, block)
    if depth // parts < SHORT_PRODUCT:
        return node
    ones = rounded_up(node.shape[0], block) - rows
    if parts == 1:
        whole = b.dot(x, dy, ta=True, ones=ones)
    else:
        left, right = (b.reshape(n, (parts, depth // parts, n.shape[1])) for n in (x, dy))
        whole = b.reduce("sum", b.dot(left, right, ta=True, ones=ones), 0)
    return b.bind("store", b.slice_(whole, (0, 0), node.shape))


def _rounded(node: Node, block: int) -> RowsRounded:
    """How the rows of a kernel gradient are laid out, so that those of a block read neighbours.

    With one input channel the rows of a block are neighbouring taps; begun at a multiple of four, all pixels that a
    block needs for four outputs lie in few texels. With more, whole texels of channels are read for higher blocks.
    """
    x, dy = node.inputs
    channels, last = x.shape[-1], node.param("kernel")[-1]
    is_dense = all(d == 1 for d in (*node.param("lhs_dilation"), *node.param("rhs_dilation")))
    # what is known of where in its texel a pixel lies, if outputs come in fours or twos
    is_known = math.gcd(dy.shape[-2], 4) * node.param("strides")[-1] % 4 == 0
    taps = min(block, rounded_up(last, 4)) if channels == 1 and last % 4 and is_dense and is_known else 1
    return RowsRounded(taps, 4 if block > 4 and channels > 1 else 1, block)


def _unrounded(total: Node, node: Node, rounded: RowsRounded) -> Node:
    """The rows of a kernel gradient without those that only fill blocks."""
    columns = node.shape[1]
    kernel, channels = node.param("kernel"), node.inputs[0].shape[-1]
    (*lead, last), deep = rounded.extents(kernel, channels)
    if (last, deep) == (kernel[-1], channels):
        return b.slice_(total, (0, 0), node.shape)
    heads, rows = math.prod(lead), math.prod(lead) * last * deep
    taps = b.reshape(b.slice_(total, (0, 0), (rows, columns)), (heads, last, deep, columns))
    taps = b.slice_(taps, (0, 0, 0, 0), (heads, kernel[-1], channels, columns))
    taps = b.reshape(taps, (heads * kernel[-1] * channels, columns))
    if not node.param("ones"):
        return taps
    return b.concat([taps, b.slice_(total, (rows, 0), (rows + 1, columns))], 0)


def _busy_parts(length: int, shape: Shape, block: int) -> int:
    """Into how many parts of equal length a sum is cut whose result is a matrix, to keep a device busy."""
    fragments = -(-shape[0] // block) * -(-shape[1] // 4)
    # each of them does more, the higher blocks are
    return _divisor_at_least(length, -(-BUSY_FRAGMENTS * 4 // (block * fragments)))


def _divisor_at_least(n: int, wanted: int) -> int:
    """The smallest divisor of n that is at least ``wanted`` (n itself if there is none)."""
    return next(d for d in range(max(1, min(n, wanted)), n + 1) if n % d == 0)


class _Cut(NamedTuple):
    """A reduction in two stages: of parts of an axis, seen as an axis of its own, and of what these come to."""

    axis: int
    number: int
    length: int
    # what is reduced first, and what of its results then
    inner: tuple[int, ...]
    outer: tuple[int, ...]

    def parts(self, x: Node) -> Node:
        shape = (*x.shape[: self.axis], self.number, self.length, *x.shape[self.axis + 1 :])
        return b.reshape(_along(x, self.axis, 0, self.number * self.length), shape)


def _cut(node: Node) -> _Cut | None:
    """How a reduction is cut so that its parts run beside each other; None if it is none the better for it."""
    (x,) = node.inputs
    axes = node.param("axes")
    length = math.prod(x.shape[a] for a in axes)
    rounds = length // 4 if axes[-1] == len(x.shape) - 1 else length
    if rounds <= LONG_REDUCTION or 2 * _fragments(node.shape) >= BUSY_FRAGMENTS:
        return None
    kept, axis, wanted = _parts(x.shape, axes)
    part = _part_length(x.shape[axis], wanted, last=axis == len(x.shape) - 1)
    if part >= x.shape[axis]:
        return None
    inner = [a if a < axis else a + 1 for a in axes if a not in (*kept, axis)] + [axis + 1]
    outer = [a - sum(1 for other in axes if other < a and other not in kept) for a in (*kept, axis)]
    return _Cut(axis, x.shape[axis] // part, part, tuple(sorted(inner)), tuple(sorted(outer)))


def _split_reduction(node: Node) -> Node:
    """Reduce in parts first, so that the parts run beside each other."""
    cut = _cut(node)
    if cut is None:
        return node
    (x,), kind = node.inputs, node.op.removeprefix("reduce_")
    partial = b.bind("store", b.reduce(kind, cut.parts(x), cut.inner))
    total, done, size = b.reduce(kind, partial, cut.outer), cut.number * cut.length, x.shape[cut.axis]
    if done == size:
        return total
    return b.bind(COMBINE[kind], total, b.reduce(kind, _along(x, cut.axis, done, size), node.param("axes")))


def split_squares(node: Node) -> Node:
    """Squares of distances from what the sum of the same values gives: their mean, for a variance.

    Each part knows its own mean when it has its sum, so one draw computes both sums of all parts. Chan, Golub and
    LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances" (1979).
    """
    found = _distances(node)
    cut = _cut(node) if found else None
    if not found or cut is None or cut.number * cut.length < found[0].shape[cut.axis]:
        return node
    x, centre = found
    values = cut.parts(x)
    length = math.prod(values.shape[a] for a in cut.inner)
    # the sum's parts are cut alike, and so are these
    mean = b.bind("store", b.reduce("sum", values, cut.inner)) / float(length)
    inside = values - spread(mean, values, cut.inner)
    within = b.bind("store", b.reduce("sum", inside * inside, cut.inner))
    apart = mean - spread(b.reshape(centre, node.shape), mean, cut.outer)
    return b.reduce("sum", within + apart * apart * float(length), cut.outer)


def _distances(node: Node) -> tuple[Node, Node] | None:
    """The values and the centre of a sum of squares, if the centre comes from the sum of the values."""
    if node.op != "reduce_sum" or node.inputs[0].op != "mul":
        return None
    distance, other = node.inputs[0].inputs
    if distance is not other or distance.op != "sub" or not is_same_along(distance.inputs[1], node.param("axes")):
        return None
    x, centre = distance.inputs[0], distance.inputs[1].inputs[0]
    total = b.reduce("sum", x, node.param("axes"))
    return (x, centre) if centre.aval.size == node.aval.size and total in topological([centre], {x}) else None


def _fragments(shape: Shape) -> int:
    """How many fragments compute a result."""
    layout = layout_of(shape)
    return layout.blocks_wide * layout.blocks_high


def _parts(shape: Shape, axes: Sequence[int]) -> tuple[list[int], int, int]:
    """What is summed apart: axes that stay whole, the one that is cut, and about how many parts of it there should be.

    Parts are about as many as the square root of what there is to sum: then both stages take equally long.
    """
    wanted = math.isqrt(math.prod(shape[a] for a in axes))
    kept: list[int] = []
    for axis in axes:
        if shape[axis] > wanted or axis == axes[-1]:
            return kept, axis, wanted
        kept.append(axis)
        wanted //= shape[axis]
    raise ValueError("a reduction has axes")


def _along(x: Node, axis: int, start: int, stop: int) -> Node:
    starts, stops = [0] * len(x.shape), list(x.shape)
    starts[axis], stops[axis] = start, stop
    return b.slice_(x, starts, stops)


def _part_length(size: int, wanted: int, last: bool) -> int:
    """About the length of so many parts; if it is a divisor, nothing is left over, and whole texels are read faster."""
    length = max(1, size // max(wanted, 1))
    step = 4 if last else 1
    near = [d for d in range(step, 2 * length + 1, step) if size % d == 0 and d * 2 >= length]
    return min(near, key=lambda d: abs(d - length), default=max(step, length // step * step))
