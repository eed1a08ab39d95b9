"""What opens HDF5 files: h5py or, in pages without it, what is like it over HDF5's library as WebAssembly."""

from __future__ import annotations

import importlib.util
import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...runtime import glue
from .. import browser
from ..checks import ModelFileError, check_growth, expect

# A module like h5py, where a page has got one.
_like_h5py: Any = None


def is_obtainable() -> bool:
    """Whether there is something that opens files, or will be once it is asked for."""
    return importlib.util.find_spec("h5py") is not None or (browser.has_packages() and glue.has_hdf5())


async def prepare() -> None:
    """In a page, get what opens files: the runtime's library, or else h5py of Pyodide's distribution."""
    global _like_h5py
    if importlib.util.find_spec("h5py") is not None or not browser.has_packages():
        return
    library = await glue.hdf5()
    if library is None:
        await browser.load_package("h5py")
    else:
        from . import h5wasm

        h5wasm.use(library)
        _like_h5py = h5wasm


def _hdf5() -> Any:
    """The module h5py, or one that is like it."""
    try:
        import h5py
    except ImportError:
        if _like_h5py is None:
            raise ImportError(
                "files of Keras need the package h5py: pip install h5py (or weblayers[keras]). In a page, they need"
                " weblayers_hdf5.mjs, of the runtime's folder, beside the weblayers_glue.mjs that the page registers,"
                " or await pyodide_js.loadPackage('h5py')"
            ) from None
        return _like_h5py
    return h5py


@contextmanager
def opened(data: bytes, source: str) -> Iterator[Any]:
    """An HDF5 file's contents. Whatever is made of a damaged file is a ModelFileError."""
    hdf5 = _hdf5()
    try:
        with hdf5.File(io.BytesIO(data), "r") as file:
            _check(file, len(data), source)
            yield file
    except (OSError, RuntimeError, KeyError, SystemError) as error:
        raise ModelFileError(f"{source}: not a readable HDF5 file: {error}") from error


def _check(file: Any, size: int, source: str) -> None:
    """Refuse a file that leads to other files, or promises far more than there is in it."""
    hdf5 = _hdf5()

    # nothing is raised in h5py's callbacks, which do not bear it
    links: dict[str, Any] = {}
    file.visititems_links(links.__setitem__)
    for name, link in links.items():
        expect(isinstance(link, hdf5.HardLink), source, f"{name} is a link to elsewhere")
    found = datasets(file)
    for dataset in found:
        inside = not dataset.external and not dataset.is_virtual
        expect(inside, source, f"the values of {dataset.name} are in other files")
    check_growth(sum(dataset.nbytes for dataset in found), size, "the arrays", source)


def created(buffer: io.BytesIO) -> Any:
    """A new HDF5 file in memory; use it in ``with``."""
    return _hdf5().File(buffer, "w")


def is_dataset(value: Any) -> bool:
    return isinstance(value, _hdf5().Dataset)


def is_group(value: Any) -> bool:
    return isinstance(value, _hdf5().Group)


def datasets(group: Any) -> list[Any]:
    """All datasets below."""
    found: list[Any] = []
    group.visititems(lambda _, item: found.append(item) if is_dataset(item) else None)
    return found


def elements(group: Any) -> int:
    """How many numbers the datasets below hold."""
    return sum(math.prod(d.shape or ()) for d in datasets(group))


def values_of(dataset: Any, source: str) -> np.ndarray:
    """A dataset's values; those of other precision as float32."""
    expect(is_dataset(dataset) and dataset.shape is not None, source, f"{getattr(dataset, 'name', '?')} has no values")
    expect(dataset.dtype.kind in "fiub", source, f"{dataset.name} does not hold numbers")
    values = np.asarray(dataset[()])
    return values.astype(np.float32) if values.dtype.kind == "f" else values


def text(value: Any) -> str:
    """An attribute of text, which is bytes or not."""
    return value.decode() if isinstance(value, bytes) else str(value)
