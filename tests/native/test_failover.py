"""A GPU that is taken away in the middle of something: nothing is lost by it."""

import asyncio
import itertools
import random
import warnings

import numpy as np
import pytest

import weblayers as wl
from tests.losable import Losable, use
from weblayers.compiler import pieces
from weblayers.runtime import device
from weblayers.runtime.soft_device import SoftDevice
from weblayers.runtime.wasmtime_device import WasmtimeDevice

L = wl.layers
RNG = np.random.default_rng(0)
X = RNG.random((22, 3), np.float32)
Y = (X @ np.array([[1.0], [-2.0], [0.5]]) + 0.3).astype(np.float32)
EPOCHS, BATCHES = 3, 5
INNER = {"softgpu": SoftDevice, "wasm": WasmtimeDevice}

pytestmark = pytest.mark.filterwarnings("ignore:weblayers computes with")


@pytest.fixture(autouse=True)
def compiling_takes_no_turns(monkeypatch):
    monkeypatch.setattr(pieces, "TURN_SECONDS", np.inf)


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


@pytest.fixture(scope="module", params=INNER)
def uninterrupted(request):
    """A device's kind, what the program gives where it is never lost, and the calls of the device."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "TURN_SECONDS", np.inf)
        losable = Losable(INNER[request.param]())
        use(patch, losable)
        return INNER[request.param], asyncio.run(program()), losable.calls


def moments(calls, count=20):
    """Seeded moments: some of each kind of call, the others anywhere."""
    chosen = random.Random(0)
    numbers = {name: [i + 1 for i, c in enumerate(calls) if c == name] for name in set(calls)}
    kinds = [chosen.choice(numbers[name]) for name in sorted(numbers)]
    return sorted({*kinds, *chosen.sample(range(1, len(calls) + 1), count - len(kinds))})


@pytest.mark.parametrize("back", ["at once", "late", "never"])
def test_a_program_does_not_notice_whenever_the_gpu_is_taken_away(uninterrupted, back, monkeypatch):
    kind, expected, calls = uninterrupted
    assert {"load", "upload", "step", "read", "read_sync", "run", "ready"} <= set(calls)

    def restored():
        device._backends.restored(Losable(kind()))

    async def restored_late():
        # after training has gone on elsewhere
        await asyncio.sleep(0)
        for _ in range(300):
            await asyncio.sleep(0)
        restored()

    for moment in moments(calls):
        tasks = []
        on_loss = {
            "at once": lambda: asyncio.get_running_loop().call_soon(restored),
            "late": lambda tasks=tasks: tasks.append(asyncio.ensure_future(restored_late())),
            "never": lambda: None,
        }[back]
        losable = Losable(kind(), moment, on_loss)
        use(monkeypatch, losable)

        async def main(tasks=tasks):
            found = await program()
            await asyncio.gather(*tasks)
            return found

        found = asyncio.run(main())
        assert losable.lost
        close(found, expected, 1e-5 if back == "at once" else 1e-4)
        assert wl.get_backend() == ("wasm" if back == "never" else "webgl"), calls[moment - 1]
