"""Fitting a curve

Points from a curve with noise, and a polynomial whose coefficients gradient descent finds. With degree 1 it is a line.
A high degree follows the noise where there are few points: that is overfitting, and regularization holds against it.
"""

import numpy as np

import weblayers as wl
from weblayers import page

MOST = 9
x = np.linspace(-1, 1, 200, dtype="float32")


def powers(values, degree):
    return np.stack([values**k for k in range(1, degree + 1)], axis=1).astype("float32")


async def fit():
    rng = np.random.default_rng(1)
    seen = rng.uniform(-1, 1, count.value).astype("float32")
    values = np.sin(3 * seen) + rng.normal(0, noise.value, len(seen))
    model = wl.sequential()
    model.add(
        wl.layers.dense(1, input_shape=[degree.value], kernel_regularizer=wl.regularizers.l2(l2=regularization.value))
    )
    model.compile(wl.train.adam(rate.value), "mse")

    models[:] = [model]

    def draw(epoch, logs):
        if epoch % 25 == 24:
            lines = {
                "values": [
                    [{"x": a, "y": b} for a, b in zip(x.tolist(), np.sin(3 * x).tolist(), strict=True)],
                    [{"x": a, "y": b} for a, b in zip(x.tolist(), curve().tolist(), strict=True)],
                ],
                "series": ["the curve", "what was found"],
            }
            wl.vis.render.linechart("Curve", lines)

    def curve():
        return model.predict(powers(x, degree.value)).numpy().ravel()

    wl.vis.render.scatterplot(
        "Points", {"values": [{"x": a, "y": b} for a, b in zip(seen.tolist(), values.tolist(), strict=True)]}
    )
    history = await model.fit(
        powers(seen, degree.value), values[:, None], epochs=500, verbose=0, callbacks={"on_epoch_end": draw}
    )
    kernel, bias = [w.numpy().ravel() for w in model.get_weights()]
    terms = " ".join(f"{k:+.2f}x^{i}" for i, k in enumerate(kernel, 1))
    print(f"{bias[0]:.2f} {terms}, loss {history.history['loss'][-1]:.4f}")


def set_rate(value):
    for model in models:
        model.optimizer.learning_rate = value


async def export(suffix=""):
    await models[0].save(f"downloads://curve{suffix}")


models = []
degree = page.slider("Degree", 1, MOST, 3, step=1)
count = page.slider("Points", 5, 200, 40, step=1)
noise = page.slider("Noise", 0, 0.5, 0.1)
regularization = page.slider("Regularization", 0.000001, 0.1, 0.000001, log=True)
rate = page.slider("Learning rate", 0.001, 1, 0.05, log=True, on_change=set_rate)
page.button("Fit", fit)
page.button("Export", export)
page.button("Export for Keras", lambda: export(".keras"))
await fit()
