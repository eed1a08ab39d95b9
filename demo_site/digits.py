"""A convolutional network learns to read handwritten digits.

This file is all the Python of the page. It also runs without a browser: `python digits.py`.
"""

import asyncio

import numpy as np

import weblayers as wl
from weblayers import page

# 10,000 images of 28 x 28 pixels with grey values from 0 to 255, and their labels.
mnist = np.load("data/mnist.npz")
y_train, y_test = mnist["y_train"], mnist["y_test"]


def scaled(images):
    """Grey values from 0 to 1, with an axis for the single channel."""
    return images.reshape(-1, 28, 28, 1) / np.float32(255)


x_train, x_test = scaled(mnist["x_train"]), scaled(mnist["x_test"])

model = wl.sequential()
model.add(wl.layers.conv2d(8, kernel_size=5, activation="relu", input_shape=[28, 28, 1]))
model.add(wl.layers.max_pooling2d(pool_size=2))
model.add(wl.layers.conv2d(16, kernel_size=5, activation="relu"))
model.add(wl.layers.max_pooling2d(pool_size=2))
model.add(wl.layers.flatten())
model.add(wl.layers.dense(10, activation="softmax"))
model.compile(wl.train.adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"])

drawing = np.zeros(0, "uint8")
reading = asyncio.Lock()


async def read(pixels):
    """Show what the network takes a drawing for."""
    global drawing
    drawing = pixels = np.asarray(pixels)
    async with reading:
        # of those that wait, the newest
        if pixels is drawing:
            await show_reading(pixels)


async def show_reading(pixels):
    if not pixels.size:
        page.clear("reading")
        page.show("…", where="answer")
        return
    chances = await model.predict(scaled(pixels)).data()
    page.show(f"{chances.argmax()}, {chances.max():.1%} sure", where="answer")
    wl.vis.render.barchart("reading", chances.tolist(), x_label="digit", y_label="probability", height=180)


async def tell(epoch, logs):
    print(f"epoch {epoch + 1}: {logs['val_acc']:.1%} of the digits that it does not train with are right")
    await read(drawing)


def example():
    """Put a test image on the pad."""
    page.send("show", mnist["x_test"][np.random.randint(len(y_test))])


async def main():
    training = page.training(model, "digits", batch_size=64)
    epochs = page.number("Epochs", 6, minimum=1, maximum=100)
    page.on("drawing", read)
    page.button("Test image", example, where="examples")
    page.send("begun")
    curves = wl.vis.show.fit_callbacks("Learning", ["loss", "acc"], callbacks=["on_batch_end"])
    await training.fit(
        x_train,
        y_train,
        validation_data=(x_test, y_test),
        validation_batch_size=250,
        epochs=epochs.value,
        verbose=0,
        callbacks=[curves, {"on_epoch_end": tell, "on_new_weights": lambda logs: page.send("renewed")}],
    )


asyncio.run(main())
