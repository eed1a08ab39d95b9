"""Pixels: of pictures that are given, of weights and activations, and of what a model says on a plane."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ops.browser import rgba_of
from ..runtime.tensor import Tensor
from . import given, words

# How far around the points a plane goes, in shares of what they span.
_MARGIN = 0.1


def pixels(data: Any) -> tuple[np.ndarray, tuple[int, int, int]]:
    """Bytes ``[n, height, width, 4]`` of pictures, and the first three of these."""
    each = [_values(one) for one in data] if isinstance(data, list | tuple) else _values(data)
    if isinstance(each, list):
        if len({one.shape for one in each}) > 1:
            raise ValueError(f"pictures must be of one size, got {sorted({one.shape for one in each})}")
        each = np.stack(each) if each else np.zeros((0, 1, 1))
    if each.ndim not in (3, 4):
        raise ValueError(f"pictures have the shape [n, height, width] or [n, height, width, c], got {list(each.shape)}")
    dtype, top = ("float32", 1) if each.dtype.kind in "fb" else ("int32", 255)
    each = np.clip(np.nan_to_num(each) if dtype == "float32" else each, 0, top).astype(dtype)
    many, rows, columns = each.shape[:3]
    # all of them are one picture of that many more rows
    tall = each.reshape(many * rows, columns, *each.shape[3:])
    return rgba_of(tall.shape, dtype, tall).reshape(many, rows, columns, 4), (many, rows, columns)


def spread(values: np.ndarray, axes: tuple[int, ...], around: float | None = None) -> np.ndarray:
    """Values as floats from 0 to 1, along axes by themselves; ``around`` is what is to be in the middle."""
    values = np.where(np.isfinite(values), values, 0.0)
    low, high = values.min(axes, keepdims=True), values.max(axes, keepdims=True)
    if around is not None:
        far = np.maximum(high - around, around - low)
        low, high = around - far, around + far
    return (values - low) / np.where(high > low, high - low, 1)


def maps(layer: Any, made: np.ndarray) -> np.ndarray:
    """What a layer has made of a sample as a picture per channel, ``[channels, height, width]``.

    Raises:
        ValueError: it has more axes.
    """
    if made.ndim == 1:
        # the values of a dense layer are one row
        made = made[None, :, None]
    elif made.ndim == 2:
        # steps go to the right
        made = made.T[..., None]
    if made.ndim != 3:
        raise ValueError(f"layer {layer.name!r} gives no maps of two axes, but {[None, *made.shape]}")
    return made if getattr(layer, "data_format", None) == "channels_first" else np.moveaxis(made, -1, 0)


def boundary(
    model: Any,
    points: Any,
    labels: Any,
    resolution: int,
    threshold: float,
    limits: Sequence[list[float] | None],
    class_labels: Sequence[Any] | None,
) -> tuple[dict[str, Any], str]:
    """What a chart of a decision boundary draws, and what it says in words."""
    if not isinstance(resolution, int) or resolution < 2:
        raise ValueError(f"resolution must be an integer of 2 or more, got {resolution!r}")
    places = np.zeros((0, 2)) if points is None else given.matrix(points, "points").reshape(-1, 2)
    right = np.zeros(len(places), np.int64) if labels is None else _numbers(labels, len(places))
    (left, end), (low, high) = (each or _around(places[:, i]) for i, each in enumerate(limits))
    # the middles of the field's cells, from the top down
    steps = (np.arange(resolution) + 0.5) / resolution
    xs, ys = left + steps * (end - left), high - steps * (high - low)
    grid = np.stack(np.meshgrid(xs, ys), -1).reshape(-1, 2)
    taken, sure, many = _decided(_said(model, grid), threshold)
    if len(right) and right.max() >= many:
        raise ValueError(f"labels hold class {right.max()}; the model has {many} classes, 0 to {many - 1}")
    names = given.labels(class_labels, many, "classes") or [f"class {i}" for i in range(many)]
    shares = np.bincount(taken, minlength=many) / len(taken)
    known = np.isfinite(places).all(1)
    gaps = len(places) - int(known.sum())
    places, right = places[known], right[known]
    text = ", ".join(
        f"{n} on {s:.0%} of the plane" if not i else f"{n} on {s:.0%}" for i, (n, s) in _each(names, shares)
    )
    if len(places):
        text += f"; {words.count(len(places), 'point')}"
        if labels is not None:
            hits = int(np.sum(_decided(_said(model, places), threshold)[0] == right))
            text += f", {hits} of them on the side of their class"
    if gaps:
        text += f"; {words.count(gaps, 'point')} that cannot be drawn, as no finite number"
    drawn = {
        "field": taken.astype(np.float64),
        "sureness": sure.astype(np.float64),
        "size": resolution,
        "xRange": [left, end],
        "yRange": [low, high],
        "x": places[:, 0],
        "y": places[:, 1],
        "classes": right.astype(np.float64),
        "labels": names,
    }
    return drawn, text


def _each(names: Sequence[str], shares: np.ndarray) -> Any:
    return enumerate(zip(names, shares, strict=True))


def _said(model: Any, places: np.ndarray) -> np.ndarray:
    said = getattr(model, "predict", model)(places.astype(np.float32))
    if inspect.isawaitable(said):
        if inspect.iscoroutine(said):
            said.close()
        raise TypeError("a boundary needs a function that gives its values at once, but this one is async")
    values = given.array(said, "what the model says")
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or len(values) != len(places):
        raise ValueError(
            f"the model must give a row for each of {len(places)} points, not the shape {list(values.shape)}"
        )
    return np.where(np.isfinite(values), values, 0.0)


def _decided(said: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray, int]:
    """The class of each row, how sure that is from 0 to 1, and how many classes there are."""
    if said.shape[1] > 1:
        ordered = np.sort(said, 1)
        sure = ordered[:, -1] - ordered[:, -2]
        return said.argmax(1), sure / max(1.0, sure.max(initial=0)), said.shape[1]
    away = said[:, 0] - threshold
    probable = said.min(initial=0) >= 0 and said.max(initial=1) <= 1
    furthest = max(threshold, 1 - threshold) if probable else np.abs(away).max(initial=0)
    return (away >= 0).astype(np.int64), np.abs(away) / (furthest or 1.0), 2


def _numbers(labels: Any, many: int) -> np.ndarray:
    values = given.array(labels, "labels")
    values = values.argmax(1) if values.ndim == 2 and values.shape[1] > 1 else values.reshape(-1)
    if len(values) != many or not (np.all(values >= 0) and np.all(values == np.floor(values))):
        raise ValueError(f"labels must be the number of a class for each of {many} points, or one-hot rows")
    return values.astype(np.int64)


def _around(values: np.ndarray) -> list[float]:
    values = values[np.isfinite(values)]
    if not len(values):
        return [-1.0, 1.0]
    low, high = float(values.min()), float(values.max())
    margin = _MARGIN * (high - low) or 1.0
    return [low - margin, high + margin]


def _values(data: Any) -> np.ndarray:
    return data.numpy() if isinstance(data, Tensor) else np.asarray(data)
