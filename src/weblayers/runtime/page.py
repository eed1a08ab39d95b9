"""Places in a page or a notebook where something can be shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


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
        import js
    except ImportError:
        raise RuntimeError(f"there is no page to find {selector!r} in") from None
    if not hasattr(js, "document"):
        raise RuntimeError(f"a worker has no page to find {selector!r} in: show progress from the main thread")
    element = js.document.querySelector(selector)
    if element is None:
        raise RuntimeError(f"the page has no element {selector!r}")
    return element
