"""What a layer expects of its inputs, said once instead of checked in ``call``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import naming, tree


class InputSpec(naming.Named, metaclass=naming.Configurable):
    """The dtype, rank and sizes that a layer expects of an input. What is None does not matter.

    Args:
        dtype: its name.
        shape: sizes, None for free ones.
        ndim, max_ndim, min_ndim: the rank, or its limits.
        axes: sizes by axis.

    A layer that sets ``input_spec``, to one or to one for each input, has them checked whenever it is used.

    >>> import weblayers as wl
    >>> class Square(wl.layers.Layer):
    ...     def build(self, input_shape):
    ...         self.input_spec = wl.InputSpec(ndim=2, axes={1: 3})
    ...     def call(self, x):
    ...         return x * x
    >>> Square(name="square").apply(wl.ones([4, 3, 1]))
    Traceback (most recent call last):
      ...
    ValueError: Input 0 is incompatible with layer square: expected ndim=2, found ndim=3.
    """

    def __init__(
        self,
        dtype: str | None = None,
        shape: Sequence[int | None] | None = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: Mapping[int, int | None] | None = None,
    ) -> None:
        self.dtype, self.shape = dtype, None if shape is None else tuple(shape)
        self.ndim = ndim if shape is None else len(shape)
        self.max_ndim, self.min_ndim, self.axes = max_ndim, min_ndim, {int(k): v for k, v in (axes or {}).items()}

    def problem(self, tensor: Any) -> str | None:
        """What is wrong with a tensor; None if nothing is."""
        shape, rank = list(tensor.shape), len(tensor.shape)
        if self.ndim is not None and rank != self.ndim:
            return f"expected ndim={self.ndim}, found ndim={rank}"
        if self.max_ndim is not None and rank > self.max_ndim:
            return f"expected max_ndim={self.max_ndim}, found ndim={rank}"
        if self.min_ndim is not None and rank < self.min_ndim:
            return f"expected min_ndim={self.min_ndim}, found ndim={rank}"
        if self.dtype is not None and tensor.dtype != self.dtype:
            return f"expected dtype={self.dtype}, found dtype={tensor.dtype}"
        sizes = {**dict(enumerate(self.shape or ())), **self.axes}
        for axis, size in sizes.items():
            if not -rank <= axis < rank:
                return f"expected an axis {axis}, but got shape {shape}"
            if size is not None and shape[axis] not in (size, None):
                return f"expected axis {axis} of input shape to have value {size} but got shape {shape}"
        return None


def check_inputs(name: str, specs: InputSpec | Sequence[InputSpec | None] | None, inputs: Any) -> None:
    """Compare the inputs of a layer with what it expects.

    Raises:
        ValueError: for the first input that does not fit; the message names the layer and the input.
    """
    if not specs:
        return
    listed = [specs] if isinstance(specs, InputSpec) else specs
    tensors = tree.leaves(inputs)
    if len(tensors) != len(listed):
        raise ValueError(f"Layer {name} expects {len(listed)} inputs, but it received {len(tensors)} input tensors.")
    for i, (tensor, spec) in enumerate(zip(tensors, listed, strict=True)):
        problem = spec.problem(tensor) if spec is not None else None
        if problem:
            raise ValueError(f"Input {i} is incompatible with layer {name}: {problem}.")
