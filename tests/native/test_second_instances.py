"""Weights go to a second instance of a model, whose layers' names have other numbers, whatever the format."""

import asyncio
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import weblayers as wl
from tests.contained import SHAPES, models
from weblayers.io.assignment import alike

X = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
FORMATS = ["a.safetensors", "folder", "a.h5", "a.weights.h5"]


def run(promise):
    async def main():
        return await promise()

    return asyncio.run(main())


def functional(function):
    x = wl.input(shape=[4])
    return wl.model(inputs=x, outputs=function(x))


def made(name):
    model = models(wl, functional)[name]
    model.apply(wl.tensor(X))
    return model


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("name", ["own of lists in a dictionary", "graph of list"])
def test_weights_alone(tmp_path, name, target):
    one, other = made(name), made(name)
    run(lambda: one.save_weights(tmp_path / target))
    run(lambda: other.load_weights(tmp_path / target))
    for mine, theirs in zip(other.weights, one.weights, strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy())


@pytest.mark.parametrize("shape", SHAPES)
def test_a_whole_model(tmp_path, shape):
    model = made(f"graph of {shape}")
    model.compile("adam", "mse")
    run(lambda: model.fit(X, np.ones((3, 2)), verbose=0))
    run(lambda: model.save(tmp_path, include_optimizer=True))
    block = {"Block": type(model.layers[1])}
    again = run(lambda: wl.load_layers_model(tmp_path, custom_objects=block))
    np.testing.assert_array_equal(again.predict(X).numpy(), model.predict(X).numpy())
    losses = [
        run(lambda m=m: m.fit(X, np.ones((3, 2)), verbose=0, shuffle=False)).history["loss"] for m in (model, again)
    ]
    assert losses[0] == losses[1]


def test_a_whole_model_in_another_program(tmp_path):
    program = textwrap.dedent("""
        import asyncio, sys
        import numpy as np
        import weblayers as wl
        class Block(wl.layers.Layer):
            def __init__(self, **base):
                super().__init__(**base)
                self.inner = [wl.layers.Dense(4), wl.layers.Dense(4)]
            def call(self, x):
                return self.inner[1](self.inner[0](x))
        async def main():
            if sys.argv[1] == "save":
                x = wl.input(shape=[4])
                model = wl.model(inputs=x, outputs=wl.layers.Dense(2)(Block()(wl.layers.Dense(4)(x))))
                await model.save(sys.argv[2])
            else:
                model = await wl.load_layers_model(sys.argv[2], custom_objects={"Block": Block})
            print(model.predict(np.ones((1, 4), np.float32)).array_sync())
        asyncio.run(main())
    """)
    said = [
        subprocess.run([sys.executable, "-c", program, word, tmp_path / "m"], capture_output=True, text=True)
        for word in ("save", "load")
    ]
    assert said[0].stdout and said[0].stdout == said[1].stdout, said[1].stderr


def test_only_numbers_of_made_names_may_differ():
    wl.layers.Dense(1), wl.layers.LSTM(1)
    given = ["a/dense_Dense7/kernel:0", "a/dense_Dense9/kernel:0", "b/lstm_LSTM2/bias:0"]
    mine = ["a/dense_Dense11/kernel", "a/dense_Dense12/kernel", "b/lstm_LSTM30/bias"]
    assert alike(given, mine) == mine
    # another order of the names is none of the layers
    assert alike(given[::-1], mine) == mine[::-1]
    for other in (["c/dense_Dense7/kernel"], ["a/dense_Dense7/bias"], ["a/dense7/kernel"], mine[:1]):
        assert alike(other, ["a/dense_Dense11/kernel", "x"]) == other


def test_names_of_ones_own_are_kept(tmp_path):
    def stack(*names):
        return wl.sequential([wl.layers.dense(4, input_shape=[4], name=name) for name in names])

    one, other = stack("first", "second"), stack("second", "third")
    run(lambda: one.save_weights(tmp_path / "a.safetensors"))
    with pytest.raises(wl.io.ModelFileError, match="has no target variable: first"):
        run(lambda: other.load_weights(tmp_path / "a.safetensors"))
