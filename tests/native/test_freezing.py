"""What is trained: frozen containers, what was trainable at compile, and weights held while layers are frozen."""

import asyncio
import warnings

import numpy as np
import pytest

import weblayers as wl

L = wl.layers
RNG = np.random.default_rng(0)
X = RNG.normal(3, 2, (16, 3)).astype(np.float32)
ZEROS = np.zeros((16, 1), np.float32)

pytestmark = pytest.mark.usefixtures("backend")


class Block(L.Layer):
    def __init__(self, **base):
        super().__init__(**base)
        self.parts = {"norm": [L.batch_normalization(name="norm")]}

    def call(self, x, training=None):
        return self.parts["norm"][0](x, training=training)


class Subclassed(wl.Model):
    def __init__(self):
        super().__init__()
        self.norm = L.batch_normalization()

    def call(self, x, training=None):
        return self.norm(x, training=training)


def functional():
    x = wl.input(shape=[3])
    return wl.model(inputs=x, outputs=L.batch_normalization()(x))


CONTAINERS = {
    "layer": lambda: L.batch_normalization(input_shape=[3]),
    "sequential": lambda: wl.sequential([L.batch_normalization(input_shape=[3])]),
    "model": functional,
    "nested": lambda: wl.sequential([wl.sequential([functional()])]),
    "own layer": lambda: Block(input_shape=[3]),
    "own model": Subclassed,
    "wrapper": lambda: L.spectral_normalization(L.dense(3), input_shape=[3]),
}


def values(layer):
    return [w.numpy().copy() for w in layer.weights]


def unchanged(layer, before):
    for weight, value in zip(layer.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)


def moved(layer, before):
    return any((w.numpy() != value).any() for w, value in zip(layer.weights, before, strict=True))


def fit(made, x=X, y=ZEROS, **options):
    async def main():
        return await made.fit(x, y, **{"verbose": 0, "shuffle": False, **options})

    return asyncio.run(main())


def on_top_of(part):
    x = wl.input(shape=[3])
    return wl.model(inputs=x, outputs=L.dense(1)(part(x)))


@pytest.mark.parametrize("make", CONTAINERS.values(), ids=CONTAINERS)
def test_nothing_in_a_frozen_container_moves(make):
    part = make()
    made = on_top_of(part)
    part.trainable = False
    assert not any(layer.trainable for layer in part.flatten_layers()) and not part.trainable_weights
    made.compile(wl.train.sgd(0.1), "mse")
    before, head = values(part), values(made.layers[-1])
    fit(made)
    unchanged(part, before)
    assert moved(made.layers[-1], head)
    part.trainable = True
    made.compile(wl.train.sgd(0.1), "mse")
    fit(made)
    assert moved(part, before)


@pytest.mark.parametrize("make", CONTAINERS.values(), ids=CONTAINERS)
def test_a_frozen_container_computes_as_in_inference_though_it_is_told_to_train(make):
    part = make()
    inference = part(wl.tensor(X)).numpy()
    before = values(part)
    part.trainable = False
    np.testing.assert_allclose(part(wl.tensor(X), training=True).numpy(), inference, rtol=1e-6)
    unchanged(part, before)


def test_a_time_distributed_layer_made_frozen():
    part = L.time_distributed(L.batch_normalization(), input_shape=[4, 3], trainable=False)
    made = wl.sequential([part, L.flatten(), L.dense(1)])
    made.compile("sgd", "mse")
    before = values(part)
    fit(made, RNG.normal(3, 2, (16, 4, 3)).astype(np.float32))
    unchanged(part, before)


def test_a_layer_that_was_made_frozen_keeps_what_it_gets_later_frozen():
    part = Block(input_shape=[3], trainable=False)
    made = wl.sequential([part, L.dense(1)])
    made.compile("sgd", "mse")
    before = values(part)
    fit(made)
    unchanged(part, before)


def test_a_thawed_base_trains_but_for_the_layers_that_are_frozen_again():
    base = wl.sequential([L.dense(3, input_shape=[3]), L.dense(3)])
    made = wl.sequential([base, L.dense(1)])
    base.trainable = False
    base.trainable = True
    base.layers[0].trainable = False
    made.compile("sgd", "mse")
    first, second = (values(layer) for layer in base.layers)
    fit(made)
    unchanged(base.layers[0], first)
    assert moved(base.layers[1], second)


def test_dropout_in_a_frozen_container_still_drops():
    base = wl.sequential([L.dropout(0.5, input_shape=[64])])
    base.trainable = False
    assert (base(wl.ones([4, 64]), training=True).numpy() == 0).any()


# -- at compile --------------------------------------------------------------------------------------------------------


def adversaries(norm):
    parts = [L.dense(4, input_shape=[2]), *([L.batch_normalization()] if norm else []), L.dense(1)]
    judge = wl.sequential(parts)
    judge.compile(wl.train.sgd(0.01), "mse", metrics=["mae"])
    judge.trainable = False
    maker = wl.sequential([L.dense(2, input_shape=[2])])
    both = wl.sequential([maker, judge])
    both.compile(wl.train.sgd(0.01), "mse")
    return judge, maker, both


@pytest.mark.filterwarnings("ignore:.*since compile")
@pytest.mark.parametrize("norm", [False, True])
def test_a_discriminator_frozen_for_the_combined_model_is_trained_by_its_own_steps(norm):
    judge, maker, both = adversaries(norm)
    x, ones = X[:8, :2], np.ones((8, 1), np.float32)

    async def main():
        for _ in range(3):
            before = [values(layer) for layer in judge.layers]
            await judge.train_on_batch(x, ones)
            assert all(moved(layer, held) for layer, held in zip(judge.layers, before, strict=True))
            before, made = values(judge), values(maker)
            await both.train_on_batch(x, ones)
            unchanged(judge, before)
            assert moved(maker, made)

    asyncio.run(main())
    assert judge.steps.traces == both.steps.traces == 1 and not judge.trainable


def test_to_freeze_after_compile_warns_once_and_takes_effect_at_the_next():
    made = wl.sequential([L.dense(3, input_shape=[3]), L.dense(1)])
    made.compile("sgd", "mse")
    made.layers[0].trainable = False
    before = values(made.layers[0])
    with pytest.warns(UserWarning, match="4 weights then, 2 now. Compile again"):
        fit(made)
    assert moved(made.layers[0], before)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(made)
        made.compile("sgd", "mse")
        before = values(made.layers[0])
        fit(made)
    unchanged(made.layers[0], before)


# -- weights held ------------------------------------------------------------------------------------------------------


def test_weights_have_one_order_however_they_are_frozen():
    layers = [L.dense(3, input_shape=[3]), L.batch_normalization(), L.bidirectional(L.lstm(2)), L.dense(1)]
    made = wl.sequential([layers[0], layers[1], L.reshape([1, 3]), *layers[2:]])
    order = [id(w) for w in made.weights]
    assert order == [id(w) for layer in layers for w in layer.weights]
    for layer in [*layers, made]:
        layer.trainable = False
        assert [id(w) for w in made.weights] == order
    names = [w.name.rsplit("/", 1)[1] for w in layers[1].weights]
    assert names == ["gamma", "beta", "moving_mean", "moving_variance"]


def test_weights_go_back_into_the_layers_that_they_came_from():
    made = wl.sequential([L.dense(3, input_shape=[3]), L.dense(3)])
    held, predicted = made.get_weights(), made.predict(X).numpy()
    made.layers[0].trainable = False
    made.set_weights(held)
    np.testing.assert_array_equal(made.predict(X).numpy(), predicted)
    twin = wl.sequential([L.dense(3, input_shape=[3]), L.dense(3, trainable=False)])
    twin.set_weights(made.get_weights())
    np.testing.assert_array_equal(twin.predict(X).numpy(), predicted)


def test_the_best_weights_come_back_though_layers_were_frozen_meanwhile():
    made = wl.sequential([L.dense(3, input_shape=[3]), L.dense(3)])
    made.compile(wl.train.sgd(0.0), "mse")
    predicted = made.predict(X).numpy()

    def freeze(epoch, logs):
        made.layers[0].trainable = epoch < 1

    best = wl.callbacks.EarlyStopping(monitor="loss", patience=2, restore_best_weights=True)
    fit(made, X, X, epochs=6, callbacks=[freeze, best])
    np.testing.assert_array_equal(made.predict(X).numpy(), predicted)


def test_loops_of_ones_own_leave_frozen_layers_alone():
    """Their weights are given no gradients, nor moved by an optimizer, until their layer is thawed."""
    base, head = wl.sequential([L.dense(3, input_shape=[2])]), L.dense(1)
    x, optimizer = wl.ones([4, 2]), wl.train.sgd(0.1)

    def cost():
        return wl.sum(wl.square(head.apply(base.apply(x))))

    cost()
    base.trainable = False
    before = [w.numpy() for w in base.weights]
    assert set(wl.variable_grads(cost)["grads"]) == {w.name for w in head.weights}
    optimizer.minimize(cost)
    for weight, value in zip(base.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)
    base.trainable = True
    assert len(wl.variable_grads(cost)["grads"]) == 4


def test_a_model_of_which_nothing_is_trained_is_fitted_with_a_warning():
    model = wl.Sequential([wl.layers.Dense(1, input_shape=(2,)), wl.layers.Dropout(0.5)])
    model.trainable = False
    model.compile("adam", "mse", metrics=["mae"])
    before = model.get_weights()[0].numpy()

    async def fit():
        return await model.fit(np.ones((8, 2)), np.ones((8, 1)), epochs=2, verbose=0, validation_split=0.5)

    with pytest.warns(UserWarning, match="no trainable weights: nothing is trained"):
        logs = asyncio.run(fit()).history
    assert set(logs) == {"loss", "mae", "val_loss", "val_mae"}
    np.testing.assert_array_equal(model.get_weights()[0].numpy(), before)
