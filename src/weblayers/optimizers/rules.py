"""The update rules of TensorFlow.js."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph import build as b
from ..graph.node import Node
from ..runtime.tensor import Variable
from .base import Optimizer, Slots


class SGD(Optimizer):
    """Gradient descent: ``w -= learning_rate * g``.

    With ``momentum``, Keras' ``v = momentum * v - learning_rate * g``, ``w += v``; with ``nesterov`` a step ahead.

    >>> SGD(0.1).learning_rate
    0.1
    """

    def __init__(self, learning_rate: Any = 0.01, momentum: float = 0.0, nesterov: bool = False, **shared: Any) -> None:
        super().__init__(learning_rate, **shared)
        self.momentum, self.nesterov = momentum, nesterov
        self.slots = ("momentum",) if momentum else ()

    def update(self, gradient: Node, weight: Node, slots: Slots, rate: Node, step: Node) -> tuple[Node, Slots]:
        if not self.momentum:
            return weight - rate * gradient, {}
        velocity = slots["momentum"] * self.momentum - rate * gradient
        move = velocity * self.momentum - rate * gradient if self.nesterov else velocity
        return weight + move, {"momentum": velocity}


class Momentum(Optimizer):
    """Gradient descent with TensorFlow.js' momentum: ``v = momentum * v + g``, ``w -= learning_rate * v``.

    With ``use_nesterov``, ``w -= learning_rate * (g + momentum * v)`` for the new v. It differs from :class:`SGD` where
    the learning rate changes.

    >>> Momentum(0.01, 0.9, True).use_nesterov
    True
    """

    slots = ("momentum",)

    def __init__(
        self, learning_rate: Any = 0.01, momentum: float = 0.9, use_nesterov: bool = False, **shared: Any
    ) -> None:
        super().__init__(learning_rate, **shared)
        self.momentum, self.use_nesterov = momentum, use_nesterov

    def update(self, gradient: Node, weight: Node, slots: Slots, rate: Node, step: Node) -> tuple[Node, Slots]:
        velocity = slots["momentum"] * self.momentum + gradient
        direction = velocity * self.momentum + gradient if self.use_nesterov else velocity
        return weight - rate * direction, {"momentum": velocity}


def _root(x: Node) -> Node:
    return b.unary("sqrt", x)


class Adam(Optimizer):
    """``w -= learning_rate * m' / (sqrt(v') + epsilon)``; ``m' = m / (1 - beta1^t)`` and ``v' = v / (1 - beta2^t)``.

    Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015), with the epsilon of TensorFlow.js: outside the
    square root, after the bias correction.

    Args:
        beta1, beta2: how much of the moments stays in each step.
        epsilon: keeps divisions finite.
        amsgrad: whether to divide by the largest second moment so far. Reddi et al. (2018).
        epsilon_hat: whether epsilon is added before the correction of the second moment, ``sqrt(v) + epsilon``: the
            paper's "epsilon hat", as in Keras, and in optimizers of Keras' files.

    >>> Adam(0.001, 0.9, 0.999, 1e-7).beta2
    0.999
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float | None = 1e-7,
        amsgrad: bool = False,
        epsilon_hat: bool = False,
        **shared: Any,
    ) -> None:
        super().__init__(learning_rate, **shared)
        self.beta1, self.beta2, self.epsilon = beta1, beta2, 1e-7 if epsilon is None else epsilon
        self.amsgrad, self.epsilon_hat = amsgrad, epsilon_hat
        self.slots = ("m", "v", "vhat") if amsgrad else ("m", "v")

    def update(self, gradient: Node, weight: Node, slots: Slots, rate: Node, step: Node) -> tuple[Node, Slots]:
        m = slots["m"] * self.beta1 + gradient * (1 - self.beta1)
        v = slots["v"] * self.beta2 + gradient * gradient * (1 - self.beta2)
        changed = {"m": m, "v": v}
        if self.amsgrad:
            v = changed["vhat"] = b.maximum(slots["vhat"], v)
        # scalars of the step, computed on the host in double precision
        scale = rate / (1.0 - b.power(self.beta1, step))
        correction = 1.0 - b.power(self.beta2, step)
        if self.epsilon_hat:
            return weight - scale * _root(correction) * m / (_root(v) + self.epsilon), changed
        return weight - scale * m / (_root(v * (1.0 / correction)) + self.epsilon), changed


class Adamax(Optimizer):
    """Adam by the largest gradient: ``v = max(beta2 * v, |g|)``, ``w -= learning_rate * m' / (v + epsilon)``.

    Kingma and Ba (2015), section 7.

    Args:
        decay: divides the learning rate by ``1 + decay * (t - 1)``.

    >>> Adamax().learning_rate
    0.002
    """

    slots = ("m", "v")

    def __init__(
        self,
        learning_rate: Any = 0.002,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float | None = 1e-7,
        decay: float = 0.0,
        **shared: Any,
    ) -> None:
        super().__init__(learning_rate, **shared)
        self.beta1, self.beta2, self.epsilon = beta1, beta2, 1e-7 if epsilon is None else epsilon
        self.decay = decay

    def update(self, gradient: Node, weight: Node, slots: Slots, rate: Node, step: Node) -> tuple[Node, Slots]:
        m = slots["m"] * self.beta1 + gradient * (1 - self.beta1)
        v = b.maximum(slots["v"] * self.beta2, b.unary("abs", gradient))
        scale = rate / (1.0 + (step - 1.0) * self.decay) / (1.0 - b.power(self.beta1, step))
        return weight - scale * m / (v + self.epsilon), {"m": m, "v": v}


class RMSprop(Optimizer):
    """Divides by a running mean: ``r = decay * r + (1 - decay) * g^2``, ``w -= learning_rate * g / sqrt(r + epsilon)``.

    Hinton, "Neural Networks for Machine Learning", lecture 6e (2012).

    Args:
        decay (or rho): how much of the mean stays in each step.
        momentum: of the update.
        epsilon: inside the square root.
        centered: whether to subtract the square of the mean gradient; never below zero, so never NaN.

    >>> RMSprop(rho=0.5).decay
    0.5
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        decay: float = 0.9,
        momentum: float = 0.0,
        epsilon: float | None = 1e-7,
        centered: bool = False,
        rho: float | None = None,
        **shared: Any,
    ) -> None:
        super().__init__(learning_rate, **shared)
        self.decay = decay if rho is None else rho
        self.momentum, self.centered = momentum, centered
        self.epsilon = 1e-7 if epsilon is None else epsilon
        self.slots = ("rms", *(("momentum",) if momentum else ()), *(("mg",) if centered else ()))

    def update(self, gradient: Node, weight: Node, slots: Slots, rate: Node, step: Node) -> tuple[Node, Slots]:
        rms = slots["rms"] * self.decay + gradient * gradient * (1 - self.decay)
        changed = {"rms": rms}
        spread = rms
        if self.centered:
            mean = changed["mg"] = slots["mg"] * self.decay + gradient * (1 - self.decay)
            spread = b.maximum(rms - mean * mean, 0.0)
        move = rate * gradient / _root(spread + self.epsilon)
        if self.momentum:
            move = changed["momentum"] = slots["momentum"] * self.momentum + move
        return weight - move, changed


class Adagrad(Optimizer):
    """Divides by all gradients so far: ``a += g^2``, ``w -= learning_rate * g / sqrt(a + epsilon)``.

    Duchi et al. (2011).

    >>> Adagrad(0.1, 0.5).initial_accumulator_value
    0.5
    """

    slots = ("accumulator",)

    def __init__(
        self,
        learning_rate: Any = 0.01,
        initial_accumulator_value: float = 0.1,
        epsilon: float | None = 1e-7,
        **shared: Any,
    ) -> None:
        super().__init__(learning_rate, **shared)
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = 1e-7 if epsilon is None else epsilon

    def initial_slot(self, name: str, weight: Variable) -> np.ndarray:
        return np.full(weight.shape, self.initial_accumulator_value, np.float32)

    def update(self, gradient: Node, weight: Node, slots: Slots, rate: Node, step: Node) -> tuple[Node, Slots]:
        total = slots["accumulator"] + gradient * gradient
        return weight - rate * gradient / _root(total + self.epsilon), {"accumulator": total}


class Adadelta(Optimizer):
    """Scales gradients by earlier updates: ``w -= learning_rate * sqrt(u + epsilon) / sqrt(a + epsilon) * g``.

    u and a are running means of the squared updates and gradients, a with this gradient. Zeiler (2012).

    >>> Adadelta().learning_rate
    0.001
    """

    slots = ("accum_grad", "accum_var")

    def __init__(
        self, learning_rate: Any = 0.001, rho: float = 0.95, epsilon: float | None = 1e-7, **shared: Any
    ) -> None:
        super().__init__(learning_rate, **shared)
        self.rho, self.epsilon = rho, 1e-7 if epsilon is None else epsilon

    def update(self, gradient: Node, weight: Node, slots: Slots, rate: Node, step: Node) -> tuple[Node, Slots]:
        squares = slots["accum_grad"] * self.rho + gradient * gradient * (1 - self.rho)
        move = _root(slots["accum_var"] + self.epsilon) / _root(squares + self.epsilon) * gradient
        moves = slots["accum_var"] * self.rho + move * move * (1 - self.rho)
        return weight - rate * move, {"accum_grad": squares, "accum_var": moves}
