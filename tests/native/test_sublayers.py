"""Which layers are part of a layer: those among its attributes, whenever somebody looks."""

import asyncio

import numpy as np
import pytest

import weblayers as wl

pytestmark = pytest.mark.usefixtures("backend")

X = wl.tensor(np.linspace(-1, 1, 24, dtype=np.float32).reshape(8, 3))
Y = wl.tensor(np.linspace(0, 1, 8, dtype=np.float32).reshape(8, 1))


def fitted(model):
    async def main():
        await model.fit(X, Y, epochs=2, verbose=0)

    asyncio.run(main())


def fill(layer):
    """Layers in all kinds of containers, which grow after they are assigned."""
    layer.blocks = []
    layer.named = {"late": [], "pair": ()}
    layer.blocks.append(wl.layers.dense(4, name="first"))
    layer.blocks.append([wl.layers.dense(3, name="second")])
    layer.named["late"].append(wl.layers.dense(2, name="third"))
    layer.head = wl.layers.dense(7, name="replaced")
    layer.head = wl.layers.dense(1, name="head")
    layer.also_known_as = layer.head


def forward(layer, x):
    for part in (layer.blocks[0], layer.blocks[1][0], layer.named["late"][0], layer.head):
        x = part.apply(x)
    return x


class GrownLayer(wl.layers.Layer):
    def __init__(self, **base):
        super().__init__(**base)
        fill(self)

    def call(self, x):
        return forward(self, x)


class GrownModel(wl.Model):
    def __init__(self):
        super().__init__()
        fill(self)

    def call(self, x):
        return forward(self, x)


@pytest.mark.parametrize("kind", [GrownLayer, GrownModel])
def test_what_is_in_containers_is_part_of_a_layer_and_what_is_replaced_is_not(kind):
    layer = kind()
    assert [part.name for part in layer.sublayers] == ["first", "second", "third", "head"]
    layer.named["pair"] = (wl.layers.dense(1, name="pair"),)
    assert [part.name for part in layer.sublayers] == ["first", "second", "third", "pair", "head"]
    layer.blocks.clear()
    assert [part.name for part in layer.flatten_layers()][1:] == ["third", "pair", "head"]


@pytest.mark.parametrize("make", [GrownModel, lambda: wl.sequential([GrownLayer(input_shape=[3])])])
def test_layers_that_were_appended_are_trained(make):
    model = make()
    model.compile(optimizer="sgd", loss="mse")
    model.predict(X)
    names = [w.name.split("/")[-2] for w in model.weights]
    assert names == [n for n in ("first", "second", "third", "head") for _ in range(2)]
    before = [w.numpy() for w in model.get_weights()]
    fitted(model)
    for weight, old in zip(model.weights, before, strict=True):
        assert not np.array_equal(weight.numpy(), old), weight.name


def test_a_part_may_know_what_it_is_part_of():
    class Part(wl.layers.Layer):
        def __init__(self, whole):
            super().__init__()
            self.whole = whole
            self.dense = wl.layers.dense(1)

        def call(self, x):
            return self.dense.apply(x)

    class Whole(wl.Model):
        def __init__(self):
            super().__init__()
            self.parts = [Part(self), Part(self)]
            self.myself = self

        def call(self, x):
            return self.parts[0].apply(x) + self.parts[1].apply(x)

    model = Whole()
    model.compile(optimizer="sgd", loss="mse")
    fitted(model)
    assert len(model.weights) == len(model.trainable_weights) == 4 and len(model.flatten_layers()) == 5
    model.trainable = False
    assert not any(layer.trainable for layer in model.flatten_layers())
    assert len(model.weights) == len(model.non_trainable_weights) == 4
