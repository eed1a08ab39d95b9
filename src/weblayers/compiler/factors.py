"""Sums by other ways: without the factors that all summands share, over fewer summands, or none at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..graph import build as b
from ..graph.node import Node, make_node, topological
from .views import number


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
            alone = sums_rows(node) and users[node.inputs[0]] == 1
            if alone or _is_separable(x, made.param("axes"), 1 if sums_rows(node) else 2):
                made = _sum(x, made.param("axes"), numbers)
        numbers.setdefault(made, len(numbers))
        new[node] = made
    return [new[n] for n in outputs]


def _sum(x: Node, axes: tuple[int, ...], numbers: dict[Node, int]) -> Node:
    negative, rest, same = _factors(x, axes)
    if not rest:
        return _total(x, axes)
    if len(rest) == 1 and rest[0].op in ("add", "sub") and _is_separable(rest[0], axes, 2):
        total = make_node(rest[0].prim, tuple(_sum(i, axes, numbers) for i in rest[0].inputs), {})
    else:
        product = x
        if same or negative:
            product, *others = sorted(rest, key=lambda n: numbers.get(n, -1))
            for factor in others:
                product = b.mul(product, factor)
        total = _total(product, axes)
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
        elif n.op == "div" and is_same_along(n.inputs[1], axes):
            stack.append(n.inputs[0])
            same.append((n.inputs[1].inputs[0], True))
        elif is_same_along(n, axes):
            same.append((n.inputs[0], False))
        else:
            rest.append(n)
    return negative, rest, same


def is_same_along(x: Node, axes: tuple[int, ...]) -> bool:
    (source,) = x.inputs if x.op == "broadcast" else (x,)
    return source is not x and (not source.shape or all(source.shape[a] == 1 for a in axes))


# -- sums of products -------------------------------------------------------------------------------------------------

# a product's sign, and how often it has each of its factors
Factors = tuple[bool, frozenset[tuple[Node, int]], frozenset[tuple[tuple[Node, bool], int]]]


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
            known.setdefault((_counted(*_factors(x, (len(x.shape) - 1,))), y), made)
    return [new[n] for n in outputs]


def _shorter_sum(node: Node, known: dict[tuple[Factors, Node], Node]) -> Node:
    (x,), axes = node.inputs, node.param("axes")
    if axes != (len(x.shape) - 1,):
        return node
    negative, rest, same = _factors(x, axes)
    for product in rest:
        if _is_plain(product, tb=True):
            a, y = product.inputs
            others = list(rest)
            others.remove(product)
            there = known.get((_counted(negative, others, same), y))
            if there is not None and a.shape[-1] <= x.shape[-1]:
                return b.reduce("sum", b.mul(a, there), axes)
    return node


def _is_plain(node: Node, tb: bool) -> bool:
    return node.op == "dot" and not node.param("ta") and node.param("tb") == tb and not node.param("ones")


def _counted(negative: bool, rest: list[Node], same: list[tuple[Node, bool]]) -> Factors:
    return negative, frozenset(Counter(rest).items()), frozenset(Counter(same).items())


def sums_rows(node: Node) -> bool:
    """Whether a node is a sum over the first axes, so that it is the sum of a matrix' rows."""
    leading = node.op == "reduce_sum" and node.param("axes") == tuple(range(len(node.param("axes"))))
    return leading and 1 < node.aval.size < node.inputs[0].aval.size


def _total(x: Node, axes: tuple[int, ...]) -> Node:
    """A sum; of distances from their own mean it is zero: what a variance's gradient passes on to the mean."""
    total = b.reduce("sum", x, axes)
    if x.op != "sub" or not is_same_along(x.inputs[1], axes):
        return total
    values, mean = x.inputs[0], _unshaped(x.inputs[1].inputs[0])
    if mean.op != "div" or mean.aval.size != total.aval.size:
        return total
    summed, count = _unshaped(mean.inputs[0]), number(mean.inputs[1])
    is_mean = count is not None and count.op == "constant" and count.param("value") * total.aval.size == x.aval.size
    return b.full(total.shape, 0.0) if is_mean and summed is b.reduce("sum", values, axes) else total


def _unshaped(x: Node) -> Node:
    while x.op == "reshape":
        x = x.inputs[0]
    return x
