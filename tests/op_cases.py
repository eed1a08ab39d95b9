"""Ops on random shapes: each entry makes a function of tensors, and arrays for it, of sizes it is given.

They are compared on NumPy and on GPUs, and their gradients with finite differences. Needs no files, so that pages can
have it.
"""

import numpy as np

import weblayers as wl

# Sizes that hurt: none, one, odd, not a multiple of four.
SIZES = (0, 1, 2, 3, 4, 5, 7, 8, 13)
# A row of more values than a texture is wide.
LONG = 4 * 4096 + 5

# Name, which begins with that of the op -> function of a random generator and of three sizes, giving a function of
# tensors, and arrays for it.
OPS = {}
# Piecewise constant, or not of floats: their gradients are zero or none.
FLAT = set()


def entry(name, flat=False):
    def add(make):
        OPS[name] = make
        if flat:
            FLAT.add(name)
        return make

    return add


def floats(rng, shape, low=-2.0, high=2.0):
    """Values that differ from each other and from whole numbers by more than the steps of finite differences."""
    count = int(np.prod(shape))
    spread = (np.arange(count) + 0.3) / max(1, count)
    return (low + (high - low) * rng.permutation(spread)).reshape(shape).astype(np.float32)


def integers(rng, shape, high):
    return rng.integers(0, max(1, high), shape).astype(np.int32)


# -- of each element --------------------------------------------------------------------------------------------------

_ANYWHERE = """
abs neg sin cos tanh sigmoid relu erf softplus square elu selu relu6 leaky_relu log_sigmoid exp expm1 sinh cosh asinh
atan
"""
_UNARY = {
    **dict.fromkeys(_ANYWHERE.split(), (-2, 2)),
    **dict.fromkeys(["log", "sqrt", "rsqrt", "reciprocal", "log1p"], (0.3, 3)),
    **dict.fromkeys(["asin", "acos", "atanh", "tan"], (-0.8, 0.8)),
    "acosh": (1.2, 3),
}
for _name, (_low, _high) in _UNARY.items():

    @entry(_name)
    def _(rng, a, b, c, name=_name, low=_low, high=_high):
        return getattr(wl, name), [floats(rng, (a, b, c), low, high)]


for _name in ["sign", "floor", "ceil", "round", "step", "is_nan", "is_inf", "is_finite", "logical_not"]:

    @entry(_name, flat=True)
    def _(rng, a, b, c, name=_name):
        return getattr(wl, name), [floats(rng, (a, b, c)) > 0 if name == "logical_not" else floats(rng, (a, b, c))]


# -- of pairs, broadcast ----------------------------------------------------------------------------------------------

for _name in ["add", "sub", "mul", "div", "maximum", "minimum", "squared_difference", "atan2", "div_no_nan", "prelu"]:

    @entry(_name)
    def _(rng, a, b, c, name=_name):
        return getattr(wl, name), [floats(rng, (a, b, c)), floats(rng, (b, 1), 0.5, 2)]


@entry("pow")
def _(rng, a, b, c):
    return wl.pow, [floats(rng, (a, 1, c), 0.3, 2), floats(rng, (b, c))]


@entry("mod")
def _(rng, a, b, c):
    return wl.mod, [floats(rng, (a, b, c), 0.1, 4), floats(rng, (c,), 4.5, 5)]


for _name in [
    "equal",
    "not_equal",
    "less",
    "less_equal",
    "greater",
    "greater_equal",
    "logical_and",
    "logical_or",
    "logical_xor",
    "floor_div",
]:

    @entry(_name, flat=True)
    def _(rng, a, b, c, name=_name):
        values = [integers(rng, (a, b, c), 3) + 1, integers(rng, (b, 1), 3) + 1]
        return getattr(wl, name), [v > 1 for v in values] if name.startswith("logical") else values


@entry("where")
def _(rng, a, b, c):
    chosen = floats(rng, (a, 1, c)) > 0
    return lambda x, y: wl.where(chosen, x, y), [floats(rng, (a, b, c)), floats(rng, (b, 1))]


@entry("clip_by_value")
def _(rng, a, b, c):
    return lambda x: wl.clip_by_value(x, -0.77, 0.91), [floats(rng, (a, b, c))]


@entry("add_n")
def _(rng, a, b, c):
    return lambda *xs: wl.add_n(list(xs)), [floats(rng, (a, b, c)) for _ in range(3)]


# -- reductions -------------------------------------------------------------------------------------------------------

for _name in ["sum", "mean", "prod", "max", "min", "log_sum_exp", "norm", "euclidean_norm"]:
    for _axis in (None, 0, 1, -1, [0, 2]):

        @entry(f"{_name} over {_axis}")
        def _(rng, a, b, c, name=_name, axis=_axis):
            sizes = [max(1, n) for n in (a, b, c)] if name != "sum" else (a, b, c)
            low, high = (0.6, 1.4) if name == "prod" else (-2, 2)
            return lambda x: getattr(wl, name)(x, axis=axis, keep_dims=a % 2 == 0), [floats(rng, sizes, low, high)]


for _name in ["all", "any", "arg_max", "arg_min"]:

    @entry(_name, flat=True)
    def _(rng, a, b, c, name=_name):
        values = floats(rng, [max(1, n) for n in (a, b, c)])
        return lambda x: getattr(wl, name)(x, 1), [values > 0 if name in ("all", "any") else values]


for _name in ["cumsum", "cumprod"]:

    @entry(_name)
    def _(rng, a, b, c, name=_name):
        exclusive, backwards = a % 2 == 0, b % 2 == 0
        return lambda x: getattr(wl, name)(x, c % 3, exclusive, backwards), [floats(rng, (a, b, c), 0.6, 1.4)]


@entry("softmax")
def _(rng, a, b, c):
    return wl.softmax, [floats(rng, (a, b, max(1, c)))]


@entry("log_softmax")
def _(rng, a, b, c):
    return lambda x: wl.log_softmax(x, 0), [floats(rng, (max(1, a), b, c))]


@entry("batch_norm")
def _(rng, a, b, c):
    vectors = [floats(rng, (c,)), floats(rng, (c,), 0.4, 2), floats(rng, (c,)), floats(rng, (c,))]
    return wl.batch_norm, [floats(rng, (a, b, c)), *vectors]


@entry("local_response_normalization")
def _(rng, a, b, c):
    return lambda x: wl.local_response_normalization(x, 2), [floats(rng, (a, b, max(1, c)))]


# -- movement ---------------------------------------------------------------------------------------------------------


@entry("reshape")
def _(rng, a, b, c):
    return lambda x: wl.reshape(x, [c, b * a]), [floats(rng, (a, b, c))]


@entry("transpose")
def _(rng, a, b, c):
    order = [[0, 2, 1], [1, 0, 2], [2, 0, 1], [2, 1, 0]][(a + b + c) % 4]
    return lambda x: wl.transpose(x, order), [floats(rng, (a, b, c))]


@entry("broadcast_to")
def _(rng, a, b, c):
    return lambda x: wl.broadcast_to(x, [a, b, c]), [floats(rng, (b, 1))]


@entry("slice")
def _(rng, a, b, c):
    return lambda x: wl.slice(x, [a // 2, 0, c // 3], [-1, b, -1]), [floats(rng, (a, b, c))]


@entry("slice, by index")
def _(rng, a, b, c):
    return lambda x: x[..., None, 1 : b + 1 : 2, :-1], [floats(rng, (a, b + 1, c + 1))]


@entry("strided_slice")
def _(rng, a, b, c):
    return lambda x: wl.strided_slice(x, [a, 0], [-a - 1, b], [-2, 3]), [floats(rng, (a, b, c))]


@entry("concat")
def _(rng, a, b, c):
    return lambda *xs: wl.concat(list(xs), 1), [floats(rng, (a, n, c)) for n in (b, 1, 3)]


@entry("stack")
def _(rng, a, b, c):
    return lambda *xs: wl.stack(list(xs), -1), [floats(rng, (a, b)) for _ in range(max(1, c))]


@entry("unstack")
def _(rng, a, b, c):
    return lambda x: wl.unstack(x, 1)[-1], [floats(rng, (a, b + 1, c))]


@entry("split")
def _(rng, a, b, c):
    return lambda x: wl.split(x, [1, -1, 2], 2)[1], [floats(rng, (a, b, c + 3))]


@entry("pad")
def _(rng, a, b, c):
    return lambda x: wl.pad(x, [[1, 0], [0, 2], [a % 3, 1]], 0.5), [floats(rng, (a, b, c))]


@entry("mirror_pad")
def _(rng, a, b, c):
    mode = "reflect" if a % 2 else "symmetric"
    return lambda x: wl.mirror_pad(x, [[1, 2], [2, 0]], mode), [floats(rng, (a + 3, b + 3))]


@entry("reverse")
def _(rng, a, b, c):
    return lambda x: wl.reverse(x, [0, 2]), [floats(rng, (a, b, c))]


@entry("tile")
def _(rng, a, b, c):
    return lambda x: wl.tile(x, [2, 1, 3]), [floats(rng, (a, b, c))]


@entry("space_to_batch_nd")
def _(rng, a, b, c):
    return lambda x: wl.space_to_batch_nd(x, [2, 2], [[0, b % 2], [c % 2, 0]]), [floats(rng, (a, b, c, 2))]


@entry("depth_to_space")
def _(rng, a, b, c):
    return lambda x: wl.depth_to_space(x, 2), [floats(rng, (1, a, b, 4 * max(1, c)))]


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


# -- past the width of a texture --------------------------------------------------------------------------------------

# Functions of a long vector and of a matrix with long rows.
WIDE = {
    "elementwise": lambda x, m: wl.tanh(m * 2 + x),
    "sum of rows": lambda x, m: wl.sum(m, 1),
    "sum of columns": lambda x, m: wl.sum(m + x, 0),
    "transpose": lambda x, m: wl.transpose(m),
    "slice": lambda x, m: m[:, 3:-5],
    "concat": lambda x, m: wl.concat([m, m], 1),
    "mat_mul": lambda x, m: wl.mat_mul(m, m, False, True),
    "gather": lambda x, m: wl.gather(m, wl.tensor1d([LONG - 1, 0, 16383, 16384], "int32"), 1),
    "cumsum": lambda x, m: wl.cumsum(x),
    "argmax": lambda x, m: wl.arg_max(m, 1),
    "reshape": lambda x, m: wl.reshape(m, [LONG, 2]) * 3,
}


def wide(rng):
    return [floats(rng, (LONG,)), floats(rng, (2, LONG))]
