"""A GPU that is taken away in the middle of something: nothing is lost by it."""

import asyncio
import random

import numpy as np
import pytest

import weblayers as wl
from tests.losable import Losable, use
from weblayers.compiler import pieces, verify
from weblayers.runtime import device
from weblayers.runtime.soft_device import SoftDevice
from weblayers.runtime.wasmtime_device import WasmtimeDevice

L = wl.layers
RNG = np.random.default_rng(0)
X = RNG.random((22, 3), np.float32)
Y = (X @ np.array([[1.0], [-2.0], [0.5]]) + 0.3).astype(np.float32)
EPOCHS, BATCHES = 2, 5
INNER = {"softgpu": SoftDevice, "wasm": WasmtimeDevice}

pytestmark = pytest.mark.filterwarnings("ignore:weblayers computes with")


@pytest.fixture(autouse=True)
def compiling_takes_no_turns(monkeypatch, plans_are_verified):
    monkeypatch.setattr(pieces, "TURN_SECONDS", np.inf)
    # others verify them
    verify.enable(False)


def model():
    wl.set_random_seed(0)
    made = wl.sequential(
        [
            L.dense(4, activation="tanh", input_shape=[3]),
            L.batch_normalization(),
            L.dropout(0.25),
            L.dense(1),
        ]
    )
    made.compile(wl.train.adam(0.05), "mse", ["mae"])
    return made


async def program():
    """Trains, with validation and batches of two sizes, and uses what was trained; gives all there is to compare."""
    made, told = model(), []

    def slower(epoch, logs):
        told.append(("epoch", epoch))
        made.optimizer.learning_rate = made.optimizer.learning_rate / 2

    hooks = {"on_batch_end": lambda batch, logs: told.append(logs["loss"]), "on_epoch_end": slower}
    history = await made.fit(X, Y, batch_size=4, epochs=EPOCHS, validation_split=0.2, verbose=0, callbacks=hooks)
    trained = [w.numpy() for w in made.weights]
    predicted = made.predict(X).numpy()
    loss = [float(v) for v in made.evaluate(X, Y)]
    saved = []
    await made.save(wl.io.with_save_handler(lambda artifacts: saved.append(artifacts.weight_data)))
    made.optimizer.learning_rate = 0.01
    await made.fit(X, Y, batch_size=11, epochs=1, shuffle=False, verbose=0)
    again = [(await w.data()) for w in made.weights]
    names = [t for t in told if isinstance(t, tuple)]
    assert names == [("epoch", i) for i in range(EPOCHS)] and len(told) == EPOCHS * (BATCHES + 1)
    assert made.optimizer.iterations == EPOCHS * BATCHES + 2
    numbers = [t for t in told if not isinstance(t, tuple)]
    return [*trained, predicted, loss, np.frombuffer(saved[0], np.float32), *again, numbers, *history.history.values()]


def close(found, expected, tolerance):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def moments(calls, count=12):
    """Seeded moments: some of each kind of call, the others anywhere."""
    chosen = random.Random(0)
    numbers = {name: [i + 1 for i, c in enumerate(calls) if c == name] for name in set(calls)}
    kinds = [chosen.choice(numbers[name]) for name in sorted(numbers)]
    return sorted({*kinds, *chosen.sample(range(1, len(calls) + 1), count - len(kinds))})


def going(monkeypatch, kind, moment=None, back="never"):
    """A device that is lost at a moment, and given back at once, when training has gone on elsewhere, or never."""

    def restored():
        device._backends.restored(Losable(kind()))

    async def late():
        for _ in range(300):
            await asyncio.sleep(0)
        restored()

    def on_loss():
        if back == "at once":
            asyncio.get_running_loop().call_soon(restored)
        elif back == "late":
            losable.late = asyncio.ensure_future(late())

    losable = Losable(kind(), moment, on_loss)
    losable.late = None
    return losable, use(monkeypatch, losable)


def ran(work, losable):
    async def main():
        found = await work()
        if losable.late is not None:
            await losable.late
        return found

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("kind", "back"), [(SoftDevice, "at once"), (WasmtimeDevice, "late"), (WasmtimeDevice, "never")]
)
def test_a_program_does_not_notice_whenever_the_gpu_is_taken_away(kind, back, monkeypatch):
    quiet, _ = going(monkeypatch, kind)
    expected = asyncio.run(program())
    assert {"load", "upload", "step", "read", "read_sync", "run", "ready"} <= set(quiet.calls)
    for moment in moments(quiet.calls):
        losable, _ = going(monkeypatch, kind, moment, back)
        close(ran(program, losable), expected, 1e-5 if back == "at once" else 1e-4)
        assert losable.lost
        assert wl.get_backend() == ("wasm" if back == "never" else "webgl"), quiet.calls[moment - 1]


# -- one long run of steps ---------------------------------------------------------------------------------------------

LONG = 100


async def long_run(hook=None, **more):
    """Many steps in one go; gives what was told of them, the weights and the optimizer's count."""
    made, told = model(), []
    calls = {"on_batch_end": lambda batch, logs: (told.append((batch, logs["loss"])), hook and hook(made, batch))[0]}
    x, y = np.tile(X[:20], (LONG // 5, 1)), np.tile(Y[:20], (LONG // 5, 1))
    history = await made.fit(x, y, batch_size=4, shuffle=False, verbose=0, **{"callbacks": calls, **more})
    return told, [*history.history["loss"], *(w.numpy() for w in made.weights)], made.optimizer.iterations


@pytest.mark.parametrize("back", ["at once", "never"])
def test_training_goes_on_from_the_last_snapshot_and_tells_of_each_step_once(back, monkeypatch):
    quiet, _ = going(monkeypatch, WasmtimeDevice)
    told, weights, count = asyncio.run(long_run())
    steps = [i + 1 for i, call in enumerate(quiet.calls) if call == "step"]
    assert [batch for batch, _ in told] == list(range(LONG)) and len(steps) == count == LONG
    for at in (1, 8, 55, 99):
        losable, time = going(monkeypatch, WasmtimeDevice, steps[at], back)
        again, found, found_count = ran(long_run, losable)
        close([v for _, v in again], [v for _, v in told], 1e-4)
        close(found, weights, 1e-4)
        assert [batch for batch, _ in again] == list(range(LONG)) and found_count == LONG
        (taken,) = [
            r for r in device._backends.started.values() if r.name == ("webgl" if back == "at once" else "wasm")
        ]
        made = (taken.device.calls.count("step") if back == "at once" else taken.counters()["steps"]) + at
        # a second at most is made again, and a step takes a twentieth
        assert LONG <= made <= LONG + 30
        losable, _ = going(monkeypatch, WasmtimeDevice, steps[at], back)
        _, quietly, _ = ran(lambda: long_run(callbacks=None), losable)
        assert losable.lost
        close(quietly, weights, 1e-4)
        # the GPU was waited for, but not for long
        assert (sum(s == 0.1 for s in time.slept) == 10) == (back == "never")


@pytest.mark.parametrize("every", ["never", "auto"])
def test_snapshots_are_as_rare_as_they_are_dear(every, monkeypatch):
    def run(read_seconds):
        losable, time = going(monkeypatch, SoftDevice)
        read = losable.read

        async def slow(*args):
            time.pass_by(read_seconds)
            return await read(*args)

        monkeypatch.setattr(losable, "read", slow)
        reads = losable.calls.count("read")
        asyncio.run(long_run(callbacks=None, yield_every=every))
        pauses = [s for s in time.slept if s >= 0.5]
        return pauses, losable.calls.count("read") - reads, losable.bytes_read

    # five seconds of steps: after the first half a second, one a second
    pauses, reads, read_bytes = run(0.0)
    assert pauses[0] == 0.5 and 4 <= len(pauses) <= 8
    assert all(1 <= pause < 75 * 0.2 for pause in pauses[1:])
    # weights, statistics and the optimizer's state once each time, in few textures
    assert reads <= 8 * len(pauses) and read_bytes < 100_000 * len(pauses)
    # where the first takes long there is no second
    slower, *_ = run(0.05)
    assert slower[0] == 0.5 and all(pause >= 75 * 0.05 for pause in slower[1:]) and len(slower) <= 3


def test_a_lost_device_leaves_pausing_stopping_and_cancelling_alone(monkeypatch):
    async def paused(made, promise, losable):
        promise.pause()
        losable.lose()
        for _ in range(300):
            await asyncio.sleep(0)
        assert not promise.done()
        steps = made.optimizer.iterations
        promise.resume()
        await promise
        return made.optimizer.iterations, LONG, steps < LONG

    async def stopped(made, promise, losable):
        steps = made.optimizer.iterations
        made.stop_training = True
        losable.lose()
        await promise
        return made.optimizer.iterations, steps, True

    async def cancelled(made, promise, losable):
        losable.lose()
        steps = made.optimizer.iterations
        promise.cancel()
        with pytest.raises(asyncio.CancelledError):
            await promise
        return made.optimizer.iterations, steps, True

    for rein in (paused, stopped, cancelled):
        losable, _ = going(monkeypatch, SoftDevice)

        async def main(rein=rein, losable=losable):
            made, states = model(), []
            hooks = {"on_batch_end": lambda batch, logs: states.append([w.numpy() for w in made.weights])}
            x, y = np.tile(X[:20], (LONG // 5, 1)), np.tile(Y[:20], (LONG // 5, 1))
            promise = made.fit(x, y, batch_size=4, shuffle=False, verbose=0, callbacks=hooks)
            while len(states) < 30:
                await asyncio.sleep(0)
            made_steps, expected, holds = await rein(made, promise, losable)
            assert holds and expected <= made_steps <= expected + 1, rein
            if made_steps <= len(states):
                close([w.numpy() for w in made.weights], states[made_steps - 1], 1e-5)
            assert len((await made.fit(X, Y, verbose=0)).epoch) == 1

        asyncio.run(main())


def test_what_was_assigned_and_set_before_the_loss_holds_after_it(monkeypatch):
    def hook(made, batch):
        if batch == 10:
            made.weights[0].assign(np.full((3, 4), 0.5, np.float32))
        if batch == 30:
            made.optimizer.learning_rate = 0.001

    quiet, _ = going(monkeypatch, SoftDevice)
    told, weights, _ = asyncio.run(long_run(hook))
    steps = [i + 1 for i, call in enumerate(quiet.calls) if call == "step"]
    for at in (20, 35, 40):
        losable, _ = going(monkeypatch, SoftDevice, steps[at], "at once")
        again, found, count = ran(lambda: long_run(hook), losable)
        # what is set later than the loss may meet another step, as it may without one
        if at > 30:
            close(found, weights, 1e-5)
            close([v for _, v in again], [v for _, v in told], 1e-5)
        assert [batch for batch, _ in again] == list(range(LONG)) and count == LONG


def test_a_device_that_is_lost_again_and_again_is_given_up(monkeypatch):
    def again():
        device._backends.refused.pop("webgl", None)
        device._backends.started["webgl"] = type(runtime)(Losable(SoftDevice(), 3, again))

    losable = Losable(SoftDevice(), 3, again)
    use(monkeypatch, losable)
    runtime = device._backends.started["webgl"]
    with pytest.raises(wl.DeviceLostError, match="lost"):
        wl.ones([2]) + 1
    made = model()
    before = [w.numpy() for w in made.weights]

    async def fit():
        await made.fit(X, Y, verbose=0)

    with pytest.raises(wl.DeviceLostError, match="lost"):
        asyncio.run(fit())
    close([w.numpy() for w in made.weights], before, 0)
