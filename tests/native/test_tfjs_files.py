"""Files between TensorFlow.js and us, with TensorFlow.js itself on the other side, in Node."""

import asyncio
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import weblayers as wl

ROOT = Path(__file__).parents[2]
PEER = Path(__file__).parents[1] / "peer" / "tfjs_models.mjs"


def peer(*arguments):
    done = subprocess.run(["node", PEER, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert not done.returncode, done.stderr


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Models that TensorFlow.js has saved, with inputs and what it predicts."""
    folder = tmp_path_factory.mktemp("tfjs")
    peer("save", str(folder))
    return sorted(folder.iterdir())


def load(path, **options):
    async def main():
        return await wl.load_layers_model(path, **options)

    return asyncio.run(main())


def save(model, path, **options):
    async def main():
        return await model.save(path, **options)

    return asyncio.run(main())


def array(value):
    return np.array(value["data"], np.float32).reshape(value["shape"])


def predictions(model, xs):
    out = model.predict([wl.tensor(x) for x in xs] if len(xs) > 1 else wl.tensor(xs[0]))
    return [t.numpy() for t in (out if isinstance(out, list) else [out])]


def close(got, expected):
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_there_and_back(saved, tmp_path):
    """Twenty models: we predict what TensorFlow.js predicted, save, and it predicts the same from our files."""
    assert len(saved) >= 20
    expected = {}
    for folder in saved:
        case = json.loads((folder / "case.json").read_text())
        xs = [array(x) for x in case["inputs"]]
        model = load(folder / "model.json")
        expected[folder.name] = [array(y) for y in case["outputs"]]
        close(predictions(model, xs), expected[folder.name])
        save(model, tmp_path / folder.name, include_optimizer=folder.name == "mlp")
        (tmp_path / folder.name / "inputs.json").write_text(json.dumps({"inputs": case["inputs"]}))
        ours, theirs = (json.loads((f / "model.json").read_text()) for f in (tmp_path / folder.name, folder))
        # the same weights in the same bytes, under the same names
        assert [w["name"] for w in specs(ours)] == [w["name"] for w in specs(theirs)]
        data = [(f / "model.weights.bin").read_bytes() for f in (tmp_path / folder.name, folder)]
        count = len(data[1]) if folder.name != "mlp" else model.count_params() * 4
        assert data[0][:count] == data[1][:count]
        assert ours.keys() == theirs.keys()
    peer("load", str(tmp_path))
    for name, wanted in expected.items():
        answer = json.loads((tmp_path / name / "predictions.json").read_text())
        assert "error" not in answer, f"{name}: {answer['error']}"
        close([array(y) for y in answer["outputs"]], wanted)
        assert answer["compiled"] == (name == "mlp")
        if name == "mlp":
            assert answer["iterations"] == 2


def specs(described):
    return [w for group in described["weightsManifest"] for w in group["weights"]]


def test_training_goes_on_where_tensorflow_js_left_it(saved):
    (folder,) = [f for f in saved if f.name == "mlp"]
    model = load(folder)
    assert model.loss == "categorical_crossentropy" and model.metrics_names == ["loss", "acc"]
    assert isinstance(model.optimizer, wl.optimizers.Adam)
    assert model.optimizer.learning_rate == pytest.approx(0.01)
    assert model.optimizer.iterations == 2
    assert any(np.abs(v.numpy()).max() > 0 for v in model.optimizer.variables())
    asyncio.run(awaited(model.fit(np.ones((4, 3), np.float32), np.eye(2, dtype=np.float32)[[1, 0, 1, 0]], verbose=0)))
    assert model.optimizer.iterations == 3


async def awaited(promise):
    return await promise


def test_what_we_make_loads_there(tmp_path):
    """Models of layers that both have, made here from scratch, with several shards."""
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
    peer("load", str(tmp_path))
    for name, (model, values) in cases.items():
        answer = json.loads((tmp_path / name / "predictions.json").read_text())
        assert "error" not in answer, f"{name}: {answer['error']}"
        close([array(y) for y in answer["outputs"]], predictions(model, [values]))


pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (ROOT / "node_modules" / "@tensorflow" / "tfjs").exists(),
    reason="TensorFlow.js runs in Node.js: ./build.sh test installs both",
)
