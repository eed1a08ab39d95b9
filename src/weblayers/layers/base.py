"""What every layer is: configuration, weights, and a function of tensors."""

from __future__ import annotations

import itertools
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import numpy as np

from .. import custom, naming, regularizers, tree
from ..bound import bound
from ..metrics import Metric
from ..ops import arithmetic
from ..runtime import tracing
from ..runtime.conversion import to_tensor
from ..runtime.tensor import Tensor, Variable
from . import context, making, masks, serialization
from .call_signature import CallSignature, converted, joined
from .checks import check_axis, check_rank, checked_shape, positive, sized
from .inference import inferred_specs
from .input_spec import InputSpec, check_inputs
from .symbolic import BatchShape, LayerCall, Output, SymbolicTensor, is_symbolic, mapped_specs
from .uses import Used

# the layers whose weights are being asked for
_asking: ContextVar[frozenset[int]] = ContextVar("asking", default=frozenset())

_counters: dict[str, Iterator[int]] = defaultdict(lambda: itertools.count(1))

L = TypeVar("L", bound="Layer")
V = TypeVar("V")


def unique_name(prefix: str) -> str:
    """The prefix with the next number, as TensorFlow.js names layers and models."""
    return f"{prefix}{next(_counters[prefix])}"


def made_name(name: str) -> tuple[str, int] | None:
    """The prefix and number of a name that :func:`unique_name` has made, here or in another program; else None."""
    digits = len(name) - len(name.rstrip("0123456789"))
    splits = (len(name) - i for i in range(digits, 0, -1))
    return next(((name[:at], int(name[at:])) for at in splits if name[:at] in _counters), None)


class Layer(Used, metaclass=naming.Configurable):
    """Base class of layers. A subclass makes its weights in :meth:`build` and computes in :meth:`call`.

    Args of every layer, besides its own:
        name: unique in a model; made from the class if left out.
        trainable: whether its weights are trained.
        dtype: of its weights.
        input_shape, batch_input_shape (or batch_shape): of a model's first layer; without and with the batch axis.
        batch_size: fixes the batch axis of ``input_shape``.
        input_dtype: of the model's input, where this is the first layer.
        weights: initial weights, in the order of :meth:`get_weights`.
        activity_regularizer: what to add to the loss for the layer's output.

    ``call`` may take ``training``, ``mask`` and arguments of its own. Attributes that are layers, or have layers in
    lists, tuples or dictionaries, are part of the layer. Arguments kept as attributes of the same name are written by
    :meth:`get_config`.
    """

    # whether the input's mask is also the output's
    supports_masking = False
    # its weights are named after the layer around it
    anonymous = False
    # whether it keeps something from batch to batch
    stateful = False
    # what it expects of its inputs
    input_spec: InputSpec | Sequence[InputSpec | None] | None = None

    def __init__(
        self,
        options: Mapping[str, Any] | None = None,
        /,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = "float32",
        input_shape: Sequence[int | None] | None = None,
        batch_input_shape: Sequence[int | None] | None = None,
        batch_shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        input_dtype: str | None = None,
        weights: Sequence[Any] | None = None,
        activity_regularizer: Any = None,
    ) -> None:
        if options is not None:
            # as TensorFlow.js' layers hand their whole configuration on: what is not every layer's is theirs
            given = {naming.snake(k): v for k, v in options.items()}
            Layer.__init__(self, **{k: v for k, v in given.items() if k in naming.parameters(Layer)})
            return
        super().__init__()
        self._weights: list[Variable] = []
        self.name = name or unique_name(f"{naming.class_snake(type(self).__name__)}_{type(self).__name__}")
        # of the layer itself: what it will have inside keeps what it was made with
        vars(self)["trainable"] = trainable
        self.dtype = serialization.dtype_name(dtype)
        self.input_dtype = input_dtype
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.batch_input_shape: BatchShape | None = None
        shape = batch_input_shape if batch_input_shape is not None else batch_shape
        if shape is not None:
            self.batch_input_shape = (*shape[:1], *checked_shape(self.name, shape[1:]))
        elif input_shape is not None:
            self.batch_input_shape = (batch_size, *checked_shape(self.name, input_shape))
        self.built = False
        self._initial_weights = weights
        self._fast_weight_init = False
        self._call_hook: Callable[[Any, dict[str, Any]], Any] | None = None

    # -- to be defined by subclasses ----------------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of this shape (a list of shapes for several inputs)."""

    def call(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """The layer's function."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it computes: define call(inputs)")

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The output's mask: True where a value counts. By default the input's, if the layer supports masking."""
        return mask if self.supports_masking else None

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal layer, weights aside."""
        config = {name: getattr(self, name) for name in naming.parameters(type(self)) if name in vars(self)}
        shaped = {k: v for k, v in config.items() if k not in ("batch_input_shape", "input_dtype") or v is not None}
        return {k: serialization.serialize(v) for k, v in shaped.items()}

    @classmethod
    def from_config(cls: type[L], config: dict[str, Any]) -> L:
        """A layer from what :meth:`get_config` gave."""
        return cls(**config)

    # -- use ----------------------------------------------------------------------------------------------------------

    def apply(self, inputs: Any, *args: Any, training: bool | None = None, mask: Any = None, **kwargs: Any) -> Any:
        """The layer's output for tensors, concrete or symbolic; the weights are made at the first use.

        >>> import weblayers as wl
        >>> wl.layers.flatten().apply(wl.ones([2, 3, 4])).shape
        (2, 12)
        """
        self.check_usable()
        signature = CallSignature.of(type(self))
        if len(args) == 1 and signature.are_options(args[0]):
            modes = {k: v for k, v in (("training", training), ("mask", mask)) if v is not None}
            return self.apply(inputs, **{naming.snake(k): v for k, v in args[0].items()}, **modes, **kwargs)
        mask = converted(joined(mask))
        kwargs = signature.bound(self.name, args, kwargs)
        if is_symbolic([inputs, kwargs, mask]):
            modes = {"training": training, "mask": mask}
            return self._record(inputs, {**kwargs, **{k: v for k, v in modes.items() if v is not None}})
        inputs = tree.mapped(to_tensor, joined(inputs))
        if mask is None and not isinstance(inputs, dict):
            mask = masks.masks_of(inputs)
        else:
            masks.check(self.name, inputs, mask)
        self.ensure_built(tree.mapped(lambda t: (None, *t.shape[1:]), inputs))
        check_inputs(self.name, self.input_spec, inputs)
        mode = context.training_mode(training)
        if "training" in signature.names or signature.takes_anything:
            kwargs["training"] = mode
        if mask is not None and (signature.takes_object or "mask" in signature.names):
            kwargs["mask"] = mask
        if self._call_hook is not None:
            self._call_hook(inputs, kwargs)
        with context.calling(mode, self._scope, frozen=not self.trainable):
            outputs = self.call(inputs, kwargs) if signature.takes_object else self.call(inputs, **kwargs)
        outputs = tracing.seen(self, outputs)
        self._attach_masks(inputs, outputs, mask)
        trace = tracing.current()
        if trace is not None and not trace.in_loop:
            trace.marks.append((weakref.ref(self), [trace.node_of(t) for t in tree.leaves(outputs)]))
        if self.activity_regularizer is not None:
            context.add_losses([self._activity_loss(t) for t in tree.leaves(outputs)])
        return outputs

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """:meth:`apply`; the inputs may be named as :meth:`call` names them."""
        inputs, *rest = args or [CallSignature.of(type(self)).taken(self.name, kwargs)]
        return self.apply(inputs, *rest, **kwargs)

    def set_call_hook(self, call_hook: Callable[[Any, dict[str, Any]], Any]) -> None:
        """Have a function called with the inputs and arguments of every call, traced ones too, before it is made."""
        self._call_hook = call_hook

    def invoke_call_hook(self, inputs: Any, kwargs: Any = None) -> None:
        """For layers that are written for TensorFlow.js: here the hook was called before :meth:`call` was."""

    def clear_call_hook(self) -> None:
        """Forget what :meth:`set_call_hook` was given."""
        self._call_hook = None

    @property
    def _scope(self) -> str | None:
        return None if self.anonymous else self.name

    def _attach_masks(self, inputs: Any, outputs: Any, mask: Any) -> None:
        masks.attach(inputs, outputs, self.compute_mask(inputs, mask))

    def _activity_loss(self, output: Tensor) -> Tensor:
        assert self.activity_regularizer is not None
        # per sample, as Keras has it
        return arithmetic.div(self.activity_regularizer(output), float(output.shape[0] or 1))

    def add_loss(self, losses: Any) -> None:
        """Add scalar tensors to the loss that the model around the layer is trained with. For use in :meth:`call`."""
        context.add_losses(tree.leaves(losses))

    def calculate_losses(self) -> list[Tensor]:
        """What each weight with a regularizer adds to the loss now, as scalars."""
        return [w.regularizer(w) for w in self.weights if w.regularizer is not None]

    @property
    def losses(self) -> list[Tensor]:
        """:meth:`calculate_losses` as Keras calls it."""
        return self.calculate_losses()

    def reset_states(self) -> None:
        """Forget what was kept from batch to batch.

        Raises:
            RuntimeError: the layer is not stateful.
        """
        raise RuntimeError(f"Cannot call reset_states of layer {self.name!r}: it is not stateful.")

    def ensure_built(self, input_shape: Any) -> None:
        """Make the weights, unless they are made."""
        if self.built:
            return
        with context.calling(False, self._scope):
            self.build(input_shape)
        self.built = True
        if self._initial_weights is not None:
            self.set_weights(self._initial_weights)

    def _record(self, inputs: Any, kwargs: dict[str, Any]) -> Any:
        """Note a use on symbolic tensors, and give symbolic outputs."""
        call = LayerCall(self, inputs, kwargs)
        specs = self.output_specs(inputs, kwargs)
        numbers, name = itertools.count(), f"{self.name}/{self.name}"
        return call.give(mapped_specs(lambda spec: Output(spec, name, next(numbers)), specs))

    def output_specs(self, inputs: Any, kwargs: dict[str, Any]) -> Any:
        """Shapes and dtypes of the outputs for symbolic inputs, found by tracing the layer."""
        return inferred_specs(self.name, lambda x, more: self.apply(x, **more), inputs, kwargs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output for an input shape (a list of shapes for several inputs), batch axis included."""
        several = bool(input_shape) and isinstance(input_shape[0], list | tuple)
        dtype = self.input_dtype or "float32"
        wires = [SymbolicTensor(s, dtype) for s in (input_shape if several else [input_shape])]
        inputs: Any = wires if several else wires[0]
        return mapped_specs(lambda spec: spec.shape, self.output_specs(inputs, {}))

    # -- weights ------------------------------------------------------------------------------------------------------

    def add_weight(self, *args: Any, **kwargs: Any) -> Variable:
        """Make a weight that is trained and saved with the layer.

        ``add_weight(shape, initializer, dtype)``, as in Keras, with all else by name; with a text first it is
        ``add_weight(name, shape, initializer, regularizer, constraint, trainable, dtype)``, or TensorFlow.js'
        ``add_weight(name, shape, dtype, initializer, regularizer, trainable, constraint)``.

        Args:
            name: ``variable``, ``variable_1`` and so on if left out.
            shape: ``()`` if left out.
            initializer: left out, ``"glorot_uniform"``, or ``"zeros"`` for whole numbers; after a text
                ``"glorot_normal"``.
            regularizer: what it adds to the loss.
            constraint: is applied after each update.
            trainable: whether it is trained.
            dtype: ``"float32"``.

        Raises:
            TypeError: unknown arguments, or too many.
            ValueError: the shape is not known.
        """
        own = [weight.name.rpartition("/")[2] for weight in self._weights]
        asked = making.asked(self.name, args, kwargs, own)
        full_name = f"{context.weight_scope() or self.name}/{asked.name}"
        fresh = context.take_room(full_name, asked.shape) and not self._fast_weight_init
        variable = making.variable(asked, full_name, fresh)
        variable.owner = weakref.ref(self)
        self._weights.append(variable)
        return variable

    @property
    def sublayers(self) -> list[Layer]:
        """The layers inside this one: what its attributes are now, or have in lists, tuples and dictionaries."""
        found = {id(layer): layer for value in list(vars(self).values()) for layer in _found(value, Layer)}
        found.pop(id(self), None)
        return list(found.values())

    @property
    def own_metrics(self) -> list[Metric]:
        """The metrics that are attributes of the layer, or are in lists, tuples and dictionaries there."""
        return [metric for value in list(vars(self).values()) for metric in _found(value, Metric)]

    def flatten_layers(self) -> list[Layer]:
        """This layer and all those inside it, each once."""
        found = {id(self): self}
        waiting = self.sublayers[::-1]
        while waiting:
            layer = waiting.pop()
            if id(layer) not in found:
                found[id(layer)] = layer
                waiting.extend(layer.sublayers[::-1])
        return list(found.values())

    @property
    def trainable(self) -> bool:
        """Whether the weights are trained. To set it sets it for all layers inside, as in Keras.

        While it is False nothing inside is trained, whatever the layers inside say, and statistics of batches are
        neither used nor kept.
        """
        return bool(vars(self)["trainable"])

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self.flatten_layers():
            vars(layer)["trainable"] = bool(value)

    @property
    def trainable_weights(self) -> list[Variable]:
        if not self.trainable:
            return []
        with _inside(self) as parts:
            inner = [w for layer in parts for w in layer.trainable_weights]
        return _distinct([w for w in self._weights if w.trainable] + inner)

    @property
    def non_trainable_weights(self) -> list[Variable]:
        trained = {id(w) for w in self.trainable_weights}
        return [w for w in self.weights if id(w) not in trained]

    @property
    def weights(self) -> list[Variable]:
        """Layer by layer, those that can be trained first in each: an order that freezing does not change."""
        with _inside(self) as parts:
            inner = [w for layer in parts for w in layer.weights]
        return _distinct(sorted(self._weights, key=lambda w: not w.made_trainable) + inner)

    @property
    def variables(self) -> list[Variable]:
        """:attr:`weights` as Keras calls them, too."""
        return self.weights

    @property
    def trainable_variables(self) -> list[Variable]:
        """:attr:`trainable_weights` as Keras calls them, too."""
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """:attr:`non_trainable_weights` as Keras calls them, too."""
        return self.non_trainable_weights

    def get_weights(self) -> list[Tensor]:
        """The values of the :attr:`weights`, in their order."""
        return [to_tensor(w.numpy().copy(), w.dtype) for w in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Replace the values of all weights, in the order of :meth:`get_weights`."""
        mine = self.weights
        if len(weights) != len(mine):
            hint = "" if self.built else ": it is not built, call it on data once first"
            raise ValueError(
                f"set_weights of {self.name!r}: got {len(weights)} values for {len(mine)} weights"
                f" of shapes {[list(w.shape) for w in mine]}{hint}"
            )
        for variable, value in zip(mine, weights, strict=True):
            variable.assign(value if isinstance(value, Tensor) else np.asarray(value, variable.numpy().dtype))

    def count_params(self) -> int:
        """How many numbers the weights hold."""
        return sum(w.size for w in self.weights)

    def set_fast_weight_init_during_build(self, value: bool) -> None:
        """Whether to begin with zeros instead of what initializers draw: for weights that are replaced anyway."""
        self._fast_weight_init = value

    @property
    def initial_weights(self) -> Sequence[Any] | None:
        """The values that were given for the weights."""
        return self._initial_weights

    def free(self) -> int:
        """Free the weights; says how many there were."""
        disposed = [w for w in self.weights if not w.is_disposed]
        for weight in disposed:
            weight.dispose()
        return len(disposed)

    @property
    def class_name(self) -> str:
        return custom.name_of(type(self))

    def get_class_name(self) -> str:
        """:attr:`class_name`, as a method."""
        return self.class_name

    def __repr__(self) -> str:
        return f"<{self.class_name} {self.name!r}>"


@contextmanager
def hooked(layer: Layer, call_hook: Callable[[Any, dict[str, Any]], Any]) -> Iterator[None]:
    """Inside, a function is told of the layer's calls in place of its hook."""
    before, layer._call_hook = layer._call_hook, call_hook
    try:
        yield
    finally:
        layer._call_hook = before


@contextmanager
def _inside(layer: Layer) -> Iterator[list[Layer]]:
    """A layer's sublayers but for those that are asking: a part may know the layer around it."""
    asking = _asking.get() | {id(layer)}
    with bound(_asking, asking):
        yield [part for part in layer.sublayers if id(part) not in asking]


def _found(value: Any, kind: type[V]) -> Iterator[V]:
    """What is of a kind, alone or in lists, tuples and dictionaries."""
    if isinstance(value, kind):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _found(part, kind)
    elif isinstance(value, dict):
        for part in value.values():
            yield from _found(part, kind)


def _distinct(weights: Sequence[Variable]) -> list[Variable]:
    return list({id(w): w for w in weights}.values())


__all__ = ["BatchShape", "Layer", "check_axis", "check_rank", "positive", "sized", "unique_name"]
