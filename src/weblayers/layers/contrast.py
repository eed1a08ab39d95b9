"""Layers that use the whole range of colours: they stretch what there is of it, the same way at any time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ops import accumulation, counting, indexing, movement, rearranging, reduction
from ..ops import arithmetic as a
from ..runtime import tracing
from ..runtime.tensor import Tensor
from . import context
from .base import positive
from .random_images import Ranged
from .symbolic import is_symbolic

_LEVELS = 256


class AutoContrast(Ranged):
    """Stretches each channel of each image, so that its darkest pixel is black and its brightest one white.

    Args:
        value_range: the least and the largest value of pixels.

    >>> import weblayers as wl
    >>> wl.layers.auto_contrast().apply(wl.tensor3d([[[50], [100], [60]]])).flatten().array_sync()
    [0.0, 255.0, 51.0]
    """

    def changed(self, x: Tensor) -> Tensor:
        low, high = reduction.min(x, [1, 2], True), reduction.max(x, [1, 2], True)
        is_flat = a.less_equal(high, low)
        scale = a.div(self._high - self._low, a.where(is_flat, 1.0, a.sub(high, low)))
        stretched = a.add(a.mul(a.sub(x, low), scale), self._low)
        return a.where(is_flat, x, self.clipped(stretched))

    def unchanged(self, x: Tensor) -> Tensor:
        return self.changed(x)


def _histograms(levels: Tensor, size: int) -> Tensor:
    """How often each level is in each row of int32 ``[rows, values]``: ``[rows, size]``."""
    return counting.dense_bincount(levels, None, size)


class Equalization(Ranged):
    """Spreads the colours of each channel, so that there are equally many pixels of each.

    What counts are all images of a batch together, as in Keras. In a model it works in training only; called by itself,
    at any time but with ``training=False``.

    Args:
        value_range: the least and the largest value of pixels.
        bins: how many levels are told apart.

    >>> import weblayers as wl
    >>> wl.layers.equalization().apply(wl.tensor3d([[[50], [100], [60]]])).flatten().array_sync()
    [0.0, 255.0, 128.0]
    """

    def __init__(self, value_range: Sequence[float] = (0, 255), bins: int = 256, **base: Any) -> None:
        super().__init__(value_range, **base)
        self.bins = positive(self.name, "bins", bins)

    def apply(self, inputs: Any, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        if training is None and not context.is_inside() and not is_symbolic(inputs):
            training = True
        return super().apply(inputs, *args, training=training, **kwargs)

    def changed(self, x: Tensor) -> Tensor:
        batch, high, wide, channels = x.shape
        x = self._ranged(x)
        rows = movement.reshape(movement.transpose(x, [3, 0, 1, 2]), [channels, batch * high * wide])
        level = a.cast(a.clip_by_value(a.mul(rows, (self.bins - 1) / 255), 0.0, float(self.bins - 1)), "int32")
        counts = _histograms(level, self.bins)
        total = accumulation.cumsum(counts, 1)
        first = reduction.min(a.where(a.greater(total, 0.0), total, float(batch * high * wide)), 1, True)
        rest = a.sub(float(batch * high * wide), first)
        table = a.div(a.mul(a.sub(total, first), 255.0), a.maximum(rest, 1.0))
        table = a.clip_by_value(a.round(table), 0.0, 255.0)
        # channel after channel
        place = a.add(level, tracing.constant((np.arange(channels, dtype=np.int32) * self.bins)[:, None]))
        spread = indexing.gather(movement.reshape(table, [channels * self.bins]), place)
        is_single = a.less_equal(rest, 0.0)
        out = movement.reshape(a.where(is_single, rows, spread), [channels, batch, high, wide])
        return self._back(movement.transpose(out, [1, 2, 3, 0]))


class ContrastLimitedAdaptiveHistogramEqualization(Ranged):
    """Equalizes the colours of images tile by tile, within limits, so that noise stays small. Zuiderveld (1994).

    Args:
        value_range: the least and the largest value of pixels.
        clip_limit: how much more often than on average a level may count; what is above counts for all levels. 0 is no
            limit.
        tile_grid_size: how many tiles there are up and down, and from left to right.

    >>> import weblayers as wl
    >>> layer = wl.layers.contrast_limited_adaptive_histogram_equalization(tile_grid_size=[2, 2])
    >>> layer.apply(wl.ones([1, 4, 4, 3])).shape
    (1, 4, 4, 3)
    """

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        clip_limit: float = 4.0,
        tile_grid_size: Sequence[int] = (8, 8),
        **base: Any,
    ) -> None:
        super().__init__(value_range, **base)
        self.clip_limit = clip_limit
        self.tile_grid_size = [positive(self.name, "tile_grid_size", n) for n in tile_grid_size]

    def unchanged(self, x: Tensor) -> Tensor:
        return self.changed(x)

    def changed(self, x: Tensor) -> Tensor:
        batch, high, wide, channels = x.shape
        down, across = self.tile_grid_size
        tile_high, tile_wide = -(-high // down), -(-wide // across)
        around = [(0, 0), (0, tile_high * down - high), (0, tile_wide * across - wide), (0, 0)]
        x = rearranging.mirror_pad(self._ranged(x), around, "symmetric")
        level = a.cast(a.clip_by_value(x, 0.0, _LEVELS - 1.0), "int32")
        tiles = movement.reshape(level, [batch, down, tile_high, across, tile_wide, channels])
        tiles = movement.transpose(tiles, [0, 1, 3, 5, 2, 4])
        rows = movement.reshape(tiles, [batch * down * across * channels, tile_high * tile_wide])
        table = movement.reshape(self._tables(rows), [batch, down, across, channels, _LEVELS])
        out = self._between(level, table, tile_high, tile_wide)
        return self._back(movement.slice(out, [0, 0, 0, 0], [batch, high, wide, channels]))

    def _tables(self, tiles: Tensor) -> Tensor:
        """What each level becomes in each tile, ``[tiles, levels]``."""
        pixels = tiles.shape[1]
        counts = _histograms(tiles, _LEVELS)
        if self.clip_limit > 0:
            limited = a.minimum(counts, self.clip_limit * pixels / _LEVELS)
            more = reduction.sum(a.sub(counts, limited), 1, True)
            counts = a.add(limited, a.div(more, float(_LEVELS)))
        total = accumulation.cumsum(counts, 1)
        first = reduction.min(total, 1, True)
        rest = a.sub(float(pixels), first)
        rest = a.where(a.equal(rest, 0.0), 1.0, rest)
        return a.clip_by_value(a.div(a.mul(a.sub(total, first), 255.0), rest), 0.0, 255.0)

    def _between(self, level: Tensor, table: Tensor, tile_high: int, tile_wide: int) -> Tensor:
        """What levels become at places between the middles of tiles: linearly from tile to tile."""
        batch, high, wide, channels = level.shape
        down, across = self.tile_grid_size
        flat = movement.reshape(table, [batch * down * across * channels * _LEVELS])
        image, channel = np.arange(batch)[:, None, None, None], np.arange(channels)
        total = None
        for upper, row_share in _neighbours(high, tile_high, down):
            for left, column_share in _neighbours(wide, tile_wide, across):
                tile = (image * down + upper[:, None, None]) * across + left[:, None]
                base = tracing.constant(((tile * channels + channel) * _LEVELS).astype(np.int32))
                share = tracing.constant((row_share[:, None, None] * column_share[:, None]).astype(np.float32))
                part = a.mul(indexing.gather(flat, a.add(level, base)), share)
                total = part if total is None else a.add(total, part)
        assert total is not None
        return total


def _neighbours(size: int, tile: int, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The tiles before and after each place, and how much they count."""
    place = (np.arange(size) - tile / 2) / tile
    before = np.floor(place)
    share = place - before
    return [(np.clip(before + k, 0, count - 1).astype(int), (1 - share, share)[k]) for k in (0, 1)]


__all__ = ["AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization", "Equalization"]
