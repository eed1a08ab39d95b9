"""What the page's panel of figures shows: who computes, and what it costs."""

from __future__ import annotations

from typing import Any

from ..runtime import device
from ..runtime.memory import memory


def figures() -> dict[str, Any]:
    """The figures of now. Steps and draws are counted from the beginning: of two looks, the difference tells."""
    counts = memory()
    return {
        "backend": device.get_backend(),
        "why": device.why(),
        "tensors": counts["num_tensors"],
        "bytes": counts["num_bytes"],
        "devices": [each for each in map(_device, device.used()) if each is not None],
    }


def _device(runtime: Any) -> dict[str, Any] | None:
    """What a runtime's device has and has done; None for one that counts nothing."""
    if not hasattr(runtime, "counters"):
        return None
    held, done = runtime.memory(), runtime.counters()
    return {
        "name": runtime.name,
        "bytes": held["bytes"],
        "kept": held["poolBytes"],
        "draws": done["draws"],
        "steps": done["steps"],
    }
