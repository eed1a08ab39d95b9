"""Losses as functions, by name, on the soft GPU, and where zeros could spoil them."""

import asyncio
import itertools

import numpy as np
import pytest

import weblayers as wl
from tests.golden import keras
from tests.keras_cases import array
from tests.native.test_golden import traced
from tests.textures import run
from weblayers import losses
from weblayers.compiler.lower import lower
from weblayers.graph.evaluate import evaluate
from weblayers.graph.gradient import gradient

FUNCTIONS = [pytest.param(c, id=c["id"]) for c in keras("losses") if c["class_name"] is None]
# TensorFlow.js' hinges take targets of -1 and 1 only, Keras' of 0 and 1 too
KERAS_NAMES = {"squared_hinge": "binary_squared_hinge", "hinge": "binary_hinge"}


@pytest.mark.parametrize("case", FUNCTIONS)
def test_functions(case):
    function = getattr(losses, KERAS_NAMES.get(case["function"], case["function"]))
    got = function(wl.tensor(array(case["y_true"])), wl.tensor(array(case["y_pred"])), **case["kwargs"])
    np.testing.assert_allclose(got.numpy(), array(case["output"]), rtol=2e-4, atol=1e-5)


def test_every_recorded_loss_is_offered():
    assert {c["class_name"] for c in keras("losses")} - {None} <= losses.CLASSES.keys()


@pytest.mark.parametrize(
    "loss, y_true, shape",
    [
        (losses.CTC(), np.array([[1, 2, 2], [3, 0, 0]], np.int32), (2, 6, 4)),
        (losses.Circle(gamma=8.0), np.array([0, 1, 0, 1, 2], np.int32), (5, 3)),
    ],
    ids=["ctc", "circle"],
)
def test_on_the_soft_gpu(loss, y_true, shape):
    y_pred = np.sin(np.arange(np.prod(shape)) * 1.7).astype(np.float32).reshape(shape)
    nodes, out, _, bound = traced(loss, y_true, y_pred)
    outputs = [out, *gradient(out, nodes[1:])]
    got_all = run(lower(nodes, [], outputs), [y_true, y_pred], outputs)
    for got, expected in zip(got_all, evaluate(outputs, bound), strict=True):
        np.testing.assert_allclose(np.asarray(got, float), expected, rtol=2e-3, atol=3e-4)


@pytest.mark.parametrize("labels", [[1, 2], [1, 1], [2, 0], [0, 0]])
def test_ctc_is_the_sum_over_all_paths(labels):
    logits = np.random.default_rng(1).normal(size=(4, 3))
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    wanted = [n for n in labels if n]
    total = 0.0
    for path in itertools.product(range(3), repeat=4):
        if [n for n, _ in itertools.groupby(path) if n] == wanted:
            total += np.prod([p[step, n] for step, n in enumerate(path)])
    got = losses.ctc(wl.tensor2d([labels], dtype="int32"), wl.tensor(logits[None]))
    np.testing.assert_allclose(got.numpy(), [-np.log(total)], rtol=1e-5)


def test_ctc_of_more_labels_than_steps_has_a_gradient():
    nodes, out, _, bound = traced(losses.CTC(), np.array([[1, 1, 1]], np.int32), np.zeros((1, 2, 3), np.float32))
    value, slope = evaluate([out, *gradient(out, nodes[1:])], bound)
    assert value > 1e4
    assert np.isfinite(slope).all()


def test_ctc_names_the_shapes_that_it_wants():
    with pytest.raises(ValueError, match=r"\[batch, labels\].*\[2\] and \[2, 3\]"):
        losses.ctc(wl.zeros([2]), wl.zeros([2, 3]))


def test_an_impossible_class_has_a_gradient():
    loss, pred = losses.CategoricalGeneralizedCrossEntropy(), np.array([[1.0, 0.0]], np.float32)
    nodes, out, _, bound = traced(loss, np.array([1], np.int32), pred)
    assert np.isfinite(evaluate(gradient(out, nodes[1:]), bound)[0]).all()


def test_the_class_to_ignore_need_not_be_a_class():
    model = wl.sequential([wl.layers.dense(units=3, activation="softmax", input_shape=[2])])
    model.compile("sgd", losses.SparseCategoricalCrossentropy(ignore_class=-1))
    x, y = wl.ones([4, 2]), wl.tensor1d([0, -1, 2, -1], "int32")

    async def main():
        return await model.fit(x, y, epochs=2, verbose=0)

    assert np.isfinite(asyncio.run(main()).history["loss"]).all()


@pytest.mark.parametrize("name", ["mse", "MSE", "meanSquaredError", "mean_squared_error", "MeanSquaredError"])
def test_names(name):
    assert isinstance(losses.get(name), losses.MeanSquaredError)
    assert isinstance(losses.get({"class_name": "function", "config": name}), losses.MeanSquaredError)


@pytest.mark.parametrize("name", sorted(losses.CLASSES))
def test_configurations_come_back(name):
    loss = losses.CLASSES[name](reduction="sum")
    again = losses.get(losses.serialize(loss))
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()


def test_what_is_no_loss():
    with pytest.raises(ValueError, match="'huber'"):
        losses.get("hubert")
    with pytest.raises(TypeError, match="not 5"):
        losses.get(5)


class SquaredError(losses.Loss):
    def call(self, y_true, y_pred):
        return wl.mean(wl.square(y_true - y_pred), -1)


def given(kind):
    """Targets and predictions for a loss, as arrays."""
    if kind is losses.CTC:
        return np.array([[1]], np.int32), np.zeros((1, 2, 2), np.float32)
    predictions = np.array([[0.2, 0.8], [0.7, 0.3]], np.float32)
    return np.array([1, 0] if kind.sparse else [[0, 1], [1, 0]], np.int32), predictions


@pytest.mark.parametrize("convert", [np.asarray, np.ndarray.tolist], ids=["arrays", "lists"])
@pytest.mark.parametrize("kind", [*losses.CLASSES.values(), SquaredError], ids=lambda kind: kind.__name__)
def test_arrays_and_lists_are_tensors(kind, convert):
    targets, predictions = given(kind)
    loss, tensors = kind(), (wl.tensor(targets), wl.tensor(predictions))
    computed = [loss] if kind is SquaredError else [loss, lambda *both: wl.mean(kind.function(*both))]
    for compute in computed:
        expected = compute(*tensors).numpy()
        for both in ((convert(targets), convert(predictions)), (convert(targets), tensors[1])):
            np.testing.assert_allclose(compute(*both).numpy(), expected, rtol=1e-5)
    predicted = wl.variable(predictions)
    value, gradients = wl.variable_grads(lambda: loss(convert(targets), predicted))
    np.testing.assert_allclose(value.numpy(), loss(*tensors).numpy(), rtol=1e-5)
    assert all(np.isfinite(g.numpy()).all() for g in gradients.values())


def test_numbers_weights_and_masks_are_tensors():
    loss = losses.MeanSquaredError()
    assert loss(1, [[3.0]]).array_sync() == 4.0
    assert loss(np.zeros((2, 1)), [[1.0], [3.0]], sample_weight=[1, 0]).array_sync() == 0.5
    assert loss(np.zeros((2, 1)), [[1.0], [3.0]], mask=np.array([False, True])).array_sync() == 9.0
    sparse = losses.SparseCategoricalCrossentropy(ignore_class=-1)
    assert sparse(np.array([[0], [-1]]), [[0.5, 0.5], [0.9, 0.1]]).array_sync() == pytest.approx(np.log(2), rel=1e-5)


def test_options_come_first_by_position():
    assert wl.losses.Huber(0.5).options == {"delta": 0.5}
    assert wl.losses.BinaryCrossentropy(True, 0.1).options == {"from_logits": True, "label_smoothing": 0.1}
    assert wl.losses.MeanSquaredError("sum", "mine").get_config() == {"reduction": "sum", "name": "mine"}
    for metric in (wl.metrics.TopKCategoricalAccuracy, wl.metrics.SparseTopKCategoricalAccuracy):
        assert metric(2, "best").get_config() == {"name": "best", "k": 2}
    with pytest.raises(TypeError, match="Huber: multiple values for argument 'delta'"):
        wl.losses.Huber(0.5, delta=1.0)
