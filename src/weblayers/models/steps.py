"""What a model's training and evaluation compute for one batch, traced once per batch size and kind of data."""

from __future__ import annotations

import weakref
from typing import Any

from .. import tree
from ..graph import build as b
from ..graph.gradient import gradient
from ..graph.node import Node
from ..layers import context
from ..losses.matching import matched
from ..ops import arithmetic as a
from ..ops import movement
from ..recent import Recent
from ..runtime import tracing
from ..runtime.tensor import Tensor, Variable
from ..runtime.tracing import Compiled, Trace, symbolic
from .class_weights import ClassWeights, product, weights_of
from .compilation import Compilation
from .data_sets import START, Samples, order_capacity
from .freezing import Freezing
from .objective import output_losses, takes

# So many steps are kept: each has a plan, and a plan its textures.
KEPT = 64


class Steps:
    """The traced functions of a compiled model, those used last, kept by the kind and number of their samples."""

    def __init__(self, model: Any, compilation: Compilation, freezing: Freezing) -> None:
        # which has this
        self._model = weakref.ref(model)
        self._compilation, self._freezing = compilation, freezing
        self.traces = 0
        self._kept: Recent[Compiled] = Recent(KEPT)

    def train(self, samples: Samples, batch: int, class_weights: ClassWeights | None = None) -> Compiled:
        """Of rows and the order to take them in: one optimizer step; gives the logs."""
        return self._get(True, samples, batch, class_weights)

    def test(self, samples: Samples, batch: int) -> Compiled:
        """Of rows and the order to take them in: the logs of one batch, in inference mode."""
        return self._get(False, samples, batch, None)

    def trained(self) -> list[Variable]:
        """The weights that steps train: those that were trainable at compile."""
        return self._freezing.trained(self._living())

    @property
    def plans(self) -> list[Compiled]:
        """What is kept."""
        return self._kept.values()

    def _get(self, training: bool, rows: Samples, batch: int, class_weights: ClassWeights | None) -> Compiled:
        model = self._living()
        inner = tuple(t.sample_shape for t in rows.tensors())

        def traced() -> Compiled:
            self.traces += 1
            return _Tracing(model, self._compilation, training, class_weights).compiled(rows, batch)

        with self._freezing.of_then(model):
            trained = tuple(id(w) for w in model.trainable_weights)
            return self._kept.get((training, rows.shapes(), inner, batch, class_weights, trained), traced)

    def _living(self) -> Any:
        model = self._model()
        if model is None:
            raise ReferenceError("the model of these steps is gone")
        return model


class _Tracing:
    """The trace of one step."""

    def __init__(self, model: Any, compilation: Compilation, training: bool, tables: ClassWeights | None) -> None:
        self._model, self._compilation = model, compilation
        self._training, self._class_weights = training, tables

    def compiled(self, rows: Samples, batch: int) -> Compiled:
        tensors = rows.tensors()
        nodes = [b.input_node(t.shape, t.dtype) for t in tensors]
        order = b.input_node((order_capacity(rows.count),), "int32")
        with tracing.tracing(Trace()) as trace:
            chosen = b.dynamic_slice(order, trace.scalar(START), batch)
            parts = []
            for node, tensor in zip(nodes, tensors, strict=True):
                part = b.cast(b.gather(node, chosen), "float32" if node.dtype == "uint8" else node.dtype)
                parts.append(symbolic(b.reshape(part, (batch, *tensor.sample_shape))))
            inputs, rest = parts[: len(rows.inputs)], parts[len(rows.inputs) :]
            targets, given = rest[: len(rows.targets)], iter(rest[len(rows.targets) :])
            weights = [None if w is None else next(given) for w in rows.weights]
            logs = self._logs(trace, inputs, targets, weights)
        return Compiled([*nodes, order], [logs], trace)

    def _logs(self, trace: Trace, inputs: list[Tensor], targets: list[Tensor], weights: list[Tensor | None]) -> Node:
        compilation, model, x = self._compilation, self._model, _alone(inputs)
        with context.collecting_losses():
            made = model.apply(x, training=self._training)
            outputs = tree.leaves(made)
            wanted: list[Any] = [None] * len(outputs)
            if targets:
                wanted = [matched(*pair) for pair in zip(targets, outputs, strict=True)]
            weights = [self._weight(i, *each) for i, each in enumerate(zip(wanted, outputs, weights, strict=True))]
            given = {"x": x, "y": _alone(wanted), "y_pred": made, "sample_weight": _alone(weights)}
            # programs for Keras may know of training or not
            more = {"training": self._training} if takes(model.compute_loss, "training") else {}
            total = model.compute_loss(**given, **more)
        parts = output_losses(compilation, wanted, outputs, weights) if compilation.several else []
        statistics = [
            metric.statistics(target, output, self._counted(output, weight if weighted else None))
            for target, output, weight, mine in zip(wanted, outputs, weights, compilation.metrics, strict=True)
            for _, metric, weighted in mine
        ]
        compilation.sizes = [s.size for s in statistics]
        if self._training:
            self._update(trace, trace.node_of(total))
        row = [total, *(tracing.zeros(()) if part is None else part for part in parts), *statistics]
        return b.concat([b.reshape(b.cast(trace.node_of(v), "float32"), (v.size,)) for v in row], 0)

    def _weight(self, i: int, target: Tensor | None, output: Tensor, weight: Tensor | None) -> Tensor | None:
        """The sample weights, with what the samples' classes count."""
        table = self._class_weights[i] if self._class_weights else None
        if table is None:
            return weight
        if target is None:
            raise ValueError("class_weight needs targets, which have the classes")
        counts = weights_of(table, target, output)
        return counts if weight is None else product(weight, counts)

    def _counted(self, output: Tensor, weight: Tensor | None) -> Tensor | None:
        """Weights for a metric: masked positions do not count."""
        if output.mask is None:
            return weight
        mask = a.cast(output.mask, "float32")
        if weight is None:
            return mask
        return a.mul(mask, movement.reshape(weight, (*weight.shape, *(1,) * (mask.rank - weight.rank))))

    def _update(self, trace: Trace, loss: Node) -> None:
        weights = self._model.trainable_weights
        if not weights:
            raise ValueError(f"model {self._model.name!r} has no trainable weights: nothing can be trained")
        scale = self._compilation.optimizer.loss_scale_factor
        gradients = gradient(loss * float(scale) if scale else loss, [trace.node_of(w) for w in weights])
        pairs = [(symbolic(g), w) for g, w in zip(gradients, weights, strict=True)]
        self._compilation.optimizer.apply_gradients(pairs)


def _alone(values: list[Any]) -> Any:
    """What a model's methods see of its inputs or outputs: the only one, or all."""
    return values[0] if len(values) == 1 else values
