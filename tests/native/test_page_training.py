"""Trainings that the page's reader steers: what is kept, goes on, begins again and begins anew."""

import asyncio

import numpy as np
import pytest

import weblayers as wl
from weblayers import page
from weblayers.io import browser
from weblayers.page import reins, steering

X = np.random.default_rng(0).random((32, 3), np.float32)
Y = X.sum(1, keepdims=True)


@pytest.fixture
def told(page_host, monkeypatch):
    """What the page is told; `put` does what its reader does, by the labels of controls."""
    monkeypatch.setattr(steering, "KEEP_SECONDS", 0.0)
    monkeypatch.setattr(steering, "KEEP_SHARE", 1e9)
    return page_host


def network(units=4):
    model = wl.sequential([wl.layers.dense(units, activation="relu", input_shape=[3]), wl.layers.dense(1)])
    model.compile(wl.train.adam(0.01), "mse")
    return model


def values(model):
    return [w.numpy() for w in model.weights]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


async def fit(steered, epochs=3, **options):
    return await steered.fit(X, Y, epochs=epochs, verbose=0, **options)


def test_a_training_goes_on_with_weights_optimizer_and_epoch(told, tmp_path):
    async def main():
        first = network()
        await fit(page.training(first, "line", 8, keep=tmp_path / "kept"), epochs=3)
        begun, second = [], network()
        steered = page.training(second, "line", 8, keep=tmp_path / "kept")
        look = {"on_train_begin": lambda logs: begun.append(values(second))}
        history = await fit(steered, epochs=5, callbacks=look)
        assert same(begun[0], values(first))
        assert second.optimizer.iterations == 5 * 4 and history.epoch == [3, 4] and steered.epoch == 5

    asyncio.run(main())


def test_checkpoints_take_little_of_the_time(told, tmp_path, monkeypatch):
    """One that takes a second is kept again after twenty."""
    time, kept = [0.0], []

    async def save(model, target, notes):
        kept.append(notes["epoch"])
        time[0] += 1

    def pass_on(epoch, logs):
        time[0] += 5

    monkeypatch.setattr(steering, "KEEP_SECONDS", 2.0)
    monkeypatch.setattr(steering, "KEEP_SHARE", 0.05)
    monkeypatch.setattr(steering.clock, "now", lambda: time[0])
    monkeypatch.setattr(steering.snapshots, "save_snapshot", save)
    steered = page.training(network(), "line", 8, keep=tmp_path / "kept")
    asyncio.run(fit(steered, epochs=10, callbacks={"on_epoch_end": pass_on}))
    # and at the end
    assert kept == [1, 5, 9, 10]


def test_one_that_has_come_to_its_end_goes_on_as_long_again(told, tmp_path):
    async def main():
        for expected in (3, 6):
            steered = page.training(network(), "line", 8, keep=tmp_path / "kept")
            await fit(steered, epochs=3)
            assert steered.epoch == expected

    asyncio.run(main())


def test_other_layers_begin_anew(told, tmp_path, capsys):
    async def main():
        await fit(page.training(network(4), "line", 8, keep=tmp_path / "kept"))
        steered = page.training(network(5), "line", 8, keep=tmp_path / "kept")
        await fit(steered)
        assert steered.epoch == 3
        assert "line begins anew" in capsys.readouterr().out

    asyncio.run(main())


def test_storage_that_refuses_is_told_of_once_and_training_goes_on(told, tmp_path, capsys):
    (tmp_path / "file").write_text("no folder")

    async def main():
        steered = page.training(network(), "line", 8, keep=tmp_path / "file" / "kept")
        await fit(steered)
        assert steered.epoch == 3
        assert capsys.readouterr().out.count("is not kept") == 1

    asyncio.run(main())


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


def test_another_batch_size_counts_at_once_and_loses_nothing(told):
    async def main():
        model, sizes = network(), []
        steered = page.training(model, "line", 8)

        def watch(batch, logs):
            sizes.append(logs["size"])
            if len(sizes) == 5:
                told.put("Batch size", 16)

        await fit(steered, epochs=3, callbacks={"on_batch_end": watch})
        # an epoch of four steps, one step of the next, and two epochs of two
        assert sizes[:5] == [8] * 5 and sizes[-4:] == [16] * 4
        assert steered.epoch == 3 and model.optimizer.iterations == len(sizes)

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

        paused = []
        await fit(steered, callbacks={"on_epoch_end": pause})
        assert steered.epoch == 3 and model.optimizer.iterations == 12

    asyncio.run(main())


def test_stopped_in_an_epoch_begins_it_again(told, tmp_path):
    async def main():
        model, steps = network(), []
        steered = page.training(model, "line", 8, keep=tmp_path / "kept")

        def watch(batch, logs):
            steps.append(batch)
            if len(steps) == 6:
                reins.stop()

        await fit(steered, epochs=5, callbacks={"on_batch_end": watch})
        assert steered.epoch == 1
        again = network()
        await fit(page.training(again, "line", 8, keep=tmp_path / "kept"), epochs=2)
        assert again.optimizer.iterations == model.optimizer.iterations + 4

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
        assert rounds == [0, 1, 0, 1, 2]

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


def test_what_is_kept_is_restored_once(tmp_path):
    model = wl.sequential([wl.layers.dense(2, input_shape=[4])])
    model.compile(wl.train.sgd(1e-9), "mse")
    training = wl.page.training(model, "one", keep=str(tmp_path / "kept"))
    x, y = np.ones((8, 4), "f"), np.ones((8, 2), "f")
    asyncio.run(training.fit(x, y, epochs=1, verbose=0))
    model.set_weights([wl.ones([4, 2]) * 7, wl.zeros([2])])
    history = asyncio.run(training.fit(x, y, epochs=1, verbose=0))
    assert history.history["loss"] == pytest.approx([27.0**2])


def test_all_models_are_restored_or_none(tmp_path, capsys):
    def made(units):
        wl.set_random_seed(1)
        models = [
            wl.sequential([wl.layers.dense(4, input_shape=[2])]),
            wl.sequential([wl.layers.dense(units, input_shape=[4])]),
        ]
        for model in models:
            model.compile("adam", "mse")
        return models, wl.page.training(models, "gan", keep=str(tmp_path / "kept"))

    async def rounds(models, training):
        (one, other), seen = models, []
        async for number in training.rounds(2):
            seen.append(number)
            await one.train_on_batch(np.ones((4, 2)), np.ones((4, 4)))
            await other.train_on_batch(np.ones((4, 4)), np.ones((4, other.output_shape[1])))
        return seen

    assert asyncio.run(rounds(*made(1))) == [0, 1]
    models, training = made(2)
    fresh = models[0].weights[0].numpy()
    asyncio.run(training._begun(2))
    assert "begins anew" in capsys.readouterr().out
    assert training.epoch == 0 and np.array_equal(models[0].weights[0].numpy(), fresh)


def test_an_epoch_that_is_the_last_by_a_callback_counts(tmp_path):
    def made():
        model = wl.sequential([wl.layers.dense(2, input_shape=[4])])
        model.compile("sgd", "mse")
        return wl.page.training(model, "early", keep=str(tmp_path / "kept"))

    stopping = wl.callbacks.EarlyStopping(monitor="loss", patience=2, min_delta=100)
    training = made()
    history = asyncio.run(training.fit(np.ones((8, 4)), np.ones((8, 2)), epochs=10, verbose=0, callbacks=[stopping]))
    assert training.epoch == len(history.history["loss"]) == 3


def test_a_second_pass_ends_where_it_would_have_ended(tmp_path):
    def made():
        model = wl.sequential([wl.layers.dense(2, input_shape=[4])])
        model.compile("sgd", "mse")
        return wl.page.training(model, "twice", keep=str(tmp_path / "kept"))

    async def train(training, until=None):
        async def stop(epoch, logs):
            if epoch + 1 == until:
                training._models[0].stop_training = True

        await training.fit(np.ones((8, 4)), np.ones((8, 2)), epochs=4, verbose=0, callbacks=[{"on_epoch_end": stop}])
        return training.epoch

    assert asyncio.run(train(made())) == 4
    assert asyncio.run(train(made(), until=6)) == 6
    assert asyncio.run(train(made())) == 8


@pytest.mark.parametrize("size", [0, -3, 2.5, "x"])
def test_batch_sizes_are_whole_numbers(size):
    model = wl.sequential([wl.layers.dense(2, input_shape=[4])])
    model.compile("sgd", "mse")
    with pytest.raises((ValueError, TypeError), match="batch_size"):
        wl.page.training(model, "one", batch_size=size)
    with pytest.raises(TypeError, match="takes no batch_size"):
        asyncio.run(wl.page.training(model, "one").fit(np.ones((8, 4)), np.ones((8, 2)), batch_size=4))
