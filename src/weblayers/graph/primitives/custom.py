"""A value whose gradient somebody else has defined."""

from __future__ import annotations

from dataclasses import dataclass

from .. import build as b
from ..node import Node
from ..registry import define
from ..scan import substituted


@dataclass(frozen=True)
class Rule:
    """A gradient: ``back``, one node per operand, over placeholders for the operands and for the cotangent."""

    operands: tuple[Node, ...]
    cotangent: Node
    back: tuple[Node, ...]


def _vjp(g: Node, out: Node, value: Node, *operands: Node, rule: Rule) -> list[Node | None]:
    given = {**dict(zip(rule.operands, operands, strict=True)), rule.cotangent: g}
    return [None, *substituted(rule.back, given)]


define("custom", lambda value, *operands, rule: value, lambda value, *operands, rule: value, _vjp)


def custom(value: Node, operands: list[Node], rule: Rule) -> Node:
    """``value``, a function of the operands, with a gradient by rule."""
    return b.bind("custom", value, *operands, rule=rule)
