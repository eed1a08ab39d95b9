"""The public tensor functions, by family: compositions of primitives, eager on values and traced in models."""

from __future__ import annotations

from .. import naming
from . import (  # noqa: F401 - to have their ops registered
    accumulation,
    arithmetic,
    browser,
    complex,
    control,
    convolutions,
    counting,
    creation,
    dtypes,
    fourier,
    fused,
    image,
    indexing,
    linalg,
    math,
    mathematics,
    matrices,
    methods,
    movement,
    normalization,
    pooling,
    ragged,
    random,
    ranked,
    rearranging,
    recurrent,
    reduction,
    searching,
    signal,
    sparse,
    spatial,
    spectral,
    string,
)
from .control import scan
from .differentiation import (
    GradientTape,
    custom_grad,
    grad,
    grads,
    value_and_grad,
    value_and_grads,
    variable_grads,
)
from .dispatch import OPS
from .functions import function

_GRADIENTS = (GradientTape, custom_grad, grad, grads, value_and_grad, value_and_grads, variable_grads)
_TRANSFORMS = {f.__name__ for f in (*_GRADIENTS, function, scan)}
_TOP = {name: fn for name, fn in OPS.items() if "." not in name}
_SPACES = {"browser", "fused", "image", "linalg", "math", "signal", "sparse", "spectral", "string"}
globals().update(_TOP)
__all__ = sorted({*_TOP, *_TRANSFORMS, *_SPACES})

methods.attach()

__getattr__ = naming.module_getattr(__name__, globals())
