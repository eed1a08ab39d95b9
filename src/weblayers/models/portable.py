"""Saving and loading, as every model has them."""

from __future__ import annotations

from typing import Any

from .. import naming
from ..io import saving, topology, training
from .promise import Promise
from .trainer import Trainer


class Portable(Trainer):
    """The part of a model that goes into files."""

    def to_json(self, unused: Any = None, return_string: bool = True) -> Any:
        """The layers without weights, as a JSON text (or its value): TensorFlow.js and Keras read it.

        >>> import weblayers as wl
        >>> model = wl.sequential([wl.layers.dense(units=2, input_shape=[3])])
        >>> model.to_json(None, False)["class_name"]
        'Sequential'
        """
        return topology.to_json(self, return_string)

    def save(self, handler_or_url: Any, config: dict[str, Any] | None = None, **kwargs: Any) -> Promise:
        """Save the model. Starts at once; await the result, which has sizes and date.

        Args:
            handler_or_url: a path of a folder or of a ``.json`` file, ``localstorage://name``, ``indexeddb://name``,
                ``downloads://name``, an ``http(s)://`` URL to POST to, or a handler. TensorFlow.js reads what is saved
                there. A path, or a download's name, that ends in ``.keras`` or ``.h5`` is saved for Keras.
            config: options in one object, or as keywords, in either spelling:
                include_optimizer (False): whether to save loss, metrics, and the optimizer with its state, so that
                training goes on as if it had not stopped.
                trainable_only (False): whether to save trainable weights only.
                quantization: ``"float16"``, ``"uint8"`` or ``"uint16"`` for smaller files; digits are lost.

        A model that cannot be saved leaves one that was there before as it was.

        >>> import asyncio, weblayers as wl
        >>> model = wl.sequential([wl.layers.dense(units=2, input_shape=[3])])
        >>> async def main():
        ...     return await model.save(wl.io.with_save_handler(lambda artifacts: None))
        >>> asyncio.run(main()).model_artifacts_info.weight_data_bytes
        32
        """
        options = naming.arguments(_save_options, "save", {**(config or {}), **kwargs})
        return Promise(saving.save_model(self, handler_or_url, **_save_options(**options)))

    def save_weights(self, handler_or_url: Any) -> Promise:
        """Save the weights alone, anywhere that :meth:`save` can, or in ``.weights.h5`` or ``.safetensors`` files."""
        return Promise(saving.save_weights(self, handler_or_url))

    def load_weights(self, weights: Any, strict: bool = True, **options: Any) -> Promise:
        """Give the weights the values of a file, by their names, all or none.

        Args:
            weights: values by name, or anything that :func:`weblayers.load_layers_model` loads from; also
                ``.weights.h5`` and ``.safetensors`` files. It takes effect at once where it is an object with values.
            strict: whether every weight must be there, and no other.

        Raises:
            ModelFileError: it is no file of weights, or not of these.

        >>> import weblayers as wl
        >>> model = wl.sequential([wl.layers.dense(units=1, input_shape=[1], name="line")])
        >>> _ = model.load_weights({"line/kernel": [[2.0]], "line/bias": [1.0]})
        >>> model.predict(wl.tensor2d([[3.0]])).array_sync()
        [[7.0]]
        """
        return Promise(saving.load_weights(self, weights, strict, options))

    def load_training_config(self, training_config: dict[str, Any]) -> None:
        """Compile the model as the ``trainingConfig`` of a model's file says."""
        training.compile_as(self, training_config, "the training configuration")


def _save_options(
    include_optimizer: bool = False, trainable_only: bool = False, quantization: str | None = None
) -> dict[str, Any]:
    return locals()
