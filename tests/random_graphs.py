"""Random graphs over all primitives: their values as plans and by NumPy, and their gradients against differences."""

from contextlib import nullcontext

import numpy as np

from tests import textures
from tests.random_layers import Chance
from tests.thresholds import as_if_large
from weblayers.compiler.lower import lower
from weblayers.graph import build as b
from weblayers.graph import scan
from weblayers.graph.evaluate import evaluate
from weblayers.graph.gradient import gradient
from weblayers.graph.node import DTYPES, topological
from weblayers.graph.primitives.custom import Rule, custom

# Larger values are not kept: the soft GPU takes its time with them.
MOST = 3000
SMOOTH = {
    "abs": lambda x: x,
    "acos": lambda x: b.unary("tanh", x) * 0.9,
    "asin": lambda x: b.unary("tanh", x) * 0.9,
    "atan": lambda x: x,
    "cos": lambda x: x,
    "cosh": lambda x: b.unary("tanh", x),
    "erf": lambda x: x,
    "exp": lambda x: b.unary("tanh", x),
    "expm1": lambda x: b.unary("tanh", x),
    "log": lambda x: b.unary("abs", x) + 0.5,
    "log1p": lambda x: b.unary("abs", x),
    "neg": lambda x: x,
    "relu": lambda x: x,
    "rsqrt": lambda x: x * x + 0.3,
    "sigmoid": lambda x: x,
    "sin": lambda x: x,
    "sinh": lambda x: b.unary("tanh", x),
    "sqrt": lambda x: x * x + 0.3,
    "store": lambda x: x,
    "tan": lambda x: b.unary("tanh", x),
    "tanh": lambda x: x,
}


class RandomGraph:
    """Some inputs and a number that the host gives, and values that are made of them at random.

    Values are kept small, so that products of products do not run away; what jumps is computed of inputs alone, so that
    rounding cannot send one executor to the one side and the other to the other.
    """

    def __init__(self, chance, most=12):
        self.chance, self.inputs, self.arrays = chance, [], []
        for _ in range(chance.number(1, 3)):
            self.input([chance.number(1, 5) for _ in range(chance.number(0, 4))])
        self.scalar, self.at = b.scalar_node(), float(chance.number(0, 2))
        self.values = list(self.inputs)
        for _ in range(chance.number(2, most)):
            self.grow()

    def input(self, shape):
        self.inputs.append(b.input_node(tuple(shape), "float32"))
        self.arrays.append(self.chance.rng.uniform(-1.5, 1.5, shape).astype(np.float32))
        return self.inputs[-1]

    @property
    def bound(self):
        return dict(zip([*self.inputs, self.scalar], [*self.arrays, self.at], strict=True))

    def grow(self):
        x = self.chance.one_of(self.values)
        kind = self.chance.one_of([f for f, ranks in KINDS.items() if len(x.shape) in ranks])
        made = kind(self, x)
        if made is not None and 0 < made.aval.size <= MOST:
            self.values.append(made)

    def like(self, x):
        """A value that broadcasts with another."""
        found = []
        for v in self.values:
            try:
                if np.broadcast_shapes(v.shape, x.shape):
                    found.append(v)
            except ValueError:
                continue
        return self.chance.one_of(found or [x])

    def known(self, rank=None):
        """An input."""
        return self.chance.one_of([n for n in self.inputs if rank is None or len(n.shape) in rank] or [None])

    def some_axes(self, x):
        order = self.chance.rng.permutation(len(x.shape))
        return tuple(int(a) for a in order[: self.chance.number(1, len(x.shape))])

    def axis(self, x):
        return self.chance.number(0, len(x.shape) - 1)

    def cost(self):
        """A scalar that the latest values count in, each element by another weight."""
        total = b.constant(0.0, "float32")
        for v in self.values[-2:]:
            weights = b.constant(self.chance.rng.standard_normal(v.shape).astype(np.float32))
            total = total + b.reduce("sum", v * weights)
        return total


KINDS = {}


def kind(ranks=range(6)):
    """A way to make a value of one that has so many axes."""

    def register(make):
        KINDS[make] = tuple(ranks)
        return make

    return register


# -- elementwise ------------------------------------------------------------------------------------------------------


@kind()
def _unary(g, x):
    name = g.chance.one_of(sorted(SMOOTH))
    return b.unary(name, SMOOTH[name](x))


@kind()
def _binary(g, x):
    name = g.chance.one_of(("add", "sub", "maximum", "minimum"))
    return getattr(b, name)(x, g.like(x))


@kind()
def _product(g, x):
    return x * b.unary("tanh", g.like(x)) if g.chance.happens(0.8) else x * (g.scalar * 0.5 + 0.1)


@kind()
def _quotient(g, x):
    y = g.like(x)
    kinds = (
        lambda: x / (b.unary("abs", y) + 0.7),
        lambda: b.power(b.unary("abs", x) + 0.3, b.unary("tanh", y)),
        lambda: b.binary("atan2", x, b.unary("abs", y) + 0.5),
    )
    return g.chance.one_of(kinds)()


@kind()
def _chosen(g, x):
    known = g.known()
    try:
        condition = b.compare(g.chance.one_of(("lt", "le", "eq")), known, g.chance.one_of((0.1, g.like(known))))
        other = b.compare("lt", known, 0.5)
        condition = b.binary(g.chance.one_of(("and", "or")), condition, other)
        condition = b.unary("not", condition) if g.chance.happens() else condition
        return b.where(condition, x * 0.5, b.unary("sin", g.like(x)))
    except ValueError:
        return None


@kind()
def _jumping(g, x):
    known = g.known()
    parts = (
        lambda: b.unary(g.chance.one_of(("floor", "ceil", "round", "sign")), known * 1.5),
        lambda: b.binary("mod", known, 0.75),
        lambda: b.cast(b.cast(known * 2.0, "int32") + 1, "float32"),
        lambda: b.cast(b.unary("isnan", known), "float32"),
        lambda: b.random_bits(x.shape, 7, g.scalar) * 2.0**-24,
        lambda: b.cast(b.iota(x.shape[-1] if x.shape else 1), "float32") * 0.25,
    )
    try:
        return g.chance.one_of(parts)() * 0.2 + x
    except ValueError:
        return None


@kind()
def _with_its_own_gradient(g, x):
    held, cotangent = b.input_node(x.shape, "float32"), b.input_node(x.shape, "float32")
    return custom(b.unary("sin", x), [x], Rule((held,), cotangent, (cotangent * b.unary("cos", held),)))


# -- movement ---------------------------------------------------------------------------------------------------------


@kind()
def _reshaped(g, x):
    dims, left = [1] * g.chance.number(1, 4), x.aval.size
    for prime in (2, 3, 5, 7):
        while left % prime == 0:
            dims[g.chance.number(0, len(dims) - 1)] *= prime
            left //= prime
    dims[0] *= left
    return b.reshape(x, dims)


@kind(range(2, 6))
def _transposed(g, x):
    return b.transpose(x, tuple(int(a) for a in g.chance.rng.permutation(len(x.shape))))


@kind(range(1, 5))
def _sliced(g, x):
    start = [g.chance.number(0, d - 1) for d in x.shape]
    stop = [g.chance.number(a + 1, d) for a, d in zip(start, x.shape, strict=True)]
    return b.slice_(x, start, stop, [g.chance.number(1, 2) for _ in x.shape])


@kind(range(1, 5))
def _padded(g, x):
    """Or cropped, where it is less than nothing; with gaps."""
    lo = [g.chance.number(-min(1, d - 1), 2) for d in x.shape]
    hi = [g.chance.number(0 if a < 0 else -min(1, d - 1), 2) for a, d in zip(lo, x.shape, strict=True)]
    return b.pad(x, lo, hi, [g.chance.number(0, 1) for _ in x.shape], float(g.chance.number(0, 1)))


@kind(range(1, 6))
def _reversed(g, x):
    return b.reverse(x, g.some_axes(x))


@kind(range(1, 5))
def _joined(g, x):
    axis = g.axis(x)

    def fits(v):
        return len(v.shape) == len(x.shape) and all(
            i == axis or d == e for i, (d, e) in enumerate(zip(v.shape, x.shape, strict=True))
        )

    same = [v for v in g.values if fits(v)]
    return b.concat([g.chance.one_of(same) for _ in range(g.chance.number(2, 5))], axis)


@kind(range(4))
def _spread(g, x):
    return b.broadcast(x, (g.chance.number(1, 3), *x.shape))


# -- reductions -------------------------------------------------------------------------------------------------------


@kind(range(1, 6))
def _reduced(g, x):
    name = g.chance.one_of(("sum", "max", "min", "prod"))
    return b.reduce(name, b.unary("tanh", x), g.some_axes(x), g.chance.happens())


@kind(range(1, 6))
def _softmax(g, x):
    axis = len(x.shape) - 1
    if g.chance.happens():
        return b.bind("softmax", x, axes=b.normalize_axes(axis, len(x.shape)))
    e = b.unary("exp", x - b.stop_gradient(b.reduce("max", x, axis, True)))
    return e / b.reduce("sum", e, axis, True)


@kind(range(1, 6))
def _centred(g, x):
    axes, count = g.some_axes(x), x.aval.size
    mean = b.reduce("sum", x, axes, True)
    mean = mean / float(count // mean.aval.size)
    variance = b.reduce("sum", (x - mean) * (x - mean), axes, True) / float(count)
    return (x - mean) * b.unary("rsqrt", variance + 0.1)


@kind(range(1, 6))
def _position(g, x):
    known = g.known(range(1, 6))
    if known is None:
        return None
    if g.chance.happens():
        found = b.argreduce(g.chance.one_of(("max", "min")), known, g.axis(known))
    else:
        found = b.argsort(known, g.chance.happens())
    try:
        return b.cast(found, "float32") * 0.1 + x
    except ValueError:
        return None


# -- products, windows, indices ---------------------------------------------------------------------------------------


@kind(range(2, 5))
def _dot(g, x):
    ta, tb = g.chance.happens(), g.chance.happens()
    inner, columns = x.shape[-2] if ta else x.shape[-1], g.chance.number(1, 9)
    w = g.input((*x.shape[:-2], *((columns, inner) if tb else (inner, columns))))
    return b.unary("tanh", b.dot(x, w, ta, tb))


@kind((3, 4, 5))
def _convolved(g, x):
    rank = len(x.shape) - 2
    kernel = [g.chance.number(1, 3) for _ in range(rank)]
    w = g.input((*kernel, x.shape[-1], g.chance.number(1, 6)))
    padding = [tuple(g.chance.number(0, 2) for _ in range(2)) for _ in range(rank)]
    steps = [[g.chance.number(1, 2) for _ in range(rank)] for _ in range(3)]
    try:
        return b.unary("tanh", b.conv(x, w, steps[0], padding, *steps[1:]))
    except ValueError:
        return None


@kind((3, 4))
def _pooled(g, x):
    rank = len(x.shape) - 2
    window = [g.chance.number(1, 3) for _ in range(rank)]
    padding = [tuple(g.chance.number(0, 1) for _ in range(2)) if w > 1 else (0, 0) for w in window]
    try:
        strides = [g.chance.number(1, 2) for _ in range(rank)]
        made = b.pool(g.chance.one_of(("sum", "max")), x, window, strides, padding)
    except ValueError:
        return None
    return made if g.chance.happens(0.7) else _slope(g, made)


@kind(range(1, 5))
def _gathered(g, x):
    axis, shape = g.axis(x), [g.chance.number(1, 3) for _ in range(g.chance.number(0, 2))]
    return b.gather(x, b.constant(g.chance.rng.integers(0, x.shape[axis], shape).astype(np.int32)), axis)


@kind(range(1, 5))
def _scattered(g, x):
    return b.scatter_add(b.constant(g.chance.rng.integers(-1, 6, x.shape[:1]).astype(np.int32)), x, 5)


@kind(range(1, 5))
def _rows(g, x):
    return b.dynamic_slice(x, g.scalar, g.chance.number(1, x.shape[0]))


@kind(range(2, 5))
def _loop(g, x):
    first = g.input(x.shape[1:])

    def step(carries, slices):
        (old,), (new,) = carries, slices
        after = b.unary("tanh", old * 0.5 + new)
        return [after], [after * 2.0]

    loop, (value,) = scan.over([x], [first], step, g.chance.happens())
    return scan.each(loop, value) if g.chance.happens() else scan.last(loop, 0)


@kind(range(2, 5))
def _states(g, x):
    """States that read what others have just become, or were: one of them is wanted, in the end or of all steps."""
    shape, width = x.shape[1:], x.shape[-1]
    first = [g.input(shape) for _ in range(g.chance.number(2, 3))]
    mixes = [b.constant(g.chance.rng.standard_normal((width, width)).astype(np.float32) * 0.5) for _ in first]

    def step(carries, slices):
        after = []
        for old, mix in zip(carries, mixes, strict=True):
            seen = b.unary("tanh", g.chance.one_of([*slices, *carries, *after]))
            mixed = b.dot(b.reshape(seen, (seen.aval.size // width, width)), mix)
            after.append(old * 0.5 + b.reshape(mixed, shape))
        return after, [b.unary("tanh", after[0])]

    loop, (value,) = scan.over([x], first, step, g.chance.happens())
    return scan.each(loop, value) if g.chance.happens(0.3) else scan.last(loop, g.chance.number(0, len(first) - 1))


@kind()
def _slope(g, x):
    """A gradient, which is differentiated again."""
    inputs = [n for n in topological([x]) if n in g.inputs]
    if not inputs or x.aval.size > 200:
        return None
    weights = b.constant(g.chance.rng.standard_normal(x.shape).astype(np.float32))
    (slope,) = gradient(b.reduce("sum", b.unary("tanh", x) * weights), [g.chance.one_of(inputs)])
    return b.unary("tanh", slope)


# -- what is asserted of them -----------------------------------------------------------------------------------------

# Of sums in another order, relative to the largest element: squares and exponentials of several in a row lose digits.
_CLOSE = 1e-3


def unequal(got, wanted, what):
    """How values differ, in words; None where they do not."""
    got, wanted = np.asarray(got, np.float64), np.asarray(wanted, np.float64)
    if got.shape != wanted.shape:
        return f"{what}: shape {got.shape} for {wanted.shape}"
    most = float(np.nanmax(np.abs(wanted), initial=1.0))
    if np.allclose(got, wanted, rtol=_CLOSE, atol=_CLOSE * 0.1 * most, equal_nan=True):
        return None
    return f"{what}: {np.nanmax(np.abs(got - wanted)):.3g} of {most:.3g}"


class Outcome:
    """A random graph with its cost and gradients: where the executors differ."""

    def __init__(self, seed):
        self.graph, self.block = RandomGraph(Chance(seed)), 8 if seed % 2 else 4
        self.cost = self.graph.cost()
        self.slopes = gradient(self.cost, self.graph.inputs)
        self.outputs = [*self.graph.values[-2:], self.cost, *self.slopes]

    def ops(self):
        return sorted({n.op for n in topological(self.outputs)} - {"array", "broadcast", "constant", "input"})

    def differences(self):
        graph = self.graph
        wanted = evaluate(self.outputs, graph.bound)
        # every other graph is lowered as if it were large, with high blocks
        with as_if_large() if self.block > 4 else nullcontext():
            plan = lower(graph.inputs, [graph.scalar], self.outputs, block=self.block)
        found = []
        for by, got in zip(
            ("softgpu", "wasm"), textures.both(plan, graph.arrays, self.outputs, [graph.at]), strict=True
        ):
            names = [f"{n!r} {i} by {by}" for i, n in enumerate(self.outputs)]
            found += [unequal(a, e, name) for a, e, name in zip(got, wanted, names, strict=True)]
        return [f for f in (*found, self._slope_error()) if f]

    def _slope_error(self):
        """Along a random direction, in double precision: what differences of the cost say against the gradient."""
        kept = DTYPES["float32"]
        DTYPES["float32"] = np.dtype(np.float64)
        try:
            return self._compared_with_differences()
        finally:
            DTYPES["float32"] = kept

    def _compared_with_differences(self):
        graph = self.graph
        arrays = [a.astype(np.float64) for a in graph.arrays]
        directions = [graph.chance.rng.standard_normal(a.shape) for a in arrays]

        def bound(step):
            moved = [a + step * d for a, d in zip(arrays, directions, strict=True)]
            return dict(zip([*graph.inputs, graph.scalar], [*moved, graph.at], strict=True))

        def cost(step):
            return float(evaluate([self.cost], bound(step))[0])

        slopes = evaluate(self.slopes, bound(0))
        along = sum(float((s * d).sum()) for s, d in zip(slopes, directions, strict=True))
        central = [(cost(h) - cost(-h)) / (2 * h) for h in (1e-4, 1e-5, 1e-6)]
        scale = 1 + abs(along) + abs(cost(0))
        if min(abs(along - c) for c in central) <= 1e-6 * scale:
            return None
        right, left = (cost(1e-7) - cost(0)) / 1e-7, (cost(0) - cost(-1e-7)) / 1e-7
        if abs(right - left) > 1e-5 * scale:
            return None  # a kink: there is no slope to compare with
        return f"the gradient is {along}, differences say {central}"


def check(seed):
    """Where the values or gradients of a random graph are wrong, in words; None where they are right."""
    outcome = Outcome(seed)
    found = outcome.differences()
    return "\n  ".join([" ".join(outcome.ops()), *found[:4]]) if found else None
