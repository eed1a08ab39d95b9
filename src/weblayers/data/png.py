"""PNG files as pixels, where nothing else can read them. Format: https://www.w3.org/TR/png/"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Samples per pixel of each colour type.
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def is_png(data: bytes) -> bool:
    return data.startswith(_SIGNATURE)


def read_png(data: bytes) -> np.ndarray:
    """The pixels ``[height, width, 4]`` of a PNG file as RGBA bytes; of 16 bits the upper 8.

    Raises:
        ValueError: the file is damaged, or interlaced.
    """
    chunks: dict[bytes, bytes] = {}
    for kind, body in _chunks(data):
        # only the pixels come in parts
        chunks[kind] = chunks.get(kind, b"") + body
    try:
        width, height, bits, colour, _, _, interlace = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
        raw = zlib.decompress(chunks[b"IDAT"])
    except (KeyError, struct.error, zlib.error) as error:
        raise ValueError(f"a damaged PNG file: {error}") from None
    if interlace:
        raise ValueError("this PNG file is interlaced; install Pillow to read it")
    samples = _SAMPLES[colour]
    line = (width * samples * bits + 7) // 8
    if len(raw) < height * (line + 1):
        raise ValueError(f"a damaged PNG file: {height} lines of {line + 1} bytes expected, but {len(raw)} bytes found")
    rows = np.frombuffer(raw, np.uint8, height * (line + 1)).reshape(height, line + 1)
    values = _samples(_unfiltered(rows, max(1, samples * bits // 8)), bits, width * samples)
    return _rgba(values.reshape(height, width, samples), colour, bits, chunks)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8 : at + 8 + size]
        at += size + 12


def _unfiltered(rows: np.ndarray, step: int) -> np.ndarray:
    """The bytes of the pixels; ``step`` is how far back the same byte of the pixel to the left is."""
    out = np.zeros((len(rows), rows.shape[1] - 1), np.uint8)
    above = np.zeros(out.shape[1], np.uint8)
    for row, (kind, *_), line in zip(out, rows[:, :1], rows[:, 1:], strict=True):
        if kind == 0:
            row[:] = line
        elif kind == 1:
            for i in range(step):
                np.add.accumulate(line[i::step], dtype=np.uint8, out=row[i::step])
        elif kind == 2:
            row[:] = line + above
        elif kind in (3, 4):
            row[:] = _predicted(line.tolist(), above.tolist(), step, _mean if kind == 3 else _paeth)
        else:
            raise ValueError(f"a damaged PNG file: there is no filter {kind}")
        above = row
    return out


def _predicted(line: list[int], above: list[int], step: int, predict: Callable[[int, int, int], int]) -> list[int]:
    # what lies left of the first pixel is zero
    out, above = [0] * step, [0] * step + above
    for i, value in enumerate(line):
        out.append((value + predict(out[i], above[i + step], above[i])) & 255)
    return out[step:]


def _mean(left: int, up: int, corner: int) -> int:
    return (left + up) // 2


def _paeth(left: int, up: int, corner: int) -> int:
    """The neighbour that is closest to ``left + up - corner``."""
    guess = left + up - corner
    return min((left, up, corner), key=lambda value: abs(guess - value))


def _samples(rows: np.ndarray, bits: int, count: int) -> np.ndarray:
    """One byte for each sample."""
    if bits == 8:
        return rows
    if bits == 16:
        return rows[:, ::2]
    single = np.unpackbits(rows, axis=1)[:, : count * bits].reshape(len(rows), count, bits)
    return single @ (1 << np.arange(bits)[::-1]).astype(np.uint8)


def _rgba(values: np.ndarray, colour: int, bits: int, chunks: dict[bytes, bytes]) -> np.ndarray:
    out = np.full((*values.shape[:2], 4), 255, np.uint8)
    clear = chunks.get(b"tRNS", b"")
    if colour == 3:
        palette = np.frombuffer(chunks.get(b"PLTE", b""), np.uint8).reshape(-1, 3)
        if values.size and values.max() >= len(palette):
            raise ValueError("a damaged PNG file: a pixel has a colour that the palette lacks")
        opaque = np.full(len(palette), 255, np.uint8)
        opaque[: len(clear)] = np.frombuffer(clear, np.uint8)
        out[..., :3], out[..., 3] = palette[values[..., 0]], opaque[values[..., 0]]
        return out
    if colour in (4, 6):
        out[..., 3] = values[..., -1]
        values = values[..., :-1]
    elif clear:
        # of 16 bits, the lower half has been left out here too
        colours = np.frombuffer(clear, ">u2") >> (8 if bits == 16 else 0)
        out[..., 3] = np.where((values == colours).all(-1), 0, 255)
    out[..., :3] = values if bits >= 8 else values * (255 // ((1 << bits) - 1))
    return out
