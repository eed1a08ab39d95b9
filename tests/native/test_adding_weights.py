"""``add_weight`` as Keras, as TensorFlow.js and as the layers here call it."""

import asyncio

import numpy as np
import pytest

import weblayers as wl
from weblayers.layers import making


class Line(wl.layers.Layer):
    """Keras' guide to layers, without names."""

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], 2), initializer="random_normal", trainable=True)
        self.b = self.add_weight((2,), "ones")
        self.count = self.add_weight(shape=(), dtype="int32", trainable=False, autocast=False, aggregation="sum")

    def call(self, x):
        return wl.mat_mul(x, self.w) + self.b


class Holder(wl.layers.Layer):
    def build(self, input_shape):
        self.inner = Line()

    def call(self, x):
        return self.inner(x)


def test_keras_order_and_names():
    layer = Line(name="line")
    layer(wl.ones([1, 3]))
    assert [w.name for w in layer.weights] == ["line/variable", "line/variable_1", "line/variable_2"]
    assert [w.shape for w in layer.weights] == [(3, 2), (2,), ()]
    assert [w.trainable for w in layer.weights] == [True, True, False]
    assert layer.b.array_sync() == [1.0, 1.0]
    assert (layer.count.dtype, layer.count.array_sync()) == ("int32", 0)


@pytest.mark.parametrize("suffix", ["", ".keras", ".h5", ".weights.h5", ".safetensors"])
def test_files_hold_weights_without_names(suffix, tmp_path):
    def made():
        return wl.Sequential([Line(input_shape=[3]), Holder()])

    model, again = made(), made()
    model.set_weights([np.full(w.shape, i + 1) for i, w in enumerate(model.weights)])
    target = tmp_path / f"model{suffix}"

    async def main():
        if suffix in (".weights.h5", ".safetensors"):
            await model.save_weights(target)
            await again.load_weights(target)
            return again
        await model.save(target)
        return await wl.load_layers_model(target, custom_objects={"Line": Line, "Holder": Holder})

    loaded = asyncio.run(main())
    for mine, theirs in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy())


@pytest.mark.parametrize(
    "args, kwargs, expected",
    [
        (((2,), "ones"), {}, {"name": "variable", "initializer": "ones"}),
        (((2,), "ones", "int32"), {"name": "n"}, {"name": "n", "dtype": "int32"}),
        (((2,),), {}, {"initializer": "glorot_uniform"}),
        (((2,),), {"dtype": "int32"}, {"initializer": "zeros"}),
        ((), {"shape": (2,), "name": "w"}, {"initializer": "glorot_uniform"}),
        ((), {"shape": (2,), "initializer": None, "regularizer": "l2"}, {"regularizer": "l2"}),
        (("w", (2,)), {}, {"name": "w", "initializer": "glorot_normal"}),
        (("w", (2,), "ones", "l2", "non_neg", False), {}, {"regularizer": "l2", "constraint": "non_neg"}),
        (("w", (2,), None, "ones", "l2", True, "non_neg"), {}, {"initializer": "ones", "constraint": "non_neg"}),
        (("w", [2], "int32", "ones"), {}, {"dtype": "int32", "initializer": "ones"}),
    ],
)
def test_orders(args, kwargs, expected):
    asked = making.asked("layer", args, kwargs, ())
    assert asked.shape == (2,)
    assert {key: getattr(asked, key) for key in expected} == expected


def test_scalars_without_a_shape():
    assert wl.layers.Layer().add_weight(initializer="ones").array_sync() == 1.0


def test_functions_of_shape_and_dtype():
    layer = wl.layers.Layer()
    assert layer.add_weight((2,), lambda shape, dtype: np.ones(shape, dtype)).array_sync() == [1.0, 1.0]
    assert layer.add_weight((2,), lambda shape, dtype=None: np.ones(shape, dtype)).array_sync() == [1.0, 1.0]


@pytest.mark.parametrize(
    "args, kwargs, error, text",
    [
        (((None, 2),), {}, ValueError, r"'layer' has a shape of whole numbers, got \(None, 2\)"),
        ((5,), {}, ValueError, "got 5"),
        (((2,), "ones", "int32", True), {}, TypeError, "takes shape, initializer, dtype in this order, got 4"),
        (((2,),), {"shape": (3,)}, TypeError, "got 'shape' twice"),
        (((2,),), {"regulariser": "l2"}, TypeError, "no argument 'regulariser'. Did you mean 'regularizer'"),
    ],
)
def test_clear_errors(args, kwargs, error, text):
    with pytest.raises(error, match=text):
        wl.layers.Layer(name="layer").add_weight(*args, **kwargs)


@pytest.mark.usefixtures("backend")
def test_variables_are_added_to():
    count = wl.variable(wl.tensor1d([1.0, 2.0]))
    assert count.assign_add(1) is count
    count.assign_sub(wl.tensor1d([0.5, 0.0]))
    assert count.array_sync() == [1.5, 3.0]
    step = wl.function(lambda x: wl.sum(count.assign_add(x)))
    step(wl.tensor1d([1.0, 1.0]))
    assert step(wl.tensor1d([1.0, 1.0])).array_sync() == 8.5
    assert count.array_sync() == [3.5, 5.0]
