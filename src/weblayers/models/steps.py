"""What a model's training, evaluation and prediction compute for one batch, traced once per batch size."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..graph import build as b
from ..graph.gradient import gradient
from ..graph.node import Node
from ..losses import Loss
from ..metrics import Metric
from ..optimizers import Optimizer
from ..runtime import tracing
from ..runtime.tensor import Tensor
from ..runtime.tracing import Compiled, HostScalar, Trace, symbolic
from .data_sets import order_capacity


@dataclass
class Compilation:
    """What ``compile`` was given."""

    optimizer: Optimizer
    loss: Loss
    metrics: list[tuple[str, Metric]] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """The names of a step's logs."""
        return ["loss", *(name for name, _ in self.metrics)]


class Steps:
    """The traced functions of a compiled model, kept per batch size."""

    def __init__(self, model: Any, compilation: Compilation) -> None:
        self._model, self._compilation = model, compilation
        # the first sample of the running step's batch, counted in samples
        self.start = HostScalar(0, 0)
        self.traces = 0
        self._kept: dict[tuple, Compiled] = {}

    def train(self, x: Tensor, y: Tensor, batch: int) -> Compiled:
        """Of rows x and y and the order to take them in: one optimizer step; gives the logs."""
        return self._get("train", x, y, batch)

    def test(self, x: Tensor, y: Tensor, batch: int) -> Compiled:
        """Of rows x and y and the order to take them in: the logs of one batch, in inference mode."""
        return self._get("test", x, y, batch)

    def _get(self, kind: str, x: Tensor, y: Tensor, batch: int) -> Compiled:
        trained = tuple(id(w) for w in self._model.trainable_weights) if kind == "train" else ()
        key = (kind, x.shape, x.dtype, y.shape, y.dtype, batch, trained)
        if key not in self._kept:
            self._kept[key] = self._trace(kind == "train", x, y, batch)
            self.traces += 1
        return self._kept[key]

    def _trace(self, training: bool, x: Tensor, y: Tensor, batch: int) -> Compiled:
        rows = [b.input_node(t.shape, t.dtype) for t in (x, y)]
        order = b.input_node((order_capacity(x.shape[0]),), "int32")
        with tracing.tracing(Trace()) as trace:
            chosen = b.dynamic_slice(order, trace.scalar(self.start), batch)
            samples, targets = (b.cast(b.gather(r, chosen), "float32" if r.dtype == "uint8" else r.dtype) for r in rows)
            samples = b.reshape(samples, (batch, *self._model.input_shape[1:]))
            targets = b.reshape(targets, (batch, *self._target_shape(y)))
            logs = self._logs(trace, symbolic(samples), symbolic(targets), training)
        return Compiled([*rows, order], [logs], trace)

    def _target_shape(self, y: Tensor) -> tuple[int, ...]:
        inner = self._model.output_shape[1:]
        size = 1
        for d in inner:
            size *= d
        return inner if y.shape[1] == size else inner[:-1]

    def _logs(self, trace: Trace, samples: Tensor, targets: Tensor, training: bool) -> Node:
        compilation = self._compilation
        predicted = self._model.call(samples, training=training)
        values = [_mean(trace, compilation.loss(targets, predicted))]
        values += [_mean(trace, metric(targets, predicted)) for _, metric in compilation.metrics]
        if training:
            self._update(trace, values[0])
        return b.concat([b.reshape(v, (1,)) for v in values], 0)

    def _update(self, trace: Trace, loss: Node) -> None:
        weights = self._model.trainable_weights
        if not weights:
            raise ValueError(f"model {self._model.name!r} has no trainable weights: nothing can be trained")
        gradients = gradient(loss, [trace.node_of(w) for w in weights])
        pairs = [(symbolic(g), w) for g, w in zip(gradients, weights, strict=True)]
        self._compilation.optimizer.apply_gradients(pairs)


def _mean(trace: Trace, value: Tensor) -> Node:
    node = b.cast(trace.node_of(value), "float32")
    return b.reduce("sum", node) / float(max(1, node.aval.size))


def scalars_of(compiled: Compiled) -> tuple[list[float], list[float]]:
    """The values of a step's host scalars at its first run, and what they grow by."""
    keys = compiled.host_scalars
    return [k.value for k in keys], [k.increment for k in keys]
