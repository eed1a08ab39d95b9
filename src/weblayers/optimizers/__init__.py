"""Optimizers: how a gradient changes a weight."""

from __future__ import annotations

from .. import naming
from . import schedules
from .base import TABLE, Optimizer, get
from .modern import Adafactor, AdamW, Ftrl, Lamb, Lion, Muon, Nadam, ScheduleFreeAdamW
from .rules import SGD, Adadelta, Adagrad, Adam, Adamax, Momentum, RMSprop

# TensorFlow.js' spellings, `tf.train.sgd(0.1)`, and such names for the others.
sgd, momentum, rmsprop, adagrad, adadelta, adam, adamax = SGD, Momentum, RMSprop, Adagrad, Adadelta, Adam, Adamax
schedule_free_adamw = ScheduleFreeAdamW
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
    "Momentum",
    "Muon",
    "Nadam",
    "Optimizer",
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
    "momentum",
    "muon",
    "nadam",
    "rmsprop",
    "schedule_free_adamw",
    "schedules",
    "sgd",
]

__getattr__ = naming.module_getattr(__name__, globals())
