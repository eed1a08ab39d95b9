"""What helps around models, where Keras has it: ``keras.utils``."""

from __future__ import annotations

from . import naming
from .layers.features import FeatureSpace
from .models.data_sets import pack_x_y_sample_weight, unpack_x_y_sample_weight
from .models.plot import plot_model
from .random_seed import set_random_seed

__all__ = ["FeatureSpace", "pack_x_y_sample_weight", "plot_model", "set_random_seed", "unpack_x_y_sample_weight"]

__getattr__ = naming.module_getattr(__name__, globals())
