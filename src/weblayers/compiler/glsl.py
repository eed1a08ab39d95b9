"""Prints shaders as GLSL ES 3.00."""

from __future__ import annotations

import math
import re
import struct
from typing import NamedTuple

from .shader import Shader
from .statements import Assign, Leave, Loop, Statement, Value, Variable, operands

_TYPES = {"f": "float", "v": "vec4", "i": "int", "b": "bool"}

# Templates that read the same for floats and vectors.
_SAME = {
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "div": "{0} / {1}",
    "neg": "-{0}",
    "max": "max({0}, {1})",
    "min": "min({0}, {1})",
    "abs": "abs({0})",
    "sign": "sign({0})",
    "floor": "floor({0})",
    "ceil": "ceil({0})",
    "round": "roundEven({0})",
    "trunc": "trunc({0})",
    "exp": "exp({0})",
    "log": "log({0})",
    "sqrt": "sqrt({0})",
    "rsqrt": "inversesqrt({0})",
    "sin": "sin({0})",
    "cos": "cos({0})",
    "tan": "tan({0})",
    "asin": "asin({0})",
    "acos": "acos({0})",
    "atan": "atan({0})",
    "atan2": "atan({0}, {1})",
    "sinh": "sinh({0})",
    "cosh": "cosh({0})",
    "fma": "{0} * {1} + {2}",
}

_FLOAT = {
    "eq": "float({0} == {1})",
    "lt": "float({0} < {1})",
    "le": "float({0} <= {1})",
    "and": "float({0} != 0.0 && {1} != 0.0)",
    "or": "float({0} != 0.0 || {1} != 0.0)",
    "not": "float({0} == 0.0)",
    "where": "({0} != 0.0 ? {1} : {2})",
    # no branch: a texel is then read in any case
    "select": "mix({2}, {1}, {0})",
    # not max(x, 0.0): what GLSL's max makes of a NaN is undefined, and a NaN must stay visible
    # a NaN stays, whatever the compiler thinks of comparisons: these are the bits from -0 to -infinity
    "relu": "((floatBitsToUint({0}) ^ 0x80000000u) <= 0x7f800000u ? 0.0 : {0})",
}

_VECTOR = {
    "eq": "vec4(equal({0}, {1}))",
    "lt": "vec4(lessThan({0}, {1}))",
    "le": "vec4(lessThanEqual({0}, {1}))",
    "and": "vec4(notEqual({0} * {1}, vec4(0.0)))",
    "or": "vec4(notEqual(abs({0}) + abs({1}), vec4(0.0)))",
    "not": "vec4(equal({0}, vec4(0.0)))",
    "where": "mix({2}, {1}, notEqual({0}, vec4(0.0)))",
    "select": "mix({2}, {1}, bvec4({0}))",
    "relu": "mix({0}, vec4(0.0), lessThanEqual(floatBitsToUint({0}) ^ 0x80000000u, uvec4(0x7f800000u)))",
}

_OTHER = {
    "iadd": "{0} + {1}",
    "imul": "{0} * {1}",
    "idiv": "{0} / {1}",
    "imod": "{0} % {1}",
    "iclamp": "clamp({0}, {1}, {2})",
    "imin": "min({0}, {1})",
    "ilt": "{0} < {1}",
    "ige": "{0} >= {1}",
    "ieq": "{0} == {1}",
    "band": "{0} && {1}",
    "to_int": "int({0})",
    "to_float": "float({0})",
    "splat": "vec4({0})",
    "vec4": "vec4({0}, {1}, {2}, {3})",
    "fragment_x": "int(gl_FragCoord.x)",
    "fragment_y": "int(gl_FragCoord.y)",
    "uniform": "u[{0}]",
    "fetch": "texelFetch(t{0}, ivec3({1}, {2}, {3}), 0)",
    "random": "wl_random({0}, {1}, {2})",
}

# What chooses without branches, for floats and vectors. A branch for each component lets software rasterizers compile
# for minutes where a shader has some dozens of them.
_CHOICES = """bool wl_less(float x, float y) { return x < y; }
bvec4 wl_less(vec4 x, vec4 y) { return lessThan(x, y); }
bool wl_equal(float x, float y) { return x == y; }
bvec4 wl_equal(vec4 x, vec4 y) { return equal(x, y); }
bool wl_unlike(bool x, bool y) { return x != y; }
bvec4 wl_unlike(bvec4 x, bvec4 y) { return notEqual(x, y); }
bool wl_above(uint x, uint y) { return x > y; }
bvec4 wl_above(uvec4 x, uvec4 y) { return greaterThan(x, y); }"""

# Functions of our own: T is a float or a vector, U an uint or a vector of them.
_FUNCTIONS = {
    # built-in tanh overflows to NaN for large arguments on several drivers (it divides two infinities)
    "tanh": "T wl_tanh(T x) { return mix(tanh(x), sign(x), wl_less(T(15.0), abs(x))); }",
    "sigmoid": "T wl_sigmoid(T x) { T e = exp(-abs(x)); return mix(T(1.0), e, wl_less(x, T(0.0))) / (1.0 + e); }",
    # exp(x) - 1 and log(1 + x) cancel near zero: series there
    "expm1": (
        "T wl_expm1(T x) { T s = x * (1.0 + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0 * (1.0 + x / 6.0"
        " * (1.0 + x / 7.0)))))); return mix(s, exp(x) - 1.0, wl_less(T(0.4), abs(x))); }"
    ),
    "log1p": (
        "T wl_log1p(T x) { T s = x / (2.0 + x), q = s * s; return mix(2.0 * s * (1.0 + q * (1.0 / 3.0 + q * (0.2 + q"
        " * (1.0 / 7.0 + q / 9.0)))), log(1.0 + x), wl_less(T(0.3), abs(x))); }"
    ),
    # GLSL's pow is undefined for a negative base, and inexact: small whole powers are products
    "pow": (
        "T wl_pow(T x, T y) { T p = pow(abs(x), y); T n = mix(p, -p, wl_equal(mod(y, 2.0), T(1.0)));"
        " n = mix(T(uintBitsToFloat(0x7fc00000u)), n, wl_equal(y, floor(y))); p = mix(p, n, wl_less(x, T(0.0)));"
        " T e = abs(y); T b = x; T r = T(1.0); T h = floor(e * 0.5);"
        + " r = mix(r, r * b, wl_less(h + h, e)); b = b * b; e = h; h = floor(e * 0.5);"
        * 5
        + " r = mix(r, 1.0 / r, wl_less(y, T(0.0)));"
        " p = mix(p, r, wl_equal(y, clamp(floor(y), T(-31.0), T(31.0))));"
        " return mix(p, T(1.0), wl_equal(x, T(1.0))); }"
    ),
    # drivers divide inexactly: the quotient may be one too large or too small. It is multiplied in two parts, each of
    # which is exact for integers.
    "mod": (
        "T wl_mod(T x, T y) { T a = abs(x); T b = abs(y); T q = floor(a / b); T h = floor(q / 4096.0) * 4096.0;"
        " T r = a - b * h - b * (q - h); r = mix(r, r + b, wl_less(r, T(0.0))); r = mix(r - b, r, wl_less(r, b));"
        " r = mix(r, -r, wl_less(x, T(0.0)));"
        " T m = mix(r, r + y, wl_unlike(wl_less(r, T(0.0)), wl_less(y, T(0.0))));"
        " return mix(m, r, wl_equal(r, T(0.0))); }"
    ),
    # Abramowitz and Stegun 7.1.26; near zero, where its absolute error would be a large relative one, a Taylor series
    "erf": (
        "T wl_erf(T x) { T a = abs(x), q = x * x, s = 1.1283791671 * x * (1.0 - q * (1.0 / 3.0 - q * (0.1 - q"
        " * (1.0 / 42.0 - q * (1.0 / 216.0 - q / 1320.0))))); T t = 1.0 / (1.0 + 0.3275911 * a);"
        " T far = sign(x) * (1.0 - ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t"
        " + 0.254829592) * t * exp(-a * a)); return mix(far, s, wl_less(a, T(0.5))); }"
    ),
    # Mesa's compilers take comparisons for exhaustive, others drop the built-in isnan: only the bits tell
    "isnan": (
        "T wl_isnan(T x) { return mix(T(0.0), T(1.0), wl_above(floatBitsToUint(x) & U(0x7fffffffu), U(0x7f800000u))); }"
    ),
}

_RANDOM = """void wl_mix(inout uvec4 v) { v.x += v.y * v.w; v.y += v.z * v.x; v.z += v.x * v.y; v.w += v.y * v.z; }
float wl_random(int i, float key, float counter) {
  uvec4 v = uvec4(uint(i), uint(key), uint(counter), 0u) * 1664525u + 1013904223u;
  wl_mix(v); v ^= v >> 16u; wl_mix(v);
  return float(v.x >> 8u);
}"""

_HEADER = """#version 300 es
precision highp float;
precision highp int;
precision highp sampler2DArray;
precision highp usampler2DArray;
"""


# Operations whose text has their operand twice.
_REPEATS = frozenset(("relu",))

# Longer expressions get a name: compilers limit how deep one may nest.
MAX_EXPRESSION = 400


class Bits(NamedTuple):
    """Which samplers and which targets of a shader are integers: the bits of its floats."""

    samplers: frozenset[int] = frozenset()
    targets: frozenset[int] = frozenset()


FLOATS = Bits()


def print_shader(shader: Shader, samplers: int, uniforms: int, bits: Bits = FLOATS) -> str:
    """The complete fragment shader, with as many samplers ``t0..`` and host scalars ``u[]`` as it is bound to."""
    printer = _Printer(shader, bits.samplers)
    printer.block(shader.body, "  ")
    texts = [printer.text(v) for v in shader.outputs]
    writes = [f"  o{i} = {f'floatBitsToUint({t})' if i in bits.targets else t};" for i, t in enumerate(texts)]
    head = [_HEADER]
    head += [f"uniform {'u' if i in bits.samplers else ''}sampler2DArray t{i};" for i in range(samplers)]
    if uniforms:
        head.append(f"uniform float u[{uniforms}];")
    head += [f"layout(location = {i}) out {'u' if i in bits.targets else ''}vec4 o{i};" for i in range(len(texts))]
    if any(name != "random" for name, _ in printer.functions):
        head.append(_CHOICES)
    head += [_function(name, type_) for name, type_ in sorted(printer.functions)]
    sizes = [f"  vec2 s{i} = 1.0 / vec2(textureSize(t{i}, 0).xy);" for i in sorted(printer.sampled)]
    return "\n".join([*head, "void main() {", *sizes, *printer.lines, *writes, "}", ""])


def _function(name: str, type_: str) -> str:
    if name == "random":
        return _RANDOM
    unsigned = {"f": "uint", "v": "uvec4"}[type_]
    return re.sub(r"\bT\b", _TYPES[type_], re.sub(r"\bU\b", unsigned, _FUNCTIONS[name]))


class _Printer:
    """Prints statements; what is used once is printed where it is used.

    Named temporaries are not free: ANGLE makes a variable of each, and not every compiler behind it gets rid of them.
    """

    def __init__(self, shader: Shader, bits: frozenset[int]) -> None:
        self._bits = bits
        self.lines: list[str] = []
        self.functions: set[tuple[str, str]] = set()
        self._uses: dict[Value, int] = {}
        self._count(shader.body)
        for v in shader.outputs:
            self._uses[v] = self._uses.get(v, 0) + 1
        # expressions not printed yet, and the variables that they read
        self._pending: dict[Value, tuple[str, frozenset[Variable]]] = {}
        self._names: dict[Value, str] = {}
        # the number behind a vector of four equal ones
        self._scalars: dict[Value, str] = {}
        # samplers that are read at coordinates from 0 to 1, and the names of those
        self.sampled: set[int] = set()
        self._coordinates: dict[tuple[int, str, Value], str] = {}
        # of each open loop: what is printed before it, and whether it, or one around it, may end early
        self._before: list[list[str]] = []
        self._leaving: list[bool] = [False]

    def _count(self, block: list[Statement], level: int = 0) -> None:
        for statement in block:
            if isinstance(statement, Loop):
                self._count(statement.body, level + 1)
            for v in operands(statement):
                if isinstance(v, Value):
                    # a use in an inner loop counts twice: printed there, it would be computed every time
                    self._uses[v] = self._uses.get(v, 0) + (1 if v.level == level else 2)

    def block(self, block: list[Statement], indent: str) -> None:
        for statement in block:
            if isinstance(statement, Value):
                self._value(statement, indent)
            elif isinstance(statement, Variable):
                init = _constant(statement.init, statement.type)
                self.lines.append(f"{indent}{_TYPES[statement.type]} a{statement.id} = {init};")
            elif isinstance(statement, Assign):
                self._assign(statement, indent)
            elif isinstance(statement, Leave):
                self.lines.append(f"{indent}if ({self.text(statement.condition)}) break;")
            else:
                self._flush(indent, None)
                self._loop(statement, indent)

    def _loop(self, loop: Loop, indent: str) -> None:
        i = f"i{loop.index.id}"
        self._names[loop.index] = i
        around, self.lines = self.lines, []
        self._before.append([])
        self._leaving.append(self._leaving[-1] or any(isinstance(s, Leave) for s in loop.body))
        self.block(loop.body, indent + "  ")
        self._flush(indent + "  ", None)
        self._leaving.pop()
        before = [indent + line for line in self._before.pop()]
        head = f"{indent}for (int {i} = 0; {i} < {loop.count}; {i}++) {{"
        self.lines = [*around, *before, head, *self.lines, indent + "}"]

    def text(self, value: object) -> str:
        """An operand: a name, a literal, or an expression that ends here."""
        if not isinstance(value, Value):
            return f"({value})" if isinstance(value, int) and value < 0 else str(value)
        if value.op == "const":
            return _constant(value.args[0], value.type)
        if value in self._names:
            return self._names[value]
        return self._pending.pop(value)[0]

    def _value(self, value: Value, indent: str) -> None:
        uses = self._uses.get(value, 0)
        if value.op in ("const", "index") or not uses:
            return
        if value.op == "component" and isinstance(value.args[1], int):
            self._names[value] = f"{self._named(value.args[0], indent)}.{'xyzw'[value.args[1]]}"
            return
        if value.op in ("splat", "uniform"):
            self._names[value] = self._alias(value, indent)
            return
        if value.op in _REPEATS:
            self._named(value.args[0], indent)
        reads: frozenset[Variable] = frozenset().union(*(self._pending[a][1] for a in value.args if a in self._pending))
        if value.op == "read":
            reads |= {value.args[0]}
        expression = self._expression(value, indent)
        if uses == 1 and len(expression) < MAX_EXPRESSION:
            self._pending[value] = (f"({expression})" if " " in expression else expression, reads)
        else:
            self._declare(value, expression, indent)

    def _alias(self, value: Value, indent: str) -> str:
        """What costs nothing to repeat."""
        if value.op == "uniform":
            return f"u[{value.args[0]}]"
        self._scalars[value] = self._named(value.args[0], indent)
        return f"vec4({self._scalars[value]})"

    def _named(self, value: Value, indent: str) -> str:
        """The value's name, given now if it has none."""
        if value in self._pending:
            self._declare(value, self._pending.pop(value)[0], indent)
        return self.text(value)

    def _declare(self, value: Value, expression: str, indent: str) -> None:
        self._names[value] = f"{value.type}{value.id}"
        self.lines.append(f"{indent}{_TYPES[value.type]} {self._names[value]} = {expression};")

    def _assign(self, statement: Assign, indent: str) -> None:
        expression = self.text(statement.value)
        self._flush(indent, statement.variable)
        self.lines.append(f"{indent}a{statement.variable.id} = {expression};")

    def _flush(self, indent: str, variable: Variable | None) -> None:
        """Print what is pending and reads a variable that is about to change (any, before a loop)."""
        for value, (expression, reads) in list(self._pending.items()):
            if reads and (variable is None or variable in reads):
                del self._pending[value]
                self._declare(value, expression, indent)

    def _fetch(self, value: Value, indent: str) -> str:
        """A texel, sampled at its centre: software rasterizers take a third less time for that than for texelFetch.

        Textures have one level and no filter, so it makes no difference what derivatives are. In loops that end early
        some compilers have none, and refuse.
        """
        sampler, x, y, layer = value.args
        if self._leaving[-1]:
            text = _OTHER["fetch"].format(*map(self.text, value.args))
        else:
            self.sampled.add(sampler)
            at = [self._coordinate(sampler, axis, place, indent) for axis, place in (("x", x), ("y", y))]
            at.append(f"{layer}.0" if isinstance(layer, int) else f"float({self.text(layer)})")
            text = f"texture(t{sampler}, vec3({', '.join(at)}))"
        return f"uintBitsToFloat({text})" if sampler in self._bits else text

    def _coordinate(self, sampler: int, axis: str, place: Value | int, indent: str) -> str:
        """Where a texel's centre is: computed once, before the loops in which it stays."""
        if isinstance(place, int):
            return f"{place}.5 * s{sampler}.{axis}"
        key = (sampler, axis, place)
        if key not in self._coordinates:
            name = self._coordinates[key] = f"{axis}{sampler}_{place.id}"
            line = f"float {name} = (float({self.text(place)}) + 0.5) * s{sampler}.{axis};"
            if place.level < len(self._before):
                self._before[place.level].append(line)
            else:
                self.lines.append(indent + line)
        return self._coordinates[key]

    def _expression(self, value: Value, indent: str) -> str:
        op = value.op
        if op == "read":
            return f"a{value.args[0].id}"
        if op == "fetch":
            return self._fetch(value, indent)
        args = [self.text(a) for a in value.args]
        if op in ("mul", "fma") and value.args[0] in self._scalars:
            args[0] = self._scalars[value.args[0]]  # a number times a vector is a vector
        elif op in ("mul", "fma") and value.args[1] in self._scalars:
            args[1] = self._scalars[value.args[1]]
        if op in _FUNCTIONS:
            self.functions.add((op, value.type))
            return f"wl_{op}({', '.join(args)})"
        if op == "random":
            self.functions.add((op, "f"))
        if op == "component":
            return f"{args[0]}[{args[1]}]"
        if op in ("idiv", "imod") and value.args[1] & (value.args[1] - 1) == 0:
            # software rasterizers and some GPUs divide integers one lane at a time
            n = value.args[1]
            return f"{args[0]} >> {n.bit_length() - 1}" if op == "idiv" else f"{args[0]} & {n - 1}"
        template = _SAME.get(op) or (_VECTOR if value.type == "v" else _FLOAT).get(op) or _OTHER[op]
        return template.format(*args)


def _constant(value: float, type_: str) -> str:
    if math.isnan(value):
        text = "uintBitsToFloat(0x7fc00000u)"
    elif math.isinf(value):
        text = f"uintBitsToFloat({'0x7f800000u' if value > 0 else '0xff800000u'})"
    else:
        text = _float32_text(value)
    return f"vec4({text})" if type_ == "v" else text


def _float32_text(value: float) -> str:
    text = repr(value)
    if float(text) and abs(value) > 3.4028234e38:
        text = repr(struct.unpack("f", struct.pack("I", 0x7F7FFFFF))[0] * math.copysign(1, value))
    text = text if any(c in text for c in ".e") else text + ".0"
    return f"({text})" if value < 0 else text
