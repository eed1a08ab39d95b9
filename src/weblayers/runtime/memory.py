"""What lives: tensors, their bytes, and what the GPU holds."""

from __future__ import annotations

from typing import Any

from ..naming import snake
from . import device
from .tensor import live_tensors


def memory() -> dict[str, Any]:
    """Counts of what is alive: ``num_tensors``, ``num_bytes``, and on WebGL the textures and bytes of the GPU.

    >>> import weblayers as wl
    >>> before = wl.memory()["num_tensors"]
    >>> t = wl.zeros([2])
    >>> wl.memory()["num_tensors"] - before
    1
    """
    count, size = live_tensors()
    on_device = {f"gpu_{snake(k)}": v for k, v in device.current().memory().items()}
    return {"num_tensors": count, "num_bytes": size, **on_device}
