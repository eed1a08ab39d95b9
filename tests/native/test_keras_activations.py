"""Activations at the edges of their pieces and far out, where gradients could be wrong or missing."""

import numpy as np
import pytest

from tests.golden import keras
from tests.keras_cases import array
from tests.native.test_golden import traced
from weblayers import activations
from weblayers.graph import build
from weblayers.graph.evaluate import evaluate
from weblayers.graph.gradient import gradient

FAR = np.array([[-1e10, -1e4, -100, -3, -1, -0.5, 0, 0.5, 1, 3, 6, 100, 1e4, 1e10]], np.float32)
# exp(x) itself overflows
BOUNDED = sorted({c["name"] for c in keras("activations")} - {"exponential"})


def value_and_slope(function, x, dy):
    nodes, out, _, bound = traced(function, x)
    return evaluate([out, *gradient(build.reduce("sum", out * dy), nodes)], bound)


@pytest.mark.parametrize("case", [pytest.param(c, id=c["id"]) for c in keras("activations") if c["edge_inputs"]])
def test_gradients_at_edges(case):
    function = activations.get(case["name"])
    value, slope = value_and_slope(
        lambda x: function(x, **case["kwargs"]), array(case["x"]), build.constant(array(case["dy"]))
    )
    np.testing.assert_allclose(value, array(case["y"]), rtol=2e-4, atol=1e-5)
    np.testing.assert_allclose(slope, array(case["dx"]), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", BOUNDED)
def test_values_and_gradients_are_numbers_far_out(name):
    value, slope = value_and_slope(activations.get(name), FAR, 2.0)
    assert np.isfinite(value).all()
    assert np.isfinite(slope).all()


def test_sparsemax_gives_probabilities():
    """Keras' own is wrong for tensors of rank 3."""
    x = np.random.default_rng(0).normal(size=(2, 3, 5)).astype(np.float32) * 3
    for axis in (1, -1):
        value, _ = value_and_slope(lambda t, axis=axis: activations.sparsemax(t, axis), x, 1.0)
        np.testing.assert_allclose(value.sum(axis), 1, rtol=1e-5)
        assert (value >= 0).all()
        assert (value == 0).any()


@pytest.mark.parametrize("name", ["hardSigmoid", "hard_sigmoid", "gelu_new", "geluNew", "leakyRelu", "logSoftmax"])
def test_names_come_back(name):
    function = activations.get(name)
    assert activations.get(activations.serialize(function)) is function
    assert activations.get({"class_name": "function", "config": name}) is function


def test_what_is_no_activation():
    with pytest.raises(ValueError, match="'relu'"):
        activations.get("relu7")
    with pytest.raises(TypeError, match="not 5"):
        activations.get(5)
