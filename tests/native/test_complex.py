"""Complex numbers: arithmetic as NumPy's, movement, conversions, life, and gradients of what is made of them."""

import asyncio
import gc
import operator

import numpy as np
import pytest

import weblayers as wl
from tests.native.test_op_properties import on_both

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


@pytest.mark.parametrize("name", ARITHMETIC)
@pytest.mark.parametrize("other", [2 - 1j, Z, np.complex64(1j)], ids=str)
def test_real_tensors_become_complex_among_complex_numbers(name, other):
    fn = ARITHMETIC[name]
    for make in (lambda x: fn(x, other), lambda x: fn(other, x)):
        for run in (make, wl.function(make)):
            out = run(wl.tensor(X))
            assert out.dtype == "complex64"
            np.testing.assert_allclose(out.numpy(), make(X), rtol=1e-5, atol=1e-6)


def test_arrays_of_complex_numbers_are_taken_as_they_are():
    np.testing.assert_allclose(wl.abs(Z).numpy(), np.abs(Z), rtol=1e-5)
    np.testing.assert_allclose(wl.sum([[1, 2j], [3, 4]], 1).numpy(), [1 + 2j, 7])
    assert wl.tensor([[1, 2], [3, 4j]]).array_sync() == [[1, 2], [3, 4j]]
    assert wl.where([True, False], wl.tensor([1.0, 2.0]), 1j).array_sync() == [1, 1j]
    assert wl.tensor(X).as_type("complex64").dtype == "complex64"


EXTREMES = [1e-30 + 1e-30j, 1e-30j, 1e30 - 1e30j, -3e38, 3 - 4j]


def test_squares_neither_overflow_nor_vanish():
    z = np.array(EXTREMES, np.complex64)
    np.testing.assert_allclose(wl.abs(z).numpy(), np.abs(z), rtol=1e-6)
    np.testing.assert_allclose(wl.reciprocal(z[:-2]).numpy(), 1 / z[:-2].astype(complex), rtol=1e-6)
    np.testing.assert_allclose((wl.tensor(z) / z).numpy(), np.ones(len(z)), rtol=1e-6)
    assert wl.abs(np.array([np.inf + 1j])).array_sync() == [np.inf]


def test_gpus_compute_the_same():
    x, y = (np.concatenate([v.ravel(), [1e-20, 0]]).astype(np.float32) for v in (Z.real, Z.imag))
    on_both(lambda p, q: wl.abs(wl.complex(p, q)), [x, y])
    on_both(lambda p, q: wl.concat(wl.reciprocal(wl.complex(p, q + 1)).parts, 0), [x, y])
    on_both(lambda p, q: wl.concat((wl.exp(wl.complex(p, q)) * wl.complex(q, p)).parts, 0), [x, y])


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
    assert wl.fill([2], 1 + 1j, "complex64").array_sync() == [1 + 1j] * 2 == wl.fill([2], 1 + 1j).array_sync()
    assert (z.nbytes, z.strides, z.rank_type) == (16, [], "1")
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


def test_complex_values_of_python_and_numpy_are_tensors():
    assert wl.abs([3 + 4j, 1]).array_sync() == [5, 1]
    assert wl.add(wl.ones([2]), Z[0, :2]).dtype == "complex64"
    assert wl.mul(X, 1j).dtype == "complex64"


def test_gradients_of_what_is_made_of_them():
    z = wl.tensor(Z)
    slope = wl.grad(lambda x: wl.sum(wl.square(wl.abs(wl.complex(x, x * 2) * z))))(wl.tensor(X)).numpy()
    np.testing.assert_allclose(slope, 10 * X * np.abs(Z) ** 2, rtol=1e-4)
    assert wl.grad(lambda x: wl.sum(wl.abs(wl.complex(x, x))))(wl.zeros([2])).array_sync() == [0, 0]


@pytest.mark.parametrize(
    "fn",
    [
        lambda x: wl.abs(wl.complex(x, x * x)),
        lambda x: wl.real(wl.reciprocal(wl.complex(x, x * x))),
        lambda x: wl.imag((x + 1j) / wl.complex(x * x, x)),
    ],
)
def test_gradients_of_first_and_second_order(fn):
    total = lambda x: wl.sum(fn(x))  # noqa: E731
    slope = wl.grad(total)
    step, x = 1e-2, np.array([0.7, -1.3, 2.1], np.float32)
    for of, value in ((slope, fn), (wl.grad(lambda x: wl.sum(slope(x))), slope)):
        expected = (value(wl.tensor(x + step)).numpy() - value(wl.tensor(x - step)).numpy()) / (2 * step)
        np.testing.assert_allclose(of(wl.tensor(x)).numpy(), expected, rtol=5e-3, atol=5e-3)


def test_errors():
    z = wl.tensor(Z)
    with pytest.raises(TypeError, match="tanh is not defined for complex64"):
        wl.tanh(z)
    with pytest.raises(ValueError, match="one shape"):
        wl.complex([1.0], [1.0, 2.0])
    with pytest.raises(TypeError, match="make no float32 tensor"):
        wl.tensor([1j], dtype="float32")
    with pytest.raises(ValueError, match="ambiguous"):
        bool(z)
    with pytest.raises(TypeError, match="are real"):
        wl.complex(z, z)
    with pytest.raises(ValueError, match="cannot reshape"):
        z.reshape([5])
