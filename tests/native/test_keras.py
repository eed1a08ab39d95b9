"""What Keras 3 computed, computed here: the reference where TensorFlow.js has nothing, or a defect."""

import asyncio

import numpy as np
import pytest

import weblayers as wl
from tests import fit_cases
from tests.departures import KERAS_DEPARTURES
from tests.golden import keras
from tests.keras_cases import LayerGraph, array, arrays, layer_of, mapped
from tests.native.test_golden import traced
from tests.textures import run
from weblayers import activations, constraints, losses, metrics, optimizers, regularizers, tree
from weblayers.compiler.lower import lower
from weblayers.graph import build
from weblayers.graph.evaluate import evaluate
from weblayers.graph.gradient import gradient
from weblayers.graph.node import Aval
from weblayers.layers import CLASSES, deserialize
from weblayers.optimizers import schedules
from weblayers.runtime import tracing
from weblayers.runtime.tracing import symbolic

CLOSE = dict(rtol=2e-4, atol=3e-5)
SLOPES = dict(rtol=2e-3, atol=3e-4)


def cases(kind, wanted=lambda c: True):
    return [pytest.param(c, id=c["id"]) for c in keras(kind) if wanted(c) and c["id"] not in KERAS_DEPARTURES]


def one_of_each(kind, name):
    found = {}
    for case in keras(kind):
        if case["id"] not in KERAS_DEPARTURES:
            found.setdefault(case[name], case)
    return list(found.values())


@pytest.mark.parametrize("case", cases("layers", lambda c: c["object"]["class_name"] in CLASSES))
def test_layers_and_their_gradients(case):
    layer = layer_of(case)
    for call in case["calls"]:
        if call.get("reset_state_before"):
            layer.reset_states()
        graph = LayerGraph(case, call, layer)
        expected = call.get("grads") or {}
        for got, wanted in (
            (graph.input_gradients, arrays([expected.get("args"), expected.get("kwargs")])),
            (graph.weight_gradients, arrays(expected.get("weights"))),
        ):
            if len(got) == len(wanted):
                for value, recorded in zip(evaluate(got, graph.bound), wanted, strict=True):
                    np.testing.assert_allclose(value, recorded, **SLOPES)
        # called with values, so that states move on
        arguments = mapped(lambda v: wl.tensor(array(v)), [call["args"], call["kwargs"]])
        outputs = tree.leaves(layer.apply(*arguments[0], **arguments[1]))
        for got, recorded in zip(outputs, arrays(call["outputs"]), strict=True):
            np.testing.assert_allclose(got.numpy().astype(float), recorded.astype(float), **CLOSE)


def test_most_gradients_are_compared():
    """Where the recorded gradients are fewer than ours, the test above cannot pair them."""
    compared = total = 0
    for case in one_of_each("layers", "class_name"):
        if case["object"]["class_name"] not in CLASSES or not arrays(case["calls"][0].get("dy")):
            continue
        graph = LayerGraph(case, case["calls"][0])
        expected = case["calls"][0].get("grads") or {}
        compared += len(graph.input_gradients) == len(arrays([expected.get("args"), expected.get("kwargs")]))
        compared += len(graph.weight_gradients) == len(arrays(expected.get("weights")))
        total += 2
    assert compared > 0.9 * total


@pytest.mark.parametrize(
    "case",
    [pytest.param(c, id=c["class_name"]) for c in one_of_each("layers", "class_name") if c["class_name"] in CLASSES],
)
def test_every_layer_on_the_soft_gpu(case):
    graph = LayerGraph(case, case["calls"][0])
    assert not graph.is_random
    inputs, outputs = list(graph.bound), graph.everything
    plan = lower(inputs, [], outputs)
    got = run(plan, [graph.bound[n] for n in inputs], outputs)
    for value, expected in zip(got, evaluate(outputs, graph.bound), strict=True):
        np.testing.assert_allclose(np.asarray(value, float), np.asarray(expected, float), **SLOPES)


@pytest.mark.parametrize(
    "case",
    [pytest.param(c, id=c["class_name"]) for c in one_of_each("layers", "class_name") if c["class_name"] in CLASSES],
)
def test_configurations_come_back(case):
    layer = layer_of(case)
    again = deserialize({"class_name": layer.class_name, "config": layer.get_config()})
    assert again.get_config() == layer.get_config()
    arguments = mapped(lambda v: wl.tensor(array(v)), [case["calls"][0]["args"], case["calls"][0]["kwargs"]])
    again.apply(*arguments[0], **arguments[1])
    assert [w.shape for w in again.weights] == [w.shape for w in layer.weights]


@pytest.mark.parametrize("case", cases("losses", lambda c: c["class_name"] in losses.CLASSES))
def test_losses_and_their_gradients(case):
    loss = losses.CLASSES[case["class_name"]](**case["kwargs"])
    weight, mask = (None if v is None else wl.tensor(array(v)) for v in (case["sample_weight"], case["y_pred_mask"]))
    y_true, y_pred = array(case["y_true"]), array(case["y_pred"])
    nodes, out, _, bound = traced(lambda t, p: loss(t, p, weight, mask), y_true, y_pred)
    cost = build.reduce("sum", out * build.constant(array(case["dy"])))
    value, slope = evaluate([out, *gradient(cost, [nodes[1]])], bound)
    np.testing.assert_allclose(value, array(case["output"]), rtol=2e-4, atol=1e-5)
    np.testing.assert_allclose(slope, array(case["grad_y_pred"]), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("case", cases("metrics"))
def test_metrics(case):
    metric = metrics.get(case["object"])
    for update in case["updates"]:
        weight = update["sample_weight"]
        metric.update_state(*map(array, update["args"]), sample_weight=None if weight is None else array(weight))
        np.testing.assert_allclose(metric.result(), array(update["result"]), rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize("case", cases("activations"))
def test_activations(case):
    function = activations.get(case["name"])
    nodes, out, _, bound = traced(lambda x: function(x, **case["kwargs"]), array(case["x"]))
    cost = build.reduce("sum", out * build.constant(array(case["dy"])))
    value, slope = evaluate([out, *gradient(cost, nodes)], bound)
    np.testing.assert_allclose(value, array(case["y"]), rtol=2e-4, atol=1e-5)
    np.testing.assert_allclose(slope, array(case["dx"]), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("case", cases("constraints") + cases("regularizers"))
def test_constraints_and_regularizers(case):
    module = constraints if case["object"]["module"].endswith("constraints") else regularizers
    nodes, out, _, bound = traced(module.get(case["object"]), array(case["x"]))
    value, slope = evaluate([out, *gradient(build.reduce("sum", out), nodes)], bound)
    np.testing.assert_allclose(value, array(case["y"] if "y" in case else case["value"]), rtol=2e-4, atol=1e-5)
    if "grad" in case:
        np.testing.assert_allclose(slope, array(case["grad"]), rtol=1e-3, atol=1e-5)


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("case", cases("optimizers", lambda c: c["class_name"] != "schedule"))
def test_optimizers(case):
    """Given gradients, step by step the same weights."""
    optimizer = optimizers.get(case["object"])
    weights = [wl.Variable(array(w), w["path"]) for w in case["start"]]
    optimizer.exclude_from_weight_decay(var_names=case.get("exclude_from_weight_decay", []))

    def step(*gradients):
        optimizer.apply_gradients([(symbolic(g), w) for g, w in zip(gradients, weights, strict=True)])
        return [build.constant(0.0)]

    compiled = tracing.compile_function(step, [Aval(w.shape, "float32") for w in weights])
    for recorded in case["steps"]:
        compiled([wl.tensor(array(g)) for g in recorded["grads"]])
        for weight, expected in zip(weights, recorded["weights"], strict=True):
            np.testing.assert_allclose(weight.numpy(), array(expected), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("case", cases("optimizers", lambda c: c["class_name"] == "schedule"))
def test_schedules(case):
    schedule = schedules.get(case["object"])
    for step, expected in enumerate(case["values"]):
        np.testing.assert_allclose(schedule.at(step), array(expected), rtol=1e-4, atol=1e-7)


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("case", cases("fits"))
def test_fits(case):
    asyncio.run(fit_cases.keras_fit(case))
