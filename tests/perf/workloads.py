"""The same models and data for weblayers as bench.js builds for TensorFlow.js."""

import time

import numpy as np

import weblayers as wl
from weblayers.compiler.lower import lower

RNG = np.random.default_rng(1)
L = wl.layers


def dense1():
    model = wl.sequential([L.dense(units=1, input_shape=[1])])
    model.compile("sgd", "mean_squared_error")
    return model


def mlp():
    model = wl.sequential([L.dense(128, activation="relu", input_shape=[784]), L.dense(10, activation="softmax")])
    model.compile("adam", "categorical_crossentropy", ["accuracy"])
    return model


def mnist_cnn():
    model = wl.sequential(
        [
            L.conv2d(filters=8, kernel_size=5, activation="relu", input_shape=[28, 28, 1]),
            L.max_pooling2d(pool_size=2),
            L.conv2d(filters=16, kernel_size=5, activation="relu"),
            L.max_pooling2d(pool_size=2),
            L.flatten(),
            L.dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy", ["accuracy"])
    return model


MODELS = {"dense1": dense1, "mlp": mlp, "mnist_cnn": mnist_cnn}
_kept = {}


def prepare(name, samples):
    """A model with data for so many samples."""
    model = MODELS[name]()
    shape = model.input_shape[1:]
    x = RNG.random((samples, *shape), np.float32)
    classes = model.output_shape[-1]
    y = np.eye(classes, dtype=np.float32)[RNG.integers(0, classes, samples)] if classes > 1 else x * 2 - 1
    _kept[name] = model, wl.tensor(x), wl.tensor(y)


async def run(name, batch, steps):
    """Milliseconds that one fit of so many steps takes."""
    model, x, y = _kept[name]
    xs, ys = (x, y) if x.shape[0] == batch * steps else (x[: batch * steps], y[: batch * steps])
    begun = time.perf_counter()
    await model.fit(xs, ys, epochs=1, batch_size=batch, verbose=0)
    return (time.perf_counter() - begun) * 1000


def draws(name, batch, steps):
    """Draws of one training step."""
    model = _kept[name][0]
    (compiled,) = [
        c for k, c in model.steps._kept.items() if k[0] == "train" and c.graph.inputs[0].shape[0] == batch * steps
    ]
    graph = compiled.graph
    return len(lower(graph.inputs, graph.scalars, graph.outputs, graph.swaps, log=True).draws)
