import importlib
import sys
import types
from contextlib import nullcontext

import pytest

import weblayers as wl
from tests.thresholds import as_if_large
from weblayers.callbacks import base
from weblayers.compiler import verify
from weblayers.page import keeping
from weblayers.page.failures import failure
from weblayers.page.hosts import Host
from weblayers.runtime import clock


@pytest.fixture(params=["numpy", "softgpu", "wasm"])
def backend(request):
    """On NumPy, and as compiled plans on a device that draws with NumPy and by WebAssembly."""
    with as_if_large() if request.param == "softgpu" else nullcontext():
        wl.set_backend(request.param)
        yield request.param
        wl.set_backend("numpy")


# Layers that tests are given as parameters draw their seeds when tests are collected.
wl.set_random_seed(0)


@pytest.fixture(autouse=True)
def seeded():
    """What is drawn does not depend on chance, nor on the tests before."""
    wl.set_random_seed(0)


@pytest.fixture(autouse=True)
def plans_are_verified():
    verify.enable()


@pytest.fixture(autouse=True)
def constructors_of_callbacks_are_forgotten(monkeypatch):
    """What a test, or a program in it, registers is no other test's."""
    monkeypatch.setattr(base, "_constructors", [])


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


class Recorder(Host):
    """Keeps what a program says to its page."""

    def __init__(self):
        super().__init__()
        self.said = []

    def post(self, message):
        self.said.append(message)

    def fail(self, error, event=None):
        self.post({**failure(error), "id": event})

    def control(self, label):
        """What was asked for last by this label."""
        return [m for m in self.said if m.get("label") == label][-1]

    def put(self, label, value):
        """Do what the page's reader does with a control."""
        self.hear(self.control(label)["id"], value)


@pytest.fixture
def page_host(monkeypatch):
    """A page that shows nothing, and knows what it was told."""
    made = Recorder()
    # the names of both are functions of their packages
    hosts = importlib.import_module("weblayers.page.hosts")
    monkeypatch.setattr(hosts, "_hosts", [made])
    monkeypatch.setattr(importlib.import_module("weblayers.vis.visor"), "_visors", [])
    yield made
    # the runs that a test begins in the context of all tests are no other test's
    hosts._run.set(None)


class JsNull:
    """JavaScript's null, as newer versions of Pyodide hand it over."""

    def __bool__(self):
        return False


class JsException(Exception):
    """What JavaScript throws."""


class Storage:
    """A page's storage of texts, with room for so many characters."""

    def __init__(self, null, room=1e9):
        self.items, self.null, self.room = {}, null, room

    def getItem(self, key):
        return self.items.get(key, self.null)

    def setItem(self, key, text):
        if sum(map(len, self.items.values())) + len(text) > self.room:
            raise JsException("QuotaExceededError: the quota has been exceeded")
        self.items[key] = text

    def removeItem(self, key):
        self.items.pop(key, None)

    def key(self, i):
        return list(self.items)[i]

    @property
    def length(self):
        return len(self.items)


class Page(types.ModuleType):
    """The module ``js`` of a page whose selectors find nothing."""

    def __init__(self, null):
        super().__init__("js")
        self.null, self.throwing = null, {}
        self.globalThis = self
        self.localStorage = Storage(null)
        self.document = types.SimpleNamespace(hidden=False, querySelector=lambda selector: null)

    def __getattribute__(self, name):
        throwing = super().__getattribute__("throwing") if name != "__dict__" and name != "throwing" else {}
        if name in throwing:
            raise JsException(throwing[name])
        return super().__getattribute__(name)


@pytest.fixture(params=["null is an object", "null is None"])
def fake_page(request, monkeypatch):
    """A page without a browser, for both ways in which Pyodide hands over null."""
    ffi = types.ModuleType("pyodide.ffi")
    ffi.JsException = JsException
    if request.param == "null is an object":
        ffi.jsnull = JsNull()
    made = Page(getattr(ffi, "jsnull", None))
    pyodide = types.ModuleType("pyodide")
    pyodide.ffi = ffi
    for name, module in {"js": made, "pyodide": pyodide, "pyodide.ffi": ffi}.items():
        monkeypatch.setitem(sys.modules, name, module)
    return made


@pytest.fixture
def kept_always(monkeypatch):
    """Trainings are kept whenever they may be, whatever it costs."""
    monkeypatch.setattr(keeping, "KEEP_SECONDS", 0.0)
    monkeypatch.setattr(keeping, "KEEP_SHARE", 1e9)
