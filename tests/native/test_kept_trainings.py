"""Trainings that go on in another visit: when they are kept, what of them goes on, and what begins anew."""

import asyncio

import numpy as np
import pytest

import weblayers as wl
from tests.steered import X, Y, fit, network, rest, same, values
from weblayers import page
from weblayers.page import keeping, reins


@pytest.fixture
def told(page_host, kept_always):
    """What the page is told; `put` does what its reader does, by the labels of controls."""
    return page_host


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

    monkeypatch.setattr(keeping, "KEEP_SECONDS", 2.0)
    monkeypatch.setattr(keeping, "KEEP_SHARE", 0.05)
    monkeypatch.setattr(keeping.clock, "now", lambda: time[0])
    monkeypatch.setattr(keeping.snapshots, "save_snapshot", save)
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
        told.forget()
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


def at_step(count, do):
    """The steps that are made, and a callback that does something at one of them."""
    steps = []

    def watch(batch, logs):
        steps.append(batch)
        if len(steps) == count:
            do()

    return steps, {"on_batch_end": watch}


def test_what_is_paused_is_kept(told, tmp_path, monkeypatch):
    """In the middle of an epoch, and long before its time."""
    monkeypatch.setattr(keeping, "KEEP_SECONDS", 1e9)

    async def main():
        model = network()
        steered = page.training(model, "line", 8, keep=tmp_path / "kept")
        steps, paused = at_step(10, reins.pause)
        fitting = asyncio.ensure_future(fit(steered, epochs=1000, callbacks=paused))
        while len(steps) < 10 or not (tmp_path / "kept").exists():
            await asyncio.sleep(0.001)
        told.forget()
        await rest()
        again, begun = network(), []
        look = {"on_train_begin": lambda logs: begun.append(values(again))}
        other = page.training(again, "line", 8, keep=tmp_path / "kept")
        await fit(other, epochs=3, callbacks=look)
        assert same(begun[0], values(model)) and again.optimizer.iterations == 10 + 4
        fitting.cancel()

    asyncio.run(main())


def test_stopped_in_an_epoch_begins_it_again(told, tmp_path):
    async def main():
        model = network()
        steered = page.training(model, "line", 8, keep=tmp_path / "kept")
        _, stopped = at_step(6, reins.stop)
        await fit(steered, epochs=5, callbacks=stopped)
        assert steered.epoch == 1
        again = network()
        await fit(page.training(again, "line", 8, keep=tmp_path / "kept"), epochs=2)
        assert again.optimizer.iterations == model.optimizer.iterations + 4

    asyncio.run(main())


def test_what_is_kept_is_restored_once(tmp_path):
    model = wl.sequential([wl.layers.dense(2, input_shape=[4])])
    model.compile(wl.train.sgd(1e-9), "mse")
    training = wl.page.training(model, "one", keep=str(tmp_path / "kept"))
    x, y = np.ones((8, 4), "f"), np.ones((8, 2), "f")
    asyncio.run(training.fit(x, y, epochs=1, verbose=0))
    model.set_weights([wl.ones([4, 2]) * 7, wl.zeros([2])])
    history = asyncio.run(training.fit(x, y, epochs=1, verbose=0))
    assert history.history["loss"] == pytest.approx([27.0**2])


def test_all_models_are_restored_or_none(told, tmp_path, capsys):
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
    told.forget()
    models, training = made(2)
    fresh = models[0].weights[0].numpy()
    asyncio.run(training._begun(2, 0, "round"))
    assert "begins anew" in capsys.readouterr().out
    assert training.epoch == 0 and np.array_equal(models[0].weights[0].numpy(), fresh)


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


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"optimizer": "sgd"}, "it was Adam, and is SGD now"),
        ({"loss": "mae"}, 'the loss was "mse", and is "mae" now'),
        ({"optimizer": wl.train.adam(0.01, beta1=0.5)}, "its arguments were others"),
    ],
)
def test_weights_go_on_with_another_optimizer(told, tmp_path, capsys, other, words):
    async def main():
        first, second = network(), network(**other)
        await fit(page.training(first, "line", 8, keep=tmp_path / "kept"))
        told.forget()
        begun = []
        look = {"on_train_begin": lambda logs: begun.append(values(second))}
        await fit(page.training(second, "line", 8, keep=tmp_path / "kept"), epochs=4, callbacks=look)
        assert same(begun[0], values(first)) and second.optimizer.iterations == 4
        said = capsys.readouterr().out
        assert f"line keeps its weights, and its optimizer begins anew: {words}" in said
        assert "line goes on after epoch 3" in said

    asyncio.run(main())


def test_another_learning_rate_is_no_other_optimizer(told, tmp_path, capsys):
    async def main():
        await fit(page.training(network(), "line", 8, keep=tmp_path / "kept"))
        told.forget()
        model = network(optimizer=wl.train.adam(0.5))
        await fit(page.training(model, "line", 8, keep=tmp_path / "kept"), epochs=4)
        assert model.optimizer.iterations == 4 * 4 and "anew:" not in capsys.readouterr().out

    asyncio.run(main())


class Twisted(wl.Model):
    """Has no weights before it sees samples, and functions that no file knows."""

    def __init__(self, units=4):
        super().__init__()
        self.hidden = wl.layers.dense(units, activation=lambda values: wl.tanh(values) * 2)
        self.last = wl.layers.dense(1)
        self.compile("adam", lambda truth, said: wl.mean(wl.square(truth - said)))

    def call(self, x):
        return self.last(self.hidden(x))


def test_models_of_ones_own_go_on(told, tmp_path, capsys):
    async def main():
        first, second = Twisted(), Twisted()
        await fit(page.training(first, "own", 8, keep=tmp_path / "kept"))
        told.forget()
        begun = []
        look = {"on_train_begin": lambda logs: begun.append(values(second))}
        await fit(page.training(second, "own", 8, keep=tmp_path / "kept"), epochs=4, callbacks=look)
        assert same(begun[0], values(first)) and second.optimizer.iterations == 4 * 4
        told.forget()
        await fit(page.training(Twisted(5), "own", 8, keep=tmp_path / "kept"))
        assert "own begins anew" in capsys.readouterr().out

    asyncio.run(main())


def test_models_without_weights_say_what_they_need(told, tmp_path, capsys):
    """From a data set nobody takes a batch to look at it."""

    async def train():
        told.forget()
        batches = wl.data.generator(lambda: iter([(X, Y)]))
        await page.training(Twisted(), "own", keep=tmp_path / "kept").fit(batches, epochs=1, verbose=0)

    asyncio.run(train())
    asyncio.run(train())
    assert "has 0 before it is called: call it once, so that it makes them" in capsys.readouterr().out


def test_other_settings_begin_anew(told, tmp_path, capsys):
    async def train(noise, epochs):
        steered = page.training(
            network(), "line", 8, keep=tmp_path / "kept", settings={"noise": noise, "shape": (1, 2)}
        )
        await fit(steered, epochs=epochs)
        return steered.epoch, capsys.readouterr().out

    async def main():
        assert await train(0.1, 2) == (2, "")
        # whoever has chosen others on the page knows it
        assert await train(0.2, 3) == (3, "")
        told.forget()
        epoch, said = await train(0.2, 5)
        assert epoch == 5 and "goes on after epoch 3" in said
        told.forget()
        epoch, said = await train(0.3, 4)
        assert epoch == 4 and "begins anew" in said and "other settings" in said

    asyncio.run(main())
