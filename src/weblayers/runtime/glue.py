"""Finds the JavaScript glue, in whatever way the host page's content-security policy allows.

(F) The host registered it: ``pyodide.registerJsModule("weblayers_glue", glue)``. Works under every policy.
(D) A module script from a blob URL. Needs ``script-src blob:`` and an await, so only :func:`load_async` can do it.
(A) Evaluation of the source. Needs ``script-src 'unsafe-eval'``.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from typing import Any

from . import border

MODULE = "weblayers_glue"
HDF5 = "io/keras/assets/weblayers_hdf5.mjs"

# The module of this package's own library of HDF5 files, once it is loaded.
_hdf5: Any = None


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
    """Whether there is the library of HDF5 files: beside the registered glue, or in this package."""
    return hasattr(_registered(), "hdf5") or (resources.files("weblayers") / HDF5).is_file()


async def hdf5() -> Any | None:
    """A new library of HDF5 files; None where there is none, or the page may not load it."""
    from pyodide.ffi import JsException

    registered: Any = _registered()
    try:
        if hasattr(registered, "hdf5"):
            return await registered.hdf5()
        return await (await _hdf5_from_blob()).createLibrary() if has_hdf5() else None
    except JsException:
        # the console tells what was not there, or forbidden
        return None


async def _hdf5_from_blob() -> Any:
    global _hdf5
    from pyodide.code import run_js

    if _hdf5 is None:
        with _blob_url((resources.files("weblayers") / HDF5).read_text(encoding="utf-8")) as url:
            _hdf5 = await run_js("(url) => import(url)")(url)
    return _hdf5


def _registered() -> Any | None:
    try:
        return importlib.import_module(MODULE)
    except ImportError:
        return None


async def _from_blob(page: Any) -> Any:
    import js
    from pyodide.ffi import create_once_callable

    script = page.createElement("script")
    script.type = "module"

    def settle(resolve: Any, reject: Any) -> None:
        script.onload, script.onerror = resolve, reject
        page.head.appendChild(script)

    with _blob_url(_source("weblayers_glue.js") + "\nglobalThis.weblayersGlue = weblayersGlue;") as script.src:
        try:
            await js.Promise.new(create_once_callable(settle))
            return js.weblayersGlue
        finally:
            script.remove()


@contextmanager
def _blob_url(source: str) -> Iterator[str]:
    """A URL of a script, for a while."""
    import js
    from pyodide.ffi import to_js

    blob = js.Blob.new(to_js([source]), to_js({"type": "text/javascript"}, dict_converter=js.Object.fromEntries))
    url = js.URL.createObjectURL(blob)
    try:
        yield url
    finally:
        js.URL.revokeObjectURL(url)


def _source(name: str) -> str:
    return (resources.files("weblayers") / "glue" / name).read_text(encoding="utf-8")
