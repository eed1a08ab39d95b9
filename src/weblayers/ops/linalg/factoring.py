"""Matrices as products: of triangles, and of orthogonal matrices and others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...graph import build as b
from ...graph.node import Node
from ...runtime.conversion import to_tensor
from ...runtime.tensor import Tensor
from ..dispatch import op, public
from ..host import values_of
from .columns import (
    check_rank,
    checked,
    eye_like,
    from_place,
    inner,
    lower,
    outer,
    over_columns,
    part,
    product,
    row_times,
    times_column,
    turned,
    unit,
    upper,
    with_gradient,
)
from .elimination import solved

# -- Cholesky ---------------------------------------------------------------------------------------------------------


def _cholesky_back(dy: Node, root: Node, a: Node) -> Sequence[Node]:
    """Murray, Differentiation of the Cholesky decomposition (2016), equation 10, made symmetric."""
    inverse = solved(root, eye_like(root))
    inside = product(root, lower(dy), turn_x=True)
    halved = (lower(inside) + lower(inside, 1)) * 0.5
    slope = product(product(inverse, halved, turn_x=True), inverse)
    return [(slope + turned(slope)) * 0.5]


@with_gradient(_cholesky_back)
def _root(a: Node) -> Node:
    size = a.shape[-1]

    def step(j: Node, rest: Node, root: Node) -> list[Node]:
        here = unit(size, j)
        column = b.where(from_place(size, j), times_column(rest, here), 0.0)
        column = column / b.unary("sqrt", inner(here, column))
        return [rest - outer(column, column), root + outer(column, here)]

    return over_columns(size, step, a, b.full(a.shape, 0.0))[1]


@op("x")
def cholesky(x: Any) -> Any:
    """The lower triangles L with ``L L^T = x``, in float32.

    Args:
        x: symmetric, positive definite matrices ``[..., n, n]``; only their lower triangles are read. Of others, the
            result has NaN.

    Raises:
        ValueError: the matrices are not square.

    >>> import weblayers as wl
    >>> wl.linalg.cholesky([[4, 2], [2, 5]]).array_sync()
    [[2.0, 0.0], [1.0, 2.0]]
    """
    return _root(checked("cholesky", x, square=True))


# -- QR ---------------------------------------------------------------------------------------------------------------


def _householder(a: Node) -> Node:
    """``[Q^T | R]``: reflections that make a triangle of A, applied to ``[I | A]``."""
    rows, columns = a.shape[-2:]

    def step(j: Node, x: Node) -> list[Node]:
        here = unit(rows, j)
        column = b.where(from_place(rows, j), times_column(x, unit(rows + columns, j + rows)), 0.0)
        first = inner(here, column)
        # away from the first element, lest digits cancel
        length = b.where(b.compare("lt", 0.0, first), -1.0, 1.0) * b.unary("sqrt", inner(column, column))
        mirror = column - length * here
        square = inner(mirror, mirror)
        scaled = mirror * b.where(b.compare("eq", square, 0.0), 0.0, 2.0 / square)
        return [x - outer(scaled, row_times(mirror, x))]

    return over_columns(min(rows, columns), step, b.concat([eye_like(a), a], len(a.shape) - 1))[0]


def _slope(q: Node, r: Node, dq: Node, back: Node) -> Node:
    """The gradient for A of full rank, with as many rows as columns or more; ``back`` is ``R dR^T``."""
    inside = back - product(dq, q, turn_x=True)
    symmetric = lower(inside) + turned(lower(inside, 1))
    return turned(solved(r, turned(dq + product(q, symmetric))))


def _qr_back(dy: Node, value: Node, a: Node) -> Sequence[Node]:
    (q, r), (dq, dr) = _taken_apart(value, a.shape[-2]), _taken_apart(dy, a.shape[-2])
    return [_slope(q, r, dq, product(r, dr, turn_y=True))]


def _taken_apart(value: Node, rows: int) -> tuple[Node, Node]:
    """Q and R of ``[Q^T | R]``."""
    return turned(part(value, slice(None), slice(rows))), upper(part(value, slice(None), slice(rows, None)))


@with_gradient(_qr_back)
def _reduced(a: Node) -> Node:
    return part(_householder(a), slice(a.shape[-1]), slice(None))


@op("x")
def qr(x: Any, full_matrices: bool = False) -> Any:
    """Matrices as products of an orthogonal Q and an upper triangle R, by reflections.

    The signs are TensorFlow.js': a number on the diagonal of R is negative where the one that it comes from, in the
    column before its reflection, is positive; else it is positive, or zero for a column of zeros.

    Args:
        x: ``[..., m, n]``.
        full_matrices: whether Q is ``[..., m, m]`` and R ``[..., m, n]`` even where m is greater than n.

    Returns:
        Q ``[..., m, min(m, n)]`` and R ``[..., min(m, n), n]``, in float32. They have gradients where the first
        min(m, n) columns are independent.

    >>> import weblayers as wl
    >>> q, r = wl.linalg.qr([[3, 1], [4, 2]])
    >>> bool(abs(wl.mat_mul(q, r) - wl.tensor([[3, 1], [4, 2]])).max().array_sync() < 1e-5)
    True
    """
    x = checked("qr", x)
    rows, columns = x.shape[-2:]
    if rows > columns and full_matrices:
        return _taken_apart(_householder(x), rows)
    q, r = _taken_apart(_reduced(part(x, slice(None), slice(rows))), rows)
    if rows < columns:
        r = b.concat([r, product(q, part(x, slice(None), slice(rows, None)), turn_x=True)], len(x.shape) - 1)
    return q, r


# -- Gram-Schmidt -----------------------------------------------------------------------------------------------------


def _orthogonal_back(dy: Node, y: Node, x: Node) -> Sequence[Node]:
    """The rows are the columns of Q where the given ones are those of QR, with a positive diagonal of R."""
    r = product(y, x, turn_y=True)
    return [turned(_slope(turned(y), r, turned(dy), b.full(r.shape, 0.0)))]


@with_gradient(_orthogonal_back)
def _orthogonal_rows(x: Node) -> Node:
    count = x.shape[-2]

    def step(i: Node, x: Node) -> list[Node]:
        here = unit(count, i)
        row = row_times(here, x)
        direction = row / b.unary("sqrt", inner(row, row))
        # only those that follow lose their part in this direction
        along = b.where(from_place(count, i + 1), times_column(x, direction), 0.0)
        return [x - outer(along, direction) + outer(here, direction - row)]

    return over_columns(count, step, x)[0]


@op("xs")
def gram_schmidt(xs: Any) -> Any:
    """Orthogonal vectors of length 1 that span what the given ones do: the first keeps its direction, and so on.

    Args:
        xs: a matrix whose rows are the vectors, or a list of vectors of one size; no more than their size, and
            independent of each other.

    Returns:
        A matrix or a list, as given; float32.

    >>> import weblayers as wl
    >>> wl.linalg.gram_schmidt([[2, 0], [3, 4]]).array_sync()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    if not isinstance(xs, list | tuple):
        return _orthogonal(xs)
    if len({v.shape for v in xs}) != 1 or len(xs[0].shape) != 1:
        raise ValueError(f"gram_schmidt wants vectors of one size, got shapes {[list(v.shape) for v in xs]}")
    size = xs[0].shape[0]
    together = _orthogonal(b.concat([b.reshape(v, (1, size)) for v in xs], 0))
    return [b.reshape(part(together, slice(i, i + 1), slice(None)), (size,)) for i in range(len(xs))]


def _orthogonal(x: Node) -> Node:
    if len(x.shape) != 2 or x.shape[0] > x.shape[1]:
        raise ValueError(f"gram_schmidt wants a matrix with at most as many rows as columns, got {list(x.shape)}")
    return _orthogonal_rows(b.cast(x, "float32"))


# -- singular values --------------------------------------------------------------------------------------------------


@public
def svd(x: Any, full_matrices: bool = False) -> tuple[Tensor, Tensor, Tensor]:
    """Singular values and vectors: U, s and V^T, as NumPy's, with ``(U * s) @ V^T = x``. Runs on the host.

    Args:
        x: ``[..., m, n]``.
        full_matrices: whether U is ``[..., m, m]`` and V^T ``[..., n, n]``.

    Returns:
        ``[..., m, k], [..., k], [..., k, n]`` in float32, where k is the lesser of m and n; s from the largest on.
        There are no gradients.

    >>> import weblayers as wl
    >>> wl.linalg.svd([[0, 2], [1, 0]])[1].array_sync()
    [2.0, 1.0]
    """
    values = values_of(x, "float32").astype(np.float64)
    check_rank("svd", values)
    u, s, v = np.linalg.svd(values, full_matrices=full_matrices)
    return to_tensor(u, "float32"), to_tensor(s, "float32"), to_tensor(v, "float32")
