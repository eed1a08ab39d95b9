"""Callbacks that watch a logged value and do something about it."""

from __future__ import annotations

import math
import warnings
from typing import Any

from .. import naming
from ..runtime.tensor import Tensor, Variable
from .base import Callback


class Monitor(Callback, metaclass=naming.Configurable):
    """What callbacks that watch one value share.

    Args:
        monitor: the name of the value in the logs.
        mode: ``"min"`` or ``"max"`` is better; ``"auto"`` tells by the name: larger accuracies, areas and scores are
            better.
        min_delta: by how much a value has to be better to count.
    """

    def __init__(self, monitor: str, mode: str = "auto", min_delta: float = 0.0) -> None:
        self.monitor = monitor
        self.mode = naming.lookup("mode", mode, {m: m for m in ("auto", "min", "max")})
        self.min_delta = abs(min_delta)
        grows = any(part in monitor.lower() for part in ("acc", "auc", "precision", "recall", "score", "iou", "r2"))
        self._larger = self.mode == "max" or (self.mode == "auto" and grows)
        self._warned = False

    @property
    def worst(self) -> float:
        return -math.inf if self._larger else math.inf

    def better(self, value: float, than: float) -> bool:
        return value - self.min_delta > than if self._larger else value + self.min_delta < than

    def value(self, logs: dict[str, Any]) -> float | None:
        """The watched value; None if it was not logged, with a warning at the first time."""
        found = logs.get(self.monitor, logs.get(naming.snake(self.monitor)))
        if found is None and not self._warned:
            self._warned = True
            warnings.warn(
                f"{type(self).__name__} watches {self.monitor!r}, which is not logged; there is"
                f" {', '.join(logs) or 'nothing'}",
                stacklevel=2,
            )
        return None if found is None else float(found)


class EarlyStopping(Monitor):
    """Stops training when a value has not become better for a while.

    Args:
        monitor: the name of the value in the logs.
        min_delta: by how much it has to be better to count.
        patience: for how many epochs it may be no better.
        verbose: 1 prints when training stops.
        mode: ``"min"``, ``"max"`` or ``"auto"``, see :class:`Monitor`.
        baseline: a value that has to be surpassed.
        restore_best_weights: whether the model ends with the weights of its best epoch. They are kept on the device.
        start_from_epoch: epochs before are not looked at.

    >>> import weblayers as wl
    >>> wl.callbacks.early_stopping({"monitor": "loss", "minDelta": 0.1}).patience
    0
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch
        self.stopped_epoch: int | None = None
        self.best_epoch = self.wait = 0
        self.best = self.worst
        self._kept: list[tuple[Variable, Tensor]] | None = None

    def on_train_begin(self, logs: dict[str, float]) -> None:
        self.stopped_epoch, self.best_epoch, self.wait = None, 0, 0
        self.best, self._kept = self.worst, None

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        value = self.value(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self._kept is None:
            self._keep(epoch)
        self.wait += 1
        if self.better(value, self.best):
            self.best = value
            self._keep(epoch)
            if self.baseline is None or self.better(value, self.baseline):
                self.wait = 0
                return
        if self.wait >= self.patience:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, float]) -> None:
        if self.stopped_epoch is not None and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self._kept is not None:
            for weight, kept in self._kept:
                weight.assign(kept)
            self._kept = None

    def _keep(self, epoch: int) -> None:
        self.best_epoch = epoch
        if self.restore_best_weights:
            self._kept = [(w, w.read()) for w in self.model.weights]


class ReduceLROnPlateau(Monitor):
    """Lowers the learning rate when a value has not become better for a while.

    Args:
        monitor: the name of the value in the logs.
        factor: what the rate is multiplied by, less than 1.
        patience: for how many epochs the value may be no better.
        verbose: 1 prints each change.
        mode: ``"min"``, ``"max"`` or ``"auto"``, see :class:`Monitor`.
        min_delta: by how much the value has to be better to count.
        cooldown: how many epochs after a change nothing is counted.
        min_lr: the rate does not fall below it.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        if not 0 <= factor < 1:
            raise ValueError(f"ReduceLROnPlateau: factor must be at least 0 and less than 1, got {factor}")
        self.factor, self.patience, self.verbose = factor, patience, verbose
        self.cooldown, self.min_lr = cooldown, min_lr
        self.best, self._wait, self._cooling = self.worst, 0, 0

    def on_train_begin(self, logs: dict[str, float]) -> None:
        self.best, self._wait, self._cooling = self.worst, 0, 0

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        optimizer = self.model.optimizer
        logs["learning_rate"] = optimizer.learning_rate
        value = self.value(logs)
        if value is None:
            return
        if self._cooling > 0:
            self._cooling -= 1
            self._wait = 0
        if self.better(value, self.best):
            self.best, self._wait = value, 0
        elif self._cooling <= 0:
            self._wait += 1
            if self._wait >= self.patience and optimizer.learning_rate > self.min_lr:
                rate = max(optimizer.learning_rate * self.factor, self.min_lr)
                optimizer.learning_rate = rate
                if self.verbose:
                    print(f"Epoch {epoch + 1}: learning rate {rate:g}")
                self._cooling, self._wait = self.cooldown, 0


class TerminateOnNaN(Callback):
    """Stops training at a batch whose loss is not a finite number.

    Training stops there in any case, with an error that names the step; this callback is for programs that bring it
    along: with it there is no error, only a stop.
    """

    stops_at_nan = True
