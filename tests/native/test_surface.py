"""Every name and argument of TensorFlow.js' checklist exists here, or stands below with the reason why it does not."""

import json
from pathlib import Path

import pytest

import weblayers as wl
from weblayers.naming import camel, snake

SURFACE = json.loads((Path(__file__).parents[1] / "golden" / "surface.json").read_text())
L = wl.layers

_INTERNAL = "how TensorFlow.js keeps its graph; `calls` has it in order"
_PLACES = "where in its layer's uses each end is: `model.inputs[0].node_index`"

NOT_OFFERED = {
    "fitLoop": "what fit does inside",
    "metricsTensors": "what compile makes inside",
    "feedInputShapes": "`input_shapes`",
    "updates": "always empty in TensorFlow.js",
    **dict.fromkeys(("layersByDepth", "nodesByDepth", "internalContainerRefs", "containerNodes", "nodeKey"), _INTERNAL),
    **{f"{end}Layers{what}Indices": _PLACES for end in ("input", "output") for what in ("Node", "Tensor")},
}


def stack():
    model = wl.sequential([L.dense(units=2, input_shape=[3], name="first"), L.dense(units=1, name="second")])
    model.compile("sgd", "mse", ["mae"])
    return model


def examples():
    model = stack()
    graph = wl.model(inputs=model.inputs, outputs=model.outputs)
    graph.compile("sgd", "mse")
    return {
        "LayersModel": graph,
        "Sequential": model,
        "SymbolicTensor": model.outputs[0],
        "LayerVariable": model.weights[0],
        "InputSpec": wl.InputSpec(ndim=2),
        "Layer": model.layers[0],
    }


EXAMPLES = examples()


@pytest.mark.parametrize("kind", EXAMPLES)
def test_every_member_is_there(kind):
    example = EXAMPLES[kind]
    missing = {name for name in SURFACE["members"][kind] if not hasattr(example, name)}
    assert missing == {name for name in SURFACE["members"][kind] if name in NOT_OFFERED}
    assert all(hasattr(example, snake(name)) for name in set(SURFACE["members"][kind]) - missing)


# What arguments without a plain value are given.
SAMPLES = {
    "cell": lambda: L.lstm_cell(units=2),
    "cells": lambda: [L.lstm_cell(units=2), L.gru_cell(units=3)],
    "layer": lambda: L.lstm(units=2, return_sequences=True),
    "activation": lambda: "relu",
    "sharedAxes": lambda: [1],
    "noiseShape": lambda: [None, 1],
    "seed": lambda: 3,
    "implementation": lambda: 1,
    "inputShape": lambda: [8, 4],
    "batchInputShape": lambda: [None, 8, 4],
    "weights": lambda: None,
    "dtype": lambda: "float32",
    "name": lambda: "mine",
    "batchSize": lambda: 2,
}
OF_EVERY_LAYER = ("inputShape", "batchInputShape", "batchSize", "dtype", "name", "trainable", "weights")
_WRITTEN_INSIDE = "TensorFlow.js itself gives it"
_OF_THE_KERNEL = "TensorFlow.js refuses or ignores it: the kernels have initializers of their own"
NOT_TAKEN = {
    **{(name, "cell"): _WRITTEN_INSIDE for name in ("gru", "lstm", "simpleRNN", "convLstm2d")},
    **{
        (name, "dropoutFunc"): _WRITTEN_INSIDE
        for kind in ("gru", "lstm", "simpleRNN", "convLstm2d")
        for name in (kind, f"{kind}Cell")
    },
    **{
        (name, f"kernel{what}"): _OF_THE_KERNEL
        for name in ("separableConv2d", "depthwiseConv2d")
        for what in ("Initializer", "Regularizer", "Constraint")
    },
}


def value(name, default):
    if name.endswith("Initializer"):
        return {"className": "Constant", "config": {"value": 0.5}}
    if name.endswith("Regularizer"):
        return {"className": "L1L2", "config": {"l1": 0.0, "l2": 0.25}}
    if name.endswith("Constraint"):
        return {"className": "MaxNorm", "config": {"maxValue": 3, "axis": 0}}
    if default is not None:
        return default
    sample = SAMPLES.get(camel(name))
    if sample is not None:
        return sample()
    return {"dataFormat": "channelsLast", "maxValue": 6.0}.get(name, 1)


ARGUMENTS = [
    (factory, name)
    for factory, described in SURFACE["layers"].items()
    for name in [*described["optional"], *OF_EVERY_LAYER]
]


def configuration(factory, name):
    described = SURFACE["layers"][factory]
    given = {n: SAMPLES[n]() if n in SAMPLES and v is None else v for n, v in described["required"].items()}
    if factory == "inputLayer" and name not in ("inputShape", "batchInputShape"):
        given["inputShape"] = [4]
    return {**given, name: value(name, described["optional"].get(name))}


def test_there_are_as_many_layers_as_in_the_checklist():
    assert len(SURFACE["layers"]) == 76
    for factory, described in SURFACE["layers"].items():
        assert getattr(L, factory).__name__ == described["class"]


@pytest.mark.parametrize("factory, name", ARGUMENTS)
def test_every_argument_is_taken(factory, name):
    make, given = getattr(L, factory), configuration(factory, name)
    if (factory, name) in NOT_TAKEN:
        with pytest.raises(TypeError, match=f"no argument '{name}'|multiple values for argument '{name}'"):
            make(given)
        return
    layer = make(given)
    again = L.deserialize({"class_name": layer.class_name, "config": layer.get_config()})
    assert again.get_config() == layer.get_config()


@pytest.mark.parametrize("layer", [L.DepthwiseConv2D, L.SeparableConv2D], ids=lambda c: c.__name__)
def test_configurations_of_keras_2_have_more(layer):
    config = layer(filters=2, kernel_size=3) if layer is L.SeparableConv2D else layer(kernel_size=3)
    more = {"kernel_initializer": {"class_name": "Zeros", "config": {}}, "kernel_constraint": None, "groups": 1}
    again = L.deserialize({"class_name": layer.__name__, "config": {**config.get_config(), **more}})
    assert again.get_config() == config.get_config()
