"""The table that ``summary`` prints, in TensorFlow.js' columns, and the one that notebooks show."""

from __future__ import annotations

import html
import itertools
import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from .. import naming, tree
from ..layers.base import BatchShape
from ..layers.symbolic import SymbolicTensor

HEADERS = ("Layer (type)", "Input Shape", "Output shape", "Param #")
# Line length and where the columns end: for stacks, and for graphs, which also show where inputs come from.
STACK = (90, (0.32, 0.61, 0.89, 1.0))
GRAPH = (115, (0.24, 0.48, 0.70, 0.80, 1.0))
# The columns before one that says what is trained end so much further left.
ROOM = 0.88


class Row(NamedTuple):
    """What a table says of a layer."""

    layer: Any
    inputs: str
    outputs: str
    parameters: int
    sources: list[str]

    def counted(self, style: str = "") -> str:
        """The number of parameters in words."""
        return f"{self.parameters:{style}}" if self.layer.built else "unbuilt"


def rows(model: Any, spelling: str = "python") -> list[Row]:
    """One for each layer of the model, in order."""
    found = []
    for layer in model.layers:
        before, after = _uses(layer, _SPELLINGS[spelling])
        sources = [_place(w) for c in model.calls if c.layer is layer for w in c.sources]
        unknown = "multiple" if layer.built else "?"
        outputs = after[0] if after and after.count(after[0]) == len(after) else unknown
        found.append(
            Row(layer, ("," if spelling == "tfjs" else ", ").join(before), outputs, layer.count_params(), sources)
        )
    return found


def _is_model(layer: Any) -> bool:
    """Whether a layer is a model; wrappers have layers too, but none that a reader knows."""
    return hasattr(type(layer), "calls")


def _uses(layer: Any, spelled: Callable[[BatchShape], str]) -> tuple[list[str], list[str]]:
    """The shapes of inputs and outputs of all uses; a graph's first use is the one that it was made from."""

    def several(wires: Sequence[SymbolicTensor]) -> str:
        return f"[{(',' if spelled is _as_in_tfjs else ', ').join(spelled(w.shape) for w in wires)}]"

    pairs = [(c.sources or tree.leaves(c.outputs), tree.leaves(c.outputs)) for c in layer.inbound_calls]
    if _is_model(layer) and layer.calls:
        pairs.insert(0, (layer.inputs, layer.outputs))
    before = [several(i) for i, _ in pairs]
    return before, [spelled(o[0].shape) if len(o) == 1 else several(o) for _, o in pairs]


def _place(wire: SymbolicTensor) -> str:
    """A wire as the output of a use of a layer."""
    layer = wire.source_layer
    assert layer is not None and wire.node_index is not None
    own = 1 if _is_model(layer) and layer.calls else 0
    return f"{layer.name}[{wire.node_index + own}][{wire.index}]"


def totals(model: Any) -> dict[str, int]:
    """The numbers of parameters, with what they are called."""
    trainable = sum(w.size for w in model.trainable_weights)
    frozen = sum(w.size for w in model.non_trainable_weights)
    return {"Total": trainable + frozen, "Trainable": trainable, "Non-trainable": frozen}


def is_graph(model: Any) -> bool:
    """Whether the layers are more than a stack, in which each is used once, on what the one before gives."""
    calls = model.calls
    chained = all([w.call for w in c.sources] == [before] for before, c in itertools.pairwise(calls))
    return not chained or len({id(c.layer) for c in calls}) < len(calls)


class Columns(NamedTuple):
    """What a table shows besides the usual: the layers of models inside, and which layers are trained."""

    expand_nested: bool = False
    show_trainable: bool = False


def table(
    model: Any,
    line_length: int | None,
    positions: Sequence[float] | None,
    shown: Columns,
    layer_range: Sequence[str] | None,
    spelling: str,
) -> str:
    """One row per layer, and the totals.

    Raises:
        ValueError: there is no such spelling of shapes, or no layer of such a name.
    """
    naming.lookup("spelling of shapes", spelling, _SPELLINGS)
    graph = is_graph(model)
    columns: Sequence[float]
    length, columns = GRAPH if graph else STACK
    length = length if line_length is None else line_length
    if shown.show_trainable:
        columns = [*(end * ROOM for end in columns), 1.0]
    ends = [math.floor(length * p) if p <= 1 else int(p) for p in (columns if positions is None else positions)]
    rule = "_" * length
    headers = [*HEADERS, *(["Receives inputs"] if graph else []), *(["Trainable"] if shown.show_trainable else [])]
    lines = [rule, _line(headers, ends), "=" * length]
    found = _within(rows(model, spelling), layer_range)
    for row in found:
        for depth, inner in _nested(row, spelling) if shown.expand_nested else [(0, row)]:
            cells = [f"{'  ' * depth}{inner.layer.name} ({inner.layer.class_name})", inner.inputs, inner.outputs]
            sources = inner.sources if graph else []
            cells += [inner.counted(), *([sources[0] if sources else ""] if graph else [])]
            lines.append(_line([*cells, *([_trained(inner.layer)] if shown.show_trainable else [])], ends))
            lines += [_line(["", "", "", "", more], ends) for more in sources[1:]]
        lines.append("=" * length if row is found[-1] else rule)
    return "\n".join([*lines, *(f"{what} params: {count}" for what, count in totals(model).items()), rule])


def _nested(row: Row, spelling: str, depth: int = 0) -> Iterator[tuple[int, Row]]:
    """A row, and those of the layers of a model inside; with how deep they are."""
    yield depth, row
    if _is_model(row.layer):
        for inner in rows(row.layer, spelling):
            yield from _nested(inner, spelling, depth + 1)


def _within(found: list[Row], layer_range: Sequence[str] | None) -> list[Row]:
    """The rows from one layer to another, by their names or what these match."""
    if layer_range is None:
        return found
    if len(layer_range) != 2:
        raise ValueError(f"layer_range is the names of the first and the last layer, got {layer_range!r}")
    places = [[i for i, row in enumerate(found) if re.fullmatch(name, row.layer.name)] for name in layer_range]
    for name, matching in zip(layer_range, places, strict=True):
        if not matching:
            raise ValueError(f"layer_range: no layer is called {name!r}; there are {[r.layer.name for r in found]}")
    return found[min(places[0]) : max(places[1]) + 1]


def _trained(layer: Any) -> str:
    return "-" if not layer.weights else "Y" if layer.trainable else "N"


def _line(cells: Sequence[str], ends: Sequence[int]) -> str:
    line = ""
    for cell, end in itertools.zip_longest(cells, ends[: len(cells)]):
        line = (line[:-1] + " " if line else "") + cell
        # what has no end of its own goes on
        line = line if end is None else line[:end].ljust(end)
    return line


def _as_in_python(shape: BatchShape) -> str:
    return str(tuple(shape))


def _as_in_tfjs(shape: BatchShape) -> str:
    return "[" + ",".join("null" if d is None else str(d) for d in shape) + "]"


_SPELLINGS = {"python": _as_in_python, "tfjs": _as_in_tfjs}


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
            (html.escape(row.outputs), _SHAPE),
            (row.counted(","), _NUMBER),
            *([(sources, _SHAPE)] if graph else []),
        ]
        yield "<tr>" + "".join(f'<td style="{style}">{text}</td>' for text, style in cells) + "</tr>"
        if _is_model(row.layer):
            yield from _html_rows(row.layer, graph, depth + 1)
