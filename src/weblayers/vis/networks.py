"""Charts of networks: neurons and the connections between them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import fields, given, words
from .chart import Chart
from .given import takes_options
from .plots import drawing_options, shown


@takes_options
def network(
    container: Any,
    kernels: Sequence[Any],
    *,
    title: str = "",
    labels: Sequence[Sequence[Any]] | None = None,
    pictures: Sequence[Any] | None = None,
    width: float | None = None,
    height: float | None = None,
    font_size: float | None = None,
) -> Chart:
    """Neurons from the inputs on the left to the outputs, and the weights of what connects them.

    Lines are the wider and stronger the larger a weight is, in one colour for positive ones and in another, dashed, for
    negative ones.

    Args:
        kernels: of dense layers that follow each other, each ``[inputs, outputs]``.
        labels: what the neurons are called, a list for the inputs and one for each layer; left out, they are numbered.
        pictures: what each neuron makes of a plane, an array ``[neurons, height, width]`` for the inputs and one for
            each layer, or None for those that have none. Colours as those of connections, the stronger the farther
            from 0.

    Raises:
        TypeError: ``kernels`` is no list.
        ValueError: a layer has not as many inputs as the one before has neurons, or there are other numbers of labels
            or pictures than of neurons.

    >>> import weblayers as wl
    >>> wl.vis.render.network(None, [[[0.5, -2]], [[1], [0.25]]], labels=[["x"], ["a", "b"], ["y"]]).text
    '1 input, layers of 2 and 1 neurons; 4 connections, 1 of them negative; the strongest from x to b, -2'
    """
    if not isinstance(kernels, list | tuple):
        raise TypeError(
            f"a network is drawn of a list of kernels [inputs, outputs], got {type(kernels).__name__}; a model of dense"
            " layers has [layer.kernel for layer in model.layers]"
        )
    weights = [given.matrix(kernel, "a kernel") for kernel in kernels]
    if not weights or any(not w.size for w in weights):
        raise ValueError("a network has a layer at least, and no layer of it is empty")
    for before, after in itertools.pairwise(weights):
        if before.shape[1] != after.shape[0]:
            raise ValueError(f"a layer of {before.shape[1]} neurons is followed by one with {after.shape[0]} inputs")
    sizes = [weights[0].shape[0], *(w.shape[1] for w in weights)]
    names = _names(labels, sizes)
    maps = [None] * len(sizes) if pictures is None else list(pictures)
    if len(maps) != len(sizes):
        raise ValueError(f"pictures: there are {len(sizes)} layers with the inputs, but pictures of {len(maps)}")
    drawn = {
        "sizes": sizes,
        "weights": np.concatenate([w.reshape(-1) for w in weights]),
        "labels": [name for each in names for name in each],
        **_pictured(maps, sizes),
    }
    options = drawing_options(width=width, height=height, font_size=font_size)
    return shown(container, Chart("network", title, drawn, options, words.network(weights, names)))


def _names(labels: Sequence[Sequence[Any]] | None, sizes: Sequence[int]) -> list[list[str]]:
    if labels is None:
        heads = ["input", *(str(i) for i in range(1, len(sizes) - 1)), "output"]
        return [
            [f"{head}.{i + 1}" if many > 1 else head for i in range(many)]
            for head, many in zip(heads, sizes, strict=True)
        ]
    if len(labels) != len(sizes):
        raise ValueError(f"labels: there are {len(sizes)} layers with the inputs, but labels of {len(labels)}")
    return [
        given.labels(each, many, f"the neurons of layer {i}") or []
        for i, (each, many) in enumerate(zip(labels, sizes, strict=True))
    ]


def _pictured(maps: Sequence[Any], sizes: Sequence[int]) -> dict[str, Any]:
    """Pictures from -1 to 1, one after the other, and which layers have some."""
    known = [None if each is None else given.array(each, "pictures") for each in maps]
    seen = [each for each in known if each is not None]
    for each, many in zip(known, sizes, strict=True):
        if each is not None and (each.ndim != 3 or len(each) != many or each.shape[1:] != seen[0].shape[1:]):
            raise ValueError(
                f"pictures of {many} neurons have the shape [{many}, height, width], all of one height and width, got"
                f" {list(each.shape)}"
            )
    parts = [2 * fields.spread(each, (0, 1, 2), 0.0) - 1 for each in seen]
    height, width = seen[0].shape[1:] if seen else (0, 0)
    pixels = np.concatenate([part.reshape(-1) for part in parts]) if parts else np.zeros(0)
    shades = np.round(127 * pixels + 128).astype(np.uint8)
    return {"pictures": shades, "height": height, "width": width, "pictured": [each is not None for each in known]}
