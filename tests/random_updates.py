"""Random training steps: states that replace each other by expressions that are partly equal, packed and swapped."""

import asyncio

import numpy as np

from tests.random_graphs import unequal
from tests.random_layers import Chance
from weblayers.graph import build as b
from weblayers.graph.gradient import gradient
from weblayers.graph.program import Graph
from weblayers.runtime.base import TrainSpec
from weblayers.runtime.numpy_runtime import NumpyRuntime
from weblayers.runtime.plans import PlanRuntime
from weblayers.runtime.soft_device import SoftDevice

STEPS = 3
SHAPES = ((), (1,), (4,), (5,), (4, 5), (5, 4), (4, 4), (3, 3, 2, 4), (2, 3), (1, 5), (7, 1), (33,), (4, 36))
# A factor is one of few, so that some expressions are equal and others are not.
FACTORS = (0.9, 0.9, 0.5)


def _moments(update, w, g):
    m, v = update.slot(w), update.slot(w)
    k = update.factor()
    new_m, new_v = m * k + g * (1 - k), v * k + g * g * (1 - k)
    update.put(m, new_m)
    update.put(v, new_v)
    return w - new_m * update.rate / (b.unary("sqrt", new_v) + 0.1)


def _momentum(update, w, g):
    m = update.slot(w)
    new = m * update.factor() + g
    update.put(m, new)
    return w - new * update.rate


def _averaged(update, w, g):
    average, k = update.slot(w), update.factor()
    new = w - g * update.rate
    update.put(average, average * k + new * (1 - k))
    return new


def _accumulated(update, w, g):
    """Every second step takes what the steps before have gathered."""
    total = update.slot(w)
    due = b.compare("eq", update.step - b.unary("floor", update.step / 2.0) * 2.0, 1.0)
    gathered = total + g
    update.put(total, b.where(due, 0.0, gathered))
    return b.where(due, w - gathered * update.rate, w)


def _shortened(update, w, g):
    length = b.unary("sqrt", b.reduce("sum", g * g))
    return w - g * (update.rate / b.maximum(length, 0.1))


def _of_length_one(update, w, g):
    new = w - g * update.rate
    return new / (b.unary("sqrt", b.reduce("sum", new * new)) + 0.5)


RULES = (
    _moments,
    _momentum,
    _averaged,
    _accumulated,
    _shortened,
    _of_length_one,
    lambda update, w, g: w - g * update.rate,
    lambda update, w, g: w * (1.0 - update.rate * update.factor()) - g * update.rate,
    lambda update, w, g: w - b.minimum(b.maximum(g, -0.1), 0.1) * update.rate,
    lambda update, w, g: b.unary("relu", w - g * update.rate),
)


class RandomUpdates:
    """A step that has some weights, a cost of them, and an update for each."""

    def __init__(self, seed):
        self.chance = Chance(seed)
        self.rate, self.step = b.scalar_node(), b.scalar_node()
        self.inputs, self.arrays, self.new = [], [], {}
        shapes = [self.chance.one_of(SHAPES) for _ in range(self.chance.number(1, 4))]
        self.data = {rows: self.input((3, rows)) for rows in {s[0] for s in shapes if len(s) == 2}}
        weights = [self.input(self.chance.one_of(shapes)) for _ in range(self.chance.number(2, 7))]
        cost = self.cost(weights)
        rules = [self.chance.one_of(RULES) for _ in range(self.chance.number(1, 3))]
        for w, g in zip(weights, self.shared(gradient(cost, weights)), strict=True):
            self.put(w, self.chance.one_of(rules)(self, w, g))
        for odd in (self.counter, self.twin, self.before, self.exchanged, self.turned, self.constant):
            if self.chance.happens(0.25):
                odd(self.chance.one_of(weights))
        outputs = [self.log(cost), *self.new.values()]
        states = [self.inputs.index(s) for s in self.new]
        swaps = {i: o for o, i in enumerate(states, 1)}
        self.graph = Graph(self.inputs, [self.rate, self.step], outputs, swaps)

    def input(self, shape):
        self.inputs.append(b.input_node(tuple(shape), "float32"))
        self.arrays.append(self.chance.rng.uniform(-1, 1, shape).astype(np.float32))
        return self.inputs[-1]

    def slot(self, w):
        """A state beside a weight, of positive values."""
        slot = self.input(w.shape)
        self.arrays[-1] = np.abs(self.arrays[-1])
        return slot

    def put(self, state, value):
        self.new[state] = value

    def factor(self):
        return self.chance.one_of(FACTORS)

    def cost(self, weights):
        """What all weights count in, matrices by products with data, to which some vectors are added."""
        total = b.constant(0.0, "float32")
        for w in weights:
            value = w
            if len(w.shape) == 2:
                value = b.dot(self.data[w.shape[0]], w)
                biases = [v for v in weights if v.shape == w.shape[1:]]
                value = value + self.chance.one_of(biases) if biases else value
            total = total + b.reduce("sum", b.unary("tanh", value * self.factor()))
        return total

    def shared(self, gradients):
        """The gradients, of which some stand for others of their shape."""
        found = []
        for g in gradients:
            same = [f for f in found if f.shape == g.shape]
            found.append(self.chance.one_of(same) if same and self.chance.happens(0.3) else g)
        return found

    def log(self, cost):
        parts = [b.reshape(cost, (1,))]
        if self.chance.happens():
            parts.append(b.reshape(b.reduce("sum", self.chance.one_of(list(self.new.values()))), (1,)))
        return b.concat(parts, 0)

    # -- states of other kinds ----------------------------------------------------------------------------------------

    def counter(self, w):
        count = self.input(())
        self.put(count, count + 1.0)

    def twin(self, w):
        """A state that gets the value of another."""
        self.put(self.input(w.shape), self.new[w])

    def before(self, w):
        """A state that gets what another one was."""
        self.put(self.input(w.shape), w)

    def exchanged(self, w):
        one, other = self.input(w.shape), self.input(w.shape)
        self.put(one, other)
        self.put(other, one)

    def turned(self, w):
        state = self.input(w.shape)
        self.put(state, b.reverse(state, range(len(w.shape))) * 0.5)

    def constant(self, w):
        self.put(self.input(w.shape), b.full(w.shape, 0.5))

    # -- running ------------------------------------------------------------------------------------------------------

    def trained(self, runtime):
        """The logs of some steps and the states after them."""

        async def main():
            executable = runtime.compile(self.graph)
            inputs = [runtime.upload(a) for a in self.arrays]
            await executable.prepare()
            result = await executable.train(TrainSpec(STEPS, inputs, [0.1, 0.0], [0.0, 1.0])).result()
            return [result.logs, *(runtime.read_sync(result.state[i]) for i in self.graph.swaps)]

        return asyncio.run(main())


def check(seed):
    """Where the states of a random step differ between plans and NumPy, in words; None where they agree."""
    update = RandomUpdates(seed)
    got, wanted = update.trained(PlanRuntime(SoftDevice())), update.trained(NumpyRuntime())
    names = ["logs", *(f"state {update.graph.inputs[i].shape} {i}" for i in update.graph.swaps)]
    found = [unequal(a, e, n) for a, e, n in zip(got, wanted, names, strict=True)]
    return "; ".join(f for f in found if f) or None
