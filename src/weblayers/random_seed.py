"""Randomness on the host: the alea generator of TensorFlow.js for given seeds, and one global seed for all else."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np

from .sizes import addressed

_global = np.random.default_rng()


def set_random_seed(seed: int) -> None:
    """Fix everything random from here on: initial weights, shuffling and dropout.

    >>> import weblayers as wl
    >>> wl.set_random_seed(1)
    """
    global _global
    _global = np.random.default_rng(seed)


def generator() -> np.random.Generator:
    """The generator behind everything that has no seed of its own."""
    return _global


def state() -> str:
    """Where the global generator is, for :func:`restore`. A text, as its numbers are larger than JavaScript's."""
    return json.dumps(_global.bit_generator.state)


def restore(state: str) -> None:
    """Have the global generator go on from where it was.

    Raises:
        ValueError: it is no state of this generator.
    """
    try:
        _global.bit_generator.state = json.loads(state)
    except (TypeError, LookupError, AttributeError) as error:
        raise ValueError(f"not a state of the random generator: {error}") from error


def new_seed() -> int:
    """A seed for random numbers on the device, below 2^24."""
    return int(_global.integers(2**24))


class Alea:
    """Johannes Baagøe's Alea, as the ``seedrandom`` package computes it: TensorFlow.js' generator for seeded values."""

    def __init__(self, seed: object) -> None:
        mash = _Mash()
        states = [mash(" ") for _ in range(3)]
        text = _js_text(seed)
        self._s = [s - mash(text) for s in states]
        self._s = [s + 1 if s < 0 else s for s in self._s]
        self._c = 1

    def random(self) -> float:
        """The next number in [0, 1), with 32 random bits."""
        t = 2091639 * self._s[0] + self._c * 2.3283064365386963e-10
        self._c = int(t)
        self._s = [self._s[1], self._s[2], t - self._c]
        return self._s[2]


class _Mash:
    def __init__(self) -> None:
        self._n: float = 0xEFC8249D

    def __call__(self, text: str) -> float:
        for char in text:
            self._n += ord(char)
            h = 0.02519603282416938 * self._n
            self._n = float(int(h) & 0xFFFFFFFF)
            h -= self._n
            h *= self._n
            self._n = float(int(h) & 0xFFFFFFFF)
            h -= self._n
            self._n += h * 0x100000000
        return (int(self._n) & 0xFFFFFFFF) * 2.3283064365386963e-10


def _js_text(seed: object) -> str:
    """A number as JavaScript prints it."""
    if isinstance(seed, float) and seed.is_integer():
        return str(int(seed))
    return str(seed)


def uniform(shape: Sequence[int], low: float, high: float, seed: float | str | None) -> np.ndarray:
    """Uniform numbers; with a seed, those of TensorFlow.js."""
    if seed is None:
        return _global.uniform(low, high, addressed(shape, 8)).astype(np.float32)
    alea = Alea(seed)
    values = [low + alea.random() * (high - low) for _ in range(math.prod(shape))]
    return np.array(values, np.float32).reshape(tuple(shape))


def normal(shape: Sequence[int], mean: float, stddev: float, seed: float | None, truncated: bool = False) -> np.ndarray:
    """Normal numbers, rejected beyond two standard deviations if truncated; with a seed, those of TensorFlow.js."""
    if seed is not None:
        gauss = _Gauss(mean, stddev, truncated, seed)
        return np.array([gauss.next() for _ in range(math.prod(shape))], np.float32).reshape(tuple(shape))
    values = _global.standard_normal(addressed(shape, 8))
    while truncated and (outside := np.abs(values) > 2).any():
        values[outside] = _global.standard_normal(int(outside.sum()))
    return (mean + stddev * values).astype(np.float32)


class _Gauss:
    """Marsaglia's polar method as TensorFlow.js runs it: the second value of a pair, if valid, is the next."""

    def __init__(self, mean: float, stddev: float, truncated: bool, seed: float) -> None:
        self._mean, self._stddev, self._truncated = mean, stddev, truncated
        self._alea = Alea(seed)
        self._waiting: float | None = None

    def next(self) -> float:
        if self._waiting is not None:
            value, self._waiting = self._waiting, None
            return value
        while True:
            first, second = self._pair()
            if self._valid(first):
                self._waiting = second if self._valid(second) else None
                return first

    def _pair(self) -> tuple[float, float]:
        while True:
            v1, v2 = 2 * self._alea.random() - 1, 2 * self._alea.random() - 1
            s = v1 * v1 + v2 * v2
            if 0 < s < 1:
                factor = math.sqrt(-2 * math.log(s) / s)
                return self._mean + self._stddev * v1 * factor, self._mean + self._stddev * v2 * factor

    def _valid(self, value: float) -> bool:
        return not self._truncated or abs(value - self._mean) <= 2 * self._stddev


def gamma(shape: Sequence[int], alpha: float, beta: float, seed: float | None) -> np.ndarray:
    """Numbers of the gamma distribution with shape ``alpha`` and scale ``beta``; with a seed, those of TensorFlow.js.

    Marsaglia and Tsang, "A Simple Method for Generating Gamma Variables" (2000), as TensorFlow.js runs it.
    """
    if seed is None:
        return _global.gamma(alpha, beta, tuple(shape)).astype(np.float32)
    uniforms = Alea(seed)
    normals = _Gauss(0, 1, False, uniforms.random())
    values = [beta * _gamma(alpha, uniforms, normals) for _ in range(math.prod(shape))]
    return np.array(values, np.float32).reshape(tuple(shape))


def _gamma(alpha: float, uniforms: Alea, normals: _Gauss) -> float:
    # below 1 TensorFlow.js adds 2/3, as if to alpha + 1
    d = alpha + 2 / 3 if alpha < 1 else alpha - 1 / 3
    while True:
        x = normals.next()
        v = (1 + x / math.sqrt(9 * d)) ** 3
        if v <= 0:
            continue
        u = uniforms.random()
        if u < 1 - 0.331 * x**4 or math.log(u) < 0.5 * x * x + d * (1 - v + math.log(v)):
            break
    return d * v * (uniforms.random() ** (1 / alpha) if alpha < 1 else 1)


def seeded(count: int, seed: float) -> list[float]:
    """The first numbers in [0, 1) that TensorFlow.js draws with a seed."""
    alea = Alea(seed)
    return [alea.random() for _ in range(count)]


def choices(probabilities: np.ndarray, count: int, seed: float | None) -> np.ndarray:
    """``[rows, count]`` draws from rows of probabilities; with a seed, those of TensorFlow.js, alike for each row."""
    limits = np.cumsum(probabilities[:, :-1], 1, dtype=np.float32)
    if seed is None:
        drawn = _global.random((len(probabilities), count))
    else:
        drawn = np.broadcast_to(seeded(count, seed), (len(probabilities), count))
    return (drawn[:, :, None] >= limits[:, None, :]).sum(2).astype(np.int32)
