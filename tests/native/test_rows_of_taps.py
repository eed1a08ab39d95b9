"""Convolutions much of whose kernels lies outside of the image, as of the gradients of those without padding."""

import pytest

from tests.native.test_plan_properties import compiled, fragments, texels_read
from tests.native.test_spread_pixels import checked, convolved, with_slopes
from tests.perf import workloads
from weblayers.compiler.lower import lower
from weblayers.compiler.statements import Leave, Loop
from weblayers.graph import build as b


def leaves(block):
    return sum(leaves(s.body) if isinstance(s, Loop) else isinstance(s, Leave) for s in block)


@pytest.mark.parametrize("width", [8, 10, 12, 14, 16])
@pytest.mark.parametrize(
    ("height", "kernel", "pad"),
    [(8, 5, (4, 4)), (3, 5, (4, 4)), (1, 3, (2, 2)), (6, 4, (0, 3)), (6, 4, (3, 0)), (5, 3, (6, 7)), (9, 7, (3, 3))],
)
def test_images_in_wide_margins(height, kernel, pad, width):
    """Above and below, beside, of rows that have whole blocks, halves of them and others; rows without any tap."""
    x, w = b.input_node((3, height, width - 4, 4), "float32"), b.input_node((kernel, 5, 4, 8), "float32")
    checked(b.conv(x, w, (1, 1), (pad, (4, 4))), [x, w])


@pytest.mark.parametrize(("stride", "dilation"), [(1, 2), (2, 1), (3, 1), (2, 2)])
def test_margins_of_strides_and_dilations(stride, dilation):
    y, nodes = convolved((2, 7, 12, 4), 8, (3, 3), (stride, stride), ((4, 4), (4, 4)), dilation)
    checked(y, nodes)


def test_one_output_channel_one_row_of_taps_and_three_axes():
    for shape, kernel in (
        ((2, 6, 8, 4), (5, 5, 4, 1)),
        ((2, 6, 8, 4), (1, 5, 4, 8)),
        ((2, 4, 4, 4, 4), (3, 3, 3, 4, 4)),
    ):
        x, w = b.input_node(shape, "float32"), b.input_node(kernel, "float32")
        rank = len(shape) - 2
        checked(b.conv(x, w, (1,) * rank, ((4, 4),) * rank), [x, w])


def input_gradient(width, kernel):
    y, (x, w) = convolved((8, width, width, 16), 16, (kernel, kernel), (1, 1), ((0, 0), (0, 0)))
    return lower([x, w], [], with_slopes(y, [x])[1:], block=8)


def test_rows_of_taps_that_lie_outside_are_left_out():
    draw = input_gradient(12, 5).draws[-1]
    assert leaves(draw.shader.body) == 2


def test_where_few_lie_outside_all_are_multiplied():
    x, w = b.input_node((8, 16, 16, 16), "float32"), b.input_node((3, 3, 16, 16), "float32")
    (draw,) = lower([x, w], [], [b.conv(x, w, (1, 1), ((1, 1), (1, 1)))]).draws
    assert not leaves(draw.shader.body)


def test_a_convolutional_networks_step():
    """Where rows have whole blocks of four, eight pixels read their weights once."""
    graph = compiled(workloads.mnist_cnn(), 64)
    plan = lower(graph.inputs, graph.scalars, graph.outputs, graph.swaps, log=True, block=8)
    assert texels_read(plan) <= 4.65e6 and len(plan.draws) <= 17
    draw = max(plan.draws, key=fragments)
    assert len(draw.targets) == 8
