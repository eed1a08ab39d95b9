"""Layers: the classes, and TensorFlow.js' factory functions by the same code.

``dense(units=1)``, ``dense({"units": 1})`` and ``Dense(1)`` make the same layer. A factory's name is the class' in
snake_case (``conv2d_transpose``), in camelCase (``conv2dTranspose``), or one of TensorFlow.js' shorter ones below.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

from .. import naming
from . import (
    activation,
    attention,
    cells,
    conv_lstm,
    convolutional,
    core,
    merging,
    normalization,
    operation,
    pooling,
    preprocessing,
    recurrent,
    regularization,
    reshaping,
    separable,
    serialization,
    transformer,
    wrappers,
)
from .base import Layer as Layer
from .core import input as input
from .input_spec import InputSpec as InputSpec
from .serialization import deserialize as deserialize
from .serialization import register_class as register_class
from .serialization import serialize as serialize
from .symbolic import SymbolicTensor as SymbolicTensor
from .wrappers import Wrapper as Wrapper

_FAMILIES = (
    activation,
    attention,
    cells,
    conv_lstm,
    convolutional,
    core,
    merging,
    normalization,
    operation,
    pooling,
    preprocessing,
    recurrent,
    regularization,
    reshaping,
    separable,
    transformer,
    wrappers,
)
# Layers that prepare data. Many pages do without, and a page compiles each module: they are imported when somebody asks
# for a name that is not known yet. No module has the name of a factory.
_LATER = (
    "augmentation",
    "buckets",
    "colors",
    "contrast",
    "features",
    "lookup",
    "mixing",
    "policies",
    "spectrogram",
    "text",
)

# What TensorFlow.js calls some layers, besides the names of their classes.
_OTHER_NAMES = {
    "prelu": "PReLU",
    "relu": "ReLU",
    "lambda_": "Lambda",
    "simple_rnn": "SimpleRNN",
    "simple_rnncell": "SimpleRNNCell",
    "simple_rnn_cell": "SimpleRNNCell",
    "lstmcell": "LSTMCell",
    "grucell": "GRUCell",
    "stacked_rnn_cells": "StackedRNNCells",
    "einsum_dense": "EinsumDense",
    "grouped_query_attention": "GroupQueryAttention",
    "conv_lstm1d": "ConvLSTM1D",
    "conv_lstm2d": "ConvLSTM2D",
    "conv_lstm3d": "ConvLSTM3D",
    "conv_lstm1d_cell": "ConvLSTM1DCell",
    "conv_lstm2d_cell": "ConvLSTM2DCell",
    "conv_lstm3d_cell": "ConvLSTM3DCell",
    "avg_pool1d": "AveragePooling1D",
    "avg_pool2d": "AveragePooling2D",
    "avg_pool3d": "AveragePooling3D",
    "avg_pooling1d": "AveragePooling1D",
    "avg_pooling2d": "AveragePooling2D",
    "avg_pooling3d": "AveragePooling3D",
    "max_pool1d": "MaxPooling1D",
    "max_pool2d": "MaxPooling2D",
    "max_pool3d": "MaxPooling3D",
    "global_max_pool1d": "GlobalMaxPooling1D",
    "global_max_pool2d": "GlobalMaxPooling2D",
    "global_max_pool3d": "GlobalMaxPooling3D",
    "global_avg_pool1d": "GlobalAveragePooling1D",
    "global_avg_pool2d": "GlobalAveragePooling2D",
    "global_avg_pool3d": "GlobalAveragePooling3D",
}

# Bases, which say what others have in common.
_BASES = ("Cell", "Convolution", "ImageLayer", "Wrapper")

# what makes layers, by each of its names
FACTORIES: dict[str, Callable[..., Any]] = {}


def _offer(family: ModuleType) -> None:
    """Make the layers of a family known by all their names."""
    made = {}
    for name, value in list(vars(family).items()):
        is_layer = isinstance(value, type) and issubclass(value, Layer) and value.__module__ == family.__name__
        if is_layer and not name.startswith("_") and name not in _BASES:
            made[name] = value
    serialization.CLASSES.update(made)
    FACTORIES.update({naming.class_snake(name): _factory(cls) for name, cls in made.items()})
    FACTORIES.update({name: made[other] for name, other in _OTHER_NAMES.items() if other in made})
    # Keras has two names for convolutions
    convolutions = {name.replace("Conv", "Convolution"): cls for name, cls in made.items() if _is_convolution(name)}
    # a module of a family must not hide the factory of the same name
    globals().update(made | convolutions | FACTORIES)


def _factory(layer_class: type[Layer]) -> Callable[..., Any]:
    return merging.factory(layer_class) if layer_class in merging.JOINING else layer_class


def _is_convolution(name: str) -> bool:
    return name.removesuffix("Transpose").removeprefix("Separable") in ("Conv1D", "Conv2D", "Conv3D")


for _family in _FAMILIES:
    _offer(_family)

_LISTED = ("CLASSES", "FACTORIES", "InputSpec", "Layer", "SymbolicTensor", "Wrapper")
_FUNCTIONS = ("deserialize", "input", "register_class", "serialize")
_waiting = list(_LATER)


def _load() -> None:
    if not _waiting:
        return
    while _waiting:
        _offer(importlib.import_module(f".{_waiting.pop()}", __name__))
    globals().update(CLASSES=serialization.CLASSES, __all__=[*_LISTED, *_FUNCTIONS, *FACTORIES])


serialization.load_others = _load
_miss = naming.module_getattr(__name__, globals())


def __getattr__(name: str) -> Any:
    if name != "__all__" and name.startswith("__"):
        return _miss(name)
    _load()
    return globals()[name] if name in globals() else _miss(name)


def __dir__() -> list[str]:
    _load()
    return sorted(globals())
