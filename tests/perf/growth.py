"""How the time of a training step grows with the work: batches, widths, depths and sequences of growing size."""

import asyncio
import time

import numpy as np

import weblayers as wl

L = wl.layers
RNG = np.random.default_rng(0)
# A size is measured for about so long, after its first steps.
SECONDS = 0.4
FIRST_STEPS, MOST_STEPS = 3, 200


def dense(sizes, batch):
    """A network of dense layers, and its samples."""
    model = wl.sequential([L.input_layer(input_shape=[sizes[0]])])
    for units in sizes[1:]:
        model.add(L.dense(units, activation="relu"))
    return model, RNG.random((batch, sizes[0]), np.float32)


def recurrent(steps):
    return wl.sequential([L.lstm(32, input_shape=[steps, 16])]), RNG.random((16, steps, 16), np.float32)


def attentive(tokens):
    given = wl.input(shape=[tokens, 64])
    output = L.global_average_pooling1d()(L.transformer_encoder(intermediate_dim=128, num_heads=4)(given))
    return wl.model(inputs=given, outputs=output), RNG.random((4, tokens, 64), np.float32)


SERIES = {
    "batch": ("samples in a batch, 784-128-10", (16, 64, 256, 1024), lambda n: dense([784, 128, 10], n)),
    "width": ("units of two dense layers, batch 64", (64, 256, 1024, 2048), lambda n: dense([n, n, n], 64)),
    "depth": ("dense layers of 64 units, batch 64", (2, 8, 32, 64), lambda n: dense([64] * (n + 1), 64)),
    "sequence": ("steps of an LSTM of 32 units, batch 16", (16, 64, 256, 512), recurrent),
    "tokens": ("tokens of a Transformer's block, batch 4", (16, 64, 256, 512), attentive),
}


async def measured(series, n, backend):
    """Milliseconds of a step of one size, and its multiply-adds and draws."""
    wl.set_backend(backend)
    _, _, make = SERIES[series]
    model, x = make(n)
    model.compile(wl.train.sgd(1e-4), "mse")
    y = np.zeros((len(x), *model.output_shape[1:]), np.float32)
    x, y = wl.tensor(x), wl.tensor(y)

    async def steps(count):
        begun = time.perf_counter()
        await model.fit(x, y, epochs=count, batch_size=len(x), shuffle=False, verbose=0)
        return (time.perf_counter() - begun) * 1000 / count

    await steps(1)
    first = await steps(FIRST_STEPS)
    count = int(np.clip(SECONDS * 1000 / first, 1, MOST_STEPS))
    best = min([await steps(count) for _ in range(3)])
    explained = model.explain()
    found = {
        "ms": best,
        "multiply_adds": sum(row.multiply_adds for row in explained.rows),
        "draws": explained.draws,
    }
    model.dispose()
    await asyncio.sleep(0)
    return found
