"""Models that stay in memory, or go wherever a function takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ... import naming
from ..artifacts import Artifacts, SaveResult
from ..registry import settled
from ..weights import joined


class MemoryHandler(naming.Named):
    """Loads the artifacts that it was given."""

    def __init__(self, artifacts: Artifacts) -> None:
        self.artifacts = artifacts

    async def load(self) -> Artifacts:
        return self.artifacts


def from_memory(
    model_artifacts: Any,
    weight_specs: Sequence[Mapping[str, Any]] | None = None,
    weight_data: Any = None,
    training_config: Mapping[str, Any] | None = None,
) -> MemoryHandler:
    """A handler that loads what is in memory.

    Args:
        model_artifacts: artifacts, an object with ``modelTopology``, ``weightSpecs``, ``weightData`` and the rest, or
            only the topology.
        weight_specs, weight_data, training_config: what goes with a topology.

    >>> import asyncio, weblayers as wl
    >>> saved = []
    >>> model = wl.sequential([wl.layers.dense(units=1, input_shape=[2])])
    >>> async def main():
    ...     await model.save(wl.io.with_save_handler(saved.append))
    ...     return await wl.load_layers_model(wl.io.from_memory(saved[0]))
    >>> asyncio.run(main()).output_shape
    (None, 1)
    """
    whole = isinstance(model_artifacts, Artifacts) or (
        isinstance(model_artifacts, Mapping) and {"modelTopology", "model_topology"} & set(model_artifacts)
    )
    if whole or hasattr(model_artifacts, "to_py"):
        return MemoryHandler(Artifacts.of(model_artifacts))
    return MemoryHandler(
        Artifacts(
            model_topology=model_artifacts,
            weight_specs=None if weight_specs is None else [dict(s) for s in weight_specs],
            weight_data=None if weight_data is None else joined(weight_data),
            training_config=None if training_config is None else dict(training_config),
        )
    )


class FunctionHandler(naming.Named):
    """Saves by calling a function."""

    def __init__(self, function: Callable[[Artifacts], Any]) -> None:
        self.function = function

    async def save(self, artifacts: Artifacts) -> SaveResult:
        given = await settled(self.function(artifacts))
        return given if isinstance(given, SaveResult) else SaveResult(artifacts.info)


def with_save_handler(save_handler: Callable[[Artifacts], Any]) -> FunctionHandler:
    """A handler that saves by calling a function, asynchronous or not, with the artifacts."""
    return FunctionHandler(save_handler)


from_memory_sync, with_save_handler_sync = from_memory, with_save_handler
