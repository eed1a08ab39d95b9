"""Optimizers that are made of others: one for losses that overflow, and several for several parts of a model."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..graph import build as b
from ..graph.node import Node
from ..ops import arithmetic, mathematics, reduction
from ..runtime.tensor import Tensor, Variable
from ..runtime.tracing import HostScalar, Trace, assign, symbolic
from .base import Optimizer, get


class _Composed(Optimizer):
    """What optimizers share that are made of others: those make the steps, and have the state."""

    def __init__(self, name: str | None) -> None:
        super().__init__(None, name=name)

    @property
    def optimizers(self) -> list[Optimizer]:
        """Those that make the steps."""
        raise NotImplementedError

    def optimizer_of(self, weight: Variable) -> Optimizer:
        """The one that changes a weight."""
        raise NotImplementedError

    @property
    def host_scalars(self) -> list[HostScalar]:
        return [scalar for one in self.optimizers for scalar in one.host_scalars]

    @property
    def steps(self) -> int:
        return max((one.steps for one in self.optimizers), default=0)

    @property
    def iterations(self) -> int:
        return max((one.iterations for one in self.optimizers), default=0)

    def variables(self) -> list[Variable]:
        return [variable for one in self.optimizers for variable in one.variables()]

    def slots_of(self, weight: Variable) -> dict[str, Variable]:
        return self.optimizer_of(weight).slots_of(weight)

    def restore(self, weights: Sequence[Variable], steps: int, values: Sequence[np.ndarray]) -> None:
        super().restore(weights, steps, values)
        for one in self.optimizers:
            one.restore([], steps, [])

    def finalize(self) -> None:
        for one in self.optimizers:
            one.finalize()


class LossScaleOptimizer(_Composed):
    """An optimizer whose loss is made larger before it is differentiated, so that gradients do not vanish: by as much
    as goes. A step whose gradients are infinite or NaN is not made, and halves the scale.

    Args:
        inner_optimizer: makes the steps, by name, configuration or itself.
        initial_scale: what the loss is multiplied by at first.
        dynamic_growth_steps: after so many steps without such gradients the scale doubles.

    >>> LossScaleOptimizer("sgd").learning_rate
    0.01
    """

    def __init__(
        self,
        inner_optimizer: Any,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
    ) -> None:
        self.inner_optimizer = get(inner_optimizer)
        super().__init__(name)
        self.inner_optimizer.loss_scale_factor = None
        self.initial_scale, self.dynamic_growth_steps = float(initial_scale), int(dynamic_growth_steps)
        self.dynamic_scale, self.step_counter, self.skipped = (
            Variable(np.array(value, np.float32), f"{self.name}/{slot}", trainable=False)
            for slot, value in (("dynamic_scale", initial_scale), ("step_counter", 0), ("skipped", 0))
        )

    @property
    def learning_rate(self) -> Any:
        """That of the inner optimizer."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if value is not None:
            self.inner_optimizer.learning_rate = value

    lr = learning_rate

    @property
    def has_schedule(self) -> bool:
        return self.inner_optimizer.has_schedule

    @property
    def optimizers(self) -> list[Optimizer]:
        return [self.inner_optimizer]

    def optimizer_of(self, weight: Variable) -> Optimizer:
        return self.inner_optimizer

    @property
    def steps(self) -> int:
        return self.inner_optimizer.steps - int(self.skipped.numpy())

    @property
    def iterations(self) -> int:
        return self.steps // (self.inner_optimizer.gradient_accumulation_steps or 1)

    def variables(self) -> list[Variable]:
        return [self.step_counter, self.dynamic_scale, *super().variables()]

    def restore(self, weights: Sequence[Variable], steps: int, values: Sequence[np.ndarray]) -> None:
        super().restore(weights, steps, values)
        self.skipped.assign(np.zeros((), np.float32))

    def scale_loss(self, loss: Tensor) -> Tensor:
        return arithmetic.mul(loss, self.dynamic_scale)

    def _apply_all(self, trace: Trace, pairs: Sequence[tuple[Tensor, Variable]], skipped: Node | None = None) -> None:
        scale, counted, missed = (trace.node_of(v) for v in (self.dynamic_scale, self.step_counter, self.skipped))
        finite = trace.node_of(_all_finite([gradient for gradient, _ in pairs]))
        before = dict(trace.assigned)
        usable = [(symbolic(b.where(finite, trace.node_of(g) / scale, 0.0)), w) for g, w in pairs]
        self.inner_optimizer._apply_all(trace, usable, missed)
        for variable, new in list(trace.assigned.items()):
            old = before.get(variable, trace.captured[variable])
            if new is not old:
                trace.assigned[variable] = b.where(finite, new, old)
        due = b.compare("eq", counted, float(self.dynamic_growth_steps - 1))
        assign(self.step_counter, symbolic(b.where(finite, b.where(due, 0.0, counted + 1.0), 0.0)))
        assign(self.dynamic_scale, symbolic(scale * b.where(finite, b.where(due, 2.0, 1.0), 0.5)))
        assign(self.skipped, symbolic(missed + b.where(finite, 0.0, 1.0)))

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "inner_optimizer": _described(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }


def _all_finite(gradients: Sequence[Tensor]) -> Tensor:
    found = [reduction.all(mathematics.is_finite(gradient)) for gradient in gradients]
    whole = found[0]
    for one in found[1:]:
        whole = arithmetic.logical_and(whole, one)
    return whole


class OptimizerMap:
    """Which optimizer changes which variable, by its name, such as ``"dense_Dense1/kernel"``.

    Args:
        default_optimizer: for what is not in the map.
        optimizer_map: optimizers by name, or by regular expressions that a whole name matches.

    >>> chosen = OptimizerMap("sgd", {"encoder/.*": "adam"})
    >>> type(chosen["encoder/kernel"]).__name__, type(chosen["decoder/kernel"]).__name__
    ('Adam', 'SGD')
    """

    def __init__(self, default_optimizer: Any, optimizer_map: Mapping[str, Any] | None = None) -> None:
        self.default_optimizer = get(default_optimizer)
        self._by_name: dict[str, Optimizer] = {}
        for name, optimizer in (optimizer_map or {}).items():
            self[name] = optimizer

    def __setitem__(self, name: str, optimizer: Any) -> None:
        if name in self._by_name:
            raise ValueError(f"there is an optimizer for {name!r} already: {self._by_name[name]!r}")
        self._by_name[name] = get(optimizer)

    def __getitem__(self, name: str) -> Optimizer:
        if name in self._by_name:
            return self._by_name[name]
        found = [pattern for pattern in self._by_name if re.fullmatch(pattern, name)]
        if len(found) > 1:
            raise ValueError(f"several optimizers are given for {name!r}: {', '.join(map(repr, found))}")
        return self._by_name[found[0]] if found else self.default_optimizer

    def __call__(self, variable: Variable) -> Optimizer:
        return self[variable.name]

    @property
    def optimizers(self) -> list[Optimizer]:
        """All of them, each once, the default last."""
        return list(dict.fromkeys([*self._by_name.values(), self.default_optimizer]))

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal map."""
        by_name = {name: _described(optimizer) for name, optimizer in self._by_name.items()}
        return {"default_optimizer": _described(self.default_optimizer), "optimizer_map": by_name}


class MultiOptimizer(_Composed):
    """Several optimizers, each for a part of the variables. Each has a learning rate of its own.

    Args:
        optimizer_map: an :class:`OptimizerMap`, or a function that gives a variable's optimizer.
        loss_scale_factor: that of all of them.

    >>> [one.name for one in MultiOptimizer(OptimizerMap("sgd", {".*/bias": "adam"})).optimizers]
    ['adam', 'sgd']
    """

    def __init__(
        self,
        optimizer_map: Mapping[str, Any] | OptimizerMap | Callable[[Variable], Optimizer],
        loss_scale_factor: float | None = None,
        name: str | None = None,
    ) -> None:
        if isinstance(optimizer_map, Mapping):
            config = optimizer_map.get("config", optimizer_map)
            optimizer_map = OptimizerMap(config["default_optimizer"], config.get("optimizer_map"))
        super().__init__(name)
        self.optimizer_map, self.loss_scale_factor = optimizer_map, loss_scale_factor
        self._chosen: dict[Variable, Optimizer] = {}
        for one in self.optimizers:
            self._checked(one)

    def _checked(self, optimizer: Any) -> Optimizer:
        if not isinstance(optimizer, Optimizer) or isinstance(optimizer, _Composed):
            raise TypeError(f"MultiOptimizer takes plain optimizers, no {type(optimizer).__name__}")
        optimizer.loss_scale_factor = self.loss_scale_factor
        return optimizer

    @property
    def learning_rate(self) -> Any:
        """There is none: each of :attr:`optimizers` has its own."""
        raise TypeError("a MultiOptimizer has no learning rate: those of its optimizers do, see .optimizers")

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if value is not None:
            raise TypeError("a MultiOptimizer has no learning rate: set those of its optimizers, see .optimizers")

    lr = learning_rate

    @property
    def optimizers(self) -> list[Optimizer]:
        known = self.optimizer_map.optimizers if isinstance(self.optimizer_map, OptimizerMap) else []
        return list(dict.fromkeys([*known, *getattr(self, "_chosen", {}).values()]))

    def optimizer_of(self, weight: Variable) -> Optimizer:
        if weight not in self._chosen:
            self._chosen[weight] = self._checked(self.optimizer_map(weight))
        return self._chosen[weight]

    def _apply_all(self, trace: Trace, pairs: Sequence[tuple[Tensor, Variable]], skipped: Node | None = None) -> None:
        parts: dict[Optimizer, list[tuple[Tensor, Variable]]] = {}
        for gradient, weight in pairs:
            parts.setdefault(self.optimizer_of(weight), []).append((gradient, weight))
        for optimizer, part in parts.items():
            optimizer._apply_all(trace, part, skipped)

    def get_config(self) -> dict[str, Any]:
        if not isinstance(self.optimizer_map, OptimizerMap):
            raise TypeError("a MultiOptimizer with a function cannot be written to a file: give it an OptimizerMap")
        described = {"class_name": "OptimizerMap", "config": self.optimizer_map.get_config()}
        return {"name": self.name, "optimizer_map": described, "loss_scale_factor": self.loss_scale_factor}


def _described(optimizer: Optimizer) -> dict[str, Any]:
    return {"class_name": type(optimizer).__name__, "config": optimizer.get_config()}
