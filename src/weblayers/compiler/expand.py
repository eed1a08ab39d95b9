"""Primitives that no single draw computes, as graphs of others that do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..graph import build as b
from ..graph.node import Aval, Node, Primitive, make_node
from ..graph.primitives.reduction import IDENTITY, of_nothing


def expanded(node: Node) -> Node:
    """A rule for :func:`~.simplify.rewrite`."""
    if any(i.aval.size == 0 for i in (node, *node.inputs)):
        return _without_elements(node)
    rule = _EXPANSIONS.get(node.op)
    return rule(node) if rule else node


def _without_elements(node: Node) -> Node:
    """What has no elements, or is made of what has none: nobody draws it, nobody reads it."""
    if node.op in ("input", "array"):
        return node
    if node.op == "custom":
        return node.inputs[0]
    if node.op == "concat" and node.aval.size:
        return b.concat([i for i in node.inputs if i.aval.size], node.param("axis"))
    value = node.param("value") if node.op == "pad" else 0.0
    if node.op.startswith("reduce_") and node.aval.size:
        value = of_nothing(node.op.removeprefix("reduce_"), node.dtype)
    return b.full(node.shape, value, node.dtype)


# -- scatter ----------------------------------------------------------------------------------------------------------


def _executed_by_shaders(*_: object, **__: object) -> np.ndarray:
    raise RuntimeError("chains exist in plans only")


# Rows of updates summed along chains: a row of the result begins at ``first``, and ``following`` leads from update to
# update until the number of updates is reached.
CHAIN_SUM = Primitive(
    "chain_sum",
    lambda first, following, updates: Aval((*first.shape, *updates.shape[1:]), updates.dtype),
    _executed_by_shaders,
    cost=40,
)


# So many comparisons of indices cost more than sorting them.
MANY_COMPARISONS = 10_000_000
# Updates that are summed once for all, where a chain has them all.
RUN = 32


def _scatter_add(node: Node) -> Node:
    """Updates of one row as a chain. The chains cost comparisons of indices, for all columns once; the sums then read
    what belongs to them and nothing else. No blending: some phones cannot blend floats, and sums keep their order."""
    index, updates = node.inputs
    (n,), size = index.shape, node.param("size")
    if n >= RUN and n * (n + size) > MANY_COMPARISONS:
        return _sorted_scatter_add(index, updates, size)
    place = b.iota(n)
    rows = b.reshape(b.iota(size), (-1, 1))
    first = b.reduce("min", b.where(b.compare("eq", rows, index), place, n), 1)
    later = b.compare("lt", b.reshape(place, (n, 1)), place)
    same = b.compare("eq", b.reshape(index, (n, 1)), index)
    following = b.reduce("min", b.where(b.bind("and", same, later), place, n), 1)
    return make_node(CHAIN_SUM, (b.bind("store", first), b.bind("store", following), updates), {})


def _sorted_scatter_add(index: Node, updates: Node, size: int) -> Node:
    """The same of sorted updates, where a row finds its first by halves. A chain goes from update to update, or takes
    a run of them in one go: behind the updates lie the sums of runs. So no chain is longer than some and all runs."""
    (n,) = index.shape
    order = b.bind("store", _argsort(b.argsort(index, descending=False)))
    keys = b.bind("store", b.gather(index, order, 0))
    ordered = b.gather(updates, order, 0)
    runs = n // RUN
    whole = b.slice_(ordered, [0] * len(updates.shape), (runs * RUN, *updates.shape[1:]))
    sums = b.reduce("sum", b.reshape(whole, (runs, RUN, *updates.shape[1:])), 1)

    def key_at(place: Node) -> Node:
        return b.gather(keys, b.minimum(place, n - 1), 0)

    def link(place: Node, key: Node) -> Node:
        """Where a chain of a key goes on that has come to a place: a run that is all of the key, an update, its end."""
        at_run = b.compare("eq", b.mod(place, RUN), 0)
        fits = b.compare("le", place + RUN, runs * RUN)
        is_run = b.bind("and", b.bind("and", at_run, fits), b.compare("eq", key_at(place + (RUN - 1)), key))
        goes_on = b.bind("and", b.compare("lt", place, n), b.compare("eq", key_at(place), key))
        run = n + b.cast(b.unary("floor", b.div(place, float(RUN))), "int32")
        return b.where(goes_on, b.where(is_run, run, place), n + runs)

    rows = b.iota(size)
    begins = b.full((size,), 0, "int32")
    step = 1 << (n.bit_length() - 1)
    while step:
        # all keys before a place are less than the row
        probe = begins + step
        less = b.bind("and", b.compare("le", probe, n), b.compare("lt", key_at(probe - 1), rows))
        begins = b.where(less, probe, begins)
        step //= 2
    after = b.concat([b.iota(n) + 1, (b.iota(runs) + 1) * RUN], 0)
    following = link(after, key_at(after - 1))
    stored = [b.bind("store", link(begins, rows)), b.bind("store", following)]
    return make_node(CHAIN_SUM, (*stored, b.bind("store", b.concat([ordered, sums], 0))), {})


# -- sort -------------------------------------------------------------------------------------------------------------


def _argsort(node: Node) -> Node:
    """Batcher's bitonic sorter (1968): log2(n)^2 / 2 passes, each over all pairs at once."""
    (x,) = node.inputs
    *lead, n = x.shape
    size = 1 << max(0, n - 1).bit_length()
    keys = b.cast(x, "float32")
    keys = b.neg(keys) if not node.param("descending") else keys
    # what fills up to a power of two comes last: nothing is less, and of equals its places are behind
    keys = b.pad(keys, [0] * len(x.shape), [0] * len(lead) + [size - n], value=IDENTITY["max"])
    places = b.broadcast(b.iota(size), keys.shape)
    block = 2
    while block <= size:
        apart = block // 2
        while apart:
            keys, places = _exchanged(keys, places, block, apart)
            apart //= 2
        block *= 2
    return b.slice_(places, [0] * len(x.shape), x.shape)


def _exchanged(keys: Node, places: Node, block: int, apart: int) -> tuple[Node, Node]:
    """One pass: values ``apart`` from each other, in order; every other block the other way round."""
    *lead, size = keys.shape
    pairs = size // (2 * apart)
    split = (*lead, pairs, 2, apart)
    (key, other), (place, rival) = (_halves(b.reshape(v, split)) for v in (keys, places))
    before = b.compare("lt", place, rival)
    ahead = b.bind("or", b.compare("lt", other, key), b.bind("and", b.compare("eq", key, other), before))
    number = b.unary("floor", b.cast(b.iota(pairs), "float32") * (2 * apart / block))
    forwards = b.compare("eq", b.binary("mod", number, 2.0), 0.0)
    stays = b.compare("eq", ahead, b.broadcast(b.reshape(forwards, (pairs, 1, 1)), key.shape))
    joined = []
    for mine, theirs in ((key, other), (place, rival)):
        pair = b.concat([b.where(stays, mine, theirs), b.where(stays, theirs, mine)], len(lead) + 1)
        joined.append(b.bind("store", b.reshape(pair, keys.shape)))
    return joined[0], joined[1]


def _halves(x: Node) -> tuple[Node, Node]:
    axis = len(x.shape) - 2
    lo, hi = [0] * len(x.shape), list(x.shape)
    lo[axis], hi[axis] = 1, 1
    return b.slice_(x, [0] * len(hi), hi), b.slice_(x, lo, x.shape)


# -- softmax ----------------------------------------------------------------------------------------------------------


def _softmax(node: Node) -> Node:
    (x,), axes = node.inputs, node.param("axes")
    e = b.unary("exp", x - b.reduce("max", x, axes, keepdims=True))
    return e / b.reduce("sum", e, axes, keepdims=True)


_EXPANSIONS: dict[str, Callable[[Node], Node]] = {
    "scatter_add": _scatter_add,
    "argsort": _argsort,
    "softmax": _softmax,
    # gradients are made already
    "stop_gradient": lambda node: node.inputs[0],
}
