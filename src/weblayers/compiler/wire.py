"""Plans as bytes: what crosses the boundary to the executor in the browser, once."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import numpy as np

from .glsl import Bits, print_shader
from .pieces import Pieces, at_once
from .plan import Plan, TextureSpec
from .wasm.module import compiling

MAGIC = b"WLP1"


def serialize(plan: Plan) -> bytes:
    """Magic, header length, JSON header, then the constants as float32 texels; with the shaders as GLSL."""
    return at_once(serializing(plan))


def serializing(plan: Plan, as_bits: bool = False) -> Pieces[bytes]:
    """The work of :func:`serialize`, in pieces.

    With ``as_bits`` it is for a device whose draws cannot write floats: textures hold their bits, as integers.
    """
    integers = frozenset[int]()
    if as_bits:
        specs = [*plan.textures, *plan.input_specs, *plan.output_specs]
        integers = frozenset(slot for slot, spec in enumerate(specs) if spec.format == "rgba32f")
    shaders: dict[str, int] = {}
    printed: dict[tuple[int, int, int, Bits], str] = {}
    draws = []
    for draw in plan.draws:
        bits = Bits(
            frozenset(i for i, slot in enumerate(draw.samplers) if slot in integers),
            frozenset(i for i, (slot, _) in enumerate(draw.targets) if slot in integers),
        )
        key = id(draw.shader), len(draw.samplers), len(draw.uniforms), bits
        if key not in printed:
            printed[key] = print_shader(draw.shader, *key[1:])
            yield
        source = printed[key]
        draws.append(
            {
                "shader": shaders.setdefault(source, len(shaders)),
                "targets": draw.targets,
                "viewport": draw.viewport,
                "samplers": draw.samplers,
                "uniforms": draw.uniforms,
                "work": draw.work,
            }
        )
    return _enclosed(plan, {"draws": draws, "shaders": list(shaders)})


def serializing_wasm(plan: Plan, relaxed: bool) -> Pieces[bytes]:
    """The same, with a WebAssembly module behind the constants; ``relaxed`` as for :func:`.wasm.module.compiling`."""
    module = yield from compiling(plan, relaxed)
    draws = [vars(call) for call in module.calls]
    return _enclosed(plan, {"draws": draws, "module": len(module.data)}, module.data)


def _enclosed(plan: Plan, code: dict[str, Any], module: bytes = b"") -> bytes:
    constants, blobs, at = [], [], 0
    for texture, data in plan.constants.items():
        constants.append([texture, at, data.size])
        blobs.append(data.astype("<f4").tobytes())
        at += data.size
    header = {
        "version": 1,
        "textures": [_spec(t) for t in plan.textures],
        "constants": constants,
        "inputs": len(plan.input_specs),
        "outputs": [_spec(t)[:3] for t in plan.output_specs],
        "scalar_inputs": plan.scalar_inputs,
        "scalar_ops": [[_number(v) for v in op] for op in plan.scalar_ops],
        **code,
    }
    text = json.dumps(header, separators=(",", ":"), default=_plain, allow_nan=False).encode()
    text += b" " * (-(len(MAGIC) + 4 + len(text)) % 8)
    return b"".join([MAGIC, struct.pack("<I", len(text)), text, *blobs, module])


def _spec(spec: TextureSpec) -> list:
    return [spec.width, spec.height, spec.layers, spec.format]


def _number(value: Any) -> Any:
    """JSON has no infinities: JavaScript makes them of their names."""
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} in a plan")
