"""The TensorFlow.js Layers API in pure Python, on WebGL2 in the browser and NumPy everywhere.

>>> import asyncio, weblayers as wl
>>> model = wl.sequential()
>>> model.add(wl.layers.dense(units=1, input_shape=[1]))
>>> model.compile(optimizer="sgd", loss="mean_squared_error")
>>> xs = wl.tensor2d([[1], [2], [3], [4]], [4, 1]); ys = wl.tensor2d([[1], [3], [5], [7]], [4, 1])
>>> async def main():
...     await model.fit(xs, ys, epochs=500, verbose=0)
...     return model.predict(wl.tensor2d([[5]], [1, 1])).array_sync()
>>> f"{asyncio.run(main())[0][0]:.0f}"
'9'
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from . import (
    activations,
    callbacks,
    constraints,
    initializers,
    io,
    layers,
    losses,
    metrics,
    mixed_precision,
    models,
    naming,
    ops,
    optimizers,
    regularizers,
    serialization,
    util,
)
from . import optimizers as train
from .callbacks import Callback, CustomCallback, History, register_callback_constructor
from .io import load_layers_model, model_from_json
from .layers import InputSpec, SymbolicTensor, register_class
from .layers.core import input
from .losses import Reduction
from .models.functional import Functional, Model
from .models.sequential import Sequential
from .ops import *  # noqa: F403
from .random_seed import set_random_seed
from .runtime.buffer import TensorBuffer
from .runtime.debug import enable_debug_mode, enable_prod_mode
from .runtime.device import get_backend, ready, set_backend, why
from .runtime.lost import DeviceLostError
from .runtime.memory import dispose_variables, memory
from .runtime.page import next_frame
from .runtime.profiling import profile, time
from .runtime.scopes import dispose, keep, tidy
from .runtime.tensor import Tensor, Variable

if TYPE_CHECKING:
    from . import data, page, utils, vis
    from .models.plot import Drawing, plot_model

__version__ = "0.1.0"

layers.serialization.CLASSES |= {"Sequential": Sequential, "Functional": Functional, "Model": Functional}

sequential, model = Sequential, Functional
LayersModel = Model

__all__ = [
    "Callback",
    "CustomCallback",
    "DeviceLostError",
    "Drawing",
    "Functional",
    "History",
    "InputSpec",
    "LayersModel",
    "Model",
    "Reduction",
    "Sequential",
    "SymbolicTensor",
    "Tensor",
    "TensorBuffer",
    "Variable",
    "activations",
    "callbacks",
    "constraints",
    "data",
    "dispose",
    "dispose_variables",
    "enable_debug_mode",
    "enable_prod_mode",
    "get_backend",
    "initializers",
    "input",
    "io",
    "keep",
    "layers",
    "load_layers_model",
    "losses",
    "memory",
    "metrics",
    "mixed_precision",
    "model",
    "model_from_json",
    "models",
    "next_frame",
    "optimizers",
    "page",
    "plot_model",
    "profile",
    "ready",
    "register_callback_constructor",
    "register_class",
    "regularizers",
    "sequential",
    "serialization",
    "set_backend",
    "set_random_seed",
    "tidy",
    "time",
    "train",
    "util",
    "utils",
    "vis",
    "why",
    *ops.__all__,
]

# What many pages do without is imported when somebody asks for it: the module, and its attribute.
_LATER = {
    "data": ("data", None),
    "page": ("page", None),
    "utils": ("utils", None),
    "vis": ("vis", None),
    "Drawing": ("models.plot", "Drawing"),
    "plot_model": ("models.plot", "plot_model"),
}
_miss = naming.module_getattr(__name__, globals())


def __getattr__(name: str) -> Any:
    where = _LATER.get(name) or _LATER.get(naming.snake(name))
    if where is None:
        return _miss(name)
    module, attribute = where
    found = importlib.import_module(f".{module}", __name__)
    return found if attribute is None else getattr(found, attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
