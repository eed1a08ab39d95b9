"""PyScript, on the page and in its workers, which see the page's document from afar."""

import json
import time
from pathlib import Path

import pytest

from tests.browser.conftest import SITE, require_build
from tools.browsers import open_browser
from weblayers.hosting.server import Handler, serving

ROOT = Path(__file__).parents[2]
PYSCRIPT = ROOT / "node_modules" / "@pyscript" / "core" / "dist"
SECONDS = 90

PROGRAM = """
import json
import numpy as np
import weblayers as wl
from pyscript import window

async def trained(backend):
    wl.set_backend(backend)
    wl.set_random_seed(0)
    x = np.float32([[0, 0], [0, 1], [1, 0], [1, 1]])
    model = wl.sequential([
        wl.layers.dense(8, activation="tanh", input_shape=[2]),
        wl.layers.dense(1, activation="sigmoid"),
    ])
    model.compile(wl.train.adam(0.1), "binary_crossentropy")
    history = await model.fit(x, np.float32([[0], [1], [1], [0]]), epochs=60, verbose=0)
    return [wl.get_backend(), history.history["loss"][-1], (wl.tensor([1.0, 2.0]) * 2).array_sync()]

try:
    found = [await trained(name) for name in ("auto", "webgl", "numpy")]
except Exception as error:
    found = f"{type(error).__name__}: {error}"
window.found = json.dumps(found)
"""

PAGE = """<!doctype html>
<meta charset="utf-8">
<title>PyScript</title>
<script type="module" src="pyscript/core.js"></script>
<script type="py" {where} config="pyscript.toml">{program}</script>
"""


class Isolated(Handler):
    """What a worker of PyScript needs to see the page."""

    def end_headers(self) -> None:
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    require_build(SITE)
    if not PYSCRIPT.is_dir():
        pytest.fail("PyScript is not installed: run `./build.sh test`, which installs all that tests need")
    folder = tmp_path_factory.mktemp("pyscript")
    (folder / "pyscript").symlink_to(PYSCRIPT)
    (folder / "weblayers").symlink_to(SITE / "weblayers")
    for name, where in (("page", ""), ("worker", "worker")):
        (folder / f"{name}.html").write_text(PAGE.format(where=where, program=PROGRAM))
    with serving(folder, Isolated) as address:
        wheel = next(p.name for p in (SITE / "weblayers").glob("weblayers-*-py3-none-any.whl"))
        packages = json.dumps(["numpy", f"{address}/weblayers/{wheel}"])
        config = f'interpreter = "{address}/weblayers/pyodide.mjs"\npackages = {packages}\n'
        (folder / "pyscript.toml").write_text(config)
        yield address


@pytest.mark.parametrize("where", ["page", "worker"])
def test_a_program_trains(url, display, where):
    with open_browser("chromium", display) as driver:
        driver.get(f"{url}/{where}.html")
        end = time.monotonic() + SECONDS
        while not (found := driver.execute_script("return globalThis.found")) and time.monotonic() < end:
            time.sleep(0.2)
        assert found, driver.execute_script("return document.body.innerText")
    (auto, webgl, numpy) = json.loads(found)
    assert [auto[0], webgl[0], numpy[0]] == ["wasm", "webgl", "numpy"]
    assert auto[1] == pytest.approx(numpy[1], rel=1e-3) and webgl[1] == pytest.approx(numpy[1], rel=1e-2)
    assert numpy[1] < 0.3 and auto[2] == webgl[2] == numpy[2] == [2, 4]
