"""Which weight of a file is which weight of a model."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..layers.base import made_name
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


def assign_weights(
    model: Any, given: Mapping[str, np.ndarray], source: str, strict: bool = True, skip_mismatch: bool = False
) -> None:
    """Give a model's weights the values of a file, all or none.

    Args:
        model: a model or layer.
        given: arrays by name.
        source: the file, for messages.
        strict: whether every weight must be in the file, and nothing else.
        skip_mismatch: whether layers with weights of other shapes, or without some, stay as they are, with a warning.

    Raises:
        ModelFileError: what strictness forbids, or another shape.
    """
    targets = named_weights(model)
    left = dict(targets)
    given = dict(zip(alike(given, targets), given.values(), strict=True))
    chosen: list[tuple[Variable, np.ndarray]] = []
    for name, values in given.items():
        match = next((n for n in _spellings(name) if n in left), None)
        if match is None:
            if strict:
                mismatch(source, f"Provided weight data has no target variable: {name}", skip_mismatch)
            continue
        chosen.append((left.pop(match), values))
    if strict and left:
        missing = f"{len(left)} of {len(targets)} weights are not set: {','.join(left)}"
        mismatch(source, missing, skip_mismatch)
    assign_pairs(chosen, source, skip_mismatch)


def mismatch(source: str, message: str, skip: bool) -> None:
    """Say that file and model do not match: as a warning where what does not match is skipped.

    Raises:
        ModelFileError: it is not.
    """
    expect(skip, source, message)
    warnings.warn(f"{source}: {message}: skipped", stacklevel=2)


def fits(weights: Sequence[Variable], shapes: Sequence[Any], source: str, skip_mismatch: bool = False) -> bool:
    """Whether values of these shapes fit a layer's weights; False only where others are skipped.

    Raises:
        ModelFileError: they do not.
    """
    for weight, shape in zip(weights, shapes, strict=True):
        if tuple(shape or ()) != weight.shape:
            there = f"is {list(shape or ())} in the file, but {list(weight.shape)} in the model"
            mismatch(source, f"the shape of weight {weight.name!r} {there}", skip_mismatch)
            return False
    return True


def alike(given: Iterable[str], mine: Iterable[str]) -> list[str]:
    """The names of a file, or what they are here if they differ in nothing but the numbers of names that were made.

    Such a number counts what a program had made before; layers of one class are made in one order by every program.
    """
    given, mine = list(given), list(mine)
    if {*given} == {*mine}:
        return given
    here = {plain: name for name, plain in _uncounted(mine).items()}
    there = _uncounted(given)
    return [here[there[name]] for name in given] if {*there.values()} == here.keys() else given


def _uncounted(names: Sequence[str]) -> dict[str, str]:
    """Names in which layers have their places among those of one class beside them, and not the numbers they have."""
    parts = {name: re.sub(r":\d+$", "", name).split("/") for name in names}
    # by where they are and their prefix
    beside: dict[tuple[str, str], set[int]] = {}
    for path in parts.values():
        for i, part in enumerate(path):
            made = made_name(part)
            if made is not None:
                beside.setdefault(("/".join(path[:i]), made[0]), set()).add(made[1])

    def placed(path: list[str], i: int) -> str:
        made = made_name(path[i])
        if made is None:
            return path[i]
        prefix, number = made
        return f"{prefix}#{sum(n < number for n in beside['/'.join(path[:i]), prefix])}"

    return {name: "/".join(placed(path, i) for i in range(len(path))) for name, path in parts.items()}


def assign_pairs(pairs: Sequence[tuple[Variable, np.ndarray]], source: str, skip_mismatch: bool = False) -> None:
    """Give weights the values beside them, all or none; those of layers that are skipped aside.

    Raises:
        ModelFileError: some have another shape.
    """
    by_layer: dict[Any, list[tuple[Variable, np.ndarray]]] = {}
    for pair in pairs:
        by_layer.setdefault(pair[0].owner, []).append(pair)
    chosen = [
        some
        for some in by_layer.values()
        if fits([w for w, _ in some], [v.shape for _, v in some], source, skip_mismatch)
    ]
    for weight, values in (pair for some in chosen for pair in some):
        weight.assign_from_file(values)


def _spellings(name: str) -> Iterator[str]:
    """The names that a weight may have here: TensorFlow 2 adds its cell and ``:0``, and the model around it."""
    name = re.sub(r":\d+$", "", name)
    parts = name.split("/")
    for i in range(len(parts) - 1):
        yield "/".join(parts[i:])
        yield "/".join([*parts[i:-2], parts[-1]])
