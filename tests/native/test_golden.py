"""What TensorFlow.js 4.22 computed, computed here."""

import asyncio

import numpy as np
import pytest

import weblayers as wl
from tests import fit_cases
from tests.departures import DEPARTURES
from tests.golden import array, layer, records
from weblayers import initializers, losses, metrics, random_seed
from weblayers.graph import build
from weblayers.graph.evaluate import evaluate
from weblayers.graph.gradient import gradient
from weblayers.runtime import tracing
from weblayers.runtime.tracing import Trace, symbolic

TOLERANCE = dict(rtol=2e-5, atol=2e-6)


def numbered(kind, name=lambda c: ""):
    named = [(c, f"{i}-{name(c)}") for i, c in enumerate(records()[kind])]
    return [pytest.param(c, id=i) for c, i in named if (kind, i) not in DEPARTURES]


def traced(fn, *arrays):
    """The graph of a function of symbolic tensors: inputs, output node, captured variables, and their values."""
    nodes = [build.input_node(a.shape, build.infer_dtype(a)) for a in arrays]
    with tracing.tracing(Trace()) as trace:
        out = trace.node_of(fn(*map(symbolic, nodes)))
    bound = dict(zip(nodes, arrays, strict=True)) | {n: t.numpy() for t, n in trace.captured.items()}
    return nodes, out, trace.captured, bound


def class_of(case):
    return getattr(wl.layers, case["factory"]).__name__


@pytest.mark.parametrize("case", numbered("layers", lambda c: c["factory"]))
def test_layers_and_their_gradients(case):
    args = case["args"] if isinstance(case["args"], dict) else {}
    # TensorFlow.js leaves some arguments out of what it writes
    made = layer(class_of(case), {**{k: v for k, v in args.items() if v is not None}, **case["config"]})
    xs = [array(x) for x in case["inputs"]]
    shapes = [(None, *x.shape[1:]) for x in xs]
    made.ensure_built(shapes[0] if len(xs) == 1 else shapes)
    made.set_weights([array(w) for w in case["weights"]])

    def call(*tensors):
        outputs = made.apply(tensors[0] if len(xs) == 1 else list(tensors), training=bool(case.get("training")))
        return outputs[0] if isinstance(outputs, list) else outputs

    nodes, out, captured, bound = traced(call, *xs)
    i = np.arange(out.aval.size)
    dy = build.constant(np.sin(0.7 * i + 1.3 * 99 + 0.1 * (i * i % 7)).astype(np.float32).reshape(out.shape))
    floats = [n for n in nodes if n.dtype == "float32"]
    weights = [captured[w] for w in made.trainable_weights if w in captured]
    value, *slopes = evaluate([out, *gradient(build.reduce("sum", out * dy), [*floats, *weights])], bound)
    np.testing.assert_allclose(value, array(case["output"]), rtol=1e-4, atol=1e-5)
    expected = case.get("dx") or []
    expected = expected if isinstance(expected, list) else [expected]
    # where TensorFlow.js could not differentiate (dilated convolutions), nothing was recorded
    for got, recorded in zip(slopes, [*expected[: len(floats)], *case.get("dw", ())], strict=False):
        np.testing.assert_allclose(got, array(recorded), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("case", numbered("layer_calls", lambda c: c["class_name"]))
def test_layer_calls(case):
    if case["class_name"] not in wl.layers.CLASSES:
        pytest.skip("a class of TensorFlow.js' tests or of its unfinished language models")
    made = layer(case["class_name"], case["config"])
    xs = [wl.tensor(array(x)) for x in case["inputs"]]
    options = {k: convert(v) for k, v in case["kwargs"].items() if v is not None}
    inputs = xs[0] if len(xs) == 1 else xs
    made.apply(inputs, **options)
    if made.get_weights():
        made.set_weights([array(w) for w in case["weights"]])
    if isinstance(made, wl.layers.RNN) and made.stateful:
        made.reset_states()
    outputs = made.apply(inputs, **options)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    for got, expected in zip(outputs, case["outputs"], strict=True):
        np.testing.assert_allclose(got.numpy(), array(expected), rtol=1e-4, atol=1e-5)


def convert(value):
    """A recorded argument."""
    if isinstance(value, dict) and "data" in value:
        return wl.tensor(array(value))
    return [convert(v) for v in value] if isinstance(value, list) else value


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
def test_optimizers(case, backend):
    """Six steps down sum([1,2,3] * (w - [.3,.1,-.4])^2)."""
    name = {"nesterov": "momentum"}.get(case["name"], case["name"].split("_")[0])
    optimizer = getattr(wl.train, name)(case["config"])
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
        # shaders have a power of their own
        np.testing.assert_allclose(weight.numpy(), expected, rtol=1e-5, atol=3e-6 if backend == "numpy" else 6e-6)


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("case", numbered("trajectories", lambda c: c["name"]))
def test_trajectories(case):
    asyncio.run(fit_cases.trajectory(case))


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("case", numbered("fits", lambda c: c["optimizer"]["c"]))
def test_fits(case):
    asyncio.run(fit_cases.tfjs_fit(case))


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
