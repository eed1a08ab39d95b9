"""Files between Keras 3 and us: those that it has written are read, and it opens those that we write."""

import asyncio
import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import weblayers as wl
from tests.keras_cases import array, arrays, mapped

TESTS = Path(__file__).parents[1]
FILES = TESTS / "golden" / "keras_files"
CASES = json.loads(gzip.decompress((FILES / "cases.json.gz").read_bytes()))["cases"]


def run(promise):
    async def main():
        return await promise()

    return asyncio.run(main())


def load(path):
    return run(lambda: wl.load_layers_model(path))


def outputs_of(model, inputs):
    """What a model predicts, in the order in which Keras flattens it."""
    out = model.predict(inputs)
    if isinstance(out, dict):
        return [out[key].numpy() for key in sorted(out)]
    return [t.numpy() for t in (out if isinstance(out, list) else [out])]


def close(got, expected, what=""):
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5, err_msg=what)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["id"])
def test_files_of_keras_load_and_predict_alike(case):
    model = load(FILES / case["file"])
    close(outputs_of(model, mapped(array, case["inputs"])), arrays(case["predictions"]))
    assert model.count_params() == sum(int(np.prod(w["shape"])) for w in case["weights"] if "seed" not in w["name"])


def test_a_compiled_file_is_compiled():
    model = load(FILES / "compiled.h5")
    assert model.optimizer.learning_rate > 0 and "accuracy" in " ".join(model.metrics_names).replace("acc", "accuracy")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_weights_alone(tmp_path, suffix):
    """Of a file with a model, and of files of weights in both of Keras' forms."""
    path = FILES / f"transformer{suffix}"
    model, other = load(path), load(path)
    for weight in other.weights:
        weight.assign(np.zeros(weight.shape, np.float32))
    for target in (tmp_path / "a.weights.h5", tmp_path / "b.h5", tmp_path / "c.safetensors"):
        run(lambda target=target: model.save_weights(target))
        run(lambda target=target: other.load_weights(target))
        for one, two in zip(model.weights, other.weights, strict=True):
            np.testing.assert_array_equal(one.numpy(), two.numpy())
            two.assign(np.zeros(two.shape, np.float32))
    run(lambda: other.load_weights(path))
    np.testing.assert_array_equal(other.weights[0].numpy(), model.weights[0].numpy())


def own_models():
    """Models made here, of layers that Keras has too, each with an input."""
    L = wl.layers
    rng = np.random.default_rng(0)
    wl.set_random_seed(3)
    a, b = wl.input(shape=[4], name="a"), wl.input(shape=[4], name="b")
    shared = L.dense(3, activation="gelu", name="shared")
    merged = L.concatenate().apply([shared.apply(a), shared.apply(b), L.multiply().apply([a, b])])
    inner = wl.sequential([L.dense(5, input_shape=[10]), L.layer_normalization(), L.dropout(0.5)], name="inner")
    x = wl.input(shape=[5])
    twice = wl.model(inputs=x, outputs=L.dense(5).apply(x), name="twice")
    once = inner.apply(merged)
    ends = [once, L.dense(2, name="end").apply(inner.apply(merged)), twice.apply(twice.apply(once))]
    graph = wl.model(inputs=[a, b], outputs=ends)
    pair = [rng.random((2, 4), np.float32), rng.random((2, 4), np.float32)]
    image = wl.sequential([
        L.conv2d(4, 3, padding="same", use_bias=False, input_shape=[8, 8, 3]), L.batch_normalization(),
        L.activation("swish"), L.max_pooling2d(), L.depthwise_conv2d(3), L.group_normalization(groups=2),
        L.conv2d_transpose(2, 2, strides=2), L.up_sampling2d(), L.zero_padding2d(1), L.global_average_pooling2d(),
        L.dense(3, kernel_regularizer="l2", bias_constraint="non_neg"),
    ])  # fmt: skip
    tokens = wl.input(shape=[6], name="tokens")
    h = L.embedding(7, 8, mask_zero=True).apply(tokens)
    h = L.bidirectional(L.lstm(3, return_sequences=True)).apply(h)
    attended = L.multi_head_attention(num_heads=2, key_dim=4).apply(h, h)
    h = L.time_distributed(L.dense(4)).apply(L.add().apply([h, attended]))
    text = wl.model(inputs=tokens, outputs=L.gru(2, reset_after=True).apply(h))
    ids = np.array([[1, 2, 3, 0, 0, 0], [4, 5, 6, 1, 2, 0]], np.float32)
    cells = wl.sequential([L.rnn([L.lstm_cell(3), L.gru_cell(2)], input_shape=[4, 2]), L.re_lu(), L.softmax()])
    # one name, two functions: TensorFlow.js' and Keras'
    hard = wl.sequential([L.dense(4, activation="hard_sigmoid", input_shape=[5]), L.dense(4, activation="h_sigmoid"),
        L.activation("hard_sigmoid"), L.dense(3, kernel_initializer="random_normal")])  # fmt: skip
    x = wl.input(shape=[4, 6], name="x")
    ops = [
        x[:, 1:3, ::2] * 2 - 1, x[..., 0], 1 / (x + 2), wl.concat([x, -x], axis=-1), wl.reshape(x, [-1, 24]), x**2,
        wl.transpose(x, [0, 2, 1]), wl.clip_by_value(x, 0.2, 0.4), wl.where(x > 0.5, x, 0.5), wl.sum(x, 1, True),
        wl.mat_mul(x, wl.transpose(x, [0, 2, 1])), wl.softmax(x, axis=1), wl.stack([x, x], 1), wl.expand_dims(x, 1),
        wl.max(x, [1, 2]), wl.einsum("bij,bkj->bik", x, x), wl.mul(x, wl.range(0, 6)), wl.cast(x > 0.3, "float32"),
    ]  # fmt: skip
    return {
        "ops": (wl.model(inputs=x, outputs=ops), rng.random((2, 4, 6), np.float32)),
        "graph": (graph, pair),
        "image": (image, rng.random((2, 8, 8, 3), np.float32)),
        "text": (text, ids),
        "hard": (hard, rng.standard_normal((2, 5), np.float32)),
        "cells": (cells, rng.random((2, 4, 2), np.float32)),
    }


def test_keras_opens_what_we_write(tmp_path):
    """The sixteen files, written again, and models made here: Keras predicts what we predict."""
    expected, inputs_by_file = {}, {}
    models = {c["id"].replace(".", "_"): (load(FILES / c["file"]), mapped(array, c["inputs"])) for c in CASES}
    for name, (model, inputs) in {**models, **own_models()}.items():
        # both kinds of files say the same; a second or two each
        for suffix in (".keras", ".h5") if name in ("graph", "image") or name.endswith("h5") else (".keras",):
            file = tmp_path / f"{name}{suffix}"
            compiled = name == "compiled_h5"
            run(lambda model=model, file=file, compiled=compiled: model.save(file, include_optimizer=compiled))
            given = {"inputs": recorded(inputs), "compile": compiled}
            (tmp_path / f"{file.name}.json").write_text(json.dumps(given))
            expected[file.name], inputs_by_file[file.name] = outputs_of(model, inputs), inputs
    keras("keras_models.py", tmp_path)
    failures = []
    for name, wanted in expected.items():
        answer = json.loads((tmp_path / f"{name}.answer.json").read_text())
        if "error" in answer:
            failures.append(f"{name}: {answer['error']}")
            continue
        close([array(y) for y in answer["outputs"]], wanted, name)
        again = tmp_path / "again" / name
        if name.endswith(".keras") or again.exists():
            close(outputs_of(load(again), inputs_by_file[name]), wanted, f"{name} of Keras")
    assert not failures, "\n\n".join(failures)
    assert json.loads((tmp_path / "compiled_h5.keras.answer.json").read_text())["optimizer"] == "Adam"


def keras(program, folder):
    command = [sys.executable, TESTS / "peer" / program, folder]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert not done.returncode, done.stderr


@pytest.mark.timeout(900)  # three minutes, most of them in Keras, and more on a machine that is busy
def test_every_layer_goes_through_files_both_ways(tmp_path):
    """Keras' files predict alike here, and Keras opens what is made of them."""
    there, back = tmp_path / "there", tmp_path / "back"
    there.mkdir(), back.mkdir()
    keras("keras_layers.py", there)
    failures, expected = [], {}
    for described in sorted(there.glob("*.json")):
        case, file = json.loads(described.read_text()), there / described.stem
        inputs, wanted = mapped(array, case["inputs"]), array(case["outputs"])
        try:
            model = load(file)
            close(outputs_of(model, inputs), [wanted], file.name)
            model.compile("sgd", "mse")
            loss = model.evaluate(inputs, np.zeros(wanted.shape, np.float32), verbose=0)
            np.testing.assert_allclose(float(loss), case["loss"], rtol=1e-5, atol=1e-6)
        except (AssertionError, ValueError) as error:
            failures.append(f"{file.name}: {error}")
            continue
        run(lambda model=model, file=file: model.save(back / file.name))
        (back / described.name).write_text(described.read_text())
        expected[file.name] = wanted
    keras("keras_models.py", back)
    for name, wanted in expected.items():
        answer = json.loads((back / f"{name}.answer.json").read_text())
        if "error" in answer:
            failures.append(f"{name}, opened by Keras: {answer['error']}")
        else:
            close([array(y) for y in answer["outputs"]], [wanted], f"{name}, opened by Keras")
    assert not failures, "\n\n".join(failures)
    # a layer of two models is one layer, in our file of it too
    for file in (there / "shared_after.keras", back / "shared_after.keras"):
        model = load(file)
        assert model.get_layer("inner").get_layer("common") is model.get_layer("common")

    # Keras writes the mode of a layer's first call, which says nothing of later ones
    ones = wl.ones([1, 4])
    for name in ("Dropout.keras", "GaussianNoise.h5"):
        model = load(there / name)
        assert not np.array_equal(model.apply(ones, training=True).numpy(), ones.numpy())
        np.testing.assert_array_equal(model.apply(ones).numpy(), ones.numpy())


def recorded(value):
    if isinstance(value, dict):
        return {k: recorded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [recorded(v) for v in value]
    return {"dtype": str(value.dtype), "shape": list(value.shape), "data": value.ravel().tolist()}
