"""The browser takes the GPU away, and gives it back as another device."""

import numpy as np
import pytest

import weblayers as wl
from weblayers.runtime import device
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
    monkeypatch.setattr(device, "_webgl", runtime)
    monkeypatch.setattr(device, "_current", runtime)
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
    device._restored(Losable())
    assert doubled(seen).array_sync() == [6, 8]
    assert (seen + x).array_sync() == [4, 6]
    with pytest.raises(RuntimeError, match="context lost"):
        unread.numpy()
    model = wl.sequential([wl.layers.dense(units=1, input_shape=[2])])
    assert np.isfinite(model.predict(wl.ones([1, 2])).numpy()).all()


def test_who_computes_elsewhere_meanwhile_stays_there(losable):
    wl.set_backend("numpy")
    device._restored(Losable())
    assert wl.get_backend() == "numpy"
