"""The same models and data for weblayers as models.js and bench.js have for TensorFlow.js."""

import time

import numpy as np

import weblayers as wl
from weblayers.compiler.lower import lower
from weblayers.compiler.wire import serialize

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


def lstm():
    model = wl.sequential([L.lstm(64, input_shape=[40, 16]), L.dense(10, activation="softmax")])
    model.compile("adam", "categorical_crossentropy")
    return model


def cnn_batchnorm():
    model = wl.sequential([wl.layers.input_layer(input_shape=[32, 32, 3])])
    for filters in (16, 32):
        model.add(L.conv2d(filters, 3, padding="same", use_bias=False))
        model.add(L.batch_normalization())
        model.add(L.activation("relu"))
        model.add(L.max_pooling2d(2))
    model.add(L.flatten())
    model.add(L.dense(10, activation="softmax"))
    model.compile("adam", "categorical_crossentropy")
    return model


VOCABULARY = 32


def transformer():
    tokens = wl.input(shape=[64])
    h = L.token_and_position_embedding(VOCABULARY, 64, 64).apply(tokens)
    for _ in range(2):
        h = L.transformer_encoder(intermediate_dim=128, num_heads=4).apply(h)
    model = wl.model(inputs=tokens, outputs=L.dense(VOCABULARY, activation="softmax").apply(h))
    model.compile("adam", "categorical_crossentropy")
    return model


def _normalized(x):
    return L.re_lu(max_value=6).apply(L.batch_normalization().apply(x))


def predict_mobilenet():
    """MobileNet, Howard et al. (2017), of width 1."""
    image = wl.input(shape=[128, 128, 3])
    h = _normalized(L.conv2d(32, 3, strides=2, padding="same", use_bias=False).apply(image))
    blocks = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    for filters, strides in blocks:
        h = _normalized(L.depthwise_conv2d(3, strides=strides, padding="same", use_bias=False).apply(h))
        h = _normalized(L.conv2d(filters, 1, use_bias=False).apply(h))
    h = L.global_average_pooling2d().apply(h)
    return wl.model(inputs=image, outputs=L.dense(1000, activation="softmax").apply(h))


MODELS = {f.__name__: f for f in (dense1, mlp, mnist_cnn, lstm, cnn_batchnorm, transformer, predict_mobilenet)}
_kept = {}


def prepare(name, samples):
    """A model with data for so many samples."""
    model = MODELS[name]()
    shape = (samples, *model.input_shape[1:])
    x = (
        RNG.integers(0, VOCABULARY, shape).astype(np.float32)
        if name == "transformer"
        else RNG.random(shape, np.float32)
    )
    *places, classes = model.output_shape[1:]
    picked = RNG.integers(0, classes, (samples, *places))
    y = np.eye(classes, dtype=np.float32)[picked] if classes > 1 else x * 2 - 1
    _kept[name] = model, wl.tensor(x), wl.tensor(y)


async def run(name, batch, steps):
    """Milliseconds that one fit of so many steps takes, or so many predictions one after the other."""
    model, x, y = _kept[name]
    if name.startswith("predict"):
        one = x[:batch]
        begun = time.perf_counter()
        for _ in range(steps):
            await model.predict(one).data()
        return (time.perf_counter() - begun) * 1000
    xs, ys = (x, y) if x.shape[0] == batch * steps else (x[: batch * steps], y[: batch * steps])
    begun = time.perf_counter()
    await model.fit(xs, ys, epochs=1, batch_size=batch, verbose=0)
    return (time.perf_counter() - begun) * 1000


def _graph(name):
    model = _kept[name][0]
    if name.startswith("predict"):
        (compiled,) = model._predictor.plans
        return compiled.graph
    # the one that was used last
    *_, compiled = (c for c in model.steps.plans if c.assigned)
    return compiled.graph


def draws(name):
    """Draws of one training step or prediction."""
    graph = _graph(name)
    log = not name.startswith("predict")
    return len(lower(graph.inputs, graph.scalars, graph.outputs, graph.swaps, log=log).draws)


def compile_time(name, batch, steps):
    """Milliseconds to trace and compile a step, shaders printed; a prediction is also issued."""
    begun = time.perf_counter()
    model, x, y = _kept[name]
    model.graph_changed()
    if name.startswith("predict"):
        model.predict(x[:batch])
    else:
        graph = model.steps.train(model.samples(x, y).rows(), batch).graph
        serialize(lower(graph.inputs, graph.scalars, graph.outputs, graph.swaps, log=True))
    return (time.perf_counter() - begun) * 1000
