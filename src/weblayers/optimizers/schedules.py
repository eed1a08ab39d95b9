"""Learning rates that follow the step: functions of a host scalar, so that nothing is traced again."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from .. import naming
from ..graph import build as b
from ..graph.evaluate import evaluate
from ..graph.node import Node

TABLE: dict[str, type[Schedule]] = {}


class Schedule(naming.Named, metaclass=naming.Configurable):
    """Base class. A subclass gives the learning rate for a step, a host scalar, built from nodes.

    >>> round(ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5).at(10), 6)
    0.05
    """

    def __init_subclass__(cls) -> None:
        TABLE[naming.class_snake(cls.__name__)] = cls
        TABLE[cls.__name__] = cls

    def __call__(self, step: Node) -> Node:
        """The learning rate at a step, counted from 0."""
        raise NotImplementedError(f"{type(self).__name__} does not say what the learning rate is")

    def at(self, step: int) -> float:
        """The learning rate at a step, as a number."""
        node = b.scalar_node()
        return float(evaluate([self(node)], {node: float(step)})[0])

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal schedule."""
        return {n: getattr(self, n) for n in naming.parameters(type(self)) if n in vars(self)}


class ExponentialDecay(Schedule):
    """``rate * decay_rate ** (step / decay_steps)``; with ``staircase`` in whole steps of it."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str | None = None,
    ) -> None:
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.decay_rate, self.staircase = decay_rate, staircase

    def __call__(self, step: Node) -> Node:
        power = step / float(self.decay_steps)
        power = b.unary("floor", power) if self.staircase else power
        return b.power(float(self.decay_rate), power) * float(self.initial_learning_rate)


class InverseTimeDecay(Schedule):
    """``rate / (1 + decay_rate * step / decay_steps)``; with ``staircase`` in whole steps of it."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str | None = None,
    ) -> None:
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.decay_rate, self.staircase = decay_rate, staircase

    def __call__(self, step: Node) -> Node:
        power = step / float(self.decay_steps)
        power = b.unary("floor", power) if self.staircase else power
        return float(self.initial_learning_rate) / (power * float(self.decay_rate) + 1.0)


class PolynomialDecay(Schedule):
    """``(rate - end) * (1 - step / decay_steps) ** power + end``; with ``cycle`` over and over in longer cycles.

    >>> round(PolynomialDecay(0.1, decay_steps=10, end_learning_rate=0.0).at(5), 6)
    0.05
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str | None = None,
    ) -> None:
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.end_learning_rate, self.power, self.cycle = end_learning_rate, power, cycle

    def __call__(self, step: Node) -> Node:
        steps: Any = float(self.decay_steps)
        if self.cycle:
            steps = b.maximum(b.unary("ceil", step / steps), 1.0) * steps
        else:
            step = b.minimum(step, steps)
        span = float(self.initial_learning_rate - self.end_learning_rate)
        return b.power(1.0 - step / steps, float(self.power)) * span + float(self.end_learning_rate)


class CosineDecay(Schedule):
    """Half a cosine from the rate down to ``alpha`` times it; perhaps a linear warm-up before.

    Args:
        warmup_target, warmup_steps: the rate that the warm-up reaches, and in how many steps.

    >>> rates = CosineDecay(0.0, decay_steps=10, warmup_target=0.1, warmup_steps=4)
    >>> [round(rates.at(step), 6) for step in (0, 2, 4, 9, 14)]
    [0.0, 0.05, 0.1, 0.05, 0.0]
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str | None = None,
        warmup_target: float | None = None,
        warmup_steps: float = 0,
    ) -> None:
        self.initial_learning_rate, self.decay_steps, self.alpha = initial_learning_rate, decay_steps, alpha
        self.warmup_target, self.warmup_steps = warmup_target, warmup_steps

    def __call__(self, step: Node) -> Node:
        begin = float(self.initial_learning_rate)
        if self.warmup_target is None:
            return self._decayed(step, begin)
        target, warm = float(self.warmup_target), float(self.warmup_steps)
        rising = step / warm * (target - begin) + begin if warm else step * 0.0 + target
        return b.where(b.compare("lt", step, warm), rising, self._decayed(b.maximum(step - warm, 0.0), target))

    def _decayed(self, step: Node, rate: float) -> Node:
        steps = float(self.decay_steps)
        cosine = (b.unary("cos", b.minimum(step, steps) * (math.pi / steps)) + 1.0) * 0.5
        return (cosine * (1 - self.alpha) + float(self.alpha)) * rate


class CosineDecayRestarts(Schedule):
    """Half cosines one after the other, each ``t_mul`` times as long and ``m_mul`` times as high as the one before.

    Loshchilov and Hutter (2017).

    >>> rates = CosineDecayRestarts(0.1, first_decay_steps=2, t_mul=3.0)
    >>> [round(rates.at(step), 6) for step in (0, 1, 2, 5)]
    [0.1, 0.05, 0.1, 0.05]
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str | None = None,
    ) -> None:
        self.initial_learning_rate, self.first_decay_steps = initial_learning_rate, first_decay_steps
        self.t_mul, self.m_mul, self.alpha = t_mul, m_mul, alpha

    def __call__(self, step: Node) -> Node:
        done = step / float(self.first_decay_steps)
        if self.t_mul == 1:
            restart = b.unary("floor", done)
            part = done - restart
        else:
            factor = float(self.t_mul)
            grown = 1.0 - done * (1 - factor)
            restart = b.unary("floor", b.unary("log", grown) / math.log(factor))
            # exactly at a restart the quotient of logarithms may be rounded down; powers of whole numbers are exact
            restart = b.where(b.compare("le", b.power(factor, restart + 1.0), grown), restart + 1.0, restart)
            length = b.power(factor, restart)
            part = (done - (1.0 - length) / (1 - factor)) / length
        height = b.power(float(self.m_mul), restart)
        cosine = height * (b.unary("cos", part * math.pi) + 1.0) * 0.5
        return (cosine * float(1 - self.alpha) + float(self.alpha)) * float(self.initial_learning_rate)


class PiecewiseConstantDecay(Schedule):
    """One of several values: the first up to the first boundary, and so on.

    >>> rates = PiecewiseConstantDecay([2, 4], [0.5, 0.25, 0.125])
    >>> [rates.at(step) for step in range(6)]
    [0.5, 0.5, 0.5, 0.25, 0.25, 0.125]
    """

    def __init__(self, boundaries: Sequence[float], values: Sequence[float], name: str | None = None) -> None:
        if len(values) != len(boundaries) + 1:
            raise ValueError(
                f"PiecewiseConstantDecay: {len(boundaries)} boundaries want one value more, got {len(values)}"
            )
        self.boundaries, self.values = list(boundaries), list(values)

    def __call__(self, step: Node) -> Node:
        rate = step * 0.0 + float(self.values[-1])
        for boundary, value in reversed(list(zip(self.boundaries, self.values, strict=False))):
            rate = b.where(b.compare("le", step, float(boundary)), float(value), rate)
        return rate


# As Keras calls it.
LearningRateSchedule = Schedule

# The same in the spelling of functions, `wl.optimizers.schedules.cosine_decay(...)`.
exponential_decay, inverse_time_decay, polynomial_decay = ExponentialDecay, InverseTimeDecay, PolynomialDecay
cosine_decay, cosine_decay_restarts, piecewise_constant_decay = CosineDecay, CosineDecayRestarts, PiecewiseConstantDecay


def get(value: Any) -> Any:
    """A schedule from ``{"class_name", "config"}``; numbers and schedules are themselves."""
    if isinstance(value, Mapping):
        name = str(value.get("class_name", value.get("className")))
        return naming.lookup("learning rate schedule", name, TABLE)(**value.get("config", {}))
    return value


__getattr__ = naming.module_getattr(__name__, globals())
