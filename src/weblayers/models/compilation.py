"""What ``compile`` was given, per output, and how a step's row of numbers is read."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from .. import losses
from .. import metrics as known_metrics
from ..layers.base import BatchShape
from ..metrics import Metric
from ..optimizers import Optimizer


class Compilation:
    """Losses, metrics and the optimizer of a model.

    A step gives one row of numbers: the loss, each output's loss (if there are several), and each metric's statistics.
    Statistics add up over steps, so that a metric over an epoch is that of all its samples at once.
    """

    def __init__(self, optimizer: Optimizer, given_loss: Any, names: Sequence[str]) -> None:
        self.optimizer, self.given_loss = optimizer, given_loss
        self.output_names = list(names)
        self.losses: list[Any] = []
        self.loss_weights: list[float] = []
        # as compile was given them, under its arguments' names
        self.arguments: dict[str, Any] = {}
        self.given_metrics: list[list[Any]] = []
        self.given_weighted: list[list[Any]] = []
        # per output; weighted says whether sample weights apply
        self.metrics: list[list[tuple[str, Metric, bool]]] = []
        self.output_shapes: list[BatchShape] | None = None
        # of each metric in a row, known once a step was traced
        self.sizes: list[int] = []

    @classmethod
    def of(
        cls,
        optimizer: Optimizer,
        loss: Any,
        metrics_: Any,
        loss_weights: Any,
        weighted: Any,
        names: Sequence[str],
        shapes: list[BatchShape] | None,
    ) -> Compilation:
        """From the arguments of ``compile``.

        Raises:
            ValueError: names of outputs that the model does not have.
        """
        made = cls(optimizer, loss, names)
        made.arguments = {"loss": loss, "metrics": metrics_, "weighted_metrics": weighted}
        given = _per_output(loss, names, "loss", single_serves_all=True)
        made.losses = [None if one is None else losses.get(one) for one in given]
        listed = _per_output(loss_weights, names, "loss_weights") if loss_weights is not None else [1.0] * len(names)
        made.loss_weights = [1.0 if w is None else float(w) for w in listed]
        made.given_metrics = _metrics_per_output(metrics_, names)
        made.given_weighted = _metrics_per_output(weighted, names)
        if shapes is not None:
            made.complete(shapes)
        return made

    def complete(self, shapes: Sequence[BatchShape]) -> None:
        """Choose the metrics that depend on the outputs' shapes."""
        self.output_shapes = list(shapes)
        if len(shapes) != len(self.losses):
            if len(self.losses) != 1:
                raise ValueError(f"the model has {len(shapes)} outputs, compile was given {len(self.losses)} losses")
            # a subclassed model turns out to have several
            self.losses, self.loss_weights = self.losses * len(shapes), self.loss_weights * len(shapes)
            self.given_metrics, self.given_weighted = (
                self.given_metrics * len(shapes),
                self.given_weighted * len(shapes),
            )
            self.output_names = [f"output_{i}" for i in range(len(shapes))]
        self.metrics = []
        for i, shape in enumerate(shapes):
            prefix = f"{self.output_names[i]}_" if len(shapes) > 1 else ""
            mine = []
            for weighted, wanted in ((False, self.given_metrics[i]), (True, self.given_weighted[i])):
                for identifier in wanted:
                    metric = known_metrics.get(identifier, self.losses[i], int(shape[-1] or 1) if len(shape) > 1 else 1)
                    mine.append((prefix + metric.name, metric, weighted))
            self.metrics.append(mine)

    @property
    def several(self) -> bool:
        return len(self.losses) > 1

    @property
    def all_metrics(self) -> list[tuple[str, Metric, bool]]:
        return [m for mine in self.metrics for m in mine]

    @property
    def loss_names(self) -> list[str]:
        return ["loss", *(f"{n}_loss" for n in self.output_names)] if self.several else ["loss"]

    @property
    def names(self) -> list[str]:
        """The names in logs, in order."""
        return [*self.loss_names, *(name for name, _, _ in self.all_metrics)]

    # -- rows ---------------------------------------------------------------------------------------------------------

    def row_weights(self, size: int) -> np.ndarray:
        """What a row of a batch of this size is multiplied by before rows are added up."""
        return np.array([size] * len(self.loss_names) + [1] * sum(self.sizes), np.float32)

    def readers(self, samples: int) -> list[Callable[[np.ndarray], Any]]:
        """For each name, what it is in a weighted sum of rows over so many samples."""
        out: list[Callable[[np.ndarray], Any]] = [partial(_mean_at, i, samples) for i in range(len(self.loss_names))]
        at = len(out)
        for (_, metric, _), size in zip(self.all_metrics, self.sizes, strict=True):
            out.append(partial(_computed, metric, at, at + size))
            at += size
        return out

    def summary(self, rows: np.ndarray, sizes: Sequence[int]) -> dict[str, float]:
        """The logs of several steps together, given the size of each batch."""
        sums = Sums(self)
        sums.add(rows, sizes)
        return sums.logs()


class Sums:
    """The logs of steps so far, which grow with each step at the same cost."""

    def __init__(self, compilation: Compilation) -> None:
        self._compilation = compilation
        self._total: Any = 0.0
        self._samples = 0

    def add(self, rows: np.ndarray, sizes: Sequence[int]) -> None:
        """Steps' rows, given the size of each batch."""
        if len(rows):
            table, losses = rows.astype(np.float64), len(self._compilation.loss_names)
            table[:, :losses] *= np.array(sizes, np.float64)[:, None]
            self._total = self._total + table.sum(0)
            self._samples += sum(sizes)

    def copy(self) -> Sums:
        """The same sums, to go on with."""
        return copy.copy(self)

    def logs(self) -> dict[str, float]:
        """Loss and metrics over the steps so far, by name."""
        names = self._compilation.names
        if not self._samples:
            return dict.fromkeys(names, float("nan"))
        values = [read(self._total) for read in self._compilation.readers(self._samples)]
        plain = [float(v) if np.ndim(v) == 0 else np.asarray(v).tolist() for v in values]
        return dict(zip(names, plain, strict=True))


def _mean_at(index: int, samples: int, row: np.ndarray) -> Any:
    return np.float32(row[index] / samples)


def _computed(metric: Metric, start: int, stop: int, row: np.ndarray) -> Any:
    return np.asarray(metric.compute(row[start:stop].astype(np.float64)), np.float32)


def _per_output(values: Any, names: Sequence[str], what: str, single_serves_all: bool = False) -> list[Any]:
    if isinstance(values, Mapping) and "class_name" not in values:
        unknown = [k for k in values if k not in names]
        if unknown:
            raise ValueError(f"{what}: the model has no output {unknown[0]!r}; its outputs are {', '.join(names)}")
        return [values.get(n) for n in names]
    if isinstance(values, list | tuple):
        if len(values) != len(names):
            raise ValueError(f"{what}: got {len(values)} values for {len(names)} outputs ({', '.join(names)})")
        return list(values)
    if not single_serves_all and len(names) > 1:
        raise ValueError(f"{what}: give a list or a dictionary for the outputs {', '.join(names)}")
    return [values] * len(names)


def _metrics_per_output(given: Any, names: Sequence[str]) -> list[list[Any]]:
    """A flat list is for every output; a list of lists, or a dictionary, is by output."""
    if given is None:
        return [[] for _ in names]
    if isinstance(given, Mapping) and "class_name" not in given:
        return [_listed(v) for v in _per_output(given, names, "metrics")]
    listed = _listed(given)
    if len(names) > 1 and listed and all(isinstance(v, list | tuple) for v in listed):
        return [_listed(v) for v in _per_output(listed, names, "metrics")]
    return [list(listed) for _ in names]


def _listed(value: Any) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]
