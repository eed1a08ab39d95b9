"""Optimizers: how a gradient changes a weight."""

from .base import Optimizer, get
from .rules import SGD, Adam, Momentum, adam, momentum, sgd

__all__ = ["SGD", "Adam", "Momentum", "Optimizer", "adam", "get", "momentum", "sgd"]
