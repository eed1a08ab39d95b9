"""Passes do what they are for, and keep what is odd: inputs as outputs, numbers, deep graphs, large tensors."""

import json
import struct

import numpy as np
import pytest

from tests import textures
from weblayers.compiler.layout import MAX_EXTENT, layout_of, pack, unpack
from weblayers.compiler.lower import lower
from weblayers.compiler.simplify import simplify
from weblayers.compiler.wire import serialize
from weblayers.graph import build as b
from weblayers.graph.evaluate import evaluate
from weblayers.graph.gradient import gradient
from weblayers.graph.node import topological


def test_equal_expressions_are_one_node():
    x = b.input_node((3,), "float32")
    assert b.unary("tanh", x + 1.0) is b.unary("tanh", x + 1.0)
    assert b.constant([1.0, 2.0]) is b.constant([1.0, 2.0])
    assert b.input_node((3,), "float32") is not x


def test_algebra_leaves_nothing_to_do():
    x = b.input_node((4, 4), "float32")
    for same in (
        (x * 1.0),
        (x + 0.0),
        (x - 0.0),
        (x / 1.0),
        b.neg(b.neg(x)),
        b.transpose(b.transpose(x)),
        b.power(x, 1.0),
    ):
        assert simplify([same]) == [x]


def test_a_deep_graph_needs_no_deep_stack():
    x = value = b.input_node((2,), "float32")
    for _ in range(3000):
        value = value + x
    (slope,) = gradient(b.reduce("sum", value), [x])
    np.testing.assert_allclose(evaluate([slope], {x: np.ones(2, np.float32)})[0], [3001, 3001])


def test_an_output_that_is_an_input_or_a_number_is_copied():
    x = b.input_node((3, 5), "float32")
    s = b.scalar_node()
    array = np.arange(15, dtype=np.float32).reshape(3, 5)
    outputs = [x, s * 2.0, b.constant(4.0), b.constant(array)]
    got = textures.run(lower([x], [s], outputs), [array], outputs, [3.0])
    for value, expected in zip(got, (array, 6.0, 4.0, array), strict=True):
        np.testing.assert_array_equal(value, expected)


def test_no_draw_reads_too_many_textures():
    xs = [b.input_node((2, 3), "float32") for _ in range(40)]
    arrays = [np.full((2, 3), i, np.float32) for i in range(40)]
    total = xs[0]
    for x in xs[1:]:
        total = total + x
    plan = lower(xs, [], [total])
    assert max(len(d.samplers) for d in plan.draws) <= 16
    np.testing.assert_allclose(textures.run(plan, arrays, [total])[0], np.sum(arrays, 0))


def test_gradients_of_what_has_none_are_refused():
    x = b.input_node((3,), "float32")
    with pytest.raises(ValueError, match="only a scalar has a gradient"):
        gradient(x * 2.0, [x])
    assert evaluate(gradient(b.reduce("sum", b.unary("floor", x)), [x]), {x: np.ones(3, np.float32)})[0].tolist() == [
        0,
        0,
        0,
    ]


@pytest.mark.parametrize(
    "shape", [(), (1,), (7,), (3, 5), (2, 3, 4), (9, 1), (1, 6), (4 * MAX_EXTENT + 5, 3), (4 * MAX_EXTENT + 5,)]
)
def test_packing_and_unpacking(shape):
    array = np.arange(int(np.prod(shape)), dtype=np.float32).reshape(shape)
    layout = layout_of(shape)
    texture = pack(array, layout)
    assert texture.shape == (layout.layers, layout.height, layout.width, 4)
    assert max(texture.shape[1:3]) <= MAX_EXTENT
    np.testing.assert_array_equal(unpack(texture, layout, shape, array.dtype), array)


def test_a_tensor_too_large_for_a_texture_is_refused():
    with pytest.raises(ValueError, match="too large for one texture"):
        layout_of((4 * MAX_EXTENT * 2, 4 * MAX_EXTENT))


def test_a_plan_as_bytes():
    x = b.input_node((3, 5), "float32")
    s = b.scalar_node()
    data = serialize(lower([x], [s], [x * b.power(s, 2.0) + b.constant(np.ones((3, 5), np.float32))]))
    assert data[:4] == b"WLP1"
    (length,) = struct.unpack("<I", data[4:8])
    header = json.loads(data[8 : 8 + length])
    assert (8 + length) % 8 == 0
    assert header["version"] == 1 and header["inputs"] == 1 and header["scalar_inputs"] == 1
    ((texture, offset, count),) = header["constants"]
    assert len(data) == 8 + length + 4 * count and offset == 0
    w, h, layers, _ = header["textures"][texture]
    assert count == w * h * layers * 4
    for draw in header["draws"]:
        assert set(draw) == {"shader", "targets", "viewport", "samplers", "uniforms", "work"}
        source = header["shaders"][draw["shader"]]
        assert source.startswith("#version 300 es") and f"o{len(draw['targets']) - 1};" in source
    assert all(n.op != "pow" for n in topological(simplify([b.power(x, 2.0)])))
