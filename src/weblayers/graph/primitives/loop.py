"""Scans and their results. The body of a scan's gradient is the gradient of its body, run backwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import build as b
from .. import scan as s
from ..gradient import pullback
from ..node import Aval, Node, make_node, topological
from ..registry import define


def _by_loops(*arrays: np.ndarray, **params: Any) -> np.ndarray:
    raise RuntimeError("scans are evaluated as a whole, see graph/evaluate.py")


def _scan_shape(*inputs: Aval, body: s.Body) -> Aval:
    first, _, stacks = body.split(inputs)
    for carry, value in zip(body.carries, first, strict=True):
        if carry.aval != value:
            raise ValueError(f"a carried value begins as {value} and goes on as {carry.aval}")
    for part, stack in zip(body.slices, stacks, strict=True):
        if (body.steps, *part.shape) != stack.shape:
            raise ValueError(f"{body.steps} steps over slices {part.aval} need a stack of them, got {stack}")
    return Aval((), "float32")


def _scan_vjp(results: Sequence[tuple[Node, Node]], loop: Node, *inputs: Node, body: s.Body) -> list[Node | None]:
    return _Backward(loop, results).gradients()


class _Backward:
    """The loop that takes cotangents from the last step to the first."""

    def __init__(self, loop: Node, results: Sequence[tuple[Node, Node]]) -> None:
        self._loop, self._body = loop, loop.param("body")
        body = self._body
        after = {r.param("carry"): g for r, g in results if r.op == "last"}
        stacked = [(r.param("value"), g) for r, g in results if r.op == "each"]
        # cotangents: of the carried values between steps, and of values that are used outside
        self._numbers = [i for i, c in enumerate(body.carries) if c.dtype == "float32"]
        floats = [body.carries[i] for i in self._numbers]
        self._between = s.placeholders(floats)
        outside = s.placeholders([v for v, _ in stacked])
        self._first = [after.get(c, b.full(c.shape, 0.0)) for c in floats]
        self._captured = [c for c in body.captured if c.dtype == "float32"]
        self._sliced = [x for x in body.slices if x.dtype == "float32"]
        found = pullback(
            [*(body.next[i] for i in self._numbers), *(v for v, _ in stacked)],
            [*self._between, *outside],
            [*floats, *self._captured, *self._sliced],
            body.leaves,
        )
        inputs = [*floats, *self._captured, *self._sliced]
        steps = [b.full(x.shape, 0.0) if g is None else g for x, g in zip(inputs, found, strict=True)]
        # what the forward steps have computed is read from stacks
        kept = _residuals(steps, body, [v for v, _ in stacked], {*self._between, *outside})
        stands = dict(zip(kept, s.placeholders(kept), strict=True))
        steps = s.substituted(steps, stands)
        self._slices = [*stands.values(), *outside]
        # gates that a product gives are computed again, for all steps at once: the steps then need not store them
        gates = s.taken_apart(topological([*body.next, *(v for v, _ in stacked)], body.leaves))
        again = {v for v, (product, *_) in gates.items() if s.around(loop, product.inputs[1]) is not None}
        stacks = [s.at_all_steps(loop, k) if k in again else s.each(loop, k) for k in kept]
        self._stacks = [*stacks, *(g for _, g in stacked)]
        a, c = len(floats), len(floats) + len(self._captured)
        self._before, self._of_captured, self._of_slices = steps[:a], steps[a:c], steps[c:]

    def gradients(self) -> list[Node | None]:
        """One per input of the scan."""
        body = self._body
        plans = [_summed(g) for g in self._of_captured]
        # sums that cannot be taken over all steps at once are carried along
        sums = [g for g, plan in zip(self._of_captured, plans, strict=True) if plan is None]
        totals = s.placeholders(sums)
        values = [v for plan in plans if plan for v in plan.values] + self._of_slices
        back = s.scan(
            [*self._between, *totals],
            self._slices,
            [*self._before, *(b.add(t, g) for t, g in zip(totals, sums, strict=True))],
            [*self._first, *(b.full(g.shape, 0.0) for g in sums)],
            self._stacks,
            body.steps,
            not body.backwards,
            values,
        )
        carried = iter(range(len(self._between), len(self._between) + len(sums)))
        of_first = {i: s.last(back, k) for k, i in enumerate(self._numbers)}
        of_captured = {
            c: s.last(back, next(carried)) if plan is None else plan.result(back)
            for c, plan in zip(self._captured, plans, strict=True)
        }
        of_slices = {x: s.each(back, g) for x, g in zip(self._sliced, self._of_slices, strict=True)}
        return [
            *(of_first.get(i) for i in range(len(body.carries))),
            *(of_captured.get(c) for c in body.captured),
            *(of_slices.get(x) for x in body.slices),
        ]


# -- sums over all steps ----------------------------------------------------------------------------------------------


class _Sum(NamedTuple):
    """How a gradient is summed over the steps: values of the body, stacked, and what is made of them at once."""

    values: list[Node]
    result: Callable[[Node], Node]


def _summed(g: Node) -> _Sum | None:
    """A sum over the batch becomes one over the batches of all steps; None if ``g`` is none."""
    if g.op == "add":
        left, right = (_summed(i) for i in g.inputs)
        if left is None or right is None:
            return None
        x, y = left, right
        return _Sum([*x.values, *y.values], lambda back: b.add(x.result(back), y.result(back)))
    if g.op in ("reshape", "transpose", "reverse", "neg"):
        inner = _summed(g.inputs[0])
        if inner is None:
            return None
        part = inner
        return _Sum(part.values, lambda back: make_node(g.prim, (part.result(back),), g.params))
    if _sums_batch(g):
        return _Sum(
            list(g.inputs),
            lambda back: make_node(g.prim, tuple(_batches(s.each(back, i)) for i in g.inputs), g.params),
        )
    return None


def _sums_batch(g: Node) -> bool:
    if g.op == "dot":
        return len(g.shape) == 2 and g.param("ta") and not g.param("tb")
    return g.op == "conv_kernel_grad" or (g.op == "reduce_sum" and 0 in g.param("axes"))


def _batches(stack: Node) -> Node:
    """``[steps, batch, ...]`` as one batch."""
    return b.reshape(stack, (stack.shape[0] * stack.shape[1], *stack.shape[2:]))


# -- what is kept -----------------------------------------------------------------------------------------------------


def _residuals(steps: Sequence[Node], body: s.Body, values: Sequence[Node], cotangents: set[Node]) -> list[Node]:
    """The values of the forward steps that the backward steps read.

    Cheap ones are computed again from others: from products, reductions and the like, or better from the elementwise
    results of those that their kernel computes anyway.
    """
    users: dict[Node, int] = {}
    forward = topological([*body.next, *values], body.leaves)
    for n in forward:
        for i in n.inputs:
            users[i] = users.get(i, 0) + 1
    order = [n for n in topological(steps, body.leaves | cotangents) if n not in body.leaves]
    computed = set(forward)
    backward, changing, ends = set(cotangents), {*body.carries, *body.slices}, {*body.carries, *body.slices}
    for n in order:
        if any(i in backward for i in n.inputs):
            backward.add(n)
        elif any(i in changing for i in n.inputs):
            changing.add(n)
            goes_on = any(i in ends - body.leaves and users.get(i) == 1 and i.shape == n.shape for i in n.inputs)
            if n in computed and goes_on if n.prim.elementwise else not n.prim.moves:
                ends.add(n)
    kept: dict[Node, None] = {}
    waiting, seen = [i for n in order if n in backward for i in n.inputs] + list(steps), set()
    while waiting:
        n = waiting.pop()
        if n in seen or n not in changing:
            continue
        seen.add(n)
        if n in ends:
            kept[n] = None
        else:
            waiting.extend(n.inputs)
    return list(kept)


define("scan", _scan_shape, _by_loops, _scan_vjp)
define("last", lambda scan, carry: carry.aval, _by_loops)
define("each", lambda scan, value, steps: Aval((steps, *value.shape), value.dtype), _by_loops)
