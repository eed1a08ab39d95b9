"""Functions of tensors as one plan: traced once, then replayed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import tree
from ..graph.node import Node
from ..recent import Recent
from ..runtime import tracing
from ..runtime.conversion import to_tensor
from ..runtime.tensor import Tensor
from ..runtime.tracing import Compiled, Known, Trace
from .keys import key_of

# So many plans are kept: of a function for each combination of shapes and constants, and of all that was traced anew.
PLANS = 256
_plans: Recent[Compiled] = Recent(PLANS)


class Function:
    """A function of tensors that runs as one plan. See :func:`function`."""

    def __init__(self, fn: Callable[..., Any]) -> None:
        functools.update_wrapper(self, fn)
        self._fn = fn
        self._kept: Recent[tuple[Compiled, Any]] = Recent(PLANS)
        # how often the function was traced
        self.traces = 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if tracing.current() is not None:
            return self._fn(*args, **kwargs)
        given = [args, kwargs]
        tensors = [to_tensor(v) for v in tree.leaves(given) if is_data(v)]
        key = (key_of(given, is_data), *((t.shape, t.dtype) for t in tensors))
        compiled, structure = self._kept.get(key, lambda: self._traced(given, tensors))
        return rebuilt(structure, compiled(tensors))

    def __get__(self, owner: Any, kind: type | None = None) -> Any:
        # a method: one function per object
        if owner is None:
            return self
        bound = Function(functools.partial(self._fn, owner))
        owner.__dict__[self._fn.__name__] = bound
        return bound

    def _traced(self, given: list[Any], tensors: Sequence[Tensor]) -> tuple[Compiled, Any]:
        self.traces += 1
        with tracing.tracing(Trace()) as trace:
            inputs = [tracing.placeholder(t.shape, t.dtype) for t in tensors]
            rest = iter(inputs)
            args, kwargs = tree.mapped(lambda v: next(rest) if is_data(v) else v, given)
            nodes, structure = taken_apart(trace, self._fn(*args, **kwargs))
        return Compiled([trace.node_of(i) for i in inputs], nodes, trace), structure


def function(fn: Callable[..., Any]) -> Function:
    """Make one plan of a function: it is traced once for each combination of shapes, and then replayed without Python.

    Tensors and arrays among the arguments, in lists and dictionaries too, are inputs; everything else (numbers too) is
    a constant of the trace: give what changes as a tensor. Variables may be read and assigned, and optimizers applied.
    What Python does beside tensors happens at tracing time only, and cannot depend on tensors' values.

    Usable as a decorator, like ``tf.function``. A call raises TypeError if an argument is neither data nor a constant
    that can be told from others: hashable, or made of lists, dictionaries, dataclasses and arrays.

    >>> import weblayers as wl
    >>> @wl.function
    ... def scaled(x, by):
    ...     return x * by + 1
    >>> scaled(wl.tensor([1.0, 2.0]), 3).array_sync()
    [4.0, 7.0]
    """
    return fn if isinstance(fn, Function) else Function(fn)


def run_traced(
    fn: Callable[[Trace], Sequence[Node]], known: Known, inputs: Sequence[Node] = (), tensors: Sequence[Tensor] = ()
) -> list[Tensor]:
    """Trace anew, and run; if the graph is one that was run before, its plan is there already.

    ``known`` gives what is touched the same nodes each time; ``inputs`` stand for the values of ``tensors``.
    """
    with tracing.tracing(Trace(known)) as trace:
        trace.given = dict(zip(inputs, tensors, strict=True))
        outputs = list(fn(trace))
    captured, assigned, scalars = list(trace.captured), list(trace.assigned), list(trace.scalars)
    numbers = {v: i for i, v in enumerate(captured)}
    state = tuple(numbers[v] for v in assigned)
    key = (*inputs, None, *outputs, None, *trace.assigned.values(), None, *trace.captured.values(), state)

    def compiled() -> Compiled:
        made = Compiled(inputs, outputs, trace)
        made.forget()
        return made

    return _plans.get(key, compiled).run([*tensors, *captured], scalars, assigned)


def is_data(value: Any) -> bool:
    """Whether an argument is an input of the plan."""
    return isinstance(value, Tensor | np.ndarray) or hasattr(value, "to_py")


def taken_apart(trace: Trace, result: Any) -> tuple[list[Node], Any]:
    """The tensors of a result as nodes, and the result with their numbers in their places."""
    nodes: list[Node] = []

    def number(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        nodes.append(trace.node_of(value))
        return _Place(len(nodes) - 1)

    return nodes, tree.mapped(number, result)


def rebuilt(structure: Any, tensors: Sequence[Tensor]) -> Any:
    """A result, from what :func:`taken_apart` has left of it."""
    return tree.mapped(lambda v: tensors[v.number] if isinstance(v, _Place) else v, structure)


class _Place:
    def __init__(self, number: int) -> None:
        self.number = number
