"""Windows over time series."""

from __future__ import annotations

from typing import Any

import numpy as np

from .dataset import Dataset, Indexed
from .stream import whole_number


def timeseries_dataset(
    data: Any,
    targets: Any = None,
    sequence_length: int = 1,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
) -> Dataset:
    """Windows over a series, as Keras' ``timeseries_dataset_from_array`` makes them.

    Elements are batches ``(windows, targets)``, or ``windows`` where there are no targets, with windows of shape
    ``[batch, sequence_length, ...]``. They are made when they are wanted: overlapping windows take no memory.

    Args:
        data: the series, time along the first axis.
        targets: what belongs to the window that begins at the same place, along the first axis.
        sequence_length: how many values there are in a window.
        sequence_stride: how far apart windows begin.
        sampling_rate: every how many-th value is in a window.
        batch_size: how many windows there are in a batch; None for single ones.
        shuffle: whether windows come in random order, another one in each pass.
        seed: see :meth:`Dataset.shuffle`.
        start_index: where the part of the series begins that is used.
        end_index: where it ends; the value there is not used.

    Raises:
        ValueError: the series, or that part of it, is shorter than a window.

    >>> import numpy as np, weblayers as wl
    >>> series = np.arange(10)
    >>> windows = wl.data.timeseries_dataset(series, series[6:], sequence_length=3, sampling_rate=2, batch_size=2)
    >>> [(x.array_sync(), y.array_sync()) for x, y in windows]
    [([[0, 2, 4], [1, 3, 5]], [6, 7]), ([[2, 4, 6], [3, 5, 7]], [8, 9])]
    """
    owner = "timeseries_dataset"
    series = np.asarray(data)
    length = whole_number(owner, "sequence_length", sequence_length, 1)
    stride = whole_number(owner, "sequence_stride", sequence_stride, 1)
    rate = whole_number(owner, "sampling_rate", sampling_rate, 1)
    start = whole_number(owner, "start_index", 0 if start_index is None else start_index, 0)
    end = whole_number(owner, "end_index", len(series) if end_index is None else end_index, 0)
    if end > len(series):
        raise ValueError(f"end_index is {end}, but there are only {len(series)} values")
    count = end - start - (length - 1) * rate
    if count < 1:
        raise ValueError(
            f"a window spans {(length - 1) * rate + 1} values, but there are {max(0, end - start)} of them, from"
            f" {start} to {end}"
        )
    wanted = None if targets is None else np.asarray(targets)
    if wanted is not None:
        count = min(count, len(wanted) - start)
        if count < 1:
            raise ValueError(f"there are {len(wanted)} targets, but windows begin at {start}")
    begins = np.arange(start, start + count, stride)
    offsets = np.arange(length) * rate

    def pick(number: Any) -> Any:
        at = np.asarray(begins[number])
        windows = series[at[..., None] + offsets]
        return windows if wanted is None else (windows, wanted[at])

    windows: Dataset = Indexed(pick, len(begins))
    if shuffle:
        windows = windows.shuffle(len(begins), seed)
    return windows if batch_size is None else windows.batch(batch_size)


timeseries_dataset_from_array = timeseries_dataset
