"""Files that a page's user picked or drops, and files that the page hands to its user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import naming
from .. import browser, registry
from ..artifacts import Artifacts, SaveResult, dumped, manifest_of
from ..checks import expect, parsed_json
from ..weights import byte_length

_SCHEME = "downloads://"


class Downloads(naming.Named):
    """Saves by downloading ``name.json`` and ``name.weights.bin``."""

    def __init__(self, name: str = "model") -> None:
        self.name = name.removeprefix(_SCHEME) or "model"

    async def save(self, artifacts: Artifacts) -> SaveResult:
        weights = f"{self.name}.weights.bin"
        described = dumped(artifacts.to_json([f"./{weights}"])).encode()
        browser.download(f"{self.name}.json", described, "application/json")
        if artifacts.weight_data is not None:
            browser.download(weights, artifacts.weight_data, "application/octet-stream")
        return SaveResult(artifacts.info)


class PickedFiles(naming.Named):
    """Loads a model from its JSON file and its files of weights."""

    def __init__(self, files: Sequence[Any]) -> None:
        if not files:
            raise ValueError(f"When calling browserFiles, at least 1 file is required, but received {files}")
        self.files = list(files)

    async def load(self) -> Artifacts:
        json_file, *others = self.files
        source = str(json_file.name)
        described = parsed_json(await browser.file_bytes(json_file), source)
        artifacts = Artifacts.from_json(described, source)
        expect(artifacts.model_topology is not None, source, f"modelTopology field is missing from file {source}")
        if not others:
            artifacts.weight_specs = None
            return artifacts
        specs = artifacts.weight_specs
        expect(specs is not None, source, f"weightManifest field is missing from file {source}")
        size = byte_length(specs or [], source)
        names = [p.rsplit("/", 1)[-1] for group in manifest_of(described, source) for p in group["paths"]]
        by_name = {str(f.name).rsplit("/", 1)[-1]: f for f in others}
        for name in names:
            expect(names.count(name) == 1, source, f"Duplicate file basename found in weights manifest: '{name}'")
            expect(name in by_name, source, f"Weight file with basename '{name}' is not provided.")
        counts = f"({len(names)}) and the number of weight files provided ({len(others)})."
        expect(len(names) == len(others), source, f"Mismatch in the number of files in weights manifest {counts}")
        artifacts.weight_data = b"".join([await browser.file_bytes(by_name[name]) for name in names])
        found = len(artifacts.weight_data)
        expect(found == size, source, f"the weights take {size} bytes, but their files have {found}")
        return artifacts


def browser_files(files: Sequence[Any]) -> PickedFiles:
    """A handler that loads from files that the user picked: first the JSON file, then those of the weights.

    The elements are JavaScript's ``File`` objects, or Python's open binary files.

    Raises:
        ValueError: no files.
    """
    return PickedFiles(files)


def _save_router(url: Any) -> Downloads | None:
    return Downloads(url) if str(url).startswith(_SCHEME) else None


registry.register_save_router(_save_router)
