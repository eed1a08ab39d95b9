"""What a page's browser sees and hears, and the image files that it can read."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import numpy as np

from .. import naming
from ..ops.image import resize
from ..runtime import border, page
from ..runtime.conversion import to_tensor
from ..runtime.tensor import Tensor
from .stream import LazyIterator

# Decibels of what a microphone does not hear: minus infinity would go through a model as NaN.
SILENCE = -200.0


def _page(owner: str) -> Any:
    """The page, if it may use devices."""
    if sys.platform != "emscripten":
        raise RuntimeError(f"{owner} is only supported in a browser, but this is Python on {sys.platform}")
    import js

    if border.attribute(js.navigator, "mediaDevices") is None:
        raise RuntimeError(f"{owner} needs a page from https:// or localhost, and there are no devices in a worker")
    return js


async def decoded(data: bytes) -> np.ndarray:
    """The pixels of an image file as RGBA bytes."""
    import js
    from pyodide.ffi import JsException

    blob = js.Blob.new([page.js_object(data)])
    options = {"premultiplyAlpha": "none", "colorSpaceConversion": "none"}
    try:
        bitmap = await js.createImageBitmap(blob, page.js_object(options))
    except JsException as error:
        raise ValueError(f"the browser cannot read this image: {error}") from None
    try:
        return page.pixels(bitmap, bitmap.width, bitmap.height)
    finally:
        bitmap.close()


async def _opened(wanted: dict[str, Any], what: str) -> Any:
    """The stream of a camera or microphone."""
    import js
    from pyodide.ffi import JsException

    try:
        return await js.navigator.mediaDevices.getUserMedia(page.js_object(wanted))
    except JsException as error:
        raise RuntimeError(f"Error thrown while initializing {what} stream: {error}") from None


class WebcamIterator(LazyIterator):
    """Frames of a camera; :func:`webcam` makes it."""

    def __init__(
        self,
        element: Any,
        resize_width: int | None = None,
        resize_height: int | None = None,
        center_crop: bool = False,
        facing_mode: str = "user",
        device_id: str | None = None,
    ) -> None:
        if facing_mode not in ("user", "environment"):
            raise ValueError(f"Invalid webcam facing mode: {facing_mode}. Please provide 'user' or 'environment'")
        if (resize_width is None) != (resize_height is None):
            raise ValueError("resize_width and resize_height go together")
        super().__init__(self._frames())
        self.element, self.center_crop = element, center_crop
        self._wanted = {"facingMode": facing_mode, **({"deviceId": device_id} if device_id else {})}
        self._size = None if resize_width is None or resize_height is None else (resize_height, resize_width)
        self._stream: Any = None
        self.is_closed = True

    async def start(self) -> None:
        """Open the camera, and wait for its first frame."""
        js = _page("wl.data.webcam")
        if self.element is None:
            if self._size is None:
                raise ValueError(
                    "Please provide webcam video element, or resizeWidth and resizeHeight to create a hidden video"
                    " element."
                )
            self.element = js.document.createElement("video")
            self.element.height, self.element.width = self._size
        sides = {side: getattr(self.element, side) for side in ("width", "height") if getattr(self.element, side)}
        self._stream = await _opened({"video": {**self._wanted, **sides}}, "video")
        self.element.muted = self.element.playsInline = True
        self.element.srcObject = self._stream
        await self.element.play()
        while not self.element.videoWidth:
            await asyncio.sleep(0.01)
        self.is_closed = False

    async def _frames(self) -> AsyncIterator[Tensor]:
        while not self.is_closed:
            yield self._frame()
            # the page lives between frames
            await asyncio.sleep(0)

    def _frame(self) -> Tensor:
        # the camera need not have the size that it was asked for
        height, width = int(self.element.videoHeight), int(self.element.videoWidth)
        frame = page.pixels(self.element, width, height)[..., :3]
        if self._size is None or self._size == (height, width):
            return to_tensor(frame.astype(np.int32))
        if self.center_crop:
            return to_tensor(cropped(frame, *self._size).astype(np.float32))
        return resize(to_tensor(frame[None].astype(np.float32)), self._size, align_corners=True).squeeze([0])

    async def capture(self) -> Tensor | None:
        """The frame that the camera sees now; None after :meth:`stop`."""
        return None if self.is_closed else self._frame()

    def stop(self) -> None:
        """Close the camera."""
        if not self.is_closed:
            self.is_closed = True
            _stop(self._stream)
            self.element.srcObject = None

    async def to_array(self) -> list[Any]:
        raise ValueError("Can not convert infinite video stream to array: use take() before.")


def cropped(frame: np.ndarray, height: int, width: int) -> np.ndarray:
    """The middle of a picture; zeros around it, where it is smaller."""
    out = np.zeros((height, width, frame.shape[-1]), frame.dtype)
    (top, y, high), (left, x, wide) = (_overlap(a, b) for a, b in zip(frame.shape, (height, width), strict=False))
    out[y : y + high, x : x + wide] = frame[top : top + high, left : left + wide]
    return out


def _overlap(source: int, target: int) -> tuple[int, int, int]:
    """Where the common part begins in both, and its length."""
    return max(0, (source - target) // 2), max(0, (target - source) // 2), min(source, target)


class MicrophoneIterator(LazyIterator):
    """Spectrograms and waveforms of what a microphone hears; :func:`microphone` makes it."""

    def __init__(
        self,
        sample_rate_hz: float | None = None,
        fft_size: int = 1024,
        column_truncate_length: int | None = None,
        num_frames_per_spectrogram: int = 43,
        include_spectrogram: bool = True,
        include_waveform: bool = False,
        audio_track_constraints: Mapping[str, Any] | None = None,
        smoothing_time_constant: float = 0.0,
    ) -> None:
        if fft_size not in [2**i for i in range(4, 15)]:
            raise ValueError(f"Invalid fftSize: it must be a power of 2 from 16 to 16384, but got {fft_size}")
        if not include_spectrogram and not include_waveform:
            raise ValueError(
                "Both includeSpectrogram and includeWaveform are false. At least one type of data should be returned."
            )
        super().__init__(self._recordings())
        self.sample_rate_hz, self.fft_size = sample_rate_hz, fft_size
        self.num_frames, self.column_truncate_length = num_frames_per_spectrogram, column_truncate_length or fft_size
        self.include_spectrogram, self.include_waveform = include_spectrogram, include_waveform
        self.audio_track_constraints, self.smoothing = audio_track_constraints, smoothing_time_constant
        self.is_closed = True

    async def start(self) -> None:
        """Open the microphone."""
        js = _page("wl.data.microphone")
        wanted = True if self.audio_track_constraints is None else dict(self.audio_track_constraints)
        self._stream = await _opened({"audio": wanted, "video": False}, "audio")
        self._context = js.AudioContext.new()
        rate = self._context.sampleRate
        if self.sample_rate_hz not in (None, rate):
            self._close()
            raise ValueError(f"Mismatch in sampling rate: Expected: {self.sample_rate_hz}; Actual: {rate}")
        self.sample_rate_hz = rate
        # a page that its user has not touched yet begins silent
        await self._context.resume()
        source = self._context.createMediaStreamSource(self._stream)
        self._analyser = self._context.createAnalyser()
        # a spectrum has half as many values as what it is computed of
        self._analyser.fftSize = self.fft_size * 2
        self._analyser.smoothingTimeConstant = self.smoothing
        source.connect(self._analyser)
        self._spectrum = js.Float32Array.new(self._analyser.frequencyBinCount)
        self._wave = js.Float32Array.new(self.fft_size)
        self.is_closed = False
        begun = time.monotonic()
        # it takes a moment until anything arrives; of a microphone that is off, nothing ever does
        while self._column().max() == SILENCE and time.monotonic() - begun < 1:
            await asyncio.sleep(0.01)

    def _column(self) -> np.ndarray:
        """The spectrum now."""
        self._analyser.getFloatFrequencyData(self._spectrum)
        return np.maximum(_floats(self._spectrum)[: self.column_truncate_length], SILENCE)

    def get_sample_rate(self) -> float | None:
        """Samples per second."""
        return self.sample_rate_hz

    async def _recordings(self) -> AsyncIterator[dict[str, Tensor]]:
        while not self.is_closed:
            recording = await self.capture()
            if recording is not None:
                yield recording

    async def capture(self) -> dict[str, Tensor] | None:
        """The next recording: ``"spectrogram"`` ``[frames, column_truncate_length, 1]`` in decibels, and ``"waveform"``
        ``[frames * fft_size, 1]``, as far as they were asked for. None after :meth:`stop`.
        """
        spectra: list[np.ndarray] = []
        waves: list[np.ndarray] = []
        for _ in range(self.num_frames):
            if self.is_closed:
                return None
            if self.include_spectrogram:
                spectra.append(self._column())
            if self.include_waveform:
                self._analyser.getFloatTimeDomainData(self._wave)
                waves.append(_floats(self._wave))
            assert self.sample_rate_hz is not None
            await asyncio.sleep(self.fft_size / self.sample_rate_hz)
        recording = {}
        if self.include_spectrogram:
            recording["spectrogram"] = to_tensor(np.stack(spectra)[..., None])
        if self.include_waveform:
            recording["waveform"] = to_tensor(np.concatenate(waves)[:, None])
        return recording

    def stop(self) -> None:
        """Close the microphone."""
        if not self.is_closed:
            self.is_closed = True
            self._analyser.disconnect()
            self._close()

    def _close(self) -> None:
        self._context.close()
        _stop(self._stream)

    async def to_array(self) -> list[Any]:
        raise ValueError("Can not convert infinite audio stream to array: use take() before.")


def _floats(array: Any) -> np.ndarray:
    return np.frombuffer(array.to_bytes(), np.float32)


def _stop(stream: Any) -> None:
    for track in stream.getTracks():
        track.stop()


async def webcam(
    webcam_video_element: Any = None, webcam_config: Mapping[str, Any] | None = None, **options: Any
) -> WebcamIterator:
    """Open a camera.

    Its ``await capture()`` gives a frame ``[height, width, 3]`` with values from 0 to 255: int32 as the element has it,
    float32 resized or cropped. ``async for`` gives one after the other, and ``stop()`` closes it.

    Args:
        webcam_video_element: a ``<video>`` to show it in; its ``width`` and ``height`` are those of frames.
        webcam_config: options as one object, or as keywords: ``resize_width`` and ``resize_height`` (of frames; without
            an element they must be given), ``center_crop`` (cut the middle out instead of resizing), ``facing_mode``
            (``"user"`` or ``"environment"``), ``device_id``.

    Raises:
        RuntimeError: this is no page, or the camera cannot be opened.
        ValueError: options do not fit.
    """
    given = naming.arguments(WebcamIterator, "webcam", {**(webcam_config or {}), **options})
    camera = WebcamIterator(webcam_video_element, **given)
    await camera.start()
    return camera


async def microphone(microphone_config: Mapping[str, Any] | None = None, **options: Any) -> MicrophoneIterator:
    """Open a microphone.

    Its ``await capture()`` gives a dictionary with ``"spectrogram"`` and ``"waveform"``, as far as they are wanted;
    ``async for`` gives one after the other, and ``stop()`` closes it.

    Args:
        microphone_config: options as one object, or as keywords: ``sample_rate_hz`` (what is expected), ``fft_size``
            (samples per frame, 1024), ``column_truncate_length`` (frequencies per frame, all),
            ``num_frames_per_spectrogram`` (43), ``include_spectrogram`` (True), ``include_waveform`` (False),
            ``audio_track_constraints``, ``smoothing_time_constant`` (0).

    Raises:
        RuntimeError: this is no page, or the microphone cannot be opened.
        ValueError: options do not fit.
    """
    given = naming.arguments(MicrophoneIterator, "microphone", {**(microphone_config or {}), **options})
    recorder = MicrophoneIterator(**given)
    await recorder.start()
    return recorder
