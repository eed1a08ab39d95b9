"""Complex numbers: pairs of float32 tensors that bring their own ops. Graphs and GPUs know nothing of them."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import naming, tree
from ..graph.node import Node
from ..runtime import showing, tracing
from ..runtime.conversion import to_tensor
from ..runtime.promise import thenable
from ..runtime.tensor import Tensor
from . import arithmetic as o
from . import mathematics, matrices, movement
from .dispatch import ADOPTING, REPEATABLE, Overriding, method, op, public


class ComplexTensor(naming.Named, Overriding, tree.Composite):
    """A tensor of dtype complex64, as :func:`complex` makes it. It has no variables and no gradients of its own:
    gradients are for the real tensors that it is made of.

    >>> import weblayers as wl
    >>> z = wl.complex([1.0, 2.0], [3.0, 4.0])
    >>> (z * z).array_sync()
    [(-8+6j), (-12+16j)]
    """

    dtype = "complex64"

    def __init__(self, real: Tensor, imag: Tensor) -> None:
        self.parts = [real, imag]

    def with_parts(self, parts: Sequence[Any]) -> ComplexTensor:
        return ComplexTensor(*parts)

    # -- what it is ---------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        return self.parts[0].shape

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return self.parts[0].size

    @property
    def is_symbolic(self) -> bool:
        return self.parts[0].is_symbolic

    @property
    def is_disposed(self) -> bool:
        return self.parts[0].is_disposed

    @property
    def kept(self) -> bool:
        return self.parts[0].kept

    @kept.setter
    def kept(self, value: bool) -> None:
        for part in self.parts:
            part.kept = value

    @property
    def id(self) -> int:
        return self.parts[0].id

    @property
    def nbytes(self) -> int:
        """The bytes of the values, as a dense array."""
        return sum(part.nbytes for part in self.parts)

    def __len__(self) -> int:
        return len(self.parts[0])

    def __bool__(self) -> bool:
        return bool(self.parts[0] if self.is_symbolic else self.numpy())

    # -- values -------------------------------------------------------------------------------------------------------

    def numpy(self) -> np.ndarray:
        """The values as a NumPy array of complex64. Waits for the device."""
        return _joined(*(part.numpy() for part in self.parts))

    async def _fetch(self) -> np.ndarray:
        real, imag = [await part.data() for part in self.parts]
        return _joined(real, imag).reshape(self.shape)

    @thenable
    async def data(self) -> np.ndarray:
        """Real and imaginary parts in turns, as a flat float32 array, without blocking."""
        return (await self._fetch()).reshape(-1).view(np.float32)

    def data_sync(self) -> np.ndarray:
        """Real and imaginary parts in turns, as a flat float32 array. Waits for the device."""
        return self.numpy().reshape(-1).view(np.float32)

    @thenable
    async def array(self) -> Any:
        """The values as nested lists of complex numbers, without blocking."""
        return (await self._fetch()).tolist()

    def array_sync(self) -> Any:
        """The values as nested lists of complex numbers. Waits for the device."""
        return self.numpy().tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        values = self.numpy()
        return values.astype(dtype) if dtype is not None else values

    # -- life and showing ---------------------------------------------------------------------------------------------

    def dispose(self) -> None:
        """Free the values now."""
        for part in self.parts:
            part.dispose()

    def clone(self) -> ComplexTensor:
        """A tensor that shares the values; disposing one leaves the other."""
        return ComplexTensor(*(part if part.is_symbolic else part.shared() for part in self.parts))

    def print(self, verbose: bool = False) -> None:
        """Print the values, as TensorFlow.js does."""
        print(self.to_string(verbose))

    def to_string(self, verbose: bool = False) -> str:
        """The text that :meth:`print` prints."""
        texts = np.array([_text(v) for v in self.numpy().reshape(-1)], object).reshape(self.shape)
        body = np.array2string(texts, separator=", ", formatter={"object": str}, threshold=1000)
        return showing.printed("complex64", texts, body, verbose)

    def __repr__(self) -> str:
        return f"<ComplexTensor: real={self.parts[0]!r}, imag={self.parts[1]!r}>"

    # -- ops ----------------------------------------------------------------------------------------------------------

    def overridden(self, op: str, arguments: dict[str, Any]) -> Any:
        """The result of an op, if it is defined for complex numbers.

        Raises:
            TypeError: it is not.
        """
        if op in _OF_PARTS:
            return _of_parts(op, arguments)
        if op not in _RULES:
            raise TypeError(f"{op} is not defined for complex64 tensors; use wl.real, wl.imag or wl.abs first")
        return _RULES[op](**arguments)


def _joined(real: np.ndarray, imag: np.ndarray) -> np.ndarray:
    values = np.empty(np.shape(real), np.complex64)
    values.real, values.imag = real, imag
    return values


def _text(value: np.complex64) -> str:
    real, imag = (np.format_float_positional(np.float32(v), precision=7, trim="-") for v in (value.real, value.imag))
    return f"{real} + {imag}j"


# -- making them ------------------------------------------------------------------------------------------------------


@public
def complex(real: Any, imag: Any) -> ComplexTensor:
    """A complex64 tensor of its real and imaginary parts, which have one shape.

    >>> import weblayers as wl
    >>> wl.complex([1.0], [2.0]).print()
    Tensor
        [1 + 2j]
    """
    parts = [_real_part(real), _real_part(imag)]
    if parts[0].shape != parts[1].shape:
        raise ValueError(f"complex wants parts of one shape, got {list(parts[0].shape)} and {list(parts[1].shape)}")
    return ComplexTensor(*parts)


def _real_part(x: Any) -> Any:
    if isinstance(x, ComplexTensor):
        raise TypeError("the parts of a complex tensor are real, but one is complex64")
    tensor = to_tensor(x)
    return tensor if tensor.dtype == "float32" else o.cast(tensor, "float32")


def of_array(values: np.ndarray) -> ComplexTensor:
    """A complex64 tensor of a complex NumPy array."""
    return ComplexTensor(*(to_tensor(np.array(v, np.float32)) for v in (values.real, values.imag)))


def is_complex(values: Any) -> bool:
    """Whether values are complex numbers, or lists that have one."""
    if isinstance(values, list | tuple):
        # lists may be long: one look at the types says what most of them hold
        kinds = set(map(type, values))
        return not kinds <= {bool, int, float} and any(map(is_complex, values))
    kind = getattr(getattr(values, "dtype", None), "kind", "")
    return isinstance(values, ComplexTensor | builtins.complex) or kind == "c"


def as_complex(x: Any) -> ComplexTensor:
    """A complex tensor, number, array or list; what is real has the imaginary part 0."""
    if isinstance(x, ComplexTensor):
        return x
    if not isinstance(x, Tensor) and is_complex(x):
        return of_array(np.asarray(x))
    part = _real_part(x)
    return ComplexTensor(part, tracing.zeros(part.shape))


def parts_of(x: Any) -> tuple[Any, Any]:
    """Real and imaginary part; None for that of real values, which need not be computed with."""
    if isinstance(x, ComplexTensor):
        return x.parts[0], x.parts[1]
    if isinstance(x, builtins.complex):
        return x.real, x.imag
    if not isinstance(x, Tensor) and is_complex(x):
        return parts_of(of_array(np.asarray(x)))
    return (x if isinstance(x, int | float) else _real_part(x)), None


@method
def cast(x: Any, dtype: str) -> Any:
    """x as another dtype; floats become integers by truncation, complex numbers lose their imaginary part.

    >>> import weblayers as wl
    >>> wl.cast([1.9, -1.9], "int32").array_sync()
    [1, -1]
    """
    return as_complex(x) if dtype == "complex64" else o.cast(x, dtype)


@public
def real(input: Any) -> Any:
    """The real part.

    >>> import weblayers as wl
    >>> wl.real(wl.complex([1.0], [2.0])).array_sync()
    [1.0]
    """
    return parts_of(input)[0]


@public
def imag(input: Any) -> Any:
    """The imaginary part; 0 of what is real."""
    return as_complex(input).parts[1]


@public
def conj(x: Any) -> Any:
    """x with the imaginary part negated.

    >>> import weblayers as wl
    >>> wl.conj(wl.complex([1.0], [2.0])).array_sync()
    [(1-2j)]
    """
    re, im = parts_of(x)
    return re if im is None else ComplexTensor(re, o.neg(im))


@public
def angle(x: Any) -> Any:
    """The angle of complex numbers in radians, from -pi to pi."""
    re, im = as_complex(x).parts
    return mathematics.atan2(im, re)


# -- ops of the parts -------------------------------------------------------------------------------------------------

_PARTWISE = """
batch_to_space_nd broadcast_to concat cumsum expand_dims flatten gather gather_nd get_item mean neg reshape reverse
slice space_to_batch_nd split squeeze stack stop_gradient strided_slice sum tile unstack
"""
_OF_PARTS = frozenset(_PARTWISE.split())


def _of_parts(op: str, arguments: dict[str, Any]) -> Any:
    found = [REPEATABLE[op](**{n: _part(v, i) for n, v in arguments.items()}) for i in (0, 1)]
    if isinstance(found[0], list | tuple):
        return [ComplexTensor(*pair) for pair in zip(*found, strict=True)]
    return ComplexTensor(*found)


def _part(value: Any, i: int) -> Any:
    if isinstance(value, ComplexTensor):
        return value.parts[i]
    if isinstance(value, list | tuple) and any(isinstance(v, ComplexTensor) for v in value):
        return [as_complex(v).parts[i] for v in value]
    return value


# -- arithmetic -------------------------------------------------------------------------------------------------------


def _linear(fn: Callable[..., Any]) -> Callable[..., ComplexTensor]:
    """A sum or a difference."""

    def run(a: Any, b: Any) -> ComplexTensor:
        (p, q), (r, s) = parts_of(a), parts_of(b)
        real = fn(p, r)
        # what has no imaginary part is broadcast all the same
        nothing = o.mul(real, 0.0) if q is None or s is None else None
        return ComplexTensor(real, fn(nothing if q is None else q, nothing if s is None else s))

    return run


def _bilinear(fn: Callable[..., Any]) -> Callable[..., ComplexTensor]:
    """A product: ``(p + qi)(r + si)``."""

    def run(a: Any, b: Any, *options: Any, **named: Any) -> ComplexTensor:
        (p, q), (r, s) = parts_of(a), parts_of(b)

        def times(x: Any, y: Any) -> Any:
            return fn(x, y, *options, **named)

        if s is None:
            return ComplexTensor(times(p, r), times(q, r))
        if q is None:
            return ComplexTensor(times(p, r), times(p, s))
        return ComplexTensor(o.sub(times(p, r), times(q, s)), o.add(times(p, s), times(q, r)))

    return run


_mul = _bilinear(o.mul)


# Both have reciprocals that are no smaller than GPUs know.
_TINY, _HUGE = 2.0**-126, 2.0**126


def _reciprocal(x: Any) -> Any:
    if isinstance(x, builtins.complex) and x:
        return 1 / x
    real, imag = parts_of(x)
    return o.div(1.0, real) if imag is None else ComplexTensor(*_reciprocals(real, imag))


@op("real", "imag")
def _reciprocals(real: Any, imag: Any) -> Any:
    real, imag, scale = _scaled(real, imag)
    size = real * real + imag * imag
    return [real / size / scale, o.neg(imag) / size / scale]


def _abs(x: ComplexTensor) -> Any:
    return _modulus(*x.parts)


@op("real", "imag")
def _modulus(real: Any, imag: Any) -> Any:
    """The distance from 0; its gradient there is 0."""
    real, imag, scale = _scaled(real, imag)
    size = real * real + imag * imag
    zero = o.equal(size, 0.0)
    return o.where(zero, 0.0, o.sqrt(o.where(zero, 1.0, size)) * scale)


def _scaled(real: Node, imag: Node) -> tuple[Node, Node, Node]:
    """Parts divided so that their squares neither overflow nor vanish, and the divisor.

    What is computed does not depend on the divisor, so that gradients need not know where it comes from.
    """
    scale = o.stop_gradient(o.clip_by_value(o.maximum(o.abs(real), o.abs(imag)), _TINY, _HUGE))
    return real / scale, imag / scale, scale


def _exp(x: ComplexTensor) -> ComplexTensor:
    size = o.exp(x.parts[0])
    return ComplexTensor(o.mul(size, o.cos(x.parts[1])), o.mul(size, o.sin(x.parts[1])))


def _equal(a: Any, b: Any) -> Any:
    real, imag = (o.equal(x, y) for x, y in zip(as_complex(a).parts, as_complex(b).parts, strict=True))
    return o.logical_and(real, imag)


def _where(condition: Any, a: Any, b: Any) -> ComplexTensor:
    pairs = zip(as_complex(a).parts, as_complex(b).parts, strict=True)
    return ComplexTensor(*(o.where(condition, x, y) for x, y in pairs))


def _pad(x: ComplexTensor, paddings: Any, constant_value: Any = 0) -> ComplexTensor:
    value = np.complex64(constant_value)
    fills = float(value.real), float(value.imag)
    return ComplexTensor(*(movement.pad(part, paddings, v) for part, v in zip(x.parts, fills, strict=True)))


def _transpose(x: ComplexTensor, perm: Sequence[int] | None = None, conjugate: bool = False) -> ComplexTensor:
    turned = ComplexTensor(*(movement.transpose(part, perm) for part in x.parts))
    return conj(turned) if conjugate else turned


_RULES: dict[str, Callable[..., Any]] = {
    "abs": _abs,
    "add": _linear(o.add),
    "cast": lambda x, dtype: o.cast(x.parts[0], dtype),
    "div": lambda a, b: _mul(a, _reciprocal(b)),
    "equal": _equal,
    "exp": _exp,
    "mat_mul": _bilinear(matrices.mat_mul),
    "mul": _mul,
    "not_equal": lambda a, b: o.logical_not(_equal(a, b)),
    "pad": _pad,
    "reciprocal": _reciprocal,
    "square": lambda x: _mul(x, x),
    "sub": _linear(o.sub),
    "transpose": _transpose,
    "where": _where,
}

ADOPTING.append((is_complex, as_complex))
