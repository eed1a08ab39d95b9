"""Methods of fit, evaluate and predict that a model of one's own overrides: they are called, or it says so."""

import asyncio

import numpy as np
import pytest

import weblayers as wl

L = wl.layers
X = np.random.default_rng(0).random((8, 3)).astype(np.float32)
Y = X.sum(1).astype(np.float32)

pytestmark = pytest.mark.usefixtures("backend")


class Line(wl.Model):
    def __init__(self, **base):
        super().__init__(**base)
        self.dense = L.dense(1, kernel_initializer="zeros", kernel_regularizer="l2")

    def call(self, x):
        return self.dense(x)


class Cubes(Line):
    """A loss of its own, with what layers and weights add to it."""

    calls = 0

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        type(self).calls += 1
        assert y.shape == y_pred.shape and x.shape == (*y.shape[:1], 3)
        own = wl.mean(wl.abs(y - y_pred) ** 3)
        return own + super().compute_loss(x, y, y_pred, sample_weight, training)


class Older(Line):
    def compute_loss(self, x, y, y_pred, sample_weight):
        return wl.mean((y - y_pred) ** 2 * (1 if sample_weight is None else sample_weight[:, None]))


def run(start):
    async def main():
        return await start()

    return asyncio.run(main())


def test_a_loss_of_the_models_own_is_trained_and_traced_once():
    Cubes.calls = 0
    made = Cubes()
    made.compile(wl.train.sgd(0.05), "mse", metrics=["mae"])
    history = run(lambda: made.fit(X, Y, epochs=20, verbose=0)).history
    assert Cubes.calls == 1
    assert history["loss"][0] == pytest.approx((Y**3).mean() + (Y**2).mean(), rel=1e-5)
    assert history["loss"][-1] < history["loss"][0] / 2
    kernel = made.dense.kernel.numpy()
    error = np.abs(made.predict(X).numpy()[:, 0] - Y)
    wanted = (error**3).mean() + (error**2).mean() + 0.01 * (kernel**2).sum()
    assert float(made.evaluate(X, Y)[0]) == pytest.approx(wanted, rel=1e-4)


def test_a_model_with_a_loss_of_its_own_needs_none_at_compile():
    made, twin = Older(), wl.sequential([L.dense(1, kernel_initializer="zeros", input_shape=[3])])
    made.compile(wl.train.sgd(0.1))
    twin.compile(wl.train.sgd(0.1), "mse")
    weight = np.arange(8.0)
    options = {"epochs": 3, "verbose": 0, "shuffle": False, "sample_weight": weight}
    own, known = (run(lambda m=m: m.fit(X, Y, **options)).history for m in (made, twin))
    assert own["loss"] == pytest.approx(known["loss"], rel=1e-5)
    with pytest.raises(ValueError, match="compile needs a loss"):
        Line().compile("sgd")


def test_each_output_is_handed_over():
    seen = []

    class Two(wl.Functional):
        def compute_loss(self, x, y, y_pred, sample_weight, **more):
            seen.append([len(x), len(y), len(y_pred), sample_weight, sorted(more)])
            return super().compute_loss(x, y, y_pred, sample_weight)

    a, b = wl.input(shape=[3]), wl.input(shape=[3])
    both = L.add()([a, b])
    made = Two(inputs=[a, b], outputs=[L.dense(1, name="p")(both), L.dense(1, name="q")(both)])
    made.compile("sgd", "mse", loss_weights=[1, 2])
    history = run(lambda: made.fit([X, X], [Y, Y], verbose=0)).history
    assert seen == [[2, 2, 2, [None, None], ["training"]]]
    assert history["loss"][0] == pytest.approx(history["p_loss"][0] + 2 * history["q_loss"][0], rel=1e-5)


def test_predict_computes_what_predict_step_says():
    class Doubled(Line):
        def predict_step(self, data):
            return super().predict_step(data) * 2 + 1

    made = Doubled()
    made.compile("sgd", "mse")
    expected = made(wl.tensor(X)).numpy() * 2 + 1
    np.testing.assert_allclose(made.predict(X, batch_size=3).numpy(), expected, rtol=1e-6)
    np.testing.assert_allclose(made.predict_on_batch(X).numpy(), expected, rtol=1e-6)
    np.testing.assert_allclose(run(lambda: made.predict(iter([X]))).numpy(), expected, rtol=1e-6)


def test_what_would_be_ignored_is_refused_at_compile():
    own = type("Own", (Line,), {"make_train_function": lambda self, force=False: None})
    with pytest.raises(NotImplementedError, match="Own.make_train_function would be ignored.*train_step"):
        own().compile("sgd", "mse")
    stateless = type("Own", (Line,), {"train_step": lambda self, state, data: ({}, state)})
    with pytest.raises(NotImplementedError, match=r"Own.train_step must take.*train_step\(self, data\)"):
        stateless().compile("sgd", "mse")


def test_weights_given_by_name_are_there_at_once_also_in_a_loop():
    made = wl.sequential([L.dense(1, input_shape=[1], name="line")])

    async def main():
        made.load_weights({"line/kernel": [[2.0]], "line/bias": [1.0]})
        return made.predict(wl.ones([1, 1])).array_sync()

    assert asyncio.run(main()) == [[3.0]]


def test_a_loss_of_the_inputs_alone_needs_no_targets():
    class Autoencoder(Line):
        def compute_loss(self, x, y, y_pred, sample_weight):
            assert y is None
            return wl.mean((wl.sum(x, 1, True) - y_pred) ** 2)

    made = Autoencoder()
    made.compile(wl.train.sgd(0.1))
    losses = run(lambda: made.fit(X, epochs=20, verbose=0)).history["loss"]
    assert losses[0] == pytest.approx((Y**2).mean(), rel=1e-5) and losses[-1] < losses[0] / 10
    assert float(made.evaluate(X)) < losses[0] / 10
    made.compile("sgd", metrics=["mae"])
    with pytest.raises((TypeError, ValueError)):
        made.fit(X, verbose=0)


def test_several_outputs_without_targets():
    class Two(wl.Functional):
        def compute_loss(self, x, y, y_pred, sample_weight):
            assert y == [None, None]
            return wl.mean(wl.square(y_pred[0])) + wl.mean(wl.square(y_pred[1]))

    x = wl.input(shape=[3])
    made = Two(inputs=x, outputs=[L.dense(1, name="p")(x), L.dense(1, name="q")(x)])
    made.compile(wl.train.sgd(0.1))
    history = run(lambda: made.fit(X, epochs=3, verbose=0)).history
    assert history["loss"][2] < history["loss"][0] and history["p_loss"] == [0, 0, 0]
    with pytest.raises(ValueError, match="class_weight needs targets"):
        run(lambda: made.fit(X, class_weight=[{0: 2}, None], verbose=0))
