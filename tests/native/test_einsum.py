"""Sums of products over named axes, as NumPy has them."""

import numpy as np
import pytest

import weblayers as wl

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "equation, shapes",
    [
        ("ij,jk,kl", [(2, 3), (3, 4), (4, 5)]),
        ("a,b,c,d->dbca", [(2,), (3,), (4,), (5,)]),
        ("...ij,...jk", [(6, 2, 3), (6, 3, 4)]),
        ("...i,...i,...i->...", [(2, 3)] * 3),
        ("ii", [(3, 3)]),
        ("iii->i", [(3, 3, 3)]),
        ("iijj->ji", [(3, 3, 2, 2)]),
        ("iij,jkk->ik", [(3, 3, 2), (2, 4, 4)]),
    ],
)
def test_equations(equation, shapes):
    arrays = [RNG.standard_normal(s).astype(np.float32) for s in shapes]
    np.testing.assert_allclose(wl.einsum(equation, *arrays).numpy(), np.einsum(equation, *arrays), rtol=1e-4, atol=1e-5)


def test_integers_stay_integers():
    whole = wl.tensor([[1, 2], [3, 4]], dtype="int32")
    assert wl.einsum("ij,ji->", whole, whole).dtype == "int32"
    assert wl.einsum("ij,ji->", whole, wl.ones([2, 2])).dtype == "float32"


@pytest.mark.parametrize(
    "equation, message",
    [
        ("i,j", "names 2 operands, but there are 1"),
        ("ij->ii", "axes 'ii' must be different ones"),
        ("ij->k", "axes 'k' must be different ones"),
        ("i->i", r"an operand of shape \[2, 3\] has the axes 'i'"),
        ("ii->i", "axis 'i' has the sizes 2 and 3"),
    ],
)
def test_what_does_not_fit_is_refused(equation, message):
    with pytest.raises(ValueError, match=message):
        wl.einsum(equation, wl.ones([2, 3]))
