"""A recorded call of every layer class in pages, and networks that learn there."""

from pathlib import Path

import pytest

from tests.native.test_keras import one_of_each
from weblayers.layers import CLASSES

CASES_MODULE = (Path(__file__).parents[1] / "keras_cases.py").read_text()

EVERY_LAYER = """
import sys, types
import numpy as np
from weblayers.graph.evaluate import evaluate
from weblayers.graph.program import Graph
from weblayers.runtime import device

keras_cases = types.ModuleType("keras_cases")
sys.modules["keras_cases"] = keras_cases
exec(module, keras_cases.__dict__)
runtime = device.current()
failures = []
for case in cases:
    graph = keras_cases.LayerGraph(case, case["calls"][0])
    inputs, outputs = list(graph.bound), graph.everything
    try:
        executable = runtime.compile(Graph(inputs, [], outputs))
        stored = executable.run([runtime.upload(graph.bound[n]) for n in inputs], [])
        for storage, expected in zip(stored, evaluate(outputs, graph.bound), strict=True):
            got = await runtime.read(storage)
            np.testing.assert_allclose(got.astype(float), expected.astype(float), rtol=2e-3, atol=3e-4)
    except Exception as error:
        failures.append(f"{case['id']}: {error}")
failures
"""


# Mesa's software rasterizer, which draws for all browsers but Chromium here, compiles their shaders for minutes.
LONG_COMPILED = ("MelSpectrogram", "STFTSpectrogram")


def test_a_call_of_every_layer(browser, backend):
    """Forward and gradients, equal to NumPy's."""
    if browser.pyodide_version.startswith("0."):
        pytest.skip("the same kernels as in the newer Pyodide; minutes of compiling say nothing new")
    cases = [c for c in one_of_each("layers", "class_name") if c["class_name"] in CLASSES]
    if backend == "webgl" and browser.name != "chromium":
        cases = [c for c in cases if c["class_name"] not in LONG_COMPILED]
        # two browsers share the rasterizer, and the layers
        cases = cases[browser.name == "webkit" :: 2]
    failures = []
    for i in range(0, len(cases), 20):
        failures += browser.run_python(EVERY_LAYER, module=CASES_MODULE, cases=cases[i : i + 20], timeout=200)
    assert not failures, "\n\n".join(failures[:10])


LEARNING = {
    "transformer": """
        # reverse a sequence of eight digits
        rng = np.random.default_rng(0)
        x = rng.integers(1, 6, (256, 8)).astype(np.int32)
        y = x[:, ::-1].copy()
        inputs = wl.input(shape=[8], dtype="int32")
        h = L.token_and_position_embedding(vocabulary_size=6, sequence_length=8, embedding_dim=16).apply(inputs)
        for _ in range(2):
            h = L.transformer_encoder(intermediate_dim=32, num_heads=2).apply(h)
        model = wl.model(inputs=inputs, outputs=L.dense(6, activation="softmax").apply(h))
        model.compile(wl.train.adam(0.01), "sparse_categorical_crossentropy", ["accuracy"])
        epochs, batch_size = 6, 64
    """,
    "conv_lstm": """
        # where the moving dot is at the end
        x = np.zeros((64, 4, 6, 6, 1), np.float32)
        y = np.zeros((64, 36), np.float32)
        for i in range(64):
            for t in range(4):
                x[i, t, (i + t) % 6, (i // 6 + t) % 6, 0] = 1
            y[i, 6 * ((i + 3) % 6) + (i // 6 + 3) % 6] = 1
        model = wl.sequential([
            L.conv_lstm2d(filters=4, kernel_size=3, padding="same", input_shape=[4, 6, 6, 1]),
            L.flatten(),
            L.dense(36, activation="softmax"),
        ])
        model.compile(wl.train.adam(0.02), "categorical_crossentropy")
        epochs, batch_size = 6, 32
    """,
}


@pytest.mark.parametrize("name", LEARNING)
def test_networks_learn(browser, backend, name):
    if browser.name != "chromium" or browser.pyodide_version.startswith("0."):
        pytest.skip("long; the kernels are compared in every browser by the test above")
    losses = browser.run_python(
        "import numpy as np\nimport weblayers as wl\nL = wl.layers\nwl.set_random_seed(3)\n"
        + "\n".join(line.strip(" ") if not line.strip() else line[8:] for line in LEARNING[name].splitlines())
        + "\nhistory = await model.fit(x, y, epochs=epochs, batch_size=batch_size, verbose=0)\n"
        + "history.history['loss']",
        timeout=240,
    )
    assert losses[-1] < 0.8 * losses[0]
    assert losses == sorted(losses, reverse=True) or losses[-1] < 0.5 * losses[0]
