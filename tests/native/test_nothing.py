"""Of no elements, no steps and no samples."""

import math

import numpy as np
import pytest

import weblayers as wl

L = wl.layers
pytestmark = pytest.mark.usefixtures("backend")


@pytest.mark.parametrize(
    ("name", "value"), [("mean", math.nan), ("sum", 0), ("prod", 1), ("max", -math.inf), ("min", math.inf)]
)
def test_a_reduction_of_nothing(name, value):
    reduce = getattr(wl, name)
    np.testing.assert_array_equal(reduce(wl.zeros([2, 0]), 1).numpy(), [value] * 2)
    np.testing.assert_array_equal(reduce(wl.zeros([2, 0]), 1, True).numpy(), [[value]] * 2)
    np.testing.assert_array_equal(reduce(wl.zeros([0, 2, 0])).numpy(), value)
    # where nothing is asked for there is nothing
    assert reduce(wl.zeros([0, 2]), 1).shape == (0,)


def test_logical_reductions_of_nothing():
    assert wl.all(wl.zeros([0], "bool")).numpy() and not wl.any(wl.zeros([0], "bool")).numpy()


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (lambda: L.global_average_pooling1d(), [2, 0, 3]),
        (lambda: L.global_average_pooling2d(), [2, 0, 4, 3]),
        (lambda: L.global_average_pooling3d(), [2, 4, 4, 0, 3]),
    ],
)
def test_the_mean_of_no_steps_is_no_number(layer, shape):
    np.testing.assert_array_equal(layer().apply(wl.zeros(shape)).numpy(), np.full((2, 3), np.nan))


OF_NO_SAMPLES = [
    (lambda: L.conv1d(2, 3), [5, 3]),
    (lambda: L.conv2d(2, 3, strides=2, padding="same"), [5, 5, 3]),
    (lambda: L.conv2d(4, 3, groups=2), [5, 5, 2]),
    (lambda: L.conv3d(2, 3, dilation_rate=2), [5, 5, 5, 3]),
    (lambda: L.conv1d_transpose(2, 3), [5, 3]),
    (lambda: L.conv2d_transpose(2, 3, strides=2), [5, 5, 3]),
    (lambda: L.conv3d_transpose(2, 3), [3, 3, 3, 3]),
    (lambda: L.depthwise_conv1d(3), [5, 3]),
    (lambda: L.depthwise_conv2d(3, depth_multiplier=2), [5, 5, 3]),
    (lambda: L.separable_conv1d(2, 3), [5, 3]),
    (lambda: L.separable_conv2d(2, 3), [5, 5, 3]),
    *((lambda kind=kind: getattr(L, f"{kind}_pooling1d")(), [6, 3]) for kind in ("max", "average")),
    *((lambda kind=kind: getattr(L, f"{kind}_pooling2d")(), [6, 6, 3]) for kind in ("max", "average")),
    *((lambda kind=kind: getattr(L, f"{kind}_pooling3d")(), [6, 6, 6, 3]) for kind in ("max", "average")),
    (lambda: L.conv_lstm2d(2, 3), [4, 5, 5, 1]),
    (lambda: L.lstm(2), [4, 3]),
    (lambda: L.dense(2), [3]),
    (lambda: L.batch_normalization(), [3]),
    (lambda: L.up_sampling2d(), [2, 2, 1]),
    (lambda: L.flatten(), [2, 2]),
]


@pytest.mark.parametrize(("make", "shape"), OF_NO_SAMPLES)
def test_no_samples_give_no_outputs(make, shape):
    layer = make()
    one = layer.apply(wl.ones([1, *shape])).shape
    assert layer.apply(wl.zeros([0, *shape])).shape == (0, *one[1:])


@pytest.mark.parametrize(("make", "shape"), OF_NO_SAMPLES[:9])
def test_no_samples_have_no_slopes(make, shape):
    layer = make()
    layer.apply(wl.ones([1, *shape]))
    found = wl.variable_grads(lambda: wl.sum(layer.apply(wl.zeros([0, *shape]))))
    assert len(found["grads"]) == len(layer.trainable_weights)
    for slope in found["grads"].values():
        np.testing.assert_array_equal(slope.numpy(), np.zeros(slope.shape))


def test_no_texts_have_no_words():
    words = L.text_vectorization(vocabulary=["a"], output_sequence_length=2)
    assert words.apply(np.zeros((0, 1), dtype="<U1")).shape == (0, 2)
    assert L.string_lookup(vocabulary=["a"]).apply(np.zeros((0, 1), dtype="<U1")).shape == (0, 1)


@pytest.mark.parametrize(
    "layer", [lambda: L.dropout(1.0), lambda: L.dropout(1.0, noise_shape=[None, 1]), lambda: L.spatial_dropout1d(1.0)]
)
def test_all_is_dropped(layer):
    x = wl.ones([2, 3, 4]) if isinstance(layer(), L.SpatialDropout1D) else wl.ones([2, 3])
    np.testing.assert_array_equal(layer().apply(x, training=True).numpy(), np.zeros(x.shape))
    np.testing.assert_array_equal(layer().apply(x).numpy(), x.numpy())


def test_all_inputs_of_a_cell_are_dropped():
    layer = L.simple_rnn(2, dropout=1.0, recurrent_dropout=1.0)
    np.testing.assert_array_equal(layer.apply(wl.ones([2, 3, 4]), training=True).numpy(), np.zeros((2, 2)))
