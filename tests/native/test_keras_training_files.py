"""Trainings that go on: from a file of ours in Keras, from Keras' file here, and from our own, with every optimizer."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import weblayers as wl
from weblayers import optimizers
from weblayers.optimizers import schedules

PEER = Path(__file__).parents[1] / "peer" / "keras_training.py"
L = wl.layers

OPTIMIZERS = {
    **{cls.__name__.lower(): cls for cls in dict.fromkeys(optimizers.TABLE.values())},
    "lossscaleoptimizer": lambda: optimizers.LossScaleOptimizer(optimizers.Adam(0.02), 2.0**126, 4),
    "multioptimizer": lambda: optimizers.MultiOptimizer(
        optimizers.OptimizerMap(optimizers.SGD(0.05, 0.9), {".*/bias": optimizers.Adam(0.1)})
    ),
    "nesterov": lambda: optimizers.SGD(0.05, 0.9, True),
    "momentum_nesterov": lambda: optimizers.Momentum(0.05, 0.9, True),
    "centered": lambda: optimizers.RMSprop(0.01, 0.8, 0.5, centered=True),
    "amsgrad": lambda: optimizers.Adam(0.05, amsgrad=True),
    "epsilon": lambda: optimizers.Adam(0.05, epsilon=0.05, amsgrad=True, epsilon_hat=True),
    "epsilon and decay": lambda: optimizers.AdamW(0.05, epsilon=0.05, epsilon_hat=True),
    "decayed": lambda: optimizers.Adamax(0.05, decay=0.3),
    "averages": lambda: optimizers.Adam(0.05, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=3),
    "accumulation": lambda: optimizers.SGD(0.05, 0.9, gradient_accumulation_steps=3),
    "schedule": lambda: optimizers.Adam(schedules.ExponentialDecay(0.1, 2, 0.5), weight_decay=0.01),
    "scheduled_accumulation": lambda: optimizers.SGD(
        schedules.CosineDecay(0.1, 9, warmup_target=0.2, warmup_steps=2), gradient_accumulation_steps=2
    ),
    "clipped": lambda: optimizers.AdamW(0.05, global_clipnorm=0.1),
}


# What has one name and two meanings, with the targets for which it has one, or Keras' meaning by its class.
LOSSES = {
    "hinge": ("hinge", "signs"),
    "squared_hinge": ("squaredHinge", "signs"),
    "keras_hinge": (wl.losses.Hinge(), "bits"),
    "keras_squared_hinge": (wl.losses.SquaredHinge(), "bits"),
    "logits": (wl.losses.BinaryCrossentropy(from_logits=True), "bits"),
    "tversky": (wl.losses.Tversky(alpha=0.2, beta=0.9), "bits"),
}


def plain():
    return wl.sequential([L.dense(3, activation="tanh", input_shape=[4]), L.dense(1)])


def involved():
    """Weights in layers in layers in models, among them some that are not trained."""
    inner = wl.sequential([L.dense(4, activation="relu", input_shape=[4]), L.batch_normalization()], name="inner")
    x = wl.input(shape=[4])
    h = L.reshape([2, 2]).apply(inner.apply(x))
    h = L.bidirectional(L.lstm(2, return_sequences=True)).apply(h)
    h = L.multi_head_attention(num_heads=2, key_dim=2).apply(h, h)
    h = L.layer_normalization().apply(L.flatten().apply(h))
    frozen = L.dense(3, name="frozen", trainable=False)
    return wl.model(inputs=x, outputs=L.dense(1).apply(frozen.apply(h)))


def trained(make, optimizer, data, loss="mean_squared_error"):
    wl.set_random_seed(5)
    model = make()
    model.compile(optimizer, loss)
    fitted(model, data)
    return model


def fitted(model, data):
    async def fit():
        history = await model.fit(
            np.array(data["x"], np.float32),
            np.array(data["y"], np.float32),
            batch_size=data["batch_size"],
            epochs=2,
            shuffle=False,
            verbose=0,
        )
        return history.history["loss"]

    return asyncio.run(fit())


def saved(model, path):
    async def save():
        await model.save(path, include_optimizer=True)

    asyncio.run(save())


def loaded(path):
    async def load():
        return await wl.load_layers_model(path)

    return asyncio.run(load())


def data():
    rng = np.random.default_rng(0)
    return {"x": rng.random((6, 4)).tolist(), "y": rng.random((6, 1)).tolist(), "batch_size": 2}


def test_training_goes_on_in_keras_and_back(tmp_path):
    given = data()
    ours = {name: trained(plain, make(), given) for name, make in OPTIMIZERS.items()}
    ours["involved"] = trained(involved, optimizers.Adam(0.02), given)
    inputs = dict.fromkeys(ours, given)
    bits = [[1.0], [0.0], [1.0], [1.0], [0.0], [1.0]]
    for name, (loss, targets) in LOSSES.items():
        inputs[name] = {**given, "y": bits if targets == "bits" else [[2 * v[0] - 1] for v in bits]}
        ours[name] = trained(plain, optimizers.SGD(0.1), inputs[name], loss)
    both = ("involved", "tversky", "nadam", "schedule", "averages")
    for name, model in ours.items():
        saved(model, tmp_path / f"{name}.keras")
        (tmp_path / f"{name}.keras.json").write_text(json.dumps({**inputs[name], "h5": name in both}))
    saved(ours["adam"], tmp_path / "adam.h5")
    (tmp_path / "adam.h5.json").write_text(json.dumps(given))
    done = subprocess.run([sys.executable, PEER, tmp_path], capture_output=True, text=True, timeout=500)
    assert not done.returncode, done.stderr
    answers = {
        name: json.loads((tmp_path / f"{name}.answer.json").read_text())
        for name in [*(f"{n}.keras" for n in ours), "adam.h5"]
    }
    failures = [f"{name}: {answer['error']}" for name, answer in answers.items() if "error" in answer]
    for name, model in ours.items():
        answer = answers[f"{name}.keras"]
        if "error" in answer:
            continue
        assert answer["steps"] == model.optimizer.iterations, name
        first, then, given = answer["first"], answer["then"], inputs[name]
        pairs = {
            "here": (fitted(model, given), first),
            "from our file": (fitted(loaded(tmp_path / f"{name}.keras"), given), first),
            "from Keras' file": (fitted(loaded(tmp_path / "again" / f"{name}.keras"), given), then),
        }
        if name in both:
            pairs["from Keras' older file"] = (fitted(loaded(tmp_path / "again" / f"{name}.h5"), given), then)
        for what, (got, expected) in pairs.items():
            if not np.allclose(got, expected, rtol=1e-5, atol=1e-6):
                failures.append(f"{name}, {what}: {got}, Keras {expected}")
    assert not failures, "\n\n".join(failures)


@pytest.mark.parametrize("suffix", ["", ".keras", ".h5"])
@pytest.mark.parametrize(
    "name",
    [
        *("adam", "nadam", "adafactor", "averages", "scheduled_accumulation"),
        *("lossscaleoptimizer", "multioptimizer"),
    ],
)
def test_our_own_files_go_on(backend, tmp_path, name, suffix):
    given = data()
    model = trained(plain, OPTIMIZERS[name](), given)
    saved(model, tmp_path / f"m{suffix}")
    twin = loaded(tmp_path / f"m{suffix}")
    assert twin.optimizer.steps == model.optimizer.steps == 6
    np.testing.assert_allclose(fitted(twin, given), fitted(model, given), rtol=1e-6)


@pytest.mark.parametrize("suffix", ["", ".keras", ".h5"])
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_stays_what_it_is(tmp_path, name, suffix):
    loss = LOSSES[name][0]
    model = trained(plain, optimizers.SGD(0.1), data(), loss)
    saved(model, tmp_path / f"m{suffix}")
    # targets of 0 and 1 tell the hinges apart
    given = {**data(), "y": [[1.0], [0.0]] * 3}
    np.testing.assert_allclose(fitted(loaded(tmp_path / f"m{suffix}"), given), fitted(model, given), rtol=1e-6)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_learning_rate_that_was_set_is_kept(tmp_path, suffix):
    model = trained(plain, optimizers.Adam(0.1), data())
    model.optimizer.learning_rate = 0.03
    saved(model, tmp_path / f"m{suffix}")
    assert np.isclose(loaded(tmp_path / f"m{suffix}").optimizer.learning_rate, 0.03)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_before_the_first_step_there_is_no_state(tmp_path, suffix):
    model = plain()
    model.compile(optimizers.Adam(0.1), "mse")
    saved(model, tmp_path / f"m{suffix}")
    twin = loaded(tmp_path / f"m{suffix}")
    assert twin.optimizer.steps == 0
    np.testing.assert_allclose(fitted(twin, data()), fitted(model, data()), rtol=1e-6)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_state_of_other_weights_is_left_out(tmp_path, suffix):
    import h5py

    model = trained(plain, optimizers.Adam(0.1), data())
    path = tmp_path / f"m{suffix}"
    saved(model, path)
    if suffix == ".h5":
        with h5py.File(path, "a") as file:
            group = file["optimizer_state"]
            group.attrs["weight_names"] = group.attrs["weight_names"][:-1]
    else:
        import io
        import zipfile

        with zipfile.ZipFile(path) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        weights = io.BytesIO(parts["model.weights.h5"])
        with h5py.File(weights, "a") as file:
            del file["optimizer/vars/5"]
        parts["model.weights.h5"] = weights.getvalue()
        with zipfile.ZipFile(path, "w") as archive:
            for name, part in parts.items():
                archive.writestr(name, part)
    with pytest.warns(UserWarning, match="begins anew"):
        assert loaded(path).optimizer.steps == 0


class Own(wl.losses.Loss):
    def call(self, y_true, y_pred):
        return wl.mean(wl.square(wl.sub(y_pred, y_true)), -1)


@pytest.mark.parametrize("ending", [".keras", ".h5", ""])
@pytest.mark.parametrize("loss", ["binary_crossentropy", "sparse_categorical_crossentropy", Own])
def test_accuracy_and_losses_of_ones_own_come_back(tmp_path, ending, loss):
    model = wl.Sequential([wl.layers.Dense(1 if "bin" in str(loss) else 3, activation="sigmoid", input_shape=(4,))])
    model.compile("adam", loss if isinstance(loss, str) else loss(), metrics=["accuracy"])
    x = np.random.default_rng(0).standard_normal((20, 4)).astype(np.float32)
    y = np.ones((20, 3 if loss is Own else 1), np.float32)
    before = {name: value.array_sync() for name, value in model.evaluate(x, y, return_dict=True).items()}

    async def again():
        await model.save(f"{tmp_path}/model{ending}", include_optimizer=True)
        return await wl.load_layers_model(f"{tmp_path}/model{ending}", custom_objects={"Own": Own})

    found = asyncio.run(again()).evaluate(x, y, return_dict=True)
    assert {name: value.array_sync() for name, value in found.items()} == pytest.approx(before)
