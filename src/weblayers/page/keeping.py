"""Where a training is kept for another visit, and what of it goes on there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ..io import browser, snapshots
from ..io.checks import ModelFileError
from ..models.model import BaseModel
from ..runtime import clock
from .hosts import host

# Checkpoints come at ends of epochs, but no more often, and take no more of the time than this share: small epochs, and
# large models, would mostly wait for storage.
KEEP_SECONDS = 2.0
KEEP_SHARE = 0.05


class Keeper:
    """Keeps the models of a training, their optimizers, and how far it has come.

    Args:
        models: those that are trained.
        name: the training's, for messages and where it is kept if nobody says where.
        place: a path or URL, or None for the browser's storage, if there is one.
        settings: what else the training depends on.
    """

    def __init__(self, models: Sequence[Any], name: str, place: Any, settings: Any) -> None:
        # whose place it is in the browser's storage, which pages of one origin share
        self._claim: str | None = None
        if place is None and browser.has_indexed_db():
            self._claim = f"training-{name}@{host().home}"
            place = f"indexeddb://{self._claim}"
        places = [] if place is None else [place, *(f"{place}-{i}" for i in range(1, len(models)))]
        self._models, self._name = models, name
        # the models, and where each is kept
        self._places = list(zip(models, places, strict=False))
        # as a file gives them back
        self._settings = json.loads(json.dumps(settings))
        self._due = 0.0
        self._storing = asyncio.Lock()

    @property
    def is_due(self) -> bool:
        return clock.now() >= self._due

    async def store(self, epoch: int, last: int) -> None:
        """Keep what there is now, after so many epochs of a training that ends at the last."""
        async with self._storing:
            begun = clock.now()
            try:
                for model, place in self._places:
                    notes = {"epoch": epoch, "last": last, "compiled": _compiled(model), **self._expected(model)}
                    await snapshots.save_snapshot(model, place, notes)
            except OSError as error:
                print(f"{self._name} is not kept for another visit: {error}")
                self._places = []
            self._due = clock.now() + max(KEEP_SECONDS, (clock.now() - begun) / KEEP_SHARE)

    async def restore(self, forget_steps: Callable[[Any], None], is_told: bool, unit: str) -> tuple[int, int]:
        """Go on where an earlier visit ended, if all models are as they were: what was noted of its epochs.

        Args:
            forget_steps: has a model's optimizer begin anew.
            is_told: whether the reader is told of a training that begins anew, too.
        """
        if self._claim is not None:
            browser.claim(self._claim, self._lose)
        before = [model.get_weights() for model in self._models]
        found, differences = set(), []
        try:
            for model, place in self._places:
                differs = partial(_difference, _compiled(model))
                expected = self._expected(model)
                notes = await snapshots.restore_snapshot(model, place, expected, differs)
                difference = None if notes is None else differs(notes)
                if difference is not None:
                    forget_steps(model)
                    differences.append(difference)
                found.add((0, 0) if notes is None else (int(notes["epoch"]), int(notes.get("last", 0))))
            if len(found) > 1:
                raise ModelFileError("its models were kept after different rounds")
        except (OSError, ModelFileError) as error:
            if is_told:
                print(f"{self._name} begins anew: {error}")
            for model, weights in zip(self._models, before, strict=True):
                model.set_weights(weights)
                forget_steps(model)
            return 0, 0
        epoch, last = max(found, default=(0, 0))
        if epoch:
            print(f"{self._name} goes on after {unit} {epoch}; “New weights” begins anew")
        for difference in differences:
            print(f"{self._name} keeps its weights, and its optimizer begins anew: {difference}")
        return epoch, last

    def _lose(self) -> None:
        print(f"{self._name} is kept by another tab from now on, and not by this one")
        self._places = []

    def _expected(self, model: Any) -> dict[str, Any]:
        return {"layers": _described(model), "settings": self._settings}


def _described(model: Any) -> str:
    """What a model is made of, without names, which count how many layers the program has made."""
    made = [layer for layer in model.flatten_layers() if not isinstance(layer, BaseModel)]
    return json.dumps([[layer.get_class_name(), _nameless(layer.get_config())] for layer in made], default=_called)


def _compiled(model: Any) -> dict[str, str]:
    """How a model was compiled, but for the learning rate, which its reader sets."""
    compilation = model.compiled()
    optimizer = compilation.optimizer
    config = {key: value for key, value in _nameless(optimizer.get_config()).items() if key != "learning_rate"}
    return {
        "optimizer": type(optimizer).__name__,
        "arguments": json.dumps(config, default=_called),
        "loss": json.dumps(compilation.arguments["loss"], default=_called),
    }


def _difference(compiled: Mapping[str, str], notes: Mapping[str, Any]) -> str | None:
    """What keeps an optimizer from going on, in words."""
    kept = notes.get("compiled", {})
    if kept.get("optimizer") != compiled["optimizer"]:
        return f"it was {kept.get('optimizer')}, and is {compiled['optimizer']} now"
    if kept.get("loss") != compiled["loss"]:
        return f"the loss was {kept.get('loss')}, and is {compiled['loss']} now"
    return None if kept.get("arguments") == compiled["arguments"] else "its arguments were others"


def _nameless(config: Any) -> Any:
    """A configuration without the names in it."""
    if isinstance(config, dict):
        return {key: _nameless(value) for key, value in config.items() if key != "name"}
    return [_nameless(value) for value in config] if isinstance(config, list | tuple) else config


def _called(value: Any) -> str:
    """What is no JSON, by its name: the same in each visit."""
    return getattr(value, "__qualname__", type(value).__qualname__)
