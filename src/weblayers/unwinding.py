"""Long chains of objects, taken apart link by link.

Python frees what an object holds while it frees the object, so a chain takes a stack as deep as it is long. Browsers
have none: a few thousand links end Pyodide, and all that the program knew.
"""

from __future__ import annotations

# What objects held that are gone: their ``__del__`` hands it over, keeps no reference, and calls :func:`unwind`.
held: list[object] = []
_running: list[bool] = []


def unwind() -> None:
    """Drop what is held, and what goes with it, one after the other."""
    if _running:
        return
    _running.append(True)
    while held:
        held.pop()
    _running.clear()
