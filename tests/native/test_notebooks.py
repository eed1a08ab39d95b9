"""What a notebook shows, and sends while a training runs."""

import asyncio
import re
import sys
import types
from xml.etree import ElementTree

import numpy as np
import pytest

import weblayers as wl
from weblayers.page import hosts
from weblayers.page.sketch import STRETCHES, Sketch


class Handle:
    """A place in a cell."""

    def __init__(self, content):
        self.contents = [content.data]

    def update(self, content):
        self.contents.append(content.data)


@pytest.fixture
def cell(monkeypatch):
    """The places of a notebook's cell."""
    places = []

    def display(content, display_id):
        assert display_id
        places.append(Handle(content))
        return places[-1]

    shown = types.ModuleType("IPython.display")
    shown.HTML = lambda data: types.SimpleNamespace(data=data)
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", shown)
    monkeypatch.setattr(hosts, "_hosts", [hosts.Notebook(display)])
    # what draws charts is built
    monkeypatch.setattr(wl.vis.Chart, "_repr_html_", lambda chart: f"<p>{chart.text}</p>")
    return places


def trained(epochs):
    model = wl.sequential([wl.layers.dense(units=1, input_shape=[1], kernel_initializer="zeros")])
    model.compile("sgd", "mse")
    curves = wl.vis.show.fit_callbacks("curves", callbacks=["on_epoch_end"])

    async def main():
        await model.fit(wl.ones([4, 1]), wl.ones([4, 1]), epochs=epochs, verbose=0, callbacks=curves)

    asyncio.run(main())


def test_curves_grow_while_a_fit_runs(cell, moving_clock):
    trained(5)
    [place] = cell
    first, *sketches, last = place.contents
    assert first == "<p>loss: 1 at epoch 1</p>" and last.startswith("<p>loss over 5 epochs: falls from 1")
    assert len(sketches) == 4
    for i, sketch in enumerate(sketches, 2):
        assert len(points_of(sketch)[0]) == i
    assert "script" not in sketches[0]


def test_a_notebook_is_sent_no_more_than_is_seen(cell, moving_clock):
    moving_clock.pace = 0.0
    trained(5)
    assert len(cell[0].contents) == 2


def points_of(sketch):
    """The points of all lines of a sketch, which is XML."""
    figures = ElementTree.fromstring(sketch)
    lines = [line.get("points") for line in figures.iter("polyline")]
    return [[tuple(map(float, point.split(","))) for point in line.split()] for line in lines]


def test_a_sketch(cell):
    chart = wl.vis.render.linechart(None, {"a<b": ([1, 2], [0.0, 4.0])}, title="T & U")
    sketch = Sketch(chart.drawn())
    sketch.add({"a<b": (3, 2.0), "more": ([1, 2, 3], [4.0, np.nan, 0.0])})
    first, second = points_of(sketch.html())
    (left, low), (_, high), (right, middle) = first
    assert left < right and low > high and middle == pytest.approx((low + high) / 2)
    # what is no number is a gap
    assert second == [(left, high), (right, low)]
    [label] = re.findall('aria-label="([^"]*)"', sketch.html())
    assert label == "T &amp; U: a&lt;b 2, more 0"
    for i in range(100 * STRETCHES):
        sketch.add({"a<b": (4 + i, 1.0)})
    assert STRETCHES <= len(points_of(sketch.html())[0]) <= 8 * STRETCHES


def test_sketches_of_what_has_no_lines(cell):
    wl.vis.render.table("table", {"a": [1]})
    wl.page.add("table", {})
    wl.page.add("elsewhere", {"a": (1, 1)})
    wl.page.show("text", where="text")
    assert [len(place.contents) for place in cell] == [1, 1]
