"""Inputs and outputs by name, of models whose code says what they have: they arrive and are reported as they are."""

import asyncio

import numpy as np
import pytest

import weblayers as wl

L = wl.layers
RNG = np.random.default_rng(1)
A, B = RNG.random((8, 3)).astype(np.float32), RNG.random((8, 2)).astype(np.float32)
SUM, CLASS = A.sum(1, keepdims=True), (B[:, 0] > B[:, 1]).astype(np.float32)

pytestmark = pytest.mark.usefixtures("backend")


class Named(wl.Model):
    def __init__(self):
        super().__init__()
        self.a, self.b = L.dense(1, kernel_initializer="ones"), L.dense(1, kernel_initializer="ones")

    def call(self, x):
        assert sorted(x) == ["first", "second"]
        return {"sum": self.a(x["first"]), "class": wl.sigmoid(self.b(x["second"]))}


GIVEN, WANTED = {"second": B, "first": A}, {"sum": SUM, "class": CLASS}


def fitted(model, *data, **options):
    async def main():
        return await model.fit(*data, **{"verbose": 0, "epochs": 2, "shuffle": False, **options})

    return asyncio.run(main()).history


def test_losses_metrics_and_weights_go_by_the_outputs_names():
    made = Named()
    losses = {"sum": "mse", "class": "binary_crossentropy"}
    made.compile("sgd", losses, metrics={"class": ["accuracy"]}, loss_weights={"sum": 0.5, "class": 1})
    history = fitted(made, GIVEN, WANTED, validation_split=0.25)
    names = ["loss", "class_loss", "sum_loss", "class_acc"]
    assert sorted(history) == sorted([*names, *(f"val_{n}" for n in names)])
    out = made.predict(GIVEN)
    assert sorted(out) == ["class", "sum"] and out["sum"].shape == (8, 1)
    values = dict(zip(made.metrics_names, map(float, made.evaluate(GIVEN, WANTED)), strict=True))
    assert values["sum_loss"] == pytest.approx(((out["sum"].numpy() - SUM) ** 2).mean(), rel=1e-5)
    assert values["class_acc"] == ((out["class"].numpy()[:, 0] > 0.5) == CLASS).mean()
    assert values["loss"] == pytest.approx(values["class_loss"] + 0.5 * values["sum_loss"], rel=1e-5)
    assert made(GIVEN)["sum"].shape == (8, 1)


def test_targets_in_a_list_come_in_the_order_of_the_names():
    losses = []
    for targets in (WANTED, [CLASS, SUM]):
        made = Named()
        made.compile("sgd", {"sum": "mse", "class": "mse"})
        losses.append(fitted(made, GIVEN, targets, class_weight={"class": {1: 2.0}})["loss"])
    assert losses[0] == pytest.approx(losses[1])


def test_names_that_the_model_does_not_have_are_refused():
    made = Named()
    made.compile("sgd", {"sum": "mse", "other": "mse"})
    with pytest.raises(ValueError, match="the model has no output 'other'; its outputs are class, sum"):
        fitted(made, GIVEN, WANTED)
    with pytest.raises(ValueError, match="Unknown loss|unknown loss|no loss"):
        Named().compile("sgd", {"sum": "mse", "class": "mean_square"})
    made = Named()
    made.compile("sgd", "mse")
    with pytest.raises(ValueError, match="targets for the output 'sum' are missing"):
        fitted(made, GIVEN, {"class": CLASS})


def test_data_sets_of_dictionaries():
    made, twin = Named(), Named()
    for one in (made, twin):
        one.compile("sgd", {"sum": "mse", "class": "mse"})

    async def main():
        batches = [{"xs": GIVEN, "ys": WANTED}]
        history = await made.fit_dataset(batches, epochs=2, verbose=0)
        evaluated = await made.evaluate_dataset(batches)
        return history.history, evaluated, await made.predict(iter([GIVEN]))

    history, evaluated, predicted = asyncio.run(main())
    assert history["loss"] == pytest.approx(fitted(twin, GIVEN, WANTED)["loss"], rel=1e-5)
    assert float(evaluated[0]) == pytest.approx(float(twin.evaluate(GIVEN, WANTED)[0]), rel=1e-5)
    np.testing.assert_allclose(predicted["sum"].numpy(), twin.predict(GIVEN, batch_size=3)["sum"].numpy(), rtol=1e-5)


def test_a_loss_of_the_models_own_sees_names():
    class Own(Named):
        def compute_loss(self, x, y, y_pred, sample_weight):
            assert sorted(x) == ["first", "second"] and sorted(y) == sorted(y_pred) == ["class", "sum"]
            assert y["class"].shape == y_pred["class"].shape == (8, 1)
            return wl.mean(wl.square(y["sum"] - y_pred["sum"])) + super().compute_loss(x, y, y_pred, sample_weight)

    made = Own()
    made.compile("sgd", {"sum": "mse", "class": "mse"})
    history = fitted(made, GIVEN, WANTED)
    assert history["loss"] == pytest.approx(np.add(np.multiply(history["sum_loss"], 2), history["class_loss"]))


def test_a_functional_model_of_one_input_takes_it_by_name():
    x = wl.input(shape=[3], name="first")
    made = wl.model(inputs={"first": x}, outputs=L.dense(1)(x))
    made.compile("sgd", "mse")
    assert len(fitted(made, {"first": A}, SUM)["loss"]) == 2
    assert made.predict({"first": A}).shape == (8, 1)


def test_a_step_of_the_models_own_sees_what_was_given():
    class Own(Named):
        def train_step(self, data):
            x, y = data
            assert sorted(x) == ["first", "second"] and y["class"].shape == (8,)
            with wl.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compute_loss(x=x, y=y, y_pred=y_pred)
            self.optimizer.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
            return {**self.compute_metrics(x, y, y_pred), "loss": loss}

    found = []
    for kind in (Own, Named):
        made = kind()
        made.compile("sgd", {"sum": "mse", "class": "mse"}, metrics={"sum": "mae"})
        found.append(fitted(made, GIVEN, WANTED))
    assert found[0]["loss"] == pytest.approx(found[1]["loss"])
    assert found[0]["sum_mae"] == pytest.approx(found[1]["sum_mae"])
