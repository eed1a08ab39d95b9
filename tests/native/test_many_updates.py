"""Gradients of large tables: their updates are sorted, and long chains of them are summed run by run."""

import numpy as np
import pytest

from weblayers.compiler import expand
from weblayers.compiler.lower import lower
from weblayers.graph import build as b
from weblayers.graph.evaluate import evaluate
from weblayers.graph.program import Graph
from weblayers.runtime import starting

RNG = np.random.default_rng(0)
RUNTIMES = {"softgpu": starting.softgpu, "wasm": starting.wasmtime}


def added(runtime, index, updates, size):
    i, u = b.input_node(index.shape, "int32"), b.input_node(updates.shape, "float32")
    executable = runtime.compile(Graph([i, u], [], [b.scatter_add(i, u, size)]))
    (made,) = executable.run([runtime.upload(index), runtime.upload(updates)], [])
    return runtime.read_sync(made)


INDICES = {
    "all different": lambda n, size: RNG.permutation(size)[:n],
    "all the same": lambda n, size: np.full(n, size // 2),
    "half of them padding": lambda n, size: np.where(RNG.random(n) < 0.5, 0, RNG.integers(0, size, n)),
    "some out of range": lambda n, size: RNG.integers(-3, size + 3, n),
    "few rows": lambda n, size: RNG.integers(0, 3, n),
}


@pytest.mark.parametrize("by", RUNTIMES)
@pytest.mark.parametrize("kind", INDICES)
@pytest.mark.parametrize("n", [32, 77, 128, 200])
def test_sums_of_sorted_updates(monkeypatch, by, kind, n):
    monkeypatch.setattr(expand, "MANY_COMPARISONS", 0)
    size = 230
    index, updates = INDICES[kind](n, size).astype(np.int32), RNG.standard_normal((n, 5)).astype(np.float32)
    wanted = np.zeros((size, 5))
    inside = (index >= 0) & (index < size)
    np.add.at(wanted, index[inside], updates[inside])
    np.testing.assert_allclose(added(RUNTIMES[by](), index, updates, size), wanted, atol=1e-4)


@pytest.mark.parametrize("kind", INDICES)
def test_chains_are_short_however_many_updates_a_row_has(kind):
    n, size = 4096, 20_000
    index = INDICES[kind](n, size).astype(np.int32)
    i, u = b.input_node((n,), "int32"), b.input_node((n, 1), "float32")
    chained = expand.expanded(b.scatter_add(i, u, size))
    first, following, values = evaluate(list(chained.inputs), {i: index, u: np.ones((n, 1), np.float32)})
    longest, counts = 0, np.bincount(index[(index >= 0) & (index < size)], minlength=size)
    for row in np.flatnonzero(counts):
        place, length, total = int(first[row]), 0, 0.0
        while place < len(following):
            total += float(values[place, 0])
            place, length = int(following[place]), length + 1
        assert total == counts[row]
        longest = max(longest, length)
    assert longest <= 2 * expand.RUN + n // expand.RUN


def test_a_large_table_is_not_compared_with_all_indices(monkeypatch):
    """20,000 rows by 4,096 indices would be 82 million comparisons."""
    i, u = b.input_node((4096,), "int32"), b.input_node((4096, 64), "float32")
    made = lower([i, u], [], [b.scatter_add(i, u, 20_000)]).cost.work
    monkeypatch.setattr(expand, "MANY_COMPARISONS", np.inf)
    assert made < lower([i, u], [], [b.scatter_add(i, u, 20_000)]).cost.work / 3
