"""Kernels that compute the same expression of other values: the time steps of a recurrent layer, equal blocks.

Emitting a shader is most of what compiling costs; alike kernels share theirs and differ in what they are bound to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..graph.node import Node
from .emit.emitter import Source
from .kernel import Kernel
from .layout import Placement


def expression(
    kernel: Kernel, sources: Mapping[Node, Source], places: Sequence[Placement], layers: Sequence[int]
) -> tuple[tuple[Any, ...], list[Node]]:
    """What a kernel computes, with the values that it reads named by where it reads them; and its host scalars."""
    terms: dict[Node, tuple[Any, ...]] = {}
    numbers: dict[Node, int] = {}
    hosts: dict[Node, int] = {}
    stack: list[tuple[Node, bool]] = [(n, False) for n in reversed(kernel.outputs)]
    while stack:
        node, expanded = stack.pop()
        if node in numbers:
            continue
        source = sources.get(node)
        if source is not None:
            terms[node] = ("read", source.sampler, source.placement, source.scale, source.offset, node.aval)
        elif node.op == "constant":
            terms[node] = ("constant", node.key, node.aval)
        elif node.is_host:
            terms[node] = ("host", hosts.setdefault(node, len(hosts)), node.aval)
        elif expanded:
            terms[node] = (node.op, node.key, node.aval, *(numbers[i] for i in node.inputs))
        else:
            stack.append((node, True))
            stack.extend((i, False) for i in reversed(node.inputs))
            continue
        numbers[node] = len(numbers)
    ends = tuple(numbers[n] for n in kernel.outputs)
    return (tuple(terms.values()), ends, tuple(places), tuple(layers)), list(hosts)
