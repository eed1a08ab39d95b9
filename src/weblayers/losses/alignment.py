"""A loss for sequences whose labels are known, but not when each of them happens."""

from __future__ import annotations

import functools
from typing import Any

from ..graph import build, scan
from ..ops import arithmetic as a
from ..ops import indexing, matrices, movement, normalization, reduction
from ..ops.dispatch import op
from ..runtime.tensor import Tensor
from .matching import of_tensors

# The logarithm of what cannot be, as in Keras: labels that need more steps than there are cost about as much.
IMPOSSIBLE = -1e5


@of_tensors
def ctc(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Minus the log probability of labels, over all ways to spread them over the steps. Graves et al. (2006).

    Args:
        y_true: class numbers ``[batch, labels]``; 0 is the blank, and fills up after the last label.
        y_pred: logits ``[batch, steps, classes]``.

    >>> import weblayers as wl
    >>> loss = ctc(wl.tensor2d([[1]], dtype="int32"), wl.zeros([1, 2, 2]))
    >>> round(wl.exp(wl.neg(loss)).array_sync()[0], 3)  # 1 1, 1 blank and blank 1, of four
    0.75
    """
    if len(y_true.shape) != 2 or len(y_pred.shape) != 3:
        raise ValueError(
            "ctc wants targets of shape [batch, labels] and logits of shape [batch, steps, classes], got"
            f" {list(y_true.shape)} and {list(y_pred.shape)}"
        )
    loss: Tensor = _ctc(y_true, y_pred)
    return loss


@op("y_true", "y_pred")
def _ctc(y_true: Any, y_pred: Any) -> Any:
    labels = a.cast(y_true, "int32")
    (batch, count), classes = labels.shape, y_pred.shape[-1]
    # every label with a blank before it, and one more blank
    size = 2 * count + 1
    pairs = movement.stack([a.mul(labels, 0), labels], -1)
    path = movement.pad(movement.reshape(pairs, (batch, size - 1)), [[0, 0], [0, 1]])
    # the blank between different labels may be left out
    skips = a.logical_and(a.not_equal(path, 0), a.not_equal(path, _later(path, 2, 0)))
    hot = indexing.one_hot(path, classes, dtype="float32")
    emitted = matrices.mat_mul(normalization.log_softmax(y_pred), hot, transpose_b=True)
    position = build.iota(size)

    def step(carried: list[Any], slices: list[Any]) -> tuple[list[Any], list[Any]]:
        (reached,) = carried
        skipped = a.where(skips, _later(reached, 2, IMPOSSIBLE), IMPOSSIBLE)
        ways = _log_add(reached, _later(reached, 1, IMPOSSIBLE), skipped)
        return [a.add(ways, slices[0])], []

    # before the first step only the first position can be left
    begin = build.broadcast(build.reshape(a.where(a.less(position, 1), 0.0, IMPOSSIBLE), (1, size)), (batch, size))
    loop, _ = scan.over([movement.transpose(emitted, (1, 0, 2))], [begin], step)
    reached = scan.last(loop, 0)
    end = a.mul(reduction.sum(a.cast(a.not_equal(labels, 0), "int32"), -1, True), 2)
    last_blank, last_label = (
        reduction.max(a.where(a.equal(position, at), reached, IMPOSSIBLE), -1) for at in (end, a.sub(end, 1))
    )
    return a.neg(_log_add(last_blank, last_label))


def _later(x: Any, by: int, first: float) -> Any:
    """x, moved along its last axis."""
    return movement.pad(x, [[0, 0], [by, -by]], first)


def _log_add(*logs: Any) -> Any:
    """The logarithm of a sum, from the logarithms of its terms."""
    top = a.stop_gradient(functools.reduce(a.maximum, logs))
    return a.add(a.log(functools.reduce(a.add, [a.exp(a.sub(x, top)) for x in logs])), top)
