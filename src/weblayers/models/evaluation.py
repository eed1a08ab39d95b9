"""How good a model is: what it was compiled with, and loss and metrics of data."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .. import optimizers
from ..layers.base import positive
from ..ops import arithmetic
from ..runtime.conversion import to_tensor
from ..runtime.promise import Promise
from ..runtime.tensor import HostComputed, Tensor
from .compilation import Compilation
from .data_sets import START, Samples, as_targets, as_weights, by_output
from .feeds import ArrayFeed, DatasetFeed
from .fit import evaluated
from .freezing import Freezing
from .steps import Steps


class Evaluator:
    """What a model was compiled with, and what comes of it.

    The model has this, and is given to it: nothing here keeps a model.
    """

    def __init__(self) -> None:
        self._compilation: Compilation | None = None
        self._freezing: Freezing | None = None
        self._owns_optimizer = False
        self._steps: Steps | None = None

    def compile(self, model: Any, optimizer: Any, loss: Any, metrics: Any, loss_weights: Any, weighted: Any) -> None:
        """Choose how the model is trained."""
        self._compilation = Compilation.of(
            optimizers.get(optimizer), loss, metrics, loss_weights, weighted, model.output_names, model.static_outputs
        )
        self._freezing = Freezing(model)
        # what the user has made may serve other models too
        self._owns_optimizer = not isinstance(optimizer, optimizers.Optimizer)
        self._steps = None

    @property
    def is_compiled(self) -> bool:
        return self._compilation is not None

    @property
    def compilation(self) -> Compilation:
        """What ``compile`` was given.

        Raises:
            RuntimeError: if it was not called.
        """
        if self._compilation is None:
            raise RuntimeError(
                "The model needs to be compiled before being used: call"
                " model.compile(optimizer='sgd', loss='mean_squared_error') or the like first."
            )
        return self._compilation

    def steps(self, model: Any) -> Steps:
        """The traced functions of the compiled model."""
        if self._steps is None:
            compilation = self.compilation
            assert self._freezing is not None
            self._steps = Steps(model, compilation, self._freezing)
        return self._steps

    def clear(self) -> None:
        """What was traced is no longer the model."""
        self._steps = None

    def free(self) -> int:
        """Free the state of an optimizer that is the model's own; says how many variables there were."""
        if self._compilation is None or not self._owns_optimizer:
            return 0
        state = [v for v in self._compilation.optimizer.variables() if not v.is_disposed]
        for variable in state:
            variable.dispose()
        return len(state)

    def samples(self, model: Any, x: Any, y: Any, sample_weight: Any = None) -> Samples:
        """Inputs, targets and weights, checked and in order."""
        compilation = self.compilation
        inputs = model.model_inputs(x)
        shapes = model.static_outputs or model.output_shapes_for(inputs)
        if compilation.output_shapes is None:
            compilation.complete(shapes)
        names = model.output_names
        if len(names) != len(shapes):
            names = [f"output_{i}" for i in range(len(shapes))]
        targets: list[Tensor] = []
        if y is not None or compilation.all_metrics or any(loss is not None for loss in compilation.losses):
            pairs = zip(by_output(y, names, "targets"), shapes, compilation.losses, strict=True)
            targets = [as_targets(*pair) for pair in pairs]
        weights: list[Tensor | None] = [None] * len(shapes)
        if sample_weight is not None:
            listed = (
                sample_weight
                if isinstance(sample_weight, dict)
                else (
                    by_output(sample_weight, names, "sample weights")
                    if len(names) > 1 and isinstance(sample_weight, list)
                    else [sample_weight] * len(names)
                )
            )
            if isinstance(listed, dict):
                listed = [listed.get(n) for n in names]
            weights = [None if w is None else as_weights(w, inputs[0].shape[0]) for w in listed]
        samples = Samples(inputs, targets, weights)
        samples.check()
        return samples

    def evaluate(self, model: Any, x: Any, y: Any, batch_size: int | None, sample_weight: Any, steps: Any) -> Any:
        """Loss and metrics over the samples."""
        batch_size = positive("evaluate", "batch_size", batch_size or model.fixed_batch or 32)
        samples = self.samples(model, x, y, sample_weight)
        if steps is not None:
            stop = positive("evaluate", "steps", steps) * batch_size
            samples = samples.part(0, min(stop, samples.count))
        compilation = self.compilation
        feed = ArrayFeed(self.steps(model).test, samples, batch_size)
        total: Tensor | None = None
        for run in feed.runs():
            weighting = compilation.row_weights(run.batch)
            for step in range(run.steps):
                (logs,) = run.compiled(run.tensors, {START: run.start + step * run.batch})
                part = arithmetic.mul(logs, to_tensor(weighting))
                total = part if total is None else arithmetic.add(total, part)
        assert total is not None
        return alone([HostComputed(total, read) for read in compilation.readers(samples.count)])

    def evaluate_dataset(self, model: Any, dataset: Any, batches: int | None) -> Promise:
        """Loss and metrics over a data set."""
        feed = DatasetFeed(self.steps(model).test, partial(self.samples, model), dataset, batches)
        return self._evaluated(model, feed, lambda value: to_tensor(np.asarray(value, np.float32)))

    def test_on_batch(self, model: Any, x: Any, y: Any, sample_weight: Any) -> Promise:
        """Loss and metrics of one batch, as numbers."""
        samples = self.samples(model, x, y, sample_weight)
        return self._evaluated(model, ArrayFeed(self.steps(model).test, samples, samples.count), lambda value: value)

    def _evaluated(self, model: Any, feed: ArrayFeed | DatasetFeed, read: Callable[[Any], Any]) -> Promise:
        compilation = self.compilation

        async def run() -> Any:
            # the steps do not keep the model, this does
            model.check_usable()
            found = await evaluated(compilation, feed)
            return alone([read(found[name]) for name in compilation.names])

        return Promise(run())


def alone(values: list[Any]) -> Any:
    """A list, or its only entry."""
    return values[0] if len(values) == 1 else values
