"""Training, as every model has it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from .. import naming
from ..callbacks import History
from ..layers.base import positive
from .compilation import class_weights
from .data_sets import Samples
from .evaluator import Evaluator, alone
from .feeds import ArrayFeed, DatasetFeed, StepFor, is_batch, is_dataset, parts_of
from .fit import Feed, Fit, FitPlan
from .promise import FitPromise, Promise


class Trainer(Evaluator):
    """The part of a model that trains."""

    def __init__(self, **base: Any) -> None:
        super().__init__(**base)
        self._fit: Fit | None = None
        self._stop = False
        self.history: History | None = None

    @property
    def stop_training(self) -> bool:
        """Whether training is to end. Set it from anywhere, and a fit ends in order after the steps under way."""
        return self._stop

    @stop_training.setter
    def stop_training(self, value: bool) -> None:
        self._stop = bool(value)
        if self._stop and self._fit is not None:
            self._fit.lease.stop()

    # -- training -----------------------------------------------------------------------------------------------------

    def fit(self, x: Any, y: Any = None, config: dict[str, Any] | None = None, **kwargs: Any) -> FitPromise:
        """Train. Starts at once; await the result, a History, whenever you need it.

        ``x`` and ``y`` are tensors or arrays, or lists or dictionaries of them for several inputs or outputs. A data
        set for ``x`` is trained on as by :meth:`fit_dataset`. What is given back can be paused, resumed and cancelled.

        Args (as keywords or in one object, in either spelling):
            batch_size: samples per step, 32.
            epochs: number of the last epoch, 1.
            verbose: 1 prints a line per epoch, 0 nothing.
            callbacks: hooks in a dictionary, a function, an object, a Callback, or a list of them.
            validation_split: share of the samples, from the end, kept for validation.
            validation_data: inputs, targets and perhaps sample weights for validation; or a data set.
            shuffle: whether every epoch has an order of its own, True.
            initial_epoch: number of the first epoch, 0.
            class_weight: how much each class counts, by its number.
            sample_weight: how much each sample counts.
            steps_per_epoch: batches per epoch; the next epoch goes on where this one ends.
            validation_steps: how many batches of the validation data are used, all if left out.
            validation_batch_size: samples per batch in validation, ``batch_size`` if left out.
            validation_freq: every how many epochs there is a validation, 1.
            yield_every: when ``on_yield`` is called: ``"auto"`` (every 125 ms), or every so many milliseconds; with
                ``"batch"``, ``"epoch"`` and ``"never"`` it is not. Training never blocks the page, whatever it is.

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
        if is_dataset(x):
            if y is not None and not isinstance(y, dict):
                raise ValueError("a data set gives inputs and targets: y must be left out")
            return self.fit_dataset(x, y or config, **kwargs)
        options = _fit_options(**naming.arguments(_fit_options, "fit", {**(config or {}), **kwargs}))
        return self._start(self._fit_plan(x, y, **options))

    def fit_dataset(self, dataset: Any, config: dict[str, Any] | None = None, **kwargs: Any) -> FitPromise:
        """Train on a data set, whose batches are made and uploaded while the device works on those before.

        Elements are batches: ``{"xs": inputs, "ys": targets}``, ``(inputs, targets)`` or ``(inputs, targets, sample
        weights)``. Anything that can be iterated over again and again will do, also asynchronously.

        Args (as keywords or in one object, in either spelling): those of :meth:`fit` that make sense, and
            batches_per_epoch: the length of an epoch, whatever the data set's; the next epoch goes on from there.
            validation_data: a data set, or inputs and targets.
            validation_batches: how many batches of a validation data set are used.
            validation_batch_size: samples per batch for inputs and targets, 32.

        >>> import asyncio, weblayers as wl
        >>> model = wl.sequential([wl.layers.dense(units=1, input_shape=[1])])
        >>> model.compile(optimizer="sgd", loss="mean_squared_error")
        >>> batches = [{"xs": wl.ones([4, 1]), "ys": wl.ones([4, 1])}] * 3
        >>> async def main():
        ...     history = await model.fit_dataset(batches, epochs=2, verbose=0)
        ...     return len(history.history["loss"])
        >>> asyncio.run(main())
        2
        """
        given = naming.arguments(_dataset_options, "fit_dataset", {**(config or {}), **kwargs})
        return self._start(self._dataset_plan(dataset, **_dataset_options(**given)))

    def _start(self, plan: FitPlan, read: Callable[[History], Any] = lambda history: history) -> FitPromise:
        """Begin to train; gives a promise of what is read from the history."""
        if self._fit is not None:
            raise RuntimeError("Cannot start training because another fit() call is ongoing.")
        fit = Fit(self, plan)
        self._fit, self._stop, self.history = fit, False, fit.history

        async def work() -> Any:
            return read(await fit.run())

        def end() -> None:
            fit.end()
            if self._fit is fit:
                self._fit = None

        return FitPromise(work, fit.lease, end)

    def _fit_plan(
        self,
        x: Any,
        y: Any,
        *,
        batch_size: Any,
        validation_split: float,
        validation_data: Any,
        shuffle: bool,
        sample_weight: Any,
        steps_per_epoch: int | None,
        validation_steps: int | None,
        validation_batch_size: int | None,
        class_weight: Mapping[Any, float] | None,
        **shared: Any,
    ) -> FitPlan:
        batch_size = positive("fit", "batch_size", 32 if batch_size is None else batch_size)
        samples = self.samples(x, y, sample_weight)
        step_for = self._step_for(class_weight)
        if validation_data is None and validation_split:
            if not 0 < validation_split < 1:
                raise ValueError(f"validation_split must lie between 0 and 1, got {validation_split}")
            at = math.floor(samples.count * (1 - validation_split))
            validation_data = samples.part(at, samples.count)
            samples = samples.part(0, at)
            samples.check()
        if steps_per_epoch is not None:
            steps_per_epoch = positive("fit", "steps_per_epoch", steps_per_epoch)
        feed = ArrayFeed(step_for, samples, batch_size, shuffle, steps_per_epoch)
        validation = self._validation(validation_data, validation_batch_size or batch_size, validation_steps)
        return self._plan("fit", feed, batch_size, validation, **shared)

    def _dataset_plan(
        self,
        dataset: Any,
        *,
        batches_per_epoch: int | None,
        steps_per_epoch: int | None,
        validation_data: Any,
        validation_batches: int | None,
        validation_steps: int | None,
        validation_batch_size: int,
        class_weight: Mapping[Any, float] | None,
        **shared: Any,
    ) -> FitPlan:
        steps = batches_per_epoch if batches_per_epoch is not None else steps_per_epoch
        if steps is not None:
            steps = positive("fit_dataset", "batches_per_epoch", steps)
        if not hasattr(dataset, "__aiter__") and not hasattr(dataset, "__iter__"):
            raise TypeError(
                f"fit_dataset needs a data set, or something else to iterate over; got {type(dataset).__name__}"
            )
        feed = DatasetFeed(self._step_for(class_weight), self.samples, dataset, steps)
        many = validation_batches if validation_batches is not None else validation_steps
        validation = self._validation(validation_data, validation_batch_size, many)
        return self._plan("fit_dataset", feed, None, validation, **shared)

    def _step_for(self, class_weight: Mapping[Any, float] | None) -> StepFor:
        """What gives the step for samples; class weights are a fit's own."""
        weights = None if class_weight is None else class_weights(class_weight)
        return partial(self.steps.train, class_weight=weights)

    def _plan(
        self, owner: str, feed: Feed, batch_size: int | None, validation: Any, *, epochs: Any, **rest: Any
    ) -> FitPlan:
        return FitPlan(feed, batch_size, positive(owner, "epochs", epochs), validation=validation, **rest)

    def _validation(self, data: Any, batch_size: int, steps: int | None) -> Any:
        """What makes the feed of a validation; None if there is none."""
        if data is None:
            return None
        if isinstance(data, Mapping) and is_batch(data):
            data = parts_of(data)
        if is_dataset(data) or (isinstance(data, list) and data and is_batch(data[0])):
            return partial(DatasetFeed, self.steps.test, self.samples, data, steps)
        if isinstance(data, Samples) or (isinstance(data, tuple | list) and len(data) in (2, 3)):
            samples = data if isinstance(data, Samples) else self.samples(*data)
            size = positive("fit", "validation_batch_size", batch_size)
            most = -(-samples.count // size)
            return ArrayFeed(self.steps.test, samples, size, steps=min(steps or most, most)).again
        raise ValueError(
            "validation_data must be inputs and targets, perhaps sample weights, or a data set;"
            f" got {len(data) if hasattr(data, '__len__') else type(data).__name__}"
            f"{' values' if hasattr(data, '__len__') else ''}"
        )

    def train_on_batch(self, x: Any, y: Any, sample_weight: Any = None, class_weight: Any = None) -> Promise:
        """One step on one batch; gives the loss, or loss and metrics in a list."""
        samples = self.samples(x, y, sample_weight)
        feed = ArrayFeed(self._step_for(class_weight), samples, samples.count)
        plan = FitPlan(feed, None, epochs=1, initial_epoch=0, verbose=0, callbacks=None)

        def read(history: History) -> Any:
            return alone([history.history[name][0] for name in self.metrics_names])

        return self._start(plan, read)


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
    steps_per_epoch: int | None = None,
    validation_steps: int | None = None,
    validation_batch_size: int | None = None,
    validation_freq: int = 1,
    yield_every: Any = "auto",
) -> dict[str, Any]:
    return locals()


def _dataset_options(
    epochs: int = 1,
    batches_per_epoch: int | None = None,
    steps_per_epoch: int | None = None,
    verbose: int = 1,
    callbacks: Any = None,
    validation_data: Any = None,
    validation_batch_size: int = 32,
    validation_batches: int | None = None,
    validation_steps: int | None = None,
    validation_freq: int = 1,
    initial_epoch: int = 0,
    class_weight: Any = None,
    yield_every: Any = "auto",
) -> dict[str, Any]:
    return locals()
