"""Evaluation and prediction of many batches: the device is told of all in one go, and what it is told of is of then."""

import asyncio
import random

import numpy as np
import pytest

import weblayers as wl
from tests.losable import Losable, use
from weblayers.layers.base import Layer
from weblayers.models import prediction
from weblayers.runtime.soft_device import SoftDevice

rng = np.random.default_rng(3)
X = rng.normal(size=(1210, 5)).astype(np.float32)
Y = (X[:, :1] > 0).astype(np.float32)
FEW, THEIRS = X[:90], Y[:90]
# batches of 4, the last one of 2
COUNTS = {3: 2, 40: 10, 1210: 303}


def classifier(**options):
    wl.set_random_seed(1)
    model = wl.sequential(
        [wl.layers.dense(units=8, activation="relu", input_shape=[5]), wl.layers.dense(units=1, activation="sigmoid")]
    )
    model.compile(optimizer="sgd", loss="binary_crossentropy", metrics=["accuracy", "auc"], **options)
    return model


def numbers(found):
    return [t.numpy().tolist() for t in found]


def expected(model, x, y, batch_size):
    """What evaluation without a device's queue says, in the numbers of training's logs."""

    async def main():
        return await model.evaluate_dataset(
            wl.data.zip({"xs": wl.data.array(list(x)), "ys": wl.data.array(list(y))}).batch(batch_size)
        )

    return numbers(asyncio.run(main()))


@pytest.fixture
def losable(monkeypatch):
    made = Losable(SoftDevice())
    made.time = use(monkeypatch, made)
    return made


# -- how often the device is called -----------------------------------------------------------------------------------


def calls(losable, work):
    before = len(losable.calls)
    work()
    return losable.calls[before:]


def test_an_evaluation_calls_the_device_equally_often_whatever_the_number_of_batches(losable):
    model = classifier()
    found = {}
    for count in COUNTS:
        x, y = wl.tensor(X[:count]), wl.tensor(Y[:count])
        model.evaluate(x, y, batch_size=4)
        plans = losable.inner.counters()["plansLoaded"]
        found[count] = calls(losable, lambda x=x, y=y: numbers(model.evaluate(x, y, batch_size=4)))
        assert losable.inner.counters()["plansLoaded"] == plans
    # in which order, zeros, all whole batches, the rest, and one result to read
    given = 2 * ["alloc", "upload"]
    assert found[40] == [*given, "repeat", "read_sync"]
    assert found[1210] == [*given, "repeat", "run", "read_sync"]
    assert found[3] == [*given, "run", "read_sync"]


def test_batches_of_any_number_share_a_plan_and_so_does_the_rest(losable):
    model = classifier()
    numbers(model.evaluate(wl.tensor(X[:302]), wl.tensor(Y[:302]), batch_size=4))
    plans = losable.inner.counters()["plansLoaded"]
    # for all of them there is as much room
    for count in (298, 290, 258):
        numbers(model.evaluate(wl.tensor(X[:count]), wl.tensor(Y[:count]), batch_size=4))
    assert losable.inner.counters()["plansLoaded"] == plans


def test_a_prediction_calls_the_device_once_for_all_whole_batches(losable):
    model, x = classifier(), wl.tensor(X)
    model.predict(x, batch_size=4).numpy()
    made = calls(losable, lambda: model.predict(x, batch_size=4).numpy())
    assert made.count("repeat") == 1 and made.count("read_sync") == 1
    # the rest, and joining eight pieces at a time
    assert made.count("run") == 1 + 38 + 5 + 1


def test_data_of_many_numbers_lie_on_the_device_in_parts(losable, monkeypatch):
    monkeypatch.setattr(prediction, "HELD_NUMBERS", 5 * 400)
    model, x = classifier(), wl.tensor(X)
    whole = model.predict(x).numpy()
    made = calls(losable, lambda: np.testing.assert_allclose(model.predict(x, batch_size=4).numpy(), whole, rtol=1e-5))
    # 400 samples at a time, and ten
    assert made.count("repeat") == 4


# -- what comes of it -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", COUNTS)
def test_results_are_those_of_the_batches(backend, count):
    model = classifier()
    found = numbers(model.evaluate(X[:count], Y[:count], batch_size=4))
    np.testing.assert_allclose(found, expected(model, X[:count], Y[:count], 4), rtol=1e-4, atol=1e-6)
    predicted = model.predict(X[:count], batch_size=4)
    assert predicted.shape == (count, 1)
    np.testing.assert_allclose(predicted.numpy(), model.predict(X[:count]).numpy(), rtol=1e-4, atol=1e-6)


def test_outputs_in_a_dictionary_of_inputs_of_several_kinds(backend):
    a, b = wl.input(shape=[3, 2], name="a"), wl.input(shape=[1], dtype="int32", name="b")
    embedded = wl.layers.flatten().apply(wl.layers.embedding(input_dim=7, output_dim=4).apply(b))
    joined = wl.layers.concatenate().apply([wl.layers.flatten().apply(a), embedded])
    model = wl.model(inputs={"a": a, "b": b}, outputs={"sum": wl.layers.dense(units=2).apply(joined), "a": a})
    x = {"a": rng.normal(size=(23, 3, 2)).astype(np.float32), "b": rng.integers(0, 7, (23, 1)).astype(np.int32)}
    whole, batches = model.predict(x), model.predict(x, batch_size=5)
    assert batches["a"].shape == (23, 3, 2)
    for name in ("a", "sum"):
        np.testing.assert_allclose(batches[name].numpy(), whole[name].numpy(), rtol=1e-5, atol=1e-6)


def test_bytes_and_what_is_on_the_device(backend):
    model = wl.sequential([wl.layers.rescaling(scale=0.5, input_shape=[2, 2])])
    x = rng.integers(0, 255, (11, 2, 2)).astype(np.uint8)
    for given in (wl.tensor(x), wl.tensor(x.astype(np.float32)) + 0):
        np.testing.assert_allclose(model.predict(given, batch_size=4).numpy(), x / 2)


def test_state_goes_from_batch_to_batch(backend):
    def made(**options):
        wl.set_random_seed(1)
        return wl.sequential([wl.layers.lstm(units=3, batch_input_shape=[2, 4, 1], **options)])

    x = rng.normal(size=(6, 4, 1)).astype(np.float32)
    model, steps = made(stateful=True), made(stateful=True)
    found = model.predict(x, batch_size=2).numpy()
    by_batch = [steps.predict(x[i : i + 2]).numpy() for i in (0, 2, 4)]
    np.testing.assert_allclose(found, np.concatenate(by_batch), rtol=1e-4, atol=1e-6)
    # and on to the next prediction
    np.testing.assert_allclose(
        model.predict(x, batch_size=2).numpy()[:2], steps.predict(x[:2]).numpy(), rtol=1e-4, atol=1e-6
    )
    plain = made()
    assert not np.allclose(plain.predict(x, batch_size=2).numpy()[2:], found[2:])


def test_a_step_of_ones_own_counts_its_batches(backend):
    class Counting(wl.Sequential):
        def test_step(self, data):
            x, y = data
            counter.assign(counter + 1)
            return {"loss": wl.losses.mean_squared_error(y, self(x)).mean(), "at": counter + 0}

    counter = wl.variable(wl.scalar(0.0), name="counter")
    model = Counting([wl.layers.dense(units=1, input_shape=[5])])
    model.compile(optimizer="sgd", loss="mean_squared_error")
    for times in (1, 2):
        found = model.evaluate(X[:40], Y[:40], batch_size=4, return_dict=True)
        assert (float(found["at"]), float(counter)) == (10 * times, 10 * times)


# -- of then ----------------------------------------------------------------------------------------------------------


def test_weights_and_data_are_those_of_the_call(backend):
    model = classifier()
    before = numbers(model.evaluate(FEW, THEIRS, batch_size=4))
    first = model.predict(FEW, batch_size=4).numpy()
    x, y = wl.tensor(FEW) + 0, wl.tensor(THEIRS) + 0
    found, predicted = model.evaluate(x, y, batch_size=4), model.predict(x, batch_size=4)
    again = model.evaluate(x, y, batch_size=4)
    model.set_weights([wl.zeros(w.shape) for w in model.get_weights()])
    x.dispose()
    y.dispose()
    after = model.evaluate(FEW, THEIRS, batch_size=4)
    assert numbers(found) == numbers(again) == before
    np.testing.assert_array_equal(predicted.numpy(), first)
    assert numbers(after) != before


def test_an_evaluation_before_a_fit_is_of_the_weights_before_it(backend):
    async def main():
        model = classifier()
        before = numbers(model.evaluate(FEW, THEIRS, batch_size=4))
        found, predicted = model.evaluate(FEW, THEIRS, batch_size=4), model.predict(FEW, batch_size=4)
        history = await model.fit(FEW, THEIRS, epochs=2, batch_size=40, verbose=0, shuffle=False)
        values = [(await t.data()).tolist() for t in found]
        return before, values, (await predicted.data()), model, history.history["loss"]

    before, values, predicted, model, losses = asyncio.run(main())
    assert [v[0] for v in values] == before
    other = classifier()
    np.testing.assert_allclose(predicted, other.predict(FEW).data_sync(), rtol=1e-4, atol=1e-6)

    async def alone():
        return (await other.fit(FEW, THEIRS, epochs=2, batch_size=40, verbose=0, shuffle=False)).history["loss"]

    assert asyncio.run(alone()) == losses
    assert numbers(model.evaluate(FEW, THEIRS, batch_size=4)) != before


def test_nothing_is_left_behind(backend):
    model = classifier()

    def work():
        x, y = wl.tensor(FEW), wl.tensor(THEIRS)
        return numbers(model.evaluate(x, y, batch_size=4)), model.predict(x, batch_size=4).numpy()

    work()
    before = wl.memory()
    work()
    assert wl.memory() == before


def test_tidy_leaves_the_results(backend):
    model = classifier()
    before = numbers(model.evaluate(FEW, THEIRS, batch_size=4))
    found, predicted = wl.tidy(lambda: (model.evaluate(FEW, THEIRS, batch_size=4), model.predict(FEW, batch_size=4)))
    assert numbers(found) == before and predicted.shape == (90, 1)
    np.testing.assert_allclose(predicted.numpy(), model.predict(FEW).numpy(), rtol=1e-4, atol=1e-6)


class Broken(Layer):
    def call(self, inputs, **kwargs):
        if self.is_broken:
            raise ArithmeticError("no")
        return inputs * 2


def test_an_error_in_between_leaves_what_was_asked_for_and_what_comes(backend):
    layer = Broken()
    layer.is_broken = True
    model, broken = classifier(), wl.sequential([wl.layers.dense(units=2, input_shape=[5])])
    before = numbers(model.evaluate(FEW, THEIRS, batch_size=4))
    found = model.evaluate(FEW, THEIRS, batch_size=4)
    broken.predict_step = lambda data: layer.call(data)
    with pytest.raises(ArithmeticError):
        broken.predict(FEW, batch_size=4)
    layer.is_broken = False
    np.testing.assert_allclose(broken.predict(FEW, batch_size=4).numpy(), 2 * FEW, rtol=1e-6)
    assert numbers(found) == before


@pytest.mark.filterwarnings("ignore:weblayers computes with wasm")
@pytest.mark.parametrize("lost_at", range(1, 40, 4))
def test_a_device_that_is_lost_takes_no_result(monkeypatch, lost_at):
    wl.set_backend("numpy")
    model = classifier()
    expected = numbers(model.evaluate(FEW, THEIRS, batch_size=4)), model.predict(FEW).numpy()
    losable = Losable(SoftDevice(), lost_at)
    use(monkeypatch, losable)
    model = classifier()
    found, predicted = model.evaluate(FEW, THEIRS, batch_size=4), model.predict(FEW, batch_size=4)
    if not losable.lost:
        losable.lose()
    np.testing.assert_allclose(numbers(found), expected[0], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(predicted.numpy(), expected[1], rtol=1e-4, atol=1e-6)


# -- in any order -----------------------------------------------------------------------------------------------------


async def program(seed):
    """A program of calls in some order, each of which somebody may wait for or not: all that it has read."""
    chosen = random.Random(seed)
    model, read, unread = classifier(), [], []
    x, y = wl.tensor(FEW) + 0, wl.tensor(THEIRS)
    for _ in range(12):
        what = chosen.choice(["evaluate", "predict", "weights", "fit", "read", "sync", "op"])
        size = chosen.choice([7, 32, 90])
        if what == "evaluate":
            unread += model.evaluate(x, y, batch_size=size)
        elif what == "predict":
            unread.append(model.predict(x, batch_size=size))
        elif what == "weights":
            model.set_weights([w * 0.9 for w in model.get_weights()])
        elif what == "fit":
            await model.fit(x, y, batch_size=size, epochs=1, verbose=0, shuffle=False)
        elif what == "op":
            x = x * 1.01
        elif unread:
            one = unread.pop(chosen.randrange(len(unread)))
            read.append(await one.data() if what == "read" else one.data_sync())
    return read + [await one.data() for one in unread]


@pytest.mark.parametrize("seed", range(6))
def test_programs_in_any_order_say_what_numpy_does(backend, seed):
    found = asyncio.run(program(seed))
    wl.set_backend("numpy")
    for ours, theirs in zip(found, asyncio.run(program(seed)), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=1e-4)
