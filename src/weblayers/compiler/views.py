"""Values under other names.

A reshape that keeps the layout is another name for the same texels, and a broadcast host scalar is one number: the
compiler reads through them, so that they need neither a draw nor a texture of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Set

from ..graph import build as b
from ..graph.node import Node
from .layout import layout_of, stripped

# What is stored in any case, or as well as what is made of it.
_STORED = ("input", "array", "dot", "conv", "conv_kernel_grad", "slots", "pool_max")


def is_leaf(node: Node) -> bool:
    """Whether a node is stored before anything runs."""
    return node.op in ("input", "array")


def is_view(node: Node) -> bool:
    """Whether a node is a reshape of something that lies in the same texels."""
    return node.op == "reshape" and layout_of(node.shape) == layout_of(node.inputs[0].shape)


def origin(node: Node) -> Node:
    """The value that a node is a name of."""
    while is_view(node):
        node = node.inputs[0]
    return node


def computed(node: Node) -> Node:
    """The value that a draw writes for an output: inputs and host scalars are copied."""
    value = origin(node)
    return b.bind("store", value) if is_leaf(value) or value.is_host else value


def operand(node: Node) -> Node:
    """What is stored for a product to read a node: moves that keep texels whole cost it some address arithmetic."""
    node = inner = origin(node)
    while _keeps_texels(inner):
        inner = origin(inner.inputs[0])
    return inner if inner.op in _STORED or _is_transposed(node, inner) else node


def side_by_side(product: Node) -> Node | None:
    """The left side of a product, if that can be read part by part: a concatenation of whole texels."""
    if product.op != "dot" or product.param("ta"):
        return None
    left = product.inputs[0]
    # the same rows, in the same order
    while left.op == "reshape" and left.shape[-1:] == left.inputs[0].shape[-1:]:
        left = left.inputs[0]
    is_along = left.op == "concat" and left.param("axis") == len(left.shape) - 1 == len(stripped(left.shape)) - 1
    return left if is_along and not any(i.shape[-1] % 4 for i in left.inputs) else None


def operands_of(products: Iterable[Node], whole: Set[Node]) -> set[Node]:
    """What is stored for products to read, and the ``whole`` values that are stored in any case.

    What lies side by side is read part by part, if no other product needs it as one.
    """
    products = list(products)
    apart = {n: left for n in products if (left := side_by_side(n)) is not None}
    needed = {operand(i) for n in products for i in n.inputs[n in apart :]} | whole
    for left in apart.values():
        needed |= {left} if left in needed else {operand(i) for i in left.inputs}
    return needed


def _keeps_texels(node: Node) -> bool:
    """Whether a node has the texels of another in another order."""
    if node.op == "transpose":
        mine, theirs = stripped(node.shape), stripped(node.inputs[0].shape)
        return node.param("perm")[len(mine) - 1] == len(theirs) - 1
    return node.op == "reshape" and not (layout_of(node.shape).cols % 4 or layout_of(node.inputs[0].shape).cols % 4)


def _is_transposed(node: Node, inner: Node) -> bool:
    while node is not inner:
        if node.op == "transpose":
            return True
        node = origin(node.inputs[0])
    return False


def number(node: Node) -> Node | None:
    """The host scalar that every element of a node is, if there is one."""
    while not node.is_host:
        if node.op not in ("broadcast", "reshape"):
            return None
        node = node.inputs[0]
    return node


def rows_of(node: Node) -> tuple[Node, int]:
    """The value of which a node is whole rows, and the first of them."""
    row = 0
    while True:
        node = origin(node)
        if node.op != "slice" or not _is_rows(node):
            return node, row
        row += node.param("start")[0]
        node = node.inputs[0]


def _is_rows(node: Node) -> bool:
    (x,) = node.inputs
    return len(x.shape) == 2 and node.shape[1] == x.shape[1] and node.param("step") == (1, 1)
