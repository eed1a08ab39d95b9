"""How fast the products of a training step are on WebAssembly: inside the step, and each of their draws alone."""

import math

from workloads import Run

from weblayers.compiler.lower import explained
from weblayers.compiler.pieces import at_once
from weblayers.runtime import device


def flops(product):
    """Multiplications and additions; what a window reads beside its image counts."""
    x, y = (node.shape for node in product.inputs)
    if product.op == "dot":
        return 2 * math.prod(x) * y[-2 if product.param("tb") else -1]
    if product.op == "conv":
        return 2 * math.prod(product.shape) * math.prod(y) // product.shape[-1]
    return 2 * math.prod(y) * math.prod(product.param("kernel")) * x[-1]


def lowered(graph):
    """A training plan, and the product that each draw is the kernel of, or None."""
    work = at_once(explained(graph.inputs, graph.scalars, graph.outputs, graph.swaps, log=True))
    return work.plan, [kernel.root for kernel in work.kernels]


def measured(name, batch, x, y, draw_times):
    """For each product of a step: its operands, and milliseconds inside the step and alone."""
    run = Run("wasm", name, batch, x, y)
    samples = run.model.samples(run.x, run.y).rows()
    plan, roots = lowered(run.model.steps.train(samples, batch).graph)
    glue = device.current().device
    loaded = glue.load(at_once(glue.encoding(plan)))
    textures = [glue.alloc(spec) for spec in (*plan.input_specs, *plan.output_specs)]
    inside, alone = (list(times) for times in draw_times(glue._glue, loaded, textures, plan.scalar_inputs))
    glue.free(textures)
    glue.free_plan(loaded)
    found = []
    for product in dict.fromkeys(root for root in roots if root is not None):
        draws = [i for i, root in enumerate(roots) if root is product]
        operands = " and ".join("x".join(map(str, node.shape)) for node in product.inputs)
        found.append(
            {
                "product": f"{product.op} of {operands}",
                "flops": flops(product),
                "inside_ms": sum(inside[i] for i in draws),
                "alone_ms": sum(alone[i] for i in draws),
            }
        )
    return {"step_ms": sum(inside), "products": found}
