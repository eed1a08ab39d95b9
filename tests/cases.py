"""The case table of primitives: what is checked on NumPy, on the soft GPU, by finite differences and on WebGL.

A case builds one output node from input nodes. Shapes are chosen to hurt: sizes 1 and odd, columns that do not fill
texels, axes of size 1 at the end, one channel, more rows and columns than a texture has.
"""

from dataclasses import dataclass, field

import numpy as np

from weblayers.graph import build as b
from weblayers.graph import scan
from weblayers.graph.primitives.custom import Rule, custom
from weblayers.graph.rounding import EXACT_ROWS, RowsRounded


@dataclass
class Case:
    name: str
    build: object  # nodes -> node
    arrays: list
    scalars: list = field(default_factory=list)
    rtol: float = 2e-5
    atol: float = 2e-6
    # whether there is a gradient to compare, and whether differences say what it is
    differentiable: bool = True
    smooth: bool = True

    def nodes(self):
        """The inputs, the host scalars, and the output."""
        inputs = [b.input_node(a.shape, b.infer_dtype(a)) for a in self.arrays]
        scalars = [b.scalar_node() for _ in self.scalars]
        return inputs, scalars, self.build(*inputs, *scalars)


CASES: list[Case] = []


def case(name, build, *arrays, **options):
    CASES.append(Case(name, build, list(arrays), **options))


def normal(*shape, seed=0, scale=1.0, shift=0.0):
    return (np.random.default_rng([seed, *shape]).standard_normal(shape) * scale + shift).astype(np.float32)


def uniform(low, high, *shape):
    return np.random.default_rng([7, *shape]).uniform(low, high, shape).astype(np.float32)


def integers(high, *shape):
    return np.random.default_rng([9, *shape]).integers(0, high, shape).astype(np.int32)


# -- elementwise ------------------------------------------------------------------------------------------------------

_DOMAINS = {
    **dict.fromkeys(("log", "sqrt", "rsqrt"), (0.2, 4)),
    **dict.fromkeys(("asin", "acos"), (-0.9, 0.9)),
    **dict.fromkeys(("floor", "ceil", "round", "sign"), (-3.3, 3.3)),
    **dict.fromkeys(("sinh", "cosh"), (-3, 3)),
    "log1p": (-0.5, 4),
    "tan": (-1.2, 1.2),
}
_SHAPES = [(), (1,), (5,), (3, 1), (2, 3, 5), (7, 6)]
_UNARY = (
    "neg abs sign floor ceil round exp expm1 log log1p sqrt rsqrt sin cos tan asin acos atan sinh cosh tanh sigmoid"
)
_LOOSE = {"erf": 3e-6, "tan": 2e-5, "asin": 3e-5, "acos": 3e-5, "atan": 2e-5, "sinh": 2e-5, "cosh": 2e-5}
for _i, _name in enumerate([*_UNARY.split(), "relu", "erf"]):
    _x = uniform(*_DOMAINS.get(_name, (-2.5, 2.5)), *_SHAPES[_i % len(_SHAPES)])
    case(
        _name,
        lambda x, n=_name: b.unary(n, x),
        _x,
        rtol=2e-4 if _name in _LOOSE else 2e-5,
        atol=_LOOSE.get(_name, 2e-6),
    )
for _name in ("expm1", "log1p", "erf", "tanh"):
    case(f"{_name} near zero", lambda x, n=_name: b.unary(n, x), uniform(-1e-3, 1e-3, 9), rtol=2e-5, atol=1e-10)
case("tanh of large numbers", lambda x: b.unary("tanh", x), np.array([-1e4, -20, 20, 1e4], np.float32))
case("sigmoid of large numbers", lambda x: b.unary("sigmoid", x), np.array([-200, -20, 20, 200], np.float32))
case("isnan", lambda x: b.cast(b.unary("isnan", x), "float32"), np.array([[0, np.nan, np.inf, -np.inf, 1]], np.float32))
case("relu keeps nan", lambda x: b.unary("relu", x), np.array([np.nan, -1, 2], np.float32), differentiable=False)
case("not", lambda x: b.cast(b.unary("not", b.cast(x, "bool")), "float32"), integers(2, 3, 5))
case("cast to int32", lambda x: b.cast(x, "int32"), uniform(-5, 5, 4, 3))
case("cast to bool", lambda x: b.cast(b.cast(x, "bool"), "float32"), integers(3, 6))
case("stop_gradient", lambda x: b.stop_gradient(x) * x, normal(3, 5), smooth=False)
case("store", lambda x: b.bind("store", x * 2.0) + 1.0, normal(3, 5))
for _name in ("add", "sub", "mul", "div", "max", "min", "atan2"):
    _rtol = 2e-4 if _name == "atan2" else 2e-5
    case(_name, lambda x, y, n=_name: b.bind(n, x, y), normal(3, 5), normal(3, 5, seed=1), rtol=_rtol)
    if _name != "atan2":
        case(f"{_name} of vectors", lambda x, y, n=_name: b.bind(n, x, y), normal(9, 1), normal(9, 1, seed=1))
# where formulas take over from each other, and where nothing is between two numbers
_EDGES = [0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0]
_DEFINED = {
    **dict.fromkeys(("log", "rsqrt"), (0.5, 1.0, 2.0)),
    **dict.fromkeys(("asin", "acos"), (0.0, -0.0, 0.5, -0.5, 1.0, -1.0)),
    "sqrt": (0.0, 0.5, 1.0),
    "log1p": (0.0, -0.0, 0.5, -0.5, 1.0),
}
for _name in [*_UNARY.split(), "relu", "erf"]:
    _x = np.array(_DEFINED.get(_name, _EDGES), np.float32)
    _tolerance = {"rtol": 2e-4 if _name in _LOOSE else 2e-5, "atol": _LOOSE.get(_name, 2e-6)}
    case(f"{_name} at edges", lambda x, n=_name: b.unary(n, x), _x, smooth=False, **_tolerance)
_pairs = np.array([(x, y) for x in _EDGES for y in _EDGES], np.float32).T
for _name in ("add", "sub", "mul", "max", "min"):
    case(f"{_name} at edges", lambda x, y, n=_name: b.bind(n, x, y), *_pairs, smooth=False)
for _name in ("eq", "lt", "le"):
    case(f"{_name} at edges", lambda x, y, n=_name: b.cast(b.compare(n, x, y), "float32"), *_pairs, smooth=False)
_divisible = _pairs[:, _pairs[1] != 0]
for _name in ("div", "mod"):
    case(f"{_name} at edges", lambda x, y, n=_name: b.binary(n, x, y), *_divisible, smooth=False, rtol=1e-4, atol=1e-5)
for _power in (0.0, 1.0, 2.0, 3.0):
    case(f"pow {_power:g} at edges", lambda x, p=_power: b.power(x, p), np.array(_EDGES, np.float32), rtol=1e-4)
case("pow of tensors at zero", b.power, np.zeros(4, np.float32), np.array([0, 1, 2, 3], np.float32), smooth=False)
# infinities and NaN go through what compares, chooses and carries
_EXTREMES = np.array([np.inf, -np.inf, np.nan, 1.0, 0.0], np.float32)
for _name in ("neg", "abs", "relu"):
    case(f"{_name} of extremes", lambda x, n=_name: b.unary(n, x), _EXTREMES, differentiable=False)
_ends = np.array([(x, y) for x in (np.inf, -np.inf, 1.0) for y in (np.inf, -np.inf, 1.0)], np.float32).T
for _name in ("max", "min", "eq", "lt", "le"):
    case(
        f"{_name} of infinities",
        lambda x, y, n=_name: b.cast(b.bind(n, x, y), "float32"),
        *_ends,
        differentiable=False,
    )
case("where with a NaN beside", lambda x: b.where(b.compare("lt", 0.0, x), x, 0.0), _EXTREMES, differentiable=False)
case("mod", lambda x, y: b.binary("mod", x, y), uniform(-5, 5, 4, 3), uniform(0.7, 2, 4, 3), rtol=1e-4, atol=1e-5)
case(
    "mod of multiples",
    lambda x, y: b.binary("mod", x, y),
    np.arange(-9, 9, dtype=np.float32),
    np.full(18, 3, np.float32),
    differentiable=False,
)
case("pow", b.power, uniform(0.3, 3, 3, 5), uniform(-2, 2, 3, 5), rtol=1e-4)
case("pow of negatives", lambda x: b.power(x, 3.0), uniform(-2, -0.5, 5), rtol=1e-4)
for _name in ("eq", "lt", "le"):
    case(_name, lambda x, y, n=_name: b.cast(b.compare(n, x, y), "float32"), integers(3, 4, 5), integers(3, 5))
for _name in ("and", "or"):
    case(
        _name,
        lambda x, y, n=_name: b.cast(b.bind(n, b.cast(x, "bool"), b.cast(y, "bool")), "float32"),
        integers(2, 8),
        integers(2, 1, 8)[0],
    )
case("where", lambda c, x, y: b.where(b.cast(c, "bool"), x, y), integers(2, 4, 3), normal(4, 3), normal(4, 3, seed=1))
case("host scalars", lambda x, s, t: x * (s / (1.0 - b.power(t, s))), normal(3, 5), scalars=[3.0, 0.9])

# -- movement ---------------------------------------------------------------------------------------------------------

for _from, _to in (
    ((6, 4), (3, 8)),
    ((6, 5), (10, 3)),
    ((2, 3, 4), (24,)),
    ((24,), (4, 6)),
    ((8, 1), (2, 4)),
    ((1,), ()),
):
    case(f"reshape {_from} to {_to}", lambda x, t=_to: b.reshape(x, t) * 1.5, normal(*_from))
for _shape, _perm in (
    ((3, 5), (1, 0)),
    ((2, 3, 4), (2, 0, 1)),
    ((2, 3, 4), (1, 0, 2)),
    ((2, 3, 4, 5), (0, 2, 3, 1)),
    ((7, 1), (1, 0)),
):
    case(f"transpose {_shape} {_perm}", lambda x, p=_perm: b.transpose(x, p) * 1.5, normal(*_shape))
for _from, _to in (
    ((), (3, 5)),
    ((5,), (3, 5)),
    ((3, 1), (3, 5)),
    ((2, 1, 4), (2, 3, 4)),
    ((1, 3, 1), (2, 3, 4)),
    ((1,), (6,)),
):
    case(f"broadcast {_from} to {_to}", lambda x, t=_to: b.broadcast(x, t) * 1.5, normal(*_from))
case("slice", lambda x: b.slice_(x, (1, 2), (6, 7)), normal(7, 9))
case("slice of whole texels", lambda x: b.slice_(x, (0, 4), (5, 9)), normal(5, 9))
case("slice with steps", lambda x: b.slice_(x, (1, 0), (7, 9), (2, 3)), normal(7, 9))
case("pad", lambda x: b.pad(x, (1, 0), (2, 3), value=7.0), normal(3, 5))
case("pad and crop", lambda x: b.pad(x, (-1, 2), (1, -2)), normal(4, 5))
case("pad inside", lambda x: b.pad(x, (1, 0, 0), (0, 2, 0), (1, 2, 0)), normal(3, 4, 8))
case("reverse", lambda x: b.reverse(x, (0, 2)), normal(3, 4, 5))
case("reverse rows", lambda x: b.reverse(x, (0,)), normal(3, 5))
case("concat columns", lambda x, y, z: b.concat([x, y, z], 1), normal(3, 4), normal(3, 3), normal(3, 2))
case("concat whole texels", lambda x, y: b.concat([x, y], 1), normal(3, 8), normal(3, 5))
case("concat rows", lambda x, y: b.concat([x, y], 0), normal(3, 5), normal(2, 5))
case(
    "concat of many",
    lambda *xs: b.concat([b.concat(xs[i : i + 5], 0) for i in range(0, 20, 5)], 0),
    *[normal(1, 3, seed=i) for i in range(20)],
)

# -- sources ----------------------------------------------------------------------------------------------------------

case("iota", lambda x: x + b.cast(b.iota(9), "float32"), normal(4, 9))
case("array", lambda x: x + b.constant(normal(4, 6)), normal(4, 6, seed=1))
case(
    "random_bits",
    lambda x, k, n: x + b.cast(b.random_bits((5, 7), k, n), "float32"),
    np.zeros((5, 7), np.float32),
    scalars=[123456.0, 7.0],
    atol=0,
    rtol=0,
    differentiable=False,
)
case("uint8", lambda x: b.cast(x, "float32") / 255.0, integers(256, 5, 7).astype(np.uint8))

# -- reductions -------------------------------------------------------------------------------------------------------

for _kind in ("sum", "prod", "max", "min"):
    for _shape, _axes in (
        ((3, 5), 1),
        ((3, 5), 0),
        ((7,), None),
        ((2, 3, 4), (0, 2)),
        ((3, 1), 0),
        ((2, 5, 1), 1),
        ((6, 37), 1),
    ):
        _x = uniform(0.5, 1.5, *_shape)
        case(f"reduce_{_kind} {_shape} over {_axes}", lambda x, k=_kind, a=_axes: b.reduce(k, x, a), _x, rtol=5e-5)
for _shape, _axes in [
    ((5, 7), (1,)),
    ((5, 7), (0, 1)),
    ((3, 4, 6), (1,)),
    ((4,), (0,)),
    ((2, 3, 130), (2,)),
    ((3, 0), (1,)),
]:
    case(
        f"softmax {_shape} over {_axes}",
        lambda x, a=_axes: b.bind("softmax", x, axes=a),
        normal(*_shape),
        rtol=1e-5,
    )
case("reduce_sum in two stages", lambda x: b.reduce("sum", x), normal(64, 96), rtol=1e-4, atol=1e-3)
case("reduce_prod with a zero", lambda x: b.reduce("prod", x, 1), np.array([[1, 0, 3], [2, 4, 5]], np.float32))
for _kind in ("max", "min"):
    for _shape, _axis in (((4, 7), 1), ((4, 7), 0), ((9,), 0), ((3, 30), 1), ((2, 3, 4), 1)):
        case(
            f"arg{_kind} {_shape} over {_axis}",
            lambda x, k=_kind, a=_axis: b.argreduce(k, x, a),
            normal(*_shape),
            differentiable=False,
        )
case("argmax of equals", lambda x: b.argreduce("max", x, 1), np.ones((3, 6), np.float32), differentiable=False)

# -- products ---------------------------------------------------------------------------------------------------------

for _m, _k, _n in ((5, 7, 9), (8, 8, 8), (16, 36, 12), (1, 5, 3), (4, 1, 3), (6, 5, 1), (2, 2, 2)):
    for _ta in (False, True):
        for _tb in (False, True):
            _a, _b = (_k, _m) if _ta else (_m, _k), (_n, _k) if _tb else (_k, _n)
            case(
                f"dot {_a} {_b} {'t' if _ta else 'n'}{'t' if _tb else 'n'}",
                lambda x, y, ta=_ta, tb=_tb: b.dot(x, y, ta, tb),
                normal(*_a),
                normal(*_b, seed=1),
                rtol=1e-4,
                atol=1e-5,
            )
for _batch, _m in (((3,), 5), ((2, 2), 8)):
    for _ta, _tb in ((False, False), (True, False), (False, True), (True, True)):
        _a, _b = (*_batch, 6, _m) if _ta else (*_batch, _m, 6), (*_batch, 7, 6) if _tb else (*_batch, 6, 7)
        _dot = lambda x, y, ta=_ta, tb=_tb: b.dot(x, y, ta, tb)  # noqa: E731
        case(f"dot {_a} {_b} {_ta} {_tb}", _dot, normal(*_a), normal(*_b, seed=1), rtol=1e-4, atol=1e-5)
case(
    "dot with a row of ones",
    lambda x, y: b.dot(x, y, True, False, ones=True),
    normal(6, 5),
    normal(6, 7),
    rtol=1e-4,
    differentiable=False,
)
case(
    "dot, bias and relu",
    lambda x, w, c: b.unary("relu", b.dot(x, w) + c),
    normal(9, 11),
    normal(11, 6),
    normal(6),
    rtol=1e-4,
    atol=1e-5,
)
case(
    "dot of a reshaped product",
    lambda x, w, v: b.dot(b.reshape(b.dot(x, w), (3, 16)), v),
    normal(6, 5),
    normal(5, 8),
    normal(16, 3),
    rtol=2e-4,
    atol=2e-5,
)

_CONVOLUTIONS = {
    "one channel": ((2, 9, 8, 1), (3, 3, 1, 8), {}),
    "pixels in fours": ((2, 8, 8, 4), (5, 5, 4, 4), {}),
    "odd channels": ((2, 7, 6, 3), (3, 2, 3, 5), {}),
    "one output channel": ((2, 6, 6, 4), (3, 3, 4, 1), {"padding": ((1, 1), (1, 1))}),
    "one of both": ((1, 6, 7, 1), (3, 3, 1, 1), {"padding": ((1, 1), (0, 2))}),
    "strides": ((2, 9, 9, 3), (3, 3, 3, 4), {"strides": (2, 3), "padding": ((1, 1), (0, 1))}),
    "stride past the kernel": ((2, 7, 7, 5), (2, 2, 5, 6), {"strides": (3, 3)}),
    "dilation": ((1, 9, 9, 4), (3, 3, 4, 4), {"rhs_dilation": (2, 2), "padding": ((2, 2), (1, 0))}),
    "spread input": ((1, 4, 4, 3), (3, 3, 3, 4), {"lhs_dilation": (2, 2), "padding": ((2, 2), (2, 1))}),
    "spread input, odd rows": ((2, 3, 4, 4), (5, 2, 4, 8), {"lhs_dilation": (3, 2), "padding": ((4, 2), (1, 1))}),
    "both spread": (
        (1, 5, 4, 3),
        (2, 3, 3, 4),
        {"lhs_dilation": (2, 4), "rhs_dilation": (3, 2), "padding": ((2, 1), (3, 3))},
    ),
    "cropping": ((1, 7, 7, 3), (3, 3, 3, 4), {"padding": ((-1, 0), (0, -1))}),
    "pointwise": ((2, 4, 5, 6), (1, 1, 6, 7), {"strides": (1, 2)}),
    "pointwise, one channel": ((1, 4, 4, 1), (1, 1, 1, 3), {"strides": (2, 2)}),
    "pointwise, one output channel": ((2, 3, 4, 5), (1, 1, 5, 1), {}),
    "pointwise, one of both": ((2, 2, 3, 1), (1, 1, 1, 1), {}),
    "one axis": ((2, 11, 3), (4, 3, 5), {}),
    "three axes": ((1, 4, 5, 4, 2), (2, 2, 3, 2, 3), {}),
    "a long row": ((1, 1, 24, 2), (1, 11, 2, 4), {}),
}
for _name, (_x, _w, _p) in _CONVOLUTIONS.items():
    _spatial = len(_x) - 2
    _p = {"strides": (1,) * _spatial, "padding": ((0, 0),) * _spatial, **_p}
    _tolerance = {"rtol": 1e-4, "atol": 2e-5}
    case(f"conv, {_name}", lambda x, w, p=_p: b.conv(x, w, **p), normal(*_x), normal(*_w, seed=1), **_tolerance)
    _swapped = (*_w[:-2], _w[-1], _w[-2])
    _mirrored = lambda x, w, p=_p: b.conv(x, w, **p, flip=True, swap=True)  # noqa: E731
    case(f"conv mirrored, {_name}", _mirrored, normal(*_x), normal(*_swapped, seed=1), **_tolerance)
    _with_bias = lambda x, w, c, p=_p: b.unary("relu", b.conv(x, w, **p) + c)  # noqa: E731
    case(
        f"conv, bias and relu, {_name}",
        _with_bias,
        normal(*_x),
        normal(*_w, seed=1),
        normal(_w[-1], shift=0.1),
        **_tolerance,
    )
_PLAIN = {"strides": (1, 1), "padding": ((0, 0), (0, 0)), "lhs_dilation": (1, 1), "rhs_dilation": (1, 1)}


def _kernel_gradient(channels, splits, rounded):
    """Without the rows that only fill blocks: what those hold is undefined."""
    (tall, wide), deep = rounded.extents((3, 3), channels)
    rows = tall * wide * deep

    def build(x, dy):
        whole = b.conv_kernel_grad(x, dy, True, splits, rounded, kernel=(3, 3), **_PLAIN)
        ones = b.slice_(whole, (0, rows, 0), (splits, rows + 1, 6))
        kernel = b.reshape(b.slice_(whole, (0, 0, 0), (splits, rows, 6)), (splits, tall, wide, deep, 6))
        kernel = b.slice_(kernel, (0, 0, 0, 0, 0), (splits, 3, 3, channels, 6))
        return b.concat([b.reshape(kernel, (splits, 9 * channels, 6)), ones], 1)

    return build


for _channels, _splits, _rounded in (
    (1, 2, RowsRounded(4, 1, 4)),
    (1, 2, RowsRounded(4, 1, 8)),
    (1, 2, EXACT_ROWS),
    (4, 2, RowsRounded(1, 4, 8)),
    (3, 4, RowsRounded(1, 1, 4)),
    (3, 4, RowsRounded(1, 4, 8)),
):
    case(
        f"conv_kernel_grad of {_channels} channels in {_splits} parts, rounded by {'x'.join(map(str, _rounded))}",
        _kernel_gradient(_channels, _splits, _rounded),
        normal(4, 8, 6, _channels),
        normal(4, 6, 4, 6, seed=1),
        rtol=1e-4,
        atol=2e-5,
        differentiable=False,
    )

# -- windows ----------------------------------------------------------------------------------------------------------

_WINDOWS = {
    "plain": ((2, 6, 8, 5), {"window": (2, 2), "strides": (2, 2), "padding": ((0, 0), (0, 0))}),
    "overlapping": ((1, 7, 7, 4), {"window": (3, 3), "strides": (2, 1), "padding": ((1, 1), (0, 1))}),
    "gaps": ((1, 8, 7, 3), {"window": (2, 2), "strides": (3, 3), "padding": ((0, 0), (0, 0))}),
    "one channel": ((2, 6, 6, 1), {"window": (2, 3), "strides": (2, 3), "padding": ((0, 0), (0, 0))}),
    "large": ((1, 6, 6, 2), {"window": (5, 5), "strides": (1, 1), "padding": ((2, 2), (2, 2))}),
    "one axis": ((2, 9, 4), {"window": (3,), "strides": (2,), "padding": ((1, 0),)}),
}
for _name, (_x, _p) in _WINDOWS.items():
    case(f"pool_sum, {_name}", lambda x, p=_p: b.pool("sum", x, **p), normal(*_x), rtol=1e-4, atol=1e-5)
    case(f"pool_max, {_name}", lambda x, p=_p: b.pool("max", x, **p), normal(*_x))
    case(f"pool_argmax, {_name}", lambda x, p=_p: b.pool("argmax", x, **p), normal(*_x), differentiable=False)

    # positions are those of other values: so they stay where they are while the inputs move
    _index = lambda x, p=_p, shape=_x: b.pool("argmax", b.constant(normal(*shape, seed=3)), **p)  # noqa: E731
    _pooled = CASES[-3].nodes()[2].shape
    _unpool = lambda dy, p=_p, f=_index, size=_x[1:-1]: b.unpool(f(dy), dy, size, **p)  # noqa: E731
    case(f"unpool, {_name}", _unpool, normal(*_pooled), rtol=1e-4, atol=1e-5)
    _spread = lambda dy, p=_p, size=_x[1:-1]: b.unpool_sum(dy, size, **p)  # noqa: E731
    case(f"unpool_sum, {_name}", _spread, normal(*_pooled), rtol=1e-4, atol=1e-5)
    case(f"pool_at, {_name}", lambda x, p=_p, f=_index: b.pool_at(f(x), x, **p), normal(*_x, seed=1))
case(
    "pool_max of equals",
    lambda x: b.pool("max", x, (2, 2), (2, 2), ((0, 0), (0, 0))),
    np.ones((1, 4, 4, 4), np.float32),
    differentiable=False,
)

# -- indices ----------------------------------------------------------------------------------------------------------

case("gather rows", lambda x, i: b.gather(x, i, 0), normal(6, 5), integers(6, 4))
case("gather columns", lambda x, i: b.gather(x, i, 1), normal(3, 6), integers(6, 2, 2))
case("gather of a vector", lambda x, i: b.gather(x, i, 0), normal(7), integers(7, 5))
case(
    "argsort of infinities",
    lambda x: b.argsort(x, True),
    np.array([[-np.inf] * 5, [1, -np.inf, 2, -np.inf, 0]], np.float32),
)
case("a sum of nothing", lambda x: b.reduce("sum", x, 0), np.zeros((0, 3), np.float32))
case("the largest of nothing", lambda x: b.reduce("max", x, 1), np.zeros((3, 0), np.float32), differentiable=False)
case("nothing and something", lambda x, y: b.concat([x, y * 2.0], 1), np.zeros((2, 0), np.float32), normal(2, 3))
case("a product over nothing", lambda x, y: b.dot(x, y), np.zeros((4, 0), np.float32), np.zeros((0, 3), np.float32))
case("a product of no rows", lambda x, y: b.dot(x + 1.0, y), np.zeros((0, 4), np.float32), normal(4, 3))
case("zeros around nothing", lambda x: b.pad(x, (1, 0), (0, 2), value=2.0), np.zeros((0, 3), np.float32))
case("a part of no rows", lambda x: b.slice_(x, (1, 0), (1, 3)), normal(2, 3))
case("a scatter of nothing", lambda i, u: b.scatter_add(i, u, 2), np.zeros(0, np.int32), np.zeros((0, 3), np.float32))
_BYTES = np.random.default_rng(3).integers(0, 256, (6, 5)).astype(np.uint8)
case("bytes, stored on the way", lambda x: b.cast(b.bind("store", b.concat([x, x], 0)), "float32") + 1.0, _BYTES)
case(
    "rows of bytes",
    lambda x, i: b.dot(b.cast(b.gather(x, i), "float32"), b.constant(np.eye(5, 3, dtype=np.float32))),
    _BYTES,
    integers(6, 4),
)
case("scatter of rows", lambda i, u: b.scatter_add(i, u, 7), integers(6, 9), normal(9, 5))
case("scatter of rows of fours", lambda i, u: b.scatter_add(i, u, 5), integers(5, 11), normal(11, 8))
case("scatter of numbers", lambda i, u: b.scatter_add(i, u, 6), integers(6, 10), normal(10))
case("scatter of images", lambda i, u: b.scatter_add(i, u, 3), integers(3, 4), normal(4, 2, 3, 1))
case("scatter to one place", lambda i, u: b.scatter_add(i, u, 1), np.zeros(20, np.int32), normal(20, 3))
case("scatter drops", lambda i, u: b.scatter_add(i, u, 3), np.array([-1, 1, 3, 1], np.int32), normal(4, 3))
case(
    "scatter of many",
    lambda i, u: b.scatter_add(i * 1, u, 40),
    integers(40, 1500),
    normal(1500, 4),
    rtol=1e-4,
    atol=1e-5,
)
for _n in (1, 2, 5, 8, 19):
    case(f"argsort of {_n}", lambda x: b.argsort(x), integers(4, 3, _n).astype(np.float32))
    case(f"argsort of {_n}, descending", lambda x: b.argsort(x, True), normal(2, _n))
case("argsort of a vector", lambda x: b.argsort(b.unary("exp", x), True), normal(33))
case(
    "gather clamps", lambda x, i: b.gather(x, i, 0), normal(3, 4), np.array([-2, 1, 9], np.int32), differentiable=False
)
case("dynamic_slice", lambda x, s: b.dynamic_slice(x, s, 3), normal(8, 5), scalars=[4.0])
case("dynamic_slice of a vector", lambda x, s: b.dynamic_slice(x, s, 3), normal(8), scalars=[9.0])
case(
    "a batch by permutation",
    lambda x, i, s: b.gather(x, b.dynamic_slice(i, s, 3), 0),
    normal(8, 5),
    integers(8, 8),
    scalars=[2.0],
)

# -- loops ------------------------------------------------------------------------------------------------------------


def looped(step, kept, *firsts, stacks, backwards=False):
    """A scan of ``step(carries, slices) -> (next, value)``: its last carried values, or the value at all steps."""

    def body(carries, slices):
        after, value = step(carries, slices)
        return after, [value]

    loop, (value,) = scan.over(stacks, firsts, body, backwards)
    return scan.each(loop, value) if kept else scan.last(loop, 0)


def _recurrent(w):
    def step(carries, slices):
        new = b.unary("tanh", b.dot(carries[0], w) + slices[0])
        return [new], new

    return step


def _coupled(w, v):
    """Two carried values, each needing the other's last one, and a product of what is computed in the step."""

    def step(carries, slices):
        h, c = carries
        gate = b.unary("sigmoid", b.dot(h, w) + slices[0])
        memory = gate * c + b.unary("tanh", slices[0])
        return [b.dot(memory * h, v), memory], gate * memory

    return step


def _masked(carries, slices):
    x, here = slices
    new = b.where(b.broadcast(b.reshape(here, (*here.shape, 1)), x.shape) < 0.5, carries[0] * 0.5 + x, carries[0])
    return [new], new * new


def _summing(carries, slices):
    new = carries[0] * 0.9 + b.reduce("sum", slices[0] * slices[0])
    return [new], new


def _swapping(carries, slices):
    x, y = carries
    return [y, x + slices[0]], slices[0] * y


for rows, columns, count in [(4, 8, 3), (3, 5, 4), (1, 4, 5), (8, 3, 1)]:
    shapes = [normal(rows, columns), normal(count, rows, columns), normal(columns, columns, scale=0.5)]
    for kept in (False, True):
        for backwards in (False, True):
            case(
                f"scan of {count} x ({rows}, {columns}), {'each' if kept else 'last'}{' backwards' * backwards}",
                lambda h, x, w, kept=kept, backwards=backwards: looped(
                    _recurrent(w), kept, h, stacks=[x], backwards=backwards
                ),
                *shapes,
            )
for kept in (False, True):
    which = "each" if kept else "last"
    case(
        f"scan of coupled values, {which}",
        lambda h, c, x, w, v, kept=kept: looped(_coupled(w, v), kept, h, c, stacks=[x]),
        normal(5, 4),
        normal(5, 4, seed=1),
        normal(6, 5, 4),
        normal(4, 4, scale=0.5),
        normal(4, 4, scale=0.5, seed=1),
    )
    case(
        f"scan with a mask, {which}",
        lambda h, x, m, kept=kept: looped(_masked, kept, h, stacks=[x, m]),
        normal(3, 5),
        normal(4, 3, 5),
        uniform(0, 1, 4, 3),
    )
    case(
        f"scan of numbers, {which}",
        lambda h, x, kept=kept: looped(_summing, kept, h, stacks=[x]),
        normal(),
        normal(5, 1, 1),
    )
    case(
        f"scan of vectors, {which}",
        lambda h, x, kept=kept: looped(lambda c, s: ([c[0] * s[0]], c[0] + s[0]), kept, h, stacks=[x]),
        normal(7),
        normal(5, 7),
    )
    case(
        f"scan that swaps, {which}",
        lambda h, c, x, kept=kept: looped(_swapping, kept, h, c, stacks=[x]),
        normal(3, 4),
        normal(3, 4, seed=1),
        normal(5, 3, 4),
    )
    case(
        f"scan with a host scalar, {which}",
        lambda h, x, s, kept=kept: looped(
            lambda c, p: ([c[0] * b.broadcast(s, p[0].shape) + p[0]], p[0]), kept, h, stacks=[x]
        ),
        normal(2, 3),
        normal(4, 2, 3),
        scalars=[0.5],
    )
case(
    "scan over more rows than a texture has",
    lambda h, x, w: looped(_recurrent(w), True, h, stacks=[x]),
    normal(1100, 4),
    normal(17, 1100, 4),
    normal(4, 4),
    differentiable=False,
)


def _squared(x):
    """A square with a gradient by rule, the right one."""
    stand, dy = b.input_node(x.shape, "float32"), b.input_node(x.shape, "float32")
    return custom(x * x, [x], Rule((stand,), dy, (dy * stand * 2.0,)))


case("custom gradient", _squared, normal(3, 5))

# -- textures larger than one -------------------------------------------------------------------------------------------

case("more rows than a texture has", lambda x: x * 2.0 + 1.0, normal(16500, 3), differentiable=False)
case("more columns than a texture has", lambda x: x * 2.0 + 1.0, normal(16500), differentiable=False)
case("rows to columns", lambda x: b.reshape(x, (4125, 12)) * 2.0, normal(16500, 3), differentiable=False)
case(
    "a sum over many rows",
    lambda x: b.reduce("sum", x, 0),
    normal(16500, 3),
    rtol=1e-3,
    atol=1e-2,
    differentiable=False,
)


def primitives_of(case_: Case) -> set[str]:
    """The primitives that a case reaches."""
    from weblayers.graph.node import topological

    return {n.op for n in topological([case_.nodes()[2]])}
