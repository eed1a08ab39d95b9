"""Arguments of Keras' methods that change nothing here, or little, and what is said of others."""

import asyncio

import numpy as np
import pytest

import weblayers as wl

L = wl.layers
X = np.arange(12, dtype=np.float32).reshape(4, 3)


def line():
    return wl.Sequential([L.Dense(1, input_shape=[3])])


def test_compile():
    model = line()
    model.compile("sgd", "mse", jit_compile=False, run_eagerly=True, steps_per_execution=8, auto_scale_loss=False)
    model.compile({"optimizer": "sgd", "loss": "mse", "jitCompile": True})
    with pytest.raises(TypeError, match="compile has no argument 'metric'. Did you mean 'metrics'"):
        model.compile("sgd", "mse", metric=["mae"])


def test_predict_looks_at_so_many_batches():
    model = line()
    np.testing.assert_allclose(model.predict(X, batch_size=1, steps=3).numpy(), model.predict(X[:3]).numpy())
    assert model.predict(X, steps=1).shape == (4, 1)
    with pytest.raises(ValueError, match="steps"):
        model.predict(X, steps=0)


@pytest.mark.parametrize("target", ["m.keras", "m.h5", "m"])
def test_files_that_are_there_stay_unless_they_may_go(target, tmp_path):
    async def main():
        model = line()
        await model.save(tmp_path / target, overwrite=False)
        await model.save(tmp_path / target, overwrite=True)
        with pytest.raises(FileExistsError, match="overwrite=False"):
            await model.save(tmp_path / target, overwrite=False)
        await model.save_weights(tmp_path / "w.weights.h5", overwrite=False)
        with pytest.raises(FileExistsError, match="overwrite=False"):
            await model.save_weights(str(tmp_path / "w.weights.h5"), overwrite=False)

    asyncio.run(main())


@pytest.mark.parametrize(
    "name, ours",
    [
        ("models.load_model", "wl.load_layers_model"),
        ("utils.split_dataset", "wl.data.Dataset.take"),
    ],
)
def test_names_that_are_others_here(name, ours):
    module, attribute = name.split(".")
    with pytest.raises(AttributeError, match=f"Keras's `{name}` is `.*{ours}"):
        getattr(getattr(wl, module), attribute)


@pytest.mark.parametrize("labels", [[0, 2, 1], [[0], [2], [1]], np.array([0, 2, 1], np.int64)])
def test_to_categorical(labels):
    expected = np.eye(3, dtype=np.float32)[[0, 2, 1]]
    np.testing.assert_array_equal(wl.utils.to_categorical(labels), expected)
    assert wl.utils.to_categorical(labels, num_classes=5).shape == (3, 5)
    assert wl.utils.to_categorical([[0, 1], [1, 0]]).shape == (2, 2, 2)
    with pytest.raises(ValueError, match="0 to 1"):
        wl.utils.to_categorical(labels, 2)


@pytest.mark.parametrize(
    "options, expected",
    [
        ({}, [[0, 0, 1], [2, 3, 4], [0, 0, 0]]),
        ({"padding": "post"}, [[1, 0, 0], [2, 3, 4], [0, 0, 0]]),
        ({"maxlen": 2}, [[0, 1], [3, 4], [0, 0]]),
        ({"maxlen": 2, "truncating": "post", "value": -1}, [[-1, 1], [2, 3], [-1, -1]]),
    ],
)
def test_pad_sequences(options, expected):
    padded = wl.utils.pad_sequences([[1], [2, 3, 4], []], **options)
    assert padded.dtype == np.int32 and padded.tolist() == expected


def test_pad_sequences_of_vectors():
    padded = wl.utils.pad_sequences([np.ones((1, 2)), np.ones((3, 2))], dtype="float32")
    assert padded.shape == (2, 3, 2) and padded[0].tolist() == [[0, 0], [0, 0], [1, 1]]
    with pytest.raises(ValueError, match="'pre' or 'post', got 'left'"):
        wl.utils.pad_sequences([[1]], padding="left")


def test_normalize():
    np.testing.assert_allclose(wl.utils.normalize([[3.0, 4.0], [0.0, 0.0]]), [[0.6, 0.8], [0.0, 0.0]])
    np.testing.assert_allclose(wl.utils.normalize([[3.0, 1.0]], axis=-1, order=1), [[0.75, 0.25]])


def test_classes_are_registered_with_their_package():
    @wl.utils.register_keras_serializable(package="mine")
    class Same(L.Layer):
        def call(self, x):
            return x

    assert Same().class_name == "mine>Same"
    model = wl.Sequential([Same(input_shape=[3])])
    assert asyncio.run(again_of(model)).predict(X).shape == (4, 3)


async def again_of(model):
    return await wl.model_from_json(model.to_json())
