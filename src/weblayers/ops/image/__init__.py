"""Images: ``[batch, height, width, channels]``, resized, turned, cut and looked through."""

from ... import naming
from .resizing import INTERPOLATIONS, interpolation_name, repeat_spatial, resize
from .sampling import FILL_MODES, pixel_grid, sample

__all__ = [
    "FILL_MODES",
    "INTERPOLATIONS",
    "interpolation_name",
    "pixel_grid",
    "repeat_spatial",
    "resize",
    "sample",
]

__getattr__ = naming.module_getattr(__name__, globals())
