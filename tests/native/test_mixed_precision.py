"""Activations in half precision: what is stored so, what is not, and what a model learns all the same."""

import asyncio

import numpy as np
import pytest

import weblayers as wl
from tests.native.test_plan_properties import compiled
from tests.perf import workloads
from tests.thresholds import as_if_large
from weblayers.compiler import halves
from weblayers.compiler.lower import lower

L = wl.layers
RNG = np.random.default_rng(0)


@pytest.fixture
def mixed(monkeypatch):
    monkeypatch.setattr(halves, "LEAST_ELEMENTS", 1)
    wl.mixed_precision.set_global_policy("mixed_float16")
    with as_if_large():
        yield
    wl.mixed_precision.set_global_policy("float32")
    wl.set_backend("numpy")


def formats(plan):
    return {t.format for t in (*plan.input_specs, *plan.output_specs)}


def bytes_of(plan):
    return sum(t.width * t.height * t.layers * (8 if t.format == "rgba16f" else 16) for t in plan.textures)


@pytest.mark.parametrize(("name", "batch"), [("mlp", 128), ("mnist_cnn", 64), ("cnn_batchnorm", 32)])
def test_what_goes_in_and_out_is_float32(name, batch):
    graph = compiled(workloads.MODELS[name](), batch)
    plain, mixed = (
        lower(graph.inputs, graph.scalars, graph.outputs, graph.swaps, log=True, block=8, halves=wanted)
        for wanted in (False, True)
    )
    assert formats(mixed) == {"rgba32f"} and {t.format for t in plain.textures} == {"rgba32f"}
    assert len(mixed.draws) == len(plain.draws)
    stored = [t for t in mixed.textures if t.format == "rgba16f"]
    assert stored and bytes_of(mixed) < bytes_of(plain)


def digits():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 160)
    x = np.zeros((160, 8, 8, 1), np.float32)
    for i, k in enumerate(y):
        x[i, 4 * (k // 2) : 4 * (k // 2) + 4, 4 * (k % 2) : 4 * (k % 2) + 4] = 1
    return (x + rng.normal(0, 0.3, x.shape)).astype(np.float32), np.eye(4, dtype=np.float32)[y]


def trained():
    wl.set_random_seed(0)
    model = wl.sequential(
        [
            L.conv2d(8, 3, activation="relu", input_shape=[8, 8, 1]),
            L.max_pooling2d(2),
            L.batch_normalization(),
            L.flatten(),
            L.dense(4, activation="softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy", ["accuracy"])
    x, y = digits()
    history = asyncio.run(_fit(model, x, y))
    return model, history, x


async def _fit(model, x, y):
    return (await model.fit(x, y, batch_size=32, epochs=12, shuffle=False, verbose=0)).history


def test_a_model_learns_as_much(mixed):
    wl.set_backend("softgpu")
    model, history, x = trained()
    found = model.predict(x).numpy()
    wl.mixed_precision.set_global_policy("float32")
    plain, wanted, _ = trained()
    exact = plain.predict(x).numpy()
    assert history["acc"][-1] > 0.9 and abs(history["acc"][-1] - wanted["acc"][-1]) < 0.03
    # it is another precision, and close
    assert 0 < np.abs(found - exact).max() < 0.1
    assert all(w.dtype == "float32" for w in model.weights)


def test_convolutions_of_pixels_apart_learn_as_much(mixed):
    wl.set_backend("softgpu")
    x, y = RNG.random((4, 9, 9, 1)), RNG.random((4, 18, 18, 1))
    losses = []
    for policy in ("mixed_float16", "float32"):
        wl.mixed_precision.set_global_policy(policy)
        wl.set_random_seed(0)
        model = wl.sequential([L.conv2d(8, 3, strides=2, activation="relu", input_shape=[9, 9, 1])])
        model.add(L.conv2d_transpose(8, 3, strides=2, activation="relu"))
        model.add(L.conv2d_transpose(1, 3, strides=2, padding="same"))
        model.compile("sgd", "mean_squared_error")
        losses.append(asyncio.run(_fit(model, x, y))["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-2)
    assert losses[0] != losses[1]


def test_explained_bytes_are_those_of_halves(mixed):
    wl.set_backend("softgpu")
    x, y = digits()
    written = []
    for policy in ("mixed_float16", "float32"):
        wl.mixed_precision.set_global_policy(policy)
        model = wl.sequential([L.dense(64, activation="relu", input_shape=[64]), L.dense(4, activation="softmax")])
        model.compile("sgd", "categorical_crossentropy")
        rows = model.explain(x.reshape(len(x), 64), y).rows
        (first,) = (row for row in rows if row.part == "forward" and "relu" in row.computes)
        written.append(first.bytes_written)
    assert written[0] * 2 == written[1]


def test_numbers_of_words_stay_exact(mixed):
    wl.set_backend("softgpu")
    model = wl.sequential([L.embedding(5000, 1, input_length=3, embeddings_initializer="zeros")])
    model.layers[0].set_weights([wl.tensor2d(np.arange(5000, dtype=np.float32).reshape(-1, 1))])
    words = np.array([[2049, 4097, 4999]] * 2, np.float32)
    np.testing.assert_array_equal(model.predict(words).numpy()[..., 0], words)


WORDS = {
    "one more": lambda t: t + 1,
    "some": lambda t: wl.where(wl.greater(t, 2300), t, wl.sub(t, 1)),
    "a product": lambda t: wl.mat_mul(t, wl.eye(40)),
    "sorted": wl.sort,
    "sorted integers": lambda t: wl.sort(wl.cast(t, "int32")),
    "their order": lambda t: wl.argsort(t),
}


@pytest.mark.parametrize("computed", WORDS)
def test_words_that_a_layer_computes_stay_exact(mixed, computed):
    words = np.random.default_rng(0).integers(2049, 2500, (32, 40)).astype(np.float32)
    found = []
    for backend in ("softgpu", "numpy"):
        wl.set_backend(backend)
        wl.set_random_seed(7)
        given = wl.input(shape=[40])
        at = L.Lambda(function=WORDS[computed])(given)
        looked_up = L.embedding(input_dim=6000, output_dim=3, embeddings_initializer="random_normal")(at)
        model = wl.model(inputs=given, outputs=[looked_up, L.flatten()(looked_up)])
        found.append(model.predict(words)[0].numpy())
    np.testing.assert_allclose(*found, atol=1e-4)


def test_a_model_keeps_the_policy_that_it_was_made_with(mixed):
    wl.set_backend("softgpu")
    x = np.random.default_rng(0).random((64, 64), np.float32)
    outputs = []
    for _ in range(2):
        wl.set_random_seed(0)
        model = wl.sequential([L.dense(64, activation="relu", input_shape=[64]), L.dense(2)])
        wl.mixed_precision.set_global_policy("float32")
        outputs.append(model.predict(x).numpy())
    mixed_, exact = outputs
    assert 0 < np.abs(mixed_ - exact).max() < 0.01


@pytest.mark.parametrize("backend", ["numpy", "wasm"])
def test_others_store_float32(mixed, backend):
    wl.set_backend(backend)
    model, _, x = trained()
    found = model.predict(x).numpy()
    wl.mixed_precision.set_global_policy("float32")
    plain, _, _ = trained()
    np.testing.assert_array_equal(found, plain.predict(x).numpy())


def test_keras_names_and_what_is_no_policy():
    names = wl.mixed_precision
    assert names.dtype_policy().name == "float32" == names.DTypePolicy("float32").variable_dtype
    names.set_dtype_policy(names.Policy("mixed_float16"))
    assert names.global_policy().compute_dtype == "float16"
    names.set_global_policy("float32")
    with pytest.raises(ValueError, match="Unknown policy: 'mixed_bfloat16'"):
        names.set_global_policy("mixed_bfloat16")
    with pytest.raises(ValueError, match="named by a text"):
        names.set_global_policy(None)
