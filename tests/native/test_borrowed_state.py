"""Training has weights to itself: who else trains, writes or reads them, and fits that end at any moment."""

import asyncio
import itertools

import numpy as np
import pytest

import weblayers as wl
from weblayers.compiler import pieces
from weblayers.runtime import stepping

pytestmark = pytest.mark.usefixtures("backend")

L = wl.layers
RNG = np.random.default_rng(0)
X = RNG.random((12, 3), np.float32)
Y = (X @ np.array([[1.0], [-2.0], [0.5]]) + 0.3).astype(np.float32)
STEPS = 6


def model(optimizer=None):
    made = wl.sequential([L.dense(1, kernel_initializer="ones", input_shape=[3])])
    made.compile(optimizer or wl.train.adam(0.1), "mse")
    return made


def fit(made, x=X, y=Y, **options):
    return made.fit(x, y, **{"batch_size": 2, "verbose": 0, "shuffle": False, **options})


def values(made):
    return [w.numpy().copy() for w in made.weights]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def two_models(**compiled):
    """Two models around one layer."""
    shared, made = L.dense(1, kernel_initializer="ones", name="shared"), []
    for name in "ab":
        x = wl.input(shape=[3])
        made.append(wl.model(inputs=x, outputs=shared.apply(x), name=name))
        made[-1].compile(compiled.get("optimizer") or wl.train.sgd(0.1), "mse")
    return made


async def alone():
    """Nothing is left behind: no task but the one that looks."""
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


# -- who trains --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "begin",
    [
        lambda m: fit(m, callbacks={"on_train_begin": lambda logs: pytest.fail("it began")}),
        lambda m: m.fit_dataset([(X, Y)], verbose=0),
        lambda m: m.train_on_batch(X, Y),
    ],
)
def test_a_weight_that_another_model_trains_cannot_be_trained(begin):
    async def main():
        a, b = two_models()
        (quiet, _) = two_models()
        first = fit(a, epochs=2)
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="'b' cannot be trained now: model 'a' is training the weight 'shared/k"):
            begin(b)
        assert b.history is None and not b.stop_training
        await asyncio.gather(first, fit(quiet, epochs=2))
        assert same(values(a), values(quiet))
        await fit(b)
        await alone()

    asyncio.run(main())


def test_an_optimizer_that_trains_another_model_cannot_train():
    async def main():
        shared = wl.train.adam(0.1)
        a, b = model(shared), model(shared)
        before = values(b)
        first = fit(a)
        with pytest.raises(RuntimeError, match=f"'{b.name}' cannot.*'{a.name}' is training with this optimizer"):
            fit(b)
        await first
        assert same(values(b), before) and shared.iterations == STEPS
        await fit(b)
        assert shared.iterations == 2 * STEPS

    asyncio.run(main())


def test_statistics_that_two_models_would_keep_are_refused_at_the_first_step():
    async def main():
        shared, heads = L.batch_normalization(center=False, scale=False), []
        for name in "ab":
            x = wl.input(shape=[3])
            heads.append(wl.model(inputs=x, outputs=L.dense(1).apply(shared.apply(x)), name=name))
            heads[-1].compile("sgd", "mse")
        a, b = heads
        first = fit(a, epochs=3)
        await asyncio.sleep(0)
        before = values(b)[2:]
        with pytest.raises(RuntimeError, match="'a' is training the weight .*moving_mean"):
            await fit(b)
        assert same(values(b)[2:], before)
        assert len((await first).epoch) == 3
        await fit(b)

    asyncio.run(main())


def test_heads_over_a_frozen_base_train_at_once():
    async def main():
        base, heads = L.dense(2, trainable=False), []
        for _ in range(2):
            x = wl.input(shape=[3])
            heads.append(wl.model(inputs=x, outputs=L.dense(1).apply(base.apply(x))))
            heads[-1].compile(wl.train.sgd(0.1), "mse")
        histories = await asyncio.gather(*(fit(head, epochs=3) for head in heads))
        assert [len(h.epoch) for h in histories] == [3, 3]

    asyncio.run(main())


def test_a_refused_fit_changes_nothing():
    """Class weights, callbacks and the history of the running fit are its own."""

    async def main():
        made, quiet = classifier(), classifier()
        stopping = wl.callbacks.EarlyStopping(monitor="loss")

        def refused(epoch, logs):
            for begin in (made.fit, made.train_on_batch):
                options = {"callbacks": stopping} if begin == made.fit else {}
                with pytest.raises(RuntimeError, match="another fit"):
                    begin(ONES, CLASSES, class_weight={0: 5.0}, **options)

        weights = {0: 1.0, 1: 10.0}
        options = {"epochs": 3, "class_weight": weights, "verbose": 0, "shuffle": False}
        history = await made.fit(ONES, CLASSES, callbacks=refused, **options)
        expected = await quiet.fit(ONES, CLASSES, callbacks=lambda epoch, logs: None, **options)
        assert history.history == expected.history and stopping.model is None
        assert made.history is history

    asyncio.run(main())


# -- class weights -----------------------------------------------------------------------------------------------------

ONES = np.ones((8, 3), np.float32)
CLASSES = np.eye(2, dtype=np.float32)[np.arange(8) % 2]


def classifier():
    made = wl.sequential([L.dense(2, activation="softmax", kernel_initializer="zeros", input_shape=[3])])
    made.compile(wl.train.sgd(0.0), "categorical_crossentropy")
    return made


def test_class_weights_count_in_training_and_nowhere_else():
    async def main():
        made = classifier()
        plain = float(made.evaluate(ONES, CLASSES))
        history = await made.fit(
            ONES, CLASSES, class_weight={1: 9.0}, validation_data=(ONES, CLASSES), verbose=0, epochs=2
        )
        assert history.history["loss"] == pytest.approx([5 * plain] * 2)
        assert history.history["val_loss"] == pytest.approx([plain] * 2)
        assert float(made.evaluate(ONES, CLASSES)) == pytest.approx(plain)
        assert await made.test_on_batch(ONES, CLASSES) == pytest.approx(plain)
        assert await made.train_on_batch(ONES, CLASSES) == pytest.approx(plain)
        assert await made.train_on_batch(ONES, CLASSES, class_weight={0: 3.0}) == pytest.approx(2 * plain)

    asyncio.run(main())


# -- ends --------------------------------------------------------------------------------------------------------------


async def trajectory(make):
    """The weights after each number of steps."""
    made = make()
    states = [values(made)]
    await fit(made, epochs=2, callbacks={"on_batch_end": lambda batch, logs: states.append(values(made))})
    return states


class Watch(wl.Callback):
    """Every hook, some of which wait."""

    def __init__(self):
        self.calls = []

    def on_epoch_begin(self, epoch, logs):
        self.calls.append("epoch begins")

    async def on_batch_end(self, batch, logs):
        self.calls.append("batch begins")
        await asyncio.sleep(0)
        self.calls.append("batch ends")

    async def on_epoch_end(self, epoch, logs):
        await asyncio.sleep(0)
        self.calls.append("epoch ends")


@pytest.mark.parametrize(("times", "watched"), [(1, False), (3, True)])
def test_a_fit_that_is_cancelled_at_any_moment_keeps_the_steps_it_has_made(times, watched, moving_clock, monkeypatch):
    # compiling takes as many turns as the machine needs
    monkeypatch.setattr(pieces, "TURN_SECONDS", np.inf)

    async def main():
        states = await trajectory(model)
        ends, turns = set(), 0
        while True:
            made, watch = model(), Watch()
            promise = fit(made, epochs=2, validation_data=(X, Y), callbacks=watch if watched else None)
            for _ in range(turns):
                await asyncio.sleep(0)
            if promise.done():
                break
            for _ in range(times):
                promise.cancel()
                await asyncio.sleep(0)
            with pytest.raises(asyncio.CancelledError):
                await promise
            calls = len(watch.calls)
            ends.add(steps := made.optimizer.iterations)
            assert same(values(made), states[steps])
            await alone()
            assert len(watch.calls) == calls
            assert len((await fit(made)).epoch) == 1
            turns += 1
        assert {0, 1, STEPS, STEPS + 1} <= ends

    asyncio.run(main())


@pytest.mark.parametrize("begin", [lambda m: m.evaluate_dataset([(X, Y)] * 3), lambda m: m.test_on_batch(X, Y)])
def test_an_evaluation_that_is_cancelled_at_any_moment_leaves_nothing_behind(begin, monkeypatch):
    monkeypatch.setattr(pieces, "TURN_SECONDS", np.inf)

    async def main():
        made = model()
        await begin(made)
        for turns in itertools.count():
            promise = begin(made)
            for _ in range(turns):
                await asyncio.sleep(0)
            if not promise.cancel():
                break
            await asyncio.sleep(0)
            promise.cancel()
            with pytest.raises(asyncio.CancelledError):
                await promise
            await alone()
        assert turns > 2

    asyncio.run(main())


@pytest.mark.parametrize(
    "begin", [fit, lambda m: m.train_on_batch(X, Y), lambda m: m.fit_dataset([(X, Y)] * 3, verbose=0)]
)
@pytest.mark.parametrize("times", [1, 2])
def test_training_that_is_cancelled_before_it_begins_does_not_lock_the_model(begin, times, recwarn):
    async def main():
        made = model()
        before, promise = values(made), begin(made)
        for _ in range(times):
            promise.cancel()
        with pytest.raises(asyncio.CancelledError):
            await promise
        assert same(values(made), before)
        await begin(made)
        await alone()

    asyncio.run(main())
    assert not recwarn.list


def test_a_fit_that_is_cancelled_while_its_step_is_compiled(monkeypatch):
    monkeypatch.setattr(pieces, "TURN_SECONDS", -1)

    async def main():
        for turns in range(2, 40, 3):
            made = model()
            before, promise = values(made), fit(made)
            for _ in range(turns):
                await asyncio.sleep(0)
            if not promise.cancel():
                break
            with pytest.raises(asyncio.CancelledError):
                await promise
            assert same(values(made), before) or made.optimizer.iterations
            await fit(made)
            await alone()

    asyncio.run(main())


def test_a_program_that_ends_in_the_middle_of_a_fit_ends(moving_clock):
    made = model()

    async def main():
        promise = fit(made, epochs=1000)
        for _ in range(20):
            await asyncio.sleep(0)
        return promise

    promise = asyncio.run(main())
    assert promise.done() and 0 < made.optimizer.iterations < 1000 * STEPS
    asyncio.run(awaited(lambda: fit(made)))


async def awaited(begin):
    return await begin()


@pytest.mark.parametrize("pause", [False, True])
def test_a_fit_cancelled_in_a_callback_ends(pause):
    async def main():
        made, calls = model(), []

        async def cancel(batch, logs):
            calls.append(batch)
            if batch == 2:
                if pause:
                    promise.pause()
                promise.cancel()
                await asyncio.sleep(0)
                calls.append("after")

        promise = fit(made, callbacks={"on_batch_end": cancel})
        with pytest.raises(asyncio.CancelledError):
            await promise
        await alone()
        assert calls == [0, 1, 2] and 3 <= made.optimizer.iterations < STEPS
        await fit(made)

    asyncio.run(main())


HOOKS = {
    "on_train_begin": 1,
    "on_epoch_begin": 2,
    "on_batch_begin": 2 * STEPS,
    "on_batch_end": 2 * STEPS,
    "on_yield": 2 * STEPS,
    "on_progress": 2 * STEPS,
    "on_epoch_end": 2,
    "on_train_end": 1,
}


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("kind", [ValueError, asyncio.CancelledError])
def test_an_exception_in_any_callback_at_any_step_ends_the_fit_at_once(hook, kind, moving_clock):
    async def main():
        for number in range(HOOKS[hook]):
            made, calls = model(), []

            def raises(*args, calls=calls, number=number):
                calls.append(args)
                if len(calls) == number + 1:
                    raise kind("here") from OSError("cause")

            promise = fit(made, epochs=2, callbacks=[{hook: raises}, {"on_batch_end": lambda batch, logs: None}])
            with pytest.raises(kind) as raised:
                await promise
            if kind is ValueError:
                assert raised.value.args == ("here",) and isinstance(raised.value.__cause__, OSError)
            await alone()
            assert len(calls) == number + 1
            if HOOKS[hook] == 2 * STEPS:
                assert number + 1 <= made.optimizer.iterations <= number + 3
            assert np.isfinite(made.predict(X).numpy()).all()
            assert len((await fit(made)).epoch) == 1

    asyncio.run(main())


def test_an_exception_beside_a_data_set_closes_it():
    async def main():
        made, closed = model(), []

        async def batches():
            try:
                while True:
                    await asyncio.sleep(0)
                    yield X, Y
            finally:
                closed.append(True)

        def fails(batch, logs):
            raise ValueError("here")

        with pytest.raises(ValueError, match="here"):
            await made.fit_dataset(batches(), batches_per_epoch=50, verbose=0, callbacks={"on_batch_end": fails})
        assert closed == [True]
        await alone()

    asyncio.run(main())


def test_stop_training_ends_after_the_steps_under_way(moving_clock):
    async def main():
        states = await trajectory(model)
        for turns in range(12):
            made = model()
            promise = fit(made, epochs=2)
            for _ in range(turns):
                await asyncio.sleep(0)
            steps = made.optimizer.iterations
            made.stop_training = True
            assert made.stopTraining
            history = await promise
            assert made.optimizer.iterations <= steps + 1 and same(values(made), states[made.optimizer.iterations])
            assert len(history.epoch) == -(-made.optimizer.iterations // STEPS)
            assert len((await fit(made)).epoch) == 1 and not made.stop_training
        assert made.optimizer.iterations > STEPS

    asyncio.run(main())


def test_stopping_before_the_first_turn_and_while_paused():
    async def main():
        made, calls = model(), []
        hooks = {"on_train_begin": lambda logs: calls.append("begin"), "on_train_end": lambda logs: calls.append("end")}
        promise = fit(made, callbacks=hooks)
        made.stop_training = True
        assert (await promise).epoch == [] and calls == ["begin", "end"]
        promise = fit(made, callbacks={"on_batch_end": lambda batch, logs: promise.pause() if batch == 1 else None})
        while made.optimizer.iterations < 2:
            await asyncio.sleep(0)
        for _ in range(5):
            await asyncio.sleep(0)
        assert promise.paused and not promise.done()
        made.stop_training = True
        assert len((await promise).epoch) == 1 and 2 <= made.optimizer.iterations <= 3

    asyncio.run(main())


@pytest.mark.parametrize("stop", [0, 1, 2, 4])
def test_a_callback_that_stops_training_is_the_last_of_a_device_that_tells_of_several_steps(stop, monkeypatch):
    tell = stepping.Stepper._tell
    monkeypatch.setattr(stepping.Stepper, "_tell", lambda self: tell(self) if self.steps % 3 == 0 else None)

    async def main():
        made, calls = model(), []

        def hook(batch, logs):
            calls.append(batch)
            if batch == stop:
                made.stop_training = True

        history = await fit(made, epochs=3, callbacks={"on_batch_end": hook})
        assert calls == list(range(stop + 1)) and len(history.epoch) == 1
        assert stop < made.optimizer.iterations <= STEPS
        await alone()

    asyncio.run(main())


# -- who writes --------------------------------------------------------------------------------------------------------


def writers():
    def assign(made):
        made.weights[0].assign(np.full((3, 1), 7, np.float32))

    def traced(made):
        kernel = made.weights[0]

        @wl.function
        def write(value):
            kernel.assign(kernel * 0 + value)
            return value

        write(wl.scalar(7.0))

    def optimized(made):
        kernel = made.weights[0]
        wl.train.sgd(1.0).apply_gradients([(kernel.read() - 7.0, kernel)])

    def minimized(made):
        kernel = made.weights[0]
        wl.train.sgd(0.5).minimize(lambda: wl.sum(wl.square(kernel - 7.0)), var_list=[kernel])

    return [assign, traced, optimized, minimized]


@pytest.mark.parametrize("write", writers(), ids=lambda w: w.__name__)
def test_what_is_written_to_a_weight_in_training_counts(write):
    async def main():
        made = model(wl.train.sgd(0.0))
        await fit(made, callbacks={"on_batch_end": lambda batch, logs: write(made) if batch == 2 else None})
        np.testing.assert_allclose(made.weights[0].numpy(), 7.0, rtol=1e-6)
        # the last batch's callback counts too
        made = model(wl.train.sgd(0.0))
        await fit(made, callbacks={"on_batch_end": lambda batch, logs: write(made) if batch == STEPS - 1 else None})
        np.testing.assert_allclose(made.weights[0].numpy(), 7.0, rtol=1e-6)
        assert made.optimizer.iterations == STEPS

    asyncio.run(main())


def test_statistics_that_a_layer_keeps_outside_of_the_fit_count():
    async def main():
        norm = L.batch_normalization(momentum=0.0)
        made = wl.sequential([L.dense(3, trainable=False, input_shape=[3]), norm, L.dense(1)])
        made.compile(wl.train.sgd(0.0), "mse")
        seen = []

        def call(batch, logs):
            if batch == STEPS - 1:
                norm.apply(wl.tensor(X + 100), training=True)
                seen.append(norm.moving_mean.numpy())

        await fit(made, callbacks={"on_batch_end": call})
        np.testing.assert_allclose(seen[0], X.mean(0) + 100, rtol=1e-5)
        np.testing.assert_array_equal(norm.moving_mean.numpy(), seen[0])

    asyncio.run(main())


def test_host_scalars_set_in_training_count_from_there():
    async def main():
        made, counts = model(), []

        def hook(batch, logs):
            optimizer = made.optimizer
            if batch == 1:
                optimizer.restore(made.trainable_weights, 100, [])
            if batch == 3:
                optimizer.learning_rate = 0.0
            counts.append((optimizer.iterations, made.weights[0].numpy().copy()))

        await fit(made, callbacks={"on_batch_end": hook})
        begun = counts[1][0]
        assert begun == 100 and made.optimizer.iterations == 100 + STEPS - 2
        assert [c for c, _ in counts[1:]] == list(range(100, 100 + STEPS - 1))
        # the step that is under way had the old rate
        assert np.array_equal(counts[-1][1], counts[-2][1]) and not np.array_equal(counts[2][1], counts[1][1])

    asyncio.run(main())


def test_the_step_count_of_an_optimizer_used_beside_its_fit_goes_on():
    async def main():
        made, other = model(wl.train.sgd(0.0)), wl.variable(wl.scalar(1.0))

        def hook(batch, logs):
            if batch == 2:
                made.optimizer.minimize(lambda: other * other, var_list=[other])

        await fit(made, callbacks={"on_batch_end": hook})
        assert made.optimizer.iterations == STEPS + 1

    asyncio.run(main())


# -- what goes away ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dispose", [lambda made: made.dispose(), lambda made: wl.dispose_variables()])
@pytest.mark.parametrize("batch", [None, 0, STEPS - 1])
def test_weights_that_are_disposed_of_in_training_end_it_with_a_reason(dispose, batch):
    async def main():
        made = model()

        def hook(number, logs):
            if number == batch:
                dispose(made)

        promise = fit(made, epochs=2, callbacks={"on_batch_end": hook})
        if batch is None:
            dispose(made)
        with pytest.raises(RuntimeError, match="disposed"):
            await promise
        await alone()

    asyncio.run(main())


def test_a_model_compiled_again_in_training_goes_on_as_it_was_compiled():
    async def main():
        made, quiet = model(), model()

        def again(batch, logs):
            if batch == 2:
                made.compile("sgd", "mae")

        history = await fit(made, epochs=2, callbacks={"on_batch_end": again})
        expected = await fit(quiet, epochs=2, callbacks={"on_batch_end": lambda batch, logs: None})
        assert history.history == expected.history and same(values(made), values(quiet))
        assert made.optimizer.iterations == 0
        assert len((await fit(made)).epoch) == 1 and made.optimizer.iterations == STEPS

    asyncio.run(main())


def test_data_that_others_dispose_of_or_change_are_the_fits_own():
    async def main():
        made, quiet = model(), model()
        x, y, given = wl.tensor(X), wl.variable(wl.tensor(Y)), X.copy()
        promise = fit(made, x, y, epochs=3, validation_data=(given, y))
        x.dispose()
        given[...] = 99
        y.assign(Y + 99)
        await asyncio.sleep(0)
        y.dispose()
        history = await promise
        assert history.history == (await fit(quiet, epochs=3, validation_data=(X, Y))).history

    asyncio.run(main())


def test_a_scope_that_closes_in_another_task_leaves_a_fit_alone():
    async def main():
        made = model()
        with wl.tidy():
            promise = fit(made, wl.tensor(X), wl.tensor(Y), epochs=3, validation_data=(wl.tensor(X), wl.tensor(Y)))
            for _ in range(5):
                await asyncio.sleep(0)
        assert len((await promise).epoch) == 3
        batches = [(wl.tensor(X), wl.tensor(Y))] * 3
        with wl.tidy():
            promise = made.fit_dataset(batches, epochs=3, verbose=0)
            for _ in range(5):
                await asyncio.sleep(0)
        assert len((await promise).epoch) == 3

    asyncio.run(main())


def test_data_disposed_of_before_the_data_set_gives_them_are_an_error():
    async def main():
        made, before = model(), None
        x = wl.tensor(X)
        x.dispose()
        before = values(made)
        with pytest.raises(RuntimeError, match="disposed"):
            await made.fit_dataset([(x, Y)], verbose=0)
        with pytest.raises(RuntimeError, match="disposed"):
            fit(made, x)
        assert same(values(made), before)
        await fit(made)
        await alone()

    asyncio.run(main())


def test_steps_that_are_still_under_way_when_training_stops_count(moving_clock, monkeypatch):
    """A device that has taken steps tells of them after it was asked to stop."""
    at_once = stepping.Stepper.cancel

    def later(job, turns=5):
        loop = asyncio.get_running_loop()
        loop.call_soon(*((at_once, job) if turns == 0 else (later, job, turns - 1)))

    monkeypatch.setattr(stepping.Stepper, "cancel", later)

    async def main():
        made, seen, steps = model(), [], 50 * STEPS

        def stop(epoch, batch, logs):
            seen.append(batch)
            made.stop_training = True

        x, y = np.tile(X, (50, 1)), np.tile(Y, (50, 1))
        history = await fit(made, x, y, epochs=2, yield_every=0.05, callbacks={"on_yield": stop})
        assert len(seen) == 1 and len(history.epoch) == 1
        assert seen[0] + 1 < made.optimizer.iterations < steps

    asyncio.run(main())
