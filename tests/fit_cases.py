"""Recorded trainings of TensorFlow.js and of Keras, run again. Needs no files, so that pages can have it."""

import numpy as np

import weblayers as wl
from tests.keras_cases import array, mapped
from weblayers import tree
from weblayers.layers import deserialize


def near(got, expected, rtol, atol, what=""):
    np.testing.assert_allclose(np.asarray(got), expected, rtol=rtol, atol=atol, err_msg=what)


async def near_all(tensors, expected, rtol, atol, what):
    for i, (got, value) in enumerate(zip(tensors, expected, strict=True)):
        near(await got.array(), value, rtol, atol, f"{what} {i}")


# What TensorFlow.js' trajectories were compiled with, besides the name's optimizer and the mean squared error.
COMPILED = {
    "batchnorm_cnn": (lambda: wl.train.momentum(0.05, 0.9), "categoricalCrossentropy", ["accuracy"]),
    "rnn_lstm": (lambda: wl.train.rmsprop(0.02), "binaryCrossentropy", ["accuracy"]),
    "rnn_gru": (lambda: wl.train.rmsprop(0.02), "binaryCrossentropy", ["accuracy"]),
    "rnn_simpleRNN": (lambda: wl.train.rmsprop(0.02), "binaryCrossentropy", ["accuracy"]),
}


def weights_of(model):
    """The weights in TensorFlow.js' order: of all layers first those that are trained."""
    return [*model.trainable_weights, *model.non_trainable_weights]


def assign(model, weights):
    """Give a model the recorded weights of TensorFlow.js."""
    for weight, value in zip(weights_of(model), weights, strict=True):
        weight.assign(array(value))


async def trajectory(case, slack=1.0):
    """Losses batch by batch, the history, the weights and predictions in the end; ``slack`` widens the tolerances."""
    trained = deserialize(case["model"])
    assign(trained, case["init"])
    optimizer, loss, *metrics = COMPILED.get(case["name"], (case["name"].removeprefix("mlp_"), "meanSquaredError"))
    trained.compile(optimizer() if callable(optimizer) else optimizer, loss, *metrics)
    x, epochs, batch_losses = array(case["x"]), len(case["history"]["loss"]), []
    history = await trained.fit(
        x,
        array(case["y"]),
        epochs=epochs,
        batch_size=len(x) * epochs // len(case["batch_loss"]),
        shuffle=False,
        verbose=0,
        callbacks={"onBatchEnd": lambda batch, logs: batch_losses.append(logs["loss"])},
    )
    near(batch_losses, case["batch_loss"], 1e-4 * slack, 1e-6 * slack, "batch losses")
    for name, expected in case["history"].items():
        near(history.history[name], expected, 1e-4 * slack, 1e-6 * slack, name)
    final = [w.read() for w in weights_of(trained)]
    await near_all(final, map(array, case["final"]), 1e-3 * slack, 1e-5 * slack, "weight")
    await near_all([trained.predict(x)], [array(case["predict"])], 1e-3 * slack, 1e-5 * slack, "prediction")


async def tfjs_fit(case, slack=1.0):
    """The history and the weights in the end."""
    trained = deserialize(case["model"])
    assign(trained, case["init"])
    optimizer = wl.optimizers.get({"class_name": case["optimizer"]["c"], "config": case["optimizer"]["cfg"]})
    losses = {k for k in case["history"] if k == "loss" or k.endswith("_loss") or k.startswith("val_")}
    extra = [k for k in case["history"] if k not in losses]
    if len(trained.outputs) > 1:
        names = trained.output_names
        extra = {n: [k.removeprefix(f"{n}_") for k in extra if k.startswith(f"{n}_")] for n in names}
    trained.compile(optimizer, case["loss"], extra)
    x, y = mapped(array, case["x"]), mapped(array, case["y"])
    options = {k: v for k, v in case["args"].items() if k != "verbose"}
    history = await trained.fit(x, y, verbose=0, **options)
    samples = len(x[0] if isinstance(x, list) else x)
    kept = samples * (1 - options.get("validationSplit", 0))
    if options.get("batchSize", 32) < kept and options.get("shuffle", True):
        # shuffled by another generator: only how it begins can be compared
        assert history.history.keys() >= case["history"].keys()
        return
    for name, expected in case["history"].items():
        near(history.history[name], expected, 1e-4 * slack, 1e-6 * slack, name)
    final = [w.read() for w in weights_of(trained)]
    await near_all(final, map(array, case["final"]), 1e-3 * slack, 1e-5 * slack, "weight")


async def keras_fit(case, slack=1.0):
    """The history and the predictions in the end."""
    model = deserialize(case["object"])
    model.set_weights([array(w) for w in case["start_weights"]])
    config = case["object"]["compile_config"]
    names = ("optimizer", "loss", "metrics", "loss_weights", "weighted_metrics")
    model.compile(**{k: config[k] for k in names if config.get(k) is not None})
    options = {k: mapped(array, v) for k, v in case["fit"].items() if k not in ("verbose", "shuffle")}
    if case["validation_data"] is not None:
        options["validation_data"] = mapped(array, case["validation_data"])
    watching = case["callbacks"] or []
    options["callbacks"] = [getattr(wl.callbacks, c["class_name"])(**c["config"]) for c in watching]
    x, y = mapped(array, case["x"]), mapped(array, case["y"])
    history = (await model.fit(x, y, verbose=0, shuffle=False, **options)).history
    for name, expected in case["history"].items():
        got = history[name if name in history else name.replace("accuracy", "acc")]
        near(got, expected, 1e-3 * slack, 1e-5 * slack, name)
    predictions = case["predictions"] if isinstance(case["predictions"], list) else [case["predictions"]]
    await near_all(tree.leaves(model.predict(x)), map(array, predictions), 2e-3 * slack, 1e-4 * slack, "prediction")
