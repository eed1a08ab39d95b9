"""The soft GPU: executes shaders with NumPy, all fragments of a draw at once.

It is the definition of what a shader means, and the reason that fusion, layout and tails can be tested without a
browser. Texels outside a texture and lanes that nothing has written read as NaN, so that a wrong read shows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..graph.primitives.sources import pcg4d
from ..graph.registry import PRIMITIVES
from .plan import Plan, TextureSpec
from .shader import Shader
from .statements import Assign, Leave, Loop, Statement, Value, Variable

Array = np.ndarray


class Draw:
    """One draw: runs the shader for the fragments of a viewport and gives each output's texels."""

    def __init__(
        self, textures: Sequence[Array], uniforms: Sequence[float], viewport: tuple[int, int, int, int]
    ) -> None:
        self.textures, self.uniforms = textures, [np.float32(u) for u in uniforms]
        x, y, w, h = viewport
        rows, columns = np.mgrid[y : y + h, x : x + w]
        self.x, self.y = columns.reshape(-1), rows.reshape(-1)
        self.size = (h, w)
        self.values: dict[Value | Variable, Array] = {}
        # the fragments that have not left the loop that runs
        self.active: Array = np.ones(len(self.x), bool)

    def run(self, shader: Shader) -> list[Array]:
        with np.errstate(all="ignore"):
            self._block(shader.body)
        count = len(self.x)
        return [np.broadcast_to(self._get(v), (count, 4)).reshape(*self.size, 4) for v in shader.outputs]

    def _get(self, operand: object) -> Array:
        return self.values[operand] if isinstance(operand, Value | Variable) else np.asarray(operand)

    def _block(self, block: list[Statement]) -> None:
        for statement in block:
            if isinstance(statement, Value):
                self.values[statement] = self._evaluate(statement)
            elif isinstance(statement, Variable):
                shape = (len(self.x), 4) if statement.type == "v" else (len(self.x),)
                self.values[statement] = np.full(shape, statement.init, np.float32)
            elif isinstance(statement, Assign):
                self._assign(statement.variable, self._get(statement.value))
            elif isinstance(statement, Leave):
                self.active = self.active & ~self._get(statement.condition).astype(bool)
            else:
                self._loop(statement)

    def _assign(self, variable: Variable, value: Array) -> None:
        if not self.active.all():
            value = _select(self.active, value, self.values[variable], variable.type == "v")
        self.values[variable] = value

    def _loop(self, loop: Loop) -> None:
        active = self.active
        for i in range(loop.count):
            self.values[loop.index] = np.asarray(i)
            self._block(loop.body)
            if not self.active.any():
                break
        self.active = active

    def _evaluate(self, value: Value) -> Array:
        args = [self._get(a) for a in value.args]
        op = value.op
        if op == "const":
            # vectors have their four components last, whether fragments differ in them or not
            out = np.full(4 if value.type == "v" else (), args[0])
        elif op == "select":
            out = _select(args[0], args[1], args[2], value.type == "v")
        elif op in _OPS:
            out = _OPS[op](*args)
        elif op == "fetch":
            out = self._fetch(*args)
        elif op == "uniform":
            out = np.asarray(self.uniforms[value.args[0]])
        elif op == "fragment_x":
            out = self.x
        elif op == "fragment_y":
            out = self.y
        else:
            primitive = PRIMITIVES[op]
            if op in ("where", "and", "or", "not"):
                args[0] = args[0] != 0
            out = primitive.numpy(*args)
        if value.type in "fv":
            out = np.asarray(out, np.float32)
        return out

    def _fetch(self, slot: Array, x: Array, y: Array, layer: Array) -> Array:
        texture = self.textures[int(slot)]
        x, y, layer = (np.broadcast_to(v, self.x.shape) for v in (x, y, layer))
        layers, height, width, _ = texture.shape
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height) & (layer >= 0) & (layer < layers)
        texels = texture[np.clip(layer, 0, layers - 1), np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
        return np.where(inside[:, None], texels, np.float32(np.nan))


def _component(v: Array, i: Array) -> Array:
    if i.ndim == 0:
        return v[..., int(i)]
    return np.take_along_axis(np.broadcast_to(v, (len(i), 4)), i[:, None], 1)[:, 0]


def _vec4(*parts: Array) -> Array:
    return np.stack(np.broadcast_arrays(*parts), -1)


def _select(condition: Array, a: Array, b: Array, vectors: bool) -> Array:
    return np.where(condition[..., None] if vectors else condition, a, b)


def _random(i: Array, key: Array, counter: Array) -> Array:
    word = pcg4d(i.astype(np.uint32), np.uint32(int(key)), np.uint32(int(counter)), np.uint32(0))
    return (word >> np.uint32(8)).astype(np.float32)


def _truncated_division(a: Array, n: Array) -> Array:
    return np.trunc(a / n).astype(np.int64)


_OPS: dict[str, Callable[..., Array]] = {
    "read": lambda x: x,
    "iadd": np.add,
    "imul": np.multiply,
    "idiv": _truncated_division,
    "imod": lambda a, n: a - n * _truncated_division(a, n),
    "iclamp": np.clip,
    "imin": np.minimum,
    "ilt": np.less,
    "ige": np.greater_equal,
    "ieq": np.equal,
    "band": np.logical_and,
    "to_int": lambda x: np.nan_to_num(np.trunc(x), nan=-1, posinf=2**30, neginf=-(2**30)).astype(np.int64),
    "to_float": lambda x: x.astype(np.float32),
    "trunc": np.trunc,
    "splat": lambda x: np.stack([x] * 4, -1),
    "vec4": _vec4,
    "component": _component,
    "fma": lambda a, b, c: a * b + c,
    "random": _random,
}


# -- whole plans --------------------------------------------------------------------------------------------------


def run_plan(plan: Plan, inputs: Sequence[Array], scalars: Sequence[float] = ()) -> list[Array]:
    """Execute a plan on textures ``[layers, height, width, 4]``; gives the output textures.

    Every buffer starts as NaN, and a draw that samples a texture it writes is refused, as WebGL does.
    """
    registers = host_scalars(plan.scalar_ops, scalars)
    buffers = [_empty(t) for t in plan.textures]
    for i, data in plan.constants.items():
        buffers[i] = data.astype(np.float32)
    buffers += [t.astype(np.float32) / 255 if t.dtype == np.uint8 else t.astype(np.float32) for t in inputs]
    buffers += [_empty(t) for t in plan.output_specs]
    for draw in plan.draws:
        written = {buffer for buffer, _ in draw.targets}
        if written & set(draw.samplers):
            raise RuntimeError("a draw samples a texture that it writes")
        sizes = {buffers[i].shape[1:3] for i in written}
        if len(sizes) != 1 or len(draw.targets) > 8:
            raise RuntimeError(f"targets of unequal size, or too many: {draw.targets} of {sizes}")
        x, y, w, h = draw.viewport
        run = Draw([buffers[i] for i in draw.samplers], [registers[r] for r in draw.uniforms], draw.viewport)
        for (buffer, layer), texels in zip(draw.targets, run.run(draw.shader), strict=True):
            if buffer < len(plan.textures) and plan.textures[buffer].format == "rgba16f":
                with np.errstate(over="ignore"):
                    texels = texels.astype(np.float16)
            buffers[buffer][layer, y : y + h, x : x + w] = texels
    return buffers[len(buffers) - len(plan.output_specs) :]


def _empty(spec: TextureSpec) -> Array:
    return np.full((spec.layers, spec.height, spec.width, 4), np.nan, np.float32)


def host_scalars(ops: Sequence[Sequence], inputs: Sequence[float]) -> list[float]:
    """The host-scalar program, in double precision."""
    registers = [np.float64(v) for v in inputs]
    for op, *args in ops:
        if op == "const":
            registers.append(np.float64(args[0]))
        elif op.startswith("cast_"):
            value = registers[args[0]]
            registers.append({"bool": np.float64(value != 0), "int32": np.trunc(value)}.get(op[5:], value))
        else:
            with np.errstate(all="ignore"):
                registers.append(np.float64(PRIMITIVES[op].numpy(*[registers[a] for a in args])))
    return [float(r) for r in registers]
