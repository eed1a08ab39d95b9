"""Layers, losses and functions of one's own in models that are saved and loaded."""

import asyncio

import numpy as np
import pytest

import weblayers as wl
from weblayers import custom

L = wl.layers
X = np.ones((2, 3), np.float32)


class Twice(L.Layer):
    def call(self, x):
        return x * 2


class Scaled(L.Layer):
    className = "MyScaled"

    def __init__(self, factor, **base):
        super().__init__(**base)
        self.factor = factor

    def call(self, x):
        return x * self.factor


class Fixed(wl.initializers.Initializer):
    def __init__(self, value=3.0):
        self.value = value

    def __call__(self, shape, dtype=None):
        return np.full(shape, self.value, np.float32)


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch):
    monkeypatch.setattr(custom, "_registered", {})
    # not what examples of the docs have left there, either
    known = {name: kind for name, kind in L.CLASSES.items() if name not in OBJECTS}
    monkeypatch.setattr("weblayers.layers.serialization.CLASSES", known)


def deep():
    inner = wl.sequential([Twice(input_shape=[3])])
    x = wl.input(shape=[3])
    steps = L.time_distributed(Twice())(L.reshape([1, 3])(inner(x)))
    return wl.model(inputs=x, outputs=L.dense(1, kernel_initializer=Fixed())(steps))


OBJECTS = {"Twice": Twice, "Fixed": Fixed}


def loaders(made, folder):
    """Ways to save a model, and to load it again."""
    kept = []

    async def saved(name):
        await made.save(str(folder / name))
        return lambda **more: wl.load_layers_model(str(folder / name), **more)

    async def with_handler():
        await made.save(wl.io.with_save_handler(kept.append))
        return lambda **more: wl.load_layers_model(wl.io.from_memory(kept[0]), **more)

    async def from_json():
        text = made.to_json()
        return lambda **more: wl.model_from_json(text, **more)

    async def from_config():
        described = {"class_name": made.class_name, "config": made.get_config()}

        async def load(**more):
            return L.deserialize(described, **more)

        return load

    return {
        "folder": lambda: saved("m"),
        "keras": lambda: saved("m.keras"),
        "h5": lambda: saved("m.h5"),
        "handler": with_handler,
        "json": from_json,
        "config": from_config,
    }


@pytest.mark.parametrize("way", ["folder", "keras", "h5", "handler", "json", "config"])
def test_every_loader_takes_custom_objects_and_knows_what_is_registered(way, tmp_path):
    async def main():
        made = deep()
        load = await loaders(made, tmp_path)[way]()
        with pytest.raises(ValueError, match=r"'Twice'.*@wl.register_class.*custom_objects=\{'Twice': Twice\}"):
            await load()
        lent = await load(custom_objects=OBJECTS)
        # what was lent is given back
        with pytest.raises(ValueError, match="Twice"):
            await load()
        for one in OBJECTS.values():
            assert wl.serialization.register_class(one) is one
        for loaded in (lent, await load()):
            np.testing.assert_allclose(loaded.predict(X).numpy(), made.predict(X).numpy())

    asyncio.run(main())


def test_a_class_is_known_by_the_name_that_it_gives_itself():
    wl.register_class(Scaled)
    made = wl.sequential([Scaled(3, input_shape=[3])])
    described = made.to_json(None, False)
    assert described["config"]["layers"][0]["class_name"] == "MyScaled"
    loaded = asyncio.run(wl.model_from_json(described))
    np.testing.assert_array_equal(loaded.predict(X).numpy(), X * 3)


def test_losses_metrics_and_activations_of_ones_own_are_known_by_name():
    @wl.register_class
    def cubes(y_true, y_pred):
        return wl.mean((y_true - y_pred) ** 4, -1)

    @wl.register_class
    def halved(x):
        return x / 2

    made = wl.sequential([L.dense(1, activation="halved", input_shape=[3])])
    made.compile("sgd", "cubes", metrics=["cubes"])
    loss, metric = made.evaluate(X, np.zeros((2, 1), np.float32))
    assert float(loss) == pytest.approx(float(metric))
    with wl.serialization.custom_object_scope({"cubes": wl.losses.MeanSquaredError}):
        assert wl.losses.get("cubes").name == "mean_squared_error"


def test_keras_packages_are_no_part_of_the_name():
    wl.register_class(Twice)
    assert isinstance(L.deserialize({"class_name": "Mine>Twice", "config": {}}), Twice)


def test_custom_objects_are_classes():
    with pytest.raises(TypeError, match="custom_objects has classes and functions by name"):
        L.deserialize({"class_name": "Twice", "config": {}}, {"Twice": 3})


def test_only_classes_and_functions_are_registered():
    with pytest.raises(TypeError, match="a class or a function"):
        wl.register_class("Twice")
