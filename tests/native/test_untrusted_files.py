"""Malformed and hostile files: a ModelFileError that says what is wrong, and nothing else happens."""

import asyncio
import copy
import itertools
import json
import random
import sys
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import weblayers as wl
from tests.hdf5_files import dense_weights, hdf5, soft, virtual

L = wl.layers
TESTS = Path(__file__).parents[1]
KERAS = sorted((TESTS / "golden" / "keras_files").glob("*.[kh]*"))
CORPUS = sorted(p for p in (TESTS / "corpus").iterdir() if p.suffix != ".md")
MEGABYTES = 1 << 20


def load(source):
    async def main():
        with warnings.catch_warnings():
            # a training configuration that says nothing leaves a model that is not compiled
            warnings.simplefilter("ignore", UserWarning)
            return await wl.load_layers_model(source)

    return asyncio.run(main())


def described(name="d", units=2, **more):
    dense = {"class_name": "Dense", "config": {"name": name, "units": units, "batch_input_shape": [None, 3], **more}}
    return {"class_name": "Sequential", "config": {"name": "s", "layers": [dense]}}


def artifacts(topology=None, specs=None, data=None):
    specs = specs or [
        {"name": "d/kernel", "shape": [3, 2], "dtype": "float32"},
        {"name": "d/bias", "shape": [2], "dtype": "float32"},
    ]
    return {
        "modelTopology": topology or described(),
        "weightSpecs": specs,
        "weightData": bytes(32) if data is None else data,
    }


@pytest.fixture
def frugal():
    """What happens takes little memory, and few calls of functions: that many on any machine."""
    calls = itertools.count()
    tracemalloc.start()
    sys.setprofile(lambda frame, event, argument: next(calls))
    yield
    sys.setprofile(None)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100 * MEGABYTES
    assert next(calls) < 20_000_000


def refused(source, words):
    with pytest.raises(wl.io.ModelFileError, match=words) as caught:
        load(source)
    return caught.value


# -- topology ---------------------------------------------------------------------------------------------------------


def layer(class_name, name, *nodes, **config):
    return {"class_name": class_name, "name": name, "config": {"name": name, **config}, "inbound_nodes": list(nodes)}


def graph(*layers, inputs=("x",), outputs=("y",)):
    ends = {"input_layers": [[n, 0, 0] for n in inputs], "output_layers": [[n, 0, 0] for n in outputs]}
    return {"class_name": "Model", "config": {"name": "m", "layers": list(layers), **ends}}


X = layer("InputLayer", "x", batch_input_shape=[None, 3])


def after(*names):
    return [[name, 0, 0, {}] for name in names]


def deep():
    value = []
    for _ in range(200):
        value = [value]
    return value


TOPOLOGIES = {
    "a circle": (graph(X, layer("Add", "y", after("x", "z")), layer("ReLU", "z", after("y"))), "circle, (y -> z|z -> y)"),
    "of itself": (graph(X, layer("Add", "y", after("x", "y"))), "goes in a circle, y"),
    "from nowhere": (graph(X, layer("ReLU", "y", after("nobody"))), "no output 0 of 'nobody'"),
    "to nowhere": (graph(X, layer("ReLU", "y", after("x")), outputs=("z",)), "no output 0 of 'z'"),
    "another output": (graph(X, layer("ReLU", "y", [["x", 0, 5, {}]])), "no output 5 of 'x'"),
    "a negative output": (graph(X, layer("ReLU", "y", [["x", 0, -1, {}]])), "no output -1 of 'x'"),
    "twice the same name": (graph(X, layer("ReLU", "y", after("x")), layer("ReLU", "y", after("x"))), "two layers named 'y'"),
    "an unknown class": (graph(X, layer("Dence", "y", after("x"), units=1)), "Unknown layer class: 'Dence'. Did you mean 'Dense'"),
    "a class of Python": (graph(X, layer("os.system", "y", after("x"))), "Unknown layer class: 'os.system'"),
    "code": (graph(X, layer("Lambda", "y", after("x"), function=["4wAAAA==", None, None])), "Lambda layer holds code"),
    "code inside": (described(kernel_initializer={"class_name": "Lambda", "config": {}}), "Lambda layer holds code"),
    "an unknown argument": (described(unitz=3), "Dense has no argument 'unitz'"),
    "an unknown operation": (graph(X, layer("Operation", "y", after("x"), op="system", arguments={})), "Unknown op: 'system'"),
    "no layers": ({"class_name": "Sequential", "config": {"name": "s"}}, "'layers' is missing"),
    "layers that are none": ({"class_name": "Sequential", "config": {"layers": [1]}}, "a layer of the model is no object"),
    "a layer alone": ({"class_name": "Dense", "config": {"units": 1}}, "'Dense' is not a model"),
    "no class": ({"config": {}}, "has no class_name"),
    "no object": ([1, 2], "no object"),
    "no JSON": ("{", "not valid JSON"),
    "deep": (described(bias_initializer=deep()), "nested more than 64 levels deep"),
    "deep text": ("[" * 100_000, "nests too deeply"),
    "huge": (described(units=1 << 40), r"of shape \[3, 1099511627776\] makes the model too large"),
    "huge together": ({"class_name": "Sequential", "config": {"layers": [described(units=1 << 14)["config"]["layers"][0], *(
        {"class_name": "Dense", "config": {"name": f"d{i}", "units": 1 << 14}} for i in range(9))]}}, "too large"),
    "units of text": (described(units="many"), "units"),
    "negative": (described(units=-1), "units"),
    "a shape of text": (described(batch_input_shape="abc"), "shape"),
}  # fmt: skip


@pytest.mark.parametrize("case", TOPOLOGIES)
def test_topologies(case, frugal):
    topology, words = TOPOLOGIES[case]
    refused(wl.io.from_memory(artifacts(topology)), words)


IMAGES = layer("InputLayer", "x", batch_input_shape=[None, 8, 8, 3])
HUGE = {
    "Resizing": {"height": 1 << 28, "width": 4},
    "CenterCrop": {"height": 4, "width": 1 << 28},
    "UpSampling2D": {"size": [1 << 28, 1 << 28]},
    "ZeroPadding2D": {"padding": [1 << 28, 1 << 28]},
    "CategoryEncoding": {"num_tokens": 1 << 40},
    "Operation": {"op": "broadcast_to", "arguments": {"x": {"tensor": [1.0], "dtype": "float32"}, "shape": [1 << 40]}},
}


@pytest.mark.parametrize("name", HUGE)
def test_huge_outputs(name, frugal):
    refused(wl.io.from_memory(graph(IMAGES, layer(name, "y", after("x"), **HUGE[name]))), "too large|cannot resize")


def test_huge_inputs(frugal):
    refused(wl.io.from_memory(described(batch_input_shape=[None, 1 << 30, 3])), "too large")


def tower(storeys, uses):
    """A model that uses a model several times, which uses a model several times..."""
    inner = graph(X, layer("ReLU", "y", after("x")))
    for i in range(storeys):
        first = {
            **inner,
            "name": f"m{i}",
            "inbound_nodes": [after("x"), *([[f"m{i}", n, 0, {}]] for n in range(1, uses))],
        }
        inner = graph(X, first, layer("ReLU", "y", [[f"m{i}", uses, 0, {}]]))
    return inner


def test_models_of_models_of_models(frugal):
    assert load(wl.io.from_memory(tower(2, 3))).output_shape == (None, 3)
    refused(wl.io.from_memory(tower(12, 10)), "calls its layers too often")


def test_many_layers_in_the_worst_order(frugal):
    names = ["x", *(f"r{i}" for i in range(600)), "y"]
    chain = [layer("ReLU", name, after(before)) for before, name in itertools.pairwise(names)]
    assert load(wl.io.from_memory(graph(*reversed(chain), X))).output_shape == (None, 3)


# -- weights ----------------------------------------------------------------------------------------------------------


def spec(name="d/kernel", shape=(3, 2), dtype="float32", **more):
    return {"name": name, "shape": list(shape) if isinstance(shape, tuple) else shape, "dtype": dtype, **more}


BIAS = spec("d/bias", (2,))
SPECS = {
    "too few bytes": ([spec(), BIAS], bytes(31), "'d/bias' of shape .* lies at bytes 24 to 32, but there are only 31"),
    "too many bytes": ([spec(), BIAS], bytes(33), "the weights take 32 bytes, but there are 33"),
    "no name": ([{"shape": [1], "dtype": "float32"}], b"", "'name' is missing"),
    "a name twice": ([spec(), spec()], bytes(48), "Duplicate weight name: d/kernel"),
    "a shape of text": ([spec(shape="32"), BIAS], bytes(32), "the shape of weight 'd/kernel' is '32'"),
    "a negative shape": ([spec(shape=(-3, -2)), BIAS], bytes(32), r"is \[-3, -2\]"),
    "a shape of halves": ([spec(shape=(1.5, 4)), BIAS], bytes(32), r"is \[1.5, 4\]"),
    "a shape of truths": ([spec(shape=(True, 6)), BIAS], bytes(32), r"is \[True, 6\]"),
    "a huge shape": ([spec(shape=(1 << 31, 1 << 31)), BIAS], bytes(32), "too large"),
    "a huge dimension": ([spec(shape=(1 << 70, 0)), BIAS], bytes(32), "the shape of weight"),
    "many dimensions": ([spec(shape=(1,) * 99), BIAS], bytes(32), "99 dimensions"),
    "an unknown dtype": ([spec(dtype="object"), BIAS], bytes(32), "Unsupported dtype in weight 'd/kernel': object"),
    "a dtype that is none": ([spec(dtype=4), BIAS], bytes(32), "'dtype' is int, expected str"),
    "quantized to nothing": ([spec(quantization={}), BIAS], bytes(32), "'dtype' is missing"),
    "quantized by text": ([spec(quantization={"dtype": "uint8", "min": "0", "scale": 1}), BIAS], bytes(14), "metadata min"),
    "quantized without end": ([spec(quantization={"dtype": "uint8", "min": 0, "scale": float("inf")}), BIAS], bytes(14), "metadata scale"),
    "quantized to uint7": ([spec(quantization={"dtype": "uint7"}), BIAS], bytes(32), "unknown quantization dtype uint7"),
}  # fmt: skip


@pytest.mark.parametrize("case", SPECS)
def test_weights(case, frugal):
    specs, data, words = SPECS[case]
    refused(wl.io.from_memory(artifacts(None, specs, data)), words)


@pytest.mark.parametrize(
    "path", ["../secret.bin", "/etc/passwd", "a/../../b", "C:\\windows", "..\\b", "https://a/b", "a\0b", ""]
)
def test_paths_lead_nowhere_else(tmp_path, path):
    manifest = [{"paths": [path], "weights": artifacts()["weightSpecs"]}]
    file = tmp_path / "in" / "model.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"modelTopology": described(), "weightsManifest": manifest}))
    (tmp_path / "secret.bin").write_bytes(bytes(32))
    refused(file, "leads out of the model's folder|no text")

    async def fetch(url, init):
        assert url == "https://example.org/model.json"
        return file.read_bytes()

    async def main():
        await wl.load_layers_model("https://example.org/model.json", fetch_func=fetch)

    with pytest.raises(wl.io.ModelFileError, match="leads out of the model's folder|no text"):
        asyncio.run(main())
    with pytest.raises(wl.io.ModelFileError):
        asyncio.run(wl.io.remove_model(str(file)))
    assert file.exists()


# -- archives and HDF5 ------------------------------------------------------------------------------------------------


def zipped(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def keras_file(path, config=None, weights=b"", **more):
    config = config if isinstance(config, bytes) else json.dumps(config or described())
    return zipped(path, {"metadata.json": "{}", "config.json": config, "model.weights.h5": weights, **more})


def test_the_plain_archive_is_fine(tmp_path):
    assert load(keras_file(tmp_path / "m.keras", weights=hdf5(dense_weights))).count_params() == 8


def test_names_in_archives_lead_nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    more = {"../../evil.txt": b"1", "/evil.txt": b"2"}
    load(keras_file(tmp_path / "m.keras", weights=hdf5(dense_weights), **more))
    assert [p.name for p in tmp_path.iterdir()] == ["m.keras"]


@pytest.mark.parametrize("member", ["config.json", "model.weights.h5"])
def test_zip_bombs(tmp_path, frugal, member):
    members = {"config.json": json.dumps(described()), "model.weights.h5": hdf5(dense_weights)}
    bomb = zipped(tmp_path / "m.keras", {**members, member: bytes(90 * MEGABYTES)})
    tracemalloc.reset_peak()
    refused(bomb, f"{member} would take 94371840 bytes")


@pytest.mark.parametrize("missing", ["config.json", "model.weights.h5"])
def test_archives_without_what_they_need(tmp_path, missing):
    members = {"config.json": json.dumps(described()), "model.weights.h5": hdf5(dense_weights)}
    del members[missing]
    refused(zipped(tmp_path / "m.keras", members), f"the archive has no {missing}")
    (tmp_path / "n.keras").write_bytes(b"PK\3\4 not really")
    refused(tmp_path / "n.keras", "not a .keras file")
    (tmp_path / "n.h5").write_bytes(b"\x89HDF\r\n\x1a\nnot really")
    refused(tmp_path / "n.h5", "not a readable HDF5 file")


def with_links(make):
    def fill(file):
        dense_weights(file)
        make(file)

    return fill


def external(file):
    file["layers/dense/vars/2"] = h5py.ExternalLink("other.h5", "/secret")


def elsewhere(file):
    vars_ = file["layers/dense/vars"]
    del vars_["0"]
    vars_.create_dataset("0", (3, 2), np.float32, external=[("secret.bin", 0, 24)])


@pytest.mark.parametrize("link", [external, soft, elsewhere, virtual], ids=lambda f: f.__name__)
def test_hdf5_leads_to_no_other_file(tmp_path, monkeypatch, link):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.h5").write_bytes(hdf5(lambda f: f.create_dataset("secret", data=np.full((3, 2), 7, np.float32))))
    (tmp_path / "secret.bin").write_bytes(bytes(24))
    data = hdf5(with_links(link))
    refused(keras_file(tmp_path / "m.keras", weights=data), "is a link to elsewhere|are in other files")
    model = wl.sequential([L.dense(2, input_shape=[3])])
    (tmp_path / "m.weights.h5").write_bytes(data)
    with pytest.raises(wl.io.ModelFileError, match="elsewhere|other files"):
        model.load_weights(str(tmp_path / "m.weights.h5"))


@pytest.mark.parametrize("options", [{"compression": "gzip", "chunks": (1 << 20,)}, {}], ids=["compressed", "empty"])
def test_hdf5_promises_no_more_than_it_has(tmp_path, frugal, options):
    def fill(file):
        made = file.create_group("layers/dense/vars").create_dataset("0", (1 << 30,), np.float32, **options)
        if options:
            made[: 1 << 20] = 0

    tracemalloc.reset_peak()
    refused(keras_file(tmp_path / "m.keras", weights=hdf5(fill)), "the arrays would take 4294967296 bytes")


def test_circles_in_hdf5(tmp_path):
    def fill(file):
        dense_weights(file)
        file["layers/dense/layers"] = file["layers"]

    assert load(keras_file(tmp_path / "m.keras", weights=hdf5(fill))).count_params() == 8


def test_a_lambda_in_a_file_of_keras(tmp_path):
    config = described()
    config["config"]["layers"].append({"class_name": "Lambda", "module": "keras.layers", "config": {
        "function": {"class_name": "__lambda__", "config": {"code": "4wEAAAA="}}}})  # fmt: skip
    refused(keras_file(tmp_path / "m.keras", config, hdf5(dense_weights)), "Lambda layer holds code")


# -- fuzzing ----------------------------------------------------------------------------------------------------------


def saved(model, **options):
    kept = []

    async def main():
        await model.save(wl.io.with_save_handler(kept.append), **options)

    asyncio.run(main())
    return {**kept[0].to_json([]), "bytes": kept[0].weight_data}


def examples():
    x, y = wl.input(shape=[6, 4]), wl.input(shape=[4])
    attended = L.multi_head_attention(num_heads=2, key_dim=2).apply(x, x)
    sequence = L.bidirectional(layer=L.gru(3, return_sequences=True)).apply(attended)
    pooled = L.global_average_pooling1d().apply(sequence)
    inner = wl.sequential([L.dense(6, input_shape=[4]), L.layer_normalization()])
    mixed = wl.model(inputs=[x, y], outputs=[wl.concat([pooled * 2, inner.apply(y)], -1), pooled])
    mixed.compile("adam", "mse", ["mae"])
    image = wl.sequential([
        L.conv2d(filters=3, kernel_size=3, input_shape=[8, 8, 2]), L.batch_normalization(), L.max_pooling2d(pool_size=2),
        L.separable_conv2d(filters=2, kernel_size=2), L.up_sampling2d(size=2), L.flatten(), L.dropout(0.2), L.dense(2)])  # fmt: skip
    image.compile(wl.train.momentum(0.1, 0.9), wl.losses.Huber())
    text = wl.sequential([
        L.embedding(input_dim=9, output_dim=3, mask_zero=True, input_length=5),
        L.rnn(cell=[L.lstm_cell(units=2), L.simple_rnn_cell(units=2)], return_sequences=True),
        L.time_distributed(layer=L.dense(2)), L.reshape(target_shape=[10])])  # fmt: skip
    return [
        saved(mixed, include_optimizer=True),
        saved(image, include_optimizer=True, quantization="uint8"),
        saved(text),
    ]


WEIRD = [None, True, 0, 1, -1, 2, 1 << 20, 1 << 40, 1e308, float("nan"), float("inf"), 0.5, "", "x", "relu", "float16",
         "../x", [], {}, [[]], [None], [-1], [1, 2, 3], [1 << 31, 1 << 31], {"class_name": "Dense", "config": {}},
         {"input": 0}, [["x", 0, 0, {}]]]  # fmt: skip


def places(value, path=()):
    """Every place in a JSON value."""
    if path:
        yield path
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from places(value[key], (*path, key))


def at(value, path):
    for key in path:
        value = value[key]
    return value


def mutated(value, rng):
    value = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 2, 3))):
        everywhere = list(places(value))
        *path, key = rng.choice(everywhere)
        parent, kind = at(value, path), rng.randrange(5)
        if kind == 0:
            del parent[key]
        elif kind == 1:
            parent[key] = copy.deepcopy(at(value, rng.choice(everywhere)))
        elif kind == 2 and isinstance(parent, list):
            parent.insert(key, copy.deepcopy(parent[key]))
        elif kind == 3 and isinstance(parent[key], int | float):
            parent[key] = parent[key] * rng.choice((-1, 10, 10**6, 10**12)) + 1
        else:
            parent[key] = copy.deepcopy(rng.choice(WEIRD))
    return value


def mutated_bytes(data, rng):
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        place, kind = rng.randrange(len(data) + 1), rng.randrange(4)
        if kind == 0:
            del data[place + rng.randrange(64) :]
        elif kind == 1:
            data[place : place + 1] = bytes([rng.randrange(256)])
        elif kind == 2:
            data[place:place] = rng.randbytes(rng.randrange(1, 9))
        else:
            data[place : place + 8] = rng.choice((bytes(8), b"\xff" * 8))
    return bytes(data)


def loads_or_refuses(source):
    """A model, or the one error that there is."""
    try:
        return load(source)
    except wl.io.ModelFileError as error:
        assert len(str(error)) > 10
        return None


@pytest.fixture(scope="module")
def real_files():
    archives = {p: zipfile.ZipFile(p) for p in KERAS if p.suffix == ".keras"}
    return {
        "json": examples(),
        "keras": [{n: a.read(n) for n in a.namelist()} for a in archives.values()],
        "h5": [p.read_bytes() for p in KERAS if p.suffix == ".h5"],
    }


def fuzzed(examples):
    return settings(max_examples=examples, deadline=10_000, derandomize=True, database=None)


SEEDS = st.integers(0, 2**32)


@fuzzed(1000)
@given(seed=SEEDS)
def test_mutations_of_models_of_tensorflow_js(real_files, seed):
    rng = random.Random(seed)
    example = rng.choice(real_files["json"])
    parts = {k: v for k, v in example.items() if k != "bytes"}
    in_weights = rng.random() < 0.2
    described = parts if in_weights else json.loads(json.dumps(mutated(parts, rng)))
    data = mutated_bytes(example["bytes"], rng) if in_weights else example["bytes"]

    class Handler:
        def load(self):
            made = wl.io.Artifacts.from_json(described, "a mutation")
            made.weight_data = data
            return made

    loads_or_refuses(Handler())


@fuzzed(300)
@given(seed=SEEDS)
def test_mutations_of_archives_of_keras(real_files, seed, tmp_path_factory):
    rng = random.Random(seed)
    members = dict(rng.choice(real_files["keras"]))
    if rng.random() < 0.6:
        members["config.json"] = json.dumps(mutated(json.loads(members["config.json"]), rng)).encode()
    else:
        members["model.weights.h5"] = mutated_bytes(members["model.weights.h5"], rng)
    path = zipped(folder_of(tmp_path_factory) / "m.keras", members, zipfile.ZIP_STORED)
    if rng.random() < 0.2:
        path.write_bytes(mutated_bytes(path.read_bytes(), rng))
    loads_or_refuses(path)


@fuzzed(200)
@given(seed=SEEDS)
def test_mutations_of_hdf5(real_files, seed, tmp_path_factory):
    rng = random.Random(seed)
    path = folder_of(tmp_path_factory) / "m.h5"
    path.write_bytes(mutated_bytes(rng.choice(real_files["h5"]), rng))
    loads_or_refuses(path)


@fuzzed(150)
@given(seed=SEEDS)
def test_mutations_of_weights_change_all_or_nothing(seed, tmp_path_factory):
    rng, folder = random.Random(seed), folder_of(tmp_path_factory)
    model = wl.sequential([L.dense(3, input_shape=[2], name="a"), L.batch_normalization(name="b")])
    path = str(folder / f"m.{rng.choice(('safetensors', 'weights.h5', 'h5'))}")
    model.save_weights(path)
    Path(path).write_bytes(mutated_bytes(Path(path).read_bytes(), rng))
    model.set_weights([np.full(w.shape, 7, np.float32) for w in model.weights])
    try:
        model.load_weights(path)
    except wl.io.ModelFileError:
        assert all((w.numpy() == 7).all() for w in model.weights)
    else:
        assert not any((w.numpy() == 7).all() for w in model.weights)


def folder_of(factory):
    """One folder for all examples of a test."""
    return factory.getbasetemp()


@pytest.mark.parametrize("path", CORPUS, ids=lambda p: p.name)
def test_files_that_were_once_too_much(path, frugal):
    assert loads_or_refuses(path) is None
