"""Charts of data: what is drawn, what is said, what goes into files, and what is refused."""

import asyncio
import base64
import hashlib
import json
import re

import numpy as np
import pytest

import weblayers as wl
from weblayers.vis import fields, files

NAN, INF = float("nan"), float("inf")
render, show, metrics = wl.vis.render, wl.vis.show, wl.vis.metrics


@pytest.fixture
def script(monkeypatch):
    """Stands for the script that esbuild makes."""
    monkeypatch.setattr(files, "_script", lambda: "draw();")


def series_of(chart):
    return {each["name"]: (each["x"].tolist(), each["y"].tolist()) for each in chart.data["series"]}


# -- data -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        {"a": [3, 4]},
        {"a": wl.tensor([3, 4])},
        {"a": [[0, 3], [1, 4]]},
        {"a": ([0, 1], [3, 4])},
        {"a": {"x": [0, 1], "y": np.array([3, 4])}},
        {"a": [{"x": 0, "y": 3}, {"x": 1, "y": 4}]},
        {"values": [{"x": 0, "y": 3}, {"x": 1, "y": 4}], "series": ["a"]},
        {"values": [[{"x": 0, "y": 3}, {"x": 1, "y": 4}]], "series": ["a"]},
    ],
)
def test_lines_in_every_form(data):
    assert series_of(render.linechart(None, data)) == {"a": ([0, 1], [3, 4])}


def test_lines_without_names():
    chart = render.linechart(None, {"values": [[{"x": 0, "y": 1}], [{"x": 2, "y": 3}]]})
    assert series_of(chart) == {"Series 1": ([0], [1]), "Series 2": ([2], [3])}
    assert series_of(render.linechart(None, [5, 6])) == {"Series 1": ([0, 1], [5, 6])}


def test_options_are_keywords_or_a_dictionary_in_either_spelling():
    charts = [
        render.linechart(None, {"a": [1, 2]}, {"xLabel": "epoch", "zoomToFit": True, "yAxisDomain": [0, 3]}),
        render.linechart(None, {"a": [1, 2]}, opts={"x_label": "epoch", "zoom_to_fit": True, "yAxisDomain": [0, 3]}),
        render.linechart(None, {"a": [1, 2]}, xLabel="epoch", zoom_to_fit=True, y_axis_domain=(0, 3)),
    ]
    expected = {"xLabel": "epoch", "zoomToFit": True, "yAxisDomain": [0, 3]}
    assert [chart.drawn()["options"] for chart in charts] == [expected] * 3
    assert wl.vis.render.confusionMatrix is render.confusion_matrix
    assert wl.vis.show.fitCallbacks is show.fit_callbacks


def test_bars():
    for data in ({"a": 1, "b": 2}, [{"index": "a", "value": 1}, {"index": "b", "value": 2}]):
        chart = render.barchart(None, data)
        assert chart.data["labels"] == ["a", "b"] and chart.data["values"].tolist() == [1, 2]
    assert render.barchart(None, [7, 8]).data["labels"] == ["0", "1"]


def test_histograms_count_what_numpy_counts():
    values = np.random.default_rng(0).normal(size=500)
    counts, edges = np.histogram(values, 7)
    chart = render.histogram(None, np.append(values, [NAN, INF, -INF, 0]).reshape(8, 63), max_bins=7)
    with_zero, _ = np.histogram(np.append(values, 0), edges)
    np.testing.assert_array_equal(chart.data["counts"], with_zero)
    np.testing.assert_allclose(chart.data["edges"], edges)
    stats = chart.data["stats"]
    assert (stats["values"], stats["NaN"], stats["infinite"], stats["zeros"]) == (501, 1, 2, 1)
    assert stats["mean"] == pytest.approx(np.mean(np.append(values, 0)))
    assert counts.sum() == 500


def test_heatmaps_begin_with_x_as_in_tfjs():
    values = [[1, 2, 3], [4, 5, 6]]
    chart = render.heatmap(None, {"values": values, "xTickLabels": ["a", "b"], "yTickLabels": [7, 8, 9]})
    assert (chart.data["rows"], chart.data["columns"]) == (3, 2)
    assert chart.data["values"].tolist() == [1, 4, 2, 5, 3, 6]
    assert chart.text == "3 rows by 2 columns, from 1 to 6, highest in row 9, column b"
    assert render.heatmap(None, values, row_major=True).data["values"].tolist() == [1, 2, 3, 4, 5, 6]


def test_tables():
    chart = render.table(None, {"headers": ["a", "b"], "values": [[1, np.float32(0.5)], ["x", None]]})
    assert chart.data["rows"] == [[1, 0.5], ["x", "None"]]
    assert render.table(None, {"a": [1, 2], "b": ["x", "y"]}).data["rows"] == [[1, "x"], [2, "y"]]


def test_pictures():
    chart = render.images(None, np.array([[[0.0, 1.0]], [[0.5, 2.0]]]), labels=["a", "b"])
    assert (chart.data["count"], chart.data["height"], chart.data["width"]) == (2, 1, 2)
    assert chart.data["pixels"].reshape(2, 1, 2, 4)[..., 0].tolist() == [[[0, 255]], [[128, 255]]]
    many = render.images(None, np.zeros((5, 2, 2, 3), np.int32), most=3)
    assert many.data["count"] == 3 and many.text == "5 pictures of 2 x 2 pixels, the first 3"
    assert render.images(None, [np.zeros((2, 2)), wl.ones([2, 2])]).data["count"] == 2


def test_a_boundary_of_a_model(backend):
    model = wl.sequential([wl.layers.dense(units=1, input_shape=[2], activation="sigmoid")])
    model.set_weights([np.array([[9.0], [0.0]], np.float32), np.zeros(1, np.float32)])
    points, labels = [[-1, 0], [1, 1], [0.5, 0]], [[0], [1], [0]]
    chart = render.boundary(None, model, points, labels, resolution=10, class_labels=["left", "right"])
    field = chart.data["field"].reshape(10, 10)
    assert (field[:, :5] == 0).all() and (field[:, 6:] == 1).all()
    assert chart.data["sureness"].min() >= 0 and chart.data["sureness"].max() <= 1
    assert chart.text.startswith("left on 50% of the plane, right on 50%; 3 points, 2 of them")


def test_a_network():
    kernels = [wl.tensor2d([[1, -2, 0.5], [0, 4, 1]]), [[1], [-1], [np.nan]]]
    pictures = [None, np.array([[[0, 1]], [[-2, 2]], [[0, 0]]]), [[[1, 1]]]]
    chart = render.network(None, kernels, pictures=pictures)
    assert chart.text == (
        "2 inputs, layers of 3 and 1 neurons; 9 connections, 2 of them negative; the strongest from input.2 to 1.2, 4"
    )
    data = chart.drawn()["data"]
    assert data["sizes"] == [2, 3, 1] and data["labels"] == ["input.1", "input.2", "1.1", "1.2", "1.3", "output"]
    assert data["weights"][:6].tolist() == [1, -2, 0.5, 0, 4, 1]
    assert data["pictured"] == [False, True, True] and (data["height"], data["width"]) == (1, 2)
    # those of a layer have a scale of their own, whose middle is nothing
    assert data["pictures"].tolist() == [128, 192, 1, 255, 128, 128, 255, 255]
    assert render.network(None, [[[0, 0]]]).text == "1 input, 2 neurons; 2 connections, 0 of them negative"


def test_a_boundary_of_several_classes():
    def three(points):
        return np.eye(3)[np.clip(np.floor(points[:, 1] + 1.5), 0, 2).astype(int)]

    chart = render.boundary(None, three, resolution=4, y_axis_domain=[-1.5, 1.5], x_axis_domain=[0, 1])
    # from the top down
    assert chart.data["field"].reshape(4, 4).T.tolist() == [[2, 1, 1, 0]] * 4
    assert (
        chart.data["xRange"] == [0, 1] and chart.text == "class 0 on 25% of the plane, class 1 on 50%, class 2 on 25%"
    )


# -- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([0.9, 0.09, 0.1], "a over x 0 to 2: falls from 0.9 to 0.1, lowest 0.09 at x 1"),
        ([1, 3, 2], "a over x 0 to 2: rises from 1 to 2, highest 3 at x 1"),
        ([2, 2, 2], "a over x 0 to 2: stays at 2"),
        ([1, 5, 1], "a over x 0 to 2: begins and ends near 1, between 1 and 5"),
        ([1, NAN, INF], "a: 1 at x 0, 2 gaps"),
        ([NAN, NAN], "a: none of 2 values is a finite number"),
        ([], "a: nothing to show yet"),
    ],
)
def test_what_is_said_of_lines(values, text):
    assert render.linechart(None, {"a": values}).text == text


def test_batches_that_were_left_out_are_not_counted():
    assert render.linechart(None, {"a": ([1, 2, 3], [3, 2, 1])}, x_label="batch").text.startswith("a over 3 batches")
    assert render.linechart(None, {"a": ([1, 9], [3, 1])}, x_label="batch").text.startswith("a over batch 1 to 9")


NOTHING = "nothing to show yet"


@pytest.mark.parametrize(
    "chart",
    [
        render.linechart(None, {}),
        render.barchart(None, []),
        render.histogram(None, []),
        render.heatmap(None, []),
        render.confusion_matrix(None, []),
        render.table(None, {"headers": ["a"], "values": []}),
        render.images(None, []),
        show.history(None, {}),
    ],
    ids=lambda chart: chart.kind,
)
def test_nothing_is_shown_as_such(chart, script, tmp_path):
    assert NOTHING in chart.text
    chart.save(tmp_path / "nothing.html")


@pytest.mark.parametrize(
    ("chart", "text"),
    [
        (render.linechart(None, {"a": [NAN, NAN]}), "a: none of 2 values is a finite number"),
        (render.scatterplot(None, {"a": [NAN, NAN]}), "a: none of 2 points is a finite number"),
        (render.barchart(None, [NAN, INF]), "none of 2 values is a finite number"),
        (render.heatmap(None, [[NAN]]), "none of 1 value is a finite number"),
        (render.histogram(None, [NAN, NAN, INF]), "2 NaN, 1 infinite"),
    ],
    ids=lambda value: getattr(value, "kind", None),
)
def test_what_cannot_be_drawn_is_said(chart, text, script, tmp_path):
    assert chart.text == text
    chart.save(tmp_path / "nothing.html")


@pytest.mark.parametrize(
    "values", [[0.3, 0.1 + 0.2], [1.0, 1.0 + 2e-16], [1e308, -1e308], [1.79e308] * 2, [1e20] * 3, [5e-324, 0], [3] * 4]
)
def test_any_numbers_have_a_histogram(values):
    data = render.histogram(None, values).data
    counts, edges = data["counts"], data["edges"]
    assert counts.sum() == len(values)
    assert np.isfinite(edges).all() and (np.diff(edges) >= 0).all() and edges[0] < edges[-1]
    assert edges[0] <= min(values) and max(values) <= edges[-1]


def test_histograms_of_plain_numbers_are_those_of_numpy():
    values = np.random.default_rng(0).normal(size=500) * 40
    data = render.histogram(None, values, max_bins=9).data
    counts, edges = np.histogram(values, 9)
    np.testing.assert_array_equal(data["counts"], counts)
    np.testing.assert_allclose(data["edges"], edges)


def test_what_is_no_class_of_the_model_is_refused():
    def model(points):
        return points[:, :1] > 0

    points = np.array([[0.0, 1.0], [NAN, 1.0]])
    with pytest.raises(ValueError, match="labels hold class 1000; the model has 2 classes, 0 to 1"):
        render.boundary(None, model, points, [0, 1000])
    assert render.boundary(None, model, points, [0, 1]).text.endswith(
        "1 point, 1 of them on the side of their class; 1 point that cannot be drawn, as no finite number"
    )
    with pytest.raises(ValueError, match="there would be 1000001 classes"):
        asyncio.run(wl.vis.metrics.confusion_matrix([0, 1_000_000], [0, 1]))
    with pytest.raises(TypeError, match="a list of kernels .*, got Sequential"):
        render.network(None, wl.sequential([wl.layers.dense(1, input_shape=[2])]))


# -- showing ----------------------------------------------------------------------------------------------------------


def test_what_the_page_is_told(page_host):
    chart = render.linechart("curve", {"loss": [1, NAN]}, title="Loss")
    [message] = page_host.said
    assert message["type"] == "show" and message["where"] == "curve"
    content = message["content"]
    assert content["kind"] == "chart" and content["text"] == chart.text and len(content["html"]) < 100
    [line] = content["chart"]["data"]["series"]
    assert isinstance(line["y"], np.ndarray) and np.isnan(line["y"][1])
    assert render.linechart(None, {"a": [1]}) and len(page_host.said) == 1


def test_charts_may_be_awaited():
    async def main():
        return await render.linechart(None, {"a": [1]})

    assert asyncio.run(main()).kind == "lines"


def parts_of(text):
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text).group(1)
    data = json.loads(re.search(r'id="weblayers-chart">(.*?)</script>', text, re.DOTALL).group(1))
    script = re.search(r'<script type="module">(.*?)</script>', text, re.DOTALL).group(1)
    return policy, data, script


def test_files(script, tmp_path):
    chart = render.barchart(None, {"</script><b>": 1.23456789, "none": NAN}, title="<b> & mehr für 2 €")
    chart.save(tmp_path / "chart.html")
    # in any encoding
    text = (tmp_path / "chart.html").read_text("ascii")
    policy, data, code = parts_of(text)
    assert data == {**chart.drawn(), "data": {"labels": ["</script><b>", "none"], "values": [1.234568, None]}}
    assert "<title>&lt;b&gt; &amp; mehr f&#252;r 2 &#8364;</title>" in text
    # only this script may run
    assert base64.b64encode(hashlib.sha256(code.encode()).digest()).decode() in policy
    assert "default-src 'none'" in policy and "unsafe" not in policy
    with pytest.raises(ValueError, match=r"must end with .html, got 'chart.png'"):
        chart.save("chart.png")


def test_pictures_in_files(script):
    _, data, _ = parts_of(files.document(render.images(None, [[[0.0, 1.0]]]).drawn(), ""))
    assert base64.b64decode(data["data"]["pixels"]) == bytes([0, 0, 0, 255, 255, 255, 255, 255])


def test_notebooks_get_a_frame(script):
    frame = render.linechart(None, {'"a"': [1, 2]})._repr_html_()
    assert frame.startswith('<iframe sandbox="allow-scripts"') and frame.count('srcdoc="') == 1
    source = re.search(r'srcdoc="([^"]*)"', frame).group(1)
    assert "&quot;a" in source.replace("\\&quot;", "&quot;")


def test_a_missing_script_is_named(monkeypatch):
    monkeypatch.setattr(files, "SCRIPT", "absent.js")
    files._script.cache_clear()
    with pytest.raises(FileNotFoundError, match=r"absent.js is missing, which draws charts: run `./build.sh wheel`"):
        render.table(None, {"a": [1]})._repr_html_()
    files._script.cache_clear()


# -- the visor --------------------------------------------------------------------------------------------------------


def test_the_visor(page_host):
    visor = wl.vis.visor()
    assert not visor.is_open() and wl.vis.visor() is visor
    render.table({"name": "Runs", "tab": "All", "styles": {"width": "300px"}}, {"a": [1]})
    surface, opened, shown = page_host.said
    expected = {"action": "surface", "name": "Runs", "tab": "All", "styles": {"width": "300px"}}
    assert surface == {"type": "visor", **expected}
    assert opened == {"type": "visor", "action": "open"} and shown["where"] == "Runs" and visor.isOpen()
    visor.toggle()
    visor.setActiveTab("All")
    assert [m["action"] for m in page_host.said[3:]] == ["close", "tab"]
    page_host.hear("visor", True)
    assert visor.is_open()
    assert visor.surface(name="Runs").tab == "All" and visor.surface("Other").tab == "Visor"
    render.table(visor.surface("Other"), {"a": [1]})
    assert page_host.said[-1]["where"] == "Other"
    with pytest.raises(ValueError, match=r"there is no tab 'Al'. Valid names: All, Visor"):
        visor.set_active_tab("Al")
    with pytest.raises(ValueError, match="a surface has a name, got ''"):
        visor.surface("")


# -- metrics ----------------------------------------------------------------------------------------------------------


def test_metrics_against_numpy(backend):
    rng = np.random.default_rng(0)
    labels, predictions = rng.integers(0, 4, (2, 200))
    weights = rng.random(200).astype(np.float32)
    given = [wl.tensor(v.astype(np.int32)) for v in (labels, predictions)]

    async def main():
        return (
            await metrics.accuracy(*given),
            await metrics.per_class_accuracy(*given, num_classes=5),
            await metrics.confusion_matrix(*given),
            await metrics.confusion_matrix(labels, predictions, 4, wl.tensor(weights)),
        )

    accuracy, classes, counts, weighted = asyncio.run(main())
    assert accuracy == pytest.approx(np.mean(labels == predictions))
    for i in range(4):
        mine = labels == i
        assert classes[i] == {"accuracy": pytest.approx(np.mean(predictions[mine] == i)), "count": mine.sum()}
    assert classes[4] == {"accuracy": 0.0, "count": 0}
    table = np.zeros((4, 4))
    np.add.at(table, (labels, predictions), 1)
    assert counts == table.tolist() and counts == wl.math.confusion_matrix(*given, 4).array_sync()
    table[:] = 0
    np.add.at(table, (labels, predictions), weights)
    np.testing.assert_allclose(weighted, table, rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.accuracy([1, 2], [1]), r"as many labels as predictions, got shapes \[2\] and \[1\]"),
        (lambda: metrics.confusion_matrix([[0, 1]], [[0, 1]]), r"Of probabilities, argmax\(-1\) makes such numbers"),
        (lambda: metrics.confusion_matrix([0.5], [1]), "must be the numbers of classes, from 0 on"),
        (lambda: metrics.per_class_accuracy([3], [1], 2), "there are 2 classes, but also the number 3"),
        (lambda: metrics.confusion_matrix([1, 0], [1, 0], weights=[1]), r"2 samples, but weights of the shape \[1\]"),
    ],
)
def test_metrics_refuse(call, message):
    with pytest.raises(ValueError, match=message):
        asyncio.run(call())


# -- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: render.linechart(None, {"a": [1]}, xLabl="x"), r"linechart has no argument 'xLabl'. Did you mean"),
        (lambda: render.linechart(None, {"a": ["one"]}), "the values of 'a' must be numbers of one shape, got"),
        (lambda: render.linechart(None, {"a": ([1, 2], [3])}), "the values of 'a': there are 2 x and 1 y"),
        (lambda: render.linechart(None, {"a": [{"x": 1}]}), "there is no 'y' in {'x': 1}"),
        (
            lambda: render.linechart(None, {"a": [1]}, yAxisDomain=[2, 1]),
            "y_axis_domain must be two numbers, the lower",
        ),
        (lambda: render.linechart(None, {"a": [1]}, y_type="lag"), "Unknown y_type: 'lag'. Did you mean 'log'"),
        (lambda: render.linechart(None, {"a": [1]}, width=-3), "width must be a number of pixels, got -3"),
        (lambda: render.linechart(3, {"a": [1]}), "a chart goes to a name, .* not to 3"),
        (lambda: render.linechart(None, {"values": [1], "series": ["a", "b"]}), "1 lines, but 2 names of series"),
        (lambda: render.barchart(None, [[1]]), r"bars must have one axis, got the shape \[1, 1\]"),
        (lambda: render.histogram(None, [1], max_bins=0), "max_bins must be a positive integer, got 0"),
        (lambda: render.heatmap(None, [1, 2]), r"a heatmap must have two axes, got the shape \[2\]"),
        (lambda: render.heatmap(None, [[1]], xTickLabels=["a", "b"]), "columns: there are 1, but 2 labels"),
        (lambda: render.heatmap(None, [[1]], colorMap="jet"), "Unknown color_map: 'jet'"),
        (lambda: render.confusion_matrix(None, [[1, 2]]), r"as many rows as columns, got the shape \[1, 2\]"),
        (lambda: render.table(None, [1]), "a table is .* not"),
        (lambda: render.table(None, {"headers": ["a"], "values": [[1, 2]]}), "1 headers, but a row of 2"),
        (lambda: render.table(None, {"a": [1], "b": []}), "the columns have several lengths"),
        (lambda: render.images(None, np.zeros((2, 2))), r"pictures have the shape .* got \[2, 2\]"),
        (lambda: render.images(None, [np.zeros((2, 2)), np.zeros((3, 2))]), "pictures must be of one size"),
        (lambda: render.network(None, []), "a layer at least"),
        (lambda: render.network(None, [[[1, 2]], [[1]]]), "a layer of 2 neurons is followed by one with 1 inputs"),
        (lambda: render.network(None, [[[1]]], labels=[["x"]]), "there are 2 layers with the inputs, but labels of 1"),
        (lambda: render.network(None, [[[1]]], pictures=[None, [[1]]]), r"pictures of 1 neurons have the shape \[1, "),
        (lambda: render.boundary(None, lambda p: p[:3]), "a row for each of 4096 points, not the shape"),
        (
            lambda: render.boundary(None, lambda p: p[:, 0], [[1, 2]], [0.5]),
            "the number of a class for each of 1 points",
        ),
        (lambda: render.boundary(None, lambda p: p[:, 0], resolution=1), "resolution must be an integer of 2 or more"),
        (lambda: render.boundary(None, metrics_of_points), "but this one is async"),
        (lambda: show.fit_callbacks(None), "fit_callbacks needs a container"),
        (lambda: show.fit_callbacks("a", [[]]), "metrics are names, or lists of those that share a chart"),
        (lambda: show.fit_callbacks("a", callbacks=["onEpochBegin"]), "Unknown callback: 'onEpochBegin'"),
        (lambda: show.fit_callbacks("a", y_type="lag"), "Unknown y_type"),
        (lambda: show.history(None, {"loss": [1]}, ["los"]), "the history has no metric 'los'. Did you mean 'loss'"),
        (lambda: show.history(None, 3), "a history is what fit returns"),
        (lambda: show.layer(None, "dense"), "a layer was expected, got 'dense'"),
        (lambda: show.attention(None, [1, 2]), "scores have the axes"),
    ],
)
def test_errors(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


async def metrics_of_points(points):
    return points[:, 0]


def test_spreading_keeps_zero_in_the_middle():
    spread = fields.spread(np.array([[-1.0, 0.0, 3.0, NAN], [2.0, 2.0, 2.0, 2.0]]), (1,), around=0.0)
    np.testing.assert_allclose(spread, [[1 / 3, 0.5, 1, 0.5], [1, 1, 1, 1]])
    assert fields.spread(np.full((1, 2), 5.0), (1,)).tolist() == [[0, 0]]
