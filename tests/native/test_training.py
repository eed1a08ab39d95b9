"""What goes on around the steps: data sets, epochs of other lengths, pausing, callbacks."""

import asyncio
import io

import numpy as np
import pytest

import weblayers as wl
from tests import live_cases
from weblayers.models import feeds
from weblayers.runtime import stepping

RNG = np.random.default_rng(0)
X = RNG.random((20, 3), np.float32)
Y = (X @ np.array([[1.0], [-2.0], [0.5]]) + 0.3).astype(np.float32)

pytestmark = pytest.mark.usefixtures("backend")


def model(optimizer=None, metrics=None):
    made = wl.sequential([wl.layers.dense(units=1, input_shape=[3])])
    made.compile(optimizer or wl.train.sgd(0.1), "mse", metrics)
    return made


def fit_promise(made, x=X, y=Y, **options):
    return made.fit(x, y, **{"verbose": 0, "shuffle": False, **options})


def fit(made, x=X, y=Y, **options):
    async def main():
        return await fit_promise(made, x, y, **options)

    return asyncio.run(main())


def fit_dataset(made, dataset, **options):
    async def main():
        return await made.fit_dataset(dataset, **{"verbose": 0, **options})

    return asyncio.run(main())


def batches(size=4, x=X, y=Y):
    return [{"xs": x[i : i + size], "ys": y[i : i + size]} for i in range(0, len(x), size)]


class Endless:
    """A data set that counts what it has made."""

    def __init__(self, count=None):
        self.made, self.count = 0, count

    async def __aiter__(self):
        step = 0
        while self.count is None or step < self.count:
            await asyncio.sleep(0)
            self.made += 1
            step += 1
            yield X[:4], Y[:4]


def same(first, second):
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)


# -- data sets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [4, 6, 20, 32])
def test_a_data_set_trains_as_its_samples_do(size):
    wl.set_random_seed(1)
    first = model(metrics=["mae"])
    wl.set_random_seed(1)
    second = model(metrics=["mae"])
    expected = fit(first, batch_size=size, epochs=3, validation_data=(X[:5], Y[:5]))
    got = fit_dataset(second, batches(size), epochs=3, validation_data=(X[:5], Y[:5]))
    assert list(got.history) == list(expected.history)
    for name, values in expected.history.items():
        np.testing.assert_allclose(got.history[name], values, rtol=1e-5)
    same(first, second)


def test_small_chunks_train_the_same(monkeypatch):
    """A device whose memory holds a few batches: the data stream through."""
    whole, streamed = model(), model()
    streamed.set_weights(whole.get_weights())
    fit_dataset(whole, batches(2), epochs=2)
    monkeypatch.setattr(feeds, "CHUNK_BYTES", 100)
    fit_dataset(streamed, batches(2), epochs=2)
    same(whole, streamed)


def test_one_trace_serves_all_chunks():
    made = model()
    fit_dataset(made, Endless(100))
    assert made.steps.traces == 1


def test_batches_are_made_ahead_and_not_for_ever():
    made, source = model(), Endless()
    history = fit_dataset(made, source, batches_per_epoch=10, epochs=3)
    assert len(history.epoch) == 3
    assert 30 <= source.made <= 30 + 2 * feeds.CHUNK_BATCHES


def test_epochs_of_a_given_length_go_on_in_the_data_set():
    seen = []

    def numbers():
        for i in range(100):
            seen.append(i)
            yield X[:4] * 0 + i / 100, Y[:4]

    losses = fit_dataset(model(wl.train.sgd(0.0)), numbers(), batches_per_epoch=2, epochs=3).history["loss"]
    assert len(set(losses)) == 3 and seen[0] == 0


def test_a_data_set_that_is_too_short_ends_training_with_a_warning():
    with pytest.warns(UserWarning, match="ran out of data after 1 of 4 batches"):
        history = fit_dataset(model(), Endless(5), batches_per_epoch=4, epochs=3)
    assert len(history.epoch) == 2


def test_data_sets_validate_and_evaluate():
    made = model(metrics=["mae"])
    history = fit_dataset(made, batches(4), epochs=1, validation_data=batches(5))

    async def main():
        values = await made.evaluate_dataset(batches(5))
        first = await made.evaluate_dataset(batches(5), {"batches": 1})
        return [float(v) for v in values], [float(v) for v in first]

    everything, first = asyncio.run(main())
    assert everything == pytest.approx([history.history["val_loss"][0], history.history["val_mae"][0]])
    assert everything == pytest.approx([float(v) for v in made.evaluate(X, Y)], rel=1e-5)
    assert first == pytest.approx([float(v) for v in made.evaluate(X[:5], Y[:5])], rel=1e-5)


@pytest.mark.parametrize("kind", [lambda b: b, lambda b: (b["xs"], b["ys"]), lambda b: b["xs"]])
def test_predict_takes_data_sets(kind):
    made = model()

    async def elements():
        for batch in batches(6):
            yield kind(batch)

    async def main():
        whole, part = await made.predict(elements()), await made.predict(elements(), steps=2)
        with pytest.raises(ValueError, match="no batches"):
            await made.predict(x for x in ())
        return whole.numpy(), part.numpy()

    whole, part = asyncio.run(main())
    expected = made.predict(X).numpy()
    np.testing.assert_allclose(whole, expected, atol=1e-6)
    np.testing.assert_allclose(part, expected[:12], atol=1e-6)


def test_sample_weights_come_with_batches():
    weights = RNG.random(20).astype(np.float32)
    first, second = model(), model()
    second.set_weights(first.get_weights())
    fit(first, batch_size=5, sample_weight=weights)
    fit_dataset(second, [(X[i : i + 5], Y[i : i + 5], weights[i : i + 5]) for i in range(0, 20, 5)])
    same(first, second)


def test_keras_programs_give_fit_a_data_set():
    made = model()
    history = asyncio.run(_awaited(lambda: made.fit(Endless(3), epochs=2, verbose=0)))
    assert len(history.epoch) == 2


async def _awaited(start):
    return await start()


@pytest.mark.parametrize(
    ("dataset", "error", "words"),
    [
        ([X[:4]], TypeError, "xs.*ys"),
        ([{"x": X, "y": Y}], TypeError, r"\['x', 'y'\]"),
        ([], ValueError, "no batches"),
        (3, TypeError, "iterate over"),
        ([(X[:4, :2], Y[:4])], ValueError, "shape"),
        ([(X[:4], Y[:3])], ValueError, "same number"),
    ],
)
def test_bad_data_sets(dataset, error, words):
    made = model()
    with pytest.raises(error, match=words):
        fit_dataset(made, dataset)
    assert len(fit(made).epoch) == 1


def test_an_error_in_a_data_set_reaches_the_caller_and_leaves_the_model_usable():
    def failing():
        yield X[:4], Y[:4]
        raise OSError("no more disk")

    made = model()
    with pytest.raises(OSError, match="no more disk"):
        fit_dataset(made, failing())
    assert len(fit(made).epoch) == 1


def test_a_slow_data_set_that_is_not_asynchronous_gives_others_their_turn():
    """Between its elements, not only between chunks of them."""
    turns, seen = [0], []

    def elements():
        for _ in range(6):
            seen.append(turns[0])
            yield X[:4], Y[:4]

    async def count():
        while True:
            turns[0] += 1
            await asyncio.sleep(0)

    async def main():
        counting = asyncio.ensure_future(count())
        await model().fit_dataset(elements(), verbose=0)
        await model().evaluate_dataset(elements())
        await model().predict(elements())
        counting.cancel()

    asyncio.run(main())
    assert len(seen) == 18 and len(set(seen)) == 18


# -- arrays ------------------------------------------------------------------------------------------------------------


def test_steps_per_epoch_go_on_where_the_last_epoch_ended():
    first, second = model(), model()
    second.set_weights(first.get_weights())
    sizes = []
    logs = {"onBatchEnd": lambda b, logs: sizes.append((b, logs["size"]))}
    fit(first, batch_size=8, steps_per_epoch=2, epochs=3, callbacks=logs)
    fit(second, batch_size=8, epochs=2)
    same(first, second)
    assert sizes == [(0, 8), (1, 8), (0, 4), (1, 8), (0, 8), (1, 4)]


def test_validation_has_a_length_a_size_and_a_rhythm():
    made = model(wl.train.sgd(0.0))
    history = fit(
        made, epochs=4, validation_data=(X, Y), validation_batch_size=4, validation_steps=2, validation_freq=2
    )
    expected = float(made.evaluate(X[:8], Y[:8]))
    assert history.history["val_loss"] == pytest.approx([expected] * 2)
    assert float(made.evaluate(X, Y, steps=2, batch_size=4)) == pytest.approx(expected)


def test_on_batch_methods():
    made = model(metrics=["mae"])
    expected = [float(v) for v in made.evaluate(X, Y)]

    async def main():
        tested = await made.test_on_batch(X, Y)
        trained = await made.train_on_batch(X, Y)
        return tested, trained, await made.test_on_batch(X, Y)

    tested, trained, after = asyncio.run(main())
    assert tested == pytest.approx(expected) and trained == pytest.approx(expected)
    assert after[0] < tested[0]


# -- stopping and waiting ---------------------------------------------------------------------------------------------


def test_a_paused_fit_waits(moving_clock):
    made, steps = model(), []

    async def main():
        promise = fit_promise(made, batch_size=1, callbacks={"onBatchEnd": lambda b, logs: steps.append(b)})
        while len(steps) < 3:
            await asyncio.sleep(0)
        promise.pause()
        assert promise.paused
        # what was under way arrives
        for _ in range(5):
            await asyncio.sleep(0)
        before = len(steps)
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(steps) == before < 20 and not promise.done()
        promise.resume()
        await promise

    asyncio.run(main())
    assert steps == list(range(20))


def test_a_loss_that_is_no_number_names_the_step_of_a_data_set():
    made = model()
    start = made.get_weights()[0].numpy()
    data = [(X[:4], Y[:4])] * 3 + [(X[:4] * np.nan, Y[:4])]
    with pytest.raises(FloatingPointError, match="became nan in epoch 1 at step 4"):
        fit_dataset(made, data)
    assert np.isfinite(made.get_weights()[0].numpy()).all()
    stopped = fit_dataset(made, data, epochs=3, callbacks=wl.callbacks.TerminateOnNaN())
    assert len(stopped.epoch) == 1 and np.isnan(stopped.history["loss"][0])
    assert np.isfinite(made.get_weights()[0].numpy()).all() and start.shape == (3, 1)


@pytest.fixture
def debugging():
    wl.enable_debug_mode()
    yield
    wl.enable_debug_mode(False)


@pytest.mark.parametrize(
    ("build", "x", "words"),
    [
        (lambda L: L.dense(2, activation=wl.log, name="logged"), X - 5, "log of shape.*'logged'"),
        (lambda L: L.dense(2), np.where(np.arange(60).reshape(20, 3) == 31, np.nan, X), "data or weights"),
        (lambda L: L.simple_rnn(2, name="steps"), np.full((20, 4, 3), np.inf), "data or weights"),
    ],
)
def test_debug_mode_names_the_operation(debugging, build, x, words):
    x = np.asarray(x, np.float32)
    made = wl.sequential([wl.layers.input_layer(input_shape=x.shape[1:]), build(wl.layers), wl.layers.dense(1)])
    made.compile("sgd", "mse")
    with pytest.raises(FloatingPointError, match=words):
        fit(made, x, Y, batch_size=5)


def test_debug_mode_finds_what_diverges(debugging):
    made = model(wl.train.sgd(1e15))
    with pytest.raises(FloatingPointError, match=r"epoch \d at step \d of 4.*first operation to give it is"):
        fit(made, batch_size=5, epochs=9)


# -- callbacks ---------------------------------------------------------------------------------------------------------


def test_early_stopping_restores_the_best_weights():
    made = model(wl.train.sgd(1.05))  # too large: the loss falls, then grows
    kept = []
    stopping = wl.callbacks.early_stopping({"monitor": "loss", "patience": 2, "restoreBestWeights": True})
    history = fit(
        made,
        batch_size=20,
        epochs=50,
        callbacks=[stopping, lambda epoch, logs: kept.append(made.get_weights()[0].numpy())],
    )
    losses = history.history["loss"]
    assert len(losses) < 50 and stopping.stopped_epoch == len(losses) - 1
    assert stopping.best == min(losses) and len(losses) == int(np.argmin(losses)) + 3
    np.testing.assert_array_equal(made.get_weights()[0].numpy(), kept[int(np.argmin(losses))])


@pytest.mark.parametrize(
    ("options", "values", "epochs"),
    [
        ({}, [3, 2, 2.5, 1], 3),
        ({"patience": 1}, [3, 2, 2.5, 1], 3),
        ({"patience": 2}, [3, 2, 2.5, 2.6, 1], 4),
        ({"min_delta": 0.6}, [3, 2, 1.5, 1], 3),
        ({"mode": "max"}, [1, 2, 3, 2, 5], 4),
        ({"monitor": "val_acc"}, [1, 2, 3, 2, 5], 4),
        ({"start_from_epoch": 2}, [1, 2, 3, 4, 5], 4),
        ({"baseline": 0.5, "patience": 2}, [3, 2, 1, 0.9], 2),
    ],
)
def test_when_early_stopping_stops(options, values, epochs):
    stopping = wl.callbacks.EarlyStopping(**{"monitor": "val_loss", **options})
    made = model()
    stopping.set_model(made)
    stopping.on_train_begin({})
    for epoch, value in enumerate(values):
        stopping.on_epoch_end(epoch, {stopping.monitor: value})
        if made.stop_training:
            break
    assert epoch + 1 == epochs


def test_a_monitor_that_is_not_logged_warns_once():
    with pytest.warns(UserWarning, match="watches 'val_loss', which is not logged; there is loss") as warned:
        fit(model(), epochs=3, callbacks=wl.callbacks.EarlyStopping())
    assert len(warned) == 1


def test_learning_rates_by_schedule_and_by_plateau_need_no_new_trace():
    made, rates = model(), []
    callbacks = [
        wl.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5),
        lambda epoch, logs: rates.append(made.optimizer.learning_rate),
    ]
    history = fit(made, epochs=3, callbacks=callbacks)
    assert rates == pytest.approx([0.05, 0.025, 0.0125]) == history.history["learning_rate"]
    fit(made, epochs=4, callbacks=wl.callbacks.ReduceLROnPlateau(monitor="loss", min_delta=10, patience=2, factor=0.1))
    assert made.optimizer.learning_rate == pytest.approx(0.00125)
    assert made.steps.traces == 1


def test_csv_logs(tmp_path):
    path = tmp_path / "log.csv"
    made = model(metrics=["mae"])
    fit(made, epochs=2, callbacks=wl.callbacks.CSVLogger(str(path)))
    lines = path.read_text().split()
    assert lines[0] == "epoch,loss,mae" and [line.split(",")[0] for line in lines[1:]] == ["0", "1"]
    fit(made, epochs=1, callbacks=wl.callbacks.CSVLogger(path, append=True))
    assert len(path.read_text().split()) == 4
    fit(made, epochs=1, callbacks=wl.callbacks.CSVLogger(path))
    assert len(path.read_text().split()) == 2


def test_on_yield_is_called_when_asked(moving_clock):
    made, calls = model(), []
    hooks = {"onYield": lambda epoch, batch, logs: calls.append((epoch, batch, logs["loss"]))}
    few = {"batch_size": 2, "callbacks": [hooks, {"onBatchEnd": lambda batch, logs: None}]}
    fit(made, yield_every=20, **few)
    assert [batch for _, batch, _ in calls] == list(range(10))
    calls.clear()
    # no time passes but what the callbacks wait for
    moving_clock.pace = 0.1 / 3
    fit(made, yield_every=1000, **few)
    assert 1 <= len(calls) < 10
    calls.clear()
    for quiet in ("batch", "epoch"):
        fit(made, yield_every=quiet, **few)
    assert calls == []
    with pytest.raises(ValueError, match="never.*on_yield"):
        fit(made, yield_every="never", **few)
    with pytest.raises(ValueError, match="auto"):
        fit(made, yield_every="always")
    assert len(fit(made).epoch) == 1


def test_callbacks_once_per_frame_see_the_latest_batch(moving_clock):
    seen = []

    class PerFrame(wl.Callback):
        batches = "frame"

        async def on_batch_end(self, batch, logs):
            await asyncio.sleep(0)
            seen.append(batch)

    # a frame passes every few steps
    moving_clock.pace = stepping.YIELD_SECONDS / 4
    fit(model(), batch_size=1, callbacks=PerFrame())
    assert seen == sorted(set(seen)) and 2 <= len(seen) < 20 and seen[-1] == 19


def test_keras_names_of_hooks():
    calls = []

    class Keras(wl.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            calls.append(batch)

    custom = wl.CustomCallback(on_train_batch_begin=lambda batch, logs: calls.append("begin"))
    fit(model(), batch_size=10, callbacks=[Keras(), custom])
    assert calls.count("begin") == 2 and [c for c in calls if c != "begin"] == [0, 1]


def test_progress_bars_show_html(moving_clock):
    class Element:
        def __init__(self):
            self.shown = []

        @property
        def innerHTML(self):
            return self.shown[-1]

        @innerHTML.setter
        def innerHTML(self, text):
            self.shown.append(text)

    element = Element()
    fit(model(), batch_size=2, callbacks=wl.callbacks.ProgressBar(element))
    assert len(element.shown) > 1 and "ETA" in element.shown[0] and "Epoch 1/1" in element.innerHTML
    assert "ETA" not in element.innerHTML
    assert 'value="1.0000"' in element.innerHTML and "loss" in element.innerHTML
    with pytest.raises(RuntimeError, match="no page"):
        wl.callbacks.ProgressBar("#bar")
    with pytest.raises(RuntimeError, match="notebook"):
        wl.callbacks.ProgressBar()


def test_a_terminal_shows_steps_of_unknown_number(moving_clock):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    line = wl.callbacks.ProgressLine(Terminal())
    fit_dataset(model(), Endless(20), callbacks=line)
    text = line._stream.getvalue()
    assert "ms/step" in text and "Epoch 1/1" in text and text.endswith("\n")


def test_the_line_of_a_finished_epoch_covers_that_of_the_running_one(moving_clock):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    line = wl.callbacks.ProgressLine(Terminal())
    fit(model(), epochs=2, batch_size=2, callbacks=line)
    for epoch in line._stream.getvalue().split("\n")[:-1]:
        *running, finished = epoch.split("\r")
        assert "ETA" in running[-1] and "ETA" not in finished and len(finished) >= len(running[-1])


def test_the_same_seed_gives_the_same_run():
    runs = []
    for _ in range(2):
        wl.set_random_seed(3)
        made = model(wl.train.adam(0.01))
        history = fit(made, batch_size=4, epochs=3, shuffle=True)
        runs.append((history.history["loss"], made.get_weights()[0].numpy().tolist()))
    assert runs[0] == runs[1]


@pytest.mark.parametrize("case", live_cases.CASES, ids=lambda c: c.__name__)
def test_callbacks_see_and_change_the_model(case):
    asyncio.run(case())
