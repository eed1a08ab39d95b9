"""The documentation in a page: its programs run, it fits a phone, it is the reader's light or dark, search finds."""

import pytest

from tests.browser.conftest import SITE, require_build
from tests.browser.elements import ELEMENT, SHADOW, click, problem_or, until
from tests.browser.test_gallery import serious
from tools.browsers import open_browser

# One of each kind.
PAGES = ("index", "keras", "tensorflow_js", "speed", "training", "api/models", "api/layers_core")


@pytest.fixture(scope="module")
def chromium(display):
    require_build(SITE / "docs")
    with open_browser("chromium", display) as driver:
        driver.set_window_size(390, 900)
        yield driver


def scheme(driver, name):
    features = [{"name": "prefers-color-scheme", "value": name}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


@pytest.mark.parametrize("name", ["index", "start", "keras", "tensorflow_js"])
def test_programs_run(chromium, site_url, name):
    chromium.get(f"{site_url}/docs/{name}.html")
    until(chromium, f"{ELEMENT}.source && {ELEMENT}.source.length > 100")
    click(chromium, "Run")
    until(chromium, problem_or("done"))
    assert chromium.execute_script(f"return [{ELEMENT}.state, {SHADOW}.querySelector('.problem').textContent]") == [
        "done",
        "",
    ]


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_for_everybody(chromium, site_url, name):
    for wanted in ("light", "dark"):
        scheme(chromium, wanted)
        chromium.get(f"{site_url}/docs/{name}.html")
        assert serious(chromium) == []
    width = chromium.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]


def test_programs_have_the_page_s_colours(chromium, site_url):
    for wanted in ("light", "dark"):
        scheme(chromium, wanted)
        chromium.get(f"{site_url}/docs/start.html")
        until(chromium, f"{ELEMENT}.getAttribute('theme') === '{wanted}'")


def test_search_finds(chromium, site_url):
    chromium.get(f"{site_url}/docs/index.html")
    search = "document.querySelector('.md-search__input')"
    chromium.execute_script(
        f"document.querySelector('#__search').click(); {search}.focus(); {search}.value = 'EarlyStopping';"
        f"for (const type of ['input', 'keyup']) {search}.dispatchEvent(new Event(type, {{ bubbles: true }}));"
    )
    until(chromium, "document.querySelector('.md-search-result__link[href*=callbacks]')")
    loaded = chromium.execute_script("return performance.getEntriesByType('resource').map((e) => e.name)")
    assert all(url.startswith(site_url) for url in loaded)
