"""How good a model is: what it was compiled with, and loss and metrics of data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from .. import optimizers
from ..callbacks.base import CallbackList
from ..layers.base import positive
from ..runtime import scopes
from ..runtime.conversion import to_tensor
from ..runtime.promise import Promise
from ..runtime.tensor import HostComputed, Tensor, tensor_of
from .compilation import Compilation, CompiledMetrics
from .data_sets import Samples, alone, as_targets, as_weights, by_output
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
        self._compilation = Compilation(optimizers.get(optimizer), loss, metrics, loss_weights, weighted)
        if model.static_outputs is not None:
            self._compilation.complete(model.output_names, model.static_outputs)
        self.compiled_metrics = CompiledMetrics(self._compilation)
        self._freezing = Freezing(model)
        # what the user has made may serve other models too
        self._owns_optimizer = not isinstance(optimizer, optimizers.Optimizer)
        self._steps = None

    @property
    def tracked(self) -> list[Any]:
        """What follows the losses, and the metrics as one."""
        compilation = self.compilation
        metrics = [self.compiled_metrics] if compilation.has_metrics else []
        return [compilation.loss_tracker, *compilation.output_trackers, *metrics]

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
            assert self.is_compiled and self._freezing is not None, self.compilation
            self._steps = Steps(model, self._freezing)
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
        """Inputs, targets and weights for the model's own steps, checked and in order."""
        compilation = self.compilation
        inputs, arranged = model.model_inputs(x), model.arranged(x)
        if compilation.output_shapes is None:
            compilation.complete(*model.outputs_for(inputs, arranged))
        names, shapes = compilation.output_names, compilation.output_shapes
        assert shapes is not None
        targets: list[Tensor] = []
        if y is not None or compilation.has_metrics or any(loss is not None for loss in compilation.losses):
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
        by_name = {name: i for i, name in enumerate(names)} if isinstance(y, Mapping) else None
        samples = Samples(inputs, targets, weights, arranged, by_name)
        samples.check()
        return samples

    def evaluate(
        self,
        model: Any,
        x: Any,
        y: Any,
        batch_size: int | None,
        sample_weight: Any,
        steps: Any,
        return_dict: bool,
        callbacks: Any,
    ) -> Any:
        """Loss and metrics over the samples."""
        batch_size = positive("evaluate", "batch_size", batch_size or model.fixed_batch or 32)
        samples = model.samples(x, y, sample_weight, training=False)
        if steps is not None:
            stop = positive("evaluate", "steps", steps) * batch_size
            samples = samples.part(0, min(stop, samples.count))
        feed = ArrayFeed(self.steps(model).test, samples, batch_size)
        if callbacks is not None:
            return self._evaluated(model, feed, _as_tensor, return_dict, callbacks)
        runs = list(feed.runs())
        layout = runs[0].compiled.layout
        # whoever tidies up around this leaves what the results are made of alone
        with scopes.paused():
            total = tensor_of(np.zeros_like(layout.adds))
            for run in runs:
                total = run.compiled.totals.repeat([*run.tensors, total], run.begins, run.steps)[-1][0]
        names = [entry.name for entry in layout.entries]
        found = {n: HostComputed(total, read) for n, read in zip(names, layout.readers, strict=True)}
        return found if return_dict else alone([*found.values()])

    def evaluate_dataset(
        self, model: Any, dataset: Any, batches: int | None, return_dict: bool, callbacks: Any
    ) -> Promise:
        """Loss and metrics over a data set."""
        feed = DatasetFeed(self.steps(model).test, partial(model.read_batch, training=False), dataset, batches)
        return self._evaluated(model, feed, _as_tensor, return_dict, callbacks)

    def test_on_batch(self, model: Any, x: Any, y: Any, sample_weight: Any, return_dict: bool) -> Promise:
        """Loss and metrics of one batch, as numbers."""
        samples = model.samples(x, y, sample_weight, training=False)
        feed = ArrayFeed(self.steps(model).test, samples, samples.count)
        return self._evaluated(model, feed, lambda value: value, return_dict)

    def _evaluated(
        self,
        model: Any,
        feed: ArrayFeed | DatasetFeed,
        read: Callable[[Any], Any],
        return_dict: bool,
        callbacks: Any = None,
    ) -> Promise:
        told = None if callbacks is None else CallbackList(callbacks, [])

        async def run() -> Any:
            # the steps do not keep the model, this does
            model.check_usable()
            if told is not None:
                told.attach(model, {"samples": feed.samples, "steps": feed.steps})
            found = {name: read(value) for name, value in (await evaluated(feed, told)).items()}
            return found if return_dict else alone([*found.values()])

        return Promise(run())


def _as_tensor(value: Any) -> Tensor:
    return to_tensor(np.asarray(value, np.float32))
