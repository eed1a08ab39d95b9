"""Which products are stored in other blocks: a fragment then multiplies more often with what it has read."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace

from ..graph.node import Node
from .fuse import BLOCK_ROWS
from .kernel import Kernel
from .layout import Layout, layout_of
from .loops import StepKernel
from .sums import BUSY_FRAGMENTS

# Fragments of higher blocks do twice the work of others: half as many keep a device busy.
BUSY_HIGH_FRAGMENTS = BUSY_FRAGMENTS // 2
# Software rasterizers hand rows of fragments, two at a time, to their threads.
BUSY_ROWS = 8
# Rows of an image are filled up to whole blocks if that makes them longer by no more than this.
MOST_FILLED = 0.25


def layouts_of_products(kernels: Sequence[Kernel], placed: Set[Node], block: int) -> dict[Node, Layout]:
    """The layouts of products that are stored in higher blocks, of so many rows, or in runs of rows.

    They are temporaries. Those in high blocks have enough of them to keep a device busy. What a loop reads slice by
    slice is not in runs, and its slices are whole blocks.
    """
    sliced = [(k, n) for k in kernels if isinstance(k, StepKernel) for n in dict.fromkeys(k.reads)]
    found: dict[Node, Layout] = {}
    for high in dict.fromkeys((block, BLOCK_ROWS)):
        fixed = {*placed, *found, *(n for k, n in sliced if not k.reads_blocks(n, high))}
        for kernel in kernels:
            node, *others = kernel.outputs
            if others or node in fixed:
                continue
            layout = _layout(kernel, high)
            if layout is None or (layout.run and any(n is node for _, n in sliced)):
                continue
            if high == BLOCK_ROWS or _is_busy(layout):
                found[node] = layout
    return found


def _is_busy(layout: Layout) -> bool:
    return layout.width * layout.height >= BUSY_HIGH_FRAGMENTS and layout.height >= BUSY_ROWS


def _layout(kernel: Kernel, block: int) -> Layout | None:
    """The layout in blocks of so many rows, if those share what they read and those of other layouts do not."""
    root = kernel.root
    if root is None or isinstance(kernel, StepKernel) or layout_of(root.shape) != kernel.layout:
        return None
    layout = replace(kernel.layout, block=block)
    shares = block > BLOCK_ROWS
    if root.op == "conv_kernel_grad":
        shares = shares and root.param("splits") > 0
    elif root.op == "conv" and root.shape[-2] % (block if max(root.param("lhs_dilation")) > 1 else BLOCK_ROWS):
        # Pixels of a row share their input and, behind strides, their weights, where it is known at which place each
        # lies. Where it is not, a shader that works it out for eight takes software seconds to compile.
        layout = replace(layout, run=root.shape[-2])
        shares = root.shape[-1] > 1 and layout.run_blocks * block <= (1 + MOST_FILLED) * layout.run and layout.fits
    return layout if shares else None
