"""Integers on drivers whose divisions and powers are off by a unit in the last place."""

import re

import numpy as np
import pytest

import weblayers as wl
from weblayers.compiler import glsl, softgpu

WAYS = {"exact": None, "up": np.float32(np.inf), "down": np.float32(-np.inf)}
RNG = np.random.default_rng(0)


class Float:
    """A GLSL float whose quotients and powers are next to what they should be."""

    def __init__(self, value, toward):
        self.value, self.toward = np.float32(value), toward

    def made(self, value, inexact=False):
        value = np.float32(value)
        off = inexact and self.toward is not None and np.isfinite(value)
        return Float(np.nextafter(value, self.toward) if off else value, self.toward)

    def __add__(self, other):
        return self.made(self.value + other.value)

    def __sub__(self, other):
        return self.made(self.value - other.value)

    def __mul__(self, other):
        return self.made(self.value * other.value)

    def __truediv__(self, other):
        power_of_two = np.frexp(other.value)[0] == 0.5
        return self.made(self.value / other.value, inexact=not power_of_two)

    def __neg__(self):
        return self.made(-self.value)


def shader_function(name, toward):
    """A function of the shaders, computed in Python: a list of assignments, and what it returns."""
    body = re.fullmatch(r"T \w+\((?:T \w+,? ?)+\) \{ (.*) \}", glsl._FUNCTIONS[name])[1]

    def number(value):
        return Float(value, toward)

    functions = {
        "T": lambda x: x,
        "F": number,
        "abs": lambda x: x.made(abs(x.value)),
        "floor": lambda x: x.made(np.floor(x.value)),
        "clamp": lambda x, lo, hi: x.made(np.clip(x.value, lo.value, hi.value)),
        "pow": lambda x, y: x.made(np.power(x.value, y.value), inexact=True),
        "mod": lambda x, y: x - y * functions["floor"](x / y),
        "mix": lambda x, y, chosen: y if chosen else x,
        "wl_less": lambda x, y: x.value < y.value,
        "wl_equal": lambda x, y: x.value == y.value,
        "wl_unlike": lambda x, y: x != y,
        "uintBitsToFloat": lambda bits: number(np.nan),
    }

    def compute(x, y):
        names = {"x": number(x), "y": number(y)}
        with np.errstate(all="ignore"):
            for line in body.rstrip("; ").split("; "):
                target, expression = line.removeprefix("T ").split(" = ") if " = " in line else ("", line)
                expression = re.sub(r"(?<![\w.])\d+\.\d+", r"F(\g<0>)", expression.removeprefix("return "))
                expression = expression.replace("0x7fc00000u", "0x7fc00000")
                names[target] = eval(expression, functions, names)
        return float(names[""].value)

    return compute


@pytest.mark.parametrize("toward", WAYS.values(), ids=WAYS)
def test_remainders_of_integers_are_exact(toward):
    mod = shader_function("mod", toward)
    pairs = [(-16777215, 65535), (-16777216, 65535), (16777216, 97), (16777215, 3), (6, 3), (-6, 3), (5, -3), (0, 7)]
    drawn = RNG.integers(-(2**24), 2**24, 300), 2 ** RNG.integers(1, 24, 300) - RNG.integers(0, 2, 300)
    pairs += [*zip(*(values.tolist() for values in drawn), strict=True)]
    assert {(a, b): mod(a, b) for a, b in pairs} == {(a, b): a % b for a, b in pairs}
    assert mod(5.5, 2) == 1.5 and mod(-5.5, 2) == 0.5 and np.isnan(mod(1, 0))


@pytest.mark.parametrize("toward", WAYS.values(), ids=WAYS)
def test_powers_of_integers_are_exact(toward):
    power = shader_function("pow", toward)
    pairs = [(255, 1), (255, 2), (255, 3), (3, 15), (2, 24), (-3, 5), (-2, 4), (0, 0), (0, 5), (1, 99), (-7, 0)]
    assert {(x, y): power(x, y) for x, y in pairs} == {(x, y): x**y for x, y in pairs}
    assert np.isnan(power(-2, 0.5)) and power(2, -1) == pytest.approx(0.5) and power(0, -1) == np.inf
    assert power(9, 0.5) == pytest.approx(3) and power(2, 100) == pytest.approx(2.0**100)


A = [-16777215, -16777216, 16777215, 16777216, 7, -7, 6, -6, 0]
B = [65535, 65535, 3, 97, -2, -2, 3, 3, 5]


@pytest.mark.parametrize("toward", WAYS.values(), ids=WAYS)
def test_quotients_of_integers_are_exact(monkeypatch, toward):
    def divide(a, b):
        quotient = np.divide(a, b, dtype=np.float32)
        return quotient if toward is None else np.nextafter(quotient, toward)

    monkeypatch.setitem(softgpu._OPS, "div", divide)
    wl.set_backend("softgpu")
    try:
        a, b = wl.tensor(A, dtype="int32"), wl.tensor(B, dtype="int32")
        wanted = [x // y for x, y in zip(A, B, strict=True)]
        assert wl.floor_div(a, b).array_sync() == wanted and (a // b).array_sync() == wanted
    finally:
        wl.set_backend("numpy")


def test_integers_are_the_same_everywhere(backend):
    def whole(values, dtype="int32"):
        return wl.tensor(values, dtype=dtype)

    a, b = whole(A), whole(B)
    assert wl.mod(a, b).array_sync() == [x % y for x, y in zip(A, B, strict=True)]
    assert wl.floor_div(a, b).array_sync() == [x // y for x, y in zip(A, B, strict=True)]
    assert wl.floor_div(whole([0, 1, -3]), whole([0, 0, 0])).array_sync() == [0, 0, 0]
    assert wl.pow(whole([255, 3, 0, -2]), whole([1, 5, 0, 3])).array_sync() == [255, 243, 1, -8]
    assert wl.pow(whole([255, 3], "uint8"), whole([1, 5], "uint8")).array_sync() == [255, 243]
    assert wl.pow(whole([0, 1, 2, -1, -2]), -1).array_sync() == [0, 1, 0, -1, 0]
    # a fraction is cut off before anything else is computed of it
    assert (wl.pow(whole([2, 1, -1]), whole([-1, -3, -2])) * 2).array_sync() == [0, 2, 2]
