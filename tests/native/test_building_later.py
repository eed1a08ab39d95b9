"""Sequential models whose input's shape is known when they see data, as in Keras."""

import asyncio

import numpy as np
import pytest

import weblayers as wl

L = wl.layers
X = np.random.default_rng(0).random((8, 3)).astype(np.float32)
Y = X.sum(1, keepdims=True)


@pytest.fixture(autouse=True)
def seed():
    wl.set_random_seed(1)


def stack(*layers, **base):
    return wl.Sequential([*(layers or (L.Dense(4, activation="relu"), L.Dense(1)))], **base)


def compiled(model):
    model.compile(wl.train.sgd(0.1), "mse", metrics=["mae"])
    return model


async def fitted(model, *data, **options):
    return (await model.fit(*data, **{"epochs": 3, "batch_size": 4, "verbose": 0, **options})).history["loss"]


async def by_fit(model):
    await fitted(compiled(model), X, Y)


async def by_dataset(model):
    await compiled(model).fit_dataset([(X, Y)], epochs=1, verbose=0)


async def by_evaluate(model):
    compiled(model).evaluate(X, Y)


async def by_train_on_batch(model):
    await compiled(model).train_on_batch(X, Y)


async def by_test_on_batch(model):
    await compiled(model).test_on_batch(X, Y)


async def by_predict(model):
    model.predict(X)


async def by_predict_on_batch(model):
    model.predict_on_batch(X)


async def by_a_call(model):
    model(X)


async def by_a_symbolic_call(model):
    assert model(wl.input(shape=[3])).shape == (None, 1)


async def by_build(model):
    model.build((None, 3))


async def by_build_by_name(model):
    model.build(input_shape=[None, 3])


WAYS = [
    by_fit,
    by_dataset,
    by_evaluate,
    by_train_on_batch,
    by_test_on_batch,
    by_predict,
    by_predict_on_batch,
    by_a_call,
    by_a_symbolic_call,
    by_build,
    by_build_by_name,
]


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("way", WAYS, ids=[way.__name__ for way in WAYS])
def test_ways_to_build(way):
    model = stack()
    assert not model.built and not model.weights
    asyncio.run(way(model))
    assert model.built and model.input_shape == (None, 3) and model.output_shape == (None, 1)
    assert [w.shape for w in model.weights] == [(3, 4), (4,), (4, 1), (1,)]
    losses = asyncio.run(fitted(compiled(model), X, Y))
    assert losses[-1] < losses[0]


def test_layers_are_added_and_taken_away_before_and_after():
    model = wl.Sequential()
    for units in (4, 2, 1):
        model.add(L.Dense(units))
    model.pop()
    assert len(model.layers) == 2
    assert model(X).shape == (8, 2)
    model.add(L.Dense(5))
    assert model.predict(X).shape == (8, 5)
    model.pop()
    assert model.predict(X).shape == (8, 2)


class Own(wl.Model):
    def __init__(self):
        super().__init__()
        self.body = stack(L.Dense(4, activity_regularizer="l2"), stack(L.Dense(2), L.BatchNormalization()))
        self.head = stack(L.Dense(1))

    def call(self, x, training=False):
        return self.head(self.body(x, training=training))


class Block(L.Layer):
    def __init__(self, **base):
        super().__init__(**base)
        self.body = stack(L.Dense(4), L.Dropout(0.1))

    def call(self, x):
        return self.body(x)


class OwnStep(wl.Sequential):
    def train_step(self, data):
        x, y = data
        with wl.GradientTape() as tape:
            loss = wl.mean(wl.square(self(x, training=True) - y))
        self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
        return {"loss": loss}


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize(
    "make",
    [
        Own,
        lambda: stack(Block(), L.Dense(1)),
        lambda: stack(stack(L.Dense(4)), L.Dense(1)),
        lambda: wl.Sequential([wl.input(shape=[3]), stack(L.Dense(4)), L.Dense(1)]),
        lambda: OwnStep([L.Dense(4), L.Dense(1)]),
        lambda: stack(L.Reshape((3, 1)), L.TimeDistributed(stack(L.Dense(2))), L.Flatten(), L.Dense(1)),
    ],
    ids=["model", "layer", "nested", "input", "own step", "wrapper"],
)
def test_inside_others(make):
    model = make()
    model.compile(wl.train.sgd(0.05), "mse")
    losses = asyncio.run(fitted(model, X, Y, epochs=5))
    assert losses[-1] < losses[0] and np.isfinite(losses).all()
    assert model.predict(X).shape == (8, 1)


@pytest.mark.parametrize("target", ["model", "model.keras", "model.h5"])
def test_files_hold_what_was_built_later(target, tmp_path):
    model = stack(stack(L.Dense(4)), Twice(), L.Dense(1))

    async def main():
        model(X)
        await model.save(tmp_path / target)
        return await wl.load_layers_model(tmp_path / target, custom_objects={"Twice": Twice})

    np.testing.assert_allclose(asyncio.run(main()).predict(X).numpy(), model.predict(X).numpy(), rtol=1e-5)


class Twice(L.Layer):
    def call(self, x):
        return x * 2


def test_numbers_of_words():
    model = stack(L.Embedding(5, 4), L.GlobalAveragePooling1D(), L.Dense(1))
    assert model.predict(np.array([[1, 2], [3, 4]])).shape == (2, 1)


def test_targets_by_the_name_of_the_output():
    model = compiled(stack(L.Dense(2), L.Dense(1, name="end")))
    assert np.isfinite(asyncio.run(fitted(model, X, {"end": Y}))).all()


def test_what_is_said_before(capsys):
    model = wl.Sequential([L.Dense(4, name="first"), L.Dense(1)], name="late")
    model.summary()
    shown = capsys.readouterr().out
    assert shown.count("unbuilt") == 2 and "?" in shown
    assert model.get_weights() == [] and model.count_params() == 0 and "2 layers" in repr(model)
    how = r"'late' is not built.*input_shape=.*build\(\(None, \.\.\.\)\)"
    for name in ("inputs", "outputs", "input", "output", "input_shape", "output_shape", "input_names", "output_names"):
        with pytest.raises(AttributeError, match=how):
            getattr(model, name)
    with pytest.raises(ValueError, match=how):
        model.to_json()
    with pytest.raises(ValueError, match=how):
        model.execute(X, "first")
    with pytest.raises(ValueError, match="got 1 values for 0 weights.*not built"):
        model.set_weights([np.ones((3, 4))])
    with pytest.raises(ValueError, match="an input comes first"):
        model.add(wl.input(shape=[3]))
    with pytest.raises(ValueError, match="one input, got the shape"):
        model.build([(None, 3), (None, 2)])
    assert wl.Sequential.from_config(model.get_config()).predict(X).shape == (8, 1)


def test_a_shape_that_does_not_fit_leaves_it_unbuilt():
    model = stack(L.Conv2D(2, 3), L.Flatten())
    with pytest.raises(ValueError):
        model(X)
    assert not model.built
    assert model.predict(np.zeros((1, 4, 4, 1), np.float32)).shape == (1, 8)
