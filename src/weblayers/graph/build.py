"""Builders: one short function per primitive that checks, normalizes and binds.

Gradients, passes and the public ops all build graphs with these. Binary builders broadcast as NumPy does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from ..bound import bound
from .node import DTYPES, MAX_EXACT_INTEGER, Aval, Node, Shape, make_node, next_serial
from .registry import PRIMITIVES
from .rounding import EXACT_ROWS, RowsRounded

Operand = Node | float | int | bool

# More tensors are joined in groups: a draw reads sixteen textures at most.
CONCAT_AT_ONCE = 8

_DTYPE_ORDER = ("bool", "uint8", "int32", "float32")


def bind(name: str, *inputs: Node, **params: Any) -> Node:
    return make_node(PRIMITIVES[name], inputs, params)


# -- sources ------------------------------------------------------------------------------------------------------


class ArrayConstant:
    """A small array inside a graph, compared by value so that equal constants are one node."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self._key = (array.shape, array.dtype.str, array.tobytes())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ArrayConstant) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __lt__(self, other: object) -> bool:
        return id(self) < id(other)

    def __repr__(self) -> str:
        return f"array{self.array.shape}"


def constant(value: Any, dtype: str | None = None) -> Node:
    """A constant: a rank-0 node for a number, an array constant otherwise."""
    array = np.asarray(value)
    dtype = dtype or infer_dtype(array)
    if dtype == "int32" and array.size and np.abs(array.astype(np.float64)).max() > MAX_EXACT_INTEGER:
        raise ValueError(f"int32 values are exact up to 2^24 = {MAX_EXACT_INTEGER}; got {array.max()}")
    if array.ndim == 0:
        return bind("constant", value=float(array), dtype=dtype)
    return bind("array", value=ArrayConstant(np.ascontiguousarray(array, DTYPES[dtype])))


def infer_dtype(array: np.ndarray) -> str:
    """float32, int32, bool or uint8: the storage type for a NumPy array."""
    kind = array.dtype.kind
    if array.dtype == np.uint8:
        return "uint8"
    names = {"f": "float32", "i": "int32", "u": "int32", "b": "bool"}
    if kind not in names:
        raise TypeError(f"cannot make a tensor of dtype {array.dtype}; expected numbers or booleans")
    return names[kind]


def input_node(shape: Shape, dtype: str) -> Node:
    """A fresh graph input, bound to a tensor at each run."""
    return bind("input", serial=next_serial(), shape=tuple(shape), dtype=dtype)


_numbering: ContextVar[Callable[[Aval], Node] | None] = ContextVar("numbering", default=None)


def placeholder(aval: Aval) -> Node:
    """A leaf that stands for a value within a part of a graph, such as the body of a loop."""
    number = _numbering.get()
    return input_node(*aval) if number is None else number(aval)


@contextmanager
def numbered(number: Callable[[Aval], Node] | None) -> Iterator[None]:
    """Have a function choose the placeholders, so that what is built again is built of the same ones; None has each be
    a new one."""
    with bound(_numbering, number):
        yield


def scalar_node(dtype: str = "float32") -> Node:
    """A fresh host scalar: a number given at each run and evaluated in double precision on the host."""
    return bind("scalar", serial=next_serial(), dtype=dtype)


def iota(n: int, dtype: str = "int32") -> Node:
    return bind("iota", n=n, dtype=dtype)


def random_bits(shape: Shape, key: Operand, counter: Operand) -> Node:
    """24 random bits per element, a pure function of two integers below 2^24 and of the element's position."""
    return bind("random_bits", as_node(key), as_node(counter), shape=tuple(shape))


def as_node(value: Operand) -> Node:
    return value if isinstance(value, Node) else constant(value)


def full(shape: Shape, value: float, dtype: str = "float32") -> Node:
    return broadcast(constant(value, dtype), shape)


# -- elementwise --------------------------------------------------------------------------------------------------


def promote(*dtypes: str) -> str:
    return max(dtypes, key=_DTYPE_ORDER.index)


def cast(x: Node, dtype: str) -> Node:
    if x.dtype == dtype:
        return x
    if dtype == "uint8" and x.dtype != "bool":
        # beyond 255 it begins anew, as in C
        x = bind("cast", x, dtype="int32") if x.dtype == "float32" else x
        whole = bind("cast", x, dtype="float32")
        return bind("cast", whole - unary("floor", whole / 256.0) * 256.0, dtype=dtype)
    if x.op == "constant":
        value = x.param("value")
        return constant(bool(value) if dtype == "bool" else math.trunc(value) if dtype == "int32" else value, dtype)
    return bind("cast", x, dtype=dtype)


def unary(name: str, x: Operand) -> Node:
    return bind(name, as_node(x))


def broadcast_shapes(*shapes: Shape) -> Shape:
    if all(s == shapes[0] for s in shapes):
        return shapes[0]
    # not NumPy's function, which takes shapes for those of arrays: in a browser these end at 2 GiB
    rank = max(map(len, shapes))
    columns = zip(*((1,) * (rank - len(s)) + tuple(s) for s in shapes), strict=True)
    sizes = [set(column) - {1} or {1} for column in columns]
    if any(len(found) > 1 for found in sizes):
        text = " and ".join(f"[{','.join(map(str, s))}]" for s in shapes)
        raise ValueError(f"operands could not be broadcast together with shapes {text}")
    return tuple(found.pop() for found in sizes)


def _matched(operands: Sequence[Operand], dtype: str | None) -> list[Node]:
    """The operands as nodes of one dtype and one shape; a Python number takes the tensors' dtype if it fits."""
    nodes = [o for o in operands if isinstance(o, Node)]
    if dtype is None:
        dtype = promote(*[n.dtype for n in nodes]) if nodes else "float32"
        for o in operands:
            if not isinstance(o, Node):
                dtype = promote(dtype, infer_dtype(np.asarray(o)))
        # bytes are for storage: sums of them would be cut off at 255
        dtype = "int32" if dtype == "uint8" else dtype
    ready = [cast(o, dtype) if isinstance(o, Node) else constant(o, dtype) for o in operands]
    shape = broadcast_shapes(*[n.shape for n in ready])
    return [broadcast(n, shape) for n in ready]


def binary(name: str, a: Operand, b: Operand) -> Node:
    return bind(name, *_matched((a, b), None))


def add(a: Operand, b: Operand) -> Node:
    return binary("add", a, b)


def sub(a: Operand, b: Operand) -> Node:
    return _counted("sub", a, b)


def mod(a: Operand, b: Operand) -> Node:
    return _counted("mod", a, b)


def _counted(name: str, a: Operand, b: Operand) -> Node:
    """What is no truth value even of two of them: they count as integers."""
    x, y = _matched((a, b), None)
    return bind(name, cast(x, "int32"), cast(y, "int32")) if x.dtype == "bool" else bind(name, x, y)


def mul(a: Operand, b: Operand) -> Node:
    return binary("mul", a, b)


def div(a: Operand, b: Operand) -> Node:
    """True division: integers become float32 first."""
    return bind("div", *_matched((a, b), "float32"))


def power(a: Operand, b: Operand) -> Node:
    made = binary("pow", a, b)
    if made.dtype != "int32":
        return made
    # of integers, a negative power is a fraction, which is cut off
    x, y = made.inputs
    return where(bind("and", compare("lt", y, 0), unary("not", compare("eq", mul(x, x), 1))), 0, made)


def maximum(a: Operand, b: Operand) -> Node:
    return binary("max", a, b)


def minimum(a: Operand, b: Operand) -> Node:
    return binary("min", a, b)


def neg(x: Operand) -> Node:
    x = as_node(x)
    return unary("neg", cast(x, "int32") if x.dtype in ("uint8", "bool") else x)


def compare(name: str, a: Operand, b: Operand) -> Node:
    return binary(name, a, b)


def where(condition: Node, a: Operand, b: Operand) -> Node:
    """``a`` where the condition holds, else ``b``; all three broadcast."""
    a, b = _matched((a, b), None)
    shape = broadcast_shapes(condition.shape, a.shape)
    return bind("where", broadcast(cast(condition, "bool"), shape), broadcast(a, shape), broadcast(b, shape))


# -- movement -----------------------------------------------------------------------------------------------------


def reshape(x: Node, shape: Sequence[int]) -> Node:
    shape = tuple(int(d) for d in shape)
    if -1 in shape:
        known = math.prod(d for d in shape if d != -1)
        if shape.count(-1) > 1 or known == 0 or x.aval.size % known:
            raise ValueError(f"cannot reshape {list(x.shape)} to {list(shape)}")
        shape = tuple(x.aval.size // known if d == -1 else d for d in shape)
    if x.shape == shape:
        return x
    if x.op == "reshape":
        return reshape(x.inputs[0], shape)
    return bind("reshape", x, shape=shape)


def transpose(x: Node, perm: Sequence[int] | None = None) -> Node:
    perm = tuple(perm) if perm is not None else tuple(reversed(range(len(x.shape))))
    if perm == tuple(range(len(perm))):
        return x
    return bind("transpose", x, perm=perm)


def broadcast(x: Node, shape: Shape) -> Node:
    """Broadcast as NumPy: new leading axes, and axes of size 1 stretched."""
    shape = tuple(shape)
    if x.shape == shape:
        return x
    if len(x.shape) < len(shape) and x.shape:
        x = reshape(x, (1,) * (len(shape) - len(x.shape)) + x.shape)
        if x.shape == shape:
            return x
    return bind("broadcast", x, shape=shape)


def slice_(x: Node, start: Sequence[int], stop: Sequence[int], step: Sequence[int] | None = None) -> Node:
    step = tuple(step) if step else (1,) * len(x.shape)
    start, stop = tuple(start), tuple(stop)
    if all(a == 0 and b == d and s == 1 for a, b, s, d in zip(start, stop, step, x.shape, strict=True)):
        return x
    return bind("slice", x, start=start, stop=stop, step=step)


def pad(
    x: Node, lo: Sequence[int], hi: Sequence[int], interior: Sequence[int] | None = None, value: float = 0.0
) -> Node:
    """Pad with a constant; ``interior`` puts that many gaps between neighbours; negative lo or hi crop."""
    interior = tuple(interior) if interior else (0,) * len(x.shape)
    lo, hi = tuple(lo), tuple(hi)
    if not (any(lo) or any(hi) or any(interior)):
        return x
    return bind("pad", x, lo=lo, hi=hi, interior=interior, value=float(value))


def reverse(x: Node, axes: Sequence[int]) -> Node:
    axes = tuple(sorted(a for a in axes if x.shape[a] > 1))
    return bind("reverse", x, axes=axes) if axes else x


def concat(xs: Sequence[Node], axis: int) -> Node:
    if len(xs) == 1:
        return xs[0]
    dtype = promote(*[x.dtype for x in xs])
    parts = [cast(x, dtype) for x in xs]
    while len(parts) > CONCAT_AT_ONCE:
        groups = (parts[i : i + CONCAT_AT_ONCE] for i in range(0, len(parts), CONCAT_AT_ONCE))
        parts = [concat(group, axis) for group in groups]
    return bind("concat", *parts, axis=axis)


# -- reductions ---------------------------------------------------------------------------------------------------


def normalize_axes(axis: int | Sequence[int] | None, rank: int) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(rank))
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    for a in axes:
        if not -rank <= a < rank:
            raise ValueError(f"axis {a} is out of range for a tensor of rank {rank}")
    return tuple(sorted({a % rank for a in axes}))


def reduce(kind: str, x: Node, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Node:
    """Reduce by ``sum``, ``prod``, ``max`` or ``min``. Sums and products of booleans count as int32."""
    axes = normalize_axes(axis, len(x.shape))
    if x.dtype in ("bool", "uint8"):
        x = cast(x, "int32")
    out = bind("reduce_" + kind, x, axes=axes) if axes else x
    if keepdims:
        out = reshape(out, tuple(1 if i in axes else d for i, d in enumerate(x.shape)))
    return out


def argreduce(kind: str, x: Node, axis: int) -> Node:
    (axis,) = normalize_axes(axis, len(x.shape))
    return bind("arg" + kind, x, axis=axis)


# -- contractions, windows, indices ---------------------------------------------------------------------------------


def dot(a: Node, b: Node, ta: bool = False, tb: bool = False, ones: int = 0) -> Node:
    """Batched matrix product ``op(a) @ op(b)`` of the last two axes; equal leading axes.

    ``ones`` appends so many rows to ``op(a)``, the first of ones: that row of the result is the column sums of
    ``op(b)``. What the others hold, nobody needs; they fill blocks.
    """
    return bind("dot", a, b, ta=ta, tb=tb, ones=ones)


def conv(
    x: Node,
    w: Node,
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    flip: bool = False,
    swap: bool = False,
) -> Node:
    """Convolution of ``x [n, *spatial, in]`` with ``w [*kernel, in, out]``.

    ``flip`` mirrors the kernel in space and ``swap`` exchanges its channel axes: with both, the same weights compute
    the input's gradient.
    """
    one = (1,) * len(strides)
    return bind(
        "conv",
        x,
        w,
        strides=tuple(strides),
        padding=tuple(tuple(p) for p in padding),
        lhs_dilation=tuple(lhs_dilation or one),
        rhs_dilation=tuple(rhs_dilation or one),
        flip=flip,
        swap=swap,
    )


def conv_kernel_grad(
    x: Node,
    dy: Node,
    ones: bool = False,
    splits: int = 0,
    rounded: RowsRounded = EXACT_ROWS,
    **params: Any,
) -> Node:
    """The kernel gradient of :func:`conv`, as a matrix ``[prod(kernel) * in (+ 1 with ones), out]``.

    With ``splits`` the batch is summed in that many parts: the result has a leading axis of them. The last kernel axis,
    channels and rows are ``rounded`` up to multiples (what the rows in between hold, nobody needs).
    """
    return bind("conv_kernel_grad", x, dy, ones=ones, splits=splits, rounded=rounded, **params)


def pool(kind: str, x: Node, window: Sequence[int], strides: Sequence[int], padding: Sequence[tuple[int, int]]) -> Node:
    """Pool ``x [n, *spatial, channels]`` by ``sum``, ``max``, or ``argmax`` (position in the window, first wins)."""
    params = {"window": tuple(window), "strides": tuple(strides), "padding": tuple(tuple(p) for p in padding)}
    return bind("pool_" + kind, x, **params)


def unpool(index: Node, dy: Node, size: Sequence[int], **window: Any) -> Node:
    """Send each ``dy`` to the position its pool's argmax named: the gradient of max pooling."""
    return bind("unpool", index, dy, size=tuple(size), **window)


def unpool_sum(dy: Node, size: Sequence[int], **window: Any) -> Node:
    """Send each ``dy`` to all positions of its window, and add what meets there: the gradient of sum pooling."""
    return bind("unpool_sum", dy, size=tuple(size), **window)


def pool_at(index: Node, x: Node, **window: Any) -> Node:
    """Read ``x`` at the positions the pool's argmax named: the adjoint of :func:`unpool`."""
    return bind("pool_at", index, x, **window)


def gather(x: Node, index: Node, axis: int = 0) -> Node:
    """``x`` taken at ``index`` (any shape) along ``axis``; indices are clamped to the axis."""
    return bind("gather", x, index, axis=axis)


def scatter_add(index: Node, updates: Node, size: int) -> Node:
    """``[size, ...]``: the rows of ``updates`` summed where ``index`` says; those out of range are dropped."""
    return bind("scatter_add", index, updates, size=size)


def argsort(x: Node, descending: bool = False) -> Node:
    """The positions of the values of the last axis, in their order; of equal values the first comes first.

    NaN counts as infinity: sorting networks need an order of all values.
    """
    if x.dtype == "float32":
        x = where(unary("isnan", x), math.inf, x)
    return bind("argsort", x, descending=descending)


def dynamic_slice(x: Node, start: Operand, size: int) -> Node:
    """``size`` rows of ``x`` from a host-scalar ``start``."""
    return bind("dynamic_slice", x, as_node(start), size=size)


def stop_gradient(x: Node) -> Node:
    return bind("stop_gradient", x)


def one_hot(index: Node, depth: int, dtype: str = "float32") -> Node:
    index = reshape(index, (*index.shape, 1))
    return cast(compare("eq", cast(index, "int32"), iota(depth)), dtype)
