"""Data sets that stream: arrays, tables, texts, images, devices; see :class:`Dataset` for what can be done to them."""

from __future__ import annotations

from .. import naming
from .csv_dataset import ColumnConfig, CSVDataset, csv
from .dataset import Dataset
from .devices import MicrophoneIterator, WebcamIterator, microphone, webcam
from .factories import array, func, generator, zip
from .images import image_dataset, image_dataset_from_directory, read_image, sprite
from .series import timeseries_dataset, timeseries_dataset_from_array
from .sources import FileDataSource, TextDataSource, TextLineDataset, URLDataSource, text_lines
from .stream import IteratorResult, LazyIterator
from .text import TextDataset, Vocabulary, text_dataset

from_tensor_slices = array

__all__ = [
    "CSVDataset",
    "ColumnConfig",
    "Dataset",
    "FileDataSource",
    "IteratorResult",
    "LazyIterator",
    "MicrophoneIterator",
    "TextDataSource",
    "TextDataset",
    "TextLineDataset",
    "URLDataSource",
    "Vocabulary",
    "WebcamIterator",
    "array",
    "csv",
    "from_tensor_slices",
    "func",
    "generator",
    "image_dataset",
    "image_dataset_from_directory",
    "microphone",
    "read_image",
    "sprite",
    "text_dataset",
    "text_lines",
    "timeseries_dataset",
    "timeseries_dataset_from_array",
    "webcam",
    "zip",
]

__getattr__ = naming.module_getattr(__name__, globals())
