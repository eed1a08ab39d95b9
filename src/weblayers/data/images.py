"""Images as data sets: folders of files, and sprites, which are one image of many."""

from __future__ import annotations

import io
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import naming
from ..ops.image.resizing import resize_matrix
from ..runtime.tensor import Tensor
from .dataset import Dataset, Indexed
from .operators import synchronous
from .png import is_png, read_png
from .sources import content, source_of

FORMATS = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")
_CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}
# How much of each colour the eye takes for brightness (ITU-R BT.601).
_LUMA = np.array([0.299, 0.587, 0.114])


async def read_image(source: Any, color_mode: str = "rgb") -> np.ndarray:
    """The pixels ``[height, width, channels]`` of an image file, as bytes.

    In a page, its browser reads them; elsewhere Pillow, if it is installed; PNG files need neither.

    Args:
        source: a path, a URL, an open file, bytes, or a ``File`` that the page's user has picked.
        color_mode: ``"grayscale"``, ``"rgb"`` or ``"rgba"``: 1, 3 or 4 channels.

    Raises:
        ValueError: the file is no image, or one that nothing here can read.
    """
    channels = naming.lookup("color_mode", color_mode, _CHANNELS)
    data = await content(source_of(source))
    if sys.platform == "emscripten" and not synchronous.get():
        from .devices import decoded

        pixels = await decoded(data)
    else:
        pixels = _decoded_here(data)
    if channels == 1:
        return np.rint(pixels[..., :3] @ _LUMA).astype(np.uint8)[..., None]
    return pixels[..., :channels]


def _decoded_here(data: bytes) -> np.ndarray:
    try:
        from PIL import Image
    except ImportError:
        if not is_png(data):
            raise ValueError("only PNG files can be read without Pillow: install it for other formats") from None
        return read_png(data)
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGBA"))


def _resized(image: np.ndarray, size: Sequence[int], interpolation: str) -> np.ndarray:
    values = image.astype(np.float32)
    for axis, target in enumerate(size):
        if values.shape[axis] != target:
            weights = resize_matrix(values.shape[axis], target, interpolation, False, False)
            values = np.moveaxis(np.tensordot(weights, values, (1, axis)), 0, axis)
    return values


class ImageFolder(Dataset):
    """Images of a folder; :func:`image_dataset` makes it. ``class_names`` and ``file_paths`` say what is there."""

    def __init__(self, dataset: Dataset, class_names: list[str], file_paths: list[Path]) -> None:
        self._dataset, self.size = dataset, dataset.size
        self.class_names, self.file_paths = class_names, file_paths

    def _start(self) -> AsyncIterator[Any]:
        return self._dataset._start()


def image_dataset(
    directory: str | Path,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: Sequence[int] | None = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
) -> ImageFolder:
    """The images in a folder, read when they are wanted, as Keras' ``image_dataset_from_directory`` gives them.

    Elements are batches ``(images, labels)``, or ``images`` without labels: float32, from 0 to 255, of shape
    ``[batch, height, width, channels]``.

    Args:
        directory: a folder, by default with one folder of images for each class.
        labels: ``"inferred"`` from these folders, None, or one number for each image, in the order of their paths.
        label_mode: ``"int"``, ``"categorical"`` (one-hot float32), ``"binary"`` (float32, of two classes), or None.
        class_names: the folders to use, in the order of their labels; else all, by name.
        color_mode: ``"grayscale"``, ``"rgb"`` or ``"rgba"``.
        batch_size: how many images there are in a batch; None for single ones.
        image_size: height and width that images are brought to; None leaves them as they are.
        shuffle: whether images come in random order, another one in each pass.
        seed: see :meth:`Dataset.shuffle`.
        validation_split: which part of the images is for validation, between 0 and 1.
        subset: ``"training"`` or ``"validation"``, with a split. Give both the same seed.
        interpolation: ``"bilinear"``, ``"nearest"`` or another that :func:`weblayers.resize` knows.

    Raises:
        FileNotFoundError: there is no such folder, or no image in it.
        ValueError: labels, classes or subset do not fit.
    """
    folder = Path(directory)
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {str(directory)!r}")
    naming.lookup("color_mode", color_mode, _CHANNELS)
    if isinstance(labels, str) and labels == "inferred":
        names = _classes(folder, class_names)
        found = [(path, i) for i, name in enumerate(names) for path in _images(folder / name)]
    else:
        paths = _images(folder)
        given = [0] * len(paths) if labels is None else [int(label) for label in labels]
        if len(given) != len(paths):
            raise ValueError(f"there are {len(paths)} images in {str(directory)!r}, but {len(given)} labels")
        names = [] if labels is None else [str(label) for label in sorted(set(given))]
        found = list(zip(paths, given, strict=True))
    if not found:
        raise FileNotFoundError(f"there are no images in {str(directory)!r}; known are {', '.join(FORMATS)}")
    if labels is None:
        label_mode = None
    made = _labels(np.array([label for _, label in found], np.int32), label_mode, len(names))
    numbers = _subset(len(found), validation_split, subset, shuffle, seed)

    async def load(number: int) -> Any:
        image = (await read_image(found[number][0], color_mode)).astype(np.float32)
        if image_size is not None:
            image = _resized(image, image_size, interpolation)
        return image if made is None else (image, made[number])

    files: Dataset = Indexed(lambda i: int(numbers[i]), len(numbers))
    if shuffle:
        files = files.shuffle(len(numbers), seed)
    images = files.map_async(load)
    if batch_size is not None:
        images = images.batch(batch_size)
    return ImageFolder(images, names, [found[i][0] for i in numbers])


image_dataset_from_directory = image_dataset


def _images(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in FORMATS and path.is_file())


def _classes(folder: Path, wanted: Sequence[str] | None) -> list[str]:
    there = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if wanted is None:
        return there
    missing = [name for name in wanted if name not in there]
    if missing:
        raise ValueError(f"class_names has {missing}, but the folders are {there}")
    return list(wanted)


def _labels(classes: np.ndarray, mode: str | None, count: int) -> np.ndarray | None:
    if mode is None:
        return None
    naming.lookup("label_mode", mode, dict.fromkeys(("int", "categorical", "binary"), True))
    if mode == "binary" and count != 2:
        raise ValueError(f"label_mode 'binary' is for two classes, but there are {count}")
    if mode == "categorical":
        return np.eye(count, dtype=np.float32)[classes]
    return classes.astype(np.float32) if mode == "binary" else classes


def _subset(count: int, split: float | None, subset: str | None, shuffle: bool, seed: int | None) -> np.ndarray:
    """The numbers of the images to use."""
    numbers = np.arange(count)
    if split is None and subset is None:
        return numbers
    if split is None or not 0 < split < 1 or subset not in ("training", "validation"):
        raise ValueError(
            "validation_split (between 0 and 1) and subset ('training' or 'validation') go together, got"
            f" validation_split={split!r} and subset={subset!r}"
        )
    if shuffle:
        if seed is None:
            raise ValueError("to split shuffled images, give both subsets the same seed: else they would overlap")
        numbers = np.random.default_rng(seed).permutation(count)
    boundary = count - int(count * split)
    return numbers[:boundary] if subset == "training" else numbers[boundary:]


async def sprite(
    source: Any,
    tile_size: Sequence[int],
    labels: Any = None,
    count: int | None = None,
    shape: Sequence[int] | None = None,
    color_mode: str = "rgb",
    scale: float = 1 / 255,
) -> Dataset:
    """The tiles of one large image, row by row: many small images in a single file.

    Args:
        source: see :func:`read_image`; or the pixels ``[height, width, channels]``.
        tile_size: height and width of a tile.
        labels: an array with one label for each tile.
        count: how many tiles there are, where some at the end are empty.
        shape: the shape of an image, where tiles are not it: in TensorFlow.js' MNIST example each row of the sprite is
            an image, which is ``tile_size=[1, 784], shape=[28, 28, 1]``.
        color_mode: ``"grayscale"``, ``"rgb"`` or ``"rgba"``.
        scale: pixels are multiplied by it; by default they become numbers from 0 to 1.

    Returns:
        A data set of float32 images, or of pairs ``(image, label)``.

    Raises:
        ValueError: tiles, counts or shapes do not fit.

    >>> import asyncio, numpy as np, weblayers as wl
    >>> pixels = np.arange(16).reshape(4, 4, 1)
    >>> tiles = asyncio.run(wl.data.sprite(pixels, [2, 2], labels=[0, 1, 2, 3], scale=1))
    >>> [(image[..., 0].tolist(), int(label)) for image, label in tiles.take(2)]
    [([[0.0, 1.0], [4.0, 5.0]], 0), ([[2.0, 3.0], [6.0, 7.0]], 1)]
    """
    pixels = np.asarray(source) if isinstance(source, np.ndarray | Tensor) else await read_image(source, color_mode)
    if pixels.ndim != 3:
        raise ValueError(f"the pixels of a sprite have shape [height, width, channels], got {list(pixels.shape)}")
    height, width, channels = pixels.shape
    high, wide = tile_size
    if height % high or width % wide:
        raise ValueError(f"a sprite of {height} x {width} pixels cannot be cut into tiles of {high} x {wide}")
    grid = pixels.reshape(height // high, high, width // wide, wide, channels).swapaxes(1, 2)
    tiles = grid.reshape(-1, high, wide, channels)
    known = None if labels is None else np.asarray(labels)
    count = count if count is not None else len(tiles) if known is None else len(known)
    if count > len(tiles) or (known is not None and len(known) != count):
        there = "" if known is None else f" and {len(known)} labels"
        raise ValueError(f"there are {len(tiles)} tiles{there}, but the sprite shall have {count} images")
    if shape is not None:
        if np.prod(shape) != high * wide * channels:
            raise ValueError(f"tiles have shape {[high, wide, channels]}, which cannot be brought to {list(shape)}")
        tiles = tiles.reshape(-1, *shape)

    def pick(number: Any) -> Any:
        # bytes until then: they take a quarter of the memory
        images = tiles[number] * np.float32(scale)
        return images if known is None else (images, known[number])

    return Indexed(pick, count)
