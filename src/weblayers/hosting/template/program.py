"""A network learns a curve

It sees 200 points with noise, and finds the sine behind them.
"""

import asyncio

import numpy as np

import weblayers as wl

rng = np.random.default_rng(0)
x = rng.uniform(-3, 3, (200, 1)).astype("float32")
y = np.sin(x) + rng.normal(0, 0.1, x.shape).astype("float32")

model = wl.sequential()
model.add(wl.layers.dense(32, activation="tanh", input_shape=[1]))
model.add(wl.layers.dense(32, activation="tanh"))
model.add(wl.layers.dense(1))
model.compile(optimizer=wl.train.adam(0.01), loss="mean_squared_error")


async def main() -> None:
    await model.fit(x, y, epochs=100, batch_size=32)
    at = np.linspace(-3, 3, 7, dtype="float32")[:, None]
    values = await model.predict(at).array()
    for (a,), (b,) in zip(at, values, strict=True):
        print(f"at {a:5.1f}: {b:6.3f}, the sine is {np.sin(a):6.3f}")


asyncio.run(main())
