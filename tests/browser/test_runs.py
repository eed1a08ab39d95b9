"""Programs that run for long in `<weblayers-run>`: what they cost, and many of them side by side."""

from tests.browser.elements import ELEMENT, SHADOW, TRAINING, click, ended, served, until

LONG = TRAINING.replace("EPOCHS", "100000")


def test_figures_are_measured_only_while_somebody_looks(chromium, site):
    """They are loaded when they are opened, follow the training, and ask for nothing once they are closed."""
    costs = f"{SHADOW}.querySelector('.costs')"
    rows = f"[...{costs}.querySelectorAll('dt')].map((term) => [term.textContent, term.nextSibling.textContent])"
    shown = f"Object.fromEntries({rows})"
    with served(site(LONG)) as url:
        chromium.get(url)
        until(chromium, f"{SHADOW}.querySelector('.status').textContent.startsWith('Epoch')")
        loaded = (
            "performance.getEntriesByType('resource').filter((e) => e.name.endsWith('weblayers-monitor.js')).length"
        )
        assert chromium.execute_script(f"return {loaded}") == 0
        chromium.execute_script(f"{costs}.querySelector('summary').click()")
        until(chromium, f"/ ms$/.test({shown}['Time per step'])")
        found = chromium.execute_script(f"return {shown}")
        assert found["Who computes"].startswith("wasm computes: ")
        assert "MB" in found["Tensors"] and "in use" in found["Memory of WebAssembly"]
        assert float(found["Draws per step"]) >= 1 and float(found["Pictures per second"]) >= 0
        click(chromium, "Stop")
        until(chromium, f"{shown}['Time per step'] === 'no steps now'")
        chromium.execute_script(f"{costs}.querySelector('summary').click()")
        asked = chromium.execute_async_script(
            f"""const done = arguments[0];
            setTimeout(() => {{
                const call = {ELEMENT}._call; let count = 0;
                {ELEMENT}._call = function (...args) {{
                    count += args[0] === "figures";
                    return call.apply(this, args);
                }};
                setTimeout(() => done(count), 1200);
            }}, 600);"""
        )
        assert asked == 0


SWEEP = """
import asyncio
import weblayers as wl

async def train(rate):
    if rate == 2:
        raise ValueError("too large")
    model = wl.sequential([wl.layers.dense(1, input_shape=[1])])
    model.compile(wl.train.sgd(rate), "mse")
    history = await model.fit(wl.ones([4, 1]), wl.zeros([4, 1]), epochs=2, verbose=0)
    print("trained", rate)
    while rate == 3:
        await asyncio.sleep(1)
    return history.history["loss"]

runs = await wl.page.sweep(train, [{"rate": rate} for rate in RATES], workers=2)
wl.page.send("runs", [[run.settings["rate"], len(run.result or []), run.error or ""] for run in runs])
"""
COUNTING = """
window.workers = [0, 0];
const end = Worker.prototype.terminate;
Worker.prototype.terminate = function () { window.workers[1]++; return end.call(this); };
window.Worker = class extends Worker { constructor(...args) { super(...args); window.workers[0]++; } };
"""


def test_runs_in_several_workers(driver, site):
    """Two besides the program's own, which end with the runs; an error is that of its run."""
    with served(site(SWEEP.replace("RATES", "[0.1, 2, 0.3]"), attributes="")) as url:
        driver.get(url)
        until(driver, f"{ELEMENT}?.source?.length > 100")
        driver.execute_script(COUNTING)
        click(driver, "Run")
        ended(driver)
        found = until(driver, "events.find(([type]) => type === 'message')")[1]["value"]
        workers = driver.execute_script("return window.workers")
        lines = driver.execute_script(f"return {SHADOW}.querySelector('.log').textContent")
    assert found == [[0.1, 2, ""], [2, 0, "ValueError: too large"], [0.3, 2, ""]]
    cores = driver.execute_script("return navigator.hardwareConcurrency")
    assert workers == [1 + min(2, cores), min(2, cores)]
    assert sorted(lines.splitlines()) == ["trained 0.1", "trained 0.3"]


def test_workers_end_with_the_program(chromium, site):
    with served(site(SWEEP.replace("RATES", "[3, 3]"), attributes="")) as url:
        chromium.get(url)
        until(chromium, f"{ELEMENT}?.source?.length > 100")
        chromium.execute_script(COUNTING)
        click(chromium, "Run")
        until(chromium, f"{SHADOW}.querySelector('.log').textContent.split('trained').length === 3")
        click(chromium, "Stop")
        until(chromium, f"{ELEMENT}.state !== 'running' && window.workers[1] === 2")
