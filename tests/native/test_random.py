"""Random models, graphs and training steps: as plans as by NumPy. ``./build.sh fuzz`` goes on with other seeds."""

import warnings

import pytest

import weblayers as wl
from tests import random_graphs, random_models, random_updates
from tests.agreement import on
from tests.random_layers import ELSEWHERE, beginnings
from weblayers.graph.registry import PRIMITIVES
from weblayers.layers import CLASSES
from weblayers.optimizers import TABLE

# The first layer goes by the seed: so many seeds meet all classes.
MODELS = len(beginnings())
GRAPHS = 400
UPDATES = 140
# Seeds of one test: a failure names its own, and a test's overhead is small beside them.
TOGETHER = 10
# What graphs begin with.
SOURCES = {"array", "broadcast", "constant", "input"}


def failing(check, first, count):
    found = {seed: check(seed) for seed in range(first, min(first + TOGETHER, count))}
    return {seed: why for seed, why in found.items() if why}


@pytest.mark.parametrize("seed", range(MODELS))
def test_models(seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert not random_models.check(seed)


@pytest.mark.parametrize("first", range(0, GRAPHS, TOGETHER))
def test_graphs(first):
    assert not failing(random_graphs.check, first, GRAPHS)


@pytest.mark.parametrize("first", range(0, UPDATES, TOGETHER))
def test_updates(first):
    assert not failing(random_updates.check, first, UPDATES)


def test_every_class_of_layers_begins_a_model():
    # the documentation's programs have registered some of their own
    ours = {name for name, cls in CLASSES.items() if cls.__module__.startswith("weblayers.")}
    assert beginnings().keys() | ELSEWHERE.keys() == ours
    assert not beginnings().keys() & ELSEWHERE.keys()


@pytest.fixture(scope="module")
def models():
    return [on("numpy", lambda seed=seed: random_models.RandomModel(seed)) for seed in range(MODELS)]


def every_layer(layer):
    yield layer
    for inner in layer.layers if isinstance(layer, wl.Model) else layer.sublayers:
        yield from every_layer(inner)


def test_a_model_has_the_layer_that_it_is_named_for(models):
    for made in models:
        classes = {cls.__name__ for layer in every_layer(made.model) for cls in type(layer).__mro__}
        assert made.begins_with in classes


def test_every_optimizer_trains_some_model(models):
    assert {type(made.optimizer) for made in models} == set(TABLE.values())


def test_every_primitive_is_in_some_graph():
    seen = set()
    for seed in range(GRAPHS):
        seen.update(random_graphs.Outcome(seed).ops())
    assert seen == PRIMITIVES.keys() - SOURCES
