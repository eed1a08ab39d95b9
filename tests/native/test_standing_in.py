"""Where a GPU has still to compile the steps, WebAssembly makes them meanwhile, and hands over when it is ready."""

import asyncio

import numpy as np
import pytest

import weblayers as wl
from weblayers.runtime import device, lasting, starting
from weblayers.runtime.device import Choice
from weblayers.runtime.plans import PlanRuntime
from weblayers.runtime.soft_device import SoftDevice

L = wl.layers
RNG = np.random.default_rng(0)
X = RNG.random((40, 3), np.float32)
Y = X.sum(1, keepdims=True)
STEPS = 10  # of an epoch


class Slow(SoftDevice):
    """A GPU that compiles until somebody says that it is done, or that it has failed."""

    name = "webgl"

    def __init__(self):
        super().__init__()
        self.compiled = asyncio.Event()
        self.failure = None

    async def ready(self, plan):
        await self.compiled.wait()
        if self.failure:
            raise self.failure


@pytest.fixture
def gpu(monkeypatch):
    """What is chosen for every training, while WebAssembly stands in."""
    gpu, wasm = PlanRuntime(Slow()), starting.wasmtime()
    backends = device.Backends()
    backends.started |= {"webgl": gpu, "wasm": wasm}
    monkeypatch.setattr(backends, "home", lambda: wasm)
    monkeypatch.setattr(backends, "_chosen", lambda home, graph, trains: Choice(gpu, "it is fast", wasm))
    monkeypatch.setattr(device, "_backends", backends)
    # steps as small as these are all made before it begins otherwise
    monkeypatch.setattr(lasting, "HEAD_START_SECONDS", 0)
    return gpu


def model():
    wl.set_random_seed(0)
    made = wl.sequential([L.dense(8, activation="tanh", input_shape=[3]), L.dropout(0.25), L.dense(1)])
    made.compile(wl.train.adam(0.02), "mse")
    return made


async def trained(at_batch=lambda number: None, epochs=3, **options):
    """The losses of steps, and the weights; ``at_batch`` is told of each step."""
    made, losses = model(), []

    async def told(batch, logs):
        losses.append(logs["loss"])
        at_batch(len(losses))

    await made.fit(X, Y, batch_size=4, epochs=epochs, verbose=0, callbacks={"onBatchEnd": told}, **options)
    return losses, [w.numpy() for w in made.weights]


@pytest.fixture
def expected():
    wl.set_backend("numpy")
    return asyncio.run(trained())


def agree(found, expected):
    losses, weights = found
    assert len(losses) == len(expected[0])
    np.testing.assert_allclose(losses, expected[0], rtol=1e-4)
    for a, b in zip(weights, expected[1], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def steps_of(runtime):
    return runtime.device.counters()["steps"]


@pytest.mark.parametrize("ready_at", [1, 7, STEPS, 2 * STEPS + 3])
def test_the_gpu_goes_on_once_it_is_ready(expected, gpu, ready_at):
    agree(asyncio.run(trained(lambda number: number == ready_at and gpu.device.compiled.set())), expected)
    assert ready_at <= 3 * STEPS - steps_of(gpu) < 3 * STEPS


def test_a_training_may_end_before_the_gpu_is_ready(expected, gpu):
    agree(asyncio.run(trained()), expected)
    assert steps_of(gpu) == 0


def test_a_gpu_that_cannot_compile_is_done_without(expected, gpu):
    def fail(number):
        gpu.device.failure = RuntimeError("no such shader")
        gpu.device.compiled.set()

    agree(asyncio.run(trained(fail)), expected)
    assert steps_of(gpu) == 0


def test_what_is_compiled_needs_nobody_to_stand_in(expected, gpu):
    gpu.device.compiled.set()

    async def twice():
        made = model()
        await made.fit(X, Y, batch_size=4, epochs=1, verbose=0)
        await asyncio.sleep(0)
        before = steps_of(gpu)
        await made.fit(X, Y, batch_size=4, epochs=1, verbose=0)
        return steps_of(gpu) - before

    assert asyncio.run(twice()) == STEPS


def test_pause_and_stop_hold_while_another_makes_the_steps(gpu):
    async def run():
        made, seen = model(), []
        running = made.fit(
            X, Y, batch_size=4, epochs=3, verbose=0, callbacks={"onBatchEnd": lambda batch, logs: seen.append(batch)}
        )
        while len(seen) < 3:
            await asyncio.sleep(0)
        running.pause()
        gpu.device.compiled.set()
        for _ in range(50):
            await asyncio.sleep(0)
        paused = len(seen)
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(seen) == paused
        running.resume()
        while len(seen) < paused + 3:
            await asyncio.sleep(0)
        made.stop_training = True
        await running
        return len(seen)

    assert asyncio.run(run()) < 3 * STEPS
