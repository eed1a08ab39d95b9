"""What a callback is, and how many of them are called: dictionaries, functions, objects, subclasses; async or not."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .. import naming
from ..runtime import clock

HOOKS = (
    "on_train_begin",
    "on_train_end",
    "on_epoch_begin",
    "on_epoch_end",
    "on_batch_begin",
    "on_batch_end",
    "on_test_begin",
    "on_test_batch_begin",
    "on_test_batch_end",
    "on_test_end",
    "on_predict_begin",
    "on_predict_batch_begin",
    "on_predict_batch_end",
    "on_predict_end",
    "on_yield",
    "on_new_weights",
)
# Keras' second names.
_ALIASES = {"on_batch_begin": "on_train_batch_begin", "on_batch_end": "on_train_batch_end"}

# How often on_yield is called with yield_every="auto", as in TensorFlow.js.
YIELD_SECONDS = 0.125


class Callback(naming.Named):
    """Base class: override the hooks you need. ``self.model`` is the model in training, ``self.params`` what it trains.

    ``on_train_begin(logs)``, ``on_epoch_begin(epoch, logs)``, ``on_batch_begin(batch, logs)``,
    ``on_batch_end(batch, logs)``, ``on_test_begin(logs)``, ``on_test_batch_begin(batch, logs)``,
    ``on_test_batch_end(batch, logs)``, ``on_test_end(logs)``, ``on_epoch_end(epoch, logs)``, ``on_train_end(logs)``,
    ``on_predict_begin(logs)``, ``on_predict_batch_begin(batch, logs)``, ``on_predict_batch_end(batch, logs)``,
    ``on_predict_end(logs)``, ``on_yield(epoch, batch, logs)``, and ``on_new_weights(logs)``, once the reader of a
    page has a training begin anew. A hook may be async: training waits for it. Batches of a validation are computed in
    one go, and told of afterwards.

    ``batches`` says for which batches there are calls: ``"all"``, or ``"frame"``, the latest once per frame, which
    disturbs the training less.
    """

    model: Any = None
    params: dict[str, Any]
    batches = "all"

    def set_model(self, model: Any) -> None:
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params


class CustomCallback(Callback):
    """A callback of functions: ``CustomCallback({"onEpochEnd": f})`` or ``CustomCallback(on_epoch_end=f)``.

    >>> import weblayers as wl
    >>> callback = wl.CustomCallback(on_epoch_end=lambda epoch, logs: print(epoch))
    >>> callback.on_epoch_end(3, {})
    3
    """

    def __init__(self, hooks: Mapping[str, Any] | None = None, **more: Any) -> None:
        given = {**(hooks or {}), **more}
        _check_hooks(given)
        for key, value in given.items():
            setattr(self, naming.snake(key), value)


# By the level of verbosity from which on they are wanted.
_constructors: list[tuple[int, Callable[[], Callback]]] = []


def register_callback_constructor(verbosity_level: int, callback_constructor: Callable[[], Callback]) -> None:
    """Have every fit from now on make itself one more callback, if its ``verbose`` is that high.

    Args:
        verbosity_level: 0 is for every fit, 1 for those that show progress.
        callback_constructor: a class of callbacks, or a function that gives one; given twice it counts once.

    Raises:
        ValueError: the level is below 0.

    >>> import weblayers as wl
    >>> class Beep(wl.Callback):
    ...     def on_train_end(self, logs):
    ...         print("beep")
    >>> wl.register_callback_constructor(2, Beep)
    """
    if verbosity_level < 0:
        raise ValueError(f"a level of verbosity is 0 or more, not {verbosity_level}")
    entry = (verbosity_level, callback_constructor)
    if entry not in _constructors:
        _constructors.append(entry)


def registered_callbacks(verbose: int) -> list[Callback]:
    """A callback of each constructor that is registered for this verbosity."""
    return [make() for level, make in _constructors if verbose >= level]


class CallbackList:
    """Calls every callback's hook in order and waits for those that are async.

    The first of our ``own``, the history, comes last, so that it holds what the others have put into the logs.
    """

    def __init__(self, callbacks: Any, own: Sequence[Callback], yield_every: Any = "auto") -> None:
        given = [] if callbacks is None else list(callbacks) if isinstance(callbacks, list | tuple) else [callbacks]
        self._callbacks = [*own[1:], *given, *own[:1]]
        for callback in self._callbacks:
            if isinstance(callback, Mapping):
                _check_hooks(callback)
            elif not isinstance(callback, Callback) and not any(
                _hook(callback, hook) for hook in (*HOOKS, "on_progress")
            ):
                raise TypeError(
                    "callbacks are Callbacks, functions, dictionaries of functions, or objects with methods such as"
                    f" on_epoch_end; got {callback!r}"
                )
        told = [_hook(c, "on_progress") for c in self._callbacks if getattr(c, "wants_progress", True)]
        self.progress = [hook for hook in told if hook is not None]
        self.between_epochs = any(_hook(c, h) for c in given for h in HOOKS if h != "on_train_end")
        watching = [c for c in self._callbacks if _hook(c, "on_batch_begin") or _hook(c, "on_batch_end")]
        self._each = [c for c in watching if _setting(c, "batches", "all") != "frame"]
        self._framed = [c for c in watching if c not in self._each]
        self.watches_tests = any(_hook(c, f"on_test_batch_{end}") for c in given for end in ("begin", "end"))
        self._yielding = any(_hook(c, "on_yield") for c in self._callbacks)
        self._yield_seconds = _yield_seconds(yield_every, self._yielding)
        self._turned = 0.0
        self._epoch = 0

    def attach(self, model: Any, params: dict[str, Any]) -> None:
        """Tell them what is trained, and how."""
        for callback in self._callbacks:
            for name, value in (("set_model", model), ("set_params", params)):
                setter = None if isinstance(callback, Mapping) or _is_function(callback) else _method(callback, name)
                if setter is not None:
                    setter(value)

    @property
    def stops_at_nan(self) -> bool:
        """Whether a loss that is no number ends training instead of being an error."""
        return any(_setting(c, "stops_at_nan", False) for c in self._callbacks)

    @property
    def watches_steps(self) -> bool:
        """Whether somebody wants to be called while steps run."""
        return bool(self._each or self._framed or self._yielding)

    @property
    def every(self) -> str:
        """When the device has to tell of finished steps."""
        if self._each:
            return "step"
        return "frame" if self.watches_steps or self.progress else "end"

    async def call(self, hook: str, *args: Any) -> None:
        await _call(self._callbacks, hook, *args)

    async def begin_epoch(self, epoch: int) -> None:
        self._epoch = epoch
        await self.call("on_epoch_begin", epoch, {})

    async def batch(self, step: int, logs: dict[str, float], latest: bool) -> None:
        """A step is done; ``latest`` says whether no later one is known to be."""
        callbacks = self._callbacks if latest else self._each
        callbacks = [c for c in callbacks if c in self._each or c in self._framed]
        await _call(callbacks, "on_batch_begin", step, {})
        await _call(callbacks, "on_batch_end", step, logs)

    async def turn(self, step: int, logs: dict[str, float]) -> None:
        """Call ``on_yield`` if it is time."""
        now = clock.now()
        if self._yielding and self._yield_seconds is not None and now - self._turned >= self._yield_seconds:
            self._turned = now
            await self.call("on_yield", self._epoch, step, logs)

    def tell_progress(self, done: int, logs: dict[str, float]) -> None:
        for hook in self.progress:
            hook(done, logs)


async def _call(callbacks: Sequence[Any], hook: str, *args: Any) -> None:
    for callback in callbacks:
        for function in _hooks(callback, hook):
            result = function(*args)
            if inspect.isawaitable(result):
                await result


def _yield_seconds(yield_every: Any, wanted: bool) -> float | None:
    if isinstance(yield_every, bool) or not isinstance(yield_every, str | int | float):
        raise TypeError(f"yield_every must be a string or milliseconds, got {yield_every!r}")
    if isinstance(yield_every, int | float):
        if yield_every < 0:
            raise ValueError(f"yield_every must not be negative, got {yield_every}")
        return yield_every / 1000 or YIELD_SECONDS
    naming.lookup("yield_every", yield_every, dict.fromkeys(("auto", "batch", "epoch", "never"), True))
    if yield_every == "never" and wanted:
        raise ValueError('yield_every is "never", but there is a callback with on_yield')
    return YIELD_SECONDS if yield_every == "auto" else None


def _check_hooks(callback: Mapping[str, Any]) -> None:
    for key, value in callback.items():
        name = naming.snake(key)
        if name in ("batches", "yield_every", "now_func", "next_frame_func"):
            continue
        if name not in (*HOOKS, *_ALIASES.values(), "on_progress"):
            raise ValueError(f"unknown callback {key!r}. {naming.suggestion(key, HOOKS)}")
        if not callable(value):
            raise TypeError(f"callback {key!r} must be a function, got {type(value).__name__}")


def _is_function(callback: Any) -> bool:
    return inspect.isroutine(callback) or inspect.iscoroutinefunction(callback)


def _hook(callback: Any, name: str) -> Callable[..., Any] | None:
    """A callback's first function for a hook."""
    return next(iter(_hooks(callback, name)), None)


def _hooks(callback: Any, name: str) -> list[Callable[..., Any]]:
    """A callback's functions for a hook, one under each of its names. A function alone is called after each epoch."""
    if _is_function(callback):
        return [callback] if name == "on_epoch_end" else []
    functions: list[Callable[..., Any]] = []
    for one in (name, _ALIASES.get(name)):
        if one is None:
            continue
        if isinstance(callback, Mapping):
            found = callback.get(one, callback.get(naming.camel(one)))
        else:
            found = _method(callback, one)
        if found is not None and found not in functions:
            functions.append(found)
    return functions


def _method(callback: Any, name: str) -> Any:
    # not by `getattr` with a default: a miss of ours searches for the nearest name
    own = {*dir(type(callback)), *vars(callback)} if hasattr(callback, "__dict__") else dir(type(callback))
    found = next((n for n in (name, naming.camel(name)) if n in own), None)
    return getattr(callback, found) if found else None


def _setting(callback: Any, name: str, default: Any) -> Any:
    return callback.get(name, default) if isinstance(callback, Mapping) else getattr(callback, name, default)
