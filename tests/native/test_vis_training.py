"""Charts of training, of models and of what is inside them."""

import asyncio
import math

import numpy as np
import pytest

import weblayers as wl
from weblayers.page.thinning import thin
from weblayers.vis.curves import Curves

show = wl.vis.show


def trained(model, *, epochs=2, callbacks, validation=False, steps=3, initial_epoch=0):
    x = np.linspace(-1, 1, 4 * steps, dtype=np.float32)[:, None]
    model.compile("sgd", "mse", metrics=["mae"])

    async def main():
        more = {"initial_epoch": initial_epoch, **({"validation_data": (x, x)} if validation else {})}
        return await model.fit(x, x, epochs=epochs, batch_size=4, verbose=0, callbacks=callbacks, **more)

    return asyncio.run(main())


def line():
    return wl.sequential([wl.layers.dense(units=1, input_shape=[1])])


def charts_of(message):
    return {chart["title"]: chart for chart in message["content"]["chart"]["data"]["charts"]}


def lines_of(chart):
    return {each["name"]: (each["x"].tolist(), each["y"].tolist()) for each in chart["data"]["series"]}


def test_curves_by_epoch(backend, page_host):
    callback = show.fit_callbacks("curves", [["loss", "val_loss"], "mae"], callbacks=["onEpochEnd"])
    assert not hasattr(type(callback), "on_batch_end")
    history = trained(line(), epochs=4, callbacks=[callback], validation=True).history
    assert [m["type"] for m in page_host.said] == ["show", "add", "add", "add", "show"]
    assert {m["where"] for m in page_host.said} == {"curves"}
    first, last = (charts_of(page_host.said[i]) for i in (0, -1))
    assert list(first) == ["loss, val_loss by epoch", "mae by epoch"]
    assert lines_of(first["mae by epoch"]) == {"mae": ([1], [history["mae"][0]])}
    for i, message in enumerate(page_host.said[1:-1], 2):
        points = {
            "loss, val_loss by epoch": {name: (i, history[name][i - 1]) for name in ("loss", "val_loss")},
            "mae by epoch": {"mae": (i, history["mae"][i - 1])},
        }
        assert message["points"] == points
    for chart in last.values():
        for name, (x, y) in lines_of(chart).items():
            assert x == [1, 2, 3, 4] and y == history[name]


def test_curves_by_batch(backend, page_host, moving_clock):
    """Each frame has one call at most, so that there are at most as many points as batches."""
    callback = show.fitCallbacks("curves", ["loss"])
    assert callback.batches == "frame"
    trained(line(), epochs=3, callbacks=callback, steps=5)
    last = charts_of(page_host.said[-1])
    assert list(last) == ["loss by batch", "loss by epoch"]
    x, y = lines_of(last["loss by batch"])["loss"]
    assert x == sorted(set(x)) and 1 <= len(x) <= 15 and x[-1] == 15 and np.isfinite(y).all()
    assert lines_of(last["loss by epoch"])["loss"][0] == [1, 2, 3]
    shows = [m for m in page_host.said if m["type"] == "show"]
    # the batches begin, then the epochs, and all of it once more at the end
    assert len(shows) == 3
    assert len(page_host.said) == 3 + (len(x) - 1) + (3 - 1)


def test_curves_of_all_that_is_logged(page_host):
    trained(line(), callbacks=show.fit_callbacks("a", callbacks=["on_epoch_end"]), validation=True)
    assert list(charts_of(page_host.said[0])) == ["loss, val_loss by epoch", "mae, val_mae by epoch"]


def test_a_second_training_goes_on(page_host):
    """Whether it counts its epochs from the beginning, or from where the first one ended."""
    callback, model = show.fit_callbacks("a", ["loss"], callbacks=["on_epoch_end"]), line()
    for first, epochs in ((0, [1, 2]), (0, [1, 2, 3, 4]), (4, [1, 2, 3, 4, 5, 6])):
        trained(model, callbacks=callback, epochs=first + 2, initial_epoch=first)
        assert lines_of(charts_of(page_host.said[-1])["loss by epoch"])["loss"][0] == epochs


def test_an_unknown_metric_is_told_once_and_trains(page_host):
    with pytest.warns(UserWarning, match=r"no metric 'los' to show. Did you mean 'loss'\?") as warned:
        history = trained(line(), epochs=3, callbacks=show.fit_callbacks("a", ["los", "mae", "val_mae"]))
    assert len(warned) == 1 and len(history.epoch) == 3
    assert "mae by epoch" in charts_of(page_host.said[-1])


def test_long_curves_keep_their_shape_everywhere():
    """Also where they are oldest, and where lines of one chart have their points at other x."""
    curves, steps = Curves([["loss", "val_loss"]], "batch", {}), 60_000
    loss = np.sin(np.arange(steps) / 300)
    loss[[7, 1234]] = -5, 5
    for i, value in enumerate(loss):
        curves.add(i + 1, {"loss": value, **({"val_loss": -value} if i % 10 == 9 else {})})
    [chart] = curves.charts()
    many = 500
    for name, x, y in ((each["name"], each["x"], each["y"]) for each in chart.data["series"]):
        whole, at = (loss, np.arange(steps)) if name == "loss" else (-loss[9::10], np.arange(9, steps, 10))
        assert len(x) <= 8000 and x[-1] == at[-1] + 1 and x[0] == at[0] + 1 and (np.diff(x) > 0).all()
        # what was drawn of each stretch, as of the whole
        for each in np.array_split(np.arange(len(at)), many // 2):
            part = y[(x > at[each[0]] - steps / many) & (x <= at[each[-1]] + steps / many)]
            assert part.min() <= whole[each].min() and part.max() >= whole[each].max()


@pytest.mark.parametrize("x", [[1, 2] * 20, [math.nan] * 40, [0, *[1e300] * 39], [*range(38), -1e308, 1e308]])
def test_points_that_lie_anyhow_become_fewer(x):
    xs, ys = list(x), [0.0] * len(x)
    thin(xs, [ys], 4)
    assert len(xs) == len(ys) < 33 and {each for each in xs if math.isfinite(each)} <= set(x)


def test_histories(page_host):
    model = line()
    first = trained(model, epochs=3, callbacks=[], validation=True)
    second = trained(model, epochs=2, callbacks=[])
    chart = show.history("h", first, ["loss", ["mae", "val_mae"]])
    assert [c.title for c in chart.data["charts"]] == ["loss", "mae, val_mae"]
    assert lines_of(charts_of(page_host.said[0])["loss"]) == {"loss": ([1, 2, 3], first.history["loss"])}
    for both in ({"a": first, "b": second}, {"a": first.history, "b": [{"loss": v} for v in second.history["loss"]]}):
        [chart] = show.history(None, both, ["loss"]).data["charts"]
        lengths = {each["name"]: len(each["x"]) for each in chart.data["series"]}
        assert lengths == {"a loss": 3, "b loss": 2}
    [chart] = show.history(None, [first, second], ["loss"]).data["charts"]
    assert [each["name"] for each in chart.data["series"]] == ["run 1 loss", "run 2 loss"]


def picture_model():
    return wl.sequential(
        [
            wl.layers.conv2d(filters=4, kernel_size=3, input_shape=[6, 6, 1], activation="relu", name="conv"),
            wl.layers.flatten(name="flat"),
            wl.layers.dense(units=2, name="out"),
        ]
    )


def test_a_summary():
    chart = show.model_summary(None, picture_model())
    assert [row[0] for row in chart.data["rows"]] == ["conv (Conv2D)", "flat (Flatten)", "out (Dense)"]
    assert [row[2] for row in chart.data["rows"]] == [40, 0, 130]


def test_the_weights_of_a_layer(backend):
    layer = picture_model().layers[0]
    kernel = np.arange(36, dtype=np.float32).reshape(3, 3, 1, 4)
    kernel[0, 0, 0, 1] = np.nan
    layer.set_weights([kernel, np.zeros(4, np.float32)])
    table, *histograms = show.layer(None, layer).data["charts"]
    assert table.data["rows"][0] == ["conv/kernel", "(3, 3, 1, 4)", 36, 0.0, 35.0, pytest.approx(629 / 35), 1, 1, 0]
    assert table.data["rows"][1][6:] == [4, 0, 0]
    assert [h.title for h in histograms] == ["conv/kernel", "conv/bias"]
    assert histograms[0].data["counts"].sum() == 35
    assert show.layer(None, wl.sequential([wl.layers.flatten(input_shape=[2])]).layers[0]).text.startswith("nothing")


def test_feature_maps(backend):
    model = picture_model()
    x = np.random.default_rng(0).random((2, 6, 6, 1), dtype=np.float32)
    shown = [show.feature_maps(None, model, layer, x) for layer in ("conv", 0, model.layers[0])]
    expected = wl.model(inputs=model.inputs, outputs=model.layers[0].output).predict(x).numpy()[0]
    low, high = expected.min((0, 1)), expected.max((0, 1))
    gray = np.floor(255 * (expected - low) / np.where(high > low, high - low, 1) + 0.5)
    for chart in shown:
        pixels = chart.data["pixels"].reshape(4, 4, 4, 4)
        assert np.abs(np.moveaxis(pixels[..., 0], 0, -1) - gray).max() <= 1
    dense = show.feature_maps(None, model, "out", x[0])
    assert (dense.data["count"], dense.data["height"], dense.data["width"]) == (1, 1, 2)
    with pytest.raises(ValueError, match=r"'cov' is no layer of .* Did you mean 'conv'"):
        show.feature_maps(None, model, "cov", x)
    with pytest.raises(ValueError, match="7 is no layer of"):
        show.feature_maps(None, model, 7, x)


@pytest.mark.parametrize(("channels", "count"), [(1, 4), (3, 4), (2, 8)])
def test_filters(channels, count):
    conv = wl.layers.conv2d(filters=4, kernel_size=3, input_shape=[6, 6, channels])
    chart = show.filters(None, wl.sequential([conv]).layers[0])
    assert chart.data["count"] == count and chart.data["width"] == 3
    if channels == 2:
        kernel = conv.weights[0].numpy()
        far = np.abs(kernel[:, :, 1, 0]).max()
        gray = np.floor(255 * (kernel[:, :, 1, 0] / far + 1) / 2 + 0.5)
        np.testing.assert_allclose(chart.data["pixels"].reshape(8, 3, 3, 4)[1, ..., 0], gray, atol=1)


def test_filters_of_a_dense_layer_and_of_none():
    layers = picture_model().layers
    assert show.filters(None, layers[2]).kind == "heatmap"
    with pytest.raises(ValueError, match="'flat' has no kernel"):
        show.filters(None, layers[1])


def test_attention():
    scores = np.random.default_rng(0).random((2, 3, 4, 5))
    chart = show.attention(None, scores, keys=list("abcde"))
    assert [c.title for c in chart.data["charts"]] == ["head 0", "head 1", "head 2"]
    np.testing.assert_array_equal(chart.data["charts"][1].data["values"], scores[0, 1].reshape(-1))
    assert chart.data["charts"][0].options["domain"] == [0, 1]


def test_class_accuracies():
    chart = show.perClassAccuracy(None, [{"accuracy": 0.5, "count": 4}, {"accuracy": 1.0, "count": 2}])
    assert chart.data["headers"] == ["Class", "Accuracy", "# Samples"]
    assert chart.data["rows"] == [["0", 0.5, 4], ["1", 1.0, 2]]
