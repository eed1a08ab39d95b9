"""Ops in Keras 3's configurations of models: layers of modules of its own, with tensors and values as arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ... import naming
from ...layers.operation import OPERATIONS
from .optimization import snake

_HOME = "keras.src.ops."


class _Op(NamedTuple):
    """An op of Keras: its module, its name here, and its settings with their names here."""

    module: str
    ours: str
    settings: dict[str, str]


def _same(module: str, classes: str, **settings: str) -> dict[str, _Op]:
    """Ops that have one name in both, and the same settings."""
    return {name: _Op(module, naming.class_snake(name), settings) for name in classes.split()}


def _composed(module: str, classes: str, **settings: str) -> dict[str, _Op]:
    """Ops that are made of several here, see ``layers/keras_operations.py``."""
    return {name: _Op(module, f"keras_{snake(name)}", settings) for name in classes.split()}


_OPS = {
    **_same("numpy", "Add Maximum Minimum Exp Log Log1p Expm1 Sqrt Square Sin Cos Tan Tanh Floor Ceil Sign Mod Round"),
    **_same("numpy", "Equal NotEqual Greater GreaterEqual Less LessEqual LogicalAnd LogicalOr LogicalNot Where"),
    **_same("numpy", "Sum Mean Max Min Prod All Any", axis="axis", keepdims="keep_dims"),
    **_same("numpy", "ExpandDims Squeeze Stack", axis="axis"),
    **_same("nn", "Relu Sigmoid Softplus"),
    **_same("nn", "Softmax LogSoftmax", axis="axis"),
    **_same("math", "Rsqrt Erf"),
    **_same("numpy", "Sinh Cosh Reciprocal LogicalXor BitwiseAnd"),
    **_same("numpy", "Argsort Sort Cumsum Cumprod", axis="axis"),
    **_same("nn", "Relu6 Selu LogSigmoid"),
    **_same("core", "StopGradient"),
    **_composed("numpy", "FullLike ZerosLike OnesLike", dtype="dtype"),
    **_composed("numpy", "Var Std", axis="axis", keepdims="keepdims"),
    **_composed("numpy", "CountNonzero Average Take Append", axis="axis"),
    **_composed("numpy", "Repeat", repeats="repeats", axis="axis"),
    **_composed("numpy", "Roll", shift="shift", axis="axis"),
    **_composed("numpy", "Swapaxes", axis1="axis1", axis2="axis2"),
    **_composed("numpy", "Moveaxis", source="source", destination="destination"),
    **_composed("numpy", "Split", indices_or_sections="indices_or_sections", axis="axis"),
    **_composed("numpy", "Pad", pad_width="pad_width", mode="mode"),
    **_composed("numpy", "FloorDivide Hstack Log2 Log10 Exp2 Logaddexp Hypot Trunc"),
    **_composed("nn", "Silu Softsign HardSilu TanhShrink HardTanh SparsePlus SparseSigmoid"),
    **_composed("nn", "Gelu", approximate="approximate"),
    **_composed("nn", "LeakyRelu", negative_slope="negative_slope"),
    **_composed("nn", "Elu Celu", alpha="alpha"),
    **_composed("nn", "Glu", axis="axis"),
    **_composed("nn", "HardShrink SoftShrink", threshold="threshold"),
    **_composed("nn", "Threshold", threshold="threshold", default_value="default_value"),
    **_composed("nn", "Squareplus", b="b"),
    **_composed("nn", "OneHot", num_classes="num_classes", axis="axis", dtype="dtype"),
    **_composed("nn", "Normalize", axis="axis", order="order", epsilon="epsilon"),
    "HardSigmoid": _Op("nn", "keras_h_sigmoid", {}),
    "Copy": _Op("numpy", "keras_identity", {}),
    "ConvertToTensor": _Op("core", "keras_identity", {"dtype": "dtype"}),
    "SaturateCast": _Op("core", "cast", {"dtype": "dtype"}),
    "Logsumexp": _Op("math", "log_sum_exp", {"axis": "axis", "keepdims": "keep_dims"}),
    "BroadcastTo": _Op("numpy", "broadcast_to", {"shape": "shape"}),
    "Tile": _Op("numpy", "tile", {"repeats": "reps"}),
    "Flip": _Op("numpy", "reverse", {"axis": "axis"}),
    "Ravel": _Op("numpy", "flatten", {}),
    "Amax": _Op("numpy", "max", {"axis": "axis", "keepdims": "keep_dims"}),
    "Amin": _Op("numpy", "min", {"axis": "axis", "keepdims": "keep_dims"}),
    "Abs": _Op("numpy", "abs", {}),
    "Fabs": _Op("numpy", "abs", {}),
    "Arcsin": _Op("numpy", "asin", {}),
    "Arccos": _Op("numpy", "acos", {}),
    "Arctan": _Op("numpy", "atan", {}),
    "Arctan2": _Op("numpy", "atan2", {}),
    "Arcsinh": _Op("numpy", "asinh", {}),
    "Arccosh": _Op("numpy", "acosh", {}),
    "Arctanh": _Op("numpy", "atanh", {}),
    "Isnan": _Op("numpy", "is_nan", {}),
    "Isinf": _Op("numpy", "is_inf", {}),
    "Isfinite": _Op("numpy", "is_finite", {}),
    "DivideNoNan": _Op("numpy", "div_no_nan", {}),
    "Subtract": _Op("numpy", "sub", {}),
    "Multiply": _Op("numpy", "mul", {}),
    "TrueDivide": _Op("numpy", "div", {}),
    "Divide": _Op("numpy", "div", {}),
    "Power": _Op("numpy", "pow", {}),
    "Negative": _Op("numpy", "neg", {}),
    "Absolute": _Op("numpy", "abs", {}),
    "Matmul": _Op("numpy", "mat_mul", {}),
    "Argmax": _Op("numpy", "arg_max", {"axis": "axis"}),
    "Argmin": _Op("numpy", "arg_min", {"axis": "axis"}),
    "Concatenate": _Op("numpy", "concat", {"axis": "axis"}),
    "Reshape": _Op("numpy", "reshape", {"newshape": "shape"}),
    "Transpose": _Op("numpy", "transpose", {"axes": "perm"}),
    "Clip": _Op("numpy", "clip_by_value", {"x_min": "clip_value_min", "x_max": "clip_value_max"}),
    "Einsum": _Op("numpy", "einsum", {"subscripts": "equation"}),
    "GetItem": _Op("numpy", "get_item", {}),
    "Cast": _Op("core", "cast", {"dtype": "dtype"}),
}
# Of two with one name here, the first is written.
_CLASSES = {op.ours: name for name, op in reversed(_OPS.items())}


def is_operation(entry: Any) -> bool:
    """Whether an entry among a model's layers is an op."""
    return isinstance(entry, Mapping) and str(entry.get("module")).startswith(_HOME)


def read_operation(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The same as one of our :class:`Operation` layers.

    Raises:
        ValueError: an op that is not known here.
    """
    op = _OPS.get(entry["class_name"])
    if op is None:
        raise ValueError(f"the model has the op {entry['class_name']!r} of Keras, which is not known here")
    uses, arguments = [], {}
    for node in entry.get("inbound_nodes") or []:
        tensors: list[Any] = []
        given = dict(zip(_positional(op), node.get("args", []), strict=False)) | node.get("kwargs", {})
        arguments = {name: _read(value, tensors) for name, value in given.items()}
        uses.append({"args": [tensors[0] if len(tensors) == 1 else tensors], "kwargs": {}})
    config = entry.get("config", {})
    arguments |= {ours: config[theirs] for theirs, ours in op.settings.items() if theirs in config}
    if op.ours == "get_item" and not isinstance(arguments["key"], list):
        arguments["key"] = [arguments["key"]]
    name = entry.get("name", config.get("name"))
    described = {"name": name, "op": op.ours, "arguments": arguments}
    return {"class_name": "Operation", "name": name, "config": described, "inbound_nodes": uses}


def _positional(op: _Op) -> list[str]:
    return [name for name in naming.parameters(OPERATIONS[op.ours]) if name not in op.settings.values()]


def _read(value: Any, tensors: list[Any]) -> Any:
    """An argument in our words; tensors of the graph go to the list."""
    if isinstance(value, list):
        return [_read(v, tensors) for v in value]
    if not isinstance(value, Mapping):
        return value
    kind, config = value.get("class_name"), value.get("config", {})
    if kind == "__keras_tensor__":
        tensors.append(value)
        return {"input": len(tensors) - 1}
    if kind == "__slice__":
        return ["slice", config["start"], config["stop"], config["step"]]
    if kind == "__ellipsis__":
        return "..."
    if kind == "__tuple__":
        return [_read(v, tensors) for v in value["items"]]
    if kind in ("__tensor__", "__numpy__"):
        return {"tensor": config["value"], "dtype": config["dtype"]}
    raise ValueError(f"an argument of an op is {kind!r}, which is not known here")


def write_operation(entry: Mapping[str, Any], tensor: Callable[[list[Any]], Any]) -> dict[str, Any] | None:
    """One of our :class:`Operation` layers as Keras has it, or None if Keras has no such op.

    Args:
        entry: the layer with its uses, from a model's configuration.
        tensor: makes a tensor of Keras' graph of a place in ours.
    """
    config = entry["config"]
    name = _CLASSES.get(config["op"])
    if name is None:
        return None
    op, arguments = _OPS[name], config["arguments"]
    nodes = []
    for rows in entry["inbound_nodes"]:
        tensors = [tensor(row[:3]) for row in rows]
        given = [arguments[p] for p in _positional(op) if p in arguments]
        nodes.append({"args": [_write(value, tensors) for value in given], "kwargs": {}})
    settings = {
        theirs: config["arguments"][ours] for theirs, ours in op.settings.items() if ours in config["arguments"]
    }
    return {
        "module": _HOME + op.module,
        "class_name": name,
        "config": {"name": entry["name"], **settings},
        "registered_name": name,
        "name": entry["name"],
        "inbound_nodes": nodes,
    }


def _write(value: Any, tensors: list[Any]) -> Any:
    if isinstance(value, Mapping):
        if "input" in value:
            return tensors[value["input"]]
        return {"class_name": "__tensor__", "config": {"value": value["tensor"], "dtype": value["dtype"]}}
    if value == "...":
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(value, list) and value and value[0] == "slice":
        return {"class_name": "__slice__", "config": dict(zip(("start", "stop", "step"), value[1:], strict=True))}
    return [_write(v, tensors) for v in value] if isinstance(value, list) else value
