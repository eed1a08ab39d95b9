"""Mistakes in data, callbacks and sizes are told with what was given, and whose it is."""

import asyncio

import numpy as np
import pytest

import weblayers as wl

L = wl.layers
X, Y = np.ones((6, 4), np.float32), np.ones((6, 2), np.float32)
WORDS = X.astype(str)


def run(promise):
    async def main():
        return await promise()

    return asyncio.run(main())


def one_input():
    model = wl.sequential([L.dense(2, input_shape=[4], name="end")])
    model.compile("sgd", "mse")
    return model


def two_inputs():
    a, b = wl.input(shape=[4], name="a"), wl.input(shape=[2], name="b")
    model = wl.model(inputs=[a, b], outputs=L.dense(2).apply(L.concatenate().apply([a, b])))
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize(
    ("model", "x", "label"), [(one_input, WORDS, "input"), (two_inputs, [WORDS, Y], "a"), (two_inputs, [X, WORDS], "b")]
)
def test_strings_where_numbers_belong(model, x, label):
    words = f"Error when checking {label}: .* expected numbers there, but got strings"
    with pytest.raises(TypeError, match=words):
        model().predict(x)
    with pytest.raises(TypeError, match=words):
        run(lambda: model().fit(x, Y, verbose=0))


def test_strings_as_targets():
    with pytest.raises(TypeError, match="targets must be numbers, got strings"):
        run(lambda: one_input().fit(X, Y.astype(str), verbose=0))


@pytest.mark.parametrize("use", [lambda m: run(lambda: m.fit(X, verbose=0)), lambda m: m.evaluate(X)])
def test_targets_are_missing(use):
    with pytest.raises(ValueError, match="targets for the output 'end' are missing"):
        use(one_input())


class Adding(L.Layer):
    def call(self, x):
        self.add_loss(wl.mean(wl.square(x)))
        return x


@pytest.mark.parametrize(
    "layers",
    [
        lambda: [L.dense(2, input_shape=[4]), Adding()],
        lambda: [L.dense(2, input_shape=[4]), L.activity_regularization(l2=0.1)],
        lambda: [L.dense(2, input_shape=[4], activity_regularizer="l2")],
    ],
)
def test_what_adds_a_loss_needs_no_targets(backend, layers):
    model = wl.sequential(layers())
    model.compile("sgd")
    losses = run(lambda: model.fit(X, verbose=0, epochs=3)).history["loss"]
    assert losses[2] < losses[0]
    batches = wl.data.from_tensor_slices(X).batch(3)
    assert len(run(lambda: model.fit_dataset(batches, verbose=0)).history["loss"]) == 1


def test_without_any_loss():
    with pytest.raises(ValueError, match="compile needs a loss"):
        wl.sequential([L.dense(2, input_shape=[4])]).compile("sgd")


def test_a_first_parameter_of_any_name():
    class Model(wl.Model):
        def __init__(me, units):
            super().__init__()
            me.end = L.dense(units)

        def call(me, x):
            return me.end(x)

        def train_step(me, data):
            x, y = data
            with wl.GradientTape() as tape:
                loss = wl.mean(wl.square(wl.sub(me(x), y)))
            me.optimizer.apply(tape.gradient(loss, me.trainable_weights), me.trainable_weights)
            return {"loss": loss}

    class Twice(L.Layer):
        def __init__(this, factor=2, **base):
            super().__init__(**base)
            this.factor = factor

        def call(this, x):
            return wl.mul(x, this.factor)

    model = Model(2)
    model.compile("sgd")
    assert len(run(lambda: model.fit(X, Y, verbose=0)).history["loss"]) == 1
    assert Twice(3).get_config()["factor"] == 3 and "this" not in Twice(3).get_config()


@pytest.mark.parametrize("layer", [L.lstm, L.gru, L.simple_rnn])
def test_no_steps(layer):
    with pytest.raises(ValueError, match="layer 'steps' has no steps to run over"):
        layer(3, name="steps").apply(wl.zeros([2, 0, 4]))


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (lambda: L.conv1d(2, 5, name="small"), [1, 3, 1]),
        (lambda: L.conv2d(2, 5, name="small"), [1, 3, 3, 1]),
        (lambda: L.depthwise_conv2d(5, name="small"), [1, 3, 3, 1]),
        (lambda: L.separable_conv2d(2, 5, name="small"), [1, 3, 3, 1]),
        (lambda: L.max_pooling2d(5, name="small"), [1, 3, 3, 1]),
        (lambda: L.average_pooling1d(5, name="small"), [1, 3, 1]),
        (lambda: L.stft_spectrogram(frame_length=64, frame_step=8, fft_length=64, name="small"), [1, 10, 1]),
    ],
)
def test_sizes_that_do_not_fit_name_the_layer(layer, shape):
    with pytest.raises(ValueError, match=r"layer 'small': .* is larger than the padded input"):
        layer().apply(wl.ones(shape))


@pytest.mark.parametrize("wrong", ["x", ["x"], 3, [None]])
def test_what_is_no_callback(wrong):
    with pytest.raises(TypeError, match="callbacks are Callbacks, functions, dictionaries"):
        run(lambda: one_input().fit(X, Y, verbose=0, callbacks=wrong))
