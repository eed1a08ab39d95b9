"""What a step of a compiled model is made of: the draws of its plan, their layers, and what they cost."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..compiler.explain import Row, rows
from ..layers.base import positive
from ..runtime import device
from ..runtime.tensor import Variable
from .feeds import ArrayFeed
from .steps import Step

HEADERS = ("Draws", "Part", "Layer", "Computes", "Fetches", "Multiply-adds", "Written", "Share")


@dataclass(frozen=True)
class Explanation:
    """The plan of a training step; printed it is a table, and notebooks show it as one.

    Attributes:
        model: the model's name.
        batch: how many samples the step takes.
        rows: what its draws do, in order. Each has ``part``, ``layers``, ``computes``, ``draws``, ``fetches``,
            ``multiply_adds``, ``bytes_written`` and ``share``, which is estimated.
    """

    model: str
    batch: int
    rows: list[Row]

    @property
    def draws(self) -> int:
        """How many draws a step has."""
        return sum(row.draws for row in self.rows)

    @property
    def title(self) -> str:
        return f"A step of {self.model} with {self.batch} samples: {self.draws} draws"

    def cells(self) -> list[list[str]]:
        """The table's rows, as texts, and the sums."""
        sums = [sum(getattr(row, name) for row in self.rows) for name in ("fetches", "multiply_adds", "bytes_written")]
        body = [
            [
                str(row.draws),
                row.part,
                ", ".join(row.layers),
                row.computes,
                *map(_amount, (row.fetches, row.multiply_adds, row.bytes_written)),
                f"{row.share:.1%}",
            ]
            for row in self.rows
        ]
        return [*body, [str(self.draws), "all", "", "", *map(_amount, sums), "100.0%"]]

    def __str__(self) -> str:
        table = [list(HEADERS), *self.cells()]
        widths = [max(len(row[i]) for row in table) for i in range(len(HEADERS))]
        return "\n".join([self.title, *(_line(row, widths) for row in table)])

    def _repr_html_(self) -> str:
        def row(cells: Sequence[str], tag: str) -> str:
            return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

        body = "".join(row(cells, "td") for cells in self.cells())
        head = f"<caption>{html.escape(self.title)}</caption><thead>{row(HEADERS, 'th')}</thead>"
        return f"<table>{head}<tbody>{body}</tbody></table>"


def explanation(model: Any, x: Any, y: Any, batch_size: int | None) -> Explanation:
    """What a step of a model's training is made of: that for some samples, or the one that was used last."""
    step = _used_last(model) if x is None else _step_for(model, x, y, batch_size)
    first = len(step.graph.inputs) - len(step.captured)
    known = dict(_names(model))
    owned = ((first + i, t.owner) for i, t in enumerate(step.captured) if isinstance(t, Variable))
    layers = ((i, None if owner is None else owner()) for i, owner in owned)
    owners = {i: known.get(layer, layer.name) for i, layer in layers if layer is not None}
    called = ((layer(), nodes) for layer, nodes in step.marks)
    marks = [(known[layer], nodes) for layer, nodes in called if layer in known]
    return Explanation(model.name, step.batch, rows(step.graph, device.block(), device.halves(), owners, marks))


def _used_last(model: Any) -> Step:
    steps = [step for step in model.steps.plans if step.assigned and not step.places]
    if not steps:
        raise ValueError(
            f"model {model.name!r} has not been trained since it was compiled: train it, or give samples,"
            " model.explain(x, y, batch_size=32)"
        )
    return steps[-1]


def _step_for(model: Any, x: Any, y: Any, batch_size: int | None) -> Step:
    """The step that ``fit`` would make."""
    samples = model.samples(x, y)
    batch = positive("explain", "batch_size", (model.fixed_batch or 32) if batch_size is None else batch_size)
    feed = ArrayFeed(model.steps.train, samples, min(batch, samples.count))
    return next(iter(feed.runs())).compiled


def _names(model: Any) -> Iterator[tuple[Any, str]]:
    """All layers, each with the name of the layer that readers know: cells are part of theirs."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _names(layer)
        else:
            yield from ((inner, layer.name) for inner in layer.flatten_layers())


def _amount(number: float) -> str:
    for unit in ("", "k", "M", "G"):
        if number < 1000 or unit == "G":
            break
        number /= 1000
    return f"{number:.3g}{unit}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    # numbers to the right
    sides = (">", "<", "<", "<", ">", ">", ">", ">")
    return "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(cells, sides, widths, strict=True)).rstrip()
