"""Whole training steps as plans: how many draws, how many traces, and the same numbers as NumPy over several steps."""

import asyncio

import numpy as np
import pytest

from tests import textures
from tests.models import cnn, dense1, mlp
from weblayers.compiler.lower import lower
from weblayers.compiler.wire import serialize
from weblayers.graph.evaluate import evaluate
from weblayers.models.data_sets import START, Samples, sample_order
from weblayers.runtime.conversion import to_tensor

RNG = np.random.default_rng(0)


def batch_of(model, samples):
    x = RNG.random((samples, *model.input_shape[1:]), np.float32)
    classes = model.output_shape[-1]
    y = np.eye(classes, dtype=np.float32)[RNG.integers(0, classes, samples)] if classes > 1 else 2 * x - 1
    return Samples([to_tensor(x)], [to_tensor(y)], [None]).rows()


def training_plan(model, batch, samples=None):
    rows = batch_of(model, samples or batch)
    compiled = model.steps.train(rows, batch)
    graph = compiled.graph
    return compiled, lower(graph.inputs, graph.scalars, graph.outputs, graph.swaps, log=True), rows.tensors()


@pytest.mark.parametrize(
    "model, batch, limit",
    [(dense1, 4, 6), (mlp, 128, 16), (cnn, 64, 26)],
    ids=["dense1", "mlp", "cnn"],
)
def test_draws_per_training_step(model, batch, limit):
    _, plan, _ = training_plan(model(), batch)
    assert len(plan.draws) <= limit


@pytest.mark.parametrize(
    "model",
    [
        dense1,
        lambda: mlp(12, 9),
        lambda: mlp(12, 9, "momentum"),
        lambda: cnn(16, (3, 5), 3),
        lambda: cnn(14, (4, 8), 3, "sgd"),
    ],
    ids=["dense1", "mlp", "mlp momentum", "cnn", "cnn sgd"],
)
def test_steps_on_the_soft_gpu_are_those_of_numpy(model):
    """State goes back in where it came out, as the executor's swaps do it; atlases and all."""
    built = model()
    compiled, plan, (x, y) = training_plan(built, 6, samples=12)
    graph = compiled.graph
    order = sample_order(RNG.permutation(12), 12)
    arrays = [t.numpy() for t in (x, y, order, *compiled.captured)]
    ours, theirs = list(arrays), list(arrays)
    values, increments = compiled.uniforms({START: (0, 6)})
    for step in range(2):
        scalars = [v + step * i for v, i in zip(values, increments, strict=True)]
        expected = evaluate(graph.outputs, dict(zip([*graph.inputs, *graph.scalars], [*theirs, *scalars], strict=True)))
        got = textures.run(plan, ours, graph.outputs, scalars)
        np.testing.assert_allclose(got[0], expected[0], rtol=1e-4, atol=1e-5)
        for i, o in graph.swaps.items():
            np.testing.assert_allclose(got[o], expected[o], rtol=1e-3, atol=2e-4)
            ours[i], theirs[i] = got[o], expected[o]


def test_the_whole_state_of_a_model_is_packed():
    """Weights, gradients and moments of all layers: three textures in, three out, and the log."""
    _, plan, _ = training_plan(cnn(), 64)
    state = {slot.texture for slot in plan.inputs[3:]}
    assert len(state) == 3
    assert len(plan.output_specs) == 4


def test_the_log_is_drawn_alone():
    for model in (dense1(), mlp(8, 4)):
        _, plan, _ = training_plan(model, 4)
        log = len(plan.textures) + len(plan.input_specs) + plan.outputs[0].texture
        (draw,) = [d for d in plan.draws if any(buffer == log for buffer, _ in d.targets)]
        assert len(draw.targets) == 1


def test_the_same_step_compiles_to_the_same_bytes():
    model = mlp(8, 4)
    compiled, plan, _ = training_plan(model, 4)
    graph = compiled.graph
    again = lower(graph.inputs, graph.scalars, graph.outputs, graph.swaps, log=True)
    assert serialize(plan) == serialize(again)


def test_temporary_textures_are_used_again():
    _, plan, _ = training_plan(cnn(), 64)
    written = [buffer for d in plan.draws for buffer in {b for b, _ in d.targets} if buffer < len(plan.textures)]
    assert len(set(written)) < len(written)


def test_one_trace_per_batch_size():
    model = mlp(5, 4)
    x = RNG.random((10, 5), np.float32)
    y = np.eye(10, dtype=np.float32)

    async def main():
        await model.fit(x, y, batch_size=5, epochs=2, verbose=0)
        assert model.steps.traces == 1
        await model.fit(x, y, batch_size=5, epochs=3, verbose=0)
        assert model.steps.traces == 1
        await model.fit(x, y, batch_size=4, epochs=2, verbose=0)  # and the partial last batch
        assert model.steps.traces == 3
        await model.fit(x, y, batch_size=4, epochs=2, verbose=0, callbacks={"onBatchEnd": lambda b, logs: None})
        assert model.steps.traces == 3

    asyncio.run(main())
