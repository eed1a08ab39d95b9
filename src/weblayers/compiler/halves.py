"""What is stored in half precision, where a model wants that: the activations of its layers.

Weights, gradients, sums and all that goes in or out keep their precision, and everything is computed in float32.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set

from ..graph.node import Node, topological
from .kernel import Kernel
from .loops import StepKernel

# Smaller values save no memory to speak of.
LEAST_ELEMENTS = 1024
# What only puts inputs elsewhere keeps them as they are: numbers of tokens are exact, in halves to 2048 only.
_MOVES = frozenset(("gather", "dynamic_slice", "store"))


def stored_in_halves(kernels: Sequence[Kernel], results: Iterable[Node], kept: Set[Node]) -> set[Node]:
    """The values on the way to results that are stored in half precision; those ``kept`` are not."""
    ahead = set(topological(results))
    found = set()
    for kernel in kernels:
        reads = set(kernel.reads)
        for node in kernel.outputs if not isinstance(kernel, StepKernel) else ():
            large = node.aval.size >= LEAST_ELEMENTS and node.dtype == "float32"
            if large and node in ahead and node not in kept and _is_activation(node, reads):
                found.add(node)
    return found


def _is_activation(node: Node, reads: Set[Node]) -> bool:
    """Whether a value is computed, and is no sum of others that are computed."""
    last = node
    while last.op in ("store", "reshape"):
        (last,) = last.inputs
    inside = (n for n in topological([node], reads) if n not in reads and not n.is_host)
    return not last.op.startswith("reduce_") and any(not n.prim.moves and n.op not in _MOVES for n in inside)
