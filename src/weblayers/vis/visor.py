"""The visor: a panel at the page's edge with charts on tabs, as TensorFlow.js has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import naming
from ..page.hosts import host

DEFAULT_TAB = "Visor"


@dataclass(frozen=True)
class Surface:
    """A place in the visor, to be a chart's container."""

    name: str
    tab: str = DEFAULT_TAB
    styles: Mapping[str, Any] = field(default_factory=dict)


class Visor(naming.Named):
    """Opens and closes the panel, and makes places in it; see :func:`weblayers.vis.visor`."""

    def __init__(self) -> None:
        self._is_open = False
        self._surfaces: dict[str, Surface] = {}
        self.listen()

    def listen(self) -> None:
        """Hear from the page when its reader opens or closes the panel."""
        host().on("visor", self._heard)

    def is_open(self) -> bool:
        return self._is_open

    def open(self) -> None:
        self._turn(True)

    def close(self) -> None:
        self._turn(False)

    def toggle(self) -> None:
        self._turn(not self._is_open)

    def surface(self, name: Any, tab: str | None = None, styles: Mapping[str, Any] | None = None) -> Surface:
        """The place of that name; making a new one opens the panel, and another tab moves one that there is.

        Args:
            name: its heading, or all of this as ``{"name": "Loss", "tab": "Training"}``.
            tab: the tab that it is on, ``"Visor"`` by default.
            styles: its ``width`` and ``height``, as in CSS.

        Raises:
            ValueError: there is no name.

        >>> import weblayers as wl
        >>> wl.vis.visor().surface({"name": "Loss", "tab": "Training"})
        Surface(name='Loss', tab='Training', styles={})
        """
        if isinstance(name, Mapping):
            return self.surface(**naming.arguments(self.surface, "a surface", name))
        if not isinstance(name, str) or not name:
            raise ValueError(f"a surface has a name, got {name!r}")
        known = self._surfaces.get(name)
        if known is not None:
            tab, styles = tab or known.tab, styles or known.styles
        made = Surface(name, tab or DEFAULT_TAB, dict(styles or {}))
        self._surfaces[name] = made
        # each time, as the page may have begun anew
        self._post("surface", name=made.name, tab=made.tab, styles=dict(made.styles))
        if known is None:
            self.open()
        return made

    def set_active_tab(self, name: str) -> None:
        """Turn to a tab.

        Raises:
            ValueError: no surface is on such a tab.
        """
        tabs = {surface.tab: True for surface in self._surfaces.values()}
        if name not in tabs:
            raise ValueError(f"there is no tab {name!r}. {naming.suggestion(name, tabs)}".rstrip())
        self._post("tab", name=name)

    def _turn(self, is_open: bool) -> None:
        self._is_open = is_open
        self._post("open" if is_open else "close")

    def _heard(self, value: Any) -> None:
        self._is_open = bool(value)

    def _post(self, action: str, **more: Any) -> None:
        host().post({"type": "visor", "action": action, **more})


_visors: list[Visor] = []


def visor() -> Visor:
    """The page's visor; pages without one, notebooks and terminals show its charts where they show all else.

    >>> import weblayers as wl
    >>> wl.vis.visor().close()
    >>> wl.vis.visor().is_open()
    False
    """
    if not _visors:
        _visors.append(Visor())
    # another program of this page may have begun since
    _visors[0].listen()
    return _visors[0]


def where_of(container: Any) -> str | None:
    """The name of a place, as ``wl.page.show`` takes it.

    Raises:
        TypeError: it is no container.
    """
    if container is None or isinstance(container, str):
        return container
    if isinstance(container, Surface):
        return container.name
    if isinstance(container, Mapping):
        return visor().surface(container).name
    raise TypeError(
        f'a chart goes to a name, {{"name": ..., "tab": ...}}, a surface of the visor, or None, not to {container!r}'
    )
