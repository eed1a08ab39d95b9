"""Cells: what a recurrent layer does in one time step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import activations, constraints, initializers, naming, regularizers
from ..ops import arithmetic as a
from ..ops import matrices, movement, slicing
from ..ops.random import Noise
from ..runtime import tracing
from ..runtime.tensor import Tensor
from . import context, serialization
from .base import BatchShape, Layer, positive, sized

# The state shapes of a cell, without the batch axis.
StateShapes = list[tuple[int, ...]]


class Cell(Layer):
    """A step of a recurrent layer: ``call(inputs, states)`` gives the output and the new states.

    A cell of your own defines ``state_size`` (a number, a shape, or a list of them), ``build`` and ``call``; its states
    come in a list, also if there is one. It may have ``get_initial_state(batch_size)``, where they are not zeros. The
    built-in ones split the step: :meth:`project` is what does not need the states, and is done for all steps at once.
    """

    anonymous = True

    def state_shapes(self) -> StateShapes:
        return state_shapes(self)

    def project(self, inputs: Tensor) -> Tensor:
        """The part of a step that only needs the inputs; its first axis may be many steps of a batch."""
        return inputs

    def step(self, projected: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """The rest of a step."""
        raise NotImplementedError

    def input_noise(self, batch: int, x: Tensor) -> Tensor | None:
        """What the inputs are multiplied by in training: one mask for all steps."""
        return None

    def state_noise(self, batch: int, x: Tensor) -> Tensor | None:
        """What the states are multiplied by in training: one mask for all steps."""
        return None

    def call(self, inputs: Any, states: Any = None, training: bool = False) -> Any:
        as_list = isinstance(inputs, list | tuple)
        if as_list:
            # TensorFlow.js calls cells with [inputs, *states] and wants [output, *states]
            inputs, states = inputs[0], list(inputs[1:])
        states = states if isinstance(states, list | tuple) else [states]
        batch = inputs.shape[0]
        if training:
            inputs = noisy(inputs, self.input_noise(batch, inputs))
            noise = self.state_noise(batch, inputs)
            states = [noisy(states[0], noise), *states[1:]]
        output, new = self.step(self.project(inputs), states)
        return [output, *new] if as_list else (output, new)


def noisy(x: Tensor, noise: Tensor | None) -> Tensor:
    return x if noise is None else a.mul(x, noise)


def state_shapes(cell: Any) -> StateShapes:
    """The state shapes of any cell, from its ``state_size``."""
    sizes = cell.state_size
    several = isinstance(sizes, list) or (isinstance(sizes, tuple) and any(not isinstance(s, int) for s in sizes))
    return [(int(s),) if isinstance(s, int | np.integer) else tuple(s) for s in (sizes if several else [sizes])]


class _GatedCell(Cell):
    """What the built-in cells share: kernels for the inputs and for the state, a bias, dropout.

    Args:
        units: size of the state and of the output.
        activation, recurrent_activation: of the new values, and of the gates.
        use_bias, and the initializers, regularizers and constraints of kernel, recurrent_kernel and bias.
        dropout, recurrent_dropout: share of the inputs, and of the state, that is dropped in training.
        seed: makes the dropout repeatable.
    """

    gates = 1

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_normal",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        self.units = positive(self.name, "units", units)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = regularizers.get(recurrent_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.recurrent_constraint = constraints.get(recurrent_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.dropout = min(1.0, max(0.0, dropout))
        self.recurrent_dropout = min(1.0, max(0.0, recurrent_dropout))
        self.seed = seed
        self._noise = Noise(seed)

    @property
    def state_size(self) -> Any:
        return self.units

    def build(self, input_shape: BatchShape) -> None:
        width = self.gates * self.units
        shape = (sized(self, input_shape, -1), width)
        self.kernel = self.add_weight(
            "kernel", shape, self.kernel_initializer, self.kernel_regularizer, self.kernel_constraint
        )
        self.recurrent_kernel = self.add_weight(
            "recurrent_kernel",
            (self.units, width),
            self.recurrent_initializer,
            self.recurrent_regularizer,
            self.recurrent_constraint,
        )
        self.bias = self.add_bias(self.bias_shape(), self.bias_initializer) if self.use_bias else None

    def bias_shape(self) -> tuple[int, ...]:
        return (self.gates * self.units,)

    def add_bias(self, shape: Sequence[int], initializer: Any) -> Any:
        return self.add_weight("bias", shape, initializer, self.bias_regularizer, self.bias_constraint)

    def project(self, inputs: Tensor) -> Tensor:
        out = matrices.mat_mul(inputs, self.kernel)
        return out if self.bias is None else a.add(out, self.bias)

    def input_noise(self, batch: int, x: Tensor) -> Tensor | None:
        return self._mask(self.dropout, x, (batch, *x.shape[1:]), 1)

    def state_noise(self, batch: int, x: Tensor) -> Tensor | None:
        return self._mask(self.recurrent_dropout, x, (batch, *self.state_shapes()[0]), 2)

    def _mask(self, rate: float, x: Tensor, shape: Sequence[int], stream: int) -> Tensor | None:
        if not rate:
            return None
        if rate == 1:
            return tracing.zeros(shape)
        keep = a.less_equal(rate, self._noise.uniform(x, shape, stream))
        return a.mul(a.cast(keep, "float32"), 1 / (1 - rate))


def interleaved(weight: Tensor, gates: int) -> Tensor:
    """A weight with the gates of a unit side by side, instead of the units of a gate.

    Whoever computes one gate of a unit needs the others too: like this, four gates are one texel.
    """
    *lead, width = weight.shape
    split = movement.reshape(weight, (*lead, gates, width // gates))
    turned = movement.transpose(split, (*range(len(lead)), len(lead) + 1, len(lead)))
    return movement.reshape(turned, weight.shape)


def gate(x: Tensor, number: int, size: int) -> Tensor:
    """One gate's part of the last axis."""
    begin = [0] * (x.rank - 1) + [number * size]
    return movement.slice(x, begin, [*x.shape[:-1], size])


class SimpleRNNCell(_GatedCell):
    """``h' = activation(x @ kernel + bias + h @ recurrent_kernel)``.

    >>> import weblayers as wl
    >>> cell = wl.layers.simple_rnn_cell(units=2)
    >>> output, states = cell.apply(wl.ones([1, 3]), [wl.zeros([1, 2])])
    >>> output.shape, len(states)
    ((1, 2), 1)
    """

    def step(self, projected: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        new = self.activation(a.add(projected, matrices.mat_mul(states[0], self.recurrent_kernel)))
        return new, [new]


class LSTMCell(_GatedCell):
    """Long short-term memory: gates for input, forgetting and output around a cell state.

    Hochreiter and Schmidhuber (1997). Gates in the order input, forget, cell, output.

    Args:
        recurrent_activation: of the gates.
        unit_forget_bias: whether the forget gate's bias begins with 1.
        The others are those of all cells.
    """

    gates = 4

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "hard_sigmoid",
        unit_forget_bias: bool = False,
        implementation: int | None = None,
        **shared: Any,
    ) -> None:
        super().__init__(units, activation, **shared)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias, self.implementation = bool(unit_forget_bias), implementation

    @property
    def state_size(self) -> Any:
        return [self.units, self.units]

    def add_bias(self, shape: Sequence[int], initializer: Any) -> Any:
        if not self.unit_forget_bias:
            return super().add_bias(shape, initializer)
        size = shape[0] // 4
        parts = [initializer((size,)), np.ones(size, np.float32), initializer((2 * size,))]
        return super().add_bias(shape, initializers.Values(np.concatenate(parts)))

    def project(self, inputs: Tensor) -> Tensor:
        out = self.weighed(inputs, interleaved(self.kernel, self.gates))
        return out if self.bias is None else a.add(out, interleaved(self.bias, self.gates))

    def weighed(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        return matrices.mat_mul(inputs, kernel)

    def step(self, projected: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        h, c = states
        z = a.add(projected, self.recurred(h, interleaved(self.recurrent_kernel, self.gates)))
        z = movement.reshape(z, (*c.shape, self.gates))
        enter, forget, fresh, leave = (slicing.get_item(z, (..., i)) for i in range(4))
        kept = a.mul(self.recurrent_activation(forget), c)
        memory = a.add(kept, a.mul(self.recurrent_activation(enter), self.activation(fresh)))
        new = a.mul(self.recurrent_activation(leave), self.activation(memory))
        return new, [new, memory]

    def recurred(self, h: Tensor, kernel: Tensor) -> Tensor:
        return matrices.mat_mul(h, kernel)


class GRUCell(_GatedCell):
    """Gated recurrent unit. Cho et al. (2014); gates in the order update, reset, new.

    Args:
        recurrent_activation: of the gates.
        reset_after: whether the reset gate comes after the product with the recurrent kernel (Keras' default; then the
            bias is ``[2, 3 * units]``), or before (TensorFlow.js' only way).
        The others are those of all cells.
    """

    gates = 3

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "hard_sigmoid",
        reset_after: bool = False,
        implementation: int | None = None,
        **shared: Any,
    ) -> None:
        super().__init__(units, activation, **shared)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.reset_after, self.implementation = bool(reset_after), implementation

    def bias_shape(self) -> tuple[int, ...]:
        width = self.gates * self.units
        return (2, width) if self.reset_after else (width,)

    def project(self, inputs: Tensor) -> Tensor:
        out = matrices.mat_mul(inputs, self.kernel)
        if self.bias is None:
            return out
        return a.add(out, slicing.get_item(self.bias, 0) if self.reset_after else self.bias)

    def step(self, projected: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        (h,) = states
        n = self.units
        if self.reset_after:
            inner = matrices.mat_mul(h, self.recurrent_kernel)
            if self.bias is not None:
                inner = a.add(inner, slicing.get_item(self.bias, 1))
        else:
            inner = matrices.mat_mul(h, movement.slice(self.recurrent_kernel, [0, 0], [n, 2 * n]))
        update, reset = (self.recurrent_activation(a.add(gate(projected, i, n), gate(inner, i, n))) for i in (0, 1))
        if self.reset_after:
            recurred = a.mul(reset, gate(inner, 2, n))
        else:
            recurred = matrices.mat_mul(a.mul(reset, h), movement.slice(self.recurrent_kernel, [0, 2 * n], [n, n]))
        fresh = self.activation(a.add(gate(projected, 2, n), recurred))
        new = a.add(a.mul(update, h), a.mul(a.sub(1.0, update), fresh))
        return new, [new]


class StackedRNNCells(Cell):
    """Cells on top of each other, as one cell.

    Args:
        cells: from the lowest.

    >>> import weblayers as wl
    >>> cells = [wl.layers.lstm_cell(units=2), wl.layers.lstm_cell(units=3)]
    >>> wl.layers.rnn(cell=wl.layers.stacked_rnn_cells(cells=cells)).apply(wl.ones([1, 4, 2])).shape
    (1, 3)
    """

    def __init__(self, cells: Sequence[Any], **base: Any) -> None:
        super().__init__(**base)
        self.cells = [serialization.deserialize(c) for c in cells]

    @property
    def state_size(self) -> Any:
        return [shape for cell in self.cells for shape in state_shapes(cell)]

    def build(self, input_shape: BatchShape) -> None:
        shape = input_shape
        for number, cell in enumerate(self.cells):
            with context.calling(False, f"RNNCell_{number}"):
                cell.ensure_built(shape)
            shape = (shape[0], *state_shapes(cell)[0])

    def call(self, inputs: Any, states: Any = None, training: bool = False) -> Any:
        rest = list(states)
        new: list[Tensor] = []
        for cell in self.cells:
            count = len(state_shapes(cell))
            mine, rest = rest[:count], rest[count:]
            inputs, changed = cell.apply(inputs, mine, training=training)
            new += changed if isinstance(changed, list | tuple) else [changed]
        return inputs, new


def known_config(config: dict[str, Any], cls: type) -> dict[str, Any]:
    """The entries of a configuration that a class takes."""
    names = naming.parameters(cls)
    return {k: v for k, v in config.items() if k in names}
