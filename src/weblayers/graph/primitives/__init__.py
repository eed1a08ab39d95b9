"""THE primitive table, by family. Each row gives a primitive's shape, NumPy value and gradient side by side."""

from . import contraction, elementwise, indexing, loop, movement, reduction, sources, window  # noqa: F401
