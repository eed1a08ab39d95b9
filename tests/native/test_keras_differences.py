"""Names that mean one thing to TensorFlow.js and another to Keras 3, in configurations of either."""

import asyncio
import warnings

import numpy as np
import pytest

import weblayers as wl
from weblayers import initializers, metrics
from weblayers.io.keras import differences, optimization
from weblayers.io.keras.configuration import configuration


def run(promise):
    async def main():
        return await promise()

    return asyncio.run(main())


def from_json(described):
    return run(lambda: wl.model_from_json(described))


def keras_dense(**settings):
    dense = {"name": "d", "units": 200, "activation": "linear", **settings}
    layers = [
        {"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_shape": [None, 200], "name": "i"}},
        {"module": "keras.layers", "class_name": "Dense", "config": dense},
    ]
    return {"module": "keras", "class_name": "Sequential", "config": {"name": "s", "layers": layers}}


def test_hard_sigmoid():
    here = wl.sequential([wl.layers.dense(3, activation="hard_sigmoid", input_shape=[2])])
    assert here.layers[0].activation is wl.activations.hard_sigmoid
    assert from_json(keras_dense(activation="hard_sigmoid")).layers[0].activation is wl.activations.h_sigmoid
    there = configuration(here)
    assert from_json(there).layers[0].activation is wl.activations.hard_sigmoid


@pytest.mark.parametrize("name", ["GlorotNormal", "he_normal", "LecunNormal", "VarianceScaling"])
def test_truncated_normal_values_are_as_large_as_keras_says(name):
    """200 inputs and outputs: 1 / 200, and twice that for He's. What TensorFlow.js cuts off makes less of it."""
    settings = {"distribution": "truncated_normal", "scale": 1.0, "mode": "fan_in"} if name[0] == "V" else {}
    written = {"module": "keras.initializers", "class_name": name, "config": {**settings, "seed": None}}
    wanted = (2 if "he" in name else 1) / 200
    wl.set_random_seed(1)
    theirs = from_json(keras_dense(kernel_initializer=written if name[0].isupper() else name))
    assert np.isclose(theirs.layers[0].kernel.numpy().var(), wanted, rtol=0.03)
    ours = wl.sequential([
        wl.layers.dense(200, kernel_initializer={"class_name": name, "config": settings}, input_shape=[200])
    ])  # fmt: skip
    assert np.isclose(ours.layers[0].kernel.numpy().var(), wanted * 0.7737, rtol=0.03)
    again = from_json(configuration(ours)).layers[0].kernel_initializer
    assert again.get_config() == ours.layers[0].kernel_initializer.get_config()


def test_hinges():
    signs, bits = wl.losses.get("hinge"), wl.losses.get(differences.read_loss("hinge"))
    truth, guess = wl.tensor2d([[0.0], [1.0]]), wl.tensor2d([[0.5], [0.5]])
    assert signs(truth, guess).array_sync() == 0.75 and bits(truth, guess).array_sync() == 1.0
    for name in ("hinge", "squared_hinge"):
        assert differences.read_loss(differences.write_loss(name)) == name
        assert differences.read_loss([name]) == [
            {"class_name": "Hinge" if name[0] == "h" else "SquaredHinge", "config": {}}
        ]
        described = metrics.get(differences.read_loss(name))
        described.update_state([[0.0]], [[0.5]])
        assert float(described.result()) >= 1.5


def test_tversky_is_read_the_other_way_around():
    config = {"alpha": 0.2, "beta": 0.9, "name": "t"}
    theirs = {"class_name": "Tversky", "config": config}
    read = differences.read_loss(theirs)
    assert (read["config"]["alpha"], read["config"]["beta"]) == (0.9, 0.2)
    written = differences.write_loss(read)
    assert {k: written[k] for k in theirs} == theirs and written["module"] == "keras.losses"


def test_the_metric_of_a_keras_name_has_keras_sign():
    for name, sign in (("cosine_similarity", 1.0), ("cosine_proximity", -1.0), ("cosine", -1.0)):
        metric = metrics.get(name)
        metric.update_state([[1.0, 0.0]], [[2.0, 0.0]])
        assert np.isclose(float(metric.result()), sign)


def test_other_initializers_are_left_alone():
    for value in (None, "glorot_uniform", "zeros", {"class_name": "RandomNormal", "config": {"stddev": 0.5}}):
        assert differences.read_initializer(value) == value
    assert initializers.get("glorot_normal").get_config()["scale"] == 1.0


def test_losses_and_metrics_have_keras_names():
    for name, theirs in {
        "logcosh": "log_cosh",
        "kullback_leibler_divergence": "kl_divergence",
        "cosine_proximity": "cosine_similarity",
        "cce": "categorical_crossentropy",
    }.items():
        assert differences.write_loss(name) == theirs
        assert type(wl.losses.objects.get(differences.read_loss(theirs))) is type(wl.losses.objects.get(name))
    for name, theirs in {"kld": "kl_divergence", "rmse": "RootMeanSquaredError", "mean_io_u": "MeanIoU"}.items():
        assert differences.write_loss(name, "keras.metrics") == theirs
    # as a metric, TensorFlow.js' similarity has the sign of Keras' loss
    written = differences.write_loss("cosine", "keras.metrics")
    assert (written["class_name"], written["config"]) == ("function", "cosine_similarity")
    assert differences.read_loss(written) == "cosine_proximity"
    assert differences.write_loss("cosine_similarity", "keras.metrics") == "cosine_similarity"


def test_shares_and_rates_are_no_integers():
    config = optimization.settings(wl.optimizers.SGD(1, momentum=0))["config"]
    assert type(config["momentum"]) is type(config["learning_rate"]) is float


def test_a_layer_of_two_directions_that_begins_backwards_names_both():
    made = wl.sequential([wl.layers.bidirectional(wl.layers.gru(2, go_backwards=True), input_shape=[3, 2])])
    config = configuration(made)["config"]["layers"][-1]["config"]
    assert config["layer"]["config"]["go_backwards"] and not config["backward_layer"]["config"]["go_backwards"]


# -- what is said when a model is saved -------------------------------------------------------------------------------


def masked_model(ends):
    x = wl.input(shape=[5])
    embedded = wl.layers.embedding(6, 4, mask_zero=True).apply(x)
    other = wl.layers.embedding(6, 4, mask_zero=True).apply(x)
    plain = wl.layers.embedding(6, 4).apply(x)
    return wl.model(inputs=x, outputs=ends(embedded, other, plain))


L = wl.layers
TOLD = {
    "steps": lambda a, b, c: L.bidirectional(L.gru(3, return_sequences=True), name="told").apply(a),
    "sum": lambda a, b, c: L.add(name="told").apply([a, c]),
    "two masks": lambda a, b, c: L.average(name="told").apply([a, b]),
    "features": lambda a, b, c: L.concatenate(name="told").apply([a, c]),
    "values": lambda a, b, c: L.multiply(name="told").apply([a, a]),
    "inside": lambda a, b, c: inner(L.add(name="told")).apply([a, c]),
}
UNTOLD = {
    "last step": lambda a, b, c: L.bidirectional(L.gru(3)).apply(a),
    "zeros": lambda a, b, c: L.bidirectional(L.gru(3, return_sequences=True, zero_output_for_mask=True)).apply(a),
    "unmasked": lambda a, b, c: L.bidirectional(L.gru(3, return_sequences=True)).apply(c),
    "residual": lambda a, b, c: L.add().apply([a, L.dropout(0.1).apply(a)]),
    "along steps": lambda a, b, c: L.concatenate(axis=1).apply([a, c]),
    "Keras' way": lambda a, b, c: L.add(keras_masks=True).apply([a, c]),
}


def inner(layer):
    x, y = wl.input(shape=[5, 4]), wl.input(shape=[5, 4])
    return wl.model(inputs=[x, y], outputs=layer.apply([x, y]))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("name", TOLD)
def test_a_layer_that_does_otherwise_with_masks_is_named(tmp_path, name, suffix):
    model = masked_model(TOLD[name])
    with pytest.warns(UserWarning, match="layer 'told' has a mask: Keras"):
        run(lambda: model.save(tmp_path / f"a{suffix}"))


@pytest.mark.parametrize("name", UNTOLD)
def test_what_is_alike_is_not_warned_of(tmp_path, name):
    model = masked_model(UNTOLD[name])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(lambda: model.save(tmp_path / "a.keras"))


@pytest.mark.parametrize("name", ["hinge", "squared_hinge"])
def test_losses_for_other_targets_are_named(tmp_path, name):
    model = wl.sequential([L.dense(1, input_shape=[2])])
    for loss, metrics_ in ((name, None), ("mse", [name])):
        model.compile("sgd", loss, metrics=metrics_)
        with pytest.warns(UserWarning, match=f"'{name}' is TensorFlow.js', where targets are -1 and 1"):
            run(lambda: model.save(tmp_path / "a.keras", include_optimizer=True))
    model.compile("sgd", wl.losses.Hinge())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(lambda: model.save(tmp_path / "a.keras", include_optimizer=True))


@pytest.mark.parametrize(
    ("optimizer", "words"),
    [
        (lambda: wl.train.Adam(0.1, epsilon=1e-2), "epsilon"),
        (lambda: wl.train.AdamW(0.1, epsilon=1e-2), "epsilon"),
        (lambda: wl.train.LossScaleOptimizer(wl.train.Adam(0.1, epsilon=1e-2)), "epsilon"),
        (lambda: wl.train.Momentum(wl.train.schedules.ExponentialDecay(0.1, 10, 0.5), 0.9), "learning rate"),
    ],
)
def test_optimizers_that_go_on_otherwise_are_named(tmp_path, optimizer, words):
    model = wl.sequential([L.dense(1, input_shape=[2])])
    model.compile(optimizer(), "mse")
    with pytest.warns(UserWarning, match=words):
        run(lambda: model.save(tmp_path / "a.keras", include_optimizer=True))
