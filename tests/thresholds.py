"""What only large workloads meet, on small ones."""

from contextlib import contextmanager
from unittest.mock import patch

from weblayers.compiler import blocks, sums


@contextmanager
def as_if_large():
    """Products in high blocks, sums and weight gradients in parts, however little there is to compute."""
    with (
        patch.object(blocks, "BUSY_HIGH_FRAGMENTS", 1),
        patch.object(blocks, "BUSY_ROWS", 1),
        patch.object(sums, "SHORT_PRODUCT", 2),
        patch.object(sums, "LONG_REDUCTION", 4),
    ):
        yield
