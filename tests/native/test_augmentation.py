"""Layers that change images at random: what they draw, on every backend, and what belongs to the images."""

import asyncio

import numpy as np
import pytest

import weblayers as wl
from weblayers.layers.augmentation import _unprojected
from weblayers.layers.blurring import blurred, gaussian
from weblayers.ops.random import Noise

L = wl.layers
RNG = np.random.default_rng(0)
IMAGES = (RNG.random((4, 10, 12, 3)) * 255).astype(np.float32)

LAYERS = {
    "AugMix": {},
    "CutMix": {},
    "MixUp": {"alpha": 1.0},
    "RandAugment": {},
    "RandomColorDegeneration": {"factor": 0.8},
    "RandomColorJitter": {
        "brightness_factor": 0.2,
        "contrast_factor": 0.2,
        "saturation_factor": [0.3, 0.6],
        "hue_factor": 0.3,
    },
    "RandomElasticTransform": {"factor": [1.0, 1.0], "scale": [0.5, 1.0]},
    "RandomErasing": {"factor": [1.0, 1.0], "fill_value": [1, 2, 3]},
    "RandomGaussianBlur": {"factor": [1.0, 1.0], "kernel_size": [3, 5]},
    "RandomGrayscale": {},
    "RandomHue": {"factor": 0.5},
    "RandomInvert": {},
    "RandomPerspective": {"factor": [1.0, 1.0], "scale": 0.5},
    "RandomPosterization": {"factor": [2, 5]},
    "RandomSaturation": {"factor": [0.2, 0.6]},
    "RandomSharpness": {"factor": 0.8},
    "RandomShear": {"x_factor": 0.4, "y_factor": [0.1, 0.2]},
    "Solarization": {"addition_factor": 0.3, "threshold_factor": [0.4, 0.6]},
}
MOVING = ("RandomElasticTransform", "RandomPerspective", "RandomShear", "RandAugment")


def made(name, seed=3):
    return getattr(L, name)(**LAYERS[name], seed=seed)


@pytest.mark.parametrize("name", LAYERS)
def test_images_change_in_training_only(name):
    layer = made(name)
    np.testing.assert_array_equal(layer.apply(IMAGES).numpy(), IMAGES)
    changed = layer.apply(IMAGES, training=True).numpy()
    assert changed.shape == IMAGES.shape and not np.allclose(changed, IMAGES, atol=1)
    assert changed.min() >= -60 and changed.max() <= 256
    assert not np.array_equal(layer.apply(IMAGES, training=True).numpy(), changed)
    np.testing.assert_array_equal(made(name).apply(IMAGES, training=True).numpy(), changed)
    one = made(name).apply(IMAGES[0], training=True)
    assert one.shape == IMAGES[0].shape
    again = L.deserialize({"class_name": name, "config": layer.get_config()})
    assert again.get_config() == layer.get_config()


@pytest.mark.parametrize("name", LAYERS)
def test_plans_draw_the_same(name):
    found = []
    for backend in ("numpy", "softgpu"):
        wl.set_backend(backend)
        try:
            layer = made(name)
            step = wl.function(lambda x, layer=layer: layer.apply(x, training=True))
            found.append([step(IMAGES).numpy(), step(IMAGES).numpy()])
        finally:
            wl.set_backend("numpy")
    for one, other in zip(*found, strict=True):
        # rounding puts a pixel on the other side of a threshold now and then
        assert np.mean(np.abs(one - other) > 0.05) < 0.01
    assert not np.array_equal(*found[0])


@pytest.mark.parametrize("name", ["RandomHue", "RandomShear", "RandomErasing", "RandomSharpness"])
def test_channels_first(name):
    first = getattr(L, name)(**LAYERS[name], seed=3, data_format="channels_first")
    turned = first.apply(IMAGES.transpose(0, 3, 1, 2), training=True).numpy()
    expected = made(name).apply(IMAGES, training=True).numpy()
    np.testing.assert_allclose(turned.transpose(0, 2, 3, 1), expected, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize(
    "name", [*MOVING, "RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom", "RandomCrop"]
)
def test_masks_move_with_their_images(name):
    given = {"RandomCrop": {"height": 6, "width": 7}, "RandomFlip": {}, "RandomRotation": {"factor": 0.3}}
    given["RandomTranslation"] = {"height_factor": 0.3, "width_factor": 0.3}
    given["RandomZoom"] = {"height_factor": 0.3}
    settings = {**LAYERS.get(name, given.get(name, {})), "seed": 5}
    if name not in ("RandomCrop", "RandomFlip", "RandAugment"):
        settings["interpolation"] = "nearest"
    # each pixel a colour that says where it was
    place = np.arange(120, dtype=np.float32).reshape(1, 10, 12, 1).repeat(4, 0)
    data = {"images": place, "labels": np.eye(4, dtype=np.float32), "segmentation_masks": place}
    out = getattr(L, name)(**settings)(data, training=True)
    np.testing.assert_array_equal(out["labels"].numpy(), np.eye(4))
    masks = out["segmentation_masks"].numpy()
    assert set(np.unique(masks)) <= {0, *range(120)} and not np.array_equal(masks, place)
    if name != "RandAugment":
        np.testing.assert_array_equal(out["images"].numpy(), masks)
    still = getattr(L, name)(**settings)(data, training=False)["segmentation_masks"].numpy()
    assert name == "RandomCrop" or np.array_equal(still, place)


def test_colours_leave_masks_and_boxes():
    boxes = {"boxes": np.ones((4, 2, 4), np.float32), "labels": np.ones((4, 2), np.float32)}
    data = {"images": IMAGES, "segmentation_masks": IMAGES[..., :1], "bounding_boxes": boxes}
    out = made("RandomHue")(data, training=True)
    np.testing.assert_array_equal(out["segmentation_masks"].numpy(), IMAGES[..., :1])
    np.testing.assert_array_equal(out["bounding_boxes"]["boxes"].numpy(), boxes["boxes"])
    with pytest.raises(ValueError, match="not the bounding boxes around them"):
        made("RandomShear")(data, training=True)
    with pytest.raises(ValueError, match=r"got \['image'\]"):
        made("RandomHue")({"image": IMAGES}, training=True)


def test_mixing_mixes_labels_as_images():
    """Images that are one colour each: what is mixed of them is what is mixed of their labels."""
    colours = np.eye(8, dtype=np.float32)
    images = np.broadcast_to(colours[:, None, None], (8, 16, 16, 8))
    for layer in (L.mix_up(alpha=1.0, seed=1), L.cut_mix(seed=1)):
        out = layer({"images": images, "labels": colours}, training=True)
        mixed = out["images"].numpy().mean((1, 2))
        np.testing.assert_allclose(out["labels"].numpy().sum(1), np.ones(8), rtol=1e-5)
        # boxes of whole pixels are as large as they are drawn, but for their edges
        np.testing.assert_allclose(mixed, out["labels"].numpy(), atol=1e-5 if layer.class_name == "MixUp" else 0.13)
        assert (np.count_nonzero(mixed > 1e-3, 1) > 1).any()
    with pytest.raises(ValueError, match="mixes one-hot labels"):
        L.mix_up()({"images": images, "labels": np.zeros(8, np.float32)}, training=True)


def test_erased_boxes_have_the_drawn_size():
    layer = L.random_erasing(factor=[1.0, 1.0], scale=[0.25, 0.25], fill_value=0, seed=2)
    covered = layer.apply(np.full((64, 20, 20, 1), 9, np.float32), training=True).numpy() == 0
    assert set(covered.any((2, 3)).sum(1)) <= {9, 10, 11} and set(covered.any((1, 3)).sum(1)) <= {9, 10, 11}
    noise = L.random_erasing(factor=[1.0, 1.0], seed=2, value_range=[0, 1]).apply(
        np.zeros((9, 20, 20, 1)), training=True
    )
    assert 0 < noise.numpy().max() <= 1 and len(np.unique(noise.numpy())) > 50


def test_a_share_of_images_is_changed():
    x = np.full((400, 2, 2, 3), [10, 200, 30], np.float32)
    for layer, low, high in (
        (L.random_grayscale(factor=0.25, seed=1), 0.15, 0.35),
        (L.random_invert(factor=[0.75, 0.75], seed=1), 0.65, 0.85),
        (L.random_invert(seed=1), 0.4, 0.6),
    ):
        changed = (layer.apply(x, training=True).numpy() != x).any((1, 2, 3)).mean()
        assert low < changed < high


def test_perspective_is_undone():
    """A point of the unit square goes where the corners say, and is found there."""
    right, down, u, v = 9.0, 9.6, 13.0, 6.4
    # seen at the corners
    corners = {(0.0, 0.0): (0.0, 0.0), (right, 0.0): (1.0, 0.0), (0.0, down): (0.0, 1.0), (u, v): (1.0, 1.0)}
    for (x, y), expected in corners.items():
        found = _unprojected(*(wl.scalar(value) for value in (x, y, right, down, u, v)))
        np.testing.assert_allclose([t.numpy() for t in found], expected, atol=1e-5)


def test_each_image_is_blurred_by_its_own_bell():
    x = np.zeros((2, 7, 7, 2), np.float32)
    x[:, 3, 3] = 1, 2
    sigma = np.array([0.4, 1.1], np.float32).reshape(2, 1, 1, 1)
    out = blurred(wl.tensor(x), gaussian(wl.tensor(sigma), 3), gaussian(wl.tensor(sigma), 5)).numpy()
    for image, width in zip(out, sigma.ravel(), strict=True):
        rows, columns = (np.exp(-0.5 * (np.arange(n) - n // 2) ** 2 / width**2) for n in (3, 5))
        bell = np.outer(columns / columns.sum(), rows / rows.sum())
        np.testing.assert_allclose(image[1:6, 2:5, 0], bell, atol=1e-6)
        np.testing.assert_allclose(image[..., 1], 2 * image[..., 0], atol=1e-6)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0])
def test_numbers_of_the_beta_distribution(alpha, backend):
    """Mean, variance, and a share far from the middle, of ten thousand."""
    noise = Noise(3)
    drawn = wl.function(lambda x: noise.beta(x, alpha, 10_000, 0))(wl.ones([1])).numpy()
    assert np.isfinite(drawn).all() and drawn.mean() == pytest.approx(0.5, abs=0.02)
    assert drawn.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.05)
    first, second = np.random.default_rng(0).gamma(alpha, size=(2, 100_000))
    assert (drawn < 0.1).mean() == pytest.approx((first / (first + second) < 0.1).mean(), abs=0.015)


def test_boxes_are_as_many():
    boxes = {"boxes": np.ones((2, 3, 4), np.float32), "labels": np.arange(6, dtype=np.float32).reshape(2, 3)}
    for number, expected in ((2, [[0, 1], [3, 4]]), (4, [[0, 1, 2, -1], [3, 4, 5, -1]])):
        out = L.max_num_bounding_boxes(max_number=number)({"images": IMAGES[:2], "bounding_boxes": boxes})
        np.testing.assert_array_equal(out["bounding_boxes"]["labels"].numpy(), expected)
        assert out["bounding_boxes"]["boxes"].shape == (2, number, 4) and out["images"].shape == (2, 10, 12, 3)
    with pytest.raises(ValueError, match="takes a dictionary with bounding_boxes"):
        L.max_num_bounding_boxes(max_number=1)(IMAGES)


def test_equalization_works_by_itself_and_in_training():
    x = IMAGES[..., :1]
    layer = L.equalization()
    spread = layer.apply(x).numpy()
    assert not np.allclose(spread, x)
    np.testing.assert_array_equal(layer.apply(x, training=False).numpy(), x)
    model = wl.sequential([wl.input(shape=[10, 12, 1]), layer])
    np.testing.assert_array_equal(model.predict(x).numpy(), x)
    np.testing.assert_array_equal(model(x).numpy(), x)
    np.testing.assert_allclose(model.apply(x, training=True).numpy(), spread)


def test_a_model_trains_behind_a_policy(backend):
    model = wl.sequential([L.rand_augment(num_ops=1, input_shape=[8, 8, 3]), L.flatten(), L.dense(2)])
    model.compile("sgd", "mse")

    async def main():
        x = RNG.random((6, 8, 8, 3), np.float32)
        return await model.fit(x, np.ones((6, 2), np.float32), epochs=2, verbose=0)

    assert np.isfinite(asyncio.run(main()).history["loss"]).all()
