"""Recorded outputs of TensorFlow.js 4.22.0 (pure-JS CPU backend): what exists here of its layers, losses, fits."""

import gzip
import json
from functools import cache
from pathlib import Path

import numpy as np

import weblayers as wl


@cache
def records():
    """layers, losses, metrics, optimizers, trajectories, random, layer_calls, fits."""
    return json.loads(gzip.decompress((Path(__file__).parent / "tfjs.json.gz").read_bytes()))


@cache
def keras(kind):
    """Recorded outputs of Keras 3.15 on JAX: layers, losses, metrics, activations, optimizers, fits and others."""
    return json.loads(gzip.decompress((Path(__file__).parent / "keras.json.gz").read_bytes()))[kind]


@cache
def kernels():
    """Recorded calls of TensorFlow.js' kernels, with attributes and outputs."""
    return json.loads(gzip.decompress((Path(__file__).parent / "kernels.json.gz").read_bytes()))


def array(value):
    """A recorded tensor; NaN and Infinity are strings."""
    return np.array(value["data"], np.float64).astype(value["dtype"]).reshape(value["shape"])


def layer(class_name, config):
    """A layer from a recorded configuration."""
    return wl.layers.deserialize({"class_name": class_name, "config": config})


def model(topology, weights):
    """A model from a recorded topology."""
    built = wl.layers.deserialize(topology)
    for weight, value in zip([*built.trainable_weights, *built.non_trainable_weights], weights, strict=True):
        weight.assign(array(value))
    return built
