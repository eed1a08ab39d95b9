"""Arrays into and out of the textures of a plan, wherever in them its tensors lie; plans drawn and called."""

import functools

import numpy as np

from weblayers.compiler import softgpu
from weblayers.compiler.layout import pack, unpack
from weblayers.compiler.pieces import at_once
from weblayers.graph.node import DTYPES
from weblayers.runtime.plan_device import Region
from weblayers.runtime.wasmtime_device import WasmtimeDevice


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


@functools.cache
def wasm():
    """The device that all plans share; what nobody has written is NaN there, as on the soft GPU."""
    device = WasmtimeDevice()
    device.set_checked(True)
    return device


def called(plan, textures, scalars=()):
    """The output textures of a plan, by WebAssembly."""
    device = wasm()
    loaded = device.load(at_once(device.encoding(plan)))
    inputs = [device.alloc(spec) for spec in plan.input_specs]
    for id_, texels in zip(inputs, textures, strict=True):
        device.upload(id_, texels)
    outputs = device.run(loaded, inputs, scalars, ())
    specs = plan.output_specs
    results = [device.read_sync(i, Region(0, 0, s.width, s.height)) for i, s in zip(outputs, specs, strict=True)]
    used = device.memory()["textures"]
    device.free([*inputs, *outputs])
    device.free_plan(loaded)
    assert used - device.memory()["textures"] == len(inputs) + len(outputs) + len(plan.constants)
    return results


def both(plan, arrays, outputs, scalars=()):
    """The values of a plan's inputs in, those of the output nodes out: by the soft GPU, and by WebAssembly."""
    textures = []
    for spec in plan.input_specs:
        shape = (spec.layers, spec.height, spec.width, 4)
        textures.append(np.zeros(shape, np.uint8) if spec.format == "rgba8" else np.full(shape, np.nan, np.float32))
    for slot, array in zip(plan.inputs, arrays, strict=True):
        write(textures[slot.texture], slot, array)
    return [
        [read(results[slot.texture], slot, node) for slot, node in zip(plan.outputs, outputs, strict=True)]
        for results in (softgpu.run_plan(plan, textures, scalars), called(plan, textures, scalars))
    ]


def run(plan, arrays, outputs, scalars=()):
    """The values of the output nodes by the soft GPU, and WebAssembly's are the same."""
    drawn, computed = both(plan, arrays, outputs, scalars)
    for one, other in zip(drawn, computed, strict=True):
        # sums and products may be rounded together here, and apart there
        largest = np.abs(one[np.isfinite(one)]).max(initial=0)
        np.testing.assert_allclose(other, one, rtol=1e-3, atol=2e-6 + 1e-4 * min(largest, 1e6), err_msg="WebAssembly")
    return drawn
