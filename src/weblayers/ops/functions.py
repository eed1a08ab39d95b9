"""Functions of tensors as one plan: traced once, then replayed."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import tree
from ..graph.node import Node
from ..runtime import tracing
from ..runtime.tensor import Tensor, to_tensor
from ..runtime.tracing import Compiled, Known, Trace

# What was traced again to the same graph runs on the plan that is there; so many are kept.
PLANS = 256
_plans: OrderedDict[tuple[Any, ...], Compiled] = OrderedDict()


class Function:
    """A function of tensors that runs as one plan. See :func:`function`."""

    def __init__(self, fn: Callable[..., Any]) -> None:
        functools.update_wrapper(self, fn)
        self._fn = fn
        self._kept: dict[Any, tuple[Compiled, Any]] = {}

    @property
    def traces(self) -> int:
        """How often the function was traced."""
        return len(self._kept)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if tracing.current() is not None:
            return self._fn(*args, **kwargs)
        values = tree.leaves([list(args), kwargs])
        tensors = [to_tensor(v) for v in values if is_data(v)]
        key = (_shape(args), _shape(kwargs))
        if key not in self._kept:
            self._kept[key] = self._traced(args, kwargs, tensors)
        compiled, structure = self._kept[key]
        return rebuilt(structure, compiled(tensors))

    def __get__(self, owner: Any, kind: type | None = None) -> Any:
        # a method: one function per object
        if owner is None:
            return self
        bound = Function(functools.partial(self._fn, owner))
        owner.__dict__[self._fn.__name__] = bound
        return bound

    def _traced(self, args: Any, kwargs: Any, tensors: Sequence[Tensor]) -> tuple[Compiled, Any]:
        with tracing.tracing(Trace()) as trace:
            inputs = [tracing.placeholder(t.shape, t.dtype) for t in tensors]
            given = iter(inputs)
            ordered = list(args), {k: kwargs[k] for k in sorted(kwargs)}
            args, kwargs = (tree.mapped(lambda v: next(given) if is_data(v) else v, part) for part in ordered)
            result = self._fn(*args, **kwargs)
            nodes, structure = taken_apart(trace, result)
        return Compiled([trace.node_of(i) for i in inputs], nodes, trace), structure


def function(fn: Callable[..., Any]) -> Function:
    """Make one plan of a function: it is traced once for each combination of shapes, and then replayed without Python.

    Tensors and arrays among the arguments are inputs; everything else (numbers too) is a constant of the trace: give
    what changes as a tensor. Variables may be read and assigned, and optimizers applied. What Python does beside
    tensors happens at tracing time only, and cannot depend on tensors' values.

    Usable as a decorator, like ``tf.function``.

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
        outputs = list(fn(trace))
    captured, assigned, scalars = list(trace.captured), list(trace.assigned), list(trace.scalars)
    state = tuple(captured.index(v) for v in assigned)
    key = (*inputs, None, *outputs, None, *trace.assigned.values(), None, *trace.captured.values(), state)
    compiled = _plans.get(key)
    if compiled is None:
        compiled = _plans[key] = Compiled(inputs, outputs, trace)
        compiled.forget()
        while len(_plans) > PLANS:
            _plans.popitem(last=False)
    else:
        _plans.move_to_end(key)
    return compiled.run([*tensors, *captured], scalars, assigned)


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


def _shape(value: Any) -> Any:
    """What distinguishes arguments that need traces of their own."""
    if isinstance(value, tree.Composite):
        return (type(value), *map(_shape, value.parts))
    if isinstance(value, list | tuple):
        return (type(value), *map(_shape, value))
    if isinstance(value, dict):
        return tuple((k, _shape(v)) for k, v in sorted(value.items()))
    if is_data(value):
        tensor = to_tensor(value)
        return (tensor.shape, tensor.dtype)
    try:
        hash(value)
    except TypeError:
        return id(value)
    return (type(value), value)
