"""Values as the host has them, for ops whose results' shapes depend on values."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..runtime.tensor import to_tensor


def values_of(x: Any, dtype: str | None = None) -> np.ndarray:
    """The values of a tensor, or of what makes one. Waits for the device."""
    return to_tensor(x, dtype).numpy()


async def fetched(x: Any, dtype: str | None = None) -> np.ndarray:
    """:func:`values_of`, without blocking."""
    tensor = to_tensor(x, dtype)
    return np.reshape(await tensor.data(), tensor.shape)
