"""What every metric is: sums over a batch that add up over batches, and what the sums mean."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from .. import initializers, naming, tree
from ..bound import bound
from ..losses.matching import matched
from ..ops import arithmetic as a
from ..ops import movement, reduction
from ..runtime import tracing
from ..runtime.conversion import to_tensor
from ..runtime.tensor import Tensor, Variable

# What metrics have counted in the step that is traced.
_step: ContextVar[dict[Metric, Tensor] | None] = ContextVar("metrics of a step", default=None)


@contextmanager
def counting() -> Iterator[dict[Metric, Tensor]]:
    """While a model's step is traced: metrics count in the step, and the sums are to be added up over steps."""
    counted: dict[Metric, Tensor] = {}
    with bound(_step, counted):
        yield counted


class Result:
    """What a metric's result is while a step is traced: it will be known after the step. To be given back in logs."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"the result of the metric {self.metric.name!r} is known after the step: give it back in the step's logs"
            f" (it has no {name!r})"
        )


def _counting(update: Callable[..., Any]) -> Callable[..., Any]:
    """A class' ``update_state``: in a step that is traced, what it adds to variables is counted."""

    @functools.wraps(update)
    def counting_update(self: Metric, *args: Any, **kwargs: Any) -> Any:
        if not self._variables or _step.get() is None:
            return update(self, *args, **kwargs)
        # most pages do without
        from . import counted

        if counted.is_counting(self._variables):
            return update(self, *args, **kwargs)
        return self._add(counted.added(self.name, self._variables, lambda: update(self, *args, **kwargs)))

    return counting_update


def _standing(result: Callable[..., Any]) -> Callable[..., Any]:
    """A class' ``result``: in a step that is traced, what stands for it."""

    @functools.wraps(result)
    def standing_result(self: Metric) -> Any:
        return result(self) if _step.get() is None else Result(self)

    return standing_result


class Metric(naming.Named, metaclass=naming.Configurable):
    """Base class. A subclass gives sums in :meth:`statistics` and their meaning in :meth:`compute`.

    So a metric of an epoch is that of all its samples at once, also where a mean of batches would be wrong, and nothing
    has to be kept on the device: the sums of each step come with the losses.

    Or else, as in Keras, it makes variables with :meth:`add_weight`, adds to them in ``update_state``, and has
    ``result`` read them:

    >>> import weblayers as wl
    >>> class Positives(wl.metrics.Metric):
    ...     def __init__(self, name="positives", **options):
    ...         super().__init__(name=name, **options)
    ...         self.count = self.add_weight(name="count")
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.count.assign_add(wl.sum(wl.cast(wl.greater(y_pred, 0.5), "float32")))
    ...     def result(self):
    ...         return self.count
    >>> Positives()([0, 1], [0.6, 0.7]).array_sync()
    2.0
    """

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        self.name = name or naming.class_snake(type(self).__name__)
        self._dtype = dtype
        self._totals: np.ndarray | None = None
        self._variables: list[Variable] = []

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, made in (("update_state", _counting), ("result", _standing)):
            if name in vars(cls):
                setattr(cls, name, made(vars(cls)[name]))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Count a batch; gives the result so far."""
        self.update_state(*args, **kwargs)
        return self.result()

    def __copy__(self) -> Metric:
        """One of its own variables, and with its own metrics inside."""
        twin = object.__new__(type(self))
        own: dict[int, Any] = {id(v): Variable(v.numpy(), v.name, trainable=False) for v in self._variables}
        own |= {id(metric): copy.copy(metric) for metric in vars(self).values() if isinstance(metric, Metric)}
        vars(twin).update({name: own.get(id(value), value) for name, value in vars(self).items()})
        twin._variables = [own[id(variable)] for variable in self._variables]
        return twin

    def add_weight(
        self,
        shape: Sequence[int] | str = (),
        initializer: Any = "zeros",
        dtype: str | None = None,
        name: str | None = None,
        aggregation: str = "sum",
    ) -> Variable:
        """Make a variable of the metric, to which ``update_state`` adds. Arguments as in Keras; a text is the name."""
        sizes, title = ((), shape) if isinstance(shape, str) else (tuple(shape), name)
        values = np.asarray(initializers.get(initializer or "zeros")(sizes)).astype(dtype or "float32")
        variable = Variable(values, title or f"{self.name}_{len(self._variables)}", trainable=False)
        self._variables.append(variable)
        return variable

    def add_variable(
        self,
        shape: Sequence[int] = (),
        initializer: Any = "zeros",
        dtype: str | None = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """:meth:`add_weight` by Keras' other name."""
        return self.add_weight(shape, initializer, dtype, name, aggregation)

    @property
    def dtype(self) -> str:
        """Of its counts."""
        return self._dtype or "float32"

    @property
    def parts(self) -> list[Metric]:
        """The metric, and those that are its attributes, or in lists, tuples and dictionaries there, with theirs."""
        inner = [m for value in vars(self).values() for m in tree.leaves(value) if isinstance(m, Metric)]
        return [self, *(part for metric in inner for part in metric.parts)]

    @property
    def variables(self) -> list[Variable]:
        """What :meth:`add_weight` has made, here and in metrics inside."""
        return [variable for part in self.parts for variable in part._variables]

    def statistics(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """A vector of sums over the batch."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it counts: define statistics")

    def compute(self, totals: np.ndarray) -> Any:
        """The metric, from the sums of all batches (float64, on the host)."""
        raise NotImplementedError(f"{type(self).__name__} does not say what its sums mean: define compute")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch, in a loop of your own. Waits for the device."""
        weight = None if sample_weight is None else to_tensor(sample_weight)
        predictions = to_tensor(y_pred)
        targets, predictions = _paired(matched(to_tensor(y_true), predictions), predictions, weight)
        self._add(self.statistics(targets, predictions, weight))

    def _add(self, statistics: Tensor) -> None:
        """Add a batch's sums: in the step that is traced, or else here."""
        step = _step.get()
        if step is not None:
            step[self] = a.add(step[self], statistics) if self in step else statistics
            return
        found = statistics.numpy().astype(np.float64)
        self._totals = found if self._totals is None else self._totals + found

    def observe(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> None:
        """Count a batch of a model, whose targets are those of its predictions."""
        if type(self).update_state in (Metric.update_state, Mean.update_state):
            self._add(self.statistics(y_true, y_pred, sample_weight))
            return
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.update_state(y_true, y_pred, **weights)

    def restore(self, totals: np.ndarray | None) -> None:
        """Go on from sums that were counted elsewhere."""
        self.reset_state()
        self._totals = totals
        ends = np.cumsum([v.size for v in self._variables])
        for variable, end in zip(self._variables, ends, strict=True):
            if totals is not None:
                more = totals[end - variable.size : end].reshape(variable.shape)
                variable.assign((variable.numpy() + more).astype(variable.numpy().dtype))

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Inside, other sums may be restored: those of before come back."""
        before = [(part, part._totals, [v.read() for v in part._variables]) for part in self.parts]
        try:
            yield
        finally:
            for part, totals, values in before:
                part._totals = totals
                for variable, value in zip(part._variables, values, strict=True):
                    variable.assign(value)

    def result(self) -> Any:
        """The metric of all batches since the last reset; in a step that is traced, what stands for it in logs."""
        if _step.get() is not None:
            return Result(self)
        return 0.0 if self._totals is None else self.compute(self._totals)

    def reset_state(self) -> None:
        """Begin anew, metrics inside too; variables with zeros, as in Keras."""
        for part in self.parts:
            part._totals = None
            for variable in part._variables:
                variable.assign(np.zeros(variable.shape, variable.numpy().dtype))

    reset_states = reset_state

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """A metric from what :meth:`get_config` gave."""
        return cls(**config)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal metric."""
        names = naming.parameters(type(self))
        return {n: v for n, v in vars(self).items() if n in names}


def _paired(y_true: Tensor, y_pred: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor]:
    """Targets and predictions of one rank, where a last axis of size 1 is left out of one; weights count samples."""
    if y_pred.rank == y_true.rank + 1 and y_pred.shape[-1] == 1:
        y_true = movement.expand_dims(y_true, -1)
    elif y_true.rank == y_pred.rank + 1 and y_true.shape[-1] == 1:
        y_pred = movement.expand_dims(y_pred, -1)
    if y_true.rank == y_pred.rank == 1 and weight is not None and weight.rank:
        y_true, y_pred = (movement.expand_dims(y, -1) for y in (y_true, y_pred))
    return y_true, y_pred


def ratio(a_: Any, b_: Any) -> Any:
    """``a / b``, and 0 where b is 0."""
    a_, b_ = np.asarray(a_, np.float64), np.asarray(b_, np.float64)
    return np.divide(a_, b_, out=np.zeros(np.broadcast_shapes(a_.shape, b_.shape)), where=b_ != 0)


def weights_like(weight: Tensor | None, values: Tensor) -> Tensor | None:
    """Weights with the values' rank; what is finer than the values is averaged."""
    if weight is None:
        return None
    weight = a.cast(weight, "float32")
    while weight.rank > values.rank:
        weight = reduction.mean(weight, -1)
    return movement.reshape(weight, (*weight.shape, *(1,) * (values.rank - weight.rank)))


class MeanMetric(Metric):
    """The mean of a function of targets and predictions that gives a value per sample.

    >>> import weblayers as wl
    >>> metric = MeanMetric(wl.losses.mean_squared_error, name="mse")
    >>> metric.update_state([[0.0]], [[2.0]])
    >>> metric.update_state([[0.0]], [[4.0]])
    >>> float(metric.result())
    10.0
    """

    def __init__(self, fn: Callable[..., Tensor], name: str | None = None, dtype: Any = None, **options: Any) -> None:
        super().__init__(name or getattr(fn, "__name__", "metric"), dtype)
        self.function, self.options = fn, options

    def statistics(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        values = a.cast(self.function(y_true, y_pred, **self.options), "float32")
        if not values.rank:
            # a value of the whole batch counts by its samples
            size = float(y_pred.shape[0] if y_pred.rank else 1)
            return movement.concat([movement.reshape(a.mul(values, size), (1,)), tracing.constant([size])], 0)
        weight = weights_like(sample_weight, values)
        if weight is None:
            total, count = reduction.sum(values), tracing.constant([float(values.size)])
        else:
            weight = movement.broadcast_to(weight, values.shape)
            total, count = reduction.sum(a.mul(values, weight)), movement.reshape(reduction.sum(weight), (1,))
        return movement.concat([movement.reshape(total, (1,)), count], 0)

    def compute(self, totals: np.ndarray) -> Any:
        return ratio(totals[0], totals[1])


class Mean(Metric):
    """The mean of values that are given one after the other; not of predictions."""

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]  # no targets
        """Count values."""
        super().update_state(values, values, sample_weight)

    def statistics(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        if not y_pred.rank and sample_weight is not None:
            weight = a.cast(sample_weight, "float32")
            return movement.stack([a.mul(a.cast(y_pred, "float32"), weight), weight])
        return MeanMetric(lambda _, values: values).statistics(y_true, y_pred, sample_weight)

    def compute(self, totals: np.ndarray) -> Any:
        return ratio(totals[0], totals[1])


class Sum(Mean):
    """The sum of values that are given one after the other."""

    def compute(self, totals: np.ndarray) -> Any:
        return totals[0]


class RootMeanSquaredError(Metric):
    """The root of the mean squared error."""

    def statistics(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        return MeanMetric(a.squared_difference).statistics(y_true, y_pred, sample_weight)

    def compute(self, totals: np.ndarray) -> Any:
        return np.sqrt(ratio(totals[0], totals[1]))
