"""Elements under each other: how a batch is made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..ops.movement import stack
from ..runtime.conversion import to_tensor
from ..runtime.tensor import Tensor


def stacked(rows: list[Any]) -> Any:
    """A batch: the structure of one element, with tensors whose first axis counts the elements.

    >>> stacked([{"x": [1, 2], "name": "a"}, {"x": [3, 4], "name": "b"}])["x"].array_sync()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    return zipped(rows, _column)


def zipped(rows: list[Any], combine: Callable[[list[Any]], Any] = list) -> Any:
    """The structure of one element, each of its values combined with the same value of the others.

    Raises:
        ValueError: the elements have different structures.

    >>> zipped([{"a": 1, "b": (2, 3)}, {"a": 4, "b": (5, 6)}])
    {'a': [1, 4], 'b': ([2, 5], [3, 6])}
    """
    first = rows[0]
    if isinstance(first, Mapping):
        for row in rows:
            if not isinstance(row, Mapping) or row.keys() != first.keys():
                raise ValueError(f"elements of one batch differ: {_described(first)} and {_described(row)}")
        return {key: zipped([row[key] for row in rows], combine) for key in first}
    if not _is_structure(first):
        return combine(rows)
    for row in rows:
        if not isinstance(row, list | tuple) or len(row) != len(first):
            raise ValueError(f"elements of one batch differ: {_described(first)} and {_described(row)}")
    return type(first)(zipped(list(parts), combine) for parts in zip(*rows, strict=True))


def _is_structure(value: Any) -> bool:
    """Whether a value has parts to batch one by one; a list of numbers has not, it is a vector."""
    if isinstance(value, list) and value:
        return isinstance(value[0], Tensor | np.ndarray | Mapping | str) or _is_structure(value[0])
    return isinstance(value, tuple | Mapping)


def _described(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"a dictionary with {', '.join(map(repr, value)) or 'nothing'}"
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a {type(value).__name__}"


def _column(values: list[Any]) -> Any:
    """Values of one kind as one tensor; strings as a NumPy array, as there are no tensors of them."""
    text = next((v for v in values if isinstance(v, str)), None)
    if text is not None:
        number = next((v for v in values if isinstance(v, int | float)), None)
        if number is not None:
            raise ValueError(
                f"numbers and text are in one place of a batch, such as {number!r} and {text!r}: correct the data, or"
                " say what they are: csv() takes the dtype of a column, map() makes some of anything"
            )
        return np.array([v if v is None else str(v) for v in values], object if None in values else None)
    if any(isinstance(v, Tensor) and not v.is_on_host for v in values):
        # they are on the device: let them stay there
        return stack([to_tensor(v) for v in values])
    first = values[0]
    dtype = first.dtype if isinstance(first, Tensor) else None
    if all(isinstance(v, Tensor | np.ndarray | np.generic) for v in values):
        return as_batch(_stacked_arrays([v.numpy() if isinstance(v, Tensor) else np.asarray(v) for v in values]), dtype)
    # what a table leaves open
    numbers = [np.nan if v is None else v for v in values]
    try:
        return to_tensor(numbers, dtype)
    except (TypeError, ValueError):
        _stacked_arrays([np.asarray(v, object if v is None else None) for v in values])
        raise TypeError(
            f"cannot make a batch of values like {first!r}; expected numbers, strings, arrays or tensors, or"
            " dictionaries and tuples of them: map() makes some of anything"
        ) from None


def _stacked_arrays(arrays: list[np.ndarray]) -> np.ndarray:
    shapes = {a.shape for a in arrays}
    if len(shapes) > 1:
        one, other = sorted(shapes)[:2]
        raise ValueError(
            f"elements of one batch must have one shape, but here are {list(one)} and {list(other)}: pad or resize"
            " them in map(), or take batches of 1"
        )
    return np.stack(arrays)


def as_batch(array: np.ndarray, dtype: str | None = None) -> Any:
    """An array as a tensor that stays on the host until a computation wants it; one of strings as it is."""
    return array if array.dtype.kind in "USO" else to_tensor(array, dtype)
