"""The page's devices, without a page: what crosses to JavaScript, and what JavaScript throws."""

import asyncio
import sys
import types

import numpy as np
import pytest

from tests.native.conftest import JsException
from weblayers.compiler.plan import TextureSpec
from weblayers.runtime import glue_device
from weblayers.runtime.lost import DeviceLostError
from weblayers.runtime.plan_device import Region, RepeatOrder, TrainOrder


class Proxy:
    def __init__(self, function):
        self.function, self.destroyed = function, 0

    def destroy(self):
        self.destroyed += 1


@pytest.fixture
def proxies(monkeypatch):
    """The proxies that are made of Python's functions."""
    made = []

    def create_proxy(function):
        made.append(Proxy(function))
        return made[-1]

    ffi = types.SimpleNamespace(
        create_proxy=create_proxy,
        create_once_callable=create_proxy,
        to_js=lambda value, **_: value,
        JsException=JsException,
    )
    monkeypatch.setitem(sys.modules, "pyodide", types.SimpleNamespace(ffi=ffi))
    monkeypatch.setitem(sys.modules, "pyodide.ffi", ffi)
    monkeypatch.setitem(sys.modules, "js", types.SimpleNamespace(Object=types.SimpleNamespace(fromEntries=dict)))
    return made


def order():
    return TrainOrder(1, 2, [], [], [], 0, [], [], lambda first, rows: None, "step")


class Glue(types.SimpleNamespace):
    """A device of the glue whose every method throws, but those that tell of it."""

    lost, thrown = False, "Error: no memory"

    def isLost(self):
        return self.lost

    def caps(self):
        return types.SimpleNamespace(floatTargets=True, halfTargets=True)

    def __getattr__(self, name):
        def throw(*args):
            raise JsException(self.thrown)

        return throw


def test_a_job_that_cannot_begin_keeps_no_proxy(proxies):
    device = glue_device.GlueDevice("webgl", Glue(), None, None)
    with pytest.raises(RuntimeError, match="^no memory$"):
        device.train(order())
    assert [p.destroyed for p in proxies] == [1]


def uses(device):
    texels = np.zeros((1, 1, 1, 4), np.float32)
    spec = TextureSpec(1, 1, 1, "rgba32f")
    return {
        "alloc": lambda: device.alloc(spec),
        "upload": lambda: device.upload(1, texels),
        "read": lambda: asyncio.run(device.read(1, Region(0, 0, 1, 1))),
        "read_sync": lambda: device.read_sync(1, Region(0, 0, 1, 1)),
        "load": lambda: device.load(b"1234"),
        "ready": lambda: asyncio.run(device.ready(1)),
        "run": lambda: device.run(1, [], [], []),
        "repeat": lambda: device.repeat(RepeatOrder(1, 2, [], [], [], [], [], [])),
        "timed": lambda: device.timed(1, [], 1),
        "train": lambda: device.train(order()),
    }


@pytest.mark.parametrize("use", uses(None))
def test_what_javascript_throws_is_an_error_of_pythons(use, proxies):
    """Of a lost device at once, before the page was told of it, and told to all; else as it was said."""
    told, restored, glue = [], [], Glue()
    module = types.SimpleNamespace(createDevice=lambda options: glue)
    device = glue_device.webgl(module, told.append, restored.append)
    assert device.is_losable
    with pytest.raises(RuntimeError, match="^no memory$") as error:
        uses(device)[use]()
    assert error.type is RuntimeError and told == []
    glue.lost = True
    with pytest.raises(DeviceLostError, match="^no memory$"):
        uses(device)[use]()
    assert told == [device]


def test_a_call_that_failed_without_an_exception_is_of_the_lost_device(proxies):
    """Pyodide 0.27 may lose what JavaScript threw: Python says that a call failed and nothing was raised."""
    told, glue = [], Glue(lost=True)

    def upload(*args):
        raise SystemError("error return without exception set")

    glue.upload = upload
    device = glue_device.webgl(types.SimpleNamespace(createDevice=lambda options: glue), told.append, print)
    with pytest.raises(DeviceLostError, match="without exception set"):
        uses(device)["upload"]()
    assert told == [device]
    glue.lost = False
    with pytest.raises(RuntimeError, match="without exception set"):
        uses(device)["upload"]()


def test_a_page_that_is_told_of_a_loss_tells_python_at_once(proxies):
    told, restored, glue, another = [], [], Glue(), Glue()
    options = []
    module = types.SimpleNamespace(createDevice=lambda given: options.append(given) or glue)
    device = glue_device.webgl(module, told.append, restored.append)
    glue.onLost.function()
    assert told == [device]
    options[0]["onRestored"].function(another)
    assert len(restored) == 1
    another.onLost.function()
    assert told == [device, *restored]
