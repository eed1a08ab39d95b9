"""What layers built here do with masks as TensorFlow.js does, and Keras 3 otherwise: said when a model is saved."""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from functools import partial
from typing import Any

from ... import layers as L
from ...layers import Layer, masks
from ...layers.base import hooked

_STEPS = "Keras gives zeros for masked steps there, where TensorFlow.js repeats the output before them"
_JOINED = (
    "Keras has a step count where it does for any input, and none masked where one input has no mask, where"
    " TensorFlow.js has it count where it does for all"
)
_VALUES = "Keras leaves masked values out of what it computes there, where TensorFlow.js takes all"


def warn_of_masks(model: Any) -> None:
    """Name the layers that will do something else in Keras with the masks that they get in this model."""
    inside = model.flatten_layers()
    told = [layer for layer in inside if _is_told(layer)]
    if not told or not any(map(_makes_masks, inside)):
        return
    found: dict[int, str] = {}

    def note(layer: Layer, inputs: Any, kwargs: dict[str, Any]) -> None:
        given = kwargs.get("mask")
        difference = _difference(layer, inputs, masks.masks_of(inputs) if given is None else given)
        if difference is not None:
            found[id(layer)] = difference

    with ExitStack() as stack:
        for layer in told:
            stack.enter_context(hooked(layer, partial(note, layer)))
        model.trace()
    for layer in told:
        if id(layer) in found:
            warnings.warn(
                f"layer {layer.name!r} has a mask: {found[id(layer)]}. What Keras predicts may differ; with"
                f" {_setting(layer)} the model does here what Keras does",
                stacklevel=2,
            )


def _is_told(layer: Layer) -> bool:
    if isinstance(layer, L.Bidirectional):
        return bool(layer.forward_layer.return_sequences and not layer.forward_layer.zero_output_for_mask)
    return vars(layer).get("keras_masks") is False


def _setting(layer: Layer) -> str:
    return "zero_output_for_mask=True in its layer" if isinstance(layer, L.Bidirectional) else "keras_masks=True"


def _makes_masks(layer: Layer) -> bool:
    own = not type(layer).__module__.startswith(__name__.partition(".")[0] + ".")
    return (
        isinstance(layer, L.Masking)
        or bool(vars(layer).get("mask_zero"))
        or (isinstance(layer, L.Lambda) and layer.mask is not None)
        or (own and type(layer).compute_mask is not Layer.compute_mask)
    )


def _difference(layer: Layer, inputs: Any, given: Any) -> str | None:
    there = [m for m in _listed(given) if m is not None]
    if not there:
        return None
    if isinstance(layer, L.Bidirectional):
        return _STEPS
    if isinstance(layer, L.Multiply | L.Maximum | L.Minimum):
        return _VALUES
    if isinstance(layer, L.Concatenate) and layer.axis % inputs[0].rank != inputs[0].rank - 1:
        return None
    alike = len(there) == len(given) and all(m is there[0] for m in there)
    return None if alike else _JOINED


def _listed(given: Any) -> list[Any]:
    return list(given) if isinstance(given, list | tuple) else [given]
