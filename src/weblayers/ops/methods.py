"""What tensors can do beside the ops whose first argument they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..graph.build import infer_dtype
from ..graph.node import Aval, Node
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


def equal(x: Any, y: Any) -> Any:
    """Python's ``==``, of each pair of values. What is no value, such as None, is another thing."""
    comparable = isinstance(y, _VALUES) or (x.dtype == "string" and isinstance(y, str))
    return arithmetic.equal(x, y) if comparable else NotImplemented


def not_equal(x: Any, y: Any) -> Any:
    """Python's ``!=``, of each pair of values."""
    same = equal(x, y)
    return same if same is NotImplemented else arithmetic.logical_not(same)


def reshape(x: Tensor, *sizes: Any, shape: Any = None) -> Any:
    """The same values in another shape, given as a list or size by size; one size may be -1."""
    if shape is not None and sizes:
        raise TypeError("reshape got its shape twice")
    given = sizes if shape is None else (shape,)
    return movement.reshape(x, given[0] if len(given) == 1 and not isinstance(given[0], int | np.integer) else given)


def astype(x: Tensor, dtype: Any) -> Any:
    """x as another dtype, which may be one of NumPy's or Python's types: :func:`weblayers.cast`."""
    return cast(x, dtype if isinstance(dtype, str) and dtype in _DTYPES else infer_dtype(np.empty(0, dtype)))


def item(x: Tensor, *place: int) -> Any:
    """The only value, or that at a place, as a Python number. Waits for the device."""
    return x.numpy().item(*place)


def to_list(x: Tensor) -> Any:
    """The values as nested lists, under NumPy's name for :meth:`Tensor.array_sync`. Waits for the device."""
    return x.array_sync()


def numpy_function(x: Tensor, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
    """NumPy's functions compute with the values, which they wait for, and give arrays."""
    if function in (np.shape, np.ndim, np.size):
        # known without waiting
        x, *rest = args
        return function(np.broadcast_to(np.float32(0), x.shape), *rest, **kwargs)
    return function(*_with_arrays(args), **_with_arrays(kwargs))


def _with_arrays(given: Any) -> Any:
    if isinstance(given, Mapping):
        return {key: _with_arrays(value) for key, value in given.items()}
    if type(given) in (list, tuple):
        return type(given)(map(_with_arrays, given))
    return given.numpy() if isinstance(given, Tensor | ComplexTensor) else given


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


_DTYPES = ("float32", "int32", "bool", "uint8", "complex64", "string")
# What `==` compares with a tensor.
_VALUES = (Tensor, Overriding, Node, np.ndarray, np.generic, int, float, complex, list, tuple)

_METHODS: dict[str, Callable[..., Any]] = {
    **{f.__name__: f for f in (as_type, to_float, to_int, to_bool, as_scalar, as1d, reshape_as, concat, stack, where)},
    **{f"as{rank}d": _as_rank(rank) for rank in (2, 3, 4, 5, 6)},
    **{f.__name__: f for f in (variable, buffer, buffer_sync, throw_if_disposed)},
    **{f.__name__: f for f in (reshape, astype, item)},
    "tolist": to_list,
    "copy": creation.clone,
    "bytes": raw_bytes,
    "__eq__": equal,
    "__ne__": not_equal,
    "__array_function__": numpy_function,
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
    "ndim": lambda x: len(x.shape),
    "T": lambda x: movement.transpose(x),
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
            # all objects have a `==`; what stands in a dictionary stays there by what it is
            if not hasattr(values, name) or name in ("__eq__", "__ne__"):
                setattr(values, name, method)
    for kind in (Tensor, Overriding):
        for name, fn in _BINARY.items():
            setattr(kind, f"__{name}__", lambda x, y, fn=fn: fn(x, y))
            setattr(kind, f"__r{name}__", lambda x, y, fn=fn: fn(y, x))
        for name, fn in _OTHERS.items():
            setattr(kind, f"__{name}__", fn)
