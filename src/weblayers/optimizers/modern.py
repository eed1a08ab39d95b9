"""The update rules that Keras has and TensorFlow.js has not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph import build as b
from ..graph.node import Node
from ..runtime.tensor import Variable
from .base import Optimizer, Slots
from .rules import Adam


class AdamW(Adam):
    """Adam with weight decay beside the gradient: ``w -= learning_rate * weight_decay * w`` first.

    Loshchilov and Hutter (2019).

    >>> AdamW().weight_decay
    0.004
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float | None = 1e-7,
        amsgrad: bool = False,
        epsilon_hat: bool = False,
        **shared: Any,
    ) -> None:
        super().__init__(
            learning_rate, beta1, beta2, epsilon, amsgrad, epsilon_hat, weight_decay=weight_decay, **shared
        )


class ScheduleFreeAdamW(Optimizer):
    """AdamW that needs no schedule: the weights are between the steps' and their mean. Defazio et al. (2024).

    Args:
        beta1: the mean's share of the weights.
        beta2: how much of the second moment stays in each step.
        warmup_steps: over how many steps the learning rate grows.

    >>> ScheduleFreeAdamW().learning_rate
    0.0025
    """

    slots = ("m", "v")

    def __init__(
        self,
        learning_rate: Any = 0.0025,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float | None = 1e-8,
        warmup_steps: int = 0,
        **shared: Any,
    ) -> None:
        super().__init__(learning_rate, **shared)
        self.beta1, self.beta2, self.epsilon = beta1, beta2, 1e-8 if epsilon is None else epsilon
        self.warmup_steps = warmup_steps

    def initial_slot(self, name: str, weight: Variable) -> np.ndarray:
        return weight.numpy().copy() if name == "m" else super().initial_slot(name, weight)

    def update(self, gradient: Node, weight: Node, slots: Slots, rate: Node, step: Node) -> tuple[Node, Slots]:
        if self.warmup_steps:
            rate = rate * b.minimum(step / float(self.warmup_steps), 1.0)
        v = slots["v"] * self.beta2 + gradient * gradient * (1 - self.beta2)
        spread = b.unary("sqrt", v / (1.0 - b.power(self.beta2, step))) + self.epsilon
        m = slots["m"] - rate * gradient / spread
        mean = (weight - slots["m"] * (1 - self.beta1)) * (1 / self.beta1)
        mean = mean + (m - mean) / step
        return m * (1 - self.beta1) + mean * self.beta1, {"m": m, "v": v}


class Nadam(Optimizer):
    """Adam with Nesterov's momentum, which grows with the step: ``beta1 * (1 - 0.96^t / 2)``. Dozat (2016).

    >>> Nadam().slots
    ('m', 'v', 'u_product')
    """

    slots = ("m", "v", "u_product")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float | None = 1e-7,
        **shared: Any,
    ) -> None:
        super().__init__(learning_rate, **shared)
        self.beta1, self.beta2, self.epsilon = beta1, beta2, 1e-7 if epsilon is None else epsilon

    def initial_slot(self, name: str, weight: Variable) -> np.ndarray:
        # the product of the momenta so far is one number, kept with each weight
        return np.ones((), np.float32) if name == "u_product" else super().initial_slot(name, weight)

    def update(self, gradient: Node, weight: Node, slots: Slots, rate: Node, step: Node) -> tuple[Node, Slots]:
        now = (1.0 - b.power(0.96, step) * 0.5) * self.beta1
        later = (1.0 - b.power(0.96, step + 1.0) * 0.5) * self.beta1
        product = slots["u_product"] * now
        m = slots["m"] * self.beta1 + gradient * (1 - self.beta1)
        v = slots["v"] * self.beta2 + gradient * gradient * (1 - self.beta2)
        ahead = m * (later / (1.0 - product * later)) + gradient * ((1.0 - now) / (1.0 - product))
        spread = v / (1.0 - b.power(self.beta2, step))
        moved = weight - rate * ahead / (b.unary("sqrt", spread) + self.epsilon)
        return moved, {"m": m, "v": v, "u_product": product}


class Lion(Optimizer):
    """Moves every weight equally far: ``w -= learning_rate * sign(beta1 * m + (1 - beta1) * g)``. Chen et al. (2023).

    >>> Lion().beta2
    0.99
    """

    slots = ("m",)

    def __init__(self, learning_rate: Any = 0.001, beta1: float = 0.9, beta2: float = 0.99, **shared: Any) -> None:
        super().__init__(learning_rate, **shared)
        self.beta1, self.beta2 = beta1, beta2

    def update(self, gradient: Node, weight: Node, slots: Slots, rate: Node, step: Node) -> tuple[Node, Slots]:
        direction = b.unary("sign", slots["m"] * self.beta1 + gradient * (1 - self.beta1))
        m = slots["m"] * self.beta2 + gradient * (1 - self.beta2)
        return weight - rate * direction, {"m": m}


class Lamb(Optimizer):
    """Adam with a step for each weight as long as the weight: ``w -= learning_rate * |w| / |s| * s``.

    s is Adam's step. You et al. (2020).

    >>> Lamb().beta1
    0.9
    """

    slots = ("m", "v")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float | None = 1e-7,
        **shared: Any,
    ) -> None:
        super().__init__(learning_rate, **shared)
        self.beta1, self.beta2, self.epsilon = beta1, beta2, 1e-7 if epsilon is None else epsilon

    def update(self, gradient: Node, weight: Node, slots: Slots, rate: Node, step: Node) -> tuple[Node, Slots]:
        m = slots["m"] * self.beta1 + gradient * (1 - self.beta1)
        v = slots["v"] * self.beta2 + gradient * gradient * (1 - self.beta2)
        first = m / (1.0 - b.power(self.beta1, step))
        second = v / (1.0 - b.power(self.beta2, step))
        move = first / (b.unary("sqrt", second) + self.epsilon)
        size, length = (b.unary("sqrt", b.reduce("sum", x * x)) for x in (weight, move))
        both = b.bind("and", b.compare("lt", 0.0, size), b.compare("lt", 0.0, length))
        trust = b.where(both, size / b.maximum(length, 1e-30), 1.0)
        return weight - move * (trust * rate), {"m": m, "v": v}


class Ftrl(Optimizer):
    """Follow the regularized leader: sparse weights. McMahan et al. (2013).

    Args:
        learning_rate_power: at most 0.
        initial_accumulator_value: of the squared gradients.
        l1_regularization_strength, l2_regularization_strength, l2_shrinkage_regularization_strength: penalties.
        beta: added to the root of the accumulator.
    """

    slots = ("accumulator", "linear")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **shared: Any,
    ) -> None:
        super().__init__(learning_rate, **shared)
        if learning_rate_power > 0:
            raise ValueError(f"Ftrl: learning_rate_power must not be positive, got {learning_rate_power}")
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta

    def initial_slot(self, name: str, weight: Variable) -> np.ndarray:
        start = self.initial_accumulator_value if name == "accumulator" else 0.0
        return np.full(weight.shape, start, np.float32)

    def update(self, gradient: Node, weight: Node, slots: Slots, rate: Node, step: Node) -> tuple[Node, Slots]:
        power = -self.learning_rate_power
        l2 = b.constant(float(self.l2_regularization_strength)) + float(self.beta) / (rate * 2.0)
        shrunk = gradient + weight * (2.0 * self.l2_shrinkage_regularization_strength)
        total = slots["accumulator"] + gradient * gradient
        grown, before = (b.power(x, power) for x in (total, slots["accumulator"]))
        linear = slots["linear"] + shrunk - (grown - before) / rate * weight
        slope = grown / rate + l2 * 2.0
        l1 = float(self.l1_regularization_strength)
        limited = b.minimum(b.maximum(linear, -l1), l1)
        return (limited - linear) / slope, {"accumulator": total, "linear": linear}


class Adafactor(Optimizer):
    """Adam whose second moments of a matrix are kept as row and column means. Shazeer and Stern (2018).

    Args:
        beta2_decay: how fast the moments' memory grows.
        epsilon1, epsilon2: keep squares, and steps relative to the weights, from vanishing.
        clip_threshold: the largest root mean square of an update.
        relative_step: whether the learning rate is at most ``1 / sqrt(step)``.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta2_decay: float = -0.8,
        epsilon1: float = 1e-30,
        epsilon2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        **shared: Any,
    ) -> None:
        super().__init__(learning_rate, **shared)
        self.beta2_decay, self.epsilon1, self.epsilon2 = beta2_decay, epsilon1, epsilon2
        self.clip_threshold, self.relative_step = clip_threshold, relative_step

    def slots_for(self, weight: Variable) -> Sequence[str]:
        return ("r", "c") if weight.rank >= 2 else ("v",)

    def initial_slot(self, name: str, weight: Variable) -> np.ndarray:
        shapes = {"r": weight.shape[:-1], "c": (*weight.shape[:-2], *weight.shape[-1:]), "v": weight.shape}
        return np.zeros(shapes[name], np.float32)

    def update(self, gradient: Node, weight: Node, slots: Slots, rate: Node, step: Node) -> tuple[Node, Slots]:
        beta = 1.0 - b.power(step, float(self.beta2_decay))
        # the square of 1e-30 is added to a square: in float32 only a tiny number survives
        squares = gradient * gradient + max(self.epsilon1, 1e-30)
        if "v" in slots:
            spread = slots["v"] * beta + squares * (1.0 - beta)
            changed = {"v": spread}
        else:
            rows = slots["r"] * beta + _mean(squares, -1) * (1.0 - beta)
            columns = slots["c"] * beta + _mean(squares, -2) * (1.0 - beta)
            changed = {"r": rows, "c": columns}
            scale = rows / _mean(rows, -1, keep=True)
            spread = b.reshape(scale, (*scale.shape, 1)) * b.reshape(
                columns, (*columns.shape[:-1], 1, columns.shape[-1])
            )
        move = gradient * b.unary("rsqrt", spread)
        move = move / b.maximum(_rms(move) / float(self.clip_threshold), 1.0)
        if self.relative_step:
            rate = b.minimum(rate, b.unary("rsqrt", step))
        return weight - move * (b.maximum(_rms(weight), float(self.epsilon2)) * rate), changed


def _mean(x: Node, axis: int, keep: bool = False) -> Node:
    return b.reduce("sum", x, axis, keep) / float(x.shape[axis])


def _rms(x: Node) -> Node:
    return b.unary("sqrt", b.reduce("sum", x * x) / float(max(1, x.aval.size)))


class Muon(Optimizer):
    """Moves matrices by their momentum made orthogonal: every direction equally far. Jordan et al. (2024), with the
    choices of Liu et al. (2025). Other weights than matrices, embeddings and excluded ones are moved by AdamW.

    Args:
        adam_beta1, adam_beta2, epsilon: of AdamW.
        exclude_layers: patterns of names of weights to be moved by AdamW, such as that of the last layer.
        exclude_embeddings: whether those are moved by AdamW.
        muon_a, muon_b, muon_c: coefficients of the iteration that makes matrices orthogonal.
        adam_lr_ratio, adam_weight_decay: AdamW's share of the learning rate, and its decay.
        rms_rate: how far a step moves the entries of a matrix, as a share of the learning rate; None for the step of
            Jordan et al.
        momentum, nesterov: of matrices.
        ns_steps: how many iterations.

    >>> Muon().momentum
    0.95
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        adam_beta1: float = 0.9,
        adam_beta2: float = 0.999,
        epsilon: float | None = 1e-7,
        weight_decay: float | None = 0.004,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.775,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1.0,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        adam_weight_decay: float | None = 0.004,
        rms_rate: float | None = 0.2,
        **shared: Any,
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, **shared)
        self.adam_beta1, self.adam_beta2 = adam_beta1, adam_beta2
        self.epsilon = 1e-7 if epsilon is None else epsilon
        self.exclude_layers, self.exclude_embeddings = list(exclude_layers or ()), exclude_embeddings
        self.muon_a, self.muon_b, self.muon_c = muon_a, muon_b, muon_c
        self.adam_lr_ratio, self.momentum, self.ns_steps, self.nesterov = adam_lr_ratio, momentum, ns_steps, nesterov
        self.adam_weight_decay, self.rms_rate = adam_weight_decay, rms_rate

    def _by_adam(self, weight: Variable) -> bool:
        excluded = self.exclude_embeddings and "embedding" in weight.name.lower()
        excluded = excluded or any(re.search(pattern, weight.name) for pattern in self.exclude_layers)
        return excluded or len(weight.shape) != 2

    def slots_for(self, weight: Variable) -> Sequence[str]:
        return ("m", "v") if self._by_adam(weight) else ("m",)

    def decay_of(self, weight: Variable) -> float | None:
        decay = super().decay_of(weight)
        return self.adam_weight_decay if decay is not None and self._by_adam(weight) else decay

    def update(self, gradient: Node, weight: Node, slots: Slots, rate: Node, step: Node) -> tuple[Node, Slots]:
        if "v" in slots:
            m = slots["m"] * self.adam_beta1 + gradient * (1 - self.adam_beta1)
            v = slots["v"] * self.adam_beta2 + gradient * gradient * (1 - self.adam_beta2)
            unbiased = b.unary("sqrt", 1.0 - b.power(self.adam_beta2, step)) / (1.0 - b.power(self.adam_beta1, step))
            moved = m / (b.unary("sqrt", v) + self.epsilon)
            return weight - moved * (rate * self.adam_lr_ratio * unbiased), {"m": m, "v": v}
        m = slots["m"] * self.momentum + gradient
        direction = self._orthogonal(gradient + m * self.momentum if self.nesterov else m)
        rows, columns = weight.shape
        squared = max(1.0, rows / columns) if self.rms_rate is None else self.rms_rate**2 * max(rows, columns)
        return weight - direction * (rate * squared**0.5), {"m": m}

    def _orthogonal(self, x: Node) -> Node:
        """Nearly the orthogonal matrix next to it: Newton and Schulz's iteration with a polynomial of degree 5."""
        high = x.shape[0] > x.shape[1]
        x = b.transpose(x) if high else x
        x = x / (b.unary("sqrt", b.reduce("sum", x * x)) + 1e-7)
        for _ in range(self.ns_steps):
            product = b.dot(x, x, tb=True)
            x = x * self.muon_a + b.dot(product * self.muon_b + b.dot(product, product) * self.muon_c, x)
        return b.transpose(x) if high else x
