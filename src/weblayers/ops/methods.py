"""What tensors can do beside the ops whose first argument they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..graph.node import Aval
from ..runtime.buffer import TensorBuffer, strides
from ..runtime.tensor import Tensor, Variable
from . import arithmetic, creation, image, mathematics, matrices, movement, slicing
from .complex import ComplexTensor, cast
from .dispatch import METHODS, Overriding


def as_type(x: Tensor, dtype: str) -> Any:
    """x as another dtype: :func:`weblayers.cast`."""
    return cast(x, dtype)


def to_float(x: Tensor) -> Any:
    """x as float32."""
    return arithmetic.cast(x, "float32")


def to_int(x: Tensor) -> Any:
    """x as int32."""
    return arithmetic.cast(x, "int32")


def to_bool(x: Tensor) -> Any:
    """Where x is not 0."""
    return arithmetic.cast(x, "bool")


def as_scalar(x: Tensor) -> Any:
    """The only value of x, as a tensor of rank 0."""
    if x.size != 1:
        raise ValueError(f"a tensor of shape {list(x.shape)} has {x.size} values, and is no scalar")
    return movement.reshape(x, [])


def as1d(x: Tensor) -> Any:
    """All values in one axis."""
    return movement.flatten(x)


def _as_rank(rank: int) -> Callable[..., Any]:
    def shaped(x: Tensor, *sizes: int) -> Any:
        if len(sizes) != rank:
            raise ValueError(f"as{rank}d wants {rank} sizes, got {list(sizes)}")
        return movement.reshape(x, sizes)

    shaped.__doc__ = f"The same values in {rank} axes of the given sizes."
    return shaped


def reshape_as(x: Tensor, other: Any) -> Any:
    """The same values in the shape of another tensor."""
    return movement.reshape(x, other.shape)


def concat(x: Tensor, tensors: Any, axis: int = 0) -> Any:
    """x and others, joined along an axis."""
    return movement.concat([x, *_several(tensors)], axis)


def stack(x: Tensor, tensors: Any, axis: int = 0) -> Any:
    """x and others, joined along a new axis."""
    return movement.stack([x, *_several(tensors)], axis)


def _several(tensors: Any) -> Sequence[Any]:
    return tensors if isinstance(tensors, list | tuple) else [tensors]


def where(x: Tensor, condition: Any, other: Any) -> Any:
    """x where the condition holds, else ``other``."""
    return arithmetic.where(condition, x, other)


def variable(x: Tensor, trainable: bool = True, name: str | None = None, dtype: str | None = None) -> Variable:
    """A variable that begins with the values of x."""
    return creation.variable(x if dtype is None else arithmetic.cast(x, dtype), trainable, name)


async def buffer(x: Tensor) -> TensorBuffer:
    """The values as a buffer that can be written, without blocking."""
    return TensorBuffer(x.shape, x.dtype, await x.data())


def buffer_sync(x: Tensor) -> TensorBuffer:
    """The values as a buffer that can be written. Waits for the device."""
    return TensorBuffer(x.shape, x.dtype, x.data_sync())


async def raw_bytes(x: Tensor) -> bytes:
    """The values as bytes, in the order of the machine, without blocking."""
    return (await x.data()).tobytes()


def throw_if_disposed(x: Tensor) -> None:
    """Raise RuntimeError if the values were freed."""
    if x.is_disposed:
        raise RuntimeError("Tensor is disposed.")


def floored(x: Any, y: Any) -> Any:
    """Python's ``//``: of integers an integer, else a float; :func:`weblayers.floor_div` is always an integer."""
    whole = all(isinstance(v, int) or getattr(v, "dtype", None) == "int32" for v in (x, y))
    return mathematics.floor_div(x, y) if whole else arithmetic.floor(arithmetic.div(x, y))


def rows(x: Tensor) -> Iterator[Any]:
    """The parts along the first axis, one after the other."""
    if not x.shape:
        raise TypeError("a scalar has no parts to iterate over")
    if x.is_symbolic or x.dtype == "string":
        return (slicing.get_item(x, i) for i in range(x.shape[0]))
    whole = x.numpy()
    return (Tensor(Aval(x.shape[1:], x.dtype), host=np.array(row)) for row in whole)


def dlpack(x: Tensor, **options: Any) -> Any:
    """The values for other array libraries, through NumPy: on the CPU, and read-only where they must not change."""
    return np.array(x.numpy()).__dlpack__(**options)


def dlpack_device(x: Tensor) -> tuple[int, int]:
    """DLPack's name of the CPU."""
    return 1, 0


_METHODS: dict[str, Callable[..., Any]] = {
    **{f.__name__: f for f in (as_type, to_float, to_int, to_bool, as_scalar, as1d, reshape_as, concat, stack, where)},
    **{f"as{rank}d": _as_rank(rank) for rank in (2, 3, 4, 5, 6)},
    **{f.__name__: f for f in (variable, buffer, buffer_sync, throw_if_disposed)},
    "bytes": raw_bytes,
    "clone": creation.clone,
    "zeros_like": creation.zeros_like,
    "ones_like": creation.ones_like,
    "resize_bilinear": image.resize_bilinear,
    "resize_nearest_neighbor": image.resize_nearest_neighbor,
    "__iter__": rows,
    "__dlpack__": dlpack,
    "__dlpack_device__": dlpack_device,
}

_PROPERTIES: dict[str, Callable[..., Any]] = {
    "rank_type": lambda x: str(x.rank),
    "strides": lambda x: strides(x.shape),
}

_BINARY: dict[str, Callable[..., Any]] = {
    "add": arithmetic.add,
    "sub": arithmetic.sub,
    "mul": arithmetic.mul,
    "truediv": arithmetic.div,
    "floordiv": floored,
    "mod": arithmetic.mod,
    "pow": arithmetic.pow,
    "matmul": matrices.mat_mul,
    "and": arithmetic.logical_and,
    "or": arithmetic.logical_or,
    "xor": mathematics.logical_xor,
}
_OTHERS: dict[str, Callable[..., Any]] = {
    "lt": lambda x, y: arithmetic.less(x, y),
    "le": lambda x, y: arithmetic.less_equal(x, y),
    "gt": lambda x, y: arithmetic.greater(x, y),
    "ge": lambda x, y: arithmetic.greater_equal(x, y),
    "neg": arithmetic.neg,
    "abs": arithmetic.abs,
    "invert": arithmetic.logical_not,
    "getitem": slicing.get_item,
}


def attach() -> None:
    """Give tensors their methods, and operators to them and to what stands for them."""
    methods = {**METHODS, **_METHODS, **{name: property(read) for name, read in _PROPERTIES.items()}}
    for name, method in methods.items():
        for values in (Tensor, ComplexTensor):
            if not hasattr(values, name):
                setattr(values, name, method)
    for kind in (Tensor, Overriding):
        for name, fn in _BINARY.items():
            setattr(kind, f"__{name}__", lambda x, y, fn=fn: fn(x, y))
            setattr(kind, f"__r{name}__", lambda x, y, fn=fn: fn(y, x))
        for name, fn in _OTHERS.items():
            setattr(kind, f"__{name}__", fn)
