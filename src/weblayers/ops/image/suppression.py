"""Choosing among boxes that overlap."""

from __future__ import annotations

import heapq
import math
from typing import Any

import numpy as np

from ...runtime.conversion import to_tensor
from ...runtime.memory import Record
from ...runtime.tensor import Tensor
from ..dispatch import public
from ..host import fetched, integers, values_of


@public
def non_max_suppression(
    boxes: Any,
    scores: Any,
    max_output_size: int,
    iou_threshold: float = 0.5,
    score_threshold: float = -math.inf,
) -> Tensor:
    """The numbers of the best boxes that do not overlap much, the best first.

    Runs on the host: how many there are depends on the values.

    Args:
        boxes: ``[boxes, 4]``: two opposite corners ``y1, x1, y2, x2`` each.
        scores: how good each box is.
        max_output_size: how many to choose at most.
        iou_threshold: boxes that share that part of what they cover together, or more, overlap too much.
        score_threshold: boxes of this score or less are left out.

    Returns:
        int32 ``[chosen]``.

    >>> import weblayers as wl
    >>> boxes = [[0, 0, 1, 1], [0, 0, 1, 1.1], [2, 2, 3, 3]]
    >>> wl.image.non_max_suppression(boxes, [0.5, 0.9, 0.3], 3).array_sync()
    [1, 2]
    """
    chosen, _ = _chosen(values_of(boxes), values_of(scores), max_output_size, iou_threshold, score_threshold)
    return integers(chosen)


@public
async def non_max_suppression_async(
    boxes: Any,
    scores: Any,
    max_output_size: int,
    iou_threshold: float = 0.5,
    score_threshold: float = -math.inf,
) -> Tensor:
    """:func:`non_max_suppression`, without blocking.

    Runs on the host.
    """
    return non_max_suppression(
        await fetched(boxes), await fetched(scores), max_output_size, iou_threshold, score_threshold
    )


@public
def non_max_suppression_with_score(
    boxes: Any,
    scores: Any,
    max_output_size: int,
    iou_threshold: float = 0.5,
    score_threshold: float = -math.inf,
    soft_nms_sigma: float = 0.0,
) -> Record:
    """:func:`non_max_suppression` with scores: ``{"selected_indices", "selected_scores"}``.

    Runs on the host: how many there are depends on the values.

    Args:
        soft_nms_sigma: from 0 to 1; above 0, a box that overlaps with better ones loses the more score, the more they
            overlap, and is chosen later or not at all.

    >>> import weblayers as wl
    >>> found = wl.image.non_max_suppression_with_score([[0, 0, 1, 1], [2, 2, 3, 3]], [0.25, 0.5], 2)
    >>> found["selected_indices"].array_sync(), found["selected_scores"].array_sync()
    ([1, 0], [0.5, 0.25])
    """
    chosen, left = _chosen(
        values_of(boxes), values_of(scores), max_output_size, iou_threshold, score_threshold, soft_nms_sigma
    )
    return Record(selected_indices=integers(chosen), selected_scores=to_tensor(np.array(left, np.float32)))


@public
async def non_max_suppression_with_score_async(
    boxes: Any,
    scores: Any,
    max_output_size: int,
    iou_threshold: float = 0.5,
    score_threshold: float = -math.inf,
    soft_nms_sigma: float = 0.0,
) -> Record:
    """:func:`non_max_suppression_with_score`, without blocking.

    Runs on the host.
    """
    return non_max_suppression_with_score(
        await fetched(boxes), await fetched(scores), max_output_size, iou_threshold, score_threshold, soft_nms_sigma
    )


@public
def non_max_suppression_padded(
    boxes: Any,
    scores: Any,
    max_output_size: int,
    iou_threshold: float = 0.5,
    score_threshold: float = -math.inf,
    pad_to_max_output_size: bool = False,
) -> Record:
    """:func:`non_max_suppression` with zeros after: ``{"selected_indices", "valid_outputs"}``, how many are chosen.

    Runs on the host: which boxes are chosen depends on the values, one after the other.

    Args:
        pad_to_max_output_size: add zeros up to ``max_output_size``, or to the number of boxes if they are fewer.

    >>> import weblayers as wl
    >>> boxes = [[0, 0, 1, 1], [0, 0, 1, 1]]
    >>> found = wl.image.non_max_suppression_padded(boxes, [0.5, 0.9], 2, pad_to_max_output_size=True)
    >>> found["selected_indices"].array_sync(), found["valid_outputs"].array_sync()
    ([1, 0], 1)
    """
    corners = values_of(boxes)
    chosen, _ = _chosen(corners, values_of(scores), max_output_size, iou_threshold, score_threshold)
    valid = len(chosen)
    if pad_to_max_output_size:
        chosen += [0] * (min(max_output_size, len(corners)) - valid)
    return Record(selected_indices=integers(chosen), valid_outputs=to_tensor(valid, "int32"))


@public
async def non_max_suppression_padded_async(
    boxes: Any,
    scores: Any,
    max_output_size: int,
    iou_threshold: float = 0.5,
    score_threshold: float = -math.inf,
    pad_to_max_output_size: bool = False,
) -> Record:
    """:func:`non_max_suppression_padded`, without blocking.

    Runs on the host.
    """
    return non_max_suppression_padded(
        await fetched(boxes),
        await fetched(scores),
        max_output_size,
        iou_threshold,
        score_threshold,
        pad_to_max_output_size,
    )


def _chosen(
    boxes: np.ndarray, scores: np.ndarray, most: int, iou_threshold: float, score_threshold: float, sigma: float = 0.0
) -> tuple[list[int], list[float]]:
    """The numbers of the chosen boxes, and what is left of their scores."""
    if boxes.ndim != 2 or boxes.shape[1] != 4 or scores.shape != boxes.shape[:1]:
        raise ValueError(
            "non_max_suppression wants boxes [n, 4] and a score for each of them, got shapes"
            f" {list(boxes.shape)} and {list(scores.shape)}"
        )
    for name, value in (("iou_threshold", iou_threshold), ("soft_nms_sigma", sigma)):
        if not 0 <= value <= 1:
            raise ValueError(f"{name} must be from 0 to 1, got {value}")
    corners = boxes.astype(np.float64).reshape(-1, 2, 2)
    low, high = corners.min(1), corners.max(1)
    areas = (high - low).prod(1)
    chosen: list[int] = []
    left: list[float] = []
    # the best first, of equal ones the first; each with how many chosen boxes it was compared with
    # as Python's numbers: NumPy would round the threshold to float32
    waiting = [(-s, i, 0) for i, s in enumerate(scores.tolist()) if s > score_threshold]
    heapq.heapify(waiting)
    while waiting and len(chosen) < most:
        negative, i, seen = heapq.heappop(waiting)
        score = -negative
        for j in reversed(chosen[seen:]):
            shared = np.maximum(0, np.minimum(high[i], high[j]) - np.maximum(low[i], low[j])).prod()
            overlap = shared / (areas[i] + areas[j] - shared) if areas[i] > 0 and areas[j] > 0 else 0.0
            if overlap >= iou_threshold:
                score = -math.inf
            elif sigma > 0:
                score *= math.exp(-0.5 / sigma * overlap * overlap)
            if score <= score_threshold:
                break
        if score == -negative:
            chosen.append(i)
            left.append(score)
        elif score > score_threshold:
            heapq.heappush(waiting, (-score, i, len(chosen)))
    return chosen, left
