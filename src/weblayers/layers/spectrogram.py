"""Layers that make spectra of sound, one short piece after the other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import initializers, naming
from ..ops import arithmetic as a
from ..ops import convolutions, fourier, mathematics, matrices, movement, rearranging, reduction, signal
from ..ops.tapers import taper
from ..runtime import tracing
from ..runtime.tensor import Tensor
from .base import BatchShape, Layer, check_rank, positive
from .checks import told_by
from .formats import DATA_FORMATS
from .symbolic import Spec, SymbolicTensor

# What logarithms and roots are taken of at least.
_LEAST = 1e-7

_MODES = {mode: mode for mode in ("log", "magnitude", "psd", "real", "imag", "angle", "stft")}
_PADDINGS = {"valid": "valid", "same": "same"}


class STFTSpectrogram(Layer):
    """Short-term spectra of signals, by convolutions whose kernels are weights: training may change them.

    Args:
        mode: ``"log"`` or ``"magnitude"``, ``"psd"`` for the power's density, ``"real"``, ``"imag"`` or ``"angle"``,
            or ``"stft"`` for real and imaginary parts.
        frame_length: samples in a frame.
        frame_step: samples between the beginnings of two frames; half a frame if left out.
        fft_length: of the transform; the power of two that holds a frame if left out.
        window: what frames are seen through: a name (``"hann"``, ``"hamming"``, ``"blackman"``, ...), values, or None.
        periodic: whether the window's first value would follow its last one.
        scaling: of the window: ``"density"``, ``"spectrum"`` or None.
        padding: ``"valid"`` or ``"same"``.
        expand_dims: whether frequencies have an axis of their own.
        data_format: ``"channels_last"`` or ``"channels_first"``.

    Input: float32 ``[batch, samples, channels]``. Output: ``[batch, frames, channels * frequencies]``, or ``[batch,
    frames, frequencies, channels]``; with channels first, ``[batch, channels * frequencies, frames]`` or ``[batch,
    channels, frames, frequencies]``.

    >>> import weblayers as wl
    >>> wl.layers.stft_spectrogram(frame_length=16).apply(wl.ones([2, 64, 1])).shape
    (2, 7, 9)
    """

    def __init__(
        self,
        mode: str = "log",
        frame_length: int = 256,
        frame_step: int | None = None,
        fft_length: int | None = None,
        window: Any = "hann",
        periodic: bool = False,
        scaling: str | None = "density",
        padding: str = "valid",
        expand_dims: bool = False,
        data_format: str | None = None,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        self.mode = naming.lookup("mode", mode, _MODES)
        self.frame_length = positive(self.name, "frame_length", frame_length)
        if frame_step is not None and not 1 <= frame_step <= frame_length:
            raise ValueError(
                f"{self.name}: frame_step must be from 1 to frame_length, {frame_length}; got {frame_step}"
            )
        if fft_length is not None and fft_length < frame_length:
            raise ValueError(f"{self.name}: fft_length {fft_length} is less than frame_length, {frame_length}")
        self.frame_step, self.fft_length = frame_step, fft_length
        self._step = frame_step or max(1, frame_length // 2)
        self._frequencies = (fft_length or 2 ** math.ceil(math.log2(frame_length))) // 2 + 1
        self.window, self.periodic, self.scaling = window, bool(periodic), scaling
        if window is not None:
            # a name alone is checked for one value
            taper(window, 1 if isinstance(window, str) else frame_length, self.periodic)
        self._kernels = {
            side: initializers.STFT(side, window, scaling, periodic)
            for side, other in (("real", "imag"), ("imag", "real"))
            if self.mode != other
        }
        self.padding = naming.lookup("padding", padding, _PADDINGS)
        self.expand_dims = bool(expand_dims)
        self.data_format = naming.lookup("data_format", data_format or "channels_last", DATA_FORMATS)

    def build(self, input_shape: BatchShape) -> None:
        check_rank(self, input_shape, 3)
        shape = (self.frame_length, 1, self._frequencies)
        self._parts = [self.add_weight(f"{side}_kernel", shape, kernel) for side, kernel in self._kernels.items()]

    def call(self, inputs: Tensor) -> Tensor:
        check_rank(self, inputs.shape, 3)
        if inputs.dtype != "float32":
            raise TypeError(f"layer {self.name!r} takes float32 signals, got {inputs.dtype}")
        x = movement.transpose(inputs, [0, 2, 1]) if self.data_format == "channels_last" else inputs
        batch, channels, samples = x.shape
        x = movement.reshape(x, [batch * channels, samples, 1])
        with told_by(self):
            spectra = [convolutions.convolution(x, kernel, self._step, self.padding) for kernel in self._parts]
        out = self._of_parts(spectra)
        _, frames, size = out.shape
        out = movement.reshape(out, [batch, channels, frames, size])
        if self.expand_dims:
            return movement.transpose(out, [0, 2, 3, 1]) if self.data_format == "channels_last" else out
        if self.data_format == "channels_last":
            return movement.reshape(movement.transpose(out, [0, 2, 1, 3]), [batch, frames, channels * size])
        return movement.reshape(movement.transpose(out, [0, 1, 3, 2]), [batch, channels * size, frames])

    def _of_parts(self, parts: list[Tensor]) -> Tensor:
        """What the mode wants, ``[signals, frames, values]``."""
        if self.mode in ("real", "imag"):
            return parts[0]
        if self.mode == "stft":
            return movement.concat(parts, -1)
        real, imag = parts
        if self.mode == "angle":
            return mathematics.atan2(imag, real)
        power = a.add(a.square(real), a.square(imag))
        if self.mode == "psd":
            # all but the ends stand for two frequencies, of either sign
            twice = np.ones(self._frequencies, np.float32)
            twice[1:-1] = 2
            return a.mul(power, tracing.constant(twice))
        size = a.sqrt(a.maximum(power, _LEAST))
        return size if self.mode == "magnitude" else a.log(a.maximum(size, _LEAST))


class MelSpectrogram(Layer):
    """Spectra of sound as we hear it: the power around frequencies that lie as far apart as ears tell.

    Args:
        fft_length: samples that a spectrum is made of.
        sequence_stride: samples between the middles of two of them.
        sequence_length: samples that the window lets through, in the middle; ``fft_length`` if left out.
        window: ``"hann"``, ``"hamming"`` or another name, values, or None.
        sampling_rate: samples per second.
        num_mel_bins: how many frequencies there are.
        min_freq, max_freq: where they begin and end, in Hertz; at half the sampling rate if left out.
        power_to_db: whether to give decibels.
        top_db: how far below the largest value of a batch decibels may be.
        mag_exp: what magnitudes are raised to: 1 for energy, 2 for power.
        min_power: what logarithms are taken of at least.
        ref_power: the power of 0 decibels.

    Input: ``[samples]`` or ``[batch, samples]``, longer than half of ``fft_length``: signals are continued by their
    mirror images. Output: ``[..., num_mel_bins, frames]``.

    >>> import weblayers as wl
    >>> layer = wl.layers.mel_spectrogram(num_mel_bins=8, fft_length=64, sequence_stride=32, sampling_rate=800)
    >>> layer.apply(wl.ones([2, 320])).shape
    (2, 8, 11)
    """

    def __init__(
        self,
        fft_length: int = 2048,
        sequence_stride: int = 512,
        sequence_length: int | None = None,
        window: Any = "hann",
        sampling_rate: int = 16000,
        num_mel_bins: int = 128,
        min_freq: float = 20.0,
        max_freq: float | None = None,
        power_to_db: bool = True,
        top_db: float = 80.0,
        mag_exp: float = 2.0,
        min_power: float = 1e-10,
        ref_power: float = 1.0,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        self.fft_length = positive(self.name, "fft_length", fft_length)
        self.sequence_stride = positive(self.name, "sequence_stride", sequence_stride)
        self.sequence_length = positive(self.name, "sequence_length", sequence_length or fft_length)
        if self.sequence_length > fft_length:
            raise ValueError(f"{self.name}: fft_length {fft_length} is less than sequence_length, {sequence_length}")
        self.num_mel_bins = positive(self.name, "num_mel_bins", num_mel_bins)
        self.window, self.sampling_rate = window, sampling_rate
        self.min_freq, self.max_freq = min_freq, max_freq or int(sampling_rate / 2)
        self.power_to_db, self.top_db, self.mag_exp = bool(power_to_db), top_db, mag_exp
        self.min_power, self.ref_power = min_power, ref_power
        if window is not None:
            taper(window, 1 if isinstance(window, str) else self.sequence_length, True)

    def _frame_window(self) -> np.ndarray:
        """The window in the middle of a frame."""
        length = self.sequence_length
        values = np.ones(length) if self.window is None else taper(self.window, length, True)
        before = (self.fft_length - length) // 2
        return np.pad(values, (before, self.fft_length - length - before)).astype(np.float32)

    def call(self, inputs: Tensor) -> Tensor:
        check_rank(self, inputs.shape, 1, 2)
        half = self.fft_length // 2
        if inputs.shape[-1] <= half:
            raise ValueError(
                f"layer {self.name!r} takes signals of more than {half} samples, half of fft_length; got shape"
                f" {list(inputs.shape)}"
            )
        around = [(0, 0)] * (inputs.rank - 1) + [(half, half)]
        x = rearranging.mirror_pad(a.cast(inputs, "float32"), around, "reflect")
        frames = a.mul(signal.frame(x, self.fft_length, self.sequence_stride), tracing.constant(self._frame_window()))
        real, imag = fourier.rfft(frames).parts
        size = a.pow(a.add(a.square(real), a.square(imag)), self.mag_exp / 2)
        out = matrices.mat_mul(size, tracing.constant(self._mel_weights()))
        if self.power_to_db:
            out = a.mul(a.log(a.maximum(out, self.min_power)), 10 / math.log(10))
            out = a.sub(out, 10 * math.log10(max(abs(self.ref_power), self.min_power)))
            out = a.maximum(out, a.sub(reduction.max(out), self.top_db))
        return movement.transpose(out, [*range(inputs.rank - 1), inputs.rank, inputs.rank - 1])

    def _mel_weights(self) -> np.ndarray:
        """How much each frequency of a spectrum counts for each that is heard: triangles on the mel scale.

        Stevens, Volkmann and Newman (1937), with the constants of the Hidden Markov Model Toolkit. A constant signal is
        not heard.
        """
        frequencies = np.linspace(0, self.sampling_rate / 2, self.fft_length // 2 + 1)
        edges = np.linspace(_mel(self.min_freq), _mel(self.max_freq), self.num_mel_bins + 2)
        low, middle, high = edges[:-2], edges[1:-1], edges[2:]
        heard = _mel(frequencies)[:, None]
        weights = np.maximum(0, np.minimum((heard - low) / (middle - low), (high - heard) / (high - middle)))
        weights[0] = 0
        return weights.astype(np.float32)

    def output_specs(self, inputs: SymbolicTensor, kwargs: dict[str, Any]) -> Spec:
        check_rank(self, inputs.shape, 1, 2)
        samples = inputs.shape[-1]
        if samples is not None:
            return super().output_specs(inputs, kwargs)
        return Spec((*inputs.shape[:-1], self.num_mel_bins, None), "float32")


def _mel(hertz: Any) -> Any:
    return 1127.0 * np.log1p(np.asarray(hertz) / 700.0)


__all__ = ["MelSpectrogram", "STFTSpectrogram"]
