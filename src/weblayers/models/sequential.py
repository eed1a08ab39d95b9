"""Layers one after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import losses, metrics, naming, optimizers
from ..graph.node import Aval
from ..layers.base import BatchShape, Layer, positive, unique_name
from ..ops import arithmetic, movement
from ..runtime import tracing
from ..runtime.tensor import Tensor, Variable, to_tensor
from ..runtime.tracing import Compiled, symbolic
from .callbacks import History
from .data_sets import as_inputs, as_rows, as_targets, check_samples, sample_order, take
from .promise import Promise
from .steps import Compilation, Steps
from .summary import table
from .training import Fit, FitPlan, segments

# Prediction in batches keeps what the layers compute below so many numbers at once.
PREDICT_BUDGET = 4_000_000
# Pieces of a prediction joined at a time: each is a texture, and a draw reads at most sixteen.
JOIN = 8


class Sequential(naming.Named, metaclass=naming.Configurable):
    """A stack of layers with one input and one output.

    Args:
        layers: layers to add.
        name: of the model.

    >>> import weblayers as wl
    >>> model = wl.sequential()
    >>> model.add(wl.layers.dense(units=1, input_shape=[3]))
    >>> model.predict(wl.zeros([2, 3])).shape
    (2, 1)
    """

    def __init__(self, layers: Sequence[Layer] | None = None, name: str | None = None) -> None:
        self.name = name or unique_name("sequential_")
        self.layers: list[Layer] = []
        self._compilation: Compilation | None = None
        self._steps: Steps | None = None
        self._predictors: dict[tuple, Compiled] = {}
        self._fitting = False
        self._disposed = False
        self.stop_training = False
        self.history: History | None = None
        for layer in layers or ():
            self.add(layer)

    # -- structure ----------------------------------------------------------------------------------------------------

    def add(self, layer: Layer) -> None:
        """Put a layer on top."""
        if not isinstance(layer, Layer):
            raise TypeError(f"add expects a layer, got {type(layer).__name__}")
        if not self.layers and layer.batch_input_shape is None:
            raise ValueError(
                "The first layer in a Sequential model must get an `inputShape` or `batchInputShape` argument."
            )
        if any(layer.name == other.name for other in self.layers):
            raise ValueError(f'The name "{layer.name}" is used 2 times in the model. All layer names should be unique.')
        shape = self.output_shape if self.layers else layer.batch_input_shape
        assert shape is not None
        layer.ensure_built(shape)
        output = layer.compute_output_shape(shape)
        self.layers.append(layer)
        self._shapes: list[BatchShape] = [*getattr(self, "_shapes", [])[: len(self.layers) - 1], output]
        self._predictors.clear()
        self._steps = None

    @property
    def input_shape(self) -> BatchShape:
        """With the batch axis, which is None."""
        self._check_built()
        shape = self.layers[0].batch_input_shape
        assert shape is not None
        return shape

    @property
    def output_shape(self) -> BatchShape:
        self._check_built()
        return self._shapes[-1]

    def _check_built(self) -> None:
        if self._disposed:
            raise RuntimeError(f"Container '{self.name}' is already disposed.")
        if not self.layers:
            raise ValueError("Sequential model cannot be built: model is empty. Add some layers first.")

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer by name or position."""
        if index is not None:
            return self.layers[index]
        found = {layer.name: layer for layer in self.layers}
        if name not in found:
            raise ValueError(f"No such layer: {name!r}. {naming.suggestion(str(name), found)}")
        return found[name]

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """The model as a function of symbolic or concrete tensors."""
        for layer in self.layers:
            inputs = layer.call(inputs, training=training)
        return inputs

    def apply(self, inputs: Any, training: bool = False) -> Tensor:
        """The output for a tensor, symbolic or concrete."""
        return self.call(as_inputs(inputs, self.input_shape, "input"), training=training)

    __call__ = apply

    def summary(
        self,
        line_length: int = 90,
        positions: Sequence[float] = (0.32, 0.61, 0.89, 1.0),
        print_fn: Callable[[str], Any] = print,
    ) -> None:
        """Print the layers, their shapes and their numbers of weights."""
        self._check_built()
        print_fn(table(self, self._shapes, line_length, positions))

    def __repr__(self) -> str:
        return f"<Sequential {self.name!r}: {len(self.layers)} layers, {self.count_params()} parameters>"

    # -- weights ------------------------------------------------------------------------------------------------------

    @property
    def trainable_weights(self) -> list[Variable]:
        return [w for layer in self.layers for w in layer.trainable_weights]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        return [w for layer in self.layers for w in layer.non_trainable_weights]

    @property
    def weights(self) -> list[Variable]:
        return [w for layer in self.layers for w in layer.weights]

    def get_weights(self) -> list[Tensor]:
        """The values of all weights, layer by layer."""
        return [t for layer in self.layers for t in layer.get_weights()]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Replace the values of all weights, in the order of :meth:`get_weights`."""
        expected = sum(len(layer.weights) for layer in self.layers)
        if len(weights) != expected:
            raise ValueError(f"set_weights of model {self.name!r}: got {len(weights)} values for {expected} weights")
        at = 0
        for layer in self.layers:
            count = len(layer.weights)
            layer.set_weights(weights[at : at + count])
            at += count

    def count_params(self) -> int:
        """How many numbers the weights hold."""
        return sum(layer.count_params() for layer in self.layers)

    def dispose(self) -> None:
        """Free the weights; the model cannot be used afterwards."""
        self._check_built()
        for weight in self.weights:
            weight.dispose()
        self._predictors.clear()
        self._steps = None
        self._disposed = True

    # -- training -----------------------------------------------------------------------------------------------------

    def compile(self, optimizer: Any = "sgd", loss: Any = None, metrics: Any = None) -> None:
        """Choose how the model is trained.

        Args:
            optimizer: name or Optimizer. One object ``{"optimizer", "loss", "metrics"}`` works too.
            loss: name or function of targets and predictions.
            metrics: names or functions, in a list or alone.
        """
        if isinstance(optimizer, dict):
            given = naming.arguments(type(self).compile, "compile", optimizer)
            self.compile(**given)
            return
        if loss is None:
            raise ValueError("compile needs a loss, for example loss='mean_squared_error'")
        self._check_built()
        chosen = losses.get(loss)
        wanted = [] if metrics is None else list(metrics) if isinstance(metrics, list | tuple) else [metrics]
        classes = self.output_shape[-1] or 1
        found = [_metric(m, chosen, classes) for m in wanted]
        self._compilation = Compilation(optimizers.get(optimizer), chosen, found)
        self._steps = None

    @property
    def optimizer(self) -> optimizers.Optimizer:
        return self._compiled().optimizer

    @property
    def metrics_names(self) -> list[str]:
        return self._compiled().names

    def _compiled(self) -> Compilation:
        if self._compilation is None:
            raise RuntimeError(
                "The model needs to be compiled before being used: call"
                " model.compile(optimizer='sgd', loss='mean_squared_error') or the like first."
            )
        return self._compilation

    @property
    def steps(self) -> Steps:
        """The traced functions of the compiled model."""
        compilation = self._compiled()
        if self._steps is None:
            self._steps = Steps(self, compilation)
        return self._steps

    def fit(self, x: Any, y: Any, config: dict[str, Any] | None = None, **kwargs: Any) -> Promise:
        """Train. Starts at once; await the result, a History, whenever you need it.

        Args (as keywords or in one object, in either spelling):
            batch_size: samples per step, 32.
            epochs: number of the last epoch, 1.
            verbose: 1 prints a line per epoch, 0 nothing.
            callbacks: hooks in a dictionary, an object, a Callback, or a list of them.
            validation_split: share of the samples, from the end, kept for validation.
            validation_data: inputs and targets for validation.
            shuffle: whether every epoch has an order of its own, True.
            initial_epoch: number of the first epoch, 0.

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
        run = Fit(self, self.steps, self.metrics_names, plan, callbacks)
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
        **rest: Any,
    ) -> tuple[FitPlan, Any]:
        compilation = self._compiled()
        batch_size = positive("fit", "batch_size", batch_size)
        inputs, targets = self._samples(x, y, compilation)
        validation = None
        if validation_data is not None:
            if len(validation_data) != 2:
                raise ValueError(f"validation_data must be inputs and targets, got {len(validation_data)} values")
            validation = self._samples(validation_data[0], validation_data[1], compilation)
        elif validation_split:
            if not 0 < validation_split < 1:
                raise ValueError(f"validation_split must lie between 0 and 1, got {validation_split}")
            samples = inputs.shape[0]
            at = math.floor(samples * (1 - validation_split))
            validation = take(inputs, at, samples), take(targets, at, samples)
            inputs, targets = take(inputs, 0, at), take(targets, 0, at)
        check_samples(inputs, targets)
        epochs = positive("fit", "epochs", epochs)
        return FitPlan(inputs, targets, batch_size, epochs, initial_epoch, validation=validation, **rest), callbacks

    def _samples(self, x: Any, y: Any, compilation: Compilation) -> tuple[Tensor, Tensor]:
        inputs = as_inputs(x, self.input_shape, "input")
        targets = as_targets(y, self.output_shape, compilation.loss)
        check_samples(inputs, targets)
        return inputs, targets

    # -- use ----------------------------------------------------------------------------------------------------------

    def evaluate(self, x: Any, y: Any, config: dict[str, Any] | None = None, **kwargs: Any) -> Tensor | list[Tensor]:
        """Loss and metrics over the samples, as scalar tensors, in the order of ``metrics_names``.

        Returns at once; reading the values waits. ``batch_size`` is 32.
        """
        options = {
            "batch_size": 32,
            **naming.arguments(_evaluate_options, "evaluate", {**(config or {}), **kwargs}),
        }
        batch_size = positive("evaluate", "batch_size", options["batch_size"])
        inputs, targets = self._samples(x, y, self._compiled())
        rows, labels = as_rows(inputs), as_rows(targets)
        order = sample_order(np.arange(rows.shape[0]), rows.shape[0])
        total: Tensor | None = None
        for compiled, start, steps, size in segments(self.steps.test, rows, labels, batch_size):
            self.steps.start.value, self.steps.start.increment = start, size
            for _ in range(steps):
                (logs,) = compiled([rows, labels, order])
                part = arithmetic.mul(logs, size / rows.shape[0])
                total = part if total is None else arithmetic.add(total, part)
        assert total is not None
        values = [movement.get_item(total, i) for i in range(len(self.metrics_names))]
        return values[0] if len(values) == 1 else values

    def predict(self, x: Any, config: dict[str, Any] | None = None, **kwargs: Any) -> Tensor:
        """The model's output for inputs. Returns at once; reading the values waits.

        ``batch_size`` limits how many samples are computed at a time; left out, memory decides.
        """
        options = naming.arguments(_evaluate_options, "predict", {**(config or {}), **kwargs})
        inputs = as_inputs(x, self.input_shape, "input")
        samples = inputs.shape[0]
        batch = options.get("batch_size") or self._prediction_batch()
        batch = min(positive("predict", "batch_size", batch), max(1, samples))
        pieces = [self._predicted(take(inputs, i, min(i + batch, samples))) for i in range(0, samples, batch)]
        while len(pieces) > 1:
            pieces = [movement.concat(pieces[i : i + JOIN], 0) for i in range(0, len(pieces), JOIN)]
        if not pieces:
            return to_tensor(np.zeros((0, *_sizes(self.output_shape)), np.float32))
        return pieces[0]

    def predict_on_batch(self, x: Any) -> Tensor:
        """The output for inputs that are computed in one go."""
        return self._predicted(as_inputs(x, self.input_shape, "input"))

    def _predicted(self, inputs: Tensor) -> Tensor:
        if inputs.is_symbolic:
            return self.call(inputs)
        key = (inputs.shape, inputs.dtype)
        if key not in self._predictors:
            self._predictors[key] = tracing.compile_function(self._traced, [Aval(*key)])
        return self._predictors[key]([inputs])[0]

    def _traced(self, inputs: Any) -> list[Any]:
        trace = tracing.current()
        assert trace is not None
        tensor = symbolic(inputs)
        if inputs.dtype == "uint8":
            tensor = arithmetic.cast(tensor, "float32")
        return [trace.node_of(self.call(tensor))]

    def _prediction_batch(self) -> int:
        widest = max(math.prod(_sizes(s)) for s in [self.input_shape, *self._shapes])
        return max(1, PREDICT_BUDGET // max(1, widest))


def _metric(identifier: Any, loss: losses.Loss, classes: int) -> tuple[str, metrics.Metric]:
    return metrics.get(identifier, loss, classes)


def _sizes(shape: BatchShape) -> tuple[int, ...]:
    return tuple(d or 1 for d in shape[1:])


def _fit_options(
    batch_size: int = 32,
    epochs: int = 1,
    verbose: int = 1,
    callbacks: Any = None,
    validation_split: float = 0.0,
    validation_data: Any = None,
    shuffle: bool = True,
    initial_epoch: int = 0,
) -> dict[str, Any]:
    return locals()


def _evaluate_options(batch_size: int = 32, verbose: int = 0) -> dict[str, Any]:
    return locals()
