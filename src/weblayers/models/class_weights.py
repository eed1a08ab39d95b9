"""How much each class counts in training: what users give, and the weights of a batch's targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from .. import naming
from ..layers.base import BatchShape
from ..ops import arithmetic as a
from ..ops import indexing, movement, reduction
from ..runtime import tracing
from ..runtime.tensor import Tensor
from .data_sets import Samples

# How much each class counts, by its number, with a 1 before and behind for all other numbers.
Table = tuple[float, ...]
# Of each output, None where all classes count the same.
ClassWeights = tuple[Table | None, ...]


def class_weights(given: Any, names: Sequence[str]) -> ClassWeights:
    """A table for each output, from one table or from tables in a list or by name. Classes left out count 1.

    Raises:
        TypeError: not numbers by class.
        ValueError: another number of tables than outputs, an output that there is not, or one table for several.

    >>> class_weights({1: 3}, ["a"]), class_weights({"b": {0: 2}}, ["a", "b"])
    (((1.0, 1.0, 3.0, 1.0),), (None, (1.0, 2.0, 1.0)))
    """
    if isinstance(given, list | tuple):
        if any(isinstance(one, int | float) for one in given):
            raise TypeError("class_weight is a dictionary of weights by class number: give dict(enumerate(weights))")
        if len(given) != len(names):
            raise ValueError(f"class_weight has {len(given)} tables for {len(names)} outputs ({', '.join(names)})")
        return tuple(_table(one) for one in given)
    if isinstance(given, Mapping) and any(one is None or isinstance(one, Mapping) for one in given.values()):
        for name in given:
            if name not in names:
                raise ValueError(f"class_weight: there is no output {name!r}. {naming.suggestion(str(name), names)}")
        return tuple(_table(given.get(name)) for name in names)
    if len(names) > 1:
        raise ValueError(
            f"The model has multiple ({len(names)}) outputs, so class_weight must be either a list with {len(names)}"
            f" tables or a dictionary with the keys {', '.join(names)}; got {given!r}"
        )
    return (_table(given),)


def _table(given: Any) -> Table | None:
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise TypeError(f"class_weight is a dictionary of weights by class number, got {type(given).__name__}")
    numbered = {int(k): float(v) for k, v in given.items()}
    if not numbered or min(numbered) < 0:
        raise ValueError(f"class_weight needs class numbers from 0, got {sorted(numbered)}")
    return (1.0, *(numbered.get(i, 1.0) for i in range(max(numbered) + 1)), 1.0)


def weighted(samples: Samples, tables: ClassWeights, outputs: Sequence[BatchShape] | None) -> Samples:
    """Samples whose weights have what their classes count.

    Args:
        outputs: the shapes of the model's outputs; what is not known has the targets' axes.
    """
    if len(samples.targets) != len(tables):
        raise ValueError("class_weight needs targets, which have the classes")
    weights = samples.weights * (len(tables) if len(samples.weights) == 1 else 1)
    found: list[Tensor | None] = []
    for i, (table, target, weight) in enumerate(zip(tables, samples.targets, weights, strict=True)):
        if table is not None:
            counts = weights_of(table, target, target.rank if outputs is None else len(outputs[i]))
            weight = counts if weight is None else product(weight, counts)
        found.append(weight)
    return replace(samples, weights=found)


def weights_of(table: Table, target: Tensor, rank: int) -> Tensor:
    """How much each sample counts, or each time step or pixel: by its target, a class number or one-hot.

    Args:
        rank: of the output.
    """
    if target.rank == rank and target.shape[-1] != 1 and target.rank > 1:
        classes = reduction.arg_max(target, -1)
    else:
        shape = target.shape[:-1] if target.rank == rank > 1 else target.shape
        classes = a.cast(a.round(movement.reshape(target, shape)), "int32")
    place = a.add(a.clip_by_value(classes, -1, len(table) - 2), 1)
    return indexing.gather(tracing.constant(list(table)), place)


def product(weight: Tensor, counts: Tensor) -> Tensor:
    """Weights of samples, or of their time steps, times those of their classes."""
    if weight.rank > counts.rank and weight.shape[counts.rank :] == (1,) * (weight.rank - counts.rank):
        weight = movement.reshape(weight, weight.shape[: counts.rank])
    wider, narrower = (counts, weight) if counts.rank > weight.rank else (weight, counts)
    axes = (1,) * (wider.rank - narrower.rank)
    return a.mul(wider, movement.reshape(narrower, (*narrower.shape, *axes)))
