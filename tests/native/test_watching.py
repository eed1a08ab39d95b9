"""What is watched inside a model while it trains: the right numbers, an undisturbed training, and no cost without."""

import asyncio

import numpy as np
import pytest

import weblayers as wl
from tests.losable import Losable, use
from weblayers.models import watching
from weblayers.runtime import device
from weblayers.runtime.soft_device import SoftDevice

RNG = np.random.default_rng(0)
X = RNG.random((40, 8, 8, 1), dtype=np.float32)
Y = np.arange(40) % 3


@pytest.fixture(autouse=True)
def nobody_watches():
    yield
    watching.forget()


def classifier():
    wl.set_random_seed(1)
    model = wl.sequential(
        [
            wl.layers.conv2d(filters=4, kernel_size=3, activation="relu", input_shape=[8, 8, 1], name="conv"),
            wl.layers.max_pooling2d(pool_size=2, name="pool"),
            wl.layers.flatten(name="flat"),
            wl.layers.dropout(0.3, name="drop"),
            wl.layers.dense(units=3, activation="softmax", name="out"),
        ]
    )
    model.compile(wl.train.adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def fitted(model, x, y, **options):
    async def main():
        return await model.fit(x, y, verbose=0, **options)

    return asyncio.run(main()).history


def trained(model, epochs=3, **options):
    wl.set_random_seed(2)
    return fitted(model, X, Y, epochs=epochs, batch_size=10, **options)


def counted(model):
    """What the devices have done for a training."""
    before = device.current().counters()
    trained(model)
    return {name: count - before[name] for name, count in device.current().counters().items()}


def test_a_watched_training_is_the_plain_one(backend):
    plain, seen, found = classifier(), classifier(), []
    expected = trained(plain)
    wl.vis.watch("conv", watching.WHAT, every=5, on_capture=found.append)
    assert trained(seen) == expected
    for ours, theirs in zip(plain.get_weights(), seen.get_weights(), strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert [capture.step for capture in found] == [0, 5, 10]


def test_what_is_captured(backend):
    """Against a model of which nothing is known but its output, and its loss."""
    model, found = classifier(), []
    model.layers[3].rate = 0.0
    kernel = model.layers[0].kernel.numpy().copy()
    part = wl.model(inputs=model.inputs, outputs=model.layers[0].output)
    rest = wl.sequential([wl.layers.max_pooling2d(pool_size=2, input_shape=[6, 6, 4]), wl.layers.flatten()])
    last = model.layers[4].get_weights()
    expected = part.predict(X[:10])

    def loss(output):
        scores = wl.softmax(wl.add(wl.mat_mul(rest.apply(output), last[0]), last[1]))
        right = wl.one_hot(wl.tensor(Y[:10], dtype="int32"), 3)
        return wl.neg(wl.mean(wl.log(wl.sum(wl.mul(scores, right), 1))))

    slope = wl.grad(loss)(expected).numpy()
    expected = expected.numpy()
    weights = [w.numpy().copy() for w in model.layers[0].weights]
    wl.vis.watch(model.layers[0], watching.WHAT, samples=4, on_capture=found.append)
    trained(model, epochs=1, shuffle=False)
    [capture] = found
    assert capture.layer is model.layers[0]
    np.testing.assert_allclose(capture.values["output"], expected[:4], atol=1e-5)
    np.testing.assert_allclose(capture.values["gradient"], slope[:4], atol=1e-5)
    np.testing.assert_array_equal(capture.values["weights"]["conv/kernel"], kernel)
    found_bias = capture.values["weight_gradients"]["conv/bias"]
    # of the whole batch, where the layer's activation lets it through
    np.testing.assert_allclose(found_bias, (slope * (expected > 0)).sum((0, 1, 2)), atol=1e-5)
    assert capture.values["weight_gradients"]["conv/kernel"].shape == weights[0].shape


def test_nothing_is_paid_for_what_is_not_watched():
    wl.set_backend("softgpu")
    try:
        plain = counted(classifier())
        model = classifier()
        watch = wl.vis.watch("conv", ["output", "gradient"], on_capture=lambda capture: None)
        watched = counted(model)
        assert watched["draws"] > plain["draws"] and watched["reads"] > plain["reads"]
        assert model.steps.traces == 2
        watch.stop()
        again = classifier()
        assert counted(again) == plain
        assert again.steps.traces == 1
        # and the model that was watched makes its plain steps, which are compiled
        later = counted(model)
        assert later["plansLoaded"] == 0 and later["reads"] == plain["reads"]
        assert model.steps.traces == 2
    finally:
        wl.set_backend("numpy")


def test_watching_begins_and_ends_while_a_fit_runs(backend):
    model, found, watches, steps = classifier(), [], [], []

    def seen(batch, logs):
        steps.append(batch)
        if len(steps) == 5:
            watches.append(wl.vis.watch("conv", every=4, on_capture=lambda capture: found.append(capture.step)))
        if len(found) == 3:
            watches[0].stop()

    trained(model, epochs=10, callbacks={"on_batch_end": seen})
    assert len(steps) == 40 and found == [0, 4, 8]


def test_steps_of_ones_own_and_callbacks_that_are_awaited(backend):
    class Own(wl.Sequential):
        def train_step(self, data):
            x, y = data
            with wl.GradientTape() as tape:
                loss = wl.mean(wl.square(self(x, training=True) - y))
            self.optimizer.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
            return {"loss": loss}

    model, found = Own([wl.layers.dense(units=1, input_shape=[1], kernel_initializer="ones", name="one")]), []
    model.compile(optimizer="sgd")

    async def told(capture):
        await asyncio.sleep(0)
        found.append(capture.values["gradient"])

    wl.vis.watch("one", "gradient", on_capture=told)
    fitted(model, wl.ones([4, 1]), wl.zeros([4, 1]))
    np.testing.assert_allclose(found, [np.full((4, 1), 0.5)], atol=1e-6)


def test_two_watches_of_one_step(backend):
    model, found = classifier(), []
    wl.vis.watch("conv", every=2, on_capture=lambda c: found.append(("conv", c.step)))
    wl.vis.watch("out", "output", {"every": 3, "onCapture": lambda c: found.append(("out", c.step))})
    trained(model, epochs=2)
    conv, out = ([("conv", i) for i in (0, 2, 4, 6)], [("out", i) for i in (0, 3, 6)])
    assert sorted(found) == conv + out
    assert model.steps.traces == 4


def test_other_models_are_not_watched():
    watched, other, found = classifier(), classifier(), []
    wl.vis.watch(watched.layers[0], on_capture=found.append)
    trained(other, epochs=1)
    assert not found and other.steps.traces == 1


def test_what_cannot_be_watched():
    with pytest.raises(ValueError, match="Did you mean 'gradient'"):
        wl.vis.watch("conv", "gradients")
    with pytest.raises(ValueError, match="every to be a positive integer"):
        wl.vis.watch("conv", every=0)
    with pytest.raises(TypeError, match="a layer or the name of one, got int"):
        wl.vis.watch(3)
    with pytest.raises(ValueError, match="some of output, gradient"):
        wl.vis.watch("conv", [])
    watch = wl.vis.watch("con")
    with pytest.raises(ValueError, match="no layer 'con' to watch; its layers are conv, pool, flat, drop, out. Where"):
        trained(classifier())
    watch.stop()
    cell = wl.layers.simple_rnn_cell(units=2, name="cell")
    model = wl.sequential([wl.layers.rnn(cell=cell, input_shape=[8, 8]), wl.layers.dense(units=1)])
    model.compile("sgd", "mse")
    wl.vis.watch(cell)
    with pytest.raises(ValueError, match="'cell' has no output in a step of training: it is not called, or inside a"):
        fitted(model, X[..., 0], Y[:, None])


def charts_of(message):
    return {chart["title"]: chart for chart in message["content"]["chart"]["data"]["charts"]}


def test_what_is_shown(page_host, moving_clock):
    model = classifier()
    wl.vis.watch("conv", ["output", "gradient", "weights"], every=5)
    wl.vis.watch("out", "output", container="scores")
    trained(model)
    shown = [message for message in page_host.said if message["type"] == "show"]
    assert [message["where"] for message in shown] == ["conv", "scores", "conv", "conv"]
    charts = charts_of(shown[-1])
    kinds = {title: chart["kind"] for title, chart in charts.items()}
    assert kinds == {
        "output, one sample": "images",
        "gradient, one sample": "images",
        "conv/kernel": "histogram",
        "conv/bias": "histogram",
    }
    assert charts["output, one sample"]["text"] == "4 pictures of 6 x 6 pixels"
    assert shown[-1]["content"]["chart"]["title"] == "conv in step 11"
    assert [chart["kind"] for chart in charts_of(shown[1]).values()] == ["histogram"]


def test_a_place_is_taken_over(page_host, moving_clock):
    """A cell of a notebook that is run again."""
    for _ in range(2):
        wl.vis.watch("conv", every=100)
    model = classifier()
    trained(model, epochs=1)
    assert len(page_host.said) == 1
    wl.vis.watch(model.layers[0], every=100, on_capture=lambda capture: None)
    trained(model, epochs=1)
    assert len(watching._watches) == 2


def test_the_numbers_that_broke_a_training_are_told(backend):
    model, found = classifier(), []
    model.layers[0].kernel.assign(np.full((3, 3, 1, 4), np.nan, np.float32))
    wl.vis.watch("conv", "weights", every=1, on_capture=found.append)
    with pytest.raises(FloatingPointError):
        trained(model)
    assert np.isnan(found[0].values["weights"]["conv/kernel"]).all()


def test_numbers_are_lines_and_shown_no_oftener_than_seen(page_host, moving_clock):
    moving_clock.pace = 0.0
    model = wl.sequential([wl.layers.dense(units=1, input_shape=[1], use_bias=False, name="one")])
    model.compile("sgd", "mse")
    wl.vis.watch("one", "weights", every=1)

    fitted(model, wl.ones([4, 1]), wl.ones([4, 1]), epochs=5)
    assert len(page_host.said) == 1
    moving_clock.pace = 1.0
    fitted(model, wl.ones([4, 1]), wl.ones([4, 1]))
    [series] = charts_of(page_host.said[-1])["one/kernel"]["data"]["series"]
    assert series["x"].tolist() == [0, 1, 2, 3, 4, 5] and (np.diff(series["y"]) > 0).any()


@pytest.mark.filterwarnings("ignore:weblayers computes with")
@pytest.mark.parametrize("call", ["step", "read", "load"])
def test_a_device_that_is_lost_under_a_watch(monkeypatch, call):
    """What is captured is told once, and is the same, whoever computes it in the end."""

    def told(lost_at=None):
        losable, found = Losable(SoftDevice(), lost_at), []
        use(monkeypatch, losable)
        watch = wl.vis.watch("conv", ["output", "gradient"], every=3, on_capture=found.append)
        trained(classifier(), epochs=2)
        watch.stop()
        return losable.calls, found

    calls, expected = told()
    last = max(i for i, name in enumerate(calls) if name == call)
    for moment in (calls.index(call) + 1, last + 1):
        _, found = told(moment)
        assert [capture.step for capture in found] == [0, 3, 6]
        for ours, theirs in zip(found, expected, strict=True):
            for what in ("output", "gradient"):
                np.testing.assert_allclose(ours.values[what], theirs.values[what], atol=1e-4)


def test_data_sets_and_class_weights_are_watched(backend):
    """A class that counts twice doubles the gradients of its samples."""
    found = []

    def slopes(**options):
        model = classifier()
        model.layers[3].rate = 0.0
        watch = wl.vis.watch("out", "gradient", on_capture=lambda c: found.append(c.values["gradient"]))
        fitted(model, options.pop("x", X[:9]), options.pop("y", Y[:9]), **options)
        watch.stop()
        return found.pop()

    plain = slopes(shuffle=False)
    weighted = slopes(shuffle=False, class_weight={1: 2})
    np.testing.assert_allclose(weighted, plain * np.where(Y[:9] == 1, 2, 1)[:, None], atol=1e-5)
    np.testing.assert_allclose(slopes(x=wl.data.array([(X[:9], Y[:9])]), y=None), plain, atol=1e-5)


FLAT = X.reshape(40, -1)[:, :4]


def captured(model, layer, what):
    seen = []
    watch = wl.vis.watch(layer, what, on_capture=seen.append)
    fitted(model, FLAT, FLAT[:, :2], epochs=1)
    watch.stop()
    return seen


def test_outputs_that_are_shaped_again_have_gradients(backend):
    layers = [wl.layers.dense(4, input_shape=[4]), wl.layers.reshape([2, 2], name="shaped"), wl.layers.flatten()]
    model = wl.sequential([*layers, wl.layers.dense(2)])
    model.compile("sgd", "mse")
    gradient = captured(model, "shaped", ["output", "gradient"])[0].values["gradient"]
    assert gradient.shape[1:] == (2, 2) and np.abs(gradient).max() > 0


def test_layers_of_one_name_are_told_apart():
    first = wl.sequential([wl.layers.dense(5, input_shape=[4], name="same")], name="first")
    second = wl.sequential([wl.layers.dense(3, input_shape=[5], name="same")], name="second")
    given = wl.input(shape=[4])
    model = wl.model(inputs=given, outputs=wl.layers.dense(2).apply(second.apply(first.apply(given))))
    model.compile("sgd", "mse")
    for inner, units in ((first, 5), (second, 3)):
        layer = inner.layers[-1]
        values = captured(model, layer, ["output", "weights"])[0].values
        assert values["output"].shape[-1] == units
        assert [tuple(w.shape) for w in values["weights"].values()] == [tuple(w.shape) for w in layer.get_weights()]


def test_a_layer_without_weights_has_none_to_watch():
    with pytest.raises(ValueError, match="'flat' has no weights to watch"):
        wl.vis.watch("flat", "weights", on_capture=print)
        trained(classifier(), epochs=1)
