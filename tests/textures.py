"""Arrays into and out of the textures of a plan, wherever in them its tensors lie, for the soft GPU."""

import numpy as np

from weblayers.compiler import softgpu
from weblayers.compiler.layout import pack, unpack
from weblayers.graph.node import DTYPES


def write(texture, slot, array):
    place, layout = slot.placement, slot.placement.layout
    texels = pack(array if array.dtype == np.uint8 else array.astype(np.float32), layout)
    if layout.folded or place.layers != layout.layers:
        texture[
            place.layer : place.layer + layout.layers,
            place.y : place.y + layout.height,
            place.x : place.x + layout.width,
        ] = texels
        return
    for row in range(layout.rows):  # row by row: other tensors may begin in a block that this one ends in
        layer, y = row % layout.layers, row // layout.layers
        target = place.row + row
        texture[target % place.layers, target // place.layers, place.x : place.x + layout.width] = texels[layer, y]


def read(texture, slot, node):
    place, layout = slot.placement, slot.placement.layout
    if not node.aval.size:
        return np.zeros(node.shape, DTYPES[node.dtype])
    if layout.folded:
        return unpack(texture, layout, node.shape, DTYPES[node.dtype])
    rows = [place.row + r for r in range(layout.rows)]
    grid = [texture[r % place.layers, r // place.layers, place.x : place.x + layout.width].reshape(-1) for r in rows]
    return np.stack(grid)[:, : layout.cols].reshape(node.shape)


def run(plan, arrays, outputs, scalars=()):
    """Run a plan on the soft GPU: the values of its inputs in, those of the output nodes out."""
    textures = []
    for spec in plan.input_specs:
        shape = (spec.layers, spec.height, spec.width, 4)
        textures.append(np.zeros(shape, np.uint8) if spec.format == "rgba8" else np.full(shape, np.nan, np.float32))
    for slot, array in zip(plan.inputs, arrays, strict=True):
        write(textures[slot.texture], slot, array)
    results = softgpu.run_plan(plan, textures, scalars)
    return [read(results[slot.texture], slot, node) for slot, node in zip(plan.outputs, outputs, strict=True)]
