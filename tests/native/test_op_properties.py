"""Ops on random shapes: what a GPU computes is what NumPy computes, and gradients are finite differences."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import weblayers as wl
from tests import (
    matrix_cases,  # noqa: F401 - more entries of the table
    slopes,
    textures,
    window_cases,  # noqa: F401 - more entries of the table
)
from tests.op_cases import FLAT, OPS, WIDE, wide
from tests.op_cases import SIZES as SOME
from tools import op_table
from weblayers.compiler.lower import lower
from weblayers.graph.evaluate import evaluate
from weblayers.graph.node import Aval
from weblayers.runtime.tracing import compile_function, current, symbolic

ROOT = Path(__file__).parents[2]
sizes = st.tuples(*[st.sampled_from(SOME)] * 3)
every_op = pytest.mark.parametrize("name", OPS)


def graph_of(fn, tensors):
    """The graph of a function of tensors, its captured constants bound."""

    def traced(*nodes):
        return [current().node_of(fn(*map(symbolic, nodes)))]

    compiled = compile_function(traced, [Aval(t.shape, t.dtype) for t in tensors])
    return compiled.graph, [t.numpy() for t in (*tensors, *compiled.captured)]


def on_both(fn, arrays):
    graph, values = graph_of(fn, [wl.tensor(a) for a in arrays])
    (expected,) = evaluate(graph.outputs, dict(zip(graph.inputs, values, strict=True)))
    plan = lower(graph.inputs, graph.scalars, graph.outputs)
    (got,) = textures.run(plan, values, graph.outputs)
    assert got.shape == expected.shape
    np.testing.assert_allclose(got.astype(float), expected.astype(float), rtol=2e-4, atol=2e-5)


def test_the_table_misses_no_op():
    assert not op_table.missing()


def test_the_table_of_ops_is_up_to_date():
    tool = [sys.executable, ROOT / "tools" / "op_table.py", "--check"]
    done = subprocess.run(tool, capture_output=True, text=True, timeout=120)
    assert not done.returncode, done.stderr


@every_op
@settings(max_examples=8, deadline=None, derandomize=True)
@given(dims=sizes, seed=st.integers(0, 99))
def test_gpus_compute_what_numpy_computes(name, dims, seed):
    fn, arrays = OPS[name](np.random.default_rng(seed), *dims)
    on_both(fn, arrays)


@pytest.mark.parametrize("name", WIDE)
def test_past_the_width_of_a_texture(name):
    on_both(WIDE[name], wide(np.random.default_rng(0)))


@pytest.mark.parametrize("name", sorted(set(OPS) - FLAT))
@pytest.mark.parametrize("dims", [(2, 3, 5), (1, 4, 3), (3, 1, 1)])
def test_gradients_are_finite_differences(name, dims):
    rng = np.random.default_rng(1)
    fn, arrays = OPS[name](rng, *dims)
    with slopes.double_precision():
        tensors = [wl.tensor(a.astype(np.float64) if a.dtype == np.float32 else a) for a in arrays]
        dy = wl.tensor(rng.standard_normal(fn(*tensors).shape))
        cost = lambda *xs: wl.sum(fn(*xs) * dy)  # noqa: E731
        found = [g.numpy() for g in wl.grads(cost)(tensors)]
        directions = [rng.standard_normal(a.shape) for a in arrays]
        step = 1e-5
        ends = []
        for sign in (1, -1):
            moved = [t.numpy() + sign * step * d for t, d in zip(tensors, directions, strict=True)]
            ends.append(float(cost(*map(wl.tensor, moved))))
    parts = [g * d for g, d in zip(found, directions, strict=True)]
    along, scale = sum(p.sum() for p in parts), 1 + sum(np.abs(p).sum() for p in parts)
    assert abs(along - (ends[0] - ends[1]) / (2 * step)) < 1e-6 * scale


@pytest.mark.parametrize("name", sorted(FLAT))
def test_what_is_flat_has_no_slope(name):
    fn, arrays = OPS[name](np.random.default_rng(1), 2, 3, 5)
    if arrays[0].dtype == np.float32:
        found = wl.grads(lambda *xs: wl.sum(wl.cast(fn(*xs), "float32")))([wl.tensor(a) for a in arrays])
        assert not any(g.numpy().any() for g in found)
    else:
        assert fn(*map(wl.tensor, arrays)).dtype in ("bool", "int32")
