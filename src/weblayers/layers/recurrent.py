"""Recurrent layers: a cell, step by step over a sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from .. import naming, tree
from ..ops import arithmetic as a
from ..ops import control, movement, slicing
from ..runtime import tracing
from ..runtime.tensor import Tensor, Variable
from . import serialization
from .base import Layer
from .cells import Cell, GRUCell, LSTMCell, SimpleRNNCell, StackedRNNCells, noisy, state_shapes


class RNN(Layer):
    """Runs a cell over the steps of ``[batch, steps, ...]``.

    Args:
        cell: a cell, or a list of cells that are stacked.
        return_sequences: whether to give the outputs of all steps instead of the last.
        return_state: whether to give the last states too: ``[output, *states]``.
        go_backwards: whether to begin with the last step; the outputs come in that order.
        stateful: whether each batch goes on with the states that the one before has left.
        unroll: for compatibility; the compiler decides.
        zero_output_for_mask: whether masked steps give zeros instead of the output before them.

    ``apply`` takes ``initial_state``, a list of tensors; ``[inputs, *states]`` works too.
    A masked step changes nothing.

    >>> import weblayers as wl
    >>> layer = wl.layers.rnn(cell=wl.layers.simple_rnn_cell(units=3), return_sequences=True)
    >>> layer.apply(wl.ones([2, 5, 4])).shape
    (2, 5, 3)
    """

    supports_masking = True

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        input_dim: int | None = None,
        input_length: int | None = None,
        **base: Any,
    ) -> None:
        if input_dim is not None and not {"batch_input_shape", "input_shape", "batch_shape"} & base.keys():
            base["batch_input_shape"] = [base.get("batch_size"), input_length, input_dim]
        super().__init__(**base)
        if isinstance(cell, list | tuple):
            cell = StackedRNNCells(cells=cell)
        self.cell: Any = serialization.deserialize(cell)
        if not hasattr(self.cell, "state_size"):
            raise ValueError(f"{self.name}: the cell needs an attribute state_size: the size of its states")
        self.return_sequences, self.return_state = bool(return_sequences), bool(return_state)
        self.go_backwards, self.stateful, self.unroll = bool(go_backwards), bool(stateful), bool(unroll)
        self.zero_output_for_mask = bool(zero_output_for_mask)
        self._states: list[Variable] = []

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A layer from what :meth:`get_config` gave; TensorFlow.js repeats the cell's configuration beside the cell."""
        cell = config.get("cell")
        repeated = cell.get("config", {}) if isinstance(cell, Mapping) else {}
        mine = {"name", "trainable", "dtype", "cell"}
        return cls(**{k: v for k, v in config.items() if k in mine or k not in repeated})

    def build(self, input_shape: Any) -> None:
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        self.cell.ensure_built((shape[0], *shape[2:]))

    def output_specs(self, inputs: Any, kwargs: dict[str, Any]) -> Any:
        first = inputs[0] if isinstance(inputs, list | tuple) else inputs
        if self.stateful and first.shape[0] is None:
            raise ValueError(
                f"If a RNN is stateful, it needs to know its batch size: give layer {self.name!r} or the model's input"
                " a batch_input_shape with all sizes."
            )
        return super().output_specs(inputs, kwargs)

    # -- states -------------------------------------------------------------------------------------------------------

    @property
    def states(self) -> list[Variable]:
        """What a stateful layer has kept from the batch before."""
        return list(self._states)

    def reset_states(self, states: Sequence[Any] | None = None) -> None:
        """Begin the next batch with zeros, or with the given states."""
        if not self.stateful:
            raise RuntimeError(f"layer {self.name!r} is not stateful: it has no states to reset")
        for i, variable in enumerate(self._states):
            variable.assign(np.zeros(variable.shape, np.float32) if states is None else states[i])

    reset_state = reset_states

    def _kept_states(self, batch: int, shapes: Sequence[tuple[int, ...]]) -> list[Variable]:
        if not self._states:
            self._states = [
                Variable(np.zeros((batch, *shape), np.float32), f"{self.name}/state_{i}", trainable=False)
                for i, shape in enumerate(shapes)
            ]
        if self._states[0].shape[0] != batch:
            raise ValueError(
                f"layer {self.name!r} is stateful and was used with batches of {self._states[0].shape[0]} samples;"
                f" it cannot take one of {batch}. Use a batch size that divides the number of samples, or new states."
            )
        return self._states

    def _first_states(self, x: Tensor, initial_state: Any) -> list[Tensor]:
        shapes = self.state_shapes(x)
        if initial_state is not None:
            # those of stacked cells may be in a list for each cell
            given = tree.leaves(initial_state)
            if len(given) != len(shapes):
                raise ValueError(f"layer {self.name!r} has {len(shapes)} states, got {len(given)} initial ones")
            return given
        if self.stateful:
            return list(self._kept_states(x.shape[0], shapes))
        return self._made_states(x.shape[0], shapes)

    def _made_states(self, batch: int, shapes: Sequence[tuple[int, ...]]) -> list[Tensor]:
        """What a sequence begins with: zeros, or what a cell of one's own makes in ``get_initial_state``."""
        rest = iter(shapes)
        states: list[Tensor] = []
        for cell in self.cell.cells if isinstance(self.cell, StackedRNNCells) else [self.cell]:
            zeros = [tracing.zeros((batch, *next(rest))) for _ in state_shapes(cell)]
            makes = hasattr(type(cell), "get_initial_state")
            states += tree.leaves(cell.get_initial_state(batch_size=batch)) if makes else zeros
        return states

    def state_shapes(self, x: Tensor) -> list[tuple[int, ...]]:
        """The shapes of the states for a sequence, without the batch axis."""
        return state_shapes(self.cell)

    # -- steps --------------------------------------------------------------------------------------------------------

    def call(self, inputs: Any, initial_state: Any = None, training: bool = False, mask: Tensor | None = None) -> Any:
        if isinstance(inputs, list | tuple):
            inputs, initial_state = inputs[0], list(inputs[1:]) or initial_state
        mask = mask[0] if isinstance(mask, list | tuple) else mask
        if inputs.rank < 3:
            raise ValueError(
                f"Input 0 is incompatible with layer {self.name}: expected ndim=3, found ndim={inputs.rank}"
                f" (shape {list(inputs.shape)})."
            )
        if not inputs.shape[1]:
            raise ValueError(f"layer {self.name!r} has no steps to run over: its input has shape {list(inputs.shape)}")
        states = self._first_states(inputs, initial_state)
        outputs, last, states = self._run(inputs, states, mask, training)
        if self.stateful:
            kept = self._kept_states(inputs.shape[0], self.state_shapes(inputs))
            for variable, value in zip(kept, states, strict=True):
                tracing.assign(variable, value)
        result = outputs if self.return_sequences else last
        return [result, *self._per_cell(states)] if self.return_state else result

    def _per_cell(self, states: list[Any]) -> list[Any]:
        """States as they are given back: of stacked cells, a list for each."""
        if not isinstance(self.cell, StackedRNNCells):
            return states
        rest = iter(states)
        return [[next(rest) for _ in state_shapes(cell)] for cell in self.cell.cells]

    def _run(
        self, x: Tensor, states: list[Tensor], mask: Tensor | None, training: bool
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """The outputs of all steps ``[batch, steps, ...]`` in the order in which they are made, the last, and the last
        states."""
        noise = self.cell.state_noise(x.shape[0], x) if training and isinstance(self.cell, Cell) else None
        masked = mask is not None

        def step(states: list[Tensor], slices: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
            output, new = self._step(slices[0], states, noise, training)
            if masked:
                output = _chosen(slices[1], output, self._before(output, states))
                new = [_chosen(slices[1], n, s) for n, s in zip(new, states, strict=True)]
            return new, [output]

        sequences = [self._parts(x, training)] + ([] if mask is None else [_steps_first(mask)])
        states, (outputs,), (last,) = control.scan(step, states, sequences, self.go_backwards)
        if self.go_backwards:
            outputs = movement.reverse(outputs, 0)
        return _steps_first(outputs), last, states

    def _before(self, output: Tensor, states: Sequence[Tensor]) -> Tensor:
        """What a masked step gives: the first state, of the last cell, is taken for the output before, as in Keras."""
        first = states[-len(state_shapes(self.cell.cells[-1]))] if isinstance(self.cell, StackedRNNCells) else states[0]
        fits = first.shape == output.shape
        return first if fits and not self.zero_output_for_mask else tracing.zeros(output.shape)

    def _parts(self, x: Tensor, training: bool) -> Tensor:
        """What the steps read, ``[steps, batch, ...]``: for built-in cells all input products at once."""
        cell, noise = self.cell, None
        projects = isinstance(cell, Cell) and type(cell).project is not Cell.project
        if projects and training:
            noise = cell.input_noise(x.shape[0], slicing.get_item(x, (slice(None), 0)))
        x = _steps_first(x)
        if not projects:
            return x
        x = x if noise is None else a.mul(x, noise)
        steps, batch = x.shape[:2]
        flat = cell.project(movement.reshape(x, (steps * batch, *x.shape[2:])))
        return movement.reshape(flat, (steps, batch, *flat.shape[1:]))

    def _step(
        self, part: Tensor, states: list[Tensor], noise: Tensor | None, training: bool
    ) -> tuple[Tensor, list[Tensor]]:
        cell = self.cell
        if isinstance(cell, Cell) and type(cell).project is not Cell.project:
            return cell.step(part, [noisy(states[0], noise), *states[1:]])
        output, new = cell.apply(part, states, training=training)
        return output, list(new) if isinstance(new, list | tuple) else [new]

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        mask = mask[0] if isinstance(mask, list | tuple) else mask
        first = mask if self.return_sequences else None
        return [first, *self._per_cell([None] * len(state_shapes(self.cell)))] if self.return_state else first


def _steps_first(x: Tensor) -> Tensor:
    """``[batch, steps, ...]`` as ``[steps, batch, ...]``, or back."""
    return movement.transpose(x, (1, 0, *range(2, x.rank)))


def _chosen(mask: Tensor, new: Tensor, old: Tensor) -> Tensor:
    """New where the step counts, else old."""
    return a.where(movement.reshape(mask, (mask.shape[0], *(1,) * (new.rank - 1))), new, old)


class _CellLayer(RNN):
    """A recurrent layer that makes its own cell; it takes the cell's arguments too."""

    cell_class: type[Cell]
    takes_arguments_of: type[Cell] | None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        # see naming.parameters
        cls.takes_arguments_of = getattr(cls, "cell_class", None)

    def __init__(self, *first: Any, **given: Any) -> None:
        cell, own = self._divided(given)
        super().__init__(self.cell_class(*first, **cell), **own)

    @classmethod
    def _divided(cls, given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The cell's arguments, and the others."""
        own = naming.parameters(cls.cell_class).keys() - naming.parameters(Layer).keys()
        return {k: v for k, v in given.items() if k in own}, {k: v for k, v in given.items() if k not in own}

    def get_config(self) -> dict[str, Any]:
        mine = super().get_config()
        del mine["cell"]
        inner = self.cell.get_config()
        return {**{k: v for k, v in inner.items() if k not in ("name", "trainable", "dtype")}, **mine}

    def __getattr__(self, name: str) -> Any:
        # the cell's weights and arguments are the layer's
        if not name.startswith("_") and name != "cell" and "cell" in self.__dict__ and hasattr(self.cell, name):
            return getattr(self.cell, name)
        return super().__getattr__(name)


class SimpleRNN(_CellLayer):
    """A recurrent layer of :class:`SimpleRNNCell`.

    >>> import weblayers as wl
    >>> wl.layers.simple_rnn(units=3).apply(wl.ones([2, 5, 4])).shape
    (2, 3)
    """

    cell_class = SimpleRNNCell


class LSTM(_CellLayer):
    """A recurrent layer of :class:`LSTMCell`.

    >>> import weblayers as wl
    >>> wl.layers.lstm(units=3, return_sequences=True).apply(wl.ones([2, 5, 4])).shape
    (2, 5, 3)
    """

    cell_class = LSTMCell


class GRU(_CellLayer):
    """A recurrent layer of :class:`GRUCell`.

    >>> import weblayers as wl
    >>> wl.layers.gru(units=3).apply(wl.ones([2, 5, 4])).shape
    (2, 3)
    """

    cell_class = GRUCell
