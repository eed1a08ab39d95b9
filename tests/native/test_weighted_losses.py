"""TensorFlow.js' core losses: values, weights and reductions, against the formulas written with NumPy."""

import numpy as np
import pytest

import weblayers as wl

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 2, (4, 3)).astype(np.float32)
ONE_HOT = np.eye(3, dtype=np.float32)[[0, 2, 1, 1]]
SCORES = RNG.standard_normal((4, 3)).astype(np.float32) * 2
PROBABILITIES = (1 / (1 + np.exp(-SCORES))).astype(np.float32)
ROW_WEIGHTS = np.array([[0.5], [0], [2], [1]], np.float32)


def log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def huber(error, delta):
    return np.where(error <= delta, error**2 / 2, delta * error - delta**2 / 2)


def crossentropy(labels, p):
    return -labels * np.log(p) - (1 - labels) * np.log(1 - p)


# name: arguments, and the values before they are weighed
CASES = {
    "absolute_difference": ([LABELS, SCORES], {}, abs(LABELS - SCORES)),
    "cosine_distance": ([LABELS, SCORES, 1], {}, 1 - (LABELS * SCORES).sum(1, keepdims=True)),
    "hinge_loss": ([LABELS, SCORES], {}, np.maximum(0, 1 - (2 * LABELS - 1) * SCORES)),
    "huber_loss": ([LABELS, SCORES], {"delta": 0.7}, huber(abs(LABELS - SCORES), 0.7)),
    "log_loss": ([LABELS, PROBABILITIES], {"epsilon": 0.0}, crossentropy(LABELS, PROBABILITIES)),
    "mean_squared_error": ([LABELS, SCORES], {}, (LABELS - SCORES) ** 2),
    "sigmoid_cross_entropy": (
        [LABELS, SCORES],
        {"label_smoothing": 0.2},
        crossentropy(LABELS * 0.8 + 0.1, PROBABILITIES),
    ),
    "softmax_cross_entropy": (
        [ONE_HOT, SCORES],
        {"label_smoothing": 0.3},
        -((ONE_HOT * 0.7 + 0.1) * log_softmax(SCORES)).sum(-1),
    ),
}
REDUCTIONS = {
    "NONE": lambda values, weights: values * weights,
    "MEAN": lambda values, weights: (values * weights).sum() / (weights * np.ones_like(values)).sum(),
    "SUM": lambda values, weights: (values * weights).sum(),
    "SUM_BY_NONZERO_WEIGHTS": lambda values, weights: (
        (values * weights).sum() / np.count_nonzero(weights * np.ones_like(values))
    ),
}


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", CASES)
def test_values_are_weighed_and_reduced(name, reduction):
    arguments, options, values = CASES[name]
    weights = ROW_WEIGHTS.reshape((4, 1)[: values.ndim])
    got = getattr(wl.losses, name)(*arguments, weights=weights, reduction=wl.Reduction[reduction], **options)
    np.testing.assert_allclose(got.numpy(), REDUCTIONS[reduction](values, weights), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", [n for n in CASES if n != "mean_squared_error"])
def test_the_mean_is_the_default(name):
    arguments, options, values = CASES[name]
    got = getattr(wl.losses, wl.naming.camel(name))(*arguments, **options)
    np.testing.assert_allclose(got.numpy(), values.mean(), rtol=2e-5)


def test_the_squared_error_is_a_model_s_loss_and_a_core_loss():
    per_sample = wl.losses.mean_squared_error(wl.tensor(LABELS), wl.tensor(SCORES))
    np.testing.assert_allclose(per_sample.numpy(), ((LABELS - SCORES) ** 2).mean(-1), rtol=1e-6)
    assert wl.losses.get(wl.losses.mean_squared_error).known_targets
    one = wl.losses.mean_squared_error(LABELS, SCORES, ROW_WEIGHTS)
    np.testing.assert_allclose(one.numpy(), ((LABELS - SCORES) ** 2 * ROW_WEIGHTS).sum() / 9, rtol=1e-6)


@pytest.mark.parametrize("reduction", ["mean", "sum_by_nonzero_weights"])
def test_weights_of_zero_leave_nothing(reduction):
    assert wl.losses.compute_weighted_loss([1, 2], [0, 0], reduction).array_sync() == 0


def test_mistakes():
    with pytest.raises(ValueError, match=r"huber_loss: shapes \[2\] and \[3\]"):
        wl.losses.huber_loss([0, 1], [0, 1, 2])
    with pytest.raises(ValueError, match="average.*NONE, MEAN"):
        wl.losses.compute_weighted_loss([1], reduction="average")


def test_they_train():
    model = wl.sequential([wl.layers.dense(units=3, input_shape=[2])])
    model.compile("sgd", lambda y, p: wl.losses.softmax_cross_entropy(y, p, [1, 1, 0, 2]))
    x = RNG.random((4, 2), np.float32)
    losses = model.fit(x, ONE_HOT, epochs=20, verbose=0, shuffle=False).result().history["loss"]
    assert losses[-1] < losses[0]
