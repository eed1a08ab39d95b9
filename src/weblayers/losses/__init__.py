"""Losses: functions of targets and predictions that give a value per sample, and objects that reduce them."""

from __future__ import annotations

from .. import naming
from . import functions, weighted
from .alignment import ctc
from .functions import (
    binary_crossentropy,
    categorical_crossentropy,
    huber,
    mean_absolute_error,
    sparse_categorical_crossentropy,
)
from .objects import CLASSES, Loss, LossFunction, get, is_sparse, knows_targets, serialize
from .weighted import (
    Reduction,
    absolute_difference,
    compute_weighted_loss,
    cosine_distance,
    hinge_loss,
    huber_loss,
    log_loss,
    mean_squared_error,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)

globals().update(CLASSES)
for _name, _function in vars(functions).items():
    # what weighs its values too takes the place of what does not
    if callable(_function) and _function.__module__ == functions.__name__ and not hasattr(weighted, _name):
        globals()[_name] = _function

__all__ = [
    "Loss",
    "LossFunction",
    "Reduction",
    "absolute_difference",
    "binary_crossentropy",
    "categorical_crossentropy",
    "compute_weighted_loss",
    "cosine_distance",
    "ctc",
    "get",
    "hinge_loss",
    "huber",
    "huber_loss",
    "is_sparse",
    "knows_targets",
    "log_loss",
    "mean_absolute_error",
    "mean_squared_error",
    "serialize",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
    "sparse_categorical_crossentropy",
]

__getattr__ = naming.module_getattr(__name__, globals())
