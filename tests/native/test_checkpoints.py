"""Models saved while they train, and trainings that survive an interruption."""

import asyncio

import numpy as np
import pytest

import weblayers as wl

pytestmark = pytest.mark.usefixtures("backend")

RNG = np.random.default_rng(0)
X = RNG.random((40, 3), np.float32)
Y = (X @ np.array([[1.0], [-2.0], [0.5]]) + 0.3).astype(np.float32)


def model(seed=1):
    wl.set_random_seed(seed)
    layers = [wl.layers.dense(6, activation="tanh", input_shape=[3]), wl.layers.dropout(0.3), wl.layers.dense(1)]
    made = wl.sequential(layers)
    made.compile(wl.train.adam(0.05), "mse", ["mae"])
    return made


def fit(made, *callbacks, **options):
    async def main():
        options.setdefault("epochs", 4)
        return await made.fit(X, Y, batch_size=8, verbose=0, callbacks=list(callbacks), **options)

    return asyncio.run(main())


def load(path):
    async def main():
        return await wl.load_layers_model(path)

    return asyncio.run(main())


def same_weights(first, second):
    for a, b in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


# -- ModelCheckpoint --------------------------------------------------------------------------------------------------


def test_a_model_per_epoch_that_can_be_trained_on(tmp_path):
    made = model()
    fit(made, wl.callbacks.ModelCheckpoint(f"{tmp_path}/{{epoch:02d}}-{{loss:.3f}}"))
    folders = sorted(p.name for p in tmp_path.iterdir())
    assert [name[:3] for name in folders] == ["01-", "02-", "03-", "04-"]
    last = load(tmp_path / folders[-1])
    same_weights(last, made)
    assert last.optimizer.iterations == 20
    np.testing.assert_allclose(fit(last, epochs=1).history["loss"], fit(made, epochs=1).history["loss"], rtol=0.5)


def test_only_the_best_is_kept(tmp_path, capsys):
    losses = iter([3.0, 1.0, 2.0, 0.5])
    saved = []

    def spoil(epoch, logs):
        logs["val_loss"] = next(losses)

    handler = wl.io.with_save_handler(saved.append)
    fit(model(), {"on_epoch_end": spoil}, wl.callbacks.ModelCheckpoint(handler, save_best_only=True, verbose=1))
    assert len(saved) == 3
    printed = capsys.readouterr().out.splitlines()
    assert [line[:8] for line in printed] == ["Epoch 1:", "Epoch 2:", "Epoch 4:"]
    threshold = wl.callbacks.ModelCheckpoint(handler, "loss", save_best_only=True, initial_value_threshold=0.0)
    fit(model(), threshold)
    assert len(saved) == 3


def test_weights_alone_every_few_batches(tmp_path):
    made = model()
    path = f"{tmp_path}/{{epoch}}-{{batch}}.safetensors"
    fit(made, wl.callbacks.ModelCheckpoint(path, save_weights_only=True, save_freq=3), epochs=2)
    # ten batches, five in an epoch
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1-3.safetensors", "2-1.safetensors", "2-4.safetensors"]


@pytest.mark.parametrize("suffix", ["", ".keras", ".h5"])
def test_any_format(tmp_path, suffix):
    made = model()
    fit(made, wl.callbacks.ModelCheckpoint(f"{tmp_path}/last{suffix}"), epochs=1)
    same_weights(load(f"{tmp_path}/last{suffix}"), made)


class Own(wl.Model):
    def __init__(self):
        super().__init__()
        self.hidden, self.out = wl.layers.dense(4, activation="relu"), wl.layers.dense(1)

    def call(self, x):
        return self.out(self.hidden(x))


def own_model(seed=1):
    wl.set_random_seed(seed)
    made = Own()
    made.compile(wl.train.momentum(0.05, 0.9), "mse")
    return made


def test_what_cannot_be_saved_fails_before_training(tmp_path):
    made = own_model()
    with pytest.raises(ValueError, match="save_weights"):
        fit(made, wl.callbacks.ModelCheckpoint(tmp_path / "m"))
    assert not made.built or made.optimizer.iterations == 0
    fit(made, wl.callbacks.ModelCheckpoint(f"{tmp_path}/m", save_weights_only=True))
    assert (tmp_path / "m" / "model.weights.bin").exists()


@pytest.mark.parametrize(
    "options, words",
    [({"save_freq": 0}, "save_freq"), ({"save_freq": "batch"}, "save_freq"), ({"mode": "best"}, "mode")],
)
def test_bad_arguments(options, words):
    with pytest.raises(ValueError, match=words):
        wl.callbacks.ModelCheckpoint("m", **options)


def test_a_name_that_is_not_logged():
    with pytest.raises(ValueError, match="val_loss.*there is epoch, loss"):
        fit(model(), wl.callbacks.ModelCheckpoint("{val_loss}"))


# -- BackupAndRestore -------------------------------------------------------------------------------------------------


class PowerCut(Exception):
    pass


def cut_at(epoch, batch=None):
    def at(number, logs):
        if number == (epoch if batch is None else batch):
            raise PowerCut

    return {"on_epoch_begin" if batch is None else "on_batch_end": at}


@pytest.mark.parametrize("make", [model, own_model])
def test_training_goes_on_as_if_nothing_had_happened(tmp_path, make):
    expected = make()
    history = fit(expected, {"on_epoch_end": lambda epoch, logs: None}, epochs=6)
    backup = wl.callbacks.BackupAndRestore(str(tmp_path / "backup"))
    with pytest.raises(PowerCut):
        fit(make(), backup, cut_at(3), epochs=6)
    assert list(tmp_path.iterdir())

    again = make()
    rest = fit(again, wl.callbacks.BackupAndRestore(str(tmp_path / "backup")), epochs=6)
    assert rest.epoch == [3, 4, 5]
    assert rest.history["loss"] == history.history["loss"][3:]
    same_weights(again, expected)
    assert again.optimizer.iterations == 30
    assert not list((tmp_path / "backup").iterdir())


def test_a_backup_within_an_epoch(tmp_path):
    made = model()
    with pytest.raises(PowerCut):
        fit(made, wl.callbacks.BackupAndRestore(str(tmp_path), save_freq=2), cut_at(0, batch=4))
    again = model(seed=2)
    epochs = []
    fit(
        again,
        wl.callbacks.BackupAndRestore(str(tmp_path), delete_checkpoint=False),
        {"on_epoch_begin": lambda epoch, logs: epochs.append((epoch, again.optimizer.iterations))},
    )
    assert epochs[0] == (0, 4)
    assert (tmp_path / "model.json").exists()


def test_a_backup_of_another_model_changes_nothing(tmp_path):
    with pytest.raises(PowerCut):
        fit(model(), wl.callbacks.BackupAndRestore(str(tmp_path)), cut_at(2))
    other = wl.sequential([wl.layers.dense(1, input_shape=[3])])
    other.compile("adam", "mse")
    before = [w.numpy() for w in other.weights]
    with pytest.raises(wl.io.ModelFileError, match=r"model\.json"):
        fit(other, wl.callbacks.BackupAndRestore(str(tmp_path)))
    for weight, values in zip(other.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), values)
    with pytest.raises(wl.io.ModelFileError, match="training_snapshot"):
        fit(other, wl.callbacks.ModelCheckpoint(str(tmp_path / "m")))
        fit(other, wl.callbacks.BackupAndRestore(str(tmp_path / "m")))
