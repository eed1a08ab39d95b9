"""The same training on NumPy and as plans by WebAssembly: what a user sees of both must be one."""

import asyncio

import numpy as np

import weblayers as wl
from weblayers import tree

# Sums are taken in another order, in float32: a gradient over some hundred layers and positions keeps about four digits
# of it, and the square root of a second moment as many. A wrong kernel is wrong in the first.
RTOL, ATOL = 2e-3, 2e-4


def on(backend, run):
    """What ``run()`` gives on a backend, from the same seed."""
    wl.set_backend(backend)
    try:
        wl.set_random_seed(0)
        return run()
    finally:
        wl.set_backend("numpy")


def arrays(tensors):
    return [t.numpy() for t in tree.leaves(tensors)]


def state(model):
    """Weights, and what the optimizer keeps beside them."""
    return {
        **{f"weight {i}": w.numpy() for i, w in enumerate(model.weights)},
        **{f"slot {i}": v.numpy() for i, v in enumerate(model.optimizer.variables())},
        "iterations": np.asarray(model.optimizer.iterations),
    }


def fitted(model, x, y, **options):
    """All that can be seen of a training: its history, the state that it ends with, and predictions."""

    async def main():
        return await model.fit(x, y, verbose=0, **options)

    history = asyncio.run(main()).history
    seen = {f"history of {k}": np.asarray(v) for k, v in history.items()} | state(model)
    predicted = arrays(model.predict(x, batch_size=options.get("batch_size", 32)))
    return seen | {f"prediction {i}": v for i, v in enumerate(predicted)}


def differences(ours, theirs, rtol=RTOL, atol=ATOL):
    """Where two trainings differ, in words; nothing where they agree."""
    if list(ours) != list(theirs):
        return [f"{sorted(ours.keys() ^ theirs.keys())} are on one side only"]
    found = []
    for name, value in ours.items():
        got, wanted = np.asarray(value, np.float64), np.asarray(theirs[name], np.float64)
        if got.shape != wanted.shape:
            found.append(f"{name}: shape {got.shape} for {wanted.shape}")
        elif not np.allclose(got, wanted, rtol, atol, equal_nan=True):
            found.append(f"{name}: {np.nanmax(np.abs(got - wanted)):.3g} of {np.nanmax(np.abs(wanted)):.3g}")
    return found


def agree(run, **tolerances):
    """Assert that ``run()`` shows the same numbers as plans as it does on NumPy."""
    found = differences(on("wasm", run), on("numpy", run), **tolerances)
    if found:
        raise AssertionError("\n".join(found))
