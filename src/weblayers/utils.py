"""What helps around models, where Keras has it: ``keras.utils``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np

from . import naming
from .layers.features import FeatureSpace
from .layers.serialization import register_class
from .models.data_sets import pack_x_y_sample_weight, unpack_x_y_sample_weight
from .models.plot import plot_model
from .random_seed import set_random_seed

C = TypeVar("C", bound=Callable[..., Any])


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[C], C]:
    """:func:`weblayers.register_class` as Keras spells it: files call the class or function ``package>name``."""

    def registered(cls: C) -> C:
        cls.class_name = f"{package}>{name or cls.__name__}"  # type: ignore[attr-defined]  # classes and functions have them
        return register_class(cls)

    return registered


class PyDataset:
    """Base class of data that give their batches by number, as in Keras. To be given to ``fit`` and the like.

    A subclass defines ``__getitem__(index)``, which gives inputs and targets of a batch, and ``__len__``, or
    ``num_batches``, which may be None where they never end. It may define ``on_epoch_begin`` and ``on_epoch_end``.

    Args:
        workers, use_multiprocessing, max_queue_size: change nothing; a page has no threads.

    >>> class Squares(PyDataset):
    ...     def __len__(self):
    ...         return 2
    ...     def __getitem__(self, index):
    ...         x = np.full((4, 1), index, np.float32)
    ...         return x, x**2
    >>> Squares().num_batches
    2
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self.workers, self.use_multiprocessing, self.max_queue_size = workers, use_multiprocessing, max_queue_size

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not say what a batch is: define __getitem__(index)")

    @property
    def num_batches(self) -> int | None:
        """How many batches an epoch has; None where they never end."""
        if not hasattr(self, "__len__"):
            raise NotImplementedError(f"{type(self).__name__} does not say how many batches there are: define __len__")
        return len(self)

    def on_epoch_begin(self) -> None:
        """Called before an epoch."""

    def on_epoch_end(self) -> None:
        """Called after an epoch."""


# as it was called before
Sequence = PyDataset


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """Class numbers as vectors with a 1 at the class, as float32; a last axis of size 1 goes.

    Args:
        num_classes: one more than the largest class if left out.

    Raises:
        ValueError: a class is none of them.

    >>> to_categorical([0, 2]).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    classes = np.asarray(x, np.int64)
    if classes.ndim > 1 and classes.shape[-1] == 1:
        classes = classes[..., 0]
    count = num_classes or int(classes.max(initial=-1)) + 1
    if classes.size and not (classes.min() >= 0 and classes.max() < count):
        raise ValueError(
            f"to_categorical: classes are numbers from 0 to {count - 1}, got {classes.min()} to {classes.max()}"
        )
    return (classes[..., None] == np.arange(count)).astype(np.float32)


def pad_sequences(
    sequences: Iterable[Any],
    maxlen: int | None = None,
    dtype: str = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: float = 0.0,
) -> np.ndarray:
    """Sequences of several lengths as one array ``[sequences, maxlen, ...]``.

    Args:
        maxlen: the longest sequence's length if left out.
        padding, truncating: whether short ones are filled up, and long ones cut, before (``"pre"``) or behind
            (``"post"``) their values.
        value: what fills them up.

    Raises:
        ValueError: no such side.

    >>> pad_sequences([[1], [2, 3]]).tolist()
    [[0, 1], [2, 3]]
    """
    for side in (padding, truncating):
        if side not in ("pre", "post"):
            raise ValueError(f"pad_sequences: a side is 'pre' or 'post', got {side!r}")
    arrays = [np.asarray(sequence, dtype) for sequence in sequences]
    length = max(map(len, arrays), default=0) if maxlen is None else maxlen
    inner = next((array.shape[1:] for array in arrays if len(array)), ())
    padded = np.full((len(arrays), length, *inner), value, dtype)
    for row, array in zip(padded, arrays, strict=True):
        kept = array[max(0, len(array) - length) :] if truncating == "pre" else array[:length]
        if len(kept):
            at = length - len(kept) if padding == "pre" else 0
            row[at : at + len(kept)] = kept
    return padded


def normalize(x: Any, axis: int = -1, order: int = 2) -> np.ndarray:
    """Values divided by their norm along an axis; zeros stay.

    >>> normalize([[3.0, 4.0]]).tolist()
    [[0.6, 0.8]]
    """
    values = np.atleast_1d(np.asarray(x))
    size = np.atleast_1d(np.linalg.norm(values, order, axis, keepdims=True))
    size[size == 0] = 1
    return values / size


__all__ = [
    "FeatureSpace",
    "PyDataset",
    "Sequence",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "set_random_seed",
    "to_categorical",
    "unpack_x_y_sample_weight",
]

__getattr__ = naming.module_getattr(__name__, globals())
