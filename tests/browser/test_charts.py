"""Charts in a browser: files of every kind, and charts that grow in a shadow root under a strict policy."""

import functools
import time
from pathlib import Path

import numpy as np
import pytest
from selenium.webdriver import ActionChains

import weblayers as wl
from tests.browser.conftest import BUILD
from tools.browsers import open_browser
from weblayers.hosting.server import Handler, serving

ASSETS = Path(wl.__file__).parent / "vis" / "assets"
PICTURES = BUILD / "charts"
SECONDS = 20

render, show = wl.vis.render, wl.vis.show


@functools.cache
def charts():
    """One of every kind, by names."""
    rng = np.random.default_rng(0)
    epochs = np.arange(1, 61)
    loss = np.exp(-epochs / 15)
    loss[20] = np.nan
    words = ["the", "cat", "sat", "on", "the", "mat"]
    points = rng.normal(size=(120, 2))
    model = wl.sequential(
        [
            wl.layers.conv2d(filters=8, kernel_size=3, input_shape=[12, 12, 1], name="conv"),
            wl.layers.flatten(),
            wl.layers.dense(units=10, name="out"),
        ]
    )

    def inside(places):
        return 1 / (1 + np.exp(6 * (np.hypot(*places.T) - 1)))

    return {
        "lines": render.linechart(None, {"loss": (epochs, loss), "val_loss": (epochs, loss + 0.1)}, title="Loss"),
        "log": render.linechart(None, {"loss": (epochs, loss)}, title="Loss", x_label="epoch", y_type="log"),
        "points": render.scatterplot(None, {"a": points, "b": points + 2}, title="Points", x_label="x"),
        "bars": render.barchart(None, {f"a long name {i}": i for i in range(12)}, title="Bars", y_label="share"),
        "histogram": render.histogram(None, [*rng.normal(size=500), np.nan, np.inf], title="Histogram"),
        "heatmap": render.heatmap(None, rng.random((30, 12)), title="Heatmap", x_label="time", y_label="unit"),
        "confusion": render.confusion_matrix(None, [[50, 3, 0], [2, 45, 7], [1, 9, 40]], labels=["a", "b", "c"]),
        "table": render.table(None, {"rate": [0.1, 1e-5], "name": ["a", "<b>"]}, title="Table"),
        "images": render.images(None, rng.random((20, 14, 14, 3)), labels=range(20), title="Pictures"),
        "network": render.network(
            None,
            [np.array([[1, -1], [0.5, 0]]), np.array([[2], [-2]])],
            pictures=[None, np.eye(4).reshape(2, 2, 4) - 0.5, None],
            title="Network",
        ),
        "boundary": render.boundary(None, inside, points, np.hypot(*points.T) < 1, title="Boundary"),
        "attention": show.attention(None, rng.random((2, 6, 6)), queries=words, keys=words, title="Attention"),
        "layer": show.layer(None, model.layers[0]),
        "filters": show.filters(None, model.layers[2]),
        "feature_maps": show.feature_maps(None, model, "conv", rng.random((12, 12, 1))),
        "history": show.history(None, {"loss": loss, "val_loss": loss, "acc": 1 - loss}),
        "empty": render.linechart(None, {"loss": []}, title="Empty"),
    }


@pytest.fixture(scope="module")
def driver():
    with open_browser("chromium") as made:
        yield made


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    if not ASSETS.is_dir():
        pytest.fail("the charts' script is not built: run `./build.sh test`, which builds all that tests need")
    PICTURES.mkdir(parents=True, exist_ok=True)
    return tmp_path_factory.mktemp("charts")


def wait_for(driver, script):
    end = time.monotonic() + SECONDS
    while not (found := driver.execute_script(f"return {script}")) and time.monotonic() < end:
        time.sleep(0.02)
    assert found, script
    return found


def faults(driver):
    return [entry["message"] for entry in driver.get_log("browser")]


def show_page(driver, width, height, theme):
    scheme = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", scheme)
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


@pytest.mark.parametrize("name", charts())
def test_a_file_of_every_kind(driver, folder, name):
    chart = charts()[name]
    chart.save(folder / f"{name}.html")
    single = chart.data["charts"] if chart.kind == "group" else [chart]
    drawn = ".wl-place :is(canvas, svg, table), .wl-empty:not([hidden])"
    for theme, width in (("light", 760), ("dark", 390)):
        show_page(driver, width, 100, theme)
        driver.get((folder / f"{name}.html").as_uri())
        wait_for(driver, f"[...document.querySelectorAll('.wl-chart')].every(c => c.querySelector('{drawn}'))")
        assert driver.execute_script("return document.documentElement.scrollWidth") <= width
        assert not faults(driver)
        if name == "empty":
            assert driver.find_element("css selector", ".wl-empty").is_displayed()
        else:
            places = driver.find_elements("css selector", ".wl-place")
            assert len(places) == len(single)
            for place, each in zip(places, single, strict=True):
                assert each.text in place.accessible_name
                assert place.aria_role == ("group" if each.kind == "table" else "image")
        height = driver.execute_script("return document.documentElement.scrollHeight")
        show_page(driver, width, height, theme)
        driver.save_screenshot(str(PICTURES / f"{name}-{theme}-{width}.png"))
    show_page(driver, 760, 500, "light")


@pytest.mark.parametrize("browser", ["firefox", "webkit"])
def test_other_browsers_draw_the_same(browser, display, folder):
    shown = {"lines": "canvas", "boundary": ".wl-field > svg", "images": ".wl-pictures canvas", "layer": "svg"}
    with open_browser(browser, display) as other:
        for name, drawn in shown.items():
            charts()[name].save(folder / f"{name}.html")
            other.get((folder / f"{name}.html").as_uri())
            wait_for(other, f"document.querySelector('{drawn}')?.getBoundingClientRect().width > 50")
            other.save_screenshot(str(PICTURES / f"{name}-{browser}.png"))


def test_fields_lie_where_the_axes_say(driver, folder):
    render.boundary(None, lambda p: p[:, 0] > 0, resolution=4, title="Boundary").save(folder / "field.html")
    driver.get((folder / "field.html").as_uri())
    wait_for(driver, "document.querySelector('.wl-field svg')")
    edges = driver.execute_script("""
        const svg = document.querySelector(".wl-field svg").getBoundingClientRect();
        const canvas = document.querySelector(".wl-field canvas").getBoundingClientRect();
        return [canvas.left - svg.left, svg.right - canvas.right, canvas.top - svg.top, svg.bottom - canvas.bottom];
    """)
    assert edges == pytest.approx([44, 16, 16, 28], abs=0.1)


def test_bars_of_nothing_have_no_height(driver, folder):
    for name, values in {"zeros": [0, 0], "some": [0, 2]}.items():
        render.barchart(None, {"a": values[0], "b": values[1]}).save(folder / f"{name}.html")
        driver.get((folder / f"{name}.html").as_uri())
        wait_for(driver, "document.querySelectorAll('[aria-label=bar] rect').length == 2")
        heights = [
            float(r.get_attribute("height")) for r in driver.find_elements("css selector", "[aria-label=bar] rect")
        ]
        assert heights[0] == 0 and (heights[1] > 50) == (values[1] > 0)


LONG = "a class with a name as they come from files, of sixty letters and more " * 2


@pytest.mark.parametrize(
    "chart",
    [
        render.barchart(None, {LONG: 1, "b": 2}),
        render.heatmap(None, {"values": [[1, 2], [3, 4]], "xTickLabels": [LONG, "b"], "yTickLabels": [LONG, "d"]}),
        render.linechart(None, {LONG: [1, 2], LONG.replace(" ", "_"): [2, 1]}, x_label=LONG),
        render.scatterplot(None, {LONG.replace(" ", "_"): [[1, 2]], "b": [[2, 1]]}),
    ],
    ids=lambda chart: chart.kind,
)
def test_long_names_stay_in_their_chart(driver, folder, chart):
    chart.save(folder / "long.html")
    show_page(driver, 390, 500, "light")
    driver.get((folder / "long.html").as_uri())
    wait_for(driver, "document.querySelector('.wl-place :is(canvas, svg, table)')")
    outside = driver.execute_script("""
        const figure = document.querySelector(".wl-chart").getBoundingClientRect();
        return [...document.querySelectorAll(".wl-place :is(text, span, th, td)")].filter((each) => {
            const { left, right, bottom, width } = each.getBoundingClientRect();
            return width && (left < figure.left - 2 || right > figure.right + 2 || bottom > figure.bottom + 2);
        }).map((each) => each.textContent);
    """)
    show_page(driver, 760, 500, "light")
    assert not outside


def test_data_are_a_table_on_request(driver, folder):
    render.linechart(None, {"loss": [3, float("nan"), 1]}, x_label="epoch").save(folder / "data.html")
    driver.get((folder / "data.html").as_uri())
    wait_for(driver, "document.querySelector('.uplot')")
    assert not driver.find_elements("css selector", ".wl-data table")
    driver.find_element("css selector", ".wl-data summary").click()
    wait_for(driver, "document.querySelector('.wl-data table')")
    rows = driver.find_elements("css selector", ".wl-data tr")
    assert [row.text for row in rows] == ["epoch loss", "0 3", "1 \N{EN DASH}", "2 1"]


def test_a_notebook_has_it_in_a_frame(driver, folder):
    chart = render.linechart(None, {'"<loss>"': [3, 2, 1]}, title="Loss & more")
    (folder / "notebook.html").write_text(f"<!doctype html><title>Notebook</title>{chart._repr_html_()}")
    driver.get((folder / "notebook.html").as_uri())
    driver.switch_to.frame(driver.find_element("tag name", "iframe"))
    wait_for(driver, "document.querySelector('canvas')")
    assert '"<loss>"' in driver.find_element("css selector", ".u-legend").text
    # it is as high as its frame
    assert driver.execute_script("return document.documentElement.scrollHeight <= innerHeight")
    driver.switch_to.default_content()
    assert not faults(driver)


PAGE = """<!doctype html>
<meta charset="utf-8">
<title>Charts</title>
<div id="host"></div>
<script type="module" src="page.js"></script>
"""
SCRIPT = """
import { draw } from "./weblayers_charts.mjs";

const root = document.getElementById("host").attachShadow({ mode: "open" });
const place = root.appendChild(document.createElement("div"));
const lines = { kind: "lines", title: "Loss", text: "loss: 1 at epoch 1", options: { xLabel: "epoch" },
  data: { series: [{ name: "loss", x: new Float64Array([1]), y: new Float64Array([1]) }] } };
const group = { kind: "group", title: "", text: "", options: {}, data: { charts: [lines] } };

Object.assign(globalThis, { draw, root });
globalThis.chart = draw(place, lines);
globalThis.group = draw(place, group);
globalThis.lines = lines;
globalThis.draws = 0;
const clear = CanvasRenderingContext2D.prototype.clearRect;
CanvasRenderingContext2D.prototype.clearRect = function (...box) {
  if (this.canvas.getRootNode() === root) globalThis.draws++;
  clear.apply(this, box);
};
globalThis.frames = (many) => new Promise((done) => {
  const next = () => (many-- ? requestAnimationFrame(next) : done());
  next();
});
"""


class Strict(Handler):
    """A page that allows nothing but its own files."""

    def end_headers(self):
        self.send_header("Content-Security-Policy", "default-src 'none'; script-src 'self'")
        super().end_headers()


@pytest.fixture
def live(driver, folder):
    """Charts in a shadow root, under a strict policy."""
    (folder / "page.html").write_text(PAGE)
    (folder / "page.js").write_text(SCRIPT)
    (folder / "weblayers_charts.mjs").write_bytes((ASSETS / "weblayers_charts.mjs").read_bytes())
    with serving(folder, Strict) as url:
        driver.get(f"{url}/page.html")
        wait_for(driver, "globalThis.root?.querySelectorAll('canvas').length === 2")
        driver.execute_async_script("frames(4).then(arguments[0])")
        faults(driver)
        yield driver


def test_charts_grow_by_one_drawing_per_frame(live):
    grown = live.execute_async_script("""
        const done = arguments[0];
        draws = 0;
        for (let i = 2; i <= 100; i++) {
            chart.add({ loss: [i, 1 / i] });
        }
        frames(4).then(() => done([draws, root.querySelector("[role=img]").ariaLabel]));
    """)
    assert grown == [1, "Loss: loss: 0.01 at epoch 100"]
    more = live.execute_async_script("""
        const done = arguments[0];
        chart.add({ val_loss: [[1, 50, 100], [2, NaN, 1]] });
        group.add({ Loss: { loss: [new Float64Array([2, 3]), new Float64Array([1, null])] }, Other: { loss: [1, 1] } });
        frames(4).then(() => done([...root.querySelectorAll(".u-legend")].map((each) => each.textContent)));
    """)
    assert "val_loss" in more[0] and "val_loss" not in more[1]
    assert not faults(live)


# What the arrow keys read out of a chart's points, from its first to its last.
READ = """
    const place = root.querySelector("[role=img]");
    const says = () => root.querySelector(".wl-says").textContent;
    const press = (key) => place.dispatchEvent(new KeyboardEvent("keydown", { key }));
    const read = (told = []) => {
        press("End");
        const last = says();
        press("Home");
        for (told.push(says()); says() !== last && told.length <= 200000; told.push(says())) press("ArrowRight");
        return told;
    };
"""


def test_a_chart_that_grows_long_stays_quick(live):
    """Its points become fewer, everywhere alike; the last one and what is extreme are always there."""
    told = live.execute_async_script(f"""
        const done = arguments[0];
        {READ}
        for (let i = 2; i <= 50000; i++) chart.add({{ loss: [i, i === 77 ? 5 : 1 / i] }});
        frames(4).then(() => done(read()));
    """)
    assert 1000 < len(told) <= 4000 and told[-1] == "epoch 50,000: loss 2e-5" and "epoch 77: loss 5" in told
    x = [int(each.split(":")[0].removeprefix("epoch ").replace(",", "")) for each in told]
    assert max(np.diff(x)) < 50000 / 300
    assert not faults(live)


def test_long_arrays_are_drawn_quickly_and_whole(live):
    told, milliseconds, dots = live.execute_async_script(f"""
        const done = arguments[0];
        {READ}
        const many = 100000;
        const x = Float64Array.from({{ length: many }}, (_, i) => i);
        const y = (shift) => x.map((i) => Math.sin(i / 3000 + shift));
        const begun = performance.now();
        chart.update({{ ...lines, data: {{ series: [0, 1].map((i) => ({{ name: `${{i}}`, x, y: y(i) }})) }} }});
        frames(4).then(() => {{
            const spent = performance.now() - begun;
            const told = ["End", "ArrowLeft", "Home", "ArrowRight"].map((key) => (press(key), says().split(":")[0]));
            const points = {{ ...lines, kind: "points", data: {{ series: [{{ name: "a", x: y(0), y: y(1) }}] }} }};
            points.data.series[0].y[many - 1] = 9;
            chart.update(points);
            frames(4).then(() => {{
                const dots = [...root.querySelectorAll("[aria-label=dot] circle")];
                done([told, spent, dots.map((each) => Number(each.getAttribute("cy")))]);
            }});
        }});
    """)
    assert told == ["epoch 99,999", "epoch 99,998", "epoch 0", "epoch 1"] and milliseconds < 3000
    # the one that lies alone is there, too
    first, second = sorted(dots)[:2]
    assert 50 < len(dots) <= 5000 and second - first > 100
    assert not faults(live)


def test_what_is_seen_later_has_grown_meanwhile(live):
    told = live.execute_async_script(f"""
        const done = arguments[0];
        {READ}
        root.host.style.display = "none";
        frames(2).then(() => {{
            chart.update({{ ...lines }});
            for (let i = 2; i <= 5; i++) chart.add({{ loss: [i, 1 / i] }});
            root.host.style.display = "";
            frames(4).then(() => done(read().length));
        }});
    """)
    assert told == 5
    assert not faults(live)


def test_charts_in_shadow_roots_have_their_styles(live):
    style = "getComputedStyle(root.querySelector('.u-over')).position"
    assert live.execute_script(f"return {style}") == "absolute"
    assert live.execute_script("return root.adoptedStyleSheets.length") == 1
    assert live.execute_script("return document.adoptedStyleSheets.length") == 0


def test_groups_keep_what_stays(live):
    counts = live.execute_async_script("""
        const done = arguments[0];
        const titles = () => [...root.querySelectorAll(".wl-charts figcaption")].map((each) => each.textContent);
        const first = root.querySelector(".wl-charts canvas");
        const more = { ...lines, title: "More" };
        group.update({ kind: "group", data: { charts: [lines, more] }, options: {}, title: "" });
        frames(4).then(() => {
            const isKept = root.querySelector(".wl-charts canvas") === first;
            const two = titles();
            group.update({ kind: "group", data: { charts: [more] }, options: {}, title: "All" });
            frames(4).then(() => done([isKept, two, titles(), root.querySelectorAll(".wl-charts canvas").length]));
        });
    """)
    assert counts == [True, ["Loss", "More"], ["More"], 1]
    assert not faults(live)


def test_charts_are_replaced_resized_and_taken_away(live):
    widths = live.execute_async_script("""
        const done = arguments[0];
        const width = () => root.querySelector(".uplot").clientWidth;
        const before = width();
        root.host.style.width = "300px";
        const two = { ...lines, data: { series: [{ name: "acc", x: [1, 2], y: [null, 0.5] }] } };
        chart.update(two);
        frames(4).then(() => {
            const legend = root.querySelector(".u-legend").textContent;
            const after = width();
            const table = { kind: "table", title: "", text: "", options: {}, data: { headers: ["a"], rows: [[1]] } };
            chart.update(table);
            frames(4).then(() => {
                const cells = root.querySelectorAll(".wl-table td").length;
                chart.destroy();
                group.destroy();
                done([before, after, legend, cells, root.querySelectorAll("figure, canvas, table").length]);
            });
        });
    """)
    assert widths[0] > 400 and widths[1] <= 300 and "acc" in widths[2] and "loss" not in widths[2]
    assert widths[3:] == [1, 0]
    assert not faults(live)


def test_frames_draw_as_many_charts_as_they_have_time_for(live):
    """Each time the clock is read half a frame is over: there is time for one chart."""
    drawn = live.execute_async_script("""
        const done = arguments[0];
        let now = performance.now();
        performance.now = () => (now += 8);
        const more = Array.from({ length: 3 }, () => draw(root, lines));
        const count = () => root.querySelectorAll(".uplot").length;
        const counts = [count()];
        const next = () => {
            counts.push(count());
            if (counts.length < 12) requestAnimationFrame(next);
            else {
                delete performance.now;
                for (const each of more) each.destroy();
                done(counts);
            }
        };
        requestAnimationFrame(next);
    """)
    assert sorted(set(drawn)) == [2, 3, 4, 5]
    assert not faults(live)


BOUNDARY = """
    const boundary = (shade) => ({ kind: "boundary", title: "", text: "", options: {}, data: { size: 2,
        field: new Uint8Array(4), sureness: new Float32Array(4).fill(shade), xRange: [0, 1], yRange: [0, 1],
        x: [0.5], y: [0.5], classes: [0], labels: ["a"] } });
    const heatmap = (value) => ({ kind: "heatmap", title: "", text: "", options: {},
        data: { rows: 1, columns: 2, xs: null, ys: null, values: [0, value] } });
"""


def test_what_is_around_a_field_stays_while_its_pixels_change(live):
    kept = live.execute_async_script(f"""
        const done = arguments[0];
        {BOUNDARY}
        const charts = [draw(root, boundary(0)), draw(root, heatmap(1))];
        const seen = () => [...root.querySelectorAll(".wl-field")].map((box) => [box.lastChild, box.firstChild,
            [...box.firstChild.getContext("2d").getImageData(0, 0, 2, 1).data].join()]);
        frames(6).then(() => {{
            const [before, beforeHeat] = seen();
            charts[0].update(boundary(1));
            charts[1].update(heatmap(-1));
            frames(6).then(() => {{
                const [after, afterHeat] = seen();
                for (const each of charts) each.destroy();
                const same = (a, b) => [a[0] === b[0], a[1] === b[1], a[2] === b[2]];
                done([same(before, after), same(beforeHeat, afterHeat)]);
            }});
        }});
    """)
    assert kept == [[True, True, False]] * 2
    assert not faults(live)


@pytest.mark.parametrize(("chart", "told"), [("boundary(0)", "a 0.5, 0.5"), ("heatmap(7)", "0, 1: 7")])
def test_who_points_at_something_is_told_of_it(live, chart, told):
    live.execute_async_script(f"""
        const done = arguments[0];
        {BOUNDARY}
        // it is the only one, and in sight
        chart.destroy();
        group.destroy();
        draw(root, {chart});
        frames(6).then(done);
    """)
    box = live.execute_script("return root.querySelector('.wl-field')")
    # the first move has the tips made
    for x in (30, 34):
        ActionChains(live).move_to_element_with_offset(box, x, 0).perform()
        live.execute_async_script("frames(6).then(arguments[0])")
    wait_for(live, "root.querySelector('[aria-label=tip]')?.textContent")
    tip = live.execute_script("return root.querySelector('[aria-label=tip]').textContent")
    # its lines begin with what has no width
    assert tip.replace("\N{ZERO WIDTH SPACE}", " ").split() == told.split()
    assert not faults(live)
