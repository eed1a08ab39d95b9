"""Initial weights. With the same seed they are those of TensorFlow.js."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import naming, random_seed
from .ops.tapers import taper


class Initializer(metaclass=naming.Configurable):
    """Makes the initial values of a weight: call it with a shape."""

    __repr__ = naming.representation

    def __call__(self, shape: Sequence[int]) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} does not say how to make values")

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal initializer."""
        return {}


class Zeros(Initializer):
    """All zeros.

    >>> Zeros()([2]).tolist()
    [0.0, 0.0]
    """

    def __call__(self, shape: Sequence[int]) -> np.ndarray:
        return np.zeros(tuple(shape), np.float32)


class Ones(Initializer):
    """All ones."""

    def __call__(self, shape: Sequence[int]) -> np.ndarray:
        return np.ones(tuple(shape), np.float32)


class Constant(Initializer):
    """One value everywhere."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __call__(self, shape: Sequence[int]) -> np.ndarray:
        return np.full(tuple(shape), self.value, np.float32)

    def get_config(self) -> dict[str, Any]:
        return {"value": self.value}


class RandomUniform(Initializer):
    """Uniform between two limits."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None) -> None:
        self.minval, self.maxval, self.seed = minval, maxval, seed

    def __call__(self, shape: Sequence[int]) -> np.ndarray:
        return random_seed.uniform(shape, self.minval, self.maxval, self.seed)

    def get_config(self) -> dict[str, Any]:
        return {"minval": self.minval, "maxval": self.maxval, "seed": self.seed}


class RandomNormal(Initializer):
    """Normal, with a mean and a standard deviation."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        self.mean, self.stddev, self.seed = mean, stddev, seed

    _truncated = False

    def __call__(self, shape: Sequence[int]) -> np.ndarray:
        return random_seed.normal(shape, self.mean, self.stddev, self.seed, self._truncated)

    def get_config(self) -> dict[str, Any]:
        return {"mean": self.mean, "stddev": self.stddev, "seed": self.seed}


class TruncatedNormal(RandomNormal):
    """Normal, drawn anew beyond two standard deviations."""

    _truncated = True


class VarianceScaling(Initializer):
    """Random weights whose variance is ``scale / n``; n counts a unit's inputs, outputs, or the mean of both.

    Args:
        scale: positive.
        mode: ``"fan_in"``, ``"fan_out"`` or ``"fan_avg"``.
        distribution: ``"normal"`` or ``"truncated_normal"`` (both truncated at two standard deviations),
            ``"untruncated_normal"`` or ``"uniform"``.
        seed: for repeatable values, equal to TensorFlow.js'.
    """

    def __init__(
        self, scale: float = 1.0, mode: str = "fan_in", distribution: str = "normal", seed: int | None = None
    ) -> None:
        if scale <= 0:
            raise ValueError(f"VarianceScaling: scale must be positive, got {scale}")
        modes = {"fan_in": 0, "fan_out": 1, "fan_avg": 2}
        naming.lookup("VarianceScaling mode", mode, dict.fromkeys(modes, True))
        naming.lookup(
            "VarianceScaling distribution",
            distribution,
            dict.fromkeys(("normal", "truncated_normal", "untruncated_normal", "uniform"), True),
        )
        self.scale, self.mode, self.seed = scale, naming.snake(mode), seed
        self.distribution = naming.snake(distribution)

    def __call__(self, shape: Sequence[int]) -> np.ndarray:
        fan_in, fan_out = fans(shape)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, n)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return random_seed.uniform(shape, -limit, limit, self.seed)
        truncated = self.distribution != "untruncated_normal"
        return random_seed.normal(shape, 0.0, math.sqrt(variance), self.seed, truncated)

    def get_config(self) -> dict[str, Any]:
        return {"scale": self.scale, "mode": self.mode, "distribution": self.distribution, "seed": self.seed}


class _Scaled(VarianceScaling):
    """Variance scaling with only the seed left to choose."""

    _fixed: tuple[float, str, str]

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(*self._fixed, seed)


class GlorotNormal(_Scaled):
    """Normal with variance ``2 / (inputs + outputs)``. Glorot and Bengio (2010).

    >>> bool((GlorotNormal(seed=0)([3, 4]) == GlorotNormal(seed=0)([3, 4])).all())
    True
    """

    _fixed = (1.0, "fan_avg", "normal")


class GlorotUniform(_Scaled):
    """Uniform with variance ``2 / (inputs + outputs)``. Glorot and Bengio (2010)."""

    _fixed = (1.0, "fan_avg", "uniform")


class HeNormal(_Scaled):
    """Normal with variance ``2 / inputs``. He et al. (2015)."""

    _fixed = (2.0, "fan_in", "normal")


class HeUniform(_Scaled):
    """Uniform with variance ``2 / inputs``. He et al. (2015)."""

    _fixed = (2.0, "fan_in", "uniform")


class LecunNormal(_Scaled):
    """Normal with variance ``1 / inputs``. LeCun et al. (1998)."""

    _fixed = (1.0, "fan_in", "normal")


class LecunUniform(_Scaled):
    """Uniform with variance ``1 / inputs``. LeCun et al. (1998)."""

    _fixed = (1.0, "fan_in", "uniform")


class Identity(Initializer):
    """``gain`` on the diagonal of a matrix, zeros elsewhere.

    >>> Identity()([2, 2]).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Sequence[int]) -> np.ndarray:
        if len(shape) != 2:
            raise ValueError(f"Identity matrix initializer can only be used for matrices, got shape {list(shape)}")
        return np.eye(*shape, dtype=np.float32) * np.float32(self.gain)

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}


class Orthogonal(Initializer):
    """Orthogonal rows or columns, whichever are fewer; all axes but the last count as rows.

    Saxe et al. (2014). The QR decomposition of normal numbers, with the signs that make it unique: so the values are
    TensorFlow.js'.
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        self.gain, self.seed = gain, seed

    def __call__(self, shape: Sequence[int]) -> np.ndarray:
        if len(shape) < 2:
            raise ValueError(f"Orthogonal wants a shape of two axes or more, got {list(shape)}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        square = random_seed.normal((max(rows, columns), min(rows, columns)), 0.0, 1.0, self.seed, False)
        q, r = np.linalg.qr(square.astype(np.float64))
        q = q * np.sign(np.diag(r))
        q = q.T if rows < columns else q
        return (self.gain * q.reshape(tuple(shape))).astype(np.float32)

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain, "seed": self.seed}


class STFT(Initializer):
    """Kernels ``[frame, 1, frequencies]`` of convolutions that make short-term spectra.

    Args:
        side: ``"real"`` or ``"imag"`` part.
        window: what frames are seen through: a name, values, or None.
        scaling: ``"density"`` for windows whose squares sum to 1, ``"spectrum"`` for values that do, or None.
        periodic: whether the window's first value would follow its last one.

    >>> STFT("real", window=None)([2, 1, 2]).round(1).ravel().tolist()
    [1.0, 1.0, 1.0, -1.0]
    """

    def __init__(
        self, side: str = "real", window: Any = "hann", scaling: str | None = "density", periodic: bool = False
    ) -> None:
        if side not in ("real", "imag"):
            raise ValueError(f"side must be 'real' or 'imag', got {side!r}")
        if scaling not in (None, "density", "spectrum"):
            raise ValueError(f"scaling must be 'density', 'spectrum' or None, got {scaling!r}")
        self.side, self.window, self.scaling, self.periodic = side, window, scaling, bool(periodic)

    def __call__(self, shape: Sequence[int]) -> np.ndarray:
        frame, _, frequencies = shape
        turns = -2 * math.pi * np.outer(np.arange(frame), np.arange(frequencies)) / max(1, 2 * (frequencies - 1))
        kernel = np.cos(turns) if self.side == "real" else np.sin(turns)
        if self.window is not None:
            values = taper(self.window, frame, self.periodic)
            sizes = {None: 1.0, "density": np.sqrt((values**2).sum()), "spectrum": np.abs(values).sum()}
            kernel = kernel * (values / sizes[self.scaling])[:, None]
        return kernel[:, None].astype(np.float32)

    def get_config(self) -> dict[str, Any]:
        window = self.window.tolist() if isinstance(self.window, np.ndarray) else self.window
        return {"side": self.side, "window": window, "scaling": self.scaling, "periodic": self.periodic}


class Values(Initializer):
    """Given values.

    >>> Values([1, 2])([2]).tolist()
    [1.0, 2.0]
    """

    def __init__(self, values: Any) -> None:
        self.values = np.asarray(values, np.float32)

    def __call__(self, shape: Sequence[int]) -> np.ndarray:
        return self.values.reshape(tuple(shape))

    def get_config(self) -> dict[str, Any]:
        return {"values": self.values.tolist()}


class Function(Initializer):
    """A function of the shape, and perhaps of the dtype."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def __call__(self, shape: Sequence[int]) -> np.ndarray:
        dtype = {"dtype": "float32"} if "dtype" in naming.parameters(self.function) else {}
        return np.asarray(self.function(tuple(shape), **dtype), np.float32)


def fans(shape: Sequence[int]) -> tuple[float, float]:
    """How many inputs and outputs a unit has, by the shape of its weights."""
    if len(shape) == 2:
        return shape[0], shape[1]
    if len(shape) in (3, 4, 5):
        field = math.prod(shape[:-2])
        return field * shape[-2], field * shape[-1]
    size = math.sqrt(math.prod(shape))
    return size, size


# TensorFlow.js' spellings, `tf.initializers.glorotNormal({seed: 1})`.
zeros, ones, constant, identity, orthogonal = Zeros, Ones, Constant, Identity, Orthogonal
random_uniform, random_normal, truncated_normal = RandomUniform, RandomNormal, TruncatedNormal
variance_scaling, glorot_normal, glorot_uniform = VarianceScaling, GlorotNormal, GlorotUniform
he_normal, he_uniform = HeNormal, HeUniform
lecun_normal = le_cun_normal = LecunNormal
lecun_uniform = le_cun_uniform = LecunUniform

_TABLE: dict[str, Any] = {
    "zeros": Zeros,
    "ones": Ones,
    "constant": Constant,
    "random_uniform": RandomUniform,
    "random_normal": RandomNormal,
    "truncated_normal": TruncatedNormal,
    # as Keras calls them, too
    "zero": Zeros,
    "one": Ones,
    "uniform": RandomUniform,
    "normal": RandomNormal,
    "variance_scaling": VarianceScaling,
    "identity": Identity,
    "identity_initializer": Identity,
    "orthogonal": Orthogonal,
    "orthogonal_initializer": Orthogonal,
    "values": Values,
    "stft": STFT,
    "glorot_normal": GlorotNormal,
    "glorot_uniform": GlorotUniform,
    "he_normal": HeNormal,
    "he_uniform": HeUniform,
    "lecun_normal": LecunNormal,
    "lecun_uniform": LecunUniform,
    "le_cun_normal": LecunNormal,
    "le_cun_uniform": LecunUniform,
}


# Entries of Keras' configurations that say nothing as long as they are empty.
KERAS_ONLY = ("input_axes", "output_axes")


def get(identifier: Any) -> Initializer:
    """An initializer by name, by ``{"class_name", "config"}``, by class, a function of the shape, or itself.

    >>> get("glorotNormal").get_config()["mode"], get(lambda shape: np.ones(shape))([2]).tolist()
    ('fan_avg', [1.0, 1.0])
    """
    if isinstance(identifier, Initializer):
        return identifier
    if isinstance(identifier, type):
        return get(identifier())
    if isinstance(identifier, dict):
        name = str(identifier.get("class_name", identifier.get("className")))
        make = naming.lookup("initializer", name, _TABLE)
        given = {k: v for k, v in identifier.get("config", {}).items() if k not in KERAS_ONLY or v is not None}
        # Keras 2 names the dtype of weights here, too
        config = {k: v for k, v in given.items() if k != "dtype"}
        return make(**naming.arguments(make, name, config))
    if callable(identifier):
        return Function(identifier)
    return naming.lookup("initializer", identifier, _TABLE)()


def serialize(initializer: Initializer) -> dict[str, Any]:
    """``{"class_name", "config"}``, as TensorFlow.js' model files hold it: all scaling is VarianceScaling."""
    made_by = VarianceScaling if isinstance(initializer, _Scaled) else type(initializer)
    return {"class_name": made_by.__name__, "config": initializer.get_config()}


__getattr__ = naming.module_getattr(__name__, globals())
