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
