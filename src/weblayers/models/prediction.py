"""A model's output for data: in one go, or in batches that memory allows."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Any

import numpy as np

from .. import naming, tree
from ..graph.node import Aval
from ..layers.base import BatchShape, Layer, positive
from ..ops import arithmetic, movement
from ..runtime import tracing
from ..runtime.conversion import to_tensor
from ..runtime.tensor import Tensor
from ..runtime.tracing import Compiled, symbolic
from .data_sets import compute_dtype, take
from .feeds import inputs_of, is_dataset, iterated
from .promise import Promise

# Prediction in batches keeps what the layers compute below so many numbers at once.
PREDICT_BUDGET = 4_000_000
# Pieces of a prediction joined at a time: each is a texture, and a draw reads at most sixteen.
JOIN = 8


class Predictor(Layer):
    """The part of a model that predicts."""

    def __init__(self, **base: Any) -> None:
        super().__init__(**base)
        self._predictors: dict[tuple, tuple[Compiled, Any]] = {}

    @property
    def layers(self) -> list[Layer]:
        """The layers of the model, in order."""
        return self.sublayers

    def model_inputs(self, x: Any) -> list[Tensor]:
        """What was given, as a checked list of inputs."""
        raise NotImplementedError

    @property
    def input_shapes(self) -> list[BatchShape] | None:
        """The inputs' shapes, where they are known before there are data."""
        return None

    def output_shapes_for(self, inputs: Sequence[Tensor]) -> list[BatchShape]:
        """The outputs' shapes for data of these shapes."""
        raise NotImplementedError

    def predict(self, x: Any, config: dict[str, Any] | None = None, **kwargs: Any) -> Any:
        """The model's output for inputs. Returns at once; reading the values waits.

        ``batch_size`` limits how many samples are computed at a time; left out, memory decides.

        For a data set it is a promise of the output, and the page has its turn between the batches. Targets in the data
        set are ignored; ``steps`` limits how many batches are looked at.
        """
        if is_dataset(x):
            given = naming.arguments(_predict_dataset_options, "predict", {**(config or {}), **kwargs})
            return Promise(self._predict_dataset(x, **given))
        options = naming.arguments(_predict_options, "predict", {**(config or {}), **kwargs})
        inputs = self.model_inputs(x)
        samples = inputs[0].shape[0]
        if any(t.shape[0] != samples for t in inputs):
            raise ValueError(
                "All input Tensors (x) should have the same number of samples. Got array shapes:"
                f" {[list(t.shape) for t in inputs]}"
            )
        if not samples:
            empty = [
                to_tensor(np.zeros((0, *(d or 1 for d in s[1:])), np.float32)) for s in self.output_shapes_for(inputs)
            ]
            return empty[0] if len(empty) == 1 else empty
        batch = options.get("batch_size") or self._prediction_batch(inputs)
        batch = min(positive("predict", "batch_size", batch), samples)
        starts = range(0, samples, batch)
        parts = [self._predicted([take(t, i, min(i + batch, samples)) for t in inputs]) for i in starts]
        return _together(parts)

    async def _predict_dataset(self, dataset: Any, steps: int | None = None, verbose: int = 0) -> Any:
        limit = None if steps is None else positive("predict", "steps", steps)
        parts: list[Any] = []
        count = len(self.input_shapes or [0])
        async with aclosing(iterated(dataset)) as elements:
            async for element in elements:
                parts.append(self._predicted(self.model_inputs(inputs_of(element, count))))
                if len(parts) == limit:
                    break
                await asyncio.sleep(0)
        if not parts:
            raise ValueError("the data set has no batches")
        return _together(parts)

    def predict_on_batch(self, x: Any) -> Any:
        """The output for inputs that are computed in one go."""
        return self._predicted(self.model_inputs(x))

    def _predicted(self, inputs: list[Tensor]) -> Any:
        if any(t.is_symbolic for t in inputs):
            return self.apply(inputs[0] if len(inputs) == 1 else inputs)
        return self.run_traced((), lambda x: self.apply(x, training=False), inputs)

    def run_traced(self, what: tuple, fn: Callable[[Any], Any], inputs: Sequence[Tensor]) -> Any:
        """A function of the inputs, traced once for their shapes; ``what`` tells it from others."""
        key = (*what, *((t.shape, t.dtype) for t in inputs))
        if key not in self._predictors:
            made: list[Any] = []

            def traced(*nodes: Any) -> list[Any]:
                trace = tracing.current()
                assert trace is not None
                tensors = [arithmetic.cast(symbolic(n), compute_dtype(n.dtype)) for n in nodes]
                out = fn(tensors[0] if len(tensors) == 1 else tensors)
                made.append(tree.mapped(lambda _: None, out))
                return [trace.node_of(t) for t in tree.leaves(out)]

            compiled = tracing.compile_function(traced, [Aval(*k) for k in key[len(what) :]])
            self._predictors[key] = compiled, made[0]
        compiled, structure = self._predictors[key]
        return tree.packed(structure, compiled(inputs))

    def _prediction_batch(self, inputs: Sequence[Tensor]) -> int:
        fixed = [s[0] for s in self.input_shapes or [] if s[0] is not None]
        if fixed:
            return fixed[0]
        shapes: list[Any] = [t.shape for t in inputs]
        for layer in self.layers:
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


def _predict_dataset_options(steps: int | None = None, verbose: int = 0) -> dict[str, Any]:
    return locals()


def _predict_options(batch_size: int | None = None, verbose: int = 0) -> dict[str, Any]:
    return locals()
