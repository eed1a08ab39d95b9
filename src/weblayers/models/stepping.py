"""What a model does with a batch: the methods that fit, evaluate and predict call, for subclasses to override."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import tree
from ..layers import context
from ..runtime.tensor import Tensor
from .compilation import Compilation, listed
from .evaluation import Evaluator
from .objective import output_losses, step, total
from .structure import Container


class Stepping(Container):
    """A container that knows what to do with a batch, once it is said how it is trained. All is traced once."""

    def __init__(self, **base: Any) -> None:
        super().__init__(**base)
        self._evaluator = Evaluator()

    @property
    def is_compiled(self) -> bool:
        """Whether it is known how the model is trained."""
        return self._evaluator.is_compiled

    def compiled(self) -> Compilation:
        """What ``compile`` was given.

        Raises:
            RuntimeError: if it was not called.
        """
        return self._evaluator.compilation

    def train_step(self, data: Any) -> Any:
        """What training does with a batch, and its logs: for subclasses to override. It is traced once.

        A step of one's own gets what ``fit`` was given of the batch: inputs, ``(inputs, targets)`` or ``(inputs,
        targets, sample weights)``, see :func:`weblayers.utils.unpack_x_y_sample_weight`. It gives numbers by name: the
        results of metrics, which are those of the whole epoch, or tensors, of which the epoch's last count.

        >>> import asyncio, weblayers as wl
        >>> class Own(wl.Sequential):
        ...     def train_step(self, data):
        ...         x, y = data
        ...         with wl.GradientTape() as tape:
        ...             loss = self.compute_loss(x=x, y=y, y_pred=self(x, training=True))
        ...         self.optimizer.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
        ...         return {"loss": loss}
        >>> model = Own([wl.layers.dense(units=1, input_shape=[1])])
        >>> model.compile(optimizer="sgd", loss="mean_squared_error")
        >>> async def main():
        ...     return await model.fit(wl.ones([4, 1]), wl.ones([4, 1]), epochs=2, verbose=0)
        >>> len(asyncio.run(main()).history["loss"])
        2
        """
        return step(self, data, training=True)

    def test_step(self, data: Any) -> Any:
        """What evaluation computes of a batch, as :meth:`train_step` does for training."""
        return step(self, data, training=False)

    def predict_step(self, data: Any) -> Any:
        """What :meth:`predict` computes of a batch of inputs: for subclasses to override. It is traced once."""
        return self.apply(data, training=False)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Tensor:
        """What training minimizes, a scalar: for subclasses to override, or to add to. It is traced once.

        By itself it is the outputs' losses, weighted as ``compile`` was told, what layers have added, and penalties.

        Args:
            x: the inputs, in a list or dictionary if there are several.
            y: targets with as many axes as predictions, in a list or dictionary for several outputs.
            y_pred: what the model has made of the inputs.
            sample_weight: what samples and their classes count, or None; in a list for several outputs.
            training: whether this is a step of training, and not of evaluation.
        """
        compilation = self.compiled()
        compilation.complete_for(y_pred)
        targets, weights = (listed(values, compilation.output_names) for values in (y, sample_weight))
        return total(self, compilation, output_losses(compilation, targets, tree.leaves(y_pred), weights))

    @property
    def losses(self) -> list[Tensor]:
        """What layers have added to the loss in the step that is traced, and the penalties of weights."""
        return [*context.added_losses(), *self.calculate_losses()]

    @property
    def metrics(self) -> list[Any]:
        """What follows the losses, the metrics of ``compile`` as one, and metrics that the model's layers have.

        A subclass may say which there are: those are in the logs that :meth:`compute_metrics` gives.
        """
        compiled = self._evaluator.tracked if self.is_compiled else []
        return [*compiled, *(m for layer in self.flatten_layers() for m in layer.own_metrics)]

    @property
    def metrics_names(self) -> list[str]:
        # of two of one name, logs have the later one
        return list(dict.fromkeys(n for metric in self.metrics for n in getattr(metric, "names", [metric.name])))

    def reset_metrics(self) -> None:
        """Have all metrics begin anew; a fit does so for each epoch."""
        for metric in self.metrics:
            metric.reset_state()

    def get_metrics_result(self) -> dict[str, Any]:
        """The results of all metrics, by name."""
        found: dict[str, Any] = {}
        for metric in self.metrics:
            result = metric.result()
            found.update(result if isinstance(result, Mapping) else {metric.name: result})
        return found

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Count a batch in the metrics of ``compile``, and give the results of all :attr:`metrics`: the step's logs.

        For subclasses to override, or to add to. It is traced once. Arguments as for :meth:`compute_loss`.
        """
        self._evaluator.compiled_metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()
