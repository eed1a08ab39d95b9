"""Complex numbers: arithmetic as NumPy's, movement, conversions, life, and gradients of what is made of them."""

import asyncio
import gc
import operator

import numpy as np
import pytest

import weblayers as wl

RNG = np.random.default_rng(0)


def values(*shape):
    return (RNG.standard_normal(shape) + 1j * RNG.standard_normal(shape)).astype(np.complex64)


Z, W = values(2, 3), values(2, 3)
X = RNG.standard_normal((2, 3)).astype(np.float32) + 2

ARITHMETIC = {"add": operator.add, "sub": operator.sub, "mul": operator.mul, "truediv": operator.truediv}


@pytest.mark.parametrize("name", ARITHMETIC)
@pytest.mark.parametrize("pair", [(Z, W), (Z, X), (X, Z), (Z, 2.5), (1 - 2j, Z), (Z, W[0]), (Z[:, :1], X)], ids=str)
def test_arithmetic_is_numpys(name, pair):
    fn = ARITHMETIC[name]
    given = [wl.tensor(v) if isinstance(v, np.ndarray) else v for v in pair]
    out = fn(*given)
    assert out.dtype == "complex64"
    np.testing.assert_allclose(out.numpy(), fn(*pair), rtol=1e-5, atol=1e-6)


SAME = {
    "abs": (wl.abs, np.abs),
    "neg": (lambda z: -z, np.negative),
    "square": (wl.square, np.square),
    "reciprocal": (wl.reciprocal, np.reciprocal),
    "exp": (wl.exp, np.exp),
    "conj": (wl.conj, np.conj),
    "angle": (wl.angle, np.angle),
    "real": (wl.real, np.real),
    "imag": (wl.imag, np.imag),
    "sum": (lambda z: wl.sum(z, 1), lambda z: z.sum(1)),
    "mean": (lambda z: wl.mean(z, 0, True), lambda z: z.mean(0, keepdims=True)),
    "mat_mul": (lambda z: z @ wl.transpose(z, conjugate=True), lambda z: z @ z.conj().T),
    "mat_mul with reals": (lambda z: wl.mat_mul(z, wl.ones([3, 2])), lambda z: z @ np.ones((3, 2))),
    "products of transposed": (lambda z: wl.mat_mul(z, z, True), lambda z: z.T @ z),
    "reshape": (lambda z: z.reshape([3, 2]), lambda z: z.reshape(3, 2)),
    "flatten": (lambda z: z.flatten(), np.ravel),
    "transpose": (lambda z: z.transpose([1, 0]), np.transpose),
    "slice": (lambda z: wl.slice(z, [0, 1], [2, 2]), lambda z: z[:, 1:]),
    "index": (lambda z: z[1, ::2], lambda z: z[1, ::2]),
    "concat": (lambda z: wl.concat([z, wl.ones([1, 3])]), lambda z: np.concatenate([z, np.ones((1, 3))])),
    "stack": (lambda z: wl.stack([z, z], 1), lambda z: np.stack([z, z], 1)),
    "unstack": (lambda z: wl.unstack(z, 1)[2], lambda z: z[:, 2]),
    "split": (lambda z: wl.split(z, [1, 2], 1)[1], lambda z: z[:, 1:]),
    "pad": (lambda z: wl.pad(z, [[1, 0], [0, 1]], 2j), lambda z: np.pad(z, [(1, 0), (0, 1)], constant_values=2j)),
    "gather": (lambda z: wl.gather(z, [1, 1, 0]), lambda z: z[[1, 1, 0]]),
    "reverse": (lambda z: wl.reverse(z, 1), lambda z: z[:, ::-1]),
    "tile": (lambda z: wl.tile(z, [2, 1]), lambda z: np.tile(z, [2, 1])),
    "broadcast_to": (lambda z: wl.broadcast_to(z[0], [4, 3]), lambda z: np.broadcast_to(z[0], (4, 3))),
    "expand_dims": (lambda z: wl.squeeze(wl.expand_dims(z, 1), [1]), lambda z: z),
    "where": (lambda z: wl.where(X > 2, z, 1.5), lambda z: np.where(X > 2, z, 1.5)),
    "clone": (wl.clone, lambda z: z),
    "zeros_like": (wl.zeros_like, np.zeros_like),
    "ones_like": (wl.ones_like, np.ones_like),
    "cast": (lambda z: wl.cast(wl.cast(X, "complex64"), "complex64") * z, lambda z: X * z),
    "equal": (lambda z: wl.equal(z, z), lambda z: z == z),
    "not_equal": (lambda z: wl.not_equal(z, W), lambda z: z != W),
}


@pytest.mark.parametrize("name", SAME)
def test_ops_are_numpys(name):
    ours, theirs = SAME[name]
    expected = theirs(Z)
    out = ours(wl.tensor(Z))
    assert out.shape == expected.shape
    np.testing.assert_allclose(out.numpy(), expected, rtol=1e-5, atol=1e-6)
    traced = wl.function(ours)(wl.tensor(Z))
    np.testing.assert_allclose(traced.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_values_in_every_form(capsys):
    z = wl.complex([1, 2.5], [3, -4])
    assert (z.dtype, z.shape, z.rank, z.size, len(z)) == ("complex64", (2,), 1, 2, 2)
    assert z.array_sync() == [1 + 3j, 2.5 - 4j] == asyncio.run(z.array())
    assert z.dataSync().tolist() == [1, 3, 2.5, -4] == asyncio.run(z.data()).tolist()
    assert np.asarray(z).dtype == np.complex64
    wl.print(z)
    assert capsys.readouterr().out == "Tensor\n    [1 + 3j, 2.5 + -4j]\n"
    assert wl.tensor(1 + 2j).shape == () and wl.tensor([[1j], [2]]).shape == (2, 1)
    assert wl.tensor1d([1j, 2]).dtype == "complex64"
    assert wl.fill([2], 1 + 1j, "complex64").array_sync() == [1 + 1j] * 2
    assert wl.cast(z, "float32").array_sync() == [1, 2.5]
    assert "real=" in repr(z)


def test_life():
    gc.collect()
    before = wl.memory()
    z = wl.complex([1.0, 2.0], [3.0, 4.0])
    assert wl.memory()["num_bytes"] - before["num_bytes"] == 16
    with wl.tidy():
        inside = z * 2
        kept = wl.keep(z + 1)
    assert inside.is_disposed and not kept.is_disposed
    out = wl.tidy(lambda z=z: z * z)
    assert not out.isDisposed
    wl.dispose([out, kept, z])
    with pytest.raises(RuntimeError, match="disposed"):
        z.numpy()
    del z, out, kept, inside
    assert wl.memory() == before


def test_gradients_of_what_is_made_of_them():
    z = wl.tensor(Z)
    slope = wl.grad(lambda x: wl.sum(wl.square(wl.abs(wl.complex(x, x * 2) * z))))(wl.tensor(X)).numpy()
    np.testing.assert_allclose(slope, 10 * X * np.abs(Z) ** 2, rtol=1e-4)
    assert wl.grad(lambda x: wl.sum(wl.abs(wl.complex(x, x))))(wl.zeros([2])).array_sync() == [0, 0]


def test_errors():
    z = wl.tensor(Z)
    with pytest.raises(TypeError, match="tanh is not defined for complex64"):
        wl.tanh(z)
    with pytest.raises(ValueError, match="one shape"):
        wl.complex([1.0], [1.0, 2.0])
    with pytest.raises(TypeError, match="are real"):
        wl.complex(z, z)
    with pytest.raises(ValueError, match="cannot reshape"):
        z.reshape([5])
