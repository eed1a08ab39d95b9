"""Layers: the classes, and TensorFlow.js' factory functions by the same code.

``dense(units=1)``, ``dense({"units": 1})`` and ``Dense(1)`` make the same layer.
"""

from __future__ import annotations

from .. import naming
from .base import Layer
from .convolutional import Conv2D
from .core import Activation, Dense, Dropout, Flatten
from .pooling import AveragePooling2D, MaxPooling2D

CLASSES: dict[str, type[Layer]] = {
    c.__name__: c for c in (Activation, AveragePooling2D, Conv2D, Dense, Dropout, Flatten, MaxPooling2D)
}

activation, dense, dropout, flatten = Activation, Dense, Dropout, Flatten
conv2d = Conv2D
max_pooling2d = max_pool2d = MaxPooling2D
average_pooling2d = avg_pool2d = avg_pooling2d = AveragePooling2D

__getattr__ = naming.module_getattr(__name__, globals())
