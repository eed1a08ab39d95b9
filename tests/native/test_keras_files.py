"""Keras' own files: read as Keras reads them, and written so that Keras 3 reads them."""

import asyncio
import gzip
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

import weblayers as wl

L = wl.layers
TESTS = Path(__file__).parents[1]
FILES = TESTS / "golden" / "keras_files"
PEER = TESTS / "peer" / "keras_models.py"
RNG = np.random.default_rng(11)


def values(described):
    """Arrays in the structure in which they were recorded."""
    if isinstance(described, dict) and {"data", "shape"} <= described.keys():
        return np.array(described["data"], described["dtype"]).reshape(described["shape"])
    if isinstance(described, dict):
        return {k: values(v) for k, v in described.items()}
    return [values(v) for v in described]


def leaves(value):
    value = list(value.values()) if isinstance(value, dict) else value
    return [leaf for v in value for leaf in leaves(v)] if isinstance(value, list | tuple) else [value]


CASES = {c["file"]: c for c in json.loads(gzip.decompress((FILES / "cases.json.gz").read_bytes()))["cases"]}


def run(awaitable):
    async def main():
        return await awaitable

    return asyncio.run(main())


def load(path):
    return run(wl.load_layers_model(path))


def predicted(model, inputs):
    outputs = model.predict(inputs[0] if isinstance(inputs, list) and len(inputs) == 1 else inputs)
    return [o.numpy() for o in leaves(outputs)]


def assert_alike(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("file", CASES)
def test_files_of_keras_predict_alike(file):
    case = CASES[file]
    assert_alike(predicted(load(FILES / file), values(case["inputs"])), leaves(values(case["predictions"])))


@pytest.mark.parametrize("file", CASES)
def test_weights_of_keras_in_its_order(file):
    model = load(FILES / file)
    stored = [w for w in CASES[file]["weights"] if "seed_generator" not in w["path"]]
    assert len(model.weights) == len(stored)
    by_shape = sorted(w.numpy().ravel().tolist() for w in model.weights)
    assert by_shape == sorted(values(w).ravel().tolist() for w in stored)


def test_operations_of_keras():
    recorded = np.load(FILES / "operations.npz")
    expected = [recorded[f"y{i}"] for i in range(len(recorded) - 1)]
    assert_alike(predicted(load(FILES / "operations.keras"), [recorded["x"]]), expected)


def test_an_operation_that_is_not_here(tmp_path):
    with zipfile.ZipFile(FILES / "operations.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["config.json"] = members["config.json"].replace(b'"class_name": "Einsum"', b'"class_name": "Lstsq"')
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    with pytest.raises(wl.io.ModelFileError, match="Keras' operation Lstsq, which is not among those of weblayers"):
        load(tmp_path / "m.keras")


def test_a_compiled_file():
    model = load(FILES / "compiled.h5")
    assert type(model.optimizer).__name__ == "Adam"
    assert model.compiled().loss_weights == [1]


# -- ours, in Keras ---------------------------------------------------------------------------------------------------


def crossed():
    """Branches that meet the output in another order than they were made in."""
    x = wl.input(shape=[4])
    long = L.dense(4, name="l2").apply(L.dense(4, name="l1", activation="tanh").apply(x))
    return wl.model(inputs=x, outputs=L.add().apply([L.dense(4, name="short").apply(x), long]))


def stacked_storeys():
    x = wl.input(shape=[4])
    a = wl.input(shape=[4])
    stack, other = (wl.sequential([L.dense(4, activation="relu", input_shape=[4]), L.dense(4)]) for _ in range(2))
    inner = wl.model(inputs=a, outputs=L.multiply().apply([L.dense(4).apply(a), other.apply(a)]))
    return wl.model(inputs=x, outputs=[stack.apply(inner.apply(inner.apply(x))), inner.apply(x)])


def images():
    return wl.sequential([
        L.conv2d(filters=3, kernel_size=3, input_shape=[8, 8, 2], padding="same"), L.batch_normalization(),
        L.leaky_re_lu(alpha=0.2), L.separable_conv2d(filters=4, kernel_size=2), L.prelu(shared_axes=[1, 2]),
        L.conv2d_transpose(filters=2, kernel_size=2, strides=2), L.max_pooling2d(pool_size=2), L.zero_padding2d(),
        L.group_normalization(groups=2), L.dropout(0.3), L.gaussian_noise(0.1), L.global_average_pooling2d(),
        L.dense(3, activation="softmax")])  # fmt: skip


SMOOTH = {"recurrent_activation": "sigmoid"}


def sequences():
    x = wl.input(shape=[6, 4])
    y = L.bidirectional(layer=L.gru(3, return_sequences=True, **SMOOTH)).apply(L.up_sampling1d(size=2).apply(x))
    y, h, c = L.lstm(4, return_state=True, return_sequences=True, recurrent_activation="hard_sigmoid6").apply(y)
    z = L.lstm(4, **SMOOTH).apply(x, initial_state=[h, c])
    attended = L.multi_head_attention(num_heads=2, key_dim=3).apply(y, y)
    return wl.model(inputs=x, outputs=[L.layer_normalization().apply(attended), z, x[:, 0] * 2 - 1])


def text():
    return wl.sequential([
        L.embedding(input_dim=9, output_dim=4, mask_zero=True, input_length=5),
        L.rnn(cell=[L.lstm_cell(3, **SMOOTH), L.gru_cell(2, reset_after=True, **SMOOTH)], return_sequences=True),
        L.time_distributed(layer=L.dense(2)), L.flatten()])  # fmt: skip


OURS = [crossed, stacked_storeys, images, sequences, text]


def inputs_of(model):
    shapes = [(2, *wire.shape[1:]) for wire in model.inputs]
    ids = any(isinstance(layer, L.Embedding) for layer in model.layers)
    return [(RNG.integers(0, 9, s) if ids else RNG.normal(size=s)).astype(np.float32) for s in shapes]


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What Keras 3 predicts with what weblayers has saved, and what weblayers predicts."""
    folder, expected = tmp_path_factory.mktemp("ours"), {}

    def save(name, model, inputs, **options):
        np.savez(folder / f"{name}.npz", **{f"x{i}": x for i, x in enumerate(inputs)})
        expected[name] = predicted(model, inputs)
        for suffix in ("keras", "h5"):
            run(model.save(folder / f"{name}.{suffix}", **options))
        with zipfile.ZipFile(folder / f"{name}.keras") as archive:
            (folder / f"{name}.json").write_bytes(archive.read("config.json"))
        run(model.save_weights(folder / f"{name}.weights.h5"))

    for make in OURS:
        model = make()
        for weight in model.weights:
            weight.assign(RNG.uniform(0.1, 0.6, weight.shape).astype(np.float32))
        save(make.__name__, model, inputs_of(model))
    for file, case in CASES.items():
        model = load(FILES / file)
        recorded = values(case["inputs"])
        save(file.replace(".", "_"), model, leaves(recorded), include_optimizer=file == "compiled.h5")
    operations = load(FILES / "operations.keras")
    save("operations", operations, [np.load(FILES / "operations.npz")["x"]])
    done = subprocess.run([sys.executable, PEER, "load", folder], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    return expected, np.load(folder / "answers.npz"), json.loads((folder / "errors.json").read_text())


NAMES = [make.__name__ for make in OURS] + [file.replace(".", "_") for file in CASES] + ["operations"]


# Keras cannot read its own .h5 files with an index of `...`.
SAVED = [(n, s) for n in NAMES for s in ("keras", "h5", "weights.h5") if (n, s) != ("operations", "h5")]


@pytest.mark.parametrize("name, suffix", SAVED)
def test_keras_predicts_alike(answers, name, suffix):
    expected, found, errors = answers
    file = f"{name}.{suffix}"
    assert file not in errors, errors[file]
    assert_alike([found[f"{file}/{i}"] for i in range(len(expected[name]))], expected[name])


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_keras_finds_it_compiled(answers, suffix):
    _, found, _ = answers
    assert found[f"compiled_h5.{suffix}/compiled"]
    assert not found[f"mlp_h5.{suffix}/compiled"]


# -- ours, here -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize("make", OURS, ids=lambda f: f.__name__)
def test_round_trips(tmp_path, make, suffix):
    model = make()
    run(model.save(tmp_path / f"m.{suffix}"))
    again = load(tmp_path / f"m.{suffix}")
    x = inputs_of(model)
    assert_alike(predicted(again, x), predicted(model, x))
    assert [w.shape for w in again.weights] == [w.shape for w in model.weights]


@pytest.mark.parametrize("suffix", ["weights.h5", "h5", "safetensors"])
def test_weights_alone(tmp_path, suffix):
    model, other = images(), images()
    run(model.save_weights(tmp_path / f"m.{suffix}"))
    # by names, in safetensors: those of the same code
    names = {w.name: v.name for w, v in zip(other.weights, model.weights, strict=True)}
    if suffix == "weights.h5":
        run(other.load_weights(tmp_path / f"m.{suffix}"))
    else:
        run(model.load_weights(tmp_path / f"m.{suffix}"))
        other.set_weights([w.numpy() for w in model.weights])
    assert len(names) == len(model.weights)
    x = inputs_of(model)
    assert_alike(predicted(other, x), predicted(model, x))


def named(units=2):
    return wl.sequential([L.dense(units, input_shape=[3], name="a"), L.dense(1, name="b")])


@pytest.mark.parametrize("suffix", ["weights.h5", "h5", "safetensors", "keras"])
def test_strictness(tmp_path, suffix):
    whole = wl.sequential([L.dense(2, input_shape=[3], name="a")])
    path = tmp_path / f"m.{suffix}"
    run((whole.save if suffix == "keras" else whole.save_weights)(path))
    model = named()
    before = [w.numpy() for w in model.weights]
    with pytest.raises(wl.io.ModelFileError):
        run(model.load_weights(path))
    assert_alike([w.numpy() for w in model.weights], before)
    run(model.load_weights(path, strict=False))
    np.testing.assert_array_equal(model.weights[0].numpy(), whole.weights[0].numpy())
    with pytest.raises(wl.io.ModelFileError, match="in the file, but"):
        run(named(5).load_weights(path, strict=False))


def test_safetensors_of_others(tmp_path):
    from safetensors.numpy import save_file

    model = named()
    arrays = {w.name: RNG.normal(size=w.shape).astype(np.float16) for w in model.weights}
    save_file(arrays, tmp_path / "m.safetensors")
    run(model.load_weights(tmp_path / "m.safetensors"))
    assert_alike([w.numpy() for w in model.weights], [arrays[w.name].astype(np.float32) for w in model.weights])


@pytest.mark.parametrize("layer, words", [
    (L.layer_normalization(rms_scaling=True, input_shape=[4]), "rms_scaling=True, for which Keras'"),
    (L.conv2d_transpose(filters=2, kernel_size=2, groups=2, input_shape=[4, 4, 2]), "groups=2, for which Keras'"),
], ids=["LayerNormalization", "Conv2DTranspose"])  # fmt: skip
def test_what_keras_has_no_word_for(tmp_path, layer, words):
    with pytest.raises(ValueError, match=words):
        run(wl.sequential([layer]).save(tmp_path / "m.keras"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_the_hard_sigmoid_of_keras_is_another(tmp_path, suffix):
    model = wl.sequential([L.dense(2, activation="hard_sigmoid", input_shape=[3])])
    with pytest.warns(UserWarning, match="slope 0.2 here and in TensorFlow.js, but 1/6 in Keras 3"):
        run(model.save(tmp_path / f"m.{suffix}"))
    x = inputs_of(model)
    assert_alike(predicted(load(tmp_path / f"m.{suffix}"), x), predicted(model, x))
    theirs = wl.sequential([L.dense(2, activation="hard_sigmoid6", input_shape=[3])])
    theirs.set_weights([w.numpy() for w in model.weights])
    path = tmp_path / f"t.{suffix}"
    run(theirs.save(path))
    assert_alike(predicted(load(path), x), predicted(theirs, x))


def test_without_h5py(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r"need the package h5py.*weblayers\[keras\].*loadPackage"):
        load(FILES / "mlp.h5")
    with pytest.raises(ImportError, match="h5py"):
        run(named().save(tmp_path / "m.keras"))
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(ImportError, match=r"safetensors.*weblayers\[safetensors\]"):
        run(named().save_weights(tmp_path / "m.safetensors"))
    assert not list(tmp_path.iterdir())


def test_files_say_what_keras_asks_for(tmp_path):
    run(named().save(tmp_path / "m.h5"))
    with h5py.File(tmp_path / "m.h5") as file:
        assert sorted(file.attrs) == ["backend", "keras_version", "model_config"]
        assert [n.decode() for n in file["model_weights"].attrs["layer_names"]] == ["a", "b"]
        assert [n.decode() for n in file["model_weights/a"].attrs["weight_names"]] == ["a/kernel", "a/bias"]
    run(named().save(tmp_path / "m.keras"))
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        assert sorted(archive.namelist()) == ["config.json", "metadata.json", "model.weights.h5"]
