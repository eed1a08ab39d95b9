"""The models that are counted, trained on the soft GPU, and benchmarked."""

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
