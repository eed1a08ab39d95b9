"""Ops of images, as TensorFlow.js 4.22 computes them where its recorded kernels do not say."""

import asyncio

import numpy as np
import pytest

import weblayers as wl
from tests import slopes

IMAGE = wl.image
X = np.arange(1, 13, dtype=np.float32).reshape(1, 3, 4, 1)
COLORS = np.arange(1, 17, dtype=np.float32).reshape(1, 2, 2, 4)
GRAY = np.array([3, 9, 20, 80, 90, 100, 210, 220, 255], np.float32).reshape(3, 3, 1)
PROJECTION = [[0.9, 0.35, -1.2, -0.25, 1.1, 0.7, 0.05, -0.01]]

RECORDED = {
    "rotate": (
        lambda: IMAGE.rotate_with_offset(X, 0.7, -1, [0.25, 0.75]),
        [3, 7, 8, -1, 6, 7, 12, -1, 5, 10, -1, -1],
    ),
    "rotate, opaque beyond the edges": (
        lambda: IMAGE.rotate_with_offset(COLORS, 1, [100, 101, 102], 0),
        [1, 2, 3, 4, 13, 14, 15, 16, 100, 101, 102, 255, 9, 10, 11, 12],
    ),
    "project, constant": (
        lambda: IMAGE.transform(X, PROJECTION, "bilinear", "constant", 9, [2, 3]),
        [9, 4.510204315185547, 2.2727272510528564, 8.897153854370117, 7.009615421295166, 6.642201900482178],
    ),
    "project, nearest": (
        lambda: IMAGE.transform(X, PROJECTION, "bilinear", "nearest", 9, [2, 3]),
        [3.799999952316284, 2.7142856121063232, 2.2727272510528564, 8.272727012634277, 7.009615421295166, 6.642201900],
    ),
    "project, reflect": (
        lambda: IMAGE.transform(X, PROJECTION, "bilinear", "reflect", 9, [2, 3]),
        [4, 2.7142856121063232, 2.2727272510528564, 8.272727012634277, 7.009615421295166, 6.642201900482178],
    ),
    "project, wrap": (
        lambda: IMAGE.transform(X, PROJECTION, "bilinear", "wrap", 9, [2, 3]),
        [6.599999904632568, 5.714285850524902, 2.2727272510528564, 11.272727012634277, 7.009615421295166, 6.6422019],
    ),
    "otsu": (lambda: IMAGE.threshold(GRAY, "otsu"), [0, 0, 0, 0, 0, 0, 255, 255, 255]),
    "otsu, inverted": (lambda: IMAGE.threshold(GRAY, "otsu", True), [255, 255, 255, 255, 255, 255, 0, 0, 0]),
    "otsu of one colour": (lambda: IMAGE.threshold(wl.fill([1, 2, 1], 7), "otsu"), [255, 255]),
    "threshold": (lambda: IMAGE.threshold(GRAY, "binary", False, 0.9), [0, 0, 0, 0, 0, 0, 0, 0, 255]),
    "crop": (
        lambda: IMAGE.crop_and_resize(X, [[0.1, 0.2, 0.8, 0.7], [-0.2, 0.3, 1.2, 0.1]], [0, 0], [2, 2], "bilinear", -1),
        [2.4, 3.9, 8, 9.5, -1, -1, -1, -1],
    ),
    "crop, of an image that there is not": (
        lambda: IMAGE.crop_and_resize(X, [[0.1, 0.2, 0.8, 0.7], [1, 1, 0, 0]], [0, 3], [2, 2], "nearest", -1),
        [2, 3, 10, 11, 0, 0, 0, 0],
    ),
}


@pytest.mark.parametrize("name", RECORDED)
def test_as_recorded(name):
    call, wanted = RECORDED[name]
    np.testing.assert_allclose(call().data_sync(), wanted, rtol=1e-5)


def test_each_image_has_a_projection_of_its_own():
    two = np.concatenate([X, X + 20])
    moved = IMAGE.transform(two, [[1, 0, 1, 0, 1, 0, 0, 0], [1, 0, 0, 0, 1, 1, 0, 0]])
    np.testing.assert_array_equal(moved.numpy()[0, :, :3], two[0, :, 1:])
    np.testing.assert_array_equal(moved.numpy()[1, :2], two[1, 1:])


def test_colours():
    colors = np.random.default_rng(0).uniform(0, 255, (2, 3, 3)).astype(np.float32)
    gray = IMAGE.rgb_to_grayscale(colors)
    np.testing.assert_allclose(gray.numpy(), colors @ np.array([[0.2989], [0.587], [0.114]]), rtol=1e-5)
    assert IMAGE.rgbToGrayscale(wl.tensor(colors.astype(np.int32))).dtype == "int32"
    assert IMAGE.grayscaleToRGB(gray).shape == (2, 3, 3)
    assert IMAGE.flip_left_right(COLORS).numpy()[0, 0, 0].tolist() == [5, 6, 7, 8]


def test_the_dtype_and_rank_of_resized_images():
    image = wl.tensor(X[0].astype(np.int32))
    assert IMAGE.resize_bilinear(image, [2, 2]).dtype == "float32"
    nearest = IMAGE.resize_nearest_neighbor(image, [1, 8])
    assert (nearest.dtype, nearest.shape) == ("int32", (1, 8, 1))
    assert IMAGE.resize_bilinear(X, [6, 4]).shape == (1, 6, 4, 1)


BOXES = np.array([[0, 0, 1, 1], [0, 0.1, 1, 1.1], [0, 10, 1, 11], [1.1, 1, 0.1, 0], [0, 100, 0, 101]], np.float32)
SCORES = np.array([0.9, 0.75, 0.6, 0.95, 0.5], np.float32)


def test_boxes_that_do_not_overlap_are_chosen():
    assert IMAGE.non_max_suppression(BOXES, SCORES, 5).array_sync() == [3, 2, 4]
    assert IMAGE.non_max_suppression(BOXES, SCORES, 5, 0.5, 0.55).array_sync() == [3, 2]
    assert IMAGE.non_max_suppression(BOXES, np.ones(5, np.float32), 1).array_sync() == [0]
    soft = IMAGE.non_max_suppression_with_score(BOXES, SCORES, 5, 1, 0.1, 0.5)
    assert soft["selectedIndices"].array_sync() == [3, 2, 4, 1, 0]
    assert np.all(np.diff(soft.selected_scores.numpy()) < 0)
    padded = IMAGE.non_max_suppression_padded(BOXES, SCORES, 4, pad_to_max_output_size=True)
    assert padded["selected_indices"].array_sync() == [3, 2, 4, 0] and int(padded["valid_outputs"]) == 3


def test_suppression_without_blocking():
    async def main():
        assert (await IMAGE.non_max_suppression_async(BOXES, SCORES, 2)).array_sync() == [3, 2]
        scored = await IMAGE.non_max_suppression_with_score_async(BOXES, SCORES, 2)
        assert scored["selected_scores"].array_sync() == pytest.approx([0.95, 0.6])
        padded = await IMAGE.non_max_suppression_padded_async(BOXES, SCORES, 4)
        assert padded["selected_indices"].shape == (3,)

    asyncio.run(main())


RANDOM = np.random.default_rng(3).uniform(0.1, 0.9, (2, 3, 4, 2)).astype(np.float32)
CROPS = [[0.11, 0.23, 0.87, 0.66], [0.9, 0.15, 0.35, 0.7]]
SMOOTH = {
    "resize_bilinear": lambda x: IMAGE.resize_bilinear(x, [5, 3], half_pixel_centers=True),
    "resize_nearest_neighbor": lambda x: IMAGE.resize_nearest_neighbor(x, [2, 5]),
    "flip_left_right": IMAGE.flip_left_right,
    "rgb_to_grayscale": lambda x: IMAGE.rgb_to_grayscale(wl.reshape(x, [4, 4, 3])),
    "grayscale_to_rgb": lambda x: IMAGE.grayscale_to_rgb(wl.reshape(x, [48, 1])),
    "rgb_to_hsv": lambda x: IMAGE.rgb_to_hsv(wl.reshape(x, [4, 4, 3])),
    "hsv_to_rgb": lambda x: IMAGE.hsv_to_rgb(wl.reshape(x, [4, 4, 3])),
    "rotate_with_offset": lambda x: IMAGE.rotate_with_offset(x, 0.5),
    "transform": lambda x: IMAGE.transform(x, PROJECTION, "bilinear", "reflect"),
    "crop_and_resize": lambda x: IMAGE.crop_and_resize(x, CROPS, [1, 0], [3, 2]),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_gradients(name):
    slopes.check(SMOOTH[name], RANDOM)


def test_the_gradients_of_places():
    slopes.check(lambda boxes: IMAGE.crop_and_resize(RANDOM, boxes, [1, 0], [2, 2]), CROPS)
    slopes.check(lambda t: IMAGE.transform(RANDOM, t, "bilinear"), [[0.8, 0.1, 0.3, 0.05, 0.7, 0.2, 0.02, 0.01]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: IMAGE.resize_bilinear(X[0, 0], [2, 2]), "rank 3 or a batch of rank 4"),
        (lambda: IMAGE.resize_bilinear(X, [2, 2], True, True), "cannot both be true"),
        (lambda: IMAGE.flip_left_right(X[0]), r"\[batch, height, width, channels\]"),
        (lambda: IMAGE.grayscale_to_rgb(COLORS), r"\[\.\.\., 1\]"),
        (lambda: IMAGE.rotate_with_offset(COLORS, 1, [1, 2]), "2 values for 4 channels"),
        (lambda: IMAGE.crop_and_resize(X, [[0, 0, 1, 1]], [0, 1], [2, 2]), "a box_ind for each"),
        (lambda: IMAGE.transform(X, [[1, 0, 0]]), r"transforms \[1 or 1, 8\]"),
        (lambda: IMAGE.transform(X, PROJECTION, fill_mode="edge"), "fill_mode must be one of"),
        (lambda: IMAGE.threshold(GRAY, "mean"), "'binary' or 'otsu'"),
        (lambda: IMAGE.non_max_suppression(BOXES, SCORES[:2], 2), "a score for each"),
        (lambda: IMAGE.non_max_suppression(BOXES, SCORES, 2, 2), "iou_threshold must be from 0 to 1"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_scores_are_compared_with_the_threshold_as_it_is():
    # float32's 0.3 is a little more than 0.3, and so such a box is kept
    boxes = wl.tensor2d([[0, 0, 1, 1], [2, 2, 3, 3]])
    scores = wl.tensor1d([0.3, 0.2])
    assert wl.image.non_max_suppression(boxes, scores, 2, 0.5, 0.3).array_sync() == [0]
    assert wl.image.non_max_suppression(boxes, scores, 2, 0.5, 0.2).array_sync() == [0, 1]
