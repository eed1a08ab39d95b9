"""What ``compile`` was given, per output."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from .. import losses, naming, tree
from .. import metrics as known_metrics
from ..layers.base import BatchShape
from ..losses.matching import matched
from ..metrics.base import Mean, Metric
from ..ops import arithmetic as a
from ..ops import movement
from ..optimizers import Optimizer
from ..runtime.tensor import Tensor


class Compilation:
    """Losses, metrics and the optimizer of a model, and the metrics that track its losses."""

    def __init__(
        self,
        optimizer: Optimizer,
        loss: Any = None,
        metrics_: Any = None,
        loss_weights: Any = None,
        weighted: Any = None,
    ) -> None:
        self.optimizer, self.given_loss = optimizer, loss
        # as compile was given them, under its arguments' names
        self.arguments: dict[str, Any] = {"loss": loss, "metrics": metrics_, "weighted_metrics": weighted}
        self._given_weights = loss_weights
        self.output_names = ["output"]
        # what is wrong with a loss, whichever output's it is, is known at once
        self.losses: list[Any] = [None if one is None else losses.get(one) for one in _alternatives(loss)]
        self.loss_weights: list[float] = []
        # per output; weighted says whether sample weights apply
        self.metrics: list[list[tuple[str, Metric, bool]]] = []
        self.output_shapes: list[BatchShape] | None = None
        self.loss_tracker = Mean(name="loss")
        # of each output, where there are several
        self.output_trackers: list[Mean] = []

    def complete(self, names: Sequence[str], shapes: Sequence[BatchShape]) -> None:
        """Say which outputs the model has: what was given is theirs.

        Raises:
            ValueError: names of outputs that the model does not have, or another number of them.
        """
        self.output_names, self.output_shapes = list(names), list(shapes)
        self.losses = [
            None if one is None else losses.get(one)
            for one in _per_output(self.given_loss, names, "loss", single_serves_all=True)
        ]
        given = self._given_weights
        listed = [1.0] * len(names) if given is None else _per_output(given, names, "loss_weights")
        self.loss_weights = [1.0 if w is None else float(w) for w in listed]
        self.output_trackers = [Mean(name=f"{name}_loss") for name in names] if self.several else []
        plain = _metrics_per_output(self.arguments["metrics"], names)
        weighted = _metrics_per_output(self.arguments["weighted_metrics"], names)
        self.metrics = []
        taken = {tracker.name for tracker in (self.loss_tracker, *self.output_trackers)}
        for i, shape in enumerate(shapes):
            prefix = f"{names[i]}_" if self.several else ""
            mine: list[tuple[str, Metric, bool]] = []
            for counts, wanted in ((False, plain[i]), (True, weighted[i])):
                for identifier in wanted:
                    metric = known_metrics.get(identifier, self.losses[i], int(shape[-1] or 1) if len(shape) > 1 else 1)
                    if any(metric is other for _, other, _ in (*self.all_metrics, *mine)):
                        # one object for several outputs counts each
                        metric = copy.copy(metric)
                    spellings = [prefix + metric.name, *([f"{prefix}weighted_{metric.name}"] if counts else [])]
                    mine.append((_unused(spellings, taken), metric, counts))
            self.metrics.append(mine)

    def complete_for(self, y_pred: Any) -> None:
        """Say which outputs the model has, by what it has made of a batch."""
        if self.output_shapes is None:
            outputs = tree.leaves(y_pred)
            self.complete(output_names(y_pred), [(None, *t.shape[1:]) for t in outputs])

    @property
    def several(self) -> bool:
        return len(self.losses) > 1

    @property
    def all_metrics(self) -> list[tuple[str, Metric, bool]]:
        return [m for mine in self.metrics for m in mine]

    @property
    def has_metrics(self) -> bool:
        """Whether it was given metrics."""
        return bool(self.arguments["metrics"] or self.arguments["weighted_metrics"])


class CompiledMetrics(naming.Named):
    """All metrics that ``compile`` was given, as if they were one."""

    def __init__(self, compilation: Compilation) -> None:
        self.name = "compile_metrics"
        self._compilation = compilation

    @property
    def metrics(self) -> list[Metric]:
        """The metrics, as objects."""
        return [metric for _, metric, _ in self._compilation.all_metrics]

    @property
    def names(self) -> list[str]:
        """Their names in logs."""
        return [name for name, _, _ in self._compilation.all_metrics]

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch: targets, predictions and weights of all outputs, in lists or by the outputs' names."""
        compilation = self._compilation
        compilation.complete_for(y_pred)
        outputs = tree.leaves(y_pred)
        targets = listed(y_true, compilation.output_names)
        weights = listed(sample_weight, compilation.output_names)
        for target, output, weight, mine in zip(targets, outputs, weights, compilation.metrics, strict=True):
            for _, metric, weighted in mine:
                counted = _counted(output, weight if weighted else None)
                metric.observe(matched(target, output), output, counted)

    def result(self) -> dict[str, Any]:
        """The metrics by their names in logs."""
        return {name: metric.result() for name, metric, _ in self._compilation.all_metrics}

    def reset_state(self) -> None:
        """Begin anew."""
        for metric in self.metrics:
            metric.reset_state()


def _counted(output: Tensor, weight: Tensor | None) -> Tensor | None:
    """Weights for a metric: masked positions do not count."""
    if output.mask is None:
        return weight
    mask = a.cast(output.mask, "float32")
    if weight is None:
        return mask
    return a.mul(mask, movement.reshape(weight, (*weight.shape, *(1,) * (mask.rank - weight.rank))))


def output_names(outputs: Any) -> list[str]:
    """What the outputs of a model are called whose code alone says which it has: by their keys, or by number."""
    if isinstance(outputs, Mapping) and not any(isinstance(v, Mapping | list | tuple) for v in outputs.values()):
        return [str(key) for key in tree.keys(outputs)]
    count = len(tree.leaves(outputs))
    return ["output"] if count == 1 else [f"output_{i}" for i in range(count)]


def listed(values: Any, names: Sequence[str]) -> list[Any]:
    """What a model's methods are handed of each output, in the outputs' order; one value serves them all."""
    if isinstance(values, Mapping):
        return [values.get(name) for name in names]
    return list(values) if isinstance(values, list | tuple) else [values] * len(names)


def _unused(spellings: Sequence[str], taken: set[str]) -> str:
    """The first of a metric's names that no other has, or else the last with a number; it is taken from now on."""
    numbered = (f"{spellings[-1]}_{i}" for i in itertools.count(1))
    name = next(name for name in itertools.chain(spellings, numbered) if name not in taken)
    taken.add(name)
    return name


def _alternatives(given: Any) -> list[Any]:
    """A loss alone, or those of several outputs."""
    if isinstance(given, Mapping) and "class_name" not in given:
        return list(given.values())
    return list(given) if isinstance(given, list | tuple) else [given]


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
        return [_as_list(v) for v in _per_output(given, names, "metrics")]
    wanted = _as_list(given)
    if len(names) > 1 and wanted and all(isinstance(v, list | tuple) for v in wanted):
        return [_as_list(v) for v in _per_output(wanted, names, "metrics")]
    return [list(wanted) for _ in names]


def _as_list(value: Any) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]
