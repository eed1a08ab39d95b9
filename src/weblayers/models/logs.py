"""What a step reports: names and values, as a row of numbers that the device gives and the host reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..graph import build as b
from ..graph.node import Node
from ..metrics.base import Metric, Result
from ..runtime import tracing
from ..runtime.tensor import Tensor
from ..runtime.tracing import Trace

Reader = Callable[[np.ndarray], Any]


class Entry(NamedTuple):
    """A name in logs, and its place in rows: a metric's statistics, or a number of the step."""

    name: str
    metric: Metric | None
    start: int
    stop: int
    # of the metric what has counted, perhaps metrics inside, and by how many numbers
    parts: Sequence[tuple[Metric, int]]

    def read(self, total: np.ndarray) -> Any:
        """The value, from the rows of several steps together."""
        if self.metric is None:
            return np.float32(total[self.start])
        with self.metric.aside():
            self.hold(total)
            result = self.metric.result()
        if isinstance(result, Mapping):
            raise TypeError(
                f"the metric {self.name!r} gives a dictionary ({', '.join(map(str, result))}): logs have numbers by the"
                " names of metrics, so make each a metric of its own"
            )
        return np.asarray(result.numpy() if isinstance(result, Tensor) else result, np.float32)

    def hold(self, total: np.ndarray) -> None:
        """Have the metric itself know what it has counted."""
        at = self.start
        for metric, size in self.parts:
            metric.restore(total[at : at + size].astype(np.float64))
            at += size


class Layout:
    """What the numbers of a step's rows are.

    The first says whether training goes on: it is finite as long as the losses are. Statistics of metrics add up over
    steps, so that a metric over an epoch is that of all its samples at once; of other values the last step's counts.
    """

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = list(entries)
        # 1 where rows add up
        self.adds = np.ones(self.entries[-1].stop if entries else 1, np.float32)
        for entry in self.entries:
            if entry.metric is None:
                self.adds[entry.start : entry.stop] = 0

    @property
    def readers(self) -> list[Reader]:
        """For each name, what it is in the rows of several steps together."""
        return [partial(Entry.read, entry) for entry in self.entries]

    def total(self, total: Node, row: Node) -> Node:
        """The rows of several steps together, for the device: of those before, zeros at first, and of one more."""
        both = total + row
        return both if self.adds.all() else b.where(b.constant(self.adds > 0), both, row)

    def logs(self, total: np.ndarray) -> dict[str, Any]:
        """Values by name."""
        values = {entry.name: entry.read(total) for entry in self.entries}
        return {name: float(v) if np.ndim(v) == 0 else v.tolist() for name, v in values.items()}

    def hold(self, total: np.ndarray) -> None:
        """Have the metrics themselves know what they have counted."""
        for entry in self.entries:
            entry.hold(total)


class Sums:
    """The logs of steps so far, which grow with each step at the same cost."""

    def __init__(self, total: np.ndarray | None = None, layout: Layout | None = None) -> None:
        self._total, self._layout = total, layout

    def add(self, rows: np.ndarray, layout: Layout) -> None:
        """Steps' rows."""
        if not len(rows):
            return
        table = np.asarray(rows, np.float64)
        self._total = np.where(layout.adds, table.sum(0) + (0 if self._total is None else self._total), table[-1])
        self._layout = layout

    def copy(self) -> Sums:
        """The same sums, to go on with."""
        return Sums(self._total, self._layout)

    def logs(self) -> dict[str, Any]:
        """Values over the steps so far, by name; none before the first."""
        return {} if self._layout is None or self._total is None else self._layout.logs(self._total)

    def hold(self) -> None:
        """Have the metrics themselves know what they have counted."""
        if self._layout is not None and self._total is not None:
            self._layout.hold(self._total)


def laid_out(trace: Trace, logs: Any, counted: Mapping[Metric, Tensor], owner: str) -> tuple[Node, Layout]:
    """A step's row, of what it gave back and of what metrics have counted in it.

    Raises:
        TypeError, ValueError: it gave something else than numbers by name.
    """
    if not isinstance(logs, Mapping):
        raise TypeError(f"{owner} must give a dictionary of logs, such as {{'loss': loss}}; got {type(logs).__name__}")
    entries: list[Entry] = []
    parts: list[Node] = []
    at = 1
    for name, value in _flat(logs):
        metric = value.metric if isinstance(value, Result) else None
        counts = {part: counted[part] for part in metric.parts if part in counted} if metric is not None else {}
        numbers = [*counts.values()] or [_number(name, value, owner)]
        row = [b.reshape(b.cast(trace.node_of(tensor), "float32"), (tensor.size,)) for tensor in numbers]
        parts.append(row[0] if len(row) == 1 else b.concat(row, 0))
        sizes = [(part, tensor.size) for part, tensor in counts.items()]
        entries.append(Entry(name, metric if counts else None, at, at := at + sum(t.size for t in numbers), sizes))
    firsts = [b.slice_(part, (0,), (1,)) for part in parts]
    losses = [first for first, entry in zip(firsts, entries, strict=True) if entry.name.endswith("loss")]
    told = losses or firsts[:1] or [b.full((1,), 0.0)]
    guard = told[0]
    for one in told[1:]:
        guard = guard + one
    return b.concat([guard, *parts], 0), Layout(entries)


def _number(name: str, value: Any, owner: str) -> Tensor:
    """What a step gave back that no metric has counted.

    Raises:
        ValueError: it is more than a number.
    """
    if isinstance(value, Result):
        # nothing was counted
        return tracing.constant(0.0)
    tensor = value if isinstance(value, Tensor) else tracing.constant(value)
    if tensor.size != 1:
        raise ValueError(f"{owner}: logs are numbers, but {name!r} has shape {list(tensor.shape)}: take its mean")
    return tensor


def _flat(logs: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Names and values; those of a dictionary inside stand for themselves."""
    found: dict[str, Any] = {}
    for name, value in logs.items():
        found.update(_flat(value) if isinstance(value, Mapping) else [(str(name), value)])
    return list(found.items())
