"""Pictures and tables of models: what they show, that boxes stand apart, and that names stay text."""

import itertools
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import weblayers as wl
from weblayers.models.arranging import arrange, spread

L = wl.layers
SVG = "{http://www.w3.org/2000/svg}"
EVIL = "<script>alert(1)</script>&\"'\x00\ud800"


def siamese():
    encoder = wl.sequential([L.dense(16, input_shape=[8], name="first"), L.dense(4, name="second")], name="encoder")
    a, b = wl.input(shape=[8], name="left"), wl.input(shape=[8], name="right")
    out = L.dense(1, name="same").apply(L.subtract(name="difference").apply([encoder.apply(a), encoder.apply(b)]))
    return wl.model(inputs=[a, b], outputs=out, name="siamese")


def texts(drawing):
    return [t.text for t in ElementTree.fromstring(str(drawing)).iter(f"{SVG}text")]


def count(drawing, kind):
    return sum(e.get("class") == kind for e in ElementTree.fromstring(str(drawing)).iter())


def test_every_use_of_a_layer_has_a_card():
    drawing = wl.plot_model(siamese())
    assert count(drawing, "card") == 6 and count(drawing, "edge") == 5
    shown = texts(drawing)
    assert {"encoder · use 1 of 2", "encoder · use 2 of 2", "Subtract", "(None, 4)"} <= set(shown)
    assert drawing._repr_svg_() == str(drawing)


def test_options_say_what_cards_show():
    model = siamese()
    assert "float32" not in texts(wl.plot_model(model)) and "float32" in texts(wl.plot_model(model, show_dtype=True))
    assert not any("None" in t for t in texts(wl.plot_model(model, show_shapes=False)))
    assert "difference" not in texts(wl.plot_model(model, show_layer_names=False))
    nested = wl.utils.plot_model(model, expand_nested=True)
    assert count(nested, "group") == 2 and texts(nested).count("first") == 2
    assert "TimeDistributed(Dense)" in texts(
        wl.plot_model(wl.sequential([L.time_distributed(layer=L.dense(2), input_shape=[3, 4])]))
    )
    x = wl.input(shape=[3])
    assert "concat" in texts(wl.plot_model(wl.model(inputs=x, outputs=wl.concat([x, x], -1))))
    tall, wide = (
        [float(ElementTree.fromstring(str(wl.plot_model(model, rankdir=d))).get(k)) for k in ("height", "width")]
        for d in ("TB", "LR")
    )
    assert tall[0] > wide[0] and tall[1] < wide[1]


def test_a_subclassed_model_is_one_card():
    class Own(wl.Model):
        def __init__(self):
            super().__init__()
            self.dense = L.dense(1)

        def call(self, x):
            return self.dense(x)

    assert texts(wl.plot_model(Own()))[0] == "Own" and count(wl.plot_model(Own()), "card") == 1
    assert "dense_Dense" in Own()._repr_html_()


def test_what_is_drawn_is_said():
    said = lambda model: ElementTree.fromstring(str(wl.plot_model(model))).get("aria-label")  # noqa: E731
    layers = [L.dense(1, input_shape=[1]), *(L.dense(1) for _ in range(29))]
    assert said(wl.sequential(layers[:2], name="<m>")) == "<m>: InputLayer, Dense, Dense"
    words = said(wl.sequential(layers, name="deep"))
    assert words.startswith("deep: InputLayer, Dense") and "Dense, 11 more, Dense" in words


def test_files(tmp_path):
    drawing = wl.plot_model(siamese(), to_file=tmp_path / "model.svg")
    assert (tmp_path / "model.svg").read_text(encoding="utf-8") == str(drawing)
    with pytest.raises(ValueError, match=r"\.svg"):
        wl.plot_model(siamese(), to_file="model.png")
    with pytest.raises(ValueError, match="'TB' or 'LR'"):
        wl.plot_model(siamese(), rankdir="BT")


def test_names_are_text():
    model = wl.sequential([L.dense(1, input_shape=[2], name=EVIL)], name=EVIL)
    svg, table = str(wl.plot_model(model)), model._repr_html_()
    assert "<script" not in svg + table and "&lt;script" in svg and "&lt;script" in table
    svg.encode()
    ElementTree.fromstring(svg)


def test_the_table_shows_models_inside_models():
    html = siamese()._repr_html_()
    for text in ("siamese", "encoder", "first", "(None, 16)", ">144<", "left[0][0]<br>right[0][0]", "Total: 217"):
        assert text in html
    assert "Parameters" in wl.sequential()._repr_html_()


@pytest.mark.parametrize("seed", range(20))
def test_boxes_stand_apart_and_edges_point_forwards(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 25))
    boxes = [(float(w), float(h)) for w, h in rng.uniform(20, 200, (n, 2))]
    edges = [(int(rng.integers(max(0, i - 6), i)), i) for i in range(1, n) for _ in range(int(rng.integers(0, 3)))]
    layout = arrange(boxes, edges, 10, 20)
    for (a, (w, h)), (b, (v, g)) in itertools.combinations(zip(layout.middles, boxes, strict=True), 2):
        assert abs(a[0] - b[0]) >= (w + v) / 2 + 9.99 or abs(a[1] - b[1]) >= (h + g) / 2 + 19.99
    for way in layout.ways.values():
        assert all(p[1] < q[1] for p, q in itertools.pairwise(way))
    for (x, y), (w, h) in zip(layout.middles, boxes, strict=True):
        assert w / 2 - 0.01 <= x <= layout.extent[0] - w / 2 + 0.01 and h / 2 <= y <= layout.extent[1] - h / 2 + 0.01


def test_places_are_the_nearest_that_keep_their_distance():
    rng = np.random.default_rng(0)
    wanted, weights, steps = rng.uniform(0, 50, 6), rng.uniform(0.5, 4, 6), rng.uniform(1, 20, 5)
    places = np.array(spread(list(wanted), list(weights), list(steps)))
    assert (np.diff(places) >= steps - 1e-9).all()
    cost = (weights * (places - wanted) ** 2).sum()
    for _ in range(2000):
        other = places + rng.normal(0, 1, 6)
        if (np.diff(other) >= steps).all():
            assert (weights * (other - wanted) ** 2).sum() >= cost - 1e-9
