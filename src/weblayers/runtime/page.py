"""The page around: its frames, and places in it (or in a notebook) where something can be shown."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from . import border, clock

# How often a page draws, and how long a frame is waited for, as a page may be hidden meanwhile.
FRAME_SECONDS = 1 / 60
HIDDEN_SECONDS = 0.1


async def next_frame() -> None:
    """Wait for the page's next frame; where there is none (a worker, a hidden page, CPython), for the next turn.

    >>> import asyncio, weblayers as wl
    >>> asyncio.run(wl.next_frame())
    """
    if _is_seen():
        await _frame()
    else:
        await asyncio.sleep(0)


class Turns:
    """Turns for all others while the host computes: in a page's own thread the page draws its frames meanwhile.

    Its event loop turns by messages, which browsers prefer to frames: so a frame that is overdue is waited for, and no
    other.
    """

    def __init__(self) -> None:
        self._frame: asyncio.Future[Any] | None = None
        self._asked = 0.0

    async def give(self) -> None:
        await asyncio.sleep(0)
        if not _is_seen():
            return
        if self._frame is not None and clock.now() - self._asked > FRAME_SECONDS:
            await asyncio.wait([self._frame], timeout=HIDDEN_SECONDS)
        if self._frame is None or self._frame.done():
            self._frame, self._asked = _frame(), clock.now()


def _is_seen() -> bool:
    """Whether there is a page that has frames: not in a worker, nor where it is hidden."""
    if sys.platform != "emscripten":
        return False
    document = border.document()
    return document is not None and not document.hidden


def _frame() -> asyncio.Future[Any]:
    """The page's next frame."""
    import js
    from pyodide.ffi import create_once_callable

    frame = asyncio.get_running_loop().create_future()
    js.requestAnimationFrame(create_once_callable(frame.set_result))
    return frame


def place(target: Any = None) -> Callable[[str], None]:
    """A function that shows HTML, each time in the place of what it showed before.

    Args:
        target: an element of the page, or a CSS selector of one. Left out, the place is the notebook's cell.

    Raises:
        RuntimeError: there is no such element, or no notebook.
    """
    if target is None:
        try:
            from IPython.display import HTML, display  # type: ignore[import-not-found]
        except ImportError:
            raise RuntimeError(
                "there is no notebook to show something in: give an element of the page, or a selector of one"
            ) from None
        handle = display(HTML(""), display_id=True)
        return lambda text: handle.update(HTML(text))
    element = _selected(target) if isinstance(target, str) else target

    def show(text: str) -> None:
        element.innerHTML = text

    return show


def _selected(selector: str) -> Any:
    try:
        document = border.document()
    except ImportError:
        raise RuntimeError(f"there is no page to find {selector!r} in") from None
    if document is None:
        raise RuntimeError(f"a worker has no page to find {selector!r} in: show progress from the main thread")
    element = border.given(document.querySelector(selector))
    if element is None:
        raise RuntimeError(f"the page has no element {selector!r}")
    return element


# -- pictures ---------------------------------------------------------------------------------------------------------


def js_object(value: Any) -> Any:
    """A JavaScript object of a dictionary."""
    import js
    from pyodide.ffi import to_js

    return to_js(value, dict_converter=js.Object.fromEntries)


def pixels(source: Any, width: int, height: int) -> np.ndarray:
    """What an image, video, canvas or bitmap shows, as RGBA bytes ``[height, width, 4]``."""
    import js

    if hasattr(js, "OffscreenCanvas"):
        canvas = js.OffscreenCanvas.new(width, height)
    else:
        canvas = js.document.createElement("canvas")
        canvas.width, canvas.height = width, height
    context = border.given(canvas.getContext("2d", js_object({"willReadFrequently": True})))
    context.drawImage(source, 0, 0, width, height)
    data = context.getImageData(0, 0, width, height).data
    return np.frombuffer(data.to_bytes(), np.uint8).reshape(height, width, 4)


def paint(canvas: Any, rgba: np.ndarray, attributes: dict[str, Any] | None = None) -> None:
    """Have a canvas take the size of RGBA bytes ``[height, width, 4]``, and show them."""
    import js

    height, width, _ = rgba.shape
    canvas.width, canvas.height = width, height
    context = border.given(canvas.getContext("2d", js_object(attributes or {})))
    if context is None:
        raise RuntimeError("the canvas has a context of another kind than 2d already: give another canvas")
    data = js.ImageData.new(width, height)
    data.data.assign(np.ascontiguousarray(rgba).reshape(-1))
    context.putImageData(data, 0, 0)
