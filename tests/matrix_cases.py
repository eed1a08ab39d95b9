"""Linear algebra on random shapes; see :mod:`tests.op_cases`."""

import numpy as np

import weblayers as wl
from tests.op_cases import entry, floats


def regular(rng, shape):
    """Square matrices far from having no inverse, whose largest elements are not on the diagonal."""
    size = shape[-1]
    turned = np.roll(np.eye(size), 1, 0) * (2 + 0.1 * np.arange(size))
    return (turned + floats(rng, shape, -0.8, 0.8) / max(1, size)).astype(np.float32)


def independent(rng, rows, columns):
    """Rows, and columns, far from being combinations of others."""
    x = floats(rng, (rows, columns), -0.5, 0.5) / max(1, rows, columns)
    return (x + 2 * np.eye(rows, columns)).astype(np.float32)


@entry("linalg.band_part")
def _(rng, a, b, c):
    return lambda x: wl.linalg.band_part(x, min(b, 1), min(c, 2) - 1), [floats(rng, (a, b, c))]


@entry("linalg.band_part, by tensors")
def _(rng, a, b, c):
    below, above = wl.scalar(a - 2, "int32"), wl.scalar(1, "int32")
    return lambda x: wl.linalg.band_part(x, below, above), [floats(rng, (b, c))]


@entry("linalg.matrix_transpose")
def _(rng, a, b, c):
    return wl.linalg.matrix_transpose, [floats(rng, (a, b, c))]


for _name in ["inv", "det"]:

    @entry(f"linalg.{_name}")
    def _(rng, a, b, c, name=_name):
        return getattr(wl.linalg, name), [regular(rng, (c, b, b))]

    @entry(f"linalg.{_name}, of one")
    def _(rng, a, b, c, name=_name):
        return getattr(wl.linalg, name), [regular(rng, (a, a))]


@entry("linalg.solve")
def _(rng, a, b, c):
    return wl.linalg.solve, [regular(rng, (a, 1, b, b)), floats(rng, (2, b, c))]


@entry("linalg.solve, of a vector")
def _(rng, a, b, c):
    return wl.linalg.solve, [regular(rng, (a, b, b)), floats(rng, (b,))]


@entry("linalg.cholesky")
def _(rng, a, b, c):
    square = lambda x: wl.mat_mul(x, x, False, True) + wl.eye(b)  # noqa: E731
    return lambda x: wl.linalg.cholesky(square(x)), [floats(rng, (a, b, c))]


for _full in (False, True):

    @entry(f"linalg.qr{', full' if _full else ''}")
    def _(rng, a, b, c, full=_full):
        def factors(x):
            q, r = wl.linalg.qr(x, full)
            return wl.concat([q, r], -1) if q.shape[-2] == r.shape[-2] else wl.concat([q, r], -2)

        return factors, [np.stack([independent(rng, b, c) for _ in range(a + 1)])]


@entry("linalg.gram_schmidt")
def _(rng, a, b, c):
    return wl.linalg.gram_schmidt, [independent(rng, a, a + b)]


@entry("linalg.gram_schmidt, of a list")
def _(rng, a, b, c):
    return lambda *xs: wl.stack(wl.linalg.gram_schmidt(list(xs))), list(independent(rng, 2, c + 2))
