"""What running a function costs: time, memory, and which ops it calls."""

from __future__ import annotations

import inspect
import time as clock
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

from .. import tree
from .memory import Record, memory
from .tensor import Tensor

_recording: ContextVar[tuple[Profile, ...]] = ContextVar("recording", default=())


class Profile(Record):
    """What :func:`profile` gives."""


async def profile(fn: Callable[[], Any]) -> Profile:
    """Run a function and report the ops that it calls on values, one by one, and the memory that it takes.

    Args:
        fn: a function without arguments, async or not.

    Returns:
        ``new_bytes``, ``new_tensors``, ``peak_bytes``, ``result``, ``kernel_names`` and ``kernels``. Each of these has
        ``name``, ``input_shapes``, ``output_shapes``, ``bytes_added``, ``total_bytes_snapshot``, ``tensors_added``,
        ``total_tensors_snapshot`` and ``kernel_time_ms``, the time until the op was issued. What a model or a traced
        function runs is one plan, and no op.

    >>> import asyncio, weblayers as wl
    >>> found = asyncio.run(wl.profile(lambda: wl.ones([2]) * 2 + 1))
    >>> found["kernel_names"], found.new_tensors
    (['add', 'mul'], 1)
    """
    before = memory()
    record = Profile(kernels=[], peak_bytes=before["num_bytes"])
    outer = _recording.get()
    _recording.set((*outer, record))
    try:
        result = fn()
        record["result"] = await result if inspect.isawaitable(result) else result
    finally:
        _recording.set(outer)
    after = memory()
    record["new_bytes"] = after["num_bytes"] - before["num_bytes"]
    record["new_tensors"] = after["num_tensors"] - before["num_tensors"]
    record["peak_bytes"] = max(record["peak_bytes"], after["num_bytes"])
    record["kernel_names"] = sorted({k["name"] for k in record["kernels"]})
    return record


def is_recording() -> bool:
    return bool(_recording.get())


def ran(name: str, inputs: Sequence[Tensor], outputs: Sequence[Tensor], started: float) -> None:
    """An op has run; ``started`` is what ``time.perf_counter()`` said before."""
    elapsed = (clock.perf_counter() - started) * 1000
    now = memory()
    for record in _recording.get():
        record["peak_bytes"] = max(record["peak_bytes"], now["num_bytes"])
        record["kernels"].append(
            Record(
                name=name,
                input_shapes=[t.shape for t in inputs],
                output_shapes=[t.shape for t in outputs],
                bytes_added=sum(t.nbytes for t in outputs),
                total_bytes_snapshot=now["num_bytes"],
                tensors_added=len(outputs),
                total_tensors_snapshot=now["num_tensors"],
                kernel_time_ms=elapsed,
            )
        )


async def time(fn: Callable[[], Any]) -> Record:
    """Run a function and take the time.

    Returns:
        ``wall_ms``, until the function returns, and ``kernel_ms``, until the values of the tensors that it gives are
        there: what is issued to a GPU is not computed yet when the function returns.

    >>> import asyncio, weblayers as wl
    >>> taken = asyncio.run(wl.time(lambda: wl.mat_mul(wl.ones([50, 50]), wl.ones([50, 50]))))
    >>> taken["kernel_ms"] >= taken["wall_ms"] > 0
    True
    """
    started = clock.perf_counter()
    result = fn()
    result = await result if inspect.isawaitable(result) else result
    wall = clock.perf_counter() - started
    for leaf in tree.leaves(result):
        if isinstance(leaf, Tensor):
            await leaf.data()
    return Record(wall_ms=wall * 1000, kernel_ms=(clock.perf_counter() - started) * 1000)
