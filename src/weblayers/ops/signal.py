"""Signals: windows, frames, and the transforms of one frame after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import naming
from ..graph import build as b
from ..runtime.tensor import Tensor
from .complex import ComplexTensor
from .dispatch import op, public
from .fourier import cosine_window, enclosing_power_of_two, half_transform


@public
def hann_window(window_length: int) -> Tensor:
    """A cosine that falls to 0.

    >>> import weblayers as wl
    >>> wl.signal.hann_window(4).array_sync()
    [0.0, 0.5, 1.0, 0.5]
    """
    return cosine_window(window_length, 0.5, 0.5)


@public
def hamming_window(window_length: int) -> Tensor:
    """A cosine that falls to 0.08."""
    return cosine_window(window_length, 0.54, 0.46)


@op("signal")
def frame(signal: Any, frame_length: int, frame_step: int, pad_end: bool = False, pad_value: float = 0) -> Any:
    """Parts of a signal that may overlap: ``[..., frames, frame_length]`` of ``[..., samples]``.

    Args:
        signal: one or several.
        frame_length: samples in a frame.
        frame_step: samples between the beginnings of two frames.
        pad_end: whether frames go on until the last sample, filled up with ``pad_value``.

    >>> import weblayers as wl
    >>> wl.signal.frame([1, 2, 3, 4], 2, 1).array_sync()
    [[1.0, 2.0], [2.0, 3.0], [3.0, 4.0]]
    """
    _check_frames(frame_length, frame_step)
    if not signal.shape:
        raise ValueError("frame wants a signal with an axis of samples, got a scalar")
    *lead, size = signal.shape
    count = -(-size // frame_step) if pad_end else max(0, (size - frame_length) // frame_step + 1)
    end = max(0, (count - 1) * frame_step + frame_length - size)
    signal = b.pad(signal, [0] * (len(lead) + 1), [*[0] * len(lead), end], value=pad_value)
    if not count:
        return b.cast(b.full((*lead, 0, frame_length), 0.0), signal.dtype)
    starts = b.reshape(b.iota(count) * frame_step, (count, 1))
    return b.gather(signal, starts + b.iota(frame_length), len(lead))


def _check_frames(length: int, step: int) -> None:
    if length < 1 or step < 1:
        raise ValueError(f"frame: lengths and steps must be positive, got {length} and {step}")


@public
def stft(
    signal: Any,
    frame_length: int,
    frame_step: int,
    fft_length: int | None = None,
    window_fn: Callable[[int], Any] = hann_window,
) -> ComplexTensor:
    """The transforms of a signal's frames, each through a window: ``[..., frames, fft_length // 2 + 1]``.

    Args:
        signal: real, one or several.
        frame_length: samples in a frame.
        frame_step: samples between the beginnings of two frames.
        fft_length: a power of two that encloses the frame by default.
        window_fn: gives a window of a length.

    >>> import weblayers as wl
    >>> wl.signal.stft(wl.ones([16]), 8, 4).shape
    (3, 5)
    """
    _check_frames(frame_length, frame_step)
    length = enclosing_power_of_two(frame_length) if fft_length is None else fft_length
    return ComplexTensor(*_stft(signal, window_fn(frame_length), frame_length, frame_step, length))


@op("signal", "window")
def _stft(signal: Any, window: Any, frame_length: int, frame_step: int, fft_length: int) -> Any:
    return half_transform(b.mul(frame(signal, frame_length, frame_step), window), fft_length)


__all__ = ["frame", "hamming_window", "hann_window", "stft"]

__getattr__ = naming.module_getattr(__name__, globals())
