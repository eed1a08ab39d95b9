"""Loops: one graph, the body, for all steps of a sequence.

A ``scan`` carries values from step to step and reads one slice of each stacked input per step. What comes out of it
are nodes of their own: ``last(scan, i)``, a carried value after all steps, and ``each(scan, value)``, any value of the
body at all steps, stacked. So whoever needs one more value of the steps (a gradient does) just asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from . import build as b
from .node import Aval, Node, make_node, topological

T = TypeVar("T")


@dataclass(frozen=True)
class Body:
    """One step: ``next`` over the placeholders ``carries`` and ``slices``, and over values of the graph around it.

    Those are ``captured``: within the body they are leaves, and inputs of the scan. Two bodies of the same nodes are
    equal.
    """

    carries: tuple[Node, ...]
    slices: tuple[Node, ...]
    captured: tuple[Node, ...]
    next: tuple[Node, ...]
    steps: int
    backwards: bool

    @cached_property
    def leaves(self) -> frozenset[Node]:
        return frozenset((*self.carries, *self.slices, *self.captured))

    def order(self) -> range:
        """The steps in the order in which they run."""
        return range(self.steps - 1, -1, -1) if self.backwards else range(self.steps)

    def split(self, inputs: Sequence[T]) -> tuple[Sequence[T], Sequence[T], Sequence[T]]:
        """The scan's inputs: first carried values, captured values, stacked slices."""
        a = len(self.carries)
        c = a + len(self.captured)
        return inputs[:a], inputs[a:c], inputs[c:]

    def live(self, results: Iterable[Node]) -> list[int]:
        """The numbers of the carried values that these results need."""
        numbers = {carry: i for i, carry in enumerate(self.carries)}
        found: set[int] = set()
        waiting = [r.param("value") for r in results if r.op == "each"]
        fresh = {numbers[r.param("carry")] for r in results if r.op == "last"}
        while fresh or waiting:
            waiting += [self.next[i] for i in fresh]
            found |= fresh
            reached = topological(waiting, self.leaves)
            fresh = {numbers[n] for n in reached if n in numbers} - found
            waiting = []
        return sorted(found)


# ``step(carries, slices)`` gives the carried values after the step, and all others that will be asked for.
Step = Callable[[list[Node], list[Node]], tuple[Sequence[Node], Sequence[Node]]]


def over(
    stacks: Sequence[Node], first: Sequence[Node], step: Step, backwards: bool = False
) -> tuple[Node, Sequence[Node]]:
    """A loop over the first axis of ``stacks``, and the values of its body that the step gives."""
    carries = placeholders(first)
    slices = [b.placeholder(Aval(s.shape[1:], s.dtype)) for s in stacks]
    after, values = step(carries, slices)
    return scan(carries, slices, after, first, stacks, stacks[0].shape[0], backwards, values), values


def scan(
    carries: Sequence[Node],
    slices: Sequence[Node],
    next_: Sequence[Node],
    first: Sequence[Node],
    stacks: Sequence[Node],
    steps: int,
    backwards: bool = False,
    values: Sequence[Node] = (),
) -> Node:
    """A loop of ``steps`` over the first axis of ``stacks``.

    ``carries`` and ``slices`` are placeholders that stand for one step's values in ``next_``, the carried values after
    the step, and in ``values``, all others that will be asked for.
    """
    for i, (old, new) in enumerate(zip(carries, next_, strict=True)):
        if old.aval != new.aval:
            raise ValueError(f"a step changes carried value {i} from {old.aval} to {new.aval}; it must keep both")
    captured = _captured([*next_, *values], {*carries, *slices})
    body = Body(tuple(carries), tuple(slices), tuple(captured), tuple(next_), steps, backwards)
    return b.bind("scan", *first, *captured, *stacks, body=body)


def last(loop: Node, number: int) -> Node:
    """A carried value after all steps."""
    return b.bind("last", loop, carry=loop.param("body").carries[number])


def each(loop: Node, value: Node) -> Node:
    """A value of the body at all steps, stacked along a first axis in the order of the slices."""
    body: Body = loop.param("body")
    first, captured, stacks = body.split(loop.inputs)
    if value in body.slices:
        return stacks[body.slices.index(value)]
    if value in body.captured:
        return _repeated(captured[body.captured.index(value)], body.steps)
    if not body.leaves.intersection(topological([value], body.leaves)):
        return _repeated(value, body.steps)
    if value in body.carries and body.next[body.carries.index(value)] not in body.leaves:
        # before each step: the first one, and then what all steps but the last have left
        number = body.carries.index(value)
        begin = b.reshape(first[number], (1, *value.shape))
        if body.steps == 1:
            return begin
        after = each(loop, body.next[number])
        skipped = int(body.backwards)
        rest = b.slice_(after, (skipped, *(0 for _ in value.shape)), (body.steps - 1 + skipped, *value.shape))
        return b.concat([rest, begin] if body.backwards else [begin, rest], 0)
    if value not in topological(body.next, body.leaves) and (lifted := _of_slices(loop, value)) is not None:
        return lifted
    return b.bind("each", loop, value=value, steps=body.steps)


def _of_slices(loop: Node, value: Node) -> Node | None:
    """A value that no step waits for, of all steps at once: elementwise functions of slices and of parts of them."""
    body: Body = loop.param("body")
    order = [n for n in topological([value], body.leaves) if n not in body.leaves]
    inside = body.leaves.intersection(i for n in order for i in n.inputs)
    if not inside.issubset({*body.slices, *body.captured}):
        return None
    stacks = {leaf: each(loop, leaf) for leaf in inside}
    for n in order:
        known = [stacks.get(i) for i in n.inputs]
        if not any(known):
            continue
        inputs = tuple(_repeated(i, body.steps) if k is None else k for i, k in zip(n.inputs, known, strict=True))
        if n.prim.elementwise:
            stacks[n] = make_node(n.prim, inputs, n.params)
        elif n.op == "slice":
            start, stop, step = ((at, *n.param(name)) for at, name in ((0, "start"), (body.steps, "stop"), (1, "step")))
            stacks[n] = b.slice_(inputs[0], start, stop, step)
        elif n.op == "reshape":
            stacks[n] = b.reshape(inputs[0], (body.steps, *n.shape))
        else:
            return None
    return stacks[value]


def final(loop: Node, value: Node) -> Node:
    """A value of the body at the step that runs last."""
    body: Body = loop.param("body")
    if value in body.next:
        return last(loop, body.next.index(value))
    t = body.order()[-1]
    stack = each(loop, value)
    return b.reshape(b.slice_(stack, (t, *(0 for _ in value.shape)), (t + 1, *value.shape)), value.shape)


def at_all_steps(loop: Node, value: Node) -> Node:
    """A value of the body at all steps, computed for all of them at once: products of a batch are those of all batches.

    It is computed as far as it is made of products with a captured right side and of elementwise functions: what those
    are computed of is taken from the steps.
    """
    body: Body = loop.param("body")
    factors = {n.inputs[0] for n in topological([value], body.leaves) if n.op == "dot"}
    stacks: dict[Node, Node] = {}
    for n in topological([value], body.leaves | factors):
        known = n in factors or not body.leaves.intersection(topological([n], body.leaves))
        weights = around(loop, n.inputs[1]) if not known and n.op == "dot" else None
        if weights is not None:
            left = n.inputs[0]
            rows = b.reshape(stacks[left], (body.steps * left.shape[0], left.shape[1]))
            stacks[n] = b.reshape(make_node(n.prim, (rows, weights), n.params), (body.steps, *n.shape))
        elif not known and n not in body.leaves and n.prim.elementwise:
            stacks[n] = make_node(n.prim, tuple(stacks[i] for i in n.inputs), n.params)
        else:
            stacks[n] = each(loop, n)
    return stacks[value]


def around(loop: Node, value: Node) -> Node | None:
    """What a value of the body is in the graph around, if it is the same in all steps."""
    body: Body = loop.param("body")
    _, captured, _ = body.split(loop.inputs)
    leaves = body.leaves.intersection(topological([value], body.leaves))
    if not leaves.issubset(body.captured):
        return None
    return substituted([value], dict(zip(body.captured, captured, strict=True)))[0]


def taken_apart(order: Sequence[Node]) -> dict[Node, list[Node]]:
    """Values whose parts are each read once, such as gates that are computed side by side, by one product and
    elementwise functions of it: with each, what it is made of, the product first.

    One kernel can compute all parts at the places where they are wanted.
    """
    users: dict[Node, list[Node]] = {}
    for n in order:
        for i in set(n.inputs):
            users.setdefault(i, []).append(n)
    found: dict[Node, list[Node]] = {}
    for n in order:
        if n.op == "dot" and len(n.shape) == 2 and not n.param("ta"):
            chain = [n]
            while len(after := users.get(chain[-1], [])) == 1 and after[0].prim.elementwise:
                chain.append(after[0])
            if _is_read_once(chain[-1], users):
                found[chain[-1]] = chain
    return found


def _is_read_once(value: Node, users: Mapping[Node, list[Node]]) -> bool:
    """Whether a value is read by slices only that have nothing in common."""
    waiting, slices = [value], list[Node]()
    while waiting:
        for user in users.get(waiting.pop(), ()):
            if user.op not in ("reshape", "slice"):
                return False
            (waiting if user.op == "reshape" else slices).append(user)
    apart = all(_are_apart(x, y) for i, x in enumerate(slices) for y in slices[:i])
    return len(slices) > 1 and len({x.inputs[0] for x in slices}) == 1 and apart


def _are_apart(x: Node, y: Node) -> bool:
    ranges = [list(zip(n.param("start"), n.param("stop"), strict=True)) for n in (x, y)]
    return any(a[1] <= b[0] or b[1] <= a[0] for a, b in zip(*ranges, strict=True))


def _repeated(value: Node, steps: int) -> Node:
    return b.broadcast(b.reshape(value, (1, *value.shape)), (steps, *value.shape))


def _captured(outputs: Sequence[Node], placeholders: set[Node]) -> list[Node]:
    """The values of the graph around a body that the body reads: what does not change from step to step.

    Constants are not among them: they are part of the body.
    """
    order = topological(outputs, placeholders)
    changing, constant = set(placeholders), set()
    for n in order:
        if n in placeholders:
            continue
        if any(i in changing for i in n.inputs):
            changing.add(n)
        elif n.op in ("constant", "iota") or (n.inputs and all(i in constant for i in n.inputs)):
            constant.add(n)
    read = [i for n in order if n in changing and n not in placeholders for i in n.inputs]
    return list(dict.fromkeys(n for n in (*read, *outputs) if n not in changing and n not in constant))


def substituted(outputs: Sequence[Node], new: Mapping[Node, Node]) -> list[Node]:
    """The outputs with some of the nodes that they reach replaced by others."""
    known = dict(new)
    for node in topological(outputs, new.keys()):
        if node not in known:
            inputs = tuple(known[i] for i in node.inputs)
            known[node] = node if inputs == node.inputs else make_node(node.prim, inputs, node.params)
    return [known[n] for n in outputs]


def placeholders(nodes: Iterable[Node]) -> list[Node]:
    """Leaves of the same shapes and dtypes."""
    return [b.placeholder(n.aval) for n in nodes]
