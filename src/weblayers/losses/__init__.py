"""Losses: functions of targets and predictions that give a value per sample, and objects that reduce them."""

from __future__ import annotations

from .. import naming
from . import functions
from .alignment import ctc
from .functions import (
    binary_crossentropy,
    categorical_crossentropy,
    huber,
    mean_absolute_error,
    mean_squared_error,
    sparse_categorical_crossentropy,
)
from .objects import CLASSES, Loss, LossFunction, get, is_sparse, knows_targets, serialize

globals().update(CLASSES)
globals().update({n: v for n, v in vars(functions).items() if callable(v) and v.__module__ == functions.__name__})

__all__ = [
    "Loss",
    "LossFunction",
    "binary_crossentropy",
    "categorical_crossentropy",
    "ctc",
    "get",
    "huber",
    "is_sparse",
    "knows_targets",
    "mean_absolute_error",
    "mean_squared_error",
    "serialize",
    "sparse_categorical_crossentropy",
]

__getattr__ = naming.module_getattr(__name__, globals())
