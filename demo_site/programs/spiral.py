"""A spiral

Two classes of points wind around each other, and no straight line parts them. Watch a small network bend its decision
until it does.
"""

import numpy as np

import weblayers as wl

rng = np.random.default_rng(0)
side = np.arange(400) % 2
angle = np.sqrt(rng.random(400)) * 3 * np.pi
points = np.stack([angle * np.cos(angle + np.pi * side), angle * np.sin(angle + np.pi * side)], axis=1) / 10
points += rng.normal(0, 0.02, points.shape)

model = wl.sequential()
model.add(wl.layers.dense(32, activation="relu", input_shape=[2]))
model.add(wl.layers.dense(32, activation="relu"))
model.add(wl.layers.dense(1, activation="sigmoid"))
model.compile(wl.train.adam(0.01), "binary_crossentropy", metrics=["accuracy"])


async def draw(epoch, logs):
    if epoch % 10 == 9:
        await wl.vis.render.boundary("Decision", model, points, side)


training = wl.page.training(model, "spiral", batch_size=64)
curves = wl.vis.show.fit_callbacks("Learning", ["loss", "acc"])
await training.fit(points, side[:, None], epochs=300, verbose=0, callbacks=[curves, {"on_epoch_end": draw}])
