"""Where models go and come from: folders, servers, memory, files that were picked; and what fails on the way."""

import asyncio
import email
import http.server
import io
import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest

import weblayers as wl
from weblayers.io import registry
from weblayers.io.handlers import files
from weblayers.io.handlers.picked import Downloads

L = wl.layers


def run(awaitable):
    async def main():
        return await awaitable

    return asyncio.run(main())


def stack(units=2):
    return wl.sequential([L.dense(units=units, input_shape=[3], name="a"), L.dense(units=1, name="b")])


def assert_same(first, second):
    assert [w.name for w in first.weights] == [w.name for w in second.weights]
    for one, other in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def load(*args, **options):
    return run(wl.load_layers_model(*args, **options))


# -- folders ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["{}/m", "file://{}/m", "{}/deep/er/m", "{}/m/named.json"])
def test_folders_and_json_files(tmp_path, where):
    model, url = stack(), where.format(tmp_path)
    result = run(model.save(url))
    assert result.model_artifacts_info.weight_data_bytes == 44
    assert_same(load(url), model)
    if not url.endswith(".json"):
        folder = Path(url.removeprefix("file://"))
        assert sorted(p.name for p in folder.iterdir()) == ["model.json", "model.weights.bin"]
        assert_same(load(folder), model)


def test_a_later_save_replaces_the_earlier(tmp_path):
    run(stack().save(tmp_path / "m"))
    model = stack(units=5)
    run(model.save(tmp_path / "m"))
    assert_same(load(tmp_path / "m"), model)
    assert len(list((tmp_path / "m").iterdir())) == 2


@pytest.mark.parametrize("failing", ["write", "replace"])
@pytest.mark.parametrize("nth", [0, 1, 2, 3])
def test_a_save_that_fails_leaves_the_earlier_model(tmp_path, monkeypatch, failing, nth):
    earlier = stack()
    run(earlier.save(tmp_path / "m"))
    calls = iter(range(100))
    owner, name = (Path, "write_bytes") if failing == "write" else (os, "replace")
    original = getattr(owner, name)

    def full(*args):
        if next(calls) == nth:
            raise OSError(28, "No space left on device")
        return original(*args)

    monkeypatch.setattr(owner, name, full)
    if failing == "write" and nth > 1:
        run(stack(units=5).save(tmp_path / "m"))
        assert load(tmp_path / "m").layers[0].units == 5
        return
    with pytest.raises(
        OSError, match=r"model\.json: the model was not saved .*No space left.*earlier one is unchanged"
    ):
        run(stack(units=5).save(tmp_path / "m"))
    assert_same(load(tmp_path / "m"), earlier)
    assert len(list((tmp_path / "m").iterdir())) == 2


def test_a_first_save_that_fails_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(files.os, "replace", lambda *_: (_ for _ in ()).throw(OSError(5, "Input/output error")))
    with pytest.raises(OSError, match="not saved"):
        run(stack().save(tmp_path / "m"))
    assert not list((tmp_path / "m").iterdir())


def test_progress_over_shards(tmp_path):
    model = stack()
    sharded(model, tmp_path, 4)
    seen = []
    assert_same(load(tmp_path, on_progress=seen.append), model)
    assert seen == [0.25, 0.5, 0.75, 1.0]


def sharded(model, folder, count):
    """The model with its bytes cut into files, which TensorFlow's converter does at any byte."""
    run(model.save(folder))
    described = json.loads((folder / "model.json").read_text())
    data = (folder / "model.weights.bin").read_bytes()
    (folder / "model.weights.bin").unlink()
    cuts = [len(data) * i // count for i in range(count + 1)]
    names = [f"group1-shard{i + 1}of{count}.bin" for i in range(count)]
    for name, start, end in zip(names, cuts, cuts[1:], strict=False):
        (folder / name).write_bytes(data[start:end])
    described["weightsManifest"][0]["paths"] = names
    (folder / "model.json").write_text(json.dumps(described))


def test_groups_of_weights_each_with_files(tmp_path):
    model = stack()
    sharded(model, tmp_path, 2)
    described = json.loads((tmp_path / "model.json").read_text())
    [group] = described["weightsManifest"]
    data = b"".join((tmp_path / p).read_bytes() for p in group["paths"])
    sizes = [24, 8, 8, 4]
    described["weightsManifest"], offset = [], 0
    for i, (spec, size) in enumerate(zip(group["weights"], sizes, strict=True)):
        (tmp_path / f"g{i}.bin").write_bytes(data[offset : offset + size])
        offset += size
        described["weightsManifest"].append({"paths": [f"g{i}.bin"], "weights": [spec]})
    (tmp_path / "model.json").write_text(json.dumps(described))
    assert_same(load(tmp_path), model)


@pytest.mark.parametrize("name", ["m", "m.json", "m.keras", "m.h5"])
def test_nothing_there(tmp_path, name):
    with pytest.raises(wl.io.ModelNotFoundError, match=name):
        load(tmp_path / name)
    with pytest.raises(wl.io.ModelNotFoundError):
        run(stack().load_weights(str(tmp_path / name)))


def test_weights_that_are_missing_are_damage(tmp_path):
    run(stack().save(tmp_path))
    (tmp_path / "model.weights.bin").unlink()
    with pytest.raises(wl.io.ModelFileError, match="weights cannot be read") as caught:
        load(tmp_path)
    assert not isinstance(caught.value, wl.io.ModelNotFoundError)


# -- copies, moves, removals ------------------------------------------------------------------------------------------


def test_copy_move_and_remove_folders(tmp_path):
    model, one, two, three = stack(), *(str(tmp_path / name) for name in ("one", "two", "three"))
    run(model.save(one))
    assert run(wl.io.copy_model(one, two)).weight_data_bytes == 44
    run(wl.io.move_model(two, three))
    assert_same(load(three), model)
    with pytest.raises(wl.io.ModelNotFoundError):
        load(two)
    assert run(wl.io.remove_model(three)).weight_data_bytes == 44
    assert not list((tmp_path / "three").iterdir())
    with pytest.raises(wl.io.ModelNotFoundError):
        run(wl.io.remove_model(three))


def test_a_damaged_model_can_be_removed(tmp_path):
    sharded(stack(), tmp_path, 3)
    (tmp_path / "group1-shard2of3.bin").unlink()
    (tmp_path / "notes.txt").write_text("mine")
    run(wl.io.removeModel(str(tmp_path)))
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_a_copy_keeps_everything(tmp_path):
    model = stack()
    model.compile("adam", "mse")
    model.set_user_defined_metadata({"a": 1})
    run(model.save(tmp_path / "one", include_optimizer=True))
    run(wl.io.copy_model(str(tmp_path / "one"), str(tmp_path / "two")))
    for name in ("model.json", "model.weights.bin"):
        assert (tmp_path / "two" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()


def test_what_cannot_be_copied_moved_or_removed(tmp_path):
    with pytest.raises(ValueError, match="are the same"):
        run(wl.io.copy_model("a", "a"))
    with pytest.raises(ValueError, match="Cannot find any load handlers for URL 'nowhere://a'"):
        run(wl.io.copy_model("nowhere://a", "b"))
    with pytest.raises(ValueError, match="Cannot find any save handlers for URL 'nowhere://b'"):
        run(wl.io.copy_model(str(tmp_path), "nowhere://b"))
    with pytest.raises(ValueError, match="Cannot remove 'http://localhost/m'.*localstorage, indexeddb"):
        run(wl.io.remove_model("http://localhost/m"))


# -- servers ----------------------------------------------------------------------------------------------------------


class Server(http.server.BaseHTTPRequestHandler):
    """Serves a folder; what is posted to it goes there."""

    def do_GET(self):
        server = self.server
        server.asked.append((self.path, self.headers.get("X-Token")))
        path, _, _ = self.path.partition("?")
        file = server.folder / path.lstrip("/")
        status = server.broken.get(path, 200 if file.is_file() else 404)
        body = file.read_bytes() if status == 200 else b"sorry"
        self.answer(status, body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        form = email.message_from_bytes(head + body)
        self.server.posted.append((self.path, self.command, self.headers.get("X-Token")))
        for part in form.get_payload():
            assert part.get_param("name", header="content-disposition") == part.get_filename()
            (self.server.folder / part.get_filename()).write_bytes(part.get_payload(decode=True))
        self.answer(self.server.broken.get(self.path, 200), b"stored")

    do_PUT = do_POST

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        running.folder, running.asked, running.posted, running.broken = tmp_path, [], [], {}
        running.url = f"http://127.0.0.1:{running.server_port}"
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_models_from_a_server_in_shards(server):
    model, seen = stack(), []
    sharded(model, server.folder, 5)
    assert_same(load(f"{server.url}/model.json", {"onProgress": seen.append}), model)
    assert seen == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert len(server.asked) == 6


def test_queries_headers_and_prefixes_go_along(server):
    model = stack()
    sharded(model, server.folder, 2)
    (server.folder / "cdn").mkdir()
    for file in server.folder.glob("*.bin"):
        file.rename(server.folder / "cdn" / file.name)
    options = {"requestInit": {"headers": {"X-Token": "secret"}}, "weightPathPrefix": f"{server.url}/cdn/"}
    assert_same(load(f"{server.url}/model.json?v=2", options), model)
    shards = {(f"/cdn/group1-shard{i}of2.bin?v=2", "secret") for i in (1, 2)}
    assert set(server.asked) == {("/model.json?v=2", "secret"), *shards}


@pytest.mark.parametrize("later", [False, True])
def test_urls_made_by_a_function(server, later):
    model = stack()
    sharded(model, server.folder, 2)

    def converted(path):
        return f"{server.url}/{path}?signed"

    async def converted_later(path):
        return converted(path)

    assert_same(load(f"{server.url}/model.json", weight_url_converter=converted_later if later else converted), model)
    assert ("/group1-shard2of2.bin?signed", None) in server.asked


class Answer:
    """What a page's fetch gives."""

    def __init__(self, status, body):
        self.status, self.body = status, body

    async def bytes(self):
        return self.body


def test_a_fetch_of_ones_own(tmp_path):
    model, asked = stack(), []
    run(model.save(tmp_path))

    async def fetch(url, init):
        asked.append((url, init["credentials"]))
        return Answer(200, (tmp_path / url.rsplit("/", 1)[-1]).read_bytes())

    options = {"fetchFunc": fetch, "requestInit": {"credentials": "include"}}
    assert_same(load("https://example.org/a/model.json", options), model)
    assert asked == [(f"https://example.org/a/{n}", "include") for n in ("model.json", "model.weights.bin")]
    assert_same(
        load("https://example.org/model.json", fetch_func=lambda u, i: (tmp_path / Path(u).name).read_bytes()), model
    )


def test_saving_posts_a_form(server):
    model = stack()
    result = run(model.save(f"{server.url}/upload"))
    assert server.posted == [("/upload", "POST", None)]
    assert result.responses[0].status == 200
    assert result.responses[0].body == b"stored"
    assert_same(load(server.folder), model)


def test_saving_with_options(server):
    handler = wl.io.http(f"{server.url}/up", {"requestInit": {"method": "PUT", "headers": {"X-Token": "t"}}})
    run(stack().save(handler))
    assert server.posted == [("/up", "PUT", "t")]


def test_a_server_that_refuses(server):
    server.broken = {"/upload": 507, "/model.json": 503}
    with pytest.raises(OSError, match=r"failed due to HTTP response status 507"):
        run(stack().save(f"{server.url}/upload"))
    with pytest.raises(wl.io.ModelFileError, match="model.json failed with status code 503") as caught:
        load(f"{server.url}/model.json")
    assert not isinstance(caught.value, wl.io.ModelNotFoundError)


@pytest.mark.parametrize("name", ["model.json", "model.keras", "model.h5"])
def test_nothing_on_the_server(server, name):
    with pytest.raises(wl.io.ModelNotFoundError, match=f"{name} failed with status code 404"):
        load(f"{server.url}/{name}")


@pytest.mark.parametrize("status", [500, 404])
def test_a_shard_that_is_not_there(server, status):
    sharded(stack(), server.folder, 3)
    server.broken = {"/group1-shard2of3.bin": status}
    with pytest.raises(wl.io.ModelFileError, match=f"shard2of3.bin failed with status code {status}"):
        load(f"{server.url}/model.json")


def test_no_server():
    with pytest.raises(wl.io.ModelFileError, match="Request to http://127.0.0.1:9/model.json failed"):
        load("http://127.0.0.1:9/model.json")


def test_more_bytes_than_the_model_has_are_not_read(server):
    sharded(stack(), server.folder, 1)
    (server.folder / "group1-shard1of1.bin").write_bytes(bytes(10_000))
    with pytest.raises(wl.io.ModelFileError, match="the weights take 44 bytes, but their files have 45"):
        load(f"{server.url}/model.json")


@pytest.mark.parametrize("suffix", ["keras", "h5", "safetensors", "weights.h5"])
def test_files_in_one_piece_from_a_server(server, suffix):
    model, other, url = stack(), stack(), f"{server.url}/m.{suffix}"
    whole = suffix in ("keras", "h5")
    run((model.save if whole else model.save_weights)(server.folder / f"m.{suffix}"))
    run(other.load_weights(url))
    assert_same(other, model)
    if whole:
        assert_same(load(f"{url}?v=1"), model)
    with pytest.raises(ValueError, match="Cannot find any save handlers"):
        run((model.save if whole else model.save_weights)(url))


def test_handlers_of_urls_refuse_what_they_cannot_use():
    with pytest.raises(ValueError, match="must not be null, undefined or empty"):
        wl.io.http("")
    with pytest.raises(ValueError, match="no pre-existing body"):
        wl.io.http("http://a/b", {"requestInit": {"body": "x"}})
    with pytest.raises(TypeError, match="weight_path_prefix"):
        wl.io.http("http://a/b", {"weightPathPrefiks": "x"})
    assert wl.io.isHTTPScheme("https://a")
    assert not wl.io.is_http_scheme("ftp://a")
    assert wl.io.browserHTTPRequest("http://a/b").path == "http://a/b"


# -- memory, picked files, handlers of one's own ----------------------------------------------------------------------


def test_memory_in_every_form():
    model, kept = stack(), []
    run(model.save(wl.io.withSaveHandler(kept.append)))
    [artifacts] = kept
    topology, specs, data = artifacts.model_topology, artifacts.weight_specs, artifacts.weight_data
    for handler in (
        wl.io.from_memory(artifacts),
        wl.io.fromMemory(topology, specs, data),
        wl.io.from_memory_sync({"modelTopology": topology, "weightSpecs": specs, "weightData": [data[:7], data[7:]]}),
    ):
        assert_same(load(handler), model)
    assert load(wl.io.from_memory(topology)).count_params() == model.count_params()


def test_handlers_of_ones_own():
    class Shelf:
        def __init__(self):
            self.kept = None

        def save(self, artifacts):
            self.kept = artifacts
            return "put away"

        async def load(self):
            return self.kept

    shelf, model = Shelf(), stack()
    assert run(model.save(shelf)) == "put away"
    assert_same(load(shelf), model)
    with pytest.raises(ValueError, match="does not have the `save`"):
        run(model.save(object()))
    with pytest.raises(ValueError, match="does not have the `load` method|`load` method"):
        load(object())
    shelf.kept = 7
    with pytest.raises(TypeError, match="must give artifacts, got int"):
        load(shelf)


def test_a_handler_that_fails_is_heard():
    async def refuse(artifacts):
        raise OSError("the shelf is full")

    with pytest.raises(OSError, match="the shelf is full"):
        run(stack().save(wl.io.with_save_handler(refuse)))


def test_schemes_of_ones_own(monkeypatch):
    monkeypatch.setattr(registry, "_save_routers", list(registry._save_routers))
    monkeypatch.setattr(registry, "_load_routers", list(registry._load_routers))
    kept = {}

    def to(url):
        return wl.io.with_save_handler(lambda a: kept.update({url: a})) if str(url).startswith("mine://") else None

    wl.io.registerSaveRouter(to)
    wl.io.register_load_router(lambda url, options: wl.io.from_memory(kept[url]) if url in kept else None)
    model = stack()
    run(model.save("mine://a"))
    assert_same(load("mine://a"), model)
    wl.io.register_save_router(to)
    with pytest.raises(ValueError, match=r"more than one \(2\) save handlers for URL 'mine://a'"):
        run(model.save("mine://a"))


class Picked(io.BytesIO):
    def __init__(self, name, data):
        super().__init__(data)
        self.name = name


def picked(folder):
    return [Picked(p.name, p.read_bytes()) for p in sorted(folder.iterdir(), key=lambda p: p.suffix != ".json")]


def test_files_that_were_picked(tmp_path):
    model = stack()
    sharded(model, tmp_path, 3)
    json_file, *shards = picked(tmp_path)
    # in whatever order the user has picked them
    assert_same(load(wl.io.browserFiles([json_file, *reversed(shards)])), model)
    topology, *_ = picked(tmp_path)
    assert load(wl.io.browser_files([topology])).count_params() == model.count_params()


def test_files_that_were_not_picked(tmp_path):
    sharded(stack(), tmp_path, 2)
    with pytest.raises(ValueError, match="at least 1 file"):
        wl.io.browser_files([])
    with pytest.raises(wl.io.ModelFileError, match="'group1-shard2of2.bin' is not provided"):
        load(wl.io.browser_files(picked(tmp_path)[:2]))
    with pytest.raises(wl.io.ModelFileError, match=r"files in weights manifest \(2\).*provided \(3\)"):
        load(wl.io.browser_files([*picked(tmp_path), Picked("more.bin", b"")]))
    with pytest.raises(wl.io.ModelFileError, match="not valid JSON"):
        load(wl.io.browser_files(picked(tmp_path)[1:]))


@pytest.mark.parametrize("url", ["localstorage://m", "indexeddb://m", "downloads://m"])
def test_pages_storage_without_a_page(url):
    with pytest.raises(RuntimeError, match="no browser here"):
        run(stack().save(url))


@pytest.mark.parametrize("url", ["localstorage://", "indexeddb://"])
def test_places_without_a_name(url):
    with pytest.raises(ValueError, match="wants the name of a model behind it"):
        run(stack().save(url))


def test_downloads_have_a_name():
    assert Downloads("downloads://").name == "model"
    assert Downloads("downloads://mine").name == "mine"
