"""A training that its reader steers, and that a reload of the page does not end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import numpy as np

from ..callbacks import Callback, History
from ..io import browser, formats, snapshots
from ..io.checks import ModelFileError
from ..layers.base import positive
from ..models.feeds import is_dataset
from ..models.model import BaseModel
from ..runtime import clock
from ..runtime.conversion import to_tensor
from ..runtime.lease import Lease
from ..runtime.tensor import Variable
from . import reins
from .controls import Button, Control

# Checkpoints come at ends of epochs, but no more often, and take no more of the time than this share: small epochs, and
# large models, would mostly wait for storage.
KEEP_SECONDS = 2.0
KEEP_SHARE = 0.05


class Training(Callback):
    """The training of a model, or of several that a loop of one's own trains; see :func:`weblayers.page.training`.

    Attributes: ``epoch`` (how many are done), ``batch_size`` (what the reader has set, from the next step on).
    """

    def __init__(self, models: Sequence[Any], name: str, batch_size: int | None, keep: Any) -> None:
        if not models:
            raise ValueError("page.training needs a model, or a list of some")
        if batch_size is not None:
            batch_size = positive("page.training", "batch_size", batch_size)
        self._models, self._name, self._keep = list(models), name, keep
        if keep is None and browser.has_indexed_db():
            self._keep = f"indexeddb://training-{name}"
        self.epoch = 0
        # the epoch at which the training under way ends
        self._last = 0
        self._is_restored = False
        self._due = 0.0
        self._storing = asyncio.Lock()
        # ends the fit or the loop that is under way
        self._end: Callable[[], None] | None = None
        # whether it then begins again, and with which weights if with others
        self._again = False
        self._fresh: list[tuple[Variable, np.ndarray]] | None = None
        self._add_controls(batch_size)

    def _add_controls(self, batch_size: int | None) -> None:
        rate = next((m.optimizer.learning_rate for m in self._models if not m.optimizer.has_schedule), 0)
        if rate:
            limits: dict[str, Any] = {"minimum": rate / 100, "maximum": rate * 100, "step": None, "log": True}
            control = Control("slider", "Learning rate", rate, self._set_rate, None, **limits)
            self._set_rate(control.value)
        self._batch = None
        if batch_size is not None:
            self._batch = Control("number", "Batch size", batch_size, self._begin_again, None, minimum=1, maximum=4096)
        Button("New weights", self.reset)
        Button("Export", self.export)
        if formats.has_keras():
            Button("Export for Keras", lambda: self.export(".keras"))

    @property
    def batch_size(self) -> int | None:
        return None if self._batch is None else self._batch.value

    # -- trainings ----------------------------------------------------------------------------------------------------

    async def fit(self, x: Any, y: Any = None, *, epochs: int = 1, callbacks: Any = None, **options: Any) -> History:
        """Train as ``model.fit`` does, from the epoch where an earlier visit ended; what had come to its end goes on.

        Args:
            epochs: how many in all.
            options: those of ``model.fit``, but for ``batch_size`` and ``initial_epoch``, which come from here.
        """
        for option in ("batch_size", "initial_epoch"):
            if option in options:
                raise TypeError(f"training.fit takes no {option}: page.training(model, name, batch_size) knows it")
        given = [] if callbacks is None else list(callbacks) if isinstance(callbacks, list | tuple) else [callbacks]
        model = self._models[0]
        last: int | None = await self._begun(epochs)
        while last is not None:
            sized = {} if is_dataset(x) else {"batch_size": self.batch_size}
            self._end = lambda: setattr(model, "stop_training", True)
            try:
                # the first to be told: who ends the training at the end of an epoch does not end the epoch
                history = await model.fit(
                    x, y, epochs=last, initial_epoch=self.epoch, callbacks=[self, *given], **sized, **options
                )
            finally:
                self._end = None
            last = await self._next(epochs)
        return history

    async def rounds(self, count: int) -> AsyncIterator[int]:
        """Numbers of rounds, 0 for the first, for loops of one's own: ``async for round in training.rounds(40)``.

        They begin where an earlier visit ended. Between them the page's buttons pause and end the loop, and checkpoints
        are kept.
        """
        last: int | None = await self._begun(count)
        while last is not None:
            lease, reporter = Lease(self._name), reins.Reporter()
            reporter.set_params({"epochs": last, "steps": None, "samples": None, "batch_size": self.batch_size})
            reporter.on_train_begin({})
            lease.take([])
            self._end = lease.stop
            try:
                while self.epoch < last and not lease.stopped:
                    yield self.epoch
                    reporter.on_epoch_end(self.epoch, {})
                    await self._done(self.epoch + 1)
                    while lease.paused and not lease.stopped:
                        await clock.sleep(0.05)
            finally:
                self._end = None
                lease.give_back()
                reporter.on_train_end({})
            last = await self._next(count)

    async def _begun(self, epochs: int) -> int:
        """The number of the last epoch, once an earlier visit's training is restored."""
        if not self._is_restored:
            self._is_restored = True
            await self._restore()
        self._again = False
        return self._end_after(epochs)

    def _end_after(self, epochs: int) -> int:
        """Where a training ends: what had come to its end goes on, to where an earlier visit would have."""
        ends = (epochs, self._last, self.epoch + epochs)
        self._last = next(end for end in ends if self.epoch < end)
        return self._last

    async def _next(self, epochs: int) -> int | None:
        """The number of the last epoch, if the reader wants the training that has ended to begin again."""
        if self._fresh is not None:
            self._renew()
        if not self._again:
            await self._store()
            return None
        self._again = False
        return self._end_after(epochs)

    async def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        # what was ended in between begins again
        if not self._models[0].stop_training:
            await self._done(epoch + 1)

    async def _done(self, epoch: int) -> None:
        self.epoch = epoch
        if clock.now() >= self._due:
            await self._store()

    # -- what the reader does -----------------------------------------------------------------------------------------

    def _set_rate(self, rate: float) -> None:
        for model in self._models:
            if not model.optimizer.has_schedule:
                model.optimizer.learning_rate = rate

    def _begin_again(self, _: Any = None) -> None:
        if self._end is not None:
            self._again = True
            reins.resume()
            self._end()

    async def reset(self) -> None:
        """Begin anew: what is trained has new weights; the training goes on with them, if it is under way."""
        self._fresh = [
            (weight, np.asarray(weight.initializer(weight.shape), np.float32))
            for model in self._models
            for weight in _trained(model)
            if weight.initializer is not None
        ]
        self._begin_again()
        if self._end is None:
            self._renew()
            await self._store()

    async def export(self, suffix: str = "") -> None:
        """Have the reader download the models of now, as ``model.json`` and weights or in the format of the suffix."""
        for number, model in enumerate(self._models):
            name = f"{self._name}-{number}" if number else self._name
            await model.save(f"downloads://{name}{suffix}", include_optimizer=True)

    def _renew(self) -> None:
        """Have the models begin with the fresh weights, and their optimizers as before the first step."""
        assert self._fresh is not None
        for weight, values in self._fresh:
            weight.assign(to_tensor(values))
        for model in self._models:
            _forget_steps(model)
        self._fresh, self.epoch, self._last = None, 0, 0

    # -- checkpoints --------------------------------------------------------------------------------------------------

    def _places(self) -> list[tuple[Any, Any]]:
        """The models, and where each is kept."""
        if self._keep is None:
            return []
        return [(model, f"{self._keep}-{i}" if i else self._keep) for i, model in enumerate(self._models)]

    async def _store(self) -> None:
        async with self._storing:
            begun = clock.now()
            try:
                for model, place in self._places():
                    notes = {"epoch": self.epoch, "last": self._last, "layers": _described(model)}
                    await snapshots.save_snapshot(model, place, notes)
            except OSError as error:
                print(f"{self._name} is not kept for another visit: {error}")
                self._keep = None
            self._due = clock.now() + max(KEEP_SECONDS, (clock.now() - begun) / KEEP_SHARE)

    async def _restore(self) -> None:
        """Go on where an earlier visit ended, if all models are as they were."""
        before = [model.get_weights() for model in self._models]
        try:
            found = set()
            for model, place in self._places():
                notes = await snapshots.restore_snapshot(model, place, {"layers": _described(model)})
                found.add((0, 0) if notes is None else (int(notes["epoch"]), int(notes.get("last", 0))))
            if len(found) > 1:
                raise ModelFileError("its models were kept after different rounds")
            self.epoch, self._last = max(found, default=(0, 0))
        except (OSError, ModelFileError) as error:
            print(f"{self._name} begins anew: {error}")
            for model, weights in zip(self._models, before, strict=True):
                model.set_weights(weights)
                _forget_steps(model)
        if self.epoch:
            print(f"{self._name} goes on after epoch {self.epoch}; “New weights” begins anew")


def _trained(model: Any) -> list[Variable]:
    """The weights that are trained, and those that follow them, such as averages of batches."""
    trained = set(model.trainable_weights)
    layers = [
        [w for w in layer.weights if w.owner is not None and w.owner() is layer] for layer in model.flatten_layers()
    ]
    return [weight for own in layers if trained.intersection(own) for weight in own]


def _forget_steps(model: Any) -> None:
    """Have a model's optimizer be as before the first step."""
    trained = model.steps.trained()
    optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
    for weight in trained:
        optimizer.slots_of(weight)
    model.optimizer.restore(trained, 0, [slot.numpy() for slot in optimizer.variables()])


def _described(model: Any) -> str:
    """What a model is made of, without names, which count how many layers the program has made."""
    made = [layer for layer in model.flatten_layers() if not isinstance(layer, BaseModel)]
    layers = [[layer.get_class_name(), _nameless(layer.get_config())] for layer in made]
    return json.dumps([type(model.optimizer).__name__, layers], default=str)


def _nameless(config: Any) -> Any:
    """A configuration without the names in it."""
    if isinstance(config, dict):
        return {key: _nameless(value) for key, value in config.items() if key != "name"}
    return [_nameless(value) for value in config] if isinstance(config, list | tuple) else config
