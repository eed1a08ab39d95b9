"""How large arrays may be."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence


def addressed(shape: Sequence[int], bytes_each: int = 4) -> tuple[int, ...]:
    """The shape of an array that is to be made, as a tuple.

    Raises:
        MemoryError: it is larger than any memory here; in a browser that is 2 GiB.

    >>> addressed([2, 3])
    (2, 3)
    """
    size = math.prod(shape) * bytes_each
    if size > sys.maxsize:
        raise MemoryError(
            f"an array of shape {list(shape)} takes {size / 2**30:.3g} GiB, and no more than"
            f" {sys.maxsize / 2**30:.3g} GiB can be addressed here"
        )
    return tuple(shape)
