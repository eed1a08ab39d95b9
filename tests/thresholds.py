"""What only large workloads meet, on small ones."""

from contextlib import ExitStack, contextmanager
from unittest.mock import patch

from weblayers.compiler import atlas, blocks, layout, loops, lower, sums
from weblayers.compiler.emit import emitter
from weblayers.models import data_sets


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


@contextmanager
def as_if_wide(extent):
    """Textures of so many texels at most each way, a power of two: what is longer is folded."""
    with ExitStack() as stack:
        # the order of the samples is one row
        stack.enter_context(patch.object(data_sets, "ORDER_LENGTH", extent))
        for module in (atlas, emitter, layout, loops, lower):
            stack.enter_context(patch.object(module, "MAX_EXTENT", extent))
        layout.layout_of.cache_clear()
        yield
    layout.layout_of.cache_clear()
