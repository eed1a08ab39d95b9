"""What a fragment shader consists of: values, variables, assignments and loops.

Types: ``f`` float, ``v`` vec4, ``i`` int, ``b`` bool. An int operand may be a plain Python int.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

FAR = 2**30


class Value:
    """An expression, emitted once in the block of its ``level`` (0 is the body, each loop adds one)."""

    __slots__ = ("args", "divisor", "hi", "id", "level", "lo", "op", "type")

    def __init__(self, op: str, type_: str, args: tuple, level: int, id_: int) -> None:
        self.op, self.type, self.args, self.level, self.id = op, type_, args, level, id_
        self.lo, self.hi, self.divisor = -FAR, FAR, 1

    def __repr__(self) -> str:
        return f"{self.type}{self.id}"


Int = Value | int


@dataclass(eq=False)
class Variable:
    """A mutable local: the accumulator of a loop."""

    type: str
    init: float
    id: int


@dataclass(eq=False)
class Assign:
    variable: Variable
    value: Value


@dataclass(eq=False)
class Loop:
    """``for (index = 0; index < count; index++) body``: counts are literals, which every driver compiles best."""

    index: Value
    count: int
    body: list = field(default_factory=list)


@dataclass(eq=False)
class Leave:
    """``if (condition) break``: ends the loop around it."""

    condition: Value


Statement = Value | Variable | Assign | Loop | Leave


def operands(statement: Statement) -> tuple:
    """What a statement computes with."""
    if isinstance(statement, Value):
        return statement.args
    if isinstance(statement, Assign):
        return (statement.value,)
    return (statement.condition,) if isinstance(statement, Leave) else ()


def level_of(value: Any) -> int:
    return value.level if isinstance(value, Value) else 0


def blocks(body: list[Statement]) -> Iterator[list[Statement]]:
    """A body and the bodies of its loops."""
    yield body
    for s in body:
        if isinstance(s, Loop):
            yield from blocks(s.body)


# So many rounds a loop is thought to make that ends when a condition holds.
ROUNDS = 4
# What costs nothing by itself.
FREE = frozenset(("const", "read", "uniform", "component", "splat"))


def work(block: Sequence[Statement]) -> int:
    """How many statements a fragment executes, loops counted out."""
    total = 0
    for s in block:
        if isinstance(s, Loop):
            total += rounds(s) * work(s.body)
        elif not isinstance(s, Value) or s.op not in FREE:
            total += 1
    return total


def rounds(loop: Loop) -> int:
    """How often a loop is thought to run."""
    return min(loop.count, ROUNDS) if any(isinstance(s, Leave) for s in loop.body) else loop.count
