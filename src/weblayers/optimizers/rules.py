"""The update rules."""

from __future__ import annotations

from typing import Any

from ..graph import build as b
from ..graph.node import Node
from .base import Optimizer


class SGD(Optimizer):
    """Gradient descent: ``w -= learning_rate * g``; with ``momentum``, that of :class:`Momentum`.

    >>> SGD(0.1).learning_rate
    0.1
    """

    def __init__(self, learning_rate: float = 0.01, momentum: float = 0.0, nesterov: bool = False) -> None:
        super().__init__(learning_rate)
        self.momentum, self.nesterov = momentum, nesterov
        self.slots = ("momentum",) if momentum else ()

    def update(
        self, gradient: Node, weight: Node, slots: dict[str, Node], rate: Node, step: Node
    ) -> tuple[Node, dict[str, Node]]:
        if not self.momentum:
            return weight - rate * gradient, {}
        velocity = slots["momentum"] * self.momentum + gradient
        direction = velocity * self.momentum + gradient if self.nesterov else velocity
        return weight - rate * direction, {"momentum": velocity}

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}


class Momentum(SGD):
    """Gradient descent with momentum: ``v = momentum * v + g``, ``w -= learning_rate * v``.

    With ``nesterov``, ``w -= learning_rate * (g + momentum * v)`` for the new v.
    """

    def __init__(self, learning_rate: float = 0.01, momentum: float = 0.9, nesterov: bool = False) -> None:
        super().__init__(learning_rate, momentum, nesterov)


class Adam(Optimizer):
    """Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015), with the epsilon of TensorFlow.js:
    outside the square root, after the bias correction.
    """

    slots = ("m", "v")

    def __init__(
        self, learning_rate: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-7
    ) -> None:
        super().__init__(learning_rate)
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon

    def update(
        self, gradient: Node, weight: Node, slots: dict[str, Node], rate: Node, step: Node
    ) -> tuple[Node, dict[str, Node]]:
        m = slots["m"] * self.beta1 + gradient * (1 - self.beta1)
        v = slots["v"] * self.beta2 + gradient * gradient * (1 - self.beta2)
        # scalars of the step, computed on the host in double precision
        scale = rate / (1.0 - b.power(self.beta1, step))
        correction = 1.0 / (1.0 - b.power(self.beta2, step))
        return weight - scale * m / (b.unary("sqrt", v * correction) + self.epsilon), {"m": m, "v": v}

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta1": self.beta1, "beta2": self.beta2, "epsilon": self.epsilon}


# TensorFlow.js' spellings, `tf.train.sgd(0.1)`.
sgd, momentum, adam = SGD, Momentum, Adam
