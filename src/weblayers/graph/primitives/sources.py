"""Values that come from nowhere in the graph: inputs, constants, counters, random numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..node import DTYPES, Aval, Shape
from ..registry import define, flat

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def _unbound(**params: Any) -> np.ndarray:
    raise RuntimeError("a graph input was evaluated without a value bound to it")


define("input", lambda serial, shape, dtype: Aval(shape, dtype), _unbound)
define("scalar", lambda serial, dtype: Aval((), dtype), _unbound, host=True)
define(
    "constant",
    lambda value, dtype: Aval((), dtype),
    lambda value, dtype: np.asarray(value, DTYPES[dtype]),
    host=True,
)
define(
    "array",
    lambda value: Aval(value.array.shape, next(k for k, v in DTYPES.items() if v == value.array.dtype)),
    lambda value: value.array,
)
define("iota", lambda n, dtype: Aval((n,), dtype), lambda n, dtype: np.arange(n, dtype=DTYPES[dtype]))

# pcg4d of Jarzynski and Olano, "Hash Functions for GPU Rendering" (JCGT 2020): stateless, well distributed in all
# four words, a dozen integer operations, and exactly the same in NumPy and in GLSL.
PCG_MULTIPLIER, PCG_INCREMENT = 1664525, 1013904223


def pcg4d(x: ArrayLike, y: ArrayLike, z: ArrayLike, w: ArrayLike) -> np.ndarray:
    """The first word of pcg4d of four uint32 arrays."""
    with np.errstate(over="ignore"):
        a, c, d, e = (
            np.asarray(v, np.uint32) * np.uint32(PCG_MULTIPLIER) + np.uint32(PCG_INCREMENT) for v in (x, y, z, w)
        )
        a, c, d, e = _mix(a, c, d, e)
        shift = np.uint32(16)
        a, c, d, e = a ^ (a >> shift), c ^ (c >> shift), d ^ (d >> shift), e ^ (e >> shift)
        return _mix(a, c, d, e)[0]


def _mix(a: np.ndarray, c: np.ndarray, d: np.ndarray, e: np.ndarray) -> tuple[np.ndarray, ...]:
    a = a + c * e
    c = c + d * a
    d = d + a * c
    e = e + c * d
    return a, c, d, e


def _random_bits(key: np.ndarray, counter: np.ndarray, shape: Shape) -> np.ndarray:
    size = int(np.prod(shape, dtype=np.int64))
    word = pcg4d(np.arange(size, dtype=np.uint32), np.uint32(int(key)), np.uint32(int(counter)), np.uint32(0))
    return (word >> np.uint32(8)).astype(np.int32).reshape(shape)


define("random_bits", lambda key, counter, shape: Aval(shape, "int32"), _random_bits, flat, cost=12)
