"""Metrics that users define as in Keras: with variables, or by what another one gives."""

import asyncio

import numpy as np
import pytest

import weblayers as wl

RNG = np.random.default_rng(0)
X = RNG.standard_normal((50, 4)).astype(np.float32)
Y = (X.sum(1, keepdims=True) > 0).astype(np.float32)
WEIGHTS = RNG.random(50).astype(np.float32)


class OwnRecall(wl.metrics.Metric):
    def __init__(self, name="own_recall", **options):
        super().__init__(name=name, **options)
        self.count = self.add_weight("count", initializer="zeros")
        self.both = self.add_variable(shape=(2,), initializer="ones", dtype="int32")

    def update_state(self, y_true, y_pred, sample_weight=None):
        positive = wl.cast(y_true, self.dtype)
        found = positive * wl.cast(wl.greater(y_pred, 0.5), self.dtype)
        if sample_weight is not None:
            weight = wl.reshape(wl.cast(sample_weight, self.dtype), (-1, 1))
            positive, found = positive * weight, found * weight
        self.count.assign(self.count + wl.sum(positive))
        # a thousandth, so that whole numbers say something
        self.both.assign_add(wl.cast(wl.stack([wl.sum(found) * 1000.0, 1.0]), "int32"))

    def result(self):
        return wl.cast(self.both[0], self.dtype) / 1000.0 / (self.count + 1e-7)

    def reset_state(self):
        self.count.assign(0.0)
        self.both.assign([0, 0])


class Counted(wl.metrics.Metric):
    """Samples so far, with nothing said of how it begins anew."""

    def __init__(self, name="counted", **options):
        super().__init__(name=name, **options)
        self.total = self.add_weight()

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.total.assign_add(wl.cast(y_pred.shape[0], "float32"))

    def result(self):
        return self.total


class Balanced(wl.metrics.Metric):
    """Made of other metrics."""

    def __init__(self, name="balanced", **options):
        super().__init__(name=name, **options)
        self.recall, self.own = wl.metrics.Recall(), OwnRecall()
        self.seen = self.add_weight()

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.recall.update_state(y_true, y_pred)
        self.own.update_state(y_true, y_pred)
        self.seen.assign_add(1.0)

    def result(self):
        return (self.recall.result() + self.own.result()) / 2


class Percent(wl.metrics.BinaryAccuracy):
    def result(self):
        return super().result() * 100


class Excess(wl.metrics.Mean):
    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(wl.sub(y_pred, y_true), sample_weight)


class Distance(wl.metrics.MeanMetricWrapper):
    def __init__(self, name="distance", **options):
        super().__init__(fn=lambda y_true, y_pred: wl.abs(wl.sub(y_true, y_pred)), name=name, **options)


def made(metrics, weighted=()):
    wl.utils.set_random_seed(0)
    model = wl.Sequential([wl.layers.Dense(1, activation="sigmoid", input_shape=(4,))])
    model.compile("adam", "binary_crossentropy", metrics=metrics, weighted_metrics=list(weighted))
    return model


@pytest.mark.usefixtures("backend")
def test_they_are_counted_by_epochs():
    own = [OwnRecall(), Percent(), Excess(), Distance(), Counted(), Balanced()]
    model = made([*own, "recall", "binary_accuracy", "mae"], [OwnRecall()])

    async def fit():
        return await model.fit(
            X, Y, batch_size=16, epochs=3, sample_weight=WEIGHTS, validation_data=(X, Y), verbose=0, shuffle=False
        )

    logs = asyncio.run(fit()).history
    for before in ("", "val_"):
        for own, known in (("own_recall", "recall"), ("balanced", "recall"), ("distance", "mae")):
            np.testing.assert_allclose(logs[before + own], logs[before + known], rtol=2e-4)
        assert logs[f"{before}counted"] == [50] * 3
        np.testing.assert_allclose(logs[f"{before}percent"], 100 * np.array(logs[f"{before}binary_accuracy"]))
    assert min(np.abs(np.subtract(logs["weighted_own_recall"], logs["own_recall"]))) > 1e-3
    tested = {name: value.array_sync() for name, value in model.evaluate(X, Y, batch_size=7, return_dict=True).items()}
    guess = model.predict(X).numpy()
    assert tested["own_recall"] == pytest.approx(((guess > 0.5) & (Y > 0)).sum() / Y.sum())
    assert tested["excess"] == pytest.approx((guess - Y).mean(), abs=1e-5)
    assert model.get_metrics_result()["own_recall"].array_sync() == pytest.approx(logs["val_own_recall"][-1])


def test_steps_of_ones_own_count_in_them():
    class Own(wl.Sequential):
        def test_step(self, data):
            x, y = data
            self.recall.update_state(y, self(x))
            return {"recall": self.recall.result()}

    model = Own([wl.layers.Dense(1, activation="sigmoid", input_shape=(4,))])
    model.recall = OwnRecall()
    model.compile("sgd", "mse")
    found = model.evaluate(X, Y, batch_size=16, return_dict=True)["recall"].array_sync()
    expected = OwnRecall()
    expected.reset_state()
    expected.update_state(Y, model.predict(X))
    assert found == pytest.approx(expected.result().array_sync())


def test_one_object_counts_each_output():
    inputs = wl.Input((4,))
    outputs = [wl.layers.Dense(1, activation="sigmoid", name=name)(inputs) for name in "ab"]
    model = wl.Model(inputs, outputs)
    model.compile("sgd", "mse", metrics=[OwnRecall(), Balanced()])
    found = model.evaluate(X, [Y, Y], return_dict=True)
    for name, guess in zip("ab", model.predict(X), strict=True):
        expected = ((guess.numpy() > 0.5) & (Y > 0)).sum() / Y.sum()
        for metric in ("own_recall", "balanced"):
            assert found[f"{name}_{metric}"].array_sync() == pytest.approx(expected)


def test_in_loops_of_ones_own():
    metric = OwnRecall()
    metric.reset_state()
    assert [float(metric(Y, guess).array_sync()) for guess in (Y, 0 * Y)] == pytest.approx([1, 0.5])
    metric.reset_state()
    assert metric.result().array_sync() == 0
    assert [v.name for v in metric.variables] == ["count", "own_recall_1"]
    mean = wl.metrics.Mean()
    assert [mean(3.0), mean(5.0)] == [3, 4]
    assert type(metric).from_config(metric.get_config()).name == "own_recall"


def test_variables_that_are_no_sums_are_refused():
    class Largest(wl.metrics.Metric):
        def __init__(self):
            super().__init__("largest")
            self.most = self.add_weight(name="most")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.most.assign(wl.maximum(self.most, wl.max(y_pred)))

        def result(self):
            return self.most

    assert Largest()(Y, Y).array_sync() == 1
    with pytest.raises(ValueError, match="'largest' does something else than to add to its variable 'most'"):
        made([Largest()]).evaluate(X, Y)


def test_several_numbers_are_refused():
    class Both(Counted):
        def result(self):
            return {"one": self.total, "two": self.total}

    with pytest.raises(TypeError, match="the metric 'both' gives a dictionary .one, two."):
        asyncio.run(_fitted(made([Both("both")])))


async def _fitted(model):
    await model.fit(X, Y, verbose=0)
