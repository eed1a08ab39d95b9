"""``weblayers convert``: every format into every other."""

import asyncio
import itertools
import subprocess
import sys

import numpy as np
import pytest

import weblayers as wl
from weblayers.__main__ import main

X = np.random.default_rng(0).random((3, 6, 6, 2), np.float32)
WHOLE = ("folder", "topology.json", "model.keras", "model.h5")


def run(work):
    async def main():
        return await work()

    return asyncio.run(main())


def load(path):
    return run(lambda: wl.load_layers_model(path))


@pytest.fixture(scope="module")
def model():
    wl.set_random_seed(0)
    L = wl.layers
    layers = [
        L.conv2d(3, 3, input_shape=[6, 6, 2], activation="relu"),
        L.batch_normalization(),
        L.flatten(),
        L.dense(2),
    ]
    made = wl.sequential(layers)
    made.compile(wl.train.adam(0.01), "mean_squared_error", ["mae"])
    return made


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for name in WHOLE:
        run(lambda name=name: model.save(folder / name, include_optimizer=True))
    return folder


@pytest.mark.parametrize("source, target", itertools.product(WHOLE, WHOLE))
def test_whole_models(saved, model, tmp_path, capsys, source, target):
    assert main(["convert", str(saved / source), str(tmp_path / target)]) == 0
    assert "Sequential with 4 layers" in capsys.readouterr().out
    converted = load(tmp_path / target)
    np.testing.assert_allclose(converted.predict(X).numpy(), model.predict(X).numpy(), rtol=1e-6)
    assert converted.is_compiled and converted.optimizer.learning_rate == pytest.approx(0.01)


@pytest.mark.parametrize("target", ["a.weights.h5", "a.safetensors"])
def test_weights_alone(saved, model, tmp_path, target):
    assert main(["convert", str(saved / "model.keras"), str(tmp_path / target)]) == 0
    other = wl.model_from_json(model.to_json())
    run(lambda: _loaded(other, tmp_path / target, model))


async def _loaded(making, path, model):
    made = await making
    await made.load_weights(path)
    np.testing.assert_array_equal(made.predict(X).numpy(), model.predict(X).numpy())


def test_smaller_weights(saved, tmp_path):
    assert main(["convert", str(saved / "model.keras"), str(tmp_path / "half"), "--quantization", "float16"]) == 0
    sizes = [(folder / "model.weights.bin").stat().st_size for folder in (tmp_path / "half", saved / "folder")]
    assert sizes[0] < 0.7 * sizes[1]


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        (["convert", "nothing.keras", "out"], 1, "nothing.keras"),
        (["convert", "nothing", "out"], 1, "no model here"),
        (["convert", "a.keras", "b.h5", "--quantization", "uint8"], 2, "--quantization"),
        (["convert", "a.keras"], 2, "OUT"),
        (["turn", "a", "b"], 2, "convert"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, monkeypatch, capsys, arguments, code, words):
    monkeypatch.chdir(tmp_path)
    try:
        got = main(arguments)
    except SystemExit as end:
        got = end.code
    assert got == code
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_as_a_program(saved, tmp_path):
    command = [sys.executable, "-m", "weblayers", "convert", saved / "folder", tmp_path / "out.keras"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "out.keras" in done.stdout, done.stderr
