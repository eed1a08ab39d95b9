"""Training plans that are compiled once: for every model whose step is traced alike, and for the next visit.

A plan depends on nothing but its graph, its device's ways and the compiler. In a page, where a store for them is
registered, plans outlive the page. What comes from the store is used only if it is what was put there.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import struct
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from weakref import WeakKeyDictionary

from ..graph.digest import digest
from ..graph.program import Graph
from ..recent import Recent

if TYPE_CHECKING:
    from ..compiler.plan import Cost, Ports

# Graphs whose plans stay in memory.
GRAPHS = 16
# Larger ones are not stored: they take longer to read than to compile.
MOST_BYTES = 8 * 2**20
_DIGEST_BYTES = 32


class Store(Protocol):
    """Bytes by names, for longer than a page is open."""

    async def find(self, prefix: str) -> dict[str, bytes]:
        """All whose names begin so, with their names."""
        ...

    async def put(self, name: str, data: bytes) -> None: ...


@dataclass(frozen=True)
class Kept:
    """A plan in the form in which a device loads it, where its inputs and outputs lie, and what it costs.

    The cost is that on a processor, by which devices are chosen; None where nobody has asked.
    """

    ports: Ports
    cost: Cost | None
    encoded: bytes


class KeptPlans:
    def __init__(self) -> None:
        self.store: Store | None = None
        # by the names of graphs, and then of the forms in which devices have plans
        self._known: Recent[dict[str, Kept]] = Recent(GRAPHS)
        self._names: WeakKeyDictionary[Graph, str | None] = WeakKeyDictionary()
        self._asked: set[str] = set()
        self._putting: set[asyncio.Future[None]] = set()

    def find(self, graph: Graph, form: str | None) -> Kept | None:
        """What is known of a graph's training plan, for a device of this :attr:`~.plan_device.PlanDevice.form`."""
        return None if form is None else self._of(graph).get(form)

    def cost(self, graph: Graph) -> Cost | None:
        """What a graph's training plan costs, if that is known."""
        costs = (kept.cost for kept in self._of(graph).values())
        return next((cost for cost in costs if cost is not None), None)

    async def recall(self, graph: Graph) -> None:
        """Get from the store what there is of a graph, once."""
        if self.store is None:
            return
        name = self._name(graph)
        if name is None or name in self._asked:
            return
        self._asked.add(name)
        try:
            found = await self.store.find(f"{name} ")
        except (OSError, RuntimeError):
            # a page that may store nothing, or that has lost its storage, compiles
            self.store = None
            return
        for key, data in found.items():
            with suppress(ValueError, KeyError, TypeError, struct.error):
                self._of(graph).setdefault(key.removeprefix(f"{name} "), _unpacked(data))

    def keep(self, graph: Graph, form: str | None, kept: Kept) -> None:
        """Remember a plan, and have it stored when there is time."""
        if form is None:
            return
        self._of(graph)[form] = kept
        if self.store is not None and len(kept.encoded) <= MOST_BYTES:
            # there is no event loop where nobody can wait
            with suppress(RuntimeError):
                loop = asyncio.get_running_loop()
                putting = loop.create_task(self._put(f"{self._name(graph)} {form}", kept))
                self._putting.add(putting)
                putting.add_done_callback(self._putting.discard)

    async def _put(self, name: str, kept: Kept) -> None:
        # storage may be full, forbidden or gone
        with suppress(OSError, RuntimeError):
            if self.store is not None:
                await self.store.put(name, _packed(kept))

    def _of(self, graph: Graph) -> dict[str, Kept]:
        name = self._name(graph)
        return {} if name is None else self._known.get(name, dict)

    def _name(self, graph: Graph) -> str | None:
        """None for a graph that has none, and where nobody knows of what version this is."""
        if graph not in self._names:
            version = installed()
            try:
                self._names[graph] = None if version is None else f"{version} {digest(graph)}"
            except TypeError:
                self._names[graph] = None
        return self._names[graph]


kept_plans = KeptPlans()


@cache
def installed() -> str | None:
    """What was installed: the hashes of its files, as the wheel lists them. None where no wheel was."""
    package = Path(__file__).parents[1]
    record = next(package.parent.glob(f"{package.name}-*.dist-info/RECORD"), None)
    return None if record is None else hashlib.sha256(record.read_bytes()).hexdigest()[:16]


def _packed(kept: Kept) -> bytes:
    """A hash, the header's length, the header and the plan."""
    header = json.dumps({"ports": kept.ports.to_json(), "cost": kept.cost}).encode()
    data = struct.pack("<I", len(header)) + header + kept.encoded
    return hashlib.sha256(data).digest() + data


def _unpacked(data: bytes) -> Kept:
    """What :func:`_packed` has packed.

    Raises:
        ValueError: it is something else.
    """
    from ..compiler.plan import Cost, Ports

    hashed, rest = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    if hashlib.sha256(rest).digest() != hashed:
        raise ValueError("a stored plan has changed")
    (length,) = struct.unpack_from("<I", rest)
    header = json.loads(rest[4 : 4 + length])
    cost = None if header["cost"] is None else Cost(*header["cost"])
    return Kept(Ports.from_json(header["ports"]), cost, rest[4 + length :])
