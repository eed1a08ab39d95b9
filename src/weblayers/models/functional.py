"""Models made of layers that were called on symbolic tensors: any graph without loops."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .. import naming, tree
from ..layers import serialization
from ..layers.base import Layer
from ..layers.inference import inferred_specs
from ..layers.symbolic import BatchShape, LayerCall, Spec, SymbolicTensor
from ..runtime.tensor import Tensor
from .data_sets import alone
from .hosting import handed_over, hosted_calls
from .model import BaseModel
from .ordering import ordered_calls, ordered_layers
from .rebuild import rebuilt


class _ModelType(naming.Configurable):
    """Makes models of any class; some are given symbolic inputs and outputs, and then are functional."""

    def is_configuration(cls, given: Mapping[str, Any]) -> bool:
        wires = tree.leaves(given)
        are_ends = bool(wires) and all(isinstance(wire, SymbolicTensor) for wire in wires)
        return not are_ends or {"inputs", "outputs"} <= given.keys()

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        made = super().__call__(*args, **kwargs)
        made._makes_graph = not any(isinstance(leaf, SymbolicTensor) for leaf in tree.leaves([args, kwargs]))
        return made


class Model(BaseModel, metaclass=_ModelType):
    """A layer that can be trained. Subclass it for a model of your own: make layers in ``__init__``, use them in
    :meth:`call`, which may take ``training``.

    Args:
        inputs, outputs: symbolic tensors, alone, in lists or in dictionaries, for a functional model. A subclass hands
            them on to ``super().__init__``, or makes them itself.
        name: of the model.

    Raises:
        TypeError: inputs without outputs, or outputs without inputs.

    >>> import weblayers as wl
    >>> class Twice(wl.Model):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.dense = wl.layers.dense(units=1)
    ...     def call(self, x):
    ...         return self.dense(x) * 2
    >>> model = Twice()
    >>> model.compile(optimizer="sgd", loss="mse")
    >>> model.predict(wl.ones([4, 3])).shape
    (4, 1)
    """

    # whether its class makes inputs and outputs itself, from other arguments
    _makes_graph = False

    def __init__(self, inputs: Any = None, outputs: Any = None, name: str | None = None, **base: Any) -> None:
        if inputs is None and outputs is None:
            super().__init__(name=name, **base)
            return
        if inputs is None or outputs is None:
            missing = "inputs" if inputs is None else "outputs"
            raise TypeError(
                f"{type(self).__name__} got no {missing}: a functional model takes inputs and outputs, a model whose"
                " graph is its call method takes neither"
            )
        made: Any = self
        made.__class__ = _functional(type(self))
        Functional.__init__(made, inputs, outputs, name, **base)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A model from what :meth:`get_config` gave, or TensorFlow.js wrote.

        Raises:
            TypeError: a class of one's own takes other arguments.
        """
        if "layers" not in config:
            # of a class that makes its graph itself
            return super().from_config(config)
        inputs, outputs = rebuilt(config)
        own = {k: config[k] for k in config.keys() & naming.parameters(cls) if k not in naming.parameters(Functional)}
        return cls(inputs=inputs, outputs=outputs, name=config.get("name"), **own)


class Functional(Model):
    """A model from symbolic inputs to symbolic outputs.

    Args:
        inputs, outputs: symbolic tensors, alone, in lists or in dictionaries.
        name: of the model.

    Raises:
        ValueError: an output does not depend on the inputs alone, or two layers have one name.

    >>> import weblayers as wl
    >>> a, b = wl.input(shape=[2]), wl.input(shape=[2])
    >>> both = wl.layers.add().apply([a, b])
    >>> model = wl.model(inputs=[a, b], outputs=both)
    >>> model.predict([wl.ones([1, 2]), wl.ones([1, 2])]).array_sync()
    [[2.0, 2.0]]
    """

    name_prefix = "model"
    graph_is_use = True
    # the layers that work on the host, and what they give to the others
    _hosted: Sequence[LayerCall] = ()

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None, **base: Any) -> None:
        super().__init__(name=name, **base)
        self._set_graph(inputs, outputs)

    def _set_graph(self, inputs: Any, outputs: Any) -> None:
        for wire in [*tree.leaves(inputs), *tree.leaves(outputs)]:
            if not isinstance(wire, SymbolicTensor):
                raise TypeError(
                    f"a model's inputs and outputs are symbolic tensors, from wl.input() and layers; got"
                    f" {type(wire).__name__}"
                )
        self._inputs_tree, self._outputs_tree = inputs, outputs
        self.inputs: list[SymbolicTensor] = tree.leaves(inputs)
        self.outputs: list[SymbolicTensor] = tree.leaves(outputs)
        for call in self.calls:
            call.holders.discard(self)
        self.calls = ordered_calls(self.inputs, self.outputs)
        for call in self.calls:
            call.holders.add(self)
            call.is_held = True
        self._hosted = hosted_calls(self.inputs, self.calls)
        self._handed_over = handed_over(self.inputs, self.outputs, self.calls, self._hosted)
        self._graph_layers = ordered_layers(self.inputs, self.outputs)
        names = [layer.name for layer in self._graph_layers]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(
                    f'The name "{name}" is used {names.count(name)} times in the model.'
                    " All layer names should be unique."
                )
        self.built = True
        self.graph_changed()

    @property
    def layers(self) -> list[Layer]:
        return list(self._graph_layers)

    @property
    def sublayers(self) -> list[Layer]:
        return self.layers

    def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
        return tree.packed(self._outputs_tree, self._values(inputs, self.calls, self.outputs, training))

    def _values(
        self, inputs: Any, calls: Sequence[LayerCall], wires: Sequence[SymbolicTensor], training: bool
    ) -> list[Tensor]:
        """The values of wires, after the calls that they need."""
        traced = any(isinstance(v, Tensor) and v.is_symbolic for v in tree.leaves(inputs))
        if self._hosted and traced:
            # the host has had its turn, in model_inputs
            begins, values = self._handed_over, tree.leaves(inputs)
        else:
            begins, values = self.inputs, self.match_inputs(inputs)
        known: dict[int, Any] = {wire.id: value for wire, value in zip(begins, values, strict=True)}
        for call in calls:
            done = all(w.id in known for w in tree.leaves(call.outputs))
            if done or (begins is not self.inputs and call in self._hosted):
                continue
            arguments = {k: tree.mapped(lambda v: _value(known, v), a) for k, a in call.kwargs.items()}
            outputs = call.layer.apply(
                tree.mapped(lambda v: _value(known, v), call.inputs), **{"training": training, **arguments}
            )
            for wire, value in zip(tree.leaves(call.outputs), tree.leaves(outputs), strict=True):
                known[wire.id] = value
        return [known[w.id] for w in wires]

    def execute(self, inputs: Any, outputs: str | Sequence[str]) -> Any:
        """Values from inside the model, in inference mode.

        Args:
            inputs: as for :meth:`predict`.
            outputs: names of layers or of symbolic tensors; one name gives a tensor, several a list.

        Raises:
            ValueError: no names, one that the model does not have, or a layer with several uses.

        >>> import weblayers as wl
        >>> stack = [wl.layers.dense(units=4, input_shape=[3], name="inner"), wl.layers.dense(units=1)]
        >>> wl.sequential(stack).execute(wl.ones([2, 3]), "inner").shape
        (2, 4)
        """
        self.check_usable()
        names = [outputs] if isinstance(outputs, str) else list(outputs)
        if not names:
            raise ValueError("`outputs` is an empty list, which is not allowed.")
        wires = [self._wire_named(name) for name in names]
        calls = ordered_calls(self.inputs, wires)

        def between(x: Any) -> list[Tensor]:
            return self._values(x, calls, wires, False)

        if self._hosted:
            # any of what the host makes may be asked for
            values = between(super().model_inputs(inputs))
        else:
            values = self._predictor.traced(("execute", *names), between, self.model_inputs(inputs))
        return values[0] if isinstance(outputs, str) else values

    def _wire_named(self, name: str) -> SymbolicTensor:
        wires = [w for call in self.calls for w in tree.leaves(call.outputs)]
        found = [w for w in wires if name in (w.name, w.source_layer.name)]
        if not self.built:
            raise ValueError(self.without_graph)
        if not found:
            known = {n for w in wires for n in (w.name, w.source_layer.name)}
            raise ValueError(f"Cannot find a symbolic tensor for output {name!r}. {naming.suggestion(name, known)}")
        if any(w.call is not found[0].call for w in found):
            raise ValueError(f"layer {name!r} is used several times in the model: its output is not one tensor")
        return found[0]

    def match_inputs(self, inputs: Any) -> list[Any]:
        """What was given, in the order of the model's inputs: a tensor, a list, or a dictionary by name."""
        if isinstance(inputs, Mapping):
            keys = self._input_keys()
            for key in keys:
                if key not in inputs:
                    hint = naming.suggestion(key, inputs)
                    raise ValueError(f"no data for the input {key!r}; got {sorted(inputs)}. {hint}")
            return [inputs[k] for k in keys]
        given = list(inputs) if isinstance(inputs, list | tuple) and len(self.inputs) > 1 else [inputs]
        if (
            len(self.inputs) == 1
            and isinstance(inputs, list | tuple)
            and len(inputs) == 1
            and isinstance(inputs[0], Tensor)
        ):
            given = [inputs[0]]
        if len(given) != len(self.inputs):
            raise ValueError(
                f"Error when checking model: the model {self.name!r} has {len(self.inputs)} inputs"
                f" ({', '.join(w.name for w in self.inputs)}), got {len(given)}"
            )
        return given

    def arranged(self, inputs: Any) -> Any:
        if self._hosted:
            # what the host has made of them
            return alone(list(range(len(self._handed_over))))
        if isinstance(inputs, Mapping):
            return {key: i for i, key in enumerate(self._input_keys())}
        return alone(list(range(len(self.inputs))))

    def trace(self) -> None:
        """Call the layers once, on tensors without values."""
        begins = self._handed_over if self._hosted else self.inputs
        inferred_specs(self.name, lambda x, _: self.apply(x), alone(list(begins)), {})

    def _input_keys(self) -> list[str]:
        """The names under which a dictionary has the inputs, in their order."""
        known = self._inputs_tree
        return tree.keys(known) if isinstance(known, Mapping) else self.input_names

    @property
    def runs_on_host(self) -> bool:
        """Whether parts of it work on the host, where a model around it has to give it its inputs."""
        return bool(self._hosted)

    def model_inputs(self, x: Any) -> list[Tensor]:
        given = super().model_inputs(x)
        if not self._hosted or any(t.is_symbolic for t in given):
            return given
        return self._values(given, self._hosted, self._handed_over, False)

    def made_on_host(self, inputs: Sequence[Tensor]) -> Any:
        if not self._hosted or any(w.call not in self._hosted for w in self.outputs):
            return None
        made = {wire.id: value for wire, value in zip(self._handed_over, inputs, strict=True)}
        return tree.packed(self._outputs_tree, [made[w.id] for w in self.outputs])

    def output_specs(self, inputs: Any, kwargs: dict[str, Any]) -> Any:
        if not self._hosted:
            return super().output_specs(inputs, kwargs)
        return tree.packed(self._outputs_tree, [Spec(w.shape, w.dtype) for w in self.outputs])

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        # the outputs carry the masks that the last layers gave them
        return None

    def _attach_masks(self, inputs: Any, outputs: Any, mask: Any) -> None:
        return

    @property
    def input(self) -> Any:
        """The symbolic inputs, as they were given."""
        return self._inputs_tree

    @property
    def output(self) -> Any:
        """The symbolic outputs, as they were given."""
        return self._outputs_tree

    @property
    def input_layers(self) -> list[Layer]:
        """The layers that the inputs come from."""
        return [w.call.layer for w in self.inputs if w.call]

    @property
    def output_layers(self) -> list[Layer]:
        """The layers that the outputs come from."""
        return [w.call.layer for w in self.outputs if w.call]

    @property
    def input_shape(self) -> Any:
        """With the batch axis; a list for several inputs."""
        self.check_usable()
        return tree.mapped(lambda w: w.shape, self._inputs_tree)

    @property
    def output_shape(self) -> Any:
        """With the batch axis; a list for several outputs."""
        self.check_usable()
        return tree.mapped(lambda w: w.shape, self._outputs_tree)

    @property
    def input_shapes(self) -> list[BatchShape]:
        self.check_usable()
        return [w.shape for w in self.inputs]

    @property
    def output_shapes(self) -> list[BatchShape]:
        self.check_usable()
        return [w.shape for w in self.outputs]

    @property
    def static_outputs(self) -> list[BatchShape]:
        return self.output_shapes

    @property
    def input_names(self) -> list[str]:
        return [w.name for w in self.inputs]

    @property
    def output_names(self) -> list[str]:
        """The keys of outputs in a dictionary, or the names of the layers that they come from."""
        keys = _keys("names", self._outputs_tree)
        if keys:
            return keys["names"]
        layers = [w.source_layer.name for w in self.outputs if w.source_layer is not None]
        # a layer with two outputs of the model would give both one name
        return [n if layers.count(n) == 1 else f"{n}_{layers[:i].count(n)}" for i, n in enumerate(layers)]

    # -- as plain values ----------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        if self._makes_graph:
            return self._arguments(but=("inputs", "outputs"))
        numbers = _call_numbers(self.calls)
        layers = []
        for layer in self._graph_layers:
            nodes = [_described(c, numbers) for c in self.calls if c.layer is layer and c.sources]
            described = {"class_name": layer.class_name, "config": layer.get_config()}
            layers.append({"name": layer.name, **described, "inbound_nodes": nodes})
        return {
            "name": self.name,
            "layers": layers,
            "input_layers": [_place(w, numbers) for w in self.inputs],
            "output_layers": [_place(w, numbers) for w in self.outputs],
            # TensorFlow.js has lists only, and does not look here
            **_keys("input_keys", self._inputs_tree),
            **_keys("output_keys", self._outputs_tree),
            **self._arguments(but=naming.parameters(Functional)),
        }

    def _arguments(self, but: Iterable[str]) -> dict[str, Any]:
        """The arguments of the class, but for some, that are attributes of the same name, as plain values."""
        names = naming.parameters(type(self)).keys() & vars(self).keys()
        return {name: serialization.serialize(getattr(self, name)) for name in sorted(names - set(but))}


@functools.cache
def _functional(cls: type[Model]) -> type[Functional]:
    """A class as one of functional models."""
    if cls is Model:
        return Functional
    named = {key: getattr(cls, key) for key in ("__module__", "__qualname__", "__doc__")}
    made: Any = _ModelType(cls.__name__, (cls, Functional), named)
    return made


def _keys(name: str, ends: Any) -> dict[str, list[str]]:
    """The keys of a model's inputs or outputs, if they are a dictionary of tensors, in the order of the tensors."""
    there = isinstance(ends, Mapping) and all(isinstance(key, str) for key in ends)
    flat = there and all(isinstance(wire, SymbolicTensor) for wire in ends.values())
    return {name: tree.keys(ends)} if flat else {}


def _value(known: Mapping[int, Any], leaf: Any) -> Any:
    return known[leaf.id] if isinstance(leaf, SymbolicTensor) else leaf


def _call_numbers(calls: Sequence[LayerCall]) -> dict[int, int]:
    """Which of its layer's uses in this model each call is."""
    seen: dict[int, int] = {}
    numbers = {}
    for call in calls:
        # in files, the first use of a model is its own graph
        numbers[id(call)] = seen.get(id(call.layer), int(isinstance(call.layer, Functional)))
        seen[id(call.layer)] = numbers[id(call)] + 1
    return numbers


def _place(wire: SymbolicTensor, numbers: Mapping[int, int]) -> list[Any]:
    assert wire.call is not None
    return [wire.call.layer.name, numbers.get(id(wire.call), 0), wire.index]


# Arguments whose tensors TensorFlow.js writes as further inputs.
_STATES = ("initial_state", "constants")


def _described(call: LayerCall, numbers: Mapping[int, int]) -> list[Any]:
    """A call as model files have it: the places of its inputs, each with the other arguments."""

    def written(value: Any) -> Any:
        if isinstance(value, SymbolicTensor):
            return _place(value, numbers)
        return [written(v) for v in value] if isinstance(value, list | tuple) else serialization.serialize(value)

    states = [w for k in sorted(call.kwargs) if k in _STATES for w in tree.leaves(call.kwargs[k])]
    arguments = {k: written(v) for k, v in call.kwargs.items() if k not in _STATES}
    wires = [w for w in tree.leaves(call.inputs) if isinstance(w, SymbolicTensor)]
    return [[*_place(w, numbers), arguments] for w in [*wires, *states]]
