"""Which parts of a linear memory are in use."""

from __future__ import annotations

from bisect import bisect_left

ALIGNMENT = 64


class Heap:
    """Spans of memory from ``begin`` on: the first that is large enough is given out, free neighbours merge."""

    def __init__(self, begin: int) -> None:
        self.end = begin  # what is beyond was never given out
        self.used = 0
        self._sizes: dict[int, int] = {}
        # free spans by address, none touching the next
        self._free: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self._sizes)

    @property
    def free_bytes(self) -> int:
        return sum(size for _, size in self._free)

    def alloc(self, size: int) -> int:
        """The address of so many bytes."""
        size = max(ALIGNMENT, -(-size // ALIGNMENT) * ALIGNMENT)
        for i, (address, room) in enumerate(self._free):
            if room >= size:
                self._free[i : i + 1] = [(address + size, room - size)] if room > size else []
                break
        else:
            address, self.end = self.end, self.end + size
        self._sizes[address] = size
        self.used += size
        return address

    def free(self, address: int) -> None:
        size = self._sizes.pop(address)
        self.used -= size
        i = bisect_left(self._free, (address, 0))
        if i < len(self._free) and self._free[i][0] == address + size:
            size += self._free.pop(i)[1]
        if i and sum(self._free[i - 1]) == address:
            i -= 1
            before, room = self._free.pop(i)
            address, size = before, size + room
        if address + size == self.end:
            self.end = address
        else:
            self._free.insert(i, (address, size))
