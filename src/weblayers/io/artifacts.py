"""A model outside of memory: its topology, weights and notes, in the form in which handlers save and load them."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from .. import naming
from .checks import entry, expect
from .weights import joined

FORMAT = "layers-model"
GENERATED_BY = "TensorFlow.js tfjs-layers v4.22.0"
# What is optional in model files beside topology and weights.
_OPTIONAL = ("training_config", "user_defined_metadata", "signature", "model_initializer", "initializer_signature")


@dataclass
class Artifacts(naming.Named):
    """What a handler is given to save, and what it gives when it loads.

    Attributes are also found by TensorFlow.js' spelling, and :meth:`from_json` takes that.
    """

    model_topology: Any = None
    weight_specs: list[dict[str, Any]] | None = None
    weight_data: bytes | None = None
    format: str | None = FORMAT
    generated_by: str | None = GENERATED_BY
    converted_by: str | None = None
    training_config: dict[str, Any] | None = None
    user_defined_metadata: dict[str, Any] | None = None
    signature: Any = None
    model_initializer: Any = None
    initializer_signature: Any = None
    # where they come from, for messages
    source: str = field(default="model", compare=False)

    @classmethod
    def of(cls, value: Any, source: str = "model") -> Artifacts:
        """Artifacts, or an object with their names in either spelling."""
        if isinstance(value, cls):
            return value
        if hasattr(value, "to_py"):
            value = value.to_py()
        if not isinstance(value, Mapping):
            raise TypeError(f"{source}: a handler's load must give artifacts, got {type(value).__name__}")
        names = {f.name for f in fields(cls)}
        known = {naming.snake(str(k)): v for k, v in value.items()}
        made = cls(**{k: v for k, v in known.items() if k in names and k != "source"}, source=source)
        if made.weight_data is not None:
            made.weight_data = joined(made.weight_data)
        return made

    def metadata(self) -> dict[str, Any]:
        """Everything but topology and weights, in the spelling of files."""
        out = {"format": self.format, "generatedBy": self.generated_by, "convertedBy": self.converted_by}
        there = {naming.camel(name): getattr(self, name) for name in _OPTIONAL}
        return {**out, **{k: v for k, v in there.items() if v is not None}}

    def to_json(self, paths: Sequence[str]) -> dict[str, Any]:
        """What the file ``model.json`` says, with the weights in files of these paths."""
        manifest = [{"paths": list(paths), "weights": self.weight_specs or []}]
        return {"modelTopology": self.model_topology, **self.metadata(), "weightsManifest": manifest}

    @classmethod
    def from_json(cls, described: Any, source: str) -> Artifacts:
        """From what ``model.json`` says; the bytes of the weights are still missing."""
        expect(isinstance(described, Mapping), source, "the file is JSON, but not of a model: it holds no object")
        if "modelTopology" not in described and "weightsManifest" not in described:
            # what Keras' to_json and weblayers' to_json give
            what = "contains neither model topology or manifest for weights"
            expect("class_name" in described or "model_config" in described, source, what)
            return cls(model_topology=dict(described), source=source)
        made = cls.of({k: v for k, v in described.items() if k != "weightsManifest"}, source)
        for name in ("training_config", "user_defined_metadata"):
            entry(vars(made), name, dict, source, None)
        if described.get("weightsManifest") is not None:
            groups = manifest_of(described, source)
            made.weight_specs = [spec for group in groups for spec in group["weights"]]
        return made

    @property
    def info(self) -> ModelArtifactsInfo:
        """Sizes and date."""
        topology, specs = _bytes(self.model_topology), _bytes(self.weight_specs)
        return ModelArtifactsInfo(
            model_topology_bytes=topology, weight_specs_bytes=specs, weight_data_bytes=len(self.weight_data or b"")
        )


def manifest_of(described: Mapping[str, Any], source: str) -> list[dict[str, Any]]:
    """The groups of a weights manifest, each with paths and weights."""
    groups = entry(described, "weightsManifest", list, source, [])
    for group in groups:
        paths = entry(group, "paths", list, source)
        expect(all(isinstance(p, str) and p for p in paths), source, "a path of the weights manifest is no text")
        weights = entry(group, "weights", list, source)
        expect(all(isinstance(w, dict) for w in weights), source, "a weight of the weights manifest is no object")
    return groups


def _bytes(value: Any) -> int:
    return 0 if value is None else len(dumped(value).encode())


def dumped(value: Any) -> str:
    """JSON as JavaScript writes it: without spaces, and every character as it is."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


@dataclass
class ModelArtifactsInfo(naming.Named):
    """What is known of a saved model without loading it."""

    date_saved: datetime.datetime = field(default_factory=_now)
    model_topology_type: str = "JSON"
    model_topology_bytes: int = 0
    weight_specs_bytes: int = 0
    weight_data_bytes: int = 0

    def to_json(self) -> dict[str, Any]:
        plain = {naming.camel(f.name): getattr(self, f.name) for f in fields(self)}
        stamp = self.date_saved.astimezone(datetime.UTC).isoformat(timespec="milliseconds")
        return {**plain, "dateSaved": stamp.replace("+00:00", "Z")}

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> ModelArtifactsInfo:
        names = {f.name for f in fields(cls)}
        known = {k: v for k, v in ((naming.snake(k), v) for k, v in described.items()) if k in names}
        if isinstance(known.get("date_saved"), str):
            known["date_saved"] = datetime.datetime.fromisoformat(known["date_saved"])
        return cls(**known)


@dataclass
class SaveResult(naming.Named):
    """What saving gives: sizes and date, and the server's responses where there was a server."""

    model_artifacts_info: ModelArtifactsInfo
    responses: list[Any] | None = None
