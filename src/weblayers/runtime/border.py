"""The border to JavaScript: what every module that reads from it has to know."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def given(value: Any) -> Any:
    """A value of JavaScript's; its ``null``, which newer versions of Pyodide hand over as an object, is None."""
    return None if value is getattr(sys.modules.get("pyodide.ffi"), "jsnull", None) else value


def attribute(owner: Any, name: str) -> Any:
    """An attribute of a JavaScript object; None where it is missing, undefined or null."""
    return given(getattr(owner, name, None))


def document() -> Any:
    """The page's document; None in a worker, also where a library shows it the page's from afar."""
    import js

    scope = attribute(js, "WorkerGlobalScope")
    if scope is not None and scope.prototype.isPrototypeOf(js.globalThis):
        return None
    return attribute(js, "document")


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """An exception that the browser throws is an OSError that says what was refused."""
    from pyodide.ffi import JsException

    try:
        yield
    except JsException as error:
        raise OSError(f"the browser refused {what}: {error}") from error
