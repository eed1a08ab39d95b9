"""Every page of the gallery runs its program; nothing is too wide for a phone, and nothing is without a name."""

import json
import math
import time
from pathlib import Path

import pytest

from tests.browser.conftest import DEVICES, require_build
from tests.browser.elements import ELEMENT, SHADOW, click, problem_or, until
from tools.browsers import open_browser
from tools.gallery import PROGRAMS
from weblayers.page import keeping

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
# Those that show what they show soon enough for a test come to their end.
SHORT = {"first", "tensorflow_js", "spiral"}

LOG = f"{SHADOW}.querySelector('.log').textContent"
STATUS = f"{SHADOW}.querySelector('.status').textContent"
# The number of the epoch that the page tells of.
EPOCH = f"Number({STATUS}.match(/(?:Epoch|Round) (\\d+)/)?.[1] ?? 0)"
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


def panel(name):
    """Inside a panel of the program's, or undefined where there is none."""
    return f"{SHADOW}.querySelector('[data-panel=\"{name}\"]')?.shadowRoot"


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
    # charts and tables that are too wide are scrolled by themselves
    body = f"{SHADOW}.querySelector('.body')"
    assert chromium.execute_script(f"return {body}.scrollWidth <= {body}.clientWidth")
    assert serious(chromium) == []


def test_feature_maps_are_seen_while_it_learns(chromium, site_url):
    chromium.get(f"{site_url}/gallery/fashion/")
    until(chromium, f"{ELEMENT}.source.length > 100")
    click(chromium, "Run")
    filters = panel("filters")
    heading = f"{filters}.querySelector('.wl-title').textContent"
    until(chromium, f"{ELEMENT}.state === 'failed' || {filters}?.querySelectorAll('figure canvas').length >= 2")
    first = chromium.execute_script(f"return {heading}")
    assert first.startswith("filters in step ")
    until(chromium, f"{heading} !== '{first}'")
    captions = chromium.execute_script(
        f"return [...{filters}.querySelectorAll('figcaption.wl-title')].map((c) => c.textContent)"
    )
    assert captions == ["output, one sample", "gradient, one sample"]
    chromium.execute_script(f"{SHADOW}.querySelector('.costs summary').click()")
    until(chromium, f"{SHADOW}.querySelectorAll('.costs dt').length >= 6")
    assert serious(chromium) == []
    click(chromium, "Stop")
    until(chromium, f"{ELEMENT}.state !== 'running'")


def test_weights_of_the_playground_are_seen_and_set(chromium, site_url):
    chromium.get(f"{site_url}/gallery/playground/")
    until(chromium, f"{ELEMENT}.source.length > 100")
    click(chromium, "Run")
    weights, chosen = panel("Its weights"), panel("Change weights")
    until(chromium, f"{weights}?.querySelector('input')")
    click(chromium, "Pause")

    def set_to(root, value):
        chromium.execute_script(
            f"const field = {root}.querySelector('input, select'); field.value = arguments[0];"
            "for (const name of ['input', 'change']) field.dispatchEvent(new Event(name, { bubbles: true }));",
            value,
        )

    # the panel is another one for each neuron
    labels = f"[...({weights}?.querySelectorAll('.field > span') ?? [])].map((each) => each.textContent).join()"
    assert chromium.execute_script(f"return {labels}") == "x to 1.1,y to 1.1,Bias of 1.1"
    set_to(weights, "4.25")
    set_to(chosen, "output")
    until(chromium, f"{labels} === '2.1 to output,2.2 to output,2.3 to output,2.4 to output,Bias of output'")
    set_to(chosen, "1.1")
    until(chromium, f"{labels}.startsWith('x to 1.1')")
    assert chromium.execute_script(f"return {weights}.querySelector('input').value") == "4.25"
    # the address has what the reader has set, and no weights
    assert "1.1" not in chromium.execute_script("return location.href")
    click(chromium, "Resume")
    until(chromium, f"{weights}.querySelector('input').value !== '4.25'")
    assert serious(chromium) == []
    click(chromium, "Stop")
    until(chromium, f"{ELEMENT}.state !== 'running'")


def test_the_playground_goes_on_step_by_step_and_after_a_reload(chromium, site_url):
    """Its network is drawn after every step, and said in words."""
    address = f"{site_url}/gallery/playground/#Noise=0.2&Neurons+per+layer=%223%22"
    running(chromium, address)
    name = f"{panel('Network')}?.querySelector('[role=img]')?.ariaLabel"
    until(chromium, f"{name}?.startsWith('2 inputs, layers of 3 and 1 neurons; 9 connections, ')")
    click(chromium, "Pause")
    paused = f"[...{SHADOW}.querySelectorAll('button')].some((b) => b.textContent === 'Resume')"
    chromium.execute_script(
        f"window.epochs = []; {ELEMENT}.addEventListener('epoch', (event) => epochs.push(event.detail.epoch))"
    )
    until(chromium, paused)
    # of an epoch that had ended by then the page is told later
    chromium.execute_async_script("setTimeout(arguments[0], 500)")
    for _ in range(2):
        drawn = chromium.execute_script(f"window.epochs.length = 0; return {name}")
        click(chromium, "Step")
        until(chromium, f"epochs.length && {name} !== {json.dumps(drawn)}")
        assert chromium.execute_script(f"return {paused} && epochs.length") == 1
    # one of its lines is as wide as any
    found = chromium.execute_script(
        f"""const canvas = {panel("Network")}.querySelector('canvas.wl-network');
        const {{ data }} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        return [canvas.clientWidth, data.some((value, i) => i % 4 === 3 && value === 255)];"""
    )
    assert 200 < found[0] <= 390 and found[1]
    stepped = chromium.execute_script("return epochs[0] + 1")
    running(chromium, address)
    until(chromium, f"{LOG}.includes('playground goes on after epoch {stepped};')")
    # another network in its place, by a control
    put(chromium, "Neurons per layer", "2")
    until(chromium, f"{name}?.startsWith('2 inputs, layers of 2 and 1 neurons; 6 connections, ')")
    click(chromium, "Stop")
    until(chromium, problem_or("done"))
    assert chromium.execute_script(f"return {SHADOW}.querySelector('.problem').textContent") == ""


def test_a_curve_is_fitted_on_after_a_reload_with_its_settings(chromium, site_url):
    address = f"{site_url}/gallery/regression/#Degree=2"
    running(chromium, address)
    until(chromium, problem_or("done"))
    running(chromium, address)
    until(chromium, f"{LOG}.includes('regression goes on after epoch 500;')")
    running(chromium, address.replace("=2", "=5"))
    until(chromium, f"{LOG}.includes('regression begins anew') && {LOG}.includes('x^5, loss')")
    assert chromium.execute_script(f"return {SHADOW}.querySelector('.problem').textContent") == ""


CHOOSE = """
    const field = arguments[0].querySelector('select');
    field.value = arguments[1];
    field.dispatchEvent(new Event('input', { bubbles: true }));
"""


def start_camera_program(driver, site_url):
    driver.get(f"{site_url}/gallery/camera/")
    until(driver, f"{ELEMENT}.source.length > 100")
    click(driver, "Run")
    until(driver, f"{ELEMENT}.state === 'failed' || {panel('What it sees')}?.querySelector('canvas')")
    assert driver.execute_script(f"return {SHADOW}.querySelector('.problem').textContent") == ""


def test_without_a_camera_there_is_a_clip(chromium, site_url):
    """It is taught by two buttons, and says what it sees."""
    start_camera_program(chromium, site_url)
    log = f"{SHADOW}.querySelector('.log').textContent"
    click(chromium, "This is A")
    until(chromium, f"{log}.includes('A has 10 examples')")
    click(chromium, "This is B")
    until(chromium, f"{log}.includes('learnt from 20 examples')")
    until(chromium, f"/A: .*B: .*C: /.test({panel('What it says')}?.querySelector('[role=img]')?.ariaLabel)")
    chromium.execute_script(CHOOSE, chromium.execute_script(f"return {SHADOW}.querySelector('.controls')"), "camera")
    until(chromium, f"{panel('Camera')}?.textContent.includes('There is no camera to use')")
    assert chromium.execute_script(f"return {SHADOW}.querySelector('select').value") == "clip"
    click(chromium, "Stop")
    until(chromium, f"{ELEMENT}.state !== 'running'")


def test_a_camera_is_seen(display, site_url):
    """The one that Chromium pretends to have shows a green field."""
    with open_browser("chromium", display, DEVICES["chromium"]) as driver:
        start_camera_program(driver, site_url)
        driver.execute_script(CHOOSE, driver.execute_script(f"return {SHADOW}.querySelector('.controls')"), "camera")
        pixel = f"""[...{panel("What it sees")}.querySelector('canvas').getContext('2d')
            .getImageData(5, 60, 1, 1).data]"""
        until(driver, f"((pixel) => pixel[1] > 100 && pixel[0] < 60)({pixel})")
        assert not driver.execute_script(f"return {panel('Camera')}")
        click(driver, "Stop")
        until(driver, f"{ELEMENT}.state !== 'running'")


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
    programs = [f"{site_url}/gallery/{name}/" for name in PROGRAMS]
    assert links == [f"{site_url}/", *programs, f"{site_url}/speed/"]
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
    time.sleep(keeping.KEEP_SECONDS)
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
    # what has not begun to train yet is compiled first, which on a busy machine may take longer than Stop waits
    until(chromium, f"{STATUS}.startsWith('Epoch ')")
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
