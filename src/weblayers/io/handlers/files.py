"""Models in files: ``model.json`` and beside it ``model.weights.bin``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from ... import naming
from .. import registry
from ..artifacts import Artifacts, ModelArtifactsInfo, SaveResult, dumped, manifest_of
from ..checks import ModelFileError, ModelNotFoundError, checked_path, expect, parsed_json
from ..weights import byte_length

_SCHEME = "file://"


def replace_files(contents: Mapping[Path, bytes]) -> None:
    """Write files so that all of them are new, or all are as they were."""
    written: dict[Path, Path] = {}
    with ExitStack() as leftovers, ExitStack() as undo:
        for path, data in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            written[path] = path.with_name(f".{path.name}.new")
            leftovers.callback(_discard, written[path])
            written[path].write_bytes(data)
        for path, new in written.items():
            if path.exists():
                old = path.with_name(f".{path.name}.old")
                os.replace(path, old)
                leftovers.callback(_discard, old)
                undo.callback(os.replace, old, path)
            else:
                undo.callback(_discard, path)
            os.replace(new, path)
        undo.pop_all()


def _discard(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


class FilesHandler(naming.Named):
    """Saves to and loads from a folder, or a file whose name ends in ``.json``."""

    def __init__(self, path: str, on_progress: Any = None) -> None:
        self.path = Path(path.removeprefix(_SCHEME))
        self.on_progress = on_progress

    @property
    def _json(self) -> Path:
        return self.path if self.path.suffix == ".json" else self.path / "model.json"

    async def save(self, artifacts: Artifacts) -> SaveResult:
        weights = self._json.with_suffix(".weights.bin")
        described = dumped(artifacts.to_json([f"./{weights.name}"])).encode()
        try:
            replace_files({weights: artifacts.weight_data or b"", self._json: described})
        except OSError as error:
            raise OSError(f"{self._json}: the model was not saved ({error}); an earlier one is unchanged") from error
        return SaveResult(artifacts.info)

    async def load(self) -> Artifacts:
        described, artifacts = self._described()
        if artifacts.weight_specs is not None:
            artifacts.weight_data = self._weights(described, byte_length(artifacts.weight_specs, artifacts.source))
        return artifacts

    async def remove(self) -> ModelArtifactsInfo:
        """Delete the model's files, also of one whose weights are damaged."""
        described, artifacts = self._described()
        info, files = artifacts.info, self._weight_files(described)
        # without this file there is no model, whatever is left of it
        self._json.unlink()
        for file in files:
            if file.exists():
                info.weight_data_bytes += file.stat().st_size
                file.unlink()
        return info

    def _described(self) -> tuple[Any, Artifacts]:
        """What the JSON file says, as it stands there and as artifacts without the bytes of the weights."""
        source = str(self._json)
        try:
            described = parsed_json(self._json.read_bytes(), source)
        except FileNotFoundError:
            raise ModelNotFoundError(f"{source}: there is no model here") from None
        except OSError as error:
            raise ModelFileError(f"{source}: there is no model that can be read ({error.strerror})") from error
        return described, Artifacts.from_json(described, source)

    def _weight_files(self, described: Any) -> list[Path]:
        source = str(self._json)
        paths = [checked_path(p, source) for group in manifest_of(described, source) for p in group["paths"]]
        return [self._json.parent / path for path in paths]

    def _weights(self, described: Any, size: int) -> bytes:
        source, files = str(self._json), self._weight_files(described)
        try:
            found = sum(f.stat().st_size for f in files)
            expect(found == size, source, f"the weights take {size} bytes, but their files have {found}")
            data = []
            for done, file in enumerate(files, 1):
                data.append(file.read_bytes())
                if self.on_progress is not None:
                    self.on_progress(done / len(files))
        except OSError as error:
            raise ModelFileError(f"{source}: a file of weights cannot be read: {error}") from error
        return b"".join(data)


def _is_path(url: Any) -> bool:
    return isinstance(url, str) and ("://" not in url or url.startswith(_SCHEME))


def _save_router(url: Any) -> FilesHandler | None:
    return FilesHandler(url) if _is_path(url) else None


def _load_router(url: Any, options: dict[str, Any]) -> FilesHandler | None:
    from .http import is_relative_url

    if not _is_path(url) or is_relative_url(url):
        return None
    return FilesHandler(url, options.get("on_progress"))


registry.register_save_router(_save_router)
registry.register_load_router(_load_router)
