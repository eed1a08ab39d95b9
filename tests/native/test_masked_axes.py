"""Where a mask allows nothing, and other promises of Keras that are easily forgotten."""

import numpy as np
import pytest

import weblayers as wl
from weblayers import metrics
from weblayers.io.keras.configuration import configuration
from weblayers.io.topology import model_from_topology

pytestmark = pytest.mark.usefixtures("backend")
L = wl.layers
RNG = np.random.default_rng(0)
NOTHING = np.array([[True, False, True], [False, False, False]])


def test_a_softmax_of_nothing_is_0():
    x = RNG.random((2, 3), np.float32)
    out = L.softmax().apply(wl.tensor(x), mask=wl.tensor(NOTHING)).numpy()
    e = np.exp(x[0]) * NOTHING[0]
    np.testing.assert_allclose(out, [e / e.sum(), np.zeros(3)], rtol=1e-5)
    assert not L.softmax(axis=[0, 1]).apply(wl.tensor(x), mask=wl.zeros([2, 3], "bool")).numpy().any()


def test_a_softmax_of_nothing_has_no_slope():
    x = wl.tensor(RNG.random((2, 3), np.float32))
    layer = L.softmax()
    slope = wl.grad(lambda t: wl.sum(wl.square(layer.apply(t, mask=wl.tensor(NOTHING)))))(x).numpy()
    assert np.isfinite(slope).all() and not slope[~NOTHING].any() and slope[0].any()


@pytest.mark.parametrize("kind", ["multi_head", "grouped"])
def test_attention_without_keys_takes_nothing(kind):
    """Keras' fused form, which gives no scores, takes the mean of all values instead."""
    made = {
        "multi_head": L.multi_head_attention(num_heads=2, key_dim=2),
        "grouped": L.group_query_attention(head_dim=2, num_query_heads=2, num_key_value_heads=1),
    }
    layer, x = made[kind], wl.tensor(RNG.random((2, 3, 4), np.float32))
    allowed = wl.tensor(np.repeat(NOTHING[:, None], 3, 1))
    out, scores = layer.apply(x, x, attention_mask=allowed, return_attention_scores=True)
    assert not scores.numpy()[1].any() and not out.numpy()[1].any() and scores.numpy()[0].any()
    fused = layer.apply(x, x, attention_mask=allowed).numpy()
    np.testing.assert_allclose(fused[0], out.numpy()[0], rtol=1e-4, atol=1e-6)
    everything = layer.apply(wl.zeros([2, 3, 4]), x).numpy()
    np.testing.assert_allclose(fused[1], everything[1], rtol=1e-4, atol=1e-6)


def test_relu_of_whole_numbers_gives_whole_numbers():
    x = wl.tensor([-1, 2], dtype="int32")
    for out in (wl.relu(x), x.relu(), wl.activations.relu(x), L.re_lu().apply(x), L.re_lu(max_value=2).apply(x)):
        assert out.dtype == "int32" and out.array_sync() == [0, 2]


@pytest.mark.parametrize("options", [{}, {"center": False}, {"scale": False}])
def test_rms_scaling_has_a_scale_and_no_offset(options):
    layer = L.layer_normalization(rms_scaling=True, **options)
    layer.apply(wl.ones([2, 3]))
    assert [w.name.rpartition("/")[2] for w in layer.weights] == ["gamma"]


def test_weights_count_samples_of_targets_in_a_row():
    truth, guess, weight = [0.0, 1.0, 1.0, 0.0], [0.2, 0.9, 0.4, 0.6], [1.0, 2.0, 0.0, 4.0]
    column = lambda values: [[v] for v in values]  # noqa: E731
    for name in (
        "BinaryAccuracy",
        "MeanSquaredError",
        "MeanAbsoluteError",
        "BinaryCrossentropy",
        "Hinge",
        "LogCoshError",
    ):
        results = []
        for y, p in ((truth, guess), (truth, column(guess)), (column(truth), guess), (column(truth), column(guess))):
            metric = metrics.CLASSES[name]()
            metric.update_state(y, p, sample_weight=weight)
            results.append(float(metric.result()))
        np.testing.assert_allclose(results, results[-1], rtol=1e-6, err_msg=name)
    accuracy = metrics.BinaryAccuracy()
    accuracy.update_state(truth, guess, sample_weight=weight)
    assert np.isclose(float(accuracy.result()), 3 / 7)


@pytest.mark.parametrize("merge", ["add", "multiply", "maximum", "concatenate"])
def test_merges_made_here_join_masks_as_tensorflow_js_does(merge):
    """And keep to it through a file of Keras' format, which has no word for it; Keras' way is an option."""
    ids = np.array([[1, 2, 3, 0, 0], [4, 0, 0, 0, 0]])
    for keras_masks in (False, True):
        x = wl.input(shape=[5], dtype="int32")
        parts = [L.embedding(6, 2, mask_zero=True).apply(x), L.embedding(6, 2).apply(x)]
        model = wl.model(inputs=x, outputs=getattr(L, merge)(keras_masks=keras_masks).apply(parts))
        again = model_from_topology(configuration(model), "a file")
        again.set_weights(model.get_weights())
        for made in (model, again):
            made.compile("sgd", "mse")
            out = made.predict(ids).numpy()
            squares = (out**2).mean(-1)
            wanted = squares.mean() if keras_masks else squares[ids != 0].mean()
            loss = float(made.evaluate(ids, np.zeros(out.shape, np.float32), verbose=0))
            np.testing.assert_allclose(loss, wanted, rtol=1e-5)
