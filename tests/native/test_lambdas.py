"""Functions as layers, with and without masks."""

import functools
import operator

import numpy as np
import pytest

import weblayers as wl
from tests.native.test_convert import run

L = wl.layers
WORDS = np.array([[1, 2, 0, 0], [3, 0, 0, 0], [4, 1, 2, 0]])
MASK = [[True, True, False, False], [True, False, False, False], [True, True, True, False]]


def embedded():
    return L.embedding(5, 2, mask_zero=True).apply(wl.tensor(WORDS, dtype="int32"))


@pytest.mark.parametrize("around", [lambda layer: layer, L.bidirectional], ids=["", "bidirectional"])
def test_a_function_that_does_away_with_the_axis_of_the_mask(around):
    """As in Keras its output has none: the loss counts every sample once."""
    words = L.input(shape=[4])
    h = around(L.simple_rnn(3, return_sequences=True))(L.embedding(5, 2, mask_zero=True)(words))
    model = wl.model(inputs=words, outputs=L.dense(2)(L.Lambda(lambda t: wl.mean(t, 1))(h)))
    model.compile("sgd", "mse")
    y = np.ones((3, 2), np.float32)
    run(lambda: model.fit(WORDS, y, verbose=0))
    expected = np.mean((model.predict(WORDS).numpy() - y) ** 2)
    assert model.evaluate(WORDS, y).numpy() == pytest.approx(expected, 1e-5)


def test_the_mask_is_what_it_is_given_or_says():
    assert L.Lambda(lambda t: t + 1).apply(embedded()).mask is None
    assert L.Lambda(lambda t: t, mask=lambda inputs, mask: mask).apply(embedded()).mask.array_sync() == MASK
    given = wl.tensor(MASK)
    assert L.Lambda(lambda t: t * 2, mask=given).apply(wl.ones([3, 4, 2])).mask is given


def test_functions_may_take_the_mask_and_whether_they_train():
    shown = L.Lambda(lambda t, mask: wl.where(mask, 1.0, 0.0)).apply(embedded())
    assert (shown.numpy() > 0).tolist() == MASK
    layer = L.Lambda(lambda t, training, by=1: t * by if training else t, arguments={"by": 3})
    assert layer.apply(wl.ones([1])).array_sync() == [1.0]
    assert layer.apply(wl.ones([1]), training=True).array_sync() == [3.0]


def test_arguments_in_keras_order_and_functions_that_hide_theirs():
    assert L.Lambda(wl.mean, (2,), None, {"axis": 1}).apply(wl.ones([2, 3])).array_sync() == [1.0, 1.0]
    for function in (operator.neg, functools.partial(wl.mul, 2.0), abs):
        assert abs(L.Lambda(function).apply(wl.ones([1])).numpy()) >= 1
