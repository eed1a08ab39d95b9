"""A training that its reader steers, and that a reload of the page does not end."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np

from .. import naming
from ..callbacks import Callback, History
from ..callbacks.base import CallbackList
from ..io import formats
from ..layers.base import positive
from ..models.feeds import is_dataset
from ..models.promise import FitPromise
from ..runtime import clock
from ..runtime.conversion import to_tensor
from ..runtime.lease import Lease
from ..runtime.tensor import Variable
from . import reins
from .checks import number_between
from .controls import Button, Control
from .hosts import host
from .keeping import Keeper

# The largest batches that readers may choose, if the program begins with no larger ones.
MOST_SAMPLES = 4096


class Training(Callback):
    """The training of a model, or of several that a loop of one's own trains; see :func:`weblayers.page.training`.

    Attributes: ``name``, ``epoch`` (how many are done), ``batch_size`` (what the reader has set for the next epoch).
    """

    def __init__(
        self, models: Sequence[Any], name: str | None, batch_size: int | None, keep: Any, settings: Any
    ) -> None:
        if not models:
            raise ValueError("page.training needs a model, or a list of some")
        if batch_size is not None:
            batch_size = positive("page.training", "batch_size", batch_size)
        self._models, self.name = list(models), _own_name() if name is None else name
        self.epoch = 0
        # the epoch at which the training under way ends
        self._last = 0
        # what is under way: a fit, or the rounds of a loop
        self._fit: FitPromise | None = None
        self._rounds: Lease | None = None
        # the weights to begin anew with, as soon as nothing trains
        self._fresh: list[tuple[Variable, np.ndarray]] | None = None
        self._fit_size: int | None = None
        # those who are told where what they have seen is no more
        self._callbacks: list[Any] = []
        self._is_restored = self._is_resized = self._is_replaced = self._is_stepping = False
        before: Training | None = host().steered.get(self.name)
        self._is_first = before is None
        # what was paused stays so when it begins again, or another does in its place
        self._begins_paused = before is not None and before.paused
        if before is not None:
            before._leave()
        self._keeper = Keeper(self._models, self.name, keep, settings)
        self._add_controls(batch_size, before)
        host().steered[self.name] = self

    def _add_controls(self, batch_size: int | None, before: Training | None) -> None:
        """Ask for what the reader steers by, unless one of this name did; all of them steer the last of their name."""
        steered, name = host().steered, self.name
        # those of further trainings are told apart, also in the page's address
        prefix = f"{name}: " if steered and next(iter(steered)) != name else ""
        self._rate: Control | None = None if before is None else before._rate
        self._batch: Control | None = None if before is None else before._batch
        rate = next((m.optimizer.learning_rate for m in self._models if not m.optimizer.has_schedule), 0)
        if rate and self._rate is None:
            limits: dict[str, Any] = {"minimum": rate / 100, "maximum": rate * 100, "step": None, "log": True}
            change = lambda value: steered[name].set_rate(value)  # noqa: E731
            check = number_between("the learning rate", limits["minimum"], limits["maximum"])
            self._rate = Control("slider", f"{prefix}Learning rate", check, rate, change, None, **limits)
        if self._rate is not None:
            self.set_rate(self._rate.value)
        if batch_size is not None and self._batch is None:
            most = max(MOST_SAMPLES, batch_size)
            label, check = f"{prefix}Batch size", number_between("the batch size", 1, most)
            self._batch = Control("number", label, check, batch_size, None, None, minimum=1, maximum=most)
        if before is None:
            Button(f"{prefix}New weights", lambda: steered[name].reset())
            Button(f"{prefix}Export", lambda: steered[name].export())
            if formats.has_keras():
                Button(f"{prefix}Export for Keras", lambda: steered[name].export(".keras"))

    @property
    def batch_size(self) -> int | None:
        return None if self._batch is None else self._batch.value

    @property
    def paused(self) -> bool:
        """Whether it is under way, and makes no step."""
        under_way = self._fit or self._rounds
        return under_way is not None and under_way.paused

    # -- trainings ----------------------------------------------------------------------------------------------------

    async def fit(self, x: Any, y: Any = None, config: Mapping[str, Any] | None = None, **options: Any) -> History:
        """Train as ``model.fit`` does, from the epoch where an earlier visit ended; what had come to its end goes on.

        Args:
            x, y, config, options: as ``model.fit`` takes them, options in one object or as keywords. ``epochs`` is how
                many in all, ``initial_epoch`` the first one where no earlier visit has trained.

        Raises:
            TypeError: a ``batch_size``, although the reader chooses it.
            ValueError: ``epochs`` is no positive integer.
            RuntimeError: another training has been made with this one's name.
        """
        if is_dataset(x) and isinstance(y, Mapping):
            y, config = None, y
        given = {naming.snake(key): value for key, value in {**(config or {}), **options}.items()}
        if "batch_size" in given and self._batch is not None:
            raise TypeError("training.fit takes no batch_size beside that of page.training, which the reader sets")
        epochs, callbacks = positive("training.fit", "epochs", given.pop("epochs", 1)), given.pop("callbacks", None)
        callbacks = [] if callbacks is None else callbacks if isinstance(callbacks, list | tuple) else [callbacks]
        self._callbacks = list(callbacks)
        # who ends the training at the end of an epoch does not end the epoch: the first to be told counts it, and the
        # last knows whether anybody ends it
        callbacks = [self, *callbacks, {"on_epoch_end": self._resize}]
        model = self._models[0]
        if not model.weights and not is_dataset(x):
            # a subclass makes them when it sees samples
            model.samples(x, y)
        last = await self._begun(epochs, given.pop("initial_epoch", 0), "epoch")
        history = History()
        while last is not None:
            sized = given if is_dataset(x) or self._batch is None else {**given, "batch_size": self.batch_size}
            self._fit_size = self.batch_size
            self._fit = model.fit(x, y, epochs=last, initial_epoch=self.epoch, callbacks=callbacks, **sized)
            if self._begins_paused:
                self._fit.pause()
                self._begins_paused = False
            try:
                history = await self._fit
            except asyncio.CancelledError:
                # by the reader, who wants new weights; or by whoever awaits this
                if not self._is_cut or _is_cancelled():
                    raise
            finally:
                self._begins_paused |= self._fit.paused
                self._fit = None
            last = await self._next(epochs)
        self._begins_paused = False
        return history

    async def rounds(self, count: int) -> AsyncIterator[int]:
        """Numbers of rounds, 0 for the first, for loops of one's own: ``async for round in training.rounds(40)``.

        They begin where an earlier visit ended. Between them the page's buttons pause and end the loop, and checkpoints
        are kept.

        Raises:
            ValueError: ``count`` is no positive integer.
            RuntimeError: another training has been made with this one's name.
        """
        last = await self._begun(positive("training.rounds", "count", count), 0, "round")
        lease = self._rounds = Lease(self.name)
        lease.paused, self._begins_paused = self._begins_paused, False
        reporter = reins.Reporter("round")
        reporter.set_params({"epochs": last, "steps": None, "samples": None, "batch_size": self.batch_size})
        reporter.on_train_begin({})
        lease.take([])
        try:
            while last is not None:
                while self.epoch < last and not lease.stopped and not self._is_cut:
                    if lease.paused:
                        await clock.sleep(0.05)
                        continue
                    yield self.epoch
                    reporter.on_epoch_end(self.epoch, {})
                    await self._done(self.epoch + 1)
                last = await self._next(count)
        finally:
            self._rounds = None
            lease.give_back()
            reporter.on_train_end({})

    @property
    def _is_cut(self) -> bool:
        """Whether what is under way ends at once, as it begins anew or another is in its place."""
        return self._fresh is not None or self._is_replaced

    async def _begun(self, epochs: int, initial_epoch: int, unit: str) -> int | None:
        """The number of the last epoch, if any is to be made, once an earlier visit's training is restored."""
        if self._is_replaced:
            raise RuntimeError(f"another training has been made with the name {self.name!r}: give each its own")
        if not self._is_restored:
            self._is_restored = True
            self.epoch, self._last = await self._keeper.restore(_forget_steps, self._is_first, unit)
        # another may have been made meanwhile; and what has not begun has no end to go on from
        if self._is_replaced or (not self.epoch and initial_epoch >= epochs):
            return None
        self.epoch = self.epoch or initial_epoch
        return self._end_after(epochs)

    def _end_after(self, epochs: int) -> int:
        """Where a training ends: what had come to its end goes on, to where an earlier visit would have."""
        ends = (epochs, self._last, self.epoch + epochs)
        self._last = next(end for end in ends if self.epoch < end)
        return self._last

    async def _next(self, epochs: int) -> int | None:
        """The number of the last epoch, if the training that has ended goes on: with what its reader has chosen."""
        if self._is_replaced:
            return None
        if self._fresh is not None:
            await self._renew()
        elif not self._is_resized:
            await self._keep()
            return None
        self._is_resized = False
        return self._end_after(epochs)

    async def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        # one that was stopped in between begins again
        if not self._models[0].stop_training:
            await self._done(epoch + 1)

    def _resize(self, epoch: int, logs: dict[str, Any]) -> None:
        """Have a fit with the reader's batch size follow, if it is another."""
        model = self._models[0]
        if self.batch_size != self._fit_size and not model.stop_training and self.epoch < self._last:
            self._is_resized = model.stop_training = True

    async def _done(self, epoch: int) -> None:
        self.epoch = epoch
        under_way = self._fit or self._rounds
        if self._is_stepping and under_way is not None:
            self._is_stepping = False
            under_way.pause()
            host().post({"type": "paused"})
        # the epoch that ends with a pause, too
        if self._keeper.is_due or self.paused:
            await self._keep()

    async def _keep(self) -> None:
        await self._keeper.store(self.epoch, self._last)

    # -- what the reader does -----------------------------------------------------------------------------------------

    def set_rate(self, rate: float) -> None:
        """Have the steps from now on make changes of this size, but for models that have a schedule."""
        for model in self._models:
            if not model.optimizer.has_schedule:
                model.optimizer.learning_rate = rate

    async def reset(self) -> None:
        """Begin anew: what is trained has new weights; the training goes on with them, if it is under way."""
        self._fresh = [
            (weight, np.asarray(weight.initializer(weight.shape), np.float32))
            for model in self._models
            for weight in _trained(model)
            if weight.initializer is not None
        ]
        if self._fit is not None:
            # which ends the pause
            self._begins_paused = self._fit.paused
            self._fit.cancel()
        elif self._rounds is None:
            await self._renew()
            await self._keep()

    def step(self) -> None:
        """Pause at the end of the epoch under way, or of the first one of the training that begins next."""
        self._is_stepping = True
        under_way = self._fit or self._rounds
        if under_way is not None:
            under_way.resume()

    async def export(self, suffix: str = "") -> None:
        """Have the reader download the models of now, as ``model.json`` and weights or in the format of the suffix."""
        for number, model in enumerate(self._models):
            name = f"{self.name}-{number}" if number else self.name
            await model.save(f"downloads://{name}{suffix}", include_optimizer=True)

    async def keep_now(self) -> None:
        """Keep what is under way, as its reader pauses or leaves; the epoch begins again in another visit."""
        if self._fit is not None or self._rounds is not None:
            await self._keep()

    def _leave(self) -> None:
        """End, as another is made in this one's place."""
        self._is_replaced = True
        if self._fit is not None:
            self._fit.cancel()

    async def _renew(self) -> None:
        """Have the models begin with the fresh weights, and their optimizers as before the first step."""
        assert self._fresh is not None
        for weight, values in self._fresh:
            weight.assign(to_tensor(values))
        for model in self._models:
            _forget_steps(model)
        self._fresh, self.epoch, self._last = None, 0, 0
        host().post({"type": "renewed"})
        await CallbackList(self._callbacks, []).call("on_new_weights", {})


def _own_name() -> str:
    """A name for a training without one: the program's, numbered where it has several."""
    base, steered = PurePath(host().program or "training").stem, host().steered
    names = itertools.chain([base], (f"{base}-{number}" for number in itertools.count(2)))
    return next(name for name in names if name not in steered)


def _is_cancelled() -> bool:
    """Whether somebody has cancelled the task that runs."""
    task = asyncio.current_task()
    return task is not None and bool(task.cancelling())


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
