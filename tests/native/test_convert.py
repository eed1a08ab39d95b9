"""``weblayers convert IN OUT``."""

import asyncio
import itertools
import subprocess
import sys

import numpy as np
import pytest

import weblayers as wl
from weblayers.__main__ import main

L = wl.layers
X = np.random.default_rng(2).normal(size=(2, 4)).astype(np.float32)
MODELS = ("folder", "named.json", "m.keras", "m.h5", "m.hdf5")
WEIGHTS = ("m.weights.h5", "m.safetensors")


def load(path):
    async def run():
        return await wl.load_layers_model(path)

    return asyncio.run(run())


@pytest.fixture
def model(tmp_path):
    """A compiled model, saved in every format."""
    x = wl.input(shape=[4])
    y = L.batch_normalization().apply(L.dense(3, activation="relu").apply(x))
    made = wl.model(inputs=x, outputs=L.concatenate().apply([y, L.dense(2).apply(x)]))
    made.compile("adam", "mse", ["mae"])
    for name in MODELS:
        made.save(tmp_path / name, include_optimizer=True)
    for name in WEIGHTS:
        made.save_weights(tmp_path / name)
    return made


@pytest.mark.parametrize("source, target", itertools.product(MODELS, MODELS + WEIGHTS))
def test_every_direction(model, tmp_path, source, target):
    out = tmp_path / "out" / target
    assert main(["convert", str(tmp_path / source), str(out)]) == 0
    if target in WEIGHTS:
        other = load(tmp_path / source)
        other.set_weights([np.zeros(w.shape, np.float32) for w in other.weights])
        other.load_weights(str(out))
    else:
        other = load(out)
        assert other.is_compiled
    np.testing.assert_allclose(other.predict(X).numpy(), model.predict(X).numpy(), rtol=1e-6)


@pytest.mark.parametrize("source, target", itertools.product(WEIGHTS, MODELS))
def test_weights_into_a_model(model, tmp_path, source, target):
    blank = load(tmp_path / "folder")
    blank.set_weights([np.zeros(w.shape, np.float32) for w in blank.weights])
    blank.save(tmp_path / "blank")
    out = str(tmp_path / "out" / target)
    assert main(["convert", str(tmp_path / source), out, "--topology", str(tmp_path / "blank")]) == 0
    np.testing.assert_allclose(load(out).predict(X).numpy(), model.predict(X).numpy(), rtol=1e-6)


def test_quantized(model, tmp_path):
    out = tmp_path / "small"
    assert main(["convert", str(tmp_path / "m.keras"), str(out), "--quantization", "float16"]) == 0
    size = sum(w.size for w in model.weights) * 2
    # two bytes each, and the optimizer's step count
    assert size <= (out / "model.weights.bin").stat().st_size <= size + 4
    np.testing.assert_allclose(load(out).predict(X).numpy(), model.predict(X).numpy(), atol=0.02)


@pytest.mark.parametrize("arguments, words", [
    (["nothing", "out"], "nothing/model.json: there is no model here"),
    (["nothing.keras", "out"], "nothing.keras: there is no such file"),
    (["m.safetensors", "out"], "m.safetensors holds weights, but no layers: say with --topology"),
    (["folder", "m.keras", "--quantization", "uint8"], "only TensorFlow.js' files hold quantized weights"),
    (["broken.h5", "out"], "broken.h5: not a readable HDF5 file"),
    (["folder", "nowhere://x"], "Cannot find any save handlers for URL 'nowhere://x'"),
    (["folder", "file.txt/below"], "the model was not saved"),
])  # fmt: skip
def test_what_cannot_be_converted(model, tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.h5").write_bytes(b"no")
    (tmp_path / "file.txt").write_text("a file")
    assert main(["convert", *arguments]) == 1
    printed = capsys.readouterr().err
    assert words in printed
    assert printed.startswith("weblayers: ")
    assert "Traceback" not in printed
    assert not (tmp_path / "out").exists()


def test_warnings_are_lines(tmp_path, capsys):
    wl.sequential([L.dense(1, activation="hard_sigmoid", input_shape=[2])]).save(tmp_path / "m")
    assert main(["convert", str(tmp_path / "m"), str(tmp_path / "m.keras")]) == 0
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("weblayers: activation 'hard_sigmoid'")


def test_as_a_program(tmp_path):
    done = subprocess.run([sys.executable, "-m", "weblayers", "convert", "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert ".safetensors" in done.stdout
    done = subprocess.run([sys.executable, "-m", "weblayers", "convert", "a"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "OUT" in done.stderr
