"""Fourier transforms, as TensorFlow.js groups them: the same functions as in the package itself."""

from .. import naming
from .fourier import fft, ifft, irfft, rfft

__all__ = ["fft", "ifft", "irfft", "rfft"]

__getattr__ = naming.module_getattr(__name__, globals())
