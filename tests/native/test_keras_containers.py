"""Layers in lists, tuples and dictionaries go through Keras' files with all their weights."""

import asyncio
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import weblayers as wl
from tests.contained import SHAPES, models


def run(promise):
    async def main():
        return await promise()

    return asyncio.run(main())


X = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)


def functional(function):
    x = wl.input(shape=[4])
    return wl.model(inputs=x, outputs=function(x))


def made():
    found = models(wl, functional)
    for model in found.values():
        model.apply(wl.tensor(X))
    return found


def predicted(model):
    return model.predict(X).numpy()


@pytest.mark.parametrize("name", [f"{kind} of {shape}" for kind in ("own", "graph") for shape in SHAPES])
def test_weights_are_all_written_and_read(tmp_path, name):
    one, other = made()[name], made()[name]
    path = tmp_path / "a.weights.h5"
    run(lambda: one.save_weights(path))
    run(lambda: other.load_weights(path))
    np.testing.assert_array_equal(predicted(other), predicted(one))


def test_keras_has_the_same_places(tmp_path):
    ours = made()
    np.save(tmp_path / "x.npy", X)
    expected = {name: predicted(model) for name, model in ours.items()}
    for name, model in ours.items():
        run(lambda name=name, model=model: model.save_weights(tmp_path / f"{name}.ours.weights.h5"))
    program = Path(__file__).parents[1] / "peer" / "keras_containers.py"
    done = subprocess.run([sys.executable, program, tmp_path], capture_output=True, text=True, timeout=300)
    assert not done.returncode, done.stderr
    for name, model in ours.items():
        read = np.load(tmp_path / f"{name}.read.npy")
        np.testing.assert_allclose(read, expected[name], rtol=1e-5, atol=1e-5, err_msg=f"{name}, read by Keras")
        run(lambda name=name, model=model: model.load_weights(tmp_path / f"{name}.keras.weights.h5"))
        theirs = np.load(tmp_path / f"{name}.keras.npy")
        np.testing.assert_allclose(predicted(model), theirs, rtol=1e-5, atol=1e-5, err_msg=f"{name} of Keras")


def test_a_whole_model_keeps_them(tmp_path):
    x = wl.input(shape=[4])
    block = type(made()["graph of dictionary"].layers[1])
    model = wl.model(inputs=x, outputs=block("lists in a dictionary").apply(x))
    path = tmp_path / "a.keras"
    run(lambda: model.save(path))
    again = run(lambda: wl.load_layers_model(path, custom_objects={"Block": block}))
    np.testing.assert_array_equal(predicted(again), predicted(model))


def test_a_checkpoint_keeps_them(tmp_path):
    model = made()["own of dictionary"]
    model.compile("sgd", "mse")
    path = tmp_path / "a.weights.h5"
    kept = wl.callbacks.ModelCheckpoint(str(path), save_weights_only=True)
    run(lambda: model.fit(X, np.ones((3, 3)), verbose=0, callbacks=[kept]))
    other = made()["own of dictionary"]
    run(lambda: other.load_weights(path))
    np.testing.assert_array_equal(predicted(other), predicted(model))


class Two(wl.Model):
    def __init__(self, names):
        super().__init__()
        self.towers = {name: wl.layers.Dense(4) for name in names}

    def call(self, x):
        for tower in self.towers.values():
            x = tower(x)
        return x


def two(names):
    model = Two(names)
    model.apply(wl.tensor(X))
    return model


def test_what_a_file_lacks_or_has_too_much_is_said(tmp_path):
    small, large = two("a"), two("ab")
    before = predicted(large)
    run(lambda: small.save_weights(tmp_path / "small.weights.h5"))
    run(lambda: large.save_weights(tmp_path / "large.weights.h5"))
    with pytest.raises(wl.io.ModelFileError, match="has 2 weights, but the file 0 for it"):
        run(lambda: large.load_weights(tmp_path / "small.weights.h5"))
    np.testing.assert_array_equal(predicted(large), before)
    with pytest.raises(wl.io.ModelFileError, match=r"no layer for 2 of the file's weights: layers/dense_1/vars/0"):
        run(lambda: small.load_weights(tmp_path / "large.weights.h5"))
    run(lambda: small.load_weights(tmp_path / "large.weights.h5", strict=False))


def test_names_that_were_counted_say_nothing(tmp_path):
    """The second of two models may have the first's last name for its first layer."""

    def stack(names):
        x = wl.input(shape=[4])
        y = x
        for name in names:
            y = wl.layers.Dense(4, name=name).apply(y)
        return wl.model(inputs=x, outputs=y)

    one, other = stack(["d1", "d2"]), stack(["d2", "d3"])
    run(lambda: one.save_weights(tmp_path / "a.weights.h5"))
    run(lambda: other.load_weights(tmp_path / "a.weights.h5"))
    np.testing.assert_array_equal(predicted(other), predicted(one))


def test_a_shared_layer_is_written_once(tmp_path):
    class Shared(wl.Model):
        def __init__(self):
            super().__init__()
            self.one = wl.layers.Dense(4)
            self.two = [self.one]

        def call(self, x):
            return self.two[0](self.one(x))

    model = Shared()
    model.apply(wl.tensor(X))
    run(lambda: model.save_weights(tmp_path / "a.weights.h5"))
    with h5py.File(tmp_path / "a.weights.h5") as file:
        found = []
        file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
    assert found == ["layers/dense/vars/0", "layers/dense/vars/1"]


KERAS = """
import os, sys
os.environ["KERAS_BACKEND"] = "numpy"
import keras, numpy as np

def block(register):
    @register
    class Block(keras.layers.Layer):
        def __init__(self, units, **base):
            super().__init__(**base)
            self.units = units
            self.inner = {"one": keras.layers.Dense(units)}
        def call(self, x):
            return self.inner["one"](x)
        def get_config(self):
            return {**super().get_config(), "units": self.units}
    return Block

x = np.load(sys.argv[1] + "/x.npy")
plain = block(lambda kind: kind)
one = keras.models.load_model(sys.argv[1] + "/plain.keras", custom_objects={"Block": plain})
block(keras.saving.register_keras_serializable(package="mine"))
two = keras.models.load_model(sys.argv[1] + "/package.keras")
two.save(sys.argv[1] + "/again.keras")
np.savez(sys.argv[1] + "/found.npz", one=one(x), two=two(x))
"""


def test_keras_knows_classes_of_ones_own(tmp_path):
    def block(name):
        class Block(wl.layers.Layer):
            class_name = name

            def __init__(self, units, **base):
                super().__init__(**base)
                self.units = units
                self.inner = {"one": wl.layers.Dense(units)}

            def call(self, x):
                return self.inner["one"](x)

        return Block

    np.save(tmp_path / "x.npy", X)
    expected = {}
    for file, name in (("plain", "Block"), ("package", "mine>Block")):
        model = functional(lambda x, name=name: block(name)(3).apply(x))
        run(lambda model=model, file=file: model.save(tmp_path / f"{file}.keras"))
        expected[file] = predicted(model)
    done = subprocess.run([sys.executable, "-c", KERAS, tmp_path], capture_output=True, text=True, timeout=300)
    assert not done.returncode, done.stderr
    found = np.load(tmp_path / "found.npz")
    np.testing.assert_allclose(found["one"], expected["plain"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found["two"], expected["package"], rtol=1e-5, atol=1e-6)
    # Keras writes the package; here its classes have their names alone, or with it
    for objects in ({"Block": block("Block")}, {"mine>Block": block("mine>Block")}):
        again = run(lambda objects=objects: wl.load_layers_model(tmp_path / "again.keras", custom_objects=objects))
        np.testing.assert_array_equal(predicted(again), expected["package"])
