"""Turns nodes into shader code: every primitive's way to compute its value at given coordinates."""

from . import contraction, convolution, movement, reduction, sources, window  # noqa: F401
from .emitter import Emitter, Offset, Source, Window

__all__ = ["Emitter", "Offset", "Source", "Window"]
