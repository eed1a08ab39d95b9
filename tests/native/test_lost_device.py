"""The browser takes the GPU away, and gives it back as another device."""

import asyncio
import itertools
import warnings

import numpy as np
import pytest

import weblayers as wl
from tests.losable import Losable, use
from weblayers.runtime import device, glue_device, keeper
from weblayers.runtime.plans import PlanRuntime
from weblayers.runtime.soft_device import SoftDevice


@pytest.fixture
def losable(monkeypatch):
    made = Losable(SoftDevice())
    made.time = use(monkeypatch, made)
    return made


async def pass_by(losable, seconds):
    until = losable.time.time + seconds
    while losable.time.time < until:
        await asyncio.sleep(0)
        losable.time.pass_by(0.01)


# -- who computes ------------------------------------------------------------------------------------------------------


def test_what_was_asked_for_is_used_again_once_it_is_back(losable):
    @wl.function
    def doubled(x):
        return x * 2

    x = wl.tensor([1.0, 2.0])
    unread, seen = x + 1, x + 2
    assert seen.array_sync() == [3, 4] and doubled(x).array_sync() == [2, 4]
    assert wl.why() == "webgl computes: set_backend('webgl') asked for it"
    losable.lose()
    with pytest.warns(
        UserWarning, match="wasm, until WebGL is there again: .* the browser has taken the GPU away"
    ) as w:
        assert doubled(unread).array_sync() == [4, 6]
        assert doubled(seen).array_sync() == [6, 8]
    assert len(w) == 1 and wl.get_backend() == "wasm"
    assert wl.why() == "wasm computes: set_backend('webgl') asked for WebGL, but the browser has taken the GPU away"
    another = Losable(SoftDevice())
    device._backends.restored(another)
    assert wl.get_backend() == "webgl" and "asked for it" in wl.why()
    assert (seen + unread).array_sync() == [5, 7] and another.calls.count("run") == 2
    model = wl.sequential([wl.layers.dense(units=1, input_shape=[2])])
    assert np.isfinite(model.predict(wl.ones([1, 2])).numpy()).all()


def test_who_computes_elsewhere_meanwhile_stays_there(losable):
    wl.set_backend("numpy")
    losable.lose()
    device._backends.restored(Losable(SoftDevice()))
    assert wl.get_backend() == "numpy"


def test_a_device_that_takes_over_is_tried_too(losable):
    x = wl.tensor([1.0, 2.0])
    assert (x + 1).array_sync() == [2, 3]
    losable.lose()
    device._backends.restored(Zeros())
    with pytest.warns(UserWarning, match=r"WebGL, but webgl computes \[0.0"):
        assert wl.get_backend() == "wasm" and (x + 1).array_sync() == [2, 3]


@pytest.mark.parametrize("told", sorted({*itertools.permutations(["lost", "restored", "broken", "started", "lost"])}))
def test_losses_and_returns_come_in_any_order(losable, monkeypatch, told):
    """Somebody may ask for WebGL while it is away, and then it comes back too."""
    monkeypatch.setattr(device.Backends, "_starts", lambda self, starting: starts)
    starts = {"webgl": lambda: PlanRuntime(Losable(SoftDevice())), "wasm": lambda: PlanRuntime(SoftDevice())}
    backends = device._backends
    for event in told:
        if event == "lost":
            backends.lost(getattr(backends.started.get("webgl"), "device", losable))
        elif event == "started":
            wl.set_backend("webgl")
        else:
            backends.restored(Losable(SoftDevice()) if event == "restored" else Zeros())
        assert ("webgl" in backends.started) != ("webgl" in backends.refused)
        with warnings.catch_warnings(action="ignore"):
            assert (wl.tensor([1.0, 2.0]) + 1).array_sync() == [2, 3]
    backends.restored(Losable(SoftDevice()))
    assert wl.get_backend() == "webgl"


def test_a_loss_that_the_old_device_tells_late_leaves_the_new_one_alone(losable):
    losable.lose()
    device._backends.restored(Losable(SoftDevice()))
    device._backends.lost(losable)
    assert wl.get_backend() == "webgl"


# -- what tensors have -------------------------------------------------------------------------------------------------


def test_tensors_that_live_on_the_device_alone_are_copied_soon_and_once(losable):
    async def main():
        x = wl.tensor([1.0, 2.0, 3.0])
        a, b = x + 1, wl.cast(x * 2, "int32")
        gone = x + 3
        del gone
        assert not a.is_on_host and losable.calls.count("read") == 0
        await pass_by(losable, 1)
        assert a.is_on_host and b.is_on_host and losable.calls.count("read") == 2
        await pass_by(losable, 5)
        # there is nothing more to do, and nobody who looks
        assert losable.calls.count("read") == 2 and asyncio.all_tasks() == {asyncio.current_task()}
        losable.lose()
        assert (a + b).array_sync() == [4, 7, 10]
        c = a + 1
        assert c.runtime.name == "wasm"
        await pass_by(losable, 5)
        assert not c.is_on_host

    asyncio.run(main())


def test_values_of_others_keep_nobody_waiting_and_no_texture(losable):
    x = wl.tensor(np.ones(1000, np.float32))
    y = x
    for _ in range(50):
        y = y * 1.01
    assert losable.inner.memory()["textures"] < 5
    losable.lose()
    np.testing.assert_allclose(y.numpy(), 1.01**50, rtol=1e-5)


def test_results_are_made_again_each_once(losable):
    x = wl.tensor([1.0, 2.0])
    shared = x * 3
    made = [shared + i for i in range(5)]
    losable.lose()
    taken = Losable(SoftDevice())
    device._backends.restored(taken)
    before = taken.calls.count("run")
    assert [m.array_sync() for m in reversed(made)] == [[3 + i, 6 + i] for i in reversed(range(5))]
    assert taken.calls.count("run") - before == 6
    assert shared.array_sync() == [3, 6]


def test_random_numbers_are_the_same_when_they_are_made_again(losable):
    wl.set_random_seed(3)
    first = wl.random_normal([4], seed=5).numpy()
    again = wl.random_normal([4], seed=5)
    draws = wl.layers.dropout(rate=0.5)
    dropped, expected = [], []
    for kept in (expected, dropped):
        wl.set_random_seed(3)
        draws = wl.layers.dropout(rate=0.5, seed=1)
        kept.append(draws.apply(wl.ones([50]), training=True))
        kept.append(draws.apply(wl.ones([50]), training=True))
    known = [t.numpy() for t in expected]
    losable.lose()
    np.testing.assert_allclose(again.numpy(), first, rtol=1e-6)
    for a, b in zip(dropped, known, strict=True):
        np.testing.assert_array_equal(a.numpy(), b)


def test_a_loop_of_ones_own_goes_on_where_it_was(losable):
    def trained(lost_at):
        weight, optimizer = wl.variable(wl.tensor([1.0, -2.0])), wl.train.adam(0.1)
        for i in range(20):
            if i == lost_at:
                losable.lose()
            optimizer.minimize(lambda: wl.sum(wl.square(weight - 3.0)), var_list=[weight])
        return weight.numpy(), optimizer.iterations

    quiet, _ = trained(None)
    found, steps = trained(13)
    np.testing.assert_allclose(found, quiet, rtol=1e-5)
    assert steps == 20


def test_what_is_nowhere_any_more_says_so_and_weights_go_back(losable, monkeypatch):
    monkeypatch.setattr(keeper, "ORIGINS", 4)
    monkeypatch.setattr(keeper, "LOOK", 1)
    weight = wl.variable(wl.tensor([1.0]))
    tensor = wl.tensor([1.0]) + 1
    weight.assign(weight + 1)
    seen = weight.numpy()
    add = wl.function(lambda: weight.assign(weight + 1) or weight * 1)
    for _ in range(10):
        add()
    losable.lose()
    with pytest.raises(wl.DeviceLostError, match=r"took the GPU away before these values were read.*await tensor.data"):
        tensor.numpy()
    with pytest.warns(UserWarning, match=r"a weight of shape \[1\] has the values that were last copied"):
        assert weight.numpy() == seen
    assert (weight + 1).numpy() == seen + 1


def test_data_that_nobody_else_has_are_not_kept_for_long(losable, monkeypatch):
    monkeypatch.setattr(keeper, "ORIGIN_BYTES", 10_000)
    monkeypatch.setattr(keeper, "LOOK", 1)
    mine = wl.tensor(np.ones(10_000, np.float32))
    of_mine = [wl.sum(mine * i) for i in range(5)]
    of_others = [wl.sum(wl.tensor(np.full(1000, i, np.float32))) for i in range(5)]
    losable.lose()
    assert [float(t) for t in of_mine] == [10_000 * i for i in range(5)]
    assert float(of_others[-1]) == 4000
    with pytest.raises(wl.DeviceLostError):
        of_others[0].numpy()


def test_a_finished_fit_is_known_to_the_host(losable):
    async def main():
        model = wl.sequential([wl.layers.dense(1, input_shape=[2])])
        model.compile("adam", "mse")
        await model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
        assert all(w.is_on_host for w in (*model.weights, *model.optimizer.variables()))
        await model.train_on_batch(np.ones((4, 2)), np.ones((4, 1)))
        # one of many: what made them is known
        assert not any(w.is_on_host for w in model.weights)

    asyncio.run(main())


# -- a device is tried before it is used ------------------------------------------------------------------------------


class Zeros(SoftDevice):
    """A device whose draws leave nothing that can be read."""

    name = "webgl"

    def read_sync(self, id_, region):
        return 0 * super().read_sync(id_, region)


class Right(SoftDevice):
    name = "webgl"


def no_wasm(module):
    raise RuntimeError("no SIMD")


@pytest.fixture
def starting(monkeypatch):
    """Have the page's devices be of classes; without one for WebAssembly there is none."""

    def start(webgl, wasm=None):
        made = webgl()
        monkeypatch.setattr(device, "_backends", device.Backends())
        monkeypatch.setattr(device, "in_browser", lambda: True)
        monkeypatch.setattr(device.glue, "load", lambda: None)
        monkeypatch.setattr(glue_device, "webgl", lambda module, lost, restored: made)
        monkeypatch.setattr(glue_device, "wasm", (lambda module: wasm()) if wasm else no_wasm)
        return made

    return start


def test_a_device_is_tried_with_one_draw_and_one_read(starting):
    made = starting(Right)
    assert wl.get_backend() == "webgl" and "no SIMD" in wl.why()
    counts = made.counters()
    assert [counts[k] for k in ("uploads", "draws", "runs", "reads", "plansLoaded")] == [1, 1, 1, 1, 1]
    memory = made.memory()
    assert (memory["textures"], memory["plans"]) == (0, 0)


def test_a_device_that_answers_wrong_is_not_used(starting):
    starting(Zeros)
    with pytest.warns(UserWarning, match=r"computes with NumPy.*webgl computes \[0.0, .* where \[2.0, .* is right"):
        assert wl.get_backend() == "numpy"
    assert "webgl computes" in wl.why()
    assert (wl.tensor([1.0]) * 2).array_sync() == [2]
    with pytest.raises(RuntimeError, match="webgl computes"):
        wl.set_backend("webgl")
