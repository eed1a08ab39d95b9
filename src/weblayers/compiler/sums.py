"""Sums of many values, in the shape that kernels compute best."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

from ..graph import build as b
from ..graph.node import Node, make_node, topological
from ..graph.primitives.reduction import COMBINE

# A reduction longer than this runs in two stages, unless its result alone keeps the GPU busy.
LONG_REDUCTION = 1024
# Kernel gradients sum over all pixels; they are split over the batch until there are about so many fragments.
BUSY_FRAGMENTS = 1024


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


# -- bias gradients ---------------------------------------------------------------------------------------------------


def bias_as_row(outputs: Sequence[Node]) -> Callable[[Node], Node]:
    """Where a layer's kernel gradient ``x^T dy`` meets its bias gradient ``sum(dy)``, compute both as one product.

    The sum is the product with one more row of ones: no draw of its own, and the bias lies under the kernel.
    """
    order = topological(outputs)
    sums = {_columns_of(n.inputs[0], n.aval.size) for n in order if _sums_rows(n)}
    products: dict[tuple[Node, int], Node] = {}
    for n in order:
        if _is_kernel_gradient(n) and _rows_of_gradient(n) in sums:
            products.setdefault(_rows_of_gradient(n), n)

    def rule(node: Node) -> Node:
        if _is_kernel_gradient(node) and products.get(_rows_of_gradient(node)) is node:
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


def _is_kernel_gradient(node: Node) -> bool:
    if node.op == "dot":
        plain = node.param("ta") and not node.param("tb") and not node.param("ones")
        return plain and len(node.shape) == 2 and min(node.shape) > 1
    return node.op == "conv_kernel_grad" and not node.param("ones") and min(node.shape) > 1


def _with_ones(node: Node) -> Node:
    return make_node(node.prim, node.inputs, {**node.params, "ones": True})


# -- long sums --------------------------------------------------------------------------------------------------------


def split_sums(node: Node) -> Node:
    if node.op == "conv_kernel_grad" and not node.param("splits"):
        return _split_kernel_gradient(node)
    if node.op.startswith("reduce_"):
        return _split_reduction(node)
    return node


def _split_kernel_gradient(node: Node) -> Node:
    images = node.inputs[0].shape[0]
    pads = _pads_taps(node)
    fragments = -(-node.shape[0] // 4) * -(-node.shape[1] // 4)
    parts = _divisor_at_least(images, BUSY_FRAGMENTS // fragments)
    if parts == 1 and not pads:
        return node
    split = make_node(node.prim, node.inputs, {**node.params, "splits": parts, "pad_taps": pads})
    # the whole gradient is stored, as it can be packed with others; a sum of parts inside an update could not
    return b.bind("store", _unpadded(b.reduce("sum", split, 0), node, pads))


def _pads_taps(node: Node) -> bool:
    """Whether rows of taps are rounded up to blocks of four.

    With one input channel the rows of a block are neighbouring taps; begun at a multiple of four, all pixels that a
    block needs for four outputs lie in two texels.
    """
    x, _ = node.inputs
    dilations = (*node.param("lhs_dilation"), *node.param("rhs_dilation"), *node.param("strides"))
    plain = all(d == 1 for d in dilations) and all(p == (0, 0) for p in node.param("padding"))
    return x.shape[-1] == 1 and node.param("kernel")[-1] % 4 != 0 and plain


def _unpadded(total: Node, node: Node, pads: bool) -> Node:
    """The rows of a kernel gradient without those that only fill blocks."""
    columns = node.shape[1]
    if not pads:
        return b.slice_(total, (0, 0), node.shape)
    *lead, last = node.param("kernel")
    heads, wide = math.prod(lead), -(-last // 4) * 4
    taps = b.reshape(b.slice_(total, (0, 0), (heads * wide, columns)), (heads, wide, columns))
    taps = b.reshape(b.slice_(taps, (0, 0, 0), (heads, last, columns)), (heads * last, columns))
    if not node.param("ones"):
        return taps
    return b.concat([taps, b.slice_(total, (heads * wide, 0), (heads * wide + 1, columns))], 0)


def _divisor_at_least(n: int, wanted: int) -> int:
    """The smallest divisor of n that is at least ``wanted`` (n itself if there is none)."""
    return next(d for d in range(max(1, min(n, wanted)), n + 1) if n % d == 0)


def _split_reduction(node: Node) -> Node:
    """Reduce the longest axis in parts first, so that the parts run beside each other."""
    (x,) = node.inputs
    axes = node.param("axes")
    length = math.prod(x.shape[a] for a in axes)
    if length <= LONG_REDUCTION or node.aval.size * 4 > length:
        return node
    kind = node.op.removeprefix("reduce_")
    axis = max(axes, key=lambda a: x.shape[a])
    size = x.shape[axis]
    part = _part_length(size)
    if part >= size:
        return node
    count = size // part
    shape = (*x.shape[:axis], count, part, *x.shape[axis + 1 :])
    whole = b.reshape(_along(x, axis, 0, count * part), shape)
    partial = b.reduce(kind, whole, [a if a < axis else a + 1 for a in axes if a != axis] + [axis + 1])
    total = b.reduce(kind, partial, sum(1 for a in range(axis) if a not in axes))
    if size % part == 0:
        return total
    return b.bind(COMBINE[kind], total, b.reduce(kind, _along(x, axis, count * part, size), axes))


def _along(x: Node, axis: int, start: int, stop: int) -> Node:
    starts, stops = [0] * len(x.shape), list(x.shape)
    starts[axis], stops[axis] = start, stop
    return b.slice_(x, starts, stops)


def _part_length(size: int) -> int:
    """About the square root of ``size``, and a multiple of 4, as whole texels are read faster: a divisor if there is
    one nearby."""
    root = math.isqrt(size)
    near = [d for d in range(4, 2 * root + 1, 4) if size % d == 0 and d * 2 >= root]
    return min(near, key=lambda d: abs(d - root), default=max(4, root // 4 * 4))
