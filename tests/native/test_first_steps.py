"""The first step of a model that begins at zero: the slope of a crossentropy at a logit of exactly 0."""

import asyncio
import math

import numpy as np
import pytest

import weblayers as wl

X = np.array([[1, 2], [3, -1], [0.5, 0.5]], np.float32)
Y = np.array([[1], [0], [1]], np.float32)
# the slope of (1 - p)^2 * -log(p) at a half, by that of -log(p)
FOCUSED = 0.25 + 0.5 * math.log(2)

LOSSES = {
    "by name": ("binary_crossentropy", "sigmoid", 1),
    "of logits": (wl.losses.BinaryCrossentropy(from_logits=True), None, 1),
    "by its activation's name": ("binary_crossentropy", "hard_sigmoid", 0.8),
    "sigmoid_cross_entropy": (lambda y, p: wl.losses.sigmoid_cross_entropy(y, p), None, 1),
    "focal": (wl.losses.BinaryFocalCrossentropy(gamma=2), "sigmoid", FOCUSED),
    "focal, of logits": (wl.losses.BinaryFocalCrossentropy(gamma=2, from_logits=True), None, FOCUSED),
    "focal without focus": (wl.losses.BinaryFocalCrossentropy(gamma=0, from_logits=True), None, 1),
}


@pytest.mark.parametrize("loss, activation, factor", LOSSES.values(), ids=LOSSES)
def test_logistic_regression_from_zero(loss, activation, factor, backend):
    dense = wl.layers.dense(1, activation=activation, kernel_initializer="zeros", input_shape=[2])
    model = wl.sequential([dense])
    model.compile(wl.train.sgd(1.0), loss)

    async def main():
        await model.fit(X, Y, verbose=0, batch_size=3)

    asyncio.run(main())
    error = (0.5 - Y) * factor
    kernel, bias = (w.numpy() for w in model.get_weights())
    np.testing.assert_allclose(kernel, -X.T @ error / 3, atol=1e-5)
    np.testing.assert_allclose(bias, -error.mean(0), atol=1e-5)


@pytest.mark.parametrize("classes", [2, 3])
def test_softmax_from_zero(classes, backend):
    model = wl.sequential([wl.layers.dense(classes, kernel_initializer="zeros", activation="softmax", input_shape=[2])])
    model.compile(wl.train.sgd(1.0), "sparse_categorical_crossentropy")

    async def main():
        await model.fit(X, Y[:, 0], verbose=0, batch_size=3)

    asyncio.run(main())
    error = 1 / classes - np.eye(classes)[Y[:, 0].astype(int)]
    np.testing.assert_allclose(model.get_weights()[0].numpy(), -X.T @ error / 3, atol=1e-5)
