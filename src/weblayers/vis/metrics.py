"""How good predictions are: TensorFlow.js' ``tfvis.metrics``. All are awaited, and take tensors or arrays.

>>> import asyncio, weblayers as wl
>>> asyncio.run(wl.vis.metrics.accuracy([0, 1, 2, 2], [0, 1, 1, 2]))
0.75
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import naming
from ..runtime.tensor import Tensor

__all__ = ["accuracy", "confusion_matrix", "per_class_accuracy"]

# Numbers beyond are no classes; a matrix of as many would take a page's memory.
MOST_CLASSES = 10_000


async def accuracy(labels: Any, predictions: Any) -> float:
    """The share of predictions that are the labels.

    Raises:
        ValueError: their shapes differ, or they are empty.
    """
    right, taken = await _values(labels), await _values(predictions)
    if right.shape != taken.shape or not right.size:
        raise ValueError(
            f"accuracy wants as many labels as predictions, got shapes {list(right.shape)} and {list(taken.shape)}"
        )
    return float(np.mean(right == taken))


async def per_class_accuracy(labels: Any, predictions: Any, num_classes: int | None = None) -> list[dict[str, Any]]:
    """For each class how many samples have it as label (``"count"``), and the share that is right (``"accuracy"``).

    Args:
        labels: the number of the right class for each sample.
        predictions: that of the predicted one.
        num_classes: how many classes there are; left out, as many as occur, if they are 10,000 at most.

    A class without samples has the accuracy 0, as in TensorFlow.js.

    >>> import asyncio, weblayers as wl
    >>> asyncio.run(wl.vis.metrics.per_class_accuracy([0, 1, 1], [0, 1, 0]))
    [{'accuracy': 1.0, 'count': 1}, {'accuracy': 0.5, 'count': 2}]
    """
    right, taken, many = await _classes(labels, predictions, num_classes)
    counts = np.bincount(right, minlength=many)
    hits = np.bincount(right[right == taken], minlength=many)
    return [{"accuracy": float(h / max(1, c)), "count": int(c)} for h, c in zip(hits, counts, strict=True)]


async def confusion_matrix(
    labels: Any, predictions: Any, num_classes: int | None = None, weights: Any = None
) -> list[list[float]]:
    """How often each class (a row) was taken for each class (a column); with weights, the sum of the samples' weights.

    Args:
        labels: the number of the right class for each sample.
        predictions: that of the predicted one.
        num_classes: how many classes there are; left out, as many as occur, if they are 10,000 at most.
        weights: how much each sample counts.

    >>> import asyncio, weblayers as wl
    >>> asyncio.run(wl.vis.metrics.confusion_matrix([0, 1, 1], [0, 0, 1]))
    [[1, 0], [1, 1]]
    """
    right, taken, many = await _classes(labels, predictions, num_classes)
    factors = None if weights is None else await _values(weights)
    if factors is not None and factors.shape != right.shape:
        raise ValueError(f"there are {len(right)} samples, but weights of the shape {list(factors.shape)}")
    counted: Any = np.bincount(right * many + taken, factors, many * many)
    return counted.reshape(many, many).tolist()


async def _classes(labels: Any, predictions: Any, num_classes: int | None) -> tuple[np.ndarray, np.ndarray, int]:
    right, taken = await _values(labels), await _values(predictions)
    if right.ndim != 1 or right.shape != taken.shape:
        raise ValueError(
            "labels and predictions are the numbers of classes, two vectors of one size; got shapes"
            f" {list(right.shape)} and {list(taken.shape)}. Of probabilities, argmax(-1) makes such numbers."
        )
    both = np.concatenate([right, taken])
    if both.size and not (np.all(both >= 0) and np.all(both == np.floor(both))):
        raise ValueError("labels and predictions must be the numbers of classes, from 0 on")
    occurring = int(both.max()) + 1 if both.size else 0
    if num_classes is None and occurring > MOST_CLASSES:
        raise ValueError(
            f"with the number {occurring - 1} there would be {occurring} classes, and more than {MOST_CLASSES} are not"
            " counted: labels and predictions are the numbers of classes, from 0 on"
        )
    if num_classes is not None and occurring > num_classes:
        raise ValueError(f"there are {num_classes} classes, but also the number {occurring - 1}")
    return right.astype(np.int64), taken.astype(np.int64), occurring if num_classes is None else num_classes


async def _values(given: Any) -> np.ndarray:
    return (await given.data()).reshape(given.shape) if isinstance(given, Tensor) else np.asarray(given)


__getattr__ = naming.module_getattr(__name__, globals())
