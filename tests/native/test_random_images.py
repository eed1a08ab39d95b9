"""Layers that move images at random and change their size."""

import asyncio

import numpy as np
import pytest

import weblayers as wl

L = wl.layers
RNG = np.random.default_rng(0)


def images(*shape):
    return RNG.random(shape, np.float32)


def test_flips_mirror_some_images_and_leave_others():
    x = images(16, 4, 5, 2)
    got = L.random_flip(mode="horizontal", seed=1).apply(x, training=True).numpy()
    kept = [np.array_equal(g, i) for g, i in zip(got, x, strict=True)]
    mirrored = [np.array_equal(g, i[:, ::-1]) for g, i in zip(got, x, strict=True)]
    assert all(np.logical_or(kept, mirrored)) and any(kept) and any(mirrored)


def test_quarter_turns_are_exact():
    x = images(3, 5, 5, 1)
    got = L.random_rotation(factor=(0.25, 0.25)).apply(x, training=True).numpy()
    np.testing.assert_allclose(got, np.rot90(x, 1, (1, 2)), atol=1e-5)


@pytest.mark.parametrize("mode, edge", [("constant", 0.0), ("nearest", None), ("reflect", None), ("wrap", None)])
def test_translations_move_pixels(mode, edge):
    x = images(2, 4, 6, 1)
    layer = L.random_translation(height_factor=(0.25, 0.25), width_factor=0, fill_mode=mode)
    got = layer.apply(x, training=True).numpy()
    np.testing.assert_allclose(got[:, 1:], x[:, :-1], atol=1e-5)
    first = {"constant": np.zeros_like(x[:, 0]), "wrap": x[:, -1]}.get(mode, x[:, 0])
    np.testing.assert_allclose(got[:, 0], first, atol=1e-5)


def test_crops_are_parts_of_their_images():
    x = images(4, 5, 6, 1)
    got = L.random_crop(height=3, width=2, seed=2).apply(x, training=True).numpy()
    for image, part in zip(x, got, strict=True):
        places = [(i, j) for i in range(3) for j in range(5)]
        assert any(np.allclose(image[i : i + 3, j : j + 2], part) for i, j in places)


def test_the_width_is_that_of_tensorflow_js():
    layer = L.randomWidth({"factor": 0.4, "interpolation": "nearest", "seed": 42})
    assert layer.apply(wl.range(0, 16).reshape([4, 4, 1])).shape == (4, 5, 1)
    expected = [int(np.floor(0.5 + 40 * wl.initializers.random_uniform(0.6, 1.4, s)([1])[0])) for s in (42, 43, 44)]
    layer = L.random_width(factor=0.4, seed=42)
    assert [layer.apply(wl.ones([2, 8, 40, 1])).shape for _ in expected] == [(2, 8, w, 1) for w in expected]
    assert layer.compute_output_shape([None, 8, 40, 1]) == (None, 8, None, 1)
    x = images(1, 4, 6, 2)
    np.testing.assert_allclose(
        L.random_width(factor=[0.5, 0.5]).apply(x).numpy(), L.resizing(height=4, width=9).apply(x).numpy(), rtol=1e-6
    )


def test_a_height_is_a_width_turned():
    x = images(1, 4, 6, 2)
    layer = L.random_height(factor=0.4, seed=42)
    wide = L.random_width(factor=0.4, seed=42).apply(np.swapaxes(x, 1, 2)).numpy()
    np.testing.assert_allclose(layer.apply(x).numpy(), np.swapaxes(wide, 1, 2), rtol=1e-6)
    assert layer.compute_output_shape([None, 8, 40, 1]) == (None, None, 40, 1)
    assert L.random_height(factor=0.4, data_format="channels_first").compute_output_shape([2, 1, 8, 40]) == (
        2,
        1,
        None,
        40,
    )


async def fitted(model, x, y):
    await model.fit(x, y, epochs=2, verbose=0)


def test_a_width_in_a_model_is_drawn_in_training_only():
    layer = L.random_width(factor=[0.5, 0.5], input_shape=[4, 6, 1])
    model = wl.sequential([layer, L.conv2d(2, 3), L.global_average_pooling2d(), L.dense(1)])
    model.compile("sgd", "mse")
    x = images(3, 4, 6, 1)
    asyncio.run(fitted(model, x, x.mean((1, 2))))
    without = wl.sequential([L.conv2d(2, 3, input_shape=[4, 6, 1]), *model.layers[2:]])
    without.layers[0].set_weights(model.layers[1].get_weights())
    np.testing.assert_allclose(model.predict(x).numpy(), without.predict(x).numpy(), rtol=1e-6)


@pytest.mark.parametrize(
    "factor, message",
    [(-0.5, "positive"), ([-5, 0.3], "larger than -1"), ([0.5, 0.3], "lower and"), ([1, 2, 3], "lower and")],
)
def test_widths_that_cannot_be(factor, message):
    with pytest.raises(ValueError, match=message):
        L.random_width(factor=factor)


@pytest.mark.parametrize(
    "layer",
    [
        L.random_flip(),
        L.random_rotation(factor=0.2),
        L.random_zoom(height_factor=0.2),
        L.random_translation(height_factor=0.2, width_factor=0.2),
        L.random_contrast(factor=0.2),
        L.random_brightness(factor=0.2),
    ],
    ids=lambda layer: layer.class_name,
)
def test_images_change_in_training_only(layer):
    x = images(4, 6, 6, 3) * 255
    np.testing.assert_array_equal(layer.apply(x).numpy(), x)
    changed = layer.apply(x, training=True).numpy()
    assert changed.shape == x.shape and not np.allclose(changed, x)
    assert changed.min() >= x.min() - 60 and changed.max() <= 255.01
    again = L.deserialize({"class_name": layer.class_name, "config": layer.get_config()})
    assert again.get_config() == layer.get_config()


def test_resizing_pads_both_sides_alike():
    x = np.arange(1.0, 13.0, dtype=np.float32).reshape(1, 3, 4, 1)
    # three rows for six columns: 1 is padded above and below, though 3 are missing
    layer = L.resizing(height=6, width=4, pad_to_aspect_ratio=True, interpolation="nearest", fill_value=-1.0)
    rows = layer.apply(x).numpy()[0, :, 0, 0]
    padded = np.array([-1, 1, 5, 9, -1])
    np.testing.assert_array_equal(rows, padded[((np.arange(6) + 0.5) * 5 / 6).astype(int)])


def test_resizing_keeps_a_row_at_least():
    x = np.ones((1, 1, 100, 1), np.float32)
    assert L.resizing(height=1, width=300, crop_to_aspect_ratio=True).apply(x).shape == (1, 1, 300, 1)


@pytest.mark.parametrize("wrong", [{"pad_to_aspect_ratio": True, "crop_to_aspect_ratio": True}, {"fill_mode": "wrap"}])
def test_resizing_says_what_it_cannot(wrong):
    with pytest.raises(ValueError, match="resizing"):
        L.resizing(height=2, width=2, **wrong)
