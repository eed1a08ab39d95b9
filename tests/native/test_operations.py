"""Ops on symbolic tensors: they compute what they compute of values, train, and come back from configurations."""

import json

import numpy as np
import pytest

import weblayers as wl

L = wl.layers
RNG = np.random.default_rng(0)
A, B = (RNG.standard_normal((4, 3, 2), np.float32) for _ in range(2))

CASES = {
    "sum": lambda a, b: a + b,
    "numbers": lambda a, b: (2 - a) * 3 / (b + 10.0) - 1,
    "powers": lambda a, b: abs(a) ** 2 - -b,
    "remainder": lambda a, b: a % 2,
    "product": lambda a, b: a @ wl.tensor2d([[1, 2, 3], [4, 5, 6]]),
    "comparison": lambda a, b: wl.where(a > b, a, b),
    "limits": lambda a, b: wl.maximum(a <= b, a >= 0),
    "parts": lambda a, b: a[:, 0, ::2] + b[..., 1:, 0:1][:, 0],
    "new axis": lambda a, b: a[:, None],
    "joined": lambda a, b: wl.concat([a, b, a], axis=-1),
    "stacked": lambda a, b: wl.stack([a, b], 1),
    "shaped": lambda a, b: wl.reshape(a, [-1, 6]),
    "turned": lambda a, b: wl.transpose(a, [0, 2, 1]),
    "over all": lambda a, b: wl.mean(a * b),
    "over the batch": lambda a, b: wl.max(a, 0),
    "array on the left": lambda a, b: np.ones((1, 1, 2), np.float32) * 3 - a,
    "named": lambda a, b: wl.clipByValue(wl.sigmoid(a), 0.2, 0.7),
    "einsum": lambda a, b: wl.einsum("bij,bkj->bik", a, b),
    "einsum of one": lambda a, b: wl.einsum("bij->jb", a),
    "einsum of three": lambda a, b: wl.einsum("bij,bkj,bk->bi", a, b, a[..., 0]),
    "activation": lambda a, b: wl.activations.softmax(a),
    "twice the same": lambda a, b: a * a,
}


@pytest.mark.parametrize("case", CASES)
def test_ops_make_layers_of_themselves(case):
    a, b = wl.Input(shape=[3, 2], name="a"), wl.Input(shape=[3, 2], name="b")
    out = CASES[case](a, b)
    expected = CASES[case](wl.tensor(A), wl.tensor(B)).numpy()
    assert len(out.shape) == expected.ndim and all(
        n in (None, m) for n, m in zip(out.shape, expected.shape, strict=True)
    )
    model = wl.Model(inputs=[a, b], outputs=out)
    again = wl.Functional.from_config(json.loads(json.dumps(model.get_config())))
    for one in (model, again):
        np.testing.assert_allclose(one.apply([A, B]).numpy(), expected, rtol=1e-5, atol=1e-6)
    if out.shape and out.shape[0] is None:
        np.testing.assert_allclose(again.predict([A, B], batch_size=3).numpy(), expected, rtol=1e-5, atol=1e-6)


def test_shapes_know_what_becomes_of_the_batch():
    x = wl.input(shape=[3, 2])
    assert wl.sum(x).shape == () and wl.sum(x, 0).shape == (3, 2) and wl.sum(x, -1).shape == (None, 3)
    free = wl.input(shape=[None, 2])
    assert (free * 2).shape == (None, None, 2) and free[:, -1].shape == (None, 2)


def test_gradients_pass_through_ops():
    x = wl.input(shape=[6])
    hidden = L.dense(6, name="inner").apply(x)
    model = wl.Model(x, L.dense(1).apply(wl.relu(hidden) + x * 0.5))
    model.compile("adam", "mse")
    before = model.get_layer("inner").get_weights()[0].numpy()
    rows = A.reshape(4, 6)
    losses = model.fit(rows, rows[:, :1], epochs=30, verbose=0, shuffle=False).result().history["loss"]
    assert losses[-1] < losses[0] and not np.allclose(before, model.get_layer("inner").get_weights()[0].numpy())


def test_mistakes_are_told_where_they_are_made():
    x = wl.input(shape=[3])
    with pytest.raises(ValueError, match=r"cannot take \[None, 3\], \[None, 4\].*\[512,4\] \(with 512 for None\)"):
        x + wl.input(shape=[4])
    with pytest.raises(IndexError, match="out of range"):
        x[:, 5]
    with pytest.raises(ValueError, match="'relux'.*Did you mean 'relu'"):
        L.deserialize({"class_name": "Operation", "config": {"op": "relux", "arguments": {}}})
    with pytest.raises(TypeError, match="truth value"):
        bool(x > 0)


def test_a_model_s_call_makes_a_graph_and_its_subclasses_do_not():
    x = wl.Input(shape=[3])
    for model in (wl.Model(x, x * 2), wl.Model(inputs=x, outputs=x * 2), wl.Model({"inputs": x, "outputs": x * 2})):
        assert isinstance(model, wl.Functional)
    assert wl.Model(inputs=x, outputs=x, name="given").name == "given"

    class Own(wl.Model):
        def __init__(self, factor, outputs=1):
            super().__init__()
            self.factor, self.dense = factor, L.dense(outputs)

        def call(self, x):
            return self.dense(x) * self.factor

    assert type(Own(2)) is Own and Own(2, outputs=3).predict(A[:, 0]).shape == (4, 3)
