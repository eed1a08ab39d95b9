"""Every page of the gallery runs its program; nothing is too wide for a phone, and nothing is without a name."""

import json
import math
import time
from pathlib import Path

import pytest

from tests.browser.conftest import require_build
from tests.browser.test_embedding import ELEMENT, SHADOW, click, problem_or, until
from tools.browsers import open_browser
from tools.gallery import PROGRAMS
from weblayers.page import steering

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
# Those that show what they show soon enough for a test come to their end.
SHORT = {"first", "tensorflow_js", "spiral"}

LOG = f"{SHADOW}.querySelector('.log').textContent"
STATUS = f"{SHADOW}.querySelector('.status').textContent"
# The number of the epoch that the page tells of.
EPOCH = f"Number({STATUS}.match(/Epoch (\\d+)/)?.[1] ?? 0)"
# Puts the names and contents of what is downloaded where the test sees them.
DOWNLOADS = """
    window.downloads = {};
    HTMLAnchorElement.prototype.click = async function () {
        window.downloads[this.download] = await (await fetch(this.href)).text();
    };
"""


@pytest.fixture(scope="module")
def chromium(display):
    with open_browser("chromium", display) as driver:
        driver.set_window_size(390, 900)
        yield driver


def serious(driver):
    """What keeps people with disabilities from using the page, as axe-core sees it."""
    driver.execute_script(AXE.read_text())
    found = driver.execute_async_script("axe.run().then(arguments[0])")
    return [
        (each["id"], [node["target"] for node in each["nodes"]])
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    ]


@pytest.fixture(scope="module", params=["firefox", "webkit"])
def another(request, display):
    """The browsers in which only the main programs run."""
    with open_browser(request.param, display) as driver:
        yield driver


def runs(driver, url, name):
    """Open a program's page and run it, to its end or until it shows something and is stopped; it has no problem."""
    driver.get(f"{url}/gallery/{name}/")
    until(driver, f"{ELEMENT}.source.length > 100")
    click(driver, "Run")
    if name in SHORT:
        until(driver, problem_or("done"))
        assert driver.execute_script(f"return {ELEMENT}.state") == "done"
    else:
        # something to see, and then an end on request
        shown = f"({SHADOW}.querySelector('.panels').childElementCount || {SHADOW}.querySelector('.log').textContent)"
        until(driver, f"{ELEMENT}.state === 'failed' || {ELEMENT}.state === 'done' || {shown}")
        time.sleep(1)
        click(driver, "Stop")
        until(driver, f"{ELEMENT}.state !== 'running'")
    assert driver.execute_script(f"return {SHADOW}.querySelector('.problem').textContent") == ""


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_runs(chromium, site_url, name):
    runs(chromium, site_url, name)
    width = chromium.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]
    assert serious(chromium) == []


@pytest.mark.parametrize("name", ["first", "playground"])
def test_a_main_program_runs_elsewhere(another, site_url, name):
    runs(another, site_url, name)


def test_a_training_goes_on_elsewhere(another, site_url):
    running(another, f"{site_url}/gallery/spiral/")
    until(another, f"{EPOCH} > 20")
    running(another, f"{site_url}/gallery/spiral/")
    until(another, f"{LOG}.includes('spiral goes on after epoch')")
    click(another, "Stop")
    until(another, problem_or("done"))
    assert another.execute_script(f"return {SHADOW}.querySelector('.problem').textContent") == ""


def test_the_gallery_leads_to_all(chromium, site_url):
    require_build(Path(__file__).parents[2] / "build" / "site" / "gallery")
    chromium.get(f"{site_url}/gallery/")
    links = chromium.execute_script("return [...document.querySelectorAll('.cards a')].map((a) => a.href)")
    assert links == [f"{site_url}/", *(f"{site_url}/gallery/{name}/" for name in PROGRAMS)]
    assert serious(chromium) == []


def put(driver, label, value):
    """Set a control to a value, as far as its input knows it."""
    driver.execute_script(
        f"""const field = [...{SHADOW}.querySelectorAll('.field')].find((f) => f.textContent.startsWith(arguments[0]));
        const input = field.querySelector('input');
        input.value = arguments[1];
        for (const type of ['input', 'change']) input.dispatchEvent(new Event(type));""",
        label,
        value,
    )


def running(driver, url):
    """Open a page of the gallery, and have its program train; one of few epochs for so many that a test ends before."""
    driver.get("about:blank")
    driver.get(url)
    until(driver, f"{ELEMENT}.source.length > 100")
    driver.execute_script(f"{ELEMENT}.source = {ELEMENT}.source.replace('epochs=300,', 'epochs=30_000,')")
    click(driver, "Run")
    until(driver, f"{ELEMENT}.state === 'failed' || {STATUS}.startsWith('Epoch')")


def test_a_reader_steers_a_training_that_survives_a_reload(chromium, site_url):
    running(chromium, f"{site_url}/gallery/spiral/")
    put(chromium, "Batch size", "50")
    put(chromium, "Learning rate", str(math.log(0.02)))
    link = chromium.execute_script("return location.href")
    assert "Batch+size=50" in link and "Learning+rate=0.02" in link
    begun = chromium.execute_script(f"return {EPOCH}")
    until(chromium, f"{EPOCH} > {begun + 20}")

    click(chromium, "Pause")
    until(chromium, f"[...{SHADOW}.querySelectorAll('button')].some((b) => b.textContent === 'Resume')")
    chromium.execute_script(DOWNLOADS)
    click(chromium, "Export")
    until(chromium, "Object.keys(downloads).length === 2 && downloads['spiral.json']")
    assert json.loads(chromium.execute_script("return downloads['spiral.json']"))["trainingConfig"]
    paused = chromium.execute_script(f"return {EPOCH}")
    click(chromium, "Resume")
    until(chromium, f"{EPOCH} > {paused}")
    # what is done is kept within seconds
    time.sleep(steering.KEEP_SECONDS)
    until(chromium, f"{EPOCH} > {paused + 2}")

    running(chromium, link)
    until(chromium, f"{LOG}.includes('spiral goes on after epoch')")
    assert int(chromium.execute_script(f"return {LOG}.match(/goes on after epoch (\\d+)/)[1]")) >= begun + 10
    shown = chromium.execute_script(f"return [...{SHADOW}.querySelectorAll('.field input')].map((i) => i.value)")
    assert float(shown[0]) == pytest.approx(math.log(0.02), rel=0.01) and shown[1] == "50"
    chromium.execute_script(
        f"window.epochs = []; {ELEMENT}.addEventListener('epoch', (event) => epochs.push(event.detail.epoch))"
    )
    click(chromium, "New weights")
    until(chromium, "epochs.includes(0)")
    click(chromium, "Stop")
    until(chromium, problem_or("done"))
    assert chromium.execute_script(f"return {SHADOW}.querySelector('.problem').textContent") == ""


def test_the_gpt_goes_on_after_a_reload(chromium, site_url):
    running(chromium, f"{site_url}/gallery/gpt/")
    until(chromium, f"{STATUS}.startsWith('Epoch 2 ')")
    running(chromium, f"{site_url}/gallery/gpt/")
    until(chromium, f"{LOG}.includes('gpt goes on after epoch')")
    click(chromium, "Stop")
    until(chromium, problem_or("done"))
    assert chromium.execute_script(f"return {SHADOW}.querySelector('.problem').textContent") == ""


def test_the_front_page_on_a_phone(chromium, site_url):
    running(chromium, f"{site_url}/")
    click(chromium, "Stop")
    until(chromium, problem_or("done"))
    width = chromium.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]
    assert serious(chromium) == []
