"""How much each class counts: left out, per time step and pixel, one-hot and by number, per output."""

import asyncio
import itertools

import numpy as np
import pytest

import weblayers as wl

L = wl.layers

pytestmark = pytest.mark.usefixtures("backend")


def fit(made, x, y, **options):
    async def main():
        return (await made.fit(x, y, **{"verbose": 0, "shuffle": False, **options})).history

    return asyncio.run(main())


def always(probabilities, shape):
    """A model of such inputs whose prediction is always the same."""
    made = wl.sequential([L.dense(len(probabilities), input_shape=[*shape, 2], activation="softmax")])
    made.layers[0].set_weights([np.zeros((2, len(probabilities)), np.float32), np.log(probabilities)])
    return made


def probably(p, shape):
    made = wl.sequential([L.dense(1, input_shape=[*shape, 2], activation="sigmoid")])
    made.layers[0].set_weights([np.zeros((2, 1), np.float32), np.full(1, np.log(p / (1 - p)), np.float32)])
    return made


P = np.array([0.2, 0.3, 0.5], np.float32)
LABELS = {
    (): np.array([0, 1, 2, 1, 2, 2]),
    (4,): np.array([[0, 1, 1, 2], [1, 0, 0, 2], [2, 2, 2, 1]]),
    (1,): np.array([[0], [1], [2], [2]]),
    (2, 2): np.arange(12).reshape(3, 2, 2) % 3,
}


@pytest.mark.parametrize("weights", [{0: 5.0}, {0: 1.0, 1: 10.0}, {"1": 10}, {2: 4.0}, {0: 2, 1: 3, 2: 4, 7: 9}])
@pytest.mark.parametrize("shape, kind", [*itertools.product(LABELS, ["one-hot", "numbers", "column"])])
def test_classes_count_by_number_and_those_left_out_count_1(weights, shape, kind):
    labels = LABELS[shape]
    targets = {"one-hot": np.eye(3, dtype=np.float32)[labels], "numbers": labels, "column": labels[..., None]}[kind]
    counts = {int(k): v for k, v in weights.items()}
    losses = np.array([-np.log(P[c]) * counts.get(c, 1.0) for c in labels.ravel()]).reshape(labels.shape)
    made = always(P, shape)
    made.compile(wl.train.sgd(0.0), ("" if kind == "one-hot" else "sparse_") + "categorical_crossentropy")
    x = np.ones((*labels.shape, 2), np.float32)
    for batch in (1, 2, 32):
        found = fit(made, x, targets, class_weight=weights, batch_size=batch)
        assert found["loss"] == pytest.approx([losses.mean()], rel=1e-5)


@pytest.mark.parametrize("weights", [{0: 3.0}, {1: 5.0}, {0: 0.5, 1: 5.0}])
@pytest.mark.parametrize("shape", [(4,), (4, 1), (1, 3, 1), (4, 3, 1), (4, 2, 2, 1), (4, 3)])
def test_targets_of_0_and_1(weights, shape):
    y = np.arange(np.prod(shape)).reshape(shape) % 2
    inner = shape[1:-1] if shape[-1] == 1 else shape[1:]
    made = probably(0.6, inner)
    custom = lambda true, pred: wl.losses.binary_crossentropy(true, pred)  # noqa: E731
    made.compile(wl.train.sgd(0.0), custom if shape == (4, 3) else "binary_crossentropy")
    wanted = np.where(y > 0, -np.log(0.6) * weights.get(1, 1), -np.log(0.4) * weights.get(0, 1)).mean()
    found = fit(made, np.ones((shape[0], *inner, 2), np.float32), y, class_weight=weights)
    assert found["loss"] == pytest.approx([wanted], rel=1e-5)


@pytest.mark.parametrize("given", [np.array([1.0, 2.0, 4.0]), np.arange(12.0).reshape(3, 4)])
def test_sample_weights_and_class_weights_multiply(given):
    labels = LABELS[(4,)]
    made = always(P, (4,))
    made.compile(wl.train.sgd(0.0), "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    found = fit(made, np.ones((3, 4, 2), np.float32), labels, class_weight={2: 3}, sample_weight=given)
    both = np.where(labels == 2, 3, 1) * given.reshape(3, -1)
    assert found["loss"] == pytest.approx([(-np.log(P[labels]) * both).mean()], rel=1e-5)
    assert found["acc"] == pytest.approx([((labels == 2) * both).sum() / both.sum()], rel=1e-5)


# -- several outputs ---------------------------------------------------------------------------------------------------

QA, QB = np.array([0.2, 0.3, 0.5]), np.array([0.2, 0.8])
A, B = np.array([0, 1, 2, 2]), np.array([0, 1, 1, 1])
X = np.ones((4, 2), np.float32)


def two():
    x = wl.input(shape=[2])
    outputs = [L.dense(3, activation="softmax", name="a")(x), L.dense(2, activation="softmax", name="b")(x)]
    made = wl.model(inputs=x, outputs=outputs)
    for layer, q in zip(made.layers[1:], (QA, QB), strict=True):
        layer.set_weights([np.zeros((2, len(q)), np.float32), np.log(q)])
    made.compile(wl.train.sgd(0.0), ["sparse_categorical_crossentropy"] * 2)
    return made


TA, TB = {0: 1, 1: 2, 2: 3}, {1: 10}


@pytest.mark.parametrize(
    "weights, a, b",
    [
        ({"a": TA, "b": TB}, TA, TB),
        ([TA, TB], TA, TB),
        ({"b": TB}, {}, TB),
        ({"a": TA, "b": None}, TA, {}),
        ([None, TB], {}, TB),
    ],
)
def test_each_output_has_its_table(weights, a, b):
    wanted = {}
    for name, q, labels, table in (("a", QA, A, a), ("b", QB, B, b)):
        wanted[f"{name}_loss"] = np.mean([-np.log(q[c]) * table.get(c, 1) for c in labels])
    found = fit(two(), X, [A, B], class_weight=weights, validation_data=(X, [A, B]))
    for name, value in wanted.items():
        assert found[name] == pytest.approx([value], rel=1e-5)
    plain = [np.mean(-np.log(QA[A])), np.mean(-np.log(QB[B]))]
    assert [*found["val_a_loss"], *found["val_b_loss"]] == pytest.approx(plain, rel=1e-5)
    dataset = [{"xs": X, "ys": {"a": A, "b": B}}]

    async def streamed():
        return (await two().fit_dataset(dataset, class_weight=weights, verbose=0)).history

    assert asyncio.run(streamed())["loss"] == pytest.approx(found["loss"], rel=1e-5)


@pytest.mark.parametrize(
    "weights, error, words",
    [
        (TA, ValueError, r"multiple \(2\) outputs.*a list with 2 tables.*keys a, b"),
        ([TA], ValueError, "1 tables for 2 outputs"),
        ({"c": TA}, ValueError, "no output 'c'"),
        ([1.0, 10.0], TypeError, "dict\\(enumerate"),
        ([TA, 3], TypeError, "by class number"),
        ([TA, {}], ValueError, "class numbers from 0"),
        ([TA, {-1: 2}], ValueError, "class numbers from 0"),
    ],
)
def test_what_is_refused_is_refused_at_once(weights, error, words):
    made = two()
    with pytest.raises(error, match=words):
        made.fit(X, [A, B], class_weight=weights)
    with pytest.raises(error, match=words):
        made.train_on_batch(X, [A, B], class_weight=weights)


def test_a_single_output_has_its_table_in_every_form():
    losses = set()
    for weights in ({1: 10}, [{1: 10}], {"b": {1: 10}}):
        made = wl.sequential([L.dense(2, activation="softmax", input_shape=[2], kernel_initializer="zeros", name="b")])
        made.compile(wl.train.sgd(0.0), "sparse_categorical_crossentropy")
        name = made.output_names[0]
        given = {name: weights["b"]} if "b" in weights else weights
        losses.add(round(fit(made, X, B, class_weight=given)["loss"][0], 5))
    assert losses == {round(float(np.log(2) * 31 / 4), 5)}
