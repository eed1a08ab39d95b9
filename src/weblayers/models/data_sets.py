"""What users pass as inputs and targets, checked and brought to the form that a training run reads."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import losses, tree
from ..layers.base import BatchShape
from ..ops import movement
from ..runtime import scopes
from ..runtime.conversion import to_tensor
from ..runtime.tensor import Tensor, Variable, tensor_of


def as_inputs(x: Any, shape: BatchShape, name: str) -> Tensor:
    """Inputs for a model whose input has this shape; a vector serves a model of single numbers.

    Raises:
        ValueError: with the expected and the actual shape.
    """
    tensor = to_tensor(x)
    if tensor.is_symbolic:
        return tensor
    if tensor.rank == 1 and len(shape) == 2 and shape[1] == 1:
        tensor = _reshaped(tensor, (tensor.shape[0], 1))
    if tensor.rank != len(shape):
        raise ValueError(
            f"Error when checking {name}: expected it to have {len(shape)} dimension(s), shape {_text(shape)},"
            f" but got an array with shape {_text(tensor.shape)}"
        )
    # the first axis may have more samples than a batch of a fixed size
    if any(e is not None and e != d for e, d in zip(shape[1:], tensor.shape[1:], strict=True)):
        raise ValueError(
            f"Error when checking {name}: expected it to have shape {_text(shape)} but got an array with shape"
            f" {_text(tensor.shape)}. Each example must have shape {_text(shape[1:])}."
        )
    return tensor


def as_targets(y: Any, output: BatchShape, loss: Any) -> Tensor:
    """Targets for a model whose output has this shape: class numbers for a sparse loss, else of the output's shape.

    Custom losses check their targets themselves.
    """
    tensor = to_tensor(y)
    if tensor.dtype == "string":
        raise TypeError("targets must be numbers, got strings: StringLookup makes numbers of them")
    if loss is None or not losses.knows_targets(loss):
        return tensor
    if not losses.is_sparse(loss):
        return as_inputs(tensor, output, "target")
    classes = output[-1] or 1
    # as they were given: a function of one's own sees an axis of size 1 where there is one
    axis = (1,) if tensor.rank == len(output) and tensor.shape[-1] == 1 else ()
    tensor = as_inputs(tensor, (None, *output[1:-1], *axis), "target (class numbers, for a sparse loss)")
    if tensor.is_on_host and tensor.size:
        low, high = tensor.numpy().min(), tensor.numpy().max()
        if low < 0 or high >= classes:
            raise IndexError(
                f"target holds class {low if low < 0 else high}; the model has {classes} classes, 0 to {classes - 1}"
            )
    return tensor


def as_weights(weights: Any, samples: int) -> Tensor:
    """One weight per sample (or per sample and time step).

    Raises:
        ValueError: with the numbers of both, if they differ.
    """
    tensor = to_tensor(weights)
    if tensor.rank < 1 or tensor.shape[0] != samples:
        raise ValueError(
            f"sample_weight has shape {_text(tensor.shape)}; expected one weight for each of {samples} samples"
        )
    return tensor


@dataclass
class Samples:
    """Inputs, targets and sample weights of equally many samples, in the model's order.

    ``x`` and ``y`` say how inputs and targets are handed to the model's steps: lists and dictionaries of their numbers;
    a list of all, or the only one, if left out.
    """

    inputs: list[Tensor]
    targets: list[Tensor]
    weights: list[Tensor | None]
    x: Any = None
    y: Any = None

    def __post_init__(self) -> None:
        self.x = alone(list(range(len(self.inputs)))) if self.x is None else self.x
        self.y = alone(list(range(len(self.targets)))) if self.y is None else self.y

    def data(self) -> Any:
        """What the model's steps are handed."""
        x = tree.mapped(lambda i: self.inputs[i], self.x)
        y = tree.mapped(lambda i: self.targets[i], self.y) if self.targets else None
        return pack_x_y_sample_weight(x, y, alone(self.weights) if any(w is not None for w in self.weights) else None)

    @property
    def count(self) -> int:
        return self.inputs[0].shape[0]

    def tensors(self) -> list[Tensor]:
        """All of them, weights last."""
        return [*self.inputs, *self.targets, *(w for w in self.weights if w is not None)]

    def check(self) -> None:
        """
        Raises:
            ValueError: different numbers of samples, or none.
        """
        for target in self.targets:
            if target.shape[0] != self.count:
                raise ValueError(
                    "Input Tensors should have the same number of samples as target Tensors."
                    f" Found {self.count} input sample(s) and {target.shape[0]} target sample(s)."
                )
        if any(t.shape[0] != self.count for t in self.inputs):
            raise ValueError(
                "All input Tensors (x) should have the same number of samples. Got array shapes:"
                f" {[list(t.shape) for t in self.inputs]}"
            )
        if not self.count:
            raise ValueError("there are no samples: the first axis of the inputs is empty")

    def part(self, start: int, stop: int) -> Samples:
        """Samples ``start`` to ``stop``."""
        return self._with(lambda t: take(t, start, stop))

    def rows(self, room: int | None = None) -> Samples:
        """The same with one row per sample, and with rows for as many samples as there is room; see :func:`as_rows`."""
        return self._with(lambda t: as_rows(t, room or self.count))

    def _with(self, fn: Any) -> Samples:
        inputs, targets = [fn(t) for t in self.inputs], [fn(t) for t in self.targets]
        return replace(
            self, inputs=inputs, targets=targets, weights=[None if w is None else fn(w) for w in self.weights]
        )

    def replaced(self, tensors: Sequence[Tensor]) -> Samples:
        """Others, in the order of :meth:`tensors`."""
        given = iter(tensors)
        return self._with(lambda _: next(given))

    def shapes(self) -> tuple[Any, ...]:
        """Shapes and dtypes, to tell one kind of data from another."""
        kinds = [[(t.shape, t.dtype) for t in part] for part in (self.inputs, self.targets)]
        weights = tuple(None if w is None else w.shape for w in self.weights)
        return (*map(tuple, kinds), weights, repr(self.x), repr(self.y))


def as_rows(tensor: Tensor, room: int) -> Tensor:
    """One row per sample, whatever its shape: the form in which a batch is gathered fastest.

    Behind the samples are rows of zeros, ``room`` in all. Kept with the tensor, so that data used again is not uploaded
    again; what becomes of the tensor later does not change them.
    """
    if isinstance(tensor, Variable):
        tensor = tensor.read()
    rows = tensor.as_rows
    if rows is None or rows.shape[0] != room:
        with scopes.paused():
            rows = tensor.as_rows = _made_rows(tensor, room)
        rows.sample_shape = tensor.sample_shape
    return rows


def _made_rows(tensor: Tensor, room: int) -> Tensor:
    samples, width = tensor.shape[0], math.prod(tensor.shape[1:])
    if tensor.shape == (room, width):
        return tensor.shared()
    if tensor.is_on_host:
        values = tensor.numpy().reshape(samples, width)
        if samples < room:
            padded = np.zeros((room, width), values.dtype)
            padded[:samples] = values
            values = padded
        return tensor_of(values)
    rows = movement.reshape(tensor, (samples, width))
    return rows if samples == room else movement.pad(rows, [(0, room - samples), (0, 0)])


# A number of samples is rounded up to a power of two, or to a multiple of this.
ROOM = 4096


def room_for(samples: int) -> int:
    """For how many samples the steps are traced that train on so many: few sizes serve all."""
    return -(-samples // ROOM) * ROOM if samples > ROOM else 1 << (samples - 1).bit_length()


# The host scalar that says where a step's batch begins, counted in samples.
START = 0

# Epochs of few samples run many at a time.
ORDER_LENGTH = 16384


def order_capacity(samples: int) -> int:
    """The length of the vector that says in which order samples are taken: whole epochs, many of them if small.

    It depends on the room for samples alone, so that fits of all kinds share one trace.
    """
    room = room_for(samples)
    return room * max(1, ORDER_LENGTH // room)


def held(tensor: Tensor) -> Tensor:
    """The values as they are now: whoever disposes of the tensor leaves them alone.

    What only the host has is the rows' own, and uploaded to whoever trains with them: once, for all fits.
    """
    if tensor.runtime is None:
        return tensor
    with scopes.paused():
        return tensor.shared()


def sample_order(order: np.ndarray, samples: int) -> Tensor:
    """Sample numbers as the training steps read them."""
    padded = np.zeros(order_capacity(samples), np.int32)
    padded[: len(order)] = order
    with scopes.paused():
        return tensor_of(padded)


def take(tensor: Tensor, start: int, stop: int) -> Tensor:
    """Samples ``start`` to ``stop``."""
    if start == 0 and stop == tensor.shape[0]:
        return tensor
    if _has_numbers(tensor):
        return tensor_of(tensor.numpy()[start:stop])
    return movement.slice(tensor, [start], [stop - start])


def _has_numbers(tensor: Tensor) -> bool:
    """Whether a tensor is an array of numbers on the host, a part of which costs nothing."""
    return tensor.is_on_host and tensor.dtype != "string"


def _reshaped(tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    if _has_numbers(tensor):
        return tensor_of(tensor.numpy().reshape(shape))
    return movement.reshape(tensor, shape)


def _text(shape: Any) -> str:
    return "[" + ",".join("null" if d is None else str(d) for d in shape) + "]"


def compute_dtype(dtype: str) -> str:
    """Images come as uint8 and are computed with as floats."""
    return "float32" if dtype == "uint8" else dtype


def as_tree(x: Any, several: bool) -> Any:
    """Data for one input are one value, also where they come as nested lists."""
    if several or isinstance(x, Mapping):
        return x
    return to_tensor(x) if not (isinstance(x, list | tuple) and len(x) == 1 and isinstance(x[0], Tensor)) else x


def by_output(values: Any, names: Sequence[str], what: str) -> list[Any]:
    """Targets or weights in the order of the outputs.

    Raises:
        ValueError: there are none, or none for one of them.
    """
    if values is None:
        raise ValueError(
            f"{what} for the output {names[0]!r} are missing: the model is compiled with a loss or metrics"
        )
    if isinstance(values, Mapping):
        missing = [n for n in names if n not in values]
        if missing:
            raise ValueError(f"{what} for the output {missing[0]!r} are missing; got {sorted(values)}")
        return [values[n] for n in names]
    if len(names) == 1:
        single = isinstance(values, list | tuple) and len(values) == 1 and isinstance(values[0], Tensor | np.ndarray)
        return [values[0] if single else values]
    if not isinstance(values, list | tuple) or len(values) != len(names):
        raise ValueError(f"the model has {len(names)} outputs ({', '.join(names)}): give {what} for each, in a list")
    return list(values)


def as_given(x: Any, y: Any, sample_weight: Any = None) -> Samples:
    """Samples for a step of the model's own, which alone knows what they are for."""
    inputs, targets, weights = (
        [to_tensor(v) for v in tree.leaves(part)] if part is not None else [] for part in (x, y, sample_weight)
    )
    samples = Samples(inputs, targets, [*weights] or [None], numbered(x), numbered(y))
    samples.check()
    return samples


def numbered(values: Any) -> Any:
    """The same structure with the numbers of its leaves."""
    return tree.packed(values, list(range(len(tree.leaves(values)))))


def alone(values: list[Any]) -> Any:
    """A list, or its only entry."""
    return values[0] if len(values) == 1 else values


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """What ``train_step`` and ``test_step`` are handed: inputs, targets and sample weights, as far as there are any.

    >>> pack_x_y_sample_weight(1), pack_x_y_sample_weight([1]), pack_x_y_sample_weight(1, 2)
    (1, ([1],), (1, 2))
    """
    if sample_weight is not None:
        return x, y, sample_weight
    if y is not None:
        return x, y
    return (x,) if isinstance(x, list | tuple) else x


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """Inputs, targets and sample weights of what a step is handed; None for what there is not.

    Raises:
        ValueError: more than three things.

    >>> unpack_x_y_sample_weight((1, 2)), unpack_x_y_sample_weight(1)
    ((1, 2, None), (1, None, None))
    """
    if not isinstance(data, list | tuple):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ValueError(f"data are inputs, and perhaps targets and sample weights; got {len(data)} things")
    x, y, sample_weight = (*data, None, None)[:3]
    return x, y, sample_weight
