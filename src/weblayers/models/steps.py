"""What a model's training and evaluation compute for one batch, traced once per batch size."""

from __future__ import annotations

import math
from typing import Any

from .. import losses, tree
from ..graph import build as b
from ..graph.gradient import gradient
from ..graph.node import Node
from ..layers import context
from ..ops import arithmetic as a
from ..ops import indexing, movement, reduction
from ..runtime import tracing
from ..runtime.tensor import Tensor
from ..runtime.tracing import Compiled, HostScalar, Trace, symbolic
from .compilation import Compilation
from .data_sets import Samples, order_capacity


class Steps:
    """The traced functions of a compiled model, kept per batch size."""

    def __init__(self, model: Any, compilation: Compilation) -> None:
        self._model, self._compilation = model, compilation
        # the first sample of the running step's batch, counted in samples; a model may be tested while it trains
        self.train_start, self.test_start = HostScalar(0, 0), HostScalar(0, 0)
        self.traces = 0
        self._kept: dict[tuple, Compiled] = {}
        # the shapes of the samples before they became rows
        self.shapes: list[tuple[int, ...]] = []

    def train(self, samples: Samples, batch: int) -> Compiled:
        """Of rows and the order to take them in: one optimizer step; gives the logs."""
        return self._get("train", samples, batch)

    def test(self, samples: Samples, batch: int) -> Compiled:
        """Of rows and the order to take them in: the logs of one batch, in inference mode."""
        return self._get("test", samples, batch)

    def _get(self, kind: str, rows: Samples, batch: int) -> Compiled:
        trained = tuple(id(w) for w in self._model.trainable_weights) if kind == "train" else ()
        inner = tuple(t.sample_shape for t in rows.tensors())
        key = (kind, rows.shapes(), inner, batch, trained, self._compilation.class_weight)
        if key not in self._kept:
            self._kept[key] = self._trace(kind == "train", rows, batch)
            self.traces += 1
        return self._kept[key]

    def _trace(self, training: bool, rows: Samples, batch: int) -> Compiled:
        tensors = rows.tensors()
        nodes = [b.input_node(t.shape, t.dtype) for t in tensors]
        order = b.input_node((order_capacity(rows.count),), "int32")
        with tracing.tracing(Trace()) as trace:
            start = self.train_start if training else self.test_start
            chosen = b.dynamic_slice(order, trace.scalar(start), batch)
            parts = []
            for node, tensor in zip(nodes, tensors, strict=True):
                part = b.cast(b.gather(node, chosen), "float32" if node.dtype == "uint8" else node.dtype)
                parts.append(symbolic(b.reshape(part, (batch, *tensor.sample_shape))))
            inputs, rest = parts[: len(rows.inputs)], parts[len(rows.inputs) :]
            targets, given = rest[: len(rows.targets)], iter(rest[len(rows.targets) :])
            weights = [None if w is None else next(given) for w in rows.weights]
            logs = self._logs(trace, inputs, targets, weights, training)
        return Compiled([*nodes, order], [logs], trace)

    def _logs(
        self, trace: Trace, inputs: list[Tensor], targets: list[Tensor], weights: list[Tensor | None], training: bool
    ) -> Node:
        compilation = self._compilation
        with context.collecting_losses() as added:
            outputs = tree.leaves(self._model.apply(inputs[0] if len(inputs) == 1 else inputs, training=training))
        total: Tensor | None = None
        parts: list[Tensor] = []
        statistics: list[Tensor] = []
        for i, (output, target) in enumerate(zip(outputs, targets, strict=True)):
            loss, weight = compilation.losses[i], self._weight(i, target, output, weights[i])
            if loss is not None:
                value = a.cast(loss(target, output, sample_weight=weight, mask=output.mask), "float32")
                parts.append(value)
                scaled = value if compilation.loss_weights[i] == 1 else a.mul(value, compilation.loss_weights[i])
                total = scaled if total is None else a.add(total, scaled)
            elif compilation.several:
                parts.append(tracing.zeros(()))
            for _, metric, weighted in compilation.metrics[i]:
                statistics.append(
                    metric.statistics(target, output, self._counted(output, weight if weighted else None))
                )
        for extra in [*added, *self._penalties()]:
            extra = reduction.mean(extra) if extra.rank else extra
            total = extra if total is None else a.add(total, extra)
        assert total is not None
        compilation.sizes = [s.size for s in statistics]
        if training:
            self._update(trace, trace.node_of(total))
        row = [total, *(parts if compilation.several else []), *statistics]
        return b.concat([b.reshape(b.cast(trace.node_of(v), "float32"), (v.size,)) for v in row], 0)

    def _weight(self, i: int, target: Tensor, output: Tensor, weight: Tensor | None) -> Tensor | None:
        """The sample weights, with what the samples' classes count."""
        table = self._compilation.class_weight
        if table is None:
            return weight
        if losses.is_sparse(self._compilation.losses[i]) or target.shape[-1] == 1 or target.rank == 1:
            classes = a.cast(movement.reshape(target, (math.prod(target.shape),)), "int32")
        else:
            classes = reduction.arg_max(target, -1)
        counts = indexing.gather(tracing.constant(list(table)), classes)
        return counts if weight is None else a.mul(counts, movement.reshape(weight, counts.shape))

    def _counted(self, output: Tensor, weight: Tensor | None) -> Tensor | None:
        """Weights for a metric: masked positions do not count."""
        if output.mask is None:
            return weight
        mask = a.cast(output.mask, "float32")
        if weight is None:
            return mask
        return a.mul(mask, movement.reshape(weight, (*weight.shape, *(1,) * (mask.rank - weight.rank))))

    def _penalties(self) -> list[Tensor]:
        """What the weights add to the loss."""
        return [w.regularizer(w) for w in self._model.trainable_weights if w.regularizer is not None]

    def _update(self, trace: Trace, loss: Node) -> None:
        weights = self._model.trainable_weights
        if not weights:
            raise ValueError(f"model {self._model.name!r} has no trainable weights: nothing can be trained")
        scale = self._compilation.optimizer.loss_scale_factor
        gradients = gradient(loss * float(scale) if scale else loss, [trace.node_of(w) for w in weights])
        pairs = [(symbolic(g), w) for g, w in zip(gradients, weights, strict=True)]
        self._compilation.optimizer.apply_gradients(pairs)
