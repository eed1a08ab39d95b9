"""Losses as functions: of targets and predictions, one number per sample.

Formulas and defaults are those of TensorFlow.js' layers where it has the loss, else those of Keras 3.
"""

from __future__ import annotations

import math

from ..ops import arithmetic as a
from ..ops import indexing, matrices, movement, normalization, reduction
from ..runtime import tracing
from ..runtime.tensor import Tensor
from .matching import of_tensors

# What keeps logarithms and divisions finite.
EPSILON = 1e-7
# The logarithm of nothing; infinity would spoil gradients.
LOG_OF_NOTHING = -1e9


def mean_squared_error(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The mean over the last axis of ``(y_true - y_pred)^2``.

    >>> import weblayers as wl
    >>> mean_squared_error(wl.tensor2d([[0, 0]]), wl.tensor2d([[1, 3]])).array_sync()
    [5.0]
    """
    return reduction.mean(a.squared_difference(y_pred, y_true), -1)


def mean_absolute_error(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The mean over the last axis of ``|y_true - y_pred|``."""
    return reduction.mean(a.abs(a.sub(y_pred, y_true)), -1)


def mean_absolute_percentage_error(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The mean over the last axis of ``|y_true - y_pred| / |y_true|``, in percent."""
    size = a.maximum(a.abs(y_true), EPSILON)
    return a.mul(reduction.mean(a.abs(a.div(a.sub(y_true, y_pred), size)), -1), 100.0)


def mean_squared_logarithmic_error(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The mean over the last axis of ``(log(1 + y_true) - log(1 + y_pred))^2``."""
    logs = [a.log(a.add(a.maximum(y, EPSILON), 1.0)) for y in (y_pred, y_true)]
    return reduction.mean(a.squared_difference(*logs), -1)


def _signs(y_true: Tensor) -> Tensor:
    """Targets of 0 and 1 as -1 and 1; others stay."""
    binary = reduction.all(a.logical_or(a.equal(y_true, 0.0), a.equal(y_true, 1.0)))
    return a.where(binary, a.sub(a.mul(y_true, 2.0), 1.0), y_true)


def hinge(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The mean over the last axis of ``max(0, 1 - y_true * y_pred)``; targets are -1 and 1."""
    return reduction.mean(a.relu(a.sub(1.0, a.mul(y_true, y_pred))), -1)


def squared_hinge(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The mean over the last axis of ``max(0, 1 - y_true * y_pred)^2``; targets are -1 and 1."""
    return reduction.mean(a.square(a.relu(a.sub(1.0, a.mul(y_true, y_pred)))), -1)


def categorical_hinge(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """``max(0, 1 + max((1 - y_true) * y_pred) - sum(y_true * y_pred))``."""
    right = reduction.sum(a.mul(y_true, y_pred), -1)
    wrong = reduction.max(a.mul(a.sub(1.0, y_true), y_pred), -1)
    return a.relu(a.add(a.sub(wrong, right), 1.0))


def log_cosh(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The mean over the last axis of ``log(cosh(y_pred - y_true))``."""
    error = a.sub(y_pred, y_true)
    return reduction.mean(a.sub(a.add(error, a.softplus(a.mul(error, -2.0))), math.log(2)), -1)


def huber(y_true: Tensor, y_pred: Tensor, delta: float = 1.0) -> Tensor:
    """Squared for errors up to ``delta``, linear beyond. Huber (1964)."""
    return reduction.mean(half_squares(a.sub(y_pred, y_true), delta), -1)


def half_squares(error: Tensor, delta: float) -> Tensor:
    """Half the square of each error up to ``delta``, linear beyond."""
    size = a.abs(error)
    linear = a.mul(a.sub(size, 0.5 * delta), delta)
    return a.where(a.less_equal(size, delta), a.mul(a.square(error), 0.5), linear)


def kullback_leibler_divergence(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """``sum(y_true * log(y_true / y_pred))`` of probabilities."""
    # of whole numbers, the bounds would be whole numbers too
    true, pred = (a.clip_by_value(a.cast(y, "float32"), EPSILON, 1.0) for y in (y_true, y_pred))
    return reduction.sum(a.mul(y_true, a.log(a.div(true, pred))), -1)


kl_divergence = kld = kullback_leibler_divergence


def poisson(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The mean over the last axis of ``y_pred - y_true * log(y_pred)``."""
    return reduction.mean(a.sub(y_pred, a.mul(y_true, a.log(a.add(y_pred, EPSILON)))), -1)


def _unit(x: Tensor, axis: int) -> Tensor:
    return a.mul(x, a.rsqrt(a.maximum(reduction.sum(a.square(x), axis, True), 1e-12)))


def cosine_similarity(y_true: Tensor, y_pred: Tensor, axis: int = -1) -> Tensor:
    """Minus the cosine of the angle between targets and predictions; Keras' and TensorFlow.js' loss."""
    return a.neg(reduction.sum(a.mul(_unit(y_true, axis), _unit(y_pred, axis)), axis))


def cosine_proximity(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """:func:`cosine_similarity` under TensorFlow.js' name."""
    return cosine_similarity(y_true, y_pred)


# -- crossentropies ---------------------------------------------------------------------------------------------------


def smoothed(y_true: Tensor, smoothing: float, to: float) -> Tensor:
    """Targets of which a share is moved to a value."""
    return a.add(a.mul(y_true, 1 - smoothing), smoothing * to) if smoothing else y_true


@of_tensors
def categorical_crossentropy(
    y_true: Tensor, y_pred: Tensor, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """``-sum(y_true * log(y_pred))`` of one-hot targets and probabilities, which are scaled to sum to 1 first.

    Args:
        from_logits: whether predictions are the arguments of a softmax instead.
        label_smoothing: share of the targets that is spread over all classes.
        axis: of the classes.
    """
    y_true = smoothed(y_true, label_smoothing, 1 / y_pred.shape[axis])
    if from_logits:
        return a.neg(reduction.sum(a.mul(y_true, normalization.log_softmax(y_pred, axis)), axis))
    probabilities = a.div(y_pred, reduction.sum(y_pred, axis, True))
    probabilities = a.clip_by_value(probabilities, EPSILON, 1 - EPSILON)
    return a.neg(reduction.sum(a.mul(y_true, a.log(probabilities)), axis))


@of_tensors
def sparse_categorical_crossentropy(
    y_true: Tensor, y_pred: Tensor, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Tensor:
    """:func:`categorical_crossentropy` of class numbers.

    Args:
        ignore_class: a class number that does not count.
    """
    axis %= y_pred.rank
    shape = [d for i, d in enumerate(y_pred.shape) if i != axis]
    labels = movement.reshape(a.cast(a.floor(y_true), "int32"), shape)
    hot = indexing.one_hot(labels, y_pred.shape[axis], dtype="float32")
    if axis != y_pred.rank - 1:
        order = list(range(y_pred.rank - 1))
        hot = movement.transpose(hot, [*order[:axis], y_pred.rank - 1, *order[axis:]])
    pred = y_pred if from_logits else a.clip_by_value(y_pred, EPSILON, 1 - EPSILON)
    loss = categorical_crossentropy(hot, pred, from_logits, axis=axis)
    return loss if ignore_class is None else a.where(a.not_equal(labels, ignore_class), loss, 0.0)


def binary_entropy(y_true: Tensor, y_pred: Tensor, from_logits: bool) -> Tensor:
    """The crossentropy of each target and its probability, or logit."""
    if from_logits:
        logits = y_pred
    else:
        p = a.clip_by_value(y_pred, EPSILON, 1 - EPSILON)
        logits = a.log(a.div(p, a.sub(1.0, p)))
    return a.sub(a.softplus(logits), a.mul(logits, y_true))


def binary_crossentropy(
    y_true: Tensor, y_pred: Tensor, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """The mean over the last axis of the crossentropy of 0/1 targets and probabilities.

    Args:
        from_logits: whether predictions are the arguments of a sigmoid instead.
        label_smoothing: share of the targets that is moved to one half.
    """
    y_true = smoothed(y_true, label_smoothing, 0.5)
    return reduction.mean(binary_entropy(y_true, y_pred, from_logits), axis)


def binary_focal_crossentropy(
    y_true: Tensor,
    y_pred: Tensor,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """:func:`binary_crossentropy` that counts hard samples more: times ``(1 - p)^gamma``. Lin et al. (2018)."""
    y_true = smoothed(a.cast(y_true, "float32"), label_smoothing, 0.5)
    p = a.sigmoid(y_pred) if from_logits else y_pred
    entropy = binary_entropy(y_true, p, False)
    right = a.add(a.mul(y_true, p), a.mul(a.sub(1.0, y_true), a.sub(1.0, p)))
    loss = a.mul(_positive_power(a.sub(1.0, right), gamma), entropy)
    if apply_class_balancing:
        loss = a.mul(loss, a.add(a.mul(y_true, alpha), a.mul(a.sub(1.0, y_true), 1 - alpha)))
    return reduction.mean(loss, axis)


def _positive_power(x: Tensor, exponent: float) -> Tensor:
    return a.pow(a.maximum(x, 0.0), exponent)


@of_tensors
def categorical_focal_crossentropy(
    y_true: Tensor,
    y_pred: Tensor,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """:func:`categorical_crossentropy` that counts hard samples more: times ``alpha * (1 - p)^gamma``."""
    y_true = smoothed(y_true, label_smoothing, 1 / y_pred.shape[axis])
    p = normalization.softmax(y_pred, axis) if from_logits else y_pred
    p = a.div(p, reduction.sum(p, axis, True))
    p = a.clip_by_value(p, EPSILON, 1 - EPSILON)
    weight = a.mul(a.pow(a.sub(1.0, p), gamma), alpha)
    return a.neg(reduction.sum(a.mul(a.mul(y_true, weight), a.log(p)), axis))


@of_tensors
def categorical_generalized_cross_entropy(y_true: Tensor, y_pred: Tensor, q: float = 0.5) -> Tensor:
    """``(1 - p^q) / q`` for the probability p of the right class, a number: for labels with errors.

    Zhang and Sabuncu (2018).
    """
    labels = movement.reshape(a.cast(y_true, "int32"), y_pred.shape[:-1])
    right = reduction.sum(a.mul(y_pred, indexing.one_hot(labels, y_pred.shape[-1], dtype="float32")), -1)
    # the slope of a root at 0 is infinite
    return a.div(a.sub(1.0, a.pow(a.maximum(right, EPSILON), q)), q)


# -- overlaps ---------------------------------------------------------------------------------------------------------


def dice(y_true: Tensor, y_pred: Tensor, axis: list[int] | None = None) -> Tensor:
    """``1 - 2 |both| / (|true| + |pred|)``, over everything or over axes."""
    both = reduction.sum(a.mul(y_true, y_pred), axis)
    total = a.add(reduction.sum(y_true, axis), reduction.sum(y_pred, axis))
    return a.sub(1.0, a.div(a.add(a.mul(both, 2.0), EPSILON), a.add(total, EPSILON)))


def tversky(
    y_true: Tensor, y_pred: Tensor, alpha: float = 0.5, beta: float = 0.5, axis: list[int] | None = None
) -> Tensor:
    """:func:`dice` with weights: ``alpha`` for false positives, ``beta`` for false negatives. Salehi et al. (2017).

    Keras documents this reading but computes the other one; losses from its files compute as it does.
    """
    both = reduction.sum(a.mul(y_true, y_pred), axis)
    extra = reduction.sum(a.mul(a.sub(1.0, y_true), y_pred), axis)
    missing = reduction.sum(a.mul(y_true, a.sub(1.0, y_pred)), axis)
    total = a.add(a.add(both, a.mul(extra, alpha)), a.mul(missing, beta))
    return a.sub(1.0, a.div(both, a.add(total, EPSILON)))


def binary_hinge(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """:func:`hinge` that also takes targets of 0 and 1, as Keras' does."""
    return hinge(_signs(y_true), y_pred)


def binary_squared_hinge(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """:func:`squared_hinge` that also takes targets of 0 and 1, as Keras' does."""
    return squared_hinge(_signs(y_true), y_pred)


# -- similarities -----------------------------------------------------------------------------------------------------


@of_tensors
def circle(
    y_true: Tensor, y_pred: Tensor, gamma: float = 80.0, margin: float = 0.4, remove_diagonal: bool = True
) -> Tensor:
    """Pulls embeddings of one class together and others apart, the more the worse they lie. Sun et al. (2020).

    A sample without another of its class in the batch, or without one of another class, has loss 0.

    Args:
        y_true: class numbers.
        y_pred: embeddings of length 1.
        gamma: scale.
        margin: how near embeddings of one class should be, and how far others.
        remove_diagonal: whether a sample is no pair with itself.
    """
    batch = y_pred.shape[0]
    labels = movement.reshape(a.cast(y_true, "int32"), (batch, 1))
    same = a.equal(labels, movement.transpose(labels))
    itself = indexing.one_hot(tracing.positions(batch), batch, dtype="float32")
    pairs = a.logical_and(same, a.logical_not(itself)) if remove_diagonal else same
    distance = a.relu(a.sub(1.0, matrices.mat_mul(y_pred, y_pred, transpose_b=True)))
    pull = a.mul(a.mul(a.add(distance, margin), a.sub(distance, margin)), gamma)
    push = a.mul(a.mul(a.relu(a.sub(1.0 + margin, distance)), a.sub(1.0 - margin, distance)), gamma)
    near = _log_sum_exp(a.where(pairs, pull, LOG_OF_NOTHING))
    return a.softplus(a.add(near, _log_sum_exp(a.where(same, LOG_OF_NOTHING, push))))


def _log_sum_exp(x: Tensor) -> Tensor:
    """``log(sum(exp(x)))`` over the last axis, without overflow."""
    top = a.stop_gradient(reduction.max(x, -1, True))
    return reduction.sum(a.add(a.log(reduction.sum(a.exp(a.sub(x, top)), -1, True)), top), -1)
