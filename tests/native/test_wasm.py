"""WebAssembly: the functions it lacks, what its modules are made of, and the memory that they work in."""

import asyncio
import ctypes
import itertools
import math
import sys

import numpy as np
import pytest
import wasmtime

import weblayers as wl
from tests import models
from weblayers.compiler.lower import lower
from weblayers.compiler.pieces import at_once
from weblayers.compiler.plan import TextureSpec
from weblayers.compiler.shader import Shader
from weblayers.compiler.wasm import assembler as wasm
from weblayers.compiler.wasm.addresses import COLUMN, ROW, Indices, Shape
from weblayers.compiler.wasm.analysis import NONE, Analysis, X
from weblayers.compiler.wasm.assembler import I32, Function, signed, unsigned
from weblayers.compiler.wasm.mathematics import FUNCTIONS
from weblayers.compiler.wasm.module import compiling, shape_of
from weblayers.compiler.wasm.packing import packed
from weblayers.compiler.wasm.vectors import function
from weblayers.graph import build as b
from weblayers.graph.program import Graph
from weblayers.runtime import starting
from weblayers.runtime.heap import Heap
from weblayers.runtime.plan_device import Region
from weblayers.runtime.wasmtime_device import WasmtimeDevice

# -- mathematics ------------------------------------------------------------------------------------------------------

ROOM = 2**16  # numbers of an operand


class Calculator:
    """All functions of `mathematics`, over arrays."""

    def __init__(self, relaxed):
        made = [function(build, relaxed) for build in FUNCTIONS.values()]
        loops = [self._loop(f, i) for i, f in enumerate(made)]
        exports = [(name, len(made) + i) for i, name in enumerate(FUNCTIONS)]
        engine = wasmtime.Engine()
        self._store = wasmtime.Store(engine)
        memory = wasmtime.Memory(self._store, wasmtime.MemoryType(wasmtime.Limits(17, None)))
        module = wasmtime.Module(engine, wasm.module([*made, *loops], exports))
        self._exports = wasmtime.Instance(self._store, module, [memory]).exports(self._store)
        pointer = ctypes.addressof(memory.data_ptr(self._store).contents)
        size = memory.data_len(self._store)
        self._numbers = np.ctypeslib.as_array((ctypes.c_ubyte * size).from_address(pointer)).view(np.float32)
        self._memory = memory

    def _loop(self, called, index):
        """Call a function for all vectors from an address to another; operands and the result lie far apart."""
        made = Function((I32 * 2, b""))
        at = wasm.local_get(0)
        operands = b"".join(at + wasm.v128_load(4 * ROOM * i) for i in range(len(called.signature[0])))
        made.code += wasm.LOOP + at + operands + wasm.call(index) + wasm.v128_store(4 * ROOM * 3)
        made.code += at + wasm.i32_const(16) + wasm.I32_ADD + wasm.local_tee(0)
        made.code += wasm.local_get(1) + wasm.I32_LT_U + wasm.branch_if(0) + wasm.END
        return made

    def __call__(self, name, *operands):
        count = len(operands[0])
        for i, x in enumerate(operands):
            self._numbers[i * ROOM : i * ROOM + count] = x
        self._exports[name](self._store, 0, 4 * count)
        return self._numbers[3 * ROOM : 3 * ROOM + count].copy()


@pytest.fixture(scope="module", params=["rounded apart", "rounded together"])
def calculator(request):
    return Calculator(request.param == "rounded together")


EXACT = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "tanh": np.tanh,
    "sigmoid": lambda x: np.where(x < 0, np.exp(np.minimum(x, 0)), 1) / (1 + np.exp(-np.abs(x))),
    "erf": np.vectorize(math.erf, otypes=[np.float64]),
    "sign": np.sign,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "atan": np.arctan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "sinh": np.sinh,
    "cosh": np.cosh,
}
BINARY = {"pow": np.power, "atan2": np.arctan2, "mod": np.mod}
SPECIAL = [0, 1, np.inf, np.nan, 1e-45, 1e-40, 1.2e-38, 3.4e38, 0.5, 2, 3, 88.72, 88.73, 103.9, 104.1, 1e-8, 0.625, 4]
SPECIAL = np.array(SPECIAL + [-x for x in SPECIAL], np.float32)
# Angles beyond are known less and less well as float32.
LARGEST_ANGLE = 2.0**20


def numbers(rng, count=20_000):
    """Of all magnitudes, and many of those that networks see."""
    bits = rng.integers(0, 2**32, count, np.uint32).view(np.float32)
    parts = [SPECIAL, bits, *(rng.uniform(-r, r, count // 2) for r in (1, 10, 100))]
    found = np.concatenate(parts).astype(np.float32)
    return found[: len(found) // 4 * 4]


def units_off(got, exact):
    """By how many units in the last place; infinite where one is no number, or infinite, and the other is not."""
    rounded = exact.astype(np.float32)
    unit = np.abs(np.spacing(rounded)).astype(np.float64)
    off = np.abs(got.astype(np.float64) - exact) / unit
    same = (got == rounded) | (np.isnan(got) & np.isnan(rounded))
    return np.where(same, 0, np.where(np.isnan(off), np.inf, off))


@pytest.mark.parametrize("name", EXACT)
def test_functions_are_within_two_units(calculator, name):
    x = numbers(np.random.default_rng(0))
    if name in ("sin", "cos", "tan"):
        x = x[~(np.abs(x) > LARGEST_ANGLE) | np.isinf(x)]
        x = x[: len(x) // 4 * 4]
    with np.errstate(all="ignore"):
        exact = EXACT[name](x.astype(np.float64))
        got = calculator(name, x)
        off = units_off(got, exact)
    worst = np.argmax(off)
    assert off[worst] <= 2, (x[worst], got[worst], exact[worst])
    # zero keeps its sign
    zeros = (x == 0) & (exact == 0)
    assert (np.signbit(got) == np.signbit(exact))[zeros].all()


@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two_are_within_two_units(calculator, name):
    rng = np.random.default_rng(0)
    pairs = [np.meshgrid(SPECIAL, SPECIAL), rng.uniform(-20, 20, (2, 8000)), rng.integers(-40, 40, (2, 8000))]
    x, y = (np.concatenate([np.ravel(p[i]) for p in pairs]).astype(np.float32) for i in (0, 1))
    x, y = x[: len(x) // 4 * 4], y[: len(y) // 4 * 4]
    with np.errstate(all="ignore"):
        exact = BINARY[name](x.astype(np.float64), y.astype(np.float64))
        got = calculator(name, x, y)
        off = units_off(got, exact)
        if name == "mod":
            # a quotient of more than 2^29 is not known to its last digit
            off = np.where(np.abs(x / y) < 2.0**29, off, 0)
    worst = np.argmax(off)
    assert off[worst] <= 2, (x[worst], y[worst], got[worst], exact[worst])


def test_a_large_angle_still_has_a_sine(calculator):
    x = np.array([1e7, 1e12, 3e38, -1e20], np.float32)
    assert (np.abs(calculator("sin", x)) <= 1).all() and (np.abs(calculator("cos", x)) <= 1).all()


# -- assembler --------------------------------------------------------------------------------------------------------


def test_numbers_in_few_bytes():
    assert [unsigned(n).hex() for n in (0, 127, 128, 624485)] == ["00", "7f", "8001", "e58e26"]
    assert [signed(n).hex() for n in (0, -1, 63, 64, -64, -65, -123456)] == [
        "00",
        "7f",
        "3f",
        "c000",
        "40",
        "bf7f",
        "c0bb78",
    ]


def test_numbers_beyond_float32_are_the_largest():
    assert np.frombuffer(wasm.f32_bytes(1e300) + wasm.f32_bytes(-1e300), np.float32).tolist() == [
        float(np.finfo(np.float32).max),
        float(np.finfo(np.float32).min),
    ]


# -- addresses --------------------------------------------------------------------------------------------------------


def test_rows_of_four_layers_are_one_sum():
    """Row r lies in layer ``r % 4`` at ``r / 4``: put together, that is r."""
    s = Shader()
    y = s.fragment("y", 8)
    row = s.add(s.mul(y, 5), 3)
    shape = Shape(width=7, height=20, layers=4, texel=16)
    total = Indices({}, 0, 8, 8).address(2, s.div(row, 4), s.mod(row, 4), shape, 0)
    assert total.terms == {ROW: 5 * 7 * 16} and total.constant == (3 * 7 + 2) * 16


def test_columns_of_four_lanes_are_one_sum():
    s = Shader()
    col = s.add(s.mul(s.fragment("x", 8), 3), 1)
    indices, shape = Indices({}, 0, 8, 8), Shape(6, 1, 1, 16)
    total = indices.simple(indices.address(s.div(col, 4), 0, 0, shape, 0).plus(indices.sum(s.mod(col, 4), 0), 4), 0)
    assert total.terms[COLUMN] == 12 and total.constant == 4


def test_what_is_left_of_a_number_below_zero_may_be_below_zero():
    s = Shader()
    value = s.mod(s.sub(2, s.fragment("x", 8)), 15)
    indices = Indices({}, 0, 8, 8)
    assert indices.span(indices.sum(value, 0)) == (-14, 14)
    quotient = s.div(value, 4)
    assert indices.span(indices.sum(quotient, 0)) == (-4, 3)


# -- analysis ---------------------------------------------------------------------------------------------------------


def shaders(inputs, outputs):
    return [d.shader for d in lower(inputs, [], outputs).draws]


def of(shape):
    return b.input_node(shape, "float32")


def test_neighbours_of_a_product_share_what_does_not_depend_on_the_column():
    x, y = of((64, 32)), of((32, 64))
    (shader,) = shaders([x, y], [b.dot(x, y)])
    assert Analysis(shader).jam(16, 16) == (X, 2)
    # in one column of blocks there is too little to share
    assert Analysis(shader).jam(1, 16) == Analysis(shader).jam(1, 1) == NONE


def test_a_sum_along_rows_runs_once_per_row():
    """Its loop depends on the row alone, wherever in the row the result is wanted."""
    x = of((40, 64))
    share = x / b.broadcast(b.reduce("sum", x, 1, keepdims=True), (40, 64))
    analysed = [Analysis(s).depends for s in shaders([x], [share])]
    loops = [bits for depends in analysed for thing, bits in depends.items() if type(thing).__name__ == "Loop"]
    assert loops and not any(bits & X for bits in loops)


def test_equal_draws_share_a_function():
    weights = [of((8, 8)) for _ in range(6)]
    outputs = [b.unary("tanh", w) for w in weights]
    plan = lower(weights, [], outputs)
    module = at_once(compiling(plan, relaxed=True))
    assert len(module.calls) == len(plan.draws)
    assert len({call.function for call in module.calls}) < len(plan.draws)


def test_products_and_sums_are_rounded_together_only_if_that_is_allowed():
    x, y = of((16, 16)), of((16, 16))
    plan = lower([x, y], [], [b.dot(x, y)])
    together, apart = (at_once(compiling(plan, relaxed)).data for relaxed in (True, False))
    assert wasm.RELAXED_MADD in together and wasm.RELAXED_MADD not in apart


# -- packing ----------------------------------------------------------------------------------------------------------


def side_by_side(x):
    """Four functions of a matrix, interleaved, as gates are that are computed for each unit."""
    gates = [b.mul(b.unary("sigmoid", x), x), b.mul(b.unary("tanh", x), x), b.mul(x, x), b.mul(b.unary("exp", x), x)]
    return b.concat([b.reshape(gate, (*x.shape, 1)) for gate in gates], len(x.shape))


def numbers_computed(block):
    """Operations on single numbers: what is not of vectors, and computes."""
    return sum(1 for s in block if getattr(s, "type", "") == "f" and s.op in ("mul", "sigmoid", "tanh", "exp"))


def test_what_four_rows_compute_lane_by_lane_is_computed_by_vectors():
    x = of((8, 5))
    (shader,) = shaders([x], [side_by_side(x)])
    assert numbers_computed(shader.body) == 4 * 7
    assert numbers_computed(packed(shader).body) == 0
    assert numbers_computed(shader.body) == 4 * 7, "the shader itself stays as it is, for other executors"


def test_what_is_computed_by_vectors_has_the_same_values():
    runtime = starting.wasmtime()
    array = np.random.default_rng(0).uniform(-2, 2, (8, 5)).astype(np.float32)
    x = of((8, 5))
    (made,) = runtime.compile(Graph([x], [], [side_by_side(x)])).run([runtime.upload(array)], [])
    expected = np.stack([array / (1 + np.exp(-array)), np.tanh(array) * array, array**2, np.exp(array) * array], -1)
    np.testing.assert_allclose(runtime.read_sync(made), expected, rtol=1e-6)


def test_a_shader_whose_numbers_are_not_alike_stays_as_it_is():
    x, y = of((64, 32)), of((32, 64))
    (shader,) = shaders([x, y], [b.dot(x, y)])
    assert packed(shader) is shader


# -- the device -------------------------------------------------------------------------------------------------------


def test_indices_beyond_a_tensor_do_not_trap():
    runtime = starting.wasmtime()
    x, index = of((5, 8)), b.input_node((6,), "int32")
    executable = runtime.compile(Graph([x, index], [], [b.gather(x, index)]))
    array = np.arange(40, dtype=np.float32).reshape(5, 8)
    wild = np.array([0, 4, 2**24, -(2**24), 10**6, -7], np.int32)
    (made,) = executable.run([runtime.upload(array), runtime.upload(wild)], [])
    np.testing.assert_array_equal(runtime.read_sync(made)[:2], array[[0, 4]])


def test_memory_grows_and_is_used_again():
    device = WasmtimeDevice()
    spec = TextureSpec(256, 256, 4)
    size = shape_of(spec).size
    assert size >= 2**22
    before = device.memory()
    ids = [device.alloc(spec) for _ in range(8)]
    grown = device.memory()
    assert grown["bytes"] - before["bytes"] == 8 * size and len(device._bytes) > 8 * size
    most = len(device._bytes)
    for _ in range(5):
        device.free(ids)
        ids = [device.alloc(spec) for _ in range(8)]
    assert len(device._bytes) == most
    device.free(ids)
    assert device.memory()["bytes"] == before["bytes"]


def test_rows_of_a_wide_texture_do_not_share_the_sets_of_a_cache():
    """A column's texels would all fall into the few sets that multiples of a kilobyte fall into."""
    rows = [shape_of(TextureSpec(width, 8, 4)).row for width in (64, 256, 512)]
    assert all(row % 1024 == 64 for row in rows)
    device = WasmtimeDevice()
    texels = np.random.default_rng(0).random((4, 8, 256, 4), np.float32)
    id_ = device.alloc(TextureSpec(256, 8, 4))
    device.upload(id_, texels)
    np.testing.assert_array_equal(device.read_sync(id_, Region(3, 1, 200, 5)), texels[:, 1:6, 3:203])
    device.free([id_])


def test_what_does_not_fit_is_said_and_changes_nothing():
    device = WasmtimeDevice()
    large = TextureSpec(4096, 4096, 4)
    ids = [device.alloc(large) for _ in range(3)]
    before = device.memory()["bytes"]
    with pytest.raises(MemoryError, match="bytes are not to be had: .* are in use"):
        device.alloc(large)
    assert device.memory()["bytes"] == before
    device.free(ids)


@pytest.mark.parametrize("seed", range(20))
def test_spans_of_memory_never_overlap(seed):
    rng = np.random.default_rng(seed)
    heap, spans = Heap(1024), {}
    for _ in range(300):
        if spans and rng.random() < 0.45:
            address = list(spans)[rng.integers(len(spans))]
            del spans[address]
            heap.free(address)
        else:
            size = int(rng.integers(1, 5000))
            spans[heap.alloc(size)] = size
        ends = sorted((a, a + s) for a, s in spans.items())
        assert all(end <= following for (_, end), (following, _) in itertools.pairwise(ends))
        assert all(a >= 1024 and a % 64 == 0 and e <= heap.end for a, e in ends)
    for address in spans:
        heap.free(address)
    assert heap.end == 1024 and not heap.used and not heap.free_bytes


def test_bytes_are_read_as_they_were_written():
    runtime = starting.wasmtime()
    array = np.arange(256, dtype=np.uint8).reshape(4, 64)
    image = b.input_node(array.shape, "uint8")
    executable = runtime.compile(
        Graph([image], [], [b.cast(image, "float32"), b.reduce("sum", b.cast(image, "float32"))])
    )
    whole, total = executable.run([runtime.upload(array)], [])
    np.testing.assert_array_equal(runtime.read_sync(whole), array)
    assert runtime.read_sync(total) == array.sum()
    assert runtime.memory()["bytes"] < 256 * 16


def test_a_program_computes_by_webassembly_when_asked_to():
    wl.set_backend("wasm")
    try:
        assert wl.get_backend() == "wasm" and wl.why() == "wasm computes: set_backend('wasm') asked for it"
        assert (wl.tensor([1.0, 2.0]) * 2).array_sync() == [2, 4]
        assert wl.memory()["wasm_plans"] >= 1
    finally:
        wl.set_backend("numpy")


@pytest.mark.parametrize("name", models.SMALL)
def test_a_hundred_steps_are_those_of_numpy(name):
    try:
        ours, expected = (asyncio.run(models.hundred_steps(name, backend)) for backend in ("wasm", "numpy"))
    finally:
        wl.set_backend("numpy")
    assert len(ours) == 100
    np.testing.assert_allclose(ours, expected, rtol=1e-4)


def test_without_wasmtime_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "wasmtime", None)
    monkeypatch.delitem(sys.modules, "weblayers.runtime.wasmtime_device")
    with pytest.raises(RuntimeError, match=r"needs the package wasmtime .* pip install 'weblayers\[wasm\]'"):
        starting.wasmtime()
