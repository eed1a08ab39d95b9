"""WebAssembly outside of browsers: the same modules as in a page, run by wasmtime.

https://docs.wasmtime.dev
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any
from weakref import finalize

import numpy as np
import wasmtime

from ..compiler.pieces import Pieces
from ..compiler.plan import Plan, TextureSpec
from ..compiler.softgpu import host_scalars
from ..compiler.wasm.integers import MARGIN
from ..compiler.wasm.module import Module, compiling, shape_of
from .heap import Heap
from .host_job import HostDevice
from .plan_device import Region

PAGE = 2**16
# Addresses are 32 bits wide.
MOST_PAGES = 2**16
# As many as can be counted: wasmtime allows ten thousand otherwise, which long test runs reach.
INSTANCES = 2**31 - 1


@dataclass(frozen=True)
class _Texture:
    spec: TextureSpec
    address: int


@dataclass
class _Loaded:
    plan: Plan
    module: Module
    functions: list[Any]
    constants: dict[int, int]


def _close(store: Any, engine: Any) -> None:
    store.close()
    engine.close()


class WasmtimeDevice(HostDevice):
    name = "wasm"
    is_losable = False
    block = 4
    halves = False
    form: str | None = None

    def __init__(self) -> None:
        config = wasmtime.Config()
        config.wasm_relaxed_simd = True
        self._engine = wasmtime.Engine(config)
        self._store = wasmtime.Store(self._engine)
        # each plan that is ever loaded is one
        self._store.set_limits(instances=INSTANCES)
        # at the program's end wasmtime itself is gone before they are
        finalize(self, _close, self._store, self._engine)
        limits = wasmtime.Limits(2 * MARGIN // PAGE + 1, MOST_PAGES)
        self._memory = wasmtime.Memory(self._store, wasmtime.MemoryType(limits))
        self._heap = Heap(MARGIN)
        self._look()
        self._textures: dict[int, _Texture] = {}
        self._plans: dict[int, _Loaded] = {}
        self._next = count(1)
        self._checked = False
        self._counts = {"draws": 0, "runs": 0, "steps": 0, "uploads": 0, "reads": 0, "plansLoaded": 0}

    # -- memory -------------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """The memory's bytes, at its size of now."""
        size = self._memory.data_len(self._store)
        pointer = ctypes.addressof(self._memory.data_ptr(self._store).contents)
        self._bytes: np.ndarray = np.ctypeslib.as_array((ctypes.c_ubyte * size).from_address(pointer))

    def _room(self, size: int) -> int:
        """The address of so many bytes, in a memory that is large enough."""
        address = self._heap.alloc(size)
        missing = self._heap.end + MARGIN - len(self._bytes)
        if missing > 0:
            # twice as much as before, so that it grows seldom
            pages = max(-(-missing // PAGE), min(len(self._bytes) // PAGE, MOST_PAGES - len(self._bytes) // PAGE))
            if pages > MOST_PAGES - len(self._bytes) // PAGE:
                self._heap.free(address)
                raise MemoryError(f"{size} bytes are not to be had: {self._heap.used} are in use, of at most 2^32")
            self._memory.grow(self._store, pages)
            self._look()
        return address

    def alloc(self, spec: TextureSpec) -> int:
        id_ = next(self._next)
        self._textures[id_] = texture = _Texture(spec, self._room(shape_of(spec).size))
        if self._checked:
            self._texels(texture)[...] = np.nan if spec.format == "rgba32f" else 0
        return id_

    def free(self, ids: Iterable[int]) -> None:
        for id_ in ids:
            self._heap.free(self._textures.pop(id_).address)

    def _texels(self, texture: _Texture) -> np.ndarray:
        """A texture's part of the memory, as rows: ``[height, layers, width, 4]``."""
        spec, shape = texture.spec, shape_of(texture.spec)
        part = self._bytes[texture.address : texture.address + shape.size]
        part = part if spec.format == "rgba8" else part.view(np.float32)
        return part.reshape(spec.height, spec.layers, shape.pitch, 4)[:, :, : spec.width]

    def upload(self, id_: int, texels: np.ndarray) -> None:
        self._counts["uploads"] += 1
        self._texels(self._textures[id_])[...] = texels.transpose(1, 0, 2, 3)

    def read_sync(self, id_: int, region: Region) -> np.ndarray:
        self._counts["reads"] += 1
        x, y, width, height = region
        part = self._texels(self._textures[id_])[y : y + height, :, x : x + width]
        return part.transpose(1, 0, 2, 3).astype(np.float32)

    async def read(self, id_: int, region: Region) -> np.ndarray:
        return self.read_sync(id_, region)

    # -- plans --------------------------------------------------------------------------------------------------------

    def encoding(self, plan: Plan) -> Pieces[tuple[Plan, Module]]:
        return plan, (yield from compiling(plan, relaxed=True))

    def load(self, encoded: tuple[Plan, Module]) -> int:
        plan, printed = encoded
        self._counts["plansLoaded"] += 1
        module = wasmtime.Module(self._engine, printed.data)
        exports = wasmtime.Instance(self._store, module, [self._memory]).exports(self._store)
        constants = {}
        for buffer, texels in plan.constants.items():
            constants[buffer] = self.alloc(plan.textures[buffer])
            self.upload(constants[buffer], texels)
        functions = [exports[str(call.function)] for call in printed.calls]
        id_ = next(self._next)
        self._plans[id_] = _Loaded(plan, printed, functions, constants)
        return id_

    async def ready(self, plan: int) -> None:
        """It is."""

    def free_plan(self, plan: int) -> None:
        self.free(self._plans.pop(plan).constants.values())

    def run(self, plan: int, inputs: Sequence[int], scalars: Sequence[float], freed: Iterable[int]) -> Sequence[int]:
        self.free(freed)
        self._counts["runs"] += 1
        loaded = self._plans[plan]
        outputs = [self.alloc(spec) for spec in loaded.plan.output_specs]
        self._call(loaded, [*inputs, *outputs], scalars)
        return outputs

    def _call(self, loaded: _Loaded, given: Sequence[int], scalars: Sequence[float]) -> None:
        """All draws of a plan, over the textures of its inputs and outputs."""
        plan = loaded.plan
        own = [loaded.constants.get(i) or self.alloc(spec) for i, spec in enumerate(plan.textures)]
        addresses = [self._textures[id_].address for id_ in (*own, *given)]
        registers = host_scalars(plan.scalar_ops, scalars)
        longest = max((len(c.samplers) + len(c.targets) + len(c.uniforms) for c in loaded.module.calls), default=0)
        arguments = self._room(4 * (1 + longest))
        words = self._bytes[arguments:].view(np.uint32)
        for call, function in zip(loaded.module.calls, loaded.functions, strict=True):
            numbers = [call.first, *(addresses[i] for i in (*call.samplers, *call.targets))]
            words[: len(numbers)] = numbers
            uniforms = words[len(numbers) : len(numbers) + len(call.uniforms)].view(np.float32)
            with np.errstate(over="ignore"):
                uniforms[...] = [registers[r] for r in call.uniforms]
            function(self._store, arguments, *call.rows)
        self._counts["draws"] += len(loaded.functions)
        self._heap.free(arguments)
        self.free(id_ for i, id_ in enumerate(own) if i not in loaded.constants)

    def step(
        self, plan: int, inputs: Sequence[int], outputs: Sequence[int], logs: int, scalars: Sequence[float]
    ) -> np.ndarray:
        loaded = self._plans[plan]
        row = self.alloc(loaded.plan.output_specs[logs])
        self._call(loaded, [*inputs, *(row if i == logs else id_ for i, id_ in enumerate(outputs))], scalars)
        self._counts["steps"] += 1
        values = self._texels(self._textures[row]).reshape(-1).copy()
        self.free([row])
        return values

    # -- figures ------------------------------------------------------------------------------------------------------

    def memory(self) -> dict[str, Any]:
        return {
            "textures": len(self._textures),
            "bytes": self._heap.used,
            "poolTextures": 0,
            "poolBytes": len(self._bytes) - self._heap.used,
            "plans": len(self._plans),
            "programs": sum(len(loaded.functions) for loaded in self._plans.values()),
        }

    def counters(self) -> dict[str, Any]:
        return dict(self._counts)

    def set_checked(self, on: bool) -> None:
        """Whether new textures are filled with NaN, so that reading what nobody has written shows."""
        self._checked = on
