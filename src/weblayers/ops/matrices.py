"""Matrix products and sums of products over named axes."""

from __future__ import annotations

import math
import string
from typing import Any

from ..graph import build as _b
from ..graph.node import Node
from .dispatch import op, public


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


# Stands for ``...`` as if it were a letter.
_CARRIED = "…"


@public
def einsum(equation: str, *tensors: Any) -> Any:
    """Sums of products of tensors over axes named by letters; ``...`` stands for axes that are carried along.

    A letter that one operand has twice takes its diagonal. More than two operands are multiplied from left to right.

    Args:
        equation: the letters of each operand and, behind ``->``, of the result; without ``->`` the result has those
            that occur once, in alphabetical order.
        tensors: one or more. Of int32 only, the result is int32.

    Raises:
        ValueError: the letters do not fit the operands' number, ranks or sizes, or the result has unknown ones.

    >>> import weblayers as wl
    >>> wl.einsum("ij,jk->ki", wl.ones([2, 3]), wl.ones([3, 4])).shape
    (4, 2)
    >>> wl.einsum("ii->", [[1, 2], [3, 4]]).array_sync()
    5.0
    """
    names, out = _parsed(equation)
    if len(names) != len(tensors):
        raise ValueError(f"einsum {equation!r} names {len(names)} operands, but there are {len(tensors)}")
    operands = list(tensors)
    while len(operands) > 2:
        left, right, *others = names
        kept = "".join(c for c in dict.fromkeys(left + right) if c in "".join(others) + out)
        operands[:2] = [_einsum(_written([left, right], kept), *operands[:2])]
        names[:2] = [kept]
    return _einsum(_written(names, out), *operands)


@op("a", "b")
def _einsum(equation: str, a: Any, b: Any = None) -> Any:
    """:func:`einsum` of one or two operands."""
    operands = [a] if b is None else [a, b]
    names, out = _spelled(*_parsed(equation), [len(t.shape) for t in operands])
    sizes = _sizes(equation, names, out, operands)
    dtype = "int32" if all(t.dtype == "int32" for t in operands) else "float32"
    parts = [_diagonal(_b.cast(t, "float32"), letters) for t, letters in zip(operands, names, strict=True)]
    if len(parts) == 1:
        return _b.cast(_ordered(*_summed(*parts[0], out), list(out)), dtype)
    (a, left), (b, right) = parts
    a, left = _summed(a, left, right + out)
    b, right = _summed(b, right, left + out)
    batch = [c for c in left if c in right and c in out]
    inner = [c for c in left if c in right and c not in out]
    rows = [c for c in left if c not in right]
    columns = [c for c in right if c not in left]
    size = {k: math.prod(sizes[c] for c in v) for k, v in {"i": inner, "r": rows, "c": columns}.items()}
    lead = tuple(sizes[c] for c in batch)
    x = _b.reshape(_ordered(a, left, [*batch, *rows, *inner]), (*lead, size["r"], size["i"]))
    y = _b.reshape(_ordered(b, right, [*batch, *inner, *columns]), (*lead, size["i"], size["c"]))
    product = _b.reshape(_b.dot(x, y), [sizes[c] for c in (*batch, *rows, *columns)])
    return _b.cast(_ordered(product, "".join([*batch, *rows, *columns]), list(out)), dtype)


def _parsed(equation: str) -> tuple[list[str], str]:
    """The letters of each operand, and of the result."""
    inputs, arrow, out = equation.replace(" ", "").replace("...", _CARRIED).partition("->")
    if not arrow:
        letters = inputs.replace(",", "")
        once = sorted(c for c in set(letters) if letters.count(c) == 1 and c != _CARRIED)
        out = "".join([_CARRIED if _CARRIED in letters else "", *once])
    return inputs.split(","), out


def _written(names: list[str], out: str) -> str:
    return f"{','.join(names)}->{out}".replace(_CARRIED, "...")


def _spelled(names: list[str], out: str, ranks: list[int]) -> tuple[list[str], str]:
    """The axes with letters in the place of ``...``: capital ones, which nobody used."""
    carried = [rank - len(n) + 1 for n, rank in zip(names, ranks, strict=True) if _CARRIED in n]
    used = set("".join([*names, out]))
    free = "".join(c for c in string.ascii_uppercase if c not in used)[: max(carried, default=0)]
    return [n.replace(_CARRIED, free) for n in names], out.replace(_CARRIED, free)


def _sizes(equation: str, names: list[str], out: str, operands: list[Node]) -> dict[str, int]:
    """The size of each letter's axis."""
    sizes: dict[str, int] = {}
    for letters, tensor in zip(names, operands, strict=True):
        if len(letters) != len(tensor.shape):
            raise ValueError(f"einsum {equation!r}: an operand of shape {list(tensor.shape)} has the axes {letters!r}")
        for letter, size in zip(letters, tensor.shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise ValueError(f"einsum {equation!r}: axis {letter!r} has the sizes {sizes[letter]} and {size}")
    if len(set(out)) < len(out) or not set(out) <= set(sizes):
        raise ValueError(f"einsum {equation!r}: the result's axes {out!r} must be different ones of the operands'")
    return sizes


def _diagonal(x: Node, letters: str) -> tuple[Node, str]:
    """Of letters that occur twice, the elements where both axes agree."""
    for c in letters:
        if letters.count(c) > 1:
            rest = letters.replace(c, "", 2)
            first = letters.index(c)
            pair = [first, letters.index(c, first + 1)]
            x = _b.transpose(x, [*(i for i in range(len(letters)) if i not in pair), *pair])
            places = _b.iota(x.shape[-1])
            agree = _b.compare("eq", _b.reshape(places, (-1, 1)), places)
            return _diagonal(_b.reduce("sum", _b.where(agree, x, 0.0), -1), rest + c)
    return x, letters


def _summed(x: Node, letters: str, wanted: str) -> tuple[Node, str]:
    """Without the axes that nobody else names."""
    gone = [i for i, c in enumerate(letters) if c not in wanted]
    return (_b.reduce("sum", x, gone) if gone else x), "".join(c for c in letters if c in wanted)


def _ordered(x: Node, letters: str, wanted: list[str]) -> Node:
    return _b.transpose(x, [letters.index(c) for c in wanted])
