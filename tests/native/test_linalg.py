"""Linear algebra, as NumPy has it, and TensorFlow.js where it chooses signs."""

import json

import numpy as np
import pytest

import weblayers as wl
from tests.matrix_cases import regular
from weblayers.ops import functions

RNG = np.random.default_rng(0)
SQUARE = [(0, 0), (1, 1), (2, 2), (7, 7), (3, 4, 4), (2, 3, 5, 5), (0, 3, 3)]
ANY = [(1, 1), (4, 4), (6, 3), (3, 6), (2, 4, 4), (2, 5, 3), (2, 3, 5), (0, 2), (2, 0)]


def close(got, expected, tolerance=1e-4):
    np.testing.assert_allclose(got.numpy(), expected, rtol=tolerance, atol=tolerance)


def drawn(shape):
    return RNG.standard_normal(shape).astype(np.float32)


# -- against NumPy ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SQUARE)
def test_equations(shape):
    a, columns = regular(RNG, shape), drawn((*shape[:-1], 3))
    close(wl.linalg.inv(a), np.linalg.inv(a))
    close(wl.linalg.det(a), np.linalg.det(a), 1e-3)
    close(wl.linalg.solve(a, columns), np.linalg.solve(a, columns))


def test_right_sides():
    a = regular(RNG, (2, 3, 3))
    close(wl.linalg.solve(a[0], a[1, 0]), np.linalg.solve(a[0], a[1, 0]))
    several = drawn((4, 1, 3, 2))
    close(wl.linalg.solve(a, several), np.linalg.solve(a, several))


def test_small_pivots_are_not_taken():
    a = np.array([[1e-6, 1], [1, 1]], np.float32)
    close(wl.linalg.inv(a), np.linalg.inv(a.astype(float)), 1e-5)


def test_what_has_no_inverse():
    flat = wl.tensor([[1.0, 2, 3], [2, 4, 6], [1, 0, 1]])
    assert wl.linalg.det(flat).array_sync() == 0
    assert wl.linalg.det(wl.zeros([2, 3, 3])).array_sync() == [0, 0]
    assert not np.isfinite(wl.linalg.inv(flat).numpy()).all()


def test_integers_count_as_floats():
    whole = wl.tensor([[2, 0], [0, 4]], dtype="int32")
    assert wl.linalg.inv(whole).array_sync() == [[0.5, 0], [0, 0.25]]
    assert wl.linalg.solve(whole, wl.tensor([1, 2], dtype="int32")).array_sync() == [0.5, 0.5]


@pytest.mark.parametrize("shape", SQUARE)
def test_cholesky(shape):
    a = drawn(shape)
    square = a @ np.swapaxes(a, -1, -2) + np.eye(shape[-1], dtype=np.float32)
    close(wl.linalg.cholesky(square), np.linalg.cholesky(square))
    close(wl.linalg.cholesky(np.tril(square)), np.linalg.cholesky(square))


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("shape", ANY)
def test_qr(shape, full):
    a = drawn(shape)
    q, r = wl.linalg.qr(a, full)
    like = np.linalg.qr(a, "complete" if full else "reduced")
    assert (q.shape, r.shape) == (like[0].shape, like[1].shape)
    close(q @ r, a)
    close(wl.linalg.matrix_transpose(q) @ q, np.broadcast_to(np.eye(q.shape[-1]), (*shape[:-2], *q.shape[-1:] * 2)))
    assert not np.tril(r.numpy(), -1).any()


def test_signs_are_those_of_tensorflow_js():
    q, r = wl.linalg.qr([[-1, 2, 0.5], [3, -4, 1], [2, 2, -3]])
    close(q, [[-0.267261, 0.313150, -0.911322], [0.801784, -0.452328, -0.390567], [0.534522, 0.835067, 0.130189]])
    close(r, [[3.741657, -2.672612, -0.935414], [0, 4.105745, -2.800953], [0, 0, -1.236795]])
    q, r = wl.linalg.qr([[2, 1], [-1, 3], [0, -2]], True)
    close(q, [[-0.894427, -0.376867, 0.240772], [0.447214, -0.753735, 0.481543], [0, 0.538382, 0.842701]])
    close(r, [[-2.236068, 0.447214], [0, -3.714836], [0, 0]])


def test_columns_of_zeros_have_factors():
    q, r = wl.linalg.qr([[0, 1], [0, 2]])
    close(q @ r, [[0, 1], [0, 2]])
    close(q, np.eye(2) * [1, -1])


def test_gram_schmidt():
    expected = [[0.267261, 0.534522, 0.801784], [0.051434, 0.822951, -0.565779]]
    close(wl.linalg.gram_schmidt([[1, 2, 3], [0, 1, -1]]), expected)
    vectors = wl.linalg.gram_schmidt([wl.tensor([1.0, 2, 3]), wl.tensor([0.0, 1, -1])])
    assert isinstance(vectors, list)
    for vector, row in zip(vectors, expected, strict=True):
        close(vector, row)


@pytest.mark.parametrize("shape", ANY)
def test_svd(shape):
    a = drawn(shape)
    u, s, v = wl.linalg.svd(a)
    close(s, np.linalg.svd(a, compute_uv=False))
    close((u * wl.expand_dims(s, -2)) @ v, a)
    assert [t.shape for t in wl.linalg.svd(a, True)] == [t.shape for t in np.linalg.svd(a)]


def test_bands():
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    close(wl.linalg.band_part(x, 1, -1), np.triu(x, -1))
    close(wl.linalg.bandPart(x, -1, 0), np.tril(x))
    close(wl.linalg.band_part(x, wl.scalar(-3, "int32"), wl.scalar(1, "int32")), np.tril(x, 1))
    assert wl.linalg.band_part(wl.tensor([[True, True]]), 0, 0).array_sync() == [[True, False]]


# -- wherever ops can be ----------------------------------------------------------------------------------------------


def test_in_functions_and_loops():
    a, start = wl.tensor(regular(RNG, (3, 2, 2))), drawn((2,))

    @wl.function
    def solved(a, y):
        step = lambda states, slices: ([wl.linalg.solve(slices[0], states[0])], [wl.linalg.det(slices[0])])  # noqa: E731
        found = wl.scan(step, [y], [a])
        return found.states[0], found.outputs[0]

    y, dets = solved(a, wl.tensor(start))
    for matrix in a.numpy():
        start = np.linalg.solve(matrix, start)
    close(y, start)
    close(dets, np.linalg.det(a.numpy()))


@pytest.mark.parametrize(
    "size, fn",
    [
        (3, lambda x: wl.linalg.inv(x) @ wl.linalg.qr(x)[1]),
        (None, lambda x: wl.linalg.band_part(x, -1, 0)),
    ],
)
def test_on_symbolic_tensors(size, fn):
    x = wl.input(shape=[size, 3])
    model = wl.Model(x, fn(x))
    again = wl.Functional.from_config(json.loads(json.dumps(model.get_config())))
    a = regular(RNG, (2, 3, 3))
    close(again.predict(a), fn(wl.tensor(a)).numpy())


def test_second_gradients():
    a = wl.tensor(regular(RNG, (3, 3)))
    by_rule = wl.grad(lambda x: wl.sum(wl.log(wl.abs(wl.linalg.det(x)))))
    close(by_rule(a), np.linalg.inv(a.numpy()).T)
    # the gradient of log|det x| is inv(x)^T: so are their slopes
    close(wl.grad(lambda x: wl.sum(by_rule(x)))(a), wl.grad(lambda x: wl.sum(wl.linalg.inv(x)))(a).numpy(), 1e-3)


def test_gradients_find_the_plan_that_is_there():
    a = wl.tensor(regular(RNG, (4, 4)))
    for fn in (wl.linalg.inv, wl.linalg.gram_schmidt, lambda x: wl.linalg.qr(x)[0]):
        slope = wl.grad(fn)
        slope(a)
        plans = len(functions._plans)
        slope(a)
        assert len(functions._plans) == plans


# -- mistakes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["inv", "det", "cholesky"])
def test_only_square_matrices_have_them(name):
    with pytest.raises(ValueError, match=rf"{name} wants square matrices, got shape \[2, 3\]"):
        getattr(wl.linalg, name)(wl.ones([2, 3]))
    with pytest.raises(ValueError, match=rf"{name} wants matrices, a tensor of rank 2 or more, got shape \[2\]"):
        getattr(wl.linalg, name)([1, 2])


def test_other_mistakes():
    with pytest.raises(ValueError, match=r"solve: matrices of shape \[2, 2\] do not fit a right side of \[3\]"):
        wl.linalg.solve(wl.ones([2, 2]), [1, 2, 3])
    with pytest.raises(ValueError, match="qr wants matrices"):
        wl.linalg.qr([1, 2])
    with pytest.raises(ValueError, match="svd wants matrices"):
        wl.linalg.svd([1, 2])
    with pytest.raises(ValueError, match="at most as many rows as columns"):
        wl.linalg.gram_schmidt(wl.ones([3, 2]))
    with pytest.raises(ValueError, match="vectors of one size"):
        wl.linalg.gram_schmidt([wl.ones([3]), wl.ones([2])])
    with pytest.raises(ValueError, match="num_lower must be an integer"):
        wl.linalg.band_part(wl.ones([2, 3]), 0.5, 1)
    with pytest.raises(ValueError, match=r"num_upper is 4, but the shape \[2, 3\] has only 3"):
        wl.linalg.band_part(wl.ones([2, 3]), 1, 4)
    with pytest.raises(ValueError, match="band_part wants matrices"):
        wl.linalg.band_part([1, 2], 1, 1)
