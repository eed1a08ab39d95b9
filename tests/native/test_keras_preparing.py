"""Layers that prepare sound and images give what Keras' layers give; and Keras has no others."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import weblayers as wl
from tests.keras_cases import array
from tools.layer_table import NOT_OFFERED

PEER = Path(__file__).parents[1] / "peer" / "keras_calls.py"
RNG = np.random.default_rng(0)
IMAGES = (RNG.random((2, 9, 11, 3)) * 200).astype(np.float32)
# a channel that is the same everywhere
IMAGES[0, :, :, 1] = 7
FIRST = IMAGES.transpose(0, 3, 1, 2).copy()
SOUND = RNG.standard_normal((2, 100, 3)).astype(np.float32)
CLAHE = "ContrastLimitedAdaptiveHistogramEqualization"
MEL = {"fft_length": 64, "sequence_stride": 20, "sampling_rate": 800, "num_mel_bins": 12}


def spectra():
    for mode in ("log", "magnitude", "psd", "real", "imag", "stft"):
        settings = {"mode": mode, "frame_length": 16}
        yield "STFTSpectrogram", settings, SOUND
        yield "STFTSpectrogram", {**settings, "expand_dims": True, "padding": "same"}, SOUND
        first = {"data_format": "channels_first", "frame_step": 3, "fft_length": 32}
        yield "STFTSpectrogram", {**settings, **first}, SOUND.transpose(0, 2, 1)
        other = {"expand_dims": True, "window": None, "scaling": None, "data_format": "channels_first"}
        yield "STFTSpectrogram", {**settings, **other}, SOUND.transpose(0, 2, 1)
        yield "STFTSpectrogram", {**settings, "periodic": True, "scaling": "spectrum", "window": "hamming"}, SOUND
    for more in (
        {},
        {"sequence_length": 40, "window": "hamming", "mag_exp": 1.0},
        {"power_to_db": False, "window": None, "max_freq": 300, "min_freq": 5.0},
        {"ref_power": 2.0, "top_db": 20.0},
    ):
        yield "MelSpectrogram", {**MEL, **more}, SOUND[:, :, 0]
    yield "MelSpectrogram", MEL, SOUND[0, :, 0]


def images():
    unit = {"value_range": [0, 1]}
    yield "AutoContrast", {}, IMAGES
    yield "AutoContrast", unit, IMAGES / 255
    yield "AutoContrast", {}, IMAGES[1]
    yield "Equalization", {}, IMAGES
    yield "Equalization", {"bins": 64}, IMAGES
    yield "Equalization", unit, IMAGES / 255
    yield "Equalization", {"data_format": "channels_first"}, FIRST
    yield "Equalization", {}, np.full((1, 4, 4, 1), 9, np.float32)
    yield CLAHE, {"tile_grid_size": [2, 3]}, IMAGES
    yield CLAHE, {"tile_grid_size": [2, 2], "clip_limit": 0.0}, IMAGES
    yield CLAHE, {"tile_grid_size": [4, 2], "data_format": "channels_first"}, FIRST


def certain():
    """Layers that draw numbers, from where there is one alone."""
    unit = {"value_range": [0, 1]}
    yield "Solarization", {}, IMAGES
    yield "Solarization", unit, IMAGES / 255
    for bits in (1, 3, 8):
        yield "RandomPosterization", {"factor": [bits, bits]}, IMAGES
    yield "RandomSaturation", {"factor": [0.3, 0.3]}, IMAGES
    yield "RandomSaturation", {"factor": [0.7, 0.7], **unit}, IMAGES / 255
    yield "RandomHue", {"factor": [1.0, 1.0]}, IMAGES
    yield "RandomColorDegeneration", {"factor": [0.4, 0.4]}, IMAGES
    yield "RandomColorJitter", {"saturation_factor": [0.4, 0.4]}, IMAGES
    yield "RandomGrayscale", {"factor": 1.0}, IMAGES
    yield "RandomGrayscale", {"factor": 0.0}, IMAGES
    yield "RandomInvert", {"factor": [1.0, 1.0]}, IMAGES
    yield "RandomInvert", {"factor": 0.0}, IMAGES
    for factor in (0.1, 0.5, 0.9):
        yield "RandomSharpness", {"factor": [factor, factor]}, IMAGES
    yield "RandomSharpness", {"factor": [0.2, 0.2], "data_format": "channels_first"}, FIRST
    for size in (5, [3, 5]):
        yield "RandomGaussianBlur", {"factor": [1.0, 1.0], "kernel_size": size, "sigma": [0.7, 0.7]}, IMAGES
    yield "RandomShear", {}, IMAGES
    yield "RandomPerspective", {"factor": [1.0, 1.0], "scale": 0.0}, IMAGES


CALLS = [
    *((name, config, x, None) for name, config, x in spectra()),
    *((name, config, x, training) for name, config, x in images() for training in (True, False)),
    *((name, config, x, True) for name, config, x in certain()),
]


def listed(values):
    return {"dtype": str(values.dtype), "shape": list(values.shape), "data": values.ravel().tolist()}


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What Keras says."""
    path = tmp_path_factory.mktemp("keras") / "calls.json"
    calls = [
        {"class_name": name, "config": config, "inputs": listed(x), "training": training}
        for name, config, x, training in CALLS
    ]
    path.write_text(json.dumps(calls))
    done = subprocess.run([sys.executable, PEER, path], capture_output=True, text=True, timeout=250)
    assert not done.returncode, done.stderr
    return json.loads(path.with_suffix(".answers").read_text())


def test_values_are_those_of_keras(answers):
    for (name, config, x, training), expected in zip(CALLS, answers["answers"], strict=True):
        layer = getattr(wl.layers, name)(**config)
        got = layer.apply(x, training=training).numpy()
        np.testing.assert_allclose(got, array(expected), rtol=2e-4, atol=1e-3, err_msg=f"{name} {config}")
        again = wl.layers.deserialize({"class_name": name, "config": layer.get_config()})
        assert again.get_config() == layer.get_config()


def test_every_layer_of_keras_is_here_or_has_its_reason(answers):
    missing = {name for name in answers["layers"] if not hasattr(wl.layers, name)}
    assert missing == set(NOT_OFFERED)
    for name in set(answers["layers"]) - missing:
        assert issubclass(getattr(wl.layers, name), wl.layers.Layer | wl.InputSpec)


def test_angles_of_spectra():
    """Of nothing, they are anything: compared where there is something."""
    layers = [wl.layers.STFTSpectrogram(mode=mode, frame_length=16) for mode in ("angle", "real", "imag")]
    angle, real, imag = (layer.apply(SOUND).numpy() for layer in layers)
    size = np.hypot(real, imag)
    clear = size > 1e-3
    np.testing.assert_allclose((np.cos(angle) * size)[clear], real[clear], atol=1e-4)
    np.testing.assert_allclose((np.sin(angle) * size)[clear], imag[clear], atol=1e-4)


def test_shapes_of_spectra():
    mel = wl.layers.MelSpectrogram(**MEL)
    assert mel.compute_output_shape([None, 100]) == (None, 12, 6)
    assert mel.compute_output_shape([None, None]) == (None, 12, None)
    assert wl.layers.stft_spectrogram().compute_output_shape([None, None, 2]) == (None, None, 258)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: wl.layers.stft_spectrogram(mode="phase"), "Unknown mode: 'phase'"),
        (lambda: wl.layers.stft_spectrogram(frame_length=8, frame_step=9), "from 1 to frame_length, 8; got 9"),
        (lambda: wl.layers.stft_spectrogram(frame_length=8, fft_length=4), "fft_length 4 is less than frame_length, 8"),
        (lambda: wl.layers.stft_spectrogram(window="han"), "Did you mean 'hann'"),
        (lambda: wl.layers.stft_spectrogram(frame_length=8, window=[1, 2]), r"8 values is wanted, got shape \[2\]"),
        (lambda: wl.layers.mel_spectrogram(fft_length=4, sequence_length=8), "fft_length 4 is less than"),
        (lambda: wl.layers.mel_spectrogram(fft_length=64).apply(wl.ones([32])), "more than 32 samples"),
        (lambda: wl.layers.random_hue(factor=1.5), "factor is one or two numbers from 0 to 1, got 1.5"),
        (lambda: wl.layers.auto_contrast(value_range=[1]), r"least and the largest value of pixels, got \[1\]"),
        (lambda: wl.layers.random_gaussian_blur(kernel_size=2), "odd numbers, got 2"),
        (lambda: wl.layers.auto_contrast().apply(wl.ones([3, 3])), "ndim=3 or 4, found ndim=2"),
    ],
)
def test_what_cannot_be(make, message):
    with pytest.raises(ValueError, match=message):
        make()
