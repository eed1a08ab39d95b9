"""The loss that training minimizes: the outputs' losses, what layers add, and the penalties of weights."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from ..layers import context
from ..ops import arithmetic as a
from ..ops import reduction
from ..runtime.tensor import Tensor
from .compilation import Compilation


def output_losses(
    compilation: Compilation, targets: Sequence[Tensor], outputs: Sequence[Tensor], weights: Sequence[Tensor | None]
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


def takes(method: Callable[..., Any], name: str) -> bool:
    """Whether a method that users may have overridden has an argument."""
    found = inspect.signature(method).parameters.values()
    return any(p.name == name or p.kind is p.VAR_KEYWORD for p in found)


# What Keras' fit calls of a model, and this one does not: it would be ignored.
_NOT_CALLED = ("train_step", "test_step", "compute_metrics", "metrics", "make_train_function", "make_test_function")


def check_overrides(model: Any, base: type) -> None:
    """Refuse a model whose class defines what fit would not call.

    Raises:
        NotImplementedError: with what to do instead.
    """
    for name in _NOT_CALLED:
        if getattr(type(model), name, None) is not getattr(base, name, None):
            raise NotImplementedError(
                f"{type(model).__name__}.{name} would be ignored: fit and evaluate trace one step of their own. For"
                " another loss override compute_loss(x, y, y_pred, sample_weight), or call add_loss in a layer's call;"
                " give metrics to compile; for other steps write the loop with wl.variable_grads and"
                " optimizer.apply_gradients, in a function that wl.function has traced"
            )
