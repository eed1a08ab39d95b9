"""Where the batches of an epoch come from: arrays that lie on the device as a whole, or a data set that streams."""

from __future__ import annotations

import asyncio
import itertools
import warnings
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from .. import random_seed
from ..runtime import clock, scopes
from ..runtime.tensor import Tensor, tensor_of
from .data_sets import START, Samples, held, order_capacity, room_for, sample_order
from .steps import Step
from .watching import Wanted

# Of rows and a batch size, the compiled step; in training also of what is wanted to be seen.
StepFor = Callable[..., Step]

# Batches of a data set go to the device in chunks of about so many bytes and at most so many batches; a slow source's
# chunk goes off after this time with what there is.
CHUNK_BYTES = 2_000_000
CHUNK_BATCHES = 32
CHUNK_SECONDS = 0.1


@dataclass
class Run:
    """Steps of one batch size that the device takes in one go; ``step_for`` gives the step that also captures
    something.
    """

    compiled: Step
    tensors: list[Tensor]
    steps: int
    batch: int
    step_for: Callable[[tuple[Wanted, ...]], Step]
    start: int = 0

    @property
    def begins(self) -> dict[int, tuple[float, float]]:
        """Where the first step's batch begins, and how far on the next: a host scalar of the step."""
        return {START: (self.start, self.batch)}

    def watched(self, wanted: tuple[Wanted, ...]) -> Run:
        """The first step alone, with captures."""
        return replace(self, compiled=self.step_for(wanted), steps=1)

    def after(self, steps: int) -> Run:
        """What is left after so many steps."""
        return replace(self, steps=self.steps - steps, start=self.start + steps * self.batch)


class ArrayFeed:
    """Batches of samples that are all there.

    With ``steps`` an epoch has so many batches, and goes on where the one before has ended.
    """

    def __init__(
        self, step_for: StepFor, samples: Samples, batch: int, shuffle: bool = False, steps: int | None = None
    ) -> None:
        self._step_for, self._batch, self._shuffle = step_for, batch, shuffle
        # the room for samples makes no difference to a batch of all of them
        self._rows = samples.rows(room_for(samples.count) if samples.count > batch else None)
        self._held = [held(t) for t in self._rows.tensors()]
        self._count = samples.count
        self.samples: int | None = samples.count
        self._whole, self._rest = divmod(samples.count, batch)
        self._batches = self._whole + bool(self._rest)
        self.steps: int | None = steps or self._batches
        self._at = self._batches
        self._order: Tensor | None = None
        self.exhausted = False

    @property
    def most_epochs(self) -> int:
        """How many epochs can be taken in one go: several, where all batches are of one size."""
        if self.steps != self._batches or (self._whole and self._rest):
            return 1
        return order_capacity(self._rows.count) // self._count

    async def begin(self) -> bool:
        """Whether there are batches for another epoch: there always are."""
        return True

    async def close(self) -> None:
        """There is nothing to close."""

    async def epochs(self, count: int = 1) -> AsyncGenerator[Run, None]:
        """The runs of an epoch, or of several in one go."""
        if count > 1:
            self._permute(count)
            size = self._batch if self._whole else self._rest
            yield self._run(0, count * self._batches, size)
            return
        for run in self.runs():
            yield run

    def again(self) -> ArrayFeed:
        """The same, from the first batch on."""
        self._at = self._batches
        return self

    def runs(self) -> Iterable[Run]:
        """The runs of an epoch."""
        left = self.steps or 0
        while left:
            if self._at == self._batches:
                self._permute(1)
                self._at = 0
            first, stop = self._at, min(self._batches, self._at + left)
            left -= stop - first
            self._at = stop
            yield from self._between(first, stop)

    def _permute(self, passes: int) -> None:
        permute = random_seed.generator().permutation if self._shuffle else np.arange
        if self._shuffle or self._order is None or passes > 1:
            order = np.concatenate([permute(self._count) for _ in range(passes)])
            self._order = sample_order(order, self._rows.count)

    def _between(self, first: int, stop: int) -> Iterable[Run]:
        if first < self._whole:
            yield self._run(first, min(stop, self._whole) - first, self._batch)
        if stop > self._whole:
            yield self._run(self._whole, 1, self._rest)

    def _run(self, first: int, steps: int, size: int) -> Run:
        assert self._order is not None
        tensors = [*self._held, self._order]
        step_for = partial(self._step_for, self._rows, size)
        return Run(step_for(), tensors, steps, size, step_for, first * self._batch)


class DatasetFeed:
    """Batches that a data set makes, while the device trains on those before.

    Args:
        read: makes checked samples of a batch.
        dataset: can be iterated over, asynchronously or not; each element is a batch.
        steps: batches per epoch; the data set then goes on from epoch to epoch.
        size: how many batches the data set has, if it is known.
    """

    samples: int | None = None
    most_epochs = 1

    def __init__(
        self, step_for: StepFor, read: Callable[[Any], Samples], dataset: Any, steps: int | None = None
    ) -> None:
        self._step_for, self._read, self._dataset, self._given = step_for, read, dataset, steps
        size = _number_of_batches(dataset) if _is_numbered(dataset) else getattr(dataset, "size", None)
        self._size = int(size) if isinstance(size, int | float) and np.isfinite(size) else None
        self.steps = steps or self._size
        self._source: AsyncGenerator[Any, None] | None = None
        self._held: Samples | None = None
        self.exhausted = False

    async def close(self) -> None:
        """Have the data set end."""
        source, self._source, self._held = self._source, None, None
        if source is not None:
            await source.aclose()

    async def begin(self) -> bool:
        """Whether there are batches for another epoch."""
        if self._held is None and not self.exhausted:
            if self._source is None or self._given is None:
                await self.close()
                self._source = iterated(self._dataset)
            self._held = await self._next()
        return self._held is not None

    async def epochs(self, count: int = 1) -> AsyncGenerator[Run, None]:
        """The runs of an epoch that has begun."""
        left = self._given
        pending = asyncio.ensure_future(self._chunk(left))
        taken = 0
        try:
            while batches := await pending:
                taken += len(batches)
                left = None if left is None else left - len(batches)
                run = self._uploaded(batches)
                pending = asyncio.ensure_future(self._chunk(left))
                yield run
        finally:
            pending.cancel()
            # a data set that is asked for an element cannot be closed
            await asyncio.gather(pending, return_exceptions=True)
        if left:
            self.exhausted = True
            warnings.warn(
                f"the data set ran out of data after {taken} of {self._given} batches of an epoch; make sure that it"
                " can generate enough batches for all epochs, for example with repeat()",
                stacklevel=2,
            )

    async def _chunk(self, limit: int | None) -> list[Samples]:
        """The next batches, all of one kind."""
        found: list[Samples] = []
        most, begun = 1, 0.0
        while limit is None or len(found) < limit:
            batch = self._held or await self._next()
            self._held = None
            if batch is None:
                break
            if not found:
                most, begun = self._most(batch), clock.now()
            elif batch.shapes() != found[0].shapes():
                self._held = batch
                break
            found.append(batch)
            if len(found) >= most or clock.now() - begun > CHUNK_SECONDS:
                break
        return found

    async def _next(self) -> Samples | None:
        assert self._source is not None
        try:
            element = await anext(self._source)
        except StopAsyncIteration:
            return None
        return self._read(element)

    def _most(self, batch: Samples) -> int:
        """How many batches like this one make a chunk."""
        if not all(t.is_on_host for t in batch.tensors()):
            # it is on the device already
            return 1
        size = sum(t.numpy().nbytes for t in batch.tensors())
        return max(1, min(CHUNK_BATCHES, CHUNK_BYTES // max(1, size), self.steps or CHUNK_BATCHES))

    def _uploaded(self, batches: Sequence[Samples]) -> Run:
        first = batches[0]
        rows, capacity = first.rows(), self._most(first)
        if capacity > 1:
            columns = zip(*(b.tensors() for b in batches), strict=True)
            stacked = [_stacked(column, capacity) for column in columns]
            rows = first.replaced(stacked)
        order = sample_order(np.arange(rows.count), rows.count)
        size = first.count
        step_for = partial(self._step_for, rows, size)
        return Run(step_for(), [*rows.tensors(), order], len(batches), size, step_for)


def _stacked(batches: Sequence[Tensor], capacity: int) -> Tensor:
    """Batches under each other, one row per sample, with room for ``capacity`` of them."""
    first = batches[0].numpy()
    size = first.shape[0]
    rows = np.zeros((capacity * size, int(np.prod(first.shape[1:]))), first.dtype)
    for i, batch in enumerate(batches):
        rows[i * size : (i + 1) * size] = batch.numpy().reshape(size, -1)
    with scopes.paused():
        tensor = tensor_of(rows)
    tensor.sample_shape = first.shape[1:]
    return tensor


def parts_of(element: Any, anything: bool = False) -> tuple[Any, ...]:
    """Inputs, targets and perhaps sample weights of a data set's element; with ``anything`` it may be inputs alone.

    Raises:
        TypeError: it is neither ``{"xs": ..., "ys": ...}`` nor a pair or triple.
    """
    if isinstance(element, Mapping) and is_batch(element):
        weights = element.get("sample_weight", element.get("weights"))
        return (element["xs"], element["ys"]) if weights is None else (element["xs"], element["ys"], weights)
    if isinstance(element, tuple | list) and len(element) in (2, 3):
        return tuple(element)
    if anything:
        return (element[0] if isinstance(element, tuple | list) and len(element) == 1 else element), None
    kind = f"a dictionary with {sorted(element)}" if isinstance(element, Mapping) else type(element).__name__
    raise TypeError(
        "a data set for training gives batches {'xs': inputs, 'ys': targets}, or (inputs, targets) or"
        f" (inputs, targets, sample weights); got {kind}"
    )


def inputs_of(element: Any, count: int) -> Any:
    """The inputs, so many, of a data set's element, which may have targets too."""
    if isinstance(element, tuple) or (isinstance(element, list) and len(element) in (2, 3) and count == 1):
        return element[0]
    return element["xs"] if isinstance(element, Mapping) and "xs" in element else element


def is_batch(element: Any) -> bool:
    """Whether something can only be a data set's element, and not data by themselves."""
    return isinstance(element, tuple) or (isinstance(element, Mapping) and {"xs", "ys"} <= element.keys())


def is_dataset(x: Any) -> bool:
    """Whether data come batch by batch: from a data set or any other iterable that is not data itself."""
    return hasattr(x, "__aiter__") or (hasattr(x, "__next__") and hasattr(x, "__iter__")) or _is_numbered(x)


def _is_numbered(x: Any) -> bool:
    """Whether it gives batches by their numbers, as Keras' ``PyDataset`` does."""
    kind = type(x)
    numbered = hasattr(kind, "__getitem__") and (hasattr(kind, "__len__") or hasattr(kind, "num_batches"))
    return numbered and not isinstance(x, Sequence | Mapping | Tensor) and not hasattr(kind, "__array__")


def _number_of_batches(dataset: Any) -> int | None:
    """How many batches there are, by number; None if they never end."""
    return dataset.num_batches if hasattr(type(dataset), "num_batches") else len(dataset)


async def iterated(dataset: Any) -> AsyncGenerator[Any, None]:
    """The elements of a data set that is asynchronous or not."""
    if hasattr(dataset, "__aiter__"):
        elements = aiter(dataset)
        try:
            async for element in elements:
                yield element
        finally:
            if hasattr(elements, "aclose"):
                await elements.aclose()
    elif _is_numbered(dataset):
        count = _number_of_batches(dataset)
        if hasattr(dataset, "on_epoch_begin"):
            dataset.on_epoch_begin()
        for i in itertools.count() if count is None else range(count):
            yield dataset[i]
            await asyncio.sleep(0)
        if hasattr(dataset, "on_epoch_end"):
            dataset.on_epoch_end()
    else:
        for element in dataset:
            yield element
            # a page, or another task, has its turn while a slow one makes the next
            await asyncio.sleep(0)
