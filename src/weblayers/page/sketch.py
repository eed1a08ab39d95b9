"""Lines that grow, as a small picture without scripts: what a notebook shows of a training while it runs."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .thinning import thin

# Those of the charts that a page draws.
COLORS = ("#4269d0", "#e07b00", "#d6455d", "#2a9d8f", "#8a52d9", "#7a9a01", "#c64ea3", "#8c6a4f")
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 360, 180, 56, 8, 20
# Stretches of a line that are told apart: more than a picture of this width shows.
STRETCHES = 100

Line = tuple[list[float], list[float]]


class Sketch:
    """The line charts of something that was shown, which grow by :meth:`add`.

    Args:
        chart: as whoever draws it is told: one of lines, or a group.
    """

    def __init__(self, chart: Mapping[str, Any]) -> None:
        self._is_group = chart["kind"] == "group"
        members = chart["data"]["charts"] if self._is_group else [chart]
        self._charts: dict[str, dict[str, Line]] = {
            each["title"]: {one["name"]: (list(one["x"]), list(one["y"])) for one in each["data"]["series"]}
            for each in members
            if each["kind"] == "lines"
        }

    @classmethod
    def of(cls, chart: Mapping[str, Any]) -> Sketch | None:
        """A sketch of a chart; None where it has no lines."""
        made = cls(chart)
        return made if made._charts else None

    def add(self, points: Mapping[str, Any]) -> None:
        """Points by their lines' names, in a group below the charts' titles; see :func:`weblayers.page.add`."""
        for title, lines in (points if self._is_group else dict.fromkeys(self._charts, points)).items():
            for name, (x, y) in lines.items():
                xs, ys = self._charts[title].setdefault(name, ([], []))
                xs += np.atleast_1d(x).tolist()
                ys += np.atleast_1d(y).tolist()
                thin(xs, [ys], STRETCHES)

    def html(self) -> str:
        """The pictures side by side."""
        drawn = "".join(_figure(title, lines) for title, lines in self._charts.items())
        return f'<div style="display:flex;flex-wrap:wrap;gap:16px">{drawn}</div>'


def _figure(title: str, lines: Mapping[str, Line]) -> str:
    known = {name: _finite(line) for name, line in lines.items()}
    every = [point for points in known.values() for point in points]
    if not every:
        return ""
    (left, right), (low, high) = (_limits([point[axis] for point in every]) for axis in (0, 1))
    across, down = WIDTH - LEFT - 8, HEIGHT - TOP - BOTTOM

    def place(x: float, y: float) -> str:
        return f"{LEFT + across * (x - left) / (right - left):.1f},{TOP + down * (high - y) / (high - low):.1f}"

    drawn, words = [], []
    for i, (name, points) in enumerate(known.items()):
        color = COLORS[i % len(COLORS)]
        where = " ".join(place(x, y) for x, y in points)
        drawn.append(f'<polyline points="{where}" fill="none" stroke="{color}" stroke-width="2"/>')
        if points:
            words.append(f'<span style="color:{color}">■</span> {html.escape(name)} {points[-1][1]:.4g}')
    labels = "".join(
        f'<text x="{x}" y="{y}" text-anchor="{anchor}">{value:.3g}</text>'
        for x, y, anchor, value in (
            (LEFT - 6, TOP + 10, "end", high),
            (LEFT - 6, TOP + down, "end", low),
            (LEFT, HEIGHT - 4, "start", left),
            (WIDTH - 8, HEIGHT - 4, "end", right),
        )
    )
    text = html.escape(f"{title}: " + ", ".join(f"{n} {p[-1][1]:.4g}" for n, p in known.items() if p), quote=True)
    return (
        f'<figure style="margin:0"><figcaption>{html.escape(title)}: {", ".join(words)}</figcaption>'
        f'<svg role="img" aria-label="{text}" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        f' font-size="11" fill="currentColor"><path d="M{LEFT},{TOP}V{TOP + down}H{WIDTH - 8}" fill="none"'
        f' stroke="currentColor" stroke-opacity="0.4"/>{labels}{"".join(drawn)}</svg></figure>'
    )


def _finite(line: Line) -> list[tuple[float, float]]:
    pairs = zip(*line, strict=True)
    return [(x, y) for x, y in pairs if x is not None and y is not None and math.isfinite(x) and math.isfinite(y)]


def _limits(values: list[float]) -> tuple[float, float]:
    """The lowest and the highest, apart from each other."""
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)
