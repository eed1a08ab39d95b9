"""How the rows of a kernel gradient are laid out, so that whole blocks of them read neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


def rounded_up(n: int, multiple: int) -> int:
    return -(-n // multiple) * multiple


class RowsRounded(NamedTuple):
    """What the rows of a kernel gradient are rounded up to multiples of: the last kernel axis, channels, all rows."""

    taps: int = 1
    channels: int = 1
    rows: int = 1

    def extents(self, kernel: Sequence[int], channels: int) -> tuple[tuple[int, ...], int]:
        """The kernel's extents and the channels as the rows count them."""
        return (*kernel[:-1], rounded_up(kernel[-1], self.taps)), rounded_up(channels, self.channels)


EXACT_ROWS = RowsRounded()
