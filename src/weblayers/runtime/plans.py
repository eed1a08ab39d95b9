"""The plan runtime: tensors in a device's textures, graphs as its plans."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary, finalize

import numpy as np

from ..compiler.layout import Placement, layout_of, pack, whole
from ..compiler.lower import lower_copies, lowering
from ..compiler.pieces import Pieces, at_once, in_turns
from ..compiler.plan import Cost, Placed, Plan, Ports, Slot, TextureSpec, filling, spec_of
from ..graph import build
from ..graph.node import Aval, Node
from ..graph.program import Graph
from ..recent import Recent
from .base import LogSink, TrainJob, TrainResult, TrainSpec
from .kept_plans import Kept, kept_plans
from .plan_device import PlanDevice, Region, RepeatOrder, TrainOrder
from .textures import DeviceStorage, Texture


class PlanRuntime:
    def __init__(self, device: PlanDevice) -> None:
        self.device = device
        self._released: list[int] = []

    @property
    def name(self) -> str:
        return self.device.name

    @property
    def is_losable(self) -> bool:
        return self.device.is_losable

    # -- memory -------------------------------------------------------------------------------------------------------

    def release(self, id_: int) -> None:
        """Queue a texture for freeing: the queue crosses the boundary with the next call, not on its own."""
        self._released.append(id_)

    def flush(self) -> None:
        if self._released:
            self.device.free(self._released)
            self._released.clear()

    def allocate(self, spec: TextureSpec) -> Texture:
        self.flush()
        return Texture(self, self.device.alloc(spec), spec)

    def upload(self, array: np.ndarray) -> DeviceStorage:
        layout = layout_of(array.shape)
        format_ = "rgba8" if array.dtype == np.uint8 else "rgba32f"
        texture = self.allocate(spec_of(layout, format_))
        self.device.upload(texture.id, pack(array, layout))
        return DeviceStorage(texture, whole(layout), Aval(array.shape, build.infer_dtype(array)))

    def set_checked(self, on: bool) -> None:
        self.device.set_checked(on)

    def memory(self) -> dict[str, Any]:
        self.flush()
        return self.device.memory()

    def counters(self) -> dict[str, Any]:
        return self.device.counters()

    # -- reading ------------------------------------------------------------------------------------------------------

    async def read(self, storage: DeviceStorage) -> np.ndarray:
        self.flush()
        if not storage.aval.size:
            return storage.nothing()
        return storage.values(await self.device.read(storage.texture.id, storage.region))

    async def read_all(self, storages: Sequence[DeviceStorage]) -> list[np.ndarray]:
        """Read each texture once, whoever is in it."""
        self.flush()
        textures = {s.texture.id: s.texture.spec for s in storages if s.aval.size}
        wholes = [self.device.read(id_, Region(0, 0, spec.width, spec.height)) for id_, spec in textures.items()]
        texels = dict(zip(textures, await asyncio.gather(*wholes), strict=True))
        return [s.part(texels[s.texture.id]) if s.aval.size else s.nothing() for s in storages]

    def read_sync(self, storage: DeviceStorage) -> np.ndarray:
        self.flush()
        if not storage.aval.size:
            return storage.nothing()
        return storage.values(self.device.read_sync(storage.texture.id, storage.region))

    # -- running ------------------------------------------------------------------------------------------------------

    def compile(self, graph: Graph) -> PlanExecutable:
        return PlanExecutable(self, graph)

    def loading(self, plan: Plan) -> Pieces[_Loaded]:
        """The work of loading a plan."""
        encoded = yield from self.device.encoding(plan)
        return self.loaded(plan, encoded)

    def loaded(self, ports: Ports, encoded: Any) -> _Loaded:
        """A plan that is encoded, in the device."""
        return _Loaded(self, ports, self.device.load(encoded))

    def run(self, loaded: _Loaded, textures: Sequence[Texture], scalars: Sequence[float]) -> list[Texture]:
        released, self._released = self._released, []
        ids = self.device.run(loaded.id, [t.id for t in textures], scalars, released)
        return [Texture(self, i, spec) for i, spec in zip(ids, loaded.plan.output_specs, strict=True)]

    def repeat(
        self,
        loaded: _Loaded,
        textures: Sequence[Texture],
        steps: int,
        swaps: list[tuple[int, int]],
        kept: list[int],
        scalars: list[float],
        increments: Sequence[float],
    ) -> list[dict[int, Texture]]:
        """Run a plan many times; gives the textures that are left of each run, by the outputs' numbers."""
        freed, self._released = self._released, []
        ids = [t.id for t in textures]
        made = self.device.repeat(RepeatOrder(loaded.id, steps, ids, swaps, kept, scalars, list(increments), freed))
        specs = loaded.plan.output_specs
        rows = [made[i : i + len(specs)] for i in range(0, len(made), len(specs))]
        return [{o: Texture(self, id_, specs[o]) for o, id_ in enumerate(row) if id_} for row in rows]


@dataclass
class _Loaded:
    """A plan in the device, which forgets it with this."""

    runtime: PlanRuntime
    plan: Ports
    id: int

    def placed(self, slot: Slot) -> Placed:
        """Where an output lies."""
        return Placed(slot.placement, self.plan.output_specs[slot.texture])

    def __post_init__(self) -> None:
        # at Python's end, when the device may be half gone, it is left alone
        finalize(self, self.runtime.device.free_plan, self.id).atexit = False


# Plans of training steps, by what devices want of them: rows of a block, and whether halves.
_ON_A_PROCESSOR = (4, False)
_training_plans: WeakKeyDictionary[Graph, dict[tuple[int, bool], Plan]] = WeakKeyDictionary()


def training_plan(graph: Graph, block: int = 4, halves: bool = False) -> Pieces[Plan]:
    """The work of lowering a graph that is run many times, with logs and state; done once.

    ``block`` and ``halves`` are the device's: see :class:`~.plan_device.PlanDevice`.
    """
    plans, key = _training_plans.setdefault(graph, {}), (block, halves and graph.halves)
    if key not in plans:
        plans[key] = yield from lowering(
            graph.inputs, graph.scalars, graph.outputs, graph.swaps, log=True, block=block, halves=key[1]
        )
    return plans[key]


def cost_if_known(graph: Graph) -> Cost | None:
    """What a step costs on a processor, where that was asked or its plan was made before."""
    plan = _training_plans.get(graph, {}).get(_ON_A_PROCESSOR)
    return kept_plans.cost(graph) if plan is None else plan.cost


# Plans that an executable keeps: tensors lie where training has packed them, or for themselves, and seldom elsewhere.
PLACES = 16


class PlanExecutable:
    """A graph, compiled for wherever its inputs lie."""

    def __init__(self, runtime: PlanRuntime, graph: Graph) -> None:
        self._runtime, self._graph = runtime, graph
        self._plans: Recent[_Loaded] = Recent(PLACES)
        self._training: _Loaded | None = None
        self.is_ready = False
        self._preparing: asyncio.Future[None] | None = None
        self._copies: _Copies | None = None

    def run(self, inputs: Sequence[DeviceStorage], scalars: Sequence[float]) -> list[DeviceStorage]:
        loaded = self._loaded(inputs)
        textures = self._runtime.run(loaded, [s.texture for s in inputs], scalars)
        return [self._stored(loaded, number, dict(enumerate(textures))) for number in range(len(self._graph.outputs))]

    def repeat(
        self, inputs: Sequence[DeviceStorage], scalars: Sequence[float], increments: Sequence[float], steps: int
    ) -> list[list[DeviceStorage | None]]:
        inputs, made = list(inputs), list[list[DeviceStorage | None]]()
        swaps = self._graph.swaps
        kept = [number for number in range(len(self._graph.outputs)) if number not in swaps.values()]
        while len(made) < steps:
            loaded, done = self._loaded(inputs), len(made)
            slots = loaded.plan.outputs
            # state comes out where later runs take it from, after a first one that has found it elsewhere
            goes_on = all(inputs[i].placed == loaded.placed(slots[o]) for i, o in swaps.items())
            rows = self._runtime.repeat(
                loaded,
                [s.texture for s in inputs],
                steps - done if goes_on else 1,
                sorted((i, slots[o].texture) for i, o in swaps.items()),
                sorted({slots[number].texture for number in kept}),
                [value + done * by for value, by in zip(scalars, increments, strict=True)],
                increments,
            )
            for row in rows:
                made.append([self._stored(loaded, n, row) if n in kept else None for n in range(len(slots))])
            for i, o in swaps.items():
                inputs[i] = self._stored(loaded, o, rows[-1])
        for i, o in swaps.items():
            made[-1][o] = inputs[i]
        return made

    def _loaded(self, inputs: Sequence[DeviceStorage]) -> _Loaded:
        """The plan for where the inputs lie."""
        key = tuple(s.placed for s in inputs)
        return self._plans.get(key, lambda: at_once(self._compiled(key)))

    def _stored(
        self, loaded: _Loaded, number: int, textures: Sequence[Texture] | Mapping[int, Texture]
    ) -> DeviceStorage:
        """An output, in the textures that a run has given."""
        slot = loaded.plan.outputs[number]
        return DeviceStorage(textures[slot.texture], slot.placement, self._graph.outputs[number].aval)

    def _compiled(self, places: Sequence[Placed]) -> Pieces[_Loaded]:
        """The work of making the plan for inputs that lie there."""
        graph = self._graph
        wanted = self._runtime.device
        plan = yield from lowering(
            graph.inputs,
            graph.scalars,
            graph.outputs,
            places=dict(enumerate(places)),
            block=wanted.block,
            halves=wanted.halves and graph.halves,
        )
        return (yield from self._runtime.loading(plan))

    def _compiling(self) -> Pieces[_Loaded]:
        """The work of making the training plan, unless it was made before."""
        device = self._runtime.device
        kept = kept_plans.find(self._graph, device.form)
        if kept is None:
            plan = yield from training_plan(self._graph, device.block, device.halves)
            kept = Kept(plan.ports, cost_if_known(self._graph), (yield from device.encoding(plan)))
            kept_plans.keep(self._graph, device.form, kept)
        return self._runtime.loaded(kept.ports, kept.encoded)

    async def prepare(self) -> None:
        """Compile the training plan and what it needs, without holding the page up."""
        if self.is_ready:
            return
        if self._preparing is None or self._preparing.done():
            self._preparing = asyncio.ensure_future(self._prepared())
        # who is cancelled leaves it to others that wait
        await asyncio.shield(self._preparing)

    async def _prepared(self) -> None:
        if self._training is None:
            self._training = await in_turns(self._compiling())
        await self._runtime.device.ready(self._training.id)
        self.is_ready = True

    def train(self, spec: TrainSpec) -> TrainJob:
        loaded = self._training = self._training or at_once(self._compiling())
        if self._copies is None:
            self._copies = _Copies(self._runtime, loaded.plan)
        return _PlanJob(self._runtime, self._graph, loaded, self._copies, spec)


class _PlanJob:
    def __init__(self, runtime: PlanRuntime, graph: Graph, loaded: _Loaded, copies: _Copies, spec: TrainSpec) -> None:
        self._runtime, self._graph, self._loaded, self._copies = runtime, graph, loaded, copies
        plan = loaded.plan
        log_texture = plan.outputs[0].texture
        # outputs that replace inputs need a second texture each; others are made for this job
        self._outputs = [None if i == log_texture else runtime.allocate(s) for i, s in enumerate(plan.output_specs)]
        swaps = {plan.inputs[i].texture: plan.outputs[o].texture for i, o in graph.swaps.items()}
        self._inputs = copies.bound_inputs(graph.inputs, spec.inputs, set(swaps))
        self._swaps = sorted(swaps.items())
        self._columns = graph.outputs[0].shape[0]
        runtime.flush()
        self._job = runtime.device.train(
            TrainOrder(
                loaded.id,
                spec.steps,
                inputs=[t.id for t in self._inputs],
                outputs=[t.id if t else 0 for t in self._outputs],
                swaps=self._swaps,
                logs=log_texture,
                scalars=spec.scalars,
                increments=spec.increments,
                on_logs=None if spec.on_logs is None else _unpadded(spec.on_logs, self._columns),
                every=spec.every,
            )
        )
        self._ending: asyncio.Future[tuple[np.ndarray, bool]] | None = None

    def cancel(self) -> None:
        self._job.cancel()

    def pause(self) -> None:
        self._job.pause()

    def resume(self) -> None:
        self._job.resume()

    def set_scalar(self, index: int, value: float) -> None:
        self._job.set_scalar(index, value)

    @property
    def steps(self) -> int:
        return self._job.steps

    def _state_textures(self) -> dict[int, Texture]:
        """The texture of each input slot that the next step would read its state from."""
        swapped = self.steps % 2 == 1
        pairs = ((i, self._outputs[o] if swapped else self._inputs[i]) for i, o in self._swaps)
        return {i: texture for i, texture in pairs if texture is not None}

    def _stored(self, textures: Mapping[int, Texture]) -> dict[int, DeviceStorage]:
        slots = self._loaded.plan.inputs
        return {
            i: DeviceStorage(textures[slots[i].texture], slots[i].placement, self._graph.inputs[i].aval)
            for i in self._graph.swaps
        }

    def _captured(self) -> list[DeviceStorage]:
        """What the last step has given that is neither logs nor state."""
        textures, slots = dict(enumerate(self._outputs)), self._loaded.plan.outputs
        if self.steps % 2 == 0:
            textures |= {o: self._inputs[i] for i, o in self._swaps}
        found = [(textures[slots[number].texture], number) for number in self._graph.captures]
        return [
            DeviceStorage(texture, slots[number].placement, self._graph.outputs[number].aval)
            for texture, number in found
            if texture is not None
        ]

    def state(self) -> dict[int, DeviceStorage]:
        copies = {i: self._copies.whole(i, texture) for i, texture in self._state_textures().items()}
        # before the next step is issued
        self._runtime.flush()
        return self._stored(copies)

    async def so_far(self) -> np.ndarray:
        return _log_rows(await self._job.so_far(), self._columns)

    async def result(self) -> TrainResult:
        """The outcome; who is cancelled while waiting may ask again."""
        if self._ending is None or self._ending.cancelled():
            self._ending = asyncio.ensure_future(self._ended())
        logs, cancelled = await asyncio.shield(self._ending)
        rows, state = _log_rows(logs, self._columns), self._stored(self._state_textures())
        return TrainResult(rows, state, cancelled, self._captured() if len(rows) else [])

    async def _ended(self) -> tuple[np.ndarray, bool]:
        # a method, so that our textures live until the last step is drawn, whoever waits for it
        return await self._job.result()


def _log_rows(texels: np.ndarray, columns: int) -> np.ndarray:
    return texels.reshape(-1, -(-columns // 4) * 4)[:, :columns]


def _unpadded(sink: LogSink, columns: int) -> LogSink:
    # no method: the device's job would keep ours
    return lambda first, texels: sink(first, _log_rows(texels, columns))


class _Copies:
    """Plans that bring inputs to where a training plan wants them, each made once."""

    def __init__(self, runtime: PlanRuntime, plan: Ports) -> None:
        self._runtime, self._plan = runtime, plan
        self._made: dict[tuple[int, tuple[Placed, ...], tuple[Placement, ...]], _Loaded] = {}

    def bound_inputs(self, nodes: Sequence[Node], storages: Sequence[DeviceStorage], state: set[int]) -> list[Texture]:
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
            sources = [storages[i].placed for i in members]
            targets = [slots[i].placement for i in members]
            is_there = all(storages[i].texture is first for i in members)
            if (
                not is_there
                or [s.placement for s in sources] != targets
                or first.spec != self._plan.input_specs[texture]
            ):
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
        node = build.input_node(filling(spec), "float32")
        place = Placement(layout_of(node.shape), spec.layers)
        return self._copied(slot, [node], [Placed(place, spec)], [place], [texture])

    def _copied(
        self,
        texture: int,
        nodes: Sequence[Node],
        sources: Sequence[Placed],
        targets: Sequence[Placement],
        textures: Sequence[Texture],
    ) -> Texture:
        key = texture, tuple(sources), tuple(targets)
        loaded = self._made.get(key)
        if loaded is None:
            plan = lower_copies(nodes, sources, targets, self._plan.input_specs[texture])
            loaded = self._made[key] = at_once(self._runtime.loading(plan))
        (made,) = self._runtime.run(loaded, textures, [])
        return made
