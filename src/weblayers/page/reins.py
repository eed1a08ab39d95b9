"""The reins of whatever trains in a program, for the page's buttons, and what the page hears of it."""

from __future__ import annotations

import asyncio
from typing import Any
from weakref import WeakSet

from ..callbacks import Callback
from ..runtime import clock, device
from ..runtime.lease import running
from .hosts import host

# A page draws no more often, and steps may be faster.
TELL_SECONDS = 0.1


def pause() -> None:
    """Have all fits begin no further step, and what is steered be kept: readers who pause may leave."""
    for lease in running():
        lease.pause()
    keep()


def keep() -> None:
    """Have the trainings that are steered be kept now for another visit."""
    for training in host().steered.values():
        host().run(training.keep_now)


def resume() -> None:
    for lease in running():
        lease.resume()


def stop() -> None:
    """Have all fits end, in order, after the steps under way; a program that begins another has ended there."""
    host().is_stopping = True
    for lease in running():
        lease.stop()


# Those whose fits are under way; of fits that have failed or were cancelled some stay for a while.
_active: WeakSet[Reporter] = WeakSet()


class Reporter(Callback):
    """Tells the page of each fit: its beginning, its progress, its epochs and its end.

    Args:
        unit: what those are called that are counted.
    """

    def __init__(self, unit: str = "epoch") -> None:
        self._unit = unit
        self._told = 0.0
        self._epoch = 0
        self._has_epochs = False

    def on_train_begin(self, logs: dict[str, Any]) -> None:
        if host().is_stopping:
            raise asyncio.CancelledError
        known = {name: self.params[name] for name in ("epochs", "steps", "samples", "batch_size")}
        _active.add(self)
        is_paused = any(lease.paused for lease in running())
        host().post({"type": "training", "running": True, "paused": is_paused, "unit": self._unit, **known})

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any]) -> None:
        self._epoch = epoch

    def on_progress(self, done: int, logs: dict[str, Any]) -> None:
        now = clock.now()
        if not self._told:
            self._tell_backend()
        if now - self._told >= TELL_SECONDS:
            self._told = now
            host().post({"type": "progress", "epoch": self._epoch, "step": done, "logs": _numbers(logs)})

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        self._has_epochs = True
        now = clock.now()
        is_last = epoch + 1 == self.params["epochs"]
        if is_last or now - self._told >= TELL_SECONDS:
            self._told = now
            # another takes over from a device that is lost
            self._tell_backend()
        host().post({"type": "epoch", "epoch": epoch, "logs": _numbers(logs)})

    def _tell_backend(self) -> None:
        host().post({"type": "backend", "backend": device.get_backend(), "why": device.why()})

    def on_train_end(self, logs: dict[str, Any]) -> None:
        _active.discard(self)
        # the fit's own is given back a little later
        others = [lease for lease in running() if self.model is None or lease.owner != self.model.name]
        if not _active or not others:
            _active.clear()
            host().post({"type": "training", "running": False})
        if host().is_stopping and not self._has_epochs:
            # before the first step: there is nothing that a program could go on with
            raise asyncio.CancelledError


def _numbers(logs: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in logs.items() if isinstance(value, int | float)}
