"""Images: ``[batch, height, width, channels]``, resized, turned, cut and looked through."""

from ... import naming
from .colors import grayscale_to_rgb, hsv_to_rgb, rgb_to_grayscale, rgb_to_hsv, threshold
from .resizing import (
    INTERPOLATIONS,
    interpolation_name,
    repeat_spatial,
    resize,
    resize_bilinear,
    resize_nearest_neighbor,
)
from .sampling import FILL_MODES, pixel_grid, sample
from .suppression import (
    non_max_suppression,
    non_max_suppression_async,
    non_max_suppression_padded,
    non_max_suppression_padded_async,
    non_max_suppression_with_score,
    non_max_suppression_with_score_async,
)
from .warping import crop_and_resize, flip_left_right, rotate_with_offset, transform

__all__ = [
    "FILL_MODES",
    "INTERPOLATIONS",
    "crop_and_resize",
    "flip_left_right",
    "grayscale_to_rgb",
    "hsv_to_rgb",
    "interpolation_name",
    "non_max_suppression",
    "non_max_suppression_async",
    "non_max_suppression_padded",
    "non_max_suppression_padded_async",
    "non_max_suppression_with_score",
    "non_max_suppression_with_score_async",
    "pixel_grid",
    "repeat_spatial",
    "resize",
    "resize_bilinear",
    "resize_nearest_neighbor",
    "rgb_to_grayscale",
    "rgb_to_hsv",
    "rotate_with_offset",
    "sample",
    "threshold",
    "transform",
]

__getattr__ = naming.module_getattr(__name__, globals())
