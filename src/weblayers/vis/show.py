"""Charts of models, weights and training: TensorFlow.js' ``tfvis.show``, and what is inside networks.

Containers and options are those of ``wl.vis.render``. All but :func:`fit_callbacks` return the chart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import naming
from ..models.explaining import HEADERS, Explanation
from ..models.functional import Functional
from ..models.summary import rows as summary_rows
from . import curves, fields, given, plots, render
from .chart import Chart
from .given import takes_options
from .visor import where_of

__all__ = [
    "attention",
    "feature_maps",
    "filters",
    "fit_callbacks",
    "history",
    "layer",
    "model_summary",
    "per_class_accuracy",
    "plan",
    "values_distribution",
]

_HOOKS = {"on_batch_end": "batch", "on_epoch_end": "epoch"}


@takes_options
def fit_callbacks(
    container: Any,
    metrics: Any = None,
    *,
    callbacks: Sequence[str] = ("on_batch_end", "on_epoch_end"),
    x_label: str | None = None,
    y_label: str | None = None,
    y_axis_domain: Any = None,
    y_type: str | None = None,
    zoom_to_fit: bool = False,
    series_colors: Sequence[str] | None = None,
    width: float | None = None,
    height: float | None = None,
    font_size: float | None = None,
) -> curves.EpochCurves:
    """A callback for ``fit`` that draws metrics while the model is in training.

    Args:
        metrics: the names of what is logged, a list in the list for those that share a chart; all by default, each with
            that of its validation.
        callbacks: ``"on_batch_end"`` for curves by batch, with a point per frame at most, ``"on_epoch_end"`` for curves
            by epoch.

    Raises:
        TypeError: there is no container.

    >>> import weblayers as wl
    >>> model = wl.sequential([wl.layers.dense(units=1, input_shape=[1], kernel_initializer="zeros")])
    >>> model.compile(optimizer="sgd", loss="mean_squared_error")
    >>> curves = wl.vis.show.fit_callbacks("training", ["loss"], callbacks=["on_epoch_end"])
    >>> _ = model.fit(wl.ones([4, 1]), wl.ones([4, 1]), epochs=2, verbose=0, callbacks=curves)
    training: loss: 1 at epoch 1
    training: loss over 2 epochs: falls from 1 to 0.9216
    """
    where = where_of(container)
    if where is None:
        raise TypeError("fit_callbacks needs a container to draw into, got None")
    units = [naming.lookup("callback", name, _HOOKS) for name in callbacks]
    kind = curves.BatchCurves if "batch" in units else curves.EpochCurves
    options = {
        **({} if x_label is None else {"x_label": x_label}),
        "y_label": y_label,
        "y_axis_domain": y_axis_domain,
        "y_type": y_type,
        "zoom_to_fit": zoom_to_fit,
        "series_colors": series_colors,
        "width": width,
        "height": height,
        "font_size": font_size,
    }
    # bad options are errors before training begins
    render.linechart(None, {}, **options)
    return kind(where, curves.groups_of(metrics), units, options)


@takes_options
def history(
    container: Any,
    history: Any,
    metrics: Any = None,
    *,
    title: str = "",
    x_label: str = "epoch",
    y_label: str | None = None,
    y_axis_domain: Any = None,
    y_type: str | None = None,
    zoom_to_fit: bool = False,
    series_colors: Sequence[str] | None = None,
    width: float | None = None,
    height: float | None = None,
    font_size: float | None = None,
) -> Chart:
    """Curves of what ``fit`` has returned.

    Args:
        history: a history, its dictionary, or a list of logs; several in a list, or in a dictionary by their names.
        metrics: which of its values, a list in the list for those that share a chart; all by default, each with that of
            its validation.

    Raises:
        ValueError: there is no such metric; the message names the nearest.

    >>> import weblayers as wl
    >>> wl.vis.show.history(None, {"loss": [0.9, 0.5], "val_loss": [0.9, 0.6]}).text
    'loss over 2 epochs: falls from 0.9 to 0.5; val_loss over 2 epochs: falls from 0.9 to 0.6'
    >>> wl.vis.show.history(None, {"slow": {"loss": [3, 2]}, "fast": {"loss": [3, 1]}}, ["loss"]).text
    'slow loss over 2 epochs: falls from 3 to 2; fast loss over 2 epochs: falls from 3 to 1'
    """
    runs = curves.histories_of(history)
    logged = list(dict.fromkeys(name for _, values in runs.values() for name in values))
    groups = curves.groups_of(metrics) or curves.default_groups(logged)
    charts = []
    for group in groups:
        for name in group:
            if logged and name not in logged:
                raise ValueError(f"the history has no metric {name!r}. {naming.suggestion(name, logged)}")
        lines = {
            f"{run} {name}".strip(): (epochs[: len(values[name])], values[name])
            for run, (epochs, values) in runs.items()
            for name in group
            if name in values
        }
        charts.append(
            render.linechart(
                None,
                lines,
                title=", ".join(group),
                x_label=x_label,
                y_label=y_label,
                y_axis_domain=y_axis_domain,
                y_type=y_type,
                zoom_to_fit=zoom_to_fit,
                series_colors=series_colors,
                width=width,
                height=height,
                font_size=font_size,
            )
        )
    return plots.shown(container, curves.group_of(title, charts))


@takes_options
def model_summary(container: Any, model: Any, *, title: str = "", font_size: float | None = None) -> Chart:
    """The layers of a model: names, shapes, numbers of weights, and whether they are trained.

    >>> import weblayers as wl
    >>> model = wl.sequential([wl.layers.dense(units=2, input_shape=[3], name="out")])
    >>> wl.vis.show.model_summary(None, model).data["rows"]
    [['out (Dense)', '(None, 2)', 8, 'yes']]
    """
    cells = [
        [f"{row.layer.name} ({row.layer.class_name})", row.outputs, row.parameters, _yes(row.layer.trainable)]
        for row in summary_rows(model)
    ]
    headers = ["Layer", "Output shape", "Parameters", "Trainable"]
    title = title or f"{model.name}: {model.count_params():,} parameters"
    return render.table(container, {"headers": headers, "values": cells}, title=title, font_size=font_size)


@takes_options
def layer(container: Any, layer: Any, *, title: str = "", max_bins: int = 24, font_size: float | None = None) -> Chart:
    """The weights of a layer: shapes, limits, means, zeros, what is no finite number, and how the values are spread.

    Raises:
        TypeError: it is no layer.

    >>> import weblayers as wl
    >>> dense = wl.layers.dense(units=2, input_shape=[3], bias_initializer="ones", name="out")
    >>> chart = wl.vis.show.layer(None, wl.sequential([dense]).layers[0])
    >>> chart.data["charts"][0].data["rows"][1]
    ['out/bias', '(2,)', 2, 1.0, 1.0, 1.0, 0, 0, 0]
    """
    if not hasattr(layer, "weights"):
        raise TypeError(f"a layer was expected, got {layer!r}")
    headers = ["Weight", "Shape", "Parameters", "Min", "Max", "Mean", "Zeros", "NaN", "Infinite"]
    rows, charts = [], []
    for weight in layer.weights:
        values = given.array(weight, weight.name)
        stats = plots.statistics(values)
        rows.append([weight.name, str(tuple(weight.shape)), weight.size, *list(stats.values())[1:]])
        charts.append(render.histogram(None, values, title=weight.name, max_bins=max_bins, stats=False))
    title = title or f"{layer.name} ({layer.class_name})"
    table = render.table(None, {"headers": headers, "values": rows}, font_size=font_size)
    return plots.shown(container, curves.group_of(title, [table, *charts]))


@takes_options
def values_distribution(
    container: Any, tensor: Any, *, title: str = "", max_bins: int = 24, font_size: float | None = None
) -> Chart:
    """How the values of a tensor are spread, with their number, limits, mean, zeros, and what is no finite number.

    >>> import weblayers as wl
    >>> wl.vis.show.values_distribution(None, wl.tensor([0.0, 1.0, 1.0])).data["stats"]["zeros"]
    1
    """
    return render.histogram(container, tensor, title=title, max_bins=max_bins, font_size=font_size)


@takes_options
def per_class_accuracy(
    container: Any,
    class_accuracy: Sequence[Mapping[str, Any]],
    class_labels: Sequence[Any] | None = None,
    *,
    title: str = "",
    font_size: float | None = None,
) -> Chart:
    """A table of what ``wl.vis.metrics.per_class_accuracy`` gives.

    >>> import weblayers as wl
    >>> wl.vis.show.per_class_accuracy(None, [{"accuracy": 0.5, "count": 4}], ["cat"]).data["rows"]
    [['cat', 0.5, 4]]
    """
    names = given.labels(class_labels, len(class_accuracy), "classes") or [str(i) for i in range(len(class_accuracy))]
    rows = [[name, each["accuracy"], each["count"]] for name, each in zip(names, class_accuracy, strict=True)]
    data = {"headers": ["Class", "Accuracy", "# Samples"], "values": rows}
    return render.table(container, data, title=title, font_size=font_size)


@takes_options
def plan(
    container: Any, model: Any, *, title: str = "", width: float | None = None, font_size: float | None = None
) -> Chart:
    """What a step of a model's training is made of: how its time is shared out, as far as can be told, and its draws.

    Args:
        model: a compiled model that was trained, or what its ``explain`` gives.

    Raises:
        ValueError: it was not trained yet.

    >>> import weblayers as wl
    >>> model = wl.sequential([wl.layers.dense(units=1, input_shape=[1], name="line")], name="model")
    >>> model.compile(optimizer="sgd", loss="mean_squared_error")
    >>> chart = wl.vis.show.plan(None, model.explain(wl.ones([4, 1]), wl.ones([4, 1])))
    >>> chart.title, [each.kind for each in chart.data["charts"]]
    ('A step of model with 4 samples: 3 draws', ['bars', 'table'])
    """
    explained = model if isinstance(model, Explanation) else model.explain()
    shares: dict[str, float] = {}
    for row in explained.rows:
        name = row.part if row.part == "update" or not row.layers else ", ".join(row.layers)
        shares[name] = shares.get(name, 0.0) + 100 * row.share
    bars = render.barchart(
        None, shares, title="Share of the time, in percent", width=width, font_size=font_size, y_label="%"
    )
    data = {"headers": list(HEADERS), "values": explained.cells()}
    table = render.table(None, data, title="Its draws", font_size=font_size)
    return plots.shown(container, curves.group_of(title or explained.title, [bars, table]))


@takes_options
def feature_maps(
    container: Any,
    model: Any,
    layer: Any,
    x: Any,
    *,
    title: str = "",
    columns: int | None = None,
    most: int = 64,
) -> Chart:
    """What a layer makes of a sample: a picture per channel, each with its own black and white.

    Args:
        model: a model of layers, which knows its inputs.
        layer: one of its layers, its name or its number.
        x: a sample, or a batch, whose first sample is shown.

    Raises:
        ValueError: the layer is none of the model's, or its output has no channels of two axes.

    >>> import weblayers as wl
    >>> conv = wl.layers.conv2d(filters=4, kernel_size=3, input_shape=[8, 8, 1], name="conv")
    >>> model = wl.sequential([conv])
    >>> wl.vis.show.feature_maps(None, model, "conv", wl.ones([8, 8, 1])).text
    '4 pictures of 6 x 6 pixels: 0, 1, 2, 3'
    """
    found = _layer_of(model, layer)
    samples = given.array(x, "the sample").astype(np.float32)
    shape = model.inputs[0].shape
    samples = samples[None] if samples.ndim == len(shape) - 1 else samples[:1]
    made = given.array(Functional(model.inputs, found.output).predict(samples), "feature maps")[0]
    maps = fields.maps(found, made)
    numbers = [str(i) for i in range(len(maps))]
    return render.images(
        container,
        fields.spread(maps, (1, 2)),
        labels=numbers,
        title=title or f"{found.name}, one sample",
        columns=columns,
        most=most,
    )


@takes_options
def filters(container: Any, layer: Any, *, title: str = "", columns: int | None = None, most: int = 64) -> Chart:
    """The kernel of a layer: of a convolution a picture per filter, of a dense layer a heatmap.

    Filters of three channels are in colours; of other numbers, each channel is a picture. Gray is 0.

    Raises:
        ValueError: the layer has no kernel of two axes or more.

    >>> import weblayers as wl
    >>> conv = wl.layers.conv2d(filters=2, kernel_size=3, input_shape=[8, 8, 3])
    >>> wl.vis.show.filters(None, wl.sequential([conv]).layers[0]).text
    '2 pictures of 3 x 3 pixels: 0, 1'
    """
    kernel = next((w for w in getattr(layer, "weights", ()) if len(w.shape) >= 2), None)
    if kernel is None or len(kernel.shape) > 4:
        raise ValueError(f"{getattr(layer, 'name', layer)!r} has no kernel of two, three or four axes")
    values = given.array(kernel, kernel.name)
    title = title or kernel.name
    if values.ndim == 2:
        return render.heatmap(
            container, values, title=title, row_major=True, color_map="diverging", x_label="unit", y_label="input"
        )
    values = values[None] if values.ndim == 3 else values
    pictures = np.moveaxis(values, -1, 0)
    channels = pictures.shape[-1]
    labels = [str(i) for i in range(len(pictures))]
    if channels not in (1, 3):
        labels = [f"{label}, channel {i}" for label in labels for i in range(channels)]
        pictures = np.moveaxis(pictures, -1, 1).reshape(-1, *pictures.shape[1:3])
    axes = tuple(range(1, pictures.ndim))
    grays = fields.spread(pictures, axes, around=0.0)
    return render.images(container, grays, labels=labels, title=title, columns=columns, most=most)


@takes_options
def attention(
    container: Any,
    scores: Any,
    *,
    title: str = "",
    queries: Sequence[Any] | None = None,
    keys: Sequence[Any] | None = None,
    color_map: str = "viridis",
    width: float | None = None,
    height: float | None = None,
) -> Chart:
    """The scores of attention: queries down, keys to the right, a heatmap per head.

    Args:
        scores: ``[queries, keys]``, ``[heads, queries, keys]``, or a batch of these, whose first sample is shown.
        queries, keys: what they are called, words for example.

    >>> import weblayers as wl
    >>> wl.vis.show.attention(None, [[0.9, 0.1], [0.4, 0.6]], keys=["a", "b"], queries=["a", "b"]).text
    '2 rows by 2 columns, from 0.1 to 0.9, highest in row a, column a'
    """
    values = given.array(scores, "scores")
    if values.ndim not in (2, 3, 4) or not values.size:
        raise ValueError(
            f"scores have the axes [batch, heads, queries, keys], the first two maybe not; got {values.shape}"
        )
    heads = values[0] if values.ndim == 4 else values.reshape(-1, *values.shape[-2:])
    charts = [
        render.heatmap(
            None,
            head,
            title=f"head {i}" if len(heads) > 1 else title,
            row_major=True,
            x_tick_labels=keys,
            y_tick_labels=queries,
            domain=[0, 1] if values.min() >= 0 and values.max() <= 1 else None,
            color_map=color_map,
            x_label="key",
            y_label="query",
            width=width,
            height=height,
        )
        for i, head in enumerate(heads)
    ]
    return plots.shown(container, charts[0] if len(charts) == 1 else curves.group_of(title, charts))


def _layer_of(model: Any, which: Any) -> Any:
    found = which
    if isinstance(which, str):
        found = next((each for each in model.layers if each.name == which), None)
    elif isinstance(which, int):
        found = model.layers[which] if -len(model.layers) <= which < len(model.layers) else None
    if not any(each is found for each in model.layers):
        names = [each.name for each in model.layers]
        raise ValueError(f"{which!r} is no layer of {model.name!r}. {naming.suggestion(str(which), names)}".rstrip())
    return found


def _yes(value: Any) -> str:
    return "yes" if value else "no"


__getattr__ = naming.module_getattr(__name__, globals())
