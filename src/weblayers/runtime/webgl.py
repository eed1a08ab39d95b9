"""The WebGL2 runtime: the only module that talks to the JavaScript glue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from typing import Any

import numpy as np

from ..compiler.layout import Layout, Placement, layout_of, pack, unpack, whole
from ..compiler.lower import Plan, TextureSpec, lower, lower_copies, lowering, spec_of
from ..compiler.pieces import Pieces, at_once, in_turns
from ..compiler.plan import serialize, serializing
from ..graph import build
from ..graph.node import DTYPES, Aval, Node
from ..graph.program import Graph
from .base import TrainJob, TrainResult, TrainSpec


class Texture:
    """A texture of the glue, given back when the last tensor in it is gone."""

    def __init__(self, runtime: WebGLRuntime, id_: int, spec: TextureSpec) -> None:
        self._runtime, self.id, self.spec = runtime, id_, spec

    @property
    def nbytes(self) -> int:
        s = self.spec
        return s.width * s.height * s.layers * (4 if s.format == "rgba8" else 16)

    def __del__(self) -> None:
        self._runtime.release(self.id)


@dataclass(frozen=True)
class GpuStorage:
    texture: Texture
    placement: Placement
    aval: Aval

    @property
    def layout(self) -> Layout:
        return layout_of(self.aval.shape)

    @property
    def nbytes(self) -> int:
        return self.texture.nbytes


class WebGLRuntime:
    name = "webgl"

    def __init__(self, device: Any) -> None:
        """``device`` is the glue's Device, or an object with the same methods."""
        self.device = device
        self._released: list[int] = []

    # -- memory -------------------------------------------------------------------------------------------------------

    def release(self, id_: int) -> None:
        """Queue a texture for freeing: the queue crosses the boundary with the next call, not on its own."""
        self._released.append(id_)

    def flush(self) -> None:
        if self._released:
            self.device.free(_js_list(self._released))
            self._released.clear()

    def allocate(self, spec: TextureSpec) -> Texture:
        self.flush()
        return Texture(self, self.device.alloc(spec.width, spec.height, spec.layers, spec.format), spec)

    def upload(self, array: np.ndarray) -> GpuStorage:
        layout = layout_of(array.shape)
        format_ = "rgba8" if array.dtype == np.uint8 else "rgba32f"
        texture = self.allocate(spec_of(layout, format_))
        texels = pack(array, layout)
        self.device.upload(texture.id, 0, 0, layout.width, layout.height, _js_array(texels))
        return GpuStorage(texture, whole(layout), Aval(array.shape, build.infer_dtype(array)))

    def memory(self) -> dict[str, Any]:
        self.flush()
        return dict(self.device.memory().to_py())

    def counters(self) -> dict[str, Any]:
        return dict(self.device.counters().to_py())

    # -- reading ------------------------------------------------------------------------------------------------------

    async def read(self, storage: GpuStorage) -> np.ndarray:
        self.flush()
        if not storage.aval.size:
            return _nothing(storage)
        region = _region(storage)
        return _values(storage, region, await self.device.read(storage.texture.id, *region))

    def read_sync(self, storage: GpuStorage) -> np.ndarray:
        self.flush()
        if not storage.aval.size:
            return _nothing(storage)
        region = _region(storage)
        return _values(storage, region, self.device.readSync(storage.texture.id, *region))

    # -- running ------------------------------------------------------------------------------------------------------

    def compile(self, graph: Graph) -> WebGLExecutable:
        return WebGLExecutable(self, graph)

    def load(self, packed: bytes) -> int:
        return self.device.loadPlan(_js_array(np.frombuffer(packed, np.uint8)))

    def run(self, plan: Plan, plan_id: int, textures: Sequence[Texture], scalars: Sequence[float]) -> list[Texture]:
        released, self._released = self._released, []
        ids = self.device.run(plan_id, _js_list([t.id for t in textures]), _js_list(scalars), _js_list(released))
        return [Texture(self, int(i), spec) for i, spec in zip(ids, plan.output_specs, strict=True)]


@dataclass
class _Loaded:
    """A plan in the glue; the glue forgets it with the executable."""

    runtime: WebGLRuntime
    plan: Plan
    packed: InitVar[bytes | None] = None
    id: int = field(init=False)

    def __post_init__(self, packed: bytes | None) -> None:
        self.id = self.runtime.load(packed or serialize(self.plan))

    def __del__(self) -> None:
        if hasattr(self, "id"):
            self.runtime.device.freePlan(self.id)


class WebGLExecutable:
    """A graph, compiled for wherever its inputs lie."""

    def __init__(self, runtime: WebGLRuntime, graph: Graph) -> None:
        self._runtime, self._graph = runtime, graph
        self._plans: dict[tuple[Placement, ...], _Loaded] = {}
        self._training: _Loaded | None = None
        self._copies: _Copies | None = None

    def run(self, inputs: Sequence[GpuStorage], scalars: Sequence[float]) -> list[GpuStorage]:
        key = tuple(s.placement for s in inputs)
        loaded = self._plans.get(key)
        if loaded is None:
            graph = self._graph
            plan = lower(graph.inputs, graph.scalars, graph.outputs, placements=dict(enumerate(key)))
            loaded = self._plans[key] = _Loaded(self._runtime, plan)
        textures = self._runtime.run(loaded.plan, loaded.id, [s.texture for s in inputs], scalars)
        return [
            GpuStorage(textures[slot.texture], slot.placement, node.aval)
            for slot, node in zip(loaded.plan.outputs, self._graph.outputs, strict=True)
        ]

    def _compiling(self) -> Pieces[_Loaded]:
        """The work of making the training plan."""
        graph = self._graph
        plan = yield from lowering(graph.inputs, graph.scalars, graph.outputs, graph.swaps, log=True)
        packed = yield from serializing(plan)
        return _Loaded(self._runtime, plan, packed)

    async def prepare(self) -> None:
        """Compile the training plan and link its shaders, without blocking the page."""
        if self._training is None:
            self._training = await in_turns(self._compiling())
        await self._runtime.device.planReady(self._training.id)

    def train(self, spec: TrainSpec) -> TrainJob:
        loaded = self._training = self._training or at_once(self._compiling())
        if self._copies is None:
            self._copies = _Copies(self._runtime, loaded.plan)
        return _WebGLJob(self._runtime, self._graph, loaded, self._copies, spec)


class _WebGLJob:
    def __init__(self, runtime: WebGLRuntime, graph: Graph, loaded: _Loaded, copies: _Copies, spec: TrainSpec) -> None:
        self._runtime, self._graph, self._loaded, self._spec = runtime, graph, loaded, spec
        self._copies = copies
        plan = loaded.plan
        log_texture = plan.outputs[0].texture
        # outputs that replace inputs need a second texture each; others are made for this job
        self._outputs = [None if i == log_texture else runtime.allocate(s) for i, s in enumerate(plan.output_specs)]
        swaps = {plan.inputs[i].texture: plan.outputs[o].texture for i, o in graph.swaps.items()}
        self._inputs = copies.bound_inputs(graph.inputs, spec.inputs, set(swaps))
        self._swaps = sorted(swaps.items())
        self._proxies: list[Any] = []
        runtime.flush()
        self._job = runtime.device.train(
            _js_object(
                segments=[{"plan": loaded.id, "steps": spec.steps}],
                inputs=[t.id for t in self._inputs],
                outputs=[t.id if t else 0 for t in self._outputs],
                swaps=[list(s) for s in self._swaps],
                logs=log_texture,
                scalars=spec.scalars,
                increments=spec.increments,
                onLogs=self._log_proxy(),
                logEvery=spec.every,
            )
        )

    def _log_proxy(self) -> Any:
        sink = self._spec.on_logs
        if sink is None:
            return None
        from pyodide.ffi import create_proxy

        def on_logs(first: int, rows: Any) -> None:
            sink(int(first), self._log_rows(rows))

        proxy = create_proxy(on_logs)
        self._proxies.append(proxy)
        return proxy

    def _log_rows(self, rows: Any) -> np.ndarray:
        (n,) = self._graph.outputs[0].shape
        return _from_js(rows).reshape(-1, -(-n // 4) * 4)[:, :n]

    def cancel(self) -> None:
        self._job.cancel()

    def pause(self) -> None:
        self._job.pause()

    def resume(self) -> None:
        self._job.resume()

    def set_scalar(self, index: int, value: float) -> None:
        self._job.setScalar(index, value)

    @property
    def steps(self) -> int:
        return int(self._job.issued)

    def _state_textures(self) -> dict[int, Texture]:
        """The texture of each input slot that the next step would read its state from."""
        swapped = self.steps % 2 == 1
        pairs = ((i, self._outputs[o] if swapped else self._inputs[i]) for i, o in self._swaps)
        return {i: texture for i, texture in pairs if texture is not None}

    def _stored(self, textures: Mapping[int, Texture]) -> dict[int, GpuStorage]:
        slots = self._loaded.plan.inputs
        return {
            i: GpuStorage(textures[slots[i].texture], slots[i].placement, self._graph.inputs[i].aval)
            for i in self._graph.swaps
        }

    def state(self) -> dict[int, GpuStorage]:
        copies = {i: self._copies.whole(i, texture) for i, texture in self._state_textures().items()}
        # before the next step is issued
        self._runtime.flush()
        return self._stored(copies)

    async def result(self) -> TrainResult:
        """The outcome; who is cancelled while waiting may ask again."""
        done = await self._job.promise
        while self._proxies:
            self._proxies.pop().destroy()
        return TrainResult(self._log_rows(done.logs).copy(), self._stored(self._state_textures()), bool(done.cancelled))


class _Copies:
    """Plans that bring inputs to where a training plan wants them, each made once."""

    def __init__(self, runtime: WebGLRuntime, plan: Plan) -> None:
        self._runtime, self._plan = runtime, plan
        self._made: dict[tuple[int, tuple[Placement, ...], tuple[Placement, ...]], _Loaded] = {}

    def bound_inputs(self, nodes: Sequence[Node], storages: Sequence[GpuStorage], state: set[int]) -> list[Texture]:
        """The texture for each input slot; tensors that lie elsewhere than the plan wants are copied together.

        State is always copied: a run overwrites it step by step, and if the run fails the tensors keep what they had.
        """
        slots = self._plan.inputs
        groups: dict[int, list[int]] = {}
        for i, slot in enumerate(slots):
            groups.setdefault(slot.texture, []).append(i)
        textures: list[Texture] = []
        for texture, members in sorted(groups.items()):
            first = storages[members[0]].texture
            sources = [storages[i].placement for i in members]
            targets = [slots[i].placement for i in members]
            if any(storages[i].texture is not first for i in members) or sources != targets:
                copied = [nodes[i] for i in members]
                textures.append(self._copied(texture, copied, sources, targets, [storages[i].texture for i in members]))
            elif texture in state:
                textures.append(self.whole(texture, first))
            else:
                textures.append(first)
        return textures

    def whole(self, slot: int, texture: Texture) -> Texture:
        """A copy of a texture that lies as the plan wants it."""
        spec = self._plan.input_specs[slot]
        node = build.input_node((spec.height * spec.layers, spec.width * 4), "float32")
        place = [Placement(spec.layers)]
        return self._copied(slot, [node], place, place, [texture])

    def _copied(
        self,
        texture: int,
        nodes: Sequence[Node],
        sources: Sequence[Placement],
        targets: Sequence[Placement],
        textures: Sequence[Texture],
    ) -> Texture:
        key = texture, tuple(sources), tuple(targets)
        loaded = self._made.get(key)
        if loaded is None:
            plan = lower_copies(nodes, sources, targets, self._plan.input_specs[texture])
            loaded = self._made[key] = _Loaded(self._runtime, plan)
        (made,) = self._runtime.run(loaded.plan, loaded.id, textures, [])
        return made


# -- conversions ----------------------------------------------------------------------------------------------------


def _region(storage: GpuStorage) -> tuple[int, int, int, int]:
    """x, y, width and height of a tensor in its texture."""
    layout, place = storage.layout, storage.placement
    if layout.folded:
        return 0, 0, layout.width, layout.height
    last = place.row + layout.rows - 1
    return place.x, place.y, layout.width, last // place.layers - place.y + 1


def _nothing(storage: GpuStorage) -> np.ndarray:
    return np.zeros(storage.aval.shape, DTYPES[storage.aval.dtype])


def _values(storage: GpuStorage, region: tuple[int, int, int, int], data: Any) -> np.ndarray:
    layout, place, shape = storage.layout, storage.placement, storage.aval.shape
    dtype = DTYPES[storage.aval.dtype]
    _, _, width, height = region
    texels = _from_js(data).reshape(place.layers, height, width, 4)
    if place.layers == layout.layers and place.layer == 0:
        return unpack(texels, layout, shape, dtype)
    # rows that begin inside a block: lay the blocks' rows out and take those that are ours
    rows = texels.transpose(1, 0, 2, 3).reshape(height * place.layers, width * 4)
    mine = rows[place.layer : place.layer + layout.rows, : layout.cols]
    return np.ascontiguousarray(mine.reshape(shape).astype(dtype))


def _js_array(array: np.ndarray) -> Any:
    from pyodide.ffi import to_js

    return to_js(np.ascontiguousarray(array).reshape(-1))


def _js_list(values: Sequence[float]) -> Any:
    from pyodide.ffi import to_js

    return to_js(list(values))


def _js_object(**fields: Any) -> Any:
    import js
    from pyodide.ffi import to_js

    return to_js(fields, dict_converter=js.Object.fromEntries)


def _from_js(data: Any) -> np.ndarray:
    return np.asarray(data.to_py(), np.float32)
