"""Convolutions of pixels that lie apart (transposed ones, input gradients behind strides), pools that spread theirs."""

import itertools
import math

import numpy as np
import pytest

import weblayers as wl
from tests.native.test_plan_properties import compiled, fetches, fragments, texels_read
from tests.native.test_pooling_plans import agree
from tests.perf import workloads
from weblayers.compiler.explain import counted
from weblayers.compiler.lower import lower
from weblayers.graph import build as b
from weblayers.graph.gradient import gradient
from weblayers.graph.scan import each, over

RNG = np.random.default_rng(0)


def values_of(*nodes):
    return [RNG.standard_normal(n.shape).astype(np.float32) for n in nodes]


def with_slopes(value, inputs):
    """A value, and the gradients of a function of it, its sum behind a bend."""
    return [value, *gradient(b.reduce("sum", value * b.unary("tanh", value), range(len(value.shape))), inputs)]


def checked(value, inputs):
    for block in (4, 8):
        agree(inputs, values_of(*inputs), with_slopes(value, inputs), block)


# -- what comes out ---------------------------------------------------------------------------------------------------


def convolved(shape, filters, kernel, strides, padding, dilation=1):
    """A convolution with strides, whose input gradient is one of pixels apart, and its inputs."""
    rank = len(shape) - 2
    x, w = b.input_node(shape, "float32"), b.input_node((*kernel, shape[-1], filters), "float32")
    return b.conv(x, w, strides, padding, rhs_dilation=(dilation,) * rank), [x, w]


@pytest.mark.parametrize("kernel", range(1, 8))
@pytest.mark.parametrize("stride", range(1, 5))
def test_strides_and_kernels(stride, kernel):
    """Rows of odd and of even length, of whole blocks and of others; channels that fill texels and that do not."""
    channels = itertools.cycle(((1, 3), (3, 1), (8, 4), (4, 8), (3, 3)))
    for width, pad in (
        (9, (0, 0)),
        (12, (kernel // 2, (kernel - 1) // 2)),
        (14, (kernel - 1, kernel - 1)),
        (16, (0, 1)),
    ):
        inputs, filters = next(channels)
        window, strides = (min(kernel, 4), kernel), (max(1, stride - 1), stride)
        y, nodes = convolved((1, 7, width, inputs), filters, window, strides, ((1, 0), pad))
        checked(y, nodes)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(("stride", "dilation"), [(2, 1), (3, 1), (1, 2), (2, 3), (2, 2), (4, 2)])
def test_dilated_kernels_over_one_two_and_three_axes(rank, stride, dilation):
    size = {1: (29,), 2: (9, 12), 3: (5, 6, 8)}[rank]
    kernel = (2,) * (rank - 1) + (3,)
    y, nodes = convolved((2, *size, 3), 5, kernel, (stride,) * rank, ((1, 2),) * rank, dilation)
    checked(y, nodes)


@pytest.mark.parametrize("channels", [(1, 8), (8, 1), (3, 8)])
@pytest.mark.parametrize("pad", ["same", "valid"])
@pytest.mark.parametrize(
    ("stride", "kernel", "more"), [(2, 3, 0), (2, 2, 1), (2, 5, 1), (3, 2, 2), (4, 3, 0), (1, 4, 0)]
)
def test_transposed(stride, kernel, more, pad, channels):
    """``more`` pixels at the end, as by output_padding."""
    inputs, outputs = channels
    sizes = [n * stride + more + (max(0, kernel - stride) if pad == "valid" else 0) for n in (4, 3)]
    x = b.input_node((2, 4, 3, inputs), "float32")
    w = b.input_node((kernel, kernel, outputs, inputs), "float32")
    checked(wl.convolution_transpose(x, w, sizes, stride, pad), [x, w])


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("size", [8, 9])
def test_depthwise(size, stride):
    x, w = b.input_node((1, size, size, 3), "float32"), b.input_node((3, 3, 3, 2), "float32")
    checked(wl.depthwise_convolution(x, w, stride, "same"), [x, w])


def test_axes_of_which_one_is_dilated_and_one_has_strides():
    x, w = b.input_node((2, 5, 12, 3), "float32"), b.input_node((3, 3, 3, 4), "float32")
    checked(b.conv(x, w, (1, 2), ((2, 1), (1, 1)), (2, 1)), [x, w])


def spread(width, filters=8):
    """An image of so many pixels a row, each behind a stride of 2, and its inputs."""
    x, w = b.input_node((3, 5, (width + 1) // 2, 4), "float32"), b.input_node((3, 3, filters, 4), "float32")
    return wl.convolution_transpose(x, w, [10, width], 2, "same"), [x, w]


READERS = {
    "elementwise": lambda z: b.unary("tanh", z),
    "flattened": lambda z: b.reshape(z, (z.shape[0], z.aval.size // z.shape[0])),
    "transposed": lambda z: b.transpose(z, (0, 2, 1, 3)),
    "cut": lambda z: b.slice_(z, (0, 1, 2, 0), (3, 9, z.shape[2] - 1, z.shape[3])),
    "joined": lambda z: b.concat([z, z * 2.0], 2),
    "summed": lambda z: b.reduce("sum", z, (0, 1, 2)),
    "pooled": lambda z: b.pool("max", z, (2, 2), (2, 2), ((0, 0), (0, 0))),
    "backwards": lambda z: b.reverse(z, (2,)),
}


@pytest.mark.parametrize("filters", [1, 3, 8])
@pytest.mark.parametrize("width", [5, 7, 10, 13, 14, 15])
@pytest.mark.parametrize("reader", READERS)
def test_rows_that_are_filled_up_to_whole_blocks(reader, width, filters):
    """Whoever reads them finds the pixels, and none of those that fill their rows."""
    z, nodes = spread(width, filters)
    checked(READERS[reader](b.unary("sigmoid", z)), nodes)


def test_an_image_that_several_read():
    z, nodes = spread(14)
    w = b.input_node((3, 3, 8, 8), "float32")
    y = b.conv(b.unary("relu", z), w, (2, 2), ((0, 1), (0, 1)))
    again = wl.convolution_transpose(y, w, [10, 14], 2, "same")
    checked(b.add(again, z), [*nodes, w])


# -- what it takes ----------------------------------------------------------------------------------------------------


def multiply_adds(plan):
    return sum(counted(d, plan).multiply_adds for d in plan.draws)


def input_gradient(width, kernel, stride, channels=8):
    """The plan of one over 4 images, with padding ``same``."""
    out = -(-width // stride)
    around = max(0, (out - 1) * stride + kernel - width)
    y, (x, w) = convolved(
        (4, width, width, channels), channels, (kernel,) * 2, (stride,) * 2, ((around // 2, around - around // 2),) * 2
    )
    g = b.input_node(y.shape, "float32")
    (slope,) = gradient(b.reduce("sum", y * g, (0, 1, 2, 3)), [x])
    return lower([x, w, g], [], [slope])


# Of a width, a kernel and a stride: the taps of an output, and the texels that a block reads for four channels. Along
# columns these are the most taps that meet a pixel. So they are along rows, where each of four pixels has weights of
# its own, but where it is known which of them have fewer taps, and which have the same.
TAPS = {
    (12, 3, 2): (2 * 1.5, 2 * (3 * 4 + 3)),
    (14, 3, 2): (2 * 1.5, 2 * (2 * 3 * 4 + 4)),
    (16, 4, 2): (2 * 2, 2 * (4 * 4 + 4)),
    (12, 5, 2): (3 * 2.5, 3 * (5 * 4 + 4)),
    (16, 2, 4): (1 * 0.5, 2 * 4 + 1),
    (16, 6, 4): (2 * 1.5, 2 * (6 * 4 + 3)),
    (12, 1, 2): (1 * 0.5, 1 * 4 + 2),
    (15, 3, 2): (2 * 2, 2 * 2 * 4 * 5),
    (15, 3, 3): (1 * 1, 4 * 5),
    (15, 4, 3): (2 * 2, 2 * 2 * 4 * 5),
    (12, 3, 1): (3 * 3, 3 * (3 * 4 + 6)),
}


@pytest.mark.parametrize("case", TAPS)
def test_only_taps_on_pixels_are_multiplied(case):
    width, *_ = case
    plan = input_gradient(*case)
    (draw,), (taps, texels) = plan.draws, TAPS[case]
    assert multiply_adds(plan) == 4 * width * width * 8 * 8 * taps
    assert texels_read(plan) == fragments(draw) * 2 * texels


def test_kernel_gradients_of_transposed_convolutions_are_those_of_strides():
    """They multiply what lies on pixels, and are laid out as the kernel is."""
    x, w = b.input_node((4, 6, 6, 8), "float32"), b.input_node((3, 3, 4, 8), "float32")
    y = wl.convolution_transpose(x, w, [12, 12], 2, "same")
    g = b.input_node(y.shape, "float32")
    (slope,) = gradient(b.reduce("sum", y * g, (0, 1, 2, 3)), [w])
    plan = lower([x, w, g], [], [slope])
    assert multiply_adds(plan) <= 1.1 * 4 * 6 * 6 * w.aval.size
    assert len(plan.draws) <= 2


def test_pixels_of_a_filled_row_multiply_the_same_weights():
    """For four channels, where half of the rows of taps meet pixels: three taps of two such rows, and the pixels."""
    z, nodes = spread(14)
    w = b.input_node((3, 3, 8, 8), "float32")
    plan = lower([*nodes, w], [], [b.conv(z, w, (1, 1), ((0, 0), (0, 0)))])
    draw, _ = plan.draws
    assert fragments(draw) == 3 * 10 * (16 // 4) * (8 // 4)
    assert fetches(draw.shader.body) == 2 * (3 * 4 + 3)


@pytest.mark.parametrize(("size", "stride"), [(28, 1), (28, 2), (24, 1), (20, 2), (12, 4)])
def test_taps_of_one_channel_read_what_their_block_has_in_common(size, stride):
    """Of four outputs, or two, whose pixels lie in as few texels."""
    y, (x, w) = convolved((4, size, size, 1), 8, (3, 3), (stride, stride), ((0, 2), (0, 2)))
    g = b.input_node(y.shape, "float32")
    (slope,) = gradient(b.reduce("sum", y * g, (0, 1, 2, 3)), [w])
    plan = lower([x, w, g], [], [slope])
    agree([x, w, g], values_of(x, w, g), [slope], 4)
    draw = max(plan.draws, key=lambda d: fetches(d.shader.body))
    parts = draw.viewport[3] // 3
    together = math.gcd(y.shape[2], 4)
    blocks = math.prod(y.shape[:3]) // parts // together
    assert fetches(draw.shader.body) == blocks * (together + -(-((together - 1) * stride + 4) // 4))


def test_an_autoencoders_step():
    graph = compiled(workloads.autoencoder(), 32)
    plan = lower(graph.inputs, graph.scalars, graph.outputs, graph.swaps, log=True, block=8)
    assert multiply_adds(plan) <= 58e6 and texels_read(plan) <= 5.6e6
    assert len(plan.draws) <= 24


@pytest.mark.parametrize(("size", "stride"), [(12, 2), (14, 2), (12, 3)])
def test_means_are_handed_back_once(size, stride):
    """Every element reads the one window that it lies in; neighbours in one window read it together."""
    x, g = b.input_node((4, size, size, 8), "float32"), b.input_node((4, size // stride, size // stride, 8), "float32")
    window = {"window": (stride,) * 2, "strides": (stride,) * 2, "padding": ((0, 0),) * 2}
    (slope,) = gradient(b.reduce("sum", b.pool("sum", x, **window) * g, (0, 1, 2, 3)), [x])
    plan = lower([x, g], [], [slope])
    (draw,) = plan.draws
    assert texels_read(plan) <= fragments(draw) * (2 if stride == 2 else 4)


def test_what_would_be_too_large_is_not_filled_up():
    """As it is it takes a whole texture, folded three times: 4,096 rows of blocks, as many side by side."""
    x, w = b.input_node((9362, 1, 8, 1), "float32"), b.input_node((1, 2, 1, 4096), "float32")
    plan = lower([x, w], [], [b.reduce("sum", b.bind("store", b.conv(x, w, (1, 1), ((0, 0), (0, 0)))), (0, 1, 2))])
    assert max(max(t.width, t.height) for t in plan.textures) == 4096


@pytest.mark.parametrize("width", [7, 13, 14])
def test_what_a_loop_reads_slice_by_slice_is_not_filled_up(width):
    film, h = b.input_node((4, 16, 10, width, 3), "float32"), b.input_node((16, 10, width, 8), "float32")
    w, u = b.input_node((3, 3, 3, 8), "float32"), b.input_node((3, 3, 8, 8), "float32")
    same = {"strides": (1, 1), "padding": ((1, 1), (1, 1))}
    gates = b.reshape(b.conv(b.reshape(film, (64, *film.shape[2:])), w, **same), (4, *h.shape))

    def step(carries, slices):
        after = b.unary("tanh", b.conv(carries[0], u * 0.1, **same) + slices[0] * 0.1)
        return [after], [after]

    loop, (after,) = over([gates], [h], step)
    checked(each(loop, after), [film, h, w, u])
