"""A graph's outputs in a dictionary: its keys are the outputs' names, in training, in logs and in files."""

import asyncio
import subprocess
import sys

import numpy as np
import pytest

import weblayers as wl

L = wl.layers
pytestmark = pytest.mark.usefixtures("backend")
RNG = np.random.default_rng(0)
X = RNG.standard_normal((6, 4)).astype(np.float32)
Y = {"q": np.ones((6, 1), np.float32), "p": RNG.standard_normal((6, 2)).astype(np.float32)}


def run(promise):
    async def main():
        return await promise()

    return asyncio.run(main())


def keyed():
    x = wl.input(shape=[4], name="one")
    outputs = {"q": L.dense(1, name="second").apply(x), "p": L.dense(2, name="first").apply(x)}
    return wl.model(inputs={"x": x}, outputs=outputs)


def compiled():
    model = keyed()
    model.compile("sgd", {"p": "mse", "q": "mae"}, metrics={"p": ["mae"]}, loss_weights={"p": 1.0, "q": 0.5})
    return model


def test_they_are_compiled_and_trained_by_key():
    model = compiled()
    names = ["loss", "p_loss", "q_loss", "p_mae"]
    assert model.output_names == ["p", "q"] and model.metrics_names == names
    weights = {"p": np.ones(6), "q": np.zeros(6)}
    history = run(lambda: model.fit({"x": X}, Y, verbose=0, sample_weight=weights, validation_data=({"x": X}, Y)))
    assert set(history.history) == {*names, *(f"val_{n}" for n in names)}
    assert history.history["q_loss"] == [0.0]
    loss, p_loss, q_loss, _ = map(float, model.evaluate({"x": X}, Y))
    predicted = {key: values.numpy() for key, values in model.predict({"x": X}).items()}
    np.testing.assert_allclose(p_loss, ((predicted["p"] - Y["p"]) ** 2).mean(), rtol=1e-5)
    np.testing.assert_allclose(q_loss, np.abs(predicted["q"] - 1).mean(), rtol=1e-5)
    np.testing.assert_allclose(loss, p_loss + 0.5 * q_loss, rtol=1e-5)


def test_a_data_set_has_the_keys_too():
    model = compiled()
    batches = [{"xs": {"x": X}, "ys": Y}] * 2
    assert "q_loss" in run(lambda: model.fit_dataset(batches, verbose=0)).history


def test_an_unknown_key_is_refused():
    with pytest.raises(ValueError, match="the model has no output 'first'; its outputs are p, q"):
        keyed().compile("sgd", {"first": "mse", "q": "mse"})


@pytest.mark.parametrize("target", ["folder", "a.keras", "a.h5"])
def test_files_keep_the_keys(tmp_path, target):
    model = compiled()
    run(lambda: model.save(tmp_path / target, include_optimizer=True))
    again = run(lambda: wl.load_layers_model(tmp_path / target))
    assert again.metrics_names == model.metrics_names
    before, after = model.predict({"x": X}), again.predict({"x": X})
    assert set(after) == {"p", "q"}
    for key in before:
        np.testing.assert_array_equal(after[key].numpy(), before[key].numpy())


KERAS = """
import os, sys
os.environ["KERAS_BACKEND"] = "numpy"
import keras, numpy as np
model = keras.models.load_model(sys.argv[1])
found = model.predict({"x": np.load(sys.argv[2])}, verbose=0)
np.savez(sys.argv[3], **found)
model.compile("sgd", {"p": "mse", "q": "mae"})
model.save(sys.argv[4])
"""


def test_keras_has_the_keys(tmp_path):
    model = compiled()
    run(lambda: model.save(tmp_path / "a.keras"))
    np.save(tmp_path / "x.npy", X)
    paths = [tmp_path / name for name in ("a.keras", "x.npy", "found.npz", "b.keras")]
    done = subprocess.run([sys.executable, "-c", KERAS, *paths], capture_output=True, text=True, timeout=300)
    assert not done.returncode, done.stderr
    again = run(lambda: wl.load_layers_model(tmp_path / "b.keras"))
    found, mine, back = np.load(tmp_path / "found.npz"), model.predict({"x": X}), again.predict({"x": X})
    for key in ("p", "q"):
        np.testing.assert_allclose(found[key], mine[key].numpy(), rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(back[key].numpy(), mine[key].numpy())
