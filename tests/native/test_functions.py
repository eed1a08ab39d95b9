"""Traced functions, gradients of functions, and training loops of one's own."""

import asyncio
import dataclasses
import gc
from typing import NamedTuple

import numpy as np
import pytest

import weblayers as wl
from weblayers.ops import functions
from weblayers.runtime import device

RNG = np.random.default_rng(0)
X = RNG.random((16, 3), np.float32)
Y = (X @ np.array([[1.0], [-2.0], [0.5]]) + 0.3).astype(np.float32)


@pytest.fixture
def compiles(monkeypatch):
    """What the runtime was asked to compile."""
    seen = []
    runtime = device.current()
    compile_ = runtime.compile
    monkeypatch.setattr(runtime, "compile", lambda graph: seen.append(graph) or compile_(graph))
    return seen


def mse(model, x, y):
    return wl.mean(wl.square(model.apply(x) - y))


def dense():
    wl.set_random_seed(0)
    return wl.sequential([wl.layers.dense(units=1, input_shape=[3])])


def test_functions_are_traced_once_for_each_kind_of_arguments():
    seen = []

    @wl.function
    def f(x, parts, scale=1.0):
        seen.append(x.shape)
        return {"sum": x + parts["a"] * scale, "shape": x.shape}

    one = f(np.ones((2, 3), np.float32), {"a": wl.ones([3])})
    assert one["shape"] == (2, 3) and one["sum"].array_sync() == [[2] * 3] * 2
    assert f(wl.zeros([2, 3]), {"a": wl.ones([3])})["sum"].array_sync() == [[1] * 3] * 2
    assert f(wl.zeros([2, 3]), {"a": wl.ones([3])}, scale=5.0)["sum"].array_sync() == [[5] * 3] * 2
    assert f(wl.zeros([3]), {"a": wl.ones([3])})["sum"].shape == (3,)
    assert seen == [(2, 3), (2, 3), (3,)] and f.traces == 3


def test_functions_assign_variables_and_call_each_other():
    count = wl.variable(wl.scalar(0.0))

    @wl.function
    def twice(x):
        return x * 2

    class Counter:
        @wl.function
        def step(self, x):
            count.assign(count + x)
            return twice(count)

    counter = Counter()
    assert counter.step(wl.scalar(2.0)).array_sync() == 4
    assert counter.step(wl.scalar(3.0)).array_sync() == 10
    assert count.array_sync() == 5 and counter.step.traces == 1 and twice.traces == 0


def test_traced_assignments_keep_shapes_and_dtypes():
    w = wl.variable(wl.tensor([1.0, 2.0]), name="w")
    for value, given in ((lambda: wl.concat([w, w]), "float32 values"), (lambda: w > 0, "bool values")):
        with pytest.raises(ValueError, match=f"cannot assign {given} .* to the float32 variable 'w' of shape"):
            wl.function(lambda value=value: w.assign(value()))()
    with pytest.raises(TypeError, match="symbolic tensor .* has no values"):
        w.assign(escaped())
    assert w.dtype == "float32" and w.array_sync() == [1, 2]


def escaped():
    """A tensor of a trace that is over."""
    kept = []
    wl.function(lambda x: kept.append(x))(wl.ones([2]))
    return kept[0]


class Pair(NamedTuple):
    xs: object
    labels: object


def test_arguments_come_by_name_however_they_are_ordered():
    @wl.function
    def f(batch, *, weights):
        return batch["xs"] - batch["labels"] * weights["b"][0] + weights["a"]

    for batch in ({"xs": 5.0, "labels": 1.0}, {"labels": 1.0, "xs": 5.0}):
        tensors = {k: wl.scalar(v) for k, v in batch.items()}
        for weights in ({"b": [wl.scalar(2.0)], "a": wl.scalar(10.0)}, {"a": wl.scalar(10.0), "b": [wl.scalar(2.0)]}):
            assert f(tensors, weights=weights).array_sync() == 13
    assert f.traces == 1

    @wl.function
    def g(pair, **named):
        return Pair(pair.labels, {1: pair.xs, "one": named["z"] - named["y"]})

    found = g(Pair(wl.scalar(1.0), wl.scalar(2.0)), z=wl.scalar(7.0), y=wl.scalar(3.0))
    assert isinstance(found, Pair)
    assert (found.xs.array_sync(), found.labels[1].array_sync(), found.labels["one"].array_sync()) == (2, 1, 4)


@dataclasses.dataclass
class Settings:
    scale: object


@dataclasses.dataclass(frozen=True)
class Frozen:
    scale: object


@pytest.mark.parametrize("kind", [Settings, Frozen])
def test_constants_count_by_value(kind):
    @wl.function
    def f(x, settings):
        return x * settings.scale

    x = wl.tensor([2], dtype="int32")
    for scale in (1, 2, 3):
        assert f(x, kind(scale)).array_sync() == [2 * scale]
    assert f(x, kind(2)).array_sync() == [4] and f.traces == 3
    assert [f(x, kind(v)).dtype for v in (1, 1.0, 1, 1.0)] == ["int32", "float32"] * 2 and f.traces == 4
    assert f(x, kind(np.array([3, 4]))).array_sync() == [6, 8] and f(x, kind(np.array([5]))).array_sync() == [10]


def test_a_constant_that_is_changed_is_another():
    @wl.function
    def f(x, settings):
        return x / settings.scale

    settings = Settings(2.0)
    assert f(wl.scalar(1.0), settings).array_sync() == 0.5
    settings.scale = 4.0
    assert f(wl.scalar(1.0), settings).array_sync() == 0.25
    settings.scale = -0.0
    assert f(wl.scalar(1.0), settings).array_sync() == -np.inf
    settings.scale = 0.0
    assert f(wl.scalar(1.0), settings).array_sync() == np.inf
    for _ in range(2):
        assert np.isnan(f(wl.scalar(1.0), Settings(float("nan"))).array_sync())
    assert f.traces == 5


def test_what_cannot_be_told_from_others_is_refused():
    class Equal:
        def __eq__(self, other):
            return True

    @wl.function
    def f(x, settings):
        return x

    with pytest.raises(TypeError, match="Equal would be a constant .* not hashable"):
        f(wl.scalar(1.0), [Equal()])


def test_plans_of_a_function_are_forgotten_in_the_end():
    @wl.function
    def f(x, n):
        return x + n

    for n in range(functions.PLANS + 10):
        assert f(wl.scalar(1.0), n).array_sync() == n + 1
    traces = f.traces
    f(wl.scalar(1.0), functions.PLANS)
    assert f.traces == traces and len(f._kept) == functions.PLANS
    f(wl.scalar(1.0), 0)
    assert f.traces == traces + 1


def test_a_dropout_that_is_used_twice_draws_twice():
    def twice(layer, x):
        return layer.apply(x, training=True), layer.apply(x, training=True)

    def drawn(call):
        layer = wl.layers.dropout(0.5, seed=3)
        return [t.numpy() for _ in range(3) for t in call(layer, wl.ones([1, 24]))]

    for masks in (drawn(twice), drawn(wl.function(twice))):
        assert len({m.tobytes() for m in masks}) == 6
    assert np.array_equal(drawn(wl.function(twice)), drawn(wl.function(twice)))
    # the first of a run is what a run with one draw has
    once = drawn(wl.function(lambda layer, x: [layer.apply(x, training=True)]))
    assert np.array_equal(once, drawn(wl.function(twice))[::2])


def test_python_cannot_look_at_values_while_tracing():
    @wl.function
    def f(x):
        if x > 0:
            return x
        return -x

    with pytest.raises(TypeError, match="wl.where") as raised:
        f(wl.scalar(1.0))
    assert "if x > 0" in str(raised.value)


def test_gradients_of_all_kinds():
    value, grads = wl.value_and_grads(lambda a, b: wl.sum(a * b * b))([X, X * 2])
    np.testing.assert_allclose(value.numpy(), (4 * X**3).sum(), rtol=1e-5)
    np.testing.assert_allclose(grads[0].numpy(), 4 * X**2, rtol=1e-5)
    np.testing.assert_allclose(grads[1].numpy(), 4 * X**2, rtol=1e-5)
    np.testing.assert_allclose(wl.grad(lambda x: x * x)(X, wl.tensor(X)).numpy(), 2 * X * X, rtol=1e-5)
    third = wl.grad(wl.grad(wl.grad(lambda x: x**4)))
    np.testing.assert_allclose(third(wl.tensor([2.0])).numpy(), [48], rtol=1e-5)
    traced = wl.function(wl.grad(lambda x: wl.sum(x * x)))
    np.testing.assert_allclose(traced(X).numpy(), 2 * X, rtol=1e-5)
    with pytest.raises(ValueError, match="dy has shape"):
        wl.grad(lambda x: x)(X, wl.ones([2]))
    with pytest.raises(TypeError, match="one tensor"):
        wl.grad(lambda x: 3)(X)


def test_custom_gradients():
    @wl.custom_grad
    def f(x, y, save):
        save([x])
        return x * y, lambda dy, saved: [dy * saved[0], dy * 7]

    x, y = wl.tensor([2.0, 3.0]), wl.tensor([4.0, 5.0])
    assert f(x, y).array_sync() == [8, 15]
    first, second = wl.grads(lambda a, b: wl.sum(f(a, b)))([x, y])
    assert first.array_sync() == [2, 3] and second.array_sync() == [7, 7]
    object_form = wl.custom_grad(lambda x: {"value": x * x, "grad_func": lambda dy: dy})
    assert wl.grad(object_form)(x).array_sync() == [1, 1]
    with pytest.raises(ValueError, match="takes 2 tensors, but its gradient gives 1"):
        wl.custom_grad(lambda a, b: (a * b, lambda dy: dy))(x, y)


def test_variable_grads_and_apply_gradients_train_as_fit_does():
    fitted, own, traced = dense(), dense(), dense()
    for other in (own, traced):
        other.set_weights(fitted.get_weights())
    fitted.compile(wl.train.adam(0.1), "mse")
    asyncio.run(_fit(fitted))
    optimizer = wl.train.adam(0.1)
    for _ in range(5):
        _, grads = wl.variable_grads(lambda: mse(own, X, Y))
        optimizer.apply_gradients(grads)
    second = wl.train.adam(0.1)

    @wl.function
    def step(x, y):
        value, grads = wl.variable_grads(lambda: mse(traced, x, y))
        second.apply_gradients(grads)
        return value

    losses = [float(step(X, Y)) for _ in range(5)]
    assert step.traces == 1 and losses == sorted(losses, reverse=True) and second.iterations == 5
    for a, b, c in zip(fitted.get_weights(), own.get_weights(), traced.get_weights(), strict=True):
        np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=1e-4)
        np.testing.assert_allclose(c.numpy(), a.numpy(), rtol=1e-4)


async def _fit(model):
    await model.fit(X, Y, batch_size=16, epochs=5, verbose=0, shuffle=False)


def test_minimizing_new_batches_compiles_once(compiles):
    model, optimizer, losses = dense(), wl.train.sgd(0.1), []
    for i in range(0, 16, 4):
        x, y = wl.tensor(X[i : i + 4]), wl.tensor(Y[i : i + 4])
        losses.append(optimizer.minimize(lambda x=x, y=y: mse(model, x, y), return_cost=True))
        optimizer.set_learning_rate(0.1 / (i + 1))
    assert len(compiles) == 1 and len({float(v) for v in losses}) == 4


def test_repeated_gradients_compile_once_and_keep_nothing_alive(compiles):
    square = wl.grad(lambda x: wl.sum(x * x))
    results = [square(np.full(3, i, np.float32)).numpy()[0] for i in range(5)]
    assert results == [0, 2, 4, 6, 8] and len(compiles) == 1
    gc.collect()  # of tests before
    before = wl.memory()["num_tensors"]
    for i in range(20):
        square(np.full(3, i, np.float32))
    assert wl.memory()["num_tensors"] == before
    assert len(functions._plans) <= functions.PLANS


def test_loops_and_gradients_of_ones_own_compile_once(compiles):
    clipped = wl.custom_grad(lambda x: (x * x, lambda dy: dy * 0.5))
    slope = wl.grad(clipped)
    wl.set_random_seed(0)
    recurrent = wl.sequential([wl.layers.lstm(4, input_shape=[3, 2]), wl.layers.dense(1)])
    x, optimizer = wl.ones([2, 3, 2]), wl.train.sgd(0.1)

    def loss():
        return wl.mean(wl.square(recurrent.apply(x) - 1.0))

    def hessian_times(v):
        return wl.grad(lambda a: wl.sum(wl.grad(lambda c: wl.sum(recurrent.apply(c)))(a) * v))(x)

    calls = [
        lambda: clipped(wl.tensor([1.0, 2.0])),
        lambda: slope(wl.tensor([1.0, 2.0])),
        lambda: wl.variable_grads(loss).value,
        lambda: optimizer.minimize(loss, True),
    ]
    first = [call().numpy() for call in calls]
    count = len(compiles)
    again = [call().numpy() for call in calls]
    assert len(compiles) == count
    assert np.array_equal(first[0], again[0]) and np.array_equal(first[1], again[1]) and again[1].tolist() == [0.5, 0.5]
    # the step in between
    assert again[2] < first[2] and again[3] == again[2]
    second = [hessian_times(wl.ones([2, 3, 2])).numpy() for _ in range(2)]
    assert np.array_equal(*second) and np.abs(second[0]).max() > 0


def test_what_gradients_need():
    with pytest.raises(ValueError, match="no trainable variable"):
        wl.variable_grads(lambda: wl.scalar(1.0))
    with pytest.raises(ValueError, match="scalar"):
        wl.variable_grads(lambda: dense().apply(X))
    with pytest.raises(ValueError, match="no variable is named 'w of nobody'"):
        wl.train.sgd(0.1).apply_gradients({"w of nobody": wl.scalar(1.0)})
    frozen = wl.variable(wl.scalar(1.0), trainable=False)
    with pytest.raises(ValueError, match="no trainable variable"):
        wl.variable_grads(lambda: frozen * 2)
    assert wl.variable_grads(lambda: frozen * 2, [frozen]).grads[frozen.name].array_sync() == 2


def test_frames_come():
    async def main():
        for _ in range(3):
            await wl.next_frame()

    asyncio.run(main())


@pytest.mark.parametrize("value", [lambda x: wl.cast(x, "int32"), lambda x: wl.reshape(x, [2, 1])])
def test_what_is_assigned_has_the_variables_shape_and_dtype(backend, value):
    kept = wl.variable(wl.tensor([1.0, 2.0]), name="kept")
    assigned = wl.function(lambda x: kept.assign(value(x)) or x)
    with pytest.raises(ValueError, match=r"cannot assign .* to the float32 variable 'kept' of shape \[2\]"):
        assigned(wl.tensor([3.7, 4.2]))
    assert kept.array_sync() == [1, 2]


def test_a_symbolic_value_cannot_be_assigned_where_nothing_is_traced():
    leaked, kept = [], wl.variable(wl.tensor([1.0]))
    wl.function(lambda x: leaked.append(x + 1) or x)(wl.tensor([1.0]))
    with pytest.raises(TypeError, match="has no values yet"):
        kept.assign(leaked[0])
