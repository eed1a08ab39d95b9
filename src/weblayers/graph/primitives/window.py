"""Pooling over windows of the spatial axes of ``[n, *spatial, channels]``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .. import build as b
from ..node import Aval, Node, Shape
from ..registry import define, flat
from .movement import pad_value
from .reduction import of_nothing, without_nan

Pairs = Sequence[tuple[int, int]]


def _extents(spatial: Shape, window: Shape, strides: Shape, padding: Pairs) -> Shape:
    columns = zip(spatial, window, strides, padding, strict=True)
    out = tuple((d + lo + hi - w) // s + 1 for d, w, s, (lo, hi) in columns)
    if min(out) < 1:
        raise ValueError(f"pooling window {list(window)} is larger than the padded input {list(spatial)}")
    return out


def _pooled(x: Aval, window: Shape, strides: Shape, padding: Pairs) -> Aval:
    return Aval((x.shape[0], *_extents(x.shape[1:-1], window, strides, padding), x.shape[-1]), x.dtype)


def _windows(x: np.ndarray, window: Shape, strides: Shape, padding: Pairs, fill: float) -> np.ndarray:
    """``[n, *out, channels, prod(window)]``"""
    rank = len(window)
    lo, hi = ((0, *(p[i] for p in padding), 0) for i in (0, 1))
    x = pad_value(x, lo, hi, (0,) * x.ndim, fill)
    view = sliding_window_view(x, window, axis=tuple(range(1, rank + 1)))  # type: ignore[call-overload]  # its stubs know one axis only
    view = view[(slice(None), *(slice(None, None, s) for s in strides))]
    return view.reshape(*view.shape[: rank + 2], math.prod(window))


def _pool_sum(x: np.ndarray, **p: Any) -> np.ndarray:
    return _windows(x, **p, fill=0.0).sum(-1, dtype=x.dtype)


def _pool_max(x: np.ndarray, **p: Any) -> np.ndarray:
    return _windows(x, **p, fill=of_nothing("max", x.dtype.name)).max(-1)


def _pool_argmax(x: np.ndarray, **p: Any) -> np.ndarray:
    windows = _windows(x, **p, fill=of_nothing("max", x.dtype.name))
    return without_nan(windows, -np.inf).argmax(-1).astype(np.int32)


def _pool_sum_vjp(g: Node, out: Node, x: Node, **p: Any) -> list[Node | None]:
    return [b.unpool_sum(g, x.shape[1:-1], **p)]


def _pool_max_vjp(g: Node, out: Node, x: Node, **p: Any) -> list[Node | None]:
    return [b.unpool(b.pool("argmax", x, **p), g, x.shape[1:-1], **p)]


define("pool_sum", _pooled, _pool_sum, _pool_sum_vjp)
define("pool_max", _pooled, _pool_max, _pool_max_vjp)
define("pool_argmax", lambda x, **p: Aval(_pooled(x, **p).shape, "int32"), _pool_argmax, flat)


def _positions(index: np.ndarray, size: Shape, window: Shape, strides: Shape, padding: Pairs) -> tuple[np.ndarray, ...]:
    """The input position that each pooled element names, as index arrays."""
    axes = np.indices(index.shape)
    taps = np.unravel_index(index, window)
    spatial = []
    for i, (tap, d, s, (lo, _)) in enumerate(zip(taps, size, strides, padding, strict=True)):
        spatial.append(np.clip(axes[i + 1] * s + tap - lo, 0, d - 1))
    return (axes[0], *spatial, axes[-1])


def _unpool(index: np.ndarray, dy: np.ndarray, size: Shape, **p: Any) -> np.ndarray:
    out = np.zeros((dy.shape[0], *size, dy.shape[-1]), dy.dtype)
    np.add.at(out, _positions(index, size, **p), dy)
    return out


def _unpool_sum(dy: np.ndarray, size: Shape, window: Shape, strides: Shape, padding: Pairs) -> np.ndarray:
    """Every element collects from the windows over it: a pool of what is handed back, spread by the strides."""
    lo, hi = [0], [0]
    for d, o, w, s, (before, _) in zip(size, dy.shape[1:-1], window, strides, padding, strict=True):
        lo.append(w - 1 - before)
        hi.append(d + w - 1 - lo[-1] - ((o - 1) * s + 1))
    spread = pad_value(dy, (*lo, 0), (*hi, 0), (0, *(s - 1 for s in strides), 0), 0.0)
    beside = (1,) * len(window)
    return _pool_sum(spread, window=window, strides=beside, padding=((0, 0),) * len(window))


def _pool_at(index: np.ndarray, x: np.ndarray, **p: Any) -> np.ndarray:
    return x[_positions(index, x.shape[1:-1], **p)]


define(
    "unpool",
    lambda index, dy, size, **p: Aval((dy.shape[0], *size, dy.shape[-1]), dy.dtype),
    _unpool,
    lambda g, out, index, dy, size, **p: [None, b.pool_at(index, g, **p)],
)
define(
    "unpool_sum",
    lambda dy, size, **p: Aval((dy.shape[0], *size, dy.shape[-1]), dy.dtype),
    _unpool_sum,
    lambda g, out, dy, size, **p: [b.pool("sum", g, **p)],
)
define(
    "pool_at",
    lambda index, x, **p: Aval(index.shape, x.dtype),
    _pool_at,
    lambda g, out, index, x, **p: [None, b.unpool(index, g, x.shape[1:-1], **p)],
)
