"""The public tensor functions, by family: compositions of primitives, eager on values and traced in models."""

from __future__ import annotations

from ..runtime.tensor import Tensor
from . import (  # noqa: F401 - to have their ops registered
    accumulation,
    arithmetic,
    control,
    convolutions,
    creation,
    fused,
    image,
    indexing,
    mathematics,
    matrices,
    movement,
    normalization,
    pooling,
    random,
    ranked,
    rearranging,
    recurrent,
    reduction,
    spatial,
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
from .dispatch import METHODS, OPS, Overriding
from .functions import function

_GRADIENTS = (custom_grad, grad, grads, value_and_grad, value_and_grads, variable_grads)
_TRANSFORMS = {f.__name__ for f in (*_GRADIENTS, function, scan)}
_TOP = {name: fn for name, fn in OPS.items() if "." not in name}
_SPACES = {"fused", "image"}
globals().update(_TOP)
__all__ = sorted({*_TOP, *_TRANSFORMS, *_SPACES})

for _name, _method in METHODS.items():
    if not hasattr(Tensor, _name):
        setattr(Tensor, _name, _method)

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
for _class in (Tensor, Overriding):
    for _name, _function in _OPERATORS.items():
        setattr(_class, f"__{_name}__", lambda x, y, fn=_function: fn(x, y))
        setattr(_class, f"__r{_name}__", lambda x, y, fn=_function: fn(y, x))
    for _name, _function in _COMPARISONS.items():
        setattr(_class, f"__{_name}__", lambda x, y, fn=_function: fn(x, y))
    for _name, _unary in {"neg": arithmetic.neg, "abs": arithmetic.abs, "getitem": movement.get_item}.items():
        setattr(_class, f"__{_name}__", _unary)
