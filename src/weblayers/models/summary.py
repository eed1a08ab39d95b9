"""The table that ``summary`` prints, in TensorFlow.js' columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..layers.base import BatchShape

HEADERS = ("Layer (type)", "Input Shape", "Output shape", "Param #")


def table(model: Any, shapes: Sequence[BatchShape], line_length: int, positions: Sequence[float]) -> str:
    """One row per layer, and the totals."""
    ends = [math.floor(line_length * p) for p in positions]
    rule = "_" * line_length
    lines = [rule, _row(HEADERS, ends), "=" * line_length]
    inputs = [model.input_shape, *shapes[:-1]]
    for i, (layer, before, after) in enumerate(zip(model.layers, inputs, shapes, strict=True)):
        cells = (
            f"{layer.name} ({layer.class_name})",
            f"[{_shape(before)}]",
            _shape(after),
            str(layer.count_params()),
        )
        lines.append(_row(cells, ends))
        lines.append("=" * line_length if i == len(shapes) - 1 else rule)
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
