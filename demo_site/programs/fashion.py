"""Shirts, shoes and bags

A convolutional network sorts pictures of clothes into ten classes. While it learns you see what its first filters make
of a picture, and where the loss would have it otherwise; and after each epoch which classes it mixes up: shirts and
coats are hard, trousers are not.

Data: Fashion-MNIST (Zalando Research, MIT licence), 6,000 pictures to learn from and 1,000 to test with.
"""

import numpy as np

import weblayers as wl

NAMES = ["T-shirt", "Trousers", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Boot"]
data = np.load("data/fashion.npz")
x_train, x_test = (data[name].reshape(-1, 28, 28, 1) / np.float32(255) for name in ("x_train", "x_test"))
y_train, y_test = data["y_train"], data["y_test"]
wl.vis.render.images("Some of them", x_test[:20], labels=[NAMES[y] for y in y_test[:20]])

model = wl.sequential()
model.add(wl.layers.conv2d(16, 3, activation="relu", input_shape=[28, 28, 1], name="filters"))
model.add(wl.layers.max_pooling2d(2))
model.add(wl.layers.conv2d(32, 3, activation="relu"))
model.add(wl.layers.max_pooling2d(2))
model.add(wl.layers.flatten())
model.add(wl.layers.dropout(0.3))
model.add(wl.layers.dense(10, activation="softmax"))
model.compile(wl.train.adam(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"])


async def test(epoch, logs):
    predicted = await wl.arg_max(model.predict(x_test, batch_size=250), 1).data()
    matrix = np.zeros((10, 10), int)
    np.add.at(matrix, (y_test, predicted), 1)
    wl.vis.render.confusion_matrix("What is taken for what", {"values": matrix.tolist(), "tick_labels": NAMES})
    print(f"epoch {epoch + 1}: {np.mean(predicted == y_test):.1%} of the test pictures are right")


wl.vis.watch("filters", ["output", "gradient"], every=20)
training = wl.page.training(model, "fashion", batch_size=100)
curves = wl.vis.show.fit_callbacks("Learning", ["loss", "acc"])
await training.fit(x_train, y_train, epochs=8, verbose=0, callbacks=[curves, {"on_epoch_end": test}])
