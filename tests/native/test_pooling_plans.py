"""Pools beside the convolution that they read, and gradients that are taken before a pool spreads them."""

import itertools

import numpy as np
import pytest

from tests import textures
from tests.native.test_plan_properties import bytes_written, compiled
from tests.perf import workloads
from tests.thresholds import as_if_large
from weblayers.compiler.lower import lower
from weblayers.graph import build as b
from weblayers.graph.evaluate import evaluate
from weblayers.graph.gradient import gradient

RNG = np.random.default_rng(0)
PLAIN = {"strides": (1, 1), "padding": ((0, 0), (0, 0))}
POOLS = {
    "2x2": ((2, 2), (2, 2), ((0, 0), (0, 0))),
    "2x1": ((2, 1), (2, 1), ((0, 0), (0, 0))),
    "1x2 with gaps": ((1, 2), (2, 3), ((0, 0), (0, 0))),
    "3x3": ((3, 3), (3, 3), ((0, 0), (0, 0))),
    "overlapping": ((3, 3), (2, 2), ((0, 0), (0, 0))),
    "padded": ((2, 2), (2, 2), ((1, 0), (0, 1))),
    "5x5": ((5, 5), (1, 1), ((0, 0), (0, 0))),
}
ACTIVATIONS = {
    "relu": lambda z: b.unary("relu", z),
    "tanh": lambda z: b.unary("tanh", z),
    "of two": lambda z: b.mul(z, b.unary("exp", z)),
    "none": lambda z: z,
    "clipped": lambda z: b.where(b.compare("lt", z, 0.5), b.unary("relu", z), 0.5),
}


def agree(inputs, arrays, outputs, block):
    """By plans for a device that writes so many rows, and by NumPy."""
    with as_if_large():
        plan = lower(inputs, [], outputs, block=block)
    wanted = evaluate(outputs, dict(zip(inputs, arrays, strict=True)))
    for got in textures.both(plan, arrays, outputs, []):
        for a, e in zip(got, wanted, strict=True):
            np.testing.assert_allclose(a, e, 2e-4, 2e-5 * max(1, np.abs(e).max()))
    return plan


@pytest.mark.parametrize("channels", [1, 3, 8])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("pool", POOLS)
def test_convolutions_and_their_pools(pool, activation, channels):
    x, w = b.input_node((3, 11, 12, channels), "float32"), b.input_node((3, 3, channels, 6), "float32")
    c = b.input_node((6,), "float32")
    # not of the numbers that all tests share, by which one had two candidates for a maximum that rounding decides on
    rng = np.random.default_rng(channels)
    arrays = [rng.standard_normal(n.shape).astype(np.float32) / 4 for n in (x, w, c)]
    z = b.add(b.conv(x, w, **PLAIN), b.broadcast(c, (3, 9, 10, 6)))
    pooled = b.pool("max", ACTIVATIONS[activation](z), *POOLS[pool])
    slopes = gradient(b.reduce("sum", b.mul(pooled, pooled), (0, 1, 2, 3)), [x, w, c])
    for block in (4, 8):
        agree([x, w, c], arrays, [pooled], block)
        agree([x, w, c], arrays, [pooled, *slopes], block)


@pytest.mark.parametrize("also", ["the map", "a sum of the map", "another pool", "the map before its activation"])
def test_a_map_that_others_read_too(also):
    x, w = b.input_node((2, 8, 8, 4), "float32"), b.input_node((3, 3, 4, 4), "float32")
    arrays = [RNG.standard_normal(n.shape).astype(np.float32) for n in (x, w)]
    z = b.conv(x, w, **PLAIN)
    y = b.unary("relu", z)
    more = {
        "the map": y,
        "a sum of the map": b.reduce("sum", y, (1, 2)),
        "another pool": b.pool("max", y, (3, 3), (3, 3), ((0, 0), (0, 0))),
        "the map before its activation": z,
    }[also]
    pooled = b.pool("max", y, *POOLS["2x2"])
    for block in (4, 8):
        agree([x, w], arrays, [pooled, more], block)


def test_gradients_of_maxima_that_are_alike_or_no_numbers():
    x = b.input_node((1, 6, 6, 4), "float32")
    pooled = b.pool("max", b.unary("relu", x), *POOLS["2x2"])
    (slope,) = gradient(b.reduce("sum", pooled, (0, 1, 2, 3)), [x])
    same, nothing = np.ones(x.shape, np.float32), np.full(x.shape, np.nan, np.float32)
    negative = np.where(RNG.random(x.shape) < 0.7, np.float32(-1), np.float32(1)).astype(np.float32)
    for array, block in itertools.product((same, negative, nothing), (4, 8)):
        with np.errstate(invalid="ignore"):
            agree([x], [array], [slope], block)


def test_where_a_maximum_is_beside_no_number():
    x = b.input_node((1, 2, 2, 1), "float32")
    index = b.pool("argmax", x, *POOLS["2x2"])
    agree([x], [np.float32([1, np.nan, 3, -2]).reshape(1, 2, 2, 1)], [index], 8)


def test_maps_of_a_network_are_never_stored():
    graph = compiled(workloads.mnist_cnn(), 64)
    plan = lower(graph.inputs, graph.scalars, graph.outputs, graph.swaps, log=True, block=8)
    maps = {(6, 4096), (6, 9216), (4, 4608)}
    assert len(plan.draws) <= 17 and bytes_written(plan) <= 1.9e6
    assert not maps & {(t.width, t.height) for t in plan.textures}
