"""The public tensor functions, by family: compositions of primitives, eager on values and traced in models."""

from __future__ import annotations

from ..runtime.tensor import Tensor
from . import arithmetic, control, creation, images, matrices, movement, normalization, random, reduction
from .control import scan  # noqa: F401
from .differentiation import (  # noqa: F401  (public, see _TRANSFORMS)
    custom_grad,
    grad,
    grads,
    value_and_grad,
    value_and_grads,
    variable_grads,
)
from .dispatch import OPS
from .functions import function  # noqa: F401

# Every op is a function of the package and, if its first argument is a tensor, a method of tensors.
_TRANSFORMS = (
    *("custom_grad", "function", "grad", "grads", "scan", "value_and_grad", "value_and_grads", "variable_grads"),
)
__all__ = sorted({*OPS, *_TRANSFORMS})
globals().update(OPS)

for _name in ("arithmetic", "reduction", "movement", "matrices", "images", "normalization"):
    for _op, _function in vars(globals()[_name]).items():
        if OPS.get(_op) is _function and not hasattr(Tensor, _op):
            setattr(Tensor, _op, _function)

_OPERATORS = {
    "add": arithmetic.add,
    "sub": arithmetic.sub,
    "mul": arithmetic.mul,
    "truediv": arithmetic.div,
    "mod": arithmetic.mod,
    "pow": arithmetic.pow,
}
for _name, _function in _OPERATORS.items():
    setattr(Tensor, f"__{_name}__", lambda x, y, fn=_function: fn(x, y))
    setattr(Tensor, f"__r{_name}__", lambda x, y, fn=_function: fn(y, x))
_COMPARISONS = {
    "matmul": matrices.mat_mul,
    "lt": arithmetic.less,
    "le": arithmetic.less_equal,
    "gt": arithmetic.greater,
    "ge": arithmetic.greater_equal,
}
for _name, _function in _COMPARISONS.items():
    setattr(Tensor, f"__{_name}__", lambda x, y, fn=_function: fn(x, y))
for _name, _function in {"neg": arithmetic.neg, "abs": arithmetic.abs, "getitem": movement.get_item}.items():
    setattr(Tensor, f"__{_name}__", _function)

del control, creation, images, normalization, random, reduction
