"""Layers called as Keras' are: inputs by name, arrays and lists for tensors, and functions that join what they get."""

import asyncio

import numpy as np
import pytest

import weblayers as wl
from weblayers import activations

L = wl.layers
X = np.random.default_rng(0).standard_normal((2, 5, 4)).astype(np.float32)


@pytest.mark.parametrize("layer", [L.MultiHeadAttention(2, 3), L.GroupQueryAttention(2, 4, 2)], ids=["heads", "groups"])
def test_attention_takes_all_by_name(layer):
    expected = layer(wl.tensor(X), wl.tensor(X[:, :3])).numpy()
    for given in (X, wl.tensor(X)):
        np.testing.assert_array_equal(layer(query=given, value=X[:, :3], key=X[:, :3]).numpy(), expected)
    wire, others = wl.Input((5, 4)), wl.Input((3, 4))
    model = wl.Model([wire, others], layer(value=others, query=wire))
    np.testing.assert_allclose(model.predict([X, X[:, :3]]).numpy(), expected, rtol=1e-6)


def test_inputs_are_named_as_call_names_them():
    class Scaled(L.Layer):
        def call(self, x, factor=1.0):
            return x * factor

    assert Scaled()(x=X, factor=X).shape == L.Dense(4)(inputs=X).shape == (2, 5, 4)
    with pytest.raises(TypeError, match=r"'scaled' is called without inputs: .*'x'; got \['factor', 'y'\]"):
        Scaled(name="scaled")(factor=2.0, y=X)


def test_nested_lists_of_numbers_are_one_tensor():
    assert L.CategoryEncoding(4, "one_hot")([0, 3]).array_sync() == [[1, 0, 0, 0], [0, 0, 0, 1]]
    assert L.Softmax()([[1.0, 2.0]], mask=[[True, False]]).array_sync() == [[1, 0]]
    assert L.Softmax()(X[0], mask=X[0] > 0).numpy()[X[0] <= 0].max() == 0


@pytest.mark.parametrize("name", ["add", "average", "concatenate", "maximum", "minimum", "multiply", "subtract"])
def test_functions_that_join(name):
    function, one, two = getattr(L, name), wl.Input((4,)), wl.Input((4,))
    layer = getattr(L, name.capitalize())()
    expected = layer([X[0], X[1]]).numpy()
    np.testing.assert_array_equal(function([X[0], X[1]]).numpy(), expected)
    np.testing.assert_array_equal(function()([X[0], X[1]]).numpy(), expected)
    joined = function([one, two], name="joined")
    assert isinstance(joined.source_layer, type(layer)) and joined.source_layer.name == "joined"
    np.testing.assert_array_equal(wl.Model([one, two], joined).predict([X[0], X[1]]).numpy(), expected)
    with pytest.raises(ValueError, match="list"):
        function(X)


def test_functions_that_join_take_options():
    wire = wl.Input((3, 4))
    assert L.dot([wire, wire], axes=2).shape == L.dot([wire, wire], 2, True).shape == (None, 3, 3)
    assert L.concatenate([wire, wire], 1).shape == L.concatenate(inputs=[wire, wire], axis=1).shape == (None, 6, 4)
    assert L.dot([2, 2]).axes == [2, 2] and L.concatenate({"axis": 1}).axis == 1


@pytest.mark.parametrize("name", sorted(set(activations._TABLE) - {"get", "serialize"}))
def test_activations_take_what_layers_take(name):
    expected = activations.get(name)(wl.tensor(X)).numpy()
    for given in (X, X.tolist()):
        np.testing.assert_array_equal(np.asarray(wl.tensor(activations.get(name)(given)).numpy()), expected)
    wire = wl.Input((5, 4))
    np.testing.assert_allclose(wl.Model(wire, activations.get(name)(wire)).predict(X).numpy(), expected, rtol=1e-5)


def test_names_and_values_that_keras_has_too():
    for name in ("zero", "one", "uniform", "normal"):
        assert L.Dense(2, kernel_initializer=name)(X).shape == (2, 5, 2)
    assert wl.ones_like(X).dtype == "float32" and wl.zeros_like(np.array([1, 2])).dtype == "int32"
    assert issubclass(wl.optimizers.schedules.ExponentialDecay, wl.optimizers.schedules.LearningRateSchedule)
    model = wl.Sequential([L.Dense(1, input_shape=(4,))])
    model.compile("sgd", "mse")

    async def evaluated():
        return await model.evaluate(iter([(X[0], X[0, :, :1])] * 3), steps=2)

    assert asyncio.run(evaluated()).shape == ()
