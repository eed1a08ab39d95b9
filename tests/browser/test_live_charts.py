"""Charts in a browser that grow and change in a shadow root, under a strict policy."""

import numpy as np
import pytest
from selenium.webdriver import ActionChains

from tests.browser.test_charts import ASSETS, faults, show_page, wait_for
from tools.browsers import open_browser
from weblayers.hosting.server import Handler, serving


@pytest.fixture(scope="module")
def driver():
    with open_browser("chromium") as made:
        # without a scroll bar, which would have charts drawn anew as it comes
        show_page(made, 800, 4000, "light")
        yield made


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
def live(driver, tmp_path):
    """Charts in a shadow root, under a strict policy."""
    (tmp_path / "page.html").write_text(PAGE)
    (tmp_path / "page.js").write_text(SCRIPT)
    (tmp_path / "weblayers_charts.mjs").write_bytes((ASSETS / "weblayers_charts.mjs").read_bytes())
    with serving(tmp_path, Strict) as url:
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


def test_bars_that_share_a_pixel(live):
    bars, height, low = live.execute_async_script("""
        const done = arguments[0];
        const values = Float64Array.from({ length: 100000 }, (_, i) => (i === 12345 ? 9 : i === 54321 ? -5 : 1));
        chart.update({ ...lines, kind: "bars", data: { labels: Array.from(values, (_, i) => `bar ${i}`), values } });
        frames(6).then(() => {
            const bars = [...root.querySelectorAll("[aria-label=bar] rect")];
            const heights = bars.map((each) => Number(each.getAttribute("height"))).sort((a, b) => b - a);
            const begins = bars.map((each) => Number(each.getAttribute("y")) + Number(each.getAttribute("height")));
            const low = new Set(begins.map(Math.round)).size;
            done([bars.length, heights.slice(0, 3).map((each) => each / heights.at(-1)), low]);
        });
    """)
    # all begin at 0, but the one that is below ends elsewhere
    assert low == 2
    assert 500 < bars <= 2000 and height == pytest.approx([9, 5, 1], rel=1e-3)
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
            frames(4).then(() => {{
                const many = read().length;
                // what is no more is not read out either
                chart.update({{ ...lines, data: {{ series: [] }} }});
                done([many, says()]);
            }});
        }});
    """)
    assert told == [5, ""]
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
