"""Masks that tensors carry from layer to layer: True where a value counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .. import tree
from ..runtime.tensor import Tensor


def masks_of(inputs: Any) -> Any:
    """The masks that come with tensors; None if none does."""
    if isinstance(inputs, Tensor):
        return inputs.mask
    masks = [t.mask for t in tree.leaves(inputs)]
    return masks if any(m is not None for m in masks) else None


def check(name: str, inputs: Any, mask: Any) -> None:
    """Refuse a mask that was given for other samples or steps than an input has.

    Raises:
        ValueError: with both shapes.
    """
    both = isinstance(inputs, list | tuple) and isinstance(mask, list | tuple)
    pairs: Iterable[Any] = zip(inputs, mask, strict=False) if both else [(inputs, mask)]
    for tensor, its in pairs:
        if isinstance(tensor, Tensor) and isinstance(its, Tensor) and not _fits(its.shape, tensor.shape):
            raise ValueError(
                f"layer {name!r} got a mask of shape {list(its.shape)} for an input of shape {list(tensor.shape)}:"
                " the mask's axes are the input's first ones"
            )


def _fits(mask: Sequence[int], shape: Sequence[int]) -> bool:
    """Whether the axes of a mask are the first ones of a tensor, or 1 for all that is along one."""
    return len(mask) <= len(shape) and all(size in (1, wanted) for size, wanted in zip(mask, shape, strict=False))


def attach(inputs: Any, outputs: Any, made: Any) -> None:
    """Have outputs carry the masks that a layer has made, but for those that are inputs handed on."""
    results = outputs if isinstance(outputs, list | tuple) else [outputs]
    masks = made if isinstance(made, list | tuple) else [made] + [None] * (len(results) - 1)
    unchanged = {id(t) for t in tree.leaves(inputs)}
    for result, its in zip(results, masks, strict=False):
        if isinstance(result, Tensor) and id(result) not in unchanged:
            result.mask = its
