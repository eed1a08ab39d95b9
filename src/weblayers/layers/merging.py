"""Layers that join several inputs: sums, products, concatenation, dot products."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import tree
from ..ops import arithmetic as a
from ..ops import matrices, movement, reduction
from ..runtime.tensor import Tensor
from .base import Layer
from .symbolic import SymbolicTensor


class _Merge(Layer):
    """Elementwise over inputs of one shape, or of shapes that broadcast; lower ranks get axes after the batch.

    Args:
        keras_masks: whether masks are joined as in Keras 3, which layers from its files do: there is one if all inputs
            have one, and a step counts if it does for any; what is masked is left out of products and extremes.
    """

    supports_masking = True
    least = 2

    def __init__(self, keras_masks: bool = False, **base: Any) -> None:
        super().__init__(**base)
        self.keras_masks = bool(keras_masks)

    def call(self, inputs: Any, mask: Any = None) -> Tensor:
        if not isinstance(inputs, list | tuple) or len(inputs) < self.least:
            raise ValueError(f"layer {self.name!r} joins {self.least} inputs or more: call it with a list of them")
        rank = max(x.rank for x in inputs)
        expanded = [_expanded(x, rank) for x in inputs]
        if self.keras_masks and isinstance(mask, list | tuple) and any(m is not None for m in mask):
            there = [None if m is None else _spread(m, x) for m, x in zip(mask, expanded, strict=True)]
            return self.merged_where(expanded, there)
        return self.merged(expanded)

    def merged(self, inputs: Sequence[Tensor]) -> Tensor:
        """The inputs, of one rank, as one."""
        raise NotImplementedError

    def merged_where(self, inputs: Sequence[Tensor], masks: Sequence[Tensor | None]) -> Tensor:
        """The same as Keras 3 does it where masks of the inputs' shapes say what counts."""
        return self.merged(inputs)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Where all inputs that have masks count."""
        masks = [m for m in mask if m is not None] if isinstance(mask, list | tuple) else []
        if self.keras_masks:
            return _any(masks) if masks and len(masks) == len(mask) else None
        out = masks[0] if masks else None
        for m in masks[1:]:
            out = a.logical_and(out, m)
        return out


def _any(masks: Sequence[Tensor]) -> Tensor:
    out = masks[0]
    for m in masks[1:]:
        out = a.logical_or(out, m)
    return out


def _expanded(x: Tensor, rank: int) -> Tensor:
    return movement.reshape(x, (x.shape[0], *(1,) * (rank - x.rank), *x.shape[1:]))


class Add(_Merge):
    """The sum of the inputs.

    >>> import weblayers as wl
    >>> wl.layers.add().apply([wl.ones([1, 2]), wl.ones([1, 2])]).array_sync()
    [[2.0, 2.0]]
    """

    def merged(self, inputs: Sequence[Tensor]) -> Tensor:
        total = inputs[0]
        for x in inputs[1:]:
            total = a.add(total, x)
        return total


class Subtract(_Merge):
    """The first of two inputs without the second."""

    def merged(self, inputs: Sequence[Tensor]) -> Tensor:
        if len(inputs) != 2:
            raise ValueError(f"layer {self.name!r} takes exactly two inputs, got {len(inputs)}")
        return a.sub(inputs[0], inputs[1])


class Multiply(_Merge):
    """The product of the inputs."""

    def merged(self, inputs: Sequence[Tensor]) -> Tensor:
        product = inputs[0]
        for x in inputs[1:]:
            product = a.mul(product, x)
        return product

    def merged_where(self, inputs: Sequence[Tensor], masks: Sequence[Tensor | None]) -> Tensor:
        filled = [x if m is None else a.where(m, x, 1.0) for x, m in zip(inputs, masks, strict=True)]
        given = [m for m in masks if m is not None]
        product = self.merged(filled)
        return a.where(_any(given), product, 0.0) if len(given) == len(masks) else product


class Average(Add):
    """The mean of the inputs."""

    def merged(self, inputs: Sequence[Tensor]) -> Tensor:
        return a.div(super().merged(inputs), float(len(inputs)))


class _Extreme(_Merge):
    """The largest or smallest of the inputs."""

    def pair(self, x: Tensor, y: Tensor) -> Tensor:
        """That of two."""
        raise NotImplementedError

    def merged(self, inputs: Sequence[Tensor]) -> Tensor:
        return self.merged_where(inputs, [None] * len(inputs))

    def merged_where(self, inputs: Sequence[Tensor], masks: Sequence[Tensor | None]) -> Tensor:
        out, known = inputs[0], masks[0]
        for x, mask in zip(inputs[1:], masks[1:], strict=True):
            x = x if mask is None else a.where(mask, x, out)
            out = out if known is None else a.where(known, out, x)
            known = None if mask is None or known is None else a.logical_or(known, mask)
            out = self.pair(out, x)
        return out


class Maximum(_Extreme):
    """The largest of the inputs, element by element."""

    def pair(self, x: Tensor, y: Tensor) -> Tensor:
        return a.maximum(x, y)


class Minimum(_Extreme):
    """The smallest of the inputs, element by element."""

    def pair(self, x: Tensor, y: Tensor) -> Tensor:
        return a.minimum(x, y)


class Concatenate(Layer):
    """The inputs one after the other along an axis.

    Args:
        axis: along which they are joined.
        keras_masks: whether a step counts if it does for any input, as in Keras 3, and not only if it does for all.

    >>> import weblayers as wl
    >>> wl.layers.concatenate().apply([wl.ones([1, 2]), wl.ones([1, 3])]).shape
    (1, 5)
    """

    supports_masking = True

    def __init__(self, axis: int = -1, keras_masks: bool = False, **base: Any) -> None:
        super().__init__(**base)
        self.axis, self.keras_masks = axis, bool(keras_masks)

    def call(self, inputs: Any) -> Tensor:
        if not isinstance(inputs, list | tuple) or not inputs:
            raise ValueError(f"layer {self.name!r} joins several inputs: call it with a list of them")
        axis = self.axis % inputs[0].rank
        rest = {(*x.shape[:axis], *x.shape[axis + 1 :]) for x in inputs}
        if len(rest) > 1 or len({x.rank for x in inputs}) > 1:
            raise ValueError(
                f"A `Concatenate` layer requires inputs with matching shapes except for the concatenation axis"
                f" {self.axis}. Got input shapes: {[list(x.shape) for x in inputs]}"
            )
        return movement.concat(list(inputs), axis)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        if not isinstance(mask, list | tuple) or all(m is None for m in mask):
            return None
        full = []
        for x, m in zip(inputs, mask, strict=True):
            # a mask covers the leading axes; where one is missing, everything counts
            there = a.cast(a.add(a.mul(x, 0.0), 1.0), "bool") if m is None else _spread(m, x)
            full.append(there)
        joined = movement.concat(full, self.axis % inputs[0].rank)
        if joined.rank <= 2:
            return joined
        return reduction.any(joined, -1) if self.keras_masks else reduction.all(joined, -1)


def _spread(mask: Tensor, x: Tensor) -> Tensor:
    if mask.rank < x.rank:
        mask = movement.reshape(mask, (*mask.shape, *(1,) * (x.rank - mask.rank)))
    return movement.broadcast_to(mask, x.shape)


class Dot(Layer):
    """Dot products of two inputs along ``axes``, for each sample.

    Args:
        axes: one axis for both, or one for each; 0 is the batch and not allowed.
        normalize: whether to divide by the lengths first: cosine proximity.

    >>> import weblayers as wl
    >>> wl.layers.dot(axes=1).apply([wl.tensor2d([[1, 2]]), wl.tensor2d([[3, 4]])]).array_sync()
    [[11.0]]
    """

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, **base: Any) -> None:
        super().__init__(**base)
        self.axes = axes if isinstance(axes, int) else list(axes)
        self.normalize = normalize

    def call(self, inputs: Any) -> Tensor:
        if not isinstance(inputs, list | tuple) or len(inputs) != 2:
            raise ValueError("A `Dot` layer should be called on a list of exactly 2 inputs")
        x, y = inputs
        both = [self.axes] * 2 if isinstance(self.axes, int) else self.axes
        first, second = both[0] % x.rank, both[1] % y.rank
        if x.shape[first] != y.shape[second]:
            raise ValueError(
                f"Dimension incompatibility for layer {self.name}: {x.shape[first]} != {y.shape[second]} in the shapes"
                f" {list(x.shape)} and {list(y.shape)} with axes {both}"
            )
        if self.normalize:
            x, y = (a.mul(t, _reciprocal_length(t, axis)) for t, axis in ((x, first), (y, second)))
        # batch, x's other axes, y's other axes
        names = iter("bcdefghijklmnopqrstuvwxyz")
        left, right = (["a", *(next(names) for _ in range(t.rank - 1))] for t in (x, y))
        left[first] = right[second] = "z"
        out = [c for c in left if c != "z"] + [c for c in right if c not in "az"]
        product = matrices.einsum(f"{''.join(left)},{''.join(right)}->{''.join(out)}", x, y)
        return product if product.rank > 1 else movement.expand_dims(product, 1)


def _reciprocal_length(x: Tensor, axis: int) -> Tensor:
    return a.rsqrt(a.maximum(reduction.sum(a.square(x), axis, True), 1e-12))


def factory(layer_class: type[Layer]) -> Callable[..., Any]:
    """What makes such layers: of TensorFlow.js, ``add()([x, y])``, and of Keras, ``add([x, y])``.

    >>> from weblayers import layers
    >>> layers.concatenate([np.ones([2, 1]), np.ones([2, 3])], axis=1).shape
    (2, 4)
    """

    @functools.wraps(layer_class, updated=())
    def make(*args: Any, **kwargs: Any) -> Any:
        inputs = args[0] if args else kwargs.get("inputs")
        if not any(isinstance(x, Tensor | SymbolicTensor | np.ndarray) for x in tree.leaves(inputs)):
            return layer_class(*args, **kwargs)
        kwargs.pop("inputs", None)
        return layer_class(*args[1:], **kwargs).apply(inputs)

    return make


# Those of which Keras has functions, too.
JOINING = (Add, Average, Concatenate, Dot, Maximum, Minimum, Multiply, Subtract)
