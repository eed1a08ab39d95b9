"""TensorFlow.js 4.22 and weblayers read each other's files, and predict the same from them."""

import asyncio
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import weblayers as wl

ROOT = Path(__file__).parents[2]
PEER = ROOT / "tests" / "peer" / "tfjs_models.mjs"
NODE = shutil.which("node")
MODELS = re.findall(r"^  (\w+): \(\) =>", PEER.read_text(), re.MULTILINE)

pytestmark = [
    pytest.mark.skipif(NODE is None, reason="Node runs TensorFlow.js, and is not installed"),
    pytest.mark.skipif(
        not (ROOT / "node_modules" / "@tensorflow" / "tfjs").exists(), reason="npm's @tensorflow/tfjs is not installed"
    ),
]


def peer(verb, folder):
    done = subprocess.run([NODE, str(PEER), verb, str(folder)], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def array(described):
    return np.array(described["data"], np.float32).reshape(described["shape"])


def arrays(described):
    made = [array(d) for d in described]
    return made[0] if len(made) == 1 else made


def predicted(model, case):
    outputs = model.predict(arrays(case["inputs"]))
    return [o.numpy() for o in (outputs if isinstance(outputs, list) else [outputs])]


def assert_alike(found, case):
    for one, described in zip(found, case["outputs"], strict=True):
        np.testing.assert_allclose(one, array(described), rtol=1e-5, atol=1e-5)


def load(path):
    async def main():
        return await wl.load_layers_model(path)

    return asyncio.run(main())


def save(model, path, **options):
    async def main():
        return await model.save(path, **options)

    return asyncio.run(main())


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    """What TensorFlow.js has saved: a folder for each model."""
    folder = tmp_path_factory.mktemp("theirs")
    peer("save", folder)
    return folder


@pytest.fixture(scope="module")
def read_back(theirs, tmp_path_factory):
    """What TensorFlow.js makes of what weblayers saves of these models."""
    folder = tmp_path_factory.mktemp("ours")
    for name in MODELS:
        model = load(theirs / name)
        for kind, options in (("", {}), (".half", {"quantization": "float16"}), (".byte", {"quantization": "uint8"})):
            compiled = name == "mlp" and not kind
            save(model, folder / f"{name}{kind}", include_optimizer=compiled, **options)
            shutil.copy(theirs / name / "case.json", folder / f"{name}{kind}" / "inputs.json")
    peer("load", folder)
    return folder


def case_of(theirs, name):
    return json.loads((theirs / name / "case.json").read_text())


def test_there_are_many_models(theirs):
    assert len(MODELS) >= 20
    assert sorted(p.name for p in theirs.iterdir()) == sorted(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_their_models_predict_here_as_there(theirs, name):
    case = case_of(theirs, name)
    assert_alike(predicted(load(theirs / name), case), case)


@pytest.mark.parametrize("name", MODELS)
def test_our_files_predict_there_as_here(theirs, read_back, name):
    answer = json.loads((read_back / name / "predictions.json").read_text())
    assert "error" not in answer, answer
    assert_alike([array(o) for o in answer["outputs"]], case_of(theirs, name))


@pytest.mark.parametrize("name", MODELS)
def test_quantized_files_predict_there_as_here(theirs, read_back, name):
    for kind in (".half", ".byte"):
        answer = json.loads((read_back / f"{name}{kind}" / "predictions.json").read_text())
        assert "error" not in answer, answer
        here = predicted(load(read_back / f"{name}{kind}"), case_of(theirs, name))
        for one, described in zip(here, answer["outputs"], strict=True):
            np.testing.assert_allclose(one, array(described), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_weights_are_byte_for_byte_theirs(theirs, read_back, name):
    ours, original = (json.loads((f / name / "model.json").read_text()) for f in (read_back, theirs))
    specs = [(s["name"], s["shape"], s["dtype"]) for s in ours["weightsManifest"][0]["weights"]]
    assert specs == [(s["name"], s["shape"], s["dtype"]) for s in original["weightsManifest"][0]["weights"]]
    data = [(f / name / "model.weights.bin").read_bytes() for f in (read_back, theirs)]
    assert data[0] == data[1]


def names_in(topology):
    """The layers with their classes and places, in order."""
    config = topology["config"]
    for layer in config["layers"]:
        nodes = [[place[:3] for place in node] for node in layer.get("inbound_nodes", [])]
        yield layer["class_name"], layer["config"].get("name"), nodes
        if "layers" in layer["config"]:
            yield from names_in(layer)
    yield config.get("input_layers"), config.get("output_layers")


@pytest.mark.parametrize("name", MODELS)
def test_topologies_have_the_same_layers(theirs, read_back, name):
    ours, original = (json.loads((f / name / "model.json").read_text())["modelTopology"] for f in (read_back, theirs))
    assert list(names_in(ours)) == list(names_in(original))
    assert ours["keras_version"] == original["keras_version"]


def test_training_goes_on_there_and_here(theirs, read_back):
    here = load(theirs / "mlp")
    assert here.optimizer.iterations == 2
    assert type(here.optimizer).__name__ == "Adam"
    answer = json.loads((read_back / "mlp" / "predictions.json").read_text())
    assert answer["compiled"]
    assert answer["iterations"] == 2
    ours, original = (json.loads((f / "mlp" / "model.json").read_text())["trainingConfig"] for f in (read_back, theirs))
    assert ours["loss"] == original["loss"]
    assert ours["metrics"] == original["metrics"]
    assert ours["optimizer_config"]["class_name"] == original["optimizer_config"]["class_name"]


def test_models_made_here_predict_there(tmp_path):
    """Layers that both have, from scratch: branches, masks, wrappers, settings of every kind."""
    L = wl.layers
    wl.set_random_seed(0)
    x = wl.input(shape=[6, 6, 2])
    h = L.conv2d(3, 3, padding="same", activation="relu").apply(x)
    h = L.add().apply([h, L.separable_conv2d(3, 2, padding="same").apply(x)])
    h = L.batch_normalization().apply(L.max_pooling2d().apply(h))
    branched = wl.model(inputs=x, outputs=[L.flatten().apply(h), L.global_max_pooling2d().apply(h)])
    sequence = wl.sequential([
        L.embedding(5, 4, input_length=3), L.bidirectional(L.gru(3, return_sequences=True, reset_after=False)),
        L.time_distributed(L.dense(2, activation="hard_sigmoid")), L.flatten(), L.dense(1, kernel_initializer="ones"),
    ])  # fmt: skip
    rng = np.random.default_rng(0)
    cases = {
        "branched": (branched, rng.random((2, 6, 6, 2), np.float32)),
        "sequence": (sequence, rng.integers(0, 5, (2, 3)).astype(np.float32)),
    }
    for name, (model, values) in cases.items():
        save(model, tmp_path / name)
        given = [{"shape": list(values.shape), "data": values.ravel().tolist()}]
        (tmp_path / name / "inputs.json").write_text(json.dumps({"inputs": given}))
    peer("load", tmp_path)
    for name, (model, values) in cases.items():
        answer = json.loads((tmp_path / name / "predictions.json").read_text())
        assert "error" not in answer, answer
        out = model.predict(values)
        assert_alike([t.numpy() for t in (out if isinstance(out, list) else [out])], answer)
