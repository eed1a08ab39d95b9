"""What callbacks hear of validations and evaluations, and of the end of a training."""

import asyncio

import numpy as np
import pytest

import weblayers as wl

pytestmark = pytest.mark.usefixtures("backend")
X = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
Y = np.ones((6, 2), np.float32)


class Heard(wl.Callback):
    def __init__(self):
        self.events = []

    def on_test_begin(self, logs=None):
        self.events.append("begin")

    def on_test_batch_begin(self, batch, logs=None):
        self.events.append(("batch", batch))

    async def on_test_batch_end(self, batch, logs=None):
        self.events.append((batch, round(logs["loss"], 4)))

    def on_test_end(self, logs=None):
        self.events.append(("end", round(logs["loss"], 4)))

    def on_train_end(self, logs=None):
        self.trained = logs


def run(promise):
    async def main():
        return await promise()

    return asyncio.run(main())


def made():
    model = wl.sequential([wl.layers.dense(2, input_shape=[4])])
    model.compile("sgd", "mse")
    return model


def losses(model):
    return [round(float(model.evaluate(X[:n], Y[:n])), 4) for n in (4, 6)]


def wanted(model):
    first, both = losses(model)
    return ["begin", ("batch", 0), (0, first), ("batch", 1), (1, both), ("end", both)]


def test_in_a_fit():
    model, heard = made(), Heard()
    history = run(
        lambda: model.fit(X, Y, verbose=0, validation_data=(X, Y), validation_batch_size=4, callbacks=[heard])
    ).history
    assert [e[0] if isinstance(e, tuple) else e for e in heard.events] == ["begin", "batch", 0, "batch", 1, "end"]
    assert heard.trained == {name: values[-1] for name, values in history.items()}


def test_in_an_evaluation():
    model = made()
    batches = [(X[:4], Y[:4]), (X[4:], Y[4:])]
    for evaluate in (
        lambda heard: model.evaluate(X, Y, batch_size=4, callbacks=heard),
        lambda heard: model.evaluate_dataset(batches, callbacks=[heard]),
    ):
        heard = Heard()
        value = float(run(lambda evaluate=evaluate, heard=heard: evaluate(heard)))
        expected = wanted(model)
        assert value == pytest.approx(expected[-1][1], abs=2e-4) and heard.model is model
        assert [e[0] for e in heard.events] == [e[0] for e in expected]
        for event, other in zip(heard.events[2::2] + heard.events[-1:], expected[2::2] + expected[-1:], strict=True):
            assert event[1] == pytest.approx(other[1], abs=2e-4)


def test_in_a_prediction():
    model, told = made(), []
    hooks = {name: lambda *given, name=name: told.append((name, *given[:-1])) for name in PREDICTION}
    wanted_ = [("on_predict_begin",), *((name, i) for i in (0, 1) for name in PREDICTION[1:3]), ("on_predict_end",)]
    for predict in (
        lambda: model.predict(X, batch_size=4, callbacks=hooks),
        lambda: model.predict(iter([X[:4], X[4:]]), callbacks=[hooks]),
    ):
        told.clear()
        np.testing.assert_allclose(run(predict).numpy(), model.predict(X).numpy(), rtol=1e-6)
        assert told == wanted_


PREDICTION = ["on_predict_begin", "on_predict_batch_begin", "on_predict_batch_end", "on_predict_end"]


def test_both_names_of_a_hook_are_called():
    heard = []

    class Both(wl.Callback):
        def on_batch_end(self, batch, logs=None):
            heard.append("batch")

        def on_train_batch_end(self, batch, logs=None):
            heard.append("train")

    run(lambda: made().fit(X, Y, verbose=0, batch_size=6, callbacks=[Both()]))
    assert sorted(heard) == ["batch", "train"]
