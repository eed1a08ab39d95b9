"""What was trainable when a model was compiled: that is what its steps train."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

from ..layers.base import Layer
from ..runtime.tensor import Variable


class Freezing:
    """Which layers were trainable at compile; of layers that come later, when they are first seen.

    So a discriminator that is frozen for another model, after it was compiled, goes on to be trained by its own steps.
    """

    def __init__(self, model: Layer) -> None:
        self._modes: WeakKeyDictionary[Layer, bool] = WeakKeyDictionary()
        self._warned = False
        self._note(model)

    def trained(self, model: Layer) -> list[Variable]:
        """The weights that the model's steps train. Warns, once, where they are not those that are trainable now."""
        with self.of_then(model):
            weights = model.trainable_weights
        now = model.trainable_weights
        # who trains a model that is frozen as a whole means it: so the parts of a GAN take turns
        if now and not self._warned and {id(w) for w in weights} != {id(w) for w in now}:
            self._warned = True
            warnings.warn(
                f"{model.name}: layers were frozen or unfrozen since compile(), which says what is trained:"
                f" {len(weights)} weights then, {len(now)} now. Compile again to train what is trainable now.",
                stacklevel=2,
            )
        return weights

    @contextmanager
    def of_then(self, model: Layer) -> Iterator[None]:
        """Inside, layers are as trainable as they were."""
        self._note(model)
        now = {layer: layer.trainable for layer in model.flatten_layers()}
        try:
            for layer in now:
                vars(layer)["trainable"] = self._modes[layer]
            yield
        finally:
            for layer, mode in now.items():
                vars(layer)["trainable"] = mode

    def _note(self, model: Layer) -> None:
        for layer in model.flatten_layers():
            self._modes.setdefault(layer, layer.trainable)
