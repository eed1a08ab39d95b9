"""Layers: the classes, and TensorFlow.js' factory functions by the same code.

``dense(units=1)``, ``dense({"units": 1})`` and ``Dense(1)`` make the same layer. A factory's name is the class' in
snake_case (``conv2d_transpose``), in camelCase (``conv2dTranspose``), or one of TensorFlow.js' shorter ones below.
"""

from __future__ import annotations

from .. import naming
from . import (
    activation,
    attention,
    augmentation,
    cells,
    colors,
    contrast,
    conv_lstm,
    convolutional,
    core,
    feature_space,
    hashing,
    lookup,
    merging,
    mixing,
    normalization,
    operation,
    policies,
    pooling,
    preprocessing,
    recurrent,
    regularization,
    reshaping,
    separable,
    spectrogram,
    text,
    transformer,
    wrappers,
)
from .base import Layer
from .core import input
from .input_spec import InputSpec
from .serialization import CLASSES, deserialize, register_class, serialize
from .symbolic import SymbolicTensor
from .wrappers import Wrapper

_FAMILIES = (
    activation,
    attention,
    augmentation,
    cells,
    colors,
    conv_lstm,
    contrast,
    convolutional,
    core,
    feature_space,
    hashing,
    lookup,
    merging,
    mixing,
    normalization,
    operation,
    policies,
    pooling,
    preprocessing,
    recurrent,
    regularization,
    reshaping,
    separable,
    spectrogram,
    text,
    transformer,
    wrappers,
)

for _family in _FAMILIES:
    for _name, _class in list(vars(_family).items()):
        public = isinstance(_class, type) and issubclass(_class, Layer) and not _name.startswith("_")
        if (
            public
            and _class.__module__ == _family.__name__
            and _name not in ("Cell", "Convolution", "ImageLayer", "Wrapper")
        ):
            CLASSES[_name] = _class

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

# What Keras calls some classes, too.
_OTHER_CLASSES = {
    name.replace("Conv", "Convolution"): CLASSES[name]
    for name in CLASSES
    if name.removesuffix("Transpose")[:-2] in ("Conv", "SeparableConv") and not name.startswith("SeparableConv3")
}

FACTORIES: dict[str, type[Layer]] = {
    **{naming.class_snake(name): cls for name, cls in CLASSES.items()},
    **{name: CLASSES[other] for name, other in _OTHER_NAMES.items()},
}
# a module of a family must not hide the factory of the same name
globals().update(CLASSES | _OTHER_CLASSES)
globals().update(FACTORIES)

__all__ = [
    "CLASSES",
    "FACTORIES",
    "InputSpec",
    "Layer",
    "SymbolicTensor",
    "Wrapper",
    "deserialize",
    "input",
    "register_class",
    "serialize",
    *FACTORIES,
]

__getattr__ = naming.module_getattr(__name__, globals())
