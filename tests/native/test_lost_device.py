"""The browser takes the GPU away, and gives it back as another device."""

import numpy as np
import pytest

import weblayers as wl
from weblayers.runtime import device, glue_device
from weblayers.runtime.plans import PlanRuntime
from weblayers.runtime.soft_device import SoftDevice


class Losable(SoftDevice):
    """A device that can be taken away."""

    lost = False

    def __getattribute__(self, name):
        if name in ("alloc", "upload", "run", "read_sync", "load", "train") and self.lost:
            raise RuntimeError("WebGL context lost")
        return super().__getattribute__(name)


@pytest.fixture
def losable(monkeypatch):
    runtime = PlanRuntime(Losable())
    monkeypatch.setitem(device._backends.started, "webgl", runtime)
    monkeypatch.setattr(device._backends, "fixed", runtime)
    return runtime.device


def test_what_is_on_the_host_goes_on_upon_the_device_that_takes_over(losable):
    @wl.function
    def doubled(x):
        return x * 2

    x = wl.tensor([1.0, 2.0])
    unread, seen = x + 1, x + 2
    assert seen.array_sync() == [3, 4]
    assert doubled(x).array_sync() == [2, 4]
    losable.lost = True
    with pytest.raises(RuntimeError, match="context lost"):
        doubled(x)
    device._backends.restored(Losable())
    assert doubled(seen).array_sync() == [6, 8]
    assert (seen + x).array_sync() == [4, 6]
    with pytest.raises(RuntimeError, match="context lost"):
        unread.numpy()
    model = wl.sequential([wl.layers.dense(units=1, input_shape=[2])])
    assert np.isfinite(model.predict(wl.ones([1, 2])).numpy()).all()


def test_who_computes_elsewhere_meanwhile_stays_there(losable):
    wl.set_backend("numpy")
    device._backends.restored(Losable())
    assert wl.get_backend() == "numpy"


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
        monkeypatch.setattr(glue_device, "webgl", lambda module, restored: made)
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


def test_a_device_that_takes_over_is_tried_too(losable):
    x = wl.tensor([1.0, 2.0])
    assert (x + 1).array_sync() == [2, 3]
    losable.lost = True
    device._backends.restored(Zeros())
    assert wl.get_backend() == "numpy" and (x + 1).array_sync() == [2, 3]
