"""Optimizers made of others: a scale of the loss that finds itself, and one optimizer for each part of a model."""

import asyncio

import numpy as np
import pytest

import weblayers as wl
from weblayers.optimizers import SGD, Adam, LossScaleOptimizer, MultiOptimizer, OptimizerMap

L = wl.layers
X = np.random.default_rng(0).random((8, 3)).astype(np.float32)
Y = X.sum(1, keepdims=True)

pytestmark = pytest.mark.usefixtures("backend")


def line(optimizer):
    made = wl.sequential([L.dense(1, kernel_initializer="zeros", input_shape=[3], name="line")])
    made.compile(optimizer, lambda y, p: 64 * wl.metrics.mean_squared_error(y, p))
    return made


def fitted(model, epochs):
    async def main():
        return await model.fit(X, Y, epochs=epochs, verbose=0)

    return asyncio.run(main()).history["loss"]


def test_steps_that_overflow_are_not_made_and_halve_the_scale():
    scaled, plain = line(LossScaleOptimizer(Adam(0.1), 2.0**127)), line(Adam(0.1))
    losses, wanted = fitted(scaled, 12), fitted(plain, 12)
    skipped = sum(loss == pytest.approx(losses[0]) for loss in losses) - 1
    assert skipped >= 1 and losses == pytest.approx([*wanted[:1] * skipped, *wanted[: 12 - skipped]], rel=1e-4)
    assert scaled.optimizer.iterations == 12 - skipped
    assert float(scaled.optimizer.dynamic_scale.numpy()) == 2.0 ** (127 - skipped)


def test_the_scale_grows_after_so_many_steps():
    made = line(LossScaleOptimizer("sgd", 1.0, 3))
    fitted(made, 7)
    assert float(made.optimizer.dynamic_scale.numpy()) == 4 and float(made.optimizer.step_counter.numpy()) == 1


def test_gradients_that_vanish_do_not_when_the_loss_is_scaled():
    w, tiny = wl.variable(wl.scalar(1.0)), 2.0**-140
    made = LossScaleOptimizer("sgd", 2.0**20)
    _, grads = wl.variable_grads(lambda: made.scale_loss(w * tiny))
    made.apply_gradients(grads)
    assert float(grads.pairs()[0][0].numpy()) == 2.0**-120 and made.iterations == 1
    made.learning_rate = 0.5
    assert made.inner_optimizer.learning_rate == made.learning_rate == 0.5


def test_each_part_has_its_optimizer():
    def chosen(variable):
        return biases if variable.name.endswith("bias") else kernels

    kernels, biases = SGD(0.001), SGD(0.0)
    by_name = OptimizerMap(SGD(0.001), {".*/bias": SGD(0.0)})
    for given in (by_name, chosen):
        made = line(MultiOptimizer(given, loss_scale_factor=8.0))
        losses = fitted(made, 5)
        kernel, bias = (w.numpy() for w in made.get_weights())
        assert losses[-1] < losses[0] and kernel.any() and not bias.any() and made.optimizer.iterations == 5
        assert [one.loss_scale_factor for one in made.optimizer.optimizers] == [8.0, 8.0]
    with pytest.raises(TypeError, match="has no learning rate"):
        _ = made.optimizer.learning_rate
    with pytest.raises(TypeError, match="with a function cannot be written"):
        made.optimizer.get_config()
    with pytest.raises(TypeError, match="takes plain optimizers, no LossScaleOptimizer"):
        MultiOptimizer(OptimizerMap(LossScaleOptimizer("sgd")))
    with pytest.raises(ValueError, match="several optimizers are given for 'line/bias'"):
        OptimizerMap("sgd", {".*/bias": "adam", "line/.*": "adam"})["line/bias"]


def test_they_are_made_again_from_their_configurations():
    made = MultiOptimizer(OptimizerMap(SGD(0.2, 0.9), {"line/.*": Adam(0.1)}), 2.0)
    for one in (made, LossScaleOptimizer(Adam(0.3), 4.0)):
        again = wl.optimizers.get({"class_name": type(one).__name__, "config": one.get_config()})
        assert again.get_config() == one.get_config()
