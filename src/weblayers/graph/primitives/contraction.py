"""Matrix products and convolutions: sums of products that have kernels of their own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .. import build as b
from ..node import Aval, Node
from ..registry import define
from ..rounding import EXACT_ROWS, RowsRounded, rounded_up
from .movement import pad_value

Pairs = Sequence[tuple[int, int]]


def _dot_shape(x: Aval, y: Aval, ta: bool, tb: bool, ones: int) -> Aval:
    if len(x.shape) < 2 or len(x.shape) != len(y.shape) or x.shape[:-2] != y.shape[:-2]:
        raise ValueError(f"dot of shapes {list(x.shape)} and {list(y.shape)}")
    m, k = x.shape[-2:][:: -1 if ta else 1]
    k2, n = y.shape[-2:][:: -1 if tb else 1]
    if k != k2:
        raise ValueError(f"dot of shapes {list(x.shape)} and {list(y.shape)}: inner sizes {k} and {k2} differ")
    return Aval((*x.shape[:-2], m + ones, n), "float32")


def _dot_value(x: np.ndarray, y: np.ndarray, ta: bool, tb: bool, ones: int) -> np.ndarray:
    x = np.swapaxes(x, -1, -2) if ta else x
    y = np.swapaxes(y, -1, -2) if tb else y
    out = np.matmul(x, y)
    if not ones:
        return out
    more = np.zeros((*out.shape[:-2], ones - 1, out.shape[-1]), out.dtype)
    return np.concatenate([out, np.sum(y, -2, keepdims=True), more], -2)


def _dot_vjp(g: Node, out: Node, x: Node, y: Node, ta: bool, tb: bool, ones: int) -> list[Node | None]:
    if ones:
        raise NotImplementedError("dot with a row of ones is made by the compiler, after differentiation")
    dx = b.dot(y, g, tb, True) if ta else b.dot(g, y, False, not tb)
    dy = b.dot(g, x, True, ta) if tb else b.dot(x, g, not ta, False)
    return [dx, dy]


define("dot", _dot_shape, _dot_value, _dot_vjp)


def _conv_extent(size: int, k: int, s: int, p: tuple[int, int], ld: int, rd: int) -> int:
    return ((size - 1) * ld + 1 + p[0] + p[1] - ((k - 1) * rd + 1)) // s + 1


def _conv_shape(x: Aval, w: Aval, **p: Any) -> Aval:
    if len(x.shape) != len(w.shape) or x.shape[-1] != w.shape[-1 if p["swap"] else -2]:
        raise ValueError(f"convolution of input {list(x.shape)} with kernel {list(w.shape)}")
    columns = zip(
        x.shape[1:-1],
        w.shape[:-2],
        p["strides"],
        p["padding"],
        p["lhs_dilation"],
        p["rhs_dilation"],
        strict=True,
    )
    spatial = tuple(_conv_extent(*c) for c in columns)
    if min(spatial) < 1:
        raise ValueError(f"kernel {list(w.shape[:-2])} is larger than the padded input {list(x.shape[1:-1])}")
    return Aval((x.shape[0], *spatial, w.shape[-2 if p["swap"] else -1]), "float32")


def _patches(x: np.ndarray, kernel: Sequence[int], p: dict[str, Any]) -> np.ndarray:
    """The input under every kernel position: ``[n, *out, in, *kernel]``, a view."""
    rank = len(kernel)
    lo = (0, *(a for a, _ in p["padding"]), 0)
    hi = (0, *(e for _, e in p["padding"]), 0)
    x = pad_value(x, lo, hi, (0, *(d - 1 for d in p["lhs_dilation"]), 0), 0.0)
    extent = tuple((k - 1) * d + 1 for k, d in zip(kernel, p["rhs_dilation"], strict=True))
    view = sliding_window_view(x, extent, axis=tuple(range(1, rank + 1)))  # type: ignore[call-overload]  # its stubs know one axis only
    outer = (slice(None), *(slice(None, None, s) for s in p["strides"]), slice(None))
    return view[outer + tuple(slice(None, None, d) for d in p["rhs_dilation"])]


def _conv_value(x: np.ndarray, w: np.ndarray, **p: Any) -> np.ndarray:
    rank = w.ndim - 2
    w = np.flip(w, tuple(range(rank))) if p["flip"] else w
    w = np.swapaxes(w, -1, -2) if p["swap"] else w
    patches = _patches(x, w.shape[:rank], p)
    outer = patches.shape[: rank + 1]
    # [n, *out, *kernel, in] as rows against the kernel as a matrix
    matrix = w.reshape(-1, w.shape[-1])
    rows = np.moveaxis(patches, rank + 1, -1).reshape(math.prod(outer), len(matrix))
    return (rows @ matrix).reshape(*outer, w.shape[-1])


def _transposed(x: Node, kernel: Sequence[int], g: Node, **p: Any) -> dict[str, Any]:
    """The parameters of the convolution that takes the output's gradient to the input's."""
    padding = []
    columns = zip(
        x.shape[1:-1],
        g.shape[1:-1],
        kernel,
        p["strides"],
        p["padding"],
        p["lhs_dilation"],
        p["rhs_dilation"],
        strict=True,
    )
    for size, out, k, s, (lo, _), ld, rd in columns:
        before = (k - 1) * rd - lo
        after = (size - 1) * ld + 1 + (k - 1) * rd - before - ((out - 1) * s + 1)
        padding.append((before, after))
    return {**p, "strides": p["lhs_dilation"], "padding": tuple(padding), "lhs_dilation": p["strides"]}


def _input_gradient(g: Node, w: Node, x: Node, flip: bool, swap: bool, **p: Any) -> Node:
    """The gradient of a convolution's input is a convolution of the output's gradient, with the same weights."""
    return b.conv(g, w, **_transposed(x, w.shape[:-2], g, **p), flip=not flip, swap=not swap)


def _conv_vjp(g: Node, out: Node, x: Node, w: Node, flip: bool, swap: bool, **p: Any) -> list[Node | None]:
    kernel, rank = w.shape[:-2], len(w.shape) - 2
    # a convolution of spread pixels is the input gradient of one with strides, with the same kernel gradient: that one
    # multiplies no zeros
    is_spread = math.prod(p["lhs_dilation"]) > math.prod(p["strides"])
    if is_spread:
        dw = b.conv_kernel_grad(g, x, kernel=kernel, **_transposed(x, kernel, g, **p))
    else:
        dw = b.conv_kernel_grad(x, g, kernel=kernel, **p)
    inputs, outputs = (g, x) if is_spread else (x, g)
    dw = b.reshape(dw, (*kernel, inputs.shape[-1], outputs.shape[-1]))
    dw = b.reverse(dw, tuple(range(rank))) if flip != is_spread else dw
    dw = b.transpose(dw, (*range(rank), rank + 1, rank)) if swap != is_spread else dw
    return [_input_gradient(g, w, x, flip, swap, **p), dw]


define("conv", _conv_shape, _conv_value, _conv_vjp)


def _kernel_grad_shape(
    x: Aval, dy: Aval, kernel: Sequence[int], ones: bool, splits: int, rounded: RowsRounded, **p: Any
) -> Aval:
    wide, channels = rounded.extents(kernel, x.shape[-1])
    rows = rounded_up(math.prod(wide) * channels + ones, rounded.rows)
    return Aval((splits, rows, dy.shape[-1]) if splits else (rows, dy.shape[-1]), "float32")


def _kernel_grad_value(
    x: np.ndarray, dy: np.ndarray, kernel: Sequence[int], ones: bool, splits: int, rounded: RowsRounded, **p: Any
) -> np.ndarray:
    if splits:
        part = x.shape[0] // splits
        parts = [slice(i * part, (i + 1) * part) for i in range(splits)]
        return np.stack([_kernel_grad_value(x[i], dy[i], kernel, ones, 0, rounded, **p) for i in parts])
    patches = _patches(x, kernel, p)
    rank = len(kernel)
    # the last window may start past what the output covers
    patches = patches[(slice(None), *(slice(0, d) for d in dy.shape[1:-1]))]
    flat = dy.reshape(math.prod(dy.shape[:-1]), dy.shape[-1])
    rows = np.moveaxis(patches, rank + 1, -1).reshape(len(flat), math.prod(kernel) * x.shape[-1])
    taps = (rows.T @ flat).reshape(*kernel, x.shape[-1], dy.shape[-1])
    wide, channels = rounded.extents(kernel, x.shape[-1])
    more = [(0, w - d) for w, d in zip((*wide, channels), taps.shape, strict=False)]
    out = np.pad(taps, [*more, (0, 0)]).reshape(math.prod(wide) * channels, dy.shape[-1])
    out = np.concatenate([out, flat.sum(0, keepdims=True)]) if ones else out
    return np.pad(out, ((0, -len(out) % rounded.rows), (0, 0)))


def _kernel_grad_vjp(
    g: Node,
    out: Node,
    x: Node,
    dy: Node,
    kernel: Sequence[int],
    ones: bool,
    splits: int,
    rounded: RowsRounded,
    **p: Any,
) -> list[Node | None]:
    if ones or splits or rounded != EXACT_ROWS:
        raise NotImplementedError("split kernel gradients are made by the compiler, after differentiation")
    w = b.reshape(g, (*kernel, x.shape[-1], dy.shape[-1]))
    dx = _input_gradient(dy, w, x, flip=False, swap=False, **p)
    return [dx, b.conv(x, w, **p)]


define("conv_kernel_grad", _kernel_grad_shape, _kernel_grad_value, _kernel_grad_vjp)
