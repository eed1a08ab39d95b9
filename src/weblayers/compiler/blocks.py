"""Which products are stored in higher blocks: a fragment then multiplies more often with what it has read."""

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


def high_products(kernels: Sequence[Kernel], placed: Set[Node], block: int) -> dict[Node, Layout]:
    """The layouts of products that are stored in blocks of so many rows.

    They are temporaries that have enough of such blocks to keep a device busy. If a loop reads them slice by slice, the
    slices are whole blocks.
    """
    if block == BLOCK_ROWS:
        return {}
    steps = [k for k in kernels if isinstance(k, StepKernel)]
    fixed = {*placed, *(n for k in steps for n in dict.fromkeys(k.reads) if not k.reads_blocks(n, block))}
    found = {}
    for kernel in kernels:
        node, *others = kernel.outputs
        if _multiplies(kernel, block) and not others and node not in fixed:
            layout = replace(layout_of(node.shape), block=block)
            if layout.width * layout.height >= BUSY_HIGH_FRAGMENTS and layout.height >= BUSY_ROWS:
                found[node] = layout
    return found


def _multiplies(kernel: Kernel, block: int) -> bool:
    """Whether a kernel's rows share what they read."""
    root = kernel.root
    if root is None or isinstance(kernel, StepKernel) or layout_of(root.shape) != kernel.layout:
        return False
    if root.op == "conv_kernel_grad":
        return root.param("splits") > 0
    if root.op == "conv":
        # all pixels of a convolution that is not transposed multiply the same weights, those of a row share their input
        return root.shape[-2] % (BLOCK_ROWS if max(root.param("lhs_dilation")) == 1 else block) == 0
    return root.op == "dot"
