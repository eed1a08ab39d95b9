"""Charts of fields: heatmaps, confusion matrices, pictures, and what a model says on a plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import naming
from . import fields, given, words
from .chart import Chart
from .given import takes_options
from .plots import drawing_options, shown

COLOR_MAPS = ("greyscale", "viridis", "blues", "diverging")


@takes_options
def heatmap(
    container: Any,
    data: Any,
    *,
    title: str = "",
    x_tick_labels: Sequence[Any] | None = None,
    y_tick_labels: Sequence[Any] | None = None,
    row_major: bool = False,
    color_map: str = "viridis",
    reverse_color_map: bool = False,
    domain: Any = None,
    x_label: str | None = None,
    y_label: str | None = None,
    width: float | None = None,
    height: float | None = None,
    font_size: float | None = None,
) -> Chart:
    """A matrix in colours.

    Args:
        data: the matrix, or TensorFlow.js' ``{"values": matrix, "xTickLabels": [...], "yTickLabels": [...]}``.
        x_tick_labels, y_tick_labels: what the columns and the rows are called.
        row_major: whether the first axis goes down, as matrices are printed; by default it goes to the right, as in
            TensorFlow.js.
        color_map: ``"viridis"``, ``"blues"``, ``"greyscale"``, or ``"diverging"``, whose middle is neutral.
        reverse_color_map: whether its colours are in reverse.
        domain: the values of the first and last colour; the lowest and highest by default.

    >>> import weblayers as wl
    >>> wl.vis.render.heatmap(None, [[0, 1], [2, 3]], row_major=True, y_tick_labels=["a", "b"]).text
    '2 rows by 2 columns, from 0 to 3, highest in row b, column 1'
    """
    if isinstance(data, Mapping):
        more = naming.arguments(heatmap, "the data of a heatmap", {k: v for k, v in data.items() if k != "values"})
        x_tick_labels, y_tick_labels = (
            more.get("x_tick_labels", x_tick_labels),
            more.get("y_tick_labels", y_tick_labels),
        )
        data = data["values"]
    values = given.matrix(data, "a heatmap")
    values = values if row_major else values.T
    rows, columns = values.shape
    ys, xs = given.labels(y_tick_labels, rows, "rows"), given.labels(x_tick_labels, columns, "columns")
    drawn = {"values": values.reshape(-1), "rows": rows, "columns": columns, "xs": xs, "ys": ys}
    options = drawing_options(
        color_map=given.one_of(color_map, COLOR_MAPS, "color_map"),
        reverse_color_map=reverse_color_map,
        domain=given.domain(domain, "domain"),
        x_label=x_label,
        y_label=y_label,
        width=width,
        height=height,
        font_size=font_size,
    )
    return shown(container, Chart("heatmap", title, drawn, options, words.heatmap(values, ys, xs)))


@takes_options
def confusion_matrix(
    container: Any,
    data: Any,
    *,
    title: str = "",
    labels: Sequence[Any] | None = None,
    shade_diagonal: bool = True,
    show_text_overlay: bool = True,
    color_map: str = "blues",
    x_label: str = "prediction",
    y_label: str = "label",
    width: float | None = None,
    height: float | None = None,
    font_size: float | None = None,
) -> Chart:
    """What ``wl.vis.metrics.confusion_matrix`` gives, with the numbers in coloured cells.

    Args:
        data: the matrix, labels down and predictions to the right, or TensorFlow.js' ``{"values": matrix,
            "tickLabels": [...]}``.
        labels: what the classes are called.
        shade_diagonal: whether what is right has colours too; without them, mistakes stand out.
        show_text_overlay: whether the cells have numbers.

    >>> import weblayers as wl
    >>> wl.vis.render.confusion_matrix(None, [[3, 1], [0, 4]], labels=["cat", "dog"]).text
    '7 of 8 right; most often confused: cat taken for dog, 1'
    """
    if isinstance(data, Mapping):
        labels = data.get("tickLabels", data.get("tick_labels", labels))
        data = data["values"]
    values = given.matrix(data, "a confusion matrix")
    if values.shape[0] != values.shape[1]:
        raise ValueError(f"a confusion matrix has as many rows as columns, got the shape {list(values.shape)}")
    names = given.labels(labels, len(values), "classes") or [f"Class {i}" for i in range(len(values))]
    options = drawing_options(
        color_map=given.one_of(color_map, COLOR_MAPS, "color_map"),
        shade_diagonal=shade_diagonal,
        show_text_overlay=show_text_overlay,
        x_label=x_label,
        y_label=y_label,
        width=width,
        height=height,
        font_size=font_size,
    )
    drawn = {"values": values.reshape(-1), "labels": names}
    return shown(container, Chart("confusion", title, drawn, options, words.confusion(values, names)))


@takes_options
def images(
    container: Any,
    data: Any,
    *,
    title: str = "",
    labels: Sequence[Any] | None = None,
    columns: int | None = None,
    most: int = 64,
    width: float | None = None,
    height: float | None = None,
    font_size: float | None = None,
) -> Chart:
    """Pictures side by side.

    Args:
        data: the pictures, of shape ``[n, height, width]`` or ``[n, height, width, 1, 3 or 4]``, or a list of pictures
            of one size; integers from 0 to 255, or floats from 0 to 1. What lies beyond is black or white.
        labels: a text below each.
        columns: how many stand side by side; left out, as many as there is room for.
        most: of more than these, the first are shown.

    >>> import numpy as np, weblayers as wl
    >>> wl.vis.render.images(None, np.zeros((2, 28, 28)), labels=[7, 1]).text
    '2 pictures of 28 x 28 pixels: 7, 1'
    """
    pixels, (many, rows, across) = fields.pixels(data)
    names = given.labels(labels, many, "pictures")
    kept = min(many, most)
    names = None if names is None else names[:kept]
    drawn = {"pixels": pixels[:kept].reshape(-1), "count": kept, "width": across, "height": rows, "labels": names}
    text = words.NOTHING
    if kept:
        first = "" if kept == many else f", the first {kept}"
        text = f"{words.count(many, 'picture')} of {across} x {rows} pixels{first}" + (
            "" if names is None else f": {', '.join(names)}"
        )
    options = drawing_options(columns=columns, width=width, height=height, font_size=font_size)
    return shown(container, Chart("images", title, drawn, options, text))


@takes_options
def boundary(
    container: Any,
    model: Any,
    points: Any = None,
    labels: Any = None,
    *,
    title: str = "",
    resolution: int = 64,
    threshold: float = 0.5,
    x_axis_domain: Any = None,
    y_axis_domain: Any = None,
    class_labels: Sequence[Any] | None = None,
    x_label: str | None = None,
    y_label: str | None = None,
    width: float | None = None,
    height: float | None = None,
    font_size: float | None = None,
) -> Chart:
    """What a model of two inputs says everywhere on a plane, the surer the stronger the colour, and points over it.

    Args:
        model: a model, or a function of float32 ``[n, 2]``. A value for each point tells two classes apart, several
            are the classes' probabilities.
        points: ``[n, 2]``.
        labels: the number of each point's class, or one-hot rows.
        resolution: at how many places per axis the model is asked.
        threshold: from where on one value means the second class.
        x_axis_domain, y_axis_domain: where the plane begins and ends; around the points by default, else -1 and 1.
        class_labels: what the classes are called.

    Raises:
        ValueError: a label is no class of the model.

    >>> import weblayers as wl
    >>> wl.vis.render.boundary(None, lambda p: p[:, 0] > 0, [[-1, 0], [1, 0]], [0, 1]).text
    'class 0 on 50% of the plane, class 1 on 50%; 2 points, 2 of them on the side of their class'
    """
    limits = given.domain(x_axis_domain, "x_axis_domain"), given.domain(y_axis_domain, "y_axis_domain")
    drawn, text = fields.boundary(model, points, labels, resolution, threshold, limits, class_labels)
    options = drawing_options(x_label=x_label, y_label=y_label, width=width, height=height, font_size=font_size)
    return shown(container, Chart("boundary", title, drawn, options, text))
