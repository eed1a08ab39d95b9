"""Blocks of transformers, and positions for them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import activations, initializers
from ..ops import arithmetic as a
from ..ops import movement, rearranging
from ..runtime import tracing
from ..runtime.tensor import Tensor
from .attention import MultiHeadAttention
from .base import BatchShape, Layer, positive, sized
from .core import Dense, Embedding
from .normalization import LayerNormalization
from .regularization import Dropout


class PositionEmbedding(Layer):
    """A learned vector for each position of ``[batch, ..., steps, features]``; add it to the tokens' vectors.

    Args:
        sequence_length: the largest number of steps.
        initializer: of the vectors ``[sequence_length, features]``.

    >>> import weblayers as wl
    >>> wl.layers.position_embedding(sequence_length=8).apply(wl.ones([2, 5, 3])).shape
    (2, 5, 3)
    """

    supports_masking = True

    def __init__(self, sequence_length: int, initializer: Any = "glorot_uniform", **base: Any) -> None:
        super().__init__(**base)
        self.sequence_length = positive(self.name, "sequence_length", sequence_length)
        self.initializer = initializers.get(initializer)

    def build(self, input_shape: BatchShape) -> None:
        shape = (self.sequence_length, sized(self, input_shape, -1))
        self.position_embeddings = self.add_weight("embeddings", shape, self.initializer)

    def call(self, inputs: Tensor, start_index: int = 0) -> Tensor:
        steps = inputs.shape[-2]
        if start_index + steps > self.sequence_length:
            raise ValueError(f"layer {self.name!r} has {self.sequence_length} positions, the input {steps} steps")
        rows = movement.slice(self.position_embeddings, [start_index, 0], [steps, inputs.shape[-1]])
        return movement.broadcast_to(rows, inputs.shape)


class SinePositionEncoding(Layer):
    """Sines and cosines of the position, to be added to the tokens' vectors. Vaswani et al. (2017).

    >>> import weblayers as wl
    >>> wl.layers.sine_position_encoding().apply(wl.ones([2, 5, 4])).shape
    (2, 5, 4)
    """

    supports_masking = True

    def __init__(self, max_wavelength: float = 10000, **base: Any) -> None:
        super().__init__(**base)
        self.max_wavelength = max_wavelength

    def call(self, inputs: Tensor, start_index: int = 0) -> Tensor:
        steps, features = inputs.shape[-2:]
        rates = self.max_wavelength ** -(2 * (np.arange(features) // 2) / features)
        angles = (np.arange(steps) + start_index)[:, None] * rates
        values = np.where(np.arange(features) % 2 == 0, np.sin(angles), np.cos(angles))
        return movement.broadcast_to(tracing.constant(values), inputs.shape)


class RotaryEmbedding(Layer):
    """Turns pairs of features by an angle that grows with the position: how far two steps are apart is then the angle
    between them. For queries and keys. Su et al., "RoFormer" (2021).

    The pairs are of the features' first half with their second half.

    Args:
        max_wavelength: over so many positions the slowest pair turns once, about.
        scaling_factor: positions are divided by it.
        sequence_axis, feature_axis: of the input.

    ``apply`` takes ``start_index``, the first step's position, or ``positions``, ``[steps]`` or ``[batch, steps]``.

    >>> import weblayers as wl
    >>> wl.layers.rotary_embedding().apply(wl.tensor3d([[[1, 0], [1, 0]]]))[0, 0].array_sync()
    [1.0, 0.0]
    """

    supports_masking = True

    def __init__(
        self,
        max_wavelength: float = 10000,
        scaling_factor: float = 1.0,
        sequence_axis: int = 1,
        feature_axis: int = -1,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        self.max_wavelength, self.scaling_factor = max_wavelength, scaling_factor
        self.sequence_axis, self.feature_axis = sequence_axis, feature_axis

    def build(self, input_shape: BatchShape) -> None:
        features = sized(self, input_shape, self.feature_axis)
        if features % 2:
            raise ValueError(f"{self.name}: pairs of features are turned, but there are {features}")

    def call(self, inputs: Tensor, start_index: Any = 0, positions: Any = None) -> Tensor:
        rank = inputs.rank
        steps_at, features_at = self.sequence_axis % rank, self.feature_axis % rank
        steps, half = inputs.shape[steps_at], inputs.shape[features_at] // 2
        if positions is None:
            positions = a.add(a.cast(tracing.positions(steps), "float32"), start_index)
        places = a.div(a.cast(positions, "float32"), float(self.scaling_factor))
        rates = tracing.constant(self.max_wavelength ** -(np.arange(half) / half))
        angles = a.mul(movement.expand_dims(places, -1), rates)
        if features_at < steps_at:
            angles = movement.transpose(angles, [*range(angles.rank - 2), angles.rank - 1, angles.rank - 2])
        shape = [1] * rank
        shape[0], shape[steps_at], shape[features_at] = angles.shape[0] if angles.rank > 2 else 1, steps, half
        angles = movement.reshape(angles, shape)
        cos, sin = a.cos(angles), a.sin(angles)
        first, second = rearranging.split(inputs, 2, features_at)
        turned = [a.sub(a.mul(first, cos), a.mul(second, sin)), a.add(a.mul(second, cos), a.mul(first, sin))]
        return movement.concat(turned, features_at)


class TokenAndPositionEmbedding(Layer):
    """A vector for each token plus one for its position.

    Args:
        vocabulary_size: number of tokens.
        sequence_length: the largest number of steps.
        embedding_dim: length of the vectors.
        embeddings_initializer: of both tables.
        mask_zero: whether token 0 means "nothing here".

    >>> import weblayers as wl
    >>> layer = wl.layers.token_and_position_embedding(vocabulary_size=9, sequence_length=5, embedding_dim=4)
    >>> layer.apply(wl.tensor2d([[1, 2, 3]])).shape
    (1, 3, 4)
    """

    supports_masking = True

    def __init__(
        self,
        vocabulary_size: int,
        sequence_length: int,
        embedding_dim: int,
        embeddings_initializer: Any = "random_uniform",
        mask_zero: bool = False,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        self.vocabulary_size, self.sequence_length = vocabulary_size, sequence_length
        self.embedding_dim, self.mask_zero = embedding_dim, mask_zero
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.token_embedding = Embedding(
            vocabulary_size, embedding_dim, self.embeddings_initializer, mask_zero=mask_zero, name="token_embedding"
        )
        self.position_embedding = PositionEmbedding(
            sequence_length, self.embeddings_initializer, name="position_embedding"
        )

    def build(self, input_shape: BatchShape) -> None:
        self.token_embedding.ensure_built(input_shape)
        self.position_embedding.ensure_built((*input_shape, self.embedding_dim))

    def call(self, inputs: Tensor) -> Tensor:
        tokens = self.token_embedding.apply(inputs)
        return a.add(tokens, self.position_embedding.apply(tokens))

    def compute_mask(self, inputs: Tensor, mask: Any = None) -> Any:
        return self.token_embedding.compute_mask(inputs, mask)


class _TransformerBlock(Layer):
    """What encoder and decoder share.

    Args:
        intermediate_dim: width of the feed-forward part.
        num_heads: heads of the attention.
        dropout: after attention and feed-forward, and on the attention's scores.
        activation: of the feed-forward part.
        layer_norm_epsilon: of the normalizations.
        kernel_initializer, bias_initializer: of all dense parts.
        normalize_first: whether normalization comes before each part instead of after it.
    """

    supports_masking = True

    def __init__(
        self,
        intermediate_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        activation: Any = "relu",
        layer_norm_epsilon: float = 1e-5,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        normalize_first: bool = False,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        self.intermediate_dim = positive(self.name, "intermediate_dim", intermediate_dim)
        self.num_heads = positive(self.name, "num_heads", num_heads)
        self.dropout, self.normalize_first = dropout, bool(normalize_first)
        self.activation = activations.get(activation)
        self.layer_norm_epsilon = layer_norm_epsilon
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self._dropping = Dropout(dropout)

    def _attention(self, features: int, name: str) -> MultiHeadAttention:
        size = features // self.num_heads
        if not size:
            raise ValueError(f"{self.name}: {features} features cannot be shared by {self.num_heads} heads")
        return MultiHeadAttention(
            self.num_heads,
            size,
            dropout=self.dropout,
            kernel_initializer=self.kernel_initializer,
            bias_initializer=self.bias_initializer,
            name=name,
        )

    def _norm(self, name: str) -> LayerNormalization:
        return LayerNormalization(epsilon=self.layer_norm_epsilon, name=name)

    def _dense(self, units: int, activation: Any, name: str) -> Dense:
        return Dense(
            units,
            activation,
            kernel_initializer=self.kernel_initializer,
            bias_initializer=self.bias_initializer,
            name=name,
        )

    def build_feedforward(self, features: int) -> None:
        self.feedforward_norm = self._norm("feedforward_layer_norm")
        self.feedforward_intermediate = self._dense(self.intermediate_dim, self.activation, "feedforward_intermediate")
        self.feedforward_output = self._dense(features, None, "feedforward_output")

    def residual(self, x: Tensor, norm: Layer, part: Any, training: bool) -> Tensor:
        """x with a part's result added, normalized before or after."""
        inner = norm.apply(x) if self.normalize_first else x
        out = a.add(x, self._dropping.apply(part(inner), training=training))
        return out if self.normalize_first else norm.apply(out)

    def feedforward(self, x: Tensor) -> Tensor:
        return self.feedforward_output.apply(self.feedforward_intermediate.apply(x))


class TransformerEncoder(_TransformerBlock):
    """Self-attention and a feed-forward part, each with a residual. Vaswani et al. (2017).

    ``apply`` takes ``padding_mask`` ``[batch, steps]`` and ``attention_mask`` ``[batch, steps, steps]``.

    >>> import weblayers as wl
    >>> wl.layers.transformer_encoder(intermediate_dim=8, num_heads=2).apply(wl.ones([1, 3, 4])).shape
    (1, 3, 4)
    """

    def build(self, input_shape: BatchShape) -> None:
        features = sized(self, input_shape, -1)
        self.self_attention = self._attention(features, "self_attention_layer")
        self.self_attention.build_projections(input_shape, input_shape, input_shape)
        self.self_attention.built = True
        self.self_attention_norm = self._norm("self_attention_layer_norm")
        self.build_feedforward(features)
        self.self_attention_norm.ensure_built(input_shape)
        self.feedforward_norm.ensure_built(input_shape)
        self.feedforward_intermediate.ensure_built(input_shape)
        self.feedforward_output.ensure_built((*input_shape[:-1], self.intermediate_dim))

    def call(
        self,
        inputs: Tensor,
        padding_mask: Tensor | None = None,
        attention_mask: Tensor | None = None,
        training: bool = False,
        mask: Tensor | None = None,
    ) -> Tensor:
        padding_mask = mask if padding_mask is None else padding_mask
        allowed = _joined_mask(padding_mask, attention_mask)

        def attend(x: Tensor) -> Any:
            return self.self_attention.apply(x, attention_mask=allowed, training=training)

        x = self.residual(inputs, self.self_attention_norm, attend, training)
        return self.residual(x, self.feedforward_norm, self.feedforward, training)


class TransformerDecoder(_TransformerBlock):
    """Causal self-attention, attention over an encoder's output where one is given, and a feed-forward part.

    ``apply(decoder_sequence, encoder_sequence=None)`` takes padding and attention masks for both, and
    ``use_causal_mask=False`` to look ahead. Vaswani et al. (2017).

    >>> import weblayers as wl
    >>> wl.layers.transformer_decoder(intermediate_dim=8, num_heads=2).apply(wl.ones([1, 3, 4])).shape
    (1, 3, 4)
    """

    def build_for(self, shape: BatchShape, encoder: BatchShape | None) -> None:
        features = sized(self, shape, -1)
        self.self_attention = self._attention(features, "self_attention")
        self.self_attention.build_projections(shape, shape, shape)
        self.self_attention.built = True
        self.self_attention_norm = self._norm("self_attention_layer_norm")
        self.self_attention_norm.ensure_built(shape)
        self.cross_attention: MultiHeadAttention | None = None
        if encoder is not None:
            self.cross_attention = self._attention(features, "cross_attention")
            self.cross_attention.build_projections(shape, encoder, encoder)
            self.cross_attention.built = True
            self.cross_attention_norm = self._norm("cross_attention_layer_norm")
            self.cross_attention_norm.ensure_built(shape)
        self.build_feedforward(features)
        self.feedforward_norm.ensure_built(shape)
        self.feedforward_intermediate.ensure_built(shape)
        self.feedforward_output.ensure_built((*shape[:-1], self.intermediate_dim))

    def ensure_built(self, input_shape: Any) -> None:
        # the encoder's sequence comes as a further argument: the call knows whether there is one
        return

    def call(
        self,
        inputs: Tensor,
        encoder_sequence: Tensor | None = None,
        decoder_padding_mask: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        encoder_padding_mask: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        use_causal_mask: bool = True,
        training: bool = False,
        mask: Tensor | None = None,
    ) -> Tensor:
        if not self.built:
            encoder = None if encoder_sequence is None else (None, *encoder_sequence.shape[1:])
            self.build_for((None, *inputs.shape[1:]), encoder)
            self.built = True
            if self._initial_weights is not None:
                self.set_weights(self._initial_weights)
        padding = mask if decoder_padding_mask is None else decoder_padding_mask
        allowed = _joined_mask(padding, decoder_attention_mask)

        def attend(x: Tensor) -> Any:
            return self.self_attention.apply(
                x, attention_mask=allowed, use_causal_mask=use_causal_mask, training=training
            )

        x = self.residual(inputs, self.self_attention_norm, attend, training)
        if encoder_sequence is not None:
            if self.cross_attention is None:
                raise ValueError(f"layer {self.name!r} was made without an encoder's sequence and cannot take one now")
            cross, seen = self.cross_attention, _joined_mask(encoder_padding_mask, encoder_attention_mask)

            def look(x: Tensor) -> Any:
                return cross.apply(x, encoder_sequence, attention_mask=seen, training=training)

            x = self.residual(x, self.cross_attention_norm, look, training)
        return self.residual(x, self.feedforward_norm, self.feedforward, training)


def _joined_mask(padding: Tensor | None, attention: Tensor | None) -> Tensor | None:
    """A mask over keys and one over pairs, as one over pairs."""
    if padding is None:
        return attention
    keys = movement.expand_dims(a.cast(padding, "bool"), 1)
    return keys if attention is None else a.logical_and(keys, a.cast(attention, "bool"))
