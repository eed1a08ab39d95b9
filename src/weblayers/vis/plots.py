"""Charts of numbers: lines, points, bars, histograms and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import page
from . import given, words
from .chart import Chart
from .given import takes_options
from .visor import where_of


def shown(container: Any, chart: Chart) -> Chart:
    """The chart, shown in a container if there is one."""
    where = where_of(container)
    if where is not None:
        page.show(chart, where=where)
    return chart


@takes_options
def linechart(
    container: Any,
    data: Any,
    *,
    title: str = "",
    x_label: str = "x",
    y_label: str | None = None,
    x_axis_domain: Any = None,
    y_axis_domain: Any = None,
    y_type: str | None = None,
    zoom_to_fit: bool = False,
    series_colors: Sequence[str] | None = None,
    width: float | None = None,
    height: float | None = None,
    font_size: float | None = None,
) -> Chart:
    """Lines.

    Args:
        data: a dictionary of lines by their names, one line, or TensorFlow.js' ``{"values": [[{"x": 1, "y": 2}, ...],
            ...], "series": ["loss"]}``. A line is y values, pairs ``[n, 2]``, a tuple ``(x, y)``, or a list of
            ``{"x": ..., "y": ...}``.
        x_label, y_label: what the axes mean.
        x_axis_domain, y_axis_domain: where they begin and end.
        y_type: ``"log"`` for a logarithmic scale, which leaves out what is not above 0; ``"quantitative"`` is the
            default.
        zoom_to_fit: whether the y axis spans the values alone, without 0.
        series_colors: a CSS colour for each line.

    >>> import weblayers as wl
    >>> wl.vis.render.linechart("curve", {"loss": [0.9, 0.4, 0.5]}, x_label="epoch")
    curve: loss over 3 epochs: falls from 0.9 to 0.5, lowest 0.4 at epoch 1
    <Chart of lines: loss over 3 epochs: falls from 0.9 to 0.5, lowest 0.4 at epoch 1>
    """
    options = _plot_options(
        x_label, y_label, x_axis_domain, y_axis_domain, y_type, zoom_to_fit, series_colors, width, height, font_size
    )
    lines = given.lines(data)
    text = "; ".join(words.line(*each, unit=x_label) for each in lines) or words.NOTHING
    return shown(container, Chart("lines", title, _series(lines), options, text))


@takes_options
def scatterplot(
    container: Any,
    data: Any,
    *,
    title: str = "",
    x_label: str = "x",
    y_label: str | None = "y",
    x_axis_domain: Any = None,
    y_axis_domain: Any = None,
    y_type: str | None = None,
    zoom_to_fit: bool = True,
    series_colors: Sequence[str] | None = None,
    width: float | None = None,
    height: float | None = None,
    font_size: float | None = None,
) -> Chart:
    """Points; data and options are those of :func:`linechart`.

    >>> import weblayers as wl
    >>> wl.vis.render.scatterplot(None, {"cars": [[1, 2], [3, 5]]})
    <Chart of points: cars: 2 points, x from 1 to 3, y from 2 to 5>
    """
    options = _plot_options(
        x_label, y_label, x_axis_domain, y_axis_domain, y_type, zoom_to_fit, series_colors, width, height, font_size
    )
    lines = given.lines(data)
    text = "; ".join(words.cloud(*each) for each in lines) or words.NOTHING
    return shown(container, Chart("points", title, _series(lines), options, text))


@takes_options
def barchart(
    container: Any,
    data: Any,
    *,
    title: str = "",
    x_label: str | None = None,
    y_label: str | None = None,
    color: str | None = None,
    width: float | None = None,
    height: float | None = None,
    font_size: float | None = None,
) -> Chart:
    """Bars, in the order that they are given in.

    Args:
        data: a dictionary of values by their names, values alone, or TensorFlow.js' list of
            ``{"index": ..., "value": ...}``.
        color: a CSS colour.
    """
    if isinstance(data, Mapping):
        labels, values = [str(key) for key in data], given.vector(list(data.values()), "bars")
    else:
        values = given.vector(data, "bars")
        entries = isinstance(data, list | tuple) and any(isinstance(each, Mapping) for each in data)
        labels = [str(each.get("index", i) if entries else i) for i, each in enumerate(data)]
    options = drawing_options(
        x_label=x_label, y_label=y_label, color=color, width=width, height=height, font_size=font_size
    )
    return shown(
        container, Chart("bars", title, {"labels": labels, "values": values}, options, words.bars(labels, values))
    )


@takes_options
def histogram(
    container: Any,
    data: Any,
    *,
    title: str = "",
    max_bins: int = 12,
    stats: bool = True,
    x_label: str | None = None,
    y_label: str | None = None,
    color: str | None = None,
    width: float | None = None,
    height: float | None = None,
    font_size: float | None = None,
) -> Chart:
    """How many values lie where, with their number, limits, mean, zeros, and those that are no finite number.

    Args:
        data: numbers of any shape, or TensorFlow.js' list of ``{"value": ...}``.
        max_bins: how many bars there are.
        stats: whether the numbers stand above it.

    >>> import weblayers as wl
    >>> wl.vis.render.histogram(None, [0, 1, 1, 2, float("nan")], max_bins=2).text
    '4 values from 0 to 2, mean 1; most, 3, between 1 and 2, 1 NaN'
    """
    if not isinstance(max_bins, int) or max_bins < 1:
        raise ValueError(f"max_bins must be a positive integer, got {max_bins!r}")
    entries = isinstance(data, list | tuple) and len(data) > 0 and isinstance(data[0], Mapping)
    values = given.vector(data, "values") if entries else given.array(data, "values").reshape(-1)
    numbers = statistics(values)
    finite = values[np.isfinite(values)]
    counts, edges = _binned(finite.astype(np.float64), max_bins) if len(finite) else (np.zeros(1), np.array([0.0, 1.0]))
    drawn = {"edges": edges, "counts": counts.astype(np.float64), "stats": numbers}
    options = drawing_options(
        stats=stats, x_label=x_label, y_label=y_label, color=color, width=width, height=height, font_size=font_size
    )
    return shown(container, Chart("histogram", title, drawn, options, words.histogram(edges, counts, numbers)))


@takes_options
def table(
    container: Any,
    data: Any,
    *,
    title: str = "",
    width: float | None = None,
    height: float | None = None,
    font_size: float | None = None,
) -> Chart:
    """A table.

    Args:
        data: ``{"headers": [...], "values": rows}``, or a dictionary of columns by their headers.

    >>> import weblayers as wl
    >>> wl.vis.render.table("rates", {"rate": [0.1, 0.01], "loss": [0.3, 0.2]}).text
    rates: a table of 2 rows: rate, loss
    'a table of 2 rows: rate, loss'
    """
    if not isinstance(data, Mapping):
        raise TypeError(f'a table is {{"headers": [...], "values": rows}} or columns by headers, not {data!r}')
    if set(data) == {"headers", "values"}:
        headers, rows = list(data["headers"]), [list(row) for row in data["values"]]
    else:
        if len({len(column) for column in data.values()}) > 1:
            raise ValueError(f"the columns have several lengths: { {k: len(v) for k, v in data.items()} }")
        headers, rows = list(data), [list(row) for row in zip(*data.values(), strict=True)]
    wrong = next((row for row in rows if len(row) != len(headers)), None)
    if wrong is not None:
        raise ValueError(f"there are {len(headers)} headers, but a row of {len(wrong)}: {wrong}")
    headers = [str(header) for header in headers]
    cells = [[_cell(cell) for cell in row] for row in rows]
    options = drawing_options(width=width, height=height, font_size=font_size)
    return shown(
        container, Chart("table", title, {"headers": headers, "rows": cells}, options, words.table(headers, cells))
    )


def _binned(values: np.ndarray, many: int) -> tuple[np.ndarray, np.ndarray]:
    """How many values are in so many equal bins, and their edges."""
    low, high = float(values.min()), float(values.max())
    # in shares of a power of two, which are exact, and whose differences are no infinity
    size = 2.0 ** min(np.frexp(max(abs(low), abs(high), 1.0))[1], 1023)
    low, high = low / size, high / size
    if high - low < many * 1e-15:
        # bins of what lies so near to each other would be narrower than rounding
        room = max(0.5 / size, 1e-3)
        low, high = low - room, high + room
    counts, edges = np.histogram(values / size, many, (low, high))
    most = np.finfo(np.float64).max / size
    return counts, np.clip(edges, -most, most) * size


def statistics(values: np.ndarray) -> dict[str, float]:
    """What there is to say of numbers besides how they are spread; NaN where there are none."""
    finite = values[np.isfinite(values)]
    with np.errstate(over="ignore"):
        low, high, mean = (finite.min(), finite.max(), finite.mean()) if finite.size else [float("nan")] * 3
    return {
        "values": int(finite.size),
        "min": float(low),
        "max": float(high),
        "mean": float(mean),
        "zeros": int(np.sum(values == 0)),
        "NaN": int(np.sum(np.isnan(values))),
        "infinite": int(np.sum(np.isinf(values))),
    }


def _series(lines: Sequence[given.Line]) -> dict[str, Any]:
    return {"series": [each._asdict() for each in lines]}


def _plot_options(
    x_label: str,
    y_label: str | None,
    x_axis_domain: Any,
    y_axis_domain: Any,
    y_type: str | None,
    zoom_to_fit: bool,
    series_colors: Sequence[str] | None,
    width: float | None,
    height: float | None,
    font_size: float | None,
) -> dict[str, Any]:
    return drawing_options(
        x_label=x_label,
        y_label=y_label,
        x_axis_domain=given.domain(x_axis_domain, "x_axis_domain"),
        y_axis_domain=given.domain(y_axis_domain, "y_axis_domain"),
        y_type=None if y_type is None else given.one_of(y_type, ("linear", "log", "quantitative"), "y_type"),
        zoom_to_fit=zoom_to_fit,
        series_colors=None if series_colors is None else [str(color) for color in series_colors],
        width=width,
        height=height,
        font_size=font_size,
    )


def drawing_options(**options: Any) -> dict[str, Any]:
    """The options that are given, checked where all charts have them."""
    for name in ("width", "height", "font_size"):
        value = options[name]
        if value is not None and not (isinstance(value, int | float) and value > 0):
            raise ValueError(f"{name} must be a number of pixels, got {value!r}")
    return {name: value for name, value in options.items() if value is not None}


def _cell(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) or getattr(value, "shape", None) == () else value
    return value if isinstance(value, int | float | str) and not isinstance(value, bool) else str(value)
