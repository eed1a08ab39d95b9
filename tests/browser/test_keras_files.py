"""Keras' files in pages: those that Keras has written are read there, and it opens what a page gives to download."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.browser.conftest import MAIN_PYODIDE
from tests.browser.elements import ELEMENT, SHADOW, STRICT, click, ended, problem, served, until
from weblayers.hosting.server import Handler, serving

THEIRS = ("theirs.keras", "theirs.h5", "theirs.weights.h5")
PEER = Path(__file__).parents[1] / "peer" / "keras_in_pages.py"

# Puts the names and contents of what is downloaded where the test sees them.
DOWNLOADS = """
    window.downloads = {};
    const created = URL.createObjectURL.bind(URL), blobs = {};
    URL.createObjectURL = (blob) => { const url = created(blob); blobs[url] = blob; return url; };
    HTMLAnchorElement.prototype.click = async function () {
        const bytes = new Uint8Array(await blobs[this.href].arrayBuffer());
        window.downloads[this.download] = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
    };
"""

BOTH_WAYS = """
import json
import numpy as np
import weblayers as wl

L = wl.layers
x = np.array(json.load(open("theirs.json"))["inputs"], np.float32)


def show(name, model, steps=None):
    values = {"predictions": model.predict(x), "weights": model.get_weights()}
    print(json.dumps([name, {**values, "steps": steps}], default=lambda tensor: tensor.numpy().tolist()))


for name in ("theirs.keras", "theirs.h5"):
    model = await wl.load_layers_model(name)
    show(name, model, model.optimizer.steps)
for weight in model.weights:
    weight.assign(np.zeros(weight.shape, np.float32))
await model.load_weights("theirs.weights.h5")
show("theirs.weights.h5", model)

model = wl.sequential(
    [
        L.conv2d(3, 3, activation="relu", input_shape=[8, 8, 1], name="größe"),
        L.batch_normalization(),
        L.reshape([6, 18]),
        L.lstm(5, recurrent_activation="sigmoid"),
        L.dense(2, activation="softmax"),
    ]
)
model.compile("adam", "categorical_crossentropy")
await model.fit(x, np.eye(2, dtype=np.float32)[[0, 1, 0, 1, 1, 0]], epochs=3, batch_size=2, verbose=0)
for name in ("ours.keras", "ours.h5"):
    await model.save(f"downloads://{name}", include_optimizer=True)
await model.save_weights("downloads://ours.weights.h5")
show("ours", model, model.optimizer.steps)
"""


def keras(verb, folder):
    done = subprocess.run([sys.executable, PEER, verb, folder], capture_output=True, text=True, timeout=250)
    assert not done.returncode, done.stderr


def alike(found, expected, what):
    np.testing.assert_allclose(found["predictions"], expected["predictions"], atol=1e-5, err_msg=what)
    assert len(found["weights"]) == len(expected["weights"])
    for one, other in zip(found["weights"], expected["weights"], strict=True):
        np.testing.assert_array_equal(np.float32(one), np.float32(other), err_msg=what)


def test_keras_and_a_page_open_each_other_s_files(chromium, site, tmp_path):
    """In a worker, under a strict policy: of convolutions, normalization, an LSTM, and with the optimizer's state."""
    keras("make", tmp_path)
    folder = site(BOTH_WAYS, attributes=f'files="theirs.json {" ".join(THEIRS)}"')
    with served(folder, Content_Security_Policy=STRICT) as url:
        chromium.get(url)
        chromium.execute_script(DOWNLOADS)
        chromium.execute_script(f"{ELEMENT}.run()")
        assert "Done" in ended(chromium)
        events = until(chromium, "events.at(-1)?.[0] === 'done' && events")
        downloads = until(chromium, "Object.keys(downloads).length === 3 && downloads")
    said = dict(json.loads(line["text"]) for type_, d in events if type_ == "log" for line in d["lines"])
    expected = json.loads((tmp_path / "theirs.json").read_text())
    for name in THEIRS:
        alike(said[name], expected, name)
    assert said["theirs.keras"]["steps"] == expected["steps"] == 9
    for name, data in downloads.items():
        (tmp_path / name).write_bytes(base64.b64decode(data))
    keras("open", tmp_path)
    for name, found in json.loads((tmp_path / "ours.json").read_text()).items():
        alike(found, said["ours"], name)
        if name == "ours.keras":
            assert found["steps"] == said["ours"]["steps"] == 9


def test_files_of_keras_need_no_package(browser):
    """In the page's own thread, in every browser, and with the oldest Pyodide."""
    found = browser.run_python("""
        import importlib.util
        import numpy as np
        import weblayers as wl

        x = np.eye(4, dtype=np.float32)
        model = wl.sequential([wl.layers.dense(3, input_shape=[4]), wl.layers.batch_normalization()])
        model.compile("adam", "mse")
        await model.fit(x, np.ones((4, 3), np.float32), epochs=2, verbose=0)
        predictions = [model.predict(x)]
        for name in ("model.keras", "model.h5"):
            await model.save(name, include_optimizer=True)
            other = await wl.load_layers_model(name)
            predictions.append(other.predict(x))
        await model.save_weights("model.weights.h5")
        for weight in other.weights:
            weight.assign(np.zeros(weight.shape, np.float32))
        await other.load_weights("model.weights.h5")
        predictions.append(other.predict(x))
        try:
            open("damaged.h5", "wb").write(open("model.h5", "rb").read()[:3000])
            await wl.load_layers_model("damaged.h5")
        except wl.io.ModelFileError as error:
            said = str(error)
        importlib.util.find_spec("h5py") is None, [await p.array() for p in predictions], other.optimizer.steps, said
        """)
    without, predictions, steps, said = found
    assert without and steps == 2 and "not all of one" in said
    for one in predictions[1:]:
        np.testing.assert_allclose(one, predictions[0], atol=1e-6)


@pytest.mark.parametrize("name", ["line", "line.keras"])
def test_pages_load_the_library_when_they_want_it(chromium, site, name):
    asked = []

    class Noting(Handler):
        def log_request(self, *_):
            asked.append(self.path)

    program = f"""
        import weblayers as wl
        model = wl.sequential([wl.layers.dense(1, input_shape=[1])])
        await model.save({name!r})
        """
    with serving(site(program), Noting) as url:
        chromium.get(url)
        assert "Done" in ended(chromium)
    assert ("/weblayers/weblayers_hdf5.mjs" in asked) == name.endswith(".keras") and len(asked) > 5


def test_a_page_without_the_library_says_what_to_put_there(chromium, site, tmp_path):
    """The runtime's folder as somebody has copied it who left out what is not always loaded."""
    runtime = tmp_path / "lean"
    runtime.mkdir()
    for path in MAIN_PYODIDE.iterdir():
        if path.name != "weblayers_hdf5.mjs":
            (runtime / path.name).symlink_to(path)
    program = """
        import weblayers as wl
        model = wl.sequential([wl.layers.dense(1, input_shape=[1])])
        await model.save("line.keras")
        """
    with served(site(program, runtime="lean/")) as url:
        chromium.get(url)
        said = problem(chromium)
    assert "ImportError" in said and "weblayers_hdf5.mjs" in said


def test_a_program_of_the_gallery_exports_for_keras(chromium, site_url):
    chromium.get(f"{site_url}/gallery/spiral/")
    until(chromium, f"{ELEMENT}.source.length > 100")
    chromium.execute_script(DOWNLOADS)
    chromium.execute_script(f"{ELEMENT}.source = {ELEMENT}.source.replace('epochs=300,', 'epochs=30_000,')")
    click(chromium, "Run")
    until(chromium, f"{SHADOW}.textContent.includes('Export for Keras')")
    click(chromium, "Export for Keras")
    data = until(chromium, "downloads['spiral.keras']")
    assert base64.b64decode(data)[:2] == b"PK"
    click(chromium, "Stop")
