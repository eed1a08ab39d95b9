"""Pictures of models: a card for each use of a layer, as SVG."""

from __future__ import annotations

import html
import itertools
import math
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .. import tree
from ..layers.core import InputLayer
from ..layers.operation import Operation
from ..layers.symbolic import LayerCall
from ..layers.wrappers import Wrapper
from .arranging import Point, arrange
from .functional import Model

# Sizes in pixels.
TEXT, LINE, PADDING, CORNER = 12.0, 17.0, 10.0, 7.0
GAP_ACROSS, GAP_ALONG, MARGIN, TITLE = 26.0, 34.0, 12.0, 24.0
LONGEST = 44
# Of more layers the words name some.
MOST_KINDS = 20

# Colours of the cards' stripes, by the module that a layer's class comes from.
COLOURS = {
    "attention": "#c2410c",
    "cells": "#7c3aed",
    "conv_lstm": "#7c3aed",
    "convolutional": "#2563eb",
    "merging": "#b45309",
    "normalization": "#0d9488",
    "pooling": "#0284c7",
    "recurrent": "#7c3aed",
    "regularization": "#94a3b8",
    "separable": "#2563eb",
    "transformer": "#c2410c",
}
DEFAULT_COLOUR, INPUT_COLOUR, DENSE_COLOUR, MODEL_COLOUR = "#64748b", "#16a34a", "#db2777", "#475569"

# An SVG inside a page shares its styles: these are for pictures of models alone.
STYLE = """
.weblayers-plot .card{fill:#fff;stroke:#cbd5e1}
.weblayers-plot .group{fill:#94a3b8;fill-opacity:.12;stroke:#94a3b8;stroke-dasharray:5 4}
.weblayers-plot .edge{fill:none;stroke:#8492a6;stroke-width:1.5}
.weblayers-plot text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;fill:#475569}
.weblayers-plot .kind{font-weight:600;fill:#0f172a}
.weblayers-plot .outside{fill:#7b8794;font-weight:600}
.weblayers-plot .label{fill:#94a3b8}
.weblayers-plot .shape{font-family:ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;font-size:11px;fill:#334155}
""".replace("\n", "")


class Drawing:
    """A picture. Notebooks show it; ``str`` gives the SVG."""

    def __init__(self, svg: str) -> None:
        self._svg = svg

    def _repr_svg_(self) -> str:
        return self._svg

    def __str__(self) -> str:
        return self._svg

    def save(self, path: str | Path) -> None:
        """Write the SVG into a file."""
        Path(path).write_text(self._svg, encoding="utf-8")


class _Options(NamedTuple):
    shapes: bool
    dtype: bool
    names: bool
    sideways: bool
    nested: bool


class _Piece(NamedTuple):
    """Something to draw: its size, and its SVG with the corner at the origin."""

    size: Point
    svg: str


def plot_model(
    model: Any,
    to_file: str | Path | None = None,
    show_shapes: bool = True,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
) -> Drawing:
    """Draw the graph of a model's layers as SVG.

    A layer that is used several times has a card for each use. A subclassed model, whose graph is its Python code, is
    one card.

    Args:
        model: any model.
        to_file: where to write the SVG, besides returning it; its name ends with ``.svg``.
        show_shapes: whether cards have the shapes of inputs and outputs.
        show_dtype: whether they have the outputs' dtypes.
        show_layer_names: whether they have the layers' names besides their classes.
        rankdir: ``"TB"`` from top to bottom, ``"LR"`` from left to right.
        expand_nested: whether to draw what is inside models that are layers of the model.

    Raises:
        ValueError: for another ``rankdir`` or kind of file.

    >>> import weblayers as wl
    >>> model = wl.sequential([wl.layers.dense(units=1, input_shape=[3], name="out")])
    >>> "(None, 3)" in str(wl.plot_model(model))
    True
    """
    if rankdir not in ("TB", "LR"):
        raise ValueError(f"unknown rankdir {rankdir!r}; expected 'TB' or 'LR'")
    if to_file is not None and Path(to_file).suffix.lower() != ".svg":
        raise ValueError(f"plot_model writes SVG: to_file must end with .svg, got {str(to_file)!r}")
    options = _Options(show_shapes, show_dtype, show_layer_names, rankdir == "LR", expand_nested)
    piece = _graph(model, options)
    width, height = (math.ceil(v + 2 * MARGIN) for v in piece.size)
    drawing = Drawing(
        f'<svg xmlns="http://www.w3.org/2000/svg" class="weblayers-plot" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}" role="img" aria-label="{_escaped(_words(model))}"'
        f' style="max-width:100%"><style>{STYLE}</style>'
        '<defs><marker id="weblayers-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
        ' orient="auto"><path d="M0 0 8 4 0 8z" fill="#8492a6"/></marker></defs>'
        f"{_moved(piece, (MARGIN, MARGIN))}</svg>"
    )
    if to_file is not None:
        drawing.save(to_file)
    return drawing


def _words(model: Model) -> str:
    """What is drawn, for those who do not see it: the kinds of layers; of many, the first and the last."""
    kinds = [_kind(call.layer) for call in model.calls]
    if len(kinds) > MOST_KINDS:
        kinds = [*kinds[: MOST_KINDS // 2], f"{len(kinds) - MOST_KINDS} more", *kinds[-MOST_KINDS // 2 :]]
    return f"{model.name}: {', '.join(kinds) or _kind(model)}"


def _graph(model: Model, options: _Options) -> _Piece:
    calls = model.calls
    if not calls:
        return _card(_kind(model), model.name, [], MODEL_COLOUR, options)
    pieces = [_use(call, calls, options) for call in calls]
    at = {id(call): i for i, call in enumerate(calls)}
    edges = [(at[id(w.call)], i) for i, call in enumerate(calls) for w in call.sources if id(w.call) in at]
    turned = _turned if options.sideways else _same
    layout = arrange([turned(p.size) for p in pieces], edges, GAP_ACROSS, GAP_ALONG)
    lines = [
        f'<path class="edge" d="{_curve(way, options.sideways)}" marker-end="url(#weblayers-tip)"/>'
        for way in layout.ways.values()
    ]
    cards = []
    for piece, middle in zip(pieces, layout.middles, strict=True):
        x, y = turned(middle)
        cards.append(_moved(piece, (x - piece.size[0] / 2, y - piece.size[1] / 2)))
    return _Piece(turned(layout.extent), "".join([*lines, *cards]))


def _same(point: Point) -> Point:
    return point


def _turned(point: Point) -> Point:
    return point[1], point[0]


def _curve(way: list[Point], sideways: bool) -> str:
    """A path that leaves and reaches each of its points along the direction of the graph."""
    turned = _turned if sideways else _same
    commands = [f"M{_pair(turned(way[0]))}"]
    for (a, start), (b, end) in itertools.pairwise(way):
        middle = (start + end) / 2
        commands.append("C" + " ".join(_pair(turned(p)) for p in ((a, middle), (b, middle), (b, end))))
    return "".join(commands)


def _use(call: LayerCall, calls: Sequence[LayerCall], options: _Options) -> _Piece:
    layer = call.layer
    if options.nested and isinstance(layer, Model) and layer.calls:
        return _group(layer, options)
    uses = [c for c in calls if c.layer is layer]
    name = layer.name if len(uses) == 1 else f"{layer.name} · use {uses.index(call) + 1} of {len(uses)}"
    rows = []
    if options.shapes:
        rows += [("in", str(w.shape)) for w in call.sources]
        rows += [("out", str(w.shape)) for w in tree.leaves(call.outputs)]
    if options.dtype:
        rows.append(("dtype", ", ".join(dict.fromkeys(w.dtype for w in tree.leaves(call.outputs)))))
    return _card(_kind(layer), name, rows, _colour(layer), options)


def _kind(layer: Any) -> str:
    if isinstance(layer, Operation):
        return layer.op
    inner = f"({layer.layer.class_name})" if isinstance(layer, Wrapper) else ""
    return f"{layer.class_name}{inner}"


def _colour(layer: Any) -> str:
    if isinstance(layer, Model):
        return MODEL_COLOUR
    if isinstance(layer, InputLayer):
        return INPUT_COLOUR
    module = type(layer).__module__.rpartition(".")[2]
    return DENSE_COLOUR if layer.weights and module == "core" else COLOURS.get(module, DEFAULT_COLOUR)


def _card(kind: str, name: str, rows: list[tuple[str, str]], colour: str, options: _Options) -> _Piece:
    heads = [("kind", kind), *([("name", name)] if options.names else [])]
    label = max((_width(label) for label, _ in rows), default=0.0) + 8
    widths = [_width(text) * (1.08 if style == "kind" else 1) for style, text in heads]
    widths += [label + len(_short(value)) * 11 * 0.602 for _, value in rows]
    width = max(70.0, math.ceil(max(widths))) + 2 * PADDING + CORNER
    height = LINE * (len(heads) + len(rows)) + 2 * PADDING - 5
    left, y = CORNER + PADDING, PADDING + TEXT - 3
    lines = []
    for style, text in heads:
        lines.append(f'<text class="{style}" x="{left:g}" y="{y:g}">{_escaped(_short(text))}</text>')
        y += LINE
    for text, value in rows:
        lines.append(f'<text class="label" x="{left:g}" y="{y:g}">{text}</text>')
        lines.append(f'<text class="shape" x="{left + label:g}" y="{y:g}">{_escaped(_short(value))}</text>')
        y += LINE
    arc, low = f"A{CORNER:g} {CORNER:g} 0 0 0", height - CORNER
    stripe = f'<path fill="{colour}" d="M{CORNER:g} 0{arc} 0 {CORNER:g}V{low:g}{arc} {CORNER:g} {height:g}z"/>'
    body = f'<rect class="card" width="{width:g}" height="{height:g}" rx="{CORNER:g}"/>{stripe}{"".join(lines)}'
    return _Piece((width, height), f"<title>{_escaped(name)}</title>{body}")


def _group(model: Model, options: _Options) -> _Piece:
    """A model inside a model, with what is in it."""
    inside = _graph(model, options)
    text = f"{model.class_name} {model.name}" if options.names else model.class_name
    width = max(inside.size[0], _width(_short(text)) * 1.08) + 2 * PADDING
    height = inside.size[1] + TITLE + 2 * PADDING
    body = _moved(inside, ((width - inside.size[0]) / 2, TITLE + PADDING))
    frame = f'<rect class="group" width="{width:g}" height="{height:g}" rx="{CORNER:g}"/>'
    title = f'<text class="outside" x="{PADDING:g}" y="{PADDING + TEXT - 2:g}">{_escaped(_short(text))}</text>'
    return _Piece((width, height), f"<title>{_escaped(model.name)}</title>{frame}{title}{body}")


def _moved(piece: _Piece, by: Point) -> str:
    return f'<g transform="translate({_pair(by)})">{piece.svg}</g>'


def _pair(point: Point) -> str:
    return f"{point[0]:.1f} {point[1]:.1f}"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _escaped(text: str) -> str:
    """Text for SVG: markup is shown instead of obeyed, and what XML forbids is replaced."""
    return html.escape(re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text))


def _width(text: str) -> float:
    """About how wide a text is: fonts differ, so rather too wide."""
    total = 0.0
    for char in _short(text):
        wide = unicodedata.east_asian_width(char) in "WF"
        total += 1.0 if wide else 0.76 if char.isupper() or char in "mw" else 0.4 if char in "ijlftr.,()·'" else 0.62
    return total * TEXT
