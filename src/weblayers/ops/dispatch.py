"""How an op runs: traced into a graph, or compiled on the spot and run on values.

An op is written once, over nodes. Called with values, it is traced for their shapes, compiled to one plan and kept:
calling it again with other values of the same shapes costs one run. Python numbers become host scalars, so that new
numbers need no new plan.
"""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from ..graph import build
from ..graph.node import Node
from ..recent import Recent
from ..runtime import profiling, tracing
from ..runtime.conversion import to_tensor
from ..runtime.strings import StringTensor, is_text
from ..runtime.tensor import Tensor
from ..runtime.tracing import Compiled, Trace
from . import text
from .keys import key_of

# Modules of ops that are not functions of the package itself, but of ``wl.image`` and so on.
NAMESPACES = ("browser", "fused", "image", "linalg", "math", "signal", "sparse", "spectral", "string")
# Every public op by its name; those of a namespace as ``"image.resize"``.
OPS: dict[str, Callable[..., Any]] = {}
# Every op by the name under which a model's configuration has it.
REPEATABLE: dict[str, Callable[..., Any]] = {}
# The ops that take tensors first, and so are methods of them.
METHODS: dict[str, Callable[..., Any]] = {}

# So many plans are kept for each op: one for each combination of shapes and other arguments, the latest ones.
PLANS = 512
# A parameter of that name takes a list of tensors, and so of what makes one; others may take a tensor as nested lists.
LIST = "tensors"

F = TypeVar("F", bound=Callable[..., Any])


class Overriding:
    """A value with ops of its own, such as one that is not there yet: an op with one among its tensors asks it."""

    # NumPy arrays on the left of an operator leave the operation to the right
    __array_ufunc__ = None

    def overridden(self, op: str, arguments: dict[str, Any]) -> Any:
        """The result of an op of that name, with arguments by name."""
        raise NotImplementedError


# For values that graphs do not know, such as complex numbers: what tells them, and what makes them ones with own ops.
ADOPTING: list[tuple[Callable[[Any], bool], Callable[[Any], Overriding]]] = []


class _Number:
    """A Python number in an eager op: a host scalar, whose value is not part of the plan."""

    def __init__(self, value: float) -> None:
        self.value = value


class _CompiledOp(Compiled):
    """A compiled op that remembers whether it gives one tensor or several."""

    single: bool
    shape: Any


def op(*tensors: str) -> Callable[[F], F]:
    """Make a public op of a function over nodes; ``tensors`` names its tensor parameters (or lists of tensors)."""

    def decorate(fn: F) -> F:
        signature, name = inspect.signature(fn), _qualified(fn).lstrip("_")
        cache: Recent[_CompiledOp] = Recent(PLANS)

        @functools.wraps(fn)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            try:
                bound = signature.bind(*args, **kwargs)
            except TypeError as error:
                raise TypeError(f"{fn.__name__}{signature}: {error}") from None
            given = bound.arguments
            if LIST in tensors and isinstance(given[LIST], list | tuple):
                given[LIST] = [as_tensor(v) for v in given[LIST]]
            flat = [v for tensor in tensors for v in _flat(given.get(tensor))]
            if any(isinstance(v, Node) for v in flat):
                return fn(*args, **kwargs)
            if any(_adopting(v) is not None for v in flat):
                _replace(given, tensors, _adopted)
                flat = [v for tensor in tensors for v in _flat(given.get(tensor))]
            overriding = next((v for v in flat if isinstance(v, Overriding)), None)
            if overriding is not None:
                return overriding.overridden(name, given)
            if any(isinstance(v, StringTensor) or is_text(v) for v in flat):
                return text.applied(name, fn, tensors, bound)
            trace = tracing.current()
            if trace is not None:
                _replace(given, tensors, lambda v: _traced(v, trace))
                return _wrapped(fn(*bound.args, **bound.kwargs), tracing.symbolic)
            if any(isinstance(v, Tensor) and v.is_symbolic for v in flat):
                with tracing.tracing(Trace()) as outer:
                    _replace(given, tensors, lambda v: _traced(v, outer))
                    return _wrapped(fn(*bound.args, **bound.kwargs), tracing.symbolic)
            return _eager(fn, tensors, bound, cache)

        if not fn.__name__.startswith("_"):
            OPS[name] = wrapper
            if next(iter(signature.parameters)) == tensors[0] and "." not in name:
                METHODS[name] = wrapper
        REPEATABLE[name] = wrapper
        return wrapper  # type: ignore[return-value]

    return decorate


def public(fn: F) -> F:
    """Make a public op of a function that is made of others, or of none."""
    OPS[_qualified(fn)] = fn
    return fn


def method(fn: F) -> F:
    """Make a public op, and a method of tensors, of a function that is made of others."""
    METHODS[fn.__name__] = fn
    return public(fn)


def _qualified(fn: Callable[..., Any]) -> str:
    """The name of an op, with the namespace that its module belongs to."""
    module = fn.__module__.removeprefix(__package__ + ".").partition(".")[0]
    return f"{module}.{fn.__name__}" if module in NAMESPACES else fn.__name__


def _flat(value: Any) -> Sequence[Any]:
    if _is_list_of_tensors(value):
        return value
    return () if value is None else (value,)


def _is_list_of_tensors(value: Any) -> bool:
    return isinstance(value, list | tuple) and any(isinstance(v, Tensor | Node | Overriding) for v in value)


def _replace(arguments: dict[str, Any], names: Sequence[str], fn: Callable[[Any], Any]) -> None:
    for name in names:
        value = arguments.get(name)
        if value is None:
            continue
        arguments[name] = [fn(v) for v in value] if _is_list_of_tensors(value) else fn(value)


def _adopting(value: Any) -> Callable[[Any], Overriding] | None:
    if isinstance(value, Tensor | Overriding | int | float):
        return None
    return next((make for tells, make in ADOPTING if tells(value)), None)


def _adopted(value: Any) -> Any:
    make = _adopting(value)
    return value if make is None else make(value)


def as_tensor(value: Any) -> Any:
    """What an op takes for a tensor, as one: values of other kinds stay what they are."""
    value = _adopted(value)
    return value if isinstance(value, Tensor | Node | Overriding) else to_tensor(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, bool | int | float | np.number)


def _traced(value: Any, trace: Trace) -> Any:
    if isinstance(value, Tensor):
        return trace.node_of(value)
    if _is_number(value):
        return value.item() if isinstance(value, np.generic) else value
    tensor = to_tensor(value)
    return build.constant(tensor.numpy(), tensor.dtype)


def _wrapped(result: Any, wrap: Callable[[Node], Any]) -> Any:
    if isinstance(result, Node):
        return wrap(result)
    return type(result)(wrap(r) for r in result) if isinstance(result, list | tuple) else result


def _eager(
    fn: Callable[..., Any], names: Sequence[str], bound: inspect.BoundArguments, cache: Recent[_CompiledOp]
) -> Any:
    arguments = bound.arguments
    values: list[Tensor | _Number] = []
    key: list[Any] = []

    def take(value: Any) -> int:
        if _is_number(value):
            values.append(_Number(float(value)))
            key.append(
                "bool" if isinstance(value, bool) else "int32" if isinstance(value, int | np.integer) else "float32"
            )
        else:
            tensor = to_tensor(value)
            tensor._check()
            values.append(tensor)
            key.append(tensor._aval)
        return len(values) - 1

    _replace(arguments, names, take)
    identity = (tuple(key), key_of(list(arguments.items())))
    entry = cache.get(identity, lambda: _compile(fn, names, bound, values, key))
    tensors = [v for v in values if isinstance(v, Tensor)]
    numbers = {i: v.value for i, v in enumerate(values) if isinstance(v, _Number)}
    started = time.perf_counter()
    results = entry(tensors, numbers)
    if profiling.is_recording():
        profiling.ran(fn.__name__.lstrip("_"), tensors, results, started)
    return results[0] if entry.single else type(entry.shape)(results)


def _compile(
    fn: Callable[..., Any],
    names: Sequence[str],
    bound: inspect.BoundArguments,
    values: list[Any],
    key: list[Any],
) -> _CompiledOp:
    with tracing.tracing(Trace()) as trace:
        nodes = [
            trace.scalar(i, key[i]) if isinstance(v, _Number) else build.input_node(v.shape, v.dtype)
            for i, v in enumerate(values)
        ]
        inputs = [n for n, v in zip(nodes, values, strict=True) if isinstance(v, Tensor)]
        arguments = dict(bound.arguments)
        for name in names:
            at = arguments.get(name)
            if at is not None:
                arguments[name] = [nodes[i] for i in at] if isinstance(at, list) else nodes[at]
        call = inspect.BoundArguments(bound.signature, arguments)
        result = fn(*call.args, **call.kwargs)
    single = isinstance(result, Node)
    compiled = _CompiledOp(inputs, [result] if single else list(result), trace)
    compiled.single, compiled.shape = single, result
    return compiled
