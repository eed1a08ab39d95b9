"""How many statements a shader has: drivers take seconds for thousands of them, and give up at tens of thousands."""

import numpy as np
import pytest

import weblayers as wl
from tests.native.test_plan_properties import plan_of
from weblayers.compiler.lower import lower
from weblayers.compiler.statements import FREE, Loop, Value
from weblayers.graph.gradient import gradient
from weblayers.graph.node import Aval
from weblayers.runtime import tracing

RNG = np.random.default_rng(0)
MOST = 8000


def statements(block):
    """What is printed, loops counted once."""
    total = 0
    for s in block:
        if isinstance(s, Loop):
            total += statements(s.body)
        elif not isinstance(s, Value) or s.op not in FREE:
            total += 1
    return total


def largest(plan):
    return max(statements(d.shader.body) for d in plan.draws)


def plan_of_gradients(function, *shapes):
    """The plan of the gradients of a function's sum."""

    def gradients(*nodes):
        total = wl.sum(function(*map(tracing.symbolic, nodes)))
        return gradient(tracing.current().node_of(total), nodes)

    graph = tracing.compile_function(gradients, [Aval(s, "float32") for s in shapes]).graph
    return lower(graph.inputs, graph.scalars, graph.outputs)


def depthwise(function):
    return lambda x, kernel: function(wl.depthwise_conv2d(x, kernel, 1, "same"))


@pytest.mark.parametrize("function", [wl.sin, wl.tanh])
@pytest.mark.parametrize("multiplier", [2, 3])
@pytest.mark.parametrize("channels", [3, 4, 5])
def test_a_depthwise_convolution_is_not_printed_again_for_each_tap_of_its_gradient(channels, multiplier, function):
    plan = plan_of_gradients(depthwise(function), (2, 9, 7, channels), (3, 3, channels, multiplier))
    assert largest(plan) <= MOST and len(plan.draws) <= 6


WINDOWS = {
    "separable": (
        lambda x, a, b: wl.tanh(wl.separable_conv2d(x, a, b, 1, "same")),
        [(2, 9, 7, 5), (3, 3, 5, 2), (1, 1, 10, 3)],
    ),
    "grouped": (
        lambda x, a: wl.tanh(wl.convolution(x, a, 1, "same", groups=3)),
        [(2, 9, 7, 6), (3, 3, 2, 9)],
    ),
    "transposed": (
        lambda x, a: wl.tanh(wl.conv2d_transpose(x, a, [2, 9, 7, 3], 1, "same")),
        [(2, 9, 7, 5), (3, 3, 3, 5)],
    ),
    "two depthwise": (
        lambda x, a, b: depthwise(wl.tanh)(depthwise(wl.tanh)(x, a), b),
        [(1, 6, 6, 3), (3, 3, 3, 2), (3, 3, 6, 2)],
    ),
    "maxima of maxima": (
        lambda x: wl.max_pool(wl.tanh(wl.max_pool(x, 3, 1, "same")), 3, 1, "same"),
        [(2, 9, 7, 5)],
    ),
    "means of means": (
        lambda x: wl.tanh(wl.avg_pool(wl.tanh(wl.avg_pool(x, 3, 1, "same")), 3, 1, "same")),
        [(2, 9, 7, 5)],
    ),
}


@pytest.mark.parametrize("name", WINDOWS)
def test_windows_of_windows_are_not_printed_in_each_other(name):
    function, shapes = WINDOWS[name]
    assert largest(plan_of_gradients(function, *shapes)) <= MOST


def test_a_step_of_depthwise_layers():
    layers = [
        wl.layers.depthwise_conv2d(kernel_size=3, depth_multiplier=2, activation="tanh", input_shape=[8, 8, 3]),
        wl.layers.depthwise_conv2d(kernel_size=3, depth_multiplier=2, activation="tanh"),
    ]
    model = wl.sequential([*layers, wl.layers.flatten(), wl.layers.dense(units=1)])
    model.compile("adam", "mean_squared_error")
    images, answers = RNG.normal(size=(4, 8, 8, 3)), RNG.normal(size=(4, 1))
    plan = plan_of(model.steps.train(model.samples(images, answers).rows(), 4).graph)
    assert largest(plan) <= MOST and len(plan.draws) <= 16


@pytest.mark.parametrize("name", ["softgpu", "wasm"])
@pytest.mark.parametrize("case", ["separable", "two depthwise", "maxima of maxima"])
def test_their_gradients_are_numpys(case, name):
    function, shapes = WINDOWS[case]
    values = [RNG.normal(size=s).astype(np.float32) for s in shapes]

    def gradients():
        return [g.numpy() for g in wl.grads(lambda *x: wl.sum(function(*x)))([wl.tensor(v) for v in values])]

    wanted = gradients()
    wl.set_backend(name)
    try:
        found = gradients()
    finally:
        wl.set_backend("numpy")
    for f, w in zip(found, wanted, strict=True):
        np.testing.assert_allclose(f, w, rtol=1e-4, atol=1e-4)
