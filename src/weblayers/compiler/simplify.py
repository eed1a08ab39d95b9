"""Graph to graph: algebra, and the rewrites that give the kernels a better shape to work on.

Every pass keeps the meaning; tests hold them to it on random graphs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ..graph import build as b
from ..graph.node import Node, make_node, topological
from .epilogues import before_moves
from .expand import expanded
from .factors import factored_sums, shorter_sums
from .pools import before_unpool
from .sums import bias_as_row, split_squares, split_sums
from .views import number

Rule = Callable[[Node], Node]


def simplify(outputs: Sequence[Node], block: int = 4) -> list[Node]:
    """The same values, by other ways; ``block`` is how many rows of a product a fragment may compute."""
    outputs = rewrite(outputs, expanded)
    outputs = rewrite(outputs, algebra)
    outputs = rewrite(outputs, before_moves)
    outputs = rewrite(outputs, before_unpool)
    outputs = rewrite(outputs, shape_contractions)
    outputs = rewrite(outputs, bias_as_row(outputs))
    outputs = factored_sums(shorter_sums(outputs))
    outputs = rewrite(outputs, split_squares)
    outputs = rewrite(outputs, lambda node: split_sums(node, block))
    return rewrite(outputs, algebra)


def rewrite(outputs: Sequence[Node], rule: Rule) -> list[Node]:
    """Rebuild a graph bottom-up; the rule sees every node with its inputs already rewritten."""
    new: dict[Node, Node] = {}
    for node in topological(outputs):
        inputs = tuple(new[i] for i in node.inputs)
        same = inputs == node.inputs
        new[node] = rule(node if same else make_node(node.prim, inputs, node.params))
    return [new[n] for n in outputs]


# -- algebra ----------------------------------------------------------------------------------------------------------


def _constant(node: Node) -> float | None:
    """The number that every element of the node is, if it is a constant."""
    scalar = number(node)
    return scalar.param("value") if scalar is not None and scalar.op == "constant" else None


def algebra(node: Node) -> Node:
    if node.is_host and node.inputs and all(i.op == "constant" for i in node.inputs):
        return _folded(node)
    rule = _ALGEBRA.get(node.op)
    return rule(node) if rule else node


def _folded(node: Node) -> Node:
    values = [np.asarray(i.param("value"), np.float64) for i in node.inputs]
    with np.errstate(all="ignore"):
        return b.constant(float(node.prim.numpy(*values, **node.params)), node.dtype)


def _add(node: Node) -> Node:
    x, y = node.inputs
    return y if _constant(x) == 0 else x if _constant(y) == 0 else node


def _sub(node: Node) -> Node:
    x, y = node.inputs
    return x if _constant(y) == 0 else b.neg(y) if _constant(x) == 0 else node


def _mul(node: Node) -> Node:
    x, y = node.inputs
    a, c = _constant(x), _constant(y)
    if a == 1:
        return y
    if c == 1:
        return x
    return b.neg(y) if a == -1 else b.neg(x) if c == -1 else node


def _div(node: Node) -> Node:
    x, y = node.inputs
    return x if _constant(y) == 1 else node


def _neg(node: Node) -> Node:
    (x,) = node.inputs
    return x.inputs[0] if x.op == "neg" else node


def _pow(node: Node) -> Node:
    x, y = node.inputs
    exponent = _constant(y)
    if exponent == 1:
        return x
    if exponent == 2:
        return b.mul(x, x)
    if x.dtype != "float32":
        return node
    if exponent == 0.5:
        return b.unary("sqrt", x)
    return b.div(1.0, x) if exponent == -1 else node


def _where(node: Node) -> Node:
    condition, x, y = node.inputs
    known = _constant(condition)
    if x is y:
        return x
    return node if known is None else x if known else y


def _cast(node: Node) -> Node:
    (x,) = node.inputs
    if x.dtype == node.dtype:
        return x
    return b.cast(x, node.dtype) if x.op == "constant" else node


def _broadcast(node: Node) -> Node:
    (x,) = node.inputs
    if x.shape == node.shape:
        return x
    source = x
    while source.op in ("broadcast", "reshape") and source.aval.size == 1:
        source = source.inputs[0]
    # a number needs no shape on the way
    return b.broadcast(source, node.shape) if source.shape == () and source is not x else node


def _transpose(node: Node) -> Node:
    (x,) = node.inputs
    if x.op == "transpose":
        inner = x.param("perm")
        return b.transpose(x.inputs[0], tuple(inner[p] for p in node.param("perm")))
    perm, shape = node.param("perm"), x.shape
    moved = [p for p in perm if shape[p] != 1]
    # only axes of size 1 change places
    return b.reshape(x, node.shape) if moved == sorted(moved) else node


_ALGEBRA: dict[str, Rule] = {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "div": _div,
    "neg": _neg,
    "pow": _pow,
    "where": _where,
    "cast": _cast,
    "broadcast": _broadcast,
    "transpose": _transpose,
    "custom": lambda node: node.inputs[0],
    "reshape": lambda node: b.reshape(node.inputs[0], node.shape),
}


# -- contractions -----------------------------------------------------------------------------------------------------


def shape_contractions(node: Node) -> Node:
    """Products without two real sides become multiplications and sums; 1x1 convolutions become products."""
    if node.op == "dot":
        return _thin_dot(node)
    if node.op == "conv":
        return _pointwise_conv(node)
    return node


def _thin_dot(node: Node) -> Node:
    x, y = node.inputs
    x = _swapped(x) if node.param("ta") else x
    y = _swapped(y) if node.param("tb") else y
    m, k, n = x.shape[-2], x.shape[-1], y.shape[-1]
    if min(m, k, n) > 1:
        return node
    batch = x.shape[:-2]
    if k == 1:
        return b.mul(x, y)
    # put the summed axis last where both sides have it there, else before the columns
    if n == 1:
        return b.reduce("sum", b.mul(x, b.reshape(y, (*batch, 1, k))), -1, keepdims=True)
    return b.reduce("sum", b.mul(b.reshape(x, (*batch, k, 1)), y), -2, keepdims=True)


def _swapped(x: Node) -> Node:
    rank = len(x.shape)
    return b.transpose(x, (*range(rank - 2), rank - 1, rank - 2))


def _pointwise_conv(node: Node) -> Node:
    x, w = node.inputs
    rank = len(w.shape) - 2
    plain = all(d == 1 for d in (*w.shape[:rank], *node.param("lhs_dilation")))
    if not plain or any(p != (0, 0) for p in node.param("padding")):
        return node
    strides = node.param("strides")
    x = b.slice_(x, (0,) * len(x.shape), x.shape, (1, *strides, 1))
    rows = math.prod(x.shape[:-1])
    product = b.dot(b.reshape(x, (rows, x.shape[-1])), b.reshape(w, w.shape[rank:]), False, node.param("swap"))
    return b.reshape(_thin_dot(product), node.shape)
