"""Models whose layers lie in lists, tuples and dictionaries; written once, for Keras and for what is tested here."""

SHAPES = {
    "list": lambda dense: [dense(), dense()],
    "tuple": lambda dense: (dense(), dense()),
    "dictionary": lambda dense: {"b": dense(), "a": dense()},
    "lists in a list": lambda dense: [[], [dense()], [dense()]],
    "lists in a dictionary": lambda dense: {"x": [dense()], "y": (dense(), {"z": dense()})},
    "beside others": lambda dense: ["text", dense(), 1, None, [dense()]],
}


def flat(value):
    if isinstance(value, dict):
        return [layer for part in value.values() for layer in flat(part)]
    if isinstance(value, list | tuple):
        return [layer for part in value for layer in flat(part)]
    return [value] if hasattr(value, "get_config") else []


def models(library, functional):
    """By name: for each shape a model with code of its own, and a graph with a layer of one's own.

    Args:
        library: weblayers or keras.
        functional: makes a model of a function of its input of shape [4].
    """
    layers = library.layers

    class Block(layers.Layer):
        def __init__(self, shape, **base):
            super().__init__(**base)
            self.shape = shape
            self.parts = SHAPES[shape](lambda: layers.Dense(4))

        def call(self, x):
            for layer in flat(self.parts):
                x = x + layer(x)
            return x

        def get_config(self):
            return {**super().get_config(), "shape": self.shape}

    class Own(library.Model):
        def __init__(self, shape):
            super().__init__()
            self.before = layers.Dense(4)
            self._private = [layers.Dense(4)]
            self.parts = SHAPES[shape](lambda: Block(shape))
            self.same = self.before
            self.zone = layers.Dense(3)

        def call(self, x):
            x = self._private[0](self.before(x))
            for layer in flat(self.parts):
                x = layer(x)
            return self.zone(x)

    found = {f"own of {shape}": Own(shape) for shape in SHAPES}
    for shape in SHAPES:
        found[f"graph of {shape}"] = functional(lambda x, shape=shape: layers.Dense(2)(Block(shape)(x)))
    return found
