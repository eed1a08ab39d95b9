"""What the recorded trajectories do not show: names, configurations, averages, constraints, and updates as draws."""

import asyncio
import math

import numpy as np
import pytest

import weblayers as wl
from tests import textures
from tests.golden import records
from weblayers import constraints, initializers, optimizers, regularizers
from weblayers.compiler import softgpu
from weblayers.compiler.lower import lower
from weblayers.graph import build
from weblayers.graph.evaluate import evaluate
from weblayers.graph.node import Aval
from weblayers.optimizers import schedules
from weblayers.runtime import tracing
from weblayers.runtime.tracing import symbolic

pytestmark = pytest.mark.usefixtures("backend")

COMPOSED = {optimizers.LossScaleOptimizer, optimizers.MultiOptimizer}
CLASSES = sorted(set(optimizers.TABLE.values()) - COMPOSED, key=lambda c: c.__name__)
SHAPES = [(7, 5), (5,), (5, 3), (3,), (3, 3, 2, 4)]


def compiled_step(optimizer, weights):
    """One update by given gradients."""

    def step(*gradients):
        optimizer.apply_gradients([(symbolic(g), w) for g, w in zip(gradients, weights, strict=True)])
        return [gradients[0] * 2.0]

    return tracing.compile_function(step, [Aval(w.shape, "float32") for w in weights])


def test_names():
    for name in ("sgd", "SGD", "momentum", "adam", "adamax", "AdaMax", "adadelta", "adagrad", "FTRL", "lamb"):
        assert type(optimizers.get(name)).__name__.lower() == name.lower()
    for name in ("rmsprop", "RMSprop", "RMSProp", "rmsProp", "rms_prop"):
        assert type(optimizers.get(name)) is wl.train.rmsprop
    for name in ("adamw", "AdamW", "adamW", "adam_w"):
        assert type(optimizers.get(name)) is wl.train.adamw
    assert optimizers.get({"className": "Adam", "config": {"learningRate": 0.5}}).learning_rate == 0.5
    with pytest.raises(ValueError, match="Did you mean 'adam'"):
        optimizers.get("adamm")
    assert schedules.exponentialDecay is schedules.ExponentialDecay


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("rate", [0.5, schedules.PolynomialDecay(0.1, 10)], ids=["number", "schedule"])
def test_configurations_come_back(cls, rate):
    config = cls(rate, weight_decay=0.01, use_ema=True, clipnorm=1.0, name="mine").get_config()
    assert cls.from_config(config).get_config() == config
    assert optimizers.get({"class_name": cls.__name__, "config": config}).get_config() == config


def test_slots_are_named_as_in_tensorflow_js():
    wanted = {
        "momentum": ["w/momentum"],
        "rmsprop": ["w/rms"],
        "adagrad": ["w/accumulator"],
        "adadelta": ["w/accum_grad", "w/accum_var"],
        "adam": ["w/m", "w/v"],
        "adamax": ["w/m", "w/v"],
    }
    for name, slots in wanted.items():
        optimizer = optimizers.get(name)
        compiled_step(optimizer, [wl.variable([1.0], name="w")])
        assert [v.name for v in optimizer.variables()] == slots


@pytest.mark.parametrize(
    "make",
    [
        *CLASSES,
        lambda: optimizers.Adam(weight_decay=0.1, amsgrad=True),
        lambda: optimizers.Adam(clipvalue=0.1),
        lambda: optimizers.Adam(clipnorm=0.1),
        lambda: optimizers.Adam(global_clipnorm=0.1),
        lambda: optimizers.Adam(use_ema=True, ema_overwrite_frequency=2),
        lambda: optimizers.Adam(gradient_accumulation_steps=2),
        lambda: optimizers.Adam(schedules.CosineDecayRestarts(0.1, 3)),
        lambda: optimizers.RMSprop(0.01, 0.9, 0.5, 1e-7, True),
        lambda: optimizers.SGD(0.01, 0.9, True),
    ],
    ids=[
        *(c.__name__ for c in CLASSES),
        *(
            "decay",
            "clipvalue",
            "clipnorm",
            "global_clipnorm",
            "ema",
            "accumulation",
            "schedule",
            "centered",
            "nesterov",
        ),
    ],
)
def test_updates_on_the_soft_gpu_are_those_of_numpy(make):
    rng = np.random.default_rng(0)
    weights = [wl.Variable(rng.normal(size=s).astype(np.float32), f"w{i}") for i, s in enumerate(SHAPES)]
    compiled = compiled_step(make(), weights)
    graph = compiled.graph
    plan = lower(graph.inputs, graph.scalars, graph.outputs, graph.swaps)
    ours = [rng.normal(size=s).astype(np.float32) for s in SHAPES] + [t.numpy() for t in compiled.captured]
    theirs = list(ours)
    values, increments = compiled.uniforms({})
    for step in range(4):
        scalars = [v + step * i for v, i in zip(values, increments, strict=True)]
        expected = evaluate(graph.outputs, dict(zip([*graph.inputs, *graph.scalars], [*theirs, *scalars], strict=True)))
        got = textures.run(plan, ours, graph.outputs, scalars)
        for i, o in graph.swaps.items():
            np.testing.assert_allclose(got[o], expected[o], rtol=1e-3, atol=1e-5)
            ours[i], theirs[i] = got[o], expected[o]


def test_averages_replace_the_weights_in_the_end():
    weight = wl.variable([1.0, 2.0], name="w")
    optimizer = wl.train.sgd(0.5, use_ema=True, ema_momentum=0.75)
    step = compiled_step(optimizer, [weight])
    average = None
    for gradient in ([1.0, -1.0], [0.5, 2.0], [-3.0, 0.0]):
        step([wl.tensor1d(gradient)])
        average = weight.numpy() if average is None else 0.75 * average + 0.25 * weight.numpy()
    optimizer.finalize()
    np.testing.assert_allclose(weight.numpy(), average, rtol=1e-6)


@pytest.mark.parametrize("constraint, expected", [(constraints.NonNeg(), [0, 1]), (lambda w: w * 2.0, [-6, 2])])
def test_constraints_hold_after_every_update(constraint, expected):
    weight = wl.variable([1.0, 1.0], name="w")
    weight.constraint = constraint
    compiled_step(wl.train.sgd(1.0), [weight])([wl.tensor1d([4.0, 0.0])])
    np.testing.assert_array_equal(weight.numpy(), expected)


def test_centered_rmsprop_stays_finite_without_gradients():
    weight = wl.variable([1.0, 2.0], name="w")
    step = compiled_step(wl.train.rmsprop(0.1, 0.9, 0.5, 1e-7, True), [weight])
    for gradient in ([0.0, 1.0], [0.0, 1.0], [0.0, 0.0]):
        step([wl.tensor1d(gradient)])
    assert np.isfinite(weight.numpy()).all() and weight.numpy()[0] == 1.0


def test_excluded_weights_do_not_decay():
    decayed, kept, named = (wl.variable([1.0], name=n) for n in ("kernel", "gamma", "bias"))
    optimizer = optimizers.SGD(0.5, weight_decay=0.5)
    optimizer.exclude_from_weight_decay([kept], ["bias"])
    compiled_step(optimizer, [decayed, kept, named])([wl.tensor1d([0.0])] * 3)
    assert [float(w.numpy()[0]) for w in (decayed, kept, named)] == [0.75, 1.0, 1.0]


def test_a_schedule_is_there_from_the_start():
    """A number can be set while training, in place of a number: all else would need the step to be traced again."""
    optimizer, schedule = wl.train.sgd(0.1), schedules.CosineDecay(0.1, 10)
    optimizer.learning_rate = schedule
    assert math.isclose(optimizer.learning_rate, 0.1, rel_tol=1e-6)
    with pytest.raises(TypeError, match="cannot be set"):
        optimizer.learning_rate = 0.5
    trained = wl.train.sgd(0.1)
    compiled_step(trained, [wl.variable([1.0], name="w")])
    with pytest.raises(TypeError, match="a new optimizer"):
        trained.learning_rate = schedule


@pytest.mark.parametrize("factor", [2, 3, 10, 1.5])
def test_restarts_begin_at_the_full_rate(factor):
    """Where logarithms of whole powers are rounded down, too: by NumPy and by the glue's host scalars."""
    schedule = schedules.CosineDecayRestarts(0.1, 64, t_mul=factor)
    step = build.scalar_node()
    rate = build.broadcast(schedule(step), (1,))
    plan = lower([], [step], [rate])
    starts = [round(64 * (factor**k - 1) / (factor - 1)) for k in range(6)]
    for start in starts:
        assert math.isclose(schedule.at(start), 0.1, rel_tol=1e-5)
        registers = softgpu.host_scalars(plan.scalar_ops, [start])
        assert any(math.isclose(r, 0.1, rel_tol=1e-9) for r in registers[-1:])
        if start:
            assert schedule.at(start - 1) < 0.01


def test_initializers_by_every_name():
    families = {"zeros", "ones", "random_uniform", "random_normal", "truncated_normal", "variance_scaling", "identity"}
    families |= {"orthogonal", "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "le_cun_normal"}
    for name in sorted(families | {"lecun_uniform"}):
        camel = wl.naming.camel(name)
        made = [initializers.get(n) for n in (name, camel, camel[0].upper() + camel[1:])]
        made += [getattr(initializers, name)(), getattr(initializers, camel)({})]
        assert len({(type(m), str(m.get_config())) for m in made}) == 1
        assert initializers.get(initializers.serialize(made[0])).get_config() == made[0].get_config()


@pytest.mark.parametrize("name", ["randomUniform", "randomNormal", "truncatedNormal", "glorotNormal", "orthogonal"])
def test_seed_zero_is_a_seed(name):
    first, second = (getattr(initializers, name)({"seed": 0})([3, 4]) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_orthogonal_weights_are_those_of_tensorflow_js():
    values = initializers.Orthogonal(seed=42)([3, 4]).reshape(-1)
    np.testing.assert_allclose(values, records()["random"]["orthogonal seed 42 [3,4]"], atol=1e-6)


def test_constraints_and_regularizers_by_every_name():
    for module, names in (
        (constraints, ("max_norm", "min_max_norm", "non_neg", "unit_norm")),
        (regularizers, ("l1", "l2", "l1_l2", "orthogonal_regularizer")),
    ):
        assert module.get(None) is None and module.get(len) is len
        for name in names:
            camel = wl.naming.camel(name)
            made = [module.get(name), module.get(camel), getattr(module, name)(), getattr(module, camel)({})]
            made += [module.get(module.serialize(made[0])), module.get(type(made[0])), module.get(made[0])]
            assert len({(type(m), str(m.get_config())) for m in made}) == 1


def test_averages_replace_weights_at_the_end_of_a_fit_and_not_of_a_batch():
    x, y = np.ones((4, 1), np.float32), np.ones((4, 1), np.float32)

    async def main():
        made = []
        for options in ({"use_ema": True, "ema_momentum": 0.5}, {}):
            model = wl.sequential([wl.layers.dense(1, kernel_initializer="zeros", input_shape=[1])])
            model.compile(wl.train.sgd(0.1, **options), "mse")
            for _ in range(3):
                await model.train_on_batch(x, y)
            made.append(model)
        averaged, plain = (float(m.get_weights()[0].numpy()[0, 0]) for m in made)
        assert averaged == pytest.approx(plain, rel=1e-6)
        await made[0].fit(x, y, verbose=0)
        assert float(made[0].get_weights()[0].numpy()[0, 0]) < plain

    asyncio.run(main())


def test_constraints_hold_while_gradients_are_gathered():
    weight = wl.variable(wl.tensor([-1.0, 2.0]))
    weight.constraint = constraints.get("non_neg")
    optimizer = wl.train.sgd(0.1, gradient_accumulation_steps=2)
    optimizer.apply([wl.zeros([2])], [weight])
    assert weight.numpy().tolist() == [0, 2]
