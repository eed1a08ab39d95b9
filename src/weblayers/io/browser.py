"""What a page's browser does for files: its storage, its fetch, files that its user picked, and downloads."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

from ..runtime.border import attribute, document, given, refusing


def _js() -> Any:
    try:
        import js
    except ImportError:
        raise RuntimeError(f"there is no browser here, but Python on {sys.platform}") from None
    return js


def _storage(name: str, title: str) -> Any:
    js = _js()
    # pages that may not store anything are told so as soon as they look
    with refusing(title.partition(";")[0]):
        storage = attribute(js, name)
    if storage is None:
        raise RuntimeError(f"The current environment does not support {title}.")
    return storage


class LocalItems:
    """The texts in the page's local storage.

    Raises:
        RuntimeError: there is none; a worker has none either.
        OSError: the page may not use it, or it is full.
    """

    def __init__(self) -> None:
        self._storage = _storage("localStorage", "local storage; workers have indexeddb:// only")

    def get(self, key: str) -> str | None:
        with refusing("to read local storage"):
            return given(self._storage.getItem(key))

    def set(self, key: str, text: str) -> None:
        with refusing("to write to local storage"):
            self._storage.setItem(key, text)

    def remove(self, keys: Iterable[str]) -> None:
        with refusing("to write to local storage"):
            for key in keys:
                self._storage.removeItem(key)

    def keys(self) -> list[str]:
        with refusing("to read local storage"):
            return [str(given(self._storage.key(i))) for i in range(self._storage.length)]


def has_local_storage() -> bool:
    return _is_usable("localStorage")


def has_indexed_db() -> bool:
    return _is_usable("indexedDB")


def _is_usable(name: str) -> bool:
    # Pyodide imports `js` when somebody asks for it; elsewhere it may be anything
    has_js = sys.platform == "emscripten" or "js" in sys.modules
    try:
        return has_js and _storage(name, name) is not None
    except (OSError, RuntimeError):
        return False


# How tabs and workers hear of each other, by names.
_channels: dict[str, Any] = {}


def claim(name: str, lost: Callable[[], None]) -> None:
    """Have a name of the origin's from now on: who has had it, in another tab or worker, is told by its ``lost``.

    The last to come has it. A lock, which the first would have, stays with pages that browsers keep for who goes back.
    """
    kind = attribute(_js(), "BroadcastChannel")
    if kind is None:
        return
    from pyodide.ffi import create_proxy

    # of those who follow each other in this Python the last hears
    channel = _channels.get(name) or _channels.setdefault(name, kind.new(name))
    channel.onmessage = create_proxy(lambda _event: lost())
    channel.postMessage("claimed")


def has_packages() -> bool:
    """Whether Pyodide's packages can be loaded."""
    return "pyodide_js" in sys.modules


async def load_package(name: str) -> None:
    """Load a package of Pyodide's distribution; whether it was there shows when it is imported."""
    import pyodide_js

    # a page's own copy of Pyodide need not have all packages, which the loader would only report on the console
    with suppress(Exception):
        await pyodide_js.loadPackage(name)


_base: str | None = None


def set_base(url: str) -> None:
    """Have relative URLs be those of a page: a worker of its has another address."""
    global _base
    _base = url


async def fetch(url: str, init: dict[str, Any]) -> Any:
    """The page's fetch."""
    from pyodide.ffi import to_js
    from pyodide.http import pyfetch

    url = url if _base is None else _js().URL.new(url, _base).href
    options = {k: v if k == "headers" else to_js(v) for k, v in init.items()}
    return await pyfetch(url, **options)


async def stream_chunks(stream: Any) -> AsyncIterator[bytes]:
    """The bytes of a ``ReadableStream``, as they arrive."""
    reader = stream.getReader()
    ended = False
    try:
        while not ended:
            part = await reader.read()
            ended = part.done
            if not ended:
                yield part.value.to_bytes()
    finally:
        if not ended:
            # nobody wants the rest
            reader.cancel()


async def file_bytes(file: Any) -> bytes:
    """The content of a file that the user picked; of anything else with ``read()`` too."""
    if hasattr(file, "arrayBuffer"):
        buffer = await file.arrayBuffer()
        return buffer.to_bytes() if hasattr(buffer, "to_bytes") else bytes(buffer)
    return file.read()


# Who hands over files instead, such as the page for its worker, which has no document.
_courier: Callable[[str, bytes, str], None] | None = None


def set_courier(courier: Callable[[str, bytes, str], None]) -> None:
    """Say who hands files to the user: it gets name, contents and type."""
    global _courier
    _courier = courier


def download(name: str, data: bytes, kind: str) -> None:
    """Hand the user a file."""
    if _courier is not None:
        _courier(name, data, kind)
        return
    js = _js()
    page = document()
    if page is None:
        raise RuntimeError("Browser downloads are not supported in this environment since `document` is not present")
    blob = js.Blob.new([_array(data)], type=kind)
    anchor = page.createElement("a")
    anchor.download, anchor.href = name, js.URL.createObjectURL(blob)
    anchor.click()
    # the browser reads the blob after the click
    js.setTimeout(_once(lambda *_: js.URL.revokeObjectURL(anchor.href)), 10_000)


def _array(data: bytes) -> Any:
    array = _js().Uint8Array.new(len(data))
    array.assign(data)
    return array


def _once(function: Callable[..., Any]) -> Any:
    from pyodide.ffi import create_once_callable

    return create_once_callable(function)


class Database:
    """TensorFlow.js' database of models: one store of artifacts, one of what is known of them.

    Use it in ``async with``.
    """

    ARTIFACTS, INFO = "models_store", "model_info_store"

    async def __aenter__(self) -> Database:
        self._js = _js()

        def make(database: Any) -> None:
            options = self._js.JSON.parse('{"keyPath": "modelPath"}')
            for store in (self.ARTIFACTS, self.INFO):
                database.createObjectStore(store, options)

        self._database = await _opened("tensorflowjs", make)
        return self

    async def __aexit__(self, *_: Any) -> None:
        self._database.close()

    async def put(self, path: str, artifacts: dict[str, Any], data: bytes, info: dict[str, Any]) -> None:
        """Store both or none."""
        whole = self._js.JSON.parse(json.dumps(artifacts))
        whole.weightData = _array(data).buffer
        transaction = self._transaction("readwrite")
        for store, key, value in (
            (self.ARTIFACTS, "modelArtifacts", whole),
            (self.INFO, "modelArtifactsInfo", self._js.JSON.parse(json.dumps(info))),
        ):
            record = self._js.JSON.parse(json.dumps({"modelPath": path}))
            setattr(record, key, value)
            with refusing(f"to store {path!r}"):
                transaction.objectStore(store).put(record)
        await _finished(transaction, "oncomplete")

    async def get(self, path: str) -> tuple[dict[str, Any], bytes] | None:
        """The artifacts and the bytes of their weights."""
        record = given(await _finished(self._transaction("readonly").objectStore(self.ARTIFACTS).get(path)))
        if record is None:
            return None
        found = record.modelArtifacts
        data = attribute(found, "weightData")
        without = self._js.Object.assign(self._js.JSON.parse("{}"), found)
        without.weightData = None
        return json.loads(self._js.JSON.stringify(without)), b"" if data is None else _bytes(data)

    async def infos(self) -> list[dict[str, Any]]:
        """The records of all models."""
        records = await _finished(self._transaction("readonly").objectStore(self.INFO).getAll())
        return json.loads(self._js.JSON.stringify(records))

    async def delete(self, path: str) -> None:
        transaction = self._transaction("readwrite")
        for store in (self.ARTIFACTS, self.INFO):
            transaction.objectStore(store).delete(path)
        await _finished(transaction, "oncomplete")

    def _transaction(self, mode: str) -> Any:
        stores = self._js.Array.of(self.ARTIFACTS, self.INFO)
        with refusing("a transaction of IndexedDB"):
            return self._database.transaction(stores, mode)


def _bytes(data: Any) -> bytes:
    """The bytes of a buffer, or of the chunks of one."""
    if hasattr(data, "to_bytes"):
        return data.to_bytes()
    return b"".join(chunk.to_bytes() for chunk in data)


class PlanStore:
    """Plans that outlive the page, the latest of them."""

    STORE, MOST = "plans", 48

    async def find(self, prefix: str) -> dict[str, bytes]:
        """All whose names begin so, with their names."""
        async with self._database() as database:
            named = _js().IDBKeyRange.bound(prefix, f"{prefix}\uffff")
            records = await _finished(self._plans(database, "readonly").getAll(named))
            return {record.name: record.data.to_bytes() for record in records}

    async def put(self, name: str, data: bytes) -> None:
        # a transaction ends as soon as nobody waits for it: each has all that it does from the beginning
        async with self._database() as database:
            record = _js().JSON.parse(json.dumps({"name": name}))
            record.at, record.data = _js().Date.now(), _array(data)
            plans = self._plans(database, "readwrite")
            with refusing("to store a plan"):
                plans.put(record)
            await _finished(plans.transaction, "oncomplete")
            names = list(await _finished(self._plans(database, "readonly").index("at").getAllKeys()))
            if len(names) > self.MOST:
                plans = self._plans(database, "readwrite")
                for oldest in names[: -self.MOST]:
                    plans.delete(oldest)
                await _finished(plans.transaction, "oncomplete")

    def _plans(self, database: Any, mode: str) -> Any:
        with refusing("a transaction of IndexedDB"):
            return database.transaction(self.STORE, mode).objectStore(self.STORE)

    @asynccontextmanager
    async def _database(self) -> AsyncIterator[Any]:
        def make(database: Any) -> None:
            plans = database.createObjectStore(self.STORE, _js().JSON.parse('{"keyPath": "name"}'))
            plans.createIndex("at", "at")

        database = await _opened("weblayers", make)
        try:
            yield database
        finally:
            database.close()


async def _opened(name: str, make: Callable[[Any], None]) -> Any:
    """A database; who opens it first makes its stores."""
    factory = _storage("indexedDB", "IndexedDB")
    with refusing("IndexedDB"):
        request = factory.open(name, 1)
    request.onupgradeneeded = _once(lambda *_: make(request.result))
    return await _finished(request)


async def _finished(request: Any, success: str = "onsuccess") -> Any:
    """The result of a request of the database, once it is there."""
    future = asyncio.get_running_loop().create_future()

    def fail(*_: Any) -> None:
        if not future.done():
            future.set_exception(OSError(str(attribute(request, "error") or "IndexedDB refused")))

    def succeed(*_: Any) -> None:
        if not future.done():
            future.set_result(attribute(request, "result"))

    for name, function in ((success, succeed), ("onerror", fail), ("onabort", fail)):
        setattr(request, name, _once(function))
    return await future
