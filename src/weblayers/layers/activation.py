"""Activation functions that have parameters, as layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import activations, constraints, initializers, regularizers
from ..ops import arithmetic as a
from ..ops import normalization
from ..runtime.tensor import Tensor
from .base import BatchShape, Layer, sized

# What masked positions get before a softmax.
NEVER = -1e9


class ReLU(Layer):
    """``max(x, 0)``, with an upper limit, a threshold and a slope below it.

    Args:
        max_value: the largest output; no limit if left out.
        negative_slope: of inputs below the threshold.
        threshold: below it, outputs are ``negative_slope * (x - threshold)``.

    >>> import weblayers as wl
    >>> wl.layers.re_lu(max_value=6).apply(wl.tensor1d([-1, 3, 9])).array_sync()
    [0.0, 3.0, 6.0]
    """

    supports_masking = True

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **base: Any
    ) -> None:
        super().__init__(**base)
        self.max_value = max_value
        self.negative_slope, self.threshold = negative_slope or 0.0, threshold or 0.0

    def call(self, inputs: Tensor) -> Tensor:
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


class LeakyReLU(Layer):
    """``x`` where positive, else ``alpha * x``.

    Args:
        alpha (or negative_slope): the slope below zero.

    >>> import weblayers as wl
    >>> wl.layers.leaky_re_lu(alpha=0.5).apply(wl.tensor1d([-2, 2])).array_sync()
    [-1.0, 2.0]
    """

    supports_masking = True

    def __init__(self, alpha: float = 0.3, negative_slope: float | None = None, **base: Any) -> None:
        super().__init__(**base)
        self.alpha = alpha if negative_slope is None else negative_slope

    def call(self, inputs: Tensor) -> Tensor:
        return a.where(a.greater(inputs, 0.0), inputs, a.mul(inputs, self.alpha))


class ELU(Layer):
    """``x`` where positive, else ``alpha * (exp(x) - 1)``. Clevert et al. (2016).

    >>> import weblayers as wl
    >>> wl.layers.elu().apply(wl.tensor1d([0, 2])).array_sync()
    [0.0, 2.0]
    """

    supports_masking = True

    def __init__(self, alpha: float = 1.0, **base: Any) -> None:
        super().__init__(**base)
        self.alpha = alpha

    def call(self, inputs: Tensor) -> Tensor:
        # the exponent of what is not negative would overflow, and spoil the gradient
        below = a.mul(a.expm1(a.minimum(inputs, 0.0)), self.alpha)
        return a.where(a.greater(inputs, 0.0), inputs, below)


class ThresholdedReLU(Layer):
    """``x`` where above ``theta``, else 0.

    >>> import weblayers as wl
    >>> wl.layers.thresholded_re_lu(theta=1).apply(wl.tensor1d([0.5, 2])).array_sync()
    [0.0, 2.0]
    """

    supports_masking = True

    def __init__(self, theta: float = 1.0, **base: Any) -> None:
        super().__init__(**base)
        self.theta = theta

    def call(self, inputs: Tensor) -> Tensor:
        return a.where(a.greater(inputs, self.theta), inputs, 0.0)


class PReLU(Layer):
    """``x`` where positive, else ``alpha * x`` with learned slopes. He et al. (2015).

    Args:
        alpha_initializer, alpha_regularizer, alpha_constraint: of the slopes.
        shared_axes: axes (counted from 1) along which the slopes are the same.

    >>> import weblayers as wl
    >>> wl.layers.p_re_lu().apply(wl.tensor2d([[-2, 2]])).array_sync()
    [[0.0, 2.0]]
    """

    supports_masking = True

    def __init__(
        self,
        alpha_initializer: Any = "zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        axes = [shared_axes] if isinstance(shared_axes, int) else shared_axes
        self.shared_axes = None if axes is None else list(axes)

    def build(self, input_shape: BatchShape) -> None:
        shared = self.shared_axes or ()
        shape = [1 if i in shared else sized(self, input_shape, i) for i in range(1, len(input_shape))]
        self.alpha = self.add_weight(
            "alpha", shape, self.alpha_initializer, self.alpha_regularizer, self.alpha_constraint
        )

    def call(self, inputs: Tensor) -> Tensor:
        return a.sub(a.relu(inputs), a.mul(self.alpha, a.relu(a.neg(inputs))))


class Softmax(Layer):
    """Probabilities along an axis; where a mask is false, they are 0.

    >>> import weblayers as wl
    >>> wl.layers.softmax().apply(wl.tensor2d([[1, 1]])).array_sync()
    [[0.5, 0.5]]
    """

    supports_masking = True

    def __init__(self, axis: int | Sequence[int] = -1, **base: Any) -> None:
        super().__init__(**base)
        self.axis = axis if isinstance(axis, int) else list(axis)

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        return masked_softmax(inputs, mask, self.axis)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """One of steps goes on; one that says which values are allowed has done its work."""
        of_steps = mask is None or isinstance(mask, list) or mask.rank < inputs.rank
        return super().compute_mask(inputs, mask) if of_steps else None


def masked_softmax(x: Tensor, mask: Tensor | None, axis: int | Sequence[int] = -1) -> Tensor:
    """Probabilities of what a mask, which broadcasts, allows; 0 for the rest, also where nothing is allowed."""
    if mask is None:
        return normalization.softmax(x, axis)
    allowed = a.cast(mask, "bool")
    return a.where(allowed, normalization.softmax(a.where(allowed, x, NEVER), axis), 0.0)
