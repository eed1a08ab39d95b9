"""Where Keras keeps the vocabularies that layers have learned: in a text file beside the weights, for each layer one.

What is written here has them in the configuration, which Keras reads as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ...layers.base import Layer
from ...layers.index_lookup import IndexLookup
from ...layers.text import TextVectorization
from ..checks import expect
from . import library
from .layout import children, sub

IDF = "idf_weights"


def lookups(layer: Layer, path: str = "") -> Iterator[tuple[str, IndexLookup]]:
    """The layers with a vocabulary in a layer, with their places in a file."""
    if isinstance(layer, IndexLookup):
        yield path, layer
    if isinstance(layer, TextVectorization):
        # Keras has what its part has twice
        yield path, layer.lookup
        yield f"{path}/_lookup_layer", layer.lookup
    for name, child in children(layer):
        yield from lookups(child, f"{path}/{name}".removeprefix("/"))


def restore(model: Any, read: Callable[[str], str | None], file: Any, source: str) -> None:
    """Give layers the vocabularies of a file.

    Args:
        model: made of the file's configuration.
        read: gives the text of one of its members, or None if there is none.
        file: its weights.
        source: for messages.
    """
    for path, layer in lookups(model):
        text = read(f"assets/{path}/vocabulary.txt")
        stored = sub(file, *path.split("/"), "vars")
        weights = None
        if stored is not None and IDF in stored:
            weights = library.values_of(stored[IDF], source)
        if text is not None and not layer.get_vocabulary(include_special_tokens=False):
            tokens = layer.read_lines(text)
            is_weighted = layer.output_mode == "tf_idf"
            expect(weights is not None or not is_weighted, source, f"the weights of layer {layer.name!r} are missing")
            layer.set_vocabulary(tokens, weights[: len(tokens)] if is_weighted and weights is not None else None)
