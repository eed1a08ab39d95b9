"""Attention: weighted sums of values, by how well keys answer queries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .. import constraints, initializers, regularizers
from ..ops import arithmetic as a
from ..ops import matrices, movement, normalization, reduction
from ..runtime import tracing
from ..runtime.tensor import Tensor
from .activation import NEVER, masked_softmax
from .base import Layer, positive
from .core import EinsumDense
from .regularization import Dropout


def causal_mask(queries: int, keys: int) -> Tensor:
    """``[1, queries, keys]``: True where a key is not later than the query."""
    rows = movement.reshape(tracing.positions(queries), (1, queries, 1))
    return a.less_equal(movement.reshape(tracing.positions(keys), (1, 1, keys)), rows)


class _DotAttention(Layer):
    """What the two one-headed kinds share. Called with ``[query, value]`` or ``[query, value, key]``.

    Args:
        use_scale: whether the scores are scaled by a weight.
        dropout: share of the scores that is dropped in training.
        seed: makes the dropout repeatable.

    ``apply`` takes ``mask=[query_mask, value_mask]``, ``use_causal_mask`` and ``return_attention_scores``.
    """

    supports_masking = True

    def __init__(self, use_scale: bool = False, dropout: float = 0.0, seed: int | None = None, **base: Any) -> None:
        super().__init__(**base)
        self.use_scale, self.dropout, self.seed = use_scale, dropout, seed
        self._dropping = Dropout(dropout, seed=seed)

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        """``[batch, queries, keys]``"""
        raise NotImplementedError(f"{type(self).__name__} does not say how queries and keys are compared")

    def call(
        self,
        inputs: Any,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
        training: bool = False,
        mask: Any = None,
    ) -> Any:
        if not isinstance(inputs, list | tuple) or len(inputs) not in (2, 3):
            raise ValueError(f"layer {self.name!r} is called with [query, value] or [query, value, key]")
        query, value = inputs[0], inputs[1]
        key = inputs[2] if len(inputs) > 2 else value
        query_mask, value_mask = (*(mask or (None, None)), None)[:2]
        scores = self.scores(query, key)
        allowed = movement.expand_dims(a.cast(value_mask, "bool"), 1) if value_mask is not None else None
        if use_causal_mask:
            causal = causal_mask(query.shape[1], key.shape[1])
            allowed = causal if allowed is None else a.logical_and(allowed, causal)
        if allowed is not None:
            scores = a.add(scores, a.mul(a.sub(1.0, a.cast(allowed, "float32")), NEVER))
        weights = self._dropping.apply(normalization.softmax(scores), training=training)
        result = matrices.mat_mul(weights, value)
        if query_mask is not None:
            result = a.mul(result, movement.expand_dims(a.cast(query_mask, "float32"), -1))
        return [result, weights] if return_attention_scores else result

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return mask[0] if mask else None


class Attention(_DotAttention):
    """Attention by dot products. Luong et al. (2015).

    Args:
        score_mode: ``"dot"``, or ``"concat"`` for ``tanh(query + key)`` summed up.
        The others: use_scale, dropout, seed.

    >>> import weblayers as wl
    >>> wl.layers.attention().apply([wl.ones([1, 2, 4]), wl.ones([1, 3, 4])]).shape
    (1, 2, 4)
    """

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **base: Any,
    ) -> None:
        super().__init__(use_scale, dropout, seed, **base)
        if score_mode not in ("dot", "concat"):
            raise ValueError(f"{self.name}: score_mode must be 'dot' or 'concat', got {score_mode!r}")
        self.score_mode = score_mode

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight("scale", (), "ones") if self.use_scale else None
        self.concat_score_weight = None
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight("concat_score_weight", (), "ones")

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        if self.concat_score_weight is None:
            product = matrices.mat_mul(query, key, transpose_b=True)
            return product if self.scale is None else a.mul(product, self.scale)
        both = a.add(movement.expand_dims(query, 2), movement.expand_dims(key, 1))
        if self.scale is not None:
            both = a.mul(both, self.scale)
        return a.mul(reduction.sum(a.tanh(both), -1), self.concat_score_weight)


class AdditiveAttention(_DotAttention):
    """Attention by ``sum(scale * tanh(query + key))``. Bahdanau et al. (2015).

    >>> import weblayers as wl
    >>> wl.layers.additive_attention().apply([wl.ones([1, 2, 4]), wl.ones([1, 3, 4])]).shape
    (1, 2, 4)
    """

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, seed: int | None = None, **base: Any) -> None:
        super().__init__(use_scale, dropout, seed, **base)

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight("scale", (input_shape[0][-1],), "glorot_uniform") if self.use_scale else None

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        both = a.tanh(a.add(movement.expand_dims(query, 2), movement.expand_dims(key, 1)))
        return reduction.sum(both if self.scale is None else a.mul(both, self.scale), -1)


class MultiHeadAttention(Layer):
    """Attention in several heads. Vaswani et al., "Attention Is All You Need" (2017).

    Args:
        num_heads: number of heads.
        key_dim: size of queries and keys in each head.
        value_dim: size of values in each head; ``key_dim`` if left out.
        num_key_value_heads: heads that keys and values have, if fewer: each then serves several queries.
        dropout: share of the scores that is dropped in training.
        use_bias: whether the projections have biases.
        output_shape: of the last axes of the result; the query's if left out.
        attention_axes: axes that are attended over; all but batch and features if left out.
        use_gate: not supported by this class.
        kernel_initializer, bias_initializer and the regularizers and constraints: of the projections.

    Called with ``(query, value, key=None)``; takes ``query_mask``, ``value_mask``, ``key_mask``, ``attention_mask``,
    ``use_causal_mask`` and ``return_attention_scores``.

    >>> import weblayers as wl
    >>> layer = wl.layers.multi_head_attention(num_heads=2, key_dim=3)
    >>> layer.apply(wl.ones([1, 4, 5]), wl.ones([1, 6, 5])).shape
    (1, 4, 5)
    """

    supports_masking = True

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | Sequence[int] | None = None,
        attention_axes: int | Sequence[int] | None = None,
        num_key_value_heads: int | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        seed: int | None = None,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        self.num_heads = positive(self.name, "num_heads", num_heads)
        self.key_dim = positive(self.name, "key_dim", key_dim)
        self.value_dim = self.key_dim if value_dim is None else positive(self.name, "value_dim", value_dim)
        self.num_key_value_heads = num_key_value_heads
        if self.num_heads % (num_key_value_heads or 1):
            raise ValueError(f"{self.name}: {num_heads} heads cannot share {num_key_value_heads} key-value heads")
        self.dropout, self.use_bias, self.seed = dropout, use_bias, seed
        self._wanted_shape = [output_shape] if isinstance(output_shape, int) else output_shape and list(output_shape)
        self.attention_axes = [attention_axes] if isinstance(attention_axes, int) else attention_axes
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self._dropping = Dropout(dropout, seed=seed)

    def _projection(self, equation: str, shape: Sequence[int | None], bias_axes: str, name: str) -> EinsumDense:
        return EinsumDense(
            equation=equation,
            output_shape=shape,
            bias_axes=bias_axes if self.use_bias else None,
            kernel_initializer=self.kernel_initializer,
            bias_initializer=self.bias_initializer,
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            kernel_constraint=self.kernel_constraint,
            bias_constraint=self.bias_constraint,
            name=name,
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "output_shape": self._wanted_shape}

    def build_projections(self, query: Sequence[Any], value: Sequence[Any], key: Sequence[Any]) -> None:
        """Make the layers that project queries, keys, values and the result."""
        heads, shared = self.num_heads, self.num_key_value_heads or self.num_heads
        for attribute, shape, count, size in (
            ("query_dense", query, heads, self.key_dim),
            ("key_dense", key, shared, self.key_dim),
            ("value_dense", value, shared, self.value_dim),
        ):
            free = [None] * (len(shape) - 2)
            layer = self._projection("...a,ahd->...hd", [*free, count, size], "hd", attribute.removesuffix("_dense"))
            setattr(self, attribute, layer)
            layer.ensure_built(tuple(shape))
        free = [None] * (len(query) - 2)
        out = self._wanted_shape or [query[-1]]
        letters = "pqrs"[: len(out)]
        self.output_dense = self._projection(
            f"...hd,hd{letters}->...{letters}", [*free, *out], letters, "attention_output"
        )
        self.output_dense.ensure_built((*query[:-1], heads, self.value_dim))

    def build(self, input_shape: Any) -> None:
        shapes = list(input_shape) if isinstance(input_shape, list) else [input_shape]
        self.build_projections(shapes[0], shapes[-1] if len(shapes) < 2 else shapes[1], shapes[-1])

    def ensure_built(self, input_shape: Any) -> None:
        # value and key come as further arguments: the call knows their shapes
        return

    def call(
        self,
        query: Any,
        value: Any = None,
        key: Any = None,
        query_mask: Tensor | None = None,
        value_mask: Tensor | None = None,
        key_mask: Tensor | None = None,
        attention_mask: Tensor | None = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
        training: bool = False,
    ) -> Any:
        value = query if value is None else value
        key = value if key is None else key
        if not self.built:
            self.build_projections(*[(None, *t.shape[1:]) for t in (query, value, key)])
            self.built = True
            if self._initial_weights is not None:
                self.set_weights(self._initial_weights)
        axes = [a_ % query.rank for a_ in self.attention_axes or range(1, query.rank - 1)]
        q = a.mul(self.query_dense.apply(query), 1 / math.sqrt(self.key_dim))
        k, v = self.key_dense.apply(key), self.value_dense.apply(value)
        masks = [m if m is not None else t.mask for m, t in ((query_mask, query), (value_mask, value), (key_mask, key))]
        q, k, v = (_heads_first(t, axes) for t in (q, k, v))
        k, v = (self._for_all_heads(t) for t in (k, v))
        scores = matrices.mat_mul(q, k, transpose_b=True)
        allowed = self._allowed(masks, attention_mask, use_causal_mask, q, k)
        # as in Keras: where nothing is allowed, its fused form takes the mean of all values, and its plain form nothing
        fused = not (self.dropout or return_attention_scores) and query.rank == 3
        if allowed is not None and fused:
            weights = normalization.softmax(a.where(allowed, scores, NEVER))
        else:
            weights = masked_softmax(scores, allowed)
        mixed = matrices.mat_mul(self._dropping.apply(weights, training=training), v)
        result = self.output_dense.apply(_heads_back(mixed, query, axes))
        return [result, weights] if return_attention_scores else result

    def _for_all_heads(self, x: Tensor) -> Tensor:
        """Keys or values once for each head of the queries."""
        shared = self.num_key_value_heads
        if shared is None or shared == self.num_heads:
            return x
        times = self.num_heads // shared
        head = x.rank - 3
        wide = movement.expand_dims(x, head + 1)
        wide = movement.broadcast_to(wide, (*wide.shape[: head + 1], times, *wide.shape[head + 2 :]))
        return movement.reshape(wide, (*x.shape[:head], self.num_heads, *x.shape[head + 1 :]))

    def _allowed(
        self, masks: Sequence[Tensor | None], attention_mask: Tensor | None, causal: bool, q: Tensor, k: Tensor
    ) -> Tensor | None:
        """Which query may attend to which key, to broadcast against ``[batch, ..., heads, queries, keys]``."""
        query_mask, value_mask, key_mask = masks
        parts = []
        if query_mask is not None:
            parts.append(movement.expand_dims(query_mask, 2))
        for m in {id(m): m for m in (value_mask, key_mask) if m is not None}.values():
            parts.append(movement.expand_dims(m, 1))
        if causal:
            parts.append(causal_mask(q.shape[-2], k.shape[-2]))
        if attention_mask is not None:
            parts.append(attention_mask)
        out: Tensor | None = None
        for part in parts:
            part = a.cast(part, "bool")
            out = part if out is None else a.logical_and(out, part)
        if out is None:
            return None
        # the head axis comes before queries and keys
        return movement.reshape(out, (*out.shape[:-2], *(1,) * (q.rank - out.rank), *out.shape[-2:]))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return mask


class GroupQueryAttention(MultiHeadAttention):
    """Multi-head attention in which several query heads share a key and a value head. Ainslie et al. (2023).

    Args:
        head_dim: size of each head.
        num_query_heads, num_key_value_heads: numbers of heads; the first is a multiple of the second.
        The others are those of :class:`MultiHeadAttention`.

    >>> import weblayers as wl
    >>> layer = wl.layers.group_query_attention(head_dim=2, num_query_heads=4, num_key_value_heads=2)
    >>> layer.apply(wl.ones([1, 4, 5]), wl.ones([1, 6, 5])).shape
    (1, 4, 5)
    """

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **shared: Any,
    ) -> None:
        super().__init__(
            num_query_heads,
            head_dim,
            dropout=dropout,
            use_bias=use_bias,
            num_key_value_heads=num_key_value_heads,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            **shared,
        )
        self.head_dim, self.num_query_heads = head_dim, num_query_heads

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {k: v for k, v in config.items() if k not in ("num_heads", "key_dim", "value_dim")}


def _heads_first(x: Tensor, axes: Sequence[int]) -> Tensor:
    """``[batch, ..., heads, size]`` to ``[batch, others, heads, attended, size]``, the attended axes in one."""
    head = x.rank - 2
    others = [i for i in range(1, head) if i not in axes]
    moved = movement.transpose(x, [0, *others, head, *axes, x.rank - 1])
    lead = [x.shape[0], *(x.shape[i] for i in others), x.shape[head]]
    return movement.reshape(moved, [*lead, math.prod(x.shape[i] for i in axes), x.shape[-1]])


def _heads_back(x: Tensor, query: Tensor, axes: Sequence[int]) -> Tensor:
    """The inverse of :func:`_heads_first`, for the shape of the query."""
    others = [i for i in range(1, query.rank - 1) if i not in axes]
    order = [0, *others, query.rank - 1, *axes, query.rank]
    heads, size = x.shape[-3], x.shape[-1]
    spread = movement.reshape(
        x, [query.shape[0], *(query.shape[i] for i in others), heads, *(query.shape[i] for i in axes), size]
    )
    return movement.transpose(spread, [order.index(i) for i in range(query.rank + 1)])
