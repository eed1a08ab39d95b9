"""Random numbers.

With a seed they are made on the host, and are those of TensorFlow.js. Without one they follow the global seed
(:func:`weblayers.set_random_seed`); inside a traced function they are then made on the device, anew at each run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import random_seed
from ..graph import build as b
from ..graph.node import DTYPES, Node
from ..runtime import tracing
from ..runtime.conversion import to_tensor
from ..runtime.tensor import Tensor
from ..runtime.tracing import HostScalar
from . import accumulation, movement, normalization, reduction
from . import arithmetic as a
from .dispatch import op, public

Shape = Sequence[int]
Seed = float | str | None


def uniform(shape: Shape, key: Any, counter: Any) -> Node:
    """Numbers in [0, 1) with 24 random bits each, inside a graph: a function of two numbers and the position."""
    return b.cast(b.random_bits(tuple(shape), key, counter), "float32") * 2.0**-24


# of which nineteen in twenty are good, at least
_PROPOSALS = 7


class Noise:
    """Random numbers as a function of a seed and of how often they were drawn, equal on every backend."""

    def __init__(self, seed: int | None = None) -> None:
        # no constant of the graph, so that the same model made anew is the same graph
        self._seed = HostScalar(random_seed.new_seed() if seed is None else seed % 2**24)
        # each step has its own; exact in float32 for 16 million steps
        self.steps = HostScalar(0, 1)

    def uniform(self, x: Tensor, shape: Shape, stream: int = 0) -> Tensor:
        """Numbers in [0, 1), traced if x is; ``stream`` tells several from each other."""
        trace = tracing.current()
        # who draws twice in one run gets others: there, both have the same number of the run
        again = trace.draws((self.steps, stream)) if trace else 0
        return _uniform(x, tuple(shape), self._seed, 7919 * stream + 104729 * again, self.steps)

    def normal(self, x: Tensor, shape: Shape, stream: int = 1) -> Tensor:
        """Standard normal numbers, of two streams. Box and Muller (1958)."""
        return _box_muller(self.uniform(x, shape, stream), self.uniform(x, shape, stream + 1))

    def log_gamma(self, x: Tensor, alpha: Any, count: int, stream: int) -> Tensor:
        """Logarithms of numbers of the gamma distribution with shape alpha, of four streams: ``[count]``.

        Marsaglia and Tsang (2000): of several proposals the first that is good. With so many, one in a billion times
        none is, and the last is taken. Logarithms, as for small alpha the numbers are too small.
        """
        tries = (_PROPOSALS, count)
        d = a.add(alpha, 1 - 1 / 3)
        normal = self.normal(x, tries, stream)
        root = a.add(a.div(normal, a.mul(a.sqrt(d), 3.0)), 1.0)
        log_v = a.mul(a.log(a.maximum(root, 1e-6)), 3.0)
        v = a.exp(log_v)
        bound = a.add(a.mul(a.square(normal), 0.5), a.mul(d, a.add(a.sub(1.0, v), log_v)))
        level = a.log(a.maximum(self.uniform(x, tries, stream + 2), 1e-7))
        good = a.logical_and(a.greater(root, 0.0), a.less(level, bound))
        # the first of the good ones has the largest score
        order = np.arange(_PROPOSALS, 0, -1, dtype=np.float32)[:, None]
        score = a.mul(a.cast(good, "float32"), order)
        first = a.cast(a.equal(score, reduction.max(score, 0, True)), "float32")
        first = a.mul(first, a.cast(a.logical_or(good, a.equal(order, 1.0)), "float32"))
        chosen = reduction.sum(a.mul(first, log_v), 0)
        # a number for alpha + 1, times this, is one for alpha
        less = a.div(a.log(a.maximum(self.uniform(x, (count,), stream + 3), 1e-7)), alpha)
        return a.add(a.add(a.log(d), chosen), less)

    def beta(self, x: Tensor, alpha: Any, count: int, stream: int) -> Tensor:
        """Numbers of the beta distribution whose shapes are both alpha, of eight streams: ``[count]``."""
        first, second = (self.log_gamma(x, alpha, count, stream + k) for k in (0, 4))
        return a.sigmoid(a.sub(first, second))


@op("x")
def _uniform(x: Any, shape: Shape, seed: HostScalar, stream: int, counter: HostScalar) -> Any:
    trace = tracing.current()
    assert trace is not None
    key = b.mod(trace.scalar(seed) + float(stream), 2.0**24)
    return uniform(tuple(shape), key, trace.scalar(counter))


def _box_muller(first: Tensor, second: Tensor) -> Tensor:
    radius = a.sqrt(a.mul(a.log(a.sub(1.0, first)), -2.0))
    return a.mul(radius, a.cos(a.mul(second, 2 * math.pi)))


def _fresh(shape: Shape) -> Tensor:
    """Numbers in [0, 1) that a traced function draws at each run. The seed is no constant of the graph, so that what
    is traced again is the same graph."""
    trace = tracing.current()
    assert trace is not None
    key = trace.scalar(HostScalar(random_seed.new_seed()))
    return tracing.symbolic(uniform(tuple(shape), key, trace.scalar(HostScalar(0, 1))))


def _on_device(seed: Seed) -> bool:
    return seed is None and tracing.current() is not None


def _made(values: np.ndarray, dtype: str) -> Tensor:
    if dtype not in DTYPES:
        raise ValueError(f"unknown dtype {dtype!r}; expected one of {', '.join(DTYPES)}")
    return to_tensor(values.astype(DTYPES[dtype]), dtype)


@public
def random_uniform(
    shape: Shape, minval: float = 0, maxval: float = 1, dtype: str = "float32", seed: Seed = None
) -> Tensor:
    """Numbers spread evenly over ``[minval, maxval)``; as int32, truncated.

    >>> import weblayers as wl
    >>> wl.random_uniform([1], 0, 1, "float32", 7).array_sync()
    [0.3645951747894287]
    """
    if _on_device(seed):
        return a.cast(a.add(a.mul(_fresh(shape), float(maxval - minval)), float(minval)), dtype)
    return _made(random_seed.uniform(shape, minval, maxval, seed), dtype)


@public
def random_uniform_int(shape: Shape, minval: float, maxval: float, seed: Seed = None) -> Tensor:
    """Integers from ``minval`` up to, not including, ``maxval``.

    >>> import weblayers as wl
    >>> wl.random_uniform_int([3], 5, 6).array_sync()
    [5, 5, 5]
    """
    return random_uniform(shape, minval, maxval, "int32", seed)


@public
def random_normal(
    shape: Shape, mean: float = 0, std_dev: float = 1, dtype: str = "float32", seed: float | None = None
) -> Tensor:
    """Normally distributed numbers; as int32, rounded.

    >>> import weblayers as wl
    >>> wl.random_normal([2, 3], seed=1).shape
    (2, 3)
    """
    if _on_device(seed):
        return _rounded(a.add(a.mul(_box_muller(_fresh(shape), _fresh(shape)), float(std_dev)), float(mean)), dtype)
    return _normal(shape, mean, std_dev, dtype, seed, False)


@public
def random_standard_normal(shape: Shape, dtype: str = "float32", seed: float | None = None) -> Tensor:
    """:func:`random_normal` with mean 0 and standard deviation 1."""
    return random_normal(shape, 0, 1, dtype, seed)


@public
def truncated_normal(
    shape: Shape, mean: float = 0, std_dev: float = 1, dtype: str = "float32", seed: float | None = None
) -> Tensor:
    """Normally distributed numbers, none of them further than two standard deviations from the mean.

    >>> import weblayers as wl
    >>> bool(abs(wl.truncated_normal([100]).numpy()).max() <= 2)
    True
    """
    if _on_device(seed):
        inside = math.erf(math.sqrt(2))
        place = a.mul(a.sub(a.mul(_fresh(shape), 2.0), 1.0), inside)
        deviation = a.mul(_inverse_erf(place), math.sqrt(2) * std_dev)
        return _rounded(a.add(deviation, float(mean)), dtype)
    return _normal(shape, mean, std_dev, dtype, seed, True)


def _inverse_erf(x: Tensor) -> Tensor:
    """Of what lies in [-0.99, 0.99]. Giles, "Approximating the erfinv function" (2010)."""
    w = a.sub(a.neg(a.log(a.mul(a.sub(1.0, x), a.add(1.0, x)))), 2.5)
    total = a.mul(w, _GILES[0])
    for coefficient in _GILES[1:-1]:
        total = a.mul(a.add(total, coefficient), w)
    return a.mul(a.add(total, _GILES[-1]), x)


_GILES = (
    2.81022636e-08,
    3.43273939e-07,
    -3.5233877e-06,
    -4.39150654e-06,
    0.00021858087,
    -0.00125372503,
    -0.00417768164,
    0.246640727,
    1.50140941,
)


def _normal(shape: Shape, mean: float, std_dev: float, dtype: str, seed: float | None, truncated: bool) -> Tensor:
    values = random_seed.normal(shape, mean, std_dev, seed, truncated)
    return _made(np.floor(values + 0.5) if dtype == "int32" else values, dtype)


def _rounded(x: Tensor, dtype: str) -> Tensor:
    return a.cast(a.floor(a.add(x, 0.5)) if dtype == "int32" else x, dtype)


@public
def random_gamma(
    shape: Shape, alpha: float, beta: float = 1, dtype: str = "float32", seed: float | None = None
) -> Tensor:
    """Numbers of the gamma distribution. Runs on the host: in a traced function they are the same at each run.

    Args:
        alpha: the shape parameter.
        beta: what numbers of scale 1 are multiplied by. TensorFlow.js calls it the inverse scale, and does this.
        dtype: as int32 the numbers are rounded; TensorFlow.js rounds what it makes them of, too, and has others.

    >>> import weblayers as wl
    >>> bool(wl.random_gamma([100], 2.0).numpy().min() > 0)
    True
    """
    values = random_seed.gamma(shape, alpha, beta, seed)
    return _made(np.floor(values + 0.5) if dtype == "int32" else values, dtype)


@public
def rand(shape: Shape, rand_function: Callable[[], float], dtype: str = "float32") -> Tensor:
    """What a function without arguments gives, called for each element. Runs on the host.

    >>> import weblayers as wl
    >>> wl.rand([2], lambda: 4).array_sync()
    [4.0, 4.0]
    """
    count = math.prod(shape)
    return _made(np.array([rand_function() for _ in range(count)], np.float64).reshape(tuple(shape)), dtype)


@public
def multinomial(logits: Any, num_samples: int, seed: float | None = None, normalized: bool = False) -> Tensor:
    """Which of several outcomes is drawn, ``num_samples`` times: int32 ``[num_samples]``, or ``[batch, num_samples]``.

    Args:
        logits: unscaled logarithms of the probabilities, ``[outcomes]`` or ``[batch, outcomes]``.
        num_samples: how often to draw.
        seed: makes the draws those of TensorFlow.js, which are the same for each row, and at each run of a traced
            function.
        normalized: whether ``logits`` are the probabilities themselves.

    >>> import weblayers as wl
    >>> wl.multinomial([0.0, 1.0], 3, normalized=True).array_sync()
    [1, 1, 1]
    """
    tensor = to_tensor(logits)
    if tensor.rank not in (1, 2) or tensor.shape[-1] < 2:
        raise ValueError(f"multinomial wants [outcomes] or [batch, outcomes], at least 2, got {list(tensor.shape)}")
    if _on_device(seed):
        # Gumbel (1954): the largest of the logits with such noise is a draw
        scores = a.log(tensor) if normalized else tensor
        noise = a.neg(a.log(a.neg(a.log(a.add(_fresh((num_samples, *tensor.shape)), 2.0**-25)))))
        drawn = reduction.arg_max(a.add(noise, scores), -1)
        return drawn if tensor.rank == 1 else drawn.transpose()
    shares = tensor if normalized else normalization.softmax(tensor)
    if tracing.current() is not None:
        assert seed is not None
        numbers = to_tensor(np.asarray(random_seed.seeded(num_samples, seed), np.float32)[:, None])
        limits = movement.reshape(accumulation.cumsum(shares, -1), (*tensor.shape[:-1], 1, tensor.shape[-1]))
        # what is rounded may end below 1
        passed = reduction.sum(a.cast(a.greater_equal(numbers, limits), "int32"), -1)
        return a.minimum(passed, tensor.shape[-1] - 1)
    rows = shares.numpy().reshape(-1, tensor.shape[-1])
    drawn = random_seed.choices(rows, num_samples, seed)
    return to_tensor(drawn.reshape((*tensor.shape[:-1], num_samples)))


@public
def dropout(x: Any, rate: float, noise_shape: Shape | None = None, seed: Seed = None) -> Tensor:
    """x with a share ``rate`` of it set to zero and the rest scaled up: the mean stays. Srivastava et al. (2014).

    Args:
        noise_shape: the shape of the mask, which is broadcast; that of x by default.
        seed: makes the mask that of TensorFlow.js.

    >>> import weblayers as wl
    >>> sorted(set(wl.dropout(wl.ones([100]), 0.5, seed=4).array_sync()))
    [0.0, 2.0]
    """
    if not 0 <= rate < 1:
        raise ValueError(f"dropout: rate must be from 0 up to, not including, 1, got {rate}")
    tensor = to_tensor(x)
    if not rate:
        return a.add(tensor, 0.0)
    given = tensor.shape if noise_shape is None else noise_shape
    shape = [size if n is None else n for n, size in zip(given, tensor.shape, strict=True)]
    keep = a.floor(a.add(random_uniform(shape, seed=seed), 1.0 - rate))
    return a.mul(tensor, a.div(keep, 1.0 - rate))
