"""Which settings are best?

Many trainings one after the other, each with other settings, and what came of them side by side. All networks see the
same points: a circle within a ring.
"""

import itertools

import numpy as np

import weblayers as wl

rng = np.random.default_rng(0)
points = rng.uniform(-1, 1, (600, 2)).astype("float32")
inside = (np.hypot(*points.T) < 0.6).astype("float32")[:, None]
rates, widths, activations = [0.003, 0.03, 0.3], [2, 8, 32], ["relu", "tanh"]

rows, curves = [], []
for rate, width, activation in itertools.product(rates, widths, activations):
    wl.set_random_seed(0)
    model = wl.sequential()
    model.add(wl.layers.dense(width, activation=activation, input_shape=[2]))
    model.add(wl.layers.dense(width, activation=activation))
    model.add(wl.layers.dense(1, activation="sigmoid"))
    model.compile(wl.train.adam(rate), "binary_crossentropy", metrics=["accuracy"])
    history = (await model.fit(points, inside, epochs=60, validation_split=0.3, verbose=0)).history
    name = f"{activation} {width}, {rate}"
    rows.append([rate, width, activation, f"{history['val_loss'][-1]:.4f}", f"{history['val_acc'][-1]:.1%}"])
    curves.append((history["val_loss"][-1], name, history["val_loss"]))
    best = sorted(curves)[:5]
    wl.vis.render.table(
        "Runs",
        {
            "headers": ["rate", "units", "activation", "loss", "accuracy"],
            "values": sorted(rows, key=lambda row: row[3]),
        },
    )
    lines = [[{"x": i, "y": value} for i, value in enumerate(curve)] for _, _, curve in best]
    wl.vis.render.linechart(
        "The best five", {"values": lines, "series": [name for _, name, _ in best]}, x_label="epoch"
    )
print(f"the best: {min(curves)[1]}")
