"""The table that ``summary`` prints, in TensorFlow.js' columns, and the one that notebooks show."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from .. import tree
from ..layers.base import BatchShape

HEADERS = ("Layer (type)", "Input Shape", "Output shape", "Param #")
# Line length and where the columns end: for stacks, and for graphs, which also show where inputs come from.
STACK = (90, (0.32, 0.61, 0.89, 1.0))
GRAPH = (115, (0.24, 0.48, 0.70, 0.80, 1.0))


class Row(NamedTuple):
    """What a table says of a layer."""

    layer: Any
    inputs: str
    outputs: str
    parameters: int
    sources: list[str]


def rows(model: Any) -> list[Row]:
    """One for each layer of the model, in order."""
    found = []
    for layer in model.layers:
        uses = [c for c in model.calls if c.layer is layer] or layer.inbound_calls[:1]
        before = ",".join(_shape(w.shape) for c in uses[:1] for w in c.sources)
        after = ",".join(_shape(w.shape) for c in uses[:1] for w in tree.leaves(c.outputs))
        sources = [f"{w.source_layer.name}[0][{w.index}]" for c in uses for w in c.sources if w.source_layer]
        found.append(Row(layer, f"[{before}]", after or "multiple", layer.count_params(), sources))
    return found


def totals(model: Any) -> dict[str, int]:
    """The numbers of parameters, with what they are called."""
    trainable = sum(w.size for w in model.trainable_weights)
    frozen = sum(w.size for w in model.non_trainable_weights)
    return {"Total": trainable + frozen, "Trainable": trainable, "Non-trainable": frozen}


def is_graph(model: Any) -> bool:
    """Whether the layers are more than a stack: one has several inputs or several uses."""
    calls = model.calls
    return any(len(c.sources) > 1 for c in calls) or len({id(c.layer) for c in calls}) < len(calls)


def table(model: Any, line_length: int | None, positions: Sequence[float] | None) -> str:
    """One row per layer, and the totals."""
    graph = is_graph(model)
    length, columns = GRAPH if graph else STACK
    length = length if line_length is None else line_length
    ends = [math.floor(length * p) if p <= 1 else int(p) for p in (columns if positions is None else positions)]
    rule = "_" * length
    lines = [rule, _line([*HEADERS, *(["Receives inputs"] if graph else [])], ends), "=" * length]
    for row in rows(model):
        cells = [f"{row.layer.name} ({row.layer.class_name})", row.inputs, row.outputs, str(row.parameters)]
        lines.append(_line([*cells, *((row.sources[0] if row.sources else "",) if graph else ())], ends))
        lines += [_line(["", "", "", "", more], ends) for more in row.sources[1:]] if graph else []
        lines.append("=" * length if row.layer is model.layers[-1] else rule)
    return "\n".join([*lines, *(f"{what} params: {count}" for what, count in totals(model).items()), rule])


def _line(cells: Sequence[str], ends: Sequence[int]) -> str:
    line = ""
    for cell, end in zip(cells, ends, strict=True):
        line = (line[:-1] + " " if line else "") + cell
        line = line[:end].ljust(end)
    return line


def _shape(shape: BatchShape) -> str:
    return "[" + ",".join("null" if d is None else str(d) for d in shape) + "]"


# -- for notebooks ----------------------------------------------------------------------------------------------------

_CELL = "padding:4px 12px;text-align:left;border-bottom:1px solid #94a3b855"
_NUMBER = "padding:4px 12px;text-align:right;border-bottom:1px solid #94a3b855;font-variant-numeric:tabular-nums"
_SHAPE = f"{_CELL};font-family:monospace;white-space:nowrap"


def html_table(model: Any) -> str:
    """The table as HTML; the layers of models inside stand below them, further in."""
    graph = is_graph(model)
    headers = [("Layer", _CELL), ("Type", _CELL), ("Output shape", _CELL), ("Parameters", _NUMBER)]
    headers += [("Receives inputs", _CELL)] if graph else []
    head = "".join(f'<th style="{style}">{text}</th>' for text, style in headers)
    body = "".join(_html_rows(model, graph, 0))
    counts = " · ".join(f"{what}: {count:,}" for what, count in totals(model).items())
    title = f"{html.escape(model.class_name)} <b>{html.escape(model.name)}</b>"
    return (
        f'<table style="border-collapse:collapse"><caption style="text-align:left;padding:4px 12px">{title}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
        f'<tfoot><tr><td colspan="{len(headers)}" style="padding:4px 12px;text-align:left">{counts} parameters</td>'
        "</tr></tfoot></table>"
    )


def _html_rows(model: Any, graph: bool, depth: int) -> Iterator[str]:
    for row in rows(model):
        indent = f"{_CELL};padding-left:{12 + 18 * depth}px"
        sources = "<br>".join(map(html.escape, row.sources))
        cells = [
            (html.escape(row.layer.name), indent),
            (html.escape(row.layer.class_name), _CELL),
            (html.escape(row.outputs.replace("null", "None").replace(",", ", ")), _SHAPE),
            (f"{row.parameters:,}", _NUMBER),
            *([(sources, _SHAPE)] if graph else []),
        ]
        yield "<tr>" + "".join(f'<td style="{style}">{text}</td>' for text, style in cells) + "</tr>"
        # models, not wrappers: only they have layers of their own that a reader knows
        if hasattr(type(row.layer), "calls"):
            yield from _html_rows(row.layer, graph, depth + 1)
