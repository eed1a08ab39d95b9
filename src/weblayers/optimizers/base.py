"""What optimizers share: the learning rate and step count as host scalars, and state beside each weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import naming
from ..graph.node import Node
from ..runtime.tensor import Tensor, Variable
from ..runtime.tracing import HostScalar, assign, current, symbolic

TABLE: dict[str, type[Optimizer]] = {}


class Optimizer(naming.Named, metaclass=naming.Configurable):
    """Base class. A subclass names its slots and says how a step changes a weight.

    Setting ``learning_rate`` takes effect with the next step, without tracing again.
    """

    slots: Sequence[str] = ()

    def __init__(self, learning_rate: float) -> None:
        if not learning_rate >= 0:
            raise ValueError(f"{type(self).__name__}: learning_rate must not be negative, got {learning_rate}")
        self._rate = HostScalar(float(learning_rate))
        self._iterations = HostScalar(0, 1)
        self._state: dict[Variable, dict[str, Variable]] = {}

    def __init_subclass__(cls) -> None:
        TABLE[naming.class_snake(cls.__name__)] = cls

    @property
    def learning_rate(self) -> float:
        return self._rate.value

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._rate.value = float(value)

    def set_learning_rate(self, value: float) -> None:
        """Set the learning rate, from the next step on."""
        self.learning_rate = value

    @property
    def iterations(self) -> int:
        """How many steps have been taken."""
        return int(self._iterations.value)

    def variables(self) -> list[Variable]:
        """The state, slot by slot."""
        return [slots[name] for name in self.slots for slots in self._state.values()]

    def apply_gradients(self, pairs: Sequence[tuple[Tensor, Variable]]) -> None:
        """Change each weight by its gradient. Call it in a traced function."""
        trace = current()
        if trace is None:
            raise RuntimeError("apply_gradients works inside a traced function")
        rate, step = trace.scalar(self._rate), trace.scalar(self._iterations) + 1.0
        for gradient, weight in pairs:
            slots = {name: trace.node_of(v) for name, v in self._slots_of(weight).items()}
            new, changed = self.update(trace.node_of(gradient), trace.node_of(weight), slots, rate, step)
            assign(weight, symbolic(new))
            for name, value in changed.items():
                assign(self._state[weight][name], symbolic(value))

    def _slots_of(self, weight: Variable) -> dict[str, Variable]:
        if weight not in self._state:
            zeros = np.zeros(weight.shape, np.float32)
            self._state[weight] = {n: Variable(zeros, f"{weight.name}/{n}", trainable=False) for n in self.slots}
        return self._state[weight]

    def update(
        self, gradient: Node, weight: Node, slots: dict[str, Node], rate: Node, step: Node
    ) -> tuple[Node, dict[str, Node]]:
        """The new weight and the new slots. ``step`` counts from 1; it and ``rate`` are host scalars."""
        raise NotImplementedError(f"{type(self).__name__} does not say how to update a weight")

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal optimizer."""
        return {"learning_rate": self.learning_rate}


def get(identifier: str | Optimizer) -> Optimizer:
    """An optimizer by name with its defaults, or itself."""
    if isinstance(identifier, Optimizer):
        return identifier
    if not isinstance(identifier, str):
        raise TypeError(f"optimizer must be a name or an Optimizer, got {type(identifier).__name__}")
    return naming.lookup("optimizer", identifier, TABLE)()
