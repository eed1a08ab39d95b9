"""Normalization: over the batch, over features, over groups."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import constraints, initializers, regularizers
from ..ops import arithmetic as a
from ..ops import movement, reduction
from ..runtime import tracing
from ..runtime.tensor import Tensor, Variable
from . import context
from .base import BatchShape, Layer, positive, sized


class _Normalization(Layer):
    """What the normalizing layers share: a learned scale ``gamma`` and offset ``beta``.

    Args:
        axis: of the features.
        epsilon: keeps divisions finite.
        center, scale: whether there is a ``beta`` and a ``gamma``.
        beta_initializer, gamma_initializer and the regularizers and constraints: of the two.
    """

    supports_masking = True

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        self.axis = axis if isinstance(axis, int) else list(axis)
        self.epsilon = 1e-3 if epsilon is None else epsilon
        self.center, self.scale = center, scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)

    def axes(self, rank: int) -> list[int]:
        """The feature axes, counted from the start."""
        given = [self.axis] if isinstance(self.axis, int) else self.axis
        if any(not -rank <= axis < rank for axis in given):
            raise ValueError(f"Invalid axis for layer {self.name}: {self.axis} with an input of rank {rank}")
        return sorted(axis % rank for axis in given)

    def add_scale_and_offset(self, shape: Sequence[int], scale: bool, center: bool) -> None:
        self.gamma: Variable | None = None
        self.beta: Variable | None = None
        if scale:
            self.gamma = self.add_weight(
                "gamma", shape, self.gamma_initializer, self.gamma_regularizer, self.gamma_constraint
            )
        if center:
            self.beta = self.add_weight(
                "beta", shape, self.beta_initializer, self.beta_regularizer, self.beta_constraint
            )

    def scaled(self, x: Tensor, axes: Sequence[int]) -> Tensor:
        """Normalized values with scale and offset along the feature axes."""
        if self.gamma is not None:
            x = a.mul(x, along(self.gamma, x.shape, axes))
        if self.beta is not None:
            x = a.add(x, along(self.beta, x.shape, axes))
        return x


def along(weight: Tensor, shape: Sequence[int], axes: Sequence[int]) -> Tensor:
    """A weight over some axes of a tensor, to broadcast against it."""
    return movement.reshape(weight, [d if i in axes else 1 for i, d in enumerate(shape)])


def moments(x: Tensor, axes: Sequence[int], weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Mean and variance over axes, which stay with size 1; weights say how much each position counts."""
    if weights is None:
        mean = reduction.mean(x, axes, True)
        return mean, reduction.mean(a.squared_difference(x, mean), axes, True)
    total = a.maximum(reduction.sum(a.mul(a.add(a.mul(x, 0.0), 1.0), weights), axes, True), 1e-7)
    mean = a.div(reduction.sum(a.mul(x, weights), axes, True), total)
    return mean, a.div(reduction.sum(a.mul(a.squared_difference(x, mean), weights), axes, True), total)


class BatchNormalization(_Normalization):
    """In training, normalizes by the batch's mean and variance and remembers moving averages of both; otherwise by
    those. Frozen, by itself or by a layer around it, it always uses the averages. Masked positions do not count.

    Ioffe and Szegedy, "Batch Normalization" (2015).

    Args:
        momentum: how much of the moving averages stays in each step.
        moving_mean_initializer, moving_variance_initializer: of the averages.
        renorm: whether training normalizes by averages too, with the batch's deviation from them as a constant: Ioffe,
            "Batch Renormalization" (2017). Inference is the same.
        renorm_clipping: limits of the scale and the offset that lead from the batch to the averages, ``"rmin"``,
            ``"rmax"`` and ``"dmax"``.
        renorm_momentum: how much of those averages, which are none of the moving ones, stays in each step.

    >>> import weblayers as wl
    >>> wl.layers.batch_normalization(epsilon=0).apply(wl.tensor2d([[1], [3]]), training=True).array_sync()
    [[-1.0], [1.0]]
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        renorm: bool = False,
        renorm_clipping: Mapping[str, float | None] | None = None,
        renorm_momentum: float = 0.99,
        **shared: Any,
    ) -> None:
        super().__init__(axis, epsilon, center, scale, beta_initializer, gamma_initializer, **shared)
        if isinstance(self.axis, list):
            if len(self.axis) != 1:
                raise ValueError(f"{self.name}: axis must be one axis, got {self.axis}")
            (self.axis,) = self.axis
        self.momentum = momentum
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.renorm, self.renorm_momentum = bool(renorm), renorm_momentum
        self.renorm_clipping = {k: v for k, v in (renorm_clipping or {}).items() if v is not None}
        unknown = self.renorm_clipping.keys() - {"rmin", "rmax", "dmax"}
        low, high, shift = (self.renorm_clipping.get(k, v) for k, v in (("rmin", 0), ("rmax", math.inf), ("dmax", 0)))
        if unknown or low > high or shift < 0:
            raise ValueError(
                f"{self.name}: renorm_clipping has rmin, an rmax that is not smaller, and a dmax that is not negative;"
                f" got {renorm_clipping}"
            )

    def build(self, input_shape: BatchShape) -> None:
        (axis,) = self.axes(len(input_shape))
        shape = (sized(self, input_shape, axis),)
        self.add_scale_and_offset(shape, self.scale, self.center)
        self.moving_mean = self.add_weight("moving_mean", shape, self.moving_mean_initializer, trainable=False)
        self.moving_variance = self.add_weight(
            "moving_variance", shape, self.moving_variance_initializer, trainable=False
        )
        if self.renorm:
            deviation = lambda of: np.sqrt(np.asarray(self.moving_variance_initializer(of)))  # noqa: E731
            self.moving_stddev = self.add_weight("moving_stddev", shape, deviation, trainable=False)
            self.renorm_mean = self.add_weight("renorm_mean", shape, self.moving_mean_initializer, trainable=False)
            self.renorm_stddev = self.add_weight("renorm_stddev", shape, deviation, trainable=False)

    def call(self, inputs: Tensor, training: bool = False, mask: Tensor | None = None) -> Tensor:
        axes = self.axes(inputs.rank)
        if not training or context.is_frozen():
            mean, variance = (along(w, inputs.shape, axes) for w in (self.moving_mean, self.moving_variance))
            return self.scaled(self._normal(inputs, mean, variance), axes)
        others = [i for i in range(inputs.rank) if i not in axes]
        weights = None
        if mask is not None:
            weights = a.cast(movement.reshape(mask, (*mask.shape, *(1,) * (inputs.rank - mask.rank))), "float32")
        mean, variance = moments(inputs, others, weights)
        normal = self._normal(inputs, mean, variance)
        if self.renorm:
            normal = self._renormed(normal, mean, variance, axes)
        else:
            self._follow(self.moving_mean, mean, self.momentum)
            self._follow(self.moving_variance, variance, self.momentum)
        return self.scaled(normal, axes)

    def _normal(self, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        return a.mul(a.sub(x, mean), a.rsqrt(a.add(variance, self.epsilon)))

    def _follow(self, average: Variable, now: Tensor, momentum: float) -> Tensor:
        """Have a moving average take its step; gives what it is then."""
        step = a.mul(a.sub(average, movement.reshape(now, average.shape)), 1 - momentum)
        moved = a.sub(average, step)
        tracing.assign(average, moved)
        return moved

    def _renormed(self, normal: Tensor, mean: Tensor, variance: Tensor, axes: Sequence[int]) -> Tensor:
        """Normalized values as the averages of before would have them, which then take their step."""
        deviation, limits = a.sqrt(a.add(variance, self.epsilon)), self.renorm_clipping
        shape = normal.shape
        usual = a.maximum(along(self.renorm_stddev, shape, axes), math.sqrt(self.epsilon))
        scale, shift = a.div(deviation, usual), a.div(a.sub(mean, along(self.renorm_mean, shape, axes)), usual)
        if "rmin" in limits:
            scale = a.maximum(scale, limits["rmin"])
        if "rmax" in limits:
            scale = a.minimum(scale, limits["rmax"])
        if "dmax" in limits:
            shift = a.clip_by_value(shift, -limits["dmax"], limits["dmax"])
        self._follow(self.renorm_mean, mean, self.renorm_momentum)
        self._follow(self.renorm_stddev, deviation, self.renorm_momentum)
        self._follow(self.moving_mean, mean, self.momentum)
        moved = self._follow(self.moving_stddev, deviation, self.momentum)
        # rounding must not make it negative
        tracing.assign(self.moving_variance, a.maximum(a.sub(a.square(moved), self.epsilon), 0.0))
        return a.add(a.mul(normal, a.stop_gradient(scale)), a.stop_gradient(shift))

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        # TensorFlow.js does not know it
        return config if self.renorm else {k: v for k, v in config.items() if not k.startswith("renorm")}


class LayerNormalization(_Normalization):
    """Normalizes each sample over its features. Ba et al., "Layer Normalization" (2016).

    Args:
        rms_scaling: whether to divide without subtracting the mean; there is a ``gamma`` then and no ``beta``, whatever
            ``scale`` and ``center`` say.

    >>> import weblayers as wl
    >>> wl.layers.layer_normalization(epsilon=0).apply(wl.tensor2d([[1, 3]])).array_sync()
    [[-1.0, 1.0]]
    """

    def __init__(
        self, axis: int | Sequence[int] = -1, epsilon: float = 1e-3, rms_scaling: bool = False, **shared: Any
    ) -> None:
        super().__init__(axis, epsilon, **shared)
        self.rms_scaling = rms_scaling

    def build(self, input_shape: BatchShape) -> None:
        shape = [sized(self, input_shape, i) for i in self.axes(len(input_shape))]
        self.add_scale_and_offset(shape, self.scale or self.rms_scaling, self.center and not self.rms_scaling)

    def call(self, inputs: Tensor) -> Tensor:
        axes = self.axes(inputs.rank)
        mean, variance = moments(inputs, axes)
        centered = inputs if self.rms_scaling else a.sub(inputs, mean)
        return self.scaled(a.mul(centered, a.rsqrt(a.add(variance, self.epsilon))), axes)


class RMSNormalization(Layer):
    """Divides by the root mean square over the features. Zhang and Sennrich (2019). Masks end here, as in Keras.

    >>> import weblayers as wl
    >>> wl.layers.rms_normalization(epsilon=0).apply(wl.tensor2d([[2, 2]])).array_sync()
    [[1.0, 1.0]]
    """

    def __init__(self, axis: int | Sequence[int] = -1, epsilon: float = 1e-6, **base: Any) -> None:
        super().__init__(**base)
        self.axis, self.epsilon = axis if isinstance(axis, int) else list(axis), epsilon

    def _axes(self, rank: int) -> list[int]:
        return sorted(axis % rank for axis in ([self.axis] if isinstance(self.axis, int) else self.axis))

    def build(self, input_shape: BatchShape) -> None:
        shape = [sized(self, input_shape, i) for i in self._axes(len(input_shape))]
        self.scale = self.add_weight("scale", shape, "ones")

    def call(self, inputs: Tensor) -> Tensor:
        axes = self._axes(inputs.rank)
        mean_square = reduction.mean(a.square(inputs), axes, True)
        return a.mul(a.mul(inputs, a.rsqrt(a.add(mean_square, self.epsilon))), along(self.scale, inputs.shape, axes))


class GroupNormalization(_Normalization):
    """Normalizes each sample over groups of channels and all positions. Wu and He (2018).

    Args:
        groups: number of groups; -1 for one group per channel.

    >>> import weblayers as wl
    >>> wl.layers.group_normalization(groups=1, epsilon=0).apply(wl.tensor2d([[1, 3]])).array_sync()
    [[-1.0, 1.0]]
    """

    def __init__(self, groups: int = 32, axis: int = -1, epsilon: float = 1e-3, **shared: Any) -> None:
        super().__init__(axis, epsilon, **shared)
        self.groups = -1 if groups == -1 else positive(self.name, "groups", groups)

    def build(self, input_shape: BatchShape) -> None:
        (axis,) = self.axes(len(input_shape))
        channels = sized(self, input_shape, axis)
        self._parts = channels if self.groups == -1 else self.groups
        if channels % self._parts:
            raise ValueError(f"{self.name}: {channels} channels cannot be split into {self._parts} groups")
        self.add_scale_and_offset((channels,), self.scale, self.center)

    def call(self, inputs: Tensor) -> Tensor:
        (axis,) = self.axes(inputs.rank)
        shape = inputs.shape
        grouped = movement.reshape(inputs, (*shape[:axis], self._parts, shape[axis] // self._parts, *shape[axis + 1 :]))
        mean, variance = moments(grouped, [i for i in range(1, grouped.rank) if i != axis])
        normal = a.mul(a.sub(grouped, mean), a.rsqrt(a.add(variance, self.epsilon)))
        return self.scaled(movement.reshape(normal, shape), [axis])


class UnitNormalization(Layer):
    """Scales each sample to length 1 along an axis.

    >>> import weblayers as wl
    >>> wl.layers.unit_normalization().apply(wl.tensor2d([[3, 4]])).flatten().array_sync()[0]
    0.6000000238418579
    """

    supports_masking = True

    def __init__(self, axis: int | Sequence[int] = -1, **base: Any) -> None:
        super().__init__(**base)
        self.axis = axis if isinstance(axis, int) else list(axis)

    def call(self, inputs: Tensor) -> Tensor:
        squares = reduction.sum(a.square(inputs), self.axis, True)
        return a.mul(inputs, a.rsqrt(a.maximum(squares, 1e-12)))
