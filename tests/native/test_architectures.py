"""The networks that people build train as plans as they do on NumPy."""

import asyncio

import numpy as np
import pytest

import weblayers as wl
from tests.agreement import agree, fitted, state
from tests.architectures import ARCHITECTURES, TOKENS, gan
from tests.thresholds import as_if_wide

# Adam divides a gradient by its own size: where it is nothing but rounding, as that of a bias before a normalization,
# a whole step is. The larger epsilon makes steps of such gradients as small as they are.
OPTIMIZERS = {
    "adam": lambda: wl.train.adam(0.01, epsilon=1e-3),
    "sgd": lambda: wl.train.sgd(0.05),
}
BATCHES_OF_ONE = ("attention", "conv lstm", "resnet", "seq2seq", "tcn", "text", "transformer of 2", "unet", "vgg")


def drawn(rng, wire, samples, loss=None):
    """Values for an input, or targets for an output of a loss."""
    shape = (samples, *wire.shape[1:])
    if loss == "categorical_crossentropy":
        return np.eye(shape[-1], dtype=np.float32)[rng.integers(0, shape[-1], shape[:-1])]
    if loss == "binary_crossentropy":
        return rng.integers(0, 2, shape).astype(np.float32)
    if len(shape) == 2 and wire.dtype == "int32":
        return rng.integers(0, TOKENS, shape).astype(np.int32)
    return rng.standard_normal(shape, np.float32)


def training(name, optimizer, samples, **options):
    """Builds a network anew and trains it."""
    build, loss = ARCHITECTURES[name]

    def run():
        model, rng = build(), np.random.default_rng(1)
        x = [drawn(rng, wire, samples) for wire in model.inputs]
        losses = loss if isinstance(loss, list) else [loss]
        y = [drawn(rng, wire, samples, one) for wire, one in zip(model.outputs, losses, strict=True)]
        model.compile(OPTIMIZERS[optimizer](), loss, ["accuracy", "mse"])
        return fitted(model, x if len(x) > 1 else x[0], y if len(y) > 1 else y[0], **options)

    return run


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_two_steps(name, optimizer):
    agree(training(name, optimizer, samples=4, batch_size=2))


@pytest.mark.parametrize("name", BATCHES_OF_ONE)
def test_a_last_batch_of_one(name):
    agree(training(name, "adam", samples=3, batch_size=2))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_textures_that_are_folded(name):
    """Nothing is as long as a texture here: the textures are as short as can be."""
    with as_if_wide(32 if name in ("conv lstm", "resnet") else 16):
        agree(training(name, "adam", samples=4, batch_size=2))


@pytest.mark.parametrize("name", BATCHES_OF_ONE)
def test_batches_of_one(name):
    agree(training(name, "sgd", samples=2, batch_size=1))


def test_two_models_that_are_trained_in_turns():
    def run():
        generator, discriminator, both = gan()
        rng = np.random.default_rng(1)
        seen = {}

        async def main():
            for turn in range(2):
                noise = rng.standard_normal((3, 3), np.float32)
                images = [rng.uniform(-1, 1, (3, 8, 8, 1)).astype(np.float32), generator.predict(noise).numpy()]
                answers = np.repeat(np.float32([1, 0]), 3)[:, None]
                discriminator.trainable = True
                seen[f"apart {turn}"] = await discriminator.train_on_batch(np.concatenate(images), answers)
                discriminator.trainable = False
                seen[f"generated {turn}"] = await both.train_on_batch(noise, np.ones((3, 1), np.float32))

        asyncio.run(main())
        return seen | {f"both: {k}": v for k, v in state(both).items()} | state(discriminator)

    agree(run)


WIDE = {
    "outputs": lambda: [wl.layers.dense(16_390, activation="tanh", input_shape=[2])],
    "normalized": lambda: [wl.layers.batch_normalization(input_shape=[16_390])],
    "inputs": lambda: [wl.layers.dense(1, use_bias=False, input_shape=[16_390])],
    "between": lambda: [wl.layers.dense(16_390, input_shape=[2]), wl.layers.dense(1)],
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", WIDE)
def test_weights_that_are_longer_than_a_texture_is_wide(name, optimizer):
    """Vectors of more than 16,384 numbers, which no atlas has, are copied whole at the beginning of each fit."""

    def run():
        model, rng = wl.sequential(WIDE[name]()), np.random.default_rng(1)
        x, y = (rng.standard_normal((4, wire.shape[1]), np.float32) for wire in (model.inputs[0], model.outputs[0]))
        model.compile(OPTIMIZERS[optimizer](), "mse")
        return fitted(model, x, y, batch_size=2)

    agree(run)
