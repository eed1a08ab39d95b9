"""Functional models of classes of one's own, with constructors as programs for Keras write them."""

import asyncio

import numpy as np
import pytest

import weblayers as wl

L = wl.layers
X = np.random.default_rng(0).random((8, 3)).astype(np.float32)
Y = X.sum(1, keepdims=True)


class Custom(wl.Model):
    """Keras' guide to custom steps."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.loss_tracker = wl.metrics.Mean(name="loss")

    def train_step(self, data):
        x, y = data
        with wl.GradientTape() as tape:
            loss = wl.mean(wl.square(self(x, training=True) - y))
        self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
        self.loss_tracker.update_state(loss)
        return {"loss": self.loss_tracker.result()}

    @property
    def metrics(self):
        return [self.loss_tracker]


class Scaled(Custom):
    def __init__(self, alpha, **kwargs):
        super().__init__(**kwargs)
        self.alpha = alpha


class Fixed(wl.Model):
    def __init__(self):
        inputs = wl.input(shape=[3])
        super().__init__(inputs=inputs, outputs=L.Dense(1)(inputs))


class Sized(Custom):
    def __init__(self, units, **kwargs):
        inputs = wl.input(shape=[3])
        super().__init__(inputs, L.Dense(units)(inputs), **kwargs)
        self.units = units


class Stack(wl.Sequential):
    pass


OWN = {kind.__name__: kind for kind in (Custom, Scaled, Fixed, Sized, Stack)}


def ends():
    inputs = wl.input(shape=[3])
    return inputs, L.Dense(1)(inputs)


def nested():
    inputs = wl.input(shape=[3])
    inner = Custom(inputs, L.Dense(3)(inputs))
    return Custom(inputs, Stack([L.Dense(1, input_shape=[3])])(inner(inner(inputs))))


MODELS = {
    "two": lambda: Custom(*ends()),
    "named": lambda: Custom(*ends(), name="named"),
    "keywords": lambda: Custom(**dict(zip(("inputs", "outputs"), ends(), strict=True))),
    "argument": lambda: Scaled(2, **dict(zip(("inputs", "outputs"), ends(), strict=True))),
    "fixed": Fixed,
    "sized": lambda: Sized(1, name="sized"),
    "stack": lambda: Stack([L.Dense(1, input_shape=[3])]),
    "nested": nested,
}


async def trained(model):
    model.compile(wl.train.sgd(0.1), "mse")
    return await model.fit(X, Y, epochs=3, batch_size=4, verbose=0, shuffle=False)


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_they_are_functional_models_that_train_by_their_own_steps(make):
    model = make()
    assert isinstance(model, wl.Functional) and type(model).__name__ in OWN
    assert isinstance(model, OWN[type(model).__name__])
    losses = asyncio.run(trained(model)).history["loss"]
    assert losses[-1] < losses[0]
    assert model.predict(X).shape == (8, 1)


@pytest.mark.parametrize("suffix", ["", ".keras", ".h5"])
@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_files_hold_them(make, suffix, tmp_path):
    model, target = make(), tmp_path / f"model{suffix}"

    async def main():
        await trained(model)
        await model.save(target)
        with pytest.raises(ValueError, match=type(model).__name__):
            await wl.load_layers_model(target)
        return await wl.load_layers_model(target, custom_objects=OWN)

    again = asyncio.run(main())
    assert type(again) is type(model)
    assert [getattr(again, name, None) for name in ("alpha", "units")] == [
        getattr(model, name, None) for name in ("alpha", "units")
    ]
    np.testing.assert_allclose(again.predict(X).numpy(), model.predict(X).numpy(), rtol=1e-5)


def test_dictionaries_of_inputs_are_no_configuration():
    inputs, outputs = ends()
    for model in (
        wl.Model({"a": inputs}, outputs),
        wl.Model({"a": inputs}, outputs=outputs),
        Custom({"a": inputs}, outputs),
        wl.Model(inputs={"a": inputs}, outputs=outputs),
    ):
        assert model.predict({"a": X}).shape == (8, 1)
    assert wl.Model({"inputs": inputs, "outputs": outputs}).predict(X).shape == (8, 1)


def test_inputs_without_outputs():
    inputs, outputs = ends()
    with pytest.raises(TypeError, match="Custom got no outputs"):
        Custom(inputs)
    with pytest.raises(TypeError, match="Model got no inputs"):
        wl.Model(outputs=outputs)
    with pytest.raises(TypeError, match="Custom has no argument 'alpha'"):
        Custom(inputs, outputs, alpha=1)


def test_a_class_is_one_class():
    assert type(Custom(*ends())) is type(Custom(*ends()))
    assert type(wl.Model(*ends())) is wl.Functional


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_clones_have_weights_of_their_own(make):
    model = make()
    again = wl.models.clone_model(model)
    assert type(again) is type(model) and [w.shape for w in again.weights] == [w.shape for w in model.weights]
    assert not {id(w) for w in again.weights} & {id(w) for w in model.weights}
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(again.predict(X).numpy(), model.predict(X).numpy(), rtol=1e-5)


def test_models_have_keras_module():
    assert wl.models.Sequential is wl.Sequential and wl.models.Model is wl.Model
