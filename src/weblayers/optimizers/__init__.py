"""Optimizers: how a gradient changes a weight."""

from __future__ import annotations

from .. import naming
from . import schedules
from .base import TABLE, Optimizer, get
from .composed import LossScaleOptimizer, MultiOptimizer, OptimizerMap
from .modern import Adafactor, AdamW, Ftrl, Lamb, Lion, Muon, Nadam, ScheduleFreeAdamW
from .rules import SGD, Adadelta, Adagrad, Adam, Adamax, Momentum, RMSprop

# TensorFlow.js' spellings, `tf.train.sgd(0.1)`, and such names for the others.
sgd, momentum, rmsprop, adagrad, adadelta, adam, adamax = SGD, Momentum, RMSprop, Adagrad, Adadelta, Adam, Adamax
schedule_free_adamw = ScheduleFreeAdamW
loss_scale_optimizer, multi_optimizer = LossScaleOptimizer, MultiOptimizer
adamw, nadam, lion, ftrl, lamb, adafactor, muon = AdamW, Nadam, Lion, Ftrl, Lamb, Adafactor, Muon

TABLE |= {
    "rmsprop": RMSprop,
    "rms_prop": RMSprop,
    "RMSProp": RMSprop,
    "adamw": AdamW,
    "schedule_free_adamw": ScheduleFreeAdamW,
}

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "LossScaleOptimizer",
    "Momentum",
    "MultiOptimizer",
    "Muon",
    "Nadam",
    "Optimizer",
    "OptimizerMap",
    "RMSprop",
    "ScheduleFreeAdamW",
    "adadelta",
    "adafactor",
    "adagrad",
    "adam",
    "adamax",
    "adamw",
    "ftrl",
    "get",
    "lamb",
    "lion",
    "loss_scale_optimizer",
    "momentum",
    "multi_optimizer",
    "muon",
    "nadam",
    "rmsprop",
    "schedule_free_adamw",
    "schedules",
    "sgd",
]

__getattr__ = naming.module_getattr(__name__, globals())
