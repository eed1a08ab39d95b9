"""What is given to charts: TensorFlow.js' forms, NumPy's, tensors; options as a dictionary or as keywords."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import naming
from ..runtime.tensor import Tensor


class Line(NamedTuple):
    """A name, and float64 vectors of one length."""

    name: str
    x: np.ndarray
    y: np.ndarray


def takes_options(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose keyword arguments may also be a dictionary at its end, in either spelling."""
    kinds = [p.kind for p in inspect.signature(fn).parameters.values()]
    most = kinds.count(inspect.Parameter.POSITIONAL_OR_KEYWORD)

    @functools.wraps(fn)
    def called(*args: Any, opts: Mapping[str, Any] | None = None, **options: Any) -> Any:
        if len(args) > 1 and isinstance(args[-1], Mapping) and len(args) == most + 1:
            args, opts = args[:-1], {**args[-1], **(opts or {})}
        return fn(*args, **naming.arguments(fn, fn.__name__, {**(opts or {}), **options}))

    return called


def array(value: Any, what: str) -> np.ndarray:
    """Numbers as float64; None is NaN.

    Raises:
        TypeError: there is something else.
    """
    try:
        return np.asarray(value.numpy() if isinstance(value, Tensor) else value, np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"{what} must be numbers of one shape, got {_described(value)}") from None


def vector(value: Any, what: str, key: str = "value") -> np.ndarray:
    """One axis of numbers; TensorFlow.js writes them as ``[{"value": 1}, ...]`` too."""
    if _has_entries(value):
        value = [_entry(each, key, what) for each in value]
    values = array(value, what)
    if values.ndim != 1:
        raise ValueError(f"{what} must have one axis, got the shape {list(values.shape)}")
    return values


def matrix(value: Any, what: str) -> np.ndarray:
    values = array(value, what)
    if values.size == 0:
        return values.reshape(0, 0)
    if values.ndim != 2:
        raise ValueError(f"{what} must have two axes, got the shape {list(values.shape)}")
    return values


def line(name: str, value: Any) -> Line:
    """What a line goes through: ``[{"x": 1, "y": 2}, ...]``, pairs ``[n, 2]``, ``(x, y)``, or y values alone.

    Raises:
        TypeError: there is something else than numbers.
        ValueError: x and y are not of one length.
    """
    what = f"the values of {name!r}"
    if _has_entries(value):
        x, y = (vector(value, what, key) for key in "xy")
    elif isinstance(value, Mapping):
        x, y = (vector(_entry(value, key, what), f"{key} of {name!r}") for key in "xy")
    elif isinstance(value, tuple) and len(value) == 2 and np.ndim(value[0]) == 1:
        x, y = (vector(each, f"{key} of {name!r}") for key, each in zip("xy", value, strict=True))
    else:
        values = array(value, what)
        if values.ndim == 2 and values.shape[1] == 2:
            x, y = values[:, 0], values[:, 1]
        elif values.ndim == 1:
            x, y = np.arange(len(values), dtype=np.float64), values
        else:
            raise ValueError(f"{what} must be y values, or pairs of x and y, got the shape {list(values.shape)}")
    if len(x) != len(y):
        raise ValueError(f"{what}: there are {len(x)} x and {len(y)} y")
    return Line(name, x, y)


def lines(data: Any) -> list[Line]:
    """A line, a dictionary of lines by their names, or TensorFlow.js' ``{"values": ..., "series": names}``."""
    if not isinstance(data, Mapping):
        return [line("Series 1", data)]
    if "values" not in data:
        one = set(data) == {"x", "y"}
        return [line("Series 1", data)] if one else [line(str(name), value) for name, value in data.items()]
    values, names = data["values"], data.get("series")
    several = isinstance(values, list | tuple) and len(values) > 0 and _has_entries(values[0])
    if not (several or (names is not None and len(names) > 1)):
        values = [values]
    names = [f"Series {i + 1}" for i in range(len(values))] if names is None else [str(name) for name in names]
    if len(names) != len(values):
        raise ValueError(f"there are {len(values)} lines, but {len(names)} names of series: {names}")
    return [line(name, each) for name, each in zip(names, values, strict=True)]


def labels(given: Any, many: int, what: str) -> list[str] | None:
    """Names for so many things, if there are any.

    Raises:
        ValueError: there are more or fewer.
    """
    if given is None:
        return None
    given = given.numpy() if isinstance(given, Tensor) else given
    names = [str(each) for each in given]
    if len(names) != many:
        raise ValueError(f"{what}: there are {many}, but {len(names)} labels")
    return names


def domain(given: Any, name: str) -> list[float] | None:
    """Where a scale begins and ends, if that is given."""
    if given is None:
        return None
    ends = array(given, name)
    if ends.shape != (2,) or not ends[0] < ends[1]:
        raise ValueError(f"{name} must be two numbers, the lower one first, got {given!r}")
    return ends.tolist()


def one_of(value: Any, valid: Sequence[str], what: str) -> str:
    return str(naming.lookup(what, value, {each: each for each in valid}))


def _has_entries(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) > 0 and isinstance(value[0], Mapping)


def _entry(entry: Any, key: str, what: str) -> Any:
    if not isinstance(entry, Mapping) or key not in entry:
        raise ValueError(f"{what}: there is no {key!r} in {_described(entry)}")
    return entry[key]


def _described(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
