"""A model's output for data: in one go, or in batches that memory allows."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

import numpy as np

from .. import tree
from ..callbacks.base import CallbackList
from ..graph.node import Aval, Node
from ..layers.base import positive
from ..metrics.base import counting
from ..ops import arithmetic, movement
from ..recent import Recent
from ..runtime import tracing
from ..runtime.conversion import to_tensor
from ..runtime.promise import Promise
from ..runtime.tensor import Tensor
from ..runtime.tracing import Compiled, Trace, symbolic
from .data_sets import START, Samples, compute_dtype, room_for, sample_order, take
from .feeds import inputs_of, iterated
from .steps import batch_of

# Prediction in batches keeps what the layers compute below so many numbers at once.
PREDICT_BUDGET = 4_000_000
# Samples of so many numbers lie on the device as a whole, for all of their batches.
HELD_NUMBERS = 16_000_000
# So many kinds of inputs have their plans kept.
KEPT = 64
# Pieces of a prediction joined at a time: each is a texture, and a draw reads at most sixteen.
JOIN = 8


class Predictor:
    """What a model computes of data, each function traced once for a kind of inputs; those used last are kept.

    The model has this, and is given to it: nothing here keeps a model.
    """

    def __init__(self) -> None:
        self._kept: Recent[tuple[Compiled, Any]] = Recent(KEPT)

    def clear(self) -> None:
        """What was traced is no longer the model."""
        self._kept.clear()

    @property
    def plans(self) -> list[Compiled]:
        """What is kept."""
        return [compiled for compiled, _ in self._kept.values()]

    def predict(
        self, model: Any, x: Any, batch_size: int | None, callbacks: Any = None, steps: int | None = None
    ) -> Any:
        """The output for all samples, in batches; a promise of it where callbacks are told."""
        inputs, arranged = model.model_inputs(x), model.arranged(x)
        samples = inputs[0].shape[0]
        if any(t.shape[0] != samples for t in inputs):
            raise ValueError(
                "All input Tensors (x) should have the same number of samples. Got array shapes:"
                f" {[list(t.shape) for t in inputs]}"
            )
        if steps is not None:
            samples = min(samples, positive("predict", "steps", steps) * (batch_size or 32))
            inputs = [take(t, 0, samples) for t in inputs]
        if not samples:
            shapes = [(0, *(d or 1 for d in shape[1:])) for shape in model.outputs_for(inputs, arranged)[1]]
            empty = [to_tensor(np.zeros(shape, np.float32)) for shape in shapes]
            return empty[0] if len(empty) == 1 else empty
        batch = min(positive("predict", "batch_size", batch_size or _batch_for(model, inputs)), samples)
        if callbacks is None and batch < samples and _runs_alone(inputs) and model.made_on_host(inputs) is None:
            return _together(self._in_batches(model, inputs, arranged, batch))
        starts = range(0, samples, batch)
        batches = [[take(t, i, min(i + batch, samples)) for t in inputs] for i in starts]
        if callbacks is not None:
            return Promise(self._told(model, batches, arranged, callbacks))
        return _together([self.predicted(model, batch, arranged) for batch in batches])

    async def _told(self, model: Any, batches: list[list[Tensor]], arranged: Any, callbacks: Any) -> Any:
        """The same, with callbacks that are told."""

        async def each() -> AsyncGenerator[Any, None]:
            for batch in batches:
                yield self.predicted(model, batch, arranged)

        return _together(await _heard(model, each(), callbacks))

    async def predict_dataset(self, model: Any, dataset: Any, steps: int | None, callbacks: Any = None) -> Any:
        """The output for the batches of a data set."""
        return _together(await _heard(model, self._of_dataset(model, dataset, steps), callbacks))

    async def _of_dataset(self, model: Any, dataset: Any, steps: int | None) -> AsyncGenerator[Any, None]:
        limit = None if steps is None else positive("predict", "steps", steps)
        done, count = 0, len(model.input_shapes or [0])
        async with aclosing(iterated(dataset)) as elements:
            async for element in elements:
                x = inputs_of(element, count)
                yield self.predicted(model, model.model_inputs(x), model.arranged(x))
                done += 1
                if done == limit:
                    break
                await asyncio.sleep(0)
        if not done:
            raise ValueError("the data set has no batches")

    def predicted(self, model: Any, inputs: list[Tensor], arranged: Any) -> Any:
        """The output for inputs that are computed in one go."""
        if not _runs_alone(inputs):
            return _step(model, inputs, arranged)
        made = model.made_on_host(inputs)
        if made is not None:
            return made
        step = partial(_step, model, arranged=arranged)
        return self.traced(_kind(model, arranged), step, inputs, model.dtype_policy.stores_halves)

    def _in_batches(self, model: Any, inputs: list[Tensor], arranged: Any, batch: int) -> list[Any]:
        """The outputs for all batches, of which the device is told in one go, or in several if there is much."""
        count, width = inputs[0].shape[0], sum(math.prod(t.shape[1:]) for t in inputs)
        held = max(1, HELD_NUMBERS // max(1, width * batch)) * batch
        parts = (Samples([take(t, i, min(i + held, count)) for t in inputs], [], []) for i in range(0, count, held))
        return [output for part in parts for output in self._of_samples(model, part, arranged, batch)]

    def _of_samples(self, model: Any, samples: Samples, arranged: Any, batch: int) -> Iterator[Any]:
        rows = samples.rows(room_for(samples.count))
        tensors = [*rows.tensors(), sample_order(np.arange(samples.count), rows.count)]
        kinds = [Aval(t.shape, t.dtype) for t in tensors]
        kind = *_kind(model, arranged), *kinds, *(t.sample_shape for t in tensors)
        halves = model.dtype_policy.stores_halves

        def step(size: int, trace: Trace, nodes: Sequence[Node]) -> Any:
            *columns, order = nodes
            return _step(model, batch_of(trace, rows, columns, order, size).inputs, arranged)

        whole, rest = divmod(samples.count, batch)
        for start, size, steps in ((0, batch, whole), (whole * batch, rest, min(rest, 1))):
            if steps:
                make = partial(_traced, partial(step, size), kinds, halves)
                compiled, structure = self._kept.get((*kind, size), make)
                for outputs in compiled.repeat(tensors, {START: (start, size)}, steps):
                    yield tree.packed(structure, outputs)

    def traced(
        self, what: tuple, fn: Callable[[list[Tensor]], Any], inputs: Sequence[Tensor], halves: bool = False
    ) -> Any:
        """A function of the inputs, traced once for their shapes; ``what`` tells it from others.

        With ``halves`` a device may keep what is computed on the way in half precision.
        """
        kinds = [Aval(t.shape, t.dtype) for t in inputs]

        def step(_: Trace, nodes: Sequence[Node]) -> Any:
            return fn([arithmetic.cast(symbolic(n), compute_dtype(n.dtype)) for n in nodes])

        compiled, structure = self._kept.get((*what, *kinds), partial(_traced, step, kinds, halves))
        return tree.packed(structure, compiled(inputs))


def _traced(step: Callable[[Trace, Sequence[Node]], Any], kinds: Sequence[Aval], halves: bool) -> tuple[Compiled, Any]:
    """A function of inputs of these kinds, traced, and the structure of what it gives."""
    structures: list[Any] = []

    def traced(*nodes: Node) -> list[Node]:
        trace = tracing.current()
        assert trace is not None
        trace.halves = halves
        out = step(trace, nodes)
        structures.append(tree.mapped(lambda _: None, out))
        return [trace.node_of(t) for t in tree.leaves(out)]

    # what metrics inside count is lost: there are no targets
    with counting():
        return tracing.compile_function(traced, kinds), structures[0]


def _step(model: Any, tensors: Sequence[Tensor], arranged: Any) -> Any:
    return model.predict_step(tree.mapped(lambda i: tensors[i], arranged))


def _kind(model: Any, arranged: Any) -> tuple[Any, ...]:
    """What tells predictions for inputs of the same shapes from each other: weights may be adapted since."""
    return repr(arranged), sum(weight.adapter is not None for weight in model.weights)


def _runs_alone(inputs: Sequence[Tensor]) -> bool:
    """Whether the output is not a part of the function under trace, with a gradient."""
    return tracing.current() is None and not any(t.is_symbolic for t in inputs)


async def _heard(model: Any, outputs: AsyncGenerator[Any, None], callbacks: Any) -> list[Any]:
    """The outputs of batches; callbacks are told of each once it has begun to be computed."""
    told = CallbackList(callbacks, [])
    parts: list[Any] = []
    told.attach(model, {})
    await told.call("on_predict_begin", {})
    async with aclosing(outputs) as batches:
        async for part in batches:
            await told.call("on_predict_batch_begin", len(parts), {})
            await told.call("on_predict_batch_end", len(parts), {"outputs": part})
            parts.append(part)
    await told.call("on_predict_end", {})
    return parts


def _batch_for(model: Any, inputs: Sequence[Tensor]) -> int:
    """How many samples memory allows at a time."""
    if model.fixed_batch is not None:
        return int(model.fixed_batch)
    shapes: list[Any] = [t.shape for t in inputs]
    for layer in model.layers:
        shapes += [w.shape for call in layer.inbound_calls for w in tree.leaves(call.outputs)]
    widest = max(math.prod(d or 1 for d in s[1:]) for s in shapes)
    return max(1, PREDICT_BUDGET // max(1, widest))


def _together(parts: list[Any]) -> Any:
    """Outputs of batches as one."""
    joined = [_joined(list(pieces)) for pieces in zip(*map(tree.leaves, parts), strict=True)]
    return tree.packed(parts[0], joined)


def _joined(pieces: list[Tensor]) -> Tensor:
    while len(pieces) > 1:
        pieces = [movement.concat(pieces[i : i + JOIN], 0) for i in range(0, len(pieces), JOIN)]
    return pieces[0]
