"""Every metric has a name of its own in logs, in Keras' way, so that none is lost and names and values go together."""

import asyncio

import numpy as np
import pytest

import weblayers as wl

pytestmark = pytest.mark.usefixtures("backend")
X = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
Y = np.zeros((6, 2), np.float32)
WEIGHTS = np.array([1, 1, 0, 0, 0, 0], np.float32)


def one_output(**given):
    model = wl.sequential([wl.layers.dense(2, input_shape=[4])])
    model.compile("sgd", "mse", **given)
    return model


@pytest.mark.parametrize(
    ("plain", "weighted", "names"),
    [
        (["mae"], ["mae"], ["mae", "weighted_mae"]),
        (["mae"], ["mse"], ["mae", "mse"]),
        (["mae", "mae"], None, ["mae", "mae_1"]),
        (["mae"], ["mae", "mae"], ["mae", "weighted_mae", "weighted_mae_1"]),
        ([lambda y, p: wl.mean(p), lambda y, p: wl.mean(y)], None, ["<lambda>", "<lambda>_1"]),
        ([wl.metrics.MeanAbsoluteError(name="loss")], None, ["loss_1"]),
    ],
)
def test_names(plain, weighted, names):
    model = one_output(metrics=plain, weighted_metrics=weighted)
    assert model.metrics_names == ["loss", *names]
    values = model.evaluate(X, Y, sample_weight=WEIGHTS)
    assert len(values) == len(names) + 1
    history = asyncio.run(fitted(model))
    assert set(history) == {"loss", *names, "val_loss", *(f"val_{n}" for n in names)}


async def fitted(model):
    return (await model.fit(X, Y, sample_weight=WEIGHTS, validation_split=0.5, verbose=0)).history


def test_weighted_and_plain_count_what_they_say():
    model = one_output(metrics=["mae"], weighted_metrics=["mae"])
    errors = np.abs(model.predict(X).numpy() - Y)
    found = dict(zip(model.metrics_names, map(float, model.evaluate(X, Y, sample_weight=WEIGHTS)), strict=True))
    np.testing.assert_allclose(found["mae"], errors.mean(), rtol=1e-5)
    np.testing.assert_allclose(found["weighted_mae"], errors[:2].mean(), rtol=1e-5)


def test_of_several_outputs():
    x = wl.input(shape=[4])
    ends = [wl.layers.dense(2, name=name).apply(x) for name in ("a", "b")]
    model = wl.model(inputs=x, outputs=ends)
    model.compile("sgd", "mse", metrics={"a": ["mae"]}, weighted_metrics={"a": ["mae"], "b": "mae"})
    assert model.metrics_names == ["loss", "a_loss", "b_loss", "a_mae", "a_weighted_mae", "b_mae"]
    assert len(model.evaluate(X, [Y, Y])) == 6
