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


def array(value):
    """A recorded tensor; NaN and Infinity are strings."""
    return np.array(value["data"], np.float64).astype(value["dtype"]).reshape(value["shape"])


def layer(class_name, config):
    """A layer from a recorded configuration."""
    known = {k: v for k, v in config.items() if not k.lower().endswith(("regularizer", "constraint"))}
    return getattr(wl.layers, class_name)({k: v for k, v in known.items() if v is not None or k == "activation"})


def model(topology, weights):
    """A sequential model from a recorded topology, which may be a chain of layers in functional form."""
    entries = topology["config"]["layers"]
    shape = next((e["config"]["batch_input_shape"] for e in entries if e["class_name"] == "InputLayer"), None)
    built = wl.sequential()
    for entry in entries:
        if entry["class_name"] == "InputLayer":
            continue
        config = dict(entry["config"])
        if not built.layers and shape is not None:
            config["batch_input_shape"] = shape
        built.add(layer(entry["class_name"], config))
    built.set_weights([array(w) for w in weights])
    return built
