"""Gradients where functions have edges: at 0, at -0, and where one formula takes over from another.

Everything is computed in double precision, also what is float32 otherwise, so that differences say something.
"""

import inspect
import warnings

import numpy as np
import pytest

import weblayers as wl
from tests import slopes
from weblayers import activations
from weblayers.ops import dispatch

POINTS = [0.0, -0.0, *(s * v for v in (0.2, 0.5, 1.0, 2.0, 2.5, 3.0, 6.0) for s in (1, -1))]
STEP = 1e-7


@pytest.fixture(autouse=True)
def double_precision():
    with slopes.double_precision():
        yield


def scalar(value):
    return wl.tensor(np.asarray(value, np.float64))


def ops():
    """The ops of one number that give numbers."""
    for name, fn in dispatch.METHODS.items():
        if name == "stop_gradient":
            continue
        try:
            out = fn(wl.tensor(np.float32(0.3)))
        except (TypeError, ValueError, NotImplementedError):
            continue
        if isinstance(out, wl.Tensor) and out.dtype == "float32":
            yield name, fn


def activation_functions():
    for name, fn in vars(activations).items():
        mine = inspect.isfunction(fn) and fn.__module__ == activations.__name__
        if mine and not name.startswith("_") and name not in ("get", "serialize", "glu"):
            yield f"activation {name}", lambda x, fn=fn: fn(wl.reshape(x, [1, 1]))


def others():
    yield "relu with a slope", lambda x: activations.relu(x, negative_slope=0.3)
    yield "relu with everything", lambda x: activations.relu(x, 0.3, max_value=2.0, threshold=0.5)
    yield "celu of alpha 2", lambda x: activations.celu(x, 2.0)
    for power in (0, 1, 2, 3, 4, -1, -2, 0.5):
        yield f"x ** {power}", lambda x, p=power: x**p
        yield f"x ** tensor {power}", lambda x, p=power: wl.pow(x, scalar(p))
    yield "norm", lambda x: wl.norm(wl.stack([x, x * 2.0]))
    yield "norm of degree 3", lambda x: wl.norm(wl.stack([x, x * 2.0]), 3)
    yield "prod", lambda x: wl.prod(wl.stack([x, x + 1.0, x - 2.0]))
    yield "cumprod", lambda x: wl.cumprod(wl.stack([x, x + 1.0, x - 2.0]))
    yield "log_sum_exp", lambda x: wl.log_sum_exp(wl.stack([x, scalar(0.0)]))
    yield "prelu", lambda x: wl.prelu(x, scalar(0.2))
    yield "atan2", lambda x: wl.atan2(x, scalar(1.0))
    yield "squared_difference", lambda x: wl.squared_difference(x, scalar(1.0))
    for loss in ("sigmoid_cross_entropy", "huber_loss", "hinge_loss", "absolute_difference", "mean_squared_error"):
        for label in (0.0, 0.5, 1.0):
            fn = getattr(wl.losses, loss)
            yield (
                f"{loss} of {label}",
                lambda x, fn=fn, y=label: fn(wl.reshape(scalar(y), [1, 1]), wl.reshape(x, [1, 1])),
            )


FUNCTIONS = [*ops(), *activation_functions(), *others()]


def wrong_at(value, slope):
    """Where a function's slope is not between those that its values have on both sides, which are the same but for the
    step's size where it is smooth."""
    wrong = []
    for x in POINTS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            below, here, above, got = value(x - STEP), value(x), value(x + STEP), slope(x)
            left, right = (here - below) / STEP, (above - here) / STEP
        if not (np.isfinite([left, right]).all() and max(abs(left), abs(right)) < 1e3):
            continue
        margin = 1e-6 * (1 + abs(left))
        if not min(left, right) - margin < got < max(left, right) + margin:
            wrong.append((x, left, right, got))
    return wrong


@pytest.mark.parametrize(("name", "fn"), FUNCTIONS, ids=[name for name, _ in FUNCTIONS])
def test_slopes_and_their_slopes(name, fn):
    def total(x):
        return wl.sum(fn(x))

    functions = [total, wl.grad(total), wl.grad(lambda x: wl.grad(total)(x))]
    value, slope, bend = (lambda x, f=f: float(f(scalar(x)).numpy()) for f in functions)
    assert wrong_at(value, slope) == []
    assert wrong_at(slope, bend) == []


def derivatives(fn, at, count):
    found = []
    for _ in range(count):
        fn = wl.grad(fn)
        found.append(float(fn(scalar(at)).numpy()))
    return found


@pytest.mark.parametrize(
    ("power", "expected"),
    [(0, [0, 0, 0, 0]), (1, [1, 0, 0, 0]), (2, [0, 2, 0, 0]), (3, [0, 0, 6, 0]), (4, [0, 0, 0, 24])],
)
def test_integer_powers_have_all_derivatives_at_zero(power, expected):
    for fn in (lambda x: x**power, lambda x: wl.pow(x, scalar(power))):
        assert derivatives(fn, 0.0, 4) == expected


def test_smooth_functions_have_higher_derivatives_at_zero():
    assert derivatives(wl.asinh, 0.0, 3) == [1, 0, -1]
    assert derivatives(wl.softplus, 0.0, 3) == [0.5, 0.25, 0]
    np.testing.assert_allclose(derivatives(wl.log_sigmoid, 0.0, 3), [0.5, -0.25, 0], atol=1e-15)


def test_slopes_at_the_end_of_a_domain_are_infinite():
    for fn, at in ((wl.sqrt, 0.0), (wl.acosh, 1.0), (wl.asin, 1.0), (wl.asin, -1.0)):
        assert derivatives(fn, at, 1) == [np.inf]
