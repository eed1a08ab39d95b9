"""Keras 3's operations as layers: what ``x[:, 0] * 2`` of its symbolic tensors makes, and what it makes here."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import Any, NamedTuple

_MODULES = ("keras.src.ops", "keras.ops")
_TENSOR = "__keras_tensor__"


class _Op(NamedTuple):
    """Of one of Keras' classes: the name here, what its calls are given in order, and its options by Keras' names."""

    name: str
    given: tuple[str, ...]
    options: Mapping[str, str] = {}
    module: str = "keras.src.ops.numpy"


_PAIRS = {
    "Add": "add",
    "Subtract": "sub",
    "Multiply": "mul",
    "Divide": "div",
    "TrueDivide": "div",
    "Mod": "mod",
    "Maximum": "maximum",
    "Minimum": "minimum",
    "Equal": "equal",
    "NotEqual": "not_equal",
    "Less": "less",
    "LessEqual": "less_equal",
    "Greater": "greater",
    "GreaterEqual": "greater_equal",
    "Matmul": "mat_mul",
    "LogicalAnd": "logical_and",
    "LogicalOr": "logical_or",
}
_PLAIN = {
    "Negative": "neg",
    "Absolute": "abs",
    "Sign": "sign",
    "Floor": "floor",
    "Ceil": "ceil",
    "Exp": "exp",
    "Expm1": "expm1",
    "Log": "log",
    "Log1p": "log1p",
    "Sqrt": "sqrt",
    "Square": "square",
    "Sin": "sin",
    "Cos": "cos",
    "Reciprocal": "reciprocal",
    "Tan": "tan",
    "Tanh": "tanh",
    "LogicalNot": "logical_not",
    "Isnan": "is_nan",
}
_NN = {"Relu": "relu", "Sigmoid": "sigmoid", "Softplus": "softplus"}
_REDUCTIONS = {"Sum": "sum", "Mean": "mean", "Prod": "prod", "Max": "max", "Min": "min", "All": "all", "Any": "any"}
_OPS: dict[str, _Op] = {
    **{name: _Op(here, ("a", "b")) for name, here in _PAIRS.items()},
    **{name: _Op(here, ("x",)) for name, here in _PLAIN.items()},
    **{name: _Op(here, ("x",), module="keras.src.ops.nn") for name, here in _NN.items()},
    **{name: _Op(here, ("x",), {"axis": "axis", "keepdims": "keep_dims"}) for name, here in _REDUCTIONS.items()},
    "Power": _Op("pow", ("base", "exp")),
    "Where": _Op("where", ("condition", "a", "b")),
    "GetItem": _Op("get_item", ("x", "key")),
    "Reshape": _Op("reshape", ("x",), {"newshape": "shape"}),
    "Transpose": _Op("transpose", ("x",), {"axes": "perm"}),
    "ExpandDims": _Op("expand_dims", ("x",), {"axis": "axis"}),
    "Squeeze": _Op("squeeze", ("x",), {"axis": "axis"}),
    "Concatenate": _Op("concat", ("xs",), {"axis": "axis"}),
    "Stack": _Op("stack", ("xs",), {"axis": "axis"}),
    "Clip": _Op("clip_by_value", ("x",), {"x_min": "clip_value_min", "x_max": "clip_value_max"}),
    "Argmax": _Op("arg_max", ("x",), {"axis": "axis"}),
    "Argmin": _Op("arg_min", ("x",), {"axis": "axis"}),
    "Einsum": _Op("einsum", ("a", "b"), {"subscripts": "equation"}),
    "Cast": _Op("cast", ("x",), {"dtype": "dtype"}, "keras.src.ops.core"),
    "Rsqrt": _Op("rsqrt", ("x",), module="keras.src.ops.math"),
    "Erf": _Op("erf", ("x",), module="keras.src.ops.math"),
    "Softmax": _Op("softmax", ("x",), {"axis": "axis"}, "keras.src.ops.nn"),
    "LogSoftmax": _Op("log_softmax", ("x",), {"axis": "axis"}, "keras.src.ops.nn"),
}
_CLASSES = {op.name: name for name, op in reversed(_OPS.items())}
# Entries of Keras' configurations that say nothing while they are empty or false.
_EMPTY = ("name", "initial", "where", "keepdims", "trainable", "dtype")


def with_operations(config: Any) -> Any:
    """A model's configuration with Keras' operations, in models inside too, as layers of here.

    Raises:
        ValueError: there is no such operation here.
    """
    if not isinstance(config, Mapping) or not isinstance(config.get("layers"), list):
        return config
    layers = [layer for layer in config["layers"] if isinstance(layer, Mapping)]
    # Keras 3 counts uses of functional models from 0, but where it says what a model gives, from 1
    by_keras_3 = any(isinstance(node, Mapping) for layer in layers for node in layer.get("inbound_nodes") or ())
    models = {layer.get("name") for layer in layers if layer.get("class_name") in ("Functional", "Model")}
    ends = (
        {"output_layers": _from_0(config["output_layers"], models)} if by_keras_3 and "output_layers" in config else {}
    )
    return {**config, **ends, "layers": [_converted(layer) for layer in config["layers"]]}


def _from_0(value: Any, models: Container[Any]) -> Any:
    """The places of outputs, with uses of these models counted from 0."""
    if isinstance(value, Mapping):
        return {k: _from_0(v, models) for k, v in value.items()}
    if not isinstance(value, list):
        return value
    if len(value) == 3 and isinstance(value[0], str) and type(value[1]) is int:
        return [value[0], value[1] - 1, value[2]] if value[0] in models else value
    return [_from_0(v, models) for v in value]


def _converted(layer: Any) -> Any:
    if not isinstance(layer, Mapping):
        return layer
    if str(layer.get("module", "")).startswith(_MODULES):
        return _read(layer)
    return {**layer, "config": with_operations(layer["config"])} if "config" in layer else layer


def _read(layer: Mapping[str, Any]) -> dict[str, Any]:
    class_name, config, nodes = str(layer.get("class_name")), layer.get("config", {}), layer.get("inbound_nodes", [])
    op = _OPS.get(class_name)
    name = layer.get("name", config.get("name"))
    if op is None:
        raise ValueError(f"{name!r} is Keras' operation {class_name}, which is not among those of weblayers")
    options = {k: v for k, v in config.items() if k in op.options and v is not None}
    unknown = [k for k, v in config.items() if k not in op.options and k not in _EMPTY and v is not None]
    used = [k for k in ("keepdims", "initial", "where") if k not in op.options and config.get(k)]
    if unknown or used:
        raise ValueError(
            f"{name!r}: Keras' operation {class_name} has options that are not among weblayers': {unknown + used}"
        )
    if len(nodes) != 1 or any(v is not None for v in nodes[0].get("kwargs", {}).values()):
        raise ValueError(f"{name!r}: Keras' operation {class_name} is called in a way that weblayers does not know")
    inputs: list[Any] = []
    given = dict(zip(op.given, (_described(v, inputs) for v in nodes[0]["args"]), strict=True))
    if op.name == "get_item" and not isinstance(given["key"], list):
        given["key"] = [given["key"]]
    arguments = {**given, **{op.options[k]: v for k, v in options.items()}}
    node = {"args": [inputs[0] if len(inputs) == 1 else inputs], "kwargs": {}}
    made = {"name": name, "op": op.name, "arguments": arguments}
    return {"class_name": "Operation", "name": name, "config": made, "inbound_nodes": [node]}


def _described(value: Any, inputs: list[Any]) -> Any:
    """What a call is given, in the form of :class:`weblayers.layers.Operation`."""
    if isinstance(value, list):
        return [_described(v, inputs) for v in value]
    if not isinstance(value, Mapping):
        return value
    kind, config = value.get("class_name"), value.get("config", {})
    if kind == _TENSOR:
        inputs.append(value)
        return {"input": len(inputs) - 1}
    if kind == "__slice__":
        return ["slice", config["start"], config["stop"], config["step"]]
    if kind == "__ellipsis__":
        return "..."
    if kind == "__numpy__":
        return {"tensor": config["value"], "dtype": config["dtype"]}
    raise ValueError(f"an operation is given a {kind}, which weblayers does not know")


def written(layer: Mapping[str, Any], tensor: Callable[[list[Any]], Any]) -> dict[str, Any]:
    """An ``Operation`` as Keras writes it; ``tensor`` makes what it writes of a place.

    Raises:
        ValueError: Keras has no such operation.
    """
    name, arguments = layer["config"]["op"], layer["config"]["arguments"]
    class_name = _CLASSES.get(name)
    if class_name is None:
        raise ValueError(
            f"{layer['name']!r}: Keras' files cannot hold the operation {name!r}; save to a folder instead"
        )
    op = _OPS[class_name]
    wires = [tensor(row[:3]) for row in layer["inbound_nodes"][0]]
    args = [_keras_value(arguments[k], wires, k == "key") for k in op.given if k in arguments]
    here = {ours: theirs for theirs, ours in op.options.items()}
    options = {here[k]: v for k, v in arguments.items() if k in here}
    left = [k for k, v in arguments.items() if k not in op.given and k not in here and v]
    if left:
        raise ValueError(f"{layer['name']!r}: Keras' {class_name} has no {', '.join(left)}; save to a folder instead")
    return {
        "module": op.module,
        "class_name": class_name,
        "config": {"name": layer["name"], **options},
        "registered_name": class_name,
        "name": layer["name"],
        "inbound_nodes": [{"args": args, "kwargs": {}}],
    }


def _keras_value(value: Any, wires: list[Any], is_key: bool = False) -> Any:
    if isinstance(value, list | tuple):
        if is_key and value and value[0] == "slice":
            parts = dict(zip(("start", "stop", "step"), value[1:], strict=True))
            return {"class_name": "__slice__", "config": parts}
        return [_keras_value(v, wires, is_key) for v in value]
    if isinstance(value, Mapping):
        if "input" in value:
            return wires[value["input"]]
        return {"class_name": "__numpy__", "config": {"value": value["tensor"], "dtype": value["dtype"]}}
    return {"class_name": "__ellipsis__", "config": {}} if is_key and value == "..." else value
