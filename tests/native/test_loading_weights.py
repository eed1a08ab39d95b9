"""What ``load_weights`` is told: what it skips, and what it does not know."""

import asyncio
import warnings

import numpy as np
import pytest

import weblayers as wl

L = wl.layers
TARGETS = ["folder", "a.weights.h5", "a.h5", "a.safetensors"]


def made(units):
    return wl.Sequential([L.Dense(4, input_shape=[3], name="body"), L.Dense(units, name="head")])


async def copied(saved, loaded, target, **options):
    await saved.save_weights(target)
    await loaded.load_weights(target, **options)


@pytest.mark.parametrize("target", TARGETS)
def test_layers_of_other_shapes_are_skipped(target, tmp_path):
    old, new = made(2), made(5)
    before = [w.numpy().copy() for w in new.layers[1].weights]
    with pytest.raises(wl.io.ModelFileError, match="head/(kernel|bias)"):
        asyncio.run(copied(old, new, tmp_path / target))
    with pytest.warns(UserWarning, match="shape of weight 'head/(kernel|bias)' is .*: skipped"):
        asyncio.run(copied(old, new, tmp_path / target, skip_mismatch=True))
    np.testing.assert_array_equal(new.layers[0].weights[0].numpy(), old.layers[0].weights[0].numpy())
    for weight, values in zip(new.layers[1].weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), values)


@pytest.mark.parametrize("target", TARGETS)
def test_layers_that_are_not_there_are_skipped(target, tmp_path):
    small, large = made(2), made(2)
    large.add(L.Dense(1, name="more"))
    for saved, loaded in ((small, large), (large, small)):
        with pytest.raises(wl.io.ModelFileError):
            asyncio.run(copied(saved, loaded, tmp_path / target))
        with pytest.warns(UserWarning, match="skipped"):
            asyncio.run(copied(saved, loaded, tmp_path / target, skip_mismatch=True))
        np.testing.assert_array_equal(loaded.layers[0].weights[0].numpy(), saved.layers[0].weights[0].numpy())
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            asyncio.run(copied(saved, loaded, tmp_path / target, strict=False))


def test_unknown_options(tmp_path):
    with pytest.raises(TypeError, match="load_weights has no argument 'skip_missmatch'. Did you mean 'skip_mismatch'"):
        made(1).load_weights(tmp_path, skip_missmatch=True)
    with pytest.raises(TypeError, match="load_weights has no argument 'by_name'. .*skip_mismatch"):
        made(1).load_weights({}, by_name=True)


class Own(wl.Model):
    def __init__(self):
        super().__init__()
        self.dense = L.Dense(2)

    def call(self, x):
        return self.dense(x)


@pytest.mark.parametrize("make", [Own, lambda: wl.Sequential([L.Dense(2)])], ids=["own", "sequential"])
def test_models_that_were_not_called_yet(make, tmp_path):
    model, again = make(), make()
    model(wl.ones([1, 3]))
    with pytest.raises(ValueError, match="call the model once first"):
        asyncio.run(copied(model, again, tmp_path / "a.weights.h5"))
    again(wl.ones([1, 3]))
    asyncio.run(copied(model, again, tmp_path / "a.weights.h5"))
    np.testing.assert_array_equal(again.predict(wl.ones([1, 3])).numpy(), model.predict(wl.ones([1, 3])).numpy())
