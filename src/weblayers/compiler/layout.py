"""Where the elements of a tensor live in a texture: the layout "Q4".

A tensor is a matrix of R rows and C columns; columns are its last axis (size-1 axes at the end do not count, so that
``[n, 1]`` packs as densely as ``[n]``). Four neighbouring columns share a texel; four neighbouring rows share a
position in the four layers of an array texture. One fragment with four draw buffers thus writes a block of 4x4
elements, which is what makes matrix products fast. A tensor of a single row has one layer.

Lanes outside the tensor are undefined, and nobody reads them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..graph.node import Shape

# No texture is wider or higher; what would be is folded. WebGL2 promises 2048; every device seen has 4096.
MAX_EXTENT = 4096


@dataclass(frozen=True)
class Layout:
    """R x C elements as a grid of texel blocks, folded when it is higher or wider than a texture may be.

    A block has four rows, or more where products are stored for a device that writes more at a time. Rows may come in
    runs of so many, as the pixels of an image's row do, each of which begins with a block of its own.
    """

    rows: int
    cols: int
    block: int = 4
    run: int = 0

    @property
    def layers(self) -> int:
        return self.block if self.rows > 1 else 1

    @property
    def run_blocks(self) -> int:
        """The blocks of a run."""
        return -(-self.run // self.layers)

    @property
    def blocks_high(self) -> int:
        if self.run:
            return self.rows // self.run * self.run_blocks
        return max(1, -(-self.rows // self.layers))

    @property
    def blocks_wide(self) -> int:
        return max(1, -(-self.cols // 4))

    @property
    def row_folds(self) -> int:
        """Column blocks side by side, each with the next ``MAX_EXTENT`` block rows."""
        return -(-self.blocks_high // MAX_EXTENT)

    @property
    def col_folds(self) -> int:
        """Texture rows that one block row takes."""
        return -(-self.blocks_wide // MAX_EXTENT)

    @property
    def width(self) -> int:
        return min(self.blocks_wide, MAX_EXTENT) * self.row_folds

    @property
    def height(self) -> int:
        return min(self.blocks_high, MAX_EXTENT) * self.col_folds

    @property
    def folded(self) -> bool:
        return self.row_folds > 1 or self.col_folds > 1

    @property
    def fits(self) -> bool:
        """Whether one texture holds it."""
        return max(self.width, self.height) <= MAX_EXTENT

    def check(self, shape: Shape) -> None:
        if not self.fits:
            raise ValueError(f"a tensor of shape {list(shape)} is too large for one texture")


def stripped(shape: Shape) -> Shape:
    """The shape without its trailing axes of size 1."""
    end = len(shape)
    while end and shape[end - 1] == 1:
        end -= 1
    return shape[:end]


@lru_cache(maxsize=4096)
def layout_of(shape: Shape) -> Layout:
    dims = stripped(shape)
    layout = Layout(math.prod(dims[:-1]), dims[-1] if dims else 1)
    layout.check(shape)
    return layout


@dataclass(frozen=True)
class Placement:
    """A tensor inside a texture of ``layers`` layers: how it is laid out, its first column block and its first row."""

    layout: Layout
    layers: int
    x: int = 0
    row: int = 0

    @property
    def y(self) -> int:
        return self.row // self.layers

    @property
    def layer(self) -> int:
        return self.row % self.layers


def whole(layout: Layout) -> Placement:
    """The placement of a tensor that has a texture of its own."""
    return Placement(layout, layout.layers)


def pack(array: np.ndarray, layout: Layout) -> np.ndarray:
    """The texture ``[layers, height, width, 4]`` that holds an array; undefined lanes are zero."""
    n, high, wide = layout.layers, layout.blocks_high, layout.blocks_wide
    dtype = np.uint8 if array.dtype == np.uint8 else np.float32
    grid = np.zeros((high * n, wide * 4), dtype)
    if array.size:
        grid[: layout.rows, : layout.cols] = array.reshape(layout.rows, layout.cols)
    blocks = grid.reshape(high, n, wide, 4).transpose(1, 0, 2, 3)
    return np.ascontiguousarray(_fold(blocks, layout))


def unpack(texture: np.ndarray, layout: Layout, shape: Shape, dtype: np.dtype) -> np.ndarray:
    """The array in a texture (or a region of one) ``[layers, height, width, 4]``."""
    blocks = _unfold(texture, layout)
    n, high, wide, _ = blocks.shape
    grid = blocks.transpose(1, 0, 2, 3).reshape(high * n, wide * 4)
    values = grid[: layout.rows, : layout.cols].reshape(shape)
    if dtype.kind != "f":
        values = np.where(np.isfinite(values), values, 0) if dtype.kind == "i" else values
    # not ascontiguousarray, which makes a vector of a number
    return np.asarray(values, dtype, order="C")


def _fold(blocks: np.ndarray, layout: Layout) -> np.ndarray:
    n, high, wide, _ = blocks.shape
    if layout.row_folds > 1:
        extra = layout.row_folds * MAX_EXTENT - high
        blocks = np.pad(blocks, ((0, 0), (0, extra), (0, 0), (0, 0)))
        columns = blocks.reshape(n, layout.row_folds, MAX_EXTENT, wide, 4)
        return columns.transpose(0, 2, 1, 3, 4).reshape(n, MAX_EXTENT, -1, 4)
    if layout.col_folds > 1:
        extra = layout.col_folds * MAX_EXTENT - wide
        return np.pad(blocks, ((0, 0), (0, 0), (0, extra), (0, 0))).reshape(n, -1, MAX_EXTENT, 4)
    return blocks


def _unfold(texture: np.ndarray, layout: Layout) -> np.ndarray:
    n = texture.shape[0]
    if layout.row_folds > 1:
        columns = texture.reshape(n, MAX_EXTENT, layout.row_folds, layout.blocks_wide, 4)
        return columns.transpose(0, 2, 1, 3, 4).reshape(n, -1, layout.blocks_wide, 4)[:, : layout.blocks_high]
    if layout.col_folds > 1:
        return texture.reshape(n, layout.blocks_high, -1, 4)[:, :, : layout.blocks_wide]
    return texture
