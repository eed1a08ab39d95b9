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
        ("utils.to_categorical", "wl.one_hot"),
        ("utils.register_keras_serializable", "wl.register_class"),
        ("utils.PyDataset", "wl.data.generator"),
    ],
)
def test_names_that_are_others_here(name, ours):
    module, attribute = name.split(".")
    with pytest.raises(AttributeError, match=f"Keras's `{name}` is `.*{ours}"):
        getattr(getattr(wl, module), attribute)
