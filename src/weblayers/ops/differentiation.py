"""Gradients of functions of tensors. They can be nested, and used inside traced functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

from .. import tree
from ..graph import build as b
from ..graph.gradient import gradient, pullback
from ..graph.node import Node, topological
from ..graph.primitives.custom import Rule, custom
from ..graph.scan import placeholders, substituted
from ..runtime import tracing
from ..runtime.conversion import to_tensor
from ..runtime.tensor import Tensor, Variable
from ..runtime.tracing import Known, Trace, symbolic
from .functions import run_traced


class ValueAndGradient(NamedTuple):
    """What ``value_and_grad`` gives; its parts by position, as attributes, or by name."""

    value: Tensor
    grad: Tensor

    def __getitem__(self, part: Any) -> Any:
        return getattr(self, part) if isinstance(part, str) else tuple(self)[part]


class ValueAndGradients(NamedTuple):
    """What ``value_and_grads`` and ``variable_grads`` give; its parts by position, as attributes, or by name."""

    value: Tensor
    grads: Any

    def __getitem__(self, part: Any) -> Any:
        return getattr(self, part) if isinstance(part, str) else tuple(self)[part]


class Gradients(dict[str, Tensor]):
    """Gradients by the name of their variable; ``variables`` has the variables."""

    def __init__(self, variables: Sequence[Variable], gradients: Sequence[Tensor]) -> None:
        super().__init__(zip([v.name for v in variables], gradients, strict=True))
        if len(self) != len(variables):
            names = [v.name for v in variables]
            twice = next(n for n in names if names.count(n) > 1)
            raise ValueError(f"two variables are named {twice!r}: gradients by name cannot tell them apart")
        self.variables = dict(zip(self, variables, strict=True))

    def pairs(self) -> list[tuple[Tensor, Variable]]:
        """Each gradient with its variable."""
        return [(g, self.variables[name]) for name, g in self.items()]


def value_and_grads(f: Callable[..., Any]) -> Callable[..., ValueAndGradients]:
    """A function of a list of tensors (and perhaps ``dy``) to the value of ``f`` and its gradients for each of them.

    Args:
        f: takes tensors, gives one tensor.

    >>> import weblayers as wl
    >>> value, grads = wl.value_and_grads(lambda a, b: a * b)([wl.scalar(2.0), wl.scalar(3.0)])
    >>> value.array_sync(), [g.array_sync() for g in grads]
    (6.0, [3.0, 2.0])
    """
    known = Known()

    def run(args: Sequence[Any], dy: Any = None) -> ValueAndGradients:
        if not isinstance(args, list | tuple):
            raise TypeError(f"the function's arguments must come in a list, got {type(args).__name__}")
        given = [to_tensor(a) for a in args] + ([] if dy is None else [to_tensor(dy)])
        trace = tracing.current()
        if trace is not None:
            value, *grads = _differentiated(trace, f, [trace.node_of(t) for t in given], len(args))
            return ValueAndGradients(symbolic(value), [symbolic(g) for g in grads])
        nodes = known.inputs(given)
        found = run_traced(lambda trace: _differentiated(trace, f, nodes, len(args)), known, nodes, given)
        return ValueAndGradients(found[0], found[1:])

    return run


def _differentiated(trace: Trace, f: Callable[..., Any], nodes: Sequence[Node], count: int) -> list[Node]:
    """The value of a function, and its gradients; a node more than the function takes is the value's cotangent."""
    with trace.taping():
        value = trace.node_of(_one_tensor(f(*(symbolic(n) for n in nodes[:count]))))
    seed = nodes[count] if len(nodes) > count else b.full(value.shape, 1.0)
    if seed.shape != value.shape:
        raise ValueError(f"dy has shape {list(seed.shape)}, the function's value {list(value.shape)}")
    return [value, *gradient(value, nodes[:count], seed)]


def value_and_grad(f: Callable[[Any], Any]) -> Callable[..., ValueAndGradient]:
    """A function of a tensor (and perhaps ``dy``) to the value of ``f`` and its gradient.

    >>> import weblayers as wl
    >>> wl.value_and_grad(lambda x: x * x)(wl.scalar(3.0)).grad.array_sync()
    6.0
    """
    several = value_and_grads(f)

    def run(x: Any, dy: Any = None) -> ValueAndGradient:
        value, grads = several([x], dy)
        return ValueAndGradient(value, grads[0])

    return run


def grads(f: Callable[..., Any]) -> Callable[..., list[Tensor]]:
    """A function of a list of tensors (and perhaps ``dy``) to the gradients of ``f``.

    >>> import weblayers as wl
    >>> [g.array_sync() for g in wl.grads(lambda a, b: a * b)([wl.scalar(2.0), wl.scalar(3.0)])]
    [3.0, 2.0]
    """
    several = value_and_grads(f)
    return lambda args, dy=None: several(args, dy).grads


def grad(f: Callable[[Any], Any]) -> Callable[..., Tensor]:
    """A function of a tensor (and perhaps ``dy``) to the gradient of ``f``: of its sum, if it gives more than a number.

    >>> import weblayers as wl
    >>> cube = lambda x: x * x * x
    >>> wl.grad(cube)(wl.scalar(2.0)).array_sync(), wl.grad(wl.grad(cube))(wl.scalar(2.0)).array_sync()
    (12.0, 12.0)
    """
    several = value_and_grads(f)
    return lambda x, dy=None: several([x], dy).grads[0]


def variable_grads(f: Callable[[], Any], var_list: Sequence[Variable] | None = None) -> ValueAndGradients:
    """The value of a function without arguments, and its gradients for variables, by their names.

    Args:
        f: gives a scalar.
        var_list: the variables; those that are trainable and that ``f`` reads if left out.

    Raises:
        ValueError: the value is no scalar, or depends on no trainable variable.

    >>> import weblayers as wl
    >>> w = wl.variable(wl.scalar(3.0), name="w")
    >>> value, grads = wl.variable_grads(lambda: w * w)
    >>> value.array_sync(), grads["w"].array_sync()
    (9.0, 6.0)
    """
    trace = tracing.current()
    if trace is not None:
        value, variables, found = _variable_gradients(trace, f, var_list)
        return ValueAndGradients(symbolic(value), Gradients(variables, [symbolic(g) for g in found]))
    used: list[Variable] = []

    def traced(trace: Trace) -> list[Node]:
        value, variables, found = _variable_gradients(trace, f, var_list)
        used.extend(variables)
        return [value, *found]

    tensor, *gradients = run_traced(traced, _known)
    return ValueAndGradients(tensor, Gradients(used, gradients))


_known = Known()


def _variable_gradients(
    trace: Trace, f: Callable[[], Any], var_list: Sequence[Variable] | None
) -> tuple[Node, list[Variable], list[Node]]:
    with trace.taping():
        value = trace.node_of(_one_tensor(f()))
    if value.aval.size != 1:
        raise ValueError(f"the function must give a scalar, but its value has shape {list(value.shape)}")
    if var_list is None:
        reached = set(topological([value]))
        read = [(t, n) for t, n in (*trace.captured.items(), *trace.assigned.items()) if isinstance(t, Variable)]
        var_list = list(dict.fromkeys(t for t, n in read if t.is_trained and n in reached))
    if not var_list:
        raise ValueError(
            "the function's value depends on no trainable variable: read variables inside it, or give var_list"
        )
    scalar = b.reshape(value, ())
    trace.differentiated.append(scalar)
    return value, list(var_list), gradient(scalar, [trace.node_of(v) for v in var_list])


class GradientTape:
    """Differentiates what is computed inside, in functions that are traced: steps of models of one's own, and
    :func:`weblayers.function`. Elsewhere :func:`weblayers.variable_grads` does.

    What was computed before the outermost tape is a constant. A tape can be asked as often as one likes, and watches
    everything, so that ``persistent`` and :meth:`watch` say nothing.

    >>> import weblayers as wl
    >>> w = wl.variable(wl.scalar(3.0))
    >>> @wl.function
    ... def slope():
    ...     with wl.GradientTape() as tape:
    ...         loss = w * w
    ...     return tape.gradient(loss, w)
    >>> slope().array_sync()
    6.0
    """

    def __init__(self, persistent: bool = False) -> None:
        self._inside = ExitStack()
        self._since = 0
        # the nodes of the variables that were assigned before its end
        self._assigned: dict[Variable, Node] | None = None

    def __enter__(self) -> GradientTape:
        self._since = self._inside.enter_context(_trace_of_tape().taping())
        return self

    def __exit__(self, *error: Any) -> None:
        self._assigned = dict(_trace_of_tape().assigned)
        self._inside.close()

    def watch(self, tensor: Any) -> None:
        """There are gradients for all tensors, also for those that were made before."""

    def gradient(self, target: Any, sources: Any, output_gradients: Any = None) -> Any:
        """The gradients of a tensor, of its sum if it has more numbers than one, or of several.

        Args:
            target: a tensor, or several in a list.
            sources: variables and tensors, alone, in lists or in dictionaries. What the target does not depend on has
                None for a gradient.
            output_gradients: what the target's numbers count, of the target's shape.
        """
        trace = _trace_of_tape()
        assigned = trace.assigned if self._assigned is None else self._assigned
        targets, wanted = tree.leaves(target), tree.leaves(sources)
        outputs = [trace.node_of(t) for t in targets]
        trace.differentiated += outputs
        given = [None] * len(outputs) if output_gradients is None else tree.leaves(output_gradients)
        seeds = [b.full(o.shape, 1.0) if g is None else trace.node_of(g) for o, g in zip(outputs, given, strict=True)]
        nodes = [assigned[s] if s in assigned else self._source(trace, s) for s in wanted]
        found = [None if g is None else symbolic(g) for g in pullback(outputs, seeds, nodes)]
        return tree.packed(sources, found)

    def _source(self, trace: Trace, tensor: Tensor) -> Node:
        """What the tape has read of a tensor."""
        if tensor._node is not None and tensor.id < self._since:
            return b.stop_gradient(tensor._node)
        return trace.node_of(tensor)


def _trace_of_tape() -> Trace:
    trace = tracing.current()
    if trace is None:
        raise RuntimeError(
            "a GradientTape works in functions that are traced: in train_step, or with @wl.function. Elsewhere use"
            " wl.variable_grads(lambda: loss)"
        )
    return trace


def custom_grad(f: Callable[..., Any]) -> Callable[..., Tensor]:
    """A function with a gradient of its own.

    Args:
        f: takes tensors; gives ``(value, gradient)``, where ``gradient(dy)`` (or ``gradient(dy, saved)``) gives the
            gradient for each tensor: one, or a list. A function ``save`` comes as the last argument if ``f`` takes one
            more; it keeps tensors for the gradient.

    >>> import weblayers as wl
    >>> clipped = wl.custom_grad(lambda x: (x * x, lambda dy: dy * 0.5))
    >>> wl.grad(clipped)(wl.scalar(3.0)).array_sync()
    0.5
    """

    known = Known()

    def run(*args: Any) -> Tensor:
        given = [to_tensor(a) for a in args]
        trace = tracing.current()
        if trace is not None:
            return symbolic(_customized(trace, f, [trace.node_of(t) for t in given]))
        nodes = known.inputs(given)
        (value,) = run_traced(lambda trace: [_customized(trace, f, nodes)], known, nodes, given)
        return value

    return run


def _customized(trace: Trace, f: Callable[..., Any], nodes: Sequence[Node]) -> Node:
    """The value as a call whose gradient the function has given."""
    stands = placeholders(nodes)
    saved: list[Tensor] = []
    given: list[Any] = [symbolic(n) for n in stands]
    if _takes(f) > len(given):
        given.append(lambda tensors: saved.extend(tensors))
    result = f(*given)
    value, pullback = (result["value"], result["grad_func"]) if isinstance(result, dict) else result
    out = trace.node_of(value)
    dy = b.placeholder(out.aval)
    back = pullback(symbolic(dy), saved) if _takes(pullback) > 1 else pullback(symbolic(dy))
    back = [trace.node_of(to_tensor(g)) for g in (back if isinstance(back, list | tuple) else [back])]
    if len(back) != len(nodes):
        raise ValueError(f"the function takes {len(nodes)} tensors, but its gradient gives {len(back)}")
    for node, g in zip(nodes, back, strict=True):
        if g.shape != node.shape:
            raise ValueError(f"the gradient for a tensor of shape {list(node.shape)} has shape {list(g.shape)}")
    (here,) = substituted([out], dict(zip(stands, nodes, strict=True)))
    return custom(here, list(nodes), Rule(tuple(stands), dy, tuple(back)))


def _takes(f: Callable[..., Any]) -> int:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in kinds for p in inspect.signature(f).parameters.values())


def _one_tensor(value: Any) -> Tensor:
    if not isinstance(value, Tensor):
        raise TypeError(f"the function must give one tensor, got {type(value).__name__}")
    return value
