"""Trainings that the page's reader steers: what is kept, goes on, begins again and begins anew."""

import asyncio

import numpy as np
import pytest

import weblayers as wl
from weblayers import page
from weblayers.io import browser
from weblayers.page import hosts, reins, steering

X = np.random.default_rng(0).random((32, 3), np.float32)
Y = X.sum(1, keepdims=True)


@pytest.fixture
def told(monkeypatch):
    """What the page is told; `put` does what its reader does, by the labels of controls."""

    class Recorder(hosts.Host):
        def __init__(self):
            super().__init__()
            self.said = []

        def post(self, message):
            self.said.append(message)

        def control(self, label):
            return [m for m in self.said if m.get("label") == label][-1]

        def put(self, label, value):
            self.hear(self.control(label)["id"], value)

    recorder = Recorder()
    monkeypatch.setattr(hosts, "_hosts", [recorder])
    monkeypatch.setattr(steering, "KEEP_SECONDS", 0.0)
    monkeypatch.setattr(steering, "KEEP_SHARE", 1e9)
    return recorder


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
        with pytest.warns(UserWarning, match="frozen"):
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
