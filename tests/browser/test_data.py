"""Data sets in the page: what arrives over the network, images that the browser reads, its camera and microphone."""

import numpy as np
import pytest

from tests.native.test_data_arrays import gray_png, png
from weblayers.data.png import read_png

ENDLESS_FILE = r"""({
  cancelled: false,
  arrayBuffer: null,
  stream() {
    let row = 0;
    return new ReadableStream({
      pull: (controller) => {
        let text = row ? "" : "n,name\n";
        for (let i = 0; i < 1000; i++, row++) text += `${row},"ä\n"\n`;
        const bytes = new TextEncoder().encode(text);
        controller.enqueue(bytes.slice(0, 5001));
        controller.enqueue(bytes.slice(5001));
      },
      cancel: () => { this.cancelled = true; },
    });
  },
})"""


@pytest.fixture
def devices(browser):
    if browser.name != "chromium":
        pytest.skip("only Chromium has a camera and a microphone where there are none")
    return browser


def test_tables_of_urls(browser):
    code = """
    import js
    import weblayers as wl
    from pyodide.ffi import to_js

    rows = 50_000
    text = "n,half,name\\n" + "".join(f'{i},{i / 2},"a\\n{i}"\\n' for i in range(rows))
    url = js.URL.createObjectURL(js.Blob.new(to_js([text])))
    table = wl.data.csv(url, {"columnConfigs": {"half": {"isLabel": True}, "name": {"dtype": "string"}}})
    total = 0
    async for element in table:
        total += element["ys"]["half"]
    some = await table.skip(3).take(2).toArray()
    [total * 4 == rows * (rows - 1), some, await table.columnNames()]
    """
    is_whole, some, names = browser.run_python(code)
    assert is_whole and names == ["n", "half", "name"]
    assert some == [{"xs": {"n": i, "name": f"a\n{i}"}, "ys": {"half": i / 2}} for i in (3, 4)]


def test_files_larger_than_memory(browser):
    """One that never ends, and that notices when nobody wants more of it."""
    code = """
    import asyncio
    import js
    import weblayers as wl

    file = js.eval(javascript)
    table = wl.data.csv(file)
    batches = await table.map(lambda row: row["n"]).batch(5000).take(2).to_array()
    for _ in range(100):
        if file.cancelled:
            break
        await asyncio.sleep(0.01)
    [[b.shape[0] for b in batches], float(batches[1].numpy()[-1]), (await table.take(1).to_array()), file.cancelled]
    """
    assert browser.run_python(code, javascript=ENDLESS_FILE) == [[5000, 5000], 9999, [{"n": 0, "name": "ä\n"}], True]


def test_texts_come_from_the_pages_server(browser):
    code = """
    import json
    import weblayers as wl

    lines = await wl.data.text_lines("pyodide-lock.json").to_array()
    try:
        await wl.data.csv("none.csv").to_array()
    except OSError as error:
        missing = str(error)
    try:
        list(wl.data.text_lines("pyodide-lock.json"))
    except TypeError as error:
        impatient = str(error)
    [sorted(json.loads("\\n".join(lines))), missing, impatient]
    """
    keys, missing, impatient = browser.run_python(code)
    assert "packages" in keys
    assert missing == "request to none.csv failed with status 404" and "use `async for`" in impatient


def test_files_that_the_user_picked(browser):
    code = """
    import js
    import weblayers as wl
    from pyodide.ffi import to_js

    file = js.File.new(to_js(["\\ufeffa,b\\n1,2\\n"]), "table.csv")
    dataset = wl.data.csv(file)
    [await dataset.to_array(), await dataset.to_array()]
    """
    assert browser.run_python(code) == [[{"a": 1, "b": 2}]] * 2


def test_the_browser_reads_images_as_we_do(browser):
    rng = np.random.default_rng(0)
    digits = rng.integers(0, 256, (6, 4, 4), np.uint8)
    colours = png(rng.integers(0, 256, (4, 15), np.uint8), 5, filters=(1, 2, 3, 4))
    code = """
    import weblayers as wl

    sprite = await wl.data.sprite(
        bytes(lines), [1, 16], labels=list(range(6)), shape=[4, 4, 1], color_mode="grayscale", scale=1
    )
    batch = await (await sprite.batch(6).iterator()).next()
    images, labels = batch.value
    try:
        await wl.data.read_image(b"no image")
    except ValueError as error:
        message = str(error)
    [images.numpy(), labels.numpy(), await wl.data.read_image(bytes(picture), "rgba"), message]
    """
    images, labels, picture, message = browser.run_python(
        code, lines=list(gray_png(digits.reshape(6, 16))), picture=list(colours)
    )
    np.testing.assert_array_equal(np.array(images)[..., 0], digits)
    assert labels == list(range(6)) and "cannot read this image" in message
    np.testing.assert_array_equal(picture, read_png(colours))


def test_models_train_on_data_sets(browser):
    code = """
    import numpy as np
    import weblayers as wl
    wl.set_random_seed(0)
    x = np.random.default_rng(0).random((256, 2), np.float32)
    y = 2 * x[:, :1] - x[:, 1:]
    dataset = wl.data.array({"xs": x, "ys": y}).shuffle(256).batch(32)
    model = wl.sequential([wl.layers.dense(units=1, input_shape=[2])])
    model.compile(wl.train.adam(0.05), "mse")
    await model.fit_dataset(dataset, {"epochs": 30, "verbose": 0})
    scaled = dataset.map(lambda b: {"xs": b["xs"].mul(1), "ys": b["ys"]})
    on_device = [float(v) async for v in scaled.map(lambda b: b["xs"].sum())]
    [await model.get_weights()[0].array(), sum(on_device), float(x.sum())]
    """
    weights, on_device, total = browser.run_python(code)
    np.testing.assert_allclose(weights, [[2], [-1]], atol=0.05)
    assert on_device == pytest.approx(total, rel=1e-4)


def test_cameras(devices):
    code = """
    import js
    import numpy as np
    import weblayers as wl

    video = js.document.createElement("video")
    video.width, video.height = 320, 240
    camera = await wl.data.webcam(video)
    frame = await camera.capture()
    frames = [f.shape async for f in camera.take(3)]
    camera.stop()
    after = [await camera.capture(), camera.is_closed, (await camera.next()).done]
    seen = [frame.shape, frame.dtype, len(np.unique(frame.numpy())), frames]

    small = {}
    for crop in (False, True):
        camera = await wl.data.webcam(video, {"resizeWidth": 80, "resizeHeight": 60, "centerCrop": crop})
        small[crop] = (await camera.capture()).numpy()
        camera.stop()
    hidden = await wl.data.webcam(resize_width=32, resize_height=24)
    tiny = await hidden.capture()
    hidden.stop()
    try:
        await wl.data.webcam()
    except ValueError as error:
        message = str(error)
    [seen, after, [[*s.shape, str(s.dtype), float(s.max())] for s in small.values()], tiny.shape, message,
     float(np.abs(small[0] - small[1]).max())]
    """
    seen, after, small, tiny, message, difference = devices.run_python(code)
    assert seen[:2] == [[240, 320, 3], "int32"] and seen[2] > 2 and seen[3] == [[240, 320, 3]] * 3
    assert after == [None, True, True]
    assert [s[:4] for s in small] == [[60, 80, 3, "float32"]] * 2
    # the weights of neighbours add up to 1 but for rounding
    assert all(1 < s[4] < 255.1 for s in small)
    # one shows the whole picture, the other its middle
    assert difference > 1
    assert tiny == [24, 32, 3] and message.startswith("Please provide webcam video element")


def test_microphones(devices):
    code = """
    import numpy as np
    import weblayers as wl

    microphone = await wl.data.microphone({
        "fftSize": 256, "columnTruncateLength": 100, "numFramesPerSpectrogram": 30, "includeWaveform": True,
    })
    heard = await microphone.capture()
    rate = microphone.getSampleRate()
    spectrogram, waveform = heard["spectrogram"], heard["waveform"]
    facts = [spectrogram.shape, waveform.shape, bool(np.isfinite(spectrogram.numpy()).all())]
    microphone.stop()
    only = await wl.data.microphone(include_spectrogram=False, include_waveform=True, num_frames_per_spectrogram=2,
        audio_track_constraints={"echoCancellation": False})
    [recording] = await only.take(1).to_array()
    only.stop()
    try:
        await wl.data.microphone(sample_rate_hz=rate + 1)
    except ValueError as error:
        message = str(error)
    [facts, rate, sorted(recording), recording["waveform"].shape, await microphone.capture(), message,
     float(np.abs(waveform.numpy()).max())]
    """
    facts, rate, kinds, shape, after, message, loudest = devices.run_python(code)
    assert facts == [[30, 100, 1], [30 * 256, 1], True] and rate >= 8000
    assert kinds == ["waveform"] and shape == [2 * 1024, 1] and after is None
    assert message.startswith("Mismatch in sampling rate") and 0 <= loudest < 1.5
