"""Regularizers: what a weight, or a layer's output, adds to the loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import naming
from .ops import arithmetic as a
from .ops import creation, matrices, movement, reduction
from .runtime.tensor import Tensor


class Regularizer(metaclass=naming.Configurable):
    """Base class: called with a tensor, gives a scalar."""

    __repr__ = naming.representation

    def __call__(self, x: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} does not say what a tensor adds to the loss")

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal regularizer."""
        return {}


class L1L2(Regularizer):
    """``l1 * sum|x| + l2 * sum(x^2)``.

    >>> import weblayers as wl
    >>> L1L2(l1=0.5, l2=0)(wl.tensor1d([-1, 2])).array_sync()
    1.5
    """

    def __init__(self, l1: float = 0.01, l2: float = 0.01) -> None:
        self.l1, self.l2 = float(l1 or 0), float(l2 or 0)

    def __call__(self, x: Tensor) -> Tensor:
        out = a.mul(reduction.sum(a.abs(x)), self.l1)
        return a.add(out, a.mul(reduction.sum(a.square(x)), self.l2)) if self.l2 else out

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1, "l2": self.l2}


class L1(L1L2):
    """``l1 * sum|x|``."""

    def __init__(self, l1: float = 0.01) -> None:
        super().__init__(l1, 0)

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1}


class L2(L1L2):
    """``l2 * sum(x^2)``."""

    def __init__(self, l2: float = 0.01) -> None:
        super().__init__(0, l2)

    def __call__(self, x: Tensor) -> Tensor:
        return a.mul(reduction.sum(a.square(x)), self.l2)

    def get_config(self) -> dict[str, Any]:
        return {"l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """Pushes the rows (or columns) of a matrix to be orthogonal: the mean of their cosines' sizes, times ``factor``.

    Args:
        factor: how much it counts.
        mode: ``"rows"`` or ``"columns"``.
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        if mode not in ("rows", "columns"):
            raise ValueError(f"OrthogonalRegularizer: mode must be 'rows' or 'columns', got {mode!r}")
        self.factor, self.mode = factor, mode

    def __call__(self, x: Tensor) -> Tensor:
        if x.rank != 2:
            raise ValueError(f"OrthogonalRegularizer wants a matrix, got shape {list(x.shape)}")
        rows = x if self.mode == "rows" else movement.transpose(x)
        unit = a.mul(rows, a.rsqrt(a.maximum(reduction.sum(a.square(rows), 1, True), 1e-12)))
        size = rows.shape[0]
        others = a.sub(1.0, creation.eye(size))
        cosines = a.mul(matrices.mat_mul(unit, unit, transpose_b=True), others)
        pairs = size * (size - 1) / 2
        return a.mul(reduction.sum(a.abs(cosines)), self.factor * 0.5 / max(1.0, pairs))

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor, "mode": self.mode}


# TensorFlow.js' spellings, `tf.regularizers.l1l2()`.
l1, l2, l1l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, L1L2, OrthogonalRegularizer

_TABLE: dict[str, Any] = {
    "l1": L1,
    "l2": L2,
    "l1l2": L1L2,
    "l1_l2": L1L2,
    "orthogonal": OrthogonalRegularizer,
    "orthogonal_regularizer": OrthogonalRegularizer,
}


def get(identifier: Any) -> Callable[[Tensor], Tensor] | None:
    """A regularizer by name, by ``{"class_name", "config"}``, by class, a function, or itself; None is none.

    >>> get("l1l2").get_config(), get({"class_name": "L2", "config": {"l2": 0.5}}).get_config()
    ({'l1': 0.01, 'l2': 0.01}, {'l2': 0.5})
    """
    if isinstance(identifier, type):
        return get(identifier())
    if identifier is None or callable(identifier):
        return identifier
    if isinstance(identifier, Mapping):
        name = str(identifier.get("class_name", identifier.get("className")))
        make = naming.lookup("regularizer", name, _TABLE)
        return make(**naming.arguments(make, name, identifier.get("config", {})))
    return naming.lookup("regularizer", identifier, _TABLE)()


def serialize(regularizer: Regularizer) -> dict[str, Any]:
    """``{"class_name", "config"}``, as model files hold it."""
    return {"class_name": type(regularizer).__name__, "config": regularizer.get_config()}


__getattr__ = naming.module_getattr(__name__, globals())
