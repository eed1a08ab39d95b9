"""Runs of `<weblayers-run>`: how they begin and end, what they cost, and many of them side by side."""

import io
import textwrap
import time

import pytest

from tests.browser.elements import ELEMENT, RUNTIME, SHADOW, TRAINING, click, ended, problem, served, until
from weblayers.hosting.server import Handler, serving

LONG = TRAINING.replace("EPOCHS", "100000")
STEERED = LONG.replace("await model.fit", 'await wl.page.training(model, "long").fit')


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


class Faulty(Handler):
    """A server that has one file of the runtime in a wrong way, until it is repaired."""

    name, fault = "", ""

    def send_head(self):
        if self.path.endswith(f"/{self.name}") and self.name:
            if self.fault == "missing":
                self.send_error(404)
                return None
            if self.fault == "a page":
                return self._answer(b"<!doctype html><title>all</title>", "text/html")
            if self.fault == "cut off":
                data = (RUNTIME / self.name).read_bytes()
                return self._answer(data[: len(data) // 3], self.guess_type(self.path))
        return super().send_head()

    def guess_type(self, path):
        return "text/plain" if self.fault == "type" and path.endswith(self.name) else super().guess_type(path)

    def _answer(self, data, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        return io.BytesIO(data)


@pytest.mark.parametrize(
    ("name", "fault", "message"),
    [
        ("pyodide.asm.wasm", "missing", "A file is missing"),
        ("pyodide.asm.wasm", "cut off", "damaged, cut off"),
        ("python_stdlib.zip", "cut off", "damaged, cut off"),
        ("pyodide-lock.json", "a page", "The server sent a page in its place"),
        ("pyodide.asm.mjs", "missing", "A module could not be loaded"),
    ],
)
def test_a_runtime_that_is_not_whole_says_which_file_and_begins_once_it_is(chromium, site, name, fault, message):
    handler = type("Faulty", (Faulty,), {"name": name, "fault": fault})
    with serving(site("print('here')\n"), handler) as url:
        chromium.get(url)
        text = problem(chromium)
        assert message in text and f"{url}/weblayers/{name}: " in text
        assert chromium.execute_script("return events.filter(([type]) => type === 'error').length") == 1
        handler.fault = ""
        assert chromium.execute_script(f"return {ELEMENT}.run()")
        assert "here" in ended(chromium)


def test_webassembly_of_another_type_is_loaded_all_the_same(chromium, site):
    handler = type("Faulty", (Faulty,), {"name": "pyodide.asm.wasm", "fault": "type"})
    with serving(site("print('here')\n"), handler) as url:
        chromium.get(url)
        assert "here" in ended(chromium)


def test_a_program_that_hangs_has_said_what_it_did(chromium, site):
    """And what floods the page leaves it responsive; both are ended by force, which is told."""
    with served(site("print('one')\nprint('two')\nwhile True:\n    pass\n")) as url:
        chromium.get(url)
        log = f"{SHADOW}.querySelector('.log').textContent"
        until(chromium, f"{SHADOW} && {log} === 'one\\ntwo\\n'")
        chromium.execute_script(f"return {ELEMENT}.stop()")
        assert chromium.execute_script(f"return [{ELEMENT}.state, {log}, events.at(-1)]") == [
            "done",
            "one\ntwo\n",
            ["done", {"stopped": True}],
        ]
        chromium.execute_script(
            f"{ELEMENT}.source = 'i = 0\\nwhile True:\\n    i += 1\\n    print(i)'; {ELEMENT}.run()"
        )
        until(chromium, f"{log}.includes('too many to show')")
        slowest = chromium.execute_async_script(
            """
            let [last, slowest] = [performance.now(), 0];
            const timer = setInterval(() => {
                slowest = Math.max(slowest, performance.now() - last);
                last = performance.now();
            }, 10);
            setTimeout(() => { clearInterval(timer); arguments[0](slowest) }, 2000);
            """
        )
        assert slowest < 500
        chromium.execute_script(f"return {ELEMENT}.stop()")
        assert chromium.execute_script(f"return {ELEMENT}.state") == "done"


def test_the_last_of_runs_that_follow_each_other_counts(chromium, site):
    with served(site(STEERED, "")) as url:
        chromium.get(url)
        chromium.execute_script(
            f"window.results = []; {ELEMENT}.source = 'print(1)'; {ELEMENT}.run(); {ELEMENT}.stop();"
            f"{ELEMENT}.run().then((result) => results.push(result))"
        )
        assert until(chromium, "results.length && results") == [True]
        assert chromium.execute_script(
            "return events.filter(([type]) => type === 'done').map(([, d]) => d.stopped)"
        ) == [
            True,
            False,
        ]
        # what trains is stopped, with all that tells of it, before another run begins
        chromium.execute_script(f"{ELEMENT}.source = arguments[0]; {ELEMENT}.run()", STEERED)
        until(chromium, "events.some(([type]) => type === 'epoch')")
        for _ in range(2):
            chromium.execute_script(f"{ELEMENT}.stop(); {ELEMENT}.run()")
            time.sleep(0.1)
        until(chromium, f"{ELEMENT}.state === 'running'")
        count = chromium.execute_script("return events.length")
        until(chromium, f"events.slice({count}).filter(([type]) => type === 'epoch').length > 2")
        assert chromium.execute_script(f"return {ELEMENT}.state") == "running"
        chromium.execute_script(f"{ELEMENT}.source = 'print(2)'; {ELEMENT}.run()")
        until(chromium, f"{ELEMENT}.state === 'done'")
        count = chromium.execute_script("return events.length")
        time.sleep(0.5)
        assert chromium.execute_script("return events.length") == count
        assert chromium.execute_script(f"return {SHADOW}.querySelector('.log').textContent") == "2\n"


def test_a_program_may_finish_after_its_training_was_stopped_but_not_go_on(chromium, site):
    """One that evaluates and saves gets to its end; one that never ends is ended, also where a control has begun it."""
    finite = LONG + "import asyncio\nawait asyncio.sleep(1)\nprint(float(model.evaluate(x, x[:, :1])) > 0)\n"
    endless = LONG + "import asyncio\nwhile True:\n    await asyncio.sleep(0.05)\n    print('alive')\n"
    clicked = f"from weblayers import page\nasync def main():\n{textwrap.indent(endless, ' ')}\npage.button('Go', main)"
    status, log = (f"{SHADOW}.querySelector('.{part}').textContent" for part in ("status", "log"))
    stop = f"[...{SHADOW}.querySelectorAll('button')].find((b) => b.textContent === 'Stop').ariaDisabled"
    with served(site(finite, "")) as url:
        chromium.get(url)
        for source in (finite, endless, clicked):
            chromium.execute_script(f"{ELEMENT}.source = arguments[0]; {ELEMENT}.run()", source)
            if source == clicked:
                until(chromium, f"{ELEMENT}.state === 'done'")
                click(chromium, "Go")
            until(chromium, f"{SHADOW} && {status}.startsWith('Epoch')")
            chromium.execute_script(f"window.stopped = false; {ELEMENT}.stop().then(() => {{ stopped = true; }})")
            if source == finite:
                until(chromium, "stopped")
                assert "True" in chromium.execute_script(f"return {SHADOW}.textContent")
            else:
                until(chromium, f"{log}.includes('alive')")
                # which no fit does now
                assert chromium.execute_script(f"return {status}") == "Stopping …"
                until(chromium, "stopped", seconds=10)
            assert chromium.execute_script(f"return [{ELEMENT}.state, {status}, {stop}]") == ["done", "Stopped", "true"]
        # a control's training says no epoch once it has ended by itself
        short = clicked.replace("100000", "300").replace("while True", "while False")
        chromium.execute_script(f"{ELEMENT}.source = arguments[0]; {ELEMENT}.run()", short)
        until(chromium, f"{ELEMENT}.state === 'done'")
        click(chromium, "Go")
        until(chromium, f"{log}.includes('after') && {status} === 'Done'")


def test_what_a_control_began_can_be_stopped(chromium, site):
    """What waits ends there; what does not listen ends with Python; tasks of an earlier run end with another."""
    program = """
    import asyncio, sys
    from weblayers import page

    def loop():
        print("looping")
        while True:
            pass

    async def wait():
        try:
            await asyncio.sleep(1000)
        finally:
            print("ended")

    async def fail():
        1 / 0

    page.button("Loop", loop)
    page.button("Wait", wait)
    page.button("Exit", lambda: sys.exit(3))
    page.button("Task", lambda: asyncio.ensure_future(fail()) and None)
    """
    stop = f"[...{SHADOW}.querySelectorAll('button')].find((b) => b.textContent === 'Stop').ariaDisabled"
    said = f"{SHADOW}.querySelector('.problem').textContent"
    with served(site(program)) as url:
        chromium.get(url)
        ended(chromium)
        click(chromium, "Wait")
        until(chromium, f"{stop} === 'false'")
        click(chromium, "Stop")
        until(chromium, f"{SHADOW}.querySelector('.log').textContent.includes('ended') && {stop} === 'true'")
        click(chromium, "Exit")
        until(chromium, f"{said}.includes('exit(3)')")
        click(chromium, "Task")
        until(chromium, f"{said}.includes('ZeroDivisionError')")
        click(chromium, "Loop")
        until(chromium, f"{stop} === 'false'")
        click(chromium, "Stop")
        until(chromium, f"{stop} === 'true' && {SHADOW}.querySelector('.status').textContent === 'Stopped'")
        assert chromium.execute_script(f"return {ELEMENT}.run()")
        click(chromium, "Loop")
        assert chromium.execute_script(f"return {ELEMENT}.run()")


def test_another_run_takes_what_the_element_says_then(chromium, site):
    folder = site("import weblayers as wl\nprint(wl.get_backend())\n", 'autorun executor="numpy"')
    (folder / "other.py").write_text("print(open('data.txt').read())\nprint(open('d ä/100%25.txt').read())\n")
    (folder / "data.txt").write_text("the data")
    (folder / "d ä").mkdir()
    (folder / "d ä" / "100%25.txt").write_text("more of it")
    with served(folder) as url:
        chromium.get(url)
        assert "numpy" in ended(chromium)
        chromium.execute_script(f"{ELEMENT}.setAttribute('executor', 'wasm'); return {ELEMENT}.run()")
        assert "wasm" in ended(chromium)
        chromium.execute_script(
            f"const element = {ELEMENT}; element.setAttribute('src', 'other.py');"
            "element.setAttribute('files', 'data.txt d%20%C3%A4/100%2525.txt'); return element.run()"
        )
        assert "the data\nmore of it" in ended(chromium)


def test_values_keep_their_shapes(chromium, site):
    """By messages, results and arguments."""
    program = """
    import numpy as np, weblayers as wl
    from weblayers import page

    made = {"a": np.arange(6.0).reshape(2, 3).T, "t": wl.ones([1, 2]), "n": None, "b": np.array([True])}
    page.send("values", made)

    def values():
        return made

    def kind(value):
        return type(value).__name__

    page.on("x", lambda value: page.send("back", [value, *([str(each.dtype) for each in value["a"]] if value else [])]))
    """
    with served(site(program)) as url:
        chromium.get(url)
        ended(chromium)
        nested = "JSON.parse(JSON.stringify(arguments[0], (k, v) => ArrayBuffer.isView(v) ? [...v] : v))"
        found = chromium.execute_async_script(
            f"""
            const plain = (value) => {nested.replace("arguments[0]", "value")};
            {ELEMENT}.call("values").then(async (result) => arguments[0]([
                plain(events.find(([type]) => type === "message")[1].value), plain(result),
                await {ELEMENT}.call("kind", null), await {ELEMENT}.call("kind", 3n),
            ]));
            """
        )
        values = {"a": [[0, 3], [1, 4], [2, 5]], "t": [[1, 1]], "b": [True]}
        assert [{key: each[key] for key in values} for each in found[:2]] == [values, values]
        assert found[2:] == ["NoneType", "int"]
        typed = ("Float32Array", "Float64Array", "Uint8Array", "Uint8ClampedArray", "Int16Array", "Uint32Array")
        arrays = ", ".join(f"new {name}([1, 2])" for name in typed)
        chromium.execute_script(f"{ELEMENT}.send('x'); {ELEMENT}.send('x', {{n: [null, undefined], a: [{arrays}]}})")
        until(chromium, "events.filter(([type]) => type === 'message').length === 3")
        empty, back = chromium.execute_script(
            f"return events.slice(-2).map(([, {{ value }}]) => {nested.replace('arguments[0]', 'value')})"
        )
    assert empty == [None]
    assert back[0] == {"n": [None, None], "a": [[1, 2]] * len(typed)}
    assert back[1:] == ["float32", "float64", "uint8", "uint8", "int16", "uint32"]


@pytest.mark.parametrize("fault", ["missing", "type"])
def test_charts_that_cannot_be_drawn_say_so(chromium, site, fault):
    handler = type("Faulty", (Faulty,), {"name": "weblayers_charts.mjs", "fault": fault})
    program = "import weblayers as wl\nwl.vis.render.linechart({'name': 'Loss'}, {'loss': [3, 2, 1]})\n"
    with serving(site(program), handler) as url:
        chromium.get(url)
        panel = "document.body.lastElementChild.shadowRoot?.querySelector('[data-panel=Loss]')?.shadowRoot"
        assert "weblayers_charts.mjs: " in until(chromium, f"{panel}?.querySelector('.problem')?.textContent")


def test_a_wheel_that_is_missing_is_named(chromium, site):
    with served(site("print('here')\n", 'autorun packages="nope-1.0-py3-none-any.whl"')) as url:
        chromium.get(url)
        assert f"{url}/nope-1.0-py3-none-any.whl: A file is missing" in problem(chromium)
