"""What ops do with tensors of strings, on the host."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..graph import build as b
from ..graph.evaluate import Program
from ..graph.node import Node
from ..runtime.conversion import to_tensor
from ..runtime.strings import StringTensor
from ..runtime.tensor import Tensor

_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "equal": operator.eq,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "less": operator.lt,
    "less_equal": operator.le,
    "not_equal": operator.ne,
}
# Ops that put values elsewhere and leave them as they are, with those of their tensors that are numbers all the same.
_MOVES: dict[str, Sequence[str]] = {
    **dict.fromkeys(("broadcast_to", "concat", "expand_dims", "flatten", "get_item", "mirror_pad"), ()),
    **dict.fromkeys(("reshape", "reverse", "slice", "split", "squeeze", "stack", "strided_slice", "tile"), ()),
    **dict.fromkeys(("transpose", "unstack"), ()),
    "gather": ("indices",),
    "sparse_to_dense": ("sparse_indices",),
    "tensor_scatter_update": ("indices",),
    "where": ("condition",),
}


def applied(name: str, fn: Callable[..., Any], tensors: Sequence[str], bound: inspect.BoundArguments) -> Any:
    """The result of an op, a function over nodes, that has strings among its tensors.

    Moving strings is moving their numbers: the op runs on these, and its result says where the strings go.

    Raises:
        TypeError: the op computes with numbers.
    """
    if name not in _MOVES and name not in _COMPARISONS:
        raise TypeError(
            f"{name} computes with numbers, but got strings, which live on the host. Strings can be moved, compared"
            " and worked on by wl.string; wl.string.string_to_hash_bucket_fast makes numbers of them"
        )
    arguments = bound.arguments
    given = {t: arguments[t] for t in tensors if t in arguments}
    if name in _COMPARISONS:
        first, second = (_strings(name, value).numpy() for value in given.values())
        return to_tensor(np.asarray(_COMPARISONS[name](first, second), np.bool_))
    table: list[str] = []
    values: dict[Node, np.ndarray] = {}

    def numbered(value: Any, is_number: bool) -> Node:
        if is_number:
            array = to_tensor(value).numpy()
        else:
            texts = _strings(name, value).numpy()
            array = (len(table) + np.arange(texts.size, dtype=np.int32)).reshape(texts.shape)
            table.extend(texts.flat)
        node = b.input_node(array.shape, b.infer_dtype(array))
        values[node] = array
        return node

    for parameter, value in given.items():
        is_number = parameter in _MOVES[name]
        several = isinstance(value, list | tuple) and any(isinstance(v, Tensor) for v in value)
        arguments[parameter] = [numbered(v, is_number) for v in value] if several else numbered(value, is_number)
    result = fn(*bound.args, **bound.kwargs)
    single = isinstance(result, Node)
    places = Program([result] if single else list(result)).run(values)
    texts = np.array(table, object)
    moved = [StringTensor(np.array(texts[at], object)) for at in places]
    return moved[0] if single else moved


def _strings(name: str, value: Any) -> StringTensor:
    tensor = to_tensor(value)
    if not isinstance(tensor, StringTensor):
        raise TypeError(f"{name} wants strings beside strings, got {tensor.dtype} values of shape {list(tensor.shape)}")
    return tensor
