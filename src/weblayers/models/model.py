"""What every model can do: compile, fit, evaluate, predict, save."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .. import naming, optimizers
from ..callbacks import History
from ..io import saving, topology, training
from ..mixed_precision import global_policy
from ..runtime.conversion import to_tensor
from ..runtime.promise import Promise
from ..runtime.tensor import Tensor
from .data_sets import Samples, as_given, as_inputs, as_tree
from .feeds import is_dataset, parts_of
from .objective import check_overrides, may_add_losses, overrides
from .prediction import Predictor
from .promise import FitPromise
from .stepping import Stepping
from .steps import Steps
from .trainer import Trainer

if TYPE_CHECKING:
    from .explaining import Explanation


class BaseModel(Stepping):
    """A container that can be used and trained. It has a part for each: a predictor, an evaluator and a trainer."""

    def __init__(self, **base: Any) -> None:
        super().__init__(**base)
        self._predictor, self._trainer = Predictor(), Trainer()
        self.history: History | None = None
        self.dtype_policy = global_policy()

    def graph_changed(self) -> None:
        """What was traced is no longer the model."""
        self._predictor.clear()
        self._evaluator.clear()

    def free(self) -> int:
        """Free the weights that nothing else uses, and the optimizer's state; says how many there were."""
        self.graph_changed()
        return self.give_back() + self._evaluator.free()

    # -- data ---------------------------------------------------------------------------------------------------------

    def model_inputs(self, x: Any) -> list[Tensor]:
        """What was given, as a checked list of inputs."""
        given = self.match_inputs(as_tree(x, several=len(self.input_shapes or [0]) > 1 or self.input_shapes is None))
        shapes = self.input_shapes
        if shapes is None:
            return [to_tensor(v) for v in given]
        names = getattr(self, "input_names", None) or ["input"] * len(shapes)
        labels = ["input"] if len(shapes) == 1 else names
        given = [to_tensor(v) for v in given]
        for tensor, wire, label in zip(given, getattr(self, "inputs", []), labels, strict=True):
            if tensor.dtype == "string" and wire.dtype != "string":
                raise TypeError(
                    f"Error when checking {label}: model {self.name!r} expected numbers there, but got strings."
                    " Words need an input of dtype 'string', and a StringLookup or the like behind it"
                )
        return [as_inputs(v, s, n) for v, s, n in zip(given, shapes, labels, strict=True)]

    def samples(self, x: Any, y: Any, sample_weight: Any = None, training: bool = True) -> Samples:
        """Inputs, targets and weights for a step: checked and in order, or as they are given for one of its own."""
        if self._has_own_step(training):
            return as_given(x, y, sample_weight)
        return self._evaluator.samples(self, x, y, sample_weight)

    def tested(self, samples: Samples, x: Any, y: Any, sample_weight: Any) -> Samples:
        """What :meth:`samples` gave for training, for steps without training."""
        alike = self._has_own_step(True) == self._has_own_step(False)
        return samples if alike else self.samples(x, y, sample_weight, training=False)

    def read_batch(self, element: Any, training: bool = True) -> Samples:
        """The samples of a data set's element."""
        needs_no_targets = self._has_own_step(training) or self.loss is None
        x, y, sample_weight = (*parts_of(element, anything=needs_no_targets), None)[:3]
        return self.samples(x, y, sample_weight, training)

    def _has_own_step(self, training: bool) -> bool:
        return overrides(self, "train_step" if training else "test_step", Stepping)

    # -- predicting ---------------------------------------------------------------------------------------------------

    def predict(self, x: Any, config: dict[str, Any] | None = None, **kwargs: Any) -> Any:
        """The model's output for inputs. Returns at once; reading the values waits.

        ``batch_size`` limits how many samples are computed at a time; left out, memory decides. ``steps`` is how many
        batches, of 32 if nothing is said, are looked at.

        For a data set it is a promise of the output, and the page has its turn between the batches. Targets in the data
        set are ignored; ``steps`` limits how many batches are looked at. With ``callbacks``, which are told of batches,
        it is a promise too.
        """
        given = {**(config or {}), **kwargs}
        if is_dataset(x):
            options = _predict_dataset_options(**naming.arguments(_predict_dataset_options, "predict", given))
            return Promise(self._predictor.predict_dataset(self, x, options["steps"], options["callbacks"]))
        options = _predict_options(**naming.arguments(_predict_options, "predict", given))
        return self._predictor.predict(self, x, options["batch_size"], options["callbacks"], options["steps"])

    def predict_on_batch(self, x: Any) -> Any:
        """The output for inputs that are computed in one go."""
        return self._predictor.predicted(self, self.model_inputs(x), self.arranged(x))

    # -- compiling ----------------------------------------------------------------------------------------------------

    def compile(
        self,
        optimizer: Any = "sgd",
        loss: Any = None,
        metrics: Any = None,
        loss_weights: Any = None,
        weighted_metrics: Any = None,
        *,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
        **unknown: Any,
    ) -> None:
        """Choose how the model is trained.

        Args:
            optimizer: name or Optimizer. One object ``{"optimizer", "loss", "metrics"}`` works too.
            loss: name, Loss or function of targets and predictions; for several outputs a list or a dictionary. A model
                that overrides :meth:`compute_loss` or :meth:`train_step`, or has layers that add losses, needs none.
            metrics: names, Metrics or functions, in a list or alone; for several outputs lists in a list or dictionary.
            loss_weights: how much each output's loss counts.
            weighted_metrics: metrics that sample and class weights apply to.
            run_eagerly, steps_per_execution, jit_compile, auto_scale_loss: are Keras', and change nothing: steps are
                traced once, compiled, and run ahead.

        Raises:
            TypeError: an unknown argument; the message names the nearest.
        """
        naming.arguments(BaseModel.compile, "compile", unknown)
        if isinstance(optimizer, dict) and "class_name" not in optimizer:
            self.compile(**naming.arguments(type(self).compile, "compile", optimizer))
            return
        self.check_usable()
        check_overrides(self)
        own = any(overrides(self, name, Stepping) for name in ("compute_loss", "train_step"))
        if loss is None and not own and not any(map(may_add_losses, self.flatten_layers())):
            raise ValueError("compile needs a loss, for example loss='mean_squared_error'")
        self._evaluator.compile(self, optimizer, loss, metrics, loss_weights, weighted_metrics)

    @property
    def optimizer(self) -> optimizers.Optimizer:
        return self.compiled().optimizer

    @property
    def loss(self) -> Any:
        return self.compiled().given_loss

    @property
    def loss_functions(self) -> list[Any]:
        """The losses of the outputs, as objects."""
        return list(self.compiled().losses)

    @property
    def steps(self) -> Steps:
        """The traced functions of the compiled model."""
        return self._evaluator.steps(self)

    # -- evaluating ---------------------------------------------------------------------------------------------------

    def evaluate(self, x: Any, y: Any = None, config: dict[str, Any] | None = None, **kwargs: Any) -> Any:
        """Loss and metrics over the samples, as scalar tensors, in the order of ``metrics_names``.

        Returns at once; reading the values waits. ``batch_size`` is 32; ``sample_weight`` as in :meth:`fit`; ``steps``
        is how many batches are looked at; ``return_dict`` gives them by name. With ``callbacks`` it is a promise, as
        for a data set for ``x``, which is evaluated as by :meth:`evaluate_dataset`.
        """
        if is_dataset(x):
            return self.evaluate_dataset(x, y if config is None else config, **kwargs)
        options = _evaluate_options(**naming.arguments(_evaluate_options, "evaluate", {**(config or {}), **kwargs}))
        del options["verbose"]
        return self._evaluator.evaluate(self, x, y, **options)

    def evaluate_dataset(self, dataset: Any, config: dict[str, Any] | None = None, **kwargs: Any) -> Promise:
        """Loss and metrics over a data set, as scalar tensors, in the order of ``metrics_names``.

        ``batches`` is how many of its batches are looked at, all if left out; ``return_dict`` gives them by name.
        """
        given = naming.arguments(_evaluate_dataset_options, "evaluate_dataset", {**(config or {}), **kwargs})
        options = _evaluate_dataset_options(**given)
        del options["verbose"]
        return self._evaluator.evaluate_dataset(self, dataset, **options)

    def test_on_batch(self, x: Any, y: Any, sample_weight: Any = None, return_dict: bool = False) -> Promise:
        """Loss of one batch, or loss and metrics in a list or by name, without training."""
        return self._evaluator.test_on_batch(self, x, y, sample_weight, return_dict)

    # -- training -----------------------------------------------------------------------------------------------------

    @property
    def stop_training(self) -> bool:
        """Whether training is to end. Set it from anywhere, and a fit ends in order after the steps under way."""
        return self._trainer.stop

    @stop_training.setter
    def stop_training(self, value: bool) -> None:
        self._trainer.stop = value

    def fit(self, x: Any, y: Any = None, config: dict[str, Any] | None = None, **kwargs: Any) -> FitPromise:
        """Train. Starts at once; await the result, a History, whenever you need it.

        ``x`` and ``y`` are tensors or arrays, or lists or dictionaries of them for several inputs or outputs. A data
        set for ``x`` is trained on as by :meth:`fit_dataset`. What is given back can be paused, resumed and cancelled.

        Args (as keywords or in one object, in either spelling):
            batch_size: samples per step; what the inputs' shapes fix, or else 32.
            epochs: number of the last epoch, 1.
            verbose: 1 prints a line per epoch, 0 nothing.
            callbacks: hooks in a dictionary, a function, an object, a Callback, or a list of them.
            validation_split: share of the samples, from the end, kept for validation.
            validation_data: inputs, targets and perhaps sample weights for validation; or a data set.
            shuffle: whether every epoch has an order of its own, True.
            initial_epoch: number of the first epoch, 0.
            class_weight: how much each class counts in training, by its number; 1 if left out. For several outputs
                tables in a list, or by the outputs' names.
            sample_weight: how much each sample counts.
            steps_per_epoch: batches per epoch; the next epoch goes on where this one ends.
            validation_steps: how many batches of the validation data are used, all if left out.
            validation_batch_size: samples per batch in validation, ``batch_size`` if left out.
            validation_freq: every how many epochs there is a validation, 1.
            yield_every: when ``on_yield`` is called: ``"auto"`` (every 125 ms), or every so many milliseconds; with
                ``"batch"``, ``"epoch"`` and ``"never"`` it is not. Training never blocks the page, whatever it is.

        Raises:
            RuntimeError: not compiled, or another fit of this model is running.
            ValueError: inputs or targets of a wrong shape.
            FloatingPointError: the loss became NaN or infinite.

        >>> import asyncio, weblayers as wl
        >>> model = wl.sequential([wl.layers.dense(units=1, input_shape=[1])])
        >>> model.compile(optimizer="sgd", loss="mean_squared_error")
        >>> async def main():
        ...     history = await model.fit(wl.ones([4, 1]), wl.ones([4, 1]), epochs=2, verbose=0)
        ...     return len(history.history["loss"])
        >>> asyncio.run(main())
        2
        """
        if not is_dataset(x):
            return self._trainer.fit(self, x, y, {**(config or {}), **kwargs})
        if y is not None and not isinstance(y, dict):
            raise ValueError("a data set gives inputs and targets: y must be left out")
        return self._trainer.fit_dataset(self, x, {**(y or config or {}), **kwargs})

    def fit_dataset(self, dataset: Any, config: dict[str, Any] | None = None, **kwargs: Any) -> FitPromise:
        """Train on a data set, whose batches are made and uploaded while the device works on those before.

        Elements are batches: ``{"xs": inputs, "ys": targets}``, ``(inputs, targets)`` or ``(inputs, targets, sample
        weights)``. Anything that can be iterated over again and again will do, also asynchronously.

        Args (as keywords or in one object, in either spelling): those of :meth:`fit` that make sense, and
            batches_per_epoch: the length of an epoch, whatever the data set's; the next epoch goes on from there.
            validation_data: a data set, or inputs and targets.
            validation_batches: how many batches of a validation data set are used.
            validation_batch_size: samples per batch for inputs and targets, 32.

        >>> import asyncio, weblayers as wl
        >>> model = wl.sequential([wl.layers.dense(units=1, input_shape=[1])])
        >>> model.compile(optimizer="sgd", loss="mean_squared_error")
        >>> batches = [{"xs": wl.ones([4, 1]), "ys": wl.ones([4, 1])}] * 3
        >>> async def main():
        ...     history = await model.fit_dataset(batches, epochs=2, verbose=0)
        ...     return len(history.history["loss"])
        >>> asyncio.run(main())
        2
        """
        return self._trainer.fit_dataset(self, dataset, {**(config or {}), **kwargs})

    def train_on_batch(
        self, x: Any, y: Any, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ) -> Promise:
        """One step on one batch; gives the loss, or loss and metrics in a list or by name."""
        return self._trainer.train_on_batch(self, x, y, sample_weight, class_weight, return_dict)

    def explain(self, x: Any = None, y: Any = None, batch_size: int | None = None) -> Explanation:
        """What a step of training is made of: the draws of its plan, which layers they are for, and what they cost.

        Args:
            x, y: samples, as for :meth:`fit`; nothing is trained. Left out, the step that training used last is
                explained.
            batch_size: samples per step, 32, or as many as there are.

        Returns:
            What prints as a table, and is shown as one by notebooks; ``rows`` has its rows, with ``part``, ``layers``,
            ``computes``, ``draws``, ``fetches`` (of texels), ``multiply_adds`` (of products and convolutions),
            ``bytes_written`` and ``share`` (of the time, estimated). See :func:`weblayers.vis.show.plan`.

        Raises:
            RuntimeError: not compiled.
            ValueError: there are no samples, and nothing was trained.

        >>> import weblayers as wl
        >>> model = wl.sequential([wl.layers.dense(units=1, input_shape=[1], name="line")], name="model")
        >>> model.compile(optimizer="sgd", loss="mean_squared_error")
        >>> explained = model.explain(wl.ones([4, 1]), wl.ones([4, 1]))
        >>> explained.title
        'A step of model with 4 samples: 3 draws'
        >>> [row.part for row in explained.rows]
        ['forward, logs', 'weight gradients', 'update']
        """
        # whoever only trains does without
        from .explaining import explanation

        return explanation(self, x, y, batch_size)

    # -- files --------------------------------------------------------------------------------------------------------

    def to_json(self, unused: Any = None, return_string: bool = True) -> Any:
        """The layers without weights, as a JSON text (or its value): TensorFlow.js and Keras read it.

        >>> import weblayers as wl
        >>> model = wl.sequential([wl.layers.dense(units=2, input_shape=[3])])
        >>> model.to_json(None, False)["class_name"]
        'Sequential'
        """
        return topology.to_json(self, return_string)

    def save(self, handler_or_url: Any, config: dict[str, Any] | None = None, **kwargs: Any) -> Promise:
        """Save the model. Starts at once; await the result, which has sizes and date.

        Args:
            handler_or_url: a path of a folder or of a ``.json`` file, ``localstorage://name``, ``indexeddb://name``,
                ``downloads://name``, an ``http(s)://`` URL to POST to, or a handler. TensorFlow.js reads what is saved
                there. A path, or a download's name, that ends in ``.keras`` or ``.h5`` is saved for Keras.
            config: options in one object, or as keywords, in either spelling:
                include_optimizer (False): whether to save loss, metrics, and the optimizer with its state, so that
                training goes on as if it had not stopped.
                trainable_only (False): whether to save trainable weights only.
                overwrite (True): whether to replace a file or folder that is there.
                quantization: ``"float16"``, ``"uint8"`` or ``"uint16"`` for smaller files; digits are lost.

        A model that cannot be saved leaves one that was there before as it was.

        >>> import asyncio, weblayers as wl
        >>> model = wl.sequential([wl.layers.dense(units=2, input_shape=[3])])
        >>> async def main():
        ...     return await model.save(wl.io.with_save_handler(lambda artifacts: None))
        >>> asyncio.run(main()).model_artifacts_info.weight_data_bytes
        32
        """
        options = naming.arguments(_save_options, "save", {**(config or {}), **kwargs})
        return Promise(saving.save_model(self, handler_or_url, **_save_options(**options)))

    def save_weights(self, handler_or_url: Any, overwrite: bool = True) -> Promise:
        """Save the weights alone, anywhere that :meth:`save` can, or in ``.weights.h5`` or ``.safetensors`` files."""
        return Promise(saving.save_weights(self, handler_or_url, overwrite))

    def load_weights(self, weights: Any, strict: bool = True, **options: Any) -> Promise:
        """Give the weights the values of a file, by their names, all or none.

        Args:
            weights: values by name, or anything that :func:`weblayers.load_layers_model` loads from; also
                ``.weights.h5`` and ``.safetensors`` files. It takes effect at once where it is an object with values.
            strict: whether every weight must be there, and no other.
            options: as keywords, in either spelling:
                skip_mismatch (False): whether layers whose weights have other shapes, or are not all there, stay as
                they are, with a warning.
                on_progress, request_init, fetch_func, weight_path_prefix, weight_url_converter: as for
                :func:`weblayers.load_layers_model`.

        Raises:
            ModelFileError: it is no file of weights, or not of these.
            ValueError: the model has not made its weights yet.
            TypeError: an unknown option.

        >>> import weblayers as wl
        >>> model = wl.sequential([wl.layers.dense(units=1, input_shape=[1], name="line")])
        >>> _ = model.load_weights({"line/kernel": [[2.0]], "line/bias": [1.0]})
        >>> model.predict(wl.tensor2d([[3.0]])).array_sync()
        [[7.0]]
        """
        given = naming.arguments(saving.load_weights_options, "load_weights", {"strict": strict, **options})
        work = saving.load_weights(self, weights, **saving.load_weights_options(**given))
        return Promise.made_at_once(work) if isinstance(weights, Mapping) else Promise(work)

    def load_training_config(self, training_config: dict[str, Any]) -> None:
        """Compile the model as the ``trainingConfig`` of a model's file says."""
        training.compile_as(self, training_config, "the training configuration")


def _predict_options(
    batch_size: int | None = None, verbose: int = 0, callbacks: Any = None, steps: int | None = None
) -> dict[str, Any]:
    return locals()


def _predict_dataset_options(steps: int | None = None, verbose: int = 0, callbacks: Any = None) -> dict[str, Any]:
    return locals()


def _evaluate_options(
    batch_size: int | None = None,
    verbose: int = 0,
    sample_weight: Any = None,
    steps: int | None = None,
    return_dict: bool = False,
    callbacks: Any = None,
) -> dict[str, Any]:
    return locals()


def _evaluate_dataset_options(
    batches: int | None = None,
    verbose: int = 0,
    return_dict: bool = False,
    callbacks: Any = None,
    steps: int | None = None,
) -> dict[str, Any]:
    # Keras calls batches steps
    batches = steps if batches is None else batches
    return {"batches": batches, "verbose": verbose, "return_dict": return_dict, "callbacks": callbacks}


def _save_options(
    include_optimizer: bool = False,
    trainable_only: bool = False,
    quantization: str | None = None,
    overwrite: bool = True,
) -> dict[str, Any]:
    return locals()
