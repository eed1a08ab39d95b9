"""Curves of training: a chart per metric, as it grows and once it is there."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import naming, page
from ..callbacks import Callback, History
from ..page.thinning import thin
from . import given, render, words
from .chart import Chart

# Stretches of a curve that are told apart, as js_page/charts/thinning.js does.
STRETCHES = 500

# What logs have besides metrics.
_COUNTS = ("batch", "size")


def group_of(title: str, charts: Sequence[Chart]) -> Chart:
    """Charts below each other, as one."""
    text = ". ".join(f"{c.title}: {c.text}" if c.title and c.kind != "lines" else c.text for c in charts)
    return Chart("group", title, {"charts": list(charts)}, {}, text or words.NOTHING)


def groups_of(metrics: Any) -> list[list[str]] | None:
    """The metrics of each chart: ``["loss", ["acc", "val_acc"]]`` are two charts; a name alone is one."""
    if metrics is None:
        return None
    metrics = [metrics] if isinstance(metrics, str) else list(metrics)
    groups = [[each] if isinstance(each, str) else list(each) for each in metrics]
    if not groups or not all(group and all(isinstance(name, str) for name in group) for group in groups):
        raise TypeError(f"metrics are names, or lists of those that share a chart; got {metrics!r}")
    return groups


def default_groups(logged: Sequence[str]) -> list[list[str]]:
    """A chart for each metric together with that of the validation.

    >>> default_groups(["loss", "acc", "val_loss", "val_acc"])
    [['loss', 'val_loss'], ['acc', 'val_acc']]
    """
    names = [name for name in logged if name not in _COUNTS]
    alone = [name for name in names if name.removeprefix("val_") == name or name.removeprefix("val_") not in names]
    return [[name, *([f"val_{name}"] if f"val_{name}" in names else [])] for name in alone]


class Curves:
    """Charts of some metrics over epochs or batches, which grow."""

    def __init__(self, groups: Sequence[Sequence[str]], unit: str, options: Mapping[str, Any]) -> None:
        self.groups, self.unit, self._options = groups, unit, options
        # of each chart where its points are, and its lines there; None where one has no point
        self._tables: dict[str, tuple[list[float], dict[str, list[float | None]]]] = {}

    def title(self, group: Sequence[str]) -> str:
        return f"{', '.join(group)} by {self.unit}"

    def add(self, at: float, logs: Mapping[str, Any]) -> dict[str, dict[str, tuple[float, float]]]:
        """Let them grow; gives what is new, by the titles of the charts and the names of the lines."""
        new: dict[str, dict[str, tuple[float, float]]] = {}
        for group in self.groups:
            values = {name: float(logs[name]) for name in group if name in logs}
            if not values:
                continue
            title = self.title(group)
            xs, lines = self._tables.setdefault(title, ([], {name: [] for name in group}))
            thin(xs, list(lines.values()), STRETCHES)
            xs.append(at)
            for name, line in lines.items():
                line.append(values.get(name))
            new[title] = {name: (at, value) for name, value in values.items()}
        return new

    def clear(self) -> None:
        """Let them begin anew."""
        for xs, lines in self._tables.values():
            xs.clear()
            for line in lines.values():
                line.clear()

    def charts(self) -> list[Chart]:
        """Those that have something to show, or had."""
        found = []
        for title in map(self.title, self.groups):
            if title not in self._tables:
                continue
            xs, lines = self._tables[title]
            points = {
                name: [(x, y) for x, y in zip(xs, ys, strict=True) if y is not None] for name, ys in lines.items()
            }
            data = {name: np.array(each) for name, each in points.items() if each}
            found.append(render.linechart(None, data, title=title, x_label=self.unit, **self._options))
        return found


class EpochCurves(Callback):
    """Shows curves with a point per epoch, while the model is in training."""

    def __init__(
        self, where: str, metrics: list[list[str]] | None, units: Sequence[str], options: Mapping[str, Any]
    ) -> None:
        self._where, self._metrics, self._units, self._options = where, metrics, units, options
        self._curves: dict[str, Curves] = {}
        self._drawn: set[str] = set()
        self._before = self._batch = 0
        self._last = self._offset = 0

    def on_train_begin(self, logs: Mapping[str, Any]) -> None:
        """Go on where an earlier fit ended, as TensorFlow.js does: programs train round by round."""
        self._offset = max(0, self._last - self.params["initial_epoch"])
        self._batch = 0

    def on_new_weights(self, logs: Mapping[str, Any]) -> None:
        """Begin anew with what is trained."""
        self._before = self._batch = self._last = self._offset = 0
        for each in self._curves.values():
            each.clear()
        if self._curves:
            self._show()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any]) -> None:
        self._warn(logs)
        self._before += self.params["steps"] or self._batch
        self._last = self._offset + epoch + 1
        if "epoch" in self._units:
            self._add("epoch", self._last, logs)

    def on_train_end(self, logs: Mapping[str, Any]) -> None:
        """Show all of it once more, for those that do not see how it grows."""
        if self._curves:
            self._show()

    def _add(self, unit: str, at: float, logs: Mapping[str, Any]) -> None:
        if unit not in self._curves:
            self._curves[unit] = Curves(self._metrics or default_groups(list(logs)), unit, self._options)
        new = self._curves[unit].add(at, logs)
        if set(new) <= self._drawn:
            if new:
                page.add(self._where, new)
        else:
            self._drawn |= set(new)
            self._show()

    def _show(self) -> None:
        charts = [chart for unit in self._units if unit in self._curves for chart in self._curves[unit].charts()]
        page.show(group_of("", charts), where=self._where)

    def _warn(self, logs: Mapping[str, Any]) -> None:
        """Say once which metrics there are not; those of a validation may come in a later fit."""
        if self._before or self._metrics is None:
            return
        names = [name for group in self._metrics for name in group if not name.startswith("val_")]
        for name in names:
            if name not in logs:
                warnings.warn(
                    f"there is no metric {name!r} to show. {naming.suggestion(name, set(logs) - set(_COUNTS))}",
                    stacklevel=2,
                )


class BatchCurves(EpochCurves):
    """Shows curves by batch too, with a point per frame at most."""

    batches = "frame"

    def on_batch_end(self, batch: int, logs: Mapping[str, Any]) -> None:
        self._batch = batch + 1
        self._add("batch", self._before + self._batch, logs)


def histories_of(history: Any) -> dict[str, tuple[np.ndarray, dict[str, np.ndarray]]]:
    """Epochs, and values by metric, of each history by its name; that of a single one is empty."""
    if isinstance(history, Mapping) and history and all(_is_history(each) for each in history.values()):
        return {str(name): _one(each) for name, each in history.items()}
    if isinstance(history, list | tuple) and history and all(_is_history(each) for each in history):
        return {f"run {i + 1}": _one(each) for i, each in enumerate(history)}
    return {"": _one(history)}


def _is_history(value: Any) -> bool:
    logs = isinstance(value, list | tuple) and len(value) > 0 and isinstance(value[0], Mapping)
    return isinstance(value, History) or logs or (isinstance(value, Mapping) and _has_lists(value))


def _has_lists(value: Mapping[str, Any]) -> bool:
    return "history" in value or any(np.ndim(each) == 1 for each in value.values())


def _one(history: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    if isinstance(history, list | tuple):
        # TensorFlow.js' list of logs
        if not all(isinstance(each, Mapping) for each in history):
            raise TypeError(f"a history is what fit returns, or a list of logs, not {history!r}")
        names = dict.fromkeys(name for logs in history for name in logs)
        values = {name: [logs.get(name) for logs in history] for name in names}
        return _vectors(np.arange(1, len(history) + 1), values)
    if isinstance(history, Mapping):
        values = history.get("history", history)
        return _vectors(None, values)
    if not isinstance(getattr(history, "history", None), Mapping):
        raise TypeError(f"a history is what fit returns, or a dictionary of lists, not {history!r}")
    return _vectors(np.asarray(history.epoch) + 1, history.history)


def _vectors(epochs: np.ndarray | None, values: Mapping[str, Any]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    found = {str(name): given.vector(each, f"the values of {name!r}") for name, each in values.items()}
    longest = max((len(each) for each in found.values()), default=0)
    return np.arange(1, longest + 1) if epochs is None else epochs, found
