"""A device that draws with NumPy: plans are run as a browser would run them, packed and swapped, without one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any

import numpy as np

from ..compiler import softgpu
from ..compiler.pieces import Pieces
from ..compiler.plan import Plan, TextureSpec
from .host_job import HostDevice
from .plan_device import Region


class SoftDevice(HostDevice):
    name = "softgpu"
    is_losable = False
    block = 8
    halves = True
    form: str | None = None

    def __init__(self) -> None:
        self._textures: dict[int, np.ndarray] = {}
        self._plans: dict[int, Plan] = {}
        self._next = count(1)
        self._counts = {"draws": 0, "runs": 0, "steps": 0, "uploads": 0, "reads": 0, "plansLoaded": 0}

    def alloc(self, spec: TextureSpec) -> int:
        dtype = np.uint8 if spec.format == "rgba8" else np.float32
        texels = np.zeros((spec.layers, spec.height, spec.width, 4), dtype)
        return self._kept(texels if dtype == np.uint8 else np.full_like(texels, np.nan))

    def _kept(self, texels: np.ndarray) -> int:
        id_ = next(self._next)
        self._textures[id_] = texels
        return id_

    def free(self, ids: Iterable[int]) -> None:
        for id_ in ids:
            del self._textures[id_]

    def upload(self, id_: int, texels: np.ndarray) -> None:
        self._counts["uploads"] += 1
        self._textures[id_][...] = texels

    def read_sync(self, id_: int, region: Region) -> np.ndarray:
        self._counts["reads"] += 1
        x, y, width, height = region
        return self._textures[id_][:, y : y + height, x : x + width].astype(np.float32)

    async def read(self, id_: int, region: Region) -> np.ndarray:
        return self.read_sync(id_, region)

    def encoding(self, plan: Plan) -> Pieces[Plan]:
        return plan
        yield

    def load(self, encoded: Plan) -> int:
        self._counts["plansLoaded"] += 1
        id_ = next(self._next)
        self._plans[id_] = encoded
        return id_

    async def ready(self, plan: int) -> None:
        """It is."""

    def free_plan(self, plan: int) -> None:
        del self._plans[plan]

    def run(self, plan: int, inputs: Sequence[int], scalars: Sequence[float], freed: Iterable[int]) -> Sequence[int]:
        self.free(freed)
        self._counts["runs"] += 1
        return [self._kept(texels) for texels in self._drawn(self._plans[plan], inputs, scalars)]

    def _drawn(self, plan: Plan, inputs: Sequence[int], scalars: Sequence[float]) -> list[np.ndarray]:
        """The output textures of a plan."""
        self._counts["draws"] += len(plan.draws)
        return softgpu.run_plan(plan, [self._textures[i] for i in inputs], scalars)

    def step(
        self, plan: int, inputs: Sequence[int], outputs: Sequence[int], logs: int, scalars: Sequence[float]
    ) -> np.ndarray:
        made = self._drawn(self._plans[plan], inputs, scalars)
        self._counts["steps"] += 1
        for number, texels in enumerate(made):
            if number != logs:
                self._textures[outputs[number]] = texels
        return made[logs].reshape(-1)

    def memory(self) -> dict[str, Any]:
        used = sum(t.nbytes for t in self._textures.values())
        return {
            "textures": len(self._textures),
            "bytes": used,
            "poolTextures": 0,
            "poolBytes": 0,
            "plans": len(self._plans),
            "programs": 0,
        }

    def counters(self) -> dict[str, Any]:
        return dict(self._counts)

    def set_checked(self, on: bool) -> None:
        """It always looks."""
