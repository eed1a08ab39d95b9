"""Values as what pages, notebooks and terminals can show."""

from __future__ import annotations

import base64
import html
import re
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ops.browser import rgba_of
from ..runtime.tensor import Tensor


def content_of(value: Any) -> dict[str, Any]:
    """What to show of a value: its kind, and always some ``text`` and ``html``."""
    chart = getattr(value, "chart_content", None)
    if chart is not None:
        return dict(chart())
    if isinstance(value, Tensor | np.ndarray) and len(value.shape) in (2, 3):
        return _picture(value.numpy() if isinstance(value, Tensor) else value)
    for name, shown in _SHOWN.items():
        made = getattr(value, name, None)
        made = None if made is None else made()
        # some have nothing to show, and some metadata beside it
        if made is not None:
            return shown(made[0] if isinstance(made, tuple) else made, repr(value))
    text = str(value)
    return {"kind": "text", "text": text, "html": f"<pre>{html.escape(text)}</pre>"}


def _markup(made: str, text: str) -> dict[str, Any]:
    return {"kind": "html", "html": made, "text": text}


def _drawing(svg: str, text: str) -> dict[str, Any]:
    """An SVG, with the words that it has for itself."""
    own = re.search(r"""<svg\b(?:[^>]*?\saria-label=(["'])(.+?)\1|[^>]*>\s*<title>([^<]+)</title>)""", svg, re.DOTALL)
    return _image("svg+xml", svg.encode(), html.unescape(own[2] or own[3]) if own else text)


def _file(kind: str) -> Callable[[Any, str], dict[str, Any]]:
    """What shows a picture's file, as bytes or in base64."""
    return lambda made, text: _image(kind, base64.b64decode(made) if isinstance(made, str) else made, text)


def _image(kind: str, data: bytes, text: str) -> dict[str, Any]:
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    markup = f'<img alt="{html.escape(text)}" style="max-width:100%" src="{source}">'
    return {"kind": "image", "source": source, "text": text, "html": markup}


# How notebooks have it from things, the first being preferred.
_SHOWN: dict[str, Callable[[Any, str], dict[str, Any]]] = {
    "_repr_html_": _markup,
    "_repr_svg_": _drawing,
    "_repr_png_": _file("png"),
    "_repr_jpeg_": _file("jpeg"),
}


def _picture(values: np.ndarray) -> dict[str, Any]:
    if not values.size:
        raise ValueError(f"page.show: an array of shape {list(values.shape)} is empty, and so no picture")
    dtype = "float32" if values.dtype.kind in "fb" else "int32"
    rgba = rgba_of(values.shape, dtype, values.astype(dtype))
    height, width, _ = rgba.shape
    text = f"a picture of {width} x {height} pixels"
    source = base64.b64encode(png(rgba)).decode()
    image = f'<img alt="{text}" width="{width}" height="{height}" src="data:image/png;base64,{source}">'
    return {"kind": "picture", "width": width, "height": height, "pixels": rgba, "text": text, "html": image}


def png(rgba: np.ndarray) -> bytes:
    """The PNG file of bytes ``[height, width, 4]`` (https://www.w3.org/TR/png/): notebooks show no bare pixels."""
    height, width, _ = rgba.shape
    rows = np.zeros((height, 1 + 4 * width), np.uint8)
    rows[:, 1:] = rgba.reshape(height, -1)
    parts = {
        b"IHDR": struct.pack(">2I5B", width, height, 8, 6, 0, 0, 0),
        b"IDAT": zlib.compress(rows.tobytes()),
        b"IEND": b"",
    }
    chunks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts.items()
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
