"""What is stored in half precision, where a model wants that: the activations of its layers.

Weights, gradients, sums, indices and all that goes in or out keep their precision; everything is computed in float32.
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
# What has an index as its second input.
_LOOKED_UP = frozenset(("gather", "dynamic_slice"))
# Integers that say where the largest is, of whatever precision.
_FOUND = frozenset(("argmax", "argmin", "pool_argmax"))


def stored_in_halves(kernels: Sequence[Kernel], results: Iterable[Node], kept: Set[Node]) -> set[Node]:
    """The values on the way to results that are stored in half precision; those ``kept`` are not."""
    forward = topological(results)
    ahead = set(forward) - set(topological(_exact(forward)))
    found = set()
    for kernel in kernels:
        reads = set(kernel.reads)
        for node in kernel.outputs if not isinstance(kernel, StepKernel) else ():
            large = node.aval.size >= LEAST_ELEMENTS and node.dtype == "float32"
            if large and node in ahead and node not in kept and _is_activation(node, reads):
                found.add(node)
    return found


def _exact(order: Iterable[Node]) -> list[Node]:
    """What says where others are looked up, or becomes an integer: half precision counts to 2048."""
    found: list[Node] = []
    for n in order:
        if n.op in _LOOKED_UP:
            found += n.inputs[1:]
        elif n.dtype == "int32" and n.op not in _FOUND:
            found += n.inputs
    return found


def _is_activation(node: Node, reads: Set[Node]) -> bool:
    """Whether a value is computed, and is no sum of others that are computed."""
    last = node
    while last.op in ("store", "reshape"):
        (last,) = last.inputs
    inside = (n for n in topological([node], reads) if n not in reads and not n.is_host)
    return not last.op.startswith("reduce_") and any(not n.prim.moves and n.op not in _MOVES for n in inside)
