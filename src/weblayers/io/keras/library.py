"""h5py, which Pyodide has too: there ``await pyodide.loadPackage("h5py")`` makes it importable."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..checks import ModelFileError, check_growth, expect


def _h5py() -> Any:
    try:
        import h5py
    except ImportError:
        raise ImportError(
            "files of Keras need the package h5py: pip install h5py (or weblayers[keras]);"
            " in Pyodide, await pyodide_js.loadPackage('h5py')"
        ) from None
    return h5py


@contextmanager
def opened(data: bytes, source: str) -> Iterator[Any]:
    """An HDF5 file's contents. Whatever h5py makes of a damaged file is a ModelFileError."""
    h5py = _h5py()
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            _check(file, len(data), source)
            yield file
    except (OSError, RuntimeError, KeyError, SystemError) as error:
        raise ModelFileError(f"{source}: not a readable HDF5 file: {error}") from error


def _check(file: Any, size: int, source: str) -> None:
    """Refuse a file that leads to other files, or promises far more than there is in it."""
    h5py = _h5py()

    # nothing is raised in h5py's callbacks, which do not bear it
    links: dict[str, Any] = {}
    file.visititems_links(links.__setitem__)
    for name, link in links.items():
        expect(isinstance(link, h5py.HardLink), source, f"{name} is a link to elsewhere")
    found = datasets(file)
    for dataset in found:
        inside = not dataset.external and not dataset.is_virtual
        expect(inside, source, f"the values of {dataset.name} are in other files")
    check_growth(sum(dataset.nbytes for dataset in found), size, "the arrays", source)


def created(buffer: io.BytesIO) -> Any:
    """A new HDF5 file in memory; use it in ``with``."""
    return _h5py().File(buffer, "w")


def is_dataset(value: Any) -> bool:
    return isinstance(value, _h5py().Dataset)


def is_group(value: Any) -> bool:
    return isinstance(value, _h5py().Group)


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
