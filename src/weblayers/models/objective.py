"""What a model's steps do unless its class says otherwise, and the loss that training minimizes."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .. import tree
from ..graph.gradient import gradient
from ..layers import Layer, context
from ..losses.matching import matched
from ..ops import arithmetic as a
from ..ops import reduction
from ..runtime import tracing
from ..runtime.tensor import Tensor
from ..runtime.tracing import symbolic
from .compilation import Compilation, listed
from .data_sets import alone, unpack_x_y_sample_weight


def step(model: Any, data: Any, training: bool) -> Any:
    """A batch through the model: its loss, in training one step of the optimizer, and the metrics."""
    compilation: Compilation = model.compiled()
    x, y, sample_weight = unpack_x_y_sample_weight(data)
    y_pred = model.apply(x, training=training)
    compilation.complete_for(y_pred)
    names, outputs = compilation.output_names, tree.leaves(y_pred)
    targets = [t if t is None else matched(t, o) for t, o in zip(listed(y, names), outputs, strict=True)]
    weights = listed(sample_weight, names)
    y = dict(zip(names, targets, strict=True)) if isinstance(y, Mapping) else alone(targets)
    # programs for Keras may know of training or not
    more = {"training": training} if takes(model.compute_loss, "training") else {}
    loss = model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=alone(weights), **more)
    if training:
        _minimize(model, loss)
    samples = tracing.constant(outputs[0].shape[0])
    compilation.loss_tracker.update_state(loss, samples)
    if compilation.several:
        parts = output_losses(compilation, targets, outputs, weights)
        for tracker, part in zip(compilation.output_trackers, parts, strict=True):
            tracker.update_state(tracing.zeros(()) if part is None else part, samples)
    return model.compute_metrics(x, y, y_pred, alone(weights))


def _minimize(model: Any, loss: Tensor) -> None:
    """One step of the model's optimizer."""
    weights, trace = model.trainable_weights, tracing.current()
    assert trace is not None
    if not weights:
        warnings.warn(f"model {model.name!r} has no trainable weights: nothing is trained", stacklevel=2)
        return
    optimizer = model.compiled().optimizer
    trace.differentiated.append(trace.node_of(loss))
    gradients = gradient(trace.node_of(optimizer.scale_loss(loss)), [trace.node_of(w) for w in weights])
    optimizer.apply([symbolic(g) for g in gradients], weights)


def output_losses(
    compilation: Compilation, targets: Sequence[Any], outputs: Sequence[Tensor], weights: Sequence[Tensor | None]
) -> list[Tensor | None]:
    """The loss of each output, None of those without one."""
    found: list[Tensor | None] = []
    for loss, target, output, weight in zip(compilation.losses, targets, outputs, weights, strict=True):
        value = None if loss is None else loss(target, output, sample_weight=weight, mask=output.mask)
        found.append(None if value is None else a.cast(value, "float32"))
    return found


def total(model: Any, compilation: Compilation, parts: Sequence[Tensor | None]) -> Tensor:
    """All that is minimized, as a scalar.

    Raises:
        ValueError: there is nothing.
    """
    weighted = [
        part if weight == 1 else a.mul(part, weight)
        for part, weight in zip(parts, compilation.loss_weights, strict=True)
        if part is not None
    ]
    penalties = [w.regularizer(w) for w in model.trainable_weights if w.regularizer is not None]
    added = [reduction.mean(loss) if loss.rank else loss for loss in [*context.added_losses(), *penalties]]
    summands = weighted + added
    if not summands:
        raise ValueError(f"model {model.name!r} has no loss: give compile one, or call add_loss in a layer")
    value = summands[0]
    for one in summands[1:]:
        value = a.add(value, one)
    return value


def may_add_losses(layer: Layer) -> bool:
    """Whether a layer has a regularizer for its output, or a method of its class calls ``add_loss``."""
    methods = [getattr(method, "__code__", None) for kind in type(layer).__mro__ for method in vars(kind).values()]
    calls = any("add_loss" in code.co_names for code in methods if code is not None)
    return layer.activity_regularizer is not None or calls


def takes(method: Callable[..., Any], name: str) -> bool:
    """Whether a method that users may have overridden has an argument."""
    found = inspect.signature(method).parameters.values()
    return any(p.name == name or p.kind is p.VAR_KEYWORD for p in found)


# What Keras' fit calls of a model, and this one does not: it would be ignored.
_NOT_CALLED = ("make_train_function", "make_test_function", "make_predict_function")


def check_overrides(model: Any) -> None:
    """Refuse a model whose class defines what fit would not call.

    Raises:
        NotImplementedError: with what to do instead.
    """
    kind = type(model)
    for name in _NOT_CALLED:
        if hasattr(kind, name):
            raise NotImplementedError(
                f"{kind.__name__}.{name} would be ignored: fit traces train_step, evaluate test_step and predict"
                " predict_step. Override those"
            )
    for name in ("train_step", "test_step"):
        _, *taken = inspect.signature(getattr(kind, name)).parameters.values()
        if sum(p.kind in (p.POSITIONAL_OR_KEYWORD, p.POSITIONAL_ONLY, p.KEYWORD_ONLY) for p in taken) != 1:
            raise NotImplementedError(
                f"{kind.__name__}.{name} must take the data of a batch, and nothing else: {name}(self, data). The"
                " form with a state is for JAX; here steps read and change weights themselves"
            )


def overrides(model: Any, name: str, base: type) -> bool:
    """Whether a model's class has a method of its own."""
    return getattr(type(model), name) is not getattr(base, name)
