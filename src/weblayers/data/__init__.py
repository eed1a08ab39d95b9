"""Data sets that stream: arrays, tables, texts, images, devices; see :class:`Dataset` for what can be done to them."""

from __future__ import annotations

from .. import naming
from .csv_dataset import ColumnConfig, CSVDataset, csv
from .dataset import Dataset
from .factories import array, func, generator, zip
from .sources import FileDataSource, TextDataSource, TextLineDataset, URLDataSource, text_lines
from .stream import IteratorResult, LazyIterator

from_tensor_slices = array

__all__ = [
    "CSVDataset",
    "ColumnConfig",
    "Dataset",
    "FileDataSource",
    "IteratorResult",
    "LazyIterator",
    "TextDataSource",
    "TextLineDataset",
    "URLDataSource",
    "array",
    "csv",
    "from_tensor_slices",
    "func",
    "generator",
    "text_lines",
    "zip",
]

__getattr__ = naming.module_getattr(__name__, globals())
