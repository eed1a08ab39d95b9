"""Which weight of a file is which weight of a model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..runtime.tensor import Variable
from .checks import expect


def named_weights(layer: Any, trainable_only: bool = False) -> dict[str, Variable]:
    """The weights by the names that files know them by, trainable ones first; of equal names later ones are numbered.

    >>> import weblayers as wl
    >>> sorted(named_weights(wl.sequential([wl.layers.dense(units=1, input_shape=[2], name="d")])))
    ['d/bias', 'd/kernel']
    """
    named: dict[str, Variable] = {}
    # what an adapter is trained for counts as trained
    frozen = [w for w in layer.non_trainable_weights if w.adapter is not None or not trainable_only]
    for weight in [w for w in (*layer.trainable_weights, *frozen) if w.in_files]:
        name, count = weight.name, 0
        while name in named:
            count += 1
            name = f"{weight.name}_{count}"
        named[name] = weight
    return named


def assign_weights(model: Any, given: Mapping[str, np.ndarray], source: str, strict: bool = True) -> None:
    """Give a model's weights the values of a file, all or none.

    Args:
        model: a model or layer.
        given: arrays by name.
        source: the file, for messages.
        strict: whether every weight must be in the file, and nothing else.

    Raises:
        ModelFileError: what strictness forbids, or another shape.
    """
    targets = named_weights(model)
    left = dict(targets)
    chosen: list[tuple[Variable, np.ndarray]] = []
    for name, values in given.items():
        match = next((n for n in _spellings(name) if n in left), None)
        if match is None:
            expect(not strict, source, f"Provided weight data has no target variable: {name}")
            continue
        chosen.append((left.pop(match), values))
    missing = f"{len(left)} of {len(targets)} weights are not set: {','.join(left)}"
    expect(not (strict and left), source, missing)
    assign_pairs(chosen, source)


def assign_pairs(pairs: Sequence[tuple[Variable, np.ndarray]], source: str) -> None:
    """Give weights the values beside them, all or none.

    Raises:
        ModelFileError: some have another shape.
    """
    for weight, values in pairs:
        shapes = f"is {list(values.shape)} in the file, but {list(weight.shape)} in the model"
        expect(values.shape == weight.shape, source, f"the shape of weight {weight.name!r} {shapes}")
    for weight, values in pairs:
        weight.assign_from_file(values)


def _spellings(name: str) -> Iterator[str]:
    """The names that a weight may have here: TensorFlow 2 adds its cell and ``:0``, and the model around it."""
    name = re.sub(r":\d+$", "", name)
    parts = name.split("/")
    for i in range(len(parts) - 1):
        yield "/".join(parts[i:])
        yield "/".join([*parts[i:-2], parts[-1]])
