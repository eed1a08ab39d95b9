"""Gauss-Jordan elimination with partial pivoting: equations, inverses and determinants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...graph import build as _b
from ...graph.node import Node
from ..dispatch import op
from .columns import (
    checked,
    eye_like,
    from_place,
    inner,
    outer,
    over_columns,
    part,
    product,
    row_times,
    times_column,
    turned,
    unit,
    with_gradient,
)


def _eliminated(x: Node) -> tuple[Node, Node]:
    """``[A | B]`` as ``[I | A^-1 B]``, and the determinant of A in a vector of one element."""
    rows, columns = x.shape[-2:]

    def step(j: Node, x: Node, det: Node) -> list[Node]:
        here = unit(rows, j)
        column = times_column(x, unit(columns, j))
        below = _b.where(from_place(rows, j), _b.unary("abs", column), -1.0)
        best = unit(rows, _b.argreduce("max", below, -1))
        # the row with the largest value comes here, and that from here to its place
        exchange = here - best
        top = row_times(best, x)
        pivot = inner(best, column)
        x = x + outer(exchange, top - row_times(here, x))
        column = column + exchange * (pivot - inner(here, column))
        # what is subtracted makes its own row 1 in this column, all others 0
        x = x - outer(column - here, top / pivot)
        # an exchange has two elements that are not 0, and turns the sign
        sign = 1.0 - _b.reduce("sum", _b.unary("abs", exchange), -1, keepdims=True)
        return [x, _b.where(_b.compare("eq", det, 0.0), 0.0, det * sign * pivot)]

    reduced, det = over_columns(rows, step, x, _b.full((*x.shape[:-2], 1), 1.0))
    return reduced, det


def solved(a: Node, y: Node) -> Node:
    """``a^-1 y``."""
    x, _ = _eliminated(_b.concat([a, y], len(a.shape) - 1))
    return part(x, slice(None), slice(a.shape[-1], None))


def _inverse_back(dy: Node, inverse: Node, a: Node) -> Sequence[Node]:
    return [_b.neg(product(product(inverse, dy, turn_x=True), inverse, turn_y=True))]


def _solution_back(dy: Node, x: Node, a: Node, y: Node) -> Sequence[Node]:
    back = solved(turned(a), dy)
    return [_b.neg(product(back, x, turn_y=True)), back]


def _determinant_back(dy: Node, det: Node, a: Node) -> Sequence[Node]:
    return [_b.reshape(dy * det, (*det.shape, 1, 1)) * turned(_inverse(a))]


@with_gradient(_inverse_back)
def _inverse(a: Node) -> Node:
    return solved(a, eye_like(a))


@with_gradient(_solution_back)
def _solution(a: Node, y: Node) -> Node:
    return solved(a, y)


@with_gradient(_determinant_back)
def _determinant(a: Node) -> Node:
    return _b.reshape(_eliminated(a)[1], a.shape[:-2])


@op("x")
def inv(x: Any) -> Any:
    """The inverse of square matrices, ``[..., n, n]``, in float32.

    Where there is none, the result is not finite, or huge as rounding leaves it: nothing is raised, as that would wait
    for the device.

    Raises:
        ValueError: the matrices are not square.

    >>> import weblayers as wl
    >>> wl.linalg.inv([[2, 0], [0, 4]]).array_sync()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    return _inverse(checked("inv", x, square=True))


@op("a", "b")
def solve(a: Any, b: Any) -> Any:
    """The x with ``a x = b``, in float32.

    Args:
        a: square matrices ``[..., n, n]``. Where one has no inverse, see :func:`inv`.
        b: a vector ``[n]``, or matrices ``[..., n, k]`` of k columns each; leading axes broadcast.

    Raises:
        ValueError: the matrices are not square, or the sizes differ.

    >>> import weblayers as wl
    >>> wl.linalg.solve([[2, 0], [0, 4]], [2, 2]).array_sync()
    [1.0, 0.5]
    """
    a, is_vector = checked("solve", a, square=True), len(b.shape) == 1
    if not b.shape or a.shape[-1] != b.shape[-2:][0]:
        raise ValueError(f"solve: matrices of shape {list(a.shape)} do not fit a right side of {list(b.shape)}")
    y = _b.cast(_b.reshape(b, (*b.shape, 1)) if is_vector else b, "float32")
    lead = _b.broadcast_shapes(a.shape[:-2], y.shape[:-2])
    x = _solution(_b.broadcast(a, (*lead, *a.shape[-2:])), _b.broadcast(y, (*lead, *y.shape[-2:])))
    return _b.reshape(x, x.shape[:-1]) if is_vector else x


@op("x")
def det(x: Any) -> Any:
    """The determinants of square matrices: ``[...]`` of ``[..., n, n]``, in float32.

    The gradient wants matrices that have an inverse.

    Raises:
        ValueError: the matrices are not square.

    >>> import weblayers as wl
    >>> wl.linalg.det([[0, 2], [3, 4]]).array_sync()
    -6.0
    """
    return _determinant(checked("det", x, square=True))
