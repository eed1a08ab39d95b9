"""Layers of what no device computes with, strings and integers of any size: they work on the host, with NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import naming, tree
from ..runtime.arrays import host_array
from ..runtime.conversion import to_tensor
from ..runtime.tensor import Tensor
from .base import Layer, positive
from .preprocessing import parts_of
from .symbolic import BatchShape, Spec, is_symbolic

# How integers become vectors, under the names of today and of yesterday.
ENCODINGS = {"one_hot": "one_hot", "multi_hot": "multi_hot", "binary": "multi_hot", "count": "count"}
WEIGHTED = {"tf_idf": "tf_idf", "tf-idf": "tf_idf"}


class HostLayer(Layer):
    """A layer that takes lists, NumPy arrays and tensors of strings or integers, and works where they are.

    In a functional model, what it takes comes from the model's inputs through layers of this kind alone: the model
    runs these when it is given data, and the device computes the rest. Elsewhere, put it into ``data.map``.
    """

    runs_on_host = True
    # how bytes are read
    encoding = "utf-8"

    def __init__(self, **base: Any) -> None:
        super().__init__(**{"input_dtype": "string", **base})
        self.built = True

    def apply(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if is_symbolic(inputs):
            return super().apply(inputs, *args, **kwargs)
        self.check_usable()
        if self._call_hook is not None:
            self._call_hook(inputs, kwargs)
        return self.call(inputs)

    def output_specs(self, inputs: Any, kwargs: dict[str, Any]) -> Any:
        raise NotImplementedError

    def values(self, given: Any) -> np.ndarray:
        """What was given as an array, of strings or of numbers."""
        if isinstance(given, Tensor) and given.is_symbolic:
            raise TypeError(
                f"layer {self.name!r} works on the host, and cannot be part of a function that is traced for the"
                " device: call it before, in data.map, or as the first layer of a functional model"
            )
        if isinstance(_first(given), Tensor):
            given = tree.mapped(lambda v: v.array_sync(), given)
        array = given.numpy() if isinstance(given, Tensor) else host_array(given)
        return array if array.dtype.kind not in "OSU" else self._texts(array)

    def _texts(self, array: np.ndarray) -> np.ndarray:
        out = np.empty(array.size, object)
        out[:] = [v.decode(self.encoding) if isinstance(v, bytes) else v for v in array.ravel().tolist()]
        wrong = next((v for v in out if not isinstance(v, str)), None)
        if wrong is not None:
            raise TypeError(f"layer {self.name!r} takes strings or integers, got {wrong!r}")
        return out.reshape(array.shape)


class Encoding(HostLayer):
    """A host layer whose integers may be encoded as vectors.

    Args:
        output_mode: ``"int"`` for the integers themselves, or as in :class:`CategoryEncoding`.
        sparse: must be False: tensors are dense here.
    """

    modes = {"int": "int", **ENCODINGS}

    def __init__(self, output_mode: str = "int", sparse: bool = False, **base: Any) -> None:
        super().__init__(**base)
        self.output_mode = naming.lookup("output_mode", output_mode, self.modes)
        if sparse:
            raise ValueError(f"{self.name}: sparse must be False: layers give dense tensors here")
        self.sparse = False

    @property
    def depth(self) -> int:
        """How long the vectors are."""
        raise NotImplementedError

    def encoded(self, index: np.ndarray, weights: np.ndarray | None = None) -> Tensor:
        """Integers as a tensor in the output mode; negative ones count nowhere."""
        if self.output_mode == "int":
            return to_tensor(np.asarray(index, np.int64))
        if self.output_mode == "one_hot":
            index = index[..., 0] if index.ndim > 1 and index.shape[-1] == 1 else index
            return to_tensor((index[..., None] == np.arange(self.depth)).astype(np.float32))
        rows = index.reshape(-1, index.shape[-1] if index.ndim else 1)
        counts = np.zeros((len(rows), self.depth), np.float32)
        there = np.nonzero(rows >= 0)
        np.add.at(counts, (there[0], rows[there]), 1)
        counts = np.minimum(counts, 1) if self.output_mode == "multi_hot" else counts
        counts = counts if weights is None else counts * weights
        return to_tensor(counts.astype(np.float32).reshape((*index.shape[:-1], self.depth)))

    def encoded_spec(self, shape: BatchShape) -> Spec:
        """What :meth:`encoded` gives for integers of a shape."""
        if self.output_mode == "int":
            return Spec(shape, "int32")
        single = self.output_mode != "one_hot" or (len(shape) > 1 and shape[-1] == 1)
        return Spec((*(shape[:-1] if single else shape), self.depth), "float32")


def _first(given: Any) -> Any:
    """What nested lists begin with; None of what is no list."""
    if not isinstance(given, list | tuple):
        return None
    while isinstance(given, list | tuple):
        given = given[0] if given else None
    return given


def adapting(data: Any, steps: int | None, values: Callable[[Any], np.ndarray]) -> Iterator[np.ndarray]:
    """The batches of data that a layer adapts to, at most so many of a data set."""
    limit = None if steps is None else positive("adapt", "steps", steps)
    for i, part in enumerate(parts_of(data)):
        if i == limit:
            return
        yield values(part)
