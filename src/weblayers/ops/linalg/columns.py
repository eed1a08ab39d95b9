"""What algorithms over the columns of matrices are made of; leading axes are batches throughout."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ...graph import build as b
from ...graph import scan as loops
from ...graph.node import Aval, Node
from ...graph.primitives.custom import Rule, custom
from ...runtime import tracing

# Graphs of that many shapes are kept.
KEPT = 256

Formula = Callable[..., Node]


def over_columns(count: int, step: Callable[..., Sequence[Node]], *states: Node) -> Sequence[Node]:
    """The states after ``states = step(j, *states)`` for each column j: a loop, or its steps inside another loop."""
    if not count:
        return states
    if _in_loop():
        for j in range(count):
            states = tuple(step(b.constant(j, "int32"), *states))
        return states
    loop, _ = loops.over([b.iota(count)], states, lambda carries, slices: (step(slices[0], *carries), []))
    return [loops.last(loop, i) for i in range(len(states))]


def with_gradient(back: Callable[..., Sequence[Node]]) -> Callable[[Formula], Formula]:
    """Make a function of nodes, which gives one, a function with a gradient by rule.

    Its graph is made once for each combination of shapes: calling it again gives the same nodes, although it has loops,
    and a plan that has them is found again.

    Args:
        back: ``back(dy, value, *operands)`` gives the gradients, one per operand.
    """

    def decorate(fn: Formula) -> Formula:
        @functools.lru_cache(KEPT)
        def made(in_loop: bool, *avals: Aval) -> tuple[Node, Rule]:
            # for all traces, and so of placeholders that are none of theirs
            with b.numbered(None):
                stands = [b.placeholder(a) for a in avals]
                value = fn(*stands)
                dy = b.placeholder(value.aval)
                return value, Rule(tuple(stands), dy, tuple(back(dy, value, *stands)))

        @functools.wraps(fn)
        def called(*operands: Node) -> Node:
            value, rule = made(_in_loop(), *(n.aval for n in operands))
            (here,) = loops.substituted([value], dict(zip(rule.operands, operands, strict=True)))
            return custom(here, list(operands), rule)

        return called

    return decorate


def _in_loop() -> bool:
    trace = tracing.current()
    return trace is not None and trace.in_loop


# -- vectors ----------------------------------------------------------------------------------------------------------


def unit(size: int, j: Node) -> Node:
    """The vector with 1 at j (or vectors, for several), and 0 elsewhere."""
    return b.one_hot(j, size)


def from_place(size: int, j: Node) -> Node:
    """Whether each place of a vector is at j or behind it."""
    return b.compare("le", j, b.iota(size))


def row_times(u: Node, x: Node) -> Node:
    """A row vector times a matrix."""
    return b.reduce("sum", b.reshape(u, (*u.shape, 1)) * x, -2)


def times_column(x: Node, v: Node) -> Node:
    """A matrix times a column vector."""
    return b.reduce("sum", x * b.reshape(v, (*v.shape[:-1], 1, v.shape[-1])), -1)


def inner(u: Node, v: Node) -> Node:
    """The product of two vectors, as vectors of one element, which broadcast."""
    return b.reduce("sum", u * v, -1, keepdims=True)


def outer(u: Node, v: Node) -> Node:
    """The matrix of the products of two vectors' elements."""
    return b.reshape(u, (*u.shape, 1)) * b.reshape(v, (*v.shape[:-1], 1, v.shape[-1]))


# -- matrices ---------------------------------------------------------------------------------------------------------


def checked(name: str, x: Node, square: bool = False) -> Node:
    """A matrix or a batch of them, in float32.

    Raises:
        ValueError: the rank is less than 2, or a matrix is not square that has to be.
    """
    check_rank(name, x)
    if square and x.shape[-1] != x.shape[-2]:
        raise ValueError(f"{name} wants square matrices, got shape {list(x.shape)}")
    return b.cast(x, "float32")


def check_rank(name: str, x: Any) -> None:
    if len(x.shape) < 2:
        raise ValueError(f"{name} wants matrices, a tensor of rank 2 or more, got shape {list(x.shape)}")


def eye_like(x: Node) -> Node:
    """The identity that multiplies matrices from the left."""
    rows = x.shape[-2]
    return b.broadcast(b.one_hot(b.iota(rows), rows), (*x.shape[:-1], rows))


def turned(x: Node) -> Node:
    """The transposed matrices."""
    rank = len(x.shape)
    return b.transpose(x, [*range(rank - 2), rank - 1, rank - 2])


def part(x: Node, rows: slice, columns: slice) -> Node:
    """Some rows and columns of matrices."""
    (top, bottom, _), (left, right, _) = rows.indices(x.shape[-2]), columns.indices(x.shape[-1])
    lead = x.shape[:-2]
    return b.slice_(x, (*(0 for _ in lead), top, left), (*lead, bottom, right))


def lower(x: Node, below: int = 0) -> Node:
    """The lower triangle, with zeros elsewhere; from that many places below the diagonal."""
    rows, columns = b.reshape(b.iota(x.shape[-2]), (-1, 1)), b.iota(x.shape[-1])
    return b.where(b.compare("le", columns + below, rows), x, 0.0)


def upper(x: Node) -> Node:
    """The upper triangle, with zeros elsewhere."""
    return turned(lower(turned(x)))


def product(x: Node, y: Node, turn_x: bool = False, turn_y: bool = False) -> Node:
    return b.dot(x, y, turn_x, turn_y)
