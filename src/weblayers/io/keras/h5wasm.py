"""HDF5 files in pages: what the modules beside this use of h5py, over HDF5's library as WebAssembly."""

from __future__ import annotations

import io
import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...runtime.border import given

# HDF5's classes of types, and what they are to NumPy with the lengths that it knows. A truth value is an enumeration.
_INTEGER, _FLOAT, _TEXT, _ENUMERATION = 0, 1, 3, 8
_KINDS = {_INTEGER: "u", _FLOAT: "f", _TEXT: "S"}
_SIZES = {_INTEGER: (1, 2, 4, 8), _FLOAT: (2, 4, 8)}
_BOOLEAN = {"FALSE": 0, "TRUE": 1}


class HardLink:
    """A link to something in the file."""


class OtherLink:
    """A link by name, perhaps into another file."""


@contextmanager
def _told() -> Iterator[None]:
    """What the library throws is an OSError, as with h5py."""
    from pyodide.ffi import JsException

    try:
        yield
    except JsException as error:
        raise OSError(str(error).removeprefix("Error: ")) from error


def _dtype(about: dict[str, Any]) -> np.dtype:
    """The dtype of values, which come with the lowest byte first; raw bytes where NumPy has none."""
    kind, size = about["type"], int(about["size"])
    if kind == _ENUMERATION and size == 1 and about["enum_type"]["members"] == _BOOLEAN:
        return np.dtype(bool)
    if size not in _SIZES.get(kind, (size,)) or kind not in _KINDS:
        return np.dtype(f"V{size}")
    return np.dtype(f"<{'i' if kind == _INTEGER and about['signed'] else _KINDS[kind]}{size}")


def _shape(about: dict[str, Any]) -> tuple[int, ...] | None:
    shape = given(about["shape"])
    return None if shape is None else tuple(int(d) for d in shape)


def _written(value: Any) -> tuple[Any, Any, Any]:
    """Type, shape and bytes of an array. Truth values are numbers, as the library writes no enumerations."""
    array = np.asarray(value)
    if array.dtype.kind == "S":
        # with the zero at the end of each that C has
        array = array.astype(f"S{array.dtype.itemsize + 1}")
    array = array.astype(np.uint8 if array.dtype.kind == "b" else array.dtype.newbyteorder("<"), order="C")
    kind = next(k for k, letters in ((_INTEGER, "iu"), (_FLOAT, "f"), (_TEXT, "S")) if array.dtype.kind in letters)
    type_ = {"type": kind, "size": array.dtype.itemsize, "signed": array.dtype.kind == "i"}
    return _js(type_), _js(list(array.shape)), _js(array.tobytes())


def _js(value: Any) -> Any:
    """A copy of a value for JavaScript."""
    import js
    from pyodide.ffi import to_js

    return to_js(value, dict_converter=js.Object.fromEntries)


class Attributes:
    """The attributes of a group or dataset."""

    def __init__(self, file: File, path: str) -> None:
        self._library, self._path = file.library, path

    def __contains__(self, name: str) -> bool:
        with _told():
            return name in self._library.attributes(self._path).to_py()

    def __getitem__(self, name: str) -> Any:
        if name not in self:
            raise KeyError(f"{self._path} has no attribute {name!r}")
        with _told():
            about = self._library.attribute(self._path, name).to_py()
        shape, texts = _shape(about), given(about["texts"])
        if shape is None:
            return None
        values = np.frombuffer(about["bytes"], _dtype(about)) if texts is None else np.array(texts, object)
        return values.reshape(shape)[()]

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self else default  # noqa: SIM401 - this is that get

    def __setitem__(self, name: str, value: Any) -> None:
        with _told():
            if isinstance(value, str):
                self._library.createText(self._path, name, value)
            else:
                self._library.createAttribute(self._path, name, *_written(value))


class Dataset:
    """An array in a file; ``dataset[()]`` reads it."""

    # the library has no other files
    external = None

    def __init__(self, file: File, path: str) -> None:
        self.name, self._library = path, file.library
        with _told():
            about = self._library.dataset(path).to_py()
        self.shape, self.dtype = _shape(about), _dtype(about)
        self.is_virtual = "virtual_sources" in about
        self.nbytes = 0 if self.shape is None else math.prod(self.shape) * self.dtype.itemsize

    def __getitem__(self, key: tuple[()]) -> np.ndarray:
        assert self.shape is not None and key == ()
        with _told():
            data = self._library.values(self.name).to_bytes()
        return np.frombuffer(data, self.dtype).reshape(self.shape)


class Group:
    """Groups and datasets by their names; names with slashes lead further down."""

    def __init__(self, file: File, path: str) -> None:
        self._file, self.name = file, path
        self.attrs = Attributes(file, path)

    def _path(self, name: str) -> str:
        return "/" + "/".join(part for part in f"{self.name}/{name}".split("/") if part)

    def __iter__(self) -> Iterator[str]:
        return iter(self._file.members[self.name])

    def __contains__(self, name: str) -> bool:
        return self._path(name) in self._file.kinds

    def __getitem__(self, name: str) -> Group | Dataset:
        path = self._path(name)
        match self._file.kinds.get(path):
            case "group":
                return Group(self._file, path)
            case "dataset":
                return self._file.dataset(path)
        raise KeyError(f"there is no {path}")

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self else default  # noqa: SIM401 - this is that get

    def visititems(self, visit: Callable[[str, Any], None]) -> None:
        """Call a function with all groups and datasets below, and their names."""
        prefix = self.name.rstrip("/") + "/"
        for path, kind in list(self._file.kinds.items()):
            if path != prefix and path.startswith(prefix) and kind in ("group", "dataset"):
                name = path.removeprefix(prefix)
                visit(name, self[name])

    def create_group(self, name: str) -> Group:
        path = self._path(name)
        self._file.make_parents(path)
        with _told():
            self._file.library.createGroup(path)
        self._file.note(path, "group")
        return Group(self._file, path)

    def __setitem__(self, name: str, value: Any) -> None:
        path = self._path(name)
        self._file.make_parents(path)
        with _told():
            self._file.library.createDataset(path, *_written(value))
        self._file.note(path, "dataset")


class File(Group):
    """A file in memory: the contents of a buffer, or with mode ``"w"`` a new one that is written there at the end.

    There is what was found when the file was opened, by following no link: what a damaged file has elsewhere is not.
    """

    def __init__(self, buffer: io.BytesIO, mode: str) -> None:
        self._buffer, self._is_new = buffer, mode == "w"
        # by paths: what is there, what is in each group, and the datasets that somebody has looked at
        self.kinds, self.members = {"/": "group"}, defaultdict[str, list[str]](list)
        self._datasets: dict[str, Dataset] = {}
        with _told():
            self.library = _library.create() if self._is_new else _library.open(_js(buffer.getvalue()))
            for path, kind in [] if self._is_new else self.library.links().to_py():
                self.note(f"/{path}", kind)
        super().__init__(self, "/")

    def __enter__(self) -> File:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        # what was read goes with the library
        if self._is_new and error is None:
            with _told():
                self._buffer.write(self.library.finish().to_bytes())

    def visititems_links(self, visit: Callable[[str, Any], None]) -> None:
        """Call a function with all links, and their names."""
        for path, kind in self.kinds.items():
            visit(path, OtherLink() if kind == "link" else HardLink())

    def dataset(self, path: str) -> Dataset:
        if path not in self._datasets:
            self._datasets[path] = Dataset(self, path)
        return self._datasets[path]

    def note(self, path: str, kind: str) -> None:
        """Know of something in the file."""
        self.kinds[path] = kind
        parent, _, name = path.rpartition("/")
        self.members[parent or "/"].append(name)

    def make_parents(self, path: str) -> None:
        """Make the groups above that are missing."""
        parent = path.rpartition("/")[0]
        if parent and parent not in self.kinds:
            self.create_group(parent)


# Of the files that are opened next.
_library: Any = None


def use(library: Any) -> None:
    """Open files from now on with a library, see js_page/hdf5.js."""
    global _library
    _library = library
