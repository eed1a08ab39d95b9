"""Trainings that the reader of a page steers: what is kept when, and what the page says of it."""

import time

from tests.browser.elements import ELEMENT, SHADOW, click, problem_or, served, until

# One that is kept at its first epoch, and from then on only when somebody asks for it.
PROGRAM = """
import numpy as np, weblayers as wl
from weblayers.page import keeping

keeping.KEEP_SECONDS = 1e9
x = np.random.default_rng(0).random((64, 3)).astype("f")
model = wl.sequential([wl.layers.dense(8, activation="relu", input_shape=[3]), wl.layers.dense(1)])
model.compile("sgd", "mse")
training = wl.page.training(model, NAME, batch_size=8)
print("begins")
await training.fit(x, x.sum(1, keepdims=True), epochs=1_000_000, verbose=0, callbacks={"on_epoch_end": lambda *_: None})
"""
LOG = f"{SHADOW}.querySelector('.log').textContent"
LATEST = "(events.findLast(([type]) => type === 'epoch')?.[1].epoch ?? 0)"
PAUSED = f"[...{SHADOW}.querySelectorAll('button')].some((b) => b.textContent === 'Resume')"


def kept(name):
    """The number of epochs that the browser's storage knows of, as an expression of the page's."""
    return f"""new Promise((resolve) => {{
        indexedDB.open('tensorflowjs', 1).onsuccess = ({{ target }}) => {{
            const store = target.result.transaction('models_store').objectStore('models_store');
            const found = store.get('training-{name}@/#program.py');
            found.onsuccess = () => {{
                target.result.close();
                resolve(found.result?.modelArtifacts.userDefinedMetadata.training_snapshot.epoch ?? 0);
            }};
        }};
    }})"""


def test_who_pauses_or_looks_elsewhere_finds_what_was_there(driver, site):
    with served(site(PROGRAM.replace("NAME", "'left'"))) as url:
        driver.get(url)
        until(driver, f"{LATEST} > 20")
        assert driver.execute_script(f"return {kept('left')}") == 1
        driver.execute_script(
            "Object.defineProperty(document, 'hidden', { value: true });"
            "document.dispatchEvent(new Event('visibilitychange'));"
        )
        hidden = until(driver, f"{kept('left')}.then((epoch) => epoch > 1 && epoch)")
        assert hidden >= 20
        until(driver, f"{LATEST} > {hidden + 20}")
        click(driver, "Pause")
        # the epoch under way ends, and is kept, after the click
        time.sleep(1)
        paused = until(driver, f"{kept('left')}.then((epoch) => epoch === {LATEST} + 1 && epoch)")
        assert paused >= hidden + 20
        driver.get("about:blank")
        driver.get(url)
        until(driver, f"{LOG}.includes('left goes on after epoch {paused};')")
        click(driver, "Stop")
        until(driver, problem_or("done"))


def test_what_is_paused_stays_so(chromium, site):
    """With another batch size, and with new weights."""
    with served(site(PROGRAM.replace("NAME", "'rests'"))) as url:
        chromium.get(url)
        until(chromium, f"{LATEST} > 5")
        click(chromium, "Pause")
        until(chromium, f"{PAUSED} && {kept('rests')}.then((epoch) => epoch > 5)")
        before = chromium.execute_script("return events.length")
        chromium.execute_script(
            f"const input = {SHADOW}.querySelector('.field.number input'); input.value = '16';"
            "input.dispatchEvent(new Event('change'));"
        )
        click(chromium, "New weights")
        # the fit that begins anew says so, and makes no step
        answer = chromium.execute_script(f"return {ELEMENT}.call('print', []).catch(() => 'answered')")
        assert answer == "answered"
        assert chromium.execute_script(f"return {PAUSED} && events.length") == before
        until(chromium, f"{SHADOW}.querySelector('.status').textContent === 'New weights, not trained yet'")
        click(chromium, "Resume")
        until(chromium, f"events.slice({before}).some(([type, detail]) => type === 'epoch' && detail.epoch === 0)")
        click(chromium, "Stop")
        until(chromium, problem_or("done"))


def test_two_trainings_have_their_own_controls_and_keys(chromium, site):
    program = """
        import weblayers as wl

        def network():
            model = wl.sequential([wl.layers.dense(1, input_shape=[2])])
            model.compile(wl.train.sgd(0.1), "mse")
            return model

        first, second = wl.page.training(network(), "one", 8), wl.page.training(network(), "two", 8)
        print(first.batch_size, second.batch_size)
    """
    with served(site(program, "autorun linked")) as url:
        chromium.get(f"{url}#two%3A+Batch+size=32")
        until(chromium, problem_or("done"))
        assert "8 32" in chromium.execute_script(f"return {LOG}")
        chromium.execute_script(
            f"""const fields = [...{SHADOW}.querySelectorAll('.field.number')];
            window.labels = fields.map((each) => each.textContent);
            for (const [i, value] of [16, 64].entries()) {{
                fields[i].querySelector('input').value = value;
                fields[i].querySelector('input').dispatchEvent(new Event('change'));
            }}"""
        )
        assert chromium.execute_script("return labels") == ["Batch size", "two: Batch size"]
        address = chromium.execute_script("return location.hash")
        assert "two%3A+Batch+size=64" in address and "Batch+size=16" in address.split("&")


def test_what_a_control_says_is_said_once_and_goes_with_it(chromium, site):
    """The training that runs beside it goes on, and can be paused."""
    program = """
        import numpy as np, weblayers as wl
        wl.page.slider("Share", 0, 9, 3, step=1, on_change=lambda value: 1 / (value > 5))
        wl.page.button("Other", lambda: print("other"))
        model = wl.sequential([wl.layers.dense(1, input_shape=[2])])
        model.compile("sgd", "mse")
        await model.fit(np.ones((8, 2)), np.ones((8, 1)), epochs=1_000_000, verbose=0)
    """
    with served(site(program)) as url:
        chromium.get(url)
        buttons = f"[...{SHADOW}.querySelectorAll('button')]"
        until(chromium, f"{buttons}.some((b) => b.textContent === 'Pause' && b.ariaDisabled === 'false')")
        chromium.execute_script(
            f"""
            window.problem = {SHADOW}.querySelector('.problem');
            window.said = 0;
            new MutationObserver((all) => (said += all.some((each) => each.addedNodes.length)))
                .observe(problem, {{ childList: true }});
            window.move = (value) => {{
                const input = {SHADOW}.querySelector('.field.slider input');
                input.value = value;
                input.dispatchEvent(new Event('input'));
                return {ELEMENT}.call('print', []).catch(() => {{}});
            }};
            """
        )
        chromium.execute_async_script("Promise.all([move(1), move(2), move(3)]).then(arguments[0])")
        click(chromium, "Other")
        until(chromium, f"{SHADOW}.querySelector('.log').textContent.includes('other')")
        shown = chromium.execute_script("return [problem.hidden, problem.role, problem.textContent, said]")
        assert shown[:2] == [False, "alert"] and "ZeroDivisionError" in shown[2] and shown[3] == 1
        assert chromium.execute_script(f"return {ELEMENT}.state") == "running"
        chromium.execute_async_script("move(7).then(arguments[0])")
        until(chromium, "problem.hidden && !problem.textContent")
        click(chromium, "Stop")
        until(chromium, problem_or("done"))
        assert chromium.execute_script(f"return {ELEMENT}.state") == "done"


def test_frames_are_drawn_while_numpy_trains_in_the_page(driver, site):
    """In the page's own thread, where everything waits for it: few turns are given without a frame among them."""
    program = """
        import numpy as np, weblayers as wl
        from weblayers.runtime import page, stepping

        class Counted(page.Turns):
            given = 0

            async def give(self):
                Counted.given += 1
                await super().give()

        stepping.Turns = Counted
        x = np.random.default_rng(0).random((256, 64)).astype("f")
        model = wl.sequential([wl.layers.dense(64, activation="relu", input_shape=[64]), wl.layers.dense(1)])
        model.compile("adam", "mse")
        await model.fit(x, x.sum(1, keepdims=True), epochs=100, batch_size=16, verbose=0)
        print(f"{wl.get_backend()} gave {Counted.given} turns")
    """
    with served(site(program, 'thread="main" executor="numpy"')) as url:
        driver.get(url)
        driver.execute_script(
            f"""
            window.frames = 0;
            const count = () => requestAnimationFrame(() => {{ frames += 1; count(); }});
            count();
            {ELEMENT}.addEventListener('epoch', ({{ detail }}) => {{
                if (detail.epoch === 0) window.first = frames;
                window.during = frames - first;
            }});
            {ELEMENT}.run();
            """
        )
        until(driver, problem_or("done"))
        turns = int(driver.execute_script(f"return {LOG}.match(/numpy gave (\\d+) turns/)[1]"))
        # a turn comes every five milliseconds at most, so that about three are a frame
        assert turns > 50 and driver.execute_script("return during") > turns / 6


def test_of_two_tabs_the_last_keeps_the_training(chromium, site):
    with served(site(PROGRAM.replace("NAME", "'shared'"))) as url:
        chromium.get(url)
        until(chromium, f"{LATEST} > 5")
        first = chromium.current_window_handle
        # the first tab keeps it as it is hidden
        chromium.switch_to.new_window("tab")
        chromium.get(url)
        until(chromium, f"{LOG}.includes('shared goes on after epoch')")
        second = chromium.current_window_handle
        chromium.switch_to.window(first)
        until(chromium, f"{LOG}.includes('shared is kept by another tab from now on')")
        time.sleep(1)
        before = chromium.execute_script(f"return {kept('shared')}")
        until(chromium, f"{LATEST} > {before}")
        click(chromium, "Pause")
        time.sleep(1)
        assert chromium.execute_script(f"return {kept('shared')}") == before
        chromium.switch_to.window(second)
        click(chromium, "Pause")
        until(chromium, f"{kept('shared')}.then((epoch) => epoch > {before})")
        chromium.close()
        chromium.switch_to.window(first)
