"""The same models for weblayers as models.js has for TensorFlow.js, and how they are measured."""

import time
from collections import defaultdict
from contextlib import ExitStack, contextmanager, nullcontext
from unittest.mock import patch

import numpy as np

import weblayers as wl
from weblayers.compiler import explain
from weblayers.compiler.lower import lower
from weblayers.compiler.pieces import at_once
from weblayers.models import steps
from weblayers.recent import Recent
from weblayers.runtime import device, plans, speed, tracing
from weblayers.runtime.kept_plans import GRAPHS, kept_plans
from weblayers.runtime.speed import Speed

L = wl.layers


def dense_network(sizes, activation, last, optimizer):
    model = wl.sequential([L.input_layer(input_shape=sizes[:1])])
    for units in sizes[1:-1]:
        model.add(L.dense(units, activation=activation))
    model.add(L.dense(sizes[-1], activation=last))
    model.compile(optimizer, "mean_squared_error")
    return model


def dense1():
    return dense_network([1, 1], "linear", "linear", wl.train.sgd(0.01))


def xor():
    return dense_network([2, 8, 1], "tanh", "sigmoid", wl.train.sgd(0.1))


def playground():
    return dense_network([2, 8, 8, 1], "tanh", "tanh", wl.train.sgd(0.03))


def regression():
    return dense_network([8, 32, 1], "relu", "linear", "adam")


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


def gru():
    model = wl.sequential([L.gru(64, input_shape=[40, 16]), L.dense(10, activation="softmax")])
    model.compile("adam", "categorical_crossentropy")
    return model


WORDS = 2000


def text():
    model = wl.sequential(
        [
            L.embedding(WORDS, 32, input_length=40),
            L.bidirectional(L.lstm(32)),
            L.dense(2, activation="softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy")
    return model


def autoencoder():
    model = wl.sequential([L.input_layer(input_shape=[28, 28, 1])])
    for layer, filters in ((L.conv2d, 16), (L.conv2d, 32), (L.conv2d_transpose, 16)):
        model.add(layer(filters, 3, strides=2, padding="same", activation="relu"))
    model.add(L.conv2d_transpose(1, 3, strides=2, padding="same", activation="sigmoid"))
    model.compile("adam", "mean_squared_error")
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


MODELS = {
    f.__name__: f
    for f in (
        dense1,
        xor,
        playground,
        regression,
        mlp,
        mnist_cnn,
        lstm,
        gru,
        text,
        cnn_batchnorm,
        autoencoder,
        transformer,
        predict_mobilenet,
    )
}
# of eight images at a time
MODELS["predict_mobilenet_8"] = predict_mobilenet


async def milliseconds(work):
    """How long it takes."""
    begun = time.perf_counter()
    await work
    return (time.perf_counter() - begun) * 1000


class Run:
    """A workload on a backend: a model and its data, which are there before anything is measured."""

    def __init__(self, backend, name, batch, x, y):
        self.hands_over = backend == "page"
        self.backend, self.name, self.batch = "auto" if self.hands_over else backend, name, batch
        wl.set_backend(self.backend)
        self.model = MODELS[name]()
        self.x, self.y = (
            wl.tensor(np.asarray(values.to_py(), np.float32).reshape(-1, *shape[1:]))
            for values, shape in ((x, self.model.input_shape), (y, self.model.output_shape))
        )

        self.repeated = None
        for tensor in (self.x, self.y, *self.model.weights):
            tensor.storage(device.current())

    async def first_step(self):
        """Milliseconds that the first step takes, and its parts that can be told apart."""
        wl.set_backend(self.backend)
        x, y = (t[: self.batch] for t in (self.x, self.y))
        # until they are there
        await x.data(), await y.data()
        # what another contender has compiled is not there
        nothing_known = patch.object(kept_plans, "_known", Recent(GRAPHS))
        with compile_parts() as parts, self.gpu(), nothing_known:
            took = await milliseconds(self.predict(1) if self.predicts else self.fit(x, y, 1))
        return {"ms": took, "parts": {part: seconds * 1000 for part, seconds in parts.items()}}

    async def measured(self, steps, epochs):
        """Milliseconds of a step, or of a prediction, every way there is."""
        wl.set_backend(self.backend)
        if self.hands_over:
            # nobody else is measured while shaders are linked
            while self.model.weights[0].runtime.name != "webgl":
                with self.gpu():
                    await self.fit(self.x, self.y, epochs)
            return {}
        if self.predicts:
            return {"predict": await milliseconds(self.predict(steps)) / steps}
        found = {"fit": await milliseconds(self.fit(self.x, self.y, epochs)) / steps}
        if epochs > 1:
            # steps without epochs between them, as peers make them with an optimizer alone
            if self.repeated is None:
                self.repeated = [wl.tensor(np.concatenate([t.numpy()] * epochs)) for t in (self.x, self.y)]
                await milliseconds(self.fit(*self.repeated, 1))
            found["fit_as_one_epoch"] = await milliseconds(self.fit(*self.repeated, 1)) / steps
        return found

    def gpu(self):
        """Inside a page that hands steps over takes what draws WebGL for a fast GPU, if it is none."""
        return as_if_fast() if self.hands_over else nullcontext()

    @property
    def predicts(self):
        return self.name.startswith("predict")

    async def fit(self, x, y, epochs):
        await self.model.fit(x, y, epochs=epochs, batch_size=self.batch, verbose=0)

    async def predict(self, times):
        one = self.x[: self.batch]
        for _ in range(times):
            await self.model.predict(one).data()

    def counted(self):
        """Draws of one training step or prediction, texels that they read, and multiply-adds of its products."""
        wl.set_backend(self.backend)
        block = device.block()
        if self.predicts:
            (compiled,) = self.model._predictor.plans
            graph = compiled.graph
            plan = lower(graph.inputs, graph.scalars, graph.outputs, block=block)
        else:
            # the one that was used last
            *_, compiled = (c for c in self.model.steps.plans if c.assigned)
            plan = at_once(plans.training_plan(compiled.graph, block))
        counts = [explain.counted(draw, plan) for draw in plan.draws]
        return {
            "draws": len(counts),
            "fetches": sum(each.fetches for each in counts),
            "multiply_adds": sum(each.multiply_adds for each in counts),
        }


@contextmanager
def as_if_fast():
    """What draws WebGL is taken for a fast GPU."""
    measured = speed.measured

    def found(runtime):
        known = measured(runtime)
        return Speed(0.0, 0.0) if runtime.name == "webgl" else known

    with patch.object(device, "SOFTWARE", ()), patch.object(speed, "measured", found):
        yield


@contextmanager
def compile_parts():
    """Seconds that the parts of compiling take inside.

    ``trace`` (and differentiate), ``lower``, ``print`` (shaders or a module) and ``compile`` (what the browser does of
    it while the page goes on).
    """
    spent = defaultdict(float)

    @contextmanager
    def clock(part):
        begun = time.perf_counter()
        try:
            yield
        finally:
            spent[part] += time.perf_counter() - begun

    def call(part, fn):
        def timed(*args, **more):
            with clock(part):
                return fn(*args, **more)

        return timed

    def pieces(part, fn):
        def timed(*args, **more):
            work = fn(*args, **more)
            while True:
                try:
                    with clock(part):
                        next(work)
                except StopIteration as end:
                    return end.value
                yield

        return timed

    def waiting(part, fn):
        async def timed(*args):
            with clock(part):
                return await fn(*args)

        return timed

    runtime = device.current()
    replaced = [
        (steps, "_traced", call, "trace"),
        (tracing, "compile_function", call, "trace"),
        (plans, "lowering", pieces, "lower"),
    ]
    if runtime.name != "numpy":
        replaced += [
            (runtime.device, "encoding", pieces, "print"),
            (runtime.device, "load", call, "compile"),
            (runtime.device, "ready", waiting, "compile"),
        ]
    with ExitStack() as stack:
        for owner, name, how, part in replaced:
            stack.enter_context(patch.object(owner, name, how(part, getattr(owner, name))))
        yield spent


def renderer():
    """What draws WebGL here, as far as the browser tells; empty where there is none."""
    try:
        wl.set_backend("webgl")
    except RuntimeError:
        return ""
    return device.current().device.caps()["renderer"]
