"""What programs ask the page's reader for."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from .checks import check_common
from .hosts import host

_numbers = itertools.count()


class Control:
    """Something to set. :attr:`value` is what it is set to; setting it moves the control on the page,
    and raises what making the control with that value would.

    Args:
        check: gives a value as the control has it, or raises what is against it.
    """

    def __init__(
        self,
        kind: str,
        label: str,
        check: Callable[[Any], Any],
        value: Any,
        on_change: Callable[[Any], Any] | None = None,
        where: str | None = None,
        linked: bool = True,
        **options: Any,
    ) -> None:
        check_common(kind, label, on_change, where)
        value = check(value)
        self._is_whole = type(value) is int and kind in ("slider", "number") and options.get("step", 1) == 1
        self.label, self._kind, self._check, self._on_change = label, kind, check, on_change
        self._value = value
        if linked and label in host().given:
            # addresses of pages may hold anything
            with suppress(TypeError, ValueError):
                self._value = self._checked(host().given[label])
        self._id = f"control{next(_numbers)}"
        host().on(self._id, self._heard)
        about = {"id": self._id, "kind": kind, "label": label, "value": self._value, "where": where, "linked": linked}
        # JavaScript does not tell 3.0 from 3
        host().post({"type": "control", **about, **options, "whole": self._is_whole})

    @property
    def value(self) -> Any:
        return self._value

    @value.setter
    def value(self, value: Any) -> None:
        self._value = self._checked(value)
        host().post({"type": "set", "id": self._id, "value": self._value})

    def _checked(self, value: Any) -> Any:
        value = self._check(value)
        return round(value) if self._is_whole else value

    def _heard(self, value: Any) -> Any:
        self._value = round(value) if self._is_whole else value
        return None if self._on_change is None else self._on_change(self._value)

    def __repr__(self) -> str:
        return f"<{self._kind} {self.label!r}: {self._value!r}>"


class Button:
    """Something to click; see :func:`weblayers.page.button`."""

    def __init__(self, label: str, on_click: Callable[[], Any], where: str | None = None) -> None:
        check_common("button", label, on_click, where, is_optional=False)
        self.label, self._on_click = label, on_click
        self._id = f"control{next(_numbers)}"
        self._is_busy = False
        host().on(self._id, lambda _: self._clicked())
        host().post({"type": "control", "id": self._id, "kind": "button", "label": label, "where": where})

    def click(self) -> None:
        """Do what a click does."""
        host().run(self._clicked)

    def _clicked(self) -> Any:
        if self._is_busy:
            return None
        result = self._on_click()
        return self._working(result) if hasattr(result, "__await__") else None

    async def _working(self, work: Any) -> None:
        self._busy(True)
        try:
            await work
        finally:
            self._busy(False)

    def _busy(self, is_busy: bool) -> None:
        self._is_busy = is_busy
        host().post({"type": "busy", "id": self._id, "busy": is_busy})

    def __repr__(self) -> str:
        return f"<button {self.label!r}>"
