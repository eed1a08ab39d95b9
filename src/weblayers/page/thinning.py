"""Lines that have more points than anybody sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def thin(xs: list[Any], lines: Sequence[list[Any]], stretches: int) -> None:
    """Of lines that have become long, at their common x, leave what shows how they go.

    These are each line's first, last, lowest and highest values in equal stretches of x. They do not depend on what was
    left out before, so that a line that grows for long keeps its shape everywhere.

    >>> xs, ys = list(range(1000)), [0.0] * 1000
    >>> ys[123] = 9.0
    >>> thin(xs, [ys], 10)
    >>> len(xs), xs[:4], max(ys)
    (21, [0, 99, 100, 123], 9.0)
    """
    if len(xs) <= 8 * stretches * len(lines):
        return
    x = np.array(xs, np.float64)
    order = np.argsort(x, kind="stable")
    order = order[np.isfinite(x[order])]
    x, places = x[order], np.arange(len(order), dtype=np.float64)
    size = np.ptp(x / stretches) if len(x) else 0.0
    at = np.minimum(np.floor(x / size - x[0] / size), stretches - 1) if size else np.zeros(len(x))
    starts = np.flatnonzero(np.diff(at, prepend=-1.0))
    kept = []
    for line in lines:
        y = np.array(line, np.float64)[order]
        known = np.isfinite(y)
        for key in (places, -places, y, -y):
            # in order of stretches, and in each the one that is looked for first
            kept.append(np.lexsort((np.where(known, key, np.inf), at))[starts])
    rows = order[np.unique(np.concatenate(kept))].tolist()
    for column in (xs, *lines):
        column[:] = [column[row] for row in rows]
