"""The public tensor functions, by family: compositions of primitives, eager on values and traced in models."""

from __future__ import annotations

from ..runtime.tensor import Tensor
from . import (
    accumulation,
    arithmetic,
    control,
    creation,
    images,
    mathematics,
    matrices,
    movement,
    normalization,
    random,
    rearranging,
    reduction,
)
from .control import scan
from .differentiation import (
    custom_grad,
    grad,
    grads,
    value_and_grad,
    value_and_grads,
    variable_grads,
)
from .dispatch import OPS, Deferred
from .functions import function

# Every op is a function of the package and, if its first argument is a tensor, a method of tensors.
_GRADIENTS = (custom_grad, grad, grads, value_and_grad, value_and_grads, variable_grads)
_TRANSFORMS = {f.__name__ for f in (*_GRADIENTS, function, scan)}
__all__ = sorted({*OPS, *_TRANSFORMS})
globals().update(OPS)

for _name in (
    "arithmetic",
    "mathematics",
    "reduction",
    "accumulation",
    "movement",
    "rearranging",
    "matrices",
    "images",
    "normalization",
):
    for _op, _function in vars(globals()[_name]).items():
        if OPS.get(_op) is _function and not hasattr(Tensor, _op):
            setattr(Tensor, _op, _function)

# of tensors, and of what stands for them
_OPERATORS = {
    "add": arithmetic.add,
    "sub": arithmetic.sub,
    "mul": arithmetic.mul,
    "truediv": arithmetic.div,
    "mod": arithmetic.mod,
    "pow": arithmetic.pow,
}
_COMPARISONS = {
    "matmul": matrices.mat_mul,
    "lt": arithmetic.less,
    "le": arithmetic.less_equal,
    "gt": arithmetic.greater,
    "ge": arithmetic.greater_equal,
}
for _class in (Tensor, Deferred):
    for _name, _function in _OPERATORS.items():
        setattr(_class, f"__{_name}__", lambda x, y, fn=_function: fn(x, y))
        setattr(_class, f"__r{_name}__", lambda x, y, fn=_function: fn(y, x))
    for _name, _function in _COMPARISONS.items():
        setattr(_class, f"__{_name}__", lambda x, y, fn=_function: fn(x, y))
    for _name, _function in {"neg": arithmetic.neg, "abs": arithmetic.abs, "getitem": movement.get_item}.items():
        setattr(_class, f"__{_name}__", _function)

del accumulation, control, creation, images, mathematics, normalization, random, rearranging, reduction
