"""What a layer's ``call`` takes besides its inputs."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import naming


@dataclass(frozen=True)
class CallSignature:
    """The named parameters after the inputs; whether there may be others; and whether all come in one object, as in
    TensorFlow.js' ``call(inputs, kwargs)``."""

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
            names = tuple(p.name for p in parameters if p.kind in named)[2:]
            takes_object = names == ("kwargs",)
            takes_anything = takes_object or any(p.kind is p.VAR_KEYWORD for p in parameters)
            found = layer_class._call_signature = cls(() if takes_object else names, takes_anything, takes_object)
        return found

    def are_options(self, given: Any) -> bool:
        """Whether this is an object with arguments by name, as TensorFlow.js gives them, and not an argument itself."""
        if not isinstance(given, Mapping):
            return False
        names = {"training", "mask", *self.names}
        return self.takes_anything or all(naming.snake(name) in names for name in given)

    def bound(self, layer: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments by name, in Python's spelling, without those that are None.

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
        return {k: v for k, v in given.items() if v is not None}
