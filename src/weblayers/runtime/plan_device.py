"""What executes plans: the interface between the plan runtime and whoever draws."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..compiler.pieces import Pieces
from ..compiler.plan import Plan, TextureSpec
from .base import LogSink, Reins


class Region(NamedTuple):
    """A rectangle of a texture, in all of its layers."""

    x: int
    y: int
    width: int
    height: int


@dataclass
class TrainOrder:
    """Many steps of a loaded plan, over textures by number.

    After each step the ``swaps`` exchange inputs and outputs. The output ``logs`` is the device's own (0 in
    ``outputs``): its rows of floats are handed to ``on_logs`` as :class:`~.base.TrainSpec` says.
    """

    plan: int
    steps: int
    inputs: list[int]
    outputs: list[int]
    swaps: list[tuple[int, int]]
    logs: int
    scalars: list[float]
    increments: list[float]
    on_logs: LogSink | None
    every: str


@dataclass
class RepeatOrder:
    """Runs of a loaded plan, one after the other.

    After each run the outputs of ``swaps`` take the place of inputs. Of the outputs ``kept`` those of each run are
    wanted, of others the last. The textures ``freed`` are freed first.
    """

    plan: int
    steps: int
    inputs: list[int]
    swaps: list[tuple[int, int]]
    kept: list[int]
    scalars: list[float]
    increments: list[float]
    freed: list[int]


class DeviceJob(Reins, Protocol):
    """Steps under way on a device."""

    def result(self) -> Awaitable[tuple[np.ndarray, bool]]:
        """The rows of finished steps, and whether some are missing as the job was cancelled."""
        ...

    def so_far(self) -> Awaitable[np.ndarray]:
        """The rows of the steps that are made or on their way, once they are made."""
        ...


class PlanDevice(Protocol):
    """Textures by number, and plans over them. Texels are float32 ``[layers, height, width, 4]``."""

    name: str
    # whether it may be gone at any moment: its methods then raise a DeviceLostError
    is_losable: bool
    # how many rows of a product a fragment should compute: 4, or 8 where reading costs more than registers
    block: int
    # whether it can keep what plans compute on the way in half precision
    halves: bool
    # names what it has plans encoded in, where that are bytes which it can load on another day too
    form: str | None

    def alloc(self, spec: TextureSpec) -> int: ...
    def free(self, ids: Sequence[int]) -> None: ...
    def upload(self, id_: int, texels: np.ndarray) -> None: ...
    def read(self, id_: int, region: Region) -> Awaitable[np.ndarray]: ...
    def read_sync(self, id_: int, region: Region) -> np.ndarray: ...

    def encoding(self, plan: Plan) -> Pieces[Any]:
        """The work of bringing a plan into the form that the device loads."""
        ...

    def load(self, encoded: Any) -> int: ...
    def ready(self, plan: int) -> Awaitable[None]:
        """Done once the plan can run without anybody waiting for a compiler."""
        ...

    def free_plan(self, plan: int) -> None: ...
    def run(self, plan: int, inputs: Sequence[int], scalars: Sequence[float], freed: Iterable[int]) -> Sequence[int]:
        """Free textures, then run a plan; gives the textures of its outputs."""
        ...

    def repeat(self, order: RepeatOrder) -> Sequence[int]:
        """Gives the textures of the outputs of each run; 0 for those that are gone."""
        ...

    def train(self, order: TrainOrder) -> DeviceJob: ...
    def timed(self, plan: int, inputs: Sequence[int], times: int) -> float:
        """Milliseconds that so many runs of a plan take, one after the other, until its result could be read."""
        ...

    def memory(self) -> dict[str, Any]: ...
    def counters(self) -> dict[str, Any]: ...
    def set_checked(self, on: bool) -> None:
        """Look for errors after each draw, or stop doing so."""
        ...
