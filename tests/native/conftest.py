import pytest

import weblayers as wl
from weblayers.compiler import verify
from weblayers.runtime import clock


@pytest.fixture(params=["numpy", "softgpu"])
def backend(request):
    """On NumPy, and as compiled plans on a device that draws with NumPy."""
    wl.set_backend(request.param)
    yield request.param
    wl.set_backend("numpy")


@pytest.fixture(autouse=True)
def plans_are_verified():
    verify.enable()


class Clock:
    """The time that a test tells: it passes by so many seconds whenever somebody looks at it."""

    def __init__(self):
        self.time, self.pace = 0.0, 1.0

    def now(self):
        self.time += self.pace
        return self.time


@pytest.fixture
def moving_clock(monkeypatch):
    """A clock that a test moves; at first a second passes at every look, so that all that waits for time is due."""
    made = Clock()
    monkeypatch.setattr(clock, "now", made.now)
    return made
