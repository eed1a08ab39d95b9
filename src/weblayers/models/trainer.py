"""Training: the arguments of fits, and the fit that a model is in."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from .. import naming
from ..callbacks import History
from ..layers.base import positive
from .class_weights import ClassWeights, class_weights
from .data_sets import Samples, alone
from .feeds import ArrayFeed, DatasetFeed, StepFor, is_batch, is_dataset, parts_of
from .fit import Feed, Fit, FitPlan
from .promise import FitPromise


class Trainer:
    """Trains the model that has it, and that is given to it: one fit at a time."""

    def __init__(self) -> None:
        self._fit: Fit | None = None
        self._stop = False

    @property
    def stop(self) -> bool:
        """Whether training is to end, in order, after the steps under way."""
        # the page's buttons end the fit itself
        return self._stop or (self._fit is not None and self._fit.stopped)

    @stop.setter
    def stop(self, value: bool) -> None:
        self._stop = bool(value)
        if self._stop and self._fit is not None:
            self._fit.lease.stop()

    def fit(self, model: Any, x: Any, y: Any, given: Mapping[str, Any]) -> FitPromise:
        """Train on samples; ``given`` are the options of ``fit``."""
        options = _fit_options(**naming.arguments(_fit_options, "fit", given))
        return self._start(model, lambda: _fit_plan(model, x, y, **options))

    def fit_dataset(self, model: Any, dataset: Any, given: Mapping[str, Any]) -> FitPromise:
        """Train on a data set; ``given`` are the options of ``fit_dataset``."""
        options = _dataset_options(**naming.arguments(_dataset_options, "fit_dataset", given))
        return self._start(model, lambda: _dataset_plan(model, dataset, **options))

    def train_on_batch(
        self, model: Any, x: Any, y: Any, sample_weight: Any, class_weight: Any, return_dict: bool
    ) -> FitPromise:
        """One step; gives its loss, or loss and metrics."""

        def plan() -> FitPlan:
            samples = model.samples(x, y, sample_weight)
            feed = ArrayFeed(_step_for(model, class_weight), samples, samples.count)
            return FitPlan(feed, None, epochs=1, initial_epoch=0, verbose=0, callbacks=None, is_step=True)

        def read(history: History) -> Any:
            found = {name: values[0] for name, values in history.history.items()}
            return found if return_dict else alone([*found.values()])

        return self._start(model, plan, read)

    def _start(
        self, model: Any, plan: Callable[[], FitPlan], read: Callable[[History], Any] = lambda history: history
    ) -> FitPromise:
        """Begin to train; gives a promise of what is read from the history."""
        if self._fit is not None:
            raise RuntimeError("Cannot start training because another fit() call is ongoing.")
        fit = Fit(model, plan())
        self._fit, self._stop, model.history = fit, False, fit.history

        async def work() -> Any:
            return read(await fit.run())

        def end() -> None:
            fit.end()
            if self._fit is fit:
                self._fit = None

        return FitPromise(work, fit.lease, end)


def _fit_plan(
    model: Any,
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
    class_weight: Any,
    **shared: Any,
) -> FitPlan:
    batch_size = positive("fit", "batch_size", (model.fixed_batch or 32) if batch_size is None else batch_size)
    samples = model.samples(x, y, sample_weight)
    step_for = _step_for(model, class_weight)
    if validation_data is None and validation_split:
        if not 0 < validation_split < 1:
            raise ValueError(f"validation_split must lie between 0 and 1, got {validation_split}")
        at = math.floor(samples.count * (1 - validation_split))
        if not at:
            raise ValueError(
                f"validation_split={validation_split} of {samples.count} samples leaves none to train on: give more"
                " samples, or a smaller share"
            )
        # what the host makes of data is made once
        validation_data = model.tested(samples, x, y, sample_weight).part(at, samples.count)
        samples = samples.part(0, at)
    if steps_per_epoch is not None:
        steps_per_epoch = positive("fit", "steps_per_epoch", steps_per_epoch)
    feed = ArrayFeed(step_for, samples, batch_size, shuffle, steps_per_epoch)
    validation = _validation(model, validation_data, validation_batch_size or batch_size, validation_steps)
    return _plan("fit", feed, batch_size, validation, **shared)


def _dataset_plan(
    model: Any,
    dataset: Any,
    *,
    batches_per_epoch: int | None,
    steps_per_epoch: int | None,
    validation_data: Any,
    validation_batches: int | None,
    validation_steps: int | None,
    validation_batch_size: int | None,
    class_weight: Any,
    **shared: Any,
) -> FitPlan:
    steps = batches_per_epoch if batches_per_epoch is not None else steps_per_epoch
    if steps is not None:
        steps = positive("fit_dataset", "batches_per_epoch", steps)
    if not is_dataset(dataset) and not hasattr(dataset, "__iter__"):
        raise TypeError(
            f"fit_dataset needs a data set, or something else to iterate over; got {type(dataset).__name__}"
        )
    feed = DatasetFeed(_step_for(model, class_weight), model.read_batch, dataset, steps)
    many = validation_batches if validation_batches is not None else validation_steps
    validation = _validation(model, validation_data, validation_batch_size or model.fixed_batch or 32, many)
    return _plan("fit_dataset", feed, None, validation, **shared)


def _step_for(model: Any, class_weight: Any) -> StepFor:
    """What gives the step for samples; class weights are a fit's own."""
    if class_weight is None:
        return model.steps.train
    compilation, given = model.compiled(), copy.deepcopy(class_weight)

    def weights() -> ClassWeights:
        return class_weights(given, compilation.output_names)

    if compilation.output_shapes is not None:
        # what can be checked now is
        weights()
    return lambda samples, batch, wanted=(): model.steps.train(samples, batch, wanted, weights())


def _plan(owner: str, feed: Feed, batch_size: int | None, validation: Any, *, epochs: Any, **rest: Any) -> FitPlan:
    return FitPlan(feed, batch_size, positive(owner, "epochs", epochs), validation=validation, **rest)


def _validation(model: Any, data: Any, batch_size: int, steps: int | None) -> Any:
    """What makes the feed of a validation; None if there is none."""
    if data is None:
        return None
    if isinstance(data, Mapping) and is_batch(data):
        data = parts_of(data)
    if is_dataset(data) or (isinstance(data, list) and data and is_batch(data[0])):
        return partial(DatasetFeed, model.steps.test, partial(model.read_batch, training=False), data, steps)
    if isinstance(data, Samples) or (isinstance(data, tuple | list) and len(data) in (2, 3)):
        samples = data if isinstance(data, Samples) else model.samples(*data, training=False)
        size = positive("fit", "validation_batch_size", batch_size)
        most = -(-samples.count // size)
        return ArrayFeed(model.steps.test, samples, size, steps=min(steps or most, most)).again
    raise ValueError(
        "validation_data must be inputs and targets, perhaps sample weights, or a data set;"
        f" got {len(data) if hasattr(data, '__len__') else type(data).__name__}"
        f"{' values' if hasattr(data, '__len__') else ''}"
    )


def _fit_options(
    batch_size: int | None = None,
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
    validation_batch_size: int | None = None,
    validation_batches: int | None = None,
    validation_steps: int | None = None,
    validation_freq: int = 1,
    initial_epoch: int = 0,
    class_weight: Any = None,
    yield_every: Any = "auto",
) -> dict[str, Any]:
    return locals()
