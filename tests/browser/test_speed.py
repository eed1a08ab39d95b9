"""The page that measures: it runs what is chosen, and its link carries the results, and nothing but results."""

import base64
import json

import pytest

from tests.browser.elements import until
from tests.browser.test_gallery import serious
from tools.browsers import open_browser


@pytest.fixture(scope="module")
def chromium(display):
    with open_browser("chromium", display) as driver:
        driver.set_window_size(390, 900)
        yield driver


def choose(driver, *names):
    driver.execute_script(
        "document.querySelectorAll('[type=checkbox]').forEach((b) => (b.checked = arguments[0].includes(b.value)));",
        names,
    )


def rows(driver):
    return driver.execute_script(
        "return [...document.querySelectorAll('tbody tr')].map((row) => [...row.cells].map((cell) => cell.textContent))"
    )


def test_what_is_measured_is_shown_and_goes_by_link(chromium, site_url):
    chromium.get(f"{site_url}/speed/")
    until(chromium, "document.querySelectorAll('input[type=checkbox]').length > 10")
    choose(chromium, "wasm", "tfjs_cpu", "jax_wasm", "dense1", "xor")
    chromium.execute_script("document.getElementById('rounds').value = 1; document.getElementById('start').click()")
    until(
        chromium,
        "document.getElementById('status').textContent === 'Done.' || !document.getElementById('error').hidden",
    )
    measured = rows(chromium)
    names = ["weblayers, WebAssembly", "TensorFlow.js, JavaScript", "jax-js, WebAssembly"]
    assert sorted(row[0] for row in measured) == sorted(names * 2), chromium.page_source
    assert all(float(row[1]) > 0 and row[2].endswith("x") and row[3].endswith(" ms") for row in measured)
    assert chromium.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    assert serious(chromium) == []
    link = chromium.execute_script("return document.getElementById('link').href")
    chromium.get("about:blank")
    chromium.get(link)
    until(chromium, "!document.getElementById('results').hidden")
    assert rows(chromium) == measured


@pytest.mark.parametrize(
    "carried",
    ["nonsense", {"workloads": {"xor": {"ms": {"wasm": {"fit": "<b>"}}, "first": {}, "cannot": {}}}, "machine": {}}],
    ids=["no results", "text for a number"],
)
def test_a_link_that_carries_something_else_is_refused(chromium, site_url, carried):
    text = carried if isinstance(carried, str) else base64.b64encode(json.dumps(carried).encode()).decode()
    chromium.get("about:blank")
    chromium.get(f"{site_url}/speed/#{text}")
    until(chromium, "!document.getElementById('error').hidden")
    assert "does not carry results" in chromium.execute_script("return document.getElementById('error').textContent")
    assert chromium.execute_script("return document.getElementById('results').hidden")
