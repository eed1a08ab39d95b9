"""Finds the JavaScript glue, in whatever way the host page's content-security policy allows.

(F) The host registered it: ``pyodide.registerJsModule("weblayers_glue", glue)``. Works under every policy.
(D) A module script from a blob URL. Needs ``script-src blob:`` and an await, so only :func:`load_async` can do it.
(A) Evaluation of the source. Needs ``script-src 'unsafe-eval'``.
"""

from __future__ import annotations

import importlib
from typing import Any

from . import border

MODULE = "weblayers_glue"


class GlueError(RuntimeError):
    """The glue could not be loaded; the message says what the page has to allow."""


def load() -> Any:
    """The glue, without waiting: (F), else (A)."""
    registered = _registered()
    if registered is not None:
        return registered
    from pyodide.code import run_js

    try:
        return run_js(f"{_source('weblayers_glue.js')}\nweblayersGlue")
    except Exception as error:
        raise GlueError(
            "the page's content-security policy forbids evaluating the weblayers glue. Either import it in the page"
            f' and call pyodide.registerJsModule("{MODULE}", glue), or `await wl.ready()` first (needs script-src'
            f" blob:), or allow script-src 'unsafe-eval'. The browser said: {error}"
        ) from error


async def load_async() -> Any:
    """The glue: (F), else (D), else (A)."""
    registered = _registered()
    if registered is not None:
        return registered
    page = border.document()
    if page is not None:
        try:
            return await _from_blob(page)
        except Exception:  # the policy forbids blob: or the script did not run; (A) says what is missing
            pass
    return load()


def has_hdf5() -> bool:
    """Whether the host has registered a glue that knows where the library of HDF5 files is."""
    return hasattr(_registered(), "hdf5")


async def hdf5() -> Any | None:
    """A new library of HDF5 files, which lies beside the glue; None where there is none."""
    from pyodide.ffi import JsException

    try:
        return await importlib.import_module(MODULE).hdf5() if has_hdf5() else None
    except JsException:
        # the console tells which file was not there
        return None


def _registered() -> Any | None:
    try:
        return importlib.import_module(MODULE)
    except ImportError:
        return None


async def _from_blob(page: Any) -> Any:
    import js
    from pyodide.ffi import create_once_callable, to_js

    source = _source("weblayers_glue.js") + "\nglobalThis.weblayersGlue = weblayersGlue;"
    blob = js.Blob.new(to_js([source]), to_js({"type": "text/javascript"}, dict_converter=js.Object.fromEntries))
    url = js.URL.createObjectURL(blob)
    script = page.createElement("script")
    script.type, script.src = "module", url

    def settle(resolve: Any, reject: Any) -> None:
        script.onload, script.onerror = resolve, reject
        page.head.appendChild(script)

    try:
        await js.Promise.new(create_once_callable(settle))
        return js.weblayersGlue
    finally:
        js.URL.revokeObjectURL(url)
        script.remove()


def _source(name: str) -> str:
    from importlib import resources

    return (resources.files("weblayers") / "glue" / name).read_text(encoding="utf-8")
