"""Callbacks: plain dictionaries or objects with hooks, or subclasses of Callback; hooks may be async."""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from .. import naming

HOOKS = (
    "on_train_begin",
    "on_train_end",
    "on_epoch_begin",
    "on_epoch_end",
    "on_batch_begin",
    "on_batch_end",
    "on_yield",
)


class Callback(naming.Named):
    """Base class: override the hooks you need. ``self.model`` is the model in training.

    ``on_train_begin(logs)``, ``on_epoch_begin(epoch, logs)``, ``on_batch_begin(batch, logs)``,
    ``on_batch_end(batch, logs)``, ``on_epoch_end(epoch, logs)``, ``on_train_end(logs)``.
    """

    model: Any = None
    params: dict[str, Any]

    def set_model(self, model: Any) -> None:
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params


class History(Callback):
    """What happened: ``history`` has a list per logged name, ``epoch`` the numbers of the epochs."""

    def __init__(self) -> None:
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}
        self.params: dict[str, Any] = {}

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        self.epoch.append(epoch)
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)


class ProgressLine(Callback):
    """One line per epoch; on a terminal it grows while the epoch runs, with the time that is left."""

    def __init__(self, stream: Any = None) -> None:
        self._stream = stream or sys.stdout
        self._live = bool(getattr(self._stream, "isatty", lambda: False)())
        self._begun = self._epoch_begun = 0.0
        self._epoch = 0

    @property
    def wants_progress(self) -> bool:
        """Only a terminal's line can be rewritten."""
        return self._live

    def on_train_begin(self, logs: dict[str, float]) -> None:
        self._begun = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float]) -> None:
        self._epoch, self._epoch_begun = epoch, time.monotonic()

    def on_progress(self, done: int, total: int, logs: dict[str, float]) -> None:
        left = (time.monotonic() - self._epoch_begun) / max(1, done) * (total - done)
        bar = "=" * (20 * done // total)
        head = f"Epoch {self._epoch + 1}/{self.params['epochs']} [{bar:<20}] {done}/{total}"
        self._stream.write(f"\r{head} - ETA: {left:.0f}s - {_text(logs)}")
        self._stream.flush()

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        epochs, finished = self.params["epochs"], epoch + 1 - self.params["initial_epoch"]
        each = (time.monotonic() - self._begun) / finished
        per_step, left = 1000 * each / max(1, self.params["steps"]), each * (epochs - epoch - 1)
        head = f"Epoch {epoch + 1}/{epochs} - {per_step:.1f}ms/step - ETA: {left:.0f}s - {_text(logs)}"
        self._stream.write(("\r" if self._live else "") + head + "\n")


def _text(logs: Mapping[str, float]) -> str:
    return " - ".join(f"{name}: {value:.4f}" for name, value in logs.items())


class CallbackList:
    """Calls every callback's hook in order and waits for those that are async."""

    def __init__(self, callbacks: Any, model: Any, params: dict[str, Any], own: Sequence[Callback]) -> None:
        given = [] if callbacks is None else list(callbacks) if isinstance(callbacks, list | tuple) else [callbacks]
        self._callbacks = [*own[:1], *given, *own[1:]]
        for callback in self._callbacks:
            if isinstance(callback, Callback):
                callback.set_model(model)
                callback.set_params(params)
            elif isinstance(callback, Mapping):
                _check_hooks(callback)
        self.per_batch = any(_hook(c, h) for c in self._callbacks for h in ("on_batch_begin", "on_batch_end"))
        self.progress = [c for c in self._callbacks if _hook(c, "on_progress") and getattr(c, "wants_progress", True)]
        self.between_epochs = any(_hook(c, h) for c in given for h in HOOKS if h != "on_train_end")

    async def call(self, hook: str, *args: Any) -> None:
        for callback in self._callbacks:
            function = _hook(callback, hook)
            if function is None:
                continue
            result = function(*args)
            if inspect.isawaitable(result):
                await result

    def tell_progress(self, done: int, total: int, logs: dict[str, float]) -> None:
        for callback in self.progress:
            callback.on_progress(done, total, logs)


def _check_hooks(callback: Mapping[str, Any]) -> None:
    for key, value in callback.items():
        if naming.snake(key) not in (*HOOKS, "on_progress", "yield_every"):
            raise ValueError(f"unknown callback {key!r}. {naming.suggestion(key, HOOKS)}")
        if not callable(value) and naming.snake(key) != "yield_every":
            raise TypeError(f"callback {key!r} must be a function, got {type(value).__name__}")


def _hook(callback: Any, name: str) -> Any:
    if isinstance(callback, Mapping):
        return callback.get(name, callback.get(naming.camel(name)))
    # not by `getattr` with a default: a miss of ours searches for the nearest name
    own = {*dir(type(callback)), *vars(callback)} if hasattr(callback, "__dict__") else dir(type(callback))
    found = next((n for n in (name, naming.camel(name)) if n in own), None)
    return getattr(callback, found) if found else None
