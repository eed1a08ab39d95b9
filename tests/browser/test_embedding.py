"""`<weblayers-run>` in pages of many kinds: what works there, and what the page says where something is missing."""

import asyncio
import textwrap
import threading
import time

import pytest
from selenium.webdriver import ActionChains, Keys

import weblayers as wl
from tests.browser.conftest import SITE
from tests.browser.elements import (
    ELEMENT,
    RUNTIME,
    SHADOW,
    SPIRALS,
    STRICT,
    TRAINING,
    click,
    ended,
    problem,
    problem_or,
    served,
    until,
)
from weblayers.hosting.pages import build_page
from weblayers.hosting.server import make_server


def test_a_built_page_trains_below_a_path_and_under_a_strict_policy(driver, tmp_path):
    # any name is one
    program = tmp_path / "pröög #1?100%25.py"
    program.write_text(TRAINING.replace("EPOCHS", "5") + "print(__file__)\n")
    build_page(program, tmp_path / "host" / "deep" / "path", RUNTIME, autorun=True)
    with served(tmp_path / "host", Content_Security_Policy=STRICT) as url:
        driver.get(f"{url}/deep/path/")
        text = ended(driver)
    assert "before" in text and "after wasm" in text and program.name in text
    assert "on the processor (WebAssembly)" in text and driver.title == "Trains"


def test_events_of_a_program_inside_the_page(chromium, site):
    inside = f'<script type="text/x-python">\n{textwrap.indent(TRAINING.replace("EPOCHS", "3"), "    ")}</script>'
    with served(site(attributes="", inside=inside)) as url:
        chromium.get(url)
        chromium.execute_script(f"{ELEMENT}.run()")
        ended(chromium)
        events = until(chromium, "events.at(-1)?.[0] === 'done' && events")
    types = [type_ for type_, _ in events]
    assert types.count("epoch") == 3 and types.count("ready") == types.count("done") == 1 and "error" not in types
    epochs = [detail for type_, detail in events if type_ == "epoch"]
    assert [e["epoch"] for e in epochs] == [0, 1, 2] and all(e["logs"]["loss"] > 0 for e in epochs)
    assert [x["text"] for t, d in events if t == "log" for x in d["lines"]] == ["before", "after wasm"]


def test_pause_resume_and_stop(driver, site):
    with served(site(TRAINING.replace("EPOCHS", "1000000"))) as url:
        driver.get(url)
        until(driver, "events.some(([type]) => type === 'epoch')")
        click(driver, "Pause")
        until(driver, f"{SHADOW}.querySelector('.bar').textContent.includes('Resume')")
        # what is on its way comes
        time.sleep(1.5)
        count = driver.execute_script("return events.length")
        time.sleep(0.3)
        assert driver.execute_script("return events.length") <= count + 1
        click(driver, "Resume")
        until(driver, f"events.length > {count + 1}")
        click(driver, "Stop")
        text = ended(driver)
    assert "after wasm" in text and "Stopped" in text


@pytest.mark.parametrize(
    "rest", ["import asyncio\nawait asyncio.sleep(1000)", "while True: pass"], ids=["waits", "does not listen"]
)
def test_a_program_that_does_not_end_is_ended_and_begins_anew(chromium, site, rest):
    with served(site(f"print('begun', flush=True)\nimport asyncio\nawait asyncio.sleep(0.2)\n{rest}\n")) as url:
        chromium.get(url)
        until(chromium, f"{SHADOW}.querySelector('.log').textContent.includes('begun')")
        time.sleep(0.3)
        click(chromium, "Stop")
        until(chromium, f"{ELEMENT}.state !== 'running' && {SHADOW}.querySelector('.status').textContent === 'Stopped'")
        chromium.execute_script(f"{ELEMENT}.source = \"print('again')\"; {ELEMENT}.run()")
        until(chromium, f"{SHADOW}.querySelector('.log').textContent.includes('again')")
        assert "the program has no function 'nothing'" in chromium.execute_async_script(
            f"{ELEMENT}.call('nothing').catch((error) => arguments[0](String(error)))"
        )


def test_who_prints_without_end_can_be_stopped(chromium, site):
    program = """
    import asyncio
    while True:
        for _ in range(1000):
            print("x" * 1000)
        await asyncio.sleep(0)
    """
    with served(site(program)) as url:
        chromium.get(url)
        until(chromium, "events.filter(([type]) => type === 'log').length > 5")
        click(chromium, "Stop")
        assert "lines were too many to show" in ended(chromium)


def test_output_for_a_terminal_is_shown_as_a_page_can(chromium, site):
    program = r"""
    import sys
    for i in range(3):
        print(f"\r{i} of 2", end="", flush=True)
    print("\n\x1b[1;31mred\x1b[0m \x1b]0;title\x07plain\x1b[K\r")
    sys.stderr.write("kept\r")
    """
    with served(site(program)) as url:
        chromium.get(url)
        ended(chromium)
        log = f"{SHADOW}.querySelector('.log')"
        assert until(chromium, f"{log}.textContent").splitlines() == ["2 of 2", "red plain", "kept"]
        # more of the program's own than are kept, a few at a time
        many = "import asyncio\nfor i in range(2500):\n    print(i)\n    if i % 50 == 0: await asyncio.sleep(0.06)\n"
        chromium.execute_script(f"{ELEMENT}.source = arguments[0]; return {ELEMENT}.run()", many)
        lines = chromium.execute_script(f"return {log}.textContent").splitlines()
    assert lines == ["(500 earlier lines were left out)", *map(str, range(500, 2500))]


def test_what_was_stopped_or_run_while_it_loads(chromium, site):
    with served(site("print('here', end='')\n", "")) as url:
        chromium.get(url)
        chromium.execute_script(f"window.first = {ELEMENT}.run(); window.same = {ELEMENT}.run(); {ELEMENT}.stop()")
        text = ended(chromium)
        assert "Stopped" in text and "here" not in text
        assert chromium.execute_script("return Promise.all([window.first, window.same])") == [False, False]
        # a line that has not ended is shown all the same
        assert chromium.execute_script(f"return {ELEMENT}.run()")
        assert "here" in ended(chromium)


@pytest.mark.parametrize("blocked", [False, True], ids=["", "without the editor's file"])
def test_a_program_that_is_edited(chromium, site, blocked):
    """What the reader has written runs, in the editor, and in a plain field where its file is not to be had."""
    chromium.execute_cdp_cmd("Network.enable", {})
    chromium.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*weblayers-editor.js"] if blocked else []})
    try:
        with served(site("print('here')\n", "editable")) as url:
            chromium.get(url)
            field = "textarea" if blocked else ".cm-content"
            until(chromium, f"{SHADOW}?.querySelector('{field}')")
            chromium.execute_script(f"{SHADOW}.querySelector('{field}').focus()")
            keys = ActionChains(chromium)
            keys.key_down(Keys.CONTROL).send_keys(Keys.END).key_up(Keys.CONTROL).send_keys("print('there')").perform()
            assert "print('there')" in chromium.execute_script(f"return {ELEMENT}.source")
            click(chromium, "Run")
            assert "there" in ended(chromium)
            assert bool(chromium.execute_script(f"return {SHADOW}.querySelector('.cm-content')")) != blocked
    finally:
        chromium.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})


def test_an_element_that_is_moved_goes_on(chromium, site):
    with served(site(TRAINING.replace("EPOCHS", "1000000"))) as url:
        chromium.get(url)
        until(chromium, "events.some(([type]) => type === 'epoch')")
        chromium.execute_script(f"document.body.appendChild(document.createElement('div')).append({ELEMENT})")
        count = chromium.execute_script("return events.length")
        until(chromium, f"events.length > {count + 2}")
        assert chromium.execute_script("return events.filter(([type]) => type === 'ready').length") == 1
        click(chromium, "Stop")
        ended(chromium)


def save(model, place):
    async def saved():
        await model.save(place)

    asyncio.run(saved())


def test_relative_addresses_are_the_page_s(chromium, site):
    program = """
    import weblayers as wl
    model = await wl.load_layers_model("model/model.json")
    rows = [row async for row in wl.data.csv("table.csv")]
    print(model.layers[0].name, len(rows))
    """
    folder = site(program)
    model = wl.sequential([wl.layers.dense(1, input_shape=[2], name="only")])
    save(model, f"file://{folder / 'model'}")
    (folder / "table.csv").write_text("a,b\n1,2\n3,4\n")
    with served(folder) as url:
        chromium.get(url)
        assert "only 2" in ended(chromium)


WAITS = """
import asyncio

async def main():
    await asyncio.sleep(0.1)
    return 5

print("found", asyncio.run(main()) + 1)
"""


@pytest.mark.parametrize(
    ("program", "state", "text"),
    [
        ("import sys\nprint('x')\nsys.exit()\n", "done", "Done"),
        ("raise SystemExit(3)\n", "failed", "it has ended itself: exit(3)"),
        ("import sys\nsys.exit('no data')\n", "failed", "it has ended itself: no data"),
        ("input('Name? ')\n", "failed", "ask by wl.page.text"),
        (WAITS, "done", "found 6"),
    ],
    ids=["exit", "exit 3", "exit with a text", "input", "a loop"],
)
def test_what_only_programs_on_a_terminal_do(chromium, site, program, state, text):
    chromium.get_log("browser")
    with served(site(program)) as url:
        chromium.get(url)
        assert text in ended(chromium)
        assert chromium.execute_script(f"return {ELEMENT}.state") == state
        assert chromium.get_log("browser") == []


CONTROLS = """
from weblayers import page
import numpy as np

rate = page.slider("Rate", 0.001, 1, 0.1, log=True, on_change=lambda value: print("rate", value))
units = page.number("Units", 4, 1, 9, on_change=lambda value: print("units", repr(value)))
page.number("Weight", 3.0, on_change=lambda value: print("weight", value))
page.choice("Data", ["spiral", "circle"], on_change=lambda value: print("data", value))
page.checkbox("Noise", on_change=lambda value: print("noise", value))
page.text("Name", "a", on_change=lambda value: print("name", value), where="outside")

async def clicked():
    page.show(np.arange(12).reshape(3, 4) / 11, where="picture", title="A picture")
    page.show("some text", where="outside")
    rate.value = 0.5
    print("clicked")

page.button("Do it", clicked)
page.button("Fail", lambda: 1 / 0)
page.on("hello", lambda value: page.send("answer", {"twice": 2 * value["x"]}))

async def double(values):
    return {"doubled": [2 * v for v in values]}
"""


def test_controls_pictures_calls_and_messages(chromium, site):
    folder = site(CONTROLS)
    page = folder / "index.html"
    page.write_text(page.read_text().replace("</weblayers-run>", '</weblayers-run><div id="outside"></div>'))
    with served(folder) as url:
        chromium.get(url)
        ended(chromium)
        chromium.execute_script(
            f"""
            const field = (label) => [...{SHADOW}.querySelectorAll('label')]
                .find((each) => each.firstChild.textContent === label).querySelector('input, select');
            const set = (label, key, value, type) => {{
                const input = field(label);
                input[key] = value;
                input.dispatchEvent(new Event(type));
            }};
            set('Rate', 'value', Math.log(0.01), 'input');
            set('Units', 'value', '99', 'change');
            set('Units', 'value', '6.5', 'change');
            set('Units', 'value', '7', 'change');
            set('Weight', 'value', '4.25', 'change');
            set('Data', 'value', 'circle', 'input');
            set('Noise', 'checked', true, 'input');
            window.answer = {ELEMENT}.call('double', [1, 2]);
            {ELEMENT}.send('hello', {{ x: 21 }});
            """
        )
        click(chromium, "Do it")
        until(chromium, f"{SHADOW}.querySelector('.log').textContent.includes('clicked')")
        assert chromium.execute_script("return window.answer") == {"doubled": [2, 4]}
        assert until(chromium, "events.find(([type]) => type === 'message')")[1] == {
            "name": "answer",
            "value": {"twice": 42},
        }
        log = chromium.execute_script(f"return {SHADOW}.querySelector('.log').textContent").split("\n")
        # a slider has steps; 99 is out of range, and 6.5 no whole number as 4 is; 3.0 is one by chance
        assert float(log[0].removeprefix("rate ")) == pytest.approx(0.01, rel=0.05)
        assert log[1:6] == ["units 7", "weight 4.25", "data circle", "noise True", "clicked"]
        canvas = f"{SHADOW}.querySelector('[data-panel=picture]').shadowRoot.querySelector('canvas')"
        assert until(chromium, f"{canvas} && [{canvas}.width, {canvas}.height, {canvas}.ariaLabel]")[:2] == [4, 3]
        outside = "document.querySelector('#outside > [data-panel]').shadowRoot"
        assert "some text" in until(chromium, f"{outside}.textContent")
        assert chromium.execute_script(f"return {SHADOW}.querySelector('output').textContent") == "0.5"
        click(chromium, "Fail")
        until(chromium, f"{SHADOW}.querySelector('.problem').textContent.includes('ZeroDivisionError')")


def test_the_address_remembers_what_controls_are_set_to(chromium, site):
    program = """
    from weblayers import page
    units = page.slider("Units", 1, 9, 4, step=1)
    data = page.choice("Data", ["spiral", "circle"])
    noise = page.checkbox("Noise")
    print(repr(units.value), data.value, noise.value)
    """
    with served(site(program, "autorun linked")) as url:
        chromium.get(f"{url}/#Units=99&Data=%22circle%22&Noise=true&else=%7B")
        # what is out of range, and what is somebody else's, counts for nothing
        assert "4 circle True" in ended(chromium)
        chromium.execute_script(
            f"""
            const input = {SHADOW}.querySelector('.field.slider input');
            input.value = '7';
            input.dispatchEvent(new Event('input'));
            """
        )
        assert "Units=7" in chromium.execute_script("return location.hash")
        chromium.refresh()
        assert "7 circle True" in ended(chromium)


def test_a_teacher_s_page_is_one_program_and_a_few_lines(chromium, site):
    """A spiral, what the network decides and how it learns, live."""
    folder = site((SPIRALS / "spiral.py").read_text())
    assert len((folder / "index.html").read_text().splitlines()) <= 10
    with served(folder, Content_Security_Policy=STRICT) as url:
        chromium.get(url)
        ended(chromium)
        shown = f"[...{SHADOW}.querySelectorAll('[data-panel]')].map((p) => p.dataset.panel)"
        assert sorted(until(chromium, shown)) == ["Decision", "Learning"]
        events = chromium.execute_script("return events")
    last = [detail["logs"] for type_, detail in events if type_ == "epoch"][-1]
    assert last["acc"] > 0.95 and ["done", {"stopped": False}] in events


def test_the_visor(chromium, site):
    program = """
    import weblayers as wl
    visor = wl.vis.visor()
    wl.vis.render.linechart({"name": "Loss", "tab": "Training"}, {"loss": [3, 2, 1]})
    wl.vis.render.table({"name": "Numbers", "tab": "Data"}, {"headers": ["a"], "values": [[1]]})
    """
    with served(site(program)) as url:
        chromium.get(url)
        ended(chromium)
        drawer = "document.body.lastElementChild.shadowRoot"
        tabs = f"[...{drawer}.querySelectorAll('[role=tab]')]"
        assert until(chromium, f"{tabs}.length === 2 && {tabs}.map((t) => [t.textContent, t.ariaSelected])") == [
            ["Training", "true"],
            ["Data", "false"],
        ]
        chart = f"{drawer}.querySelector('[data-panel=Loss]').shadowRoot"
        until(chromium, f"{chart}.querySelector('[role=img]')?.ariaLabel.includes('falls from 3 to 1')")
        chromium.save_screenshot(str(SITE.parent / "visor.png"))
        chromium.execute_script(f"{tabs}[1].click()")
        assert (
            chromium.execute_script(f"return {drawer}.querySelector('[role=tabpanel]:not([hidden])').ariaLabel")
            == "Data"
        )
        chromium.execute_script(
            f"[...{drawer}.querySelectorAll('button')].find((b) => b.textContent === 'Close').click()"
        )
        assert chromium.execute_script(f"return {drawer}.querySelector('aside').hidden")
        # another run begins without
        chromium.execute_script(f"{ELEMENT}.source = 'print(1)'; {ELEMENT}.run()")
        until(
            chromium,
            f"{ELEMENT}.state === 'done' && !document.body.lastElementChild.shadowRoot?.querySelector('aside')",
        )


def test_errors_name_the_line(chromium, site):
    late = "async def late():\n    await asyncio.sleep(1)\n    1 / 0\ntask = asyncio.create_task(late())\n"
    program = f"print('said', end='')\nvalue = 3\nimport asyncio\n{late}await asyncio.sleep(0)\nvalue.nothing()\n"
    with served(site(program)) as url:
        chromium.get(url)
        text = problem(chromium)
        # what was said before is told before
        assert chromium.execute_script("return events.map(([type]) => type)") == ["ready", "log", "error"]
        assert "AttributeError: 'int' object has no attribute 'nothing'" in text
        assert "Line 9: value.nothing()" in text
        # a task that fails later is told of beside it
        said = f"{SHADOW}.querySelector('.problem')"
        until(chromium, f"{said}.textContent.includes('ZeroDivisionError')")
        assert chromium.execute_script(f"return {said}.firstChild.textContent") == text
        assert chromium.execute_script(f"return {ELEMENT}.state") == "failed"


@pytest.mark.parametrize("thread", ["worker", "main"])
def test_errors_of_what_javascript_calls_are_shown(chromium, site, thread):
    program = """
    import js, sys
    from pyodide.code import run_js
    from pyodide.ffi import create_once_callable, create_proxy

    run_js("(exit) => { Promise.resolve().then(exit) }")(create_proxy(lambda _: sys.exit(3)))
    run_js("(fail) => { Promise.resolve().then(fail) }")(create_proxy(lambda _: {}["promised"]))
    js.setTimeout(create_once_callable(lambda: 1 / 0), 500)
    """
    chromium.get_log("browser")
    with served(site(program, f'autorun thread="{thread}"')) as url:
        chromium.get(url)
        until(chromium, "window.events?.filter(([type]) => type === 'error').length === 2")
        errors = [detail for type_, detail in chromium.execute_script("return events") if type_ == "error"]
        assert [(each["text"], each["line"]) for each in errors] == [
            ("KeyError: 'promised'", 7),
            ("ZeroDivisionError: division by zero", 8),
        ]
        assert "ZeroDivisionError" in chromium.execute_script(f"return {SHADOW}.querySelector('.problem').textContent")
        assert chromium.get_log("browser") == []


def test_errors_of_controls_name_the_line_too(chromium, site):
    with served(site("from weblayers import page\n\npage.button('Break', lambda: 1 / 0)\n")) as url:
        chromium.get(url)
        until(chromium, problem_or("done"))
        click(chromium, "Break")
        text = until(chromium, f"{SHADOW}.querySelector('.problem').textContent")
    assert "ZeroDivisionError" in text and "Line 3: page.button('Break', lambda: 1 / 0)" in text


def test_buttons_work_as_long_as_anything_trains(chromium, site):
    program = """
        import asyncio, numpy as np, weblayers as wl

        def made():
            model = wl.sequential([wl.layers.dense(1, input_shape=[2])])
            model.compile("sgd", "mse")
            return model

        x = np.ones((64, 2), "f")
        short, long = made(), made()
        async def first():
            await short.fit(x, x[:, :1], epochs=3, verbose=0)
            print("the first has ended")
        await asyncio.gather(first(), long.fit(x, x[:, :1], epochs=1_000_000, verbose=0))
        """
    with served(site(program)) as url:
        chromium.get(url)
        until(chromium, f"{SHADOW} && {SHADOW}.textContent.includes('the first has ended')")
        click(chromium, "Pause")
        until(chromium, f"[...{SHADOW}.querySelectorAll('button')].some((b) => b.textContent === 'Resume')")
        click(chromium, "Stop")
        until(chromium, f"{ELEMENT}.state !== 'running'")
        assert chromium.execute_script(f"return {SHADOW}.querySelector('.problem').textContent") == ""


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ('src="none.py" autorun', "The program could not be loaded: {url}/none.py: the server answered 404"),
        ('src="program.py" files="data/none.csv" autorun', "{url}/data/none.csv could not be loaded: the server"),
        ('src="program.py" runtime="elsewhere" autorun', "A module could not be loaded"),
        ('src="program.py" executor="softgpu" autorun', 'executor="softgpu" is none of auto, webgl, wasm, numpy'),
        ('src="program.py" thread="wroker" autorun', 'thread="wroker" is none of worker, main'),
        ('src="program.py" theme="drak" autorun', 'theme="drak" is none of auto, light, dark'),
        ('src="program.py" packages="nothing" autorun', "No known package with name 'nothing'"),
        ('src="" autorun', "there is none: name its file by src"),
    ],
    ids=["program", "file", "runtime", "executor", "thread", "theme", "package", "nothing"],
)
def test_what_is_missing_is_named(chromium, site, attributes, message):
    folder = site("print('here')\n", attributes)
    page = folder / "index.html"
    page.write_text(page.read_text().replace('src="program.py" src=', "src="))
    with served(folder) as url:
        chromium.get(url)
        problem(chromium)
        # without a look at the details
        shown = f"[...{SHADOW}.querySelectorAll('.problem strong, .problem p')].map((each) => each.textContent)"
        assert message.format(url=url) in "\n".join(chromium.execute_script(f"return {shown}"))


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (STRICT.replace(" 'wasm-unsafe-eval'", ""), "forbids WebAssembly"),
        (STRICT.replace("connect-src 'self'", "connect-src 'none'"), "could not be loaded"),
    ],
    ids=["wasm", "connect"],
)
def test_policies_that_forbid_too_much_are_named(chromium, site, policy, message):
    with served(site("print('here')\n"), Content_Security_Policy=policy) as url:
        chromium.get(url)
        assert message in problem(chromium)


def test_without_workers_the_page_s_own_thread_does(chromium, site):
    with served(site(TRAINING.replace("EPOCHS", "3")), Content_Security_Policy=STRICT + "; worker-src 'none'") as url:
        chromium.get(url)
        assert "after wasm" in ended(chromium)
        (ready,) = [detail for type_, detail in chromium.execute_script("return events") if type_ == "ready"]
    assert ready == {"thread": "main"}


def test_a_page_that_was_opened_as_a_file_says_so(driver, site):
    if driver.name_of_test == "webkit":
        pytest.skip("WebDriver opens no files in WebKitGTK")
    driver.get((site("print('here')\n") / "index.html").as_uri())
    assert "weblayers serve" in problem(driver)


def test_sandboxed_frames_say_what_they_need(chromium, site):
    folder = site("print('here')\n")
    (folder / "outer.html").write_text('<iframe sandbox="allow-scripts" src="index.html"></iframe>')
    with served(folder) as url:
        chromium.get(f"{url}/outer.html")
        chromium.switch_to.frame(0)
        assert "allow-same-origin" in problem(chromium)
        chromium.switch_to.default_content()


def test_frames_and_runtimes_of_other_origins(chromium, site, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "runtime").symlink_to(RUNTIME)
    with served(other, Access_Control_Allow_Origin="*") as runtime:
        folder = site(TRAINING.replace("EPOCHS", "2"), runtime=f"{runtime}/runtime/")
        with served(folder) as url, make_server(folder) as third:
            threading.Thread(target=third.serve_forever, daemon=True).start()
            (folder / "outer.html").write_text(f'<iframe src="{url}/index.html"></iframe>')
            chromium.get(f"http://127.0.0.1:{third.server_port}/outer.html")
            chromium.switch_to.frame(0)
            assert "after wasm" in ended(chromium)
            chromium.switch_to.default_content()
            third.shutdown()


def test_a_crash_of_python_is_told(chromium, site):
    program = "import js, pyodide_js\nprint('here')\npyodide_js._api.fatal_error(js.Error.new('boom'))\n"
    with served(site(program)) as url:
        chromium.get(url)
        assert "Python has crashed" in problem(chromium)
        (chromium.execute_script(f"{ELEMENT}.source = \"print('again')\"; {ELEMENT}.run()"))
        until(chromium, f"{SHADOW}.querySelector('.log').textContent.includes('again')")
