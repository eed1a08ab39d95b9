"""Keras' files in pages: h5py and what stands in for it there read what the other has written, and refuse the same."""

import json
import random
import subprocess
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

import weblayers as wl
from tests.hdf5_files import dense_weights, hdf5, soft, virtual
from tests.native.test_keras_files import FILES, load, run

ROOT = Path(__file__).parents[2]
SITE = ROOT / "build" / "site" / "weblayers"
L = wl.layers


class Page:
    """Python in Pyodide, in Node.js; `folder` is where both sides have their files."""

    def __init__(self, folder):
        self.folder = folder
        script = Path(__file__).with_name("pyodide.mjs")
        command = ["node", script, SITE, folder]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.run("import weblayers as wl\nwl.set_backend('numpy')\nNone")

    def run(self, source):
        """Run Python there; gives the last expression's value, which JSON can hold."""
        self._process.stdin.write(json.dumps(source) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert "error" not in answer, answer["trace"]
        return answer["result"]

    def refusal(self, call):
        """What the ModelFileError of a call says; None without one."""
        return self.run(f"""
            import weblayers as wl
            model = wl.sequential([wl.layers.dense(2, input_shape=[3])])
            try:
                await {call}
                said = None
            except wl.io.ModelFileError as error:
                said = str(error)
            said
            """)

    def close(self):
        self._process.stdin.close()
        self._process.wait(timeout=30)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    if not (SITE / "weblayers_hdf5.mjs").is_file():
        pytest.fail("the site is not built: run `./build.sh test`, which builds all that tests need")
    made = Page(tmp_path_factory.mktemp("page"))
    yield made
    made.close()


def weights_of(model):
    return [w.numpy() for w in model.weights]


# -- the interface ----------------------------------------------------------------------------------------------------

LONG = "a name that is long " * 50
ARRAYS = {
    "float32": np.arange(6, dtype=np.float32).reshape(2, 3) / 7,
    "float64": np.array([1e300, -0.0, np.inf]),
    "int32": np.array([[-1], [2**31 - 1]], np.int32),
    "int64": np.array([-(2**62), 3]),
    "uint8": np.arange(256, dtype=np.uint8),
    "uint32": np.array([2**32 - 1, 0], np.uint32),
    "number": np.float32(2.5),
    "nothing": np.zeros((0, 3), np.float32),
    "größe/重み/β": np.ones(2, np.float32),
    f"{LONG}/{LONG}": np.ones((1, 1), np.float32),
}
TEXTS = {
    "text": "ein Text: größer, 重み, 🙂",
    "empty": "",
    "json": json.dumps({"layers": ["a" * 100] * 1000}),
}
# written as bytes, of one length
NAMES = {"names": ["a", "größe", "重み/kernel:0", LONG], "none": []}

WRITE = """
import io
import numpy as np
from weblayers.io.keras import library

await library.prepare()
buffer = io.BytesIO()
with library.created(buffer) as file:
    for name, (dtype, shape, data) in arrays.items():
        file[name] = np.frombuffer(bytes.fromhex(data), dtype).reshape(shape)
    group = file.create_group("group/within")
    for name, text in texts.items():
        group.attrs[name] = text
    for name, all_names in names.items():
        group.attrs[name] = np.array([n.encode() for n in all_names] or np.zeros(0, "S1"))
    group.attrs["bytes"] = b"jax"
    group.attrs["numbers"] = np.array([1.5, 2.5])
    group.attrs["count"] = 3
    file["truths"] = np.array([True, False])
open("written.h5", "wb").write(buffer.getvalue())
None
"""
READ = """
import numpy as np
from weblayers.io.keras import library

await library.prepare()
with library.opened(open("given.h5", "rb").read(), "given.h5") as file:
    found = {}
    for dataset in (d for d in library.datasets(file) if d.shape is not None):
        value = dataset[()]
        assert value.dtype == dataset.dtype and value.shape == dataset.shape and value.nbytes == dataset.nbytes
        found[dataset.name] = [value.dtype.str, value.shape, value.tobytes().hex()]
    group = file["group"]["within"]
    said = {
        "arrays": found,
        "texts": {name: library.text(group.attrs[name]) for name in texts},
        "names": {name: [library.text(n) for n in group.attrs.get(name, "?")] for name in names},
        "rest": [library.text(group.attrs["bytes"]), group.attrs["numbers"].tolist(), int(group.attrs["count"])],
        "not there": [group.attrs.get("other"), file.get("other/one"), "other" in file, "other" in group.attrs],
        "there": ["group/within" in file, "within" in file["group"], sorted(file["group"]), len(list(file))],
        "nothing in it": file["empty"].shape,
        "kinds": [library.is_group(group), library.is_dataset(group), library.is_dataset(file["number"])],
    }
said
"""


def given(**values):
    return "".join(f"{name} = {value!r}\n" for name, value in values.items())


def test_h5py_reads_what_a_page_writes(page):
    arrays = {n: (v.dtype.str, v.shape, v.tobytes().hex()) for n, v in ARRAYS.items()}
    page.run(given(arrays=arrays, texts=TEXTS, names=NAMES) + WRITE)
    with h5py.File(page.folder / "written.h5") as file:
        for name, expected in ARRAYS.items():
            found = file[name][()]
            assert found.dtype == expected.dtype and found.shape == expected.shape
            np.testing.assert_array_equal(found, expected)
        attributes = file["group/within"].attrs
        assert {name: attributes[name] for name in TEXTS} == TEXTS
        assert {name: [n.decode() for n in attributes[name]] for name in NAMES} == NAMES
        assert (attributes["bytes"], attributes["count"], list(attributes["numbers"])) == (b"jax", 3, [1.5, 2.5])
        # it writes no truth values
        assert file["truths"][()].tolist() == [1, 0]


def test_a_page_reads_what_h5py_writes(page):
    more = {
        "half": np.array([0.5, 65504], np.float16),
        "truths": np.array([True, False]),
        "backwards": np.array([1.5, -2], ">f4"),
    }

    def fill(file):
        for name, value in {**ARRAYS, **more}.items():
            file[name] = value
        file["empty"] = h5py.Empty("f4")
        file.create_dataset("packed", data=np.arange(1000, dtype=np.int32), compression="gzip", shuffle=True)
        attributes = file.create_group("group/within").attrs
        attributes.update(TEXTS)
        attributes.update({"names": NAMES["names"], "none": np.zeros(0, "S1")})
        attributes.update({"bytes": b"jax", "numbers": np.array([1.5, 2.5]), "count": 3})

    (page.folder / "given.h5").write_bytes(hdf5(fill))
    said = page.run(given(texts=list(TEXTS), names=list(NAMES)) + READ)
    expected = {**ARRAYS, **more, "packed": np.arange(1000, dtype=np.int32)}
    for name, value in expected.items():
        dtype, shape, found = said["arrays"].pop(f"/{name}")
        np.testing.assert_array_equal(np.frombuffer(bytes.fromhex(found), dtype).reshape(shape), value, err_msg=name)
    assert said.pop("arrays") == {}
    assert said == {
        "texts": TEXTS,
        "names": NAMES,
        "rest": ["jax", [1.5, 2.5], 3],
        "not there": [None, None, False, False],
        "there": [True, True, ["within"], len(expected) + 2],
        "nothing in it": None,
        "kinds": [True, False, True],
    }


def test_what_cannot_be_written_is_an_error(page):
    """h5wasm alone would say nothing."""
    said = page.run("""
        import io
        import numpy as np
        from weblayers.io.keras import library

        await library.prepare()
        said = []
        with library.created(io.BytesIO()) as file:
            for make in (
                lambda: [file.attrs.__setitem__("twice", value) for value in ("a", b"b")],
                lambda: file.__setitem__("half", np.ones(2, np.float16)),
                lambda: [file.create_group("twice") for _ in range(2)],
            ):
                try:
                    make()
                except OSError as error:
                    said.append(str(error))
        said
        """)
    assert len(said) == 3 and "attribute twice of / cannot" in said[0] and "Float" in said[1] and "/twice" in said[2]


# -- models -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", sorted(p for p in FILES.iterdir() if p.suffix in (".keras", ".h5")), ids=lambda p: p.name
)
def test_a_page_reads_the_files_of_keras(page, path):
    """As they are read here, and what it writes of them too."""
    (page.folder / path.name).write_bytes(path.read_bytes())
    page.run(f"""
        import weblayers as wl
        model = await wl.load_layers_model({path.name!r})
        for name in ("copy.keras", "copy.h5"):
            await model.save(name)
        await model.save_weights("copy.weights.h5")
        None
        """)
    model = load(path)
    expected = weights_of(model)
    for name in ("copy.keras", "copy.h5"):
        found = load(page.folder / name)
        for one, other in zip(weights_of(found), expected, strict=True):
            np.testing.assert_array_equal(one, other)
    for weight in model.weights:
        weight.assign(np.zeros(weight.shape, np.float32))
    run(lambda: model.load_weights(page.folder / "copy.weights.h5"))
    for one, other in zip(weights_of(model), expected, strict=True):
        np.testing.assert_array_equal(one, other)


# -- files that are damaged, or worse ---------------------------------------------------------------------------------


def external(file):
    file["layers/dense/vars/2"] = h5py.ExternalLink("/dev/stdin", "/secret")


def elsewhere(file):
    variables = file["layers/dense/vars"]
    del variables["0"]
    variables.create_dataset("0", (3, 2), np.float32, external=[("/dev/tty", 0, 24)])


def huge(file):
    file.create_dataset("large", (1 << 40,), np.float32, chunks=(1 << 20,))


def texts(file):
    del file["layers/dense/vars/0"]
    file["layers/dense/vars/0"] = ["a", "b"]


def deep(file):
    file.create_group("/".join("a" * 2000))["0"] = np.ones(2)


REFUSED = {
    external: "is a link to elsewhere",
    soft: "is a link to elsewhere",
    elsewhere: "values cannot be read",
    virtual: "are in other files",
    huge: "would take 4398046511136 bytes",
    texts: "is [2] in the file, but [3, 2] in the model",
    deep: "too much in it, or too deep",
}


@pytest.mark.parametrize("make", REFUSED, ids=lambda f: f.__name__)
def test_a_page_refuses_what_leads_elsewhere_or_is_too_large(page, make):
    data = hdf5(lambda file: dense_weights(file) or make(file))
    (page.folder / "m.weights.h5").write_bytes(data)
    assert REFUSED[make] in page.refusal("model.load_weights('m.weights.h5')")


def test_groups_in_a_circle_are_visited_once(page):
    def fill(file):
        dense_weights(file)
        file["layers/dense/vars/up"] = file["layers"]

    (page.folder / "m.weights.h5").write_bytes(hdf5(fill))
    assert page.refusal("model.load_weights('m.weights.h5')") is None


def test_damaged_files_are_refused_or_read(page):
    """Cut anywhere, or with other bytes somewhere: a ModelFileError, or a file whose damage is in its values."""
    rng = random.Random(0)
    whole = hdf5(dense_weights)
    damaged = [whole[: rng.randrange(len(whole))] for _ in range(15)]
    for _ in range(30):
        data = bytearray(whole)
        for _ in range(rng.choice((1, 3, 20))):
            data[rng.randrange(len(data))] = rng.randrange(256)
        damaged.append(bytes(data))
    for i, data in enumerate([b"", b"\x89HDF\r\n\x1a\nnot really", *damaged]):
        (page.folder / f"damaged-{i}.weights.h5").write_bytes(data)
    said = page.run(f"""
        import weblayers as wl
        model = wl.sequential([wl.layers.dense(2, input_shape=[3])])
        said = []
        for i in range({len(damaged) + 2}):
            try:
                await model.load_weights(f"damaged-{{i}}.weights.h5")
                said.append(None)
            except wl.io.ModelFileError as error:
                said.append(str(error))
        said
        """)
    refused = [one for one in said if one is not None]
    assert all(f"damaged-{i}.weights.h5: " in one for i, one in enumerate(said) if one is not None)
    assert "no HDF5 file, or not all of one" in said[0] and "no HDF5 file" in said[1]
    # what is cut is never read
    assert None not in said[:17] and len(refused) > 20
    # and afterwards all is as before
    (page.folder / "m.weights.h5").write_bytes(whole)
    assert page.refusal("model.load_weights('m.weights.h5')") is None


def test_an_archive_that_is_damaged(page):
    (page.folder / "m.keras").write_bytes(b"PK\3\4 not really")
    assert "not a .keras file" in page.refusal("wl.load_layers_model('m.keras')")
    path = page.folder / "n.keras"
    with zipfile.ZipFile(FILES / "unet.keras") as archive, zipfile.ZipFile(path, "w") as other:
        for name in archive.namelist():
            data = archive.read(name)
            other.writestr(name, data[: len(data) // 2] if name.endswith(".h5") else data)
    assert "not a readable HDF5 file" in page.refusal("wl.load_layers_model('n.keras')")
