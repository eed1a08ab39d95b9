"""Dense, Embedding, and layers that only pass or change values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .. import activations, constraints, initializers, naming, regularizers
from ..ops import arithmetic as a
from ..ops import indexing, matrices, reduction
from ..runtime.tensor import Tensor
from .adaptation import Adaptable, adapted
from .base import BatchShape, Layer, check_axis, positive, sized, unique_name
from .symbolic import LayerCall, Output, Spec, SymbolicTensor


class Dense(Adaptable):
    """``activation(x @ kernel + bias)`` over the last axis.

    Args:
        units: size of the output's last axis.
        activation: name or function; linear if left out.
        use_bias: whether to add a bias.
        kernel_initializer, bias_initializer: initial weights.
        kernel_regularizer, bias_regularizer: what the weights add to the loss.
        kernel_constraint, bias_constraint: applied after each update.
        input_dim: short for ``input_shape=[input_dim]``.

    Shapes:
        ``[batch, ..., in]`` to ``[batch, ..., units]``; kernel ``[in, units]``, bias ``[units]``.

    >>> import weblayers as wl
    >>> wl.layers.dense(units=2, kernel_initializer="ones").apply(wl.ones([1, 3])).array_sync()
    [[3.0, 3.0]]
    """

    supports_masking = True

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_normal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        input_dim: int | None = None,
        **base: Any,
    ) -> None:
        if input_dim is not None:
            base["input_shape"] = [input_dim]
        super().__init__(**base)
        self.units = positive(self.name, "units", units)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def build(self, input_shape: BatchShape) -> None:
        if len(input_shape) < 2:
            raise ValueError(
                f"Input 0 is incompatible with layer {self.name}: expected min_ndim=2, found ndim={len(input_shape)}."
            )
        shape = (sized(self, input_shape, -1), self.units)
        self.kernel = self.add_weight(
            "kernel", shape, self.kernel_initializer, self.kernel_regularizer, self.kernel_constraint
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                "bias", (self.units,), self.bias_initializer, self.bias_regularizer, self.bias_constraint
            )
        self.adapt()

    def call(self, inputs: Tensor) -> Tensor:
        check_axis(self, inputs.shape, -1, self.kernel.shape[0])
        out = matrices.mat_mul(inputs, adapted(self.kernel))
        if self.bias is not None:
            out = a.add(out, self.bias)
        return self.activation(out)


class Embedding(Adaptable):
    """A vector for each integer: ``embeddings[x]``.

    Args:
        input_dim: how many integers there are; inputs are 0 to ``input_dim - 1``.
        output_dim: the length of the vectors.
        embeddings_initializer, embeddings_regularizer, embeddings_constraint: of the table ``[input_dim, output_dim]``.
        mask_zero: whether 0 means "nothing here"; later layers then leave it out.
        input_length: short for ``input_shape=[input_length]``.

    Raises:
        IndexError: for an index out of range, where the values are known on the host.

    >>> import weblayers as wl
    >>> wl.layers.embedding(input_dim=4, output_dim=2).apply(wl.tensor2d([[1, 2, 3]])).shape
    (1, 3, 2)
    """

    adapts = "embeddings"

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "random_uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        input_length: int | Sequence[int] | None = None,
        **base: Any,
    ) -> None:
        if not {"batch_input_shape", "input_shape", "batch_shape"} & base.keys():
            length = [input_length] if input_length is None or isinstance(input_length, int) else list(input_length)
            base["batch_input_shape"] = [base.get("batch_size"), *length]
        super().__init__(**base)
        self.input_dim = positive(self.name, "input_dim", input_dim)
        self.output_dim = positive(self.name, "output_dim", output_dim)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = bool(mask_zero)

    def build(self, input_shape: BatchShape) -> None:
        self.embeddings = self.add_weight(
            "embeddings",
            (self.input_dim, self.output_dim),
            self.embeddings_initializer,
            self.embeddings_regularizer,
            self.embeddings_constraint,
        )
        self.adapt()

    def call(self, inputs: Tensor) -> Tensor:
        if not inputs.is_symbolic and inputs.is_on_host and inputs.size:
            low, high = int(inputs.numpy().min()), int(inputs.numpy().max())
            if low < 0 or high >= self.input_dim:
                wrong = low if low < 0 else high
                raise IndexError(f"layer {self.name!r}: index {wrong} is not in [0, {self.input_dim - 1}]")
        numbers, adapter = a.cast(inputs, "int32"), self.embeddings.adapter
        vectors = indexing.gather(self.embeddings, numbers)
        return vectors if adapter is None else a.add(vectors, adapter.product(indexing.gather(adapter.first, numbers)))

    def compute_mask(self, inputs: Tensor, mask: Any = None) -> Any:
        return a.not_equal(inputs, 0) if self.mask_zero else None


class ReversibleEmbedding(Embedding):
    """An embedding that also gives a score for each integer: with ``reverse=True``, vectors times the table.

    Args:
        tie_weights: whether the table of the vectors is that of the scores too; else they have one of their own,
            ``[output_dim, input_dim]``.
        logit_soft_cap: the size that scores stay below, if there is one: ``cap * tanh(scores / cap)``.
        reverse_dtype: taken for Keras' sake; scores are float32.
        The others are those of :class:`Embedding`.

    >>> import weblayers as wl
    >>> layer = wl.layers.reversible_embedding(input_dim=4, output_dim=2)
    >>> vectors = layer.apply(wl.tensor2d([[1, 2, 3]]))
    >>> vectors.shape, layer.apply(vectors, reverse=True).shape
    ((1, 3, 2), (1, 3, 4))
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        tie_weights: bool = True,
        reverse_dtype: Any = None,
        logit_soft_cap: float | None = None,
        **embedding: Any,
    ) -> None:
        super().__init__(input_dim, output_dim, **embedding)
        self.tie_weights, self.reverse_dtype, self.logit_soft_cap = bool(tie_weights), reverse_dtype, logit_soft_cap

    def build(self, input_shape: BatchShape) -> None:
        super().build(input_shape)
        self.reverse_embeddings = None
        if not self.tie_weights:
            shape = (self.output_dim, self.input_dim)
            self.reverse_embeddings = self.add_weight("reverse_embeddings", shape, self.embeddings_initializer)

    def call(self, inputs: Tensor, reverse: bool = False) -> Tensor:
        if not reverse:
            return super().call(inputs)
        if self.reverse_embeddings is None:
            scores = matrices.mat_mul(inputs, adapted(self.embeddings), transpose_b=True)
        else:
            scores = matrices.mat_mul(inputs, self.reverse_embeddings)
        cap = self.logit_soft_cap
        return scores if cap is None else a.mul(a.tanh(a.div(scores, cap)), cap)

    def _attach_masks(self, inputs: Any, outputs: Any, mask: Any) -> None:
        # integers gain an axis, vectors do not: and a vector is never the integer 0
        if outputs.rank > inputs.rank:
            super()._attach_masks(inputs, outputs, mask)


class Activation(Layer):
    """An activation function as a layer.

    >>> import weblayers as wl
    >>> wl.layers.activation("relu").apply(wl.tensor1d([-1, 1])).array_sync()
    [0.0, 1.0]
    """

    supports_masking = True

    def __init__(self, activation: Any, **base: Any) -> None:
        super().__init__(**base)
        self.activation = activations.get(activation)

    def call(self, inputs: Tensor) -> Tensor:
        return self.activation(inputs)


class Identity(Layer):
    """The input itself.

    >>> import weblayers as wl
    >>> wl.layers.identity().apply(wl.ones([2])).shape
    (2,)
    """

    supports_masking = True

    def call(self, inputs: Any) -> Any:
        return inputs


class InputLayer(Identity):
    """Where a model's input comes in; made by :func:`weblayers.input`."""

    def __init__(self, shape: Sequence[int | None] | None = None, sparse: bool = False, **base: Any) -> None:
        if shape is not None:
            base["input_shape"] = shape
        super().__init__(**base)
        if self.batch_input_shape is None:
            raise ValueError("An InputLayer should be passed either a `batchInputShape` or an `inputShape`.")
        self.sparse = bool(sparse)


class Lambda(Layer):
    """A function of tensors as a layer. A model with one is saved by the function's name only.

    Args:
        function: of the input, built from ``wl`` ops. It may take ``mask`` and ``training``, too.
        output_shape: as Keras takes it; here the function itself tells.
        mask: the output's mask, or a function of inputs and mask; without it the output has none, as in Keras: a
            function may do away with the axis that the input's mask is of.
        arguments: further keyword arguments for the function.

    >>> import weblayers as wl
    >>> wl.layers.lambda_(lambda x: x * 2).apply(wl.ones([2])).array_sync()
    [2.0, 2.0]
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        if not callable(function):
            raise TypeError(f"{self.name}: function must be callable, got {type(function).__name__}")
        self.function, self.arguments, self.mask = function, arguments or {}, mask
        self._modes = {"mask", "training"} & naming.parameters(function).keys()

    def call(self, inputs: Any, mask: Any = None, training: bool = False) -> Any:
        modes = {"mask": mask, "training": training}
        return self.function(inputs, **self.arguments, **{name: modes[name] for name in self._modes})

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return self.mask(inputs, mask) if callable(self.mask) else self.mask


class Masking(Layer):
    """Marks the time steps that hold nothing but ``mask_value``, so that later layers leave them out.

    >>> import weblayers as wl
    >>> wl.layers.masking(mask_value=0).apply(wl.tensor3d([[[1, 2], [0, 0]]])).mask.array_sync()
    [[True, False]]
    """

    supports_masking = True

    def __init__(self, mask_value: float = 0.0, **base: Any) -> None:
        super().__init__(**base)
        self.mask_value = 0.0 if mask_value is None else mask_value

    def call(self, inputs: Tensor) -> Tensor:
        there = reduction.any(a.not_equal(inputs, self.mask_value), -1, True)
        return a.mul(inputs, a.cast(there, inputs.dtype))

    def compute_mask(self, inputs: Tensor, mask: Any = None) -> Any:
        return reduction.any(a.not_equal(inputs, self.mask_value), -1)


class EinsumDense(Adaptable):
    """``activation(einsum(equation, x, kernel) + bias)``: a dense layer over any axes.

    Args:
        equation: as for :func:`weblayers.einsum`, with two operands, for example ``"abc,cd->abd"``; ``...`` is allowed.
        output_shape: without the batch axis; None for sizes that the input has.
        bias_axes: letters of the output's axes that the bias has; no bias if left out.

    >>> import weblayers as wl
    >>> layer = wl.layers.einsum_dense("abc,cd->abd", output_shape=[None, 5], bias_axes="d")
    >>> layer.apply(wl.ones([2, 3, 4])).shape
    (2, 3, 5)
    """

    def __init__(
        self,
        equation: str,
        output_shape: int | Sequence[int | None],
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        self.equation = equation
        self._wanted_shape = [output_shape] if isinstance(output_shape, int) else list(output_shape)
        self.activation, self.bias_axes = activations.get(activation), bias_axes
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def build(self, input_shape: BatchShape) -> None:
        operands, out = self.equation.replace(" ", "").split("->")
        inputs, kernel = operands.split(",")
        from_start, from_end = _axis_sizes(inputs, input_shape)
        wanted_start, wanted_end = _axis_sizes(out, (None, *self._wanted_shape))
        known = {**from_end, **from_start}
        for letter, size in {**wanted_end, **wanted_start}.items():
            if size is not None:
                known[letter] = size
        missing = [letter for letter in kernel if known.get(letter) is None]
        if missing:
            raise ValueError(f"{self.name}: the sizes of {missing} in {self.equation!r} are not known")
        shape = tuple(known[letter] or 0 for letter in kernel)
        self.kernel = self.add_weight(
            "kernel", shape, self.kernel_initializer, self.kernel_regularizer, self.kernel_constraint
        )
        self.bias = None
        if self.bias_axes:
            letters = out.replace("...", "")
            first = min(letters.index(axis) for axis in self.bias_axes)
            bias_shape = tuple((known[x] or 0) if x in self.bias_axes else 1 for x in letters[first:])
            self.bias = self.add_weight(
                "bias", bias_shape, self.bias_initializer, self.bias_regularizer, self.bias_constraint
            )
        self.adapt()

    def call(self, inputs: Tensor) -> Tensor:
        out = matrices.einsum(self.equation, inputs, adapted(self.kernel))
        if self.bias is not None:
            out = a.add(out, self.bias)
        return self.activation(out)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "output_shape": self._wanted_shape}


def _axis_sizes(letters: str, shape: BatchShape) -> tuple[dict[str, int | None], dict[str, int | None]]:
    """Sizes by letter, of those before and of those after the ellipsis."""
    before, _, after = letters.partition("...")
    start = dict(zip(before, shape, strict=False))
    return start, dict(zip(reversed(after), reversed(shape), strict=False))


def input(
    shape: Sequence[int | None] | dict[str, Any] | None = None,
    batch_shape: Sequence[int | None] | None = None,
    dtype: str = "float32",
    name: str | None = None,
    batch_size: int | None = None,
    sparse: bool = False,
) -> SymbolicTensor:
    """A symbolic tensor to call layers on: where a functional model begins.

    Args:
        shape: without the batch axis. One object ``{"shape", "batchShape", "dtype", "name"}`` works too.
        batch_shape: with the batch axis.
        dtype: of the data.
        name: of the input.

    >>> import weblayers as wl
    >>> x = wl.input(shape=[3])
    >>> model = wl.model(inputs=x, outputs=wl.layers.dense(units=2).apply(x))
    >>> model.predict(wl.ones([4, 3])).shape
    (4, 2)
    """
    if isinstance(shape, Mapping):
        return input(**naming.arguments(input, "input", shape))
    if shape is None and batch_shape is None:
        raise ValueError("Please provide to Input either a `shape` or a `batchShape` argument.")
    full = tuple(batch_shape) if batch_shape is not None else (batch_size, *(shape or ()))
    layer = InputLayer(batch_input_shape=full, input_dtype=dtype, name=name or unique_name("input"), sparse=sparse)
    layer.built = True
    return LayerCall(layer, [], {}).give(Output(Spec(full, dtype), layer.name))
