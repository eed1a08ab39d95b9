"""Which dtype comes of which."""

from __future__ import annotations

from ..graph import build
from ..graph.node import DTYPES
from .dispatch import public


def _known(dtype: str) -> str:
    if dtype not in (*DTYPES, "complex64"):
        raise ValueError(f"unknown dtype {dtype!r}; expected one of {', '.join(DTYPES)}, complex64")
    return dtype


@public
def upcast_type(type_a: str, type_b: str) -> str:
    """The dtype of a sum of two tensors.

    >>> import weblayers as wl
    >>> wl.upcast_type("bool", "int32"), wl.upcast_type("int32", "float32")
    ('int32', 'float32')
    """
    types = _known(type_a), _known(type_b)
    return "complex64" if "complex64" in types else build.promote(*types)


@public
def sum_out_type(type: str) -> str:
    """The dtype of a tensor's sum: bool counts as int32.

    >>> import weblayers as wl
    >>> wl.sum_out_type("bool")
    'int32'
    """
    return upcast_type(type, "int32")
