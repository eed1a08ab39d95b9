"""Every primitive of the case table: its value on the soft GPU, its shape, and its gradient."""

import numpy as np
import pytest

from tests import textures
from tests.cases import CASES, primitives_of
from weblayers.compiler.lower import lower
from weblayers.graph import build as b
from weblayers.graph.evaluate import evaluate
from weblayers.graph.gradient import gradient
from weblayers.graph.registry import PRIMITIVES

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
    slopes = gradient(cost, [inputs[i] for i in floats])
    got = values(case, slopes, inputs, scalars)
    step = 2e-3
    directions = [rng.standard_normal(case.arrays[i].shape).astype(np.float32) for i in floats]
    ends = []
    for sign in (1, -1):
        moved = list(case.arrays)
        for i, d in zip(floats, directions, strict=True):
            moved[i] = (case.arrays[i] + sign * step * d).astype(np.float32)
        ends.append(float(values(case, [cost], inputs, scalars, moved)[0]))
    expected = (ends[0] - ends[1]) / (2 * step)
    along = sum(float((g.astype(np.float64) * d).sum()) for g, d in zip(got, directions, strict=True))
    scale = 1 + sum(float(np.abs(g * d).sum()) for g, d in zip(got, directions, strict=True))
    constant_between_jumps = any(p in case.name for p in ("floor", "ceil", "round", "sign"))
    if not constant_between_jumps and "stop_gradient" not in case.name and "near zero" not in case.name:
        assert abs(along - expected) / scale < 2e-2
    on_gpu = textures.run(lower(inputs, scalars, slopes), case.arrays, slopes, case.scalars)
    for mine, theirs in zip(on_gpu, got, strict=True):
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
    (expected,) = values(case, [second], inputs, scalars)
    step, rng = 1e-3, np.random.default_rng(1)
    direction = rng.standard_normal(case.arrays[0].shape).astype(np.float32)
    squares = []
    for sign in (1, -1):
        moved = [case.arrays[0] + sign * step * direction, *case.arrays[1:]]
        (value,) = values(case, [first], inputs, scalars, moved)
        squares.append((value.astype(np.float64) ** 2).sum())
    along = float((expected.astype(np.float64) * direction).sum())
    assert abs(along - (squares[0] - squares[1]) / (2 * step)) / (1 + np.abs(expected * direction).sum()) < 2e-2
