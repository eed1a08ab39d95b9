"""What bounds how far weights stretch: spectral normalization, and steps of orthogonal matrices."""

import numpy as np
import pytest

import weblayers as wl

L = wl.layers
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("inner, shape", [(lambda: L.dense(5), (3, 4)), (lambda: L.conv2d(4, 3), (2, 6, 6, 2))])
def test_the_largest_singular_value_becomes_one(inner, shape):
    layer = L.spectral_normalization(layer=inner(), power_iterations=30)
    x = RNG.standard_normal(shape, np.float32)
    layer.apply(x)
    before = layer.layer.kernel.numpy().copy()
    layer.apply(x)
    np.testing.assert_array_equal(layer.layer.kernel.numpy(), before)
    layer.apply(x, training=True)
    after = layer.layer.kernel.numpy()
    np.testing.assert_allclose(np.linalg.norm(after.reshape(-1, after.shape[-1]), 2), 1, rtol=1e-4)
    np.testing.assert_allclose(after / before, np.full_like(after, (after / before).flat[0]), rtol=1e-4)


def test_it_holds_while_a_model_trains():
    layer = L.spectral_normalization(layer=L.dense(3), power_iterations=5, input_shape=[4])
    model = wl.sequential([layer, L.dense(1)])
    model.compile(wl.train.sgd(0.01), "mse")
    x = RNG.standard_normal((8, 4), np.float32) * 3
    losses = model.fit(x, x[:, :1] * 5, epochs=40, verbose=0).result().history["loss"]
    assert losses[-1] < losses[0]
    layer.apply(x, training=True)
    assert np.linalg.norm(layer.layer.kernel.numpy(), 2) < 1.05
    assert layer.vector_u in model.non_trainable_weights


def test_a_kernel_of_zeros_stays():
    layer = L.spectral_normalization(layer=L.dense(2, kernel_initializer="zeros"))
    assert not layer.apply(np.ones((1, 3), np.float32), training=True).numpy().any()
    assert np.isfinite(layer.vector_u.numpy()).all()


def test_embeddings_and_what_has_no_kernel():
    layer = L.spectral_normalization(layer=L.embedding(5, 3), power_iterations=30)
    layer.apply(np.array([[1, 2]], np.int32), training=True)
    np.testing.assert_allclose(np.linalg.norm(layer.layer.embeddings.numpy(), 2), 1, rtol=1e-4)
    with pytest.raises(ValueError, match="Flatten has neither a kernel nor embeddings"):
        L.spectral_normalization(layer=L.flatten()).apply(np.ones((2, 3), np.float32))
    with pytest.raises(ValueError, match="power_iterations"):
        L.spectral_normalization(layer=L.dense(1), power_iterations=0)


def test_muon_moves_matrices_equally_far_in_every_direction():
    model = wl.sequential([L.dense(6, input_shape=[4], use_bias=False)])
    model.compile(wl.train.muon(0.1, weight_decay=None, rms_rate=None, nesterov=False), "mse")
    before = model.get_weights()[0].numpy()
    x = RNG.standard_normal((16, 4), np.float32)
    model.fit(x, RNG.standard_normal((16, 6)), batch_size=16, verbose=0).result()
    stretches = np.linalg.svd(model.get_weights()[0].numpy() - before, compute_uv=False)
    assert (np.abs(stretches / 0.1 - 1) < 0.4).all()
