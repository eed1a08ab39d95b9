"""Good or bad?

A network reads short reviews and says whether their writers were pleased. It learns a vector for each word and reads
the words in order with a GRU. Ask it about a sentence of your own.

Data: 2,000 sentences from Amazon and IMDb reviews (Kotzias et al., 2015), from the npm package sentiment (MIT).
"""

import json
from pathlib import Path

import numpy as np

import weblayers as wl
from weblayers import page

reviews = json.loads(Path("data/reviews.json").read_text())
order = np.random.default_rng(0).permutation(len(reviews))
texts = np.array([reviews[i]["text"] for i in order])
pleased = np.array([[reviews[i]["class"]] for i in order], "float32")

words = wl.layers.text_vectorization(max_tokens=3000, output_sequence_length=30)
words.adapt(texts[:1600])
x = words(texts).numpy()

model = wl.sequential()
model.add(wl.layers.embedding(3000, 32, mask_zero=True, input_length=30))
model.add(wl.layers.dropout(0.4))
model.add(wl.layers.gru(32))
model.add(wl.layers.dense(1, activation="sigmoid"))
model.compile(wl.train.adam(0.003), "binary_crossentropy", metrics=["accuracy"])


async def ask(sentence):
    (chance,) = await model.predict(words(np.array([sentence]))).data()
    page.show(f"{chance:.0%} pleased", where="answer", title=sentence)


page.text("A review", "The plot is thin, but I loved every minute of it.", on_change=ask)
training = page.training(model, "reviews", batch_size=32)
curves = wl.vis.show.fit_callbacks("Learning", ["loss", "val_loss", "acc", "val_acc"])
await training.fit(
    x[:1600], pleased[:1600], validation_data=(x[1600:], pleased[1600:]), epochs=12, verbose=0, callbacks=curves
)
await ask("The plot is thin, but I loved every minute of it.")
