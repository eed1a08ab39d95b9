"""How fast a device is: two numbers, measured once, with which a plan's time can be estimated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..compiler.lower import lower
from ..compiler.pieces import at_once
from ..compiler.plan import Cost
from ..graph import build
from ..graph.node import Node
from ..graph.program import Graph
from .plans import PlanRuntime, cost_if_known, training_plan

# The products that are timed: this wide, so many in one plan.
WIDTH, PRODUCTS = 128, 4
# Additions that cannot be fused: draws of next to no work.
SUMS = 8
# Runs that are timed together: a page's clock is coarse.
RUNS = 8
# A measurement is repeated and the best one counts: what else the machine did is no property of the device.
ROUNDS = 3


@dataclass(frozen=True)
class Speed:
    """What a draw costs by itself, and what a unit of work does, in milliseconds."""

    draw: float
    work: float

    def ms(self, cost: Cost) -> float:
        return cost.draws * self.draw + cost.work * self.work


# Graphs of fewer numbers are not worth lowering to know what they cost.
FEW_NUMBERS = 4096


def cost_of(graph: Graph, trains: bool) -> Cost:
    """What a run of a graph costs, with its state and logs if it ``trains``."""
    if trains:
        return cost_if_known(graph) or at_once(training_plan(graph)).cost
    if sum(n.aval.size for n in graph.inputs) < FEW_NUMBERS:
        return Cost(0, 0)
    return lower(graph.inputs, graph.scalars, graph.outputs).cost


def measured(runtime: PlanRuntime) -> Speed:
    """Time a plan of many draws and one of much work."""
    x = build.input_node((WIDTH, WIDTH), "float32")
    small = build.input_node((4,), "float32")
    total, product = small, x
    for _ in range(SUMS):
        total = build.bind("store", total + 1.0)
    for _ in range(PRODUCTS):
        product = build.dot(product, x)
    (draws_ms, draws), (products_ms, products) = _timed(runtime, small, total), _timed(runtime, x, product)
    draw = draws_ms / draws.draws
    return Speed(draw, max(products_ms - products.draws * draw, 0.0) / products.work)


def _timed(runtime: PlanRuntime, given: Node, result: Node) -> tuple[float, Cost]:
    """Milliseconds of a run, and what it costs."""
    plan = lower([given], [], [result])
    loaded = at_once(runtime.loading(plan))
    storage = runtime.upload(np.zeros(given.shape, np.float32))

    def run(times: int) -> float:
        return runtime.device.timed(loaded.id, [storage.texture.id], times)

    run(1)  # compiles
    # what waiting for the result takes does not count
    once, several = (min(run(times) for _ in range(ROUNDS)) for times in (1, 1 + RUNS))
    return max(several - once, 0.0) / RUNS, plan.cost
