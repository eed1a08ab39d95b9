"""Products of what lies side by side: a plan reads it part by part, whatever axes its rows have."""

import numpy as np
import pytest

import weblayers as wl

L = wl.layers


def twice(x):
    return L.Concatenate()([x, x * 2.0])


NETWORKS = {
    "dense": ((5, 4), lambda x: L.Dense(3)(twice(x))),
    "a convolution of 1x1": ((6, 6, 8), lambda x: L.Conv2D(4, 1)(twice(x))),
    "a tagger": ((5, 4), lambda x: L.TimeDistributed(L.Dense(4))(L.Bidirectional(L.LSTM(4, return_sequences=True))(x))),
    "attention": ((6, 8), lambda x: L.MultiHeadAttention(2, 4)(twice(x), twice(x))),
    "rows in another order": ((4, 6, 8), lambda x: L.Dense(5)(L.Permute((2, 1, 3))(twice(x)))),
    "rows by other axes": ((4, 6, 8), lambda x: L.Dense(5)(L.Reshape((8, 3, 16))(twice(x)))),
    "other rows": ((4, 6, 8), lambda x: L.Dense(5)(L.Reshape((12, 32))(twice(x)))),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_products_are_those_of_numpy(name):
    shape, network = NETWORKS[name]
    inputs = wl.Input(shape)
    model = wl.Model(inputs, network(inputs))
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).standard_normal((3, *shape)).astype(np.float32)
    y = np.zeros((3, *model.outputs[0].shape[1:]), np.float32)
    found = {}
    for backend in ("numpy", "softgpu", "wasm"):
        wl.set_backend(backend)
        found[backend] = model.predict(x).numpy(), np.asarray(model.evaluate(x, y).numpy())
    wl.set_backend("numpy")
    for backend in ("softgpu", "wasm"):
        for got, expected in zip(found[backend], found["numpy"], strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
