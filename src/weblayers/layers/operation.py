"""Ops on symbolic tensors: each becomes a layer of the functional model."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .. import naming, tree
from ..ops.dispatch import REPEATABLE
from ..runtime.conversion import to_tensor
from ..runtime.tensor import Tensor
from .base import Layer, unique_name
from .inference import inferred_specs
from .keras_operations import COMPOSED
from .symbolic import SymbolicTensor

# All that can be an operation, by name.
OPERATIONS: Mapping[str, Callable[..., Any]] = ChainMap(REPEATABLE, COMPOSED)


class Operation(Layer):
    """An op as a layer: what ``a + b``, ``a[:, 0]`` or ``wl.concat([a, b])`` of symbolic tensors makes.

    Args:
        op: name of the op.
        arguments: its arguments by name. ``{"input": 0}`` stands for the first of the layer's inputs, ``{"tensor":
            values, "dtype": name}`` for a tensor that stays the same.

    Whatever is computed of concrete tensors or weights stays as it is: only layers have weights that are trained.

    >>> import weblayers as wl
    >>> x = wl.input(shape=[3])
    >>> model = wl.model(inputs=x, outputs=wl.concat([x * 2, x[:, :1]], axis=-1))
    >>> model.predict(wl.tensor2d([[1, 2, 3]])).array_sync()
    [[2.0, 4.0, 6.0, 1.0]]
    """

    def __init__(self, op: str, arguments: Mapping[str, Any], **base: Any) -> None:
        self._function = naming.lookup("op", op, OPERATIONS)
        super().__init__(**{**base, "name": base.get("name") or unique_name(f"{op}_Operation")})
        self.op, self.arguments = op, dict(arguments)

    def call(self, inputs: Any) -> Any:
        values = tree.leaves(inputs)
        return self._function(**{name: _filled(value, values) for name, value in self.arguments.items()})

    def output_specs(self, inputs: Any, kwargs: dict[str, Any]) -> Any:
        """Ops may do anything with the batch axis too."""
        return inferred_specs(self.name, lambda x, _: self.call(x), inputs, kwargs, batch_first=False)


def recorded(op: str, arguments: Mapping[str, Any]) -> Any:
    """The symbolic outputs of an op, some of whose arguments are symbolic tensors."""
    inputs: list[Any] = []
    described = {name: _described(value, inputs) for name, value in arguments.items()}
    return Operation(op, described).apply(inputs[0] if len(inputs) == 1 else inputs)


SymbolicTensor.record = recorded


def _described(value: Any, inputs: list[Any]) -> Any:
    """An argument as plain values; symbolic tensors go to the inputs."""
    if isinstance(value, SymbolicTensor):
        inputs.append(value)
        return {"input": len(inputs) - 1}
    if isinstance(value, list | tuple):
        return [_described(v, inputs) for v in value]
    if isinstance(value, Tensor) or hasattr(value, "__array__"):
        tensor = to_tensor(value)
        return {"tensor": tensor.array_sync(), "dtype": tensor.dtype}
    return value


def _filled(value: Any, inputs: Sequence[Any]) -> Any:
    if isinstance(value, Mapping):
        return inputs[value["input"]] if "input" in value else to_tensor(value["tensor"], value["dtype"])
    return tuple(_filled(v, inputs) for v in value) if isinstance(value, list | tuple) else value
