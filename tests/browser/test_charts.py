"""Charts in a browser: files of every kind."""

import functools
import time
from pathlib import Path

import numpy as np
import pytest

import weblayers as wl
from tests.browser.conftest import BUILD
from tools.browsers import open_browser

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
        "none": render.linechart(None, {"loss": [float("nan")] * 4}, title="No numbers"),
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
        if name in ("empty", "none"):
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
