"""What a layer's ``call`` takes, and how it is given."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import naming, tree
from ..runtime.conversion import to_tensor


@dataclass(frozen=True)
class CallSignature:
    """What the inputs are called; the named parameters after them; whether there may be others; and whether all come in
    one object, as in TensorFlow.js' ``call(inputs, kwargs)``."""

    inputs: str
    names: tuple[str, ...]
    takes_anything: bool
    takes_object: bool

    @classmethod
    def of(cls, layer_class: Any) -> CallSignature:
        """That of a class of layers."""
        found: CallSignature | None = layer_class.__dict__.get("_call_signature")
        if found is None:
            parameters = inspect.signature(layer_class.call).parameters.values()
            named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
            names = tuple(p.name for p in parameters if p.kind in named)[1:]
            takes_object = names[1:] == ("kwargs",)
            takes_anything = takes_object or any(p.kind is p.VAR_KEYWORD for p in parameters)
            others = () if takes_object else names[1:]
            found = layer_class._call_signature = cls("".join(names[:1]), others, takes_anything, takes_object)
        return found

    def taken(self, layer: str, kwargs: dict[str, Any]) -> Any:
        """The inputs, out of the arguments by name.

        Raises:
            TypeError: they are not there.
        """
        name = next((n for n in (self.inputs, "inputs") if n in kwargs), None)
        if name is None:
            hint = f", or as {self.inputs!r}" if self.inputs else ""
            raise TypeError(f"layer {layer!r} is called without inputs: give them first{hint}; got {sorted(kwargs)}")
        return kwargs.pop(name)

    def are_options(self, given: Any) -> bool:
        """Whether this is an object with arguments by name, as TensorFlow.js gives them, and not an argument itself."""
        if not isinstance(given, Mapping):
            return False
        names = {"training", "mask", *self.names}
        return self.takes_anything or all(naming.snake(name) in names for name in given)

    def bound(self, layer: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments by name, in Python's spelling, :func:`converted`, without those that are None.

        Raises:
            TypeError: unknown ones, or too many.
        """
        names = [n for n in self.names if n not in ("training", "mask")]
        if len(args) > len(names):
            raise TypeError(f"layer {layer!r} takes {len(names)} arguments besides its inputs, got {len(args)}")
        given = dict(zip(names, args, strict=False)) | {naming.snake(k): v for k, v in kwargs.items()}
        for key in given:
            if key not in names and not self.takes_anything:
                hint = naming.suggestion(key, [*names, "training", "mask"])
                raise TypeError(f"layer {layer!r} takes no argument {key!r} when called. {hint}")
        return {k: converted(v) for k, v in given.items() if v is not None}


def converted(given: Any) -> Any:
    """The same with tensors for NumPy arrays."""
    return tree.mapped(lambda leaf: to_tensor(leaf) if isinstance(leaf, np.ndarray) else leaf, given)


def joined(given: Any) -> Any:
    """The same, or one tensor where it is lists of nothing but numbers.

    >>> joined([[0, 3]]).shape, joined([None, 3])
    ((1, 2), [None, 3])
    """
    leaves = tree.leaves(given)
    numbers = isinstance(given, list | tuple) and leaves and all(isinstance(leaf, int | float) for leaf in leaves)
    return to_tensor(given) if numbers else given
