"""Models in the browser's own storage, shared with TensorFlow.js on one page, and still there after a reload."""

import json
from pathlib import Path

import pytest

TFJS = Path(__file__).parents[2] / "node_modules" / "@tensorflow" / "tfjs" / "dist" / "tf.min.js"

MODEL = """
import numpy as np
import weblayers as wl

wl.set_random_seed(0)
x = wl.input(shape=[4])
h = wl.layers.dense(3, activation="hard_sigmoid").apply(x)
model = wl.model(inputs=x, outputs=wl.layers.dense(2, name="end").apply(wl.layers.batch_normalization().apply(h)))
model.compile(wl.train.adam(0.05), "mse")
await model.fit(np.eye(4, dtype=np.float32), np.ones((4, 2), np.float32), epochs=3, verbose=0)
"""
GO_ON = """
import numpy as np
import weblayers as wl

async def go_on(model):
    x, y = np.eye(4, dtype=np.float32), np.ones((4, 2), np.float32)
    return (await model.fit(x, y, epochs=2, shuffle=False, verbose=0)).history["loss"]
"""
PREDICTED = "await model.predict(np.eye(4, dtype=np.float32)).array()"


def test_models_are_there_after_a_reload(browser):
    """With the optimizer's state: training goes on to the very numbers that it would have reached."""
    expected = browser.run_python(
        GO_ON
        + MODEL
        + """
urls = ["localstorage://kept", "indexeddb://kept"]
for url in urls:
    await model.save(url, include_optimizer=True)
model.set_user_defined_metadata({"classes": ["a", "b"]})
await model.save("indexeddb://noted")
rest = await go_on(model)
infos = await wl.io.list_models()
rest, sorted(infos), infos["indexeddb://kept"].weight_data_bytes
"""
    )
    browser.reload()
    for url in ("localstorage://kept", "indexeddb://kept"):
        losses = browser.run_python(
            GO_ON
            + f"""
model = await wl.load_layers_model("{url}")
await go_on(model)
"""
        )
        assert losses == expected[0]
    assert expected[1] == ["indexeddb://kept", "indexeddb://noted", "localstorage://kept"]
    assert expected[2] > 4 * (15 + 12 + 8)
    notes, left = browser.run_python(
        """
import weblayers as wl
notes = (await wl.load_layers_model("indexeddb://noted")).get_user_defined_metadata()
await wl.io.copy_model("indexeddb://noted", "localstorage://copied")
await wl.io.move_model("localstorage://copied", "indexeddb://moved")
for url in ("localstorage://kept", "indexeddb://kept", "indexeddb://noted"):
    await wl.io.remove_model(url)
notes, sorted(await wl.io.list_models())
"""
    )
    assert notes == {"classes": ["a", "b"]}
    assert left == ["indexeddb://moved"]
    browser.run_python("import weblayers as wl\n_ = await wl.io.remove_model('indexeddb://moved')")


def test_tensorflow_js_sees_our_models_and_we_see_its(browser):
    """Both libraries on one page, in both storages and both directions."""
    if browser.name != "chromium":
        pytest.skip("the layout of storage is one for all browsers; TensorFlow.js on the page takes long to start")
    here = browser.run_python(
        MODEL
        + f"""
for url in ("localstorage://ours", "indexeddb://ours"):
    await model.save(url, include_optimizer=True)
{PREDICTED}
"""
    )
    browser.run_js(f"(0, eval)({json.dumps(TFJS.read_text())}); await tf.setBackend('cpu');")
    answer = browser.run_js("""
        const x = tf.eye(4), found = {};
        for (const url of ["localstorage://ours", "indexeddb://ours"]) {
            const model = await tf.loadLayersModel(url);
            found[url] = [model.predict(x).arraySync(), model.optimizer.iterations];
        }
        const theirs = tf.sequential({layers: [tf.layers.lstm({units: 3, inputShape: [2, 4]}),
            tf.layers.dense({units: 2})]});
        theirs.setUserDefinedMetadata({author: "tf"});
        await theirs.save("localstorage://theirs");
        await theirs.save("indexeddb://theirs");
        const infos = await tf.io.listModels();
        return {found, listed: Object.keys(infos).sort(), sizes: infos["indexeddb://ours"],
            theirs: theirs.predict(tf.ones([1, 2, 4])).arraySync()};
    """)
    for url in ("localstorage://ours", "indexeddb://ours"):
        prediction, steps = answer["found"][url]
        assert steps == 3
        for row, other in zip(prediction, here, strict=True):
            assert row == pytest.approx(other, abs=1e-5)
    stored = [f"{scheme}://{name}" for scheme in ("indexeddb", "localstorage") for name in ("ours", "theirs")]
    assert [url for url in answer["listed"] if url in stored] == stored
    listed, predictions, notes = browser.run_python(
        """
import numpy as np
import weblayers as wl
predictions = []
for url in ("localstorage://theirs", "indexeddb://theirs"):
    model = await wl.load_layers_model(url)
    predictions.append(await model.predict(np.ones((1, 2, 4), np.float32)).array())
listed = {url: vars(info) for url, info in (await wl.io.list_models()).items()}
[{u: i["weight_data_bytes"] for u, i in listed.items()}, predictions, model.get_user_defined_metadata()]
"""
    )
    assert listed["indexeddb://ours"] == answer["sizes"]["weightDataBytes"]
    assert set(stored) <= listed.keys()
    for prediction in predictions:
        assert prediction[0] == pytest.approx(answer["theirs"][0], abs=1e-5)
    assert notes == {"author": "tf"}


def test_a_storage_that_is_full_keeps_the_earlier_model(browser):
    before, after, message, other = browser.run_python(
        MODEL
        + """
import js
await model.save("localstorage://small")
before = await (await wl.load_layers_model("localstorage://small")).weights[0].array()
large = wl.sequential([wl.layers.dense(2000, input_shape=[1000])])
message = ""
try:
    await large.save("localstorage://small")
except OSError as error:
    message = str(error)
after = await (await wl.load_layers_model("localstorage://small")).weights[0].array()
await large.save("indexeddb://small")
other = (await wl.load_layers_model("indexeddb://small")).count_params()
await wl.io.remove_model("localstorage://small")
before, after, message, other
""",
        timeout=200,
    )
    assert before == after
    assert "quota" in message and "unchanged" in message
    assert other == 2000 * 1001


def test_a_page_gives_and_takes_files(browser):
    """Downloads, and what a user picks: the same files, by way of the browser's own objects."""
    browser.run_js("""
        self.downloaded = {};
        self.createdURL ??= URL.createObjectURL.bind(URL);
        const blobs = {};
        URL.createObjectURL = (blob) => { const url = self.createdURL(blob); blobs[url] = blob; return url; };
        HTMLAnchorElement.prototype.click = function () { self.downloaded[this.download] = blobs[this.href]; };
    """)
    names, expected, found = browser.run_python(
        MODEL
        + f"""
import js
expected = {PREDICTED}
await model.save("downloads://mine")
names = sorted(js.Object.keys(js.downloaded).to_py())
files = [js.File.new([getattr(js.downloaded, name)], name) for name in ("mine.json", "mine.weights.bin")]
model = await wl.load_layers_model(wl.io.browser_files(files))
names, expected, {PREDICTED}
"""
    )
    assert names == ["mine.json", "mine.weights.bin"]
    assert found == expected


def test_models_load_from_the_page_s_server(browser):
    """A relative URL, that does not exist: the message says which, and how the server answered."""
    kind, message = browser.run_python(
        """
import weblayers as wl
try:
    await wl.load_layers_model("models/none.json")
except ValueError as error:
    result = type(error).__name__, str(error)
result
"""
    )
    assert kind == "ModelNotFoundError" and "404" in message and "models/none.json" in message


TRAINED = """
import asyncio
import numpy as np
import weblayers as wl
from weblayers.runtime import plans

made, original = [], plans.lowering
def lowering(*args, **more):
    made.append(more.get("log", False))
    return original(*args, **more)
plans.lowering = lowering

async def train(backend):
    wl.set_backend(backend)
    wl.set_random_seed(1)
    model = wl.sequential([
        wl.layers.dense(8, activation="relu", input_shape=[3]), wl.layers.dropout(rate=0.5), wl.layers.dense(units=1),
    ])
    model.compile("adam", "mean_squared_error")
    x = np.random.default_rng(0).random((16, 3), np.float32)
    return (await model.fit(x, x.sum(1), epochs=2, verbose=0)).history["loss"]

losses = [await train(backend) for backend in ("wasm", "webgl")]
while plans.kept_plans._putting:
    await asyncio.sleep(0.01)
wl.set_backend("auto")
plans.lowering = original
[sum(made), losses]
"""


def test_plans_outlive_their_page(browser):
    """The next visit compiles nothing that was compiled before; what has changed in the store is compiled anew."""
    compiled, losses = browser.run_python(TRAINED)
    assert compiled == 2
    browser.reload()
    assert browser.run_python(TRAINED) == [0, losses]
    browser.run_js("""
        const open = indexedDB.open("weblayers", 1);
        await new Promise((done, fail) => Object.assign(open, { onsuccess: done, onerror: fail }));
        const transaction = open.result.transaction("plans", "readwrite");
        const plans = transaction.objectStore("plans"), all = plans.getAll();
        all.onsuccess = () => {
          for (const plan of all.result) {
            plan.data[100] ^= 1;
            plans.put(plan);
          }
        };
        await new Promise((done, fail) => Object.assign(transaction, { oncomplete: done, onabort: fail }));
        open.result.close();
    """)
    browser.reload()
    assert browser.run_python(TRAINED) == [2, losses]
