"""Callbacks that set the learning rate."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from .. import naming
from .base import Callback


class LearningRateScheduler(Callback, metaclass=naming.Configurable):
    """Sets the learning rate at the beginning of each epoch.

    Args:
        schedule: a function of the epoch's number, and of the rate so far if it takes two arguments, to the new rate.
        verbose: 1 prints each rate.

    >>> import weblayers as wl
    >>> halved = wl.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)
    """

    def __init__(self, schedule: Callable[..., Any], verbose: int = 0) -> None:
        self.schedule, self.verbose = schedule, verbose
        try:
            self._takes = len(inspect.signature(schedule).parameters)
        except (TypeError, ValueError):
            self._takes = 2

    def on_epoch_begin(self, epoch: int, logs: dict[str, float]) -> None:
        optimizer = self.model.optimizer
        given = (epoch, optimizer.learning_rate)[: max(1, min(2, self._takes))]
        rate = self.schedule(*given)
        if isinstance(rate, bool) or not isinstance(rate, int | float):
            raise TypeError(f"the schedule of LearningRateScheduler must give a number, got {rate!r}")
        optimizer.learning_rate = float(rate)
        if self.verbose:
            print(f"Epoch {epoch + 1}: learning rate {rate:g}")

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        logs["learning_rate"] = self.model.optimizer.learning_rate
