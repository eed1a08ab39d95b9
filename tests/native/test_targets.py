"""What losses and metrics see of the targets: as many axes as the predictions have."""

import asyncio

import numpy as np
import pytest

import weblayers as wl

pytestmark = pytest.mark.usefixtures("backend")

X = np.random.default_rng(0).random((8, 3)).astype(np.float32)
Y = (X @ np.array([1.0, -2.0, 0.5]) + 0.3).astype(np.float32)


class Seen:
    """A loss, or a metric, that notes the shapes of targets and predictions."""

    def __init__(self, name):
        self.__name__, self.shapes = name, set()

    def __call__(self, y_true, y_pred):
        self.shapes.add((y_true.shape[1:], y_pred.shape[1:]))
        return wl.mean(wl.square(y_pred), -1)


def model(units=1, steps=None):
    shape = [3] if steps is None else [steps, 3]
    return wl.sequential([wl.layers.dense(units=units, input_shape=shape)])


def ways(made, x, y):
    """Everything that takes targets."""

    async def main():
        await made.fit(x, y, verbose=0, batch_size=4, epochs=2, validation_split=0.5)
        await made.fit(x, y, verbose=0, batch_size=3, validation_data=(x, y))
        await made.fit(iter([(x, y)]), verbose=0)
        await made.fit_dataset([{"xs": x, "ys": y}], verbose=0, validation_data=[(x, y)])
        await made.train_on_batch(x, y)
        await made.test_on_batch(x, y)
        await made.evaluate_dataset([(x, y)])
        made.evaluate(x, y)

    asyncio.run(main())


@pytest.mark.parametrize(
    "units, steps, targets, seen",
    [
        (1, None, (8,), (1,)),
        (1, None, (8, 1), (1,)),
        (1, 5, (8, 5), (5, 1)),
        (1, 5, (8, 5, 1), (5, 1)),
        (4, None, (8,), ()),
        (4, None, (8, 1), (1,)),
    ],
)
def test_functions_of_ones_own_see_targets_with_the_predictions_axes(units, steps, targets, seen):
    made, loss, metric = model(units, steps), Seen("loss"), Seen("metric")
    made.compile("sgd", loss, metrics=[metric])
    x = np.ones((8, 3) if steps is None else (8, steps, 3), np.float32)
    ways(made, x, np.zeros(targets, np.float32))
    wanted = {(seen, (units,) if steps is None else (steps, units))}
    assert loss.shapes == metric.shapes == wanted


@pytest.mark.parametrize("targets, seen", [((8,), ()), ((8, 1), (1,))])
def test_a_metric_beside_a_sparse_loss_sees_class_numbers_as_they_are_given(targets, seen):
    made, metric = model(4), Seen("metric")
    made.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy", metric])
    ways(made, X, np.zeros(targets, np.int32))
    assert metric.shapes == {(seen, (4,))}


def test_each_of_several_outputs_has_its_targets():
    x = wl.input(shape=[3])
    outputs = [wl.layers.dense(units=1, name="a")(x), wl.layers.dense(units=1, name="b")(x)]
    made, loss, metric = wl.model(inputs=x, outputs=outputs), Seen("loss"), Seen("metric")
    made.compile("sgd", {"a": "mse", "b": loss}, metrics={"a": metric, "b": metric})
    ways(made, X, [Y, Y])
    assert loss.shapes == metric.shapes == {((1,), (1,))}


@pytest.mark.parametrize("kind", ["function", "object"])
def test_squares_of_ones_own_train_as_the_mean_squared_error(kind):
    def squares(y_true, y_pred):
        return wl.mean(wl.square(y_true - y_pred), -1)

    class Squares(wl.losses.Loss):
        def call(self, y_true, y_pred):
            return squares(y_true, y_pred)

    histories = []
    for loss in ("mse", squares if kind == "function" else Squares()):
        wl.set_random_seed(0)
        made = model()
        made.compile(wl.train.sgd(0.1), loss, metrics=["mae", "binary_accuracy"])
        histories.append(asyncio.run(_history(made)))
    for name, values in histories[0].items():
        np.testing.assert_allclose(histories[1][name], values, rtol=1e-5)


async def _history(made):
    return (await made.fit(X, Y, verbose=0, epochs=3, shuffle=False)).history


def test_losses_and_metrics_called_by_hand_do_not_broadcast():
    true, pred = wl.tensor([1.0, 2.0, 4.0]), wl.tensor([[1.0], [2.0], [2.0]])
    assert float(wl.losses.MeanSquaredError()(true, pred).array_sync()) == pytest.approx(4 / 3)
    metric = wl.metrics.MeanSquaredError()
    metric.update_state(true, pred)
    assert float(metric.result()) == pytest.approx(4 / 3)
