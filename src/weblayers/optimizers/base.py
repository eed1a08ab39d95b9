"""What optimizers share: the learning rate and step count as host scalars, state beside each weight, and options."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .. import naming
from ..graph import build as b
from ..graph.node import Node
from ..ops import arithmetic
from ..ops.differentiation import Gradients, ValueAndGradients, variable_grads
from ..ops.functions import run_traced
from ..runtime.conversion import to_tensor
from ..runtime.memory import variable_named
from ..runtime.tensor import Tensor, Variable
from ..runtime.tracing import HostScalar, Known, Trace, assign, current, symbolic
from . import schedules

TABLE: dict[str, type[Optimizer]] = {}
Slots = dict[str, Node]


class Optimizer(naming.Named, metaclass=naming.Configurable):
    """Base class. A subclass names its slots and says how a step changes a weight.

    Args of every optimizer, besides its own:
        learning_rate: a number, or a schedule. Setting it takes effect with the next step, without tracing again.
        weight_decay: share of each weight that a step takes away, times the learning rate.
        clipnorm, global_clipnorm: the longest that each gradient, or all together, may be.
        clipvalue: the largest that an entry of a gradient may be.
        use_ema, ema_momentum, ema_overwrite_frequency: averages of the weights over the steps, and every how many steps
            they replace the weights; at the end of a fit they do.
        loss_scale_factor: what the loss is multiplied by before it is differentiated, and gradients are divided by.
        gradient_accumulation_steps: over how many steps gradients are averaged before an update.
    """

    slots: Sequence[str] = ()

    def __init__(
        self,
        learning_rate: Any,
        *,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
    ) -> None:
        if sum(v is not None for v in (clipnorm, clipvalue, global_clipnorm)) > 1:
            raise ValueError(f"{type(self).__name__}: only one of clipnorm, clipvalue and global_clipnorm may be set")
        if gradient_accumulation_steps is not None and gradient_accumulation_steps < 2:
            raise ValueError(f"{type(self).__name__}: gradient_accumulation_steps must be 2 or more")
        self.name = name or naming.class_snake(type(self).__name__)
        self.weight_decay, self.clipnorm, self.clipvalue = weight_decay, clipnorm, clipvalue
        self.global_clipnorm, self.use_ema, self.ema_momentum = global_clipnorm, use_ema, ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self._state: dict[Variable, dict[str, Variable]] = {}
        self._schedule: schedules.Schedule | None = None
        self._rate = HostScalar(0.0, described="with this optimizer")
        self.learning_rate = learning_rate
        self._iterations = HostScalar(0, 1, described="with this optimizer")
        # so that steps outside of traced functions are traced to the same graph, see run_traced
        self._known = Known()
        self._inputs: dict[tuple[Any, ...], list[Node]] = {}
        self._undecayed: set[int] = set()
        self._built: list[Variable] | None = None

    def __init_subclass__(cls) -> None:
        if cls.__name__.startswith("_"):
            # what others share
            return
        TABLE[naming.class_snake(cls.__name__)] = cls
        TABLE[cls.__name__] = cls

    # -- learning rate ------------------------------------------------------------------------------------------------

    @property
    def learning_rate(self) -> Any:
        """The number, or that of the schedule at the next step; with gradient accumulation it counts all steps."""
        return self._rate.value if self._schedule is None else self._schedule.at(self.steps)

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        value = schedules.get(value)
        if isinstance(value, schedules.Schedule):
            if self._state:
                # the steps that are traced already would go on with what they have
                raise TypeError(
                    f"{type(self).__name__}: a schedule cannot be set after training has begun; compile the model with"
                    " a new optimizer"
                )
            self._schedule = value
            return
        if not float(value) >= 0:
            raise ValueError(f"{type(self).__name__}: learning_rate must not be negative, got {value}")
        if self._schedule is not None:
            raise TypeError(
                f"{type(self).__name__}: the learning rate follows a schedule and cannot be set; give the optimizer a"
                " number to be able to"
            )
        self._rate.value = float(value)

    lr = learning_rate

    @property
    def has_schedule(self) -> bool:
        """Whether the learning rate follows a schedule."""
        return self._schedule is not None

    def set_learning_rate(self, value: float) -> None:
        """Set the learning rate, from the next step on."""
        self.learning_rate = value

    @property
    def iterations(self) -> int:
        """How many updates have been made."""
        return int(self._iterations.value) // (self.gradient_accumulation_steps or 1)

    @property
    def host_scalars(self) -> list[HostScalar]:
        """The learning rate and the step count, as steps read them."""
        return [self._rate, self._iterations]

    # -- state --------------------------------------------------------------------------------------------------------

    def variables(self) -> list[Variable]:
        """The state, slot by slot."""
        names = dict.fromkeys(name for slots in self._state.values() for name in slots)
        return [slots[name] for name in names for slots in self._state.values() if name in slots]

    @property
    def steps(self) -> int:
        """How many steps have been made; with gradient accumulation several make one of :attr:`iterations`."""
        return int(self._iterations.value)

    def restore(self, weights: Sequence[Variable], steps: int, values: Sequence[np.ndarray]) -> None:
        """Go on from an earlier state.

        Args:
            weights: those that are trained, in the order of that state.
            steps: how many had been made, see :attr:`steps`.
            values: of the slots, in the order of :meth:`variables`; none for a state before the first step.

        Raises:
            ValueError: values of another number or shape.
        """
        if values:
            for weight in weights:
                self.slots_of(weight)
            mine = self.variables()
            if [v.shape for v in mine] != [v.shape for v in values]:
                shapes = [list(v.shape) for v in mine], [list(v.shape) for v in values]
                raise ValueError(f"{type(self).__name__} has a state of shapes {shapes[0]}, but was given {shapes[1]}")
            for slot, value in zip(mine, values, strict=True):
                slot.assign(value)
        self._iterations.value = steps

    def initial_slot(self, name: str, weight: Variable) -> np.ndarray:
        """What a slot begins with."""
        return np.zeros(weight.shape, np.float32)

    def slots_for(self, weight: Variable) -> Sequence[str]:
        """The names of a weight's slots."""
        return self.slots

    def slots_of(self, weight: Variable) -> dict[str, Variable]:
        """What is kept of a weight by its slots' names; new ones begin as before the first step."""
        if weight not in self._state:
            names = list(self.slots_for(weight))
            values = {n: self.initial_slot(n, weight) for n in names}
            if self.gradient_accumulation_steps:
                values["gradient_accumulator"] = np.zeros(weight.shape, np.float32)
            if self.use_ema:
                values["average"] = weight.numpy().copy()
            self._state[weight] = {n: Variable(v, f"{weight.name}/{n}", trainable=False) for n, v in values.items()}
        return self._state[weight]

    def exclude_from_weight_decay(self, var_list: Sequence[Variable] = (), var_names: Sequence[str] = ()) -> None:
        """Weights, or parts of weights' names, that do not decay. Call it before training."""
        self._undecayed |= {id(w) for w in var_list}
        self._undecayed_names = tuple(var_names)

    _undecayed_names: tuple[str, ...] = ()

    def decay_of(self, weight: Variable) -> float | None:
        """The share of a weight that a step takes away, times the learning rate."""
        excluded = id(weight) in self._undecayed or any(n in weight.name for n in self._undecayed_names)
        return None if excluded else self.weight_decay

    # -- steps --------------------------------------------------------------------------------------------------------

    def minimize(
        self, f: Callable[[], Any], return_cost: bool = False, var_list: Sequence[Variable] | None = None
    ) -> Tensor | None:
        """One step down the gradient of a function without arguments.

        Args:
            f: gives a scalar tensor.
            return_cost: whether to give the scalar back.
            var_list: the variables to change; those that are trainable and that ``f`` reads if left out.

        >>> import weblayers as wl
        >>> w = wl.variable(wl.scalar(1.0))
        >>> wl.train.sgd(0.1).minimize(lambda: w * w, return_cost=True).array_sync(), round(w.array_sync(), 2)
        (1.0, 0.8)
        """
        trace = current()
        if trace is not None:
            value, grads = variable_grads(f, var_list)
            self.apply_gradients(grads)
        else:

            def step(trace: Trace) -> list[Node]:
                value, grads = variable_grads(f, var_list)
                self.apply_gradients(grads)
                return [trace.node_of(value)]

            (value,) = run_traced(step, self._known)
        return value if return_cost else None

    def compute_gradients(self, f: Callable[[], Any], var_list: Sequence[Variable] | None = None) -> ValueAndGradients:
        """The value of a function without arguments and its gradients, see :func:`weblayers.variable_grads`."""
        return variable_grads(f, var_list)

    def build(self, variables: Sequence[Variable]) -> None:
        """Say which variables :meth:`apply` changes when it is given gradients alone."""
        self._built = list(variables)

    def scale_loss(self, loss: Tensor) -> Tensor:
        """What to differentiate instead of the loss, see ``loss_scale_factor``."""
        return arithmetic.mul(loss, float(self.loss_scale_factor)) if self.loss_scale_factor else loss

    def apply(self, gradients: Sequence[Tensor | None], trainable_variables: Sequence[Variable] | None = None) -> None:
        """Change variables by their gradients, in the same order.

        Args:
            gradients: one for each variable.
            trainable_variables: those of :meth:`build` if left out; for a model's optimizer the model's.

        Raises:
            ValueError: another number of gradients than variables, or nobody has said which.

        >>> import weblayers as wl
        >>> w = wl.variable(wl.scalar(1.0))
        >>> wl.train.sgd(0.5).apply([wl.scalar(1.0)], [w])
        >>> w.array_sync()
        0.5
        """
        variables = self._built if trainable_variables is None else list(trainable_variables)
        if variables is None:
            raise ValueError(f"{type(self).__name__}.apply: give the variables too, or call build(variables) before")
        if len(gradients) != len(variables):
            raise ValueError(
                f"{type(self).__name__}.apply: got {len(gradients)} gradients for {len(variables)} variables"
            )
        self.apply_gradients(list(zip(gradients, variables, strict=True)))

    def apply_gradients(
        self, gradients: Gradients | Mapping[str, Tensor] | Iterable[tuple[Tensor | None, Variable]]
    ) -> None:
        """Change each variable by its gradient. One without a gradient, None, stays as it is, with a warning.

        Args:
            gradients: what :func:`weblayers.variable_grads` gives, pairs of a gradient and its variable, or gradients
                by the names of variables, in a dictionary or as ``{"name", "tensor"}``.

        Raises:
            ValueError: no variable has that name, or several have it; or there is no gradient.
        """
        pairs = _with_gradient(_pairs(gradients))
        trace = current()
        if trace is not None:
            self._apply_all(trace, pairs)
            return
        given = [g for g, _ in pairs]
        shapes = tuple(g.shape for g in given)
        nodes = self._inputs.setdefault(shapes, [b.input_node(s, "float32") for s in shapes])

        def step(trace: Trace) -> list[Node]:
            self._apply_all(trace, [(symbolic(n), w) for n, (_, w) in zip(nodes, pairs, strict=True)])
            return []

        run_traced(step, self._known, nodes, given)

    def _apply_all(self, trace: Trace, pairs: Sequence[tuple[Tensor, Variable]], skipped: Node | None = None) -> None:
        """Make a step; ``skipped`` is how many of those before were not made."""
        # a run that makes several steps counts them all
        before = trace.draws(self._iterations)
        count = trace.scalar(self._iterations) + float(before) if before else trace.scalar(self._iterations)
        if skipped is not None:
            count = count - skipped
        every = self.gradient_accumulation_steps
        done = b.unary("floor", count / float(every)) if every else count
        due = None if every is None else b.compare("eq", (count + 1.0) - (done + 1.0) * float(every), 0.0)
        rate = trace.scalar(self._rate) if self._schedule is None else self._schedule(count)
        scale = float(self.loss_scale_factor or 1)
        gradients = [trace.node_of(g) / scale if scale != 1 else trace.node_of(g) for g, _ in pairs]
        slots = [{name: trace.node_of(v) for name, v in self.slots_of(w).items()} for _, w in pairs]
        if every is not None:
            gradients = [(s["gradient_accumulator"] + g) / float(every) for s, g in zip(slots, gradients, strict=True)]
        whole = gradients
        gradients = self._clipped(gradients)
        for gradient, given, (_, weight), total in zip(gradients, slots, pairs, whole, strict=True):
            self._apply(trace, gradient, weight, given, rate, done + 1.0, due, total)

    def _apply(
        self,
        trace: Trace,
        gradient: Node,
        weight: Variable,
        slots: Slots,
        rate: Node,
        step: Node,
        due: Node | None,
        total: Node,
    ) -> None:
        old = trace.node_of(weight)
        decay = self.decay_of(weight)
        start = old if decay is None else old - old * (rate * float(decay))
        new, changed = self.update(gradient, start, slots, rate, step)
        if weight.constraint is not None:
            new = trace.node_of(weight.constraint(symbolic(new)))
        if self.use_ema:
            momentum = b.where(b.compare("eq", step, 1.0), 0.0, self.ema_momentum)
            changed["average"] = slots["average"] * momentum + new * (1.0 - momentum)
            if self.ema_overwrite_frequency:
                every = float(self.ema_overwrite_frequency)
                swap = b.compare("eq", step - b.unary("floor", step / every) * every, 0.0)
                new = b.where(swap, changed["average"], new)
        if due is not None:
            changed = {n: b.where(due, v, slots[n]) for n, v in changed.items()}
            # Keras keeps to constraints at every step
            kept = old if weight.constraint is None else trace.node_of(weight.constraint(symbolic(old)))
            new = b.where(due, new, kept)
            gathered = total * float(self.gradient_accumulation_steps or 1)
            changed["gradient_accumulator"] = b.where(due, 0.0, gathered)
        assign(weight, symbolic(new))
        for name, value in changed.items():
            assign(self._state[weight][name], symbolic(value))

    def _clipped(self, gradients: list[Node]) -> list[Node]:
        if self.clipvalue is not None:
            limit = float(self.clipvalue)
            return [b.minimum(b.maximum(g, -limit), limit) for g in gradients]
        if self.clipnorm is not None:
            return [_shortened(g, _squares(g), float(self.clipnorm)) for g in gradients]
        if self.global_clipnorm is not None:
            total = _squares(gradients[0])
            for g in gradients[1:]:
                total = total + _squares(g)
            return [_shortened(g, total, float(self.global_clipnorm)) for g in gradients]
        return gradients

    def update(self, gradient: Node, weight: Node, slots: Slots, rate: Node, step: Node) -> tuple[Node, Slots]:
        """The new weight and the new slots. ``step`` counts from 1; it and ``rate`` are host scalars."""
        raise NotImplementedError(f"{type(self).__name__} does not say how to update a weight")

    def finalize(self) -> None:
        """Replace the weights by their averages, at the end of training; nothing without ``use_ema``."""
        if self.use_ema:
            for weight, slots in self._state.items():
                weight.assign(slots["average"])

    # -- as plain values ----------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal optimizer."""
        names = [n for n in naming.parameters(type(self)) if n in vars(self)]
        rate: Any = self._rate.value
        if self._schedule is not None:
            rate = {"class_name": type(self._schedule).__name__, "config": self._schedule.get_config()}
        return {"learning_rate": rate, **{n: getattr(self, n) for n in names}}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Optimizer:
        """An optimizer from what :meth:`get_config` gave."""
        return cls(**config)


def _pairs(gradients: Any) -> Sequence[tuple[Tensor | None, Variable]]:
    """Gradients with their variables, of which there may be names only."""
    if isinstance(gradients, Gradients):
        return gradients.pairs()
    if isinstance(gradients, Mapping):
        return [(to_tensor(g), variable_named(name)) for name, g in gradients.items()]
    given = list(gradients)
    if given and all(isinstance(one, Mapping) for one in given):
        return [(to_tensor(one["tensor"]), variable_named(one["name"])) for one in given]
    return given


def _with_gradient(pairs: Sequence[tuple[Tensor | None, Variable]]) -> list[tuple[Tensor, Variable]]:
    found = [(g, w) for g, w in pairs if g is not None]
    missing = [w.name for g, w in pairs if g is None]
    if missing and not found:
        raise ValueError(f"no gradients: the loss depends on none of the variables {', '.join(missing)}")
    if missing:
        warnings.warn(f"the loss has no gradient for {', '.join(missing)}: they stay as they are", stacklevel=3)
    return found


def _squares(x: Node) -> Node:
    return b.reduce("sum", x * x)


def _shortened(gradient: Node, squares: Node, limit: float) -> Node:
    """The gradient scaled so that the length whose square is given is at most the limit."""
    length = b.unary("sqrt", squares)
    return gradient * (limit / b.maximum(length, limit))


def get(identifier: Any) -> Optimizer:
    """An optimizer by name with its defaults, by ``{"class_name", "config"}``, or itself."""
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, Mapping):
        name = str(identifier.get("class_name", identifier.get("className")))
        return naming.lookup("optimizer", name, TABLE).from_config(dict(identifier.get("config", {})))
    if not isinstance(identifier, str):
        raise TypeError(f"optimizer must be a name or an Optimizer, got {type(identifier).__name__}")
    return naming.lookup("optimizer", identifier, TABLE)()
