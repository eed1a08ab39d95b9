"""Writes docs/layers.md: for every layer class, what tests it and against what.

Usage: layer_table.py [--check]
"""

import collections
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.departures import DEPARTURES, KERAS_DEPARTURES  # noqa: E402
from tests.golden import keras, records  # noqa: E402
from tests.native.test_layers import UNRECORDED  # noqa: E402
from weblayers import layers  # noqa: E402

PATH = ROOT / "docs" / "layers.md"

HEAD = """# Layers and what tests them

Numbers count recorded calls of Keras 3 and of TensorFlow.js 4.22 that are repeated here: outputs, and gradients for
inputs and weights. *Config* says that a configuration makes an equal layer, *WebGL* that a recorded call and its
gradients give the same in Chromium, Firefox and WebKitGTK as with NumPy (or at least on the soft GPU), *mask* whether
a mask is taken or handed on.
Made by `tools/layer_table.py`; a test holds it up to date.

| layer | Keras | TensorFlow.js | config | WebGL | mask |
|---|---|---|---|---|---|
"""

# Why a class has no recorded call of its own.
ELSEWHERE = {
    **dict.fromkeys(
        (
            *("RandomBrightness", "RandomCrop", "RandomFlip", "RandomHeight", "RandomRotation", "RandomWidth"),
            "RandomZoom",
        ),
        "random; in test_random_images.py",
    ),
    **dict.fromkeys(
        (
            *("AugMix", "CutMix", "MaxNumBoundingBoxes", "MixUp", "Pipeline", "RandAugment", "RandomColorDegeneration"),
            *("RandomColorJitter", "RandomElasticTransform", "RandomErasing", "RandomGaussianBlur", "RandomGrayscale"),
            *("RandomHue", "RandomInvert", "RandomPerspective", "RandomPosterization", "RandomSaturation"),
            *("RandomSharpness", "RandomShear", "Solarization"),
        ),
        "against Keras where nothing is random; in test_augmentation.py",
    ),
    **dict.fromkeys(
        ("AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization", "Equalization"),
        "against Keras; in test_augmentation.py",
    ),
    **dict.fromkeys(("HashedCrossing", "Hashing", "IntegerLookup", "StringLookup"), "on the host; in test_lookup.py"),
    "FeatureSpace": "on the host; in test_feature_space.py",
    "TextVectorization": "on the host; in test_text_vectorization.py",
    "GaussianDropout": "random",
    "InputLayer": "in every functional model",
    "Lambda": "a function has no configuration",
    "Operation": "in test_operations.py",
    "StackedRNNCells": "with RNN",
    "TokenAndPositionEmbedding": "trains in Chromium",
}

# Layers of Keras 3.15 that are not here.
NOT_OFFERED = {
    "FlaxLayer": "runs Flax' code: no JAX runs in a page",
    "JaxLayer": "runs JAX' code, which does not run in a page; write the function with `wl` in a layer of your own",
    "TFSMLayer": "runs a SavedModel, a program of TensorFlow, which does not run in a page; save the model for Keras",
    "TorchModuleWrapper": "runs PyTorch's code, which does not run in a page",
}

FOOT = """
## Not offered, and why

All other layers of Keras 3.15 are here, under its names, its second names too (`Convolution2D`, `AvgPool2D`, ...).

| layer | reason |
|---|---|
"""


def rows() -> list[str]:
    by_keras = collections.Counter(
        c["object"]["class_name"] for c in keras("layers") if c["id"] not in KERAS_DEPARTURES
    )
    by_tfjs: collections.Counter[str] = collections.Counter()
    for kind, name in (("layers", lambda c: getattr(layers, c["factory"]).__name__), ("layer_calls", _class_name)):
        for i, case in enumerate(records()[kind]):
            label = case["factory"] if kind == "layers" else case["class_name"]
            if (kind, f"{i}-{label}") not in DEPARTURES:
                by_tfjs[name(case)] += 1
    out = []
    for name, cls in sorted(layers.CLASSES.items()):
        if name in ("Sequential", "Functional", "Model"):
            continue
        recorded = by_keras[name]
        cell = name.endswith("Cell")
        reason = ELSEWHERE.get(name, "with its layer" if cell else "-")
        cells = [
            str(recorded) if recorded else reason,
            str(by_tfjs[name]) if by_tfjs[name] else "-",
            "yes" if recorded or name in UNRECORDED else reason,
            "yes" if recorded else "soft GPU" if name in UNRECORDED else reason,
            "yes" if cls.supports_masking else "no",
        ]
        out.append(f"| `{name}` | {' | '.join(cells)} |")
    return out


def _class_name(case: dict) -> str:
    return case["class_name"]


def main() -> None:
    missing = [f"| `{name}` | {reason} |" for name, reason in NOT_OFFERED.items()]
    text = HEAD + "\n".join(rows()) + "\n" + FOOT + "\n".join(missing) + "\n"
    if "--check" in sys.argv:
        if not PATH.exists() or PATH.read_text() != text:
            sys.exit(f"{PATH.relative_to(ROOT)} is out of date: run tools/layer_table.py")
        return
    PATH.write_text(text)


if __name__ == "__main__":
    main()
