"""Sums of many values, in the shape that kernels compute best."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

from ..graph import build as b
from ..graph.node import Node, Shape, make_node, topological
from ..graph.primitives.reduction import COMBINE
from ..graph.rounding import RowsRounded, rounded_up
from .layout import layout_of

# A reduction of more rounds than this runs in two stages, unless its result alone keeps the GPU busy. Whole texels are
# read in a round along the last axis.
LONG_REDUCTION = 256
# Kernel gradients sum over all pixels; they are split over the batch until there are about so many fragments.
BUSY_FRAGMENTS = 1024
# A product over fewer rows costs less than to copy what it comes to.
SHORT_PRODUCT = 64


# -- factors of sums ------------------------------------------------------------------------------------------------


def factored_sums(outputs: Sequence[Node]) -> list[Node]:
    """A sum of products, some factors of which are the same for all summands, as a sum times these factors.

    What normalization sums for its gradients so comes down to two sums of a tensor, which one draw computes.
    """
    order = topological(outputs)
    users = Counter(i for n in order for i in set(n.inputs))
    # in the order in which nodes were seen: a product of the same factors is the same node
    numbers: dict[Node, int] = {}
    new: dict[Node, Node] = {}
    for node in order:
        made = make_node(node.prim, tuple(new[i] for i in node.inputs), node.params)
        if node.op == "reduce_sum" and node.dtype == "float32":
            (x,) = made.inputs
            # a value that others read too is there: over many rows, only what needs less is summed in its place
            alone = _sums_rows(node) and users[node.inputs[0]] == 1
            if alone or _is_separable(x, made.param("axes"), 1 if _sums_rows(node) else 2):
                made = _sum(x, made.param("axes"), numbers)
        numbers.setdefault(made, len(numbers))
        new[node] = made
    return [new[n] for n in outputs]


def _sum(x: Node, axes: tuple[int, ...], numbers: dict[Node, int]) -> Node:
    negative, rest, same = _factors(x, axes)
    if not rest:
        return b.reduce("sum", x, axes)
    if len(rest) == 1 and rest[0].op in ("add", "sub") and _is_separable(rest[0], axes, 2):
        total = make_node(rest[0].prim, tuple(_sum(i, axes, numbers) for i in rest[0].inputs), {})
    else:
        product = x
        if same or negative:
            product, *others = sorted(rest, key=lambda n: numbers.get(n, -1))
            for factor in others:
                product = b.mul(product, factor)
        total = b.reduce("sum", product, axes)
    for factor, divides in same:
        shape = tuple(d for i, d in enumerate(factor.shape) if i not in axes) if factor.shape else ()
        factor = b.broadcast(b.reshape(factor, shape), total.shape)
        total = b.div(total, factor) if divides else b.mul(total, factor)
    return b.neg(total) if negative else total


def _is_separable(x: Node, axes: tuple[int, ...], most: int) -> bool:
    """Whether a sum's terms all lose factors when they are summed apart, and keep at most so many."""
    terms, stack = list[Node](), [x]
    while stack:
        n = stack.pop()
        stack.extend(n.inputs) if n.op in ("add", "sub", "neg") else terms.append(n)
    parts = [_factors(n, axes) for n in terms]
    return len(terms) > 1 and all(1 <= len(rest) <= most and same for _, rest, same in parts)


def _factors(x: Node, axes: tuple[int, ...]) -> tuple[bool, list[Node], list[tuple[Node, bool]]]:
    """A product's sign, the factors that differ along axes, and those that do not, with whether they divide."""
    negative, rest, same = False, list[Node](), list[tuple[Node, bool]]()
    stack = [x]
    while stack:
        n = stack.pop()
        if n.op == "mul":
            stack.extend(reversed(n.inputs))
        elif n.op == "neg":
            negative = not negative
            stack.append(n.inputs[0])
        elif n.op == "div" and _is_same_along(n.inputs[1], axes):
            stack.append(n.inputs[0])
            same.append((n.inputs[1].inputs[0], True))
        elif _is_same_along(n, axes):
            same.append((n.inputs[0], False))
        else:
            rest.append(n)
    return negative, rest, same


def _is_same_along(x: Node, axes: tuple[int, ...]) -> bool:
    (source,) = x.inputs if x.op == "broadcast" else (x,)
    return source is not x and (not source.shape or all(source.shape[a] == 1 for a in axes))


# -- sums of products -------------------------------------------------------------------------------------------------

Factors = tuple[frozenset[tuple[Node, int]], frozenset[tuple[tuple[Node, bool], int]]]


def shorter_sums(outputs: Sequence[Node]) -> list[Node]:
    """``sum((a b^T) * x)`` along rows, where there is ``x b`` too, as ``sum(a * (x b))``.

    So a softmax' gradient in attention sums what it passes on over the keys' values and not over the keys, before the
    product that needs the sum. Dao et al., "FlashAttention" (2022), equation 4.
    """
    known: dict[tuple[Factors, Node], Node] = {}
    new: dict[Node, Node] = {}
    for node in topological(outputs):
        made = make_node(node.prim, tuple(new[i] for i in node.inputs), node.params)
        new[node] = _shorter_sum(made, known) if made.op == "reduce_sum" else made
        if _is_plain(made, tb=False):
            x, y = made.inputs
            known.setdefault((_counted(*_factors(x, (len(x.shape) - 1,))[1:]), y), made)
    return [new[n] for n in outputs]


def _shorter_sum(node: Node, known: dict[tuple[Factors, Node], Node]) -> Node:
    (x,), axes = node.inputs, node.param("axes")
    if axes != (len(x.shape) - 1,):
        return node
    negative, rest, same = _factors(x, axes)
    for product in rest:
        if _is_plain(product, tb=True) and not negative:
            a, y = product.inputs
            others = list(rest)
            others.remove(product)
            there = known.get((_counted(others, same), y))
            if there is not None and a.shape[-1] <= x.shape[-1]:
                return b.reduce("sum", b.mul(a, there), axes)
    return node


def _is_plain(node: Node, tb: bool) -> bool:
    return node.op == "dot" and not node.param("ta") and node.param("tb") == tb and not node.param("ones")


def _counted(rest: list[Node], same: list[tuple[Node, bool]]) -> Factors:
    return frozenset(Counter(rest).items()), frozenset(Counter(same).items())


# -- bias gradients ---------------------------------------------------------------------------------------------------


def bias_as_row(outputs: Sequence[Node]) -> Callable[[Node], Node]:
    """Where a layer's kernel gradient ``x^T dy`` meets its bias gradient ``sum(dy)``, compute both as one product.

    The sum is the product with one more row of ones: no draw of its own, and the bias lies under the kernel.
    """
    order = topological(outputs)
    sums = {_columns_of(n.inputs[0], n.aval.size) for n in order if _sums_rows(n)}
    products: dict[tuple[Node, int], Node] = {}
    for n in order:
        if is_kernel_gradient(n) and _rows_of_gradient(n) in sums:
            products.setdefault(_rows_of_gradient(n), n)

    def rule(node: Node) -> Node:
        if is_kernel_gradient(node) and products.get(_rows_of_gradient(node)) is node:
            whole = _with_ones(node)
            return b.slice_(whole, (0, 0), node.shape)
        if _sums_rows(node) and (product := products.get(_columns_of(node.inputs[0], node.aval.size))):
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


def _sums_rows(node: Node) -> bool:
    """Whether a node is a sum over the first axes, so that it is the sum of a matrix' rows."""
    leading = node.op == "reduce_sum" and node.param("axes") == tuple(range(len(node.param("axes"))))
    return leading and 1 < node.aval.size < node.inputs[0].aval.size


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


def _split_reduction(node: Node) -> Node:
    """Reduce in parts first, so that the parts run beside each other."""
    (x,) = node.inputs
    axes = node.param("axes")
    length = math.prod(x.shape[a] for a in axes)
    rounds = length // 4 if axes[-1] == len(x.shape) - 1 else length
    if rounds <= LONG_REDUCTION or 2 * _fragments(node.shape) >= BUSY_FRAGMENTS:
        return node
    kept, axis, wanted = _parts(x.shape, axes)
    size = x.shape[axis]
    part = _part_length(size, wanted, last=axis == len(x.shape) - 1)
    if part >= size:
        return node
    kind = node.op.removeprefix("reduce_")
    count = size // part
    shape = (*x.shape[:axis], count, part, *x.shape[axis + 1 :])
    whole = b.reshape(_along(x, axis, 0, count * part), shape)
    partial = b.reduce(kind, whole, [a if a < axis else a + 1 for a in axes if a not in (*kept, axis)] + [axis + 1])
    rest = [a - sum(1 for other in axes if other < a and other not in kept) for a in (*kept, axis)]
    total = b.reduce(kind, b.bind("store", partial), rest)
    if size % part == 0:
        return total
    return b.bind(COMBINE[kind], total, b.reduce(kind, _along(x, axis, count * part, size), axes))


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
