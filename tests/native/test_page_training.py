"""Trainings that the page's reader steers: what goes on, begins again and begins anew."""

import asyncio

import numpy as np
import pytest

import weblayers as wl
from tests.steered import X, Y, fit, network, rest, same, values
from weblayers import page
from weblayers.io import browser
from weblayers.page import reins


@pytest.fixture
def told(page_host, kept_always):
    """What the page is told; `put` does what its reader does, by the labels of controls."""
    return page_host


def test_the_learning_rate_is_that_of_the_next_step(told):
    async def main():
        model = network()
        told.given = {"Learning rate": 0.02}
        steered = page.training(model, "line", 8)
        assert model.optimizer.learning_rate == pytest.approx(0.02)
        seen = []

        def turn(epoch, logs):
            seen.append(model.optimizer.learning_rate)
            told.put("Learning rate", 0.5)

        await fit(steered, epochs=2, callbacks={"on_epoch_end": turn})
        assert seen == [pytest.approx(0.02), pytest.approx(0.5)]

    asyncio.run(main())


def test_epochs_and_rounds_are_as_many_as_model_fit_would_make(told):
    async def main():
        model = network()
        steered = page.training(model, "line")
        for count in (0, -1, 1.5):
            with pytest.raises(ValueError, match="training.fit: expected epochs to be a positive integer"):
                await fit(steered, epochs=count)
            with pytest.raises(ValueError, match="training.rounds: expected count to be a positive integer"):
                _ = [number async for number in steered.rounds(count)]
        for _ in range(2):
            assert (await fit(steered, epochs=2, initial_epoch=2)).epoch == []
        assert steered.epoch == 0 and model.optimizer.iterations == 0
        assert (await fit(steered, epochs=3, initial_epoch=2)).epoch == [2]
        # what has trained goes on
        assert (await fit(steered, epochs=3, initial_epoch=2)).epoch == [3, 4, 5]

    asyncio.run(main())


def test_another_batch_size_is_that_of_the_next_epoch(told):
    async def main():
        model, sizes, epochs = network(), [], []
        steered = page.training(model, "line", 8)

        def watch(batch, logs):
            sizes.append(logs["size"])
            if len(sizes) == 5:
                told.put("Batch size", 16)

        look = {"on_batch_end": watch, "on_epoch_end": lambda epoch, logs: epochs.append(epoch)}
        await fit(steered, epochs=3, callbacks=look)
        assert sizes == [8] * 8 + [16] * 2 and epochs == [0, 1, 2]
        assert steered.epoch == 3 and model.optimizer.iterations == len(sizes)

    asyncio.run(main())


def test_what_is_paused_stays_so_with_another_batch_size_and_with_new_weights(told):
    async def main():
        model, sizes, epochs = network(), [], []
        steered = page.training(model, "line", 8)
        wl.register_callback_constructor(0, reins.Reporter)

        def watch(batch, logs):
            sizes.append(logs["size"])
            if len(sizes) in (6, 7):
                reins.pause()
                told.put(*("Batch size", 16) if len(sizes) == 6 else ("New weights", None))

        look = {"on_batch_end": watch, "on_epoch_end": lambda epoch, logs: epochs.append(epoch)}
        fitting = asyncio.ensure_future(fit(steered, epochs=2, callbacks=look))
        for steps in (6, 7):
            while len(sizes) < steps:
                await asyncio.sleep(0)
            await rest()
            assert len(sizes) == steps and epochs == [0]
            reins.resume()
        await fitting
        # the epoch that was cut is none, and what begins anew does so with the size of now
        assert sizes == [8] * 7 + [16] * 4 and epochs == [0, 0, 1] and model.optimizer.iterations == 4
        trainings = [m for m in told.said if m["type"] == "training"]
        # with the cut one, of whose end nobody was told, it is over
        assert [m.get("paused") for m in trainings] == [False, True, None] and not trainings[-1]["running"]

    asyncio.run(main())


def test_new_weights_in_the_middle(told, tmp_path):
    async def main():
        model, epochs, begun = network(), [], []
        steered = page.training(model, "line", 8, keep=tmp_path / "kept")

        def watch(epoch, logs):
            epochs.append(epoch)
            if len(epochs) == 2:
                begun.append(values(model))
                told.put("New weights", None)

        look = {"on_epoch_end": watch, "on_train_begin": lambda logs: begun.append(values(model))}
        await fit(steered, epochs=3, callbacks=look)
        assert epochs == [0, 1, 0, 1, 2] and model.optimizer.iterations == 3 * 4
        assert not same(begun[1], begun[2])

    asyncio.run(main())


def test_new_weights_while_nothing_trains_and_while_it_is_paused(told, tmp_path):
    async def main():
        model = network()
        steered = page.training(model, "line", 8, keep=tmp_path / "kept")
        await fit(steered)
        before = values(model)
        await steered.reset()
        assert steered.epoch == 0 and model.optimizer.iterations == 0 and not same(before, values(model))
        slots = [v.numpy() for v in model.optimizer.variables()]
        assert slots and not any(slot.any() for slot in slots)

        async def pause(epoch, logs):
            if not paused:
                paused.append(epoch)
                reins.pause()
                asyncio.get_running_loop().call_later(0.05, told.put, "New weights", None)
                asyncio.get_running_loop().call_later(0.1, reins.resume)

        paused = []
        await fit(steered, callbacks={"on_epoch_end": pause})
        assert steered.epoch == 3 and model.optimizer.iterations == 12

    asyncio.run(main())


def test_curves_begin_anew_with_new_weights(told, tmp_path):
    """Before, while it is paused, too, and after the training's end; a second fit goes on instead."""

    def curve():
        [chart] = [m for m in told.said if m["type"] == "show"][-1]["content"]["chart"]["data"]["charts"]
        return chart["title"], [each["x"].tolist() for each in chart["data"]["series"]]

    async def main():
        steered = page.training(network(), "line", 8, keep=tmp_path / "kept")
        curves, seen = wl.vis.show.fit_callbacks("curves", ["loss"], callbacks=["on_epoch_end"]), []

        async def watch(epoch, logs):
            seen.append(epoch)
            if len(seen) == 2:
                reins.pause()
                told.put("New weights", None)
                asyncio.get_running_loop().call_later(0.1, lambda: (seen.append(curve()), reins.resume()))

        await fit(steered, callbacks=[curves, {"on_epoch_end": watch}])
        assert seen == [0, 1, ("loss by epoch", []), 0, 1, 2] and curve() == ("loss by epoch", [[1, 2, 3]])
        assert [m["type"] for m in told.said].count("renewed") == 1
        await fit(steered, epochs=2, callbacks=[curves])
        assert curve()[1] == [[1, 2, 3, 4, 5]]
        await steered.reset()
        assert curve()[1] == [] and told.said[-1]["type"] == "show" and told.said[-2]["type"] == "renewed"
        await fit(steered, epochs=2, callbacks=[curves])
        assert curve()[1] == [[1, 2]]

    asyncio.run(main())


def test_rounds_of_ones_own_with_two_optimizers(told, tmp_path):
    def pair():
        second = network()
        first = wl.sequential([wl.layers.dense(3, input_shape=[3]), second])
        second.trainable = False
        first.compile("adam", "mse")
        return [first, second]

    async def play(models, most):
        steered = page.training(models, "game", 8, keep=tmp_path / "kept")
        rounds = []
        async for round in steered.rounds(4):
            rounds.append(round)
            for model in models:
                await model.train_on_batch(X, Y)
            if len(rounds) == most:
                reins.stop()
        return rounds

    async def main():
        models = pair()
        assert await play(models, 3) == [0, 1, 2]
        others, told.is_stopping = pair(), False
        assert await play(others, 9) == [3]
        assert [m.optimizer.iterations for m in others] == [4, 4]
        running = [m["running"] for m in told.said if m["type"] == "training"]
        assert running == [True, False] * 2

    asyncio.run(main())


def test_rounds_pause_and_begin_anew(told):
    async def main():
        steered, rounds = page.training(network(), "game", 8), []
        async for round in steered.rounds(3):
            rounds.append(round)
            if len(rounds) == 2:
                reins.pause()
                asyncio.get_running_loop().call_later(0.05, told.put, "New weights", None)
                asyncio.get_running_loop().call_later(0.1, reins.resume)
        assert rounds == [0, 1, 0, 1, 2]
        # the page counts them by the name that the program has for them
        assert [m["unit"] for m in told.said if m["type"] == "training" and m["running"]] == ["round"]

    asyncio.run(main())


def test_export_downloads_the_model(told, monkeypatch):
    files = {}
    monkeypatch.setattr(browser, "_courier", lambda name, data, kind: files.update({name: data}))

    async def main():
        page.training(network(), "line")
        told.put("Export", None)
        told.put("Export for Keras", None)
        while len(files) < 3:
            await asyncio.sleep(0)

    asyncio.run(main())
    assert b"Dense" in files["line.json"] and files["line.weights.bin"] and files["line.keras"][:2] == b"PK"


def test_a_schedule_leaves_no_learning_rate_to_set(told):
    model = network()
    model.compile(wl.train.adam(wl.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)), "mse")
    page.training(model, "line")
    assert [m["label"] for m in told.said if m["type"] == "control"] == ["New weights", "Export", "Export for Keras"]


def test_new_weights_are_those_of_what_is_trained():
    """What was adapted, or is frozen, stays; averages of batches begin anew with the weights beside them."""
    x = np.random.default_rng(0).random((20, 4), np.float32) * 3 + 10
    normal = wl.layers.normalization()
    normal.adapt(x)
    frozen = wl.layers.dense(3, trainable=False)
    averaged = wl.layers.batch_normalization()
    own = wl.layers.dense(2, activation=lambda values: wl.tanh(values) * 2)
    model = wl.sequential([wl.layers.input_layer(input_shape=[4]), normal, frozen, averaged, own])
    model.compile("adam", "mse")
    frozen.set_weights([wl.ones([4, 3]), wl.ones([3])])
    training = wl.page.training(model, "some")
    asyncio.run(training.fit(x, x[:, :2], epochs=1, verbose=0))
    before, averages = own.weights[0].numpy(), averaged.weights[2].numpy()
    asyncio.run(training.reset())
    assert abs(float(normal.apply(wl.tensor(x)).numpy().mean())) < 1e-5
    assert (frozen.weights[0].numpy() == 1).all()
    assert not np.allclose(own.weights[0].numpy(), before)
    assert averages.any() and not averaged.weights[2].numpy().any()


def test_an_epoch_that_is_the_last_by_a_callback_counts(tmp_path):
    def made():
        model = wl.sequential([wl.layers.dense(2, input_shape=[4])])
        model.compile("sgd", "mse")
        return wl.page.training(model, "early", keep=str(tmp_path / "kept"))

    stopping = wl.callbacks.EarlyStopping(monitor="loss", patience=2, min_delta=100)
    training = made()
    history = asyncio.run(training.fit(np.ones((8, 4)), np.ones((8, 2)), epochs=10, verbose=0, callbacks=[stopping]))
    assert training.epoch == len(history.history["loss"]) == 3


@pytest.mark.parametrize("size", [0, -3, 2.5, "x"])
def test_batch_sizes_are_whole_numbers(size):
    model = wl.sequential([wl.layers.dense(2, input_shape=[4])])
    model.compile("sgd", "mse")
    with pytest.raises((ValueError, TypeError), match="batch_size"):
        wl.page.training(model, "one", batch_size=size)


def test_fit_takes_what_a_model_s_takes(told):
    """One object in TensorFlow.js' spelling, a data set with it, and a batch size where the reader chooses none."""

    async def main():
        model, sizes = network(), []
        steered = page.training(model)
        look = {"onBatchEnd": lambda batch, logs: sizes.append(logs["size"])}
        config = {"batchSize": 16, "epochs": 3, "initialEpoch": 2, "validationSplit": 0.5, "verbose": 0}
        history = await steered.fit(X, Y, {**config, "callbacks": look})
        assert sizes == [16] and history.epoch == [2] and "val_loss" in history.history
        await steered.fit(
            wl.data.generator(lambda: iter([(X, Y)] * 2)), {"epochs": 4, "verbose": 0, "callbacks": [look]}
        )
        assert sizes == [16, 32, 32] and steered.epoch == 4
        with pytest.raises(TypeError, match="'epoch'.*Did you mean 'epochs'"):
            await steered.fit(X, Y, {"epoch": 4})
        with pytest.raises(TypeError, match="takes no batch_size beside that of page.training"):
            await page.training(network(), "other", 8).fit(X, Y, batch_size=4)

    asyncio.run(main())


def labels(told):
    return [m["label"] for m in told.said if m["type"] == "control"]


def test_several_trainings_are_told_apart(told):
    """The first has its controls' plain names, which are keys of the page's address."""

    async def main():
        told.given = {"Learning rate": 0.02, "critic: Learning rate": 0.05}
        maker, critic = network(), network()
        page.training(maker, "maker", 8)
        steered = page.training(critic, "critic", 16)
        assert labels(told)[:3] == ["Learning rate", "Batch size", "New weights"]
        assert labels(told)[5:8] == ["critic: Learning rate", "critic: Batch size", "critic: New weights"]
        rates = [model.optimizer.learning_rate for model in (maker, critic)]
        assert rates == [pytest.approx(0.02), pytest.approx(0.05)]
        told.put("critic: Batch size", 32)
        assert steered.batch_size == 32

    asyncio.run(main())


def test_trainings_without_names_have_the_program_s_and_a_number(told):
    told.program = "lines/curve.py"
    names = [page.training(network()).name for _ in range(3)]
    assert names == ["curve", "curve-2", "curve-3"]
    assert labels(told)[5] == "curve-2: New weights"


def test_a_training_takes_the_place_of_one_with_its_name(told, tmp_path):
    """With its controls; what was under way ends there, and is kept no more."""

    async def main():
        first, second, ended = network(), network(), []
        earlier = page.training(first, "line", 8, keep=tmp_path / "kept")

        async def train():
            await fit(earlier, epochs=100_000)
            ended.append(earlier.epoch)

        training = asyncio.ensure_future(train())
        while not earlier.epoch:
            await asyncio.sleep(0)
        told.put("Learning rate", 0.5)
        reins.pause()
        later = page.training(second, "line", 8, keep=tmp_path / "other")
        assert len(labels(told)) == 5 and second.optimizer.learning_rate == pytest.approx(0.5)
        other = asyncio.ensure_future(fit(later))
        await training
        await rest()
        # it is paused as the earlier one was
        assert len(ended) == 1 and later.paused and later.epoch == 0
        reins.resume()
        await other
        assert later.epoch == 3
        told.put("Batch size", 4)
        assert later.batch_size == 4
        with pytest.raises(RuntimeError, match="another training has been made with the name 'line'"):
            await fit(earlier)

    asyncio.run(main())


def test_who_awaits_a_training_may_cancel_it(told):
    async def main():
        steered = page.training(network(), "line", 8)
        training = asyncio.ensure_future(fit(steered, epochs=100_000))
        while not steered.epoch:
            await asyncio.sleep(0)
        training.cancel()
        with pytest.raises(asyncio.CancelledError):
            await training
        assert steered.epoch

    asyncio.run(main())


def test_one_that_is_replaced_before_it_begins_does_not(told, tmp_path):
    async def main():
        earlier = page.training(network(), "line", 8, keep=tmp_path / "kept")
        training = asyncio.ensure_future(fit(earlier))
        await asyncio.sleep(0)
        page.training(network(), "line", 8, keep=tmp_path / "kept")
        assert (await training).epoch == [] and earlier.epoch == 0

    asyncio.run(main())


def test_a_step_is_an_epoch(told):
    """Of a training that is paused, that runs, and that is not under way."""

    async def main():
        model = network()
        steered = page.training(model, "line", 8)
        steered.step()
        training = asyncio.ensure_future(fit(steered, epochs=100_000))
        for epochs in (1, 2, 3):
            while steered.epoch < epochs or not steered.paused:
                await asyncio.sleep(0)
            await rest()
            assert steered.epoch == epochs and model.optimizer.iterations == 4 * epochs
            assert sum(m["type"] == "paused" for m in told.said) == epochs
            if epochs == 2:
                reins.resume()
            steered.step()
        training.cancel()

    asyncio.run(main())
