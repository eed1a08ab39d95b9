"""TensorFlow.js' core losses: functions that weigh every value and reduce them to one.

Like ``tf.losses``, they take ``labels`` first and logits or predictions second, and reduce by
``Reduction.SUM_BY_NONZERO_WEIGHTS`` unless told otherwise. Where all weights are 0, a mean is 0, as in TensorFlow.
"""

from __future__ import annotations

import enum
from typing import Any

from ..ops import arithmetic as a
from ..ops import movement
from ..ops.reduction import sum as sum_of
from ..runtime.conversion import to_tensor
from ..runtime.tensor import Tensor
from . import functions as f


class Reduction(enum.IntEnum):
    """How weighted values become one: not at all, by the sum over that of the weights, by the sum, or by the sum over
    the number of weights that are not 0."""

    NONE = 0
    MEAN = 1
    SUM = 2
    SUM_BY_NONZERO_WEIGHTS = 3


How = Reduction | int | str
BY_NONZERO = Reduction.SUM_BY_NONZERO_WEIGHTS


def _reduction(value: How) -> Reduction:
    try:
        return Reduction[value.upper()] if isinstance(value, str) else Reduction(value)
    except (KeyError, ValueError):
        names = ", ".join(r.name for r in Reduction)
        raise ValueError(f"Unknown reduction: {value!r}; expected one of {names}") from None


def _matching(name: str, labels: Any, predictions: Any) -> tuple[Tensor, Tensor]:
    labels, predictions = (a.cast(to_tensor(v), "float32") for v in (labels, predictions))
    if labels.shape != predictions.shape:
        raise ValueError(
            f"Error in {name}: shapes {list(labels.shape)} and {list(predictions.shape)} of labels and predictions"
            " must match"
        )
    return labels, predictions


def compute_weighted_loss(losses: Any, weights: Any = None, reduction: How = BY_NONZERO) -> Tensor:
    """Values times ``weights``, reduced.

    Args:
        losses: values of any shape.
        weights: of a shape that broadcasts to the values'; all 1 if left out.
        reduction: a :class:`Reduction` or its name.

    >>> compute_weighted_loss([1.0, 2.0, 3.0], [1.0, 0.0, 1.0]).array_sync()
    2.0
    """
    how, values = _reduction(reduction), a.cast(to_tensor(losses), "float32")
    every = movement.broadcast_to(a.cast(to_tensor(1.0 if weights is None else weights), "float32"), values.shape)
    values = a.mul(values, every)
    if how is Reduction.NONE:
        return values
    total = sum_of(values)
    if how is Reduction.SUM:
        return total
    share = sum_of(every if how is Reduction.MEAN else a.cast(a.not_equal(every, 0.0), "float32"))
    nothing = a.equal(share, 0.0)
    # the divisor of the branch that is not taken must not spoil gradients
    return a.where(nothing, 0.0, a.div(total, a.where(nothing, 1.0, share)))


def absolute_difference(labels: Any, predictions: Any, weights: Any = None, reduction: How = BY_NONZERO) -> Tensor:
    """``|labels - predictions|``, weighed and reduced.

    >>> absolute_difference([1, 2], [3, 3]).array_sync()
    1.5
    """
    labels, predictions = _matching("absolute_difference", labels, predictions)
    return compute_weighted_loss(a.abs(a.sub(labels, predictions)), weights, reduction)


def cosine_distance(
    labels: Any, predictions: Any, axis: int, weights: Any = None, reduction: How = BY_NONZERO
) -> Tensor:
    """1 minus the product of vectors along ``axis``, which are taken to have length 1; weighed and reduced.

    >>> cosine_distance([[1, 0], [0, 1]], [[1, 0], [1, 0]], 1).array_sync()
    0.5
    """
    labels, predictions = _matching("cosine_distance", labels, predictions)
    return compute_weighted_loss(a.sub(1.0, sum_of(a.mul(labels, predictions), axis, True)), weights, reduction)


def hinge_loss(labels: Any, predictions: Any, weights: Any = None, reduction: How = BY_NONZERO) -> Tensor:
    """``max(0, 1 - (2 labels - 1) predictions)`` of labels 0 and 1, weighed and reduced.

    >>> hinge_loss([1, 0], [0.5, 0.5]).array_sync()
    1.0
    """
    labels, predictions = _matching("hinge_loss", labels, predictions)
    signs = a.sub(a.mul(labels, 2.0), 1.0)
    return compute_weighted_loss(a.relu(a.sub(1.0, a.mul(signs, predictions))), weights, reduction)


def huber_loss(
    labels: Any, predictions: Any, weights: Any = None, delta: float = 1.0, reduction: How = BY_NONZERO
) -> Tensor:
    """Half the square of errors up to ``delta``, linear beyond; weighed and reduced. Huber (1964).

    >>> huber_loss([0, 0], [1, 3]).array_sync()
    1.5
    """
    labels, predictions = _matching("huber_loss", labels, predictions)
    return compute_weighted_loss(f.half_squares(a.sub(predictions, labels), delta), weights, reduction)


def log_loss(
    labels: Any, predictions: Any, weights: Any = None, epsilon: float = 1e-7, reduction: How = BY_NONZERO
) -> Tensor:
    """The crossentropy of labels 0 to 1 and probabilities, weighed and reduced; ``epsilon`` keeps it finite.

    >>> f"{log_loss([1, 0], [0.5, 0.5]).array_sync():.4f}"
    '0.6931'
    """
    labels, predictions = _matching("log_loss", labels, predictions)
    right = a.mul(labels, a.log(a.add(predictions, epsilon)))
    wrong = a.mul(a.sub(1.0, labels), a.log(a.add(a.sub(1.0, predictions), epsilon)))
    return compute_weighted_loss(a.neg(a.add(right, wrong)), weights, reduction)


def mean_squared_error(y_true: Any, y_pred: Any, weights: Any = None, reduction: How | None = None) -> Tensor:
    """The mean over the last axis of ``(y_true - y_pred)^2``: one number per sample, as a model's loss.

    With ``weights`` or a ``reduction`` it is TensorFlow.js' ``tf.losses.meanSquaredError``: every square is weighed,
    and all of them are reduced to one number.

    >>> mean_squared_error(to_tensor([[0, 0], [0, 0]]), to_tensor([[1, 3], [1, 1]])).array_sync()
    [5.0, 1.0]
    >>> mean_squared_error([[0, 0], [0, 0]], [[1, 3], [1, 1]], reduction=Reduction.MEAN).array_sync()
    3.0
    """
    if weights is None and reduction is None:
        return f.mean_squared_error(to_tensor(y_true), to_tensor(y_pred))
    labels, predictions = _matching("mean_squared_error", y_true, y_pred)
    how = BY_NONZERO if reduction is None else reduction
    return compute_weighted_loss(a.squared_difference(labels, predictions), weights, how)


def sigmoid_cross_entropy(
    multi_class_labels: Any,
    logits: Any,
    weights: Any = None,
    label_smoothing: float = 0.0,
    reduction: How = BY_NONZERO,
) -> Tensor:
    """The crossentropy of labels 0 to 1 and the sigmoid of ``logits``, weighed and reduced.

    ``label_smoothing`` is the share of the labels that is moved to one half.

    >>> f"{sigmoid_cross_entropy([1, 0], [0, 0]).array_sync():.4f}"
    '0.6931'
    """
    labels, logits = _matching("sigmoid_cross_entropy", multi_class_labels, logits)
    return compute_weighted_loss(
        f.binary_entropy(f.smoothed(labels, label_smoothing, 0.5), logits, True), weights, reduction
    )


def softmax_cross_entropy(
    onehot_labels: Any,
    logits: Any,
    weights: Any = None,
    label_smoothing: float = 0.0,
    reduction: How = BY_NONZERO,
) -> Tensor:
    """The crossentropy of one-hot labels and the softmax of ``logits`` over the last axis, weighed and reduced.

    ``weights`` are for what is left without that axis; ``label_smoothing`` is the share of the labels that is spread
    over all classes.

    >>> f"{softmax_cross_entropy([[1, 0]], [[0, 0]]).array_sync():.4f}"
    '0.6931'
    """
    labels, logits = _matching("softmax_cross_entropy", onehot_labels, logits)
    values = f.categorical_crossentropy(labels, logits, from_logits=True, label_smoothing=label_smoothing)
    return compute_weighted_loss(values, weights, reduction)
