"""Pages with a `<weblayers-run>`, and what tests do with it."""

import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.browser.conftest import SITE
from weblayers.hosting.server import Handler, serving

STRICT = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; img-src data:"
RUNTIME = SITE / "weblayers"
SPIRALS = Path(__file__).parents[2] / "demo_site" / "programs"

TRAINING = '''"""Trains

A network."""
import numpy as np
import weblayers as wl

x = np.random.default_rng(0).random((64, 3)).astype("f")
model = wl.sequential([wl.layers.dense(8, activation="relu", input_shape=[3]), wl.layers.dense(1)])
model.compile("sgd", "mse")
print("before")
await model.fit(x, x.sum(1, keepdims=True), epochs=EPOCHS, verbose=0)
print("after", wl.get_backend())
'''


@contextmanager
def served(folder, **headers):
    class WithHeaders(Handler):
        def end_headers(self):
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            super().end_headers()

    with serving(folder, WithHeaders) as url:
        yield url


ELEMENT = "document.querySelector('weblayers-run')"
SHADOW = f"{ELEMENT}.shadowRoot"


def until(driver, condition, seconds=90):
    """Wait for a condition of the page's; gives its value."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = driver.execute_script(f"return {condition};")
        if value:
            return value
        time.sleep(0.05)
    shown = driver.execute_script(f"return {SHADOW} && {SHADOW}.textContent")
    pytest.fail(f"{condition} did not come true; the element shows {shown!r}")


def ended(driver):
    """The text of the element once its program is done or has failed."""
    until(driver, problem_or("done"))
    return driver.execute_script(f"return {SHADOW}.textContent")


def problem_or(state):
    """The condition that a program has come to a state, or has failed."""
    return f"['{state}', 'failed'].includes({ELEMENT}.state)"


def problem(driver):
    until(driver, f"{ELEMENT}.state === 'failed'")
    return driver.execute_script(f"return {SHADOW}.querySelector('.problem').textContent")


def click(driver, label):
    driver.execute_script(
        f"[...{SHADOW}.querySelectorAll('button')].find((b) => b.textContent === arguments[0]).click()", label
    )
