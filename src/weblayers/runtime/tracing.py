"""Tracing: Python functions over tensors become graphs.

Inside a trace, tensors are symbolic; a concrete tensor or a variable that the function touches becomes an input of the
graph, and an assignment to a variable becomes one of its outputs.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from .. import tree
from ..graph import build
from ..graph.node import DTYPES, Aval, Node, topological
from ..graph.program import Graph
from ..recent import Recent
from . import device, recording, scopes
from .base import Borrower, Executable, Runtime
from .conversion import to_tensor
from .lost import persistently
from .tensor import Tensor, Variable, next_id
from .values import Origin, Values


class Known:
    """The nodes that stood for something in the traces so far, by the order in which they were needed: tensors, host
    scalars, and placeholders.

    Traced again, perhaps with other tensors of the same shapes, a program is then the same graph.
    """

    def __init__(self) -> None:
        self._nodes: dict[tuple[str, int, Aval], Node] = {}

    def _of(self, kind: str, number: int, aval: Aval) -> Node:
        key = kind, number, aval
        return self._nodes.get(key) or self._nodes.setdefault(key, build.input_node(aval.shape, aval.dtype))

    def inputs(self, tensors: Sequence[Tensor]) -> list[Node]:
        """Nodes for what a function is called with."""
        return [self._of("input", i, t._aval) for i, t in enumerate(tensors)]

    def tensor(self, number: int, aval: Aval) -> Node:
        return self._of("tensor", number, aval)

    def placeholder(self, number: int, aval: Aval) -> Node:
        return self._of("placeholder", number, aval)

    def scalar(self, number: int, dtype: str) -> Node:
        key = "scalar", number, Aval((), dtype)
        return self._nodes.get(key) or self._nodes.setdefault(key, build.scalar_node(dtype))


class Trace:
    """What a function under trace has touched so far."""

    def __init__(self, known: Known | None = None) -> None:
        self.captured: dict[Tensor, Node] = {}
        self.assigned: dict[Variable, Node] = {}
        self.scalars: dict[HostScalar | int, Node] = {}
        self._known = known or Known()
        self._placeholders = itertools.count()
        self._draws: dict[Hashable, int] = {}
        # what was made before is a constant to whoever differentiates: the number of the first tensor that is none
        self._taped: int | None = None
        self.in_loop = False
        # where the trace is for one run, whose inputs are known: tensors by their nodes
        self.given: Mapping[Node, Tensor] | None = None
        # which layer has given which values, in order
        self.marks: list[tuple[weakref.ref[Any], list[Node]]] = []
        # layers whose outputs are to be seen: what they gave last, by layers
        self.seen: dict[Any, list[Node]] = {}
        # whether what is computed on the way may be kept in half precision
        self.halves = False
        # the values whose gradients were taken, in order
        self.differentiated: list[Node] = []

    @contextmanager
    def looping(self) -> Iterator[None]:
        """While the body of a loop is traced."""
        self.in_loop = True
        try:
            yield
        finally:
            self.in_loop = False

    @contextmanager
    def taping(self) -> Iterator[int]:
        """Inside, tensors that were made before the outermost of these are constants. Gives the number of the first
        tensor that is none.
        """
        around, self._taped = self._taped, self._taped or next_id()
        try:
            yield self._taped
        finally:
            self._taped = around

    def node_of(self, tensor: Tensor) -> Node:
        if tensor._node is not None:
            return tensor._node if tensor.id >= (self._taped or 0) else build.stop_gradient(tensor._node)
        if isinstance(tensor, Variable) and tensor in self.assigned:
            return self.assigned[tensor]
        if tensor not in self.captured:
            tensor._check()
            self.captured[tensor] = self._known.tensor(len(self.captured), tensor._aval)
        return self.captured[tensor]

    def assign(self, variable: Variable, value: Tensor) -> None:
        """Have each run replace a variable's values."""
        variable.check_assignable(value)
        node = self.node_of(value)
        self.node_of(variable)
        self.assigned[variable] = node

    def placeholder(self, aval: Aval) -> Node:
        """A leaf of a part of the graph: another one each time, and the same ones when this is traced again."""
        return self._known.placeholder(next(self._placeholders), aval)

    def draws(self, source: Hashable) -> int:
        """How often random numbers were drawn from a source before, in this trace."""
        count = self.drawn(source)
        self._draws[source] = count + 1
        return count

    def drawn(self, source: Hashable) -> int:
        """How many draws from a source there were."""
        return self._draws.get(source, 0)

    def value_of(self, node: Node) -> np.ndarray | None:
        """What a node is in the one run that this trace is for; None if it is for many, or the node is part of a loop.

        Nothing is assigned, and no random number is used up: the run itself is still to come.
        """
        if self.given is None:
            return None
        tensors = {**self.given, **{n: t for t, n in self.captured.items()}}
        keys = {n: key for key, n in self.scalars.items() if isinstance(key, HostScalar)}
        leaves = [n for n in topological([node]) if n.op in ("input", "scalar")]
        if any(n not in tensors and n not in keys for n in leaves):
            return None
        inputs, scalars = [n for n in leaves if n in tensors], [n for n in leaves if n in keys]
        given, numbers = [tensors[n] for n in inputs], [keys[n].value for n in scalars]

        def work() -> np.ndarray:
            runtime = device.of(given)
            make = lambda: runtime.compile(Graph(inputs, scalars, [node]))  # noqa: E731
            executable = _readers.get((runtime, node), make)
            (storage,) = executable.run([t.storage(runtime) for t in given], numbers)
            return runtime.read_sync(storage)

        return persistently(work)

    def scalar(self, key: HostScalar | int, dtype: str = "float32") -> Node:
        """A host scalar: a number given anew at each run, by the HostScalar itself or (an int) by the caller."""
        if key not in self.scalars:
            self.scalars[key] = self._known.scalar(len(self.scalars), dtype)
        return self.scalars[key]


# The plans of values that were read while a function was traced.
_readers: Recent[Executable] = Recent(64)


def current() -> Trace | None:
    """The trace under way."""
    return recording.current()


@contextmanager
def tracing(trace: Trace) -> Iterator[Trace]:
    with recording.recorded_by(trace), scopes.paused(), build.numbered(trace.placeholder):
        yield trace


def seen(layer: Any, outputs: Any) -> Any:
    """The outputs of a layer; if it is watched, as values that whoever reads them goes through.

    A reshape of a reshape would else be one of what is before both.
    """
    trace = current()
    if trace is None or trace.in_loop or layer not in trace.seen:
        return outputs
    found: list[Node] = []

    def kept(output: Tensor) -> Tensor:
        found.append(build.bind("store", trace.node_of(output)))
        return symbolic(found[-1])

    outputs = tree.mapped(kept, outputs)
    trace.seen[layer] = found
    return outputs


def symbolic(node: Node) -> Tensor:
    return Tensor(node.aval, node=node)


def placeholder(shape: Sequence[int], dtype: str) -> Tensor:
    """A symbolic tensor that is a fresh input."""
    return symbolic(build.input_node(tuple(shape), dtype))


def zeros(shape: Sequence[int], dtype: str = "float32") -> Tensor:
    """Zeros: a constant of the graph under trace, or values."""
    if current() is None:
        return to_tensor(np.zeros(tuple(shape), DTYPES[dtype]))
    return symbolic(build.full(tuple(shape), 0.0, dtype))


def constant(values: Any) -> Tensor:
    """Numbers as float32: a constant of the graph under trace, or values."""
    array = np.asarray(values, np.float32)
    return to_tensor(array) if current() is None else symbolic(build.constant(array))


def positions(n: int) -> Tensor:
    """0, 1, 2, ... as int32: a constant of the graph under trace, or values."""
    return to_tensor(np.arange(n, dtype=np.int32)) if current() is None else symbolic(build.iota(n))


def assign(variable: Variable, value: Tensor) -> None:
    """Replace a variable's values: at once, or as an output of the graph under trace."""
    trace = current()
    if trace is None:
        variable.assign(value)
    else:
        trace.assign(variable, value)


# -- host scalars with a value of their own -------------------------------------------------------------------------


class HostScalar:
    """A number that graphs read as a uniform: changing it needs no new trace. It grows by ``increment`` each run, and
    by as much again for each further time that the run counts it.

    ``described`` says in words what it is.
    """

    def __init__(self, value: float, increment: float = 0.0, described: str = "with these random numbers") -> None:
        self._value, self.increment, self.described = value, increment, described
        # who trains with it, and advances it while its steps run
        self.lease: Borrower | None = None

    @property
    def value(self) -> float:
        if self.lease is not None:
            self.lease.refresh()
        return self._value

    @value.setter
    def value(self, value: float) -> None:
        if self.lease is not None:
            self.lease.refresh()
        self._value = value
        if self.lease is not None:
            self.lease.changed(self)

    def advance(self, by: float) -> None:
        """Count what training has made."""
        self._value += by


class Compiled:
    """A traced function: call it with tensors in the order of its placeholders.

    ``carried`` maps inputs to the outputs that take their place in the next run, by their numbers.
    """

    def __init__(
        self,
        inputs: Sequence[Node],
        outputs: Sequence[Node],
        trace: Trace,
        carried: Mapping[int, int] | None = None,
    ) -> None:
        self.captured = list(trace.captured)
        self.assigned = list(trace.assigned)
        self.keys = list(trace.scalars)
        # what the host scalars grow by each run
        self.increments = [
            k.increment * max(1, trace.drawn(k)) if isinstance(k, HostScalar) else 0.0 for k in self.keys
        ]
        self.marks = trace.marks
        # draws write floats: bytes are what is uploaded, and nothing else
        outputs = [build.cast(o, "int32") if o.dtype == "uint8" else o for o in outputs]
        # a variable that is assigned is state: its output replaces its input in the next run
        at_input = {t: len(inputs) + i for i, t in enumerate(self.captured)}
        self.graph = Graph(
            [*inputs, *trace.captured.values()],
            list(trace.scalars.values()),
            [*outputs, *trace.assigned.values()],
            {**(carried or {}), **{at_input[v]: len(outputs) + i for i, v in enumerate(self.assigned)}},
            trace.halves,
        )
        self._outputs = len(outputs)
        self._executables: dict[Runtime, Executable] = {}

    @property
    def host_scalars(self) -> list[HostScalar]:
        return [k for k in self.keys if isinstance(k, HostScalar)]

    def uniforms(self, given: Mapping[int, tuple[float, float]]) -> tuple[list[float], list[float]]:
        """The values of all host scalars at a first run, and what they grow by; ``given`` has those of numbers."""
        both = zip(self.keys, self.increments, strict=True)
        pairs = [(k.value, increment) if isinstance(k, HostScalar) else given[k] for k, increment in both]
        return [value for value, _ in pairs], [increment for _, increment in pairs]

    def executable(self, runtime: Runtime) -> Executable:
        """The graph, compiled for a runtime."""
        if runtime not in self._executables:
            # of runtimes that are lost nothing is kept
            self._executables = {r: e for r, e in self._executables.items() if device.is_in_use(r)}
            self._executables[runtime] = runtime.compile(self.graph)
        return self._executables[runtime]

    def __call__(self, tensors: Sequence[Tensor], scalars: dict[int, float] | None = None) -> list[Tensor]:
        return self.run([*tensors, *self.captured], self.keys, self.assigned, scalars)

    def run(
        self,
        inputs: Sequence[Tensor],
        keys: Sequence[HostScalar | int],
        assigned: Sequence[Variable],
        scalars: dict[int, float] | None = None,
    ) -> list[Tensor]:
        """Run with other tensors, host scalars and variables than those that were traced."""
        numbers = [k.value if isinstance(k, HostScalar) else (scalars or {})[k] for k in keys]
        (outputs,) = self._runs(inputs, keys, assigned, numbers, self.increments, 1)
        return outputs

    def repeat(
        self, tensors: Sequence[Tensor], given: Mapping[int, tuple[float, float]], steps: int
    ) -> list[list[Tensor]]:
        """The outputs of so many runs, one after the other; of those that are carried on only the last run's.

        ``given`` are the host scalars that are known by number: each one's value and increment.
        """
        return self._runs([*tensors, *self.captured], self.keys, self.assigned, *self.uniforms(given), steps)

    def _runs(
        self,
        inputs: Sequence[Tensor],
        keys: Sequence[HostScalar | int],
        assigned: Sequence[Variable],
        first: Sequence[float],
        increments: Sequence[float],
        steps: int,
    ) -> list[list[Tensor]]:
        sources = [t.values.source for t in inputs]
        graph = self.graph

        def numbers(run: int) -> list[float]:
            return [value + run * by for value, by in zip(first, increments, strict=True)]

        def work() -> tuple[Runtime, list[list[Any]]]:
            runtime = device.of(inputs, graph)
            executable, storages = self.executable(runtime), [t.storage(runtime) for t in inputs]
            if steps == 1:
                return runtime, [executable.run(storages, first)]
            return runtime, executable.repeat(storages, first, increments, steps)

        def results(run: int, storages: list[Any]) -> list[Values | None]:
            origin = None
            if runtime.is_losable:
                # without state no run needs those before
                before = 0 if graph.swaps else run
                origin = Origin(self.executable, sources, lambda i: numbers(before + i), graph.swaps, run - before + 1)
            return [
                None
                if storage is None
                else Values(node.aval, storage=storage, runtime=runtime, made=None if origin is None else (origin, i))
                for i, (storage, node) in enumerate(zip(storages, graph.outputs, strict=True))
            ]

        runtime, storages = persistently(work)
        made = [results(run, outputs) for run, outputs in enumerate(storages)]
        for key, increment in zip(keys, increments, strict=True):
            if isinstance(key, HostScalar) and increment:
                key.value += steps * increment
        for variable, values in zip(assigned, made[-1][self._outputs :], strict=True):
            assert values is not None
            variable.assign_values(values)
        return [[Tensor(v.aval, values=v) for v in row[: self._outputs] if v is not None] for row in made]

    def forget(self) -> None:
        """Keep the plan only, and no tensor alive."""
        self.captured, self.assigned, self.keys = [], [], []


def compile_function(fn: Callable[..., Sequence[Node]], avals: Sequence[Aval]) -> Compiled:
    """Trace ``fn`` over nodes of the given shapes and dtypes."""
    inputs = [build.input_node(a.shape, a.dtype) for a in avals]
    with tracing(Trace()) as trace:
        outputs = fn(*inputs)
    return Compiled(inputs, list(outputs), trace)
