"""What ``fit`` gives: a promise that has the reins of the training."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from ..runtime.lease import Lease
from ..runtime.promise import Promise


class FitPromise(Promise):
    """A promise of the history, and the reins of the training.

    ``end`` is called once the work is over, also if it was cancelled before it began.
    """

    def __init__(self, work: Callable[[], Coroutine[Any, Any, Any]], lease: Lease, end: Callable[[], None]) -> None:
        self._lease = lease
        super().__init__(_ending(work, end))
        if not self._future.done():
            self._future.add_done_callback(lambda _: end())

    def pause(self) -> None:
        """Begin no further step until :meth:`resume`."""
        self._lease.pause()

    def resume(self) -> None:
        """Go on after :meth:`pause`."""
        self._lease.resume()

    @property
    def paused(self) -> bool:
        return self._lease.paused

    def cancel(self) -> bool:
        """Stop after the running step; the model keeps what it has learned. Awaiting then raises
        ``asyncio.CancelledError``; ``model.stop_training = True`` ends training in order instead."""
        self._lease.resume()
        return super().cancel()


async def _ending(work: Callable[[], Coroutine[Any, Any, Any]], end: Callable[[], None]) -> Any:
    try:
        return await work()
    finally:
        # at once, not only in the loop's next turn
        end()
