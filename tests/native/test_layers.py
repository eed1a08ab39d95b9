"""Layers of which nobody recorded a call, models of several kinds, and what all layers promise."""

import asyncio
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import weblayers as wl
from tests.textures import run
from weblayers import tree
from weblayers.compiler.lower import lower
from weblayers.graph import build
from weblayers.graph.evaluate import evaluate
from weblayers.graph.gradient import gradient
from weblayers.layers import wrappers
from weblayers.runtime import tracing
from weblayers.runtime.tracing import Trace, symbolic

L = wl.layers
RNG = np.random.default_rng(0)


# arguments, and the shape of an input
UNRECORDED = {
    "AdaptiveAveragePooling2D": ({"output_size": 2}, (1, 5, 6, 3)),
    "ELU": ({"alpha": 0.5}, (2, 5)),
    "MelSpectrogram": ({"fft_length": 16, "sequence_stride": 8, "num_mel_bins": 4, "sampling_rate": 80}, (2, 40)),
    "Permute": ({"dims": [2, 1]}, (2, 3, 4)),
    "PositionEmbedding": ({"sequence_length": 6}, (2, 5, 4)),
    "RotaryEmbedding": ({"max_wavelength": 100, "scaling_factor": 2.0}, (2, 5, 4)),
    "STFTSpectrogram": ({"frame_length": 8, "mode": "magnitude"}, (2, 20, 2)),
    "SinePositionEncoding": ({}, (2, 5, 4)),
    "ThresholdedReLU": ({"theta": 0.3}, (2, 5)),
    "TransformerDecoder": ({"intermediate_dim": 6, "num_heads": 2}, (2, 3, 4)),
    "TransformerEncoder": ({"intermediate_dim": 6, "num_heads": 2, "activation": "gelu"}, (2, 3, 4)),
    "ZeroPadding1D": ({"padding": [1, 2]}, (2, 3, 4)),
}


@pytest.mark.parametrize("name", UNRECORDED)
def test_on_the_soft_gpu_as_on_numpy(name):
    arguments, shape = UNRECORDED[name]
    layer = getattr(L, name)(arguments)
    x = RNG.standard_normal(shape, np.float32)
    layer.apply(wl.tensor(x))
    node = build.input_node(shape, "float32")
    with tracing.tracing(Trace()) as trace:
        out = trace.node_of(layer.apply(symbolic(node)))
    weights = [trace.captured[w] for w in layer.trainable_weights]
    cost = build.reduce("sum", out * build.constant(RNG.standard_normal(out.shape, np.float32)))
    outputs = [out, *gradient(cost, [node, *weights])]
    bound = {node: x} | {n: t.numpy() for t, n in trace.captured.items()}
    got = run(lower(list(bound), [], outputs), list(bound.values()), outputs)
    for value, expected in zip(got, evaluate(outputs, bound), strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", UNRECORDED)
def test_configurations_come_back(name):
    layer = getattr(L, name)(UNRECORDED[name][0])
    again = L.deserialize({"class_name": name, "config": layer.get_config()})
    assert again.get_config() == layer.get_config()


def test_the_table_of_layers_is_up_to_date():
    tool = Path(__file__).parents[2] / "tools" / "layer_table.py"
    done = subprocess.run([sys.executable, tool, "--check"], capture_output=True, text=True, timeout=120)
    assert not done.returncode, done.stderr


def fitted(model, x, y, **options):
    async def main():
        return await model.fit(x, y, verbose=0, **options)

    return asyncio.run(main()).history


def test_a_functional_model_with_several_inputs_and_outputs():
    a, b = wl.input(shape=[3], name="a"), wl.input(shape=[3], name="b")
    shared = L.dense(4, activation="tanh")
    joined = L.concatenate().apply([shared.apply(a), shared.apply(b)])
    first, second = (
        L.dense(1, name="first").apply(joined),
        L.dense(2, activation="softmax", name="second").apply(joined),
    )
    model = wl.model(inputs=[a, b], outputs=[first, second])
    assert len(model.layers) == 6 and model.count_params() == 16 + 9 + 18
    model.compile(
        "adam",
        {"first": "mse", "second": "categorical_crossentropy"},
        {"second": ["accuracy"]},
        loss_weights={"first": 1.0, "second": 0.5},
    )
    x = {"a": RNG.random((8, 3), np.float32), "b": RNG.random((8, 3), np.float32)}
    y = [RNG.random((8, 1), np.float32), np.eye(2, dtype=np.float32)[RNG.integers(0, 2, 8)]]
    history = fitted(model, x, y, epochs=3)
    assert list(history) == ["loss", "first_loss", "second_loss", "second_acc"]
    np.testing.assert_allclose(
        history["loss"], np.add(history["first_loss"], np.multiply(history["second_loss"], 0.5)), rtol=1e-5
    )
    outputs = model.predict([x["a"], x["b"]])
    assert [o.shape for o in outputs] == [(8, 1), (8, 2)]
    again = wl.Functional.from_config(model.get_config())
    again.set_weights(model.get_weights())
    for got, expected in zip(again.predict(x), outputs, strict=True):
        np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=1e-6)


def test_a_subclassed_model_and_a_layer_of_ones_own():
    class Scaled(wl.layers.Layer):
        def __init__(self, start=2.0, **base):
            super().__init__(**base)
            self.start = start

        def build(self, input_shape):
            self.scale = self.add_weight("scale", (), wl.initializers.Constant(self.start))

        def call(self, x):
            self.add_loss(wl.sum(wl.square(self.scale)) * 0.01)
            return x * self.scale

    class Twice(wl.Model):
        def __init__(self):
            super().__init__()
            self.parts = [L.dense(3, activation="relu"), Scaled()]
            self.drop = L.dropout(0.1)

        def call(self, x, training=False):
            for part in self.parts:
                x = part(x)
            return self.drop(x, training=training)

    model = Twice()
    model.compile("sgd", "mse")
    x, y = RNG.random((8, 4), np.float32), RNG.random((8, 3), np.float32)
    history = fitted(model, x, y, epochs=20)
    assert len(model.trainable_weights) == 3
    assert history["loss"][-1] < history["loss"][0]
    assert model.parts[1].get_config()["start"] == 2.0
    np.testing.assert_array_equal(model.predict(x).numpy(), model.predict(x).numpy())


def test_masks_reach_the_loss():
    """A padded step counts neither in the output nor in the loss."""
    model = wl.sequential(
        [
            L.embedding(input_dim=5, output_dim=3, mask_zero=True, input_length=4),
            L.lstm(4, return_sequences=True),
            L.dense(1),
        ]
    )
    model.compile("sgd", "mse")
    x = np.array([[1, 2, 0, 0], [3, 4, 1, 0]], np.int32)
    y = RNG.random((2, 4, 1), np.float32)
    loss = model.evaluate(x, y).array_sync()
    predicted = model.predict(x).numpy()
    mask = x != 0
    assert loss == pytest.approx(((predicted - y) ** 2)[mask].mean(), rel=1e-5)


def test_frozen_layers_and_batch_statistics():
    model = wl.sequential([L.dense(3, input_shape=[2]), L.batch_normalization(), L.dense(1)])
    model.layers[1].trainable = False
    model.compile("sgd", "mse")
    before = [w.numpy().copy() for w in model.layers[1].weights]
    fitted(model, RNG.random((8, 2), np.float32), RNG.random((8, 1), np.float32), epochs=2)
    for weight, old in zip(model.layers[1].weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), old)


def test_a_nested_model_shares_its_weights():
    inner = wl.sequential([L.dense(3, input_shape=[2], name="inside")], name="inner")
    a = wl.input(shape=[2])
    model = wl.model(inputs=a, outputs=L.add().apply([inner.apply(a), inner.apply(a)]))
    x = RNG.random((4, 2), np.float32)
    np.testing.assert_allclose(model.predict(x).numpy(), 2 * inner.predict(x).numpy(), rtol=1e-6)
    assert model.count_params() == 9


def test_a_stateful_layer_goes_on_where_it_stopped():
    layer = L.gru(3, stateful=True)
    x = RNG.random((2, 4, 5), np.float32)
    first = layer.apply(x).numpy()
    second = layer.apply(x).numpy()
    assert np.abs(first - second).max() > 1e-3
    layer.reset_states()
    np.testing.assert_allclose(layer.apply(x).numpy(), first, rtol=1e-5)


def test_setting_the_learning_rate_never_retraces():
    model = wl.sequential([L.dense(1, input_shape=[2])])
    model.compile(wl.train.adam(0.1), "mse")
    x, y = RNG.random((4, 2), np.float32), RNG.random((4, 1), np.float32)
    fitted(model, x, y)
    traces = model.steps.traces
    model.optimizer.learning_rate = 0.0
    before = [w.numpy().copy() for w in model.weights]
    fitted(model, x, y)
    assert model.steps.traces == traces
    for weight, old in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), old)


def test_constraints_hold_after_every_step():
    model = wl.sequential([L.dense(2, input_shape=[3], kernel_constraint="non_neg")])
    model.compile(wl.train.sgd(1.0), "mse")
    fitted(model, RNG.random((8, 3), np.float32), -np.ones((8, 2), np.float32), epochs=3)
    assert model.weights[0].numpy().min() >= 0


def test_metrics_of_an_epoch_are_those_of_all_samples():
    """Precision of the whole, not the mean of the batches' precisions."""
    model = wl.sequential([L.dense(1, activation="sigmoid", input_shape=[1])])
    model.compile("sgd", "binary_crossentropy", ["precision", wl.metrics.AUC(num_thresholds=50)])
    x = RNG.standard_normal((30, 1), np.float32)
    y = (RNG.random((30, 1)) > 0.5).astype(np.float32)
    _, precision, _ = (v.array_sync() for v in model.evaluate(x, y, batch_size=7))
    predicted = model.predict(x).numpy() > 0.5
    expected = y[predicted].mean() if predicted.any() else 0.0
    assert precision == pytest.approx(expected, rel=1e-5)


def test_an_lstm_takes_few_draws():
    """40 steps of 64 units with Adam: TensorFlow.js runs 5,715 kernels."""
    from weblayers.models.data_sets import Samples

    model = wl.sequential([L.lstm(64, input_shape=[40, 16]), L.dense(1)])
    model.compile("adam", "mse")
    rows = Samples([wl.zeros([32, 40, 16])], [wl.zeros([32, 1])], [None]).rows()
    graph = model.steps.train(rows, 32).graph
    plan = lower(graph.inputs, graph.scalars, graph.outputs, graph.swaps, log=True)
    assert len(plan.draws) <= 180
    # the steps share their shaders
    assert len({id(d.shader) for d in plan.draws}) <= 25


class Counting(wl.layers.LSTMCell):
    """An LSTM cell that counts how often it is traced."""

    def __init__(self, units, **base):
        super().__init__(units, **base)
        self.traced = 0

    def step(self, projected, states):
        self.traced += 1
        return super().step(projected, states)


@pytest.mark.parametrize("steps", [3, 300])
def test_a_recurrent_layer_is_traced_once(steps):
    cell = Counting(4)
    model = wl.sequential([L.rnn(cell=cell, input_shape=[steps, 2]), L.dense(1)])
    model.compile("sgd", "mse")
    cell.traced = 0
    model.predict(np.zeros((2, steps, 2), np.float32)).data_sync()
    assert cell.traced == 1


class Inner(wl.layers.Layer):
    """A cell that runs a loop of its own in every step."""

    state_size = 3

    def build(self, input_shape):
        self.rnn = L.simple_rnn(3)
        self.rnn.ensure_built((None, 2, 3))

    def call(self, inputs, states, training=False):
        both = wl.stack([inputs, states[0]], 1)
        new = self.rnn.apply(both)
        return new, [new]


def test_a_step_cannot_assign_variables():
    class Forgetful(Inner):
        def call(self, inputs, states, training=False):
            tracing.assign(self.rnn.weights[0], wl.mat_mul(inputs, inputs, transpose_a=True))
            return super().call(inputs, states)

    with pytest.raises(ValueError, match="cannot assign variables"):
        wl.sequential([L.rnn(cell=Forgetful(), input_shape=[4, 3])])


@pytest.mark.parametrize("steps", range(1, 7))
@pytest.mark.parametrize("cells", [(L.lstm_cell, L.lstm_cell), (L.gru_cell, L.simple_rnn_cell)])
def test_a_stack_of_cells_of_which_the_last_step_is_wanted(steps, cells, backend):
    """What a step has stored may be needed no more, and be written once more all the same."""
    model = wl.sequential([L.rnn([cell(3) for cell in cells], input_shape=[steps, 5])])
    model.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((4, steps, 5)).astype(np.float32), rng.random((4, 3), np.float32)
    model.fit(x, y, epochs=2, verbose=0)
    predicted, loss = model.predict(x).numpy(), float(model.evaluate(x, y))
    wl.set_backend("numpy")
    expected = model.apply(x).numpy()
    np.testing.assert_allclose(predicted, expected, rtol=1e-4, atol=1e-5)
    assert loss == pytest.approx(np.mean((expected - y) ** 2), rel=1e-4)


def test_only_layers_with_statistics_are_applied_step_by_step():
    frozen = wl.sequential([L.dense(3, input_shape=[4]), L.batch_normalization()])
    frozen.trainable = False
    followed = wl.sequential([L.dense(3, input_shape=[4]), L.batch_normalization()])
    for layer, expected in (
        (L.dense(3), False),
        (frozen, False),
        (wl.sequential([frozen, L.dense(2)]), False),
        (L.normalization(mean=0.0, variance=1.0), False),
        (followed, True),
        (wl.sequential([frozen, L.batch_normalization()]), True),
        (L.spectral_normalization(L.dense(3)), True),
    ):
        layer.apply(wl.ones([2, 4]))
        assert wrappers.remembers(layer, training=True) == expected, layer
        assert not wrappers.remembers(layer, training=False)


async def loss_of_a_step(model, x, y):
    return float(await model.train_on_batch(x, y))


def test_time_steps_are_normalized_by_themselves(backend):
    """And the moving averages follow step after step, as in Keras and TensorFlow.js."""
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((8, 3, 2)) * np.array([1, 5, 9])[None, :, None]).astype(np.float32)
    mean, variance = np.zeros(2), np.ones(2)
    for t in range(3):
        mean = 0.99 * mean + 0.01 * x[:, t].mean(0)
        variance = 0.99 * variance + 0.01 * x[:, t].var(0)
    layer = L.time_distributed(L.batch_normalization())
    model = wl.sequential([L.input_layer(input_shape=[3, 2]), layer])
    model.compile(wl.train.sgd(0.0), "mse")
    wanted = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3)
    assert asyncio.run(loss_of_a_step(model, x, wanted)) < 1e-9
    for found, expected in zip(layer.get_weights()[2:], (mean, variance), strict=True):
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-6)
    averaged = (x - mean) / np.sqrt(variance + 1e-3)
    np.testing.assert_allclose(model.predict(x).numpy(), averaged, rtol=1e-4, atol=1e-4)


def test_a_loop_inside_a_loop():
    layer = L.rnn(cell=Inner(), input_shape=[4, 3])
    x = np.random.default_rng(0).random((2, 4, 3), np.float32)
    model = wl.sequential([layer])
    whole = model.predict(x).numpy()
    np.testing.assert_allclose(layer.apply(x).numpy(), whole, rtol=1e-5)
    state = np.zeros((2, 3), np.float32)
    for t in range(4):
        state = layer.cell.rnn.apply(np.stack([x[:, t], state], 1)).numpy()
    np.testing.assert_allclose(whole, state, rtol=1e-5)


def test_a_batch_normalization_block_takes_few_draws():
    from weblayers.models.data_sets import Samples

    def draws(*normalization):
        layers = [L.conv2d(16, 3, padding="same", input_shape=[32, 32, 3]), *normalization, L.re_lu(), L.flatten()]
        model = wl.sequential([*layers, L.dense(10)])
        model.compile("adam", "mse")
        rows = Samples([wl.zeros([32, 32, 32, 3])], [wl.zeros([32, 10])], [None]).rows()
        graph = model.steps.train(rows, 32).graph
        return len(lower(graph.inputs, graph.scalars, graph.outputs, graph.swaps, log=True).draws)

    assert draws(L.batch_normalization()) - draws() <= 14


def test_shapes_are_inferred_as_they_are():
    layer = L.conv1d(4, 3, strides=2)
    assert layer.compute_output_shape([None, None, 2]) == (None, None, 4)
    assert layer.compute_output_shape([None, 9, 2]) == (None, *layer.apply(np.ones((1, 9, 2), np.float32)).shape[1:])
    # sizes that are free stay free behind large strides, and U-Nets may have them
    assert L.max_pooling1d(pool_size=2).compute_output_shape([None, None, 2]) == (None, None, 2)
    assert L.conv1d(4, 3, strides=5).compute_output_shape([None, None, 2]) == (None, None, 4)
    x = wl.input(shape=[None, None, 3])
    half = L.max_pooling2d().apply(x)
    assert L.concatenate().apply([x, L.up_sampling2d().apply(half)]).shape == (None, None, None, 6)
    assert tree.leaves(L.lstm(3, return_state=True).compute_output_shape([None, 4, 2])) is not None


def test_states_of_stacked_cells_are_in_a_list_for_each():
    """In and out, as in Keras; one after the other, as in TensorFlow.js, they go in too."""
    L = wl.layers
    x = wl.tensor(np.random.default_rng(0).random((2, 4, 3), np.float32))
    for layer in (
        L.rnn([L.lstm_cell(3), L.gru_cell(2)], return_state=True),
        L.bidirectional(L.rnn([L.lstm_cell(3), L.gru_cell(2)], return_state=True)),
    ):
        _, *states = layer.apply(x)
        shapes = [[t.shape for t in cell] for cell in states[:2]]
        assert shapes == [[(2, 3), (2, 3)], [(2, 2)]]
        flat = wl.tree.leaves(states)
        wanted, *last = layer.apply(x, initial_state=states)
        for out, *rest in (layer.apply(x, initial_state=flat), layer.apply([x, *flat]), layer.apply([x, *states])):
            np.testing.assert_array_equal(out.numpy(), wanted.numpy())
            for one, other in zip(wl.tree.leaves(rest), wl.tree.leaves(last), strict=True):
                np.testing.assert_array_equal(one.numpy(), other.numpy())
    inputs = wl.input(shape=[4, 3])
    _, *states = L.rnn([L.lstm_cell(3), L.gru_cell(2)], return_state=True).apply(inputs)
    out = L.rnn([L.lstm_cell(3), L.gru_cell(2)]).apply(inputs, initial_state=states)
    model = wl.model(inputs=inputs, outputs=out)
    again = wl.layers.deserialize({"class_name": "Functional", "config": model.get_config()})
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(again.predict(x).numpy(), model.predict(x).numpy(), rtol=1e-6)
    with pytest.raises(ValueError, match="has 3 states, got 2"):
        L.rnn([L.lstm_cell(3), L.gru_cell(2)]).apply(x, initial_state=flat[:2])


@pytest.mark.parametrize("tied", [True, False])
def test_a_reversible_embedding_scores_each_integer(backend, tied):
    layer = wl.layers.reversible_embedding(4, 3, tie_weights=tied, mask_zero=True, logit_soft_cap=0.1)
    vectors = layer.apply(wl.tensor2d([[1, 0]]))
    np.testing.assert_array_equal(vectors.mask.numpy(), [[True, False]])
    scores = layer.apply(vectors, reverse=True)
    assert scores.mask is None and len(layer.weights) == 2 - tied
    table = layer.weights[0].numpy().T if tied else layer.weights[1].numpy()
    wanted = 0.1 * np.tanh(vectors.numpy() @ table / 0.1)
    np.testing.assert_allclose(scores.numpy(), wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("axes", "order"), [({}, (0, 1, 2, 3)), ({"sequence_axis": -1, "feature_axis": 1}, (0, 3, 2, 1))]
)
@pytest.mark.parametrize("positions", [None, [3, 1, 4, 1, 5], [[0, 1, 2, 3, 4], [9, 8, 7, 6, 5]]])
def test_rotary_embeddings_turn_complex_numbers(axes, order, positions, backend):
    x = RNG.standard_normal((2, 5, 3, 8)).astype(np.float32)
    layer = L.rotary_embedding(max_wavelength=50, scaling_factor=3.0, **axes)
    given = {"start_index": 2} if positions is None else {"positions": wl.tensor(positions, dtype="int32")}
    places = np.arange(5) + 2 if positions is None else np.array(positions)
    angles = places[..., None] / 3 * 50.0 ** -(np.arange(4) / 4)
    angles = angles.reshape(-1, 5, 1, 4)
    wanted = (x[..., :4] + 1j * x[..., 4:]) * np.exp(1j * angles)
    got = layer.apply(wl.tensor(x.transpose(order)), **given).numpy().transpose(order)
    np.testing.assert_allclose(got, np.concatenate([wanted.real, wanted.imag], -1), rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="pairs of features are turned, but there are 3"):
        L.rotary_embedding().apply(wl.ones([1, 2, 3]))
