"""The WebGL device's jobs, without a page: what has crossed to JavaScript is released if a job cannot begin."""

import sys
import types

import pytest

from weblayers.compiler.wire import serializing
from weblayers.runtime.glue_device import GlueDevice
from weblayers.runtime.plan_device import TrainOrder


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

    ffi = types.SimpleNamespace(create_proxy=create_proxy, to_js=lambda value, **_: value)
    monkeypatch.setitem(sys.modules, "pyodide", types.SimpleNamespace(ffi=ffi))
    monkeypatch.setitem(sys.modules, "pyodide.ffi", ffi)
    monkeypatch.setitem(sys.modules, "js", types.SimpleNamespace(Object=types.SimpleNamespace(fromEntries=dict)))
    return made


def order():
    return TrainOrder(1, 2, [], [], [], 0, [], [], lambda first, rows: None, "step")


def device_of(train):
    return GlueDevice("webgl", types.SimpleNamespace(train=train), serializing)


def test_a_job_that_cannot_begin_keeps_no_proxy(proxies):
    def train(spec):
        raise RuntimeError("no memory")

    with pytest.raises(RuntimeError, match="no memory"):
        device_of(train).train(order())
    assert [p.destroyed for p in proxies] == [1]
