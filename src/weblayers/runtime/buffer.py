"""Arrays that are filled element by element, on the host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph.node import DTYPES
from ..naming import Named
from .conversion import to_tensor
from .tensor import Tensor


class TensorBuffer(Named):
    """A writable array on the host; :meth:`to_tensor` makes a tensor of what it holds.

    >>> import weblayers as wl
    >>> b = wl.buffer([2, 2])
    >>> b.set(3, 0, 1)
    >>> b.get(0, 1), b.to_tensor().array_sync()
    (3.0, [[0.0, 3.0], [0.0, 0.0]])
    """

    def __init__(self, shape: Sequence[int], dtype: str = "float32", values: Any = None) -> None:
        if dtype not in DTYPES:
            raise ValueError(f"unknown dtype {dtype!r}; expected one of {', '.join(DTYPES)}")
        self.shape, self.dtype = tuple(shape), dtype
        self._array = np.zeros(self.shape, DTYPES[dtype])
        if values is not None:
            flat = np.asarray(values).reshape(-1)
            if flat.size != self.size:
                raise ValueError(f"a buffer of shape {list(self.shape)} wants {self.size} values, got {flat.size}")
            self._array[...] = flat.reshape(self.shape)

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return self._array.size

    @property
    def values(self) -> np.ndarray:
        """The values as a flat array: writing to it writes to the buffer."""
        return self._array.reshape(-1)

    @property
    def strides(self) -> list[int]:
        """How many values apart neighbours along each axis but the last are."""
        return strides(self.shape)

    def set(self, value: float, *locs: int) -> None:
        """Write one value."""
        self._array[self._place(locs)] = value

    def get(self, *locs: int) -> Any:
        """Read one value."""
        return self._array[self._place(locs)].item()

    def _place(self, locs: Sequence[int]) -> tuple[int, ...]:
        locs = tuple(locs) or (0,) * self.rank
        if len(locs) != self.rank:
            raise IndexError(f"a buffer of rank {self.rank} wants {self.rank} numbers for a place, got {len(locs)}")
        if any(not 0 <= i < n for i, n in zip(locs, self.shape, strict=True)):
            raise IndexError(f"place {list(locs)} is out of range for a buffer of shape {list(self.shape)}")
        return locs

    def loc_to_index(self, locs: Sequence[int]) -> int:
        """The number of a place among the flat values."""
        return int(np.ravel_multi_index(self._place(locs), self.shape)) if self.rank else 0

    def index_to_loc(self, index: int) -> list[int]:
        """The place of a flat value."""
        return [int(i) for i in np.unravel_index(index, self.shape)] if self.rank else []

    def to_tensor(self) -> Tensor:
        """A tensor of the values as they are now."""
        return to_tensor(self._array, self.dtype)


def strides(shape: Sequence[int]) -> list[int]:
    """How many elements apart neighbours along each axis but the last are."""
    steps = [1]
    for size in reversed(shape[1:]):
        steps.insert(0, steps[0] * size)
    return steps[:-1]
