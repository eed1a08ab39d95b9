"""Models in a page's storage, as TensorFlow.js lays them out: both libraries see each other's."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from ... import naming
from .. import browser, registry
from ..artifacts import Artifacts, ModelArtifactsInfo, SaveResult, dumped
from ..checks import ModelFileError, ModelNotFoundError, expect, parsed_json

_ROOT = "tensorflowjs_models"
_ITEMS = ("info", "model_topology", "weight_specs", "weight_data", "model_metadata")


def _keys(path: str) -> dict[str, str]:
    return {item: f"{_ROOT}/{path}/{item}" for item in _ITEMS}


class LocalStorage(naming.Named):
    """Saves to and loads from ``localstorage://path``: a few megabytes, in pages only."""

    def __init__(self, path: str) -> None:
        if not path:
            raise ValueError("localstorage:// wants the name of a model behind it")
        self.path = path

    async def save(self, artifacts: Artifacts) -> SaveResult:
        storage, info = browser.LocalItems(), artifacts.info
        items = {
            "info": dumped(info.to_json()),
            "model_topology": dumped(artifacts.model_topology),
            "weight_specs": dumped(artifacts.weight_specs or []),
            "weight_data": base64.b64encode(artifacts.weight_data or b"").decode(),
            "model_metadata": dumped(artifacts.metadata()),
        }
        keys = _keys(self.path)
        before = {key: storage.get(key) for key in keys.values()}
        try:
            # the old model's room is needed for the new one
            storage.remove(keys.values())
            for item, text in items.items():
                storage.set(keys[item], text)
        except OSError as error:
            storage.remove(keys.values())
            for key, old in before.items():
                if old is not None:
                    storage.set(key, old)
            raise OSError(
                f"Failed to save model '{self.path}' to local storage: size quota being exceeded is a possible cause"
                f" of this failure: modelTopologyBytes={info.model_topology_bytes},"
                f" weightSpecsBytes={info.weight_specs_bytes}, weightDataBytes={info.weight_data_bytes}."
                " An earlier model of this name is unchanged. indexeddb:// has more room."
            ) from error
        return SaveResult(info)

    async def load(self) -> Artifacts:
        storage, source = browser.LocalItems(), f"localstorage://{self.path}"
        found = {item: storage.get(key) for item, key in _keys(self.path).items()}
        if found["info"] is None:
            raise ModelNotFoundError(f"In local storage, there is no model with name '{self.path}'")
        for item, what in (
            ("model_topology", "topology"),
            ("weight_specs", "weight specs"),
            ("weight_data", "weights"),
        ):
            expect(found[item] is not None, source, f"In local storage, the {what} of the model are missing.")
        values = {item: parsed_json(found[item] or "{}", source) for item in _ITEMS if item != "weight_data"}
        try:
            data = base64.b64decode(found["weight_data"] or "", validate=True)
        except binascii.Error as error:
            raise ModelFileError(f"{source}: the weights are no base64: {error}") from None
        described = {
            **values["model_metadata"],
            "modelTopology": values["model_topology"],
            "weightsManifest": [{"paths": [], "weights": values["weight_specs"]}],
        }
        artifacts = Artifacts.from_json(described, source)
        artifacts.weight_data = data
        return artifacts


class LocalStorageManager:
    """The models in local storage."""

    async def list_models(self) -> dict[str, ModelArtifactsInfo]:
        if not browser.has_local_storage():
            return {}
        storage = browser.LocalItems()
        keys = storage.keys()
        paths = [k[len(_ROOT) + 1 : -len("/info")] for k in keys if k.startswith(f"{_ROOT}/") and k.endswith("/info")]
        return {path: _info(storage.get(_keys(path)["info"]) or "", path) for path in paths}

    async def remove_model(self, path: str) -> ModelArtifactsInfo:
        storage, keys = browser.LocalItems(), _keys(path)
        text = storage.get(keys["info"])
        if text is None:
            raise ModelNotFoundError(f"Cannot find model at path '{path}'")
        storage.remove(keys.values())
        return _info(text, path)


def _info(text: str, path: str) -> ModelArtifactsInfo:
    return ModelArtifactsInfo.from_json(parsed_json(text, f"localstorage://{path}"))


class IndexedDB(naming.Named):
    """Saves to and loads from ``indexeddb://path``: as much as the disk has room for, in pages and workers."""

    def __init__(self, path: str) -> None:
        if not path:
            raise ValueError("indexeddb:// wants the name of a model behind it")
        self.path = path

    async def save(self, artifacts: Artifacts) -> SaveResult:
        whole = {
            "modelTopology": artifacts.model_topology,
            "weightSpecs": artifacts.weight_specs or [],
            **artifacts.metadata(),
        }
        try:
            async with browser.Database() as database:
                await database.put(self.path, whole, artifacts.weight_data or b"", artifacts.info.to_json())
        except OSError as error:
            raise OSError(
                f"Failed to save model '{self.path}' to IndexedDB ({error}); an earlier model of this name is unchanged"
            ) from error
        return SaveResult(artifacts.info)

    async def load(self) -> Artifacts:
        async with browser.Database() as database:
            found = await database.get(self.path)
        if found is None:
            raise ModelNotFoundError(f"Cannot find model with path '{self.path}' in IndexedDB.")
        artifacts = Artifacts.of(found[0], f"indexeddb://{self.path}")
        artifacts.weight_data = found[1]
        return artifacts


class IndexedDBManager:
    """The models in IndexedDB."""

    async def list_models(self) -> dict[str, ModelArtifactsInfo]:
        if not browser.has_indexed_db():
            return {}
        async with browser.Database() as database:
            records = await database.infos()
        return {r["modelPath"]: ModelArtifactsInfo.from_json(r["modelArtifactsInfo"]) for r in records}

    async def remove_model(self, path: str) -> ModelArtifactsInfo:
        found = await self.list_models()
        if path not in found:
            raise ModelNotFoundError(f"Cannot find model with path '{path}' in IndexedDB.")
        async with browser.Database() as database:
            await database.delete(path)
        return found[path]


def _register(scheme: str, handler: Any, manager: Any) -> None:
    def route(url: Any, options: Any = None) -> Any:
        return handler(url.removeprefix(f"{scheme}://")) if str(url).startswith(f"{scheme}://") else None

    registry.register_save_router(route)
    registry.register_load_router(route)
    registry.register_manager(scheme, manager())


_register("localstorage", LocalStorage, LocalStorageManager)
_register("indexeddb", IndexedDB, IndexedDBManager)
