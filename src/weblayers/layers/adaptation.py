"""Low-rank adaptation: a weight stays as it is; trained is the product of two small matrices that is added to it."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import initializers
from ..ops import arithmetic as a
from ..ops import matrices
from ..runtime.tensor import Tensor, Variable
from . import context
from .base import Layer, positive

# In a model from a file, the matrices of a weight have at most so many times its numbers.
MOST = 64


class Adapter:
    """What is added to a weight: ``first @ second``, scaled."""

    def __init__(self, weight: Variable, first: Variable, second: Variable, scale: float) -> None:
        self.weight, self.first, self.second, self.scale = weight, first, second, scale

    def product(self, rows: Tensor) -> Tensor:
        """What is added to the rows of the weight for which these are those of the first matrix."""
        return a.mul(matrices.mat_mul(rows, self.second), self.scale)

    def merged(self) -> Tensor:
        """The weight with what is added to it: what files have."""
        return a.add(self.weight, self.product(self.first))

    def reset(self) -> None:
        """Add nothing: the weight has it all."""
        self.second.assign(np.zeros(self.second.shape, np.float32))


def adapted(weight: Variable) -> Tensor:
    """A weight, with what its adapter adds."""
    return weight if weight.adapter is None else weight.adapter.merged()


class Adaptable(Layer):
    """A layer with a weight, its kernel, that can be adapted. Hu et al., "LoRA" (2021).

    Args of every such layer, besides its own:
        lora_rank: the size that the two small matrices share; the weight itself is not trained then.
        lora_alpha: the product is multiplied by ``lora_alpha / lora_rank``; the rank, and so by 1, if left out.
    """

    # the name of the weight
    adapts = "kernel"

    def __init__(self, lora_rank: int | None = None, lora_alpha: float | None = None, **base: Any) -> None:
        super().__init__(**base)
        self.lora_rank = positive(self.name, "lora_rank", lora_rank) if lora_rank else None
        self.lora_alpha = lora_alpha if lora_alpha is not None else self.lora_rank

    @property
    def lora_enabled(self) -> bool:
        """Whether the weight is adapted."""
        return self._adaptable.adapter is not None

    @property
    def _adaptable(self) -> Variable:
        weight: Variable = getattr(self, self.adapts)
        return weight

    def enable_lora(
        self,
        rank: int,
        lora_alpha: float | None = None,
        a_initializer: Any = "he_uniform",
        b_initializer: Any = "zeros",
    ) -> None:
        """Train two small matrices from now on, and the weight itself no more. Compile the model again afterwards.

        Args:
            rank: the size that the two share.
            lora_alpha: their product is multiplied by ``lora_alpha / rank``; the rank if left out.
            a_initializer, b_initializer: of the two; with zeros for one of them the layer stays what it is at first.

        Raises:
            ValueError: the layer has no weights yet, is adapted already, or has a constraint.

        >>> import weblayers as wl
        >>> layer = wl.layers.dense(units=2)
        >>> layer.apply(wl.ones([1, 3])).shape
        (1, 2)
        >>> layer.enable_lora(rank=1)
        >>> [w.shape for w in layer.trainable_weights]
        [(2,), (3, 1), (1, 2)]
        """
        if not self.built:
            raise ValueError(f"{self.name}: low-rank adaptation needs weights: use the layer, or its model, before")
        if self.lora_enabled:
            raise ValueError(f"{self.name}: low-rank adaptation is enabled already, with rank {self.lora_rank}")
        self.lora_rank = positive(self.name, "rank", rank)
        self.lora_alpha = self.lora_rank if lora_alpha is None else lora_alpha
        self.adapt(a_initializer, b_initializer)

    def adapt(self, a_initializer: Any = "he_uniform", b_initializer: Any = "zeros") -> None:
        """Make the matrices, if there is a rank."""
        if self.lora_rank is None:
            return
        weight = self._adaptable
        if weight.constraint is not None:
            raise ValueError(f"{self.name}: a weight with a constraint cannot be adapted: the sum would not keep to it")
        # Keras penalizes the matrices of a kernel as it would the kernel
        penalty = weight.regularizer if self.adapts == "kernel" else None
        shapes = ((*weight.shape[:-1], self.lora_rank), (self.lora_rank, weight.shape[-1]))
        with context.beside_the_file(MOST * weight.size):
            first, second = (
                self.add_weight(f"lora_{self.adapts}_{letter}", shape, initializers.get(made), penalty)
                for letter, shape, made in zip("ab", shapes, (a_initializer, b_initializer), strict=True)
            )
        for one in (first, second):
            one.name, one.in_files = f"{weight.name.rpartition('/')[0]}/{one.name.rpartition('/')[2]}", False
        weight.trainable = False
        weight.adapter = Adapter(weight, first, second, float(self.lora_alpha or 0) / self.lora_rank)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return config if self.lora_rank else {k: v for k, v in config.items() if not k.startswith("lora_")}
