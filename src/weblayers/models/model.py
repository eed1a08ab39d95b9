"""What every model can do: compile, fit, evaluate, predict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import naming, optimizers
from ..layers.base import BatchShape, positive
from ..ops import arithmetic
from ..runtime.tensor import HostComputed, Tensor, to_tensor
from .callbacks import History
from .compilation import Compilation
from .data_sets import (
    Samples,
    as_inputs,
    as_targets,
    as_tree,
    as_weights,
    by_output,
    sample_order,
)
from .promise import Promise
from .steps import Steps
from .structure import Structure
from .training import Fit, FitPlan, segments


class _ModelType(naming.Configurable):
    """Makes ``Model(inputs, outputs)``, as Keras spells it, a functional model."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        given = {**args[0], **kwargs} if args and isinstance(args[0], Mapping) else kwargs
        if cls is Model and (len(args) > 1 or "inputs" in given or "outputs" in given):
            from .functional import Functional  # it is a Model

            return Functional(*args, **kwargs)
        return super().__call__(*args, **kwargs)


class Model(Structure, metaclass=_ModelType):
    """A layer that can be trained. Subclass it for a model of your own: make layers in ``__init__``, use them in
    :meth:`call`, which may take ``training``. ``Model(inputs, outputs)`` makes a functional model.

    >>> import weblayers as wl
    >>> class Twice(wl.Model):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.dense = wl.layers.dense(units=1)
    ...     def call(self, x):
    ...         return self.dense(x) * 2
    >>> model = Twice()
    >>> model.compile(optimizer="sgd", loss="mse")
    >>> model.predict(wl.ones([4, 3])).shape
    (4, 1)
    """

    def __init__(self, name: str | None = None, **base: Any) -> None:
        super().__init__(name=name, **base)
        self._compilation: Compilation | None = None
        self._owns_optimizer = False
        self._steps: Steps | None = None
        self._fitting = False
        self.stop_training = False
        self.history: History | None = None

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

    # -- training -----------------------------------------------------------------------------------------------------

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

    def fit(self, x: Any, y: Any = None, config: dict[str, Any] | None = None, **kwargs: Any) -> Promise:
        """Train. Starts at once; await the result, a History, whenever you need it.

        ``x`` and ``y`` are tensors or arrays, or lists or dictionaries of them for several inputs or outputs.

        Args (as keywords or in one object, in either spelling):
            batch_size: samples per step, 32.
            epochs: number of the last epoch, 1.
            verbose: 1 prints a line per epoch, 0 nothing.
            callbacks: hooks in a dictionary, an object, a Callback, or a list of them.
            validation_split: share of the samples, from the end, kept for validation.
            validation_data: inputs, targets and perhaps sample weights for validation.
            shuffle: whether every epoch has an order of its own, True.
            initial_epoch: number of the first epoch, 0.
            class_weight: how much each class counts, by its number.
            sample_weight: how much each sample counts.

        Raises:
            RuntimeError: not compiled, or another fit of this model is running.
            ValueError: inputs or targets of a wrong shape.
            FloatingPointError: the loss became NaN or infinite.

        >>> import asyncio, weblayers as wl
        >>> model = wl.sequential([wl.layers.dense(units=1, input_shape=[1])])
        >>> model.compile(optimizer="sgd", loss="mean_squared_error")
        >>> async def main():
        ...     history = await model.fit(wl.ones([4, 1]), wl.ones([4, 1]), epochs=2, verbose=0)
        ...     return len(history.history["loss"])
        >>> asyncio.run(main())
        2
        """
        options = naming.arguments(_fit_options, "fit", {**(config or {}), **kwargs})
        plan, callbacks = self._fit_plan(x, y, **_fit_options(**options))
        if self._fitting:
            raise RuntimeError("Cannot start training because another fit() call is ongoing.")
        run = Fit(self, self.steps, plan, callbacks)
        self.history = run.history
        self._fitting = True
        return Promise(self._run(run))

    async def _run(self, run: Fit) -> History:
        try:
            return await run.run()
        finally:
            self._fitting = False

    def _fit_plan(
        self,
        x: Any,
        y: Any,
        *,
        validation_split: float,
        validation_data: Any,
        batch_size: Any,
        epochs: Any,
        callbacks: Any,
        initial_epoch: int,
        class_weight: Mapping[Any, float] | None,
        sample_weight: Any,
        **rest: Any,
    ) -> tuple[FitPlan, Any]:
        compilation = self.compiled()
        batch_size = positive("fit", "batch_size", 32 if batch_size is None else batch_size)
        samples = self.samples(x, y, sample_weight)
        validation = None
        if validation_data is not None:
            if len(validation_data) not in (2, 3):
                raise ValueError(
                    "validation_data must be inputs and targets, perhaps sample weights;"
                    f" got {len(validation_data)} values"
                )
            validation = self.samples(*validation_data)
        elif validation_split:
            if not 0 < validation_split < 1:
                raise ValueError(f"validation_split must lie between 0 and 1, got {validation_split}")
            at = math.floor(samples.count * (1 - validation_split))
            validation = samples.part(at, samples.count)
            samples = samples.part(0, at)
            samples.check()
        if class_weight is not None:
            compilation.set_class_weight(class_weight)
        else:
            compilation.class_weight = None
        epochs = positive("fit", "epochs", epochs)
        return FitPlan(samples, batch_size, epochs, initial_epoch, validation=validation, **rest), callbacks

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

    def train_on_batch(self, x: Any, y: Any, sample_weight: Any = None, class_weight: Any = None) -> Promise:
        """One step on one batch; gives the loss, or loss and metrics in a list."""

        async def step() -> Any:
            count = self.model_inputs(x)[0].shape[0]
            history = await self.fit(
                x,
                y,
                epochs=1,
                batch_size=count,
                shuffle=False,
                verbose=0,
                sample_weight=sample_weight,
                class_weight=class_weight,
            )
            values = [history.history[name][0] for name in self.metrics_names]
            return values[0] if len(values) == 1 else values

        return Promise(step())

    # -- use ----------------------------------------------------------------------------------------------------------

    def evaluate(self, x: Any, y: Any = None, config: dict[str, Any] | None = None, **kwargs: Any) -> Any:
        """Loss and metrics over the samples, as scalar tensors, in the order of ``metrics_names``.

        Returns at once; reading the values waits. ``batch_size`` is 32; ``sample_weight`` as in :meth:`fit`.
        """
        given = naming.arguments(_evaluate_options, "evaluate", {**(config or {}), **kwargs})
        options = _evaluate_options(**given)
        batch_size = positive("evaluate", "batch_size", options["batch_size"] or 32)
        samples = self.samples(x, y, options["sample_weight"])
        compilation = self.compiled()
        rows = samples.rows()
        order = sample_order(np.arange(samples.count), samples.count)
        total: Tensor | None = None
        for compiled, start, steps, size in segments(self.steps.test, rows, batch_size):
            self.steps.start.value, self.steps.start.increment = start, size
            weighting = compilation.row_weights(size)
            for _ in range(steps):
                (logs,) = compiled([*rows.tensors(), order])
                part = arithmetic.mul(logs, to_tensor(weighting))
                total = part if total is None else arithmetic.add(total, part)
        assert total is not None
        values = [HostComputed(total, read) for read in compilation.readers(samples.count)]
        return values[0] if len(values) == 1 else values


def _fit_options(
    batch_size: int | None = 32,
    epochs: int = 1,
    verbose: int = 1,
    callbacks: Any = None,
    validation_split: float = 0.0,
    validation_data: Any = None,
    shuffle: bool = True,
    initial_epoch: int = 0,
    class_weight: Any = None,
    sample_weight: Any = None,
) -> dict[str, Any]:
    return locals()


def _evaluate_options(batch_size: int | None = 32, verbose: int = 0, sample_weight: Any = None) -> dict[str, Any]:
    return locals()
