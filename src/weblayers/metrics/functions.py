"""Metrics as functions: of targets and predictions, one number per sample. Formulas are those of TensorFlow.js."""

from __future__ import annotations

from .. import losses
from ..ops import arithmetic as a
from ..ops import indexing, movement, reduction, slicing
from ..runtime.tensor import Tensor


def binary_accuracy(y_true: Tensor, y_pred: Tensor, threshold: float = 0.5) -> Tensor:
    """How often a probability is on its 0/1 target's side of the threshold.

    >>> import weblayers as wl
    >>> binary_accuracy(wl.tensor2d([[1], [0]]), wl.tensor2d([[0.7], [0.8]])).array_sync()
    [1.0, 0.0]
    """
    hit = a.equal(a.cast(y_true, "float32"), a.cast(a.greater(y_pred, threshold), "float32"))
    return reduction.mean(hit, -1)


def categorical_accuracy(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Whether the most probable class is that of the one-hot target."""
    return a.cast(a.equal(reduction.arg_max(y_true, -1), reduction.arg_max(y_pred, -1)), "float32")


def sparse_categorical_accuracy(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Whether the most probable class is the target, a class number."""
    labels = movement.reshape(a.cast(y_true, "int32"), y_pred.shape[:-1])
    return a.cast(a.equal(labels, reduction.arg_max(y_pred, -1)), "float32")


def equality(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """How often prediction and target are equal."""
    return reduction.mean(a.equal(y_true, y_pred), -1)


def _rank_of(right: Tensor, y_pred: Tensor) -> Tensor:
    """How many classes are more probable than the right one."""
    return reduction.sum(a.cast(a.greater(y_pred, right), "float32"), -1)


def top_k_categorical_accuracy(y_true: Tensor, y_pred: Tensor, k: int = 5) -> Tensor:
    """Whether the one-hot target's class is among the k most probable."""
    hot = indexing.one_hot(reduction.arg_max(y_true, -1), y_pred.shape[-1], dtype="float32")
    right = reduction.sum(a.mul(y_pred, hot), -1, True)
    return a.cast(a.less(_rank_of(right, y_pred), float(k)), "float32")


def sparse_top_k_categorical_accuracy(
    y_true: Tensor, y_pred: Tensor, k: int = 5, from_sorted_ids: bool = False
) -> Tensor:
    """Whether the target, a class number, is among the k most probable.

    Args:
        from_sorted_ids: whether predictions are class numbers, the most probable first, instead of scores.
    """
    labels = movement.reshape(a.cast(y_true, "int32"), y_pred.shape[:-1])
    if from_sorted_ids:
        best = a.cast(slicing.get_item(y_pred, (..., slice(k))), "int32")
        return a.cast(reduction.any(a.equal(best, movement.expand_dims(labels, -1)), -1), "float32")
    return top_k_categorical_accuracy(indexing.one_hot(labels, y_pred.shape[-1], dtype="float32"), y_pred, k)


def _positives(y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """True positives, false positives, false negatives, where only a 1 is positive."""
    true, pred = a.equal(y_true, 1.0), a.equal(y_pred, 1.0)
    pairs = (
        a.logical_and(true, pred),
        a.logical_and(a.logical_not(true), pred),
        a.logical_and(true, a.logical_not(pred)),
    )
    hits, extra, missed = (reduction.sum(a.cast(p, "float32")) for p in pairs)
    return hits, extra, missed


def precision(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The share of predictions of exactly 1 that are right, over the whole batch; TensorFlow.js' function."""
    hits, extra, _ = _positives(y_true, y_pred)
    total = a.add(hits, extra)
    return a.where(a.greater(total, 0.0), a.div(hits, a.maximum(total, 1.0)), 0.0)


def recall(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The share of targets of 1 that are predicted as exactly 1, over the whole batch; TensorFlow.js' function."""
    hits, _, missed = _positives(y_true, y_pred)
    total = a.add(hits, missed)
    return a.where(a.greater(total, 0.0), a.div(hits, a.maximum(total, 1.0)), 0.0)


def r2_score(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """One minus the squared error's share of the targets' variance, over the whole batch; TensorFlow.js' function."""
    residual = reduction.sum(a.squared_difference(y_true, y_pred))
    return a.sub(1.0, a.div(residual, reduction.sum(a.squared_difference(y_true, reduction.mean(y_true)))))


def cosine_proximity(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Minus the cosine of the angle between targets and predictions; TensorFlow.js' sign."""
    return losses.cosine_proximity(y_true, y_pred)


def cosine_similarity(y_true: Tensor, y_pred: Tensor, axis: int = -1) -> Tensor:
    """The cosine of the angle between targets and predictions; Keras' sign."""
    return a.neg(losses.cosine_similarity(y_true, y_pred, axis))
