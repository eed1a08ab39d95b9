"""Gradients against finite differences."""

import numpy as np

import weblayers as wl


def check(fn, *values, step=1e-2, atol=2e-2):
    """Assert that the gradients of a weighted sum of fn's values are its slopes, for each of the arguments."""
    values = [np.array(v, np.float32) for v in values]

    def total(*xs):
        out = fn(*xs)
        weights = np.sin(np.arange(out.size, dtype=np.float32) + 1).reshape(out.shape)
        return wl.sum(wl.mul(out, wl.tensor(weights)))

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
        np.testing.assert_allclose(slope.numpy(), wanted, rtol=2e-2, atol=atol)
