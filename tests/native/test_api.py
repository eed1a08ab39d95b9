"""The API as its users meet it: both spellings, both habits, and what fit, evaluate, predict and tensors promise."""

import ast
import asyncio
import inspect
import re

import numpy as np
import pytest

import weblayers as wl

KERAS_PROGRAM = """
import weblayers as wl                                   # Python habits
model = wl.sequential()
model.add(wl.layers.dense(units=1, input_shape=[1]))
model.compile(optimizer="sgd", loss="mean_squared_error")
xs = wl.tensor2d([[1], [2], [3], [4]], [4, 1]); ys = wl.tensor2d([[1], [3], [5], [7]], [4, 1])
await model.fit(xs, ys, epochs=1000)
model.predict(wl.tensor2d([[5]], [1, 1])).print()        # close to 9
"""

TFJS_PROGRAM = """
import weblayers as tf                                   # TensorFlow.js habits
model = tf.sequential()
model.add(tf.layers.dense({"units": 1, "inputShape": [1]}))
model.compile({"optimizer": "sgd", "loss": "meanSquaredError"})
await model.fit(xs, ys, {"epochs": 1000})
model.fit(xs, ys, {"epochs": 10}).then(lambda history: print(history.history["loss"][-1]))
"""

XS = np.array([[1], [2], [3], [4]], np.float32)
YS = 2 * XS - 1


async def run_program(source, namespace):
    """Run a program that awaits at top level, as a notebook or a page does."""
    code = compile(source, "<program>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(code, namespace)
    if inspect.isawaitable(result):
        await result


def line(**compile_arguments):
    model = wl.sequential([wl.layers.dense(units=1, input_shape=[1], kernel_initializer="ones")])
    model.compile(**{"optimizer": "sgd", "loss": "mean_squared_error", **compile_arguments})
    return model


def fit(model, x=XS, y=YS, **options):
    async def main():
        return await model.fit(x, y, **{"verbose": 0, **options})

    return asyncio.run(main())


def test_the_two_programs_letter_for_letter(capsys):
    wl.set_random_seed(0)

    async def main():
        namespace = {}
        await run_program(KERAS_PROGRAM, namespace)
        predicted = capsys.readouterr().out.splitlines()[-1]
        assert abs(float(predicted.strip(" []")) - 9) < 0.2
        await run_program(TFJS_PROGRAM, namespace)
        before = capsys.readouterr().out.splitlines()
        assert before[-1].startswith("Epoch 1000/1000")
        # the chained fit goes on by itself
        while not (printed := capsys.readouterr().out.splitlines()) or printed[-1].startswith("Epoch"):
            await asyncio.sleep(0.01)
        assert 0 < float(printed[-1]) < 0.1

    asyncio.run(main())


def test_both_spellings_are_the_same_code():
    keywords = wl.layers.conv2d(filters=2, kernel_size=3, input_shape=[8, 8, 1], data_format="channels_last")
    config = wl.layers.conv2d({"filters": 2, "kernelSize": 3, "inputShape": [8, 8, 1], "dataFormat": "channelsLast"})
    assert type(keywords) is type(config) is wl.layers.Conv2D
    same = {**keywords.get_config(), "name": ""} == {**config.get_config(), "name": ""}
    assert same
    assert wl.layers.maxPooling2d is wl.layers.max_pooling2d is wl.layers.MaxPooling2D
    assert wl.setRandomSeed is wl.set_random_seed
    assert wl.ones([2]).dataSync().tolist() == [1, 1]
    assert wl.train.adam is wl.optimizers.Adam
    model = line(loss="meanSquaredError")
    model.stopTraining = True
    assert model.stop_training
    assert "max_pooling2d" in dir(wl.layers)
    assert "maxPooling2d" not in dir(wl.layers)


def test_then_catch_and_finally():
    async def main():
        model = line()
        order = []
        value = (
            await model.fit(XS, YS, epochs=2, verbose=0)
            .then(lambda h: len(h.epoch))
            .finally_(lambda: order.append("done"))
        )
        assert value == 2
        failing = line(optimizer=wl.train.sgd(1e20)).fit(XS, YS, batch_size=1, verbose=0)
        assert "became" in await failing.then(lambda h: order.append("never")).catch(str)
        assert order == ["done"]

    asyncio.run(main())


def test_fit_without_an_event_loop_runs_to_the_end():
    promise = line().fit(XS, YS, epochs=3, verbose=0)
    assert promise.done()
    assert len(promise.result().epoch) == 3


def test_history_and_its_parameters():
    history = fit(line(metrics=["mae"]), epochs=5, initial_epoch=3, batch_size=2, validation_split=0.5)
    assert history.epoch == [3, 4]
    assert list(history.history) == ["val_loss", "val_mae", "loss", "mae"]
    expected = dict(epochs=5, initial_epoch=3, samples=2, steps=1, batch_size=2, verbose=0, do_validation=True)
    assert {k: history.params[k] for k in expected} == expected


def test_loss_is_the_mean_over_samples_not_over_batches():
    """Three samples in batches of two: the partial batch counts half."""
    x, y = np.array([[1], [2], [3]], np.float32), np.zeros((3, 1), np.float32)
    history = fit(line(optimizer=wl.train.sgd(0.0)), x, y, batch_size=2, shuffle=False)
    assert history.history["loss"] == [pytest.approx((1 + 4 + 9) / 3)]


def test_callbacks_in_every_form_and_order():
    calls = []

    def recorder(name, is_async):
        async def later(*args):
            await asyncio.sleep(0)
            calls.append((name, *args[:1]))

        return later if is_async else lambda *args: calls.append((name, *args[:1]))

    hooks = ("onTrainBegin", "onEpochBegin", "onBatchBegin", "onBatchEnd", "onEpochEnd", "onTrainEnd")
    plain = {name: recorder(name, i % 2 == 0) for i, name in enumerate(hooks)}

    class Mine(wl.Callback):
        seen: list = []

        def on_batch_end(self, batch, logs):
            assert set(logs) == {"batch", "size", "loss"}
            assert self.params["steps"] == 2
            assert isinstance(self.model, wl.Sequential)
            self.seen.append((batch, logs["size"]))

    class Anything:
        def on_epoch_end(self, epoch, logs):
            calls.append(("object", epoch))

    history = fit(line(), epochs=2, batch_size=3, callbacks=[plain, Mine(), Anything()])
    batches = [("onBatchBegin", 0), ("onBatchEnd", 0), ("onBatchBegin", 1), ("onBatchEnd", 1)]
    epochs = [[("onEpochBegin", e), *batches, ("onEpochEnd", e), ("object", e)] for e in (0, 1)]
    assert calls == [
        ("onTrainBegin", {}),
        *epochs[0],
        *epochs[1],
        ("onTrainEnd", {"loss": history.history["loss"][-1]}),
    ]
    assert Mine.seen == [(0, 3), (1, 1)] * 2


def test_stop_training_in_a_batch_ends_the_epoch_there():
    model = line()
    ended = []

    def stop(batch, logs):
        if batch == 1:
            model.stop_training = True

    callbacks = {
        "onBatchEnd": stop,
        "onEpochEnd": lambda e, logs: ended.append(logs),
        "onTrainEnd": lambda logs: ended.append("end"),
    }
    history = fit(model, np.repeat(XS, 50, 0), np.repeat(YS, 50, 0), epochs=5, batch_size=1, callbacks=callbacks)
    assert len(history.epoch) == 1
    assert len(ended) == 2 and ended[-1] == "end" and "loss" in ended[0]
    assert len(fit(model, epochs=2).epoch) == 2


def test_cancelling_keeps_the_finished_steps():
    model = line()
    before = model.get_weights()[0].numpy()

    async def main():
        promise = model.fit(np.repeat(XS, 1000, 0), np.repeat(YS, 1000, 0), batch_size=1, epochs=100, verbose=0)
        await asyncio.sleep(0.2)
        promise.cancel()
        with pytest.raises(asyncio.CancelledError):
            await promise
        assert len((await model.fit(XS, YS, verbose=0)).epoch) == 1

    asyncio.run(main())
    after = model.get_weights()[0].numpy()
    assert np.isfinite(after).all() and (before != after).any()


def test_the_event_loop_runs_while_numpy_trains(moving_clock):
    async def main():
        ticks = 0
        promise = line().fit(np.repeat(XS, 5, 0), np.repeat(YS, 5, 0), batch_size=1, verbose=0)
        while not promise.done():
            await asyncio.sleep(0)
            ticks += 1
        return ticks

    assert asyncio.run(main()) > 20


def test_the_same_seed_gives_the_same_run_and_another_does_not():
    def run(seed):
        wl.set_random_seed(seed)
        model = wl.sequential([wl.layers.dense(8, input_shape=[1]), wl.layers.dropout(rate=0.5), wl.layers.dense(1)])
        model.compile("adam", "mse")
        return fit(model, epochs=3, batch_size=2).history["loss"]

    first = run(5)
    assert run(5) == first
    assert run(6) != first


def test_evaluate_and_predict():
    model = line(metrics=["mae"])
    loss, mae = model.evaluate(XS, YS, batch_size=3)
    predicted = model.predict(XS).numpy()
    np.testing.assert_allclose(predicted, XS)
    assert float(loss) == pytest.approx(float(np.mean((predicted - YS) ** 2)))
    assert float(mae) == pytest.approx(float(np.mean(np.abs(predicted - YS))))
    many = np.random.default_rng(0).random((37, 1), np.float32)
    for batch in (1, 5, 37, 100):
        np.testing.assert_allclose(model.predict(many, {"batchSize": batch}).numpy(), many)
    assert model.predict(XS[:0]).shape == (0, 1)
    np.testing.assert_allclose(model.predict([1.0, 2.0]).numpy(), [[1], [2]])
    assert isinstance(line().evaluate(XS, YS), wl.Tensor)


def test_summary_is_the_table_of_tensorflow_js():
    model = wl.sequential(
        [
            wl.layers.conv2d(filters=8, kernel_size=3, input_shape=[28, 28, 1], name="conv2d_Conv2D2"),
            wl.layers.flatten(name="flatten_Flatten1"),
            wl.layers.dense(2, name="out", trainable=False),
        ]
    )
    lines = []
    model.summary(print_fn=lines.append, spelling="tfjs")
    assert lines[0].splitlines() == [
        "_" * 90,
        "Layer (type)                Input Shape               Output shape              Param #   ",
        "=" * 90,
        "conv2d_Conv2D2 (Conv2D)     [[null,28,28,1]]          [null,26,26,8]            80        ",
        "_" * 90,
        "flatten_Flatten1 (Flatten)  [[null,26,26,8]]          [null,5408]               0         ",
        "_" * 90,
        "out (Dense)                 [[null,5408]]             [null,2]                  10818     ",
        "=" * 90,
        "Total params: 10898",
        "Trainable params: 80",
        "Non-trainable params: 10818",
        "_" * 90,
    ]


def test_layer_names_count_up_as_in_tensorflow_js():
    first, second = wl.layers.max_pooling2d().name, wl.layers.max_pooling2d().name
    prefix = "max_pooling2d_MaxPooling2D"
    assert first.startswith(prefix) and int(second.removeprefix(prefix)) == int(first.removeprefix(prefix)) + 1


def test_weights_travel():
    a, b = line(), line()
    fit(a, epochs=3)
    b.set_weights(a.get_weights())
    np.testing.assert_array_equal(a.predict(XS).numpy(), b.predict(XS).numpy())
    names = [w.name for w in a.weights]
    assert [n.split("/")[1] for n in names] == ["kernel", "bias"]


def test_a_frozen_layer_keeps_its_weights():
    frozen = wl.layers.dense(2, input_shape=[1], trainable=False)
    model = wl.sequential([frozen, wl.layers.dense(1)])
    model.compile("sgd", "mse")
    before = [w.numpy() for w in frozen.get_weights()]
    fit(model, epochs=2)
    for was, now in zip(before, frozen.get_weights(), strict=True):
        np.testing.assert_array_equal(was, now.numpy())


def test_the_learning_rate_changes_without_a_new_trace():
    model = line()
    fit(model, epochs=1)
    traces, before = model.steps.traces, model.get_weights()[0].numpy()
    model.optimizer.learning_rate = 0.0
    fit(model, epochs=1)
    np.testing.assert_array_equal(model.get_weights()[0].numpy(), before)
    model.optimizer.setLearningRate(0.1)
    fit(model, epochs=1)
    assert (model.get_weights()[0].numpy() != before).any()
    assert model.steps.traces == traces


def test_progress_lines(capsys):
    fit(line(), epochs=2, verbose=1)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    for i, each in enumerate(lines):
        assert re.fullmatch(rf"Epoch {i + 1}/2 - \d+\.\ds - \d+\.\dms/step - loss: \d\.\d+", each)


def test_tensors():
    t = wl.tensor([[1, 2], [3, 4]])
    assert (t.dtype, t.shape, t.rank, t.size) == ("float32", (2, 2), 2, 4)
    assert (1 - t).array_sync() == [[0, -1], [-2, -3]]
    assert (t @ t).array_sync() == [[7, 10], [15, 22]]
    assert t[1, 1:].array_sync() == [4] and t[::2].array_sync() == [[1, 2]]
    assert t[1].array_sync() == [3, 4] and t[..., 0].array_sync() == [1, 3] and t[None].shape == (1, 2, 2)
    assert t.mean().array_sync() == 2.5 and t.sum(0).array_sync() == [4, 6]
    assert (np.ones(2, np.float32) + t).array_sync() == [[2, 3], [4, 5]]
    assert wl.div(7, 2).array_sync() == 3.5
    assert asyncio.run(t.data()).tolist() == [1, 2, 3, 4] and asyncio.run(t.array()) == [[1, 2], [3, 4]]
    assert np.asarray(t).dtype == np.float32
    assert repr(t).startswith("<Tensor: shape=(2, 2), dtype=float32, on=numpy, values=[[1.")
    assert t.to_string() == "Tensor\n    [[1, 2],\n     [3, 4]]"
    assert t.to_string(verbose=True).splitlines()[1:4] == ["  dtype: float32", "  rank: 2", "  shape: [2,2]"]
    assert wl.tensor1d([True, False]).dtype == "bool"
    assert wl.tensor(np.arange(3)).dtype == "int32" and wl.tensor(np.zeros(2)).dtype == "float32"


def test_new_numbers_run_an_old_plan(monkeypatch):
    """An eager op is compiled for shapes; numbers are not part of its plan."""
    from weblayers.runtime import device

    compiled = []
    runtime = device.current()
    original = runtime.compile

    def counted(graph):
        compiled.append(graph)
        return original(graph)

    monkeypatch.setattr(runtime, "compile", counted)
    for i in range(10):
        assert (wl.ones([7]) * (i + 0.5)).numpy()[0] == i + 0.5
    assert len(compiled) <= 1


def test_dropout_scales_what_it_keeps_and_only_in_training():
    layer = wl.layers.dropout(rate=0.25, seed=3)
    x = wl.ones([200, 50])
    assert (layer.apply(x).numpy() == 1).all()
    dropped = layer.apply(x, training=True).numpy()
    kept = dropped != 0
    assert abs(kept.mean() - 0.75) < 0.02
    np.testing.assert_allclose(dropped[kept], 1 / 0.75, rtol=1e-6)
    assert (layer.apply(x, training=True).numpy() != dropped).any()


def test_memory_is_steady_over_fits():
    model = line(optimizer="adam")
    fit(model, epochs=1)
    before = wl.memory()
    for _ in range(3):
        fit(model, epochs=2)
    assert wl.memory() == before
