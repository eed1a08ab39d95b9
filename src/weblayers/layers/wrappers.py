"""Layers around a layer: at every time step, or in both directions."""

from __future__ import annotations

from typing import Any

from .. import custom, initializers, naming, tree
from ..ops import arithmetic as a
from ..ops import matrices, movement, reduction, slicing
from ..runtime import tracing
from ..runtime.tensor import Tensor, Variable
from . import context, serialization
from .base import Layer, positive
from .recurrent import RNN


class Wrapper(Layer):
    """What wrappers share.

    Args:
        layer: the layer inside, or its configuration.
    """

    def __init__(self, layer: Any, **base: Any) -> None:
        super().__init__(**base)
        inner = serialization.deserialize(layer)
        if not isinstance(inner, Layer):
            raise TypeError(f"{self.name}: expected a layer to wrap, got {type(inner).__name__}")
        self.layer = inner


class TimeDistributed(Wrapper):
    """Applies a layer to every time step of ``[batch, steps, ...]``: to all at once, as if there were so many more
    samples. A layer that keeps something of a call, as in training a batch normalization does of its batch, is applied
    to one step after the other, which takes as many draws more.

    >>> import weblayers as wl
    >>> wl.layers.time_distributed(layer=wl.layers.dense(units=3)).apply(wl.ones([2, 5, 4])).shape
    (2, 5, 3)
    """

    supports_masking = True

    def __init__(self, layer: Any, **base: Any) -> None:
        super().__init__(layer, **base)
        self.layer.anonymous = True

    def build(self, input_shape: Any) -> None:
        if len(input_shape) < 3:
            raise ValueError(
                f"TimeDistributed layer expects an input shape >= 3D, but received input shape {list(input_shape)}"
            )
        self.layer.ensure_built((input_shape[0], *input_shape[2:]))

    def call(self, inputs: Tensor, training: bool = False, mask: Tensor | None = None) -> Tensor:
        batch, steps = inputs.shape[:2]
        if remembers(self.layer, training):
            return movement.stack([self._step(inputs, t, training, mask) for t in range(steps)], 1)
        flat = movement.reshape(inputs, (batch * steps, *inputs.shape[2:]))
        if mask is not None and mask.rank > 2:
            flat.mask = movement.reshape(mask, (batch * steps, *mask.shape[2:]))
        out = self.layer.apply(flat, training=training)
        return movement.reshape(out, (batch, steps, *out.shape[1:]))

    def _step(self, inputs: Tensor, t: int, training: bool, mask: Tensor | None) -> Tensor:
        step = slicing.get_item(inputs, (slice(None), t))
        if mask is not None and (mask.rank > 2 or self.layer.supports_masking):
            step.mask = slicing.get_item(mask, (slice(None), t))
        return self.layer.apply(step, training=training)


def remembers(layer: Layer, training: bool) -> bool:
    """Whether a call of a layer leaves something behind that is not trained: statistics of batches, states."""
    learns = training and not context.is_frozen()
    return any(
        part.stateful or (learns and part.trainable and _has_statistics(part)) for part in layer.flatten_layers()
    )


def _has_statistics(layer: Layer) -> bool:
    # what is adapted to data is so before
    return not hasattr(layer, "adapt") and any(
        not w.made_trainable and w.owner is not None and w.owner() is layer for w in layer.weights
    )


class SpectralNormalization(Wrapper):
    """Divides a layer's kernel by its largest singular value in each step of training, so that the layer stretches
    nothing: for discriminators. Miyato et al. (2018).

    The kernel itself is replaced, as in Keras, and stays as it is outside of training.

    Args:
        layer: a layer with a ``kernel`` or ``embeddings``.
        power_iterations: how often the estimate of the singular value, kept from step to step, is improved in a step.

    Raises:
        ValueError: a layer without them, or ``power_iterations`` that is not positive.

    >>> import weblayers as wl
    >>> layer = wl.layers.spectral_normalization(wl.layers.dense(2, kernel_initializer="identity", use_bias=False))
    >>> layer.apply(wl.tensor2d([[3, 4]]), training=True).shape
    (1, 2)
    """

    def __init__(self, layer: Any, power_iterations: int = 1, **base: Any) -> None:
        super().__init__(layer, **base)
        self.power_iterations = positive(self.name, "power_iterations", power_iterations)

    def build(self, input_shape: Any) -> None:
        self.layer.ensure_built(input_shape)
        kernel = getattr(self.layer, "kernel", getattr(self.layer, "embeddings", None))
        if kernel is None:
            raise ValueError(f"{self.name}: {self.layer.class_name} has neither a kernel nor embeddings to normalize")
        self.kernel: Variable = kernel
        self.vector_u = self.add_weight(
            "vector_u", (1, kernel.shape[-1]), initializers.TruncatedNormal(stddev=0.02), trainable=False
        )

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if training and not context.is_frozen():
            self._normalize()
        return self.layer.apply(inputs, training=training)

    @property
    def weights(self) -> list[Variable]:
        """The kernel before the estimate, as Keras has it."""
        kernel = vars(self).get("kernel")
        others = [w for w in super().weights if w is not kernel]
        return others if kernel is None else [kernel, *others]

    def _normalize(self) -> None:
        columns = self.kernel.shape[-1]
        matrix = movement.reshape(self.kernel, (self.kernel.size // columns, columns))
        right: Tensor = self.vector_u
        for _ in range(self.power_iterations):
            left = _unit(matrices.mat_mul(right, matrix, transpose_b=True))
            right = _unit(matrices.mat_mul(left, matrix))
        left, right = a.stop_gradient(left), a.stop_gradient(right)
        stretch = reduction.sum(a.mul(matrices.mat_mul(left, matrix), right))
        # a kernel of zeros has no direction: it stays, and so does the estimate
        nothing = a.equal(reduction.sum(a.abs(matrix)), 0.0)
        tracing.assign(self.vector_u, a.where(nothing, self.vector_u, right))
        tracing.assign(self.kernel, a.div(self.kernel, a.where(nothing, 1.0, stretch)))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return self.layer.compute_mask(inputs, mask)


def _unit(x: Tensor) -> Tensor:
    return a.mul(x, a.rsqrt(a.maximum(reduction.sum(a.square(x)), 1e-24)))


_MERGE_MODES = {"concat": "concat", "sum": "sum", "mul": "mul", "ave": "ave"}


class Bidirectional(Wrapper):
    """A recurrent layer forwards, and a copy of it backwards over the steps.

    Args:
        layer: a recurrent layer.
        merge_mode: ``"concat"``, ``"sum"``, ``"mul"``, ``"ave"``, or None for a list of both outputs.
        backward_layer: the layer for the other direction, where it is not a copy.

    >>> import weblayers as wl
    >>> wl.layers.bidirectional(layer=wl.layers.lstm(units=3)).apply(wl.ones([2, 5, 4])).shape
    (2, 6)
    """

    supports_masking = True

    def __init__(self, layer: Any, merge_mode: str | None = "concat", backward_layer: Any = None, **base: Any) -> None:
        inner = serialization.deserialize(layer)
        if not isinstance(inner, RNN):
            raise TypeError(f"Bidirectional expects a recurrent layer, got {type(inner).__name__}")
        if (
            inner.batch_input_shape is not None
            and not {"batch_input_shape", "input_shape", "batch_shape"} & base.keys()
        ):
            base["batch_input_shape"] = inner.batch_input_shape
        self_given = base.pop("weights", None)
        super().__init__(inner, **base)
        self._initial_weights = self_given
        if merge_mode is not None:
            merge_mode = naming.lookup("merge_mode", merge_mode, _MERGE_MODES)
        self.merge_mode = merge_mode
        config = inner.get_config()
        original = inner.name
        self.forward_layer = inner
        self.forward_layer.name = f"forward_{original}"
        other = serialization.deserialize(backward_layer)
        if other is None:
            turned = {**config, "go_backwards": not inner.go_backwards, "name": f"backward_{original}"}
            # a cell of one's own need not be registered for a copy
            with custom.lending({part.class_name: type(part) for part in inner.flatten_layers()}):
                other = type(inner).from_config(turned)
        self.backward_layer: RNN = other
        self._copied = backward_layer is None
        self.stateful = self.forward_layer.stateful

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        inner = dict(config["layer"]["config"], name=self.forward_layer.name.removeprefix("forward_"))
        config["layer"] = {**config["layer"], "config": inner}
        if self._copied:
            config.pop("backward_layer", None)
        return config

    def build(self, input_shape: Any) -> None:
        self.forward_layer.ensure_built(input_shape)
        self.backward_layer.ensure_built(input_shape)

    def call(self, inputs: Any, initial_state: Any = None, training: bool = False, mask: Tensor | None = None) -> Any:
        if isinstance(inputs, list | tuple):
            inputs, initial_state = inputs[0], list(inputs[1:]) or initial_state
        mask = mask[0] if isinstance(mask, list | tuple) else mask
        given = tree.leaves(initial_state) if initial_state else []
        half = len(given) // 2
        states = (given[:half], given[half:]) if given else (None, None)
        both = [
            layer.apply(inputs, initial_state=state, training=training, mask=mask)
            for layer, state in zip((self.forward_layer, self.backward_layer), states, strict=True)
        ]
        kept: list[Tensor] = []
        if self.forward_layer.return_state:
            kept = [s for out in both for s in out[1:]]
            both = [out[0] for out in both]
        if self.forward_layer.return_sequences:
            both[1] = movement.reverse(both[1], 1)
        result = self._merged(both)
        if not kept:
            return result
        return [*result, *kept] if isinstance(result, list) else [result, *kept]

    def _merged(self, both: list[Tensor]) -> Any:
        forward, backward = both
        if self.merge_mode == "concat":
            return movement.concat(both, -1)
        if self.merge_mode == "sum":
            return a.add(forward, backward)
        if self.merge_mode == "ave":
            return a.mul(a.add(forward, backward), 0.5)
        if self.merge_mode == "mul":
            return a.mul(forward, backward)
        return both

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        mask = mask[0] if isinstance(mask, list | tuple) else mask
        kept = mask if self.forward_layer.return_sequences else None
        return [kept, kept] if self.merge_mode is None else kept

    def reset_states(self, states: Any = None) -> None:
        """Forget what stateful layers have kept."""
        self.forward_layer.reset_states()
        self.backward_layer.reset_states()
