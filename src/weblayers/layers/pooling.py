"""Pooling: of windows, of everything, and to given sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import naming
from ..ops import arithmetic as a
from ..ops import movement, pooling, reduction
from ..runtime.tensor import Tensor
from .base import Layer, check_rank
from .checks import told_by
from .formats import DATA_FORMATS, channels_back, channels_last, padding_mode, sizes


class _Pooling(Layer):
    """Pooling of windows.

    Args:
        pool_size: the window, one size or one for each axis.
        strides: the step; as large as the window if left out.
        padding: ``"valid"`` or ``"same"``.
        data_format: ``"channels_last"`` or ``"channels_first"``.
    """

    rank: int
    kind: str

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        self.pool_size = sizes(self.name, "pool_size", pool_size, self.rank)
        self.strides = self.pool_size if strides is None else sizes(self.name, "strides", strides, self.rank)
        self.padding = padding_mode(self.name, padding)
        self.data_format = naming.lookup("data_format", data_format or "channels_last", DATA_FORMATS)

    def call(self, inputs: Tensor) -> Tensor:
        check_rank(self, inputs.shape, self.rank + 2)
        x = channels_last(inputs, self.data_format)
        with told_by(self):
            out = pooling.reduce_window(x, self.kind, self.pool_size, self.strides, self.padding)
        return channels_back(out, self.data_format)


class _MaxPooling(_Pooling):
    """The maximum of every window; of equal maxima the first gets the gradient."""

    kind = "max"


class _AveragePooling(_Pooling):
    """The mean of every window, over the elements of it that lie in the input."""

    kind = "avg"


class MaxPooling1D(_MaxPooling):
    rank = 1


class MaxPooling2D(_MaxPooling):
    """The maximum of every window of an image.

    >>> import weblayers as wl
    >>> wl.layers.max_pooling2d(pool_size=2).apply(wl.ones([1, 4, 4, 1])).shape
    (1, 2, 2, 1)
    """

    rank = 2


class MaxPooling3D(_MaxPooling):
    rank = 3


class AveragePooling1D(_AveragePooling):
    rank = 1


class AveragePooling2D(_AveragePooling):
    """The mean of every window of an image.

    >>> import weblayers as wl
    >>> wl.layers.average_pooling2d(pool_size=2).apply(wl.ones([1, 4, 4, 1])).shape
    (1, 2, 2, 1)
    """

    rank = 2


class AveragePooling3D(_AveragePooling):
    rank = 3


class _Global(Layer):
    """One number for each channel.

    Args:
        data_format: ``"channels_last"`` or ``"channels_first"``.
        keepdims: whether the spatial axes stay, with size 1.
    """

    rank: int
    _function: Callable[..., Any]

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **base: Any) -> None:
        super().__init__(**base)
        self.data_format = naming.lookup("data_format", data_format or "channels_last", DATA_FORMATS)
        self.keepdims = keepdims

    def call(self, inputs: Tensor) -> Tensor:
        check_rank(self, inputs.shape, self.rank + 2)
        return type(self)._function(inputs, self._axes(), self.keepdims)

    def _axes(self) -> list[int]:
        first = 1 if self.data_format == "channels_last" else 2
        return list(range(first, first + self.rank))


class GlobalMaxPooling1D(_Global):
    rank = 1
    _function = staticmethod(reduction.max)


class GlobalMaxPooling2D(_Global):
    rank = 2
    _function = staticmethod(reduction.max)


class GlobalMaxPooling3D(_Global):
    rank = 3
    _function = staticmethod(reduction.max)


class GlobalAveragePooling1D(_Global):
    """The mean over the steps ``[batch, steps, features]``, of those that the mask has.

    >>> import weblayers as wl
    >>> wl.layers.global_average_pooling1d().apply(wl.tensor3d([[[1], [3]]])).array_sync()
    [[2.0]]
    """

    rank = 1
    _function = staticmethod(reduction.mean)

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is None:
            return super().call(inputs)
        (axis,) = self._axes()
        counts = movement.expand_dims(a.cast(mask, "float32"), 2 if axis == 1 else 1)
        total = reduction.sum(a.mul(inputs, counts), axis, self.keepdims)
        return a.div(total, reduction.sum(counts, axis, self.keepdims))


class GlobalAveragePooling2D(_Global):
    rank = 2
    _function = staticmethod(reduction.mean)


class GlobalAveragePooling3D(_Global):
    rank = 3
    _function = staticmethod(reduction.mean)


class _Adaptive(Layer):
    """Pooling to a given size: window i of n goes from ``floor(i * size / n)`` to ``ceil((i + 1) * size / n)``.

    Args:
        output_size: one size or one for each axis.
        data_format: ``"channels_last"`` or ``"channels_first"``.
    """

    rank: int
    _function: Callable[..., Any]

    def __init__(self, output_size: int | Sequence[int], data_format: str | None = None, **base: Any) -> None:
        super().__init__(**base)
        self.output_size = sizes(self.name, "output_size", output_size, self.rank)
        self.data_format = naming.lookup("data_format", data_format or "channels_last", DATA_FORMATS)

    def call(self, inputs: Tensor) -> Tensor:
        check_rank(self, inputs.shape, self.rank + 2)
        x = channels_last(inputs, self.data_format)
        for axis, n in enumerate(self.output_size, start=1):
            size = x.shape[axis]
            ends = [(i * size // n, -(-(i + 1) * size // n)) for i in range(n)]
            x = movement.concat([self._pooled(x, axis, start, stop) for start, stop in ends], axis)
        return channels_back(x, self.data_format)

    def _pooled(self, x: Tensor, axis: int, start: int, stop: int) -> Tensor:
        begin, size = [0] * x.rank, [-1] * x.rank
        begin[axis], size[axis] = start, stop - start
        return type(self)._function(movement.slice(x, begin, size), axis, True)


class AdaptiveMaxPooling1D(_Adaptive):
    rank = 1
    _function = staticmethod(reduction.max)


class AdaptiveMaxPooling2D(_Adaptive):
    rank = 2
    _function = staticmethod(reduction.max)


class AdaptiveMaxPooling3D(_Adaptive):
    rank = 3
    _function = staticmethod(reduction.max)


class AdaptiveAveragePooling1D(_Adaptive):
    rank = 1
    _function = staticmethod(reduction.mean)


class AdaptiveAveragePooling2D(_Adaptive):
    rank = 2
    _function = staticmethod(reduction.mean)


class AdaptiveAveragePooling3D(_Adaptive):
    rank = 3
    _function = staticmethod(reduction.mean)
