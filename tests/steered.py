"""What tests of trainings that are steered have in common."""

import asyncio

import numpy as np

import weblayers as wl

X = np.random.default_rng(0).random((32, 3), np.float32)
Y = X.sum(1, keepdims=True)


def network(units=4, optimizer=None, loss="mse"):
    model = wl.sequential([wl.layers.dense(units, activation="relu", input_shape=[3]), wl.layers.dense(1)])
    model.compile(optimizer or wl.train.adam(0.01), loss)
    return model


def values(model):
    return [w.numpy() for w in model.weights]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


async def fit(steered, epochs=3, **options):
    return await steered.fit(X, Y, epochs=epochs, verbose=0, **options)


async def rest():
    """Long enough for what is not paused to go on."""
    for _ in range(50):
        await asyncio.sleep(0)
