"""A device that is lost at a call, and a clock that moves with steps and with waiting."""

import asyncio

from weblayers.runtime import clock, device
from weblayers.runtime.host_job import HostJob
from weblayers.runtime.lost import DeviceLostError
from weblayers.runtime.plans import PlanRuntime

COUNTED = ("alloc", "upload", "read", "read_sync", "load", "ready", "run", "repeat", "step")
STEP_SECONDS, TURN_SECONDS = 0.05, 0.01


class Losable:
    """A device under the name of WebGL's, which is lost at the call of a number, or when somebody says so.

    ``calls`` has the names of those so far, ``on_loss`` is called when it is lost.
    """

    name = "webgl"
    is_losable = True

    def __init__(self, inner, lost_at=None, on_loss=lambda: None):
        self.inner, self.lost_at, self.on_loss = inner, lost_at, on_loss
        self.calls, self.lost, self.bytes_read = [], False, 0

    def lose(self):
        self.lost = True
        device._backends.lost(self)
        self.on_loss()

    def called(self, name):
        if not self.lost:
            self.calls.append(name)
            if len(self.calls) == self.lost_at:
                self.lose()
        if self.lost:
            raise DeviceLostError("lost, in " + name)

    def __getattr__(self, name):
        method = getattr(self.inner, name)
        if name not in COUNTED:
            return method

        def counted(*args):
            self.called(name)
            return method(*args)

        return counted

    async def read(self, id_, region):
        self.called("read")
        # a GPU takes a while
        await asyncio.sleep(0)
        if self.lost:
            raise DeviceLostError("lost, while reading")
        texels = await self.inner.read(id_, region)
        self.bytes_read += texels.nbytes
        return texels

    async def ready(self, plan):
        self.called("ready")

    def step(self, *args):
        clock.pass_by(STEP_SECONDS)
        self.called("step")
        return self.inner.step(*args)

    def train(self, order):
        self.called("train")
        return HostJob(self, order)

    def free(self, ids):
        if not self.lost:
            self.inner.free(ids)

    def free_plan(self, plan):
        if not self.lost:
            self.inner.free_plan(plan)

    def caps(self):
        return {"renderer": "a GPU"}


class Time:
    """Passes with steps, and with turns of the event loop while somebody waits for it."""

    def __init__(self):
        self.time, self.slept = 0.0, []

    def now(self):
        return self.time

    def pass_by(self, seconds):
        self.time += seconds

    async def sleep(self, seconds):
        self.slept.append(seconds)
        until = self.time + seconds
        while self.time < until:
            await asyncio.sleep(0)
            self.time += TURN_SECONDS


def use(monkeypatch, losable, backend="webgl"):
    """Have a device compute, with a clock of its own; gives the clock."""
    time = Time()
    monkeypatch.setattr(clock, "now", time.now)
    monkeypatch.setattr(clock, "sleep", time.sleep)
    monkeypatch.setattr(clock, "pass_by", time.pass_by, raising=False)
    backends = device.Backends()
    backends.started["webgl"], backends.fixed = PlanRuntime(losable), backend
    monkeypatch.setattr(device, "_backends", backends)
    return time
