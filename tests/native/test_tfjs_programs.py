"""Programs as they are written for TensorFlow.js, line by line."""

import asyncio

import numpy as np
import pytest

import weblayers as wl
from weblayers import custom

L = wl.layers
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch):
    monkeypatch.setattr(custom, "_registered", {})
    monkeypatch.setattr("weblayers.layers.serialization.CLASSES", dict(L.CLASSES))


# -- layers ------------------------------------------------------------------------------------------------------------


class Antirectifier(L.Layer):
    className = "Antirectifier"

    def __init__(self):
        super().__init__({})
        self.supports_masking = True

    def compute_output_shape(self, input_shape):
        return [input_shape[0], 2 * input_shape[1]]

    def call(self, inputs, kwargs):
        x = inputs[0] if isinstance(inputs, list) else inputs
        self.invokeCallHook(inputs, kwargs)
        origin = wl.sub(x, wl.mean(x, 1, True))
        return wl.concat([wl.relu(origin), wl.relu(wl.neg(origin))], 1)


class Scaled(L.Layer):
    def __init__(self, config):
        super().__init__(config)
        self.factor = config["factor"]

    def call(self, inputs, kwargs):
        return inputs * self.factor * (2 if kwargs.get("training") else 1)

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


def test_layers_written_as_in_tensorflow_js():
    wl.serialization.registerClass(Antirectifier)
    wl.serialization.registerClass(Scaled)
    made = wl.sequential()
    made.add(L.dense({"units": 4, "inputShape": [3]}))
    made.add(Antirectifier())
    made.add(Scaled({"factor": 3, "name": "scaled", "outputShape": [8]}))
    assert made.output_shape == (None, 8) and made.layers[2].name == "scaled"
    x = RNG.random((2, 3)).astype(np.float32)
    loaded = asyncio.run(wl.models.modelFromJSON(made.toJSON()))
    loaded.set_weights(made.get_weights())
    np.testing.assert_allclose(loaded.predict(x).numpy(), made.predict(x).numpy())
    assert loaded.layers[2].get_config() == made.layers[2].get_config()
    wanted = made.predict(x).numpy() * 2
    np.testing.assert_allclose(made.apply(wl.tensor(x), {"training": True}).numpy(), wanted)


def test_masks_are_in_the_object_too():
    class Masked(L.Layer):
        def call(self, inputs, kwargs):
            return inputs * wl.cast(wl.expand_dims(kwargs["mask"], -1), "float32")

    x, mask = wl.ones([1, 2, 1]), wl.tensor([[True, False]])
    assert Masked().apply(x, {"mask": mask}).array_sync() == [[[1], [0]]]


def test_a_configuration_comes_by_position_by_keyword_and_by_name():
    for layer in (Scaled({"factor": 2}), Scaled(factor=2), Scaled(config={"factor": 2})):
        np.testing.assert_array_equal(layer(wl.ones([1, 2])).numpy(), [[2, 2]])
    first = Scaled({"factor": 2, "inputShape": [5], "trainable": False})
    assert first.batch_input_shape == (None, 5) and not first.trainable
    assert wl.sequential([first]).predict(wl.ones([1, 5])).shape == (1, 5)


@pytest.mark.parametrize("make", [lambda: L.lstm(3, return_sequences=True), lambda: L.bidirectional(L.gru(3))])
def test_arguments_of_a_call_come_in_one_object(make):
    x, layer = wl.tensor(RNG.random((2, 4, 3)).astype(np.float32)), make()
    count = 2
    states = [wl.tensor(RNG.random((2, 3)).astype(np.float32)) for _ in range(count)]
    named = layer.apply(x, initial_state=states).numpy()
    np.testing.assert_array_equal(layer.apply(x, {"initialState": states}).numpy(), named)
    assert np.abs(layer.apply(x).numpy() - named).max() > 1e-3
    wires = [wl.input(shape=[4, 3]), *(wl.input(shape=[3]) for _ in states)]
    made = wl.model(inputs=wires, outputs=layer.apply(wires[0], {"initialState": wires[1:]}))
    np.testing.assert_allclose(made.predict([x, *states]).numpy(), named, rtol=1e-5)


# -- gradients ---------------------------------------------------------------------------------------------------------


def test_values_are_read_while_a_function_is_differentiated(backend):
    w, read = wl.variable(wl.tensor([1.0, 2.0]), name="w"), []

    def cost():
        squares = wl.square(w) * 2
        read.append(squares.dataSync().tolist())
        total = wl.sum(squares)
        if total > 5:
            total = total * float(wl.scalar(3.0))
        read.append(total.arraySync())
        return total

    found = wl.variableGrads(cost)
    assert read == [[2, 8], 30] and found["value"].array_sync() == 30
    np.testing.assert_array_equal(found["grads"]["w"].numpy(), [12, 24])
    optimizer = wl.train.sgd(1 / 12)
    assert optimizer.minimize(cost, True).array_sync() == 30
    np.testing.assert_allclose(w.numpy(), [0, 0], atol=1e-6)
    assert optimizer.minimize(cost, True).array_sync() == pytest.approx(0)
    x = wl.tensor([3.0])
    value, grads = wl.value_and_grads(lambda a: a * float(a.data_sync()[0]))([x])
    assert value.array_sync() == [9] and grads[0].array_sync() == [3]


def test_random_numbers_read_are_those_that_are_used(backend):
    wl.set_random_seed(3)
    w, drawn = wl.variable(wl.scalar(1.0), name="w"), []

    def cost():
        factor = wl.random_normal([])
        drawn.append(factor.array_sync())
        return w * factor

    for _ in range(2):
        assert wl.variable_grads(cost)["grads"]["w"].array_sync() == pytest.approx(drawn[-1])
    assert drawn[0] != drawn[1]


def test_where_a_trace_serves_many_runs_nothing_can_be_read():
    for traced in (wl.function(lambda x: x * float(x.sum())), wl.function(lambda x: x if x.sum() > 1 else -x)):
        with pytest.raises(TypeError, match="symbolic tensor"):
            traced(wl.ones([2]))


def test_predict_has_a_gradient(backend):
    made = wl.sequential([L.dense(1, kernel_initializer="ones", input_shape=[2]), L.dropout(0.5)])
    x = wl.tensor([[1.0, 2.0], [3.0, 4.0]])
    grads = wl.variable_grads(lambda: wl.sum(made.predict(x)))["grads"]
    kernel, bias = grads.values()
    np.testing.assert_array_equal(kernel.numpy(), [[4], [6]])
    np.testing.assert_array_equal(bias.numpy(), [2])
    np.testing.assert_array_equal(wl.grad(lambda a: made.predict(a, batchSize=1))(x).numpy(), np.ones((2, 2)))


def test_gradients_go_to_variables_by_name():
    a, b = wl.variable(wl.scalar(1.0), name="alpha"), wl.variable(wl.scalar(2.0), name="beta")
    grads = wl.variable_grads(lambda: a * 3 + b * b)["grads"]
    optimizer = wl.train.sgd(0.5)
    optimizer.applyGradients({name: g * 2 for name, g in grads.items()})
    assert (a.array_sync(), b.array_sync()) == (-2, -2)
    optimizer.applyGradients([{"name": "alpha", "tensor": wl.scalar(2.0)}])
    assert a.array_sync() == -3
    with pytest.raises(ValueError, match="no variable is named 'alpa'. Did you mean 'alpha'"):
        optimizer.applyGradients({"alpa": wl.scalar(1.0)})
    twin = wl.variable(wl.scalar(1.0), name="alpha")
    with pytest.raises(ValueError, match="2 variables are named 'alpha'"):
        optimizer.applyGradients({twin.name: wl.scalar(1.0)})


# -- promises and names ------------------------------------------------------------------------------------------------


def test_values_chain_as_promises_do():
    async def main():
        t, seen = wl.tensor([[1.0, 2.0]]), []
        await t.data().then(lambda values: seen.append(values.tolist()))
        await t.array().then(lambda values: values[0]).then(seen.append)
        t.dispose()
        await t.data().catch(lambda error: seen.append(str(error)))
        assert seen == [[1, 2], [1, 2], "Tensor is disposed."]
        other = wl.tensor([3.0])
        assert (await asyncio.gather(other.data(), other.array()))[1] == [3]

    asyncio.run(main())
    assert asyncio.run(wl.scalar(4.0).array()) == 4


def test_names_of_tensorflow_js():
    x = wl.layers.input({"shape": [3]})
    assert wl.model({"inputs": x, "outputs": L.dense({"units": 1}).apply(x)}).output_shape == (None, 1)
    assert isinstance(wl.buffer([2]), wl.TensorBuffer)
    assert wl.serialization.registerClass is wl.register_class
    assert wl.models.modelFromJSON is wl.model_from_json


def test_helpers_of_tensorflow_js():
    util = wl.util
    wl.set_random_seed(1)
    first, second = list(range(20)), np.arange(20) * 2
    util.shuffleCombo(first, second)
    assert (second == np.array(first) * 2).all() and first != list(range(20))
    util.shuffle(first)
    assert sorted(first) == list(range(20))
    assert sorted(util.createShuffledIndices(5).tolist()) == [0, 1, 2, 3, 4]
    assert util.sizeFromShape([2, 0]) == 0 and util.sizeFromShape([]) == 1
    assert util.arraysEqual([1, 2], [1, 2]) and not util.arraysEqual([1], [1, 2])
    assert util.decodeString(util.encodeString("ä")) == "ä" and util.now() <= util.now()
    util.assert_(True, lambda: "never")
    with pytest.raises(ValueError, match="not so"):
        util.assert_(False, lambda: "not so")
    with pytest.raises(ValueError, match="length was 1, second array length was 2"):
        util.shuffle_combo([1], [1, 2])
