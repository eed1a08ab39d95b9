"""Indices that shaders divide: what is folded is what Python's integers give."""

import itertools

import numpy as np
import pytest

from weblayers.compiler.shader import Shader

WIDTH, HEIGHT = 13, 9
X, Y = range(WIDTH), range(HEIGHT)


def evaluated(value, x, y):
    """A value as GLSL has it: quotients are cut off, remainders have the dividend's sign."""
    if isinstance(value, int):
        return value
    if value.op in ("fragment_x", "fragment_y"):
        return x if value.op == "fragment_x" else y
    a, b = evaluated(value.args[0], x, y), evaluated(value.args[1], x, y)
    quotient = abs(a) // abs(b) * (1 if a >= 0 else -1) if value.op in ("idiv", "imod") else 0
    return {"iadd": a + b, "imul": a * b, "idiv": quotient, "imod": a - b * quotient}[value.op]


def random_sum(s, rng):
    """A sum of multiples of indices, and a function that computes it."""
    x, y = s.fragment("x", WIDTH), s.fragment("y", HEIGHT)
    a, b, c, k = (int(n) for n in rng.integers((0, 0, -4, 1), (13, 40, 40, 9)))
    terms = [s.mul(x, a), s.mul(s.div(y, k) if rng.random() < 0.3 else y, b), c]
    inner = terms[1] is s.mul(y, b)
    rng.shuffle(terms)
    total = s.add(s.add(*terms[:2]), terms[2])
    return total, lambda i, j: i * a + (j if inner else j // k) * b + c


def random_place(s, rng):
    """A place by axes, of which the last are seen as one, as those of heads in a row are."""
    rows, heads, size = (int(n) for n in rng.integers(1, 9, 3))
    t, h, d = s.fragment("y", HEIGHT), s.mod(s.fragment("x", WIDTH), heads), int(rng.integers(0, size))
    place = s.add(s.mul(s.add(s.mul(s.add(t, rows), heads), h), size), d)
    return place, lambda x, y: ((y + rows) * heads + x % heads) * size + d, heads * size


@pytest.mark.parametrize("seed", range(100))
def test_places_in_rows_are_taken_apart(seed):
    s = Shader()
    place, exact, width = random_place(s, np.random.default_rng(seed))
    row, column = s.div(place, width), s.mod(place, width)
    for x, y in itertools.product(X, Y):
        assert (evaluated(row, x, y), evaluated(column, x, y)) == divmod(exact(x, y), width)
    # by what it was put together from
    assert row.op == "iadd" and row.args[0].op == "fragment_y"


@pytest.mark.parametrize("seed", range(300))
def test_quotients_and_remainders_of_sums(seed):
    rng = np.random.default_rng(seed)
    s = Shader()
    total, exact = random_sum(s, rng)
    n = int(rng.integers(1, 20))
    start = int(rng.integers(-5, 6))
    quotient, rest = s.div(total, n), s.mod(total, n)
    steps, left = s.steps(total, start, n)
    for x, y in itertools.product(X, Y):
        wanted = exact(x, y)
        if wanted < 0:
            continue  # neither is asked for, but where nobody looks at the result
        assert (evaluated(quotient, x, y), evaluated(rest, x, y)) == divmod(wanted, n)
        assert (evaluated(steps, x, y), evaluated(left, x, y)) == divmod(wanted - start, n)
        for value, number in ((quotient, wanted // n), (rest, wanted % n), (steps, (wanted - start) // n)):
            assert isinstance(value, int) or (value.lo <= number <= value.hi and number % value.divisor == 0)


@pytest.mark.parametrize(("block", "width"), [(4, 14), (4, 6), (8, 20), (8, 12)])
def test_rows_of_blocks_are_known_to_be_even_or_odd(block, width):
    s = Shader()
    row = s.mul(s.fragment("y", 64), block)
    lanes = [s.mod(s.add(row, i), width) for i in range(block)]
    assert [s.mod(pixel, 2) for pixel in lanes] == [i % 2 for i in range(block)]
    # of a pair it is known that it lies in one row
    assert s.div(s.add(row, 1), width) is s.div(row, width)


def test_an_index_within_a_matrix_and_a_constant():
    s = Shader()
    row, col = s.fragment("y", 30), s.fragment("x", 16)
    flat = s.add(s.add(s.mul(row, 17), col), 1)
    assert s.div(flat, 17) is row
    assert s.mod(flat, 17) is s.add(col, 1)


def test_nothing_is_added():
    s = Shader()
    x = s.op("uniform", "f", 0)
    assert s.f("add", x, s.const(0.0)) is x and s.f("add", s.const(0.0), x) is x
