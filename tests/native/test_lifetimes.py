"""Who owns which values, what is kept and for how long."""

import asyncio
import gc
import weakref

import numpy as np
import pytest

import weblayers as wl
from weblayers.models import steps
from weblayers.models.data_sets import room_for
from weblayers.models.logs import Sums
from weblayers.runtime import device

L = wl.layers
RNG = np.random.default_rng(0)
X = RNG.random((12, 4), np.float32)
Y = RNG.random((12, 1), np.float32)


def dense(optimizer=wl.train.adam, **options):
    made = wl.sequential([L.dense(1, input_shape=[4], **options)])
    made.compile(optimizer(0.1), "mse", metrics=["mae"])
    return made


def fit(made, x=X, y=Y, **options):
    async def main():
        return await made.fit(x, y, **{"verbose": 0, **options})

    return asyncio.run(main())


@pytest.fixture
def uncollected():
    """What lives goes by references alone."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


# -- arrays ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "array",
    [np.zeros((2, 2), np.float32), np.zeros((2, 2)), np.zeros((4, 2), np.float32)[::2], np.zeros(2, np.uint8)],
    ids=["float32", "float64", "view", "uint8"],
)
def test_tensors_share_no_array_with_the_caller(backend, array):
    made = [wl.tensor(array), wl.tensor(memoryview(array)), wl.variable(wl.tensor(array)), wl.Variable(array, "v")]
    assigned = wl.Variable(array, "w")
    assigned.assign(array.astype(assigned.numpy().dtype))
    assigned.assign(given := array.astype(assigned.numpy().dtype))
    array[...], given[...] = 9, 9
    assert not any(t.numpy().any() for t in [*made, assigned])
    array[...] = 0


def test_what_tensors_hand_out_cannot_be_written_to(backend):
    model, x = dense(), wl.ones([2])
    fit(model)
    loss, _ = model.evaluate(X, Y)
    tensors = [x, x + 1, x.shared(), wl.tensor(["a"]), loss, model.weights[0], model.predict(X), wl.variable(x)]
    for tensor in tensors:
        values = asyncio.run(data_of(tensor))
        for array in (tensor.numpy(), np.asarray(tensor), tensor.data_sync(), values):
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0
    copied = np.array(x)
    copied[...] = 5
    assert x.array_sync() == [1, 1]


async def data_of(tensor):
    return await tensor.data()


def test_weights_are_given_values_and_not_arrays(backend):
    model = dense()
    given = [np.ones((4, 1), np.float32), np.ones(1, np.float32)]
    model.set_weights(given)
    given[0] += 41
    assert (model.weights[0].numpy() == 1).all()


def test_a_fit_does_not_see_its_arrays_change(backend):
    async def run(change):
        model, x, y = dense(kernel_initializer="ones"), X.copy(), Y.copy()
        promise = model.fit(x, y, verbose=0, shuffle=False, epochs=2, batch_size=4)
        if change:
            x[...], y[...] = np.nan, np.nan
        return (await promise).history

    assert asyncio.run(run(True)) == asyncio.run(run(False))


def test_rows_of_a_variable_are_those_of_now(backend):
    x = wl.variable(wl.zeros([8, 2, 2]))
    model = wl.sequential([L.flatten(input_shape=[2, 2]), L.dense(1, kernel_initializer="ones")])
    model.compile(wl.train.sgd(0.0), "mse")
    y = np.zeros((8, 1), np.float32)
    assert fit(model, x, y).history["loss"] == [0]
    x.assign(wl.ones([8, 2, 2]))
    assert fit(model, x, y).history["loss"] == [16] and float(model.evaluate(x, y)) == 16


# -- what is kept ------------------------------------------------------------------------------------------------------


def test_freezing_a_layer_without_trained_weights_counts(backend):
    norm = L.batch_normalization(center=False, scale=False)
    model = wl.sequential([L.dense(4, input_shape=[4]), norm, L.dense(1)])
    model.compile("sgd", "mse")
    fit(model)
    norm.trainable, before = False, norm.moving_mean.numpy()
    model.compile("sgd", "mse")
    fit(model)
    np.testing.assert_array_equal(norm.moving_mean.numpy(), before)
    norm.trainable = True
    model.compile("sgd", "mse")
    fit(model)
    assert (norm.moving_mean.numpy() != before).any()


def test_other_numbers_of_samples_need_no_new_trace(backend):
    model, other = dense(wl.train.sgd), dense(wl.train.sgd)
    for samples in (24, 20, 28, 32, 17):
        x, y = RNG.random((samples, 4), np.float32), RNG.random((samples, 1), np.float32)
        size = 4 if samples != 17 else 17
        other.set_weights([w.read() for w in model.weights])
        losses = fit(model, x, y, batch_size=size, epochs=3, shuffle=False).history["loss"]
        np.testing.assert_allclose(losses[0], np.mean(losses_alone(other, x, y, size)), rtol=1e-4)
        assert model.steps.traces == (1 if samples != 17 else 2)
    fit(model, X, Y, batch_size=4, epochs=40)
    assert model.steps.traces == 3


def losses_alone(model, x, y, size):
    """The losses of an epoch's batches, each given alone."""

    async def main():
        return [(await model.train_on_batch(x[i : i + size], y[i : i + size]))[0] for i in range(0, len(x), size)]

    return asyncio.run(main())


def test_room_for_samples():
    assert [room_for(n) for n in (1, 2, 3, 100, 4096, 4097, 60_000)] == [1, 2, 4, 128, 4096, 8192, 61_440]


def test_steps_and_predictors_are_kept_up_to_a_number(backend, monkeypatch):
    model = dense()
    monkeypatch.setattr(model.steps._kept, "most", 3)
    monkeypatch.setattr(model._predictor._kept, "most", 3)
    for size in range(1, 8):
        fit(model, X[:size], Y[:size])
        model.predict(X[:size])
    assert len(model.steps._kept) == 3 == len(model._predictor.plans) and model.steps.traces == 7
    plans = []
    for _ in range(2):
        # the first time weights may have to move to where another step's are
        for size in range(5, 8):
            fit(model, X[:size], Y[:size])
        plans.append(device.current().memory().get("plans"))
    assert model.steps.traces == 7 and plans[0] == plans[1]
    assert steps.KEPT <= 64


def test_progress_costs_the_same_at_every_step(backend, monkeypatch):
    added, shown = [], []
    plain = Sums.add
    monkeypatch.setattr(Sums, "add", lambda self, rows, sizes: (added.append(len(rows)), plain(self, rows, sizes)))

    class Bar(wl.Callback):
        def on_progress(self, done, logs):
            shown.append((done, logs["loss"]))

        def on_batch_end(self, batch, logs):
            """So that each step is told."""

    history = fit(dense(), batch_size=1, callbacks=Bar())
    assert [done for done, _ in shown] == list(range(1, 13)) and shown[-1][1] == pytest.approx(
        history.history["loss"][0]
    )
    assert sum(added) <= 5 * 12


@pytest.mark.parametrize(
    "begin",
    [
        lambda m: m.fit(X, Y, verbose=0),
        lambda m: m.fit_dataset([(X, Y)], verbose=0),
        lambda m: m.train_on_batch(X, Y),
        lambda m: m.test_on_batch(X, Y),
        lambda m: m.evaluate_dataset([(X, Y)]),
        lambda m: m.predict(iter([X])),
    ],
)
def test_work_under_way_keeps_the_model(backend, uncollected, begin):
    async def main():
        await begin(dense())

    asyncio.run(main())


# -- how long ----------------------------------------------------------------------------------------------------------


def sequential():
    return dense()


def convolutional():
    made = wl.sequential(
        [L.reshape([2, 2, 1], input_shape=[4]), L.conv2d(2, 2), L.batch_normalization(), L.flatten(), L.dense(1)]
    )
    made.compile("adam", "mse")
    return made


def with_shared_layer():
    x, shared = wl.input(shape=[4]), L.dense(4)
    made = wl.model(inputs=x, outputs=L.dense(1).apply(L.dropout(0.5).apply(shared.apply(shared.apply(x)) * 2)))
    made.compile("rmsprop", "mse")
    return made


def nested():
    x, inner = wl.input(shape=[4]), wl.sequential([L.dense(3, input_shape=[4])])
    made = wl.model(inputs=x, outputs=L.dense(1).apply(inner.apply(x)))
    made.compile("sgd", "mse")
    return made


def recurrent():
    made = wl.sequential([L.reshape([4, 1], input_shape=[4]), L.bidirectional(layer=L.lstm(2)), L.dense(1)])
    made.compile("sgd", "mse")
    return made


class Subclassed(wl.Model):
    def __init__(self):
        super().__init__()
        self.inner, self.outer = L.dense(3), L.dense(1)

    def call(self, x):
        return self.outer(self.inner(x))


def subclassed():
    made = Subclassed()
    made.compile("sgd", "mse")
    return made


MODELS = [sequential, convolutional, with_shared_layer, nested, recurrent, subclassed]


def in_use():
    memory = wl.memory()
    return {k: memory[k] for k in ("num_tensors", "gpu_textures", "gpu_plans") if k in memory}


@pytest.mark.parametrize("make", MODELS)
def test_a_model_that_is_dropped_frees_what_it_had(backend, uncollected, make):
    def use():
        model = make()
        hooks = [wl.callbacks.EarlyStopping(monitor="loss", restore_best_weights=True), {"on_batch_end": look}]
        fit(model, epochs=2, batch_size=5, validation_data=(X, Y), callbacks=hooks)
        fit(model, epochs=2)
        model.predict(X)
        model.evaluate(X, Y)
        return weakref.ref(model), weakref.ref(model.weights[0])

    use()  # what all models share is made once
    before = in_use()
    model, weight = use()
    assert model() is None and weight() is None
    assert in_use() == before


def look(batch, logs):
    """A callback for each batch."""


def test_a_model_whose_training_failed_frees_what_it_had(backend, uncollected):
    def use():
        model = dense()
        try:
            fit(model, y=Y * np.nan)
        except FloatingPointError as error:
            error.__traceback__ = None
        return weakref.ref(model)

    use()
    before = in_use()
    assert use()() is None and in_use() == before


class Reading(wl.Callback):
    def on_batch_end(self, batch, logs):
        self.model.weights[0].numpy()


@pytest.mark.parametrize("make", [sequential, convolutional])
def test_nothing_leaks_over_many_steps(backend, uncollected, make):
    model, other = make(), make()

    def use(**options):
        for one in (model, other):
            fit(one, batch_size=1, **options)
            fit(one, batch_size=1, callbacks=Reading())

    use()
    before = in_use()
    use(epochs=5)
    assert in_use() == before


def test_heads_over_a_base_go_when_they_are_dropped(backend, uncollected):
    x = wl.input(shape=[4])
    base = L.dense(3)
    hidden = base.apply(x)

    def head():
        made = wl.model(inputs=x, outputs=L.dense(1).apply(hidden))
        made.compile("sgd", "mse")
        fit(made)
        return made

    head()
    before = in_use()
    for _ in range(3):
        head()
    assert in_use() == before and len(base.inbound_nodes) == 1 and base.outbound_nodes == []
    last = head()
    assert last.dispose().num_disposed_variables == 4
    with pytest.raises(RuntimeError, match="disposed"):
        base.apply(X)


def test_uses_of_dropped_models_do_not_count():
    base = L.dense(1)

    def made():
        x = wl.input(shape=[4])
        return wl.model(inputs=x, outputs=base.apply(x))

    for _ in range(3):
        made()
    first, second = made(), made()
    assert len(base.inbound_nodes) == 2
    assert first.dispose().num_disposed_variables == 0
    del first
    assert second.predict(X).shape == (12, 1)
    assert second.dispose().num_disposed_variables == 2


def test_a_layer_outlives_the_models_that_had_it():
    base = L.dense(1)
    wl.sequential([L.identity(input_shape=[4]), base]).predict(X)
    assert base.apply(X).shape == (12, 1)
    assert base.dispose().num_disposed_variables == 2


def test_symbolic_tensors_are_the_same_while_somebody_has_them():
    x = wl.input(shape=[4])
    layer = L.dense(2)
    out = layer.apply(x)
    model = wl.model(inputs=x, outputs=L.dense(1).apply(out))
    assert layer.output is out and layer.get_output_at(0) is out
    number = out.id
    del out
    assert layer.output.id == number and layer.output.node_index == 0
    assert wl.model(inputs=x, outputs=layer.output).predict(X).shape == (12, 2)
    assert model.execute(X, layer.name).shape == (12, 2)
