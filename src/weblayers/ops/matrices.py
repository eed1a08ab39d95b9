"""Matrix products and sums of products over named axes."""

from __future__ import annotations

import math
from typing import Any

from ..graph import build as _b
from ..graph.node import Node
from .dispatch import op


@op("a", "b")
def mat_mul(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False) -> Any:
    """The matrix product of the last two axes; leading axes broadcast. Of two int32 tensors it is int32.

    Raises:
        ValueError: if the inner sizes differ; the message has both shapes.

    >>> import weblayers as wl
    >>> wl.mat_mul([[1, 2]], [[3], [4]]).array_sync()
    [[11.0]]
    """
    if min(len(a.shape), len(b.shape)) < 2:
        raise ValueError(f"mat_mul wants tensors of rank 2 or more, got shapes {list(a.shape)} and {list(b.shape)}")
    rows, inner = a.shape[-2:][:: -1 if transpose_a else 1]
    other, columns = b.shape[-2:][:: -1 if transpose_b else 1]
    if inner != other:
        raise ValueError(
            f"mat_mul: inner sizes differ ({inner} and {other}) for shapes {list(a.shape)} and {list(b.shape)} with"
            f" transpose_a={transpose_a}, transpose_b={transpose_b}"
        )
    dtype = "int32" if a.dtype == b.dtype == "int32" else "float32"
    a, b = _b.cast(a, "float32"), _b.cast(b, "float32")
    if len(b.shape) == 2 and not transpose_a:
        # one matrix for all leading axes: they are rows like any others
        flat = _b.dot(_b.reshape(a, (math.prod(a.shape[:-1]), inner)), b, False, transpose_b)
        return _b.cast(_b.reshape(flat, (*a.shape[:-2], rows, columns)), dtype)
    batch = _b.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a = _b.broadcast(a, (*batch, *a.shape[-2:]))
    b = _b.broadcast(b, (*batch, *b.shape[-2:]))
    return _b.cast(_b.dot(a, b, transpose_a, transpose_b), dtype)


@op("t1", "t2")
def dot(t1: Any, t2: Any) -> Any:
    """The product of vectors or matrices, as NumPy's: of two vectors a number.

    >>> import weblayers as wl
    >>> wl.dot([1, 2], [3, 4]).array_sync()
    11.0
    """
    ranks = len(t1.shape), len(t2.shape)
    if not set(ranks) <= {1, 2} or t1.shape[-1] != t2.shape[0]:
        raise ValueError(f"dot wants vectors or matrices that fit, got shapes {list(t1.shape)} and {list(t2.shape)}")
    left = _b.reshape(t1, (1, t1.shape[0])) if ranks[0] == 1 else t1
    right = _b.reshape(t2, (t2.shape[0], 1)) if ranks[1] == 1 else t2
    return _b.reshape(mat_mul(left, right), (*t1.shape[:-1], *t2.shape[1:]))


@op("v1", "v2")
def outer_product(v1: Any, v2: Any) -> Any:
    """The products of each pair of two vectors' elements.

    >>> import weblayers as wl
    >>> wl.outer_product([1, 2], [3, 4]).array_sync()
    [[3.0, 4.0], [6.0, 8.0]]
    """
    if (len(v1.shape), len(v2.shape)) != (1, 1):
        raise ValueError(f"outer_product wants vectors, got shapes {list(v1.shape)} and {list(v2.shape)}")
    return _b.reshape(v1, (v1.shape[0], 1)) * _b.reshape(v2, (1, v2.shape[0]))


@op("a", "b")
def einsum(equation: str, a: Any, b: Any) -> Any:
    """Sums of products of two tensors over axes named by letters; ``...`` stands for axes that both sides carry along.

    >>> import weblayers as wl
    >>> wl.einsum("ij,jk->ki", wl.ones([2, 3]), wl.ones([3, 4])).shape
    (4, 2)
    """
    inputs, arrow, out = equation.replace(" ", "").partition("->")
    names = inputs.split(",")
    if len(names) != 2:
        raise ValueError(f"einsum wants two operands, got {equation!r}")
    left, right, out = _spelled([*names, out], a, b)
    if not arrow:
        out = "".join(sorted(c for c in set(left + right) if (left + right).count(c) == 1))
    sizes: dict[str, int] = {}
    for letters, tensor in ((left, a), (right, b)):
        if len(letters) != len(tensor.shape):
            raise ValueError(f"einsum {equation!r}: an operand of shape {list(tensor.shape)} has the axes {letters!r}")
        for letter, size in zip(letters, tensor.shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise ValueError(f"einsum {equation!r}: axis {letter!r} has the sizes {sizes[letter]} and {size}")
    a, left = _summed(_b.cast(a, "float32"), left, right + out)
    b, right = _summed(_b.cast(b, "float32"), right, left + out)
    batch = [c for c in left if c in right and c in out]
    inner = [c for c in left if c in right and c not in out]
    rows = [c for c in left if c not in right]
    columns = [c for c in right if c not in left]
    size = {k: math.prod(sizes[c] for c in v) for k, v in {"i": inner, "r": rows, "c": columns}.items()}
    lead = tuple(sizes[c] for c in batch)
    x = _b.reshape(_ordered(a, left, [*batch, *rows, *inner]), (*lead, size["r"], size["i"]))
    y = _b.reshape(_ordered(b, right, [*batch, *inner, *columns]), (*lead, size["i"], size["c"]))
    product = _b.reshape(_b.dot(x, y), [sizes[c] for c in (*batch, *rows, *columns)])
    return _ordered(product, "".join([*batch, *rows, *columns]), list(out))


def _spelled(parts: list[str], a: Node, b: Node) -> list[str]:
    """The axes with letters in the place of ``...``: capital ones, which nobody used."""
    carried = [len(t.shape) - len(p.replace("...", "")) for p, t in zip(parts, (a, b), strict=False) if "..." in p]
    used = set("".join(parts))
    free = [c for c in map(chr, range(ord("A"), ord("Z") + 1)) if c not in used][: max(carried, default=0)]
    return [p.replace("...", "".join(free)) for p in parts]


def _summed(x: Node, letters: str, wanted: str) -> tuple[Node, str]:
    """Without the axes that nobody else names."""
    gone = [i for i, c in enumerate(letters) if c not in wanted]
    return (_b.reduce("sum", x, gone) if gone else x), "".join(c for c in letters if c in wanted)


def _ordered(x: Node, letters: str, wanted: list[str]) -> Node:
    return _b.transpose(x, [letters.index(c) for c in wanted])
