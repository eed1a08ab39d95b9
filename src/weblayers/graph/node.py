"""Nodes: typed, hash-consed operations that form a pure data-flow graph.

A graph needs no container: it is what its output nodes reach. Two nodes built from the same primitive, parameters
and inputs are the same object, so common subexpressions are shared from the start and identity means equality.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple
from weakref import ref

import numpy as np

from ..unwinding import held, unwind

Shape = tuple[int, ...]

DTYPES = {
    "float32": np.dtype(np.float32),
    "int32": np.dtype(np.int32),
    "bool": np.dtype(np.bool_),
    "uint8": np.dtype(np.uint8),
}

# Integers live in float textures: every one up to 2^24 is exact, the next is not.
MAX_EXACT_INTEGER = 2**24


class Aval(NamedTuple):
    """The abstract value of a node: all that is known of it before it runs."""

    shape: Shape
    dtype: str

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def __str__(self) -> str:
        return f"{self.dtype}[{','.join(map(str, self.shape))}]"


@dataclass(frozen=True, eq=False)
class Primitive:
    """One row of the primitive table.

    ``shape(*avals, **params)`` gives the output's aval, ``numpy(*arrays, **params)`` its value, and
    ``vjp(g, out, *inputs, **params)`` the cotangent of each input (None where there is none); without one it cannot be
    differentiated. ``host`` marks scalar functions that the host can evaluate in double precision, ``elementwise``
    functions of one position only, and ``moves`` those that only put values elsewhere. ``cost`` is what one value
    takes, in additions.
    """

    name: str
    shape: Callable[..., Aval]
    numpy: Callable[..., np.ndarray]
    vjp: Callable[..., Sequence[Node | None]] | None = None
    elementwise: bool = False
    host: bool = False
    moves: bool = False
    cost: float = 1


# How Python's operators build nodes; the elementwise primitives put their builders here.
OPERATORS: dict[str, Callable[[Any, Any], Node]] = {}


# The node of each identity: what all that are alike have in common.
_interned: dict[tuple[Any, ...], ref[Node]] = {}


class Node:
    """An application of a primitive to nodes. Build it with :func:`bind`, never directly."""

    __slots__ = ("__weakref__", "aval", "identity", "inputs", "is_host", "key", "prim")

    prim: Primitive
    inputs: tuple[Node, ...]
    key: tuple[tuple[str, Any], ...]
    aval: Aval
    is_host: bool
    identity: tuple[Any, ...]

    def __del__(self) -> None:
        # of a node that went in a cycle there may be another by now
        if _interned[self.identity]() in (None, self):
            del _interned[self.identity]
        held.append(self.inputs)
        self.inputs = self.identity = ()
        unwind()

    @property
    def params(self) -> dict[str, Any]:
        return dict(self.key)

    def param(self, name: str) -> Any:
        for key, value in self.key:
            if key == name:
                return value
        raise KeyError(name)

    @property
    def op(self) -> str:
        return self.prim.name

    @property
    def shape(self) -> Shape:
        return self.aval.shape

    @property
    def dtype(self) -> str:
        return self.aval.dtype

    def __add__(self, other: Node | float) -> Node:
        return OPERATORS["add"](self, other)

    def __radd__(self, other: float) -> Node:
        return OPERATORS["add"](other, self)

    def __sub__(self, other: Node | float) -> Node:
        return OPERATORS["sub"](self, other)

    def __rsub__(self, other: float) -> Node:
        return OPERATORS["sub"](other, self)

    def __mul__(self, other: Node | float) -> Node:
        return OPERATORS["mul"](self, other)

    def __rmul__(self, other: float) -> Node:
        return OPERATORS["mul"](other, self)

    def __truediv__(self, other: Node | float) -> Node:
        return OPERATORS["div"](self, other)

    def __rtruediv__(self, other: float) -> Node:
        return OPERATORS["div"](other, self)

    def __lt__(self, other: Node | float) -> Node:
        return OPERATORS["lt"](self, other)

    def __gt__(self, other: Node | float) -> Node:
        return OPERATORS["lt"](other, self)

    def __repr__(self) -> str:
        params = " ".join(f"{k}={v}" for k, v in self.key)
        return f"<{self.op}{' ' + params if params else ''}: {self.aval}>"


_serial = count()


def make_node(prim: Primitive, inputs: tuple[Node, ...], params: dict[str, Any]) -> Node:
    """The one node for this primitive, these inputs and these (hashable) parameters."""
    key = tuple(sorted(params.items()))
    identity = (prim, inputs, tuple([_exact(value) for _, value in key]))
    known = _interned.get(identity)
    node = None if known is None else known()
    if node is None:
        aval = prim.shape(*[i.aval for i in inputs], **params)
        node = Node()
        node.prim, node.inputs, node.key, node.aval, node.identity = prim, inputs, key, aval, identity
        node.is_host = prim.host and aval.shape == () and all(i.is_host for i in inputs)
        _interned[identity] = ref(node)
    return node


def _exact(value: Any) -> Any:
    """What tells a parameter from others: 0.0 and -0.0 are equal, and no NaN is, not even to itself."""
    if value.__class__ is float and (value == 0 or value != value):
        return value.hex()
    return value


def next_serial() -> int:
    """A number never given before: it tells one graph input from another."""
    return next(_serial)


def topological(outputs: Iterable[Node], leaves: Set[Node] = frozenset()) -> list[Node]:
    """Every node that the outputs reach, inputs before users (iterative: deep graphs are common).

    What lies behind the ``leaves`` is not looked at.
    """
    order: list[Node] = []
    done: set[Node] = set()
    stack: list[tuple[Node, bool]] = [(n, False) for n in reversed(list(outputs))]
    while stack:
        node, expanded = stack.pop()
        if node in done:
            continue
        if expanded:
            done.add(node)
            order.append(node)
        else:
            stack.append((node, True))
            if node not in leaves:
                stack.extend((i, False) for i in reversed(node.inputs) if i not in done)
    return order
