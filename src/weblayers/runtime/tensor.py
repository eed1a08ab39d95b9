"""Tensors: values on a device or on the host, or names for values in a graph that is being traced."""

from __future__ import annotations

import html
import itertools
import linecache
import sys
import traceback
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..graph import build
from ..graph.node import DTYPES, Aval, Node, Shape
from ..naming import Named
from . import recording, scopes, showing
from .arrays import host_array, stored
from .base import Borrower, Runtime
from .promise import thenable
from .values import Values, frozen, typed

_ids = itertools.count(1)


def next_id() -> int:
    """A number for what is made now: those of tensors made before are lower."""
    return next(_ids)


_live: dict[int, weakref.ref[Tensor]] = {}
_BYTES = {"float32": 4, "int32": 4, "bool": 1, "uint8": 1}


class Tensor(Named):
    """A typed, immutable array. Make one with :func:`weblayers.tensor` and its siblings.

    A concrete tensor has values, on the host, on the device, or both; a symbolic one stands for a value in a traced
    function and has only a shape and a dtype.
    """

    # the shape of a sample, where a tensor has them as rows
    _sample_shape: Shape | None = None

    # its samples as rows, once they were made for training
    as_rows: Tensor | None = None

    # which values count, as layers for sequences hand it on; a boolean tensor or None
    mask: Tensor | None = None

    # whether scopes leave it alone
    kept = False

    __array_priority__ = 1000  # NumPy arrays on the left of an operator leave the operation to the tensor

    def __init__(
        self,
        aval: Aval,
        *,
        node: Node | None = None,
        host: np.ndarray | None = None,
        values: Values | None = None,
    ) -> None:
        self._aval, self._node = aval, node
        self._values = values or Values(aval, host)
        self._disposed = False
        self.id = next(_ids)
        if node is None:
            _live[self.id] = weakref.ref(self)
            scopes.made(self)

    def __del__(self) -> None:
        _live.pop(getattr(self, "id", 0), None)

    # -- what it is -----------------------------------------------------------------------------------------------

    @property
    def shape(self) -> Shape:
        return self._aval.shape

    @property
    def dtype(self) -> str:
        return self._aval.dtype

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return self._aval.size

    @property
    def is_symbolic(self) -> bool:
        return self._node is not None

    @property
    def is_disposed(self) -> bool:
        return self._disposed

    @property
    def described(self) -> str:
        """What errors call it."""
        return "a tensor"

    @property
    def nbytes(self) -> int:
        """The bytes of the values, as a dense array."""
        return self.size * _BYTES[self.dtype]

    @property
    def is_on_host(self) -> bool:
        """Whether the values can be had without waiting for a device."""
        return self._values.host is not None

    @property
    def sample_shape(self) -> Shape:
        """The shape of one sample, also after the samples became rows."""
        return self.shape[1:] if self._sample_shape is None else self._sample_shape

    @sample_shape.setter
    def sample_shape(self, shape: Shape) -> None:
        self._sample_shape = shape

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a scalar has no length")
        return self.shape[0]

    # -- values ---------------------------------------------------------------------------------------------------

    def _check(self) -> None:
        if self._disposed:
            raise RuntimeError("Tensor is disposed.")
        if self._node is not None:
            raise TypeError(
                f"a symbolic tensor of shape {list(self.shape)} has no values yet: it stands for a value inside a model"
                " or a traced function. Read values from what the model or function returns."
            )

    @property
    def runtime(self) -> Runtime | None:
        """Who has the values; None if only the host has."""
        return self._values.runtime

    @property
    def values(self) -> Values:
        """The values that it has now, to compute with."""
        self._check()
        return self._values

    def storage(self, runtime: Runtime) -> Any:
        """The values where a runtime computes; uploaded at first use."""
        return self.values.on(runtime, self.described)

    def numpy(self) -> np.ndarray:
        """The values as a NumPy array, which cannot be written to. Waits for the device."""
        traced = self._traced_value()
        if traced is not None:
            return traced
        self._check()
        return self._values.read_sync()

    def _traced_value(self) -> np.ndarray | None:
        """What a symbolic tensor is in the run that is being traced; None where a trace serves many runs."""
        trace = None if self._node is None else recording.current()
        value = None if trace is None else trace.value_of(self._node)
        return None if value is None else frozen(typed(self._aval, value))

    async def _fetch(self) -> np.ndarray:
        traced = self._traced_value()
        if traced is not None:
            return traced
        self._check()
        return await self._values.read()

    @thenable
    async def data(self) -> np.ndarray:
        """The values as a flat array, without blocking."""
        return (await self._fetch()).reshape(-1)

    @thenable
    async def array(self) -> Any:
        """The values as nested lists (a number for a scalar), without blocking."""
        return (await self._fetch()).tolist()

    def data_sync(self) -> np.ndarray:
        """The values as a flat array. Waits for the device."""
        return self.numpy().reshape(-1)

    def array_sync(self) -> Any:
        """The values as nested lists (a number for a scalar). Waits for the device."""
        return self.numpy().tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        values = self.numpy()
        return values.astype(dtype) if dtype is not None else values.copy() if copy else values

    def __float__(self) -> float:
        return float(self.numpy())

    def __int__(self) -> int:
        return int(self.numpy())

    def __bool__(self) -> bool:
        if self._node is not None and self._traced_value() is None:
            raise TypeError(
                "the truth of a symbolic tensor is not known while a function is traced: use wl.where instead of if,"
                f" and wl.scan or a loop of a fixed length instead of while, here: {_users_line()}"
            )
        return bool(self.numpy())

    def shared(self) -> Tensor:
        """Another tensor of the same values."""
        self._check()
        return Tensor(self._aval, values=self._values)

    # -- life -----------------------------------------------------------------------------------------------------

    def dispose(self) -> None:
        """Free the values now; using the tensor afterwards raises."""
        self._disposed = True
        self._values = Values(self._aval)
        _live.pop(self.id, None)

    # -- showing --------------------------------------------------------------------------------------------------

    def print(self, verbose: bool = False) -> None:
        """Print the values, as TensorFlow.js does; with ``verbose`` the dtype, rank and shape too.

        >>> import weblayers as wl
        >>> wl.tensor1d([1, 2.5]).print()
        Tensor
            [1, 2.5]
        """
        print(self.to_string(verbose))

    def to_string(self, verbose: bool = False) -> str:
        """The text that :meth:`print` prints."""
        values = self.numpy()
        return showing.printed(self.dtype, values, showing.written(values), verbose)

    def __repr__(self) -> str:
        if self._disposed:
            return "<Tensor: disposed>"
        if self._node is not None:
            return f"<Tensor: symbolic, shape={self.shape}, dtype={self.dtype}>"
        return showing.line(self.shape, self.dtype, self._place, self._at_hand)

    def _repr_html_(self) -> str:
        """What notebooks show of the tensor."""
        if self._disposed or self._node is not None:
            return f"<pre>{html.escape(repr(self))}</pre>"
        return showing.table(self.shape, self.dtype, self._place, self._at_hand)

    @property
    def _at_hand(self) -> np.ndarray | None:
        """The values, if nobody has to wait for them."""
        host, storage = self._values.host, self._values.storage
        return storage if host is None and isinstance(storage, np.ndarray) else host

    @property
    def _place(self) -> str:
        return self.runtime.name if self.runtime is not None else "host"

    def __format__(self, spec: str) -> str:
        """A tensor of one value as that value: ``f"{loss:.3f}"``. Waits for the device."""
        if not spec:
            return str(self)
        if self.size != 1:
            raise TypeError(f"the format {spec!r} is for one value, but the tensor has the shape {self.shape}")
        return format(self.numpy().item(), spec)


def _users_line() -> str:
    """The innermost line of code outside of the package that is being executed."""
    package = __name__.partition(".")[0]
    for frame, line in traceback.walk_stack(sys._getframe(1)):
        if frame.f_globals.get("__name__", "").partition(".")[0] != package:
            path = frame.f_code.co_filename
            return f"{path}, line {line}: {linecache.getline(path, line).strip()}"
    return "unknown"


class Variable(Tensor):
    """A tensor whose values can be replaced: a weight, or the state of an optimizer."""

    kept = True

    def __init__(self, value: Any, name: str | None = None, trainable: bool = True) -> None:
        array = value.numpy() if isinstance(value, Tensor) else np.array(value)
        dtype = build.infer_dtype(array)
        super().__init__(Aval(array.shape, dtype), host=np.asarray(array, DTYPES[dtype], order="C"))
        self.name, self.trainable = name or f"variable_{self.id}", trainable
        # whether it could be trained when it was made: what says its place among a layer's weights
        self.made_trainable = trainable
        # what is added to it, and trained in its place; and whether files have it by itself
        self.adapter: Any = None
        self.in_files = True
        # what the weight adds to the loss, and what is applied after each of its updates
        self.regularizer: Callable[[Tensor], Tensor] | None = None
        self.constraint: Callable[[Tensor], Tensor] | None = None
        # what it begins with, of a shape; None for one that nobody makes anew
        self.initializer: Callable[[tuple[int, ...]], Any] | None = None
        # the layer that it belongs to, which may be frozen
        self.owner: weakref.ref[Any] | None = None
        # who trains it, and changes the values while its steps run
        self.lease: Borrower | None = None

    @property
    def is_trained(self) -> bool:
        """Whether it is trained where nobody says what is: it is trainable, and its layer is."""
        owner = self.owner() if self.owner is not None else None
        return self.trainable and (owner is None or owner.trainable)

    @property
    def described(self) -> str:
        return f"the weight {self.name!r}"

    def for_files(self) -> Tensor:
        """The values of now, as files have them: with what is added to them."""
        return self.read() if self.adapter is None else self.adapter.merged()

    def assign_from_file(self, value: np.ndarray) -> None:
        """Take over what :meth:`for_files` gave."""
        self.assign(value.astype(self.dtype))
        if self.adapter is not None:
            self.adapter.reset()

    def _check(self) -> None:
        super()._check()
        if self.lease is not None:
            self.lease.refresh()

    async def _fetch(self) -> np.ndarray:
        # other values may be assigned while these are on their way
        return await self.read()._fetch()

    def assign(self, value: Tensor | np.ndarray | Sequence) -> None:
        """Replace the values by others of the same shape and dtype; in a traced function, at each of its runs."""
        trace = recording.current()
        if isinstance(value, Tensor) and value.is_symbolic and trace is not None:
            trace.assign(self, value)
            return
        self._check()
        if isinstance(value, Tensor):
            tensor = value
        else:
            array = stored(host_array(value), self.dtype)
            tensor = Tensor(Aval(array.shape, self.dtype), host=array)
        self.check_assignable(tensor)
        self._values = tensor.values
        self._changed()

    def assign_add(self, value: Any) -> Variable:
        """Add to the values, as in Keras; gives the variable."""
        return self.write(self + value)

    def assign_sub(self, value: Any) -> Variable:
        """Subtract from the values, as in Keras; gives the variable."""
        return self.write(self - value)

    def check_assignable(self, value: Tensor) -> None:
        """Raises ValueError for values of another shape or dtype."""
        if value.shape != self.shape or value.dtype != self.dtype:
            raise ValueError(
                f"cannot assign {value.dtype} values of shape {list(value.shape)} to the {self.dtype} variable"
                f" {self.name!r} of shape {list(self.shape)}"
            )

    def read(self) -> Tensor:
        """The values as they are now: a tensor that later assignments leave alone."""
        return self.shared()

    def write(self, value: Tensor | np.ndarray | Sequence) -> Variable:
        """:meth:`assign`, and the variable."""
        self.assign(value)
        return self

    @property
    def original_name(self) -> str:
        """:attr:`name`: names are not changed."""
        return self.name

    def assign_values(self, values: Values) -> None:
        """:meth:`assign`, of values that were computed for it."""
        self.hold(values)
        self._changed()

    def hold(self, values: Values) -> None:
        """Take over the values that training has come to."""
        before = self._values.source
        values.source.earlier = before.earlier if before.host is None else before.host
        self._values = values

    def dispose(self) -> None:
        super().dispose()
        self._changed()

    def _changed(self) -> None:
        if self.lease is not None:
            self.lease.changed(self)


class HostComputed(Tensor):
    """A value that the host computes from a tensor's values, once somebody reads it."""

    def __init__(self, source: Tensor, compute: Callable[[np.ndarray], Any], shape: Shape = ()) -> None:
        super().__init__(Aval(shape, "float32"))
        self._source, self._compute = source, compute

    def numpy(self) -> np.ndarray:
        """The value. Waits for the device."""
        if self.values.host is None:
            self._values.copied(np.asarray(self._compute(self._source.numpy()), np.float32))
        return self._values.read_sync()

    async def _fetch(self) -> np.ndarray:
        if self.values.host is None:
            self._values.copied(np.asarray(self._compute(await self._source._fetch()), np.float32))
        return self._values.read_sync()


def tensor_of(array: np.ndarray) -> Tensor:
    """A tensor of an array of one of the tensors' dtypes that nobody will write to."""
    return Tensor(Aval(array.shape, build.infer_dtype(array)), host=np.asarray(array, order="C"))


def live_tensors() -> list[Tensor]:
    """The concrete tensors that there are."""
    return [tensor for tensor in (reference() for reference in list(_live.values())) if tensor is not None]


def buffer_of(tensor: Tensor) -> int:
    """What tensors that share their values have in common."""
    return id(tensor._values)
