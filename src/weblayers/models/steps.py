"""What a model's training and evaluation compute for one batch, traced once per batch size and kind of data."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from ..graph import build as b
from ..graph.node import Node
from ..layers import context
from ..metrics.base import counting
from ..recent import Recent
from ..runtime import tracing
from ..runtime.tensor import Variable
from ..runtime.tracing import Compiled, Trace, symbolic
from .class_weights import ClassWeights, weighted
from .data_sets import START, Samples, compute_dtype, order_capacity
from .freezing import Freezing
from .logs import Layout, laid_out
from .watching import Place, Wanted, captured

# So many steps are kept: each has a plan, and a plan its textures.
KEPT = 64


class Steps:
    """The traced functions of a compiled model, those used last, kept by the kind and number of their samples."""

    def __init__(self, model: Any, freezing: Freezing) -> None:
        # which has this
        self._model = weakref.ref(model)
        self._freezing = freezing
        self.traces = 0
        self._kept: Recent[Step] = Recent(KEPT)

    def train(
        self,
        samples: Samples,
        batch: int,
        wanted: tuple[Wanted, ...] = (),
        class_weights: ClassWeights | None = None,
    ) -> Step:
        """Of rows and the order to take them in: one optimizer step; gives the logs, and what is wanted."""
        return self._get(True, samples, batch, wanted, class_weights)

    def test(self, samples: Samples, batch: int) -> Step:
        """Of rows and the order to take them in: the logs of one batch, in inference mode."""
        return self._get(False, samples, batch, (), None)

    def trained(self) -> list[Variable]:
        """The weights that steps train: those that were trainable at compile."""
        return self._freezing.trained(self._living())

    @property
    def plans(self) -> list[Step]:
        """What is kept."""
        return self._kept.values()

    def _get(
        self,
        training: bool,
        rows: Samples,
        batch: int,
        wanted: tuple[Wanted, ...],
        class_weights: ClassWeights | None,
    ) -> Step:
        model = self._living()
        inner = tuple(t.sample_shape for t in rows.tensors())

        def traced() -> Step:
            self.traces += 1
            return _traced(model, training, rows, batch, wanted, class_weights)

        def key() -> tuple[Any, ...]:
            trained = tuple(id(w) for w in model.trainable_weights)
            return training, rows.shapes(), inner, batch, wanted, class_weights, trained

        with self._freezing.of_then(model):
            step = self._kept.get(key(), traced)
            # a first trace may have made the weights
            return self._kept.get(key(), lambda: step)

    def _living(self) -> Any:
        model = self._model()
        if model is None:
            raise ReferenceError("the model of these steps is gone")
        return model


class Step(Compiled):
    """A compiled step for batches of a size, what the numbers of its row are, and what its further outputs are."""

    def __init__(
        self,
        inputs: Sequence[Node],
        row: Node,
        trace: Trace,
        batch: int,
        layout: Layout,
        captures: Mapping[Place, Node],
    ) -> None:
        super().__init__(inputs, [row, *captures.values()], trace)
        self.batch, self.layout, self.places = batch, layout, list(captures)
        self._traced = inputs, row, trace

    @cached_property
    def totals(self) -> Compiled:
        """The step with a further input, the rows of those before together, for which it gives them with its own."""
        inputs, row, trace = self._traced
        before = b.input_node(row.shape, row.dtype)
        return Compiled([*inputs, before], [self.layout.total(before, row)], trace, {len(inputs): 0})


def _traced(
    model: Any,
    training: bool,
    rows: Samples,
    batch: int,
    wanted: Sequence[Wanted],
    tables: ClassWeights | None,
) -> Step:
    """The trace of one step, for a batch of samples."""
    nodes = [b.input_node(t.shape, t.dtype) for t in rows.tensors()]
    order = b.input_node((order_capacity(rows.count),), "int32")
    name = "train_step" if training else "test_step"
    with tracing.tracing(Trace()) as trace, context.collecting_losses(), counting() as counted:
        samples = batch_of(trace, rows, nodes, order, batch)
        if tables is not None:
            samples = weighted(samples, tables, model.compiled().output_shapes)
        if training:
            model.compiled().optimizer.build(model.trainable_weights)
        trace.halves = model.dtype_policy.stores_halves
        trace.seen = {want.layer: [] for want in wanted}
        logs = getattr(model, name)(samples.data())
        row, layout = laid_out(trace, logs, counted, f"{type(model).__name__}.{name}")
        captures = captured(model, trace, wanted)
    return Step([*nodes, order], row, trace, batch, layout, captures)


def batch_of(trace: Trace, rows: Samples, nodes: Sequence[Node], order: Node, batch: int) -> Samples:
    """The samples of a run: those whose numbers come in ``order`` from the host scalar START on.

    ``nodes`` stand for the tensors of ``rows``.
    """
    chosen = b.dynamic_slice(order, trace.scalar(START), batch)
    parts = []
    for node, tensor in zip(nodes, rows.tensors(), strict=True):
        part = b.cast(b.gather(node, chosen), compute_dtype(node.dtype))
        parts.append(symbolic(b.reshape(part, (batch, *tensor.sample_shape))))
    return rows.replaced(parts)
