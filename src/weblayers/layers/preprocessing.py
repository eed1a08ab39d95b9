"""Layers that prepare data: scaling, resizing, cropping, categories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .. import naming
from ..ops import arithmetic as a
from ..ops import image, indexing, movement, reduction
from ..runtime import tracing
from ..runtime.conversion import to_tensor
from ..runtime.tensor import Tensor
from .base import BatchShape, Layer, positive, sized
from .formats import DATA_FORMATS, channels_back, channels_last


class Rescaling(Layer):
    """``x * scale + offset``.

    >>> import weblayers as wl
    >>> wl.layers.rescaling(scale=0.5, offset=1).apply(wl.tensor1d([2])).array_sync()
    [2.0]
    """

    supports_masking = True

    def __init__(self, scale: float | Sequence[float], offset: float | Sequence[float] = 0.0, **base: Any) -> None:
        super().__init__(**base)
        self.scale, self.offset = scale, offset

    def call(self, inputs: Tensor) -> Tensor:
        return a.add(a.mul(a.cast(inputs, "float32"), self.scale), self.offset)


class Normalization(Layer):
    """``(x - mean) / sqrt(variance)``, by given statistics or those of data: :meth:`adapt`.

    Args:
        axis: axes that have statistics of their own.
        mean, variance: the statistics, where they are known.
        invert: whether to undo the normalization.

    >>> import weblayers as wl
    >>> wl.layers.normalization(mean=3, variance=4).apply(wl.tensor2d([[5]])).array_sync()
    [[1.0]]
    """

    def __init__(
        self,
        axis: int | Sequence[int] | None = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        if (mean is None) != (variance is None):
            raise ValueError(f"{self.name}: give mean and variance both, or neither")
        self.axis = list(axis) if isinstance(axis, list | tuple) else axis
        self.mean, self.variance, self.invert = mean, variance, bool(invert)

    def _axes(self, rank: int) -> list[int]:
        if self.axis is None:
            return []
        given = [self.axis] if isinstance(self.axis, int) else self.axis
        return sorted(axis % rank for axis in given)

    def build(self, input_shape: BatchShape) -> None:
        if self.mean is not None:
            return
        shape = [sized(self, input_shape, i) for i in self._axes(len(input_shape))]
        self._mean = self.add_weight("mean", shape, "zeros", trainable=False)
        self._variance = self.add_weight("variance", shape, "ones", trainable=False)
        self._count = self.add_weight("count", (), "zeros", trainable=False, dtype="int32")

    def adapt(self, data: Any) -> None:
        """Take the statistics from data: samples, or a data set of batches of samples."""
        if self.mean is not None:
            raise RuntimeError(f"layer {self.name!r} was given its mean and variance: there is nothing to adapt")
        count, mean, squares = 0, np.zeros(()), np.zeros(())
        for values in batches_of(data):
            values = values[:, None] if values.ndim == 1 else values
            self.ensure_built((None, *values.shape[1:]))
            others = tuple(i for i in range(values.ndim) if i not in self._axes(values.ndim))
            # batches are joined as Chan et al. do it (1979)
            size, away = values.size // max(1, values.mean(others).size), values.mean(others) - mean
            count += size
            squares = squares + values.var(others) * size + away**2 * size * (count - size) / count
            mean = mean + away * size / count
        self._mean.assign(np.asarray(mean, np.float32))
        self._variance.assign(np.asarray(squares / count, np.float32))

    def call(self, inputs: Tensor) -> Tensor:
        axes = self._axes(inputs.rank)
        shape = [d if i in axes else 1 for i, d in enumerate(inputs.shape)]
        if self.mean is not None:
            given = (np.asarray(v, np.float32) for v in (self.mean, self.variance))
            inner = [inputs.shape[i] for i in axes]
            mean, variance = (tracing.constant(np.broadcast_to(v, inner).reshape(shape)) for v in given)
        else:
            mean, variance = (movement.reshape(w, shape) for w in (self._mean, self._variance))
        deviation = a.maximum(a.sqrt(variance), 1e-7)
        x = a.cast(inputs, "float32")
        return a.add(mean, a.mul(x, deviation)) if self.invert else a.div(a.sub(x, mean), deviation)


def batches_of(data: Any) -> list[np.ndarray]:
    """The batches of a data set that has its elements at hand, or the data as the only batch.

    Raises:
        ValueError: there are no samples.
    """
    arrays = (np.asarray(to_tensor(part).numpy(), np.float64) for part in parts_of(data))
    found = [array for array in arrays if array.size]
    if not found:
        raise ValueError("there are no data to adapt to")
    return found


def is_stream(data: Any) -> bool:
    """Whether data are a data set, and not values themselves."""
    return hasattr(data, "__next__") or hasattr(data, "__aiter__")


def parts_of(data: Any) -> Iterator[Any]:
    """The inputs of a data set's batches, or the data as the only one."""
    return (_inputs_of(part) for part in data) if is_stream(data) else iter([data])


def _inputs_of(batch: Any) -> Any:
    """A batch, which in a data set for training has targets too."""
    if isinstance(batch, dict):
        return batch["xs"]
    is_pair = isinstance(batch, tuple) or (isinstance(batch, list) and bool(batch) and isinstance(batch[0], Tensor))
    return batch[0] if is_pair else batch


class ImageLayer(Layer):
    """A layer over images ``[batch, height, width, channels]`` or one image without the batch."""

    def __init__(self, data_format: str | None = None, **base: Any) -> None:
        super().__init__(**base)
        self.data_format = naming.lookup("data_format", data_format or "channels_last", DATA_FORMATS)

    def call(self, inputs: Tensor) -> Tensor:
        if inputs.rank not in (3, 4):
            raise ValueError(f"layer {self.name!r} takes images of rank 3 or 4, got shape {list(inputs.shape)}")
        x = movement.expand_dims(inputs, 0) if inputs.rank == 3 else inputs
        out = channels_back(self.changed(channels_last(x, self.data_format)), self.data_format)
        return movement.squeeze(out, [0]) if inputs.rank == 3 else out

    def changed(self, x: Tensor) -> Tensor:
        """What becomes of a batch of images, channels last."""
        raise NotImplementedError


class Resizing(ImageLayer):
    """Images in another size.

    Args:
        height, width: the new size.
        interpolation: ``"bilinear"``, ``"nearest"``, ``"bicubic"``, ``"lanczos3"`` or ``"lanczos5"``.
        crop_to_aspect_ratio: whether to cut off what would be distorted.
        pad_to_aspect_ratio: whether to fill up instead.
        fill_value: what to fill with.
        antialias: whether to smooth when making smaller.

    >>> import weblayers as wl
    >>> wl.layers.resizing(height=2, width=3).apply(wl.ones([1, 4, 6, 1])).shape
    (1, 2, 3, 1)
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        self.height, self.width = positive(self.name, "height", height), positive(self.name, "width", width)
        self.interpolation = image.interpolation_name(interpolation)
        self.crop_to_aspect_ratio, self.pad_to_aspect_ratio = bool(crop_to_aspect_ratio), bool(pad_to_aspect_ratio)
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ValueError(f"{self.name}: crop_to_aspect_ratio or pad_to_aspect_ratio can be True, but not both")
        if fill_mode != "constant":
            raise ValueError(f"{self.name}: fill_mode must be 'constant', got {fill_mode!r}")
        self.fill_mode, self.fill_value, self.antialias = fill_mode, fill_value, bool(antialias)

    def changed(self, x: Tensor) -> Tensor:
        high, wide = x.shape[1:3]
        if self.crop_to_aspect_ratio:
            # the largest part of the new proportions, from the middle
            crop_high = max(1, min(high, int(wide * self.height / self.width)))
            crop_wide = max(1, min(wide, int(high * self.width / self.height)))
            begin = [0, (high - crop_high) // 2, (wide - crop_wide) // 2, 0]
            x = movement.slice(x, begin, [-1, crop_high, crop_wide, -1])
        elif self.pad_to_aspect_ratio:
            # as much on both sides, in Keras too: what is odd is left out
            top = max(0, int(wide * self.height / self.width) - high) // 2
            left = max(0, int(high * self.width / self.height) - wide) // 2
            x = movement.pad(x, [(0, 0), (top, top), (left, left), (0, 0)], self.fill_value)
        return image.resize(x, (self.height, self.width), self.interpolation, self.antialias)


class CenterCrop(ImageLayer):
    """The middle of images; those that are too small are resized first, as far as needed.

    >>> import weblayers as wl
    >>> wl.layers.center_crop(height=2, width=2).apply(wl.ones([1, 4, 4, 1])).shape
    (1, 2, 2, 1)
    """

    def __init__(self, height: int, width: int, **base: Any) -> None:
        super().__init__(**base)
        self.height, self.width = positive(self.name, "height", height), positive(self.name, "width", width)

    def changed(self, x: Tensor) -> Tensor:
        high, wide = x.shape[1:3]
        if high < self.height or wide < self.width:
            return Resizing(self.height, self.width, crop_to_aspect_ratio=True).changed(x)
        begin = [0, int((high - self.height) / 2), int((wide - self.width) / 2), 0]
        return movement.slice(x, begin, [-1, self.height, self.width, -1])


_OUTPUT_MODES = {"one_hot": "one_hot", "multi_hot": "multi_hot", "count": "count"}


class CategoryEncoding(Layer):
    """Integers as vectors: one-hot, multi-hot, or how often each occurs.

    Args:
        num_tokens: number of categories.
        output_mode: ``"multi_hot"``, ``"one_hot"`` or ``"count"``.

    ``apply`` takes ``count_weights`` for mode ``"count"``.

    >>> import weblayers as wl
    >>> wl.layers.category_encoding(num_tokens=3).apply(wl.tensor2d([[0, 2]], dtype="int32")).array_sync()
    [[1.0, 0.0, 1.0]]
    """

    def __init__(self, num_tokens: int, output_mode: str = "multi_hot", sparse: bool = False, **base: Any) -> None:
        super().__init__(**base)
        self.num_tokens = positive(self.name, "num_tokens", num_tokens)
        self.output_mode = naming.lookup("output_mode", output_mode, _OUTPUT_MODES)
        self.sparse = bool(sparse)

    def call(self, inputs: Tensor, count_weights: Any = None) -> Tensor:
        if not inputs.is_symbolic and inputs.is_on_host and inputs.size:
            low, high = inputs.numpy().min(), inputs.numpy().max()
            if low < 0 or high >= self.num_tokens:
                raise ValueError(
                    f"layer {self.name!r}: input values must be between 0 and {self.num_tokens - 1}, got"
                    f" {low} to {high}"
                )
        hot = indexing.one_hot(a.cast(inputs, "int32"), self.num_tokens, dtype="float32")
        if self.output_mode == "one_hot":
            return movement.squeeze(hot, [inputs.rank - 1]) if inputs.rank > 1 and inputs.shape[-1] == 1 else hot
        if count_weights is not None:
            hot = a.mul(hot, movement.expand_dims(to_tensor(count_weights), -1))
        if inputs.rank == 0:
            return hot
        return reduction.sum(hot, -2) if self.output_mode == "count" else reduction.max(hot, -2)


class Discretization(Layer):
    """Numbers as the index of the interval that they lie in.

    Args:
        bin_boundaries: between the intervals, in order; n of them make n + 1.
        num_bins: for :meth:`adapt`, which makes intervals that hold equally many.
        output_mode: ``"int"``, or as in :class:`CategoryEncoding`.

    >>> import weblayers as wl
    >>> wl.layers.discretization(bin_boundaries=[0, 1]).apply(wl.tensor1d([-1, 0.5, 3])).array_sync()
    [0, 1, 2]
    """

    def __init__(
        self,
        bin_boundaries: Sequence[float] | None = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        if bin_boundaries is None and num_bins is None:
            raise ValueError(f"{self.name}: give bin_boundaries, or num_bins and call adapt(data)")
        self.bin_boundaries = None if bin_boundaries is None else [float(v) for v in bin_boundaries]
        self.num_bins, self.epsilon, self.sparse = num_bins, epsilon, bool(sparse)
        self.output_mode = naming.lookup("output_mode", output_mode, {"int": "int", **_OUTPUT_MODES})

    def adapt(self, data: Any) -> None:
        """Choose boundaries so that the intervals hold equally many of the data: values, or a data set of batches."""
        if self.num_bins is None:
            raise RuntimeError(f"layer {self.name!r} was given its boundaries: there is nothing to adapt")
        shares = np.arange(1, self.num_bins) / self.num_bins
        self.bin_boundaries = np.quantile(np.concatenate([x.ravel() for x in batches_of(data)]), shares).tolist()

    def call(self, inputs: Tensor) -> Tensor:
        if self.bin_boundaries is None:
            raise RuntimeError(f"layer {self.name!r} has no boundaries yet: call adapt(data)")
        bounds = np.asarray(self.bin_boundaries, np.float32)
        above = a.greater_equal(movement.expand_dims(a.cast(inputs, "float32"), -1), bounds)
        index = a.cast(reduction.sum(above, -1), "int32")
        if self.output_mode == "int":
            return index
        return CategoryEncoding(len(bounds) + 1, self.output_mode).call(index)


__all__ = ["CategoryEncoding", "CenterCrop", "Discretization", "Normalization", "Rescaling", "Resizing"]
