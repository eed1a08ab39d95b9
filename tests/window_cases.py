"""Products, windows, images, and what goes by index, on random shapes; see :mod:`tests.op_cases`."""

import numpy as np

import weblayers as wl
from tests.op_cases import entry, floats, integers

# -- products and windows ---------------------------------------------------------------------------------------------

for _a in (False, True):
    for _b in (False, True):

        @entry(f"mat_mul{' ta' if _a else ''}{' tb' if _b else ''}")
        def _(rng, a, b, c, ta=_a, tb=_b):
            left, right = ((b, a) if ta else (a, b)), ((c, b) if tb else (b, c))
            return lambda x, y: wl.mat_mul(x, y, ta, tb), [floats(rng, left), floats(rng, right)]


@entry("mat_mul, batched")
def _(rng, a, b, c):
    return wl.mat_mul, [floats(rng, (2, a, b)), floats(rng, (2, b, c))]


@entry("einsum")
def _(rng, a, b, c):
    return lambda x, y: wl.einsum("abc,cbd->dab", x, y), [floats(rng, (a, b, c)), floats(rng, (c, b, 3))]


@entry("einsum, of one")
def _(rng, a, b, c):
    return lambda x: wl.einsum("...aba->b...", x), [floats(rng, (c, a, b, a))]


@entry("einsum, of three")
def _(rng, a, b, c):
    arrays = [(a, b), (b, 2, 2), (a, c)]
    return lambda *given: wl.einsum("ab,bdd,ac->cd", *given), [floats(rng, s) for s in arrays]


@entry("outer_product")
def _(rng, a, b, c):
    return wl.outer_product, [floats(rng, (a,)), floats(rng, (b,))]


@entry("conv1d")
def _(rng, a, b, c):
    return lambda x, w: wl.conv1d(x, w, 2, "same"), [
        floats(rng, (2, a + 3, max(1, b))),
        floats(rng, (3, max(1, b), c + 1)),
    ]


@entry("conv2d")
def _(rng, a, b, c):
    x, w = (2, a + 3, b + 3, c + 1), (2, 3, c + 1, max(1, a))
    return lambda x, w: wl.conv2d(x, w, 1 + b % 2, "same" if a % 2 else "valid"), [floats(rng, x), floats(rng, w)]


@entry("conv2d, pointwise")
def _(rng, a, b, c):
    x, w = (1, a + 1, b + 1, max(1, c)), (1, 1, max(1, c), max(1, b))
    return lambda x, w: wl.conv2d(x, w, 1 + a % 2, "valid"), [floats(rng, x), floats(rng, w)]


@entry("conv2d_transpose")
def _(rng, a, b, c):
    x, w = (1, a + 1, b + 1, max(1, c)), (3, 2, max(1, b), max(1, c))
    shape = [1, (a + 1) * 2, (b + 1) * 2, max(1, b)]
    return lambda x, w: wl.conv2d_transpose(x, w, shape, 2, "same"), [floats(rng, x), floats(rng, w)]


@entry("conv3d")
def _(rng, a, b, c):
    x, w = (1, a % 5 + 2, b % 5 + 2, c % 5 + 2, 2), (2, 2, 1, 2, max(1, a % 5))
    return lambda x, w: wl.conv3d(x, w, 1, "same"), [floats(rng, x), floats(rng, w)]


@entry("depthwise_conv2d")
def _(rng, a, b, c):
    x, w = (1, a + 3, b + 3, max(1, c)), (3, 2, max(1, c), 1 + a % 3)
    return lambda x, w: wl.depthwise_conv2d(x, w, 1 + b % 2, "same"), [floats(rng, x), floats(rng, w)]


@entry("dilation2d")
def _(rng, a, b, c):
    x, w = (1, a + 3, b + 3, max(1, c)), (2, 2, max(1, c))
    return lambda x, w: wl.dilation2d(x, w, 1, "same"), [floats(rng, x), floats(rng, w, 0, 0.01)]


for _name in ["max_pool", "avg_pool"]:

    @entry(_name)
    def _(rng, a, b, c, name=_name):
        return lambda x: getattr(wl, name)(x, [2, 3], 1 + a % 2, "same"), [floats(rng, (1, a + 2, b + 3, max(1, c)))]


@entry("pool, dilated")
def _(rng, a, b, c):
    return lambda x: wl.pool(x, 2, "avg", "same", 2), [floats(rng, (1, a + 3, b + 3, max(1, c)))]


# -- by index and order -----------------------------------------------------------------------------------------------


@entry("gather")
def _(rng, a, b, c):
    index = integers(rng, (3, a), b + 1)
    return lambda x: wl.gather(x, index, 1), [floats(rng, (a, b + 1, c))]


@entry("gather, batched")
def _(rng, a, b, c):
    index = integers(rng, (a, 3), b + 1)
    return lambda x: wl.gather(x, index, 1, 1), [floats(rng, (a, b + 1, c))]


@entry("gather_nd")
def _(rng, a, b, c):
    index = np.stack([integers(rng, (5,), a + 1), integers(rng, (5,), b + 1)], 1)
    return lambda x: wl.gather_nd(x, index), [floats(rng, (a + 1, b + 1, c))]


@entry("scatter_nd")
def _(rng, a, b, c):
    index = integers(rng, (b, 1), a + 1)
    return lambda u: wl.scatter_nd(index, u, [a + 1, c]), [floats(rng, (b, c))]


@entry("tensor_scatter_update")
def _(rng, a, b, c):
    index = integers(rng, (b, 1), a + 1)
    return lambda t, u: wl.tensor_scatter_update(t, index, u), [floats(rng, (a + 1, c)), floats(rng, (b, c))]


@entry("unsorted_segment_sum")
def _(rng, a, b, c):
    ids = integers(rng, (a,), b + 1)
    return lambda x: wl.unsorted_segment_sum(x, ids, b + 1), [floats(rng, (a, c))]


@entry("one_hot", flat=True)
def _(rng, a, b, c):
    return lambda i: wl.one_hot(i, c + 1), [integers(rng, (a, b), c + 1)]


@entry("sort")
def _(rng, a, b, c):
    return lambda x: wl.sort(x, b % 3, a % 2 == 0), [floats(rng, (a, b, c))]


@entry("argsort", flat=True)
def _(rng, a, b, c):
    return lambda x: wl.argsort(x, -1, a % 2 == 0), [integers(rng, (a, b, c), 4).astype(np.float32)]


@entry("topk")
def _(rng, a, b, c):
    return lambda x: wl.topk(x, min(c, 3))["values"], [floats(rng, (a, b, c))]


@entry("bincount")
def _(rng, a, b, c):
    numbers = integers(rng, (a,), b + 1)
    return lambda w: wl.bincount(numbers, w, b + 1), [floats(rng, (a,))]


@entry("dense_bincount")
def _(rng, a, b, c):
    numbers = integers(rng, (a, c), b + 1)
    return lambda w: wl.dense_bincount(numbers, w, b + 1), [floats(rng, (a, c))]


@entry("sparse_to_dense")
def _(rng, a, b, c):
    places = np.arange(a)[:, None].astype(np.int32)
    return lambda v: wl.sparse_to_dense(places, v, [a + 1]), [floats(rng, (a,))]


for _name in ["search_sorted", "lower_bound", "upper_bound"]:

    @entry(_name, flat=True)
    def _(rng, a, b, c, name=_name):
        ordered = np.sort(integers(rng, (a, b), 5), 1).astype(np.float32)
        return getattr(wl, name), [ordered, integers(rng, (a, c), 6).astype(np.float32)]


@entry("math.confusion_matrix", flat=True)
def _(rng, a, b, c):
    return lambda x, y: wl.math.confusion_matrix(x, y, b + 1), [integers(rng, (a,), b + 1), integers(rng, (a,), b + 1)]


# -- more products and windows ----------------------------------------------------------------------------------------


@entry("dot")
def _(rng, a, b, c):
    return wl.dot, [floats(rng, (b,)), floats(rng, (b, c))]


@entry("convolution")
def _(rng, a, b, c):
    x, w = (1, a + 2, b + 2, 2 * c + 2), (2, 2, c + 1, 4)
    return lambda x, w: wl.convolution(x, w, 1, "same", 1, 2), [floats(rng, x), floats(rng, w)]


@entry("convolution_transpose")
def _(rng, a, b, c):
    x, w = (1, a + 1, c + 1), (3, b + 1, c + 1)
    return lambda x, w: wl.convolution_transpose(x, w, [2 * a + 3], 2), [floats(rng, x), floats(rng, w)]


@entry("conv3d_transpose")
def _(rng, a, b, c):
    x, w = (1, a % 4 + 1, 2, b % 4 + 1, 2), (2, 2, 1, c % 4 + 1, 2)
    shape = [1, 2 * (a % 4 + 1), 4, 2 * (b % 4 + 1), c % 4 + 1]
    return lambda x, w: wl.conv3d_transpose(x, w, shape, 2, "same"), [floats(rng, x), floats(rng, w)]


@entry("depthwise_convolution")
def _(rng, a, b, c):
    return lambda x, w: wl.depthwise_convolution(x, w, 1, "same"), [
        floats(rng, (1, a + 3, c + 1)),
        floats(rng, (3, c + 1, 2)),
    ]


@entry("separable_conv2d")
def _(rng, a, b, c):
    arrays = [(1, a + 3, b + 3, c + 1), (2, 3, c + 1, 2), (1, 1, 2 * (c + 1), 3)]
    return lambda x, d, p: wl.separable_conv2d(x, d, p, 1, "same"), [floats(rng, s) for s in arrays]


@entry("reduce_window")
def _(rng, a, b, c):
    return lambda x: wl.reduce_window(x, "avg", 2, 1, "same"), [floats(rng, (1, a + 2, c + 1))]


for _name in ["max_pool3d", "avg_pool3d"]:

    @entry(_name)
    def _(rng, a, b, c, name=_name):
        x = (1, a % 5 + 2, b % 5 + 2, 3, c % 5 + 1)
        return lambda x: getattr(wl, name)(x, 2, 1, "same"), [floats(rng, x)]


@entry("max_pool_with_argmax")
def _(rng, a, b, c):
    x = (2, a + 2, b + 2, c + 1)
    return lambda x: wl.max_pool_with_argmax(x, 2, 2, "same")["result"], [floats(rng, x)]


@entry("max_pool_with_argmax, indices", flat=True)
def _(rng, a, b, c):
    x = (2, a + 2, b + 2, c + 1)
    return lambda x: wl.max_pool_with_argmax(x, 2, 1, "same", True)["indexes"], [floats(rng, x)]


@entry("fused.conv2d")
def _(rng, a, b, c):
    arrays = [(1, a + 3, b + 3, c + 1), (2, 2, c + 1, 3), (3,), (3,)]
    given = {"strides": 1, "pad": "same", "activation": "prelu"}
    return (
        lambda x, w, bias, slopes: wl.fused.conv2d(x=x, filter=w, bias=bias, prelu_activation_weights=slopes, **given),
        [floats(rng, s) for s in arrays],
    )


@entry("fused.depthwise_conv2d")
def _(rng, a, b, c):
    arrays = [(1, a + 3, b + 3, c + 1), (2, 2, c + 1, 1), (c + 1,)]
    return (
        lambda x, w, bias: wl.fused.depthwise_conv2d(
            x=x, filter=w, strides=1, pad="valid", bias=bias, activation="elu"
        ),
        [floats(rng, s) for s in arrays],
    )


@entry("fused.mat_mul")
def _(rng, a, b, c):
    arrays = [(a, b), (c, b), (c,)]
    return (
        lambda x, y, bias: wl.fused.mat_mul(a=x, b=y, transpose_b=True, bias=bias, activation="sigmoid"),
        [floats(rng, s) for s in arrays],
    )


@entry("basic_lstm_cell")
def _(rng, a, b, c):
    units = b % 4 + 1
    arrays = [(c + units, 4 * units), (4 * units,), (a, c), (a, units), (a, units)]
    return lambda *given: wl.basic_lstm_cell(1.0, *given)[1], [floats(rng, s) for s in arrays]


# -- images -----------------------------------------------------------------------------------------------------------


@entry("image.resize")
def _(rng, a, b, c):
    return lambda x: wl.image.resize(x, [b + 1, a + 2], "bicubic"), [floats(rng, (1, a + 1, b + 1, c))]


@entry("image.resize_bilinear")
def _(rng, a, b, c):
    x = (2, a + 1, b + 1, c)
    return lambda x: wl.image.resize_bilinear(x, [b + 2, a + 3], a % 2 == 0, False), [floats(rng, x)]


@entry("image.resize_nearest_neighbor")
def _(rng, a, b, c):
    x = (2, a + 1, b + 1, c)
    return lambda x: wl.image.resize_nearest_neighbor(x, [b + 2, a + 3], False, b % 2 == 0), [floats(rng, x)]


@entry("image.repeat_spatial")
def _(rng, a, b, c):
    return lambda x: wl.image.repeat_spatial(x, [2, 3]), [floats(rng, (1, a, b, c))]


@entry("image.flip_left_right")
def _(rng, a, b, c):
    return wl.image.flip_left_right, [floats(rng, (1, a, b, c))]


@entry("image.grayscale_to_rgb")
def _(rng, a, b, c):
    return wl.image.grayscale_to_rgb, [floats(rng, (1, a, b, 1))]


@entry("image.rgb_to_grayscale")
def _(rng, a, b, c):
    return wl.image.rgb_to_grayscale, [floats(rng, (1, a, b, 3))]


@entry("image.rgb_to_hsv")
def _(rng, a, b, c):
    return wl.image.rgb_to_hsv, [floats(rng, (1, a, b, 3))]


@entry("image.hsv_to_rgb")
def _(rng, a, b, c):
    return wl.image.hsv_to_rgb, [floats(rng, (1, a, b, 3))]


@entry("image.rotate_with_offset")
def _(rng, a, b, c):
    return lambda x: wl.image.rotate_with_offset(x, 0.7, 0.5), [floats(rng, (1, a + 2, b + 2, 3))]


@entry("image.transform")
def _(rng, a, b, c):
    matrix = np.array([[0.9, 0.2, 0.3, -0.1, 1.1, 0.4, 0.01, 0.02]], np.float32)
    mode = ["reflect", "wrap", "constant", "nearest"][c % 4]
    return lambda x: wl.image.transform(x, matrix, "bilinear", mode, 0.3), [floats(rng, (1, a + 2, b + 2, 2))]


@entry("image.crop_and_resize")
def _(rng, a, b, c):
    boxes = np.array([[0.1, 0.2, 0.8, 0.7], [0, 0, 1, 1]], np.float32)
    owners = np.array([0, 1], np.int32)
    return lambda x: wl.image.crop_and_resize(x, boxes, owners, [3, 2]), [floats(rng, (2, a + 2, b + 2, c + 1))]


@entry("image.threshold", flat=True)
def _(rng, a, b, c):
    return lambda x: wl.image.threshold(x, "binary", False, 0.5), [floats(rng, (a + 1, b + 1, 3), 0, 255)]


@entry("image.sample")
def _(rng, a, b, c):
    places = [floats(rng, (1, a + 1, 3)), floats(rng, (1, a + 1, 3))]
    return lambda x: wl.image.sample(x, *map(wl.tensor, places)), [floats(rng, (1, b + 2, c + 2, 2))]


# -- complex numbers and signals --------------------------------------------------------------------------------------


@entry("complex")
def _(rng, a, b, c):
    return lambda x, y: wl.abs(wl.complex(x, y) * (1 + 2j)), [floats(rng, (a, b, c)), floats(rng, (a, b, c))]


for _name in ["real", "imag", "angle"]:

    @entry(_name)
    def _(rng, a, b, c, name=_name):
        return lambda x, y: getattr(wl, name)(wl.complex(x, y) / 2j), [floats(rng, (a, b), 1), floats(rng, (a, b), 1)]


@entry("conj")
def _(rng, a, b, c):
    return lambda x: wl.imag(wl.conj(wl.complex(x, x * 2))), [floats(rng, (a, b))]


for _name in ["fft", "ifft"]:

    @entry(_name)
    def _(rng, a, b, c, name=_name):
        shape = (a, 7 * b + c + 1)
        return lambda x, y: wl.imag(getattr(wl, name)(wl.complex(x, y))), [floats(rng, shape), floats(rng, shape)]


@entry("rfft")
def _(rng, a, b, c):
    return lambda x: wl.real(wl.rfft(x, b + 2)), [floats(rng, (a, c + 1))]


@entry("irfft")
def _(rng, a, b, c):
    shape = (a, b + 1)
    return lambda x, y: wl.irfft(wl.complex(x, y)), [floats(rng, shape), floats(rng, shape)]


@entry("signal.frame")
def _(rng, a, b, c):
    return lambda x: wl.signal.frame(x, 3, 2, a % 2 == 0, 0.5), [floats(rng, (a, b + c + 3))]


@entry("signal.stft")
def _(rng, a, b, c):
    return lambda x: wl.imag(wl.signal.stft(x, 4, 2)), [floats(rng, (a, b + c + 4))]
