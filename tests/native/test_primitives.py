"""Every primitive of the case table: its value on the soft GPU, its shape, and its gradient."""

import numpy as np
import pytest

from tests import slopes, textures
from tests.cases import CASES, primitives_of
from weblayers.compiler.lower import lower
from weblayers.graph import build as b
from weblayers.graph.evaluate import evaluate
from weblayers.graph.gradient import gradient
from weblayers.graph.program import Graph
from weblayers.graph.registry import PRIMITIVES
from weblayers.runtime import starting

cases = pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)


def values(case, outputs, inputs, scalars, arrays=None):
    bound = dict(zip(inputs, case.arrays if arrays is None else arrays, strict=True))
    return evaluate(outputs, bound | dict(zip(scalars, case.scalars, strict=True)))


def test_the_table_misses_no_primitive():
    covered = set().union(*map(primitives_of, CASES))
    assert set(PRIMITIVES) - covered == set()


def test_constants_keep_the_sign_of_zero_and_are_shared():
    zeros = [b.constant(0.0), b.constant(-0.0)]
    assert [evaluate([b.div(1.0, z)])[0] for z in zeros] == [np.inf, -np.inf]
    assert b.constant(-0.0) is zeros[1] and b.constant(float("nan")) is b.constant(-float("nan"))


@cases
def test_the_soft_gpu_agrees_with_numpy(case):
    inputs, scalars, output = case.nodes()
    (expected,) = values(case, [output], inputs, scalars)
    assert expected.shape == output.shape
    (got,) = textures.run(lower(inputs, scalars, [output]), case.arrays, [output], case.scalars)
    np.testing.assert_allclose(got.astype(np.float64), expected.astype(np.float64), rtol=case.rtol, atol=case.atol)


@pytest.fixture(scope="module")
def wasm():
    runtime = starting.wasmtime()
    # reading what nobody has written then shows
    runtime.set_checked(True)
    return runtime


@cases
def test_webassembly_agrees_with_numpy(case, wasm):
    inputs, scalars, output = case.nodes()
    (expected,) = values(case, [output], inputs, scalars)
    executable = wasm.compile(Graph(inputs, scalars, [output]))
    (stored,) = executable.run([wasm.upload(a) for a in case.arrays], case.scalars)
    got = wasm.read_sync(stored)
    np.testing.assert_allclose(got.astype(np.float64), expected.astype(np.float64), rtol=case.rtol, atol=case.atol)


def difference(case, cost, inputs, scalars, directions, step=1e-5):
    """How fast the cost grows along directions, one per input or None."""
    ends = []
    for sign in (1, -1):
        moved = [
            a if d is None else a.astype(np.float64) + sign * step * d
            for a, d in zip(case.arrays, directions, strict=True)
        ]
        ends.append(float(values(case, [cost], inputs, scalars, moved)[0]))
    return (ends[0] - ends[1]) / (2 * step)


@pytest.mark.parametrize("case", [c for c in CASES if c.differentiable], ids=lambda c: c.name)
def test_gradients_are_finite_differences_on_both(case):
    """Along a random direction; and the soft GPU computes the same gradients."""
    inputs, scalars, output = case.nodes()
    floats = [i for i, a in enumerate(case.arrays) if a.dtype == np.float32]
    if output.dtype != "float32" or not floats:
        (whole,) = gradient(b.reduce("sum", b.cast(output, "float32")), inputs[:1])
        assert not values(case, [whole], inputs, scalars)[0].any()
        return
    rng = np.random.default_rng(0)
    dy = b.constant(rng.standard_normal(output.shape).astype(np.float32))
    cost = b.reduce("sum", b.broadcast(dy, output.shape) * output)
    found = gradient(cost, [inputs[i] for i in floats])
    directions = [rng.standard_normal(a.shape) if i in floats else None for i, a in enumerate(case.arrays)]
    with slopes.double_precision():
        exact = values(case, found, inputs, scalars)
        expected = difference(case, cost, inputs, scalars, directions)
    parts = [g * directions[i] for g, i in zip(exact, floats, strict=True)]
    if case.smooth:
        assert abs(sum(p.sum() for p in parts) - expected) < 1e-6 * (1 + sum(np.abs(p).sum() for p in parts))
    on_gpu = textures.run(lower(inputs, scalars, found), case.arrays, found, case.scalars)
    for mine, theirs in zip(on_gpu, values(case, found, inputs, scalars), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=max(10 * case.rtol, 2e-4), atol=max(10 * case.atol, 2e-5))


@pytest.mark.parametrize(
    "name",
    [
        "tanh",
        "exp",
        "mul",
        "dot (5, 7) (7, 9) nn",
        "conv, pixels in fours",
        "pool_max, plain",
        "scan of 4 x (3, 5), last",
    ],
)
def test_second_derivatives(name):
    case = next(c for c in CASES if c.name == name)
    inputs, scalars, output = case.nodes()
    first = gradient(b.reduce("sum", output * output), inputs)[0]
    second = gradient(b.reduce("sum", first * first), inputs)[0]
    rng = np.random.default_rng(1)
    directions = [rng.standard_normal(case.arrays[0].shape), *(None for _ in case.arrays[1:])]
    with slopes.double_precision():
        (exact,) = values(case, [second], inputs, scalars)
        expected = difference(case, b.reduce("sum", first * first), inputs, scalars, directions)
    along = exact * directions[0]
    assert abs(along.sum() - expected) < 1e-6 * (1 + np.abs(along).sum())
