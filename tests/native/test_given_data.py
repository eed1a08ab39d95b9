"""Data as users have them: data sets to adapt to, arrays of objects, shares that leave nothing, wrong masks."""

import asyncio

import numpy as np
import pytest

import weblayers as wl

L = wl.layers
RNG = np.random.default_rng(0)


async def later(batches):
    for batch in batches:
        yield batch


@pytest.mark.parametrize("axis", [-1, None, (1, 2)])
@pytest.mark.parametrize("size", [1, 3, 10])
def test_layers_adapt_to_data_sets_as_to_arrays(axis, size):
    x = RNG.normal(100, 2, (10, 4, 3)).astype(np.float32)
    whole = L.normalization(axis=axis)
    whole.adapt(x)
    batches = [x[i : i + size] for i in range(0, 10, size)]
    for data in (wl.data.array(x).batch(size), iter(batches), wl.data.zip([wl.data.array(x)] * 2).batch(size)):
        layer = L.normalization(axis=axis)
        layer.adapt(data)
        np.testing.assert_allclose(layer(x).numpy(), whole(x).numpy(), atol=1e-3)


def test_boundaries_of_a_data_set():
    x = RNG.random((20, 1), np.float32)
    whole, parts = L.discretization(num_bins=4), L.discretization(num_bins=4)
    whole.adapt(x)
    parts.adapt(wl.data.array(x).batch(3))
    np.testing.assert_allclose(parts.bin_boundaries, whole.bin_boundaries)


@pytest.mark.parametrize("data", [np.zeros((0, 2)), []])
def test_nothing_to_adapt_to(data):
    with pytest.raises(ValueError, match="no data to adapt to"):
        L.normalization().adapt(data if len(data) else iter(data))


def test_arrays_of_objects_are_their_numbers():
    x = np.array([[1.0, 2], [3, True]], object)
    np.testing.assert_array_equal(wl.tensor(x).numpy(), [[1, 2], [3, 1]])
    made = wl.sequential([L.dense(1, kernel_initializer="ones", input_shape=[2])])
    np.testing.assert_array_equal(made.predict(x).numpy(), [[3], [4]])
    with pytest.raises(TypeError, match="ndarray of dtype object"):
        wl.tensor(np.array([1.0, None], object))


@pytest.mark.parametrize("split, samples", [(0.95, 11), (0.5, 1)])
def test_a_share_for_validation_that_leaves_nothing(split, samples):
    made = wl.sequential([L.dense(1, input_shape=[1])])
    made.compile("sgd", "mse")
    x = np.ones((samples, 1), np.float32)
    with pytest.raises(ValueError, match=f"validation_split={split} of {samples} samples leaves none to train on"):
        made.fit(x, x, validation_split=split)


def test_a_fixed_batch_is_the_batch_of_everything(backend):
    made = wl.sequential([L.lstm(2, stateful=True, batch_input_shape=[4, 3, 2])])
    made.compile("sgd", "mse")
    x, y = np.ones((8, 3, 2), np.float32), np.zeros((8, 2), np.float32)

    async def main():
        history = await made.fit(x, y, verbose=0, validation_data=(x, y))
        assert history.params["batch_size"] == 4 and np.isfinite(history.history["val_loss"]).all()
        await made.fit_dataset([(x[:4], y[:4])], verbose=0, validation_data=(x, y))

    asyncio.run(main())
    assert made.predict(x).shape == (8, 2) and np.isfinite(float(made.evaluate(x, y)))


LAYERS = {
    "time distributed": (lambda: L.time_distributed(L.dense(2)), (4, 5, 3)),
    "recurrent": (lambda: L.lstm(2), (4, 5, 3)),
    "both ways": (lambda: L.bidirectional(L.gru(2)), (4, 5, 3)),
    "pooling": (lambda: L.global_average_pooling1d(), (4, 5, 3)),
    "statistics": (lambda: L.batch_normalization(), (4, 5, 3)),
}


@pytest.mark.parametrize("make, shape", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("mask", [(4, 6), (4, 4), (3, 5), (5,)])
def test_a_mask_of_other_steps_is_refused(make, shape, mask):
    with pytest.raises(ValueError, match=r"got a mask of shape .* for an input of shape \[4, 5, 3\]"):
        make()(wl.ones(shape), mask=wl.ones(mask, "bool"))


def test_masks_of_each_input_are_checked():
    a, b = wl.ones([2, 3, 4]), wl.ones([2, 3, 4])
    right, wrong = wl.ones([2, 3], "bool"), wl.ones([2, 2], "bool")
    assert L.add()([a, b], mask=[right, None]).shape == (2, 3, 4)
    with pytest.raises(ValueError, match="a mask of shape"):
        L.add()([a, b], mask=[right, wrong])
