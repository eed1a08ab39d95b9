"""Which runtime computes. WebGL2 in a browser that has it, NumPy otherwise; the choice is made at first use."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Generator
from typing import Any

from . import glue
from .base import Runtime
from .numpy_runtime import NumpyRuntime

BACKENDS = ("webgl", "softgpu", "numpy")

_numpy = NumpyRuntime()
_softgpu: Runtime | None = None
_webgl: Runtime | None = None
_current: Runtime | None = None
_reason: str | None = None


def in_browser() -> bool:
    return sys.platform == "emscripten"


def current() -> Runtime:
    """The runtime in use."""
    if _current is None:
        _choose(None)
    assert _current is not None
    return _current


def get_backend() -> str:
    """The name of the backend in use: ``"webgl"``, ``"numpy"`` or ``"softgpu"``.

    >>> import weblayers as wl
    >>> wl.get_backend() in ("webgl", "numpy", "softgpu")
    True
    """
    return current().name


class Done:
    """What was done at once, for programs that await it."""

    def __await__(self) -> Generator[Any, None, bool]:
        return True
        yield


def set_backend(name: str) -> Done:
    """Compute with ``"webgl"``, ``"numpy"`` or ``"softgpu"`` from now on; tensors move when they are next used.

    ``"softgpu"`` runs what WebGL would run with NumPy, slowly: it is for tests of plans where there is no browser.

    It may be awaited, as in TensorFlow.js, and need not be.

    Raises:
        ValueError: for any other name.
        RuntimeError: if the backend does not work here, with the reason.
    """
    global _current
    if name not in BACKENDS:
        raise ValueError(f"unknown backend {name!r}; expected one of {', '.join(map(repr, BACKENDS))}")
    _current = _numpy if name == "numpy" else _start_softgpu() if name == "softgpu" else _start_webgl(None)
    return Done()


def set_checked(on: bool) -> None:
    """Look for errors after each draw, or stop doing so."""
    current().set_checked(on)


def fallback_reason() -> str | None:
    """Why NumPy computes although this is a browser; None when it does not."""
    current()
    return _reason


async def ready() -> None:
    """Choose the backend now. Needed only on pages whose policy forbids evaluating code but allows ``blob:``."""
    module = await glue.load_async() if in_browser() and _current is None else None
    if _current is None:
        _choose(module)


def _choose(module: Any | None) -> None:
    global _current
    _current = _numpy
    if not in_browser():
        return
    try:
        _current = _start_webgl(module)
    except Exception as error:
        _fell_back(str(error))


def _fell_back(reason: str) -> None:
    global _reason
    _reason = reason
    warnings.warn(f"weblayers computes with NumPy, on the CPU: {reason}", stacklevel=5)


def _start_softgpu() -> Runtime:
    global _softgpu
    if _softgpu is None:
        # who only builds models, or computes with NumPy, does without the compiler
        from . import starting

        _softgpu = starting.softgpu()
    return _softgpu


def _start_webgl(module: Any | None) -> Runtime:
    global _webgl
    if _webgl is None:
        if not in_browser():
            raise RuntimeError("the webgl backend needs a browser: run this in Pyodide")
        from . import starting

        module = module or glue.load()
        try:
            _webgl = starting.webgl(module, _restored)
        except Exception as error:
            raise RuntimeError(_plain_message(error)) from error
    return _webgl


def _restored(device: Any) -> None:
    """Compute on a new device: the old one and what only it had are gone with the GPU that the browser took away."""
    global _webgl, _current
    from . import starting

    lost, _webgl = _webgl, None
    try:
        _webgl = starting.tried(device)
    except Exception as error:
        if _current is lost:
            _fell_back(_plain_message(error))
    if _current is lost:
        _current = _webgl or _numpy


def _plain_message(error: Exception) -> str:
    """A JavaScript error's message without its class name."""
    return str(error).removeprefix("Error: ")
