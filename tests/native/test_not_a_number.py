"""NaN is never swallowed: what depends on a value is NaN where the value is."""

import inspect

import numpy as np
import pytest

import weblayers as wl
from tests import (
    matrix_cases,  # noqa: F401 - more entries of the table
    window_cases,  # noqa: F401 - more entries of the table
)
from tests.op_cases import OPS
from weblayers import activations

# Ops whose results have the NaN at another place, and why.
ELSEWHERE = {
    "sort": "a NaN takes a place of its own among the sorted; see below",
    "topk": "likewise",
}

ACTIVATIONS = {
    name: fn
    for name, fn in vars(activations).items()
    if inspect.isfunction(fn) and fn.__module__ == activations.__name__ and name not in ("get", "serialize")
    if not name.startswith("_")
}
MORE = {
    "relu with a threshold": lambda x: activations.relu(x, threshold=0.5),
    "relu with everything": lambda x: activations.relu(x, 0.3, max_value=2.0, threshold=0.5),
    "clip_by_value far from 0": lambda x: wl.clip_by_value(x, -1, 50),
    "clip_by_value of a dtype of its own": lambda x: wl.clip_by_value(x, -1, 1.5) + 0,
    "minimum": lambda x: wl.minimum(x, 0.5),
    "maximum": lambda x: wl.maximum(0.5, x),
    "elu of alpha 2": lambda x: wl.elu(x, 2.0),
}


def results(fn, arrays):
    """The float results of a function of arrays."""
    found = fn(*map(wl.tensor, arrays))
    found = found.values() if isinstance(found, dict) else found if isinstance(found, list | tuple) else [found]
    return [t.numpy() for t in found if t.dtype == "float32"]


def swallowed(fn, arrays):
    """The operands of which results depend, and are no NaN where those are."""
    plain = results(fn, arrays)
    for i, values in enumerate(arrays):
        if values.dtype != np.float32 or not values.size:
            continue
        one = np.zeros(values.size, bool)
        one[values.size // 2] = True
        for chosen in (np.ones(values.shape, bool), one.reshape(values.shape)):

            def having(new, i=i, values=values, chosen=chosen):
                return [np.where(chosen, new, v) if j == i else v for j, v in enumerate(arrays)]

            moved = [results(fn, having(values * factor + 0.01)) for factor in (1.25, 0.75)]
            with_nan = results(fn, having(np.float32(np.nan)))
            for before, *after, got in zip(plain, *moved, with_nan, strict=True):
                if (np.any([before != a for a in after], axis=0) & ~np.isnan(got)).any():
                    yield i, "all" if chosen.all() else "one", got


@pytest.mark.parametrize("name", sorted(set(OPS) - set(ELSEWHERE)))
def test_ops(name, backend):
    rng = np.random.default_rng(3)
    fn, arrays = OPS[name](rng, 2, 3, 4)
    assert list(swallowed(fn, arrays)) == []


@pytest.mark.parametrize("name", {**ACTIVATIONS, **MORE})
def test_activations(name, backend):
    fn = {**ACTIVATIONS, **MORE}[name]
    values = np.array([[-7.0, -2.0, -0.3, 0.2, 0.7, 3.0, 5.5, 8.0]], np.float32)
    assert list(swallowed(fn, [values])) == []
    assert np.isnan(fn(wl.fill([1, 8], np.nan)).numpy()).all()


def test_sorting_keeps_each_nan_where_infinity_would_be(backend):
    x = wl.tensor([3, np.nan, 1, np.inf, -np.inf, np.nan, 2])
    np.testing.assert_array_equal(wl.sort(x).numpy(), [-np.inf, 1, 2, 3, np.nan, np.inf, np.nan])
    assert wl.argsort(x, descending=True).array_sync() == [1, 3, 5, 0, 6, 2, 4]
    np.testing.assert_array_equal(wl.topk(x, 4)["values"].numpy(), [np.nan, np.inf, np.nan, 3])


def test_numbers_of_the_host_keep_it(backend):
    for fn in (
        wl.relu,
        wl.relu6,
        lambda x: wl.clip_by_value(x, -1, 50),
        wl.sigmoid,
        wl.erf,
        lambda x: wl.maximum(x, 1),
    ):
        assert np.isnan(fn(np.nan).numpy())
