"""Random numbers: TensorFlow.js' for its seeds, one global seed, and new ones at each run of a traced function."""

import numpy as np
import pytest

import weblayers as wl

# As TensorFlow.js 4.22 gives them.
RECORDED = {
    "uniform": (
        lambda: wl.random_uniform([5], -1, 2, "float32", 7),
        [0.09378555417060852, -0.9763570427894592, -0.4371388256549835, 0.5200180411338806, -0.5031542778015137],
    ),
    "uniform, seeded by a text": (
        lambda: wl.random_uniform([5], 0, 1, "float32", "abc"),
        [0.47956418991088867, 0.32567206025123596, 0.8431053161621094, 0.16420672833919525, 0.3870483636856079],
    ),
    "uniform as int32": (lambda: wl.random_uniform([8], -3, 9, "int32", 11), [6, -2, 6, 0, 0, 4, 5, -2]),
    "uniform integers": (lambda: wl.random_uniform_int([8], 0, 10, 3), [3, 3, 0, 5, 1, 2, 1, 6]),
    "normal": (
        lambda: wl.random_normal([5], 1, 2, "float32", 5),
        [-0.3191688060760498, -0.5694772005081177, 0.6893306374549866, 2.3775999546051025, -0.23393961787223816],
    ),
    "normal as int32": (lambda: wl.random_normal([6], 0, 5, "int32", 5), [-3, -4, -1, 3, -3, 1]),
    "standard normal": (
        lambda: wl.random_standard_normal([5], "float32", 9),
        [-0.7953359484672546, 0.7406170964241028, 1.6500515937805176, -0.9345070123672485, -2.0900967121124268],
    ),
    "truncated": (
        lambda: wl.truncated_normal([4], 0, 1, "float32", 2),
        [-0.26398658752441406, 1.5957303047180176, 0.8903445601463318, 0.1499597579240799],
    ),
    "gamma": (
        lambda: wl.random_gamma([5], 2, 3, "float32", 4),
        [1.2347743511199951, 20.531780242919922, 9.646937370300293, 0.427579402923584, 8.297654151916504],
    ),
    "gamma below 1": (
        lambda: wl.random_gamma([5], 0.5, 2, "float32", 4),
        [0.02541383169591427, 1.811044454574585, 0.0754561722278595, 0.0067188432440161705, 0.9709153771400452],
    ),
    "multinomial": (
        lambda: wl.multinomial(wl.tensor2d([[1, 2, 3], [3, 2, 1]]), 8, 6),
        [[1, 2, 2, 2, 0, 2, 2, 1], [0, 1, 2, 2, 0, 1, 0, 0]],
    ),
    "multinomial of probabilities": (
        lambda: wl.multinomial(wl.tensor1d([0.2, 0.5, 0.3]), 8, 6, True),
        [0, 2, 2, 2, 0, 2, 1, 0],
    ),
}


@pytest.mark.parametrize("name", RECORDED)
def test_seeds_of_tensorflow_js(name):
    make, expected = RECORDED[name]
    np.testing.assert_allclose(make().numpy(), expected, rtol=1e-5)


def test_one_seed_for_all():
    makers = [
        lambda: wl.random_uniform([50]),
        lambda: wl.random_normal([50]),
        lambda: wl.truncated_normal([50]),
        lambda: wl.random_gamma([50], 2.0),
        lambda: wl.multinomial([0.1, 0.4, 0.2], 50),
        lambda: wl.dropout(wl.ones([50]), 0.5),
    ]
    for make in makers:
        wl.set_random_seed(3)
        first, second = make().numpy(), make().numpy()
        wl.set_random_seed(3)
        np.testing.assert_array_equal(make().numpy(), first)
        assert (first != second).any()


def test_a_traced_function_draws_anew():
    @wl.function
    def draw(x):
        return {
            "uniform": wl.random_uniform([4000], 2, 4) + x,
            "integers": wl.random_uniform_int([4000], 0, 3),
            "normal": wl.random_normal([4000], 5, 2),
            "truncated": wl.truncated_normal([4000], 1, 3),
            "multinomial": wl.multinomial([0.0, 1.0, 0.5], 4000, normalized=False),
            "dropout": wl.dropout(x * wl.ones([4000]) + 1, 0.25),
        }

    wl.set_random_seed(1)
    first, second = draw(wl.scalar(0.0)), draw(wl.scalar(0.0))
    assert draw.traces == 1
    assert all((first[k].numpy() != second[k].numpy()).any() for k in first)
    values = {k: v.numpy() for k, v in first.items()}
    assert values["uniform"].min() >= 2 and values["uniform"].max() < 4
    assert abs(values["uniform"].mean() - 3) < 0.05
    assert set(values["integers"]) == {0, 1, 2}
    assert abs(values["normal"].mean() - 5) < 0.15 and abs(values["normal"].std() - 2) < 0.1
    truncated = (values["truncated"] - 1) / 3
    # the deviation of a normal distribution that is cut at two of its deviations
    assert abs(truncated).max() <= 2 and abs(truncated.std() - 0.8796) < 0.03
    shares = np.bincount(values["multinomial"], minlength=3) / 4000
    np.testing.assert_allclose(shares, np.exp([0, 1, 0.5]) / np.exp([0, 1, 0.5]).sum(), atol=0.03)
    np.testing.assert_allclose(sorted(set(values["dropout"])), [0, 4 / 3], rtol=1e-6)
    assert abs((values["dropout"] == 0).mean() - 0.25) < 0.03


def test_gradients_pass_the_mask():
    wl.set_random_seed(0)
    x = wl.ones([100])
    slopes = wl.grad(lambda v: wl.dropout(v, 0.5).sum())(x).numpy()
    assert set(slopes) == {0.0, 2.0}


def test_traced_again_it_is_the_same_graph():
    from weblayers.ops import functions

    noisy = wl.grad(lambda v: wl.sum(v * wl.random_normal([3])))
    noisy(wl.ones([3]))
    before = len(functions._plans)
    slopes = [noisy(wl.ones([3])).numpy() for _ in range(3)]
    assert len(functions._plans) == before
    assert (slopes[0] != slopes[1]).all()


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: wl.dropout([1.0], 1.0), "rate must be"),
        (lambda: wl.multinomial([1.0], 3), "at least 2"),
        (lambda: wl.random_uniform([2], dtype="float64"), "unknown dtype"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("shape", [(4,), (3, 4)])
@pytest.mark.parametrize("normalized", [False, True])
def test_multinomial_with_a_seed_draws_the_same_in_a_traced_function(shape, normalized):
    given = np.random.default_rng(0).dirichlet(np.ones(4), shape[:-1]).astype(np.float32)
    drawn = wl.function(lambda x: wl.multinomial(x, 50, seed=7, normalized=normalized))(wl.tensor(given))
    expected = wl.multinomial(wl.tensor(given), 50, seed=7, normalized=normalized)
    assert drawn.dtype == "int32"
    np.testing.assert_array_equal(drawn.numpy(), expected.numpy())
