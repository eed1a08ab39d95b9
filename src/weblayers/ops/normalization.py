"""Softmax and its logarithm, and normalization by given or neighbouring values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..graph import build as b
from . import arithmetic as a
from .dispatch import op, public


@op("x")
def softmax(x: Any, axis: int | Sequence[int] = -1) -> Any:
    """``exp(x) / sum(exp(x))`` along an axis, without overflow.

    >>> import weblayers as wl
    >>> wl.softmax([0, 0]).array_sync()
    [0.5, 0.5]
    """
    return b.bind("softmax", b.cast(x, "float32"), axes=b.normalize_axes(axis, len(x.shape)))


@op("x")
def log_softmax(x: Any, axis: int | Sequence[int] = -1) -> Any:
    """The logarithm of :func:`softmax`, accurate where that is small."""
    shifted = x - b.stop_gradient(b.reduce("max", x, axis, True))
    return shifted - b.unary("log", b.reduce("sum", b.unary("exp", shifted), axis, True))


@op("x", "mean", "variance", "offset", "scale")
def batch_norm(
    x: Any, mean: Any, variance: Any, offset: Any = None, scale: Any = None, variance_epsilon: float = 0.001
) -> Any:
    """``(x - mean) / sqrt(variance + variance_epsilon) * scale + offset``. Ioffe and Szegedy (2015).

    Statistics, offset and scale are vectors for the last axis, or tensors of the rank of x.

    >>> import weblayers as wl
    >>> wl.batch_norm([[1.0], [3.0]], [2.0], [1.0], variance_epsilon=0.0).array_sync()
    [[-1.0], [1.0]]
    """
    factor = a.rsqrt(a.add(variance, variance_epsilon))
    if scale is not None:
        factor = a.mul(factor, scale)
    out = a.mul(a.sub(x, mean), factor)
    return out if offset is None else a.add(out, offset)


@op("x")
def local_response_normalization(
    x: Any, depth_radius: int = 5, bias: float = 1, alpha: float = 1, beta: float = 0.5
) -> Any:
    """Each channel by ``(bias + alpha * sum) ** beta``, with the sum of squares of the channels up to a distance.

    Krizhevsky et al. (2012).

    >>> import weblayers as wl
    >>> wl.local_response_normalization(wl.ones([1, 1, 3]), 1).array_sync()[0][0][0]
    0.5773502588272095
    """
    if len(x.shape) not in (3, 4):
        raise ValueError(f"local_response_normalization wants images of rank 3 or 4, got {list(x.shape)}")
    squares = b.reshape(x * x, (math.prod(x.shape[:-1]), x.shape[-1], 1))
    near = b.pool("sum", squares, [2 * depth_radius + 1], [1], [(depth_radius, depth_radius)])
    return a.div(x, a.pow(a.add(a.mul(b.reshape(near, x.shape), float(alpha)), float(bias)), float(beta)))


@public
def moving_average(v: Any, x: Any, decay: Any, step: Any = None, zero_debias: bool = True) -> Any:
    """``v + (x - v) * (1 - decay)``: a mean in which older values fade.

    With ``zero_debias`` the change is divided by ``1 - decay ** step``, so that a mean that began at 0 is not too
    small in the first steps. It gives the new mean and changes nothing.

    >>> import weblayers as wl
    >>> wl.moving_average(wl.scalar(0.0), wl.scalar(8.0), 0.5, 1).array_sync()
    8.0
    """
    change = a.mul(a.sub(x, v), a.sub(1.0, decay))
    if zero_debias:
        if step is None:
            raise ValueError("moving_average: give the step, counted from 1, or zero_debias=False")
        change = a.div(change, a.sub(1.0, a.pow(decay, step)))
    return a.add(v, change)
