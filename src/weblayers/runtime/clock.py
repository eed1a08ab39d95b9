"""The time, from one place: tests move it."""

from __future__ import annotations

import time


def now() -> float:
    """Seconds since some moment; they never go back."""
    return time.monotonic()
