"""Cells of one's own: their states come in a list, as Keras hands them, whatever runs the cell."""

import asyncio

import numpy as np
import pytest

import weblayers as wl

L = wl.layers
pytestmark = pytest.mark.usefixtures("backend")
X = np.random.default_rng(0).standard_normal((3, 4, 2)).astype(np.float32)


class Minimal(L.Layer):
    """The cell of Keras' guide."""

    def __init__(self, units, **base):
        super().__init__(**base)
        self.units = self.state_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight("kernel", [input_shape[-1], self.units], "ones")

    def call(self, inputs, states):
        assert isinstance(states, list) and len(states) == 1
        output = wl.add(wl.tanh(wl.mat_mul(inputs, self.kernel)), wl.mul(states[0], 0.5))
        return output, [output]


class Pair(Minimal):
    """Two states, the second of which counts."""

    def __init__(self, units, **base):
        super().__init__(units, **base)
        self.state_size = [units, 1]

    def call(self, inputs, states):
        first, second = states
        output, _ = super().call(inputs, [first])
        return output, [output, wl.add(second, 1.0)]


class Begun(Minimal):
    def get_initial_state(self, batch_size):
        return wl.ones([batch_size, self.units])


def expected(x=X, state=0.0, backwards=False):
    """All outputs of :class:`Minimal` with two units, step by step."""
    found, state = [], np.full((len(x), 2), state)
    for t in range(x.shape[1])[:: -1 if backwards else 1]:
        state = np.tanh(x[:, t].sum(-1, keepdims=True)) + 0.5 * state
        found.append(state)
    return np.stack(found, 1)


def close(got, wanted):
    np.testing.assert_allclose(got.numpy(), wanted, rtol=1e-5, atol=1e-6)


def test_one_state_comes_in_a_list():
    close(L.rnn(Minimal(2)).apply(X), expected()[:, -1])
    close(L.rnn(Minimal(2), return_sequences=True).apply(X), expected())


def test_states_are_given_and_given_back():
    start = np.full((3, 2), 0.7, np.float32)
    for given in (start, [start]):
        output, state = L.rnn(Minimal(2), return_state=True).apply(X, initial_state=given)
        close(output, expected(state=0.7)[:, -1])
        close(state, expected(state=0.7)[:, -1])
    output, first, second = L.rnn(Pair(2), return_state=True).apply(X)
    close(output, expected()[:, -1])
    close(first, expected()[:, -1])
    close(second, np.full((3, 1), 4.0))


def test_a_cell_may_begin_otherwise():
    close(L.rnn(Begun(2)).apply(X), expected(state=1.0)[:, -1])
    inner = expected(state=0.0)
    stacked = L.rnn([Minimal(2), Begun(2)]).apply(X)
    close(stacked, expected(inner, 1.0)[:, -1])


def test_in_both_directions():
    layer = L.bidirectional(L.rnn(Minimal(2), return_sequences=True))
    there, back = expected(), expected(backwards=True)[:, ::-1]
    close(layer.apply(X), np.concatenate([there, back], -1))


def test_stacked():
    close(L.rnn([Minimal(2), Minimal(2)]).apply(X), expected(expected())[:, -1])
    output, first, second = L.rnn([Minimal(2), Pair(2)], return_state=True).apply(X)
    close(output, expected(expected())[:, -1])
    close(first[0], expected()[:, -1])
    close(second[1], np.full((3, 1), 4.0))


def test_stateful():
    layer = L.rnn(Minimal(2), stateful=True)
    layer.apply(X)
    close(layer.apply(X), expected(np.concatenate([X, X], 1))[:, -1])
    layer.reset_states()
    close(layer.apply(X), expected()[:, -1])


def test_masked_and_trained():
    model = wl.sequential([L.masking(input_shape=[4, 2]), L.rnn(Minimal(2))])
    x = X.copy()
    x[:, 2:] = 0
    close(model.predict(x), expected(X[:, :2])[:, -1])
    model.compile("sgd", "mse")

    async def main():
        return (await model.fit(x, np.zeros((3, 2)), verbose=0, epochs=3)).history["loss"]

    losses = asyncio.run(main())
    assert losses[2] < losses[0]
