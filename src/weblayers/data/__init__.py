"""Data sets that stream: arrays, tables, texts, images, devices; see :class:`Dataset` for what can be done to them."""

from __future__ import annotations

from .. import naming
from .dataset import Dataset
from .factories import array, func, generator, zip
from .stream import IteratorResult, LazyIterator

from_tensor_slices = array

__all__ = [
    "Dataset",
    "IteratorResult",
    "LazyIterator",
    "array",
    "from_tensor_slices",
    "func",
    "generator",
    "zip",
]

__getattr__ = naming.module_getattr(__name__, globals())
