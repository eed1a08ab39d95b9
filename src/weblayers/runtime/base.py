"""What a runtime offers: storage for tensors, compiled graphs, and training without Python in the loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from ..graph.program import Graph


class Storage(Protocol):
    """A tensor's values on a device."""

    @property
    def nbytes(self) -> int: ...


LogSink = Callable[[int, np.ndarray], None]


@dataclass
class TrainSpec:
    """Many steps of one executable.

    ``inputs`` are the graph's, state included; after each step the executable's swaps put outputs in the place of
    inputs. Output 0 is the vector of logs. Scalar k has the value ``scalars[k] + i * increments[k]`` at step i.
    ``on_logs(first, rows)`` is called for finished steps, in order: every one, once per frame, or never.
    """

    steps: int
    inputs: list[Any]
    scalars: list[float]
    increments: list[float]
    on_logs: LogSink | None = None
    every: str = "end"  # "step", "frame" or "end"


@dataclass
class TrainResult:
    """``logs`` has a row per finished step; ``state`` holds the storage of each swapped input, by its number.

    ``captured`` holds those of the outputs that are neither, as the last step has made them; none before the first.
    """

    logs: np.ndarray
    state: dict[int, Any]
    cancelled: bool
    captured: list[Any] = field(default_factory=list)


class Reins(Protocol):
    """How steps under way are held and led."""

    @property
    def steps(self) -> int:
        """How many are made, or on their way to the device."""
        ...

    def cancel(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def set_scalar(self, index: int, value: float) -> None: ...


class TrainJob(Reins, Protocol):
    """Steps under way."""

    def state(self) -> dict[int, Any]:
        """The storage of each swapped input after :attr:`steps` steps; later steps leave it alone."""
        ...

    def so_far(self) -> Awaitable[np.ndarray]:
        """A row of logs for each of :attr:`steps` steps, once they are made."""
        ...

    def result(self) -> Awaitable[TrainResult]:
        """The outcome; who is cancelled while waiting may ask again."""
        ...


class Borrower(Protocol):
    """Training that has variables and host scalars to itself, and changes them while its steps run."""

    owner: str

    def refresh(self) -> None:
        """Give them the values that they have now."""
        ...

    def changed(self, lent: Any) -> None:
        """Somebody else has given one of them a new value, or disposed of it."""
        ...


class Executable(Protocol):
    def run(self, inputs: Sequence[Any], scalars: Sequence[float]) -> list[Any]: ...

    def repeat(
        self, inputs: Sequence[Any], scalars: Sequence[float], increments: Sequence[float], steps: int
    ) -> list[list[Any]]:
        """The outputs of so many runs, one after the other: the executable's swaps put outputs in the place of inputs.

        Of outputs that do, only the last run's are there; None stands for the others.
        """
        ...

    # whether steps can be made at once: all is compiled
    is_ready: bool

    async def prepare(self) -> None:
        """Compile what training needs, without holding the page up."""

    def train(self, spec: TrainSpec) -> TrainJob: ...


class Runtime(Protocol):
    @property
    def name(self) -> str: ...
    def compile(self, graph: Graph) -> Executable: ...
    def upload(self, array: np.ndarray) -> Any: ...

    @property
    def is_losable(self) -> bool:
        """Whether storages may be gone at any moment: who uses them then raises a DeviceLostError."""
        ...

    async def read(self, storage: Any) -> np.ndarray: ...
    async def read_all(self, storages: Sequence[Any]) -> list[np.ndarray]:
        """Read several in one go."""
        ...

    def read_sync(self, storage: Any) -> np.ndarray: ...
    def memory(self) -> dict[str, Any]: ...
    def set_checked(self, on: bool) -> None:
        """Look for errors after each draw, or stop doing so."""
