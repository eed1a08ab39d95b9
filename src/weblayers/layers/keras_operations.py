"""Ops that Keras names in models, and that are made of several here. Their arguments have Keras' names."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

from .. import activations
from ..ops import arithmetic as a
from ..ops import indexing, mathematics, movement, rearranging, reduction
from ..runtime import tracing
from ..runtime.conversion import to_tensor
from ..runtime.tensor import Tensor

Axes = int | Sequence[int] | None


def full_like(x: Tensor, fill_value: float, dtype: str | None = None) -> Tensor:
    return a.cast(a.add(tracing.zeros(x.shape), fill_value), dtype or x.dtype)


def zeros_like(x: Tensor, dtype: str | None = None) -> Tensor:
    return full_like(x, 0.0, dtype)


def ones_like(x: Tensor, dtype: str | None = None) -> Tensor:
    return full_like(x, 1.0, dtype)


def identity(x: Tensor, dtype: str | None = None) -> Tensor:
    return x if dtype is None else a.cast(x, dtype)


def var(x: Tensor, axis: Axes = None, keepdims: bool = False) -> Tensor:
    return reduction.mean(a.squared_difference(x, reduction.mean(x, axis, True)), axis, keepdims)


def std(x: Tensor, axis: Axes = None, keepdims: bool = False) -> Tensor:
    return a.sqrt(var(x, axis, keepdims))


def count_nonzero(x: Tensor, axis: Axes = None) -> Tensor:
    return reduction.sum(a.cast(a.not_equal(x, 0), "int32"), axis)


def average(x: Tensor, weights: Any = None, axis: Axes = None) -> Tensor:
    if weights is None:
        return reduction.mean(x, axis)
    return a.div(reduction.sum(a.mul(x, weights), axis), reduction.sum(a.mul(ones_like(x), weights), axis))


def repeat(x: Tensor, repeats: int, axis: int | None = None) -> Tensor:
    if axis is None:
        return repeat(movement.reshape(x, (-1,)), repeats, 0)
    return indexing.gather(x, [i for i in range(x.shape[axis]) for _ in range(int(repeats))], axis % x.rank)


def roll(x: Tensor, shift: int, axis: int | None = None) -> Tensor:
    if axis is None:
        return movement.reshape(roll(movement.reshape(x, (-1,)), shift, 0), x.shape)
    size = x.shape[axis]
    return indexing.gather(x, [(i - shift) % size for i in range(size)], axis % x.rank)


def take(x: Tensor, indices: Any, axis: int | None = None) -> Tensor:
    if axis is None:
        return take(movement.reshape(x, (-1,)), indices, 0)
    places = a.cast(to_tensor(indices), "int32")
    return indexing.gather(x, a.where(a.less(places, 0), a.add(places, x.shape[axis]), places), axis % x.rank)


def swapaxes(x: Tensor, axis1: int, axis2: int) -> Tensor:
    order = list(range(x.rank))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return movement.transpose(x, order)


def moveaxis(x: Tensor, source: Any, destination: Any) -> Tensor:
    sources, targets = ([v % x.rank for v in ([w] if isinstance(w, int) else w)] for w in (source, destination))
    order = [i for i in range(x.rank) if i not in sources]
    for target, axis in sorted(zip(targets, sources, strict=True)):
        order.insert(target, axis)
    return movement.transpose(x, order)


def split(x: Tensor, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    if isinstance(indices_or_sections, int):
        return rearranging.split(x, indices_or_sections, axis)
    ends = [0, *indices_or_sections, x.shape[axis]]
    return rearranging.split(x, [stop - start for start, stop in itertools.pairwise(ends)], axis)


def hstack(xs: Sequence[Tensor]) -> Tensor:
    return movement.concat(list(xs), 0 if xs[0].rank == 1 else 1)


def append(x1: Tensor, x2: Tensor, axis: int | None = None) -> Tensor:
    if axis is None:
        return movement.concat([movement.reshape(v, (-1,)) for v in (x1, x2)], 0)
    return movement.concat([x1, x2], axis)


def pad(x: Tensor, pad_width: Any, mode: str = "constant", constant_values: float | None = None) -> Tensor:
    width = [[pad_width] * 2] * x.rank if isinstance(pad_width, int) else list(pad_width)
    width = width * x.rank if len(width) == 1 else width
    if mode == "constant":
        return movement.pad(x, width, constant_values or 0)
    return rearranging.mirror_pad(x, width, mode)


def log2(x: Tensor) -> Tensor:
    return a.div(a.log(x), math.log(2))


def log10(x: Tensor) -> Tensor:
    return a.div(a.log(x), math.log(10))


def exp2(x: Tensor) -> Tensor:
    return a.pow(2.0, x)


def logaddexp(x1: Tensor, x2: Tensor) -> Tensor:
    return a.add(a.maximum(x1, x2), a.log1p(a.exp(a.neg(a.abs(a.sub(x1, x2))))))


def hypot(x1: Tensor, x2: Tensor) -> Tensor:
    return a.sqrt(a.add(a.square(x1), a.square(x2)))


def floor_divide(x1: Tensor, x2: Any) -> Tensor:
    x2 = to_tensor(x2)
    whole = {x1.dtype, x2.dtype} == {"int32"}
    return mathematics.floor_div(x1, x2) if whole else a.floor(a.div(x1, x2))


def trunc(x: Tensor) -> Tensor:
    return a.mul(a.sign(x), a.floor(a.abs(x)))


def one_hot(x: Tensor, num_classes: int, axis: int = -1, dtype: str | None = None) -> Tensor:
    made = indexing.one_hot(a.cast(x, "int32"), num_classes, dtype=dtype or "float32")
    return made if axis in (-1, x.rank) else moveaxis(made, -1, axis)


def normalize(x: Tensor, axis: int = -1, order: int = 2, epsilon: float | None = None) -> Tensor:
    powers = reduction.sum(a.pow(a.abs(x), float(order)), axis, True)
    return a.div(x, a.maximum(a.pow(powers, 1 / order), epsilon or 1e-7))


# By the names that operations have here.
COMPOSED: dict[str, Callable[..., Any]] = {
    f"keras_{fn.__name__}": fn
    for fn in (
        *(full_like, zeros_like, ones_like, identity, var, std, count_nonzero, average, repeat, roll, take, swapaxes),
        *(
            moveaxis,
            split,
            hstack,
            append,
            pad,
            log2,
            log10,
            exp2,
            logaddexp,
            hypot,
            trunc,
            floor_divide,
            one_hot,
            normalize,
        ),
        *(activations.silu, activations.gelu, activations.softsign, activations.h_sigmoid, activations.hard_silu),
        *(activations.celu, activations.glu, activations.tanh_shrink, activations.hard_tanh, activations.hard_shrink),
        *(activations.soft_shrink, activations.threshold, activations.squareplus, activations.sparse_plus),
        *(activations.sparse_sigmoid, activations.leaky_relu, activations.elu),
    )
}
