"""Cells of recurrent networks as functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from . import arithmetic as a
from . import matrices, movement, rearranging
from .dispatch import public

Cell = Callable[[Any, Any, Any], Sequence[Any]]


@public
def basic_lstm_cell(forget_bias: Any, lstm_kernel: Any, lstm_bias: Any, data: Any, c: Any, h: Any) -> list[Any]:
    """One step of an LSTM: its new cell state and output. Hochreiter and Schmidhuber (1997).

    Args:
        forget_bias: added to the forget gate.
        lstm_kernel: ``[inputs + units, 4 * units]``; input gate, new values, forget gate, output gate.
        lstm_bias: ``[4 * units]``.
        data: ``[batch, inputs]``.
        c: the cell state, ``[batch, units]``.
        h: the output of the step before, ``[batch, units]``.

    >>> import weblayers as wl
    >>> state = wl.zeros([1, 2])
    >>> c, h = wl.basic_lstm_cell(1.0, wl.ones([5, 8]), wl.zeros([8]), wl.ones([1, 3]), state, state)
    >>> h.shape
    (1, 2)
    """
    gates = a.add(matrices.mat_mul(movement.concat([data, h], 1), lstm_kernel), lstm_bias)
    enter, new, forget, leave = rearranging.split(gates, 4, 1)
    kept = a.mul(c, a.sigmoid(a.add(forget, forget_bias)))
    cell = a.add(a.mul(a.sigmoid(enter), a.tanh(new)), kept)
    return [cell, a.mul(a.tanh(cell), a.sigmoid(leave))]


@public
def multi_rnn_cell(lstm_cells: Sequence[Cell], data: Any, c: Sequence[Any], h: Sequence[Any]) -> list[list[Any]]:
    """One step of cells on top of each other: their new states, and their outputs.

    ``lstm_cells`` are functions of data, a cell state and an output, such as partial :func:`basic_lstm_cell`.

    >>> import weblayers as wl
    >>> double = lambda data, c, h: [c + data, data * 2]
    >>> zeros = [wl.scalar(0.0)] * 2
    >>> states, outputs = wl.multi_rnn_cell([double, double], wl.scalar(1.0), zeros, zeros)
    >>> outputs[1].array_sync()
    4.0
    """
    states, outputs = [], []
    for cell, state, output in zip(lstm_cells, c, h, strict=True):
        new, data = cell(data, state, output)
        states.append(new)
        outputs.append(data)
    return [states, outputs]
