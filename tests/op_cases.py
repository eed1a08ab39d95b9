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


@entry("cast")
def _(rng, a, b, c):
    return lambda x: wl.cast(wl.cast(x, "float32") * 2, "float32"), [floats(rng, (a, b, c))]


@entry("cast, to integers", flat=True)
def _(rng, a, b, c):
    return lambda x: wl.cast(x, "int32"), [floats(rng, (a, b, c))]


@entry("stop_gradient")
def _(rng, a, b, c):
    return lambda x: x + wl.stop_gradient(x * 0), [floats(rng, (a, b, c))]


@entry("bitwise_and", flat=True)
def _(rng, a, b, c):
    return wl.bitwise_and, [integers(rng, (a, b, c), 100), integers(rng, (a, b, c), 100)]


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


@entry("moments")
def _(rng, a, b, c):
    return lambda x: wl.moments(x, [0])["variance"], [floats(rng, (max(1, a), b, c))]


@entry("moving_average")
def _(rng, a, b, c):
    return lambda v, x: wl.moving_average(v, x, 0.9, 3), [floats(rng, (a, b, c)), floats(rng, (a, b, c))]


@entry("local_response_normalization")
def _(rng, a, b, c):
    return lambda x: wl.local_response_normalization(x, 2), [floats(rng, (a, b, max(1, c)))]


# -- movement ---------------------------------------------------------------------------------------------------------


@entry("reshape")
def _(rng, a, b, c):
    return lambda x: wl.reshape(x, [c, b * a]), [floats(rng, (a, b, c))]


@entry("flatten")
def _(rng, a, b, c):
    return wl.flatten, [floats(rng, (a, b, c))]


@entry("expand_dims")
def _(rng, a, b, c):
    return lambda x: wl.expand_dims(x, a % 3), [floats(rng, (a, b, c))]


@entry("squeeze")
def _(rng, a, b, c):
    return lambda x: wl.squeeze(x, [1]), [floats(rng, (a, 1, c, b))]


@entry("ensure_shape")
def _(rng, a, b, c):
    return lambda x: wl.ensure_shape(x * 2, [a, b, c]), [floats(rng, (a, b, c))]


@entry("diag")
def _(rng, a, b, c):
    return wl.diag, [floats(rng, (a, min(b, 3)))]


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


@entry("slice, backwards")
def _(rng, a, b, c):
    return lambda x: x[::-1, b::-2, 1:c], [floats(rng, (a, b + 1, c))]


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


@entry("batch_to_space_nd")
def _(rng, a, b, c):
    return lambda x: wl.batch_to_space_nd(x, [2, 2], [[0, b % 2], [c % 2, 0]]), [floats(rng, (4 * a, b + 1, c + 1, 2))]


@entry("depth_to_space")
def _(rng, a, b, c):
    return lambda x: wl.depth_to_space(x, 2), [floats(rng, (1, a, b, 4 * max(1, c)))]


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
