"""Values as the host has them, for ops whose results' shapes depend on values."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..runtime.conversion import to_tensor
from ..runtime.tensor import Tensor
from . import indexing, movement


def values_of(x: Any, dtype: str | None = None) -> np.ndarray:
    """The values of a tensor, or of what makes one. Waits for the device."""
    return to_tensor(x, dtype).numpy()


async def fetched(x: Any, dtype: str | None = None) -> np.ndarray:
    """:func:`values_of`, without blocking."""
    tensor = to_tensor(x, dtype)
    return np.reshape(await tensor.data(), tensor.shape)


def integers(values: Any) -> Tensor:
    """Whole numbers as an int32 tensor."""
    return to_tensor(np.asarray(values).astype(np.int32))


def taken(x: Tensor, places: np.ndarray, axis: int = 0) -> Any:
    """The parts of x along an axis at places in it that the host knows."""
    if places.size:
        return indexing.gather(x, integers(places), axis)
    return movement.slice(x, [0] * x.rank, [*x.shape[:axis], 0, *x.shape[axis + 1 :]])
