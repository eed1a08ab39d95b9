"""What every layer class promises: known shapes, one result symbolic and eager, a place in models, and training."""

import asyncio

import numpy as np
import pytest

import weblayers as wl
from tests import textures
from tests.keras_cases import array, mapped
from tests.native.test_keras import one_of_each
from tests.native.test_layers import UNRECORDED
from weblayers import tree
from weblayers.compiler.lower import lower
from weblayers.graph.evaluate import evaluate
from weblayers.layers import CLASSES, deserialize
from weblayers.models.data_sets import START, Samples, sample_order
from weblayers.runtime.conversion import to_tensor

L = wl.layers
RNG = np.random.default_rng(0)


def recorded():
    """A configuration and the arguments of a call, per class."""
    for case in one_of_each("layers", "class_name"):
        name, call = case["class_name"], case["calls"][0]
        if case["object"]["class_name"] in CLASSES:
            args, kwargs = mapped(array, [call["args"], call["kwargs"]])
            # in training, statistics move from call to call
            kwargs.pop("training", None)
            yield pytest.param(case["object"], args, kwargs, id=name)
    for name, (arguments, shape) in UNRECORDED.items():
        described = {"class_name": name, "config": getattr(L, name)(arguments).get_config()}
        yield pytest.param(described, [RNG.standard_normal(shape, np.float32)], {}, id=name)


CALLS = list(recorded())


def is_array(value):
    return isinstance(value, np.ndarray)


def replaced(fn, value):
    """The structure with other things in place of arrays."""
    if isinstance(value, dict):
        return {k: replaced(fn, v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [replaced(fn, v) for v in value]
    return fn(value) if is_array(value) else value


def functional(described, args, kwargs):
    """The layer in a model, with the arrays that the model's inputs stand for."""
    inputs, values = [], []

    def wire(value):
        dtype = {"f": "float32", "b": "bool"}.get(value.dtype.kind, "int32")
        inputs.append(wl.input(batch_shape=value.shape, dtype=dtype))
        values.append(value)
        return inputs[-1]

    layer = deserialize(described)
    outputs = layer.apply(*replaced(wire, args), **replaced(wire, kwargs))
    return layer, inputs, values, outputs


@pytest.mark.parametrize("described, args, kwargs", CALLS)
def test_symbolic_as_eager(described, args, kwargs):
    layer, inputs, values, wires = functional(described, args, kwargs)
    eager = layer.apply(*replaced(wl.tensor, args), **replaced(wl.tensor, kwargs))
    shapes = [tuple(w.shape) for w in tree.leaves(wires)]
    assert shapes == [t.shape for t in tree.leaves(eager)]
    model = wl.model(inputs=inputs, outputs=tree.leaves(wires))
    layer.reset_states() if getattr(layer, "stateful", False) else None
    predicted = tree.leaves(model.predict([wl.tensor(v) for v in values] if len(values) > 1 else wl.tensor(values[0])))
    for got, expected in zip(predicted, tree.leaves(eager), strict=True):
        assert got.dtype == expected.dtype
        np.testing.assert_allclose(got.numpy().astype(float), expected.numpy().astype(float), rtol=1e-5, atol=1e-6)


SINGLE = [p for p in CALLS if len(p.values[1]) == 1 and is_array(p.values[1][0]) and not p.values[2]]


@pytest.mark.parametrize("described, args, kwargs", SINGLE)
def test_in_a_sequential_model(described, args, kwargs):
    (x,) = args
    layer = deserialize(described)
    shape = layer.compute_output_shape((None, *x.shape[1:]))
    first = L.input_layer(batch_input_shape=x.shape, dtype="float32" if x.dtype.kind == "f" else "int32")
    if isinstance(shape, list):
        with pytest.raises(TypeError, match="single output"):
            wl.sequential([first, layer])
        return
    model = wl.sequential([first, layer])
    assert model.predict(wl.tensor(x)).shape[1:] == shape[1:]
    again = wl.model_from_json(model.to_json())
    assert asyncio.run(awaited(again)).count_params() == model.count_params()


async def awaited(value):
    return await value


@pytest.mark.parametrize("described, args, kwargs", CALLS)
def test_a_step_of_training_on_both_backends(described, args, kwargs):
    """Loss, weights and the optimizer's state after a step with momentum: on the soft GPU as with NumPy."""
    _, inputs, values, wires = functional(described, args, kwargs)
    output = next(w for w in tree.leaves(wires))
    if output.dtype != "float32":
        output = L.rescaling(scale=1.0).apply(output)
    batch = output.shape[0]
    if any(v.shape[0] != batch for v in values):
        pytest.skip("its output has other samples than its input")
    model = wl.model(inputs=inputs, outputs=L.dense(2).apply(L.flatten().apply(output)))
    model.compile(wl.train.momentum(0.1, 0.9), "mse")
    rows = Samples([to_tensor(v) for v in values], [to_tensor(RNG.random((batch, 2), np.float32))], [None]).rows()
    compiled = model.steps.train(rows, batch)
    graph = compiled.graph
    order = sample_order(np.arange(batch), batch)
    arrays = [t.numpy() for t in (*rows.tensors(), order, *compiled.captured)]
    scalars, _ = compiled.uniforms({START: (0, batch)})
    bound = dict(zip([*graph.inputs, *graph.scalars], [*arrays, *scalars], strict=True))
    plan = lower(graph.inputs, graph.scalars, graph.outputs, graph.swaps, log=True)
    got = textures.run(plan, arrays, graph.outputs, scalars)
    for value, expected in zip(got, evaluate(graph.outputs, bound), strict=True):
        np.testing.assert_allclose(np.asarray(value, float), np.asarray(expected, float), rtol=2e-3, atol=3e-4)
