"""What is done beside a product's draw, or in it: moves, biases of heads, sums of rows, a softmax' gradient."""

import numpy as np
import pytest

from tests import textures
from weblayers.compiler.lower import lower
from weblayers.compiler.simplify import simplify
from weblayers.graph import build as b
from weblayers.graph.evaluate import evaluate
from weblayers.graph.gradient import gradient
from weblayers.graph.node import topological

RNG = np.random.default_rng(5)


def normal(*shape):
    return RNG.normal(0, 0.5, shape).astype(np.float32)


def agree(inputs, arrays, outputs, block=4):
    """The plan of the outputs, which computes what NumPy does."""
    plan = lower(inputs, [], outputs, block=block)
    expected = evaluate(outputs, dict(zip(inputs, arrays, strict=True)))
    for got, wanted in zip(textures.run(plan, arrays, outputs), expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=2e-4, atol=2e-5)
    return plan


def attention(samples, steps, heads, size, drops=False):
    """Attention of a sequence to itself, with its gradients: what a layer of several heads makes of it."""
    width = 8
    x = b.input_node((samples * steps, width), "float32")
    kernels = [b.input_node((width, heads * size), "float32") for _ in "qkv"]
    biases = [b.input_node((heads, size), "float32") for _ in "qkv"]
    kept = b.input_node((samples, heads, steps, steps), "float32")

    def of_heads(kernel, bias):
        wide = b.reshape(b.dot(x, kernel), (samples, steps, heads, size))
        return b.transpose(wide + b.broadcast(bias, wide.shape), (0, 2, 1, 3))

    q, k, v = map(of_heads, kernels, biases)
    scores = b.dot(q * 0.5, k, tb=True)
    shares = b.bind("softmax", scores, axes=(3,))
    mixed = b.dot(shares * kept if drops else shares, v)
    out = b.reshape(b.transpose(mixed, (0, 2, 1, 3)), (samples * steps, heads * size))
    inputs = [x, *kernels, *biases, *([kept] if drops else [])]
    # what all keys have in common changes nothing: the gradient of their bias is what rounding leaves
    grads = gradient(b.reduce("sum", out * out * 0.5), [*inputs[:5], inputs[6]])
    arrays = [normal(*n.shape) for n in inputs[:7]]
    if drops:
        arrays.append((RNG.random(kept.shape) < 0.8).astype(np.float32) / np.float32(0.8))
    return inputs, arrays, [out, *grads]


SHAPES = [(2, 64, 4, 16), (2, 50, 3, 4), (3, 7, 2, 8), (2, 6, 3, 3), (1, 5, 1, 4), (2, 1, 2, 4)]


@pytest.mark.parametrize("drops", [False, True])
@pytest.mark.parametrize("block", [4, 8])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_attention_and_its_gradients(shape, block, drops):
    agree(*attention(*shape, drops), block=block)


def test_heads_are_read_where_products_have_left_them():
    """No draw moves or biases them: each computes a product, a softmax or a sum."""
    inputs, _, outputs = attention(2, 64, 4, 16)
    plan = lower(inputs, [], outputs, block=8)
    # q, k, v and scores; largest and sum, shares; mixed, result, the gradient of that
    # back: to shares of values, sums and scores, q, k and v; each projection's kernel, bias (in one) and input
    assert len(plan.draws) <= 26
    scores = 2 * 4 * 64 * 64 * 4
    written = [d.viewport[2] * d.viewport[3] * len(d.targets) * 16 for d in plan.draws]
    # scores, shares, and the gradient of scores: not what is passed on to shares
    assert sum(w == scores for w in written) == 3


@pytest.mark.parametrize("drops", [False, True])
def test_a_softmax_gradient_sums_over_the_values(drops):
    _, _, outputs = attention(2, 64, 4, 16, drops)
    sums = [n for n in topological(simplify(outputs)) if n.op == "reduce_sum" and n.shape == (2, 4, 64)]
    assert sorted(n.inputs[0].shape[-1] for n in sums) == [16, 64]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("other", [1, -1])
def test_sums_of_products_keep_their_signs(sign, other):
    a, y = b.input_node((6, 4), "float32"), b.input_node((6, 4), "float32")
    x = b.input_node((6, 6), "float32")
    shares = x if sign == 1 else b.neg(x)
    summed = x if other == 1 else b.neg(x)
    outputs = [b.dot(shares, y), b.reduce("sum", b.dot(a, y, tb=True) * summed, 1)]
    agree([a, y, x], [normal(*n.shape) for n in (a, y, x)], outputs)


def test_sums_of_other_products_stay():
    """Of another matrix than that whose product is there, or of another share."""
    a, y, z = (b.input_node((6, 4), "float32") for _ in range(3))
    x, other = (b.input_node((6, 6), "float32") for _ in range(2))
    product = b.dot(a, y, tb=True)
    outputs = [
        b.dot(x, y),
        b.dot(x, z),
        b.reduce("sum", product * x, 1),
        b.reduce("sum", product * other, 1),
        b.reduce("sum", b.neg(product) * x, 1),
        b.reduce("sum", product * x * x, 1),
        b.reduce("sum", product * x, 0),
        b.reduce("sum", b.dot(z, z, tb=True) * x, 1),
    ]
    inputs = [a, y, z, x, other]
    agree(inputs, [normal(*n.shape) for n in inputs], outputs)
    assert sum(n.op == "reduce_sum" and n.inputs[0].shape == (6, 4) for n in topological(simplify(outputs))) == 2


STATISTICS = [
    ((64, 40), 1),
    ((40, 64), 0),
    ((6, 10, 7), 1),
    ((5, 3, 130), 2),
    ((16, 4, 64, 64), 3),
    ((9, 6, 8), (1, 2)),
]


@pytest.mark.parametrize(("shape", "axis"), STATISTICS, ids=str)
def test_what_is_known_of_a_row_takes_a_draw(shape, axis):
    """A mean and what is summed beside it, or a largest value and the sum below it."""
    x = b.input_node(shape, "float32")
    largest = b.reduce("max", x, axis, keepdims=True)
    below = b.reduce("sum", b.unary("exp", x - largest), axis, keepdims=True)
    mean = b.reduce("sum", x, axis, keepdims=True) / 40.0
    spread = b.reduce("sum", (x - mean) * (x - mean), axis, keepdims=True)
    for first, second in ((largest, below), (mean, spread)):
        plan = agree([x], [normal(*shape)], [first, second])
        assert len(plan.draws) == 1


@pytest.mark.parametrize("shape", [(32, 16, 16, 12), (4096, 8), (1009, 16), (2, 2048, 3), (5000,)], ids=str)
def test_a_variance_takes_two_draws(shape):
    """Both sums of parts, then of all: as exact far from zero as in two passes."""
    x = b.input_node(shape, "float32")
    axes = tuple(range(max(1, len(shape) - 1)))
    count = float(np.prod([shape[a] for a in axes]))
    mean = b.reduce("sum", x, axes, keepdims=True) / count
    variance = b.reduce("sum", (x - mean) * (x - mean), axes) / count
    values = normal(*shape) + np.float32(300)
    plan = lower([x], [], [b.reshape(mean, variance.shape), variance])
    got = textures.run(plan, [values], [b.reshape(mean, variance.shape), variance])
    np.testing.assert_allclose(got[0], values.astype(np.float64).mean(axes), rtol=1e-6)
    np.testing.assert_allclose(got[1], values.astype(np.float64).var(axes), rtol=1e-4)
    # of primes, what is left over is summed apart
    assert len(plan.draws) <= (4 if shape[0] == 1009 else 2)


def test_the_gradient_of_a_variance_sums_no_distances():
    x, w = b.input_node((64, 8), "float32"), b.input_node((64, 8), "float32")
    mean = b.reduce("sum", x, 0, keepdims=True) / 64.0
    variance = b.reduce("sum", (x - mean) * (x - mean), 0, keepdims=True) / 64.0
    normalized = (x - mean) * b.unary("rsqrt", variance + 0.001)
    outputs = gradient(b.reduce("sum", normalized * w), [x])
    agree([x, w], [normal(64, 8) + 3, normal(64, 8)], outputs)
    sums = [n for n in topological(simplify(outputs)) if n.op == "reduce_sum" and n.inputs[0].shape == (64, 8)]
    # the mean, the variance, what comes back, and that times the distances
    assert len(sums) == 4


def test_sums_of_other_distances_stay():
    """From what is no mean, is another's, or is one along other axes."""
    x, y = b.input_node((24, 8), "float32"), b.input_node((24, 8), "float32")
    means = [
        b.reduce("sum", x, 0, keepdims=True) / 23.0,
        b.reduce("sum", y, 0, keepdims=True) / 24.0,
        b.reduce("sum", x, 1, keepdims=True) / 8.0,
        b.reduce("sum", x, 0, keepdims=True) / 24.0 * 2.0,
    ]
    factor = b.reduce("max", y, 0, keepdims=True)
    outputs = [b.reduce("sum", (x - m) * factor, 0) for m in means]
    agree([x, y], [normal(24, 8) + 1, normal(24, 8)], outputs)
    agree([x, y], [normal(24, 8) + 1, normal(24, 8)], [b.reduce("sum", (x - means[0]) * (x - means[0]), 0)])


def test_what_is_read_of_another_row_waits_for_it():
    x = b.input_node((64, 40), "float32")
    largest = b.reduce("max", x, 1)
    turned = b.broadcast(b.reshape(b.reverse(largest, (0,)), (64, 1)), (64, 40))
    plan = agree([x], [normal(64, 40)], [largest, b.reduce("sum", x - turned, 1)])
    assert len(plan.draws) == 2


@pytest.mark.parametrize("bias", [(4, 5), (1, 4, 5), (20,), (5,), (3, 1, 5)], ids=str)
def test_biases_of_moved_products(bias):
    """Of all shapes that can be added to one seen as heads."""
    x, w, c = b.input_node((6, 7), "float32"), b.input_node((7, 20), "float32"), b.input_node(bias, "float32")
    product = b.dot(x, w)
    shape = (6, 20) if bias == (20,) else (2, 3, 4, 5)
    heads = b.reshape(product, shape)
    value = b.unary("tanh", heads + b.broadcast(c, shape)) * 3.0 if bias != (20,) else heads + b.broadcast(c, shape)
    inputs, arrays = [x, w, c], [normal(6, 7), normal(7, 20), normal(*bias)]
    agree(inputs, arrays, [value, b.transpose(value * 2.0, tuple(reversed(range(len(shape)))))])
    agree(inputs, arrays, [value, product])


# -- what lies side by side -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [4, 8])
@pytest.mark.parametrize(
    ("widths", "draws"), [((8, 4), 1), ((64, 12, 8), 1), ((4, 3), 2), ((4,) * 7, 1), ((4,) * 14, 3)]
)
@pytest.mark.parametrize("turned", [False, True])
def test_products_read_what_lies_side_by_side(widths, draws, turned, block):
    """Part by part, where parts are whole texels and a draw can read them all: many are put together first."""
    parts = [b.input_node((16, w), "float32") for w in widths]
    w = b.input_node((12, sum(widths)) if turned else (sum(widths), 12), "float32")
    inputs = [*parts, w]
    product = b.dot(b.concat(parts, 1), w, tb=turned)
    plan = agree(inputs, [normal(*n.shape) for n in inputs], [b.unary("relu", product)], block)
    assert len(plan.draws) == draws


def test_what_others_need_as_one_is_stored_as_one():
    """A kernel's gradient reads columns: then the product reads them too."""
    parts = [b.input_node((16, 8), "float32") for _ in range(2)]
    w, dy = b.input_node((16, 12), "float32"), b.input_node((16, 12), "float32")
    inputs = [*parts, w, dy]
    joined = b.concat(parts, 1)
    outputs = [b.dot(joined, w), b.dot(joined, dy, ta=True)]
    plan = agree(inputs, [normal(*n.shape) for n in inputs], outputs)
    assert sum(len(d.samplers) == 2 for d in plan.draws) == 3
    # as an output, and in the axis of rows
    agree(inputs, [normal(*n.shape) for n in inputs], [joined, b.dot(joined, w)])
    agree(inputs, [normal(*n.shape) for n in inputs], [b.dot(b.concat(parts, 0), b.slice_(w, (0, 0), (8, 12)))])
