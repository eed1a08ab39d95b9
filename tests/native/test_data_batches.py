"""Batches of data sets: what they are made of, where they are, and how models train on them."""

import asyncio
import gc

import numpy as np
import pytest

import weblayers as wl


def one_batch(items):
    (batch,) = wl.data.array(items).batch(10)
    return batch


def test_batches_keep_the_structure_of_elements():
    batch = one_batch([{"a": (1, [2, 3]), "b": True}, {"a": (4, [5, 6]), "b": False}])
    number, vector = batch["a"]
    assert number.array_sync() == [1, 4] and number.dtype == "float32"
    assert vector.array_sync() == [[2, 3], [5, 6]]
    assert batch["b"].dtype == "bool"


def test_values_of_batches():
    assert one_batch([np.uint8([1, 2]), np.uint8([3, 4])]).array_sync() == [[1, 2], [3, 4]]
    assert one_batch([wl.tensor1d([1, 2], "int32")] * 2).dtype == "int32"
    assert one_batch(["a", "b"]).tolist() == ["a", "b"]
    assert one_batch(["a", None]).tolist() == ["a", None]
    np.testing.assert_array_equal(one_batch([1.5, None, 3]).numpy(), [1.5, np.nan, 3])
    pair = one_batch([[np.ones(2), np.zeros(3)]] * 2)
    assert [p.shape for p in pair] == [(2, 2), (2, 3)]


def test_tensors_on_the_device_stay_there():
    made = wl.data.array([1.0, 2.0]).map(lambda x: wl.tensor1d([x]).mul(2))
    (batch,) = made.batch(2)
    assert not batch.is_on_host and batch.array_sync() == [[2], [4]]
    (host,) = wl.data.array(np.ones((2, 2))).batch(2)
    assert host.runtime is None


def test_elements_that_make_no_batch():
    with pytest.raises(ValueError, match=r"must have one shape, but here are \[2\] and \[3\]"):
        one_batch([[1, 2], [1, 2, 3]])
    with pytest.raises(ValueError, match=r"must have one shape"):
        one_batch([np.ones(2), np.ones(3)])
    with pytest.raises(ValueError, match="a dictionary with 'a' and a dictionary with 'b'"):
        one_batch([{"a": 1}, {"b": 1}])
    with pytest.raises(TypeError, match="cannot make a batch of values like <object"):
        one_batch([object(), object()])


def test_functions_may_use_tensors_or_numpy():
    x = np.arange(4, dtype=np.float32).reshape(4, 1)
    for source in (wl.data.array(wl.tensor(x)), wl.data.array(x).batch(1)):
        assert [t.mul(2).array_sync() for t in source] == [t.array_sync() for t in source.map(lambda t: t.mul(2))]
        assert [np.sum(t) for t in source.map(np.exp)] == pytest.approx(np.exp(x).ravel().tolist())
    with pytest.raises(AttributeError) as error:
        list(wl.data.array(x).map(lambda row: row.mul(2)))
    assert "wl.tensor(x) makes tensors" in error.value.__notes__[0]


def test_nothing_is_left_behind():
    def work():
        for batch in wl.data.array(wl.ones([32, 3])).map(lambda x: x.mul(2).add(1)).shuffle(4).batch(8):
            batch.sum()

    work()
    gc.collect()
    before = wl.memory()["num_tensors"]
    gc.disable()
    try:
        work()
        assert wl.memory()["num_tensors"] == before
    finally:
        gc.enable()


# -- training ----------------------------------------------------------------------------------------------------------

X = np.random.default_rng(0).random((20, 3), np.float32)
Y = X.sum(1, keepdims=True)


@pytest.mark.parametrize(
    "dataset",
    [
        wl.data.array({"xs": X, "ys": Y}).batch(4),
        wl.data.array((X, Y)).batch(4),
        wl.data.zip({"xs": wl.data.array(X.tolist()), "ys": wl.data.array(Y.tolist())}).batch(4),
        wl.data.zip((wl.data.array(wl.tensor(X)), wl.data.array(Y))).map(lambda pair: pair).prefetch(2).batch(4),
    ],
)
def test_models_train_on_data_sets_as_on_arrays(dataset):
    async def trained(fit):
        wl.set_random_seed(0)
        model = wl.sequential([wl.layers.dense(units=1, input_shape=[3])])
        model.compile("sgd", "mse")
        history = await fit(model)
        return history.history, model.get_weights()[0].numpy()

    async def main():
        as_arrays = await trained(
            lambda m: m.fit(X, Y, batch_size=4, epochs=3, shuffle=False, verbose=0, validation_data=(X, Y))
        )
        streamed = await trained(lambda m: m.fit_dataset(dataset, epochs=3, verbose=0, validation_data=dataset))
        return as_arrays, streamed

    (history, weights), (other_history, other_weights) = asyncio.run(main())
    np.testing.assert_allclose(other_weights, weights, rtol=1e-6)
    assert dataset.size == 5
    for name, values in history.items():
        np.testing.assert_allclose(other_history[name], values, rtol=1e-5)
