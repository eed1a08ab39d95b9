"""What is counted of plans: draws, texels read and written, rounds, shaders; and what no plan may do."""

import dataclasses
import sys

import numpy as np
import pytest

from tests import textures
from tests.architectures import deep
from tests.native.test_training_plans import batch_of
from tests.perf import workloads
from tests.thresholds import as_if_large
from weblayers.compiler import kernel, verify
from weblayers.compiler.kernel import Kernel
from weblayers.compiler.layout import layout_of, whole
from weblayers.compiler.lower import lower
from weblayers.compiler.plan import Draw, Plan, Slot, TextureSpec
from weblayers.compiler.shader import Shader
from weblayers.compiler.statements import Loop, Value, rounds, work
from weblayers.graph import build as b
from weblayers.graph import scan
from weblayers.graph.evaluate import evaluate
from weblayers.graph.gradient import gradient

RNG = np.random.default_rng(0)


def compiled(model, batch):
    """The graph of a training step."""
    return model.steps.train(batch_of(model, batch), batch).graph


def transformer():
    """The graph of a step over tokens."""
    model = workloads.transformer()
    tokens = RNG.integers(0, workloads.VOCABULARY, (16, 64)).astype(np.float32)
    answers = np.eye(workloads.VOCABULARY, dtype=np.float32)[tokens.astype(int)]
    return model.steps.train(model.samples(tokens, answers).rows(), 16).graph


def plan_of(graph):
    return lower(graph.inputs, graph.scalars, graph.outputs, graph.swaps, log=True)


def equal_layers(count, width=32):
    model = deep(count, width)
    model.compile("adam", "categorical_crossentropy")
    return model


def fragments(draw):
    return draw.viewport[2] * draw.viewport[3]


def fetches(block):
    """Texels that a fragment reads, loops counted out."""
    each = (rounds(s) * fetches(s.body) if isinstance(s, Loop) else is_fetch(s) for s in block)
    return sum(each)


def is_fetch(statement):
    return isinstance(statement, Value) and statement.op == "fetch"


def texels_read(plan):
    return sum(fragments(d) * fetches(d.shader.body) for d in plan.draws)


def bytes_written(plan):
    return sum(fragments(d) * len(d.targets) * 16 for d in plan.draws)


def most_rounds(plan):
    """Statements of the fragment that has the most of them."""
    return max(work(d.shader.body) for d in plan.draws)


# -- training steps ---------------------------------------------------------------------------------------------------

STEPS = {
    "mlp": (lambda: compiled(workloads.mlp(), 128), 11),
    "mnist_cnn": (lambda: compiled(workloads.mnist_cnn(), 64), 19),
    "cnn_batchnorm": (lambda: compiled(workloads.cnn_batchnorm(), 32), 29),
    "lstm": (lambda: compiled(workloads.lstm(), 32), 141),
    "gru": (lambda: compiled(workloads.gru(), 32), 223),
    "transformer": (transformer, 92),
    "64 equal layers": (lambda: compiled(equal_layers(64), 32), 200),
}


@pytest.mark.parametrize("name", STEPS)
def test_draws_of_a_step(name):
    graph, most = STEPS[name]
    plan = plan_of(graph())
    assert len(plan.draws) <= most
    assert max(len(d.samplers) for d in plan.draws) <= kernel.MAX_SAMPLERS


def test_what_a_transformer_reads_and_writes():
    plan = plan_of(transformer())
    assert texels_read(plan) <= 35.3e6
    assert bytes_written(plan) <= 20.4e6


# What a step reads, in millions of texels, where fragments write eight rows of products, and its draws.
HIGH_STEPS = {
    "mlp": (2.7, 12),
    "mnist_cnn": (6.6, 20),
    "cnn_batchnorm": (13.7, 29),
    "lstm": (10.4, 142),
    "gru": (8.3, 226),
    "transformer": (27.5, 106),
}


@pytest.mark.parametrize("name", HIGH_STEPS)
def test_products_in_high_blocks_read_less(name):
    """Where a fragment writes eight rows, it multiplies ten times with what it has read, and not eight times."""
    graph, (most, draws) = STEPS[name][0](), HIGH_STEPS[name]
    low, high = (
        lower(graph.inputs, graph.scalars, graph.outputs, graph.swaps, log=True, block=block) for block in (4, 8)
    )
    assert texels_read(high) <= min(most * 1e6, 0.9 * texels_read(low))
    assert len(high.draws) <= draws and bytes_written(high) <= 1.25 * bytes_written(low)


def test_long_sums_run_beside_each_other():
    """No fragment has many rounds, and no draw so few rows that a rasterizer's threads have nothing to do."""
    x = b.input_node((32, 32, 32, 16), "float32")
    y = b.input_node((1024, 1000), "float32")
    plan = lower([x, y], [], [b.reduce("sum", x, (0, 1, 2)), b.reduce("sum", y, (0,))])
    assert len(plan.draws) == 4
    assert max(d.work / (d.viewport[2] * d.viewport[3]) for d in plan.draws) < 60_000
    first = [d for d in plan.draws if d.samplers[0] >= len(plan.textures)]
    assert all(d.viewport[3] >= 8 for d in first)


def test_equal_layers_share_their_shaders(monkeypatch):
    """And what is emitted, which is most of what compiling takes, does not grow with their number."""
    emitted = [0]
    keep = Shader._id
    monkeypatch.setattr(Shader, "_id", lambda self: emitted.__setitem__(0, emitted[0] + 1) or keep(self))
    counts = {}
    for layers in (16, 64):
        graph = compiled(equal_layers(layers), 32)
        emitted[0] = 0
        plan = plan_of(graph)
        counts[layers] = len({id(d.shader) for d in plan.draws}), emitted[0]
    assert counts[64][0] == counts[16][0]
    assert counts[64][1] <= counts[16][1] * 1.2


def test_draws_grow_no_faster_than_layers():
    draws = {n: len(plan_of(compiled(equal_layers(n), 32)).draws) for n in (8, 16, 32)}
    assert draws[32] - draws[16] <= 2 * (draws[16] - draws[8]) + 2


def test_a_small_network_is_not_computed_by_one_fragment():
    """Reductions of reductions of reductions take the product of their lengths: some of them are stored."""
    model = deep(8, 8)
    model.compile("adam", "categorical_crossentropy")
    assert most_rounds(plan_of(compiled(model, 1))) < 20_000


# -- long chains ------------------------------------------------------------------------------------------------------


def computed(inputs, outputs, arrays):
    """What a plan gives, and NumPy."""
    plan = lower(inputs, [], outputs)
    return plan, textures.run(plan, arrays, outputs), evaluate(outputs, dict(zip(inputs, arrays, strict=True)))


@pytest.mark.parametrize(
    "step", [lambda v, x: b.unary("tanh", v) + 0.01, lambda v, x: v * 0.99 + x], ids=["tanh", "v * a + x"]
)
def test_long_chains(step):
    x = value = b.input_node((3, 5), "float32")
    for _ in range(800):
        value = step(value, x)
    _, (got,), (wanted,) = computed([x], [value], [RNG.uniform(-1, 1, (3, 5)).astype(np.float32)])
    np.testing.assert_allclose(got, wanted, rtol=1e-4)


def test_deep_programs_need_no_recursion():
    x = value = b.input_node((4,), "float32")
    for i in range(3000):
        value = b.unary("tanh", value + x) if i % 3 else b.reverse(value, (0,)) * 0.5
    kept = sys.getrecursionlimit()
    frame, depth = sys._getframe(), 0
    while frame:
        frame, depth = frame.f_back, depth + 1
    # what one part between two stored values takes, printed or evaluated, and no more
    sys.setrecursionlimit(depth + 500)
    try:
        plan = lower([x], [], [value])
    finally:
        sys.setrecursionlimit(kept)
    array = RNG.uniform(-1, 1, 4).astype(np.float32)
    np.testing.assert_allclose(textures.run(plan, [array], [value])[0], evaluate([value], {x: array})[0], rtol=1e-4)


# -- long reductions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape, axis", [((1_000_003,), 0), ((10_007, 64), 0), ((3, 20_011), 1), ((2 * 100_003,), 0)])
@pytest.mark.parametrize("kind", ["sum", "max", "min", "prod"])
def test_reductions_over_primes(kind, shape, axis):
    x = b.input_node(shape, "float32")
    # a product of so many numbers stays a number if they are close to one
    spread = 1e-3 if kind == "prod" else 1
    array = (RNG.uniform(-1, 1, shape) * spread + (kind in ("prod", "sum"))).astype(np.float32)
    (value,) = outputs = [b.reduce(kind, x, axis)]
    plan = lower([x], [], outputs)
    assert all(s.count <= 400 for d in plan.draws for s in d.shader.body if isinstance(s, Loop))
    exact = getattr(np, kind)(array.astype(np.float64), axis=axis)
    # each product is rounded, in whatever order: a million of them are no better in float32
    rtol = 3e-4 if kind == "prod" else 1e-5
    np.testing.assert_allclose(textures.run(plan, [array], [value])[0], exact, rtol=rtol)


def test_the_extremum_of_infinities():
    x = b.input_node((3, 5), "float32")
    outputs = [b.reduce("max", x, 1), b.reduce("min", b.neg(x), 1)]
    _, got, _ = computed([x], outputs, [np.full((3, 5), -np.inf, np.float32)])
    np.testing.assert_array_equal(got, [[-np.inf] * 3, [np.inf] * 3])


# -- states -----------------------------------------------------------------------------------------------------------


def test_two_states_that_get_one_value_go_their_own_ways():
    one, other = (b.input_node((4,), "float32") for _ in range(2))
    value = one + other
    plan = lower([one, other], [], [b.reshape(b.reduce("sum", value), (1,)), value, value], {0: 1, 1: 2}, log=True)
    assert plan.outputs[1].texture != plan.outputs[2].texture


# -- what is refused --------------------------------------------------------------------------------------------------


def sound():
    """A plan of two draws: of an input into a temporary texture, of that into an output."""
    spec, slot = TextureSpec(4, 4, 2), Slot(0, whole(layout_of((16, 16))))
    first = Draw(Shader(), [(0, 0)], (0, 0, 4, 4), [1], [])
    second = Draw(Shader(), [(2, 0)], (0, 0, 4, 4), [0], [])
    return Plan([spec], [spec], [slot], [slot], [spec], draws=[first, second])


def with_draw(number, **changed):
    made = sound()
    made.draws[number] = dataclasses.replace(made.draws[number], **changed)
    return made


def with_unequal_targets():
    made = with_draw(1, targets=[(2, 0), (3, 0)])
    made.output_specs.append(TextureSpec(8, 4, 1))
    return made


def with_two_states():
    made = sound()
    made.inputs.append(Slot(1, made.inputs[0].placement))
    made.input_specs.append(made.input_specs[0])
    made.outputs.append(made.outputs[0])
    made.draws = []
    return made


BROKEN = {
    "reads 17 textures": lambda: with_draw(1, samplers=[0] * 17),
    "at most 8 different ones": lambda: with_draw(1, targets=[(2, i) for i in range(9)]),
    "different ones can be written": lambda: with_draw(1, targets=[(2, 0), (2, 0)]),
    "unequal sizes": with_unequal_targets,
    r"writes \(1, 0, 4, 4\)": lambda: with_draw(1, viewport=(1, 0, 4, 4)),
    "that do not exist": lambda: with_draw(1, targets=[(2, 2)]),
    "which it writes": lambda: with_draw(1, samplers=[0, 2]),
    "before anything is written": lambda: with_draw(0, samplers=[0], targets=[(2, 0)]),
    "in 2 textures is replaced by 1": with_two_states,
}


def test_a_sound_plan_is_accepted():
    verify.plan(sound(), {0: 0})


@pytest.mark.parametrize("message", BROKEN)
def test_broken_plans_are_refused(message):
    made = BROKEN[message]()
    swaps = {0: 0, 1: 1} if len(made.inputs) > 1 else {0: 0}
    with pytest.raises(RuntimeError, match=message):
        verify.plan(made, swaps)


def test_kernels_that_wait_for_each_other_are_named():
    x = b.input_node((3,), "float32")
    one, other = b.unary("tanh", x), b.unary("sin", x)
    with pytest.raises(RuntimeError, match=r"wait for each other: <Kernel of <tanh.* after <Kernel of <sin.* after"):
        kernel.scheduled([Kernel([one], None, [other]), Kernel([other], None, [one])])


@pytest.mark.parametrize("samples", [1, 4, 8, 12, 16, 40])
def test_loops_read_slices_of_high_blocks(samples):
    """Where those end with the slices."""
    x, w, u = (b.input_node(shape, "float32") for shape in ((5, samples, 6), (6, 8), (8, 8)))
    first = b.broadcast(b.constant(0.0), (samples, 8))
    given = b.dot(x, b.broadcast(w, (5, 6, 8)))

    def step(carries, slices):
        after = b.unary("tanh", b.add(slices[0], b.dot(carries[0], u)))
        return [after], [after]

    loop, _ = scan.over([given], [first], step)
    last = scan.last(loop, 0)
    slopes = gradient(b.reduce("sum", b.mul(last, last), (0, 1)), [x, w, u])
    with as_if_large():
        plan = lower([x, w, u], [], [last, *slopes], block=8)
    assert any(t.layers == 8 for t in plan.textures) or samples == 1
    arrays = [np.random.default_rng(0).standard_normal(n.shape).astype(np.float32) / 2 for n in (x, w, u)]
    wanted = evaluate([last, *slopes], dict(zip((x, w, u), arrays, strict=True)))
    for got in textures.both(plan, arrays, [last, *slopes], []):
        for a, e in zip(got, wanted, strict=True):
            np.testing.assert_allclose(a, e, 2e-4, 2e-5)


@pytest.mark.parametrize("samples", [1, 3, 8])
def test_what_is_put_together_of_all_steps_is_so_after_the_loop(samples):
    """Values that nobody in the loop reads, of pieces that are wanted too, also of pieces that are put together."""
    steps = 5
    x = b.input_node((steps, samples, 4), "float32")
    first = b.input_node((samples, 4), "float32")

    def step(carries, slices):
        p, q, r = (b.unary(f, b.add(carries[0], slices[0])) for f in ("tanh", "sigmoid", "sin"))
        pair, four = b.concat([p, q], 1), b.concat([p, q, r, p], 1)
        return [b.mul(p, q)], [pair, r, p, b.concat([p, q, r], 1), four, b.concat([q, r, q, r, q], 1)]

    loop, values = scan.over([x], [first], step)
    pieces, wholes = ([scan.each(loop, v) for v in part] for part in (values[:3], values[3:5]))
    apart = scan.each(loop, values[5])
    last = scan.last(loop, 0)

    def draws(outputs):
        return len(lower([x, first], [], outputs).draws)

    in_steps = draws([last, *pieces])
    assert draws([last, *pieces, *wholes]) <= in_steps + len(wholes)
    # of this one a piece is missing
    assert draws([last, *pieces, apart]) >= in_steps + steps
    outputs = [last, *pieces, *wholes, apart]
    plan = lower([x, first], [], outputs)
    arrays = [RNG.standard_normal(n.shape).astype(np.float32) for n in (x, first)]
    wanted = evaluate(outputs, dict(zip((x, first), arrays, strict=True)))
    for got in textures.both(plan, arrays, outputs, []):
        for a, e in zip(got, wanted, strict=True):
            np.testing.assert_allclose(a, e, 2e-4, 2e-5)
