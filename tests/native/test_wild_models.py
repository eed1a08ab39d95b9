"""Models as converters and Keras have written them over the years: each predicts as the same layers made here."""

import asyncio
import json

import numpy as np
import pytest

import weblayers as wl
from weblayers.io.weights import encode

L = wl.layers
RNG = np.random.default_rng(5)

# -- what the versions write ------------------------------------------------------------------------------------------


def initializer(name, **config):
    return {"class_name": name, "config": config}


def dense_of_keras_2_0(name, units, activation, **more):
    """With every entry that Keras 2.0 writes."""
    return {
        "class_name": "Dense",
        "config": {
            "name": name,
            "trainable": True,
            **more,
            "units": units,
            "activation": activation,
            "use_bias": True,
            "kernel_initializer": initializer(
                "VarianceScaling", scale=1.0, mode="fan_avg", distribution="uniform", seed=None
            ),
            "bias_initializer": initializer("Zeros"),
            "kernel_regularizer": initializer("L1L2", l1=0.0, l2=0.01),
            "bias_regularizer": None,
            "activity_regularizer": None,
            "kernel_constraint": None,
            "bias_constraint": None,
        },
    }


def keras_2_0():
    """A Sequential whose configuration is a list, in the JSON of an HDF5 file."""
    layers = [
        dense_of_keras_2_0("dense_1", 4, "relu", batch_input_shape=[None, 3], dtype="float32"),
        {"class_name": "Dropout", "config": {"name": "dropout_1", "trainable": True, "rate": 0.5}},
        dense_of_keras_2_0("dense_2", 2, "softmax"),
    ]
    config = {"class_name": "Sequential", "config": layers}
    training = {
        "optimizer_config": {
            "class_name": "RMSprop",
            "config": {"lr": 0.001, "rho": 0.9, "epsilon": 1e-7, "decay": 0.0},
        },
        "loss": "categorical_crossentropy",
        "metrics": ["accuracy"],
        "sample_weight_mode": None,
        "loss_weights": None,
    }
    topology = {"keras_version": "2.0.8", "backend": "tensorflow", "model_config": config, "training_config": training}
    return topology, [L.dense(4, activation="relu", input_shape=[3]), L.dropout(0.5), L.dense(2, activation="softmax")]


def nested_lists():
    """Keras 2.1: a Sequential inside, its configuration a list too; JSON texts inside JSON."""
    inner = {
        "class_name": "Sequential",
        "config": [
            dense_of_keras_2_0("dense_1", 4, "linear", batch_input_shape=[None, 3], dtype="float32"),
            dense_of_keras_2_0("dense_2", 3, "relu"),
        ],
    }
    outer = {"class_name": "Sequential", "config": [inner, dense_of_keras_2_0("dense_3", 2, "tanh")]}
    topology = {"keras_version": "2.1.5", "backend": "tensorflow", "model_config": json.dumps(outer)}
    return topology, [L.dense(4, input_shape=[3]), L.dense(3, activation="relu"), L.dense(2, activation="tanh")]


CONVOLUTION = {
    "padding": "same", "data_format": "channels_last", "dilation_rate": [1, 1], "use_bias": False, "strides": [1, 1],
    "kernel_size": [3, 3], "activation": "linear", "bias_initializer": initializer("Zeros", dtype="float32"),
    "kernel_regularizer": None, "bias_regularizer": None, "activity_regularizer": None, "kernel_constraint": None,
    "bias_constraint": None, "trainable": True,
}  # fmt: skip
GLOROT = initializer("GlorotUniform", seed=None, dtype="float32")


def mobile_net():
    """Keras 2.2 and tf.keras 1.x: depthwise kernels with both initializers, relu6 by name, BatchNormalization fused."""
    norm = {"momentum": 0.99, "epsilon": 0.001, "center": True, "scale": True, "renorm": False, "fused": None,
            "virtual_batch_size": None, "adjustment": None, "trainable": True, "axis": -1,
            **{f"{w}_initializer": initializer(kind, dtype="float32") for w, kind in (
                ("gamma", "Ones"), ("beta", "Zeros"), ("moving_mean", "Zeros"), ("moving_variance", "Ones"))},
            **{f"{w}_{kind}": None for w in ("gamma", "beta") for kind in ("regularizer", "constraint")}}  # fmt: skip
    layers = [
        {"class_name": "Conv2D", "config": {**CONVOLUTION, "name": "conv1", "filters": 4, "dtype": "float32",
         "batch_input_shape": [None, 6, 6, 3], "kernel_initializer": GLOROT}},
        {"class_name": "BatchNormalization", "config": {**norm, "name": "bn1"}},
        {"class_name": "Activation", "config": {"name": "relu1", "trainable": True, "activation": "relu6"}},
        {"class_name": "DepthwiseConv2D", "config": {**CONVOLUTION, "name": "dw1", "depth_multiplier": 2,
         "depthwise_initializer": GLOROT, "kernel_initializer": GLOROT, "depthwise_regularizer": None,
         "depthwise_constraint": None, "groups": 1}},
        {"class_name": "BatchNormalization", "config": {**norm, "name": "bn2", "axis": [3]}},
        {"class_name": "ReLU", "config": {"name": "relu2", "trainable": True, "max_value": 6.0, "negative_slope": 0.0,
         "threshold": 0.0}},
        {"class_name": "ZeroPadding2D", "config": {"name": "pad", "trainable": True, "padding": [[0, 1], [0, 1]],
         "data_format": "channels_last"}},
        {"class_name": "GlobalAveragePooling2D", "config": {"name": "pool", "trainable": True,
         "data_format": "channels_last"}},
        {"class_name": "Reshape", "config": {"name": "reshape", "trainable": True, "target_shape": [1, 1, 8]}},
        {"class_name": "Flatten", "config": {"name": "flat", "trainable": True, "data_format": "channels_last"}},
    ]  # fmt: skip
    topology = {"class_name": "Sequential", "config": {"name": "mobile", "layers": layers}}
    same = [
        L.conv2d(filters=4, kernel_size=3, padding="same", use_bias=False, input_shape=[6, 6, 3]),
        L.batch_normalization(),
        L.re_lu(max_value=6),
        L.depthwise_conv2d(kernel_size=3, depth_multiplier=2, padding="same", use_bias=False),
        L.batch_normalization(),
        L.re_lu(max_value=6),
        L.zero_padding2d(padding=[[0, 1], [0, 1]]),
        L.global_average_pooling2d(),
    ]
    return {"model_config": topology, "keras_version": "2.2.4-tf"}, same


RECURRENT = {
    "trainable": True, "activation": "tanh", "recurrent_activation": "sigmoid", "use_bias": True,
    "kernel_initializer": {**GLOROT, "shared_object_id": 1},
    "recurrent_initializer": initializer("Orthogonal", gain=1.0, seed=None), "bias_initializer": initializer("Zeros"),
    "kernel_regularizer": None, "recurrent_regularizer": None, "bias_regularizer": None, "activity_regularizer": None,
    "kernel_constraint": None, "recurrent_constraint": None, "bias_constraint": None, "dropout": 0.0,
    "recurrent_dropout": 0.0, "implementation": 2, "return_sequences": True, "return_state": False,
    "go_backwards": False, "stateful": False, "unroll": False, "time_major": False,
}  # fmt: skip


def tensorflow_2_recurrent():
    """TensorFlow 2.x: an input layer first, time_major, reset_after, two directions, masks."""
    sequence = {"sparse": False, "ragged": False, "dtype": "float32", "name": "embedding_input"}
    lstm = {"class_name": "LSTM", "config": {**RECURRENT, "name": "lstm", "units": 3, "unit_forget_bias": True,
            "dtype": "float32"}}  # fmt: skip
    layers = [
        {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 5], **sequence}},
        {"class_name": "Embedding", "config": {"name": "embedding", "trainable": True, "dtype": "float32",
         "batch_input_shape": [None, 5], "input_dim": 7, "output_dim": 4, "mask_zero": True, "input_length": 5,
         "embeddings_initializer": initializer("RandomUniform", minval=-0.05, maxval=0.05, seed=None),
         "embeddings_regularizer": None, "embeddings_constraint": None, "activity_regularizer": None}},
        {"class_name": "Bidirectional", "config": {"name": "bidirectional", "trainable": True, "dtype": "float32",
         "merge_mode": "concat", "layer": lstm}},
        {"class_name": "GRU", "config": {**RECURRENT, "name": "gru", "units": 2, "reset_after": True,
         "return_sequences": False}},
    ]  # fmt: skip
    same = [
        L.embedding(input_dim=7, output_dim=4, mask_zero=True, input_length=5),
        L.bidirectional(layer=L.lstm(3, return_sequences=True, recurrent_activation="sigmoid"), merge_mode="concat"),
        L.gru(2, reset_after=True, recurrent_activation="sigmoid"),
    ]
    return {"class_name": "Sequential", "config": {"name": "sequential_3", "layers": layers}}, same


def policies_and_l2():
    """TensorFlow 2.4 to 2.15: dtype policies, L2 as a class, module and registered_name, build_config."""
    policy = {"class_name": "Policy", "config": {"name": "float32"}}
    dense = dense_of_keras_2_0("dense", 2, "gelu")
    dense["config"] |= {"dtype": policy, "kernel_regularizer": {"class_name": "L2", "config": {"l2": 0.01}}}
    dense |= {"module": "keras.layers", "registered_name": None, "build_config": {"input_shape": [None, 3]}}
    first = {
        "class_name": "InputLayer",
        "module": "keras.layers",
        "registered_name": None,
        "config": {"batch_input_shape": [None, 3], "dtype": "float32", "sparse": False, "ragged": False, "name": "in"},
    }
    topology = {"class_name": "Sequential", "config": {"name": "s", "layers": [first, dense]}}
    return topology, [L.dense(2, activation="gelu", input_shape=[3])]


SEQUENTIAL = [keras_2_0, nested_lists, mobile_net, tensorflow_2_recurrent, policies_and_l2]

# How weights were called: by Keras 2.0-2.4, by TensorFlow 2, and inside of a model.
NAMES = {
    "plain": lambda layer, weight, cell: f"{layer}/{weight}",
    "numbered": lambda layer, weight, cell: f"{layer}/{weight}:0",
    "celled": lambda layer, weight, cell: f"{layer}/{cell}{weight}",
    "nested": lambda layer, weight, cell: f"model_1/{layer}/{cell}{weight}:0",
}


def run(awaitable):
    async def main():
        return await awaitable

    return asyncio.run(main())


def random_weights(model):
    for weight in model.weights:
        weight.assign(RNG.uniform(0.1, 0.9, weight.shape).astype(np.float32))


def file_names(loaded, style):
    """Names for a file, from those that the loaded model has."""
    for weight in loaded.weights:
        *scopes, name = weight.name.split("/")
        recurrent = "lstm" in weight.name or "gru" in weight.name
        yield NAMES[style](
            "/".join(scopes), name, f"{scopes[-1].removeprefix('forward_')}_cell_2/" if recurrent else ""
        )


@pytest.mark.parametrize("style", NAMES)
@pytest.mark.parametrize("make", SEQUENTIAL, ids=lambda f: f.__name__)
def test_predictions(make, style):
    topology, layers = make()
    same = wl.sequential(layers)
    random_weights(same)
    names = list(file_names(run(wl.model_from_json(topology)), style))
    data, specs = encode(zip(names, (w.numpy() for w in same.weights), strict=True))
    # as the converter does: shards cut anywhere
    model = run(wl.load_layers_model(wl.io.from_memory(topology, specs, [data[:5], data[5:]])))
    shape = (2, *same.input_shape[1:])
    x = RNG.integers(0, 7, shape) if make is tensorflow_2_recurrent else RNG.normal(size=shape)
    expected = same.predict(x.astype(np.float32)).numpy()
    np.testing.assert_allclose(model.predict(x.astype(np.float32)).numpy(), expected, rtol=1e-5, atol=1e-6)


# -- functional models ------------------------------------------------------------------------------------------------


def wire(name, *nodes):
    return {"name": name, "inbound_nodes": list(nodes)}


def functional(class_name="Model", nested_from=1):
    """Keras 2: a shared layer, a nested model (whose uses count from 1), arguments of calls, several inputs."""
    inner = {"name": "inner", "layers": [dense_of_keras_2_0("inner_dense", 3, "relu", batch_input_shape=[None, 3])]}
    inputs = [{"class_name": "InputLayer", "config": {"batch_input_shape": [None, 3], "dtype": "float32", "name": name,
               "sparse": False}, **wire(name)} for name in ("a", "b")]  # fmt: skip
    layers = [
        # not in the order of the graph
        {"class_name": "Add", "config": {"name": "add", "trainable": True},
         **wire("add", [["inner", nested_from, 0, {}], ["shared", 1, 0, {}]])},
        *inputs,
        {**dense_of_keras_2_0("shared", 3, "linear"), **wire("shared", [["a", 0, 0, {}]], [["b", 0, 0, {}]])},
        {"class_name": "Sequential", "config": inner, **wire("inner", [["shared", 0, 0, {"training": None}]])},
        {"class_name": "Concatenate", "config": {"name": "concat", "trainable": True, "axis": -1},
         **wire("concat", [["add", 0, 0, {}], ["a", 0, 0, {}]])},
    ]  # fmt: skip
    ends = {"input_layers": [["a", 0, 0], ["b", 0, 0]], "output_layers": [["concat", 0, 0], ["add", 0, 0]]}
    return {"class_name": class_name, "config": {"name": "model_1", "layers": layers, **ends}}


@pytest.mark.parametrize("class_name", ["Model", "Functional"])
@pytest.mark.parametrize("nested_from", [0, 1])
def test_graphs(class_name, nested_from):
    model = run(wl.model_from_json(functional(class_name, nested_from)))
    random_weights(model)
    a, b = RNG.normal(size=(2, 2, 3)).astype(np.float32)
    weights = {w.name.rsplit("/", 2)[-2] + "/" + w.name.rsplit("/", 1)[-1]: w.numpy() for w in model.weights}
    assert len(weights) == 4
    dense = lambda x, name: x @ weights[f"{name}/kernel"] + weights[f"{name}/bias"]  # noqa: E731
    added = np.maximum(dense(dense(a, "shared"), "inner_dense"), 0) + dense(b, "shared")
    first, second = model.predict([a, b])
    np.testing.assert_allclose(first.numpy(), np.concatenate([added, a], -1), rtol=1e-5)
    np.testing.assert_allclose(second.numpy(), added, rtol=1e-5)


def test_graphs_are_written_as_they_were_read():
    model = run(wl.model_from_json(functional()))
    again = run(wl.model_from_json(model.to_json()))
    assert again.to_json() == model.to_json()


def test_camel_case_from_tensorflow_js():
    """What old versions of TensorFlow.js, and its toJSON as an object, give."""
    layer = {"className": "Dense", "config": {"units": 2, "batchInputShape": [None, 3], "useBias": False, "name": "d",
             "activation": "hardSigmoid", "kernelInitializer": {"className": "GlorotUniform"}}}  # fmt: skip
    model = run(wl.model_from_json({"className": "Sequential", "config": {"name": "s", "layers": [layer]}}))
    assert model.layers[0].get_config()["activation"] == "hard_sigmoid"
    assert not model.layers[0].use_bias


@pytest.mark.parametrize(
    "wrap", [lambda t: t, json.dumps, lambda t: json.dumps(t).encode()], ids=["value", "text", "bytes"]
)
def test_topologies_however_they_are_wrapped(wrap):
    topology, _ = keras_2_0()
    for described in (topology, {"modelTopology": topology}, topology["model_config"]):
        assert run(wl.model_from_json(wrap(described))).count_params() == 26


def test_a_converted_file_whole(tmp_path):
    """model.json of TensorFlow's converter, with groups, shards and quantized weights."""
    topology, layers = keras_2_0()
    same = wl.sequential(layers)
    random_weights(same)
    names = ["dense_1/kernel", "dense_1/bias", "dense_2/kernel", "dense_2/bias"]
    arrays = dict(zip(names, (w.numpy() for w in same.weights), strict=True))
    first, first_specs = encode([(n, arrays[n]) for n in names[:2]], quantization="float16")
    second, second_specs = encode([(n, arrays[n]) for n in names[2:]], quantization="uint16")
    shards = {"group1-shard1of2.bin": first[:6], "group1-shard2of2.bin": first[6:], "group2-shard1of1.bin": second}
    for name, data in shards.items():
        (tmp_path / name).write_bytes(data)
    described = {
        "format": "layers-model",
        "generatedBy": "keras v2.0.8",
        "convertedBy": "TensorFlow.js Converter v3.7.0",
        "modelTopology": topology,
        "weightsManifest": [
            {"paths": [n for n in shards if n.startswith(g)], "weights": specs}
            for g, specs in (("group1", first_specs), ("group2", second_specs))
        ],
    }
    (tmp_path / "model.json").write_text(json.dumps(described))
    model = run(wl.load_layers_model(str(tmp_path / "model.json")))
    x = RNG.normal(size=(2, 3)).astype(np.float32)
    np.testing.assert_allclose(model.predict(x).numpy(), same.predict(x).numpy(), atol=2e-3)
