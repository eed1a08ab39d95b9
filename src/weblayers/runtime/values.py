"""The values of tensors: where they are, and what brings them back when their device is lost."""

from __future__ import annotations

import itertools
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from weakref import ref

import numpy as np

from ..compiler.pieces import Pieces, at_once, in_turns
from ..graph.node import DTYPES, MAX_EXACT_INTEGER, Aval
from ..unwinding import held, unwind
from . import device, keeper
from .base import Executable, Runtime
from .lost import DeviceLostError, ValuesLostError, persistently, persisting

_numbers = itertools.count()


class Values:
    """Values on the host, on a device, or both. Tensors may share them.

    Args:
        aval: their shape and dtype.
        host: a copy that nobody will write to.
        storage: what ``runtime`` has of them.
        made: what has made them, and the number of the output that they are: for those of a device that may be lost.
    """

    __slots__ = ("__weakref__", "aval", "runtime", "source", "storage")

    def __init__(
        self,
        aval: Aval,
        host: np.ndarray | None = None,
        storage: Any = None,
        runtime: Runtime | None = None,
        made: tuple[Origin, int] | None = None,
    ) -> None:
        self.aval = aval
        self.source = Source(self, None if host is None else frozen(host), made)
        self.storage, self.runtime = None, runtime
        if runtime is not None and storage is not None:
            self.stored(storage, runtime)

    @property
    def host(self) -> np.ndarray | None:
        """The copy on the host, if there is one."""
        return self.source.host

    def stored(self, storage: Any, runtime: Runtime) -> None:
        """Have a runtime store them."""
        self.storage, self.runtime = storage, runtime
        if runtime.is_losable and self.host is None:
            keeper.keep(self)

    def copied(self, array: np.ndarray) -> None:
        """Have a copy on the host."""
        source = self.source
        source.host, source.made, source.earlier = frozen(typed(self.aval, array)), None, None

    def on(self, runtime: Runtime, described: str = "a tensor") -> Any:
        """The storage at a runtime; uploaded at first use."""
        if self.storage is None or self.runtime is not runtime:
            host = self.read_sync()
            try:
                self.stored(runtime.upload(host), runtime)
            except DeviceLostError:
                raise
            except Exception as error:
                size = f"{described} of shape {list(self.aval.shape)}, {host.nbytes} bytes"
                raise RuntimeError(f"{runtime.name} did not take {size}: {error}") from error
        return self.storage

    def read_sync(self) -> np.ndarray:
        """The values on the host. Waits for the device."""
        return persistently(self._try_sync) if self.host is None else self.host

    async def read(self) -> np.ndarray:
        """The same, without blocking."""
        return await persisting(self._try) if self.host is None else self.host

    def _try_sync(self) -> np.ndarray:
        at_once(self._remaking())
        if self.host is None:
            try:
                self.copied(_existing(self.runtime).read_sync(self.storage))
            except DeviceLostError:
                self.storage = None
                raise
        return _existing(self.host)

    async def _try(self) -> np.ndarray:
        await in_turns(self._remaking())
        if self.host is None:
            try:
                self.copied(await _existing(self.runtime).read(self.storage))
            except DeviceLostError:
                self.storage = None
                raise
        return _existing(self.host)

    def _remaking(self) -> Pieces[None]:
        """The work of making values again that are nowhere any more."""
        if self.host is None and self.storage is None:
            try:
                yield from _remaking(self.source, device.current())
            except ValuesLostError:
                if self.source.earlier is None:
                    raise
                self.source.go_back()


class Source:
    """What brings values back: a copy on the host, or what has made them. Results of the values hold on to it."""

    __slots__ = ("_values", "earlier", "host", "made")

    def __init__(self, values: Values, host: np.ndarray | None, made: tuple[Origin, int] | None) -> None:
        self._values, self.host, self.made = ref(values), host, made
        # what a variable had before, as far as the host knows
        self.earlier: np.ndarray | None = None
        if made is not None:
            origin, output = made
            origin.results.append((self._values, output))

    @property
    def values(self) -> Values | None:
        """Whose source it is, if somebody has them still."""
        return self._values()

    @property
    def is_at_hand(self) -> bool:
        """Whether nothing has to be made again."""
        values = self.values
        is_stored = values is not None and values.storage is not None and device.is_in_use(values.runtime)
        return is_stored or self.host is not None

    @property
    def origin(self) -> Origin:
        """What has made the values.

        Raises:
            ValuesLostError: that is not known any more.
        """
        if self.made is None or self.made[0].is_forgotten:
            raise ValuesLostError(
                "the browser took the GPU away before these values were read, and too much was computed since then to"
                " do it again. Compute them anew; `await tensor.data()` brings values to the host, where they are safe"
            )
        return self.made[0]

    def go_back(self) -> None:
        """Be what a variable had earlier."""
        assert self.earlier is not None
        warnings.warn(
            f"the browser took the GPU away: a weight of shape {list(self.earlier.shape)} has the values that were last"
            " copied from there, which are older than its latest",
            stacklevel=2,
        )
        self.host = self.earlier


class Origin:
    """What has made values: a graph, run once or several times, and what it was given.

    Args:
        executable: the graph, compiled for a runtime.
        inputs: the sources of its inputs in the first run.
        numbers: its scalars in a run, by the run's number.
        swaps: in later runs these outputs take the place of inputs, by their numbers.
        runs: how many there were.
    """

    def __init__(
        self,
        executable: Callable[[Runtime], Executable],
        inputs: Sequence[Source],
        numbers: Callable[[int], Sequence[float]],
        swaps: Mapping[int, int] | None = None,
        runs: int = 1,
    ) -> None:
        self.inputs: Sequence[Source] = inputs
        self.is_forgotten = False
        self.results: list[tuple[ref[Values], int]] = []
        # who is made of others has a greater one
        self.number = next(_numbers)
        self._executable, self._numbers, self._swaps, self._runs = executable, numbers, swaps or {}, runs
        keeper.remember(self)

    def forget(self) -> None:
        """Keep nothing alive: the results cannot be made again."""
        self.is_forgotten = True
        self._let_go()

    def __del__(self) -> None:
        self._let_go()

    def _let_go(self) -> None:
        held.append(self.inputs)
        self.inputs = ()
        unwind()

    def running(self, runtime: Runtime, inputs: list[Any]) -> Pieces[list[Any]]:
        """The work of running the graph again; gives the storages of its outputs."""
        executable = self._executable(runtime)
        outputs: list[Any] = []
        for i in range(self._runs):
            outputs = executable.run(inputs, self._numbers(i))
            for number, output in self._swaps.items():
                inputs[number] = outputs[output]
            yield
        return outputs


def _remaking(wanted: Source, runtime: Runtime) -> Pieces[None]:
    """The work of making values again, and whatever they were made of that is not at hand."""
    origins = _origins_of(wanted)
    uses = Counter(source.made[0] for origin in origins for source in origin.inputs if source.made is not None)
    made: dict[Origin, list[Any]] = {}
    for origin in origins:
        inputs = list(origin.inputs)
        outputs = yield from origin.running(runtime, [_storage(source, runtime, made) for source in inputs])
        made[origin] = outputs
        for reference, output in origin.results:
            values = reference()
            if values is not None and values.host is None:
                values.stored(outputs[output], runtime)
        for source in inputs:
            if source.made is not None:
                uses[source.made[0]] -= 1
                if not uses[source.made[0]]:
                    made.pop(source.made[0], None)


def _origins_of(wanted: Source) -> list[Origin]:
    """What has to run again, in order."""
    found: set[Origin] = set()
    waiting = [wanted]
    while waiting:
        source = waiting.pop()
        if not source.is_at_hand:
            origin = source.origin
            if origin not in found:
                found.add(origin)
                waiting += origin.inputs
    return sorted(found, key=lambda origin: origin.number)


def _storage(source: Source, runtime: Runtime, made: Mapping[Origin, list[Any]]) -> Any:
    if not source.is_at_hand:
        origin, output = _existing(source.made)
        return made[origin][output]
    values = source.values
    return runtime.upload(_existing(source.host)) if values is None else values.on(runtime)


def _existing(value: Any) -> Any:
    assert value is not None
    return value


def typed(aval: Aval, array: np.ndarray) -> np.ndarray:
    """What a device has given, in the tensor's dtype and shape.

    Raises:
        OverflowError: integers have become too large.
    """
    if aval.dtype == "int32" and array.size:
        largest = max(abs(int(array.max())), abs(int(array.min())))
        if largest > MAX_EXACT_INTEGER:
            raise OverflowError(
                f"an int32 tensor of shape {list(aval.shape)} has come to {largest}: they are exact up to 2^24 ="
                f" {MAX_EXACT_INTEGER}; compute with float32 where they may become larger"
            )
    return np.asarray(array, DTYPES[aval.dtype]).reshape(aval.shape)


def frozen(array: np.ndarray) -> np.ndarray:
    """The array, or a view of it that cannot be written to."""
    if array.flags.writeable:
        array = array.view()
        array.flags.writeable = False
    return array
