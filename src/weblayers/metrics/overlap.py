"""Metrics of segmentations and regressions that need sums of their own: IoU, R2, correlations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ops import arithmetic as a
from ..ops import indexing, matrices, movement, reduction
from ..runtime.tensor import Tensor
from .base import MeanMetric, Metric, ratio, weights_like


class IoU(Metric):
    """Intersection over union of chosen classes, from a confusion matrix; the mean of them.

    Args:
        num_classes: number of classes.
        target_class_ids: those that count.
        ignore_class: a class of the targets that does not count.
        sparse_y_true, sparse_y_pred: whether they are class numbers instead of scores along ``axis``.
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype)
        self.num_classes, self.target_class_ids = num_classes, list(target_class_ids)
        self.ignore_class, self.axis = ignore_class, axis
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred

    def classes(self, y: Tensor, sparse: bool) -> Tensor:
        """Class numbers, in one axis."""
        return movement.flatten(a.cast(y, "int32") if sparse else reduction.arg_max(y, self.axis))

    def statistics(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        true, pred = self.classes(y_true, self.sparse_y_true), self.classes(y_pred, self.sparse_y_pred)
        rows, columns = (indexing.one_hot(c, self.num_classes, dtype="float32") for c in (true, pred))
        if sample_weight is not None:
            values = a.cast(y_true, "float32") if self.sparse_y_true else reduction.max(y_true, self.axis)
            weight = weights_like(sample_weight, values)
            assert weight is not None
            rows = a.mul(rows, movement.reshape(movement.broadcast_to(weight, values.shape), (rows.shape[0], 1)))
        if self.ignore_class is not None:
            counts = a.cast(a.not_equal(true, self.ignore_class), "float32")
            rows = a.mul(rows, movement.expand_dims(counts, 1))
        return movement.flatten(matrices.mat_mul(rows, columns, transpose_a=True))

    def compute(self, totals: np.ndarray) -> Any:
        table = totals.reshape(self.num_classes, self.num_classes)
        both, either = np.diag(table), table.sum(0) + table.sum(1) - np.diag(table)
        chosen, unions = both[self.target_class_ids], either[self.target_class_ids]
        there = unions != 0
        return (chosen[there] / unions[there]).mean() if there.any() else 0.0


class MeanIoU(IoU):
    """The mean intersection over union of all classes."""

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, range(num_classes), name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)


class OneHotIoU(IoU):
    """:class:`IoU` of one-hot targets and scores."""

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)


class OneHotMeanIoU(MeanIoU):
    """:class:`MeanIoU` of one-hot targets and scores."""

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)


class BinaryIoU(IoU):
    """:class:`IoU` of 0/1 targets and probabilities.

    Args:
        threshold: above which a prediction is class 1.
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def statistics(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        return super().statistics(y_true, a.cast(a.greater_equal(y_pred, self.threshold), "int32"), sample_weight)


class R2Score(Metric):
    """One minus the squared error's share of the targets' variance.

    Args:
        class_aggregation: None for a value per output, or ``"uniform_average"``, ``"variance_weighted_average"``.
        num_regressors: for the adjusted score.
    """

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, dtype)
        if class_aggregation not in (None, "uniform_average", "variance_weighted_average"):
            raise ValueError(f"R2Score: unknown class_aggregation {class_aggregation!r}")
        self.class_aggregation, self.num_regressors = class_aggregation, num_regressors

    def statistics(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        weight = weights_like(sample_weight, y_true)
        ones = a.add(a.mul(y_true, 0.0), 1.0)
        w = ones if weight is None else a.mul(ones, weight)
        parts = (a.mul(y_true, w), a.mul(a.square(y_true), w), a.mul(a.squared_difference(y_true, y_pred), w), w, ones)
        return movement.concat([movement.flatten(reduction.sum(p, 0)) for p in parts], 0)

    def compute(self, totals: np.ndarray) -> Any:
        total, squares, residual, count, samples = totals.reshape(5, -1)
        variance = squares - total * ratio(total, count)
        scores = np.where(variance == 0, 0.0, 1 - ratio(residual, variance))
        value: Any = scores
        if self.class_aggregation == "uniform_average":
            value = scores.mean()
        elif self.class_aggregation == "variance_weighted_average":
            value = (scores * variance).sum() / variance.sum()
        p = self.num_regressors
        if p:
            n = samples.max()
            value = 1 - (1 - value) * (n - 1) / (n - p - 1) if n - p - 1 > 0 else value
        return value


class PearsonCorrelation(Metric):
    """The mean over samples of the correlation of targets and predictions along an axis."""

    def __init__(self, name: str | None = None, dtype: Any = None, axis: int = -1) -> None:
        super().__init__(name, dtype)
        self.axis = axis

    def statistics(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        return MeanMetric(self.values).statistics(y_true, y_pred, sample_weight)

    def compute(self, totals: np.ndarray) -> Any:
        return ratio(totals[0], totals[1])

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The correlation of each sample."""
        true, pred = (self._centered(y) for y in (y_true, y_pred))
        return reduction.sum(a.mul(self._unit(true), self._unit(pred)), self.axis)

    def _centered(self, y: Tensor) -> Tensor:
        return a.sub(y, reduction.mean(y, self.axis, True))

    def _unit(self, y: Tensor) -> Tensor:
        return a.mul(y, a.rsqrt(a.maximum(reduction.sum(a.square(y), self.axis, True), 1e-12)))


class ConcordanceCorrelation(PearsonCorrelation):
    """Lin's concordance: like :class:`PearsonCorrelation`, but only where values are equal, not just in proportion."""

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        means = [reduction.mean(y, self.axis) for y in (y_true, y_pred)]
        true, pred = (self._centered(y) for y in (y_true, y_pred))
        spreads = [reduction.mean(a.square(y), self.axis) for y in (true, pred)]
        both = a.mul(reduction.mean(a.mul(true, pred), self.axis), 2.0)
        apart = a.add(a.add(spreads[0], spreads[1]), a.squared_difference(*means))
        return a.div(both, a.add(apart, 1e-7))
