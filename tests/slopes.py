"""Gradients against finite differences, which say something when they are computed in double precision."""

import contextlib

import numpy as np
import pytest

import weblayers as wl
from weblayers.graph.node import DTYPES


@contextlib.contextmanager
def double_precision():
    """NumPy computes with doubles what is float32 otherwise."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(DTYPES, "float32", np.dtype(np.float64))
        yield


def check(fn, *values, step=1e-5, tolerance=1e-6):
    """Assert that the gradients of a weighted sum of fn's values are its slopes, for each of the arguments."""

    def total(*xs):
        out = fn(*xs)
        weights = np.sin(np.arange(out.size) + 1).reshape(out.shape)
        return wl.sum(wl.mul(out, wl.tensor(weights)))

    with double_precision():
        values = [np.array(v, np.float64) for v in values]
        found = wl.grads(total)([wl.tensor(v) for v in values])
        for i, (slope, value) in enumerate(zip(found, values, strict=True)):
            wanted = np.zeros_like(value)
            for place in np.ndindex(value.shape):
                ends = []
                for moved in (step, -step):
                    at = value.copy()
                    at[place] += moved
                    ends.append(float(total(*(wl.tensor(at if j == i else v) for j, v in enumerate(values)))))
                wanted[place] = (ends[0] - ends[1]) / (2 * step)
            np.testing.assert_allclose(slope.numpy(), wanted, rtol=tolerance, atol=tolerance)
