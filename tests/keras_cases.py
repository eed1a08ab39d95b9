"""Recorded calls of Keras 3's layers as graphs, to be run by any runtime. Needs no files, so that pages can have it."""

import numpy as np

from weblayers import tree
from weblayers.graph import build
from weblayers.graph.gradient import gradient
from weblayers.layers import deserialize
from weblayers.runtime import tracing
from weblayers.runtime.tracing import Trace, symbolic


def array(value):
    """A recorded tensor; NaN and Infinity are strings, integers are int32."""
    kinds = {"float32": np.float32, "bool": np.bool_, "uint8": np.uint8}
    kind = kinds.get(value["dtype"], np.int32 if "int" in value["dtype"] else np.float32)
    return np.array(value["data"], np.float64).astype(kind).reshape(value["shape"])


def is_array(value):
    return isinstance(value, dict) and {"shape", "data"} <= value.keys()


def mapped(fn, value):
    """The same structure with every recorded tensor replaced."""
    if is_array(value):
        return fn(value)
    if isinstance(value, dict):
        return {k: mapped(fn, v) for k, v in value.items()}
    return [mapped(fn, v) for v in value] if isinstance(value, list) else value


def arrays(value):
    """All recorded tensors in a structure."""
    found = []
    mapped(lambda v: found.append(array(v)), value)
    return found


class LayerGraph:
    """A recorded call of a layer: inputs with values, outputs, and the gradients of ``sum(output * dy)``."""

    def __init__(self, case, call, layer=None):
        self.layer = layer or layer_of(case)
        self.inputs, self.values = [], []
        with tracing.tracing(Trace()) as trace:
            args, kwargs = mapped(self._input, call["args"]), mapped(self._input, call["kwargs"])
            self.outputs = [trace.node_of(t) for t in tree.leaves(self.layer.apply(*args, **kwargs))]
        weights = [trace.captured[w] for w in self.layer.trainable_weights if w in trace.captured]
        floats = [n for n in self.inputs if n.dtype == "float32"]
        self.input_gradients, self.weight_gradients = [], []
        cost = self._cost(call)
        if cost is not None:
            found = gradient(cost, [*floats, *weights])
            self.input_gradients, self.weight_gradients = found[: len(floats)], found[len(floats) :]
        self.bound = dict(zip(self.inputs, self.values, strict=True))
        self.bound |= {node: tensor.numpy() for tensor, node in trace.captured.items()}
        # what draws random numbers cannot be compared
        self.is_random = bool(trace.scalars)

    def _input(self, value):
        values = array(value)
        self.inputs.append(build.input_node(values.shape, build.infer_dtype(values)))
        self.values.append(values)
        return symbolic(self.inputs[-1])

    def _cost(self, call):
        cost = None
        given = arrays(call.get("dy"))
        for node, dy in zip([n for n in self.outputs if n.dtype == "float32"], given, strict=False):
            part = build.reduce("sum", node * build.constant(dy))
            cost = part if cost is None else cost + part
        return cost

    @property
    def everything(self):
        return [*self.outputs, *self.input_gradients, *self.weight_gradients]


def layer_of(case):
    """The layer of a recorded case, with its weights."""
    layer = deserialize(case["object"])
    with tracing.tracing(Trace()):
        placeholders = mapped(_placeholder, [case["calls"][0]["args"], case["calls"][0]["kwargs"]])
        layer.apply(*placeholders[0], **placeholders[1])
    # Keras counts the state of random generators among the weights
    layer.set_weights([array(w) for w in case["weights"] if "seed" not in w["name"]])
    return layer


def _placeholder(value):
    values = array(value)
    return tracing.placeholder(values.shape, build.infer_dtype(values))
