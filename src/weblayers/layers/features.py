"""Tables as vectors: each column prepared by its kind, and columns together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from .. import naming
from ..runtime.conversion import to_tensor
from . import serialization
from .base import Layer
from .buckets import HashedCrossing, Hashing
from .core import Identity, input
from .index_lookup import IndexLookup
from .lookup import IntegerLookup, StringLookup
from .merging import Concatenate
from .preprocessing import CategoryEncoding, Discretization, Normalization, Rescaling, is_stream
from .symbolic import SymbolicTensor, is_symbolic
from .text import TextVectorization

# `float` is one of the kinds of features
Number: TypeAlias = float

_OF_FEATURES = {"int": "int", "one_hot": "one_hot", "float": "float"}
_OF_CROSSES = {"int": "int", "one_hot": "one_hot"}
_OF_SPACES = {"concat": "concat", "dict": "dict"}


class Cross:
    """Several features as one, by the hash of their values together.

    Args:
        feature_names: which.
        crossing_dim: how many bins there are.
        output_mode: ``"one_hot"`` or ``"int"``.
    """

    def __init__(self, feature_names: Sequence[str], crossing_dim: int, output_mode: str = "one_hot") -> None:
        self.feature_names, self.crossing_dim = tuple(feature_names), crossing_dim
        self.output_mode = naming.lookup("output_mode", output_mode, _OF_CROSSES)

    @property
    def name(self) -> str:
        return "_X_".join(self.feature_names)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal one."""
        names = list(self.feature_names)
        return {"feature_names": names, "crossing_dim": self.crossing_dim, "output_mode": self.output_mode}


class Feature:
    """A column and what prepares it.

    Args:
        dtype: ``"float32"``, ``"int32"`` or ``"string"``.
        preprocessor: a layer.
        output_mode: ``"one_hot"``, ``"int"`` or ``"float"``.
    """

    def __init__(self, dtype: str, preprocessor: Any, output_mode: str) -> None:
        self.dtype, self.preprocessor = dtype, serialization.deserialize(preprocessor)
        self.output_mode = naming.lookup("output_mode", output_mode, _OF_FEATURES)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal one, with what its layer has learned."""
        layer, written = self.preprocessor, serialization.serialize(self.preprocessor)
        if isinstance(layer, Normalization) and layer.mean is None and layer.built:
            mean, variance = (w.numpy().tolist() for w in layer.weights[:2])
            written["config"] |= {"mean": mean, "variance": variance}
        return {"dtype": self.dtype, "preprocessor": written, "output_mode": self.output_mode}


class FeatureSpace(Layer):
    """The columns of a table as vectors that a model can learn from.

    Args:
        features: for each column its kind: ``"float"``, ``"float_normalized"``, ``"float_rescaled"``,
            ``"float_discretized"``, ``"integer_categorical"``, ``"string_categorical"``, ``"integer_hashed"``,
            ``"string_hashed"``, or what the method of this name gives, with arguments. :meth:`feature` takes a layer of
            your own choice.
        output_mode: ``"concat"`` for one vector, or ``"dict"`` for one by each name.
        crosses: names of features that are also looked at together, or what :meth:`cross` gives.
        crossing_dim: how many bins a cross has.
        hashing_dim: how many bins a hashed feature has.
        num_discretization_bins: how many intervals a discretized feature has.

    Input: a dictionary by the columns' names of lists, NumPy arrays or tensors, ``[batch]`` or ``[batch, 1]``, or of
    single values. Output: float32 ``[batch, size]``, features in the order of their names, then crosses.

    >>> import weblayers as wl
    >>> table = {"size": [1.0, 3.0], "color": ["red", "blue"], "rooms": [2, 3]}
    >>> space = wl.utils.FeatureSpace(
    ...     features={"size": "float_normalized", "color": "string_categorical", "rooms": "integer_categorical"},
    ...     crosses=[("color", "rooms")], crossing_dim=4,
    ... )
    >>> space.adapt(table)
    >>> space({"size": [3.0], "color": ["green"], "rooms": [2]}).array_sync()
    [[1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0]]
    >>> model = wl.model(inputs=space.get_inputs(), outputs=wl.layers.dense(1)(space.get_encoded_features()))
    >>> model.predict(table).shape
    (2, 1)
    """

    runs_on_host = True

    def __init__(
        self,
        features: Mapping[str, Any],
        output_mode: str = "concat",
        crosses: Iterable[Any] | None = None,
        crossing_dim: int = 32,
        hashing_dim: int = 32,
        num_discretization_bins: int = 32,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        if not features:
            raise ValueError(f"{self.name}: features must have one at least")
        self.crossing_dim, self.hashing_dim = crossing_dim, hashing_dim
        self.num_discretization_bins = num_discretization_bins
        self.output_mode = naming.lookup("output_mode", output_mode, _OF_SPACES)
        self.features = {name: self._feature(name, value) for name, value in features.items()}
        self.crosses = [self._cross(cross) for cross in crosses or ()]
        self.preprocessors = {name: feature.preprocessor for name, feature in self.features.items()}
        self.crossers = {c.name: HashedCrossing(c.crossing_dim, name=f"{self.name}_{c.name}") for c in self.crosses}
        self._to_adapt = [name for name, layer in self.preprocessors.items() if _adapts(layer)]
        self._unlearned = [name for name in self._to_adapt if not _has_learned(self.preprocessors[name])]
        self._encoders: dict[str, CategoryEncoding] = {}
        self._inputs: dict[str, SymbolicTensor] | None = None
        self._encoded: Any = None
        self.built = True

    @classmethod
    def is_configuration(cls, given: Mapping[str, Any]) -> bool:
        """Whether it has the features among other settings, and is not the features themselves."""
        return isinstance(given.get("features"), Mapping)

    def _feature(self, name: str, given: Any) -> Feature:
        if isinstance(given, Feature):
            return given
        if isinstance(given, Mapping):
            return Feature(**given.get("config", given))
        arguments: dict[str, dict[str, Any]] = {
            "float_discretized": {"num_bins": self.num_discretization_bins},
            "integer_hashed": {"num_bins": self.hashing_dim},
            "string_hashed": {"num_bins": self.hashing_dim},
        }
        kind = naming.lookup("kind of feature", given, {kind: kind for kind in _KINDS})
        return getattr(self, kind)(**arguments.get(kind, {}))

    def _cross(self, given: Any) -> Cross:
        if isinstance(given, Mapping):
            given = Cross(**given.get("config", given))
        cross = given if isinstance(given, Cross) else Cross(given, self.crossing_dim)
        unknown = [name for name in cross.feature_names if name not in self.features]
        if unknown:
            raise ValueError(f"{self.name}: crosses has {unknown}, which are not among the features")
        return cross

    # -- kinds of features --------------------------------------------------------------------------------------------

    @classmethod
    def cross(cls, feature_names: Sequence[str], crossing_dim: int, output_mode: str = "one_hot") -> Cross:
        """Features together, hashed into so many bins."""
        return Cross(feature_names, crossing_dim, output_mode)

    @classmethod
    def feature(cls, dtype: str, preprocessor: Layer, output_mode: str) -> Feature:
        """A column that a layer of your own choice prepares."""
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def float(cls, name: str | None = None) -> Feature:
        """Numbers as they are."""
        return Feature("float32", Identity(name=name), "float")

    @classmethod
    def float_rescaled(cls, scale: Number = 1.0, offset: Number = 0.0, name: str | None = None) -> Feature:
        """Numbers times a scale plus an offset."""
        return Feature("float32", Rescaling(scale, offset, name=name), "float")

    @classmethod
    def float_normalized(cls, name: str | None = None) -> Feature:
        """Numbers with mean 0 and variance 1."""
        return Feature("float32", Normalization(name=name), "float")

    @classmethod
    def float_discretized(
        cls,
        num_bins: int,
        bin_boundaries: Sequence[Number] | None = None,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Numbers as one of so many intervals."""
        return Feature("float32", Discretization(bin_boundaries, num_bins, name=name), output_mode)

    @classmethod
    def integer_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Integers as one of those that there are."""
        return Feature("int32", IntegerLookup(max_tokens, num_oov_indices, name=name), output_mode)

    @classmethod
    def string_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Strings as one of those that there are."""
        return Feature("string", StringLookup(max_tokens, num_oov_indices, name=name), output_mode)

    @classmethod
    def integer_hashed(cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
        """Integers as one of so many bins."""
        return Feature("int32", Hashing(num_bins, name=name), output_mode)

    @classmethod
    def string_hashed(cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
        """Strings as one of so many bins."""
        return Feature("string", Hashing(num_bins, name=name), output_mode)

    # -- use ----------------------------------------------------------------------------------------------------------

    def adapt(self, dataset: Any) -> None:
        """Have the columns' layers learn from a table: a dictionary, or a data set of rows or of batches of rows.

        Raises:
            ValueError: it is neither, or has not all columns.
        """
        tables = [_inputs_of(part) for part in (dataset if is_stream(dataset) else [dataset])]
        for table in tables:
            self._check(table)
        for name in self._to_adapt:
            columns = [_column(self.preprocessors[name], table[name]) for table in tables]
            self.preprocessors[name].adapt(np.concatenate(columns))
        self._encoders.clear()
        self._encoded, self._unlearned = None, []

    def _check(self, table: Any) -> None:
        if not isinstance(table, Mapping):
            raise ValueError(f"{self.name!r} takes a dictionary by the names of columns, got {type(table).__name__}")
        missing = [name for name in self.features if name not in table]
        if missing:
            raise ValueError(f"{self.name!r}: no data for the features {missing}; got {sorted(table)}")

    def get_inputs(self) -> dict[str, SymbolicTensor]:
        """Symbolic tensors for the columns, to make a model with that takes tables."""
        if self._inputs is None:
            self._inputs = {
                name: input(shape=[1], dtype=feature.dtype, name=name) for name, feature in self.features.items()
            }
        return self._inputs

    def get_encoded_features(self) -> Any:
        """What becomes of :meth:`get_inputs`: a symbolic tensor, or a dictionary of them."""
        if self._encoded is None:
            self._encoded = self._made(self.get_inputs())
        return self._encoded

    def apply(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        self._check(inputs)
        if is_symbolic(inputs):
            return self._made(inputs)
        single = all(np.ndim(value) == 0 for value in inputs.values())
        made = self._made({name: _column(self.preprocessors[name], inputs[name]) for name in self.features})
        if not single:
            return made
        return {k: v.squeeze([0]) for k, v in made.items()} if isinstance(made, dict) else made.squeeze([0])

    def _made(self, table: Mapping[str, Any]) -> Any:
        """The features of columns ``[batch, 1]``, symbolic or not."""
        if self._unlearned:
            raise ValueError(
                f"{self.name!r} has not learned the features {self._unlearned} yet: call adapt(table) first"
            )
        prepared = {name: layer.apply(table[name]) for name, layer in self.preprocessors.items()}
        crossed = {c.name: self.crossers[c.name].apply([prepared[n] for n in c.feature_names]) for c in self.crosses}
        modes = {thing: self.features[thing].output_mode for thing in sorted(prepared)}
        modes |= {c.name: c.output_mode for c in sorted(self.crosses, key=lambda c: c.name)}
        everything = prepared | crossed
        out = {name: self._coded(name, everything[name], mode) for name, mode in modes.items()}
        if self.output_mode == "dict":
            return out
        raw = [name for name, value in out.items() if value.dtype != "float32"]
        if raw:
            raise ValueError(
                f"{self.name!r} cannot join the features {raw}, which are not encoded: use output_mode='dict', or"
                " 'one_hot' for these"
            )
        values = list(out.values())
        return values[0] if len(values) == 1 else Concatenate(axis=-1).apply(values)

    def _coded(self, name: str, value: Any, mode: str) -> Any:
        if mode != "one_hot":
            return value
        if name not in self._encoders:
            layer = self.preprocessors.get(name) or self.crossers[name]
            self._encoders[name] = CategoryEncoding(_cardinality(name, layer), name=f"{self.name}_{name}_encoder")
        return self._encoders[name].apply(value)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        for key in ("features", "crosses"):
            config[key] = serialization.serialize(getattr(self, key))
        return config


_KINDS = (
    *("float", "float_rescaled", "float_normalized", "float_discretized"),
    *("integer_categorical", "string_categorical", "integer_hashed", "string_hashed"),
)


def _adapts(layer: Layer) -> bool:
    """Whether a layer has something to learn from data."""
    match layer:
        case Normalization():
            return layer.mean is None
        case Discretization():
            return layer.bin_boundaries is None
        case IndexLookup():
            return layer.learns
        case TextVectorization():
            return layer.lookup.learns
    return hasattr(layer, "adapt")


def _has_learned(layer: Layer) -> bool:
    """Whether a layer that can learn comes from a file, with what it had learned."""
    if isinstance(layer, TextVectorization):
        layer = layer.lookup
    return isinstance(layer, IndexLookup) and bool(layer.get_vocabulary(include_special_tokens=False))


def _cardinality(name: str, layer: Layer) -> int:
    """How many integers a layer tells apart."""
    match layer:
        case IndexLookup() if not layer.invert:
            return layer.vocabulary_size()
        case CategoryEncoding():
            return layer.num_tokens
        case Discretization():
            return len(layer.bin_boundaries or ()) + 1
        case Hashing() | HashedCrossing():
            return layer.num_bins
    raise ValueError(f"feature {name!r} cannot be one-hot: how many integers its layer gives is not known; use 'int'")


def _column(layer: Layer, values: Any) -> Any:
    """A column's values, ``[batch, 1]`` where they were a vector or a single one."""
    array = layer.values(values) if hasattr(layer, "values") else np.asarray(to_tensor(values).numpy())
    return array.reshape(-1, 1) if array.ndim < 2 else array


def _inputs_of(element: Any) -> Any:
    """The table of a data set's element, which may have targets too."""
    if isinstance(element, tuple):
        return element[0]
    is_pair = isinstance(element, Mapping) and set(element) == {"xs", "ys"}
    return element["xs"] if is_pair else element


__all__ = ["FeatureSpace"]
