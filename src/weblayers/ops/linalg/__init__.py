"""Linear algebra: systems of equations, factors of matrices. Leading axes are batches."""

from ... import naming
from .banding import band_part, matrix_transpose
from .elimination import det, inv, solve
from .factoring import cholesky, gram_schmidt, qr, svd

__all__ = ["band_part", "cholesky", "det", "gram_schmidt", "inv", "matrix_transpose", "qr", "solve", "svd"]

__getattr__ = naming.module_getattr(__name__, globals())
