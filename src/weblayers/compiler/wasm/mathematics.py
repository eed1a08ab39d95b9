"""The functions that WebAssembly lacks, of four floats each: within 2 units in the last place.

Where floats would not do (long cancellations, powers), the work is done in doubles, two lanes at a time. Polynomials
are minimax fits of relative error, or Taylor's where doubles leave room for them. Ranges are reduced as W. J. Cody and
W. Waite do ("Software Manual for the Elementary Functions", 1980). What NumPy says of zeros, infinities and NaN holds.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from .vectors import Vector, constant, in_doubles, polynomial, where

FUNCTIONS: dict[str, Callable[..., Vector]] = {}


def _defined(fn: Callable[..., Vector]) -> Callable[..., Vector]:
    FUNCTIONS[fn.__name__.strip("_")] = fn
    return fn


LN2, LOG2E, HALF_PI = math.log(2), 1 / math.log(2), math.pi / 2
# ln 2 in two parts: few bits, so that small multiples are exact, and the rest
LN2_HIGH, LN2_LOW = 355 / 512, LN2 - 355 / 512
SQRT_2 = math.sqrt(2)


def _like(magnitude: Vector, sign: Vector) -> Vector:
    """A number that is not negative, with another one's sign."""
    return magnitude | (sign & constant(sign.lanes, -0.0))


def _taylor(x: Vector, first: int, step: int, count: int, alternate: bool = False) -> Vector:
    """The sum of ``x^k / (first + k step)!``."""
    signs = [(-1) ** k if alternate else 1 for k in range(count)]
    terms = [sign / math.factorial(first + k * step) for k, sign in enumerate(signs)]
    return polynomial(x, terms[::-1])


# -- in floats ------------------------------------------------------------------------------------------------------


# Added to a number below 2^22 in size it leaves no room for a fraction: the sum's last bits are the nearest integer.
_ROUNDING = 1.5 * 2.0**23


def _reduced(x: Vector) -> tuple[Vector, Vector, Vector]:
    """``n``, its bits as an integer, and ``expm1(r)`` with ``x = n ln 2 + r``, and r small."""
    rounded = x.times_plus(LOG2E, _ROUNDING)
    n = rounded - _ROUNDING
    integer = rounded.seen_as("i") - constant("f", _ROUNDING).seen_as("i")
    r = n.times_plus(-LN2_LOW, n.times_plus(-LN2_HIGH, x))
    tail = polynomial(r, [0.000199178618, 0.00139461083, 0.00833326536, 0.0416662694, 0.166666669, 0.5])
    return n, integer, (tail * r).times_plus(r, r)


def _power_of_two(n: Vector) -> Vector:
    """2 to the power of integers (as integers), from -126 to 127."""
    return ((n + 127) << 23).seen_as("f")


def _halves(n: Vector) -> tuple[Vector, Vector]:
    """Two powers of two whose product is 2 to the power of n, which may itself be beyond all floats."""
    half = n >> 1
    return _power_of_two(half), _power_of_two(n - half)


@_defined
def exp(x: Vector) -> Vector:
    _, n, minus_one = _reduced(x.at_most(89.0).at_least(-104.0))
    first, second = _halves(n)
    return minus_one.times_plus(first, first) * second


@_defined
def expm1(x: Vector) -> Vector:
    n, integer, minus_one = _reduced(x.at_most(89.0).at_least(-104.0))
    first, second = _halves(integer)
    scaled = (minus_one * first + (first - 1.0 / second)) * second
    # small ones are themselves, the sign of zero included
    return where(abs(x) < 1e-8, x, where(n.equals(0.0), minus_one, scaled))


def _logarithm(x: Vector) -> tuple[Vector, Vector]:
    """``e`` and ``log(m)`` with ``x = m 2^e`` and m near 1, of positive numbers."""
    tiny = x < 2.0**-126
    x = where(tiny, x * 2.0**23, x)
    # the exponent is counted from sqrt(1/2), so that m lies on both sides of 1
    bits = x.seen_as("i") - 0x3F3504F3
    e = (bits >> 23).to("f") - (tiny & constant("f", 23.0))
    f = ((bits & constant("i", 0x007FFFFF)) + 0x3F3504F3).seen_as("f") - 1.0
    tail = polynomial(
        f,
        [
            0.0674660133,
            -0.116756413,
            0.118881746,
            -0.124055914,
            0.142195509,
            -0.166679957,
            0.200021187,
            -0.250000096,
            0.333333126,
        ],
    )
    return e, (f * f * f * tail + e * LN2_LOW) - f * f * 0.5 + f


@_defined
def log(x: Vector) -> Vector:
    e, rest = _logarithm(x)
    value = rest + e * LN2_HIGH
    value = where(x < math.inf, value, x)  # infinity and no number stay
    value = where(x < 0.0, math.nan, value)
    return where(x.equals(0.0), -math.inf, value)


@_defined
def log1p(x: Vector) -> Vector:
    # what rounding 1 + x has lost comes in by the slope
    u = x + 1.0
    value = log(u) + (x - (u - 1.0)) / u
    value = where((x < math.inf) & (x > -1.0), value, log(u))
    return where(abs(x) < 1e-8, x, value)


@_defined
def tanh(x: Vector) -> Vector:
    a, z = abs(x), x * x
    near = a + a * z * polynomial(
        z, [0.00214753686, -0.00818267386, 0.0217029671, -0.0539472043, 0.133332098, -0.333333309]
    )
    far = 1.0 - 2.0 / (exp(a + a) + 1.0)
    return _like(where(a < 0.625, near, far), x)


@_defined
def sigmoid(x: Vector) -> Vector:
    e = exp(-abs(x))
    share = 1.0 / (e + 1.0)
    # of a small number the division would lose what the difference keeps
    return where(x >= 0.0, share, e - e * (e * share))


@_defined
def erf(x: Vector) -> Vector:
    a, z = abs(x), x * x
    near = a + a * polynomial(
        z,
        [7.85385755e-05, -0.000801019247, 0.00518832755, -0.0268538119, 0.112835851, -0.376126258, 0.128379167],
    )
    # log(erfc(a)) / a
    tail = polynomial(
        a.at_most(4.0),
        [
            -2.11310119e-06,
            3.39381143e-05,
            -0.000215546155,
            0.000506180688,
            0.00182080586,
            -0.0212893129,
            0.1042063,
            0.636075836,
            1.12846942,
        ],
    )
    far = 1.0 - exp(-a * tail)
    return _like(where(a < 1.0, near, far), x)


@_defined
def sign(x: Vector) -> Vector:
    one = constant("f", 1.0)
    return where(x.equals(x), ((x > 0.0) & one) - ((x < 0.0) & one), x)


@_defined
def random(i: Vector, key: Vector, counter: Vector) -> Vector:
    """24 random bits by pcg4d (Jarzynski and Olano, "Hash Functions for GPU Rendering", 2020), of integers."""
    x, y, z, w = (v.seen_as("i") * 1664525 + 1013904223 for v in (i, key, counter, constant("i", 0)))

    def mixed(x: Vector, y: Vector, z: Vector, w: Vector) -> tuple[Vector, Vector, Vector, Vector]:
        x = x + y * w
        y = y + z * x
        z = z + x * y
        return x, y, z, w + y * z

    x, y, z, w = mixed(x, y, z, w)
    x, y, z, w = (v ^ v.unsigned_shift(16) for v in (x, y, z, w))
    x, *_ = mixed(x, y, z, w)
    return x.unsigned_shift(8).to("f")


# -- in doubles -----------------------------------------------------------------------------------------------------

# A double of 2^52 and an integer has that integer as its last bits.
_INTEGERS = 2.0**52
_MANTISSA = 2**52 - 1


def _exp(x: Vector) -> Vector:
    x = x.at_most(200.0).at_least(-200.0)
    n = (x * LOG2E).nearest()
    power = ((n + (_INTEGERS + 1023.0)).seen_as("l") << 52).seen_as("d")
    return _taylor(x - n * LN2, 0, 1, 12) * power


def _log(x: Vector) -> Vector:
    bits = x.seen_as("l")
    m = ((bits & constant("l", _MANTISSA)) | constant("l", 1023 << 52)).seen_as("d")
    e = (bits.unsigned_shift(52) | constant("d", _INTEGERS).seen_as("l")).seen_as("d") - (_INTEGERS + 1023.0)
    large = m > SQRT_2
    m, e = where(large, m * 0.5, m), where(large, e + 1.0, e)
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    value = s * polynomial(z, [2 / k for k in range(15, 0, -2)]) + e * LN2
    value = where(x < math.inf, value, x)
    return where(x.equals(0.0), -math.inf, value)


def _pow(x: Vector, y: Vector) -> Vector:
    a = abs(x)
    value = _exp(_log(a) * y)
    integral = y.trunc().equals(y)
    half = y * 0.5
    odd = integral.without(half.trunc().equals(half))
    value = value ^ (odd & x & constant("d", -0.0))
    value = where((x < 0.0).without(integral) & (a < math.inf), math.nan, value)
    # to infinite powers; what is no number stays none
    value = where(a.equals(1.0) & abs(y).equals(math.inf), 1.0, value)
    return where(y.equals(0.0) | x.equals(1.0), 1.0, value)


@_defined
def pow(x: Vector, y: Vector) -> Vector:
    return in_doubles(_pow, x, y)


def _mod(x: Vector, y: Vector) -> Vector:
    q = (x / y).floor()
    r = where(q.equals(0.0), x, x - q * y)
    # the remainder has the divisor's sign, or is zero
    return where(((r < 0.0) ^ (y < 0.0)).without(r.equals(0.0)), r + y, r)


@_defined
def mod(x: Vector, y: Vector) -> Vector:
    return in_doubles(_mod, x, y)


# pi/2 in three parts: multiples of the first two are exact as long as they are below 2^20
_PARTS = (1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21)


def _turned(x: Vector) -> tuple[Vector, Vector, Vector]:
    """Sine and cosine of what is left of an angle after quarters of a turn, and their number."""
    n = (x * (1 / HALF_PI)).nearest()
    r = x - n * _PARTS[0] - n * _PARTS[1] - n * _PARTS[2]
    # beyond 2^20 a float's angle is known less and less well; its sine stays one
    r = r.at_most(0.8).at_least(-0.8)
    z = r * r
    return r * _taylor(z, 1, 2, 7, alternate=True), _taylor(z, 0, 2, 8, alternate=True), n


def _quarter(n: Vector, count: int) -> Vector:
    """Whether a number leaves 1 or 3 (count 2), or 2 or 3 (count 4), when divided by four."""
    rest = n - (n * 0.25).floor() * 4.0
    return rest.equals(1.0) | rest.equals(3.0) if count == 2 else rest >= 2.0


def _sin(x: Vector) -> Vector:
    sine, cosine, n = _turned(x)
    value = where(_quarter(n, 2), cosine, sine)
    return where(x.equals(0.0), x, value ^ (_quarter(n, 4) & constant("d", -0.0)))


def _cos(x: Vector) -> Vector:
    sine, cosine, n = _turned(x)
    value = where(_quarter(n, 2), sine, cosine)
    return value ^ (_quarter(n + 1.0, 4) & constant("d", -0.0))


def _tan(x: Vector) -> Vector:
    sine, cosine, n = _turned(x)
    swapped = _quarter(n, 2)
    return where(x.equals(0.0), x, where(swapped, -cosine, sine) / where(swapped, sine, cosine))


@_defined
def sin(x: Vector) -> Vector:
    return in_doubles(_sin, x)


@_defined
def cos(x: Vector) -> Vector:
    return in_doubles(_cos, x)


@_defined
def tan(x: Vector) -> Vector:
    return in_doubles(_tan, x)


def _arctan(x: Vector) -> Vector:
    """Of numbers from 0 to 1."""
    large = x > math.tan(math.pi / 8)
    r = where(large, (x - 1.0) / (x + 1.0), x)
    z = r * r
    tail = polynomial(
        z,
        [
            0.03062054017657797,
            -0.05872015625096384,
            0.07563117647492967,
            -0.09078322869621891,
            0.11110380767563295,
            -0.14285690293787182,
            0.19999999603336427,
            -0.33333333330800974,
            0.9999999999999734,
        ],
    )
    return r * tail + (large & constant("d", math.pi / 4))


def _atan2(y: Vector, x: Vector) -> Vector:
    a, b = abs(y), abs(x)
    small, large = a.smaller(b), a.larger(b)
    share = where(large.equals(0.0), large, where(small.equals(math.inf), 1.0, small / large))
    angle = _arctan(share)
    angle = where(a > b, HALF_PI - angle, angle)
    # zeros have a sign too
    left = constant("d", 1.0) | (x & constant("d", -0.0))
    return _like(where(left < 0.0, math.pi - angle, angle), y)


@_defined
def atan2(y: Vector, x: Vector) -> Vector:
    return in_doubles(_atan2, y, x)


@_defined
def atan(x: Vector) -> Vector:
    return in_doubles(lambda x: _atan2(x, constant("d", 1.0)), x)


@_defined
def asin(x: Vector) -> Vector:
    return in_doubles(lambda x: _atan2(x, ((1.0 - x) * (x + 1.0)).sqrt()), x)


@_defined
def acos(x: Vector) -> Vector:
    return in_doubles(lambda x: _atan2(((1.0 - x) * (x + 1.0)).sqrt(), x), x)


def _sinh(x: Vector) -> Vector:
    e = _exp(x)
    near = x + x * x * x * polynomial(x * x, [1 / 120, 1 / 6])
    return where(abs(x) < 0.01, near, (e - 1.0 / e) * 0.5)


def _cosh(x: Vector) -> Vector:
    e = _exp(x)
    return (e + 1.0 / e) * 0.5


@_defined
def sinh(x: Vector) -> Vector:
    return in_doubles(_sinh, x)


@_defined
def cosh(x: Vector) -> Vector:
    return in_doubles(_cosh, x)
