"""Metrics that count hits and misses: at thresholds, at the best classes, by class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ops import arithmetic as a
from ..ops import movement, reduction, slicing
from ..runtime import tracing
from ..runtime.tensor import Tensor
from .base import Metric, ratio, weights_like

# Rows of the table that most of these metrics sum up.
TRUE_POSITIVES, FALSE_POSITIVES, TRUE_NEGATIVES, FALSE_NEGATIVES = range(4)


def counts_at(
    y_true: Tensor, y_pred: Tensor, weight: Tensor | None, thresholds: Sequence[float], by_label: bool
) -> Tensor:
    """``[4, thresholds]`` or ``[4, thresholds, labels]``: how often each case happens, as a vector."""
    labels = y_pred.shape[-1] if by_label else 1
    rows = y_pred.size // labels
    true, pred = (movement.reshape(a.cast(y, "float32"), (1, rows, labels)) for y in (y_true, y_pred))
    positive = a.cast(a.greater(pred, tracing.constant(np.reshape(thresholds, (-1, 1, 1)))), "float32")
    yes = a.cast(a.cast(true, "bool"), "float32")
    no = a.sub(1.0, yes)
    if weight is not None:
        weight = movement.broadcast_to(_fitted(weight, y_pred), y_pred.shape)
        weight = movement.reshape(weight, (1, rows, labels))
        yes, no = a.mul(yes, weight), a.mul(no, weight)
    negative = a.sub(1.0, positive)
    pairs = ((yes, positive), (no, positive), (no, negative), (yes, negative))
    sums = [movement.flatten(reduction.sum(a.mul(x, y), 1)) for x, y in pairs]
    return movement.concat(sums, 0)


def _fitted(weight: Tensor, like: Tensor) -> Tensor:
    out = weights_like(weight, like)
    assert out is not None
    return out


def _chosen(y_true: Tensor, y_pred: Tensor, top_k: int | None, class_id: int | None) -> tuple[Tensor, Tensor]:
    """Predictions outside the best k never count; of several classes perhaps only one does."""
    if top_k is not None:
        better = a.greater(movement.expand_dims(y_pred, -2), movement.expand_dims(y_pred, -1))
        among = a.less(reduction.sum(a.cast(better, "float32"), -1), float(top_k))
        y_pred = a.where(among, y_pred, -1e10)
    if class_id is not None:
        at = (..., slice(class_id, class_id + 1))
        y_true, y_pred = slicing.get_item(y_true, at), slicing.get_item(y_pred, at)
    return y_true, y_pred


class _Thresholded(Metric):
    """Counts at one or several thresholds.

    Args:
        thresholds: above which a prediction is positive; 0.5 if left out.
        top_k: only the k largest predictions of a sample can be positive.
        class_id: count only this class.
    """

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, dtype)
        self.thresholds, self.top_k, self.class_id = thresholds, top_k, class_id

    def _levels(self) -> list[float]:
        if self.thresholds is None:
            return [0.5 if self.top_k is None else -1e9]
        return [self.thresholds] if isinstance(self.thresholds, int | float) else list(self.thresholds)

    def statistics(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        y_true, y_pred = _chosen(y_true, y_pred, self.top_k, self.class_id)
        return counts_at(y_true, y_pred, sample_weight, self._levels(), by_label=False)

    def compute(self, totals: np.ndarray) -> Any:
        value = self.value(*totals.reshape(4, -1))
        return value if isinstance(self.thresholds, list | tuple) else value[0]

    def value(self, tp: np.ndarray, fp: np.ndarray, tn: np.ndarray, fn: np.ndarray) -> np.ndarray:
        """The metric at each threshold."""
        raise NotImplementedError


class Precision(_Thresholded):
    """The share of positive predictions that are right.

    >>> metric = Precision()
    >>> metric.update_state([0.0, 1.0, 1.0, 1.0], [1.0, 0.0, 1.0, 1.0])
    >>> round(float(metric.result()), 3)
    0.667
    """

    def value(self, tp: np.ndarray, fp: np.ndarray, tn: np.ndarray, fn: np.ndarray) -> np.ndarray:
        return ratio(tp, tp + fp)


class Recall(_Thresholded):
    """The share of positive targets that are found."""

    def value(self, tp: np.ndarray, fp: np.ndarray, tn: np.ndarray, fn: np.ndarray) -> np.ndarray:
        return ratio(tp, tp + fn)


class TruePositives(_Thresholded):
    """How many positive targets are found."""

    def value(self, tp: np.ndarray, fp: np.ndarray, tn: np.ndarray, fn: np.ndarray) -> np.ndarray:
        return tp


class FalsePositives(_Thresholded):
    """How many positive predictions are wrong."""

    def value(self, tp: np.ndarray, fp: np.ndarray, tn: np.ndarray, fn: np.ndarray) -> np.ndarray:
        return fp


class TrueNegatives(_Thresholded):
    """How many negative predictions are right."""

    def value(self, tp: np.ndarray, fp: np.ndarray, tn: np.ndarray, fn: np.ndarray) -> np.ndarray:
        return tn


class FalseNegatives(_Thresholded):
    """How many positive targets are missed."""

    def value(self, tp: np.ndarray, fp: np.ndarray, tn: np.ndarray, fn: np.ndarray) -> np.ndarray:
        return fn


class _AtOther(Metric):
    """The best of one rate among the thresholds where another is good enough."""

    def __init__(
        self,
        value: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, dtype)
        if not 0 <= value <= 1:
            raise ValueError(f"{type(self).__name__}: the required rate must lie between 0 and 1, got {value}")
        self._value, self.num_thresholds, self.class_id = value, num_thresholds, class_id
        inner = [(i + 1) / (num_thresholds - 1) for i in range(num_thresholds - 2)]
        self._levels = [0.0, *inner, 1.0] if num_thresholds > 1 else [0.5]

    def statistics(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        y_true, y_pred = _chosen(y_true, y_pred, None, self.class_id)
        return counts_at(y_true, y_pred, sample_weight, self._levels, by_label=False)

    def compute(self, totals: np.ndarray) -> Any:
        wanted, given = self.rates(*totals.reshape(4, -1))
        good = given >= self._value
        return wanted[good].max() if good.any() else 0.0

    def rates(self, tp: np.ndarray, fp: np.ndarray, tn: np.ndarray, fn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rate that is wanted, and the one that is required."""
        raise NotImplementedError


class SensitivityAtSpecificity(_AtOther):
    """The best sensitivity where the specificity is at least ``specificity``."""

    def __init__(self, specificity: float, *args: Any, **options: Any) -> None:
        super().__init__(specificity, *args, **options)
        self.specificity = specificity

    def rates(self, tp: np.ndarray, fp: np.ndarray, tn: np.ndarray, fn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return ratio(tp, tp + fn), ratio(tn, tn + fp)


class SpecificityAtSensitivity(_AtOther):
    """The best specificity where the sensitivity is at least ``sensitivity``."""

    def __init__(self, sensitivity: float, *args: Any, **options: Any) -> None:
        super().__init__(sensitivity, *args, **options)
        self.sensitivity = sensitivity

    def rates(self, tp: np.ndarray, fp: np.ndarray, tn: np.ndarray, fn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return ratio(tn, tn + fp), ratio(tp, tp + fn)


class PrecisionAtRecall(_AtOther):
    """The best precision where the recall is at least ``recall``."""

    def __init__(self, recall: float, *args: Any, **options: Any) -> None:
        super().__init__(recall, *args, **options)
        self.recall = recall

    def rates(self, tp: np.ndarray, fp: np.ndarray, tn: np.ndarray, fn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return ratio(tp, tp + fp), ratio(tp, tp + fn)


class RecallAtPrecision(_AtOther):
    """The best recall where the precision is at least ``precision``."""

    def __init__(self, precision: float, *args: Any, **options: Any) -> None:
        super().__init__(precision, *args, **options)
        self.precision = precision

    def rates(self, tp: np.ndarray, fp: np.ndarray, tn: np.ndarray, fn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return ratio(tp, tp + fn), ratio(tp, tp + fp)


class AUC(Metric):
    """The area under the ROC or the precision-recall curve, from counts at thresholds.

    Args:
        num_thresholds: how many, between 0 and 1.
        curve: ``"ROC"`` or ``"PR"``.
        summation_method: ``"interpolation"``, ``"minoring"`` or ``"majoring"``.
        thresholds: given ones instead.
        multi_label: whether each label has an area of its own; the mean is given.
        label_weights: of that mean.
        from_logits: whether predictions are the arguments of a sigmoid.

    >>> metric = AUC()
    >>> metric.update_state([0.0, 0.0, 1.0, 1.0], [0.0, 0.5, 0.3, 0.9])
    >>> round(float(metric.result()), 2)
    0.75
    """

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(name, dtype)
        if curve.upper() not in ("ROC", "PR"):
            raise ValueError(f"AUC: curve must be 'ROC' or 'PR', got {curve!r}")
        if summation_method not in ("interpolation", "minoring", "majoring"):
            raise ValueError(f"AUC: unknown summation_method {summation_method!r}")
        if thresholds is None:
            inner = [(i + 1) / (num_thresholds - 1) for i in range(num_thresholds - 2)]
        else:
            # a written configuration has the outermost ones too
            inner = [t for t in sorted(thresholds) if 0 < t < 1 or t not in (-1e-7, 1 + 1e-7)]
        self._levels = [-1e-7, *inner, 1 + 1e-7]
        self.num_thresholds, self.curve, self.summation_method = len(self._levels), curve.upper(), summation_method
        self.thresholds, self.multi_label, self.num_labels = inner, multi_label, num_labels
        self.label_weights, self.from_logits = label_weights, from_logits

    def statistics(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        if self.from_logits:
            y_pred = a.sigmoid(y_pred)
        if self.label_weights is not None and not self.multi_label:
            own = tracing.constant(self.label_weights)
            given = tracing.constant([1.0]) if sample_weight is None else _fitted(sample_weight, y_pred)
            sample_weight = movement.broadcast_to(a.mul(given, own), y_pred.shape)
        return counts_at(y_true, y_pred, sample_weight, self._levels, by_label=self.multi_label)

    def compute(self, totals: np.ndarray) -> Any:
        tp, fp, tn, fn = totals.reshape(4, len(self._levels), -1)
        areas = self._pr_area(tp, fp, fn) if self._interpolated_pr else self._area(tp, fp, tn, fn)
        if self.label_weights is not None and self.multi_label:
            weights = np.asarray(self.label_weights, np.float64)
            return (areas * weights).sum() / weights.sum()
        return areas.mean()

    @property
    def _interpolated_pr(self) -> bool:
        return self.curve == "PR" and self.summation_method == "interpolation"

    def _area(self, tp: np.ndarray, fp: np.ndarray, tn: np.ndarray, fn: np.ndarray) -> np.ndarray:
        recall = ratio(tp, tp + fn)
        x, y = (ratio(fp, fp + tn), recall) if self.curve == "ROC" else (recall, ratio(tp, tp + fp))
        if self.summation_method == "interpolation":
            heights = (y[:-1] + y[1:]) / 2
        else:
            heights = (np.minimum if self.summation_method == "minoring" else np.maximum)(y[:-1], y[1:])
        return ((x[:-1] - x[1:]) * heights).sum(0)

    def _pr_area(self, tp: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> np.ndarray:
        """Precision interpolates by its counts, not by itself. Davis and Goadrich (2006)."""
        change = tp[:-1] - tp[1:]
        positive = tp + fp
        slope = ratio(change, np.maximum(positive[:-1] - positive[1:], 0))
        intercept = tp[1:] - slope * positive[1:]
        both = (positive[:-1] > 0) & (positive[1:] > 0)
        growth = np.where(both, ratio(positive[:-1], np.maximum(positive[1:], 0)), 1.0)
        parts = slope * (change + intercept * np.log(growth))
        return ratio(parts, np.maximum(tp[1:] + fn[1:], 0)).sum(0)


class FBetaScore(Metric):
    """The weighted harmonic mean of precision and recall, by class.

    Args:
        average: None for a value per class, or ``"micro"``, ``"macro"``, ``"weighted"``.
        beta: how much recall counts.
        threshold: above which a prediction is positive; if left out, the largest of a sample is.
    """

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, dtype)
        if average not in (None, "micro", "macro", "weighted"):
            raise ValueError(
                f"{type(self).__name__}: average must be None, 'micro', 'macro' or 'weighted', got {average!r}"
            )
        self.average, self.beta, self.threshold = average, beta, threshold

    def statistics(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        if self.threshold is None:
            best = reduction.max(y_pred, -1, True)
            positive = a.logical_and(a.greater_equal(y_pred, best), a.greater(a.abs(y_pred), 1e-9))
        else:
            positive = a.greater(y_pred, self.threshold)
        pred, true = a.cast(positive, "float32"), a.cast(y_true, "float32")
        counts = _fitted(sample_weight, y_pred) if sample_weight is not None else tracing.constant([1.0])
        axes = list(range(y_pred.rank - 1)) if self.average != "micro" else None
        pairs = (
            a.mul(pred, true),
            a.mul(pred, a.sub(1.0, true)),
            a.mul(a.sub(1.0, pred), true),
            true,
        )
        return movement.concat([movement.flatten(reduction.sum(a.mul(p, counts), axes)) for p in pairs], 0)

    def compute(self, totals: np.ndarray) -> Any:
        tp, fp, fn, count = totals.reshape(4, -1)
        precision, recall = (tp / (tp + other + 1e-7) for other in (fp, fn))
        square = self.beta**2
        scores = (1 + square) * precision * recall / (precision * square + recall + 1e-7)
        if self.average == "weighted":
            return (scores * count / (count.sum() + 1e-7)).sum()
        return scores if self.average is None else scores.mean()


class F1Score(FBetaScore):
    """The harmonic mean of precision and recall, by class."""

    def __init__(
        self, average: str | None = None, threshold: float | None = None, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)
