"""Who computes: which runtimes there are, which is in use, and why. The choice is made at first use."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from . import clock, glue
from .base import Runtime
from .numpy_runtime import NumpyRuntime

if TYPE_CHECKING:
    from ..graph.program import Graph
    from .plan_device import PlanDevice
    from .plans import PlanRuntime
    from .tensor import Tensor

BACKENDS = ("auto", "webgl", "wasm", "numpy", "softgpu")

# Plans of less work than this never need a GPU: it takes longer to ask it.
SMALL_WORK = 2_000_000
# A device that takes longer for a step makes none while another one compiles: who waits would wait for it.
STAND_IN_MS = 200.0
# So long, and with so many looks, training waits for a GPU that was taken away before it goes on elsewhere.
BACK_SECONDS, LOOKS = 1.0, 10
AWAY = "the browser has taken the GPU away"
# Words by which renderers that are programs are known.
SOFTWARE = ("swiftshader", "llvmpipe", "softpipe", "basic render", "software")


def in_browser() -> bool:
    return sys.platform == "emscripten"


class Choice(NamedTuple):
    """Who computes a graph, why, and who makes its steps until that one has compiled them."""

    runtime: Runtime
    reason: str
    stand_in: Runtime | None = None


class Backends:
    """The runtimes that were started, those that could not be, and the one in use."""

    def __init__(self) -> None:
        self.started: dict[str, Runtime] = {"numpy": NumpyRuntime()}
        # why a runtime is not to be had
        self.refused: dict[str, str] = {}
        # the name that was asked for; None: each plan's own
        self.fixed: str | None = None
        # the one that computed last, and why
        self.last: Runtime | None = None
        self.reason = ""
        self.module: Any = None
        self._speeds: WeakKeyDictionary[Runtime, Any] = WeakKeyDictionary()
        # who computes a graph that no GPU has tensors of, and why
        self._choices: WeakKeyDictionary[Graph, Choice] = WeakKeyDictionary()
        self._said: set[str] = set()

    # -- starting -----------------------------------------------------------------------------------------------------

    def start(self, name: str) -> Runtime:
        """A runtime by its name.

        Raises:
            RuntimeError: it does not work here, with the reason.
        """
        if name not in self.started:
            # who only builds models, or computes with NumPy, does without the compiler
            from . import starting

            try:
                self.started[name] = self._starts(starting)[name]()
            except Exception as error:
                raise RuntimeError(_plain_message(error)) from error
            self.refused.pop(name, None)
        return self.started[name]

    def _starts(self, starting: Any) -> dict[str, Callable[[], Runtime]]:
        if in_browser():
            return {
                "softgpu": starting.softgpu,
                "wasm": lambda: starting.wasm(self._glue()),
                "webgl": lambda: starting.webgl(self._glue(), self.lost, self.restored),
            }
        return {"softgpu": starting.softgpu, "wasm": starting.wasmtime, "webgl": _no_browser}

    def _glue(self) -> Any:
        if self.module is None:
            self.module = glue.load()
        return self.module

    def tried(self, name: str) -> Runtime | None:
        """A runtime, or None where it does not work; it is not tried again."""
        if name not in self.refused:
            try:
                return self.start(name)
            except RuntimeError as error:
                self.refused[name] = str(error)
        return None

    # -- choosing -----------------------------------------------------------------------------------------------------

    def home(self) -> Runtime:
        """Who computes what is too small to think about."""
        if self.fixed is not None:
            wanted = self.started.get(self.fixed)
            return self._stand_in() if wanted is None else wanted
        if not in_browser():
            return self._is_used(self.started["numpy"], "this is no browser, and nothing else was asked for")
        chosen = self.tried("wasm")
        if chosen is not None:
            return self._is_used(chosen, "nothing so far was worth the GPU") if self.last is None else chosen
        chosen = self.tried("webgl")
        if chosen is not None:
            return self._is_used(chosen, f"WebAssembly does not work here: {self.refused['wasm']}")
        why = f"neither WebAssembly nor WebGL2 works here: {self.refused['wasm']}; {self.refused['webgl']}"
        self._warn(f"weblayers computes with NumPy, slowly: {why}")
        return self._is_used(self.started["numpy"], why)

    def in_use(self) -> Runtime:
        """Who computed last, or will."""
        home = self.home()
        return home if self.fixed is not None else (self.last or home)

    def _stand_in(self) -> Runtime:
        """Who computes while what was asked for is away."""
        chosen = self.tried("wasm") or self.started["numpy"]
        why = f"set_backend({self.fixed!r}) asked for WebGL, but {self.refused['webgl']}"
        self._warn(f"weblayers computes with {chosen.name}, until WebGL is there again: {why}")
        return self._is_used(chosen, why)

    def _is_used(self, runtime: Runtime, reason: str) -> Runtime:
        self.last, self.reason = runtime, reason
        return runtime

    def _warn(self, message: str) -> None:
        """Say something once."""
        if message not in self._said:
            self._said.add(message)
            warnings.warn(message, stacklevel=6)

    def of(
        self,
        tensors: Iterable[Tensor],
        graph: Graph | None = None,
        trains: bool = False,
        before: Runtime | None = None,
    ) -> Runtime:
        """Who computes a graph of tensors: the GPU if it has one of them, else who is fastest.

        ``trains``: it is run many times, with state and logs. ``before`` made the steps before, and makes them all.
        """
        if before is not None and before in self.started.values() and self.fixed in (None, before.name):
            return before
        home = self.home()
        if self.fixed is not None or home.name != "wasm":
            return home
        gpu = self.started.get("webgl")
        if gpu is not None and any(t.runtime is gpu for t in tensors):
            return gpu if self.last is gpu else self._is_used(gpu, "what it computes with is there")
        return home if graph is None else self._fastest(home, graph, trains)

    def _fastest(self, home: Runtime, graph: Graph, trains: bool) -> Runtime:
        """Who computes a graph fastest, as far as can be told; for each graph it is asked once."""
        if graph not in self._choices:
            self._choices[graph] = self._chosen(home, graph, trains)
        runtime, reason, _ = self._choices[graph]
        # what single operations would say is of no interest
        return self._is_used(runtime, reason) if trains or runtime is not home else home

    def _chosen(self, home: Runtime, graph: Graph, trains: bool) -> Choice:
        from .speed import cost_of

        cost = cost_of(graph, trains)
        if cost.work < SMALL_WORK:
            return Choice(home, "the steps are small: on a GPU they would take longer")
        gpu = self.tried("webgl")
        if gpu is None:
            self._warn(f"weblayers computes with WebAssembly, on the CPU: {self.refused['webgl']}")
            return Choice(home, f"there is no WebGL2 to compute with: {self.refused['webgl']}")
        renderer = str(gpu.device.caps()["renderer"])  # type: ignore[attr-defined]
        if any(word in renderer.lower() for word in SOFTWARE):
            return Choice(home, f"WebGL2 is drawn by software here ({renderer}), which is slower")
        times = {runtime: self._speed(runtime).ms(cost) for runtime in (gpu, home)}
        told = " and ".join(f"{ms:.2g} ms on {runtime.name}" for runtime, ms in times.items())
        stand_in = home if times[home] < STAND_IN_MS else None
        return Choice(min(times, key=times.__getitem__), f"a step is estimated to take {told} ({renderer})", stand_in)

    def stand_in(self, graph: Graph, runtime: Runtime) -> Runtime | None:
        """Who makes the steps of a graph until the runtime that was chosen for them has compiled them, if anybody."""
        choice = self._choices.get(graph)
        if self.fixed is not None or choice is None or choice.runtime is not runtime or choice.stand_in is runtime:
            return None
        return choice.stand_in if choice.stand_in in self.started.values() else None

    def _speed(self, runtime: Any) -> Any:
        from .speed import measured

        if runtime not in self._speeds:
            self._speeds[runtime] = measured(runtime)
        return self._speeds[runtime]

    # -- losing -------------------------------------------------------------------------------------------------------

    def lost(self, device: PlanDevice) -> None:
        """The browser has taken the GPU away: others compute, until it gives it back."""
        runtime = self.started.get("webgl")
        if getattr(runtime, "device", None) is device:
            del self.started["webgl"]
            self.refused["webgl"] = AWAY
            self._choices.clear()
            if self.last is runtime:
                self.last = None

    def restored(self, device: PlanDevice) -> None:
        """Compute on the device that takes over, as the browser has given the GPU back."""
        from . import starting

        self._choices.clear()
        try:
            self.started["webgl"] = starting.tried(device)
        except Exception as error:
            # another one may have been started meanwhile
            if "webgl" not in self.started:
                self.refused["webgl"] = _plain_message(error)
        else:
            self.refused.pop("webgl", None)

    async def regained(self) -> None:
        """Wait for a GPU that was taken away, as it is often given back at once, but not for long."""
        for _ in range(LOOKS):
            if self.refused.get("webgl") != AWAY:
                break
            await clock.sleep(BACK_SECONDS / LOOKS)


_backends = Backends()


def current() -> Runtime:
    """The runtime in use, for what no plan decides."""
    return _backends.home()


def of(
    tensors: Iterable[Tensor], graph: Graph | None = None, trains: bool = False, before: Runtime | None = None
) -> Runtime:
    """Who computes a graph of tensors; ``trains``: many times, with state. ``before`` made the steps before."""
    return _backends.of(tensors, graph, trains, before)


def stand_in(graph: Graph, runtime: Runtime) -> Runtime | None:
    """Who makes the steps of a graph until the runtime that was chosen for them has compiled them, if anybody."""
    return _backends.stand_in(graph, runtime)


def is_in_use(runtime: Runtime | None) -> bool:
    """Whether a runtime was started, and its device is there still."""
    return runtime in _backends.started.values()


async def regained() -> None:
    """Wait a moment for a device that was lost."""
    await _backends.regained()


def get_backend() -> str:
    """The name of the backend that computed last, or will: ``"webgl"``, ``"wasm"``, ``"numpy"`` or ``"softgpu"``.

    >>> import weblayers as wl
    >>> wl.get_backend() in ("webgl", "wasm", "numpy", "softgpu")
    True
    """
    return _backends.in_use().name


def block() -> int:
    """How many rows of a product a fragment computes on the device in use; see :class:`~.plan_device.PlanDevice`."""
    runtime = _backends.in_use()
    return int(runtime.device.block) if hasattr(runtime, "device") else 4


def halves() -> bool:
    """Whether the device in use can keep activations in half precision."""
    runtime = _backends.in_use()
    return hasattr(runtime, "device") and bool(runtime.device.halves)


def why() -> str:
    """A sentence that says who computes, and why.

    >>> import weblayers as wl
    >>> wl.why().startswith(f"{wl.get_backend()} computes: ")
    True
    """
    name = get_backend()
    reason = f"set_backend({name!r}) asked for it" if _backends.fixed == name else _backends.reason
    return f"{name} computes: {reason}"


class Done:
    """What was done at once, for programs that await it."""

    def __await__(self) -> Generator[Any, None, bool]:
        return True
        yield


def set_backend(name: str) -> Done:
    """Compute with ``"webgl"``, ``"wasm"``, ``"numpy"`` or ``"softgpu"`` from now on, or let each plan decide:
    ``"auto"``, which is how it begins. Tensors move when they are next used.

    ``"wasm"`` is WebAssembly SIMD on the CPU; outside of browsers it needs the package ``wasmtime``.
    ``"softgpu"`` runs what WebGL would run with NumPy, slowly: it is for tests of plans where there is no browser.

    It may be awaited, as in TensorFlow.js, and need not be.

    Raises:
        ValueError: for any other name.
        RuntimeError: if the backend does not work here, with the reason.
    """
    if name not in BACKENDS:
        raise ValueError(f"unknown backend {name!r}; expected one of {', '.join(map(repr, BACKENDS))}")
    if name != "auto":
        _backends.start(name)
    _backends.fixed = None if name == "auto" else name
    return Done()


def used() -> list[Runtime]:
    """The runtimes that were used: the one that was asked for, or all that were started."""
    home = _backends.home()
    return [home] if _backends.fixed is not None else list(_backends.started.values())


def set_checked(on: bool) -> None:
    """Look for errors after each draw, or stop doing so."""
    for runtime in _backends.started.values():
        runtime.set_checked(on)


async def ready() -> None:
    """Load the glue now. Needed only on pages whose policy forbids evaluating code but allows ``blob:``."""
    if in_browser() and _backends.module is None:
        _backends.module = await glue.load_async()
    _backends.home()


def _no_browser() -> PlanRuntime:
    raise RuntimeError("the webgl backend needs a browser: run this in Pyodide")


def _plain_message(error: Exception) -> str:
    """A JavaScript error's message without its class name."""
    return str(error).removeprefix("Error: ")
