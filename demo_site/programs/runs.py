"""Which settings are best?

Many trainings with other settings each, and what came of them side by side. As many run at a time as your processor has
cores, four at most, each in a worker of its own. All networks see the same points: a circle within a ring.
"""

import itertools

import numpy as np

import weblayers as wl


async def train(rate, units, activation, points, inside):
    wl.set_random_seed(0)
    model = wl.sequential()
    model.add(wl.layers.dense(units, activation=activation, input_shape=[2]))
    model.add(wl.layers.dense(units, activation=activation))
    model.add(wl.layers.dense(1, activation="sigmoid"))
    model.compile(wl.train.adam(rate), "binary_crossentropy", metrics=["accuracy"])
    return (await model.fit(points, inside, epochs=60, validation_split=0.3, verbose=0)).history


def show(run):
    """Show a run that has ended with all others."""
    ended.append(run)
    ended.sort(key=lambda run: run.result["val_loss"][-1] if run.result else np.inf)
    rows, lines = [], {}
    for each in ended:
        found = [each.error, ""]
        if each.result:
            found = [f"{each.result['val_loss'][-1]:.4f}", f"{each.result['val_acc'][-1]:.1%}"]
        rows.append([*each.settings.values(), *found])
    for each in ended[:5]:
        if each.result:
            lines["{activation} {units}, {rate}".format(**each.settings)] = each.result["val_loss"]
    wl.vis.render.table("Runs", {"headers": ["rate", "units", "activation", "loss", "accuracy"], "values": rows})
    wl.vis.render.linechart("The best five", lines, x_label="epoch")


rng = np.random.default_rng(0)
points = rng.uniform(-1, 1, (600, 2)).astype("float32")
inside = (np.hypot(*points.T) < 0.6).astype("float32")[:, None]
choices = itertools.product([0.003, 0.03, 0.3], [2, 8, 32], ["relu", "tanh"])
settings = [dict(zip(("rate", "units", "activation"), each, strict=True)) for each in choices]
ended = []
await wl.page.sweep(train, settings, shared={"points": points, "inside": inside}, on_run=show)
print("the best: {activation} {units}, {rate}".format(**ended[0].settings))
