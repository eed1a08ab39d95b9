"""The public tensor functions, by family: compositions of primitives, eager on values and traced in models."""

from __future__ import annotations

from ..runtime.tensor import Tensor
from . import arithmetic, creation, images, matrices, movement, normalization, random, reduction
from .dispatch import OPS

# Every op is a function of the package and, if its first argument is a tensor, a method of tensors.
__all__ = sorted(OPS)
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
Tensor.__matmul__ = lambda x, y: matrices.mat_mul(x, y)  # type: ignore[attr-defined]
Tensor.__neg__ = lambda x: arithmetic.neg(x)  # type: ignore[attr-defined]
Tensor.__getitem__ = movement.get_item  # type: ignore[attr-defined]
Tensor.__lt__ = lambda x, y: arithmetic.less(x, y)  # type: ignore[attr-defined]
Tensor.__gt__ = lambda x, y: arithmetic.greater(x, y)  # type: ignore[attr-defined]
Tensor.__le__ = lambda x, y: arithmetic.less_equal(x, y)  # type: ignore[attr-defined]
Tensor.__ge__ = lambda x, y: arithmetic.greater_equal(x, y)  # type: ignore[attr-defined]

del creation, images, normalization, random, reduction
