"""Making tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph import build
from ..graph.node import DTYPES
from ..runtime.buffer import TensorBuffer
from ..runtime.conversion import to_tensor
from ..runtime.tensor import Tensor, Variable
from ..sizes import addressed
from . import movement
from .complex import ComplexTensor, as_complex, is_complex, of_array
from .dispatch import Overriding, op, public


@public
def tensor(values: Any, shape: Sequence[int] | None = None, dtype: str | None = None) -> Tensor:
    """A tensor of any rank from nested lists, a number, a NumPy array or a JavaScript typed array.

    Plain Python numbers make a float32 tensor, as in TensorFlow.js; arrays keep their kind (float64 becomes float32).

    Args:
        values: the values; flat if ``shape`` is given.
        shape: the shape; taken from the nesting of ``values`` if left out.
        dtype: ``"float32"``, ``"int32"``, ``"bool"``, ``"complex64"`` or ``"string"``.

    Raises:
        ValueError: if shape and values disagree, or the lists are ragged.
        TypeError: complex numbers shall have another dtype.

    >>> import weblayers as wl
    >>> wl.tensor([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    if dtype == "complex64" or is_complex(values):
        if dtype not in (None, "complex64"):
            raise TypeError(f"complex numbers make no {dtype} tensor; take wl.real, wl.imag or wl.abs of them")
        made = as_complex(values)
        return made if shape is None else movement.reshape(made, shape)  # type: ignore[return-value]
    return to_tensor(values, dtype, shape)


def _ranked(rank: int, values: Any, shape: Sequence[int] | None, dtype: str | None) -> Tensor:
    made = tensor(values, None, dtype)
    if shape is not None:
        if len(shape) != rank:
            raise ValueError(f"tensor{rank}d wants a shape of {rank} numbers, got {list(shape)}")
        if made.rank not in (1, rank) or (made.rank == rank and made.shape != tuple(shape)):
            raise ValueError(f"values of shape {list(made.shape)} do not match the shape {list(shape)}")
        return tensor(made.numpy(), shape, made.dtype)
    if made.rank != rank:
        raise ValueError(
            f"tensor{rank}d wants values of rank {rank} (or flat values and a shape), got shape {list(made.shape)}"
        )
    return made


@public
def scalar(value: float | str, dtype: str | None = None) -> Tensor:
    """A tensor of rank 0.

    >>> import weblayers as wl
    >>> wl.scalar(3).array_sync()
    3.0
    """
    return _ranked(0, value, None, dtype)


@public
def tensor1d(values: Any, dtype: str | None = None) -> Tensor:
    """A vector.

    >>> import weblayers as wl
    >>> wl.tensor1d([1, 2]).shape
    (2,)
    """
    return _ranked(1, values, None, dtype)


@public
def tensor2d(values: Any, shape: Sequence[int] | None = None, dtype: str | None = None) -> Tensor:
    """A matrix, from nested lists, or from flat values and a shape.

    >>> import weblayers as wl
    >>> wl.tensor2d([1, 2, 3, 4], [2, 2]).array_sync()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    return _ranked(2, values, shape, dtype)


@public
def tensor3d(values: Any, shape: Sequence[int] | None = None, dtype: str | None = None) -> Tensor:
    """A tensor of rank 3; see :func:`tensor2d`."""
    return _ranked(3, values, shape, dtype)


@public
def tensor4d(values: Any, shape: Sequence[int] | None = None, dtype: str | None = None) -> Tensor:
    """A tensor of rank 4; see :func:`tensor2d`."""
    return _ranked(4, values, shape, dtype)


@public
def tensor5d(values: Any, shape: Sequence[int] | None = None, dtype: str | None = None) -> Tensor:
    """A tensor of rank 5; see :func:`tensor2d`."""
    return _ranked(5, values, shape, dtype)


@public
def tensor6d(values: Any, shape: Sequence[int] | None = None, dtype: str | None = None) -> Tensor:
    """A tensor of rank 6; see :func:`tensor2d`."""
    return _ranked(6, values, shape, dtype)


@public
def zeros_like(x: Any) -> Any:
    """Zeros in the shape and dtype of x.

    >>> import weblayers as wl
    >>> wl.zeros_like(wl.tensor1d([1, 2])).array_sync()
    [0.0, 0.0]
    """
    return _like(x, 0)


@public
def ones_like(x: Any) -> Any:
    """Ones in the shape and dtype of x."""
    return _like(x, 1)


def _like(x: Any, value: int) -> Any:
    if isinstance(x, Overriding) and not is_complex(x):
        # what stands for a tensor of a model may not know its shape yet
        return _filled(x, value=value)
    like = x if hasattr(x, "dtype") and not isinstance(x, np.ndarray | np.generic) else to_tensor(x)
    return fill(like.shape, value, like.dtype)


@op("x")
def _filled(x: Any, value: int) -> Any:
    return build.full(x.shape, float(value), x.dtype)


@public
def meshgrid(*axes: Any, indexing: str = "xy") -> list[Tensor]:
    """The coordinates of a grid: for each axis a tensor of the grid's shape.

    >>> import weblayers as wl
    >>> [t.array_sync() for t in wl.meshgrid([1, 2], [3])]
    [[[1.0, 2.0]], [[3.0, 3.0]]]
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"indexing must be 'xy' or 'ij', got {indexing!r}")
    tensors = [to_tensor(a) for a in axes]
    return [
        to_tensor(g) for g in np.meshgrid(*(t.numpy() for t in tensors), indexing="ij" if indexing == "ij" else "xy")
    ]


@public
def fill(shape: Sequence[int], value: float | str, dtype: str | None = None) -> Tensor:
    """A tensor with one value everywhere: float32 by default, or strings if the value is one.

    >>> import weblayers as wl
    >>> wl.fill([2], 7).array_sync()
    [7.0, 7.0]
    """
    if isinstance(value, str) or dtype == "string":
        return to_tensor(np.full(tuple(shape), value, object), dtype)
    if dtype == "complex64" or is_complex(value):
        return of_array(np.full(tuple(shape), value, np.complex64))  # type: ignore[return-value]
    return to_tensor(np.full(addressed(shape), value, DTYPES[dtype or "float32"]), dtype)


@public
def zeros(shape: Sequence[int], dtype: str = "float32") -> Tensor:
    """A tensor of zeros.

    >>> import weblayers as wl
    >>> wl.zeros([2]).array_sync()
    [0.0, 0.0]
    """
    return fill(shape, 0, dtype)


@public
def ones(shape: Sequence[int], dtype: str = "float32") -> Tensor:
    """A tensor of ones.

    >>> import weblayers as wl
    >>> wl.ones([2]).array_sync()
    [1.0, 1.0]
    """
    return fill(shape, 1, dtype)


@public
def linspace(start: float, stop: float, num: int) -> Tensor:
    """``num`` evenly spaced values from ``start`` to ``stop``, both included.

    >>> import weblayers as wl
    >>> wl.linspace(0, 1, 3).array_sync()
    [0.0, 0.5, 1.0]
    """
    return to_tensor(np.linspace(start, stop, num, dtype=np.float32))


@public
def range(start: float, stop: float, step: float = 1, dtype: str = "float32") -> Tensor:
    """Values from ``start`` up to, not including, ``stop``; down to it if that is less.

    >>> import weblayers as wl
    >>> wl.range(0, 3).array_sync()
    [0.0, 1.0, 2.0]
    """
    step = -1 if step == 1 and stop < start else step
    return to_tensor(np.arange(start, stop, step).astype(DTYPES[dtype]), dtype)


@public
def eye(
    num_rows: int, num_columns: int | None = None, batch_shape: Sequence[int] | None = None, dtype: str = "float32"
) -> Tensor:
    """The identity matrix, or a batch of it: ``[*batch_shape, num_rows, num_columns]``.

    >>> import weblayers as wl
    >>> wl.eye(2).array_sync()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    addressed((num_rows, num_columns or num_rows))
    matrix = np.eye(num_rows, num_columns, dtype=DTYPES[dtype])
    return to_tensor(np.broadcast_to(matrix, (*(batch_shape or ()), *matrix.shape)).copy(), dtype)


@public
def buffer(shape: Sequence[int], dtype: str = "float32", values: Any = None) -> TensorBuffer:
    """An array on the host that is filled element by element; see :class:`~weblayers.runtime.buffer.TensorBuffer`.

    >>> import weblayers as wl
    >>> wl.buffer([2], "int32", [1, 2]).get(1)
    2
    """
    return TensorBuffer(shape, dtype, values)


@public
def clone(x: Any) -> Any:
    """A tensor that shares the values of x; disposing one leaves the other.

    >>> import weblayers as wl
    >>> wl.clone([1, 2]).array_sync()
    [1.0, 2.0]
    """
    if isinstance(x, ComplexTensor):
        return x.clone()
    tensor = to_tensor(x)
    return tensor if tensor.is_symbolic else tensor.shared()


@public
def print(x: Any, verbose: bool = False) -> None:
    """Print a tensor as TensorFlow.js does.

    >>> import weblayers as wl
    >>> wl.print(wl.tensor1d([1, 2]))
    Tensor
        [1, 2]
    """
    tensor(x).print(verbose)


@public
def variable(initial_value: Any, trainable: bool = True, name: str | None = None, dtype: str | None = None) -> Variable:
    """A tensor whose values can be replaced by ``assign``.

    >>> import weblayers as wl
    >>> v = wl.variable(wl.scalar(1)); v.assign(wl.scalar(2)); v.array_sync()
    2.0
    """
    return Variable(to_tensor(initial_value, dtype), name, trainable)
