"""A playground

Turn the knobs and watch a network learn which points are blue and which are orange, or a number for each place, and
what each of its neurons sees. Look at the weight of every connection, and change it while the network learns. The
address of this page remembers your settings: send it to somebody.
"""

import asyncio

import numpy as np

import weblayers as wl
from weblayers import page

SIDE = 40
steps = np.linspace(-1, 1, SIDE, dtype="float32")
plane = np.stack(np.meshgrid(steps, steps[::-1]), axis=-1).reshape(-1, 2)
FEATURES = {
    "x": lambda x, y: x,
    "y": lambda x, y: y,
    "x squared": lambda x, y: x * x,
    "y squared": lambda x, y: y * y,
    "x times y": lambda x, y: x * y,
    "sin(3x)": lambda x, y: np.sin(3 * x),
    "sin(3y)": lambda x, y: np.sin(3 * y),
}


# From 0 to 1, for each place: what a network learns without classes.
NUMBERS = {
    "numbers: a slope": lambda x, y: 0.5 + (x + y) / 4,
    "numbers: hills": lambda x, y: (
        0.5 + sum(s * np.exp(-5 * ((x - a) ** 2 + (y - b) ** 2)) / 2 for a, b, s in HILLS).clip(-0.5, 0.5)
    ),
}
HILLS = [(0.6, 0.5, 1), (-0.5, 0.6, -1), (-0.6, -0.5, 1), (0.5, -0.6, -1), (0, 0, 1)]


def points_of(name, count=400):
    """Points ``[count, 2]``, and the class of each, 0 or 1, or its number."""
    rng = np.random.default_rng(1)
    if name in NUMBERS:
        points = rng.uniform(-1, 1, (count, 2))
        return points, (NUMBERS[name](*points.T) + rng.normal(0, noise.value / 4, count)).clip(0, 1)
    side = np.arange(count) % 2
    if name == "circle":
        angle, radius = (
            rng.uniform(0, 2 * np.pi, count),
            np.where(side, rng.uniform(0, 0.45, count), rng.uniform(0.6, 0.95, count)),
        )
        points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    elif name == "two clouds":
        points = rng.normal(0, 0.2, (count, 2)) + np.where(side, 0.4, -0.4)[:, None]
    elif name == "exclusive or":
        points = rng.uniform(-0.9, 0.9, (count, 2))
        side = (points[:, 0] * points[:, 1] > 0).astype(int)
    else:
        angle = np.sqrt(rng.random(count)) * 3 * np.pi
        points = np.stack([np.cos(angle + np.pi * side), np.sin(angle + np.pi * side)], axis=1) * angle[:, None] / 10
    return points + rng.normal(0, noise.value / 4, points.shape), side


def chosen():
    """The names of the features that the network is given."""
    return [name for name in FEATURES if features[name].value] or ["x"]


def seen(points):
    """What the network is given of points."""
    return np.stack([FEATURES[name](*points.T) for name in chosen()], axis=1).astype("float32")


class Weights:
    """Shows the weights of all connections, and has fields for those that lead to one neuron."""

    def __init__(self, model):
        self.layers = model.layers
        self.names = [chosen()]
        for number, layer in enumerate(self.layers[:-1], 1):
            self.names.append([f"{number}.{i + 1}" for i in range(layer.units)])
        self.names.append(["output"])
        self.fields = []
        neurons = [name for names in self.names[1:] for name in names]
        page.clear("Change weights")
        page.choice("Neuron", neurons, on_change=self.choose, where="Change weights", linked=False)
        self.choose(neurons[0])

    def choose(self, neuron):
        number = next(i for i, names in enumerate(self.names) if neuron in names)
        kernel, bias = self.layers[number - 1].weights
        unit = self.names[number].index(neuron)
        places = [(f"{name} to {neuron}", kernel, (i, unit)) for i, name in enumerate(self.names[number - 1])]
        page.clear("Its weights")
        self.fields = [self.field(*place) for place in [*places, (f"Bias of {neuron}", bias, (unit,))]]

    def field(self, label, weight, place):
        def change(value):
            values = weight.numpy().copy()
            values[place] = value
            weight.assign(values)

        value = float(f"{weight.numpy()[place]:.3g}")
        return page.number(label, value, on_change=change, where="Its weights", linked=False), weight, place

    async def show(self):
        for number, layer in enumerate(self.layers):
            wl.vis.render.heatmap(
                f"Weights to {'the output' if number + 1 == len(self.layers) else f'layer {number + 1}'}",
                await layer.weights[0].array(),
                row_major=True,
                color_map="diverging",
                y_tick_labels=self.names[number],
                x_tick_labels=self.names[number + 1],
            )
        for field, weight, place in self.fields:
            field.value = float(f"{(await weight.data()).reshape(weight.shape)[place]:.3g}")


def network():
    units = [max(1, min(16, int(part))) for part in layers.value.replace(",", " ").split() if part.isdecimal()][:6]
    kind = {"L1": wl.regularizers.l1, "L2": wl.regularizers.l2}.get(regularization.value)
    model, lines = wl.sequential(), ["model = wl.sequential()"]
    shape = {"input_shape": [seen(plane[:1]).shape[1]]}
    last = "linear" if data.value in NUMBERS else "sigmoid"
    for count in [*units, None]:
        options = {"activation": activation.value if count else last, **shape}
        texts = [f"{k}={v!r}" for k, v in options.items()]
        if kind and count:
            name = regularization.value.lower()
            options["kernel_regularizer"] = kind(**{name: strength.value})
            texts.append(f"kernel_regularizer=wl.regularizers.{name}({name}={strength.value})")
        lines.append(f"model.add(wl.layers.dense({count or 1}, {', '.join(texts)}))")
        model.add(wl.layers.dense(count or 1, **options))
        shape = {}
    loss, metrics = ("mse", []) if data.value in NUMBERS else ("binary_crossentropy", ["accuracy"])
    model.compile(wl.train.adam(rate.value), loss, metrics=metrics)
    lines.append(f"model.compile(wl.train.adam({rate.value}), {loss!r}, metrics={metrics})")
    lines.append(f"await model.fit(x, y, batch_size={batch.value}, epochs=1000)")
    page.show("\n".join(lines), where="The program")
    return model


async def restart(_=None):
    """Train a new network with the settings of now; the one in training ends."""
    for fit in running:
        fit.cancel()
    model = network()
    points, side = points_of(data.value)
    half = round(len(points) * share.value)
    x, y = seen(points), side[:, None].astype("float32")
    hidden = [wl.model(inputs=model.inputs, outputs=layer.output) for layer in model.layers[:-1]]
    weights = Weights(model)
    curves = wl.vis.show.fit_callbacks("Loss", [["loss", "val_loss"]], callbacks=["on_epoch_end"])

    def said(grid):
        values = model.predict(seen(np.asarray(grid))).numpy().clip(0, 1)
        return np.round(values) if sides.value else values

    async def draw(epoch, logs):
        if epoch % 5 == 0:
            field = (await model.predict(seen(plane), batch_size=len(plane)).data()).reshape(SIDE, SIDE)
            shown = len(points) if tests.value else half
            wl.vis.render.boundary("What it says", said, points[:shown], np.round(side[:shown]))
            maps, names = [], []
            for number, part in enumerate(hidden, 1):
                outputs = (await part.predict(seen(plane), batch_size=len(plane)).data()).reshape(SIDE, SIDE, -1)
                spread = np.abs(outputs).max() or 1
                maps += [outputs[..., i] / spread / 2 + 0.5 for i in range(outputs.shape[-1])]
                names += [f"{number}.{i + 1}" for i in range(outputs.shape[-1])]
            wl.vis.render.images("What its neurons see", np.stack([*maps, field]), labels=[*names, "all"])
            await weights.show()

    fit = model.fit(
        x[:half],
        y[:half],
        validation_data=(x[half:], y[half:]),
        batch_size=batch.value,
        epochs=1000,
        verbose=0,
        callbacks=[curves, {"on_epoch_end": draw}],
    )
    running[:], models[:] = [fit], [model]
    try:
        await fit
    except asyncio.CancelledError:
        if running == [fit]:
            raise


def set_rate(value):
    for model in models:
        model.optimizer.learning_rate = value


async def export(suffix=""):
    await models[0].save(f"downloads://playground{suffix}")


running, models = [], []
data = page.choice("Data", ["circle", "spiral", "exclusive or", "two clouds", *NUMBERS], on_change=restart)
noise = page.slider("Noise", 0, 0.5, 0.1, on_change=restart)
share = page.slider("Share to learn from", 0.1, 0.9, 0.5, on_change=restart)
tests = page.checkbox("Show points to test with")
sides = page.checkbox("Show sides only")
layers = page.text("Neurons per layer", "6, 4", on_change=restart)
activation = page.choice("Activation", ["tanh", "relu", "sigmoid", "linear"], on_change=restart)
rate = page.slider("Learning rate", 0.0001, 1, 0.02, log=True, on_change=set_rate)
batch = page.slider("Batch size", 1, 100, 20, step=1, on_change=restart)
regularization = page.choice("Regularization", ["none", "L1", "L2"], on_change=restart)
strength = page.slider("Its strength", 0.0001, 0.1, 0.001, log=True, on_change=restart)
features = {name: page.checkbox(name, name in ("x", "y"), on_change=restart) for name in FEATURES}
page.button("Begin anew", restart)
page.button("Export", export)
page.button("Export for Keras", lambda: export(".keras"))
await restart()
