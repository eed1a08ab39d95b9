"""What a computation is: typed nodes, the table of primitives, gradients and tracing."""

from . import primitives  # noqa: F401  (fills the table)
from .node import Aval, Node, topological

__all__ = ["Aval", "Node", "topological"]
