"""What is done to a product element by element is done where the product is, before it is moved: by its kernel."""

from __future__ import annotations

import math

from ..graph import build as b
from ..graph.node import Node, Shape, make_node
from .kernel import ROOTS
from .layout import layout_of
from .sums import is_kernel_gradient
from .views import number

# So many operations are looked through for the product that they belong to.
LONGEST_CHAIN = 8


def before_moves(node: Node) -> Node:
    """A rule for :func:`~.simplify.rewrite`: ``f(moved(product), c)`` as ``moved(f(product, c))``.

    A number may stand for c, and what is the same for all rows of a product: the biases of heads, say.
    """
    if not node.prim.elementwise or node.is_host:
        return node
    moved = dict.fromkeys(i for i in node.inputs if _is_move(i))
    if len(moved) != 1:
        return node
    (move,) = moved
    (product,) = move.inputs
    if not _is_product(product):
        return node
    inputs = [product if i is move else _unmoved(i, move) for i in node.inputs]
    if any(i is None for i in inputs):
        return node
    value = make_node(node.prim, tuple(i for i in inputs if i is not None), node.params)
    return make_node(move.prim, (value,), move.params)


def _is_move(node: Node) -> bool:
    if node.op == "reshape":
        return layout_of(node.shape) != layout_of(node.inputs[0].shape)
    return node.op == "transpose"


def _is_product(node: Node) -> bool:
    for _ in range(LONGEST_CHAIN):
        if node.op in ROOTS:
            # kernel gradients go where the optimizer wants them
            return not is_kernel_gradient(node)
        tensors = [i for i in node.inputs if number(i) is None and i.op != "broadcast"]
        if not node.prim.elementwise or len(tensors) != 1:
            return False
        (node,) = tensors
    return False


def _unmoved(other: Node, move: Node) -> Node | None:
    """What else an operation computes with, for a product that is not moved; None if there is no such thing."""
    shape = move.inputs[0].shape
    scalar = number(other)
    if scalar is not None:
        return b.broadcast(scalar, shape)
    if other.op != "broadcast" or move.op != "reshape":
        return None
    (source,) = other.inputs
    row = _without_leading_ones(source.shape)
    rows = math.prod(move.shape[: len(move.shape) - len(row)])
    if row != move.shape[len(move.shape) - len(row) :] or rows != math.prod(shape[:-1]):
        return None
    return b.broadcast(b.reshape(source, (shape[-1],)), shape)


def _without_leading_ones(shape: Shape) -> Shape:
    first = next((i for i, d in enumerate(shape) if d != 1), len(shape))
    return shape[first:]
