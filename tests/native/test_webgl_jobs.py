"""The WebGL device's jobs, without a page: what crosses to JavaScript is released, whatever happens."""

import asyncio
import sys
import types

import numpy as np
import pytest

from weblayers.runtime.plan_device import TrainOrder
from weblayers.runtime.webgl import WebGLDevice


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
    return WebGLDevice(types.SimpleNamespace(train=train))


def test_a_job_that_cannot_begin_keeps_no_proxy(proxies):
    def train(spec):
        raise RuntimeError("no memory")

    with pytest.raises(RuntimeError, match="no memory"):
        device_of(train).train(order())
    assert [p.destroyed for p in proxies] == [1]


@pytest.mark.parametrize("fails", [False, True])
def test_a_job_that_ends_keeps_no_proxy(proxies, fails):
    async def main():
        promise = asyncio.get_running_loop().create_future()
        job = device_of(lambda spec: types.SimpleNamespace(promise=promise)).train(order())
        waiting = asyncio.ensure_future(job.result())
        await asyncio.sleep(0)
        assert [p.destroyed for p in proxies] == [0]
        if fails:
            promise.set_exception(RuntimeError("context lost"))
            with pytest.raises(RuntimeError, match="context lost"):
                await waiting
        else:
            logs = types.SimpleNamespace(to_py=lambda: np.zeros(2, np.float32))
            promise.set_result(types.SimpleNamespace(logs=logs, cancelled=False))
            rows, cancelled = await waiting
            assert len(rows) == 2 and not cancelled
        assert [p.destroyed for p in proxies] == [1]

    asyncio.run(main())
