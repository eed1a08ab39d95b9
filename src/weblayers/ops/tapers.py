"""Windows that spectra are taken through: SciPy's, by its names."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import naming

# What cosines of 0, 1, 2, ... turns count, with alternating signs. Harris (1978), Nuttall (1981), D'Antona and Ferrero
# (2006).
_COSINES = {
    "boxcar": (1.0,),
    "hann": (0.5, 0.5),
    "hamming": (0.54, 0.46),
    "blackman": (0.42, 0.5, 0.08),
    "nuttall": (0.3635819, 0.4891775, 0.1365995, 0.0106411),
    "blackmanharris": (0.35875, 0.48829, 0.14128, 0.01168),
    "flattop": (0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368),
}


def taper(window: Any, length: int, periodic: bool) -> np.ndarray:
    """A window of so many values.

    Args:
        window: a name, or the values themselves.
        length: how many.
        periodic: whether the first value would follow the last one, or else both ends are alike.

    Raises:
        ValueError: an unknown name, or other many values.

    >>> taper("hann", 4, True).round(2).tolist()
    [0.0, 0.5, 1.0, 0.5]
    """
    if not isinstance(window, str):
        values = np.asarray(window, np.float64)
        if values.shape != (length,):
            raise ValueError(f"a window of {length} values is wanted, got shape {list(values.shape)}")
        return values
    parts = naming.lookup("window", window, {"ones": _COSINES["boxcar"], "hanning": _COSINES["hann"], **_COSINES})
    if length == 1:
        return np.ones(1)
    turns = 2 * math.pi * np.arange(length) / (length - 1 + periodic)
    return np.sum([(-1) ** k * part * np.cos(k * turns) for k, part in enumerate(parts)], 0)
