"""What summary prints, character by character as TensorFlow.js 4.22 printed it for the same models."""

from pathlib import Path

import numpy as np
import pytest

import weblayers as wl

L = wl.layers
RECORDED = Path(__file__).parents[1] / "golden" / "summaries.txt"


def test_summaries_are_those_of_tensorflow_js(capsys):
    a, b = wl.input(shape=[3], name="input1"), wl.input(shape=[2], name="bb")
    c = L.add(name="c").apply([L.dense(3, name="d").apply(a), L.dense(3, name="e").apply(b)])
    graph = wl.model(inputs=[a, b], outputs=[c, L.dense(1, name="f").apply(c)])
    graph.summary(spelling="tfjs")
    inner = wl.sequential([L.dense(2, input_shape=[3], name="i1"), L.dropout(0.5, name="i2")], name="inner")
    x = wl.input(shape=[3], name="x")
    wl.model(inputs=x, outputs=inner.apply(x)).summary(spelling="tfjs")
    inner.summary(spelling="tfjs")
    shared, y = L.dense(3, name="shared"), wl.input(shape=[3], name="x1")
    wl.model(inputs=y, outputs=shared.apply(shared.apply(y))).summary(spelling="tfjs")
    graph.summary(60, spelling="tfjs")
    graph.summary(None, [0.2, 0.5, 0.8, 1], spelling="tfjs")
    assert capsys.readouterr().out == RECORDED.read_text()


def test_shapes_are_spelled_as_in_python():
    a, b = wl.input(shape=[16, 16, 1], name="a"), wl.input(shape=[16, 16, 1], name="b")
    lines = []
    wl.model(inputs=[a, b], outputs=L.add(name="sum").apply([a, b])).summary(200, print_fn=lines.append)
    assert "[(None, 16, 16, 1), (None, 16, 16, 1)]" in lines[0] and "null" not in lines[0]
    assert lines[0].count("(None, 16, 16, 1)") == 7
    with pytest.raises(ValueError, match="Unknown spelling of shapes: 'tf'.*'tfjs'"):
        wl.sequential([L.dense(1, input_shape=[1])]).summary(spelling="tf")


def test_branches_make_a_graph():
    x = wl.input(shape=[3])
    lines = []
    wl.model(inputs=x, outputs=[L.dense(2).apply(x), L.dense(1).apply(x)]).summary(print_fn=lines.append)
    assert "Receives inputs" in "".join(lines)


def test_a_subclass_with_methods_only_is_a_functional_model():
    class Named(wl.Model):
        def greeting(self):
            return f"{self.name}: {self.count_params()}"

    x = wl.input(shape=[3])
    model = Named(inputs=x, outputs=L.dense(2).apply(x), name="m")
    assert model.greeting() == "m: 8"
    assert model.predict(np.ones((1, 3), np.float32)).shape == (1, 2)
    assert isinstance(model, wl.Model) and len(model.layers) == 2


def test_what_is_inside_and_what_is_trained():
    inner = wl.Sequential([L.Dense(4, input_shape=(3,), name="i1"), L.Dropout(0.5, name="i2")], name="inner")
    inner.trainable = False
    model = wl.Sequential([inner, L.Flatten(name="flat"), L.Dense(1, name="last")])

    def shown(**options):
        lines = []
        model.summary(print_fn=lines.append, **options)
        return [line.split() for line in lines[0].splitlines() if not line.startswith(("_", "="))]

    names = ["inner", "i1", "i2", "flat", "last"]
    rows = shown(expand_nested=True, show_trainable=True)
    assert [row[0] for row in rows[1:6]] == names
    assert rows[0][-1] == "Trainable" and [row[-1] for row in rows[1:6]] == ["N", "N", "-", "-", "Y"]
    assert [row[0] for row in shown()[1:4]] == ["inner", "flat", "last"]
    assert [row[0] for row in shown(layer_range=["inner", "fl.*"])[1:3]] == ["inner", "flat"]
    with pytest.raises(ValueError, match="no layer is called 'none'; there are .'inner', 'flat', 'last'"):
        model.summary(layer_range=["none", "last"])
