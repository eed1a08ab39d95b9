"""A convolutional network learns to read handwritten digits.

This file is all the Python of the page. It also runs without a browser:
`python digits.py`, then weblayers computes with NumPy.
"""

import asyncio

import numpy as np

import weblayers as wl

BATCH_SIZE = 64

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
model.compile(
    optimizer=wl.train.adam(0.005),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)


async def train(epochs, on_step, on_epoch):
    """Train, and report every step and every epoch. Called again, it goes on."""

    def on_batch_end(step, logs):
        on_step(logs["loss"], logs["acc"])

    def on_epoch_end(epoch, logs):
        on_epoch(epoch + 1, logs["loss"], logs["acc"])

    await model.fit(
        x_train,
        y_train,
        batch_size=BATCH_SIZE,
        epochs=epochs,
        verbose=0,
        callbacks={"on_batch_end": on_batch_end, "on_epoch_end": on_epoch_end},
    )


def stop():
    """End the training after the step that is running."""
    model.stop_training = True


async def test():
    """Loss and accuracy on images that the network has not been trained with."""
    loss, accuracy = model.evaluate(x_test, y_test, batch_size=250)
    return [await loss.array(), await accuracy.array()]


async def predict(pixels):
    """The probabilities of the digits 0 to 9 for one image."""
    probabilities = model.predict(scaled(np.asarray(pixels)))
    return (await probabilities.array())[0]


def example():
    """A random test image."""
    return mnist["x_test"][np.random.randint(len(y_test))].ravel()


async def main():
    def on_epoch(epoch, loss, accuracy):
        print(f"epoch {epoch}: loss {loss:.3f}, accuracy {accuracy:.3f}")

    await train(6, lambda loss, accuracy: None, on_epoch)
    print("test accuracy", (await test())[1])


if __name__ == "__main__":
    asyncio.run(main())
