"""The table that ``summary`` prints, in TensorFlow.js' columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .. import tree
from ..layers.base import BatchShape

HEADERS = ("Layer (type)", "Input Shape", "Output shape", "Param #")
# Line length and where the columns end: for stacks, and for graphs, which also show where inputs come from.
STACK = (90, (0.32, 0.61, 0.89, 1.0))
GRAPH = (115, (0.24, 0.48, 0.70, 0.80, 1.0))


def table(model: Any, line_length: int | None, positions: Sequence[float] | None) -> str:
    """One row per layer, and the totals."""
    calls = list(getattr(model, "_calls", ()))
    graph = any(len(c.sources) > 1 for c in calls) or len({id(c.layer) for c in calls}) < len(calls)
    length, columns = GRAPH if graph else STACK
    length = length if line_length is None else line_length
    ends = [math.floor(length * p) if p <= 1 else int(p) for p in (columns if positions is None else positions)]
    rule = "_" * length
    lines = [rule, _row([*HEADERS, *(["Receives inputs"] if graph else [])], ends), "=" * length]
    for i, layer in enumerate(model.layers):
        uses = [c for c in calls if c.layer is layer] or layer.inbound_calls[:1]
        before = ",".join(_shape(w.shape) for c in uses[:1] for w in c.sources)
        after = ",".join(_shape(w.shape) for c in uses[:1] for w in tree.leaves(c.outputs))
        cells = [f"{layer.name} ({layer.class_name})", f"[{before}]", after or "multiple", str(layer.count_params())]
        sources = [f"{w.source_layer.name}[0][{w.index}]" for c in uses for w in c.sources]
        lines.append(_row([*cells, *((sources[0] if sources else "",) if graph else ())], ends))
        lines += [_row(["", "", "", "", more], ends) for more in sources[1:]] if graph else []
        lines.append("=" * length if i == len(model.layers) - 1 else rule)
    trainable = sum(w.size for w in model.trainable_weights)
    frozen = sum(w.size for w in model.non_trainable_weights)
    totals = [
        f"Total params: {trainable + frozen}",
        f"Trainable params: {trainable}",
        f"Non-trainable params: {frozen}",
    ]
    return "\n".join([*lines, *totals, rule])


def _row(cells: Sequence[str], ends: Sequence[int]) -> str:
    line = ""
    for cell, end in zip(cells, ends, strict=True):
        line = (line[:-1] + " " if line else "") + cell
        line = line[:end].ljust(end)
    return line


def _shape(shape: BatchShape) -> str:
    return "[" + ",".join("null" if d is None else str(d) for d in shape) + "]"
