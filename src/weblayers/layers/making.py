"""Weights as ``add_weight`` is asked for them: Keras, TensorFlow.js and the layers here have orders of their own."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import constraints, initializers, naming, regularizers
from ..graph.node import DTYPES
from ..runtime.tensor import Variable

_KERAS = ("shape", "initializer", "dtype")
_HERE = ("name", "shape", "initializer", "regularizer", "constraint", "trainable", "dtype")
_TFJS = ("name", "shape", "dtype", "initializer", "regularizer", "trainable", "constraint")


@dataclass
class WeightArguments:
    """What a weight is to be. Keras' ``autocast`` and ``aggregation`` change nothing."""

    name: str | None = None
    shape: Any = ()
    initializer: Any = None
    regularizer: Any = None
    constraint: Any = None
    trainable: bool = True
    dtype: str = "float32"
    autocast: bool = True
    aggregation: str = "none"


def asked(layer: str, args: Sequence[Any], kwargs: Mapping[str, Any], taken: Collection[str]) -> WeightArguments:
    """What ``add_weight`` of a layer, which has weights of some names already, was asked for.

    Raises:
        TypeError: too many arguments, unknown ones, or one of them twice.
        ValueError: a shape that no weight has.

    >>> asked("layer", ((3, 2), "ones"), {}, ["variable"])  # doctest: +ELLIPSIS
    WeightArguments(name='variable_1', shape=(3, 2), initializer='ones', ...)
    """
    owner, order = f"add_weight of layer {layer!r}", _order(args)
    if len(args) > len(order):
        raise TypeError(f"{owner} takes {', '.join(order)} in this order, got {len(args)} arguments")
    placed, named = dict(zip(order, args, strict=False)), naming.arguments(WeightArguments, owner, kwargs)
    twice = sorted(placed.keys() & named.keys())
    if twice:
        raise TypeError(f"{owner} got {twice[0]!r} twice")
    # programs leave to it what is None, or null
    found = WeightArguments(**{key: value for key, value in {**placed, **named}.items() if value is not None})
    if found.initializer is None:
        # TensorFlow.js' where the call is
        by_default = "glorot_normal" if order is not _KERAS else "glorot_uniform"
        found.initializer = by_default if order is not _KERAS or "float" in found.dtype else "zeros"
    found.name, found.shape = found.name or _unused(taken), _checked(layer, found.shape)
    return found


def variable(asked: WeightArguments, name: str, fresh: bool) -> Variable:
    """The weight that was asked for; with zeros unless it is fresh."""
    initial = initializers.get(asked.initializer if fresh else "zeros")
    try:
        made = Variable(np.asarray(initial(asked.shape)).astype(asked.dtype), name, asked.trainable)
    except MemoryError:
        size = math.prod(asked.shape) * np.dtype(asked.dtype).itemsize
        raise MemoryError(
            f"there is no room for the weight {name!r} of shape {list(asked.shape)}: it takes {size} bytes"
        ) from None
    made.regularizer, made.constraint = regularizers.get(asked.regularizer), constraints.get(asked.constraint)
    made.initializer = initial
    return made


def _order(args: Sequence[Any]) -> Sequence[str]:
    if not args or not isinstance(args[0], str):
        return _KERAS
    third = args[2] if len(args) > 2 else ""
    return _TFJS if third is None or (isinstance(third, str) and third in DTYPES) else _HERE


def _checked(layer: str, shape: Any) -> tuple[int, ...]:
    """A weight's shape.

    Raises:
        ValueError: it is no list of sizes, or one is not known.
    """
    sizes = tuple(shape) if isinstance(shape, Sequence) and not isinstance(shape, str) else None
    if sizes is None or not all(hasattr(size, "__index__") for size in sizes):
        raise ValueError(f"a weight of layer {layer!r} has a shape of whole numbers, got {shape!r}")
    return tuple(int(size) for size in sizes)


def _unused(taken: Collection[str]) -> str:
    """The name of a weight that got none, as Keras gives it.

    >>> _unused([]), _unused(["variable", "kernel"])
    ('variable', 'variable_1')
    """
    names = ("variable" if not i else f"variable_{i}" for i in range(len(taken) + 1))
    return next(name for name in names if name not in taken)
