"""Training plans are compiled once, for models that are traced alike and for later visits."""

import asyncio
import itertools

import numpy as np
import pytest

import weblayers as wl
from tests import cases
from tests.native.test_training_plans import batch_of
from weblayers.compiler.plan import Ports
from weblayers.graph.digest import digest
from weblayers.graph.program import Graph
from weblayers.runtime import device, kept_plans, plans
from weblayers.runtime.kept_plans import KeptPlans
from weblayers.runtime.plans import PlanRuntime
from weblayers.runtime.soft_device import SoftDevice

L = wl.layers
RNG = np.random.default_rng(0)
X, Y = RNG.random((8, 4), np.float32), RNG.random((8, 2), np.float32)


def dense(units=4, activation="tanh", optimizer="adam", loss="mean_squared_error", rate=0.25):
    made = wl.sequential([L.dense(units, input_shape=[4]), L.dropout(rate), L.dense(2, activation=activation)])
    made.compile(optimizer, loss)
    return made


def recurrent():
    made = wl.sequential([L.gru(3, input_shape=[6, 4]), L.dense(2)])
    made.compile("adam", "mean_squared_error")
    return made


def step(model=dense, batch=4, **changed):
    made = model(**changed)
    return made.steps.train(batch_of(made, batch), batch).graph


# -- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [dense, recurrent])
def test_steps_that_are_traced_alike_have_one_name(model):
    """Whatever their seeds and initial weights are."""
    assert digest(step(model)) == digest(step(model))


def test_what_changes_a_plan_changes_the_name():
    other = [
        {"units": 5},
        {"activation": "relu"},
        {"optimizer": "sgd"},
        {"loss": "mean_absolute_error"},
        {"rate": 0.5},
        {"batch": 3},
    ]
    names = [digest(step(**changed)) for changed in [{}, *other]]
    assert len(set(names)) == len(names)


def test_every_case_has_a_name_of_its_own():
    """Built twice it is the same; others have others, unless they are the same graph."""

    def graph(case):
        inputs, scalars, output = case.nodes()
        return Graph(inputs, scalars, [output])

    names = {}
    for case in cases.CASES:
        one, again = graph(case), graph(case)
        assert digest(one) == digest(again), case.name
        names.setdefault(digest(one), []).append((case.name, repr(one.outputs[0])))
    # what a scan's body is made of is not part of how a node is shown
    for alike in names.values():
        assert len({shown for _, shown in alike}) == 1, alike
    assert len(names) > 0.9 * len(cases.CASES)


def test_state_and_precision_are_part_of_the_name():
    inputs, scalars, output = cases.CASES[0].nodes()
    ways = itertools.product(({}, {0: 0}), (False, True))
    graphs = [Graph(inputs, scalars, [output], swaps, halves) for swaps, halves in ways]
    assert len({digest(graph) for graph in graphs}) == 4


# -- keeping ----------------------------------------------------------------------------------------------------------


class Storing(SoftDevice):
    """A device whose plans are bytes."""

    form = "soft"

    def __init__(self):
        super().__init__()
        self.encoded = {}

    def encoding(self, plan):
        name = f"plan {len(self.encoded)}".encode()
        self.encoded[name] = plan
        return name
        yield

    def load(self, encoded):
        return super().load(self.encoded[encoded])


class Shelf:
    """A store in memory."""

    def __init__(self):
        self.data = {}

    async def find(self, prefix):
        return {name: data for name, data in self.data.items() if name.startswith(prefix)}

    async def put(self, name, data):
        self.data[name] = data


class Forbidden:
    """A store that the page may not use."""

    async def find(self, prefix):
        raise OSError("denied")

    put = find


@pytest.fixture
def lowered(monkeypatch):
    """How many training plans were made, on a device that keeps them as bytes."""
    made = []

    def lowering(*args, **more):
        made.append(more.get("log", False))
        return original(*args, **more)

    original = plans.lowering
    monkeypatch.setattr(plans, "lowering", lowering)
    monkeypatch.setattr(kept_plans, "installed", lambda: "today's")
    monkeypatch.setitem(device._backends.started, "softgpu", PlanRuntime(Storing()))
    wl.set_backend("softgpu")
    yield lambda: sum(made)
    wl.set_backend("numpy")


@pytest.fixture
def visit(monkeypatch):
    """Begins with nothing in memory, as a page that is opened."""

    def begin(store=None):
        opened = KeptPlans()
        opened.store = store
        for module in (kept_plans, plans, __import__("weblayers.runtime.lasting", fromlist=["lasting"])):
            monkeypatch.setattr(module, "kept_plans", opened)
        return opened

    return begin


async def losses(**changed):
    wl.set_random_seed(3)
    history = await dense(**changed).fit(X, Y, batch_size=4, epochs=2, verbose=0, shuffle=False)
    await asyncio.sleep(0)
    return history.history["loss"]


def test_a_model_that_is_made_anew_needs_no_new_plan(lowered, visit):
    visit()
    first = asyncio.run(losses())
    assert lowered() == 1
    assert asyncio.run(losses()) == first and lowered() == 1
    assert asyncio.run(losses(units=3)) != first and lowered() == 2


def test_the_next_visit_needs_no_new_plan(lowered, visit):
    shelf = Shelf()
    visit(shelf)
    first = asyncio.run(losses())
    assert len(shelf.data) == 1 and lowered() == 1
    again = visit(shelf)
    assert asyncio.run(losses()) == first and lowered() == 1
    # who computes is chosen without a plan too
    assert again.cost(step()) is None or again.cost(step()).draws > 0


def test_another_version_makes_its_own(lowered, visit, monkeypatch):
    shelf = Shelf()
    visit(shelf)
    first = asyncio.run(losses())
    visit(shelf)
    monkeypatch.setattr(kept_plans, "installed", lambda: "tomorrow's")
    assert asyncio.run(losses()) == first and lowered() == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[:40] + bytes([data[40] ^ 1]) + data[41:],
        lambda data: b"",
        lambda data: bytes(len(data)),
    ],
    ids=["shorter", "another bit", "nothing", "zeros"],
)
def test_what_has_changed_in_the_store_is_not_used(lowered, visit, damage):
    shelf = Shelf()
    visit(shelf)
    first = asyncio.run(losses())
    shelf.data = {name: damage(data) for name, data in shelf.data.items()}
    visit(shelf)
    assert asyncio.run(losses()) == first and lowered() == 2


def test_a_store_that_is_forbidden_is_not_asked_again(lowered, visit):
    opened = visit(Forbidden())
    assert len(asyncio.run(losses())) == 2
    assert opened.store is None and lowered() == 1


def test_ports_travel_as_json():
    graph = step()
    plan = plans.at_once(plans.training_plan(graph))
    assert Ports.from_json(plan.ports.to_json()) == plan.ports
