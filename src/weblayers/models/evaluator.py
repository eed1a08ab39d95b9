"""Compiling and evaluation, as every model has them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import naming, optimizers
from ..layers.base import BatchShape, positive
from ..ops import arithmetic
from ..runtime.conversion import to_tensor
from ..runtime.tensor import HostComputed, Tensor
from .compilation import Compilation
from .data_sets import Samples, as_inputs, as_targets, as_tree, as_weights, by_output
from .feeds import ArrayFeed, DatasetFeed, is_dataset
from .promise import Promise
from .steps import Steps
from .structure import Structure
from .training import evaluated


class Evaluator(Structure):
    """The part of a model that knows its loss and metrics."""

    def __init__(self, **base: Any) -> None:
        super().__init__(**base)
        self._compilation: Compilation | None = None
        self._owns_optimizer = False
        self._steps: Steps | None = None

    def graph_changed(self) -> None:
        super().graph_changed()
        self._steps = None

    def free(self) -> int:
        disposed = super().free()
        if self._compilation is not None and self._owns_optimizer:
            for state in self._compilation.optimizer.variables():
                disposed += not state.is_disposed
                state.dispose()
        return disposed

    # -- compiling ----------------------------------------------------------------------------------------------------

    def compile(
        self,
        optimizer: Any = "sgd",
        loss: Any = None,
        metrics: Any = None,
        loss_weights: Any = None,
        weighted_metrics: Any = None,
    ) -> None:
        """Choose how the model is trained.

        Args:
            optimizer: name or Optimizer. One object ``{"optimizer", "loss", "metrics"}`` works too.
            loss: name, Loss or function of targets and predictions; for several outputs a list or a dictionary.
            metrics: names, Metrics or functions, in a list or alone; for several outputs lists in a list or dictionary.
            loss_weights: how much each output's loss counts.
            weighted_metrics: metrics that sample and class weights apply to.
        """
        if isinstance(optimizer, dict) and "class_name" not in optimizer:
            self.compile(**naming.arguments(type(self).compile, "compile", optimizer))
            return
        self.check_usable()
        names = self.output_names
        # what the user has made may serve other models too
        self._owns_optimizer = not isinstance(optimizer, optimizers.Optimizer)
        self._compilation = Compilation.of(
            optimizers.get(optimizer), loss, metrics, loss_weights, weighted_metrics, names, self._static_outputs()
        )
        self._steps = None

    def _static_outputs(self) -> list[BatchShape] | None:
        shapes = getattr(self, "output_shapes", None) if self.input_shapes is not None else None
        return shapes

    @property
    def is_compiled(self) -> bool:
        """Whether it is known how the model is trained."""
        return self._compilation is not None

    @property
    def optimizer(self) -> optimizers.Optimizer:
        return self.compiled().optimizer

    @property
    def loss(self) -> Any:
        return self.compiled().given_loss

    @property
    def loss_functions(self) -> list[Any]:
        """The losses of the outputs, as objects."""
        return list(self.compiled().losses)

    @property
    def metrics(self) -> list[Any]:
        """The metrics of the outputs, as objects."""
        return [metric for _, metric, _ in self.compiled().all_metrics]

    @property
    def metrics_names(self) -> list[str]:
        return self.compiled().names

    def compiled(self) -> Compilation:
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

    @property
    def steps(self) -> Steps:
        """The traced functions of the compiled model."""
        compilation = self.compiled()
        if self._steps is None:
            self._steps = Steps(self, compilation)
        return self._steps

    def samples(self, x: Any, y: Any, sample_weight: Any = None) -> Samples:
        """Inputs, targets and weights, checked and in order."""
        compilation = self.compiled()
        inputs = self.model_inputs(x)
        shapes = self.output_shapes_for(inputs) if self._static_outputs() is None else self._static_outputs()
        assert shapes is not None
        if compilation.output_shapes is None:
            compilation.complete(shapes)
        names = (
            self.output_names if len(self.output_names) == len(shapes) else [f"output_{i}" for i in range(len(shapes))]
        )
        given = by_output(y, names, "targets")
        targets = [as_targets(t, shape, loss) for t, shape, loss in zip(given, shapes, compilation.losses, strict=True)]
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

    def model_inputs(self, x: Any) -> list[Tensor]:
        given = self.match_inputs(as_tree(x, several=len(self.input_shapes or [0]) > 1 or self.input_shapes is None))
        shapes = self.input_shapes
        if shapes is None:
            return [to_tensor(v) for v in given]
        names = getattr(self, "input_names", None) or ["input"] * len(shapes)
        labels = ["input"] if len(shapes) == 1 else names
        return [as_inputs(v, s, n) for v, s, n in zip(given, shapes, labels, strict=True)]

    # -- evaluation ---------------------------------------------------------------------------------------------------

    def evaluate(self, x: Any, y: Any = None, config: dict[str, Any] | None = None, **kwargs: Any) -> Any:
        """Loss and metrics over the samples, as scalar tensors, in the order of ``metrics_names``.

        Returns at once; reading the values waits. ``batch_size`` is 32; ``sample_weight`` as in :meth:`fit`; ``steps``
        is how many batches are looked at. A data set for ``x`` is evaluated as by :meth:`evaluate_dataset`.
        """
        if is_dataset(x):
            return self.evaluate_dataset(x, y if config is None else config, **kwargs)
        given = naming.arguments(_evaluate_options, "evaluate", {**(config or {}), **kwargs})
        options = _evaluate_options(**given)
        batch_size = positive("evaluate", "batch_size", options["batch_size"] or 32)
        samples = self.samples(x, y, options["sample_weight"])
        if options["steps"] is not None:
            stop = positive("evaluate", "steps", options["steps"]) * batch_size
            samples = samples.part(0, min(stop, samples.count))
        compilation = self.compiled()
        feed = ArrayFeed(self.steps.test, samples, batch_size)
        total: Tensor | None = None
        for run in feed.runs():
            run.begin(self.steps.test_start)
            weighting = compilation.row_weights(run.batch)
            for _ in range(run.steps):
                (logs,) = run.compiled(run.tensors)
                part = arithmetic.mul(logs, to_tensor(weighting))
                total = part if total is None else arithmetic.add(total, part)
        assert total is not None
        return alone([HostComputed(total, read) for read in compilation.readers(samples.count)])

    def evaluate_dataset(self, dataset: Any, config: dict[str, Any] | None = None, **kwargs: Any) -> Promise:
        """Loss and metrics over a data set, as scalar tensors, in the order of ``metrics_names``.

        ``batches`` is how many of its batches are looked at, all if left out.
        """
        given = naming.arguments(_evaluate_dataset_options, "evaluate_dataset", {**(config or {}), **kwargs})
        batches = _evaluate_dataset_options(**given)["batches"]
        feed = DatasetFeed(self.steps.test, self.samples, dataset, batches)

        async def run() -> Any:
            found = await evaluated(self.steps, self.compiled(), feed)
            return alone([to_tensor(np.asarray(found[name], np.float32)) for name in self.metrics_names])

        return Promise(run())

    def test_on_batch(self, x: Any, y: Any, sample_weight: Any = None) -> Promise:
        """Loss of one batch, or loss and metrics in a list, without training."""
        samples = self.samples(x, y, sample_weight)
        feed = ArrayFeed(self.steps.test, samples, samples.count)

        async def step() -> Any:
            found = await evaluated(self.steps, self.compiled(), feed)
            return alone([found[name] for name in self.metrics_names])

        return Promise(step())


def alone(values: list[Any]) -> Any:
    """A list, or its only entry."""
    return values[0] if len(values) == 1 else values


def _evaluate_options(
    batch_size: int | None = 32, verbose: int = 0, sample_weight: Any = None, steps: int | None = None
) -> dict[str, Any]:
    return locals()


def _evaluate_dataset_options(batches: int | None = None, verbose: int = 0) -> dict[str, Any]:
    return locals()
