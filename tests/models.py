"""The models that are counted, trained on the soft GPU, and benchmarked."""

import numpy as np

import weblayers as wl

L = wl.layers


def dense1():
    model = wl.sequential([L.dense(units=1, input_shape=[1])])
    model.compile("sgd", "mean_squared_error")
    return model


def mlp(inputs=784, hidden=128, optimizer="adam"):
    layers = [L.dense(hidden, activation="relu", input_shape=[inputs]), L.dense(10, activation="softmax")]
    model = wl.sequential(layers)
    model.compile(optimizer, "categorical_crossentropy", ["accuracy"])
    return model


def cnn(size=28, filters=(8, 16), kernel=5, optimizer="adam"):
    layers = [
        L.conv2d(filters=filters[0], kernel_size=kernel, activation="relu", input_shape=[size, size, 1]),
        L.max_pooling2d(pool_size=2),
        L.conv2d(filters=filters[1], kernel_size=kernel, activation="relu"),
        L.max_pooling2d(pool_size=2),
        L.flatten(),
        L.dense(10, activation="softmax"),
    ]
    model = wl.sequential(layers)
    model.compile(optimizer, "categorical_crossentropy", ["accuracy"])
    return model


def lstm(steps=8, features=4, units=12, optimizer="adam"):
    model = wl.sequential([L.lstm(units, input_shape=[steps, features]), L.dense(10, activation="softmax")])
    model.compile(optimizer, "categorical_crossentropy", ["accuracy"])
    return model


# Small enough to be trained for a hundred steps wherever there is somebody to do it.
SMALL = {
    "mlp": (lambda: mlp(20, 16), (20,)),
    "cnn": (lambda: cnn(12, (4, 6), 3), (12, 12, 1)),
    "lstm": (lstm, (8, 4)),
}


async def hundred_steps(name, backend):
    """The losses of a hundred steps."""
    wl.set_backend(backend)
    wl.set_random_seed(3)
    make, shape = SMALL[name]
    rng = np.random.default_rng(0)
    x = rng.random((80, *shape), np.float32)
    y = np.eye(10, dtype=np.float32)[(x.reshape(80, -1).sum(1) * 7).astype(int) % 10]
    losses, model = [], make()
    seen = {"on_batch_end": lambda batch, logs: losses.append(logs["loss"])}
    await model.fit(x, y, epochs=20, batch_size=16, verbose=0, callbacks=seen)
    return losses
