"""Where windows lie: sizes, strides and padding of convolutions and pools."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..graph import build as b
from ..graph.node import Node

# ``"valid"``, ``"same"``, ``"causal"``, a number for all sides, or pairs: of the spatial axes, or of all.
Pads = str | int | Sequence[Sequence[int]]

_ROUNDINGS: dict[str | None, Callable[[float], int]] = {
    None: math.floor,
    "floor": math.floor,
    "ceil": math.ceil,
    "round": lambda x: math.floor(x + 0.5),
}


def per_axis(value: int | Sequence[int] | None, rank: int) -> tuple[int, ...]:
    """A number for each spatial axis; 1 if there is None.

    Raises:
        ValueError: there are more or fewer.
    """
    value = 1 if value is None else value
    values = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(values) == 1:
        return values * rank
    if len(values) != rank:
        raise ValueError(f"expected a number, or one for each of {rank} spatial axes, got {list(values)}")
    return values


def same_padding(size: int, window: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Zeros before and after so that ``ceil(size / stride)`` windows fit; an odd one goes after."""
    extent = (window - 1) * dilation + 1
    total = max(0, (-(-size // stride) - 1) * stride + extent - size)
    return total // 2, total - total // 2


def paddings(
    pad: Pads,
    sizes: Sequence[int],
    window: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    rounding: str | None = None,
) -> list[tuple[int, int]]:
    """Zeros before and after each spatial axis.

    Where strides do not fill a size that is padded by numbers, ``rounding`` says how the number of windows is
    rounded: ``"floor"`` (also None), ``"round"`` or ``"ceil"``, which adds zeros after.

    Raises:
        ValueError: there is no such padding or rounding.
    """
    if rounding not in _ROUNDINGS:
        raise ValueError(f"unknown dim_rounding_mode {rounding!r}; expected 'floor', 'round' or 'ceil'")
    if pad == "same":
        return [same_padding(*c) for c in zip(sizes, window, strides, dilations, strict=True)]
    if pad == "causal":
        return [((w - 1) * d, 0) for w, d in zip(window, dilations, strict=True)]
    if pad == "valid":
        return [(0, 0)] * len(window)
    if isinstance(pad, str):
        raise ValueError(f"unknown padding {pad!r}; expected 'valid', 'same', a number or a pair of numbers per axis")
    pairs = [(pad, pad)] * len(window) if isinstance(pad, int) else [(int(p[0]), int(p[1])) for p in pad]
    pairs = pairs[1:-1] if len(pairs) == len(window) + 2 else pairs
    around = []
    for (before, after), n, w, s, d in zip(pairs, sizes, window, strides, dilations, strict=True):
        room = n + before + after - ((w - 1) * d + 1)
        short = _ROUNDINGS[rounding](room / s) * s - room
        around.append((before, after + max(0, short)))
    return around


# -- other ways to lay out images -------------------------------------------------------------------------------------

FIRST = ("NCW", "NCHW", "NCDHW")
LAST = ("NWC", "NHWC", "NDHWC")


def spatial_pads(pad: Pads, data_format: str) -> Pads:
    """Padding of all axes in the order of channels last; other padding as it is."""
    if isinstance(pad, str | int) or data_format not in FIRST or len(pad) != len(data_format):
        return pad
    return [pad[0], *pad[2:], pad[1]]


def over_images(name: str, x: Node, rank: int, data_format: str, fn: Callable[[Node], Any]) -> Any:
    """A function of ``[batch, *spatial, channels]`` for one image without a batch too, and for channels before space.

    Raises:
        ValueError: x is neither, or the format is unknown.
    """
    if data_format not in (FIRST[rank - 1], LAST[rank - 1]):
        raise ValueError(f"{name}: data_format must be {LAST[rank - 1]!r} or {FIRST[rank - 1]!r}, got {data_format!r}")
    single = len(x.shape) == rank + 1
    if len(x.shape) not in (rank + 1, rank + 2):
        raise ValueError(f"{name} wants rank {rank + 2}, or {rank + 1} without a batch, got shape {list(x.shape)}")
    first = data_format in FIRST
    x = b.reshape(x, (1, *x.shape)) if single else x
    x = b.transpose(x, (0, *range(2, rank + 2), 1)) if first else x
    out = fn(x)
    results = list(out) if isinstance(out, list | tuple) else [out]
    results = [b.transpose(r, (0, rank + 1, *range(1, rank + 1))) for r in results] if first else results
    results = [b.reshape(r, r.shape[1:]) for r in results] if single else results
    return results if isinstance(out, list | tuple) else results[0]
