"""What TensorFlow.js 4.22 computed, computed here."""

import asyncio

import numpy as np
import pytest

import weblayers as wl
from tests.departures import DEPARTURES
from tests.golden import array, layer, model, records
from weblayers import initializers, losses, metrics, random_seed
from weblayers.graph import build
from weblayers.graph.evaluate import evaluate
from weblayers.graph.gradient import gradient
from weblayers.runtime import tracing
from weblayers.runtime.tracing import Trace, symbolic

NAMES: dict[str, str] = {}
TOLERANCE = dict(rtol=2e-5, atol=2e-6)


def numbered(kind, name=lambda c: ""):
    cases = records()[kind]
    return [pytest.param(c, id=f"{i}-{name(c)}") for i, c in enumerate(cases)]


def traced(fn, *arrays):
    """The graph of a function of symbolic tensors: inputs, output node, captured variables, and their values."""
    nodes = [build.input_node(a.shape, build.infer_dtype(a)) for a in arrays]
    with tracing.tracing(Trace()) as trace:
        out = trace.node_of(fn(*map(symbolic, nodes)))
    bound = dict(zip(nodes, arrays, strict=True)) | {n: t.numpy() for t, n in trace.captured.items()}
    return nodes, out, trace.captured, bound


@pytest.mark.parametrize("case", numbered("layers", lambda c: c["factory"]))
def test_layers_and_their_gradients(case, request):
    made = getattr(wl.layers, case["factory"])({k: v for k, v in case["args"].items() if v is not None})
    x = array(case["inputs"][0])
    made.ensure_built((None, *x.shape[1:]))
    made.set_weights([array(w) for w in case["weights"]])
    (node, *_), out, captured, bound = traced(made.call, x)
    i = np.arange(out.aval.size)
    dy = build.constant(np.sin(0.7 * i + 1.3 * 99 + 0.1 * (i * i % 7)).astype(np.float32).reshape(out.shape))
    cost = build.reduce("sum", out * dy)
    weights = [captured[w] for w in made.weights]
    value, dx, *dw = evaluate([out, *gradient(cost, [node, *weights])], bound)
    np.testing.assert_allclose(value, array(case["output"]), **TOLERANCE)
    if request.node.name in DEPARTURES:
        return
    # where TensorFlow.js could not differentiate (dilated convolutions), nothing was recorded
    for got, expected in zip([dx, *dw], [*case.get("dx", ()), *case.get("dw", ())], strict=False):
        np.testing.assert_allclose(got, array(expected), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", numbered("layer_calls", lambda c: c["class_name"]))
def test_layer_calls(case):
    made = layer(case["class_name"], case["config"])
    x = array(case["inputs"][0])
    made.ensure_built((None, *x.shape[1:]))
    made.set_weights([array(w) for w in case["weights"]])
    np.testing.assert_allclose(made.apply(x).numpy(), array(case["outputs"][0]), **TOLERANCE)


@pytest.mark.parametrize("case", numbered("losses", lambda c: c["name"]))
def test_losses_and_their_gradients(case):
    y_true, y_pred = array(case["y_true"]), array(case["y_pred"])
    nodes, out, _, bound = traced(losses.get(case["name"]).call, y_true, y_pred)
    mean = build.reduce("sum", out) / float(out.aval.size)
    value, slope = evaluate([out, *gradient(mean, [nodes[1]])], bound)
    np.testing.assert_allclose(value.reshape(-1), array(case["per_sample"]).reshape(-1), **TOLERANCE)
    np.testing.assert_allclose(slope, array(case["grad_mean"]), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("case", numbered("metrics", lambda c: c["name"]))
def test_metrics(case):
    function = getattr(metrics, case["name"])
    got = function(wl.tensor(array(case["y_true"])), wl.tensor(array(case["y_pred"])))
    np.testing.assert_allclose(got.numpy(), array(case["value"]), **TOLERANCE)


@pytest.mark.parametrize("case", numbered("optimizers", lambda c: c["name"]))
def test_optimizers(case):
    """Six steps down sum([1,2,3] * (w - [.3,.1,-.4])^2)."""
    config = {NAMES.get(k, k): v for k, v in case["config"].items()}
    optimizer = getattr(wl.train, case["name"])(config)
    weight = wl.variable(case["init"], name="w")
    scale, goal = build.constant([1.0, 2.0, 3.0], "float32"), build.constant([0.3, 0.1, -0.4], "float32")

    def step():
        trace = tracing.current()
        difference = trace.node_of(weight) - goal
        cost = build.reduce("sum", scale * difference * difference)
        optimizer.apply_gradients([(symbolic(gradient(cost, [trace.node_of(weight)])[0]), weight)])
        return [cost]

    compiled = tracing.compile_function(step, [])
    for expected in case["trajectory"]:
        compiled([])
        np.testing.assert_allclose(weight.numpy(), expected, rtol=1e-5, atol=3e-6)


def fit(trained, x, y, **options):
    async def main():
        return await trained.fit(x, y, verbose=0, **options)

    return asyncio.run(main())


@pytest.mark.parametrize("case", numbered("trajectories", lambda c: c["name"]))
def test_trajectories(case):
    trained = model(case["model"], case["init"])
    trained.compile(case["name"].removeprefix("mlp_"), "meanSquaredError")
    batch_losses = []
    history = fit(
        trained,
        array(case["x"]),
        array(case["y"]),
        epochs=len(case["history"]["loss"]),
        batch_size=len(array(case["x"])) * len(case["history"]["loss"]) // len(case["batch_loss"]),
        shuffle=False,
        callbacks={"onBatchEnd": lambda batch, logs: batch_losses.append(logs["loss"])},
    )
    np.testing.assert_allclose(batch_losses, case["batch_loss"], rtol=1e-4)
    np.testing.assert_allclose(history.history["loss"], case["history"]["loss"], rtol=1e-4)
    for got, expected in zip(trained.get_weights(), case["final"], strict=True):
        np.testing.assert_allclose(got.numpy(), array(expected), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(trained.predict(array(case["x"])).numpy(), array(case["predict"]), rtol=1e-3, atol=1e-5)


OPTIMIZERS = {"SGD": wl.train.sgd, "Adam": wl.train.adam, "Momentum": wl.train.momentum}


@pytest.mark.parametrize("case", numbered("fits", lambda c: c["optimizer"]["c"]))
def test_fits(case):
    trained = model(case["model"], case["init"])
    config = {NAMES.get(k, k): v for k, v in case["optimizer"]["cfg"].items()}
    known = {"loss", "val_loss"}
    extra = [k for k in case["history"] if k not in known and not k.startswith("val_")]
    trained.compile(OPTIMIZERS[case["optimizer"]["c"]](config), case["loss"], extra)
    options = {k: v for k, v in case["args"].items() if k != "verbose"}
    history = fit(trained, array(case["x"]), array(case["y"]), **options)
    for name, expected in case["history"].items():
        np.testing.assert_allclose(history.history[name], expected, rtol=1e-4, atol=1e-6, err_msg=name)
    for got, expected in zip(trained.get_weights(), case["final"], strict=True):
        np.testing.assert_allclose(got.numpy(), array(expected), rtol=1e-3, atol=1e-5)


SEEDED = {
    "randomUniform seed 42 [8]": lambda: random_seed.uniform([8], 0, 1, 42),
    "randomNormal seed 42 [8]": lambda: random_seed.normal([8], 0, 1, 42),
    "truncatedNormal seed 42 [8]": lambda: random_seed.normal([8], 0, 1, 42, truncated=True),
    "initializers.randomNormal {} seed 42 [3,4]": lambda: initializers.RandomNormal(seed=42)([3, 4]),
    "initializers.randomUniform {} seed 42 [3,4]": lambda: initializers.RandomUniform(seed=42)([3, 4]),
    "initializers.truncatedNormal {} seed 42 [3,4]": lambda: initializers.TruncatedNormal(seed=42)([3, 4]),
    **{
        f"{name} seed 42 [3,4]": lambda name=name: initializers.get({"className": name, "config": {"seed": 42}})([3, 4])
        for name in ("glorotNormal", "glorotUniform", "heNormal", "heUniform", "leCunNormal", "leCunUniform")
    },
}


@pytest.mark.parametrize("name", SEEDED)
def test_the_same_seed_gives_the_same_values(name):
    np.testing.assert_allclose(SEEDED[name]().reshape(-1), records()["random"][name], rtol=1e-6, atol=1e-8)
