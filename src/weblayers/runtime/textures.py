"""Tensors in textures: where they lie, and what their texels say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..compiler.layout import Layout, Placement, unpack
from ..compiler.plan import Placed, TextureSpec
from ..graph.node import DTYPES, Aval
from .plan_device import Region


class Owner(Protocol):
    """Who has textures."""

    def release(self, id_: int) -> None: ...


class Texture:
    """A texture of the device, given back when the last tensor in it is gone."""

    def __init__(self, runtime: Owner, id_: int, spec: TextureSpec) -> None:
        self._runtime, self.id, self.spec = runtime, id_, spec

    @property
    def nbytes(self) -> int:
        s = self.spec
        return s.width * s.height * s.layers * (4 if s.format == "rgba8" else 16)

    def __del__(self) -> None:
        self._runtime.release(self.id)


@dataclass(frozen=True)
class DeviceStorage:
    texture: Texture
    placement: Placement
    aval: Aval

    @property
    def placed(self) -> Placed:
        return Placed(self.placement, self.texture.spec)

    @property
    def layout(self) -> Layout:
        return self.placement.layout

    @property
    def nbytes(self) -> int:
        return self.texture.nbytes

    @property
    def region(self) -> Region:
        """Where the tensor is in its texture."""
        layout, place = self.layout, self.placement
        if layout.folded:
            return Region(0, 0, layout.width, layout.height)
        last = place.row + layout.rows - 1
        return Region(place.x, place.y, layout.width, last // place.layers - place.y + 1)

    def values(self, texels: np.ndarray) -> np.ndarray:
        """The tensor's values, of the texels of its region."""
        layout, place, shape = self.layout, self.placement, self.aval.shape
        # wide enough for those that have become too large: who reads them is told
        dtype = np.dtype(np.int64) if self.aval.dtype == "int32" else DTYPES[self.aval.dtype]
        if place.layers == layout.layers and place.layer == 0:
            return unpack(texels, layout, shape, dtype)
        # rows that begin inside a block: lay the blocks' rows out and take those that are ours
        rows = texels.transpose(1, 0, 2, 3).reshape(-1, texels.shape[2] * 4)
        mine = rows[place.layer : place.layer + layout.rows, : layout.cols]
        return np.asarray(mine.reshape(shape), dtype, order="C")

    def part(self, texels: np.ndarray) -> np.ndarray:
        """The tensor's values, of all texels of its texture."""
        x, y, width, height = self.region
        return self.values(np.ascontiguousarray(texels[:, y : y + height, x : x + width]))

    def nothing(self) -> np.ndarray:
        """The values of a tensor that has none."""
        return np.zeros(self.aval.shape, DTYPES[self.aval.dtype])
