"""A model's output for data: in one go, or in batches that memory allows."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any

import numpy as np

from .. import tree
from ..callbacks.base import CallbackList
from ..graph.node import Aval
from ..layers.base import positive
from ..metrics.base import counting
from ..ops import arithmetic, movement
from ..recent import Recent
from ..runtime import tracing
from ..runtime.conversion import to_tensor
from ..runtime.promise import Promise
from ..runtime.tensor import Tensor
from ..runtime.tracing import Compiled, symbolic
from .data_sets import compute_dtype, take
from .feeds import inputs_of, iterated

# Prediction in batches keeps what the layers compute below so many numbers at once.
PREDICT_BUDGET = 4_000_000
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

    def predict(self, model: Any, x: Any, batch_size: int | None, callbacks: Any = None) -> Any:
        """The output for all samples, in batches; a promise of it where callbacks are told."""
        inputs, arranged = model.model_inputs(x), model.arranged(x)
        samples = inputs[0].shape[0]
        if any(t.shape[0] != samples for t in inputs):
            raise ValueError(
                "All input Tensors (x) should have the same number of samples. Got array shapes:"
                f" {[list(t.shape) for t in inputs]}"
            )
        if not samples:
            shapes = [(0, *(d or 1 for d in shape[1:])) for shape in model.outputs_for(inputs, arranged)[1]]
            empty = [to_tensor(np.zeros(shape, np.float32)) for shape in shapes]
            return empty[0] if len(empty) == 1 else empty
        batch = min(positive("predict", "batch_size", batch_size or _batch_for(model, inputs)), samples)
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

        def step(tensors: list[Tensor]) -> Any:
            return model.predict_step(tree.mapped(lambda i: tensors[i], arranged))

        if tracing.current() is not None or any(t.is_symbolic for t in inputs):
            # a part of the function under trace, with a gradient
            return step(inputs)
        made = model.made_on_host(inputs)
        if made is not None:
            return made
        # weights may be adapted since
        adapters = sum(weight.adapter is not None for weight in model.weights)
        return self.traced((repr(arranged), adapters), step, inputs, model.dtype_policy.stores_halves)

    def traced(
        self, what: tuple, fn: Callable[[list[Tensor]], Any], inputs: Sequence[Tensor], halves: bool = False
    ) -> Any:
        """A function of the inputs, traced once for their shapes; ``what`` tells it from others.

        With ``halves`` a device may keep what is computed on the way in half precision.
        """
        kinds = [(t.shape, t.dtype) for t in inputs]

        def made() -> tuple[Compiled, Any]:
            structures: list[Any] = []

            def traced(*nodes: Any) -> list[Any]:
                trace = tracing.current()
                assert trace is not None
                trace.halves = halves
                tensors = [arithmetic.cast(symbolic(n), compute_dtype(n.dtype)) for n in nodes]
                out = fn(tensors)
                structures.append(tree.mapped(lambda _: None, out))
                return [trace.node_of(t) for t in tree.leaves(out)]

            # what metrics inside count is lost: there are no targets
            with counting():
                return tracing.compile_function(traced, [Aval(*kind) for kind in kinds]), structures[0]

        compiled, structure = self._kept.get((*what, *kinds), made)
        return tree.packed(structure, compiled(inputs))


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
