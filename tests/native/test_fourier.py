"""Fourier transforms of any length, windows and frames: values as NumPy's, gradients, and what they cost on a GPU."""

import numpy as np
import pytest

import weblayers as wl
from tests.native.test_op_properties import graph_of, on_both
from weblayers.compiler.lower import lower

RNG = np.random.default_rng(0)
# one product, two and three factors, primes small and large, twice a large prime
LENGTHS = (1, 2, 3, 7, 48, 50, 64, 89, 96, 97, 100, 202, 331, 720, 1024, 4096)


def complex_values(*shape):
    return (RNG.standard_normal(shape) + 1j * RNG.standard_normal(shape)).astype(np.complex64)


def close(got, expected):
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=2e-6 * max(1, np.abs(expected).max(initial=0)))


@pytest.mark.parametrize("n", LENGTHS)
def test_transforms_are_numpys(n):
    z = complex_values(2, 3, n)
    close(wl.fft(wl.tensor(z)).numpy(), np.fft.fft(z))
    close(wl.spectral.ifft(wl.tensor(z)).numpy(), np.fft.ifft(z))
    close(wl.rfft(wl.tensor(z.real)).numpy(), np.fft.rfft(z.real))
    if n > 1:
        half = np.fft.rfft(z.real[..., : 2 * (n // 2)])
        close(wl.irfft(wl.tensor(half)).numpy(), np.fft.irfft(half))


def test_lengths_are_cut_and_filled():
    x = RNG.standard_normal((2, 10)).astype(np.float32)
    for length in (4, 10, 16, 31):
        close(wl.rfft(x, length).numpy(), np.fft.rfft(x, length))
    with pytest.raises(ValueError, match="positive"):
        wl.rfft(x, 0)
    with pytest.raises(TypeError, match=r"wl\.fft"):
        wl.rfft(wl.tensor(complex_values(4)))
    for transform in (wl.fft, wl.ifft, wl.rfft, wl.irfft):
        for empty in (wl.zeros([2, 0]), wl.scalar(1)):
            with pytest.raises(ValueError, match="at least one value in the last axis, got shape"):
                transform(empty)


@pytest.mark.parametrize("n", [5, 60, 101])
def test_gpus_compute_the_same(n):
    x, y = (RNG.standard_normal((3, n)).astype(np.float32) for _ in range(2))
    on_both(lambda p, q: wl.concat(wl.fft(wl.complex(p, q)).parts, 0), [x, y])
    on_both(lambda p: wl.real(wl.ifft(wl.complex(p, p * 2))), [x])


@pytest.mark.parametrize("n", [6, 64, 97])
def test_gradients(n):
    """The energy of a transform is n times that of the signal (Parseval): its slope is ``2 n x``, its curvature 2 n."""
    x = wl.tensor(RNG.standard_normal((2, n)).astype(np.float32))
    energy = lambda v: wl.sum(wl.square(wl.abs(wl.fft(wl.complex(v, wl.zeros_like(v))))))  # noqa: E731
    np.testing.assert_allclose(wl.grad(energy)(x).numpy(), 2 * n * x.numpy(), rtol=1e-3, atol=1e-2)
    second = wl.grad(lambda v: wl.sum(wl.grad(energy)(v) * v))(x).numpy()
    np.testing.assert_allclose(second, 4 * n * x.numpy(), rtol=1e-3, atol=2e-2)


def test_a_long_transform_is_few_draws():
    """Not n^2 work: a length of 4096 is three products of small matrices, with turns in between."""
    graph, _ = graph_of(lambda v: wl.abs(wl.rfft(v)), [wl.ones([4, 4096])])
    plan = lower(graph.inputs, graph.scalars, graph.outputs)
    assert len(plan.draws) <= 12
    assert sum(d.work for d in plan.draws) < 40 * 4 * 4096 * 64


def test_windows_and_frames():
    for n in (1, 2, 5, 8):
        period = n if n % 2 == 0 else max(1, n - 1)
        angles = 2 * np.pi * np.arange(n) / period
        np.testing.assert_allclose(wl.signal.hannWindow(n).numpy(), 0.5 - 0.5 * np.cos(angles), atol=1e-6)
        np.testing.assert_allclose(wl.signal.hamming_window(n).numpy(), 0.54 - 0.46 * np.cos(angles), atol=1e-6)
    x = np.arange(1, 8, dtype=np.float32)
    assert wl.signal.frame(x, 3, 2).array_sync() == [[1, 2, 3], [3, 4, 5], [5, 6, 7]]
    assert wl.signal.frame(x, 3, 3, True, -1).array_sync() == [[1, 2, 3], [4, 5, 6], [7, -1, -1]]
    assert wl.signal.frame(x, 9, 1).shape == (0, 9)
    assert wl.signal.frame(np.stack([x, x]), 2, 5).shape == (2, 2, 2)
    with pytest.raises(ValueError, match="positive"):
        wl.signal.frame(x, 0, 1)
    assert wl.signal.frame(wl.tensor([1, 2], dtype="int32"), 3, 1).dtype == "int32"
    with pytest.raises(ValueError, match="a scalar"):
        wl.signal.frame(1, 1, 1)
    assert [wl.enclosingPowerOfTwo(v) for v in (0.5, 1, 3, 8, 9)] == [1, 1, 4, 8, 16]
    with pytest.raises(ValueError, match="positive"):
        wl.enclosing_power_of_two(0)


def test_lengths_of_stft_are_checked():
    with pytest.raises(ValueError, match="frame: lengths and steps must be positive"):
        wl.signal.stft(wl.ones([8]), 0, 1)
    with pytest.raises(ValueError, match="fft_length must be positive"):
        wl.signal.stft(wl.ones([8]), 4, 1, 0)


def test_stft_is_one_plan():
    x = RNG.standard_normal(200).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(x, 32)[::16]
    expected = np.fft.rfft(frames * (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(32) / 32)), 32)
    close(wl.signal.stft(x, 32, 16).numpy(), expected)
    close(wl.signal.stft(x, 32, 16, 64, wl.signal.hamming_window).shape, (11, 33))
    loud = wl.function(lambda v: wl.abs(wl.signal.stft(v, 32, 16)))
    close(loud(x).numpy(), np.abs(expected))
    on_both(lambda v: wl.abs(wl.signal.stft(v, 32, 16)), [x])
    slope = wl.grad(lambda v: wl.sum(wl.abs(wl.signal.stft(v, 32, 16))))(wl.tensor(x)).numpy()
    assert np.isfinite(slope).all() and slope.any()
